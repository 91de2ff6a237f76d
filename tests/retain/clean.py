#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Rows of the retain tests under AddressSanitizer and valgrind; system calls of real loads where nothing is retained.

clean.py ORDER DATA LIMITS LAB SOURCE-DIR CC

ORDER and DATA are programs with rows, LIMITS the host of limits.py.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../conform'))
import run as conform  # noqa: E402

order, data, limits, lab, source = (os.path.abspath(word) for word in sys.argv[1:6])
cc = sys.argv[6].split()
library = os.path.abspath(os.environ['SYMFAST_LIB'])
scratch = tempfile.mkdtemp(prefix='sf-clean-')
counted = os.path.join(scratch, 'counted')
faults = 0
SLOWER = int(os.environ.get('TESTS_SLOWER', '1'))  # where every program is emulated
# qemu-user's own kind of processor has cache lines of 32 bytes; valgrind, which clears them, ends itself there.
VALGRIND = ['env', 'QEMU_CPU=cortex-a57', 'valgrind']
ROWS = {order: r'a diamond|several, in all|plugin that opens and closes|opens its own',
        data: r'data: plain|IFUNC|tls: one thread|table patched and left'}


def tell(verdict, name, why=''):
    global faults
    print(f'{verdict} - {name}' + (f': {why}' if why else ''), flush=True)
    faults += verdict == 'not ok'


def run(command, **extra):
    env = {k: v for k, v in os.environ.items() if not k.startswith(('SYMFAST', 'LD_', 'ASAN'))}
    env.update(extra)
    return subprocess.run(command, env=env, cwd=scratch, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300 * SLOWER, text=True)


def rows_of(program):
    for index, line in enumerate(run([program, '--list']).stdout.splitlines()):
        if re.search(ROWS.get(program, ''), line):
            yield str(index), line.split('\t', 1)[1]


def reopened():
    if not os.path.exists(counted):
        return False
    with open(counted, encoding='ascii') as f:
        found = re.findall(r'retain\.open (\d+)', f.read())
    os.remove(counted)
    return any(int(n) for n in found)


def compare(how, name, alone, both, clean):
    why = [f'status {done.returncode}: {done.stderr[-1500:]}' for done in (alone, both)
           if done.returncode or not clean(done)]
    if alone.stdout != both.stdout:
        why.append('another output')
    if not reopened():
        why.append('nothing was reopened')
    tell('not ok' if why else 'ok', f'{how}: {name}', '\n'.join(why))


def under_asan():
    found = run([*cc, '-print-file-name=libasan.so']).stdout.strip()
    runtime = os.path.realpath(found) if os.path.isabs(found) else None
    for program in (order, data):
        built = os.path.join(scratch, os.path.basename(program))
        name = os.path.basename(program).replace('retain_', '')
        done = runtime and run([*cc, '-std=gnu11', '-D_GNU_SOURCE', f'-DSF_LAB="{lab}"', '-g', '-O1',
                                '-rdynamic', '-pthread', '-fsanitize=address', f'{source}/{name}.c',
                                f'{source}/host.c', f'{source}/../conform/row.c', '-o', built])
        if not done or done.returncode:
            tell('skip', f'ASan: {name}', 'cannot be built here')
            continue
        for index, row in rows_of(program):
            asan = {'ASAN_OPTIONS': 'detect_leaks=0', 'SF_RETAIN_COUNTS': counted}
            alone = run([built, index, '5'], LD_PRELOAD=runtime, **asan)
            both = run([built, index, '5'], LD_PRELOAD=f'{runtime}:{library}', SYMFAST_RETAIN='*', **asan)
            compare('ASan', row, alone, both, lambda done: not done.stderr)


def under_valgrind():
    if not shutil.which('valgrind'):
        return tell('skip', 'valgrind', 'not installed')
    known = os.path.join(scratch, 'known')
    with open(known, 'w', encoding='ascii') as f:  # ld.so reads whole words of a path
        f.write(''.join(f'{{\nld{size}\nMemcheck:{size}\n...\nfun:_dl_dst_*\n}}\n'
                        for size in ('Addr8', 'Addr16', 'Addr32', 'Cond')))
    command = [*VALGRIND, '-q', '--error-exitcode=9', f'--suppressions={known}']
    for program in (order, data):
        for index, row in list(rows_of(program))[:3]:
            alone = run([*command, program, index, '5'], SF_RETAIN_COUNTS=counted)
            both = run([*command, program, index, '5'], SF_RETAIN_COUNTS=counted, LD_PRELOAD=library,
                       SYMFAST_RETAIN='*')
            compare('valgrind', row, alone, both, lambda done: True)
    return None


def system_calls(n, **extra):
    log = os.path.join(scratch, 'calls')
    done = run(['strace', '-f', '-o', log, limits, 'cycle', f'{lab}/left.so', str(n)], **extra)
    if done.returncode:
        return None
    with open(log, encoding='ascii', errors='replace') as f:
        return len(f.readlines())


def unset():
    """The same number of system calls for 100 more loads."""
    if not shutil.which('strace'):
        return tell('skip', 'system calls', 'strace is not installed')
    arms = [({}, 'stock'), ({'LD_PRELOAD': library, 'SYMFAST_SHM': 'off'}, 'unset')]
    more = []
    for extra, _ in arms:
        few, many = system_calls(20, **extra), system_calls(120, **extra)
        if few is None or many is None:
            return tell('skip', 'system calls', 'strace cannot trace here')
        more.append(many - few)
    return tell('ok' if more[0] == more[1] else 'not ok', 'unset: system calls of 100 loads', f'{more}')


if conform.RETAINS:
    under_asan()
    under_valgrind()
else:
    tell('skip', 'ASan, valgrind', 'nothing is retained before glibc 2.35')
unset()
shutil.rmtree(scratch, ignore_errors=True)
sys.exit(1 if faults else 0)
