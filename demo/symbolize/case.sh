# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# Stack traces as text, taken inside libLLVM by its diagnostic handler.
case_order=55
case_title='stack traces inside libLLVM: Boost.Stacktrace, backtrace_symbols'
case_note=''
case_counted='dladdr backtrace'

case_prepare()
{
	local llvm

	# Until LLVM 17 libLLVM-14.so.1, from then on libLLVM.so.18.1; the oldest that is here.
	llvm=$(first_of /usr/lib/*/libLLVM-[0-9][0-9].so.1 /usr/lib/*/libLLVM.so.[0-9]*) || return
	g++ -O1 -g -Wall -Wextra -o "$CASE_WORK/storm" "$CASE_DIR/storm.cpp" "$llvm" -lpthread -ldl
}

case_run()
{
	local each

	each=$(amount 500 300)
	under "$CASE_WORK/storm" boost 1 "$each" 'trace in LLVM, Boost.Stacktrace' &&
		under "$CASE_WORK/storm" boost 4 "$((each * 2 / 5))" 'the same, 4 threads' &&
		under "$CASE_WORK/storm" libc 1 "$each" 'trace in LLVM, backtrace_symbols'
}
