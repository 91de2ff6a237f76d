# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# Control: a program that computes and never calls dl*.
case_order=71
case_title='control: xz compresses a file'
case_note='control: nothing may change, xz makes no look-up.'

case_prepare()
{
	seq 1 "$(amount 700000 200000)" >"$CASE_WORK/input"
}

case_run()
{
	timed "xz -2, $(amount 4.8 1.3) MB" /usr/bin/xz -2 -T1 -k -f "$CASE_WORK/input" || return
	sha256sum <"$CASE_WORK/input.xz"
}
