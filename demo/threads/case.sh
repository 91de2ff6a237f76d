# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# A plain C host with 64 threads that look names up.
case_order=50
case_title='plain C host: 64 threads, 64 names'

case_prepare()
{
	compile_c "$CASE_WORK/host" "$CASE_DIR/host.c"
}

case_run()
{
	under "$CASE_WORK/host" 64 "$(amount 1500 600)"
}
