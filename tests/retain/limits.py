#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Limits of retained objects, lists that cannot be used, keep beside fresh, and an add-on of Node.

limits.py HOST LAB CC
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../conform'))
import run as conform  # noqa: E402

if not conform.RETAINS:
    print('skip - nothing is retained before glibc 2.35')
    sys.exit(77)

host, lab, cc = sys.argv[1], sys.argv[2], sys.argv[3].split()
library = os.path.abspath(os.environ['SYMFAST_LIB'])
scratch = tempfile.mkdtemp(prefix='sf-limits-')
faults = 0
SLOWER = int(os.environ.get('TESTS_SLOWER', '1'))  # where every program is emulated
MANY = 10000


def run(command, **extra):
    env = {k: v for k, v in os.environ.items() if not k.startswith(('SYMFAST', 'LD_'))}
    if extra:
        env.update(extra, LD_PRELOAD=library)
    return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=600 * SLOWER, text=True)


def check(name, good, why=''):
    global faults
    print('ok' if good else 'not ok', '-', name, '' if good else f': {why}', flush=True)
    faults += not good


def number(done, word):
    found = re.search(rf'^{word} (\d+)$', done.stdout, re.M)
    return int(found[1]) if found else -1


def many():
    folder = os.path.join(scratch, 'many')
    os.mkdir(folder)
    one = os.path.join(scratch, 'one.so')
    source = 'int number = 5; int *at = &number; int value(void) { return *at; }'
    subprocess.run([*cc, '-shared', '-fPIC', '-nostdlib', '-s', '-Wl,-z,noseparate-code', '-x', 'c', '-',
                    '-o', one], input=source, text=True, check=True)
    for i in range(MANY):
        shutil.copy(one, f'{folder}/{i}.so')
    done = run([host, 'many', folder, str(MANY)], SYMFAST_RETAIN='*', SYMFAST_RETAIN_MAX='8')
    # One mapping left of each would be 100 MiB; the shim's own tables grow a little.
    early, late = number(done, 'early mapped'), number(done, 'late mapped')
    check(f'{MANY} plugins, 8 at most: what is mapped stays', 0 < late < early + 2048, f'{early} {late}')
    early, late = number(done, 'early'), number(done, 'late')
    check(f'{MANY} plugins, 8 at most: retained', number(done, 'retain.open') > MANY / 2,
          done.stdout + done.stderr)
    if late >= early + 2048:  # qemu-user keeps 3 KiB for each load of any program; bare on a processor nothing grows
        alone = run([host, 'many', folder, str(MANY)])
        early += max(0, number(alone, 'late') - number(alone, 'early'))
    check(f'{MANY} plugins, 8 at most: resident memory stays', 0 < late < early + 2048, f'{early} {late}')
    shutil.rmtree(folder)


def limits():
    alpha = f'{lab}/alpha.so'
    stock = run([host, 'cycle', alpha, '6'])
    first = stock.stdout.splitlines()[0]
    for name, settings, opened, mapped in (
            ('as it is', {}, True, 1),
            ('no closed object at most', {'SYMFAST_RETAIN_MAX': '0'}, False, 0),
            ('no memory for copies', {'SYMFAST_RETAIN_KIB': '1'}, False, 0),
            ('taken out of the list', {'SYMFAST_RETAIN': '*:!al*'}, False, 0),
            ('not named', {'SYMFAST_RETAIN': 'beta*'}, False, 0)):
        done = run([host, 'cycle', alpha, '6'], **{'SYMFAST_RETAIN': '*', **settings})
        check(f'limits: {name}: the same to the host', first == done.stdout.splitlines()[0], done.stdout)
        check(f'limits: {name}: counted', (number(done, 'retain.open') > 0) == opened and
              number(done, 'mapped') == mapped, done.stdout + done.stderr)
    done = run([host, 'idle', alpha, '1.3'], SYMFAST_RETAIN='*', SYMFAST_RETAIN_IDLE_S='1')
    check('limits: idle for a second', number(done, 'before') == 1 and number(done, 'mapped') == 0 and
          number(done, 'retain.release') >= 1, done.stdout + done.stderr)


