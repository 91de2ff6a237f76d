-- SPDX-License-Identifier: BSD-2-Clause
-- Loads libm, calls one function and drops it, N times; the collector closes the handles.
local ffi = require("ffi")
ffi.cdef[[
typedef struct { long sec, nsec; } when_t;
int clock_gettime(int clock, when_t *when);
double cbrt(double);
double no_such_function(double);
]]

local function now()
	local when = ffi.new("when_t")
	ffi.C.clock_gettime(1, when)
	return tonumber(when.sec) * 1e9 + tonumber(when.nsec)
end

local n = tonumber(arg[1])
local sum = 0
local begin = now()
for i = 1, n do
	sum = sum + ffi.load("libm.so.6").cbrt(i)
	if i % 10000 == 0 then collectgarbage() end
end
local spent = now() - begin

print(string.format("%d loads, sum of roots %.12g", n, sum))
print(pcall(function() return ffi.load("libm.so.6").no_such_function end))
print(pcall(ffi.load, "libno-such-library.so.1"))

local metrics = assert(io.open("/dev/fd/3", "w"))
metrics:write(string.format("metric %.1f ns ffi.load, call, collect\n", spent / n))
metrics:close()
