# SPDX-License-Identifier: BSD-2-Clause
"""Looks names up in libm again and again by lib['name'], which ctypes does not keep."""
import ctypes
import os
import sys
import time

# Plain functions: libm's cos is an IFUNC on x86-64, which dlsym has to resolve each time.
NAMES = ("cbrt", "erf", "hypot", "lgamma", "asinh", "fmod", "j0", "logb")


def address(function):
    return ctypes.cast(function, ctypes.c_void_p).value


def main():
    rounds = int(sys.argv[1]) // len(NAMES)
    libm = ctypes.CDLL("libm.so.6")
    first = [address(libm[name]) for name in NAMES]

    begin = time.perf_counter_ns()
    for _ in range(rounds):
        for name in NAMES:
            function = libm[name]
    spent = time.perf_counter_ns() - begin

    moved = 0
    for _ in range(rounds // 16):
        moved += sum(address(libm[name]) != was for name, was in zip(NAMES, first))
    function = libm["cbrt"]
    function.argtypes, function.restype = [ctypes.c_double], ctypes.c_double
    print(rounds * len(NAMES), "look-ups,", moved, "with another answer, cbrt(1.5) =", function(1.5))
    for absent in ("no_such_function", "cosinus"):
        try:
            libm[absent]
        except AttributeError as error:
            print(error)
    with os.fdopen(3, "w") as metrics:
        print("metric", spent / (rounds * len(NAMES)), "ns ctypes lib['cbrt'] and others", file=metrics)


main()