def silent():
    """What it takes from others is seen without a hash table that leads there, with relative relocations packed or not."""
    source = """int __cxa_thread_atexit_impl(void (*)(void *), void *, void *);
        extern void *__dso_handle;
        void ends(void *p) { (void)p; }
        void (*asks)(void *) = ends;
        void begins(int asked) { if (asked) __cxa_thread_atexit_impl(asks, 0, &__dso_handle); }"""
    script = os.path.join(scratch, 'none.map')
    with open(script, 'w', encoding='ascii') as f:
        f.write('{ local: *; };')
    for name, words, opened in (
            ('nothing', ['-DNO'], True), ('all', [], False),
            ('exports nothing', [f'-Wl,--version-script={script}'], False),
            ('DT_HASH alone', ['-Wl,--hash-style=sysv'], False),
            ('both, exports nothing', ['-Wl,--hash-style=both', f'-Wl,--version-script={script}'], False),
            ('packed, exports nothing', ['-Wl,-z,pack-relative-relocs', f'-Wl,--version-script={script}'], False)):
        plugin = os.path.join(scratch, f'{name}.so')
        text = source.replace('__cxa_thread_atexit_impl', '__cxa_atexit') if '-DNO' in words else source
        subprocess.run([*cc, '-shared', '-fPIC', '-x', 'c', *words, '-', '-o', plugin], input=text, text=True, check=True)
        time.sleep(0.1)  # a file that was only just written is not retained
        done = run([host, 'cycle', plugin, '6'], SYMFAST_RETAIN='*')
        check(f'destructors at the end of threads, linked: {name}', (number(done, 'retain.open') > 0) == opened,
              done.stdout + done.stderr)


def lists():
    alpha = f'{lab}/alpha.so'
    for bad in ('[', '@/not/there', 'a=what', 'alpha*:[a', 'x' * 9000):
        done = run([host, 'cycle', alpha, '6'], SYMFAST_RETAIN=bad)
        check(f'a bad list: {bad[:12]}', number(done, 'retain.open') == 0 and done.returncode == 0 and
              len(done.stderr.splitlines()) == 1, done.stderr[:300])
    names = os.path.join(scratch, 'names')
    with open(names, 'w', encoding='ascii') as f:
        f.write('# plugins\nalp*\n\n!beta*\n')
    done = run([host, 'cycle', alpha, '6'], SYMFAST_RETAIN=f'@{names}')
    check('a list in a file', number(done, 'retain.open') == 4 and not done.stderr, done.stdout + done.stderr)


def keep():
    done = run([host, 'cycle', f'{lab}/alpha.so', '4'], SYMFAST_RETAIN='alpha.so=keep')
    check('keep: begins once, and does not end', done.stdout.startswith(
        'began did not begin did not begin did not begin ended 0'), done.stdout)


def node():
    program = shutil.which('node')
    addon = os.path.join(scratch, 'addon.node')
    if not program:
        return print('skip - Node: not installed')
    subprocess.run([*cc, '-shared', '-fPIC', '-x', 'c', os.path.join(
        os.path.dirname(os.path.abspath(__file__)), 'lab/addon.c'), '-o', addon], check=True)
    script = '''
const { Worker } = require('worker_threads');
const one = n => n && new Worker(`
  const m = { exports: {} };
  process.dlopen(m, ${JSON.stringify(process.argv[1])});
  console.log('life', m.exports)`, { eval: true })
  .on('error', e => console.log(e.message.split(':')[0])).on('exit', () => one(n - 1));
one(6)'''
    stock = run([program, '-e', script, addon])
    if stock.stdout != 'life 1\n' * 6:
        return print(f'skip - Node: its workers do not unload add-ons here: {stock.stdout!r}')
    fresh = run([program, '-e', script, addon], SYMFAST_RETAIN='*.node', SYMFAST_STATS='1')
    check('Node: fresh: each worker gets a new add-on', fresh.stdout == stock.stdout,
          fresh.stdout + fresh.stderr[-300:])
    check('Node: fresh: retained', re.search(r'retain\.open\D+[1-9]', fresh.stderr), fresh.stderr[-1500:])
    kept = run([program, '-e', script, addon], SYMFAST_RETAIN='*.node=keep')
    check('Node: keep: the second worker fails, as with RTLD_NODELETE', kept.stdout.startswith('life 1\n') and
          kept.stdout != stock.stdout, kept.stdout)
    return None


many()
limits()
silent()
lists()
keep()
node()
shutil.rmtree(scratch, ignore_errors=True)
sys.exit(1 if faults else 0)
