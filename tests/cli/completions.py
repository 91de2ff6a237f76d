#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Completions: each shell takes its file, and offers every subcommand and every option of the program.

completions.py FOLDER      where symfast.bash, symfast.zsh and symfast.fish are
"""
import os
import re
import shutil
import subprocess
import sys

import case

FOLDER = os.path.abspath(sys.argv[1])
CLI_FOLDER = os.path.dirname(os.path.realpath(case.CLI))
BASH = '''source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _symfast; printf '%s\\n' "${COMPREPLY[@]}"'''


def environment(folder):
    return case.clean_env(SYMFAST_SHM_DIR=folder, PATH=f'{CLI_FOLDER}:{os.environ["PATH"]}', HOME=folder)


def bash(folder, *words):
    done = subprocess.run(['bash', '--norc', '-c', BASH, 'x', f'{FOLDER}/symfast.bash', *words], text=True,
                          capture_output=True, env=environment(folder), cwd=folder)
    return done.stdout.split() + done.stderr.splitlines()


def fish(folder, *words):
    line = ' '.join(words)
    done = subprocess.run(['fish', '-N', '-c', f"source {FOLDER}/symfast.fish; complete -C '{line}'"], text=True,
                          capture_output=True, env=environment(folder), cwd=folder)
    return [row.split('\t')[0] for row in done.stdout.splitlines()] + done.stderr.splitlines()


def options(command):
    return sorted(set(re.findall(r'--[a-z][a-z-]+', case.run(command, '--help').stdout.split('\n\n', 1)[1])) -
                  {'--version'})


def offers(shell, ask, folder, commands, pid):
    rows = [('subcommands', ['symfast', ''], commands + ['help']), ('a beginning', ['symfast', 'sta'], ['stat']),
            ('help', ['symfast', 'help', ''], commands), ('modes', ['symfast', 'run', '--mode', 'ver'],
                                                          ['verify', 'verify:1/1024']),
            ('processes', ['symfast', 'stat', str(pid)], [str(pid)]),
            ('the second word', ['symfast', 'ctl', str(pid), 'ob'], ['observe']),
            ('files', ['symfast', 'doctor', 'prog'], ['program'])]
    for what, words, wanted in rows:
        found = ask(folder, *words)
        case.check(f'{shell}: {what}', set(wanted) <= set(found) and (words[-1] == '' or len(found) == len(wanted)),
                   f'{words}: {found}, not {wanted}')
    for command in commands:
        if command == 'run':  # a shell offers options only where no word stands yet
            continue
        found = {re.sub(r'=$', '', one) for one in ask(folder, 'symfast', command, '--')}
        missing = set(options(command)) - found
        case.check(f'{shell}: every option of {command}', not missing and len(found) > 1, f'{missing} not in {found}')


def same_tables():
    """What --help tells and what the tables tell are one."""
    for command in COMMANDS:
        rows = [line.split('\t') for line in case.run(command, '--print-table').stdout.splitlines()]
        named = {f'--{row[0]}' for row in rows if len(row) > 1 and row[0]}
        case.check(f'the table of {command} has what --help has', named | {'--help', '--usage'} == set(options(command)),
                   f'{named} {options(command)}')


COMMANDS = re.findall(r'^  (\w+) ', case.run('--help').stdout.split('Subcommands:')[1].split('Each has')[0], re.M)
case.check('there are subcommands', len(COMMANDS) >= 3, COMMANDS)
same_tables()
with case.workshop() as place, case.Made(place) as made:
    open(f'{place}/program', 'w').close()
    offers('bash', bash, place, COMMANDS, made.pid)
    if case.needs('fish', 'fish') and subprocess.run(['fish', '-N', '-c', 'true'], capture_output=True, check=False).returncode:
        print('SKIP: this fish reads the settings of whoever runs it (-N: fish 3.4)')
    elif shutil.which('fish'):
        case.check('fish: no fault in it', not subprocess.run(
            ['fish', '-N', f'{FOLDER}/symfast.fish'], capture_output=True, text=True, env=environment(place)).stderr)
        offers('fish', fish, place, COMMANDS, made.pid)
    if case.needs('zsh', 'zsh'):
        case.check('zsh: no fault in it', not subprocess.run(
            ['zsh', '-f', '-n', f'{FOLDER}/symfast.zsh'], capture_output=True, text=True).stderr)
        with open(f'{FOLDER}/symfast.zsh', encoding='utf-8') as f:
            text = f.read()
        for name in COMMANDS:
            part = text[text.index(f'\n\t{name})\n'):].split(';;')[0]
            case.check(f'zsh: every option of {name}', all(f"'{option}" in part for option in options(name)), part)
case.end()
