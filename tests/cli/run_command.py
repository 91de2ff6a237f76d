#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""symfast run: the shim goes into LD_PRELOAD before what is there, and the command is what runs."""
import os
import re

import case

PRINT = ['sh', '-c', 'echo "$LD_PRELOAD|$SYMFAST"; exit 7']
LIB = os.path.realpath(case.LIB)

# what LD_PRELOAD was, what it must become
PRELOADS = [
    (None, LIB),
    ('', LIB),
    ('libm.so.6', f'{LIB}:libm.so.6'),
    ('libm.so.6:libdl.so.2', f'{LIB}:libm.so.6:libdl.so.2'),
    ('libm.so.6 libdl.so.2', f'{LIB}:libm.so.6 libdl.so.2'),
    (f'libm.so.6:{LIB}', f'libm.so.6:{LIB}'),
    # Names of sanitizers that do not exist: a real one would take this very program on.
    ('/no/libasan.so.8', f'/no/libasan.so.8:{LIB}'),
    ('/no/libtsan.so.2:libm.so.6', f'/no/libtsan.so.2:{LIB}:libm.so.6'),
    ('libm.so.6:/no/libasan.so.8', f'{LIB}:libm.so.6:/no/libasan.so.8'),
]


def preloads():
    for before, after in PRELOADS:
        done = case.run('run', '-n', LD_PRELOAD=before)
        case.check(f'LD_PRELOAD={before}', done.stdout == f'LD_PRELOAD={after}\n' and
                   done.returncode == 0, done.stdout + done.stderr)


def command():
    done = case.run('run', '--mode', 'observe', '--', *PRINT)
    case.check('the command has both variables and its own status',
               (done.stdout, done.stderr, done.returncode) == (f'{LIB}|observe\n', '', 7), done)
    done = case.run('run', *PRINT, SYMFAST='off')
    case.check('without --mode, SYMFAST stays', done.stdout == f'{LIB}|off\n', done)
    done = case.run('run', '--', 'grep', '-c', LIB, '/proc/self/maps')
    case.check('the library is mapped', done.returncode == 0, done)
    done = case.run('run', '--', 'printf', '%s.', '-n', '--mode', '--')
    case.check("the command's own options are its own", done.stdout == '-n.--mode.--.', done)
    made = case.document(case.run('run', '-n', '-j', '-m', 'on'), 'run')
    case.check('JSON names both variables',
               made.get('environment') == {'LD_PRELOAD': LIB, 'SYMFAST': 'on'}, made)


def errors(folder):
    odd = os.path.join(folder, 'with space')
    os.mkdir(odd)
    os.symlink(LIB, f'{odd}/x.so')
    with open(f'{odd}/real.so', 'w'):
        pass
    with open(f'{folder}/empty.so', 'w'):
        pass
    rows = [
        ('no command', ['run'], 2, 'a command is needed'),
        ('no such mode', ['run', '-m', 'quick', 'true'], 2, 'no such mode: quick'),
        ('a share above all', ['run', '-m', 'ab:101', 'true'], 2, 'ab:101'),
        ('one of none', ['run', '-m', 'verify:1/0', 'true'], 2, 'verify:1/0'),
        ('no library', ['run', '-l', '/etc/passwd', 'true'], 125, '/etc/passwd: cannot be preloaded'),
        ('an empty library', ['run', '-l', f'{folder}/empty.so', 'true'], 125, 'cannot be preloaded'),
        ('a folder', ['run', '-l', folder, 'true'], 125, 'cannot be preloaded'),
        ('not found by the loader', ['run', '-l', 'libnosuch.so', 'true'], 125, 'cannot be preloaded'),
        ('ab with what is no library', ['ab', '-l', '/etc/passwd', 'true'], 3, 'cannot be preloaded'),
        ('JSON without dry run', ['run', '-j', 'true'], 2, '--dry-run'),
        ('no such command', ['run', '--', '/no/such'], 127, '/no/such'),
        ('not executable', ['run', '--', '/etc/passwd'], 126, '/etc/passwd'),
        ('no such library', ['run', '-l', '/no/such.so', 'true'], 125, '/no/such.so'),
        ('a path that LD_PRELOAD cannot hold', ['run', '-l', f'{odd}/real.so', 'true'], 125,
         'space'),
        ('neither process nor file', ['stat', '--json'], 2, 'a process id or a file is needed'),
        ('two processes', ['sites', '1', '2'], 2, 'one process or file at a time'),
        ('two files', ['report', 'a', 'b'], 2, 'one process or file at a time'),
        ('two programs', ['doctor', 'a', 'b'], 2, 'one program or process at a time'),
        ('-H without its file', ['report', '-H', '--json'], 2, '--html needs a file'),
        ('help of none', ['help', 'fly'], 2, 'fly'),
        ('help of two', ['help', 'run', 'ab'], 2, 'one subcommand'),
        ('no mode', ['ctl', '1'], 2, 'a process id and'),
        ('two modes', ['ctl', '1', 'on', 'off'], 2, 'too many arguments: off'),
        ('a word for list', ['list', 'more'], 2, 'too many arguments: more'),
        ('process and --all', ['metrics', '1', '--all'], 2, 'a process id or --all is needed'),
        ('no number', ['top', '-n', 'x'], 2, 'not a number of readings: x'),
        ('one file to compare', ['ab', '--compare', 'a'], 2, '--compare needs two files'),
        ('no such subcommand', ['fly'], 2, 'fly'),
        ('no subcommand', [], 2, 'subcommand'),
    ]
    for what, words, wanted, text in rows:
        case.one_error(what, case.run(*words), wanted, text)


def help_everywhere():
    """-h, --help and help CMD say the same, run nothing and write nothing."""
    whole = case.run('--help')
    case.check('symfast --help', whole.returncode == 0 and 'Subcommands:' in whole.stdout, whole)
    for words in (['-h'], ['help'], ['help', '-h']):
        done = case.run(*words)
        case.check(f'symfast {" ".join(words)} is --help', (done.returncode, done.stdout) == (0, whole.stdout), done)
    for name in re.findall(r'^  (\w+) ', whole.stdout.split('Subcommands:')[1].split('Each has')[0], re.M):
        own = case.run(name, '--help')
        case.check(f'{name} --help', own.returncode == 0 and f'symfast {name}' in own.stdout, own)
        for words in ([name, '-h'], ['help', name], [name, '-h', '--', '/bin/false']):
            done = case.run(*words)
            case.check(f'{" ".join(words)} is its --help', (done.returncode, done.stdout) == (0, own.stdout), done)


preloads()
command()
help_everywhere()
with case.workshop() as place:
    errors(place)
case.end()
