# SPDX-License-Identifier: BSD-2-Clause
"""Looks names up in libm again and again by lib['name'], which ctypes does not keep."""
import ctypes
import os
import sys
import time

NAMES = ("sin", "cos", "tan", "exp", "log", "pow", "sqrt", "floor")


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
    function = libm["cos"]
    function.argtypes, function.restype = [ctypes.c_double], ctypes.c_double
    print(rounds * len(NAMES), "look-ups,", moved, "with another answer, cos(1) =", function(1.0))
    for absent in ("no_such_function", "cosinus"):
        try:
            libm[absent]
        except AttributeError as error:
            print(error)
    with os.fdopen(3, "w") as metrics:
        print("metric", spent / (rounds * len(NAMES)), "ns ctypes lib['cos']", file=metrics)


main()
