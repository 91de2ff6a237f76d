# SPDX-License-Identifier: BSD-2-Clause
"""Connects N times through unixODBC, alone and beside a connection that stays open."""
import os
import sys
import time

import pyodbc

TARGET = "DRIVER=SQLite3;DATABASE=:memory:"


def connect(n):
    """Connect, ask, close, n times; the time is of connecting and closing only."""
    total = answers = 0
    for i in range(n):
        begin = time.perf_counter_ns()
        connection = pyodbc.connect(TARGET)
        middle = time.perf_counter_ns()
        answers += connection.execute("select ? + 1", i).fetchone()[0]
        before = time.perf_counter_ns()
        connection.close()
        total += time.perf_counter_ns() - before + middle - begin
    print(n, "connections, sum of answers", answers)
    return total / n


def main():
    n = int(sys.argv[1])
    pyodbc.pooling = False
    connect(n // 20)
    alone = connect(n)
    with pyodbc.connect(TARGET) as held:
        beside = connect(n)
        print("held", held.execute("select sqlite_version()").fetchone()[0])
    with os.fdopen(3, "w") as metrics:
        print("metric", alone, "ns connect alone", file=metrics)
        print("metric", beside, "ns connect beside an open connection", file=metrics)


main()
