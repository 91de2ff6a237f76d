#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How many calls of each function are answered from memory, in the rows of conformance programs (contract 57).

counts.py LIB OTHER... -- PROGRAM...   the counts under each OTHER are those under LIB, row by row, but for what is named
                                       below; OTHER behaves as on an older glibc
counts.py --print LIB -- PROGRAM...    the sums of each program, to compare one machine's libc with another's;
                                       a PROGRAM that ends in .py is one of the demo's, run by python3

Addresses are not random here: two names share a cell or not by where they lie, and a name that was asked of libc is marked
in its cell. Exit status 77: that is not allowed here.
"""
import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile

REPS = '12'
TRIES = 4
TIMEOUT = 120 * int(os.environ.get('TESTS_SLOWER', '1'))
NOT_RANDOM = 0x0040000
SERVED = ('hit', 'shared', 'negative', 'index', 'own', 'walk')
FAMILIES = ('dlsym', 'default', 'next', 'dlvsym', 'dlopen', 'dlclose', 'dladdr', 'backtrace', 'phdr')
# Counted beside the outcome; and dlerror's, which libc answers behind each call that it answered where it hides its error.
BESIDE = ('phdr.wait', 'phdr.rest')
# Where more than a tenth of a function's calls in a row are libc's, names are marked as such, and what follows a call of libc's
# that may have left an error goes the slow way, which does not trust marks: so much of the calls may differ.
MARKING = ('dlsym', 'default', 'next', 'dlvsym')
MARKS = 0.05
# Rows in which OTHER, in whose name stands this, may serve fewer calls of a function, down to none, and why.
TLS = 'the place of thread-local data of what was opened is asked for by dlinfo, which drops an error that cannot be kept'
FEWER = (
    ('C40 another namespace', 'dladdr', '', 'an address in no known object may be in another namespace: libc is asked'),
    ('C45 field by field', 'phdr', 'old', TLS),
    ('C45 thread-local blocks', 'phdr', 'old', TLS),
    ('C2 errors stay', 'phdr', 'old', TLS),
)


named = set()


def fix_addresses():
    """Of the programs that are started from here on: is it allowed?"""
    libc = ctypes.CDLL(None)
    libc.personality(libc.personality(0xffffffff) | NOT_RANDOM)
    return libc.personality(0xffffffff) & NOT_RANDOM != 0


def counts(command, library, folder):
    """{function: [served, all]} of one run in an empty directory."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    env = {k: v for k, v in os.environ.items() if not k.startswith(('SYMFAST', 'LD_'))}
    env |= {'LD_PRELOAD': library, 'SYMFAST_STATS': '1', 'SYMFAST_SHM': 'off', 'SYMFAST_PHDR': 'serial'}
    done = subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, check=False, timeout=TIMEOUT)
    found = {}
    for name, n in re.findall(r'^symfast: (\S+) (\d+)$', done.stderr.decode(errors='replace'), re.M):
        family, _, outcome = name.partition('.')
        if family in FAMILIES and name not in BESIDE:
            so_far = found.setdefault(family, [0, 0])
            so_far[0] += int(n) if outcome in SERVED else 0
            so_far[1] += int(n)
    return found


def rows_of(program):
    """(name, command) of each run."""
    if program.endswith('.py'):
        return [('all', ['sh', '-c', 'exec /usr/bin/python3 -I "$0" 16000 3>/dev/null', program])]
    listed = subprocess.run([program, '--list'], stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()
    return [(line.split('\t', 1)[1], [program, str(i), REPS]) for i, line in enumerate(listed)
            if not line.startswith('skip\t')]


def differences(library, row, ordinary, other):
    for family in sorted({*ordinary, *other}):
        (a, calls), (b, calls_there) = ordinary.get(family, [0, 0]), other.get(family, [0, 0])
        line = f'{library}: {row}: {family}: {a} of {calls} calls served, and {b} of {calls_there}'
        fewer = [why for name, function, where, why in FEWER if (name, function) == (row, family) and where in library]
        marked = family in MARKING and 10 * (calls - a) > calls
        if (a, calls) == (b, calls_there):
            continue
        if calls == calls_there and (fewer and b < a or marked and abs(a - b) <= MARKS * calls):
            named.add(f'{line}: {fewer[0] if fewer else "marks"}')
        else:
            yield line


def compared(row, command, ordinary, library, other, folder):
    """The map's hash has a key of its own in each process: rarely a run has one entry less. What differs differs each time."""
    seen = [ordinary]
    for _ in range(TRIES):
        there = counts(command, other, folder)
        found = [list(differences(os.path.basename(other), row, one, there)) for one in seen]
        if [] in found:
            return []
        seen.append(counts(command, library, folder))
    return found[0]


def main():
    words, programs = sys.argv[1:], []
    if '--' in words:
        words, programs = words[:words.index('--')], words[words.index('--') + 1:]
    printing = '--print' in words
    libraries = [os.path.abspath(word) for word in words if word != '--print']
    if not programs or not libraries or printing != (len(libraries) == 1):
        sys.exit(__doc__)
    if not fix_addresses():
        print('SKIP: that addresses are not random is not allowed here')
        sys.exit(77)
    bad, served = [], 0
    with tempfile.TemporaryDirectory(prefix='sf-counts-') as top:
        for program in map(os.path.abspath, programs):
            sums = {}
            for row, command in rows_of(program):
                ordinary = counts(command, libraries[0], f'{top}/scratch')
                for library in libraries[1:]:
                    bad += compared(row, command, ordinary, libraries[0], library, f'{top}/scratch')
                for family, (hits, calls) in ordinary.items():
                    so_far = sums.setdefault(family, [0, 0])
                    sums[family] = [so_far[0] + hits, so_far[1] + calls]
            served += sum(hits for hits, _ in sums.values())
            print(f'{os.path.basename(program):12}', *(f'{family} {hits}/{calls}' for family, (hits, calls) in sums.items()))
    print(''.join(f'{line}\n' for line in sorted(named)), end='')
    if not served:
        bad.append('nothing was served')
    sys.exit('\n'.join(bad) or None)


main()
