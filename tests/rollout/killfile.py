#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The kill file without a thread: who looks for it, when, and what that leaves alone.

killfile.py QUIET LIBRARY [STEP...]
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from segment import BY_FILE, OFF, ON, Segment

QUIET, LIBRARY = (os.path.abspath(word) for word in sys.argv[1:3])
HITS = 64  # SF_KILLFILE_HITS
PERIOD = 0.25  # a little more than the time between two looks


def demand(fact, text):
    if not fact:
        raise AssertionError(text)


def environment(**settings):
    env = {k: v for k, v in os.environ.items() if not k.startswith(('SYMFAST', 'LD_'))}
    return dict(env, LD_PRELOAD=LIBRARY, **settings)


class Quiet:
    def __init__(self, **settings):
        self.process = subprocess.Popen([QUIET], env=environment(**settings), text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        demand(self.process.wait(240) == 0, 'exit status')

    def call(self, kind, times):
        """Makes them, and holds each answer to what libc says; the number of threads."""
        self.process.stdin.write(f'{kind} {times}\n')
        self.process.stdin.flush()
        right, threads = self.process.stdout.readline().split()
        demand(int(right) == times, f'{right} of {times} right')
        return int(threads)

    @property
    def segment(self):
        return Segment(self.process.pid)


def make(path):
    with open(path, 'w'):
        pass


def no_thread(path):
    """The host is alone in its process, before and after the file is seen."""
    with Quiet(SYMFAST_KILL_FILE=path) as q:
        demand(q.call('s', 1000) == 1, 'another thread')
        make(path)
        time.sleep(PERIOD)
        demand(q.call('s', 1000) == 1, 'another thread')
        demand(q.segment['word'] == OFF, 'still on')


KINDS = {'s': ('dlsym.hit',), 'f': ('dlsym.hit', 'dlsym.shared'), 'v': ('dlvsym.hit',), 'n': ('dlsym.negative',),
         'o': ('dlopen.hit',), 'a': ('dladdr.hit',), 'b': ('backtrace.own',)}


def rule(path):
    """Each kind of call looks at one hit in 64, and again when the file has gone."""
    for kind, names in KINDS.items():
        with Quiet(SYMFAST='on', SYMFAST_KILL_FILE=path) as q:
            q.call(kind, 3000)
            served = sum(q.segment.counter(name) for name in names if name in q.segment.group('counters'))
            demand(served > 500 or kind == 'b', f'{kind}: {served} from memory')
            demand(q.segment['word'] == ON, f'{kind}: off without a file')
            make(path)
            time.sleep(PERIOD)
            demand(q.segment['word'] == ON, f'{kind}: an idle process has looked')
            q.call(kind, HITS)
            demand(q.segment['word'] == OFF and q.segment['reason'] == BY_FILE, f'{kind}: still on')
            os.unlink(path)
            time.sleep(PERIOD)
            q.call('s', 1)
            demand(q.segment['word'] == ON, f'{kind}: still off')


def seldom(path):
    """Not more than one look in 0.2 s, however many calls there are."""
    if not shutil.which('strace'):
        print('    no strace here')
        return
    trace = path + '.trace'
    began = time.monotonic()
    with subprocess.Popen(['strace', '-f', '-o', trace, '-e', 'trace=faccessat,clock_gettime', QUIET], text=True,
                          env={**os.environ, 'SYMFAST_KILL_FILE': path, 'LD_PRELOAD': LIBRARY},
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
        out, _ = p.communicate('s 60000000\n')
    took = time.monotonic() - began
    demand(out.split()[0] == '60000000', out)
    with open(trace, encoding='utf-8') as f:
        text = f.read()
    looks, clocks = text.count(path), text.count('clock_gettime')
    print(f'    {looks} looks, {clocks} readings of the clock in {took:.2f} s')
    demand(1 <= looks <= took / 0.2 + 2, 'looks')
    demand(clocks <= took * 2000 + 20, 'clock')


def identity(path):
    """What libc does in all threads, and the kernel in each: as without the setting."""
    if os.geteuid() != 0 or not shutil.which('setpriv'):
        print('    not root, or no setpriv')
        return
    library = os.path.join(os.path.dirname(path), 'preloaded.so')  # where any user comes to
    shutil.copy(LIBRARY, library)
    for words in (['setpriv', '--reuid', '65534', '--clear-groups', 'true'],
                  ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps', '-all', 'true'],
                  ['unshare', '--user', 'true']):
        if subprocess.run(words, capture_output=True).returncode:
            print(f'    not here: {" ".join(words)}')
            continue
        for _ in range(3):
            done = subprocess.run(words, env=dict(environment(SYMFAST_KILL_FILE=path), LD_PRELOAD=library),
                                  capture_output=True, text=True)
            demand(done.returncode == 0 and done.stderr == '', f'{words}: {done.returncode} {done.stderr}')


def main():
    bad = 0
    for step in (no_thread, rule, seldom, identity):
        if sys.argv[3:] and step.__name__ not in sys.argv[3:]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            try:
                step(f'{folder}/off')
                print(f'ok - {step.__name__}')
            except AssertionError as e:
                bad += 1
                print(f'not ok - {step.__name__}: {e}')
    return bad


if __name__ == '__main__':
    sys.exit(1 if main() else 0)
