# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# A Lua state for each request that needs cjson: lua_close unloads it again.
case_order=25
case_title='Lua state with cjson for each request'
case_note='SYMFAST_RETAIN=cjson.so'
case_full=yes
case_env=('SYMFAST_RETAIN=cjson.so')

case_prepare()
{
	compile_c "$CASE_WORK/host" "$CASE_DIR/host.c" -I/usr/include/lua5.4 -llua5.4
}

case_run()
{
	under "$CASE_WORK/host" "$(amount 4000 1500)"
}
