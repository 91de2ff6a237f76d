# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# python3's ctypes, whose lib['name'] is one dlsym and a new function object each time.
case_order=31
case_title="python3 ctypes: lib['cbrt'] and others in a loop"
case_note='small: most of the time is python making a function object.'

case_prepare() { :; }

case_run()
{
	under /usr/bin/python3 -I "$CASE_DIR/lookup.py" "$(amount 320000 160000)"
}
