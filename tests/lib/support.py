#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Puts one line into the table of docs/support.md: support.py FILE RELEASE ARCH WHAT RESULT DATE COMMIT

Standard input: the system's name, the C library, the compiler's version, a line each. A line for the same
release, processor and command is replaced; the table is made if there is none.
"""
import sys

HEAD = ['| release | processor | system | glibc | gcc | what was run | result | date | commit |',
        '|---|---|---|---|---|---|---|---|---|']


def main():
    path, release, arch, what, result, date, commit = sys.argv[1:8]
    system, libc, compiler = (sys.stdin.read().splitlines() + ['?'] * 3)[:3]
    row = [release, arch, system, libc.removeprefix('glibc '), compiler, f'`{what}`', result, date, commit]
    try:
        with open(path) as f:
            lines = f.read().splitlines()
    except FileNotFoundError:
        lines = []
    if HEAD[1] not in lines:
        lines += HEAD
    first = lines.index(HEAD[1]) + 1
    end = first
    while end < len(lines) and lines[end].startswith('|'):
        end += 1
    command = what.split()[0]
    kept = [line for line in lines[first:end]
            if not (line.startswith(f'| {release} | {arch} |') and f'`{command}' in line)]
    lines[first:end] = sorted(kept + ['| ' + ' | '.join(row) + ' |'])
    with open(path, 'w') as f:
        f.write('\n'.join(lines) + '\n')


if __name__ == '__main__':
    main()
