#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs every row of a conformance program bare and preloaded, and compares the outputs.

run.py PROGRAM [--rows REGEX] [--show] [--reps N,N...] [--also NAME=VALUE]...

The library is taken from $SYMFAST_LIB, and $SYMFAST_TEST_EMULATOR starts a program of another processor. A row is run bare twice first: one whose bare output differs
from run to run proves nothing, and is an error too.
"""
import argparse
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile

REPS = (1, 2, 3, 4, 40, 100)
MODES = (('on', REPS), ('observe', (3,)), ('verify', (3, 100)), ('verify:1/2', (100,)),
         ('ab:50', (4,)), ('off', (3,)))
TIMEOUT = 200 * int(os.environ.get('TESTS_SLOWER', '1'))
HANGS = 124
# A program of another processor, which starts slowly: the part that shows most.
EMULATED_MODES = (('on', (3,)),)
# tests/run --part
PART_MODES = (('on', (3, 40)), ('verify', (3,)))
# Before glibc 2.35 nothing is retained, and walks are not free; a line says so.
RETAINS = tuple(map(int, os.confstr('CS_GNU_LIBC_VERSION').split()[1].split('.'))) >= (2, 35)
EMULATOR = os.environ.get('SYMFAST_TEST_EMULATOR', '').split()


def run(command, scratch, extra):
    """One run in an empty directory: (stdout, exit status, stderr)."""
    shutil.rmtree(scratch, ignore_errors=True)
    os.makedirs(scratch)
    env = {k: v for k, v in os.environ.items() if not k.startswith(('SYMFAST', 'LD_'))}
    if EMULATOR:
        # Not the emulator's own: it is a program of this machine.
        command = EMULATOR + [word for k, v in extra.items() for word in ('-E', f'{k}={v}')] + command
    else:
        env.update(extra)
    try:
        done = subprocess.run(command, cwd=scratch, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT)
    except subprocess.TimeoutExpired as late:
        return late.stdout or b'', HANGS, late.stderr or b''
    return done.stdout, done.returncode, done.stderr


def differences(bare, other):
    a, b = (x[0].decode(errors='replace').splitlines() for x in (bare, other))
    lines = list(difflib.unified_diff(a, b, 'bare', 'preloaded', lineterm='', n=1))
    if bare[1] != other[1]:
        lines.append(f'exit status: bare {bare[1]}, preloaded {other[1]}')
    if bare[2] != other[2]:
        lines.append(f'stderr: bare {bare[2][:300]!r}, preloaded {other[2][:300]!r}')
    return lines


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('program')
    parser.add_argument('--rows', default='')
    parser.add_argument('--show', action='store_true', help='print the bare output of each row')
    parser.add_argument('--reps', default='')
    parser.add_argument('--also', action='append', default=[], metavar='NAME=VALUE',
                        help='run everything once more in mode on with this setting')
    parser.add_argument('--also-not', default='^$', metavar='REGEX',
                        help='rows that --also does not hold for')
    args = parser.parse_args()
    part = EMULATED_MODES if EMULATOR else PART_MODES if 'TESTS_PART' in os.environ else ()
    arms = [({'SYMFAST': mode}, mode_reps) for mode, mode_reps in part or MODES]
    arms += [({'SYMFAST': 'on', **dict([also.split('=', 1)])}, (40,) if part else REPS)
             for also in args.also if not EMULATOR and (RETAINS or not re.match('SYMFAST_RETAIN=|SYMFAST_PHDR=free', also))]
    library = os.path.abspath(os.environ['SYMFAST_LIB'])
    if not os.path.exists(library):
        sys.exit(f'{library}: no such library')
    program = os.path.abspath(args.program)
    names = subprocess.run(EMULATOR + [program, '--list'], stdout=subprocess.PIPE, check=True, text=True)
    rows = [line.split('\t', 1) for line in names.stdout.splitlines()]
    wanted = tuple(int(n) for n in args.reps.split(',') if n)
    top = tempfile.mkdtemp(prefix='sf-conform-')
    scratch = os.path.join(top, 'scratch')
    bad = compared = 0
    for index, (fate, name) in enumerate(rows):
        if not re.search(args.rows, name):
            continue
        if fate == 'skip':
            print('not run here -', name)
            continue
        bare = {}
        report = []
        for settings, arm_reps in arms:
            if len(settings) > 1 and re.search(args.also_not, name):
                continue
            for reps in arm_reps:
                if wanted and reps not in wanted:
                    continue
                command = [program, str(index), str(reps)]
                if reps not in bare:
                    bare[reps] = run(command, scratch, {})
                    again = run(command, scratch, {}) if reps in (1, 40) else bare[reps]
                    if again[:2] != bare[reps][:2]:
                        report += [f'-- bare against bare, {reps} times:']
                        report += differences(bare[reps], again)
                    died, fine = bare[reps][1] < 0, bare[reps][1] == 0
                    if not {'dies': died, 'lives': fine, 'either': died or fine}[fate]:
                        report += [f'-- bare, {reps} times: exit status {bare[reps][1]}']
                    if args.show:
                        print(f'== {name} x{reps}: {bare[reps][1]}')
                        print(bare[reps][0].decode(errors='replace'), end='')
                other = run(command, scratch, {'LD_PRELOAD': library, **settings})
                compared += 1
                if bare[reps] != other:
                    what = ' '.join(f'{k}={v}' for k, v in settings.items())
                    report += [f'-- {what}, {reps} times:'] + differences(bare[reps], other)
        print('not ok' if report else 'ok', '-', name)
        if report:
            bad += 1
            print('\n'.join('    ' + line for line in report[:40]))
    shutil.rmtree(top, ignore_errors=True)
    print(f'{compared} runs compared, {bad} rows differ')
    if not compared:
        sys.exit('no row was run')
    sys.exit(1 if bad else 0)


if __name__ == '__main__':
    main()
