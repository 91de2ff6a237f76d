# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# Control: C++ exceptions with the system's libgcc, which no longer walks dl_iterate_phdr.
case_order=70
case_title='control: C++ program that throws exceptions'
case_note='control: nothing may change, libgcc 12 and later look unwind tables up without dl*.'

case_prepare()
{
	g++ -O1 -g -Wall -Wextra -o "$CASE_WORK/throw" "$CASE_DIR/throw.cpp"
}

case_run()
{
	under "$CASE_WORK/throw" "$(amount 160000 40000)"
}
