#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs a stress program bare and preloaded and says whether the shim did as stock does.

run.py same PROGRAM ARGS...       the verdict is equal and good in every mode
run.py notworse PROGRAM ARGS...   and its lines "hangs ...: N", "deaths ...: N" not worse than bare
run.py free PROGRAM ARGS...       every look-up line says "free" where the shim is on
run.py on PROGRAM ARGS...         good where the shim is on; stock may hang, which is only told
run.py live PROGRAM ARGS...       good while the mode is switched all the time, and compared
run.py phdr PROGRAM ARGS...       good bare, and with SYMFAST_PHDR=serial and free under signals, too
run.py unstuck PROGRAM ARGS...    a line says "stuck" bare, and "free" with SYMFAST_PHDR=serial and free
run.py walks PROGRAM ARGS...      good with SYMFAST_PHDR=serial and free; stock is not asked
run.py breaks PROGRAM ARGS...     a line says "whole" bare and in serial, and "broken" in free
run.py valgrind PROGRAM ARGS...   preloaded under memcheck, which must find nothing
"""
import math
import os
import re
import subprocess
import sys

SLOWER = int(os.environ.get('TESTS_SLOWER', '1'))
TIMEOUT = 250 * SLOWER
HANGS = 124
SKIPPED = 77
# There free is serial, which breaks nothing; some walks are libc's, in which a handler's can deadlock as in stock; and an unload need not wait for what a handler has interrupted.
OLD = tuple(map(int, os.confstr('CS_GNU_LIBC_VERSION').split()[1].split('.'))) < (2, 35)


def run(command, timeout=TIMEOUT, **extra):
    env = {k: v for k, v in os.environ.items() if not k.startswith(('SYMFAST', 'LD_'))}
    env.update(extra)
    try:
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout, text=True)
    except subprocess.TimeoutExpired:
        done = subprocess.CompletedProcess(command, HANGS, '', 'hangs\n')
    how = ' '.join(f'{k}={v}' for k, v in extra.items() if k.startswith('SYMFAST')) or 'bare'
    print(f'{how}: status {done.returncode}')
    print(''.join(f'    {line}\n' for line in (done.stdout + done.stderr).splitlines()), end='')
    return done


def preloaded(command, library, mode, timeout=TIMEOUT):
    return run(command, timeout, LD_PRELOAD=library, SYMFAST=mode, SYMFAST_STATS='1',
               SYMFAST_SHM='start')


def same(command, library):
    bare = run(command)
    bad = bare.returncode != 0
    for mode in ('on', 'observe', 'verify', 'off'):
        other = preloaded(command, library, mode)
        bad |= (bare.stdout, bare.returncode) != (other.stdout, other.returncode)
    return bad


def hangs(done):
    return {k: int(n) for k, n in re.findall(r'^((?:hangs|deaths) .*): (\d+)$', done.stderr, re.M)}


def notworse(command, library):
    rounds = [(run(command), preloaded(command, library, 'on')) for _ in range(3)]
    bad = any(done.returncode for pair in rounds for done in pair)
    before = [hangs(pair[0]) for pair in rounds]
    after = [hangs(pair[1]) for pair in rounds]
    bad |= not before[0] or any(counts.keys() != before[0].keys() for counts in before + after)
    for kind in before[0]:
        # Rare events that come in bursts: the middle of ours against stock's worst and its noise.
        worst = max(counts[kind] for counts in before)
        ours = sorted(counts.get(kind, -1) for counts in after)
        limit = worst + 4 * math.sqrt(worst + 4)
        print(f'{kind}: stock up to {worst}, symfast {ours}, limit {limit:.0f}')
        bad |= ours[1] > limit
    return bad


def free(command, library):
    bare = run(command)
    other = preloaded(command + ['--patience', '60'], library, 'on')
    bad = bare.returncode != 0 or other.returncode != 0
    bad |= 'blocked' not in bare.stdout  # else the test no longer shows anything
    return bad or 'blocked' in other.stdout or 'free' not in other.stdout


def on(command, library):
    run(command, timeout=8)
    return preloaded(command, library, 'on', timeout=150 * SLOWER).returncode != 0


def walking(command, library, how):
    return run(command, timeout=100 * SLOWER, LD_PRELOAD=library, SYMFAST_PHDR=how, SYMFAST_STATS='1')


def phdr(command, library):
    done = [run(command), walking(command, library, 'off')]
    for how, more in (('serial', [] if OLD else ['--signals']), ('free', [] if OLD else ['--signals', '--free'])):
        done.append(walking(command + more, library, how))
        if not re.search(r'^symfast: phdr\.walk [0-9]{4}', done[-1].stderr, re.M):
            print('hardly a walk without libc')
            return True
    return any(d.returncode for d in done)


def unstuck(command, library):
    bare = run(command)
    if bare.returncode == SKIPPED:
        sys.exit(SKIPPED)
    bad = bare.returncode != 0 or 'stuck' not in bare.stdout and not OLD
    for how in ('serial', 'free'):
        other = walking(command + ['--patience', '60'], library, how)
        bad |= other.returncode != 0 or 'stuck' in other.stdout or 'free' not in other.stdout
    return bad


def breaks(command, library):
    done = [run(command)] + [walking(command, library, how) for how in ('off', 'serial')]
    done.append(walking(command if OLD else command + ['--broken'], library, 'free'))
    return any(d.returncode for d in done) or ('whole' if OLD else 'broken') not in done.pop().stdout or \
        any('whole' not in d.stdout for d in done)


def walks(command, library):
    return any(walking(command, library, how).returncode for how in ('serial', 'free'))


def valgrind(command, library):
    # Under qemu-user: valgrind ends itself where a cache line has 32 bytes.
    checker = ['env', 'QEMU_CPU=cortex-a57', 'valgrind', '-q', '--error-exitcode=77', '--leak-check=no', '--fair-sched=yes']
    done = preloaded(checker + command, library, 'on')
    return done.returncode != 0


def live(command, library):
    done = preloaded(command + ['--live'], library, 'on')
    found = re.search(r'^live: (\d+) switches, (\d+) compared, (\d+) mismatches$', done.stderr, re.M)
    if done.returncode or not found:
        return True
    switches, compared, mismatches = map(int, found.groups())
    return switches < 200 or compared < 1000 or mismatches > 0


def main():
    check = {'same': same, 'notworse': notworse, 'free': free, 'on': on, 'live': live,
             'phdr': phdr, 'unstuck': unstuck, 'walks': walks, 'breaks': breaks,
             'valgrind': valgrind}[sys.argv[1]]
    library = os.path.abspath(os.environ['SYMFAST_LIB'])
    if not os.path.exists(library):
        sys.exit(f'{library}: no such library')
    bad = check(sys.argv[2:], library)
    print('NOT as stock' if bad else 'same as stock')
    sys.exit(1 if bad else 0)


if __name__ == '__main__':
    main()
