# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# LuaJIT's ffi.load in a loop: dlopen, dlsym and, at collection, dlclose.
case_order=32
case_title='luajit: ffi.load and one call in a loop'
case_counted='dlsym default dlvsym dlopen dlclose'

case_prepare() { :; }

case_run()
{
	under /usr/bin/luajit "$CASE_DIR/load.lua" "$(amount 200000 100000)"
}
