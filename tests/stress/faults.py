#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Fault campaigns: a host in trouble does under the shim what it does without.

faults.py [--long] LIBRARY HOST INJECT [CLI]
Each run is compared with stock's in output and exit status. At the end a table says what was tried and how
often; docs/security.md has it. --long: 2,000 kills instead of 200, and every later call fails too.
"""
import ctypes
import errno
import os
import pathlib
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

LONG = '--long' in sys.argv
LIBRARY, HOST, INJECT = (os.path.abspath(p) for p in [a for a in sys.argv[1:] if a != '--long'][:3])
CLI = next((os.path.abspath(p) for p in [a for a in sys.argv[1:] if a != '--long'][3:]), None)
ROOT = os.geteuid() == 0
TIMEOUT = 240
SKIPPED = 77
SYSCALLS = {'mmap': (9, errno.ENOMEM), 'mprotect': (10, errno.ENOMEM), 'mremap': (25, errno.ENOMEM),
            'openat': (257, errno.EMFILE), 'ftruncate': (77, errno.ENOSPC),
            'pwrite64': (18, errno.ENOSPC), 'linkat': (265, errno.EACCES), 'fstat': (5, errno.EACCES),
            'rt_sigprocmask': (14, errno.EFAULT), 'madvise': (28, errno.EINVAL),
            'getrandom': (318, errno.EAGAIN), 'any': (-1, errno.EPERM)}
SHARED = tempfile.TemporaryDirectory(prefix='faults-')
os.chmod(SHARED.name, 0o1777)
SITES = SHARED.name + '/sites.%p'
# That a file which was asked for could not be written is said, by design.
TOLD = re.compile(rb'symfast: SYMFAST_SITES_FILE="[^"]*" cannot be written: error \d+\n')
table = []   # (what, runs, wrong)
details = []


def environment(preload, **settings):
    env = {k: v for k, v in os.environ.items() if not k.startswith(('SYMFAST', 'LD_'))}
    if preload:
        env['LD_PRELOAD'] = LIBRARY
    env.update(settings)
    return env


def run(words, preload, folder, prepare=None, **settings):
    """(stdout, stderr, status) of the host; prepare runs in the child before exec."""
    settings.setdefault('SYMFAST_SHM_DIR', folder)
    done = subprocess.run(words, env=environment(preload, **settings), stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=TIMEOUT, preexec_fn=prepare, cwd=folder)
    return done.stdout, done.stderr, done.returncode


def row(what, tries, wrong):
    table.append((what, tries, len(wrong)))
    details.extend(f'{what}: {w}' for w in wrong)


def compare(what, words, variants, prepare=None, stock_settings=None):
    """Stock once, then each of `variants`: settings."""
    wrong, tries = [], 0
    with tempfile.TemporaryDirectory(prefix='faults-') as folder:
        os.chmod(folder, 0o1777)
        stock = run(words, False, folder, prepare, **(stock_settings or {}))
        if stock[2] == SKIPPED:
            print(f'SKIP {what}: not here')
            return
        for settings in variants:
            tries += 1
            other = run(words, True, folder, prepare, **settings)
            data = pathlib.Path(folder, 'data')
            if data.exists() and data.read_bytes() != b'the data':
                wrong.append(f'{settings}: the file has {data.read_bytes()[:100]}')
            said = TOLD.sub(b'', other[1]) if 'SYMFAST_STATS' not in settings else b''
            if (other[0], other[2]) != (stock[0], stock[2]) or said:
                wrong.append(f'{settings}: status {stock[2]} became {other[2]}: '
                             f'{other[0][-200:]} {other[1][-300:]}')
    row(what, tries, wrong)


MODES = [{'SYMFAST': mode} for mode in ('on', 'off', 'observe', 'verify')]
EVERY = MODES + [{'SYMFAST_PHDR': 'serial'}, {'SYMFAST_SHM': 'start'}, {'SYMFAST_SHM': 'keep'},
                 {'SYMFAST_SHM': 'off'}, {'SYMFAST_SITES': '1/1', 'SYMFAST_SITES_FILE': SITES}]


# ---- each system call of ours that fails ----

INJECTED = ({'SYMFAST_SHM': 'start'}, {'SYMFAST': 'verify', 'SYMFAST_PHDR': 'serial'})


def inject(number, error, nth, settings, what='short'):
    with tempfile.TemporaryDirectory(prefix='faults-') as folder:
        r, w = os.pipe()
        words = [INJECT, str(number), str(error), str(nth), LIBRARY, HOST, what]
        try:
            done = subprocess.run(words, env=environment(False, SYMFAST_SHM_DIR=folder, **settings),
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT,
                                  preexec_fn=lambda: os.dup2(w, 3), pass_fds=(3, w), cwd=folder)
        finally:
            os.close(w)
        count = os.read(r, 100)
        os.close(r)
        return done, int(count or -1)


def injections():
    stock, _, status = run([HOST, 'short'], False, '/tmp')
    for name, (number, error) in SYSCALLS.items():
        wrong, tries = [], 0
        for settings in INJECTED[:2 if LONG or name != 'any' else 1]:
            done, count = inject(number, error, 0, settings)
            if done.returncode == SKIPPED or count < 0:
                print('SKIP injections: this process may not trace')
                return
            step = 1 if LONG or count <= 24 else count // 24 + 1
            tried = list(range(1, count + 1, step))
            tried += [-n for n in tried[::1 if LONG else 4]]  # and from that one on all
            for nth in tried:
                tries += 1
                done, _ = inject(number, error, nth, settings)
                if (done.stdout, done.returncode) != (stock, status):
                    wrong.append(f'{settings} call {nth} of {count}: status {done.returncode} {done.stdout[-100:]}')
            if name in ('mmap', 'mremap'):  # whose memory is it that we write to after that?
                whole = run([HOST, 'maps'], False, '/tmp')[0]
                _, count = inject(number, error, 0, settings, 'maps')
                for nth in range(1, count + 1):
                    tries += 1
                    done, _ = inject(number, error, nth, settings, 'maps')
                    if done.stdout != whole or done.returncode:
                        wrong.append(f'{settings} call {nth} of {count}, maps: {done.returncode} {done.stdout[-100:]}')
        row(f'{name} fails ({errno.errorcode[error]}), each of ours in turn', tries, wrong)


# ---- what the host does to itself ----

def sandboxes():
    for way in ('prctl', 'seccomp', 'syscall', 'tsync', 'strict'):
        for warm in ([], ['warm']):
            if way == 'tsync' and not warm:
                continue
            compare(f'seccomp by {way}, kill{", warm" if warm else ""}', [HOST, 'sandbox-' + way] + warm,
                    (EVERY if LONG or warm and way in ('prctl', 'strict') else EVERY[::2]) + [{'SYMFAST_SHM': 'start', 'SYMFAST_STATS': '1'}])


def no_reader():
    """Standard error is a pipe that nobody reads."""
    r, w = os.pipe()
    os.dup2(w, 2)
    os.close(r)
    os.close(w)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def full_pipe():
    r, w = os.pipe()
    os.set_blocking(w, False)
    try:
        while True:
            os.write(w, b'x' * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(w, True)
    os.dup2(w, 2)
    os.set_inheritable(r, True)


def closed():
    os.close(2)


def signals():
    loud = [{'SYMFAST_STATS': '1', 'SYMFAST_VERBOSE': '1', 'SYMFAST_SAMPLE': 'nonsense'}]
    compare('standard error without a reader', [HOST, 'plain'], loud + EVERY, no_reader)
    compare('standard error full, nobody reads', [HOST, 'plain'], loud, full_pipe)
    compare('standard error closed', [HOST, 'plain'], loud, closed)
    compare('standard error is the host\'s data by then', [HOST, 'data'], loud)
    for limit in (0, 1, 4096, 1 << 20):
        compare(f'RLIMIT_FSIZE {limit}', [HOST, 'plain'], EVERY + loud,
                lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    compare('RLIMIT_FSIZE set by the host', [HOST, 'files'],
            EVERY + [{'SYMFAST_SITES': '1/1', 'SYMFAST_SITES_FILE': SITES}, {'SYMFAST_STATS': '1'}])
    compare('SIGPIPE and SIGXFSZ pending already', [HOST, 'pending'], EVERY)
    compare('SYMFAST_SITES_FILE is the segment', [HOST, 'plain'],
            [{'SYMFAST_SITES': '1/1', 'SYMFAST_STATS': '1',
              'SYMFAST_SHM_DIR': '/dev/shm', 'SYMFAST_SITES_FILE': f'/dev/shm/symfast.{os.geteuid()}.%p'}])


def limits():
    for name, values in (('NOFILE', (4, 5, 8)), ('AS', (64 << 20,)), ('MEMLOCK', (0,)),
                         ('STACK', (64 << 10,)), ('NPROC', (0,))):
        for value in values:
            compare(f'RLIMIT_{name} {value}', [HOST, 'plain'], EVERY,
                    lambda: resource.setrlimit(getattr(resource, 'RLIMIT_' + name), (value, value)))
    compare('the host\'s own mappings', [HOST, 'maps'], EVERY)


def users():
    compare('setuid after the first look-up', [HOST, 'uid'], EVERY)
    compare('chroot after the first look-up', [HOST, 'root'], EVERY)
    compare('a look-up in a child of vfork', [HOST, 'vfork'], EVERY)


# ---- the directory of the segments ----

def has_namespaces():
    """A chroot has none of its user's own."""
    if subprocess.run(['unshare', '-rm', 'true'], capture_output=True, check=False).returncode == 0:
        return True
    print('SKIP: user namespaces are refused here: /dev/shm as it may be, and namespaces')
    return False


