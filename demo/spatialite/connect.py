# SPDX-License-Identifier: BSD-2-Clause
"""Opens N connections that load spatialite, asks each for a distance, closes it."""
import os
import sqlite3
import sys
import time


def connection():
    db = sqlite3.connect(":memory:")
    db.enable_load_extension(True)
    db.load_extension("mod_spatialite")
    answer = db.execute("select st_distance(st_point(0, 0), st_point(3, 4))").fetchone()[0]
    db.close()
    return answer


def main():
    n = int(sys.argv[1])
    total = sum(connection() for _ in range(4))
    begin = time.process_time_ns()
    total += sum(connection() for _ in range(n))
    end = time.process_time_ns()
    print(n, "connections, sum of distances", total)
    with os.fdopen(3, "w") as metrics:
        print("metric", (end - begin) / n, "ns connection with spatialite, CPU time", file=metrics)


main()
