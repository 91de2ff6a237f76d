#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs every row of a program of the retain tests without the library, then with it and SYMFAST_RETAIN=*, and compares.

run.py PROGRAM [--rows REGEX] [--show] [--modes MODE,...] [--through WRAPPER]

Output, standard error and exit status must be equal in each mode. In mode on the library must have reopened a retained
object in each row whose name does not say "(libc)": a row in which nothing is retained proves nothing. Before glibc 2.35
nothing may be: then a line on standard error says so, once for each program that is started, and all else is the same.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../conform'))
import run as conform  # noqa: E402

MODES = 'on,verify,observe,off,ab:50' if 'TESTS_PART' not in os.environ else 'on'
CYCLES = 6
NO_EFFECT = b'symfast: SYMFAST_RETAIN has no effect: libc has no _dl_find_object (glibc 2.35 or newer)\n'


def counts(path):
    """What all processes of the row have counted, added up."""
    total = {}
    if os.path.exists(path):
        with open(path, encoding='ascii') as f:
            words = f.read().split()
        for name, value in zip(words[::2], words[1::2]):
            total[name] = total.get(name, 0) + int(value)
        os.remove(path)
    return total


def run(command, scratch, extra):
    """As conform.run. A run that does not end is made once more, and said: "signals that look up" was seen to hang
    without the library, once in some thousand runs on a busy machine."""
    done = conform.run(command, scratch, extra)
    if done[1] == conform.HANGS:
        print(f'# did not end, made once more: {" ".join(command)} {extra.get("SYMFAST", "bare")}', flush=True)
        counts(extra.get('SF_RETAIN_COUNTS', ''))
        done = conform.run(command, scratch, extra)
    return done


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('program')
    parser.add_argument('--rows', default='')
    parser.add_argument('--show', action='store_true')
    parser.add_argument('--modes', default=MODES)
    parser.add_argument('--through', default='', help='a program that runs its arguments, with the library')
    args = parser.parse_args()
    library = os.path.abspath(os.environ['SYMFAST_LIB'])
    if not os.path.exists(library):
        sys.exit(f'{library}: no such library')
    program = os.path.abspath(args.program)
    through = [os.path.abspath(args.through)] if args.through else []
    if through and subprocess.run(through + [program, '--list'], stdout=subprocess.DEVNULL, check=False).returncode == 77:
        sys.exit(77)  # it has said why: an emulator has no ptrace
    names = subprocess.run([program, '--list'], stdout=subprocess.PIPE, check=True, text=True)
    rows = [line.split('\t', 1) for line in names.stdout.splitlines()]
    top = tempfile.mkdtemp(prefix='sf-retain-')
    os.chmod(top, 0o755)
    scratch, counted = os.path.join(top, 'scratch'), os.path.join(top, 'counted')
    bad = compared = 0
    for index, (fate, name) in enumerate(rows):
        if not re.search(args.rows, name):
            continue
        command, report = [program, str(index), str(CYCLES)], []
        bare = run(command, scratch, {})
        again = run(command, scratch, {})
        if args.show:
            print(f'== {name}: {bare[1]}\n{bare[0].decode(errors="replace")}{bare[2].decode()}', end='')
        if bare != again:
            report += ['-- bare against bare:'] + conform.differences(bare, again)
        if fate != 'either' and (bare[1] != 0) != (fate != 'lives') or bare[1] == conform.HANGS:
            report += [f'-- bare: exit status {bare[1]}']
        for mode in args.modes.split(','):
            other = run(through + command, scratch, {
                'LD_PRELOAD': library, 'SYMFAST': mode, 'SYMFAST_RETAIN': '*',
                'SF_RETAIN_COUNTS': counted})
            compared += 1
            seen = counts(counted)
            if not conform.RETAINS:
                if mode != 'off' and NO_EFFECT not in other[2]:
                    report += [f'-- {mode}: no line says that nothing is retained']
                if any(seen.values()):
                    report += [f'-- {mode}: retained: {seen}']
                other = (*other[:2], other[2].replace(NO_EFFECT, b''))
            if bare != other:
                report += [f'-- {mode}: {seen}'] + conform.differences(bare, other)
            # A linker that is not here made no plugin; an emulator hides what a row is about.
            here = not bare[0].startswith((b'not built here\n', b'not seen here: '))
            must = conform.RETAINS and mode == 'on' and '(libc)' not in name and fate == 'lives' and here
            if must and not seen.get('retain.open'):
                report += [f'-- nothing was reopened: {seen}']
        shutil.rmtree(scratch, ignore_errors=True)
        print('not ok' if report else 'ok', '-', name + ('' if here else f' # skip: {bare[0].decode().strip()}'), flush=True)
        bad += bool(report)
        print(''.join(f'    {line}\n' for line in report[:60]), end='')
    shutil.rmtree(top, ignore_errors=True)
    print(f'{compared} runs compared, {bad} rows differ')
    sys.exit(1 if bad or not compared else 0)


if __name__ == '__main__':
    main()
