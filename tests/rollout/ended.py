#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What must be seen after a process's end stays in the directory, and what need not be seen goes.

ended.py KINDS PLUGIN LIBRARY LIAR
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

from segment import BY_CANARY, BY_REFUSAL, OPEN, Segment, path_of

KINDS, PLUGIN, LIBRARY, LIAR = (os.path.abspath(word) for word in sys.argv[1:5])
PASS = 2


def demand(good, what):
    if not good:
        sys.exit(f'FAIL {what}')
    print(f'ok   {what}')


def until(get, seconds=120):
    end = time.monotonic() + seconds
    while True:
        value = get()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.01)


def environment(folder, library, **settings):
    env = {k: v for k, v in os.environ.items() if not k.startswith(('SYMFAST', 'LD_'))}
    return dict(env, LD_PRELOAD=library, SYMFAST_SHM_DIR=folder, **settings)


def run(folder, library, *more, **settings):
    """A program that looks the same name up until it ends. Its pid."""
    child = subprocess.Popen([KINDS, 's', 'lie', f'{folder}/plug.so', '2000', *more],
                             env=environment(folder, library, **settings), stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
    child.communicate()
    return child.pid


def segments(folder):
    return sorted(name for name in os.listdir(folder) if name.startswith('symfast.'))


def at_exit(folder):
    for mode in ('on', 'verify'):
        run(folder, LIBRARY, SYMFAST=mode)
    demand(segments(folder) == [], f'nothing is left of a healthy process: {segments(folder)}')
    before = time.time_ns()
    pid = run(folder, LIAR, SYMFAST='verify')
    demand(os.path.exists(path_of(pid, folder)), 'a mismatch is seen after the end of its process')
    s = Segment(pid, folder)
    demand(s['breaker'] == OPEN and s['mismatches'] == 1 and s['breaker_trips'] == 1,
           'with what the breaker was')
    demand(before <= s['breaker_ns'] <= time.time_ns(), 'and when it opened')
    for _ in range(3):
        run(folder, LIBRARY, SYMFAST='on')
    demand(segments(folder) == [os.path.basename(path_of(pid, folder))], 'others leave it there')
    # Nothing but hits, and no file yet: made at the end.
    os.unlink(path_of(pid, folder))
    pid = run(folder, LIAR, SYMFAST='verify:1/1')
    demand(os.path.exists(path_of(pid, folder)), 'the same while serving')
    os.unlink(path_of(pid, folder))


def at_exec(folder):
    """The next program of the same process has the name; the record of the first gets another one."""
    pid = run(folder, LIAR, KINDS, 's', 'truth', f'{folder}/plug.so', '2000', SYMFAST='verify')
    demand(segments(folder) == [os.path.basename(path_of(pid, folder)) + '.1'],
           f'the mismatch of an earlier program is kept: {segments(folder)}')
    os.unlink(path_of(pid, folder) + '.1')
    run(folder, LIBRARY, KINDS, 's', 'truth', f'{folder}/plug.so', '2000', SYMFAST='verify')
    demand(segments(folder) == [], f'nothing of one without: {segments(folder)}')


def refused(folder):
    """Who passes everything through says why, except who was told to."""
    rows = (('a setting is wrong', {'SYMFAST_CANARY': 'much'}, BY_REFUSAL, 'a setting is wrong'),
            ('LD_DYNAMIC_WEAK', {'LD_DYNAMIC_WEAK': '1'}, BY_REFUSAL, 'LD_DYNAMIC_WEAK'),
            ('the canary', {'SYMFAST_CANARY': '0%'}, BY_CANARY, 'not chosen'))
    for what, settings, reason, why in rows:
        # Linked with libdl, which a program needs before glibc 2.34 to be served at all.
        with subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], env=environment(folder, LIBRARY, **settings),
                              stderr=subprocess.DEVNULL) as child:
            own = path_of(child.pid, folder)
            there = until(lambda own=own: os.path.exists(own))
            s = Segment(child.pid, folder) if there else None
            good = s and (s['phase'], s['reason']) == (PASS, reason) and why in s['why']
            child.kill()
        demand(good, f'{what}: the reason can be read: {s and (s["reason"], s["why"])}')
        os.unlink(own)
    for settings in ({'SYMFAST': 'off'}, {'SYMFAST_DISABLE': '1'}, {'SYMFAST': 'off', 'LD_DYNAMIC_WEAK': '1'},
                     {'SYMFAST_CANARY': '0%', 'SYMFAST_SHM': 'off'}):
        with subprocess.Popen(['/bin/sh', '-c', 'echo; exec sleep 600'], stdout=subprocess.PIPE,
                              env=environment(folder, LIBRARY, **settings), stderr=subprocess.DEVNULL) as child:
            child.stdout.read(1)
            demand(segments(folder) == [], f'{settings}: nothing')
            child.kill()


with tempfile.TemporaryDirectory() as place:
    shutil.copy(PLUGIN, f'{place}/plug.so')
    at_exit(place)
    at_exec(place)
    refused(place)
