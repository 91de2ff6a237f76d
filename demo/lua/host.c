// SPDX-License-Identifier: BSD-2-Clause
// host.c: N Lua states; each encodes a table with cjson and ends.
#include "cpu.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

static const char script[] = "local json = require 'cjson'\n"
			     "return #json.encode({1, 2, {a = 3}, 'four'})\n";

static long long
request(void)
{
	lua_State *state = luaL_newstate();
	long long length = -1;

	luaL_requiref(state, "_G", luaopen_base, 1);
	luaL_requiref(state, "package", luaopen_package, 1);
	if (luaL_dostring(state, script) == LUA_OK)
		length = lua_tointeger(state, -1);
	else
		printf("%s\n", lua_tostring(state, -1));
	lua_close(state);
	return length;
}

int
main(int argc, char **argv)
{
	int n = argc == 2 ? atoi(argv[1]) : 0;
	long long sum = cpu_measure(10, n, request, "Lua state with cjson");

	printf("%d states, %lld bytes of JSON\n", n, sum);
	return 0;
}
