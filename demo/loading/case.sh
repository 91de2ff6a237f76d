# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# Look-ups beside a thread that keeps opening and closing pam_unix.so.
case_order=40
case_title='look-ups in 3 threads beside one that keeps reloading pam_unix.so'
case_note='loads done meanwhile: nothing is expected, the module is really unloaded each time.'

case_prepare()
{
	local file

	for file in /usr/lib/*/security/pam_unix.so /lib/*/security/pam_unix.so; do
		[ -e "$file" ] && break
	done
	ln -s "$file" "$CASE_WORK/module" || return
	compile_c "$CASE_WORK/host" "$CASE_DIR/host.c"
}

case_run()
{
	local module

	module=$(readlink "$CASE_WORK/module")
	under "$CASE_WORK/host" "$module" 3 0 "$(amount 1000 400)" &&
		under "$CASE_WORK/host" "$module" 3 200 "$(amount 1000 400)"
}
