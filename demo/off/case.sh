# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# The hosts of case threads with the library preloaded but switched off.
case_order=60
case_title='off mode: case threads with SYMFAST=off'
case_note='SYMFAST=off: nothing may change, the library is there and only passes on.'
case_env=(SYMFAST=off)

case_prepare()
{
	compile_c "$CASE_WORK/host" "$DEMO_DIR/threads/host.c"
}

case_run()
{
	local metrics=$CASE_WORK/metrics

	# Stock p99.9 of 64 threads is chance; it says nothing about a library that only passes on.
	under "$CASE_WORK/host" 1 "$(amount 60000 15000)" 3>"$metrics" &&
		under "$CASE_WORK/host" 64 "$(amount 1000 400)" 3>>"$metrics" || return
	grep -v p99.9 "$metrics" >&3
}
