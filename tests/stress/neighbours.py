#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The shim beside other interposing libraries, and in processes that must not have it.

neighbours.py HOST LAB CC SOURCE...

HOST is neighbour.c as built, SOURCE... what it takes to build it with sanitizers.

Each row runs the host with the neighbour alone and with both; stdout and status must be equal, and
where it is said, a text must stand in stderr both times.
"""
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile

TIMEOUT = 120
library = os.path.abspath(os.environ['SYMFAST_LIB'])
scratch = tempfile.mkdtemp(prefix='sf-neighbours-')
counts = {'ok': 0, 'not ok': 0, 'skip': 0}


def run(command, **extra):
    env = {k: v for k, v in os.environ.items() if not k.startswith(('SYMFAST', 'LD_', 'ASAN'))}
    env.update({k: v for k, v in extra.items() if v})
    try:
        return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=TIMEOUT, text=True)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, '', 'hangs')


def tell(verdict, name, why=''):
    counts[verdict] += 1
    print(f'{verdict} - {name}' + (f': {why}' if why else ''), flush=True)


def row(name, command, alone, both, status=0, text='', loaded=True):
    """`alone` and `both` are environments: the neighbour without the shim, and with it.

    Where `loaded`, the shim's settings must stand in stderr: else it was not there at all.
    """
    first, second = run(command, **alone), run(command, SYMFAST_VERBOSE='1', **both)
    faults = []
    for how, done in (('alone', first), ('with the shim', second)):
        if done.returncode != status:
            faults.append(f'{how}: status {done.returncode}, stderr {done.stderr[-600:]}')
        if not re.search(text, done.stderr):
            faults.append(f'{how}: no {text!r} in stderr {done.stderr[-600:]}')
    if loaded != bool(re.search(r'^symfast: SYMFAST_', second.stderr, re.M)):
        faults.append(f'settings expected: {loaded}, stderr {second.stderr[-300:]!r}')
    if first.stdout != second.stdout:
        faults.append(f'stdout {first.stdout!r} became {second.stdout!r}')
    tell('not ok' if faults else 'ok', name, '\n    '.join(faults))


def find(file):
    for place in ('/usr/lib', '/usr/lib64', '/usr/local/lib'):
        for folder, _, files in os.walk(place):
            if file in files:
                return os.path.join(folder, file)
    return None


def allocator(host):
    jemalloc = find('libjemalloc.so.2')
    if not jemalloc:
        return tell('skip', 'jemalloc', 'libjemalloc.so.2 is not installed')
    alone = {'LD_PRELOAD': jemalloc}
    row('jemalloc before the shim', [host], alone, {'LD_PRELOAD': f'{jemalloc}:{library}'})
    row('jemalloc after the shim', [host], alone, {'LD_PRELOAD': f'{library}:{jemalloc}'})
    return None


def build(cc, sources, lab, name, flags):
    out = os.path.join(scratch, name)
    done = run([*cc, '-std=gnu11', '-D_GNU_SOURCE', f'-DSF_LAB="{lab}"', '-g', '-O1', '-rdynamic',
                '-pthread', *flags, *sources, '-o', out])
    return out if done.returncode == 0 else None


def sanitizer(cc, sources, lab):
    quiet = 'detect_leaks=0'
    found = run([*cc, '-print-file-name=libasan.so']).stdout.strip()
    runtime = os.path.realpath(found) if os.path.isabs(found) else None
    host = build(cc, sources, lab, 'dynamic', ['-fsanitize=address', '-shared-libasan']) or \
        build(cc, sources, lab, 'dynamic', ['-fsanitize=address'])
    if not host or not runtime:
        return tell('skip', 'dynamic ASan', 'cannot be built here')
    alone = {'LD_PRELOAD': runtime, 'ASAN_OPTIONS': quiet}
    both = {'LD_PRELOAD': f'{runtime}:{library}', 'ASAN_OPTIONS': quiet}
    row('dynamic ASan', [host], alone, both)
    row('dynamic ASan finds an overflow', [host, 'overflow'], alone, both, 1,
        'heap-buffer-overflow')
    static = build(cc, sources, lab, 'static', ['-fsanitize=address', '-static-libasan'])
    if not static:
        return tell('skip', 'static ASan', 'cannot be built here')
    alone, both = {'ASAN_OPTIONS': quiet}, {'LD_PRELOAD': library, 'ASAN_OPTIONS': quiet}
    row('static ASan', [static], alone, both)
    row('static ASan finds an overflow', [static, 'overflow'], alone, both, 1,
        'heap-buffer-overflow')
    leaks = {'ASAN_OPTIONS': 'detect_leaks=1'}
    row('static ASan with leak check', [static], leaks, {'LD_PRELOAD': library, **leaks})
    return None


def other_sanitizers(cc, sources, lab):
    for kind in ('undefined', 'thread'):
        host = build(cc, sources, lab, kind, [f'-fsanitize={kind}'])
        if not host or run([host]).returncode:
            tell('skip', f'{kind} sanitizer', 'does not run here')
            continue
        row(f'{kind} sanitizer', [host], {}, {'LD_PRELOAD': library})


def auditor(host, lab):
    audit = {'LD_AUDIT': os.path.join(lab, 'audit.so')}
    # Before glibc 2.35 an auditor keeps ld.so from binding at the start what tells us of glibc: all is libc's, untold.
    tells = tuple(map(int, os.confstr('CS_GNU_LIBC_VERSION').split()[1].split('.'))) >= (2, 35)
    row('an auditor', [host], audit, {'LD_PRELOAD': library, **audit}, loaded=tells)


def binding(host):
    row('bound now', [host], {'LD_BIND_NOW': '1'}, {'LD_PRELOAD': library, 'LD_BIND_NOW': '1'})
    row('preloaded twice', [host], {}, {'LD_PRELOAD': f'{library}:{library}'})
    row('disabled', [host], {}, {'LD_PRELOAD': library, 'SYMFAST_DISABLE': '1'},
        loaded=False)
    row('a bad setting', [host], {}, {'LD_PRELOAD': library, 'SYMFAST': 'nonsense'})
    for mode in ('off', 'observe'):
        row(f'mode {mode}', [host], {}, {'LD_PRELOAD': library, 'SYMFAST': mode})


def silent(host):
    done = run([host], LD_PRELOAD=library)
    tell('not ok' if done.stderr or done.returncode else 'ok', 'nothing is printed unasked',
         done.stderr[:300])
    done = run([host], LD_PRELOAD=library, SYMFAST='nonsense')
    lines = done.stderr.splitlines()
    tell('ok' if len(lines) == 1 else 'not ok', 'one line for a bad setting', '; '.join(lines[:3]))
    done = run([host], LD_PRELOAD=library, SYMFAST_DISABLE='1', SYMFAST_STATS='1', SYMFAST='bad')
    tell('not ok' if done.stderr else 'ok', 'SYMFAST_DISABLE comes before anything else',
         done.stderr[:300])


def set_user(host):
    name = 'C52 a set-user-id program is left alone'
    if os.geteuid() != 0:
        return tell('skip', name, 'needs root')
    copy = os.path.join(scratch, 'setuid')
    shutil.copy(host, copy)
    os.chmod(scratch, 0o755)
    os.chown(copy, pwd.getpwnam('nobody').pw_uid, -1)
    os.chmod(copy, 0o4755)
    base = os.path.basename(library)
    plain = run([host, 'mapped', base], LD_PRELOAD=library, SYMFAST_STATS='1')
    secure = run([copy, 'mapped', base], LD_PRELOAD=library, SYMFAST_STATS='1')
    good = plain.stdout.startswith('mapped') and secure.stdout.startswith('not mapped')
    return tell('ok' if good and 'symfast' not in secure.stderr else 'not ok', name,
                '' if good else f'{plain.stdout!r} {secure.stdout!r} {secure.stderr[:200]!r}')


def main():
    host, lab, cc, *sources = sys.argv[1:]
    cc = cc.split()
    if not os.path.exists(library):
        sys.exit(f'{library}: no such library')
    row('alone', [host], {}, {'LD_PRELOAD': library})
    allocator(host)
    sanitizer(cc, sources, lab)
    other_sanitizers(cc, sources, lab)
    auditor(host, lab)
    binding(host)
    silent(host)
    set_user(host)
    shutil.rmtree(scratch, ignore_errors=True)
    print(counts)
    sys.exit(1 if counts['not ok'] else 0)


if __name__ == '__main__':
    main()
