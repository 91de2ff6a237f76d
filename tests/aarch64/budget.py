#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Instructions per hit on aarch64, held to a budget: budget.py PROGRAM LIBRARY

qemu-user steps, and writes a line for each instruction; what the start costs is taken off. Of the program's
loop these are eight. A budget is what gcc 12's code takes and about one seventh.
"""
import subprocess
import sys

HITS = {'hit': 94, 'default': 110}
FEW, MANY = 400, 4400  # what the start takes differs by some thousands from run to run


def executed(program, library, kind, calls):
    trace = subprocess.Popen(['qemu-aarch64', '-singlestep', '-d', 'exec,nochain', '-L', '/usr/aarch64-linux-gnu',
                              '-E', f'LD_PRELOAD={library}', program, kind, str(calls)],
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    lines = sum(line.startswith(b'Trace') for line in trace.stderr)
    if trace.wait() != 0:
        sys.exit(f'{program} {kind}: status {trace.returncode}')
    return lines


def per_call(program, library, kind):
    few = executed(program, library, kind, FEW)
    return (executed(program, library, kind, MANY) - few) / (MANY - FEW)


def main():
    program, library = sys.argv[1:]
    status = 0
    for kind, most in HITS.items():
        takes = per_call(program, library, kind)
        print(f'{kind}: {takes:.1f} of {most}')
        status |= not 10 < takes <= most
    return status


sys.exit(main())