def directories():
    def in_mount(script):
        return ['unshare', '-rm', '--propagation', 'private', 'sh', '-c', script + ' && exec "$0" plain', HOST]

    rows = {'missing': 'mount -t tmpfs none /dev/shm && mount --rbind /proc /dev/shm',
            'full': 'mount -t tmpfs -o size=4k none /dev/shm && (cat /dev/zero >/dev/shm/x; true) 2>/dev/null',
            'nearly full': 'mount -t tmpfs -o size=64k none /dev/shm',
            'of few inodes': 'mount -t tmpfs -o nr_inodes=1 none /dev/shm',
            'read-only': 'mount -t tmpfs -o ro none /dev/shm'}
    for what, script in rows.items() if has_namespaces() else ():
        compare(f'/dev/shm {what}', in_mount(script),
                [dict(s, SYMFAST_SHM_DIR='/dev/shm') for s in EVERY])
    compare('no such directory', [HOST, 'plain'], [dict(s, SYMFAST_SHM_DIR='/nowhere') for s in EVERY])


def namespaces():
    if not has_namespaces():
        return
    compare('a pid and user namespace', ['unshare', '-rpf', '--mount-proc', HOST, 'plain'], EVERY)
    compare('a user namespace', ['unshare', '-U', HOST, 'plain'], EVERY)
    compare('a pid namespace without its /proc', ['unshare', '-rpf', HOST, 'plain'], EVERY)


