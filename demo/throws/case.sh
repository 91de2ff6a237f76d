# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# C++ exceptions with the system's libgcc where each throw walks dl_iterate_phdr: glibc before 2.35.
case_order=57
case_title='C++ exceptions on glibc before 2.35, SYMFAST_PHDR'
case_note='each throw walks under one lock of libc; free is serial here, libgcc needs its callbacks one by one.'
case_counted='phdr'
case_full=yes
case_env=(SYMFAST_PHDR=serial)

case_prepare()
{
	local minor

	minor=$(getconf GNU_LIBC_VERSION | sed 's/.*\.//')
	if [ "$minor" -ge 35 ]; then
		case_skip="throws walk before glibc 2.35 only, here it is 2.$minor (tests/run --suite-of bullseye demo throws)"
		return 77
	fi
	# Without libdl in the process nothing is served before 2.34: walks are libc's.
	g++ -O1 -g -Wall -Wextra -o "$CASE_WORK/throw" "$DEMO_DIR/throw/throw.cpp" -lpthread -Wl,--no-as-needed -ldl
}

case_run()
{
	local threads all

	all=$(amount 256000 64000)
	for threads in 1 2 8 64; do
		under "$CASE_WORK/throw" $threads $((all / threads)) "throw and catch, threads: $threads" || return
	done
}
