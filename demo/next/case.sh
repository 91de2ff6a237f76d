# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# dd under a wrapper of read and write that asks for the next function at each call.
case_order=34
case_title='dd under a wrapper library that calls dlsym(RTLD_NEXT) each time'
case_note='the wrapper keeps no pointer: one dlsym(RTLD_NEXT) for each read and write of dd.'
case_counted='next'

case_prepare()
{
	compile_c "$CASE_WORK/wrapper.so" "$CASE_DIR/wrapper.c" -shared -fPIC
}

# The wrapper is preloaded in both arms, behind the library.
case_run()
{
	local calls preload=$CASE_WORK/wrapper.so

	calls=$(amount 200000 50000)
	[ "$arm" = stock ] || preload=$SYMFAST_LIB:$preload
	timed "dd, $((2 * calls)) calls of read and write" env "LD_PRELOAD=$preload" \
		/usr/bin/dd if=/dev/zero of=/dev/null bs=16 "count=$calls" status=none
}
