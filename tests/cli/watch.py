#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""symfast watch: a kill file for processes that make no call, and what others say meanwhile: watch.py QUIET"""
import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import case

QUIET = os.path.abspath(sys.argv[1])


class Idle:
    """A live process under the library that waits for input."""

    def __init__(self, folder, **settings):
        env = case.clean_env(LD_PRELOAD=case.LIB, SYMFAST_SHM='start', SYMFAST_SHM_DIR=folder, **settings)
        self.folder = folder
        self.process = subprocess.Popen([QUIET], env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.process.pid
        until(lambda: self.mode())

    def state(self):
        done = case.run('stat', '-j', self.pid, SYMFAST_SHM_DIR=self.folder)
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def mode(self):
        d = self.state()
        return d and (d['mode'], d['set_by'])

    def call(self, times):
        self.process.stdin.write(f's {times}\n')
        self.process.stdin.flush()
        return int(self.process.stdout.readline().split()[0]) == times

    def end(self):
        self.process.stdin.close()
        self.process.wait(240)


def until(get, seconds=240):
    """The first value of get() that is true. The time is for what never comes."""
    end = time.monotonic() + seconds
    while not (value := get()) and time.monotonic() < end:
        time.sleep(0.02)
    return value


@contextlib.contextmanager
def watching(folder, off):
    p = subprocess.Popen([case.CLI, 'watch', '--kill-file', off, '--json'], stdout=subprocess.PIPE, text=True,
                         env=case.clean_env(SYMFAST_SHM_DIR=folder))
    try:
        yield p
    finally:
        p.send_signal(signal.SIGTERM)
        p.wait()


OFF, ON = ('off', 'kill file'), ('on', 'kill file')


def idle_ones(folder, off):
    some = [Idle(folder) for _ in range(3)]
    some[0].call(100)
    with watching(folder, off):
        time.sleep(0.3)
        case.check('nothing without the file', all(p.mode() == ('on', 'setting') for p in some))
        open(off, 'w').close()
        began = time.monotonic()
        case.check('all are off, idle ones too', until(lambda: all(p.mode() == OFF for p in some)))
        print(f'note: seen after {time.monotonic() - began:.2f} s')
        some.append(Idle(folder))
        case.check('so is one that starts meanwhile', until(lambda: some[3].mode() == OFF))
        case.check('and all still answer', all(p.call(100) for p in some))
        case.status('ctl', case.run('ctl', some[1].pid, 'observe', SYMFAST_SHM_DIR=folder), 0)
        time.sleep(1.5)
        case.check('what ctl says stands', some[1].mode() == ('observe', 'ctl'), some[1].mode())
        os.unlink(off)
        case.check('the others are on again', until(lambda: all(some[i].mode() == ON for i in (0, 2, 3))))
        case.check('not what ctl has set', some[1].mode() == ('observe', 'ctl'))
    for p in some:
        p.end()


def with_its_own(folder, off):
    """The process looks for the same file by itself, and for another one."""
    same, other = Idle(folder, SYMFAST_KILL_FILE=off), Idle(folder, SYMFAST_KILL_FILE=f'{folder}/other')
    with watching(folder, off):
        open(off, 'w').close()
        case.check('both are off', until(lambda: same.mode() == OFF and other.mode() == OFF))
        open(f'{folder}/other', 'w').close()
        time.sleep(0.3)
        other.call(10)
        os.unlink(f'{folder}/other')
        time.sleep(0.3)
        other.call(1)
        case.check('one file is still there: off', until(lambda: other.mode() == OFF))
        case.check('calls change nothing', same.call(100) and same.mode() == OFF)
        os.unlink(off)
        case.check('both are on', until(lambda: same.mode() == ON and other.mode() == ON))
        case.check('and stay so', same.call(100) and same.mode() == ON)
    same.end()
    other.end()


def started_anew(folder, off):
    """A watch that was killed leaves things as they are; the next one takes over."""
    p, mine = Idle(folder), Idle(folder, SYMFAST='observe')
    open(off, 'w').close()
    done = case.run('watch', '-1j', '-f', off, SYMFAST_SHM_DIR=folder)
    case.status('watch --once', done, 0)
    d = case.document(done, 'watch')
    case.check('what it did', (d['there'], d['changed'], d['failed']) == (True, 2, 0), d)
    case.check('off', p.mode() == OFF and mine.mode() == OFF)
    done = case.run('watch', '-1', '-f', off, SYMFAST_SHM_DIR=folder)
    case.check('nothing more to do', done.stdout == f'{off} is there: 0 off\n', done.stdout)
    os.unlink(off)
    done = case.run('watch', '-1', '-f', off, SYMFAST_SHM_DIR=folder)
    case.check('back', done.stdout == f'{off} is not there: 2 as before\n', done.stdout)
    case.check('each as it was', p.mode() == ON and mine.mode() == ('observe', 'kill file'), mine.mode())
    case.run('ctl', p.pid, 'off', SYMFAST_SHM_DIR=folder)
    case.run('watch', '-1', '-f', off, SYMFAST_SHM_DIR=folder)
    case.check('what ctl has put off stays off', p.mode() == ('off', 'ctl'))
    p.end()
    mine.end()


for step in (idle_ones, with_its_own, started_anew):
    with case.workshop() as place:
        step(place, f'{place}/killed')
with case.workshop() as place:
    for words, text in ((['watch'], '--kill-file is needed'), (['watch', '-f', 'off'], 'absolute'),
                        (['watch', '-f', '/x', 'more'], 'too many')):
        case.one_error(f'{words}', case.run(*words), case.USAGE, text)
    case.one_error('no such directory', case.run('watch', '-1', '-f', '/x', SYMFAST_SHM_DIR=f'{place}/none'),
                   case.TARGET)
case.end()