# ---- killed at any moment ----

def kills():
    wrong, tries = [], 2000 if LONG else 200
    dice = random.Random(7)
    with tempfile.TemporaryDirectory(prefix='faults-') as folder:
        for i in range(tries):
            child = subprocess.Popen([HOST, 'short'], env=environment(True, SYMFAST_SHM_DIR=folder,
                                     SYMFAST_SHM='start'), stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(dice.random() * 0.008)
            child.kill()
            child.wait()
            if CLI and i % 20 == 19:
                done = subprocess.run([CLI, 'list'], env=environment(False, SYMFAST_SHM_DIR=folder),
                                      capture_output=True, text=True)
                if done.returncode != 0 or done.stderr:
                    wrong.append(f'list after {i + 1}: {done.returncode} {done.stderr}')
        if CLI:
            subprocess.run([CLI, 'list', '--clean'], env=environment(False, SYMFAST_SHM_DIR=folder),
                           capture_output=True)
        left = os.listdir(folder)
        if len(left) > (0 if CLI else 9):
            wrong.append(f'{len(left)} files stay behind: {left[:5]}')
    row('kill -9 at a random moment, list and clean', tries, wrong)


def main():
    began = time.monotonic()
    for campaign in (sandboxes, signals, limits, users, directories, namespaces, kills, injections):
        at = time.monotonic()
        campaign()
        print(f'{campaign.__name__}: {time.monotonic() - at:.1f} s', flush=True)
    width = max(len(what) for what, _, _ in table)
    print(f'{"what was done to the host":<{width}}  runs  not as stock')
    for what, tries, wrong in table:
        print(f'{what:<{width}}  {tries:4}  {wrong}')
    print(f'{sum(t for _, t, _ in table)} runs in {time.monotonic() - began:.0f} s, '
          f'{len(details)} not as stock')
    for line in details[:40]:
        print('NOT AS STOCK', line)
    sys.exit(1 if details else 0)


if __name__ == '__main__':
    main()
