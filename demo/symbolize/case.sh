# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# Stack traces as text, taken inside libLLVM-14 by its diagnostic handler.
case_order=55
case_title='stack traces inside libLLVM-14: Boost.Stacktrace, backtrace_symbols'
case_note=''
case_counted='dladdr backtrace'

case_prepare()
{
	local llvm

	for llvm in /usr/lib/*/libLLVM-14.so.1; do
		[ -e "$llvm" ] && break
	done
	g++ -O1 -g -Wall -Wextra -o "$CASE_WORK/storm" "$CASE_DIR/storm.cpp" "$llvm" -lpthread -ldl
}

case_run()
{
	under "$CASE_WORK/storm" boost 1 500 'trace in LLVM, Boost.Stacktrace' &&
		under "$CASE_WORK/storm" boost 4 200 'the same, 4 threads' &&
		under "$CASE_WORK/storm" libc 1 500 'trace in LLVM, backtrace_symbols'
}
