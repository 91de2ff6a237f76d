#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every subcommand has its page, every option stands in it, and the pages are well-formed."""
import os
import re
import shutil
import subprocess

import case

PAGES = os.path.join(os.environ['SYMFAST_ROOT'], 'docs/man')


def subcommands():
    text = case.run('--help').stdout
    part = text[text.index('Subcommands:'):text.index('Each has')]
    return re.findall(r'^  (\w+)', part, re.M)


def options(command):
    return set(re.findall(r'--([a-z][a-z-]+)', case.run(command, '--help').stdout)) - {
        'help', 'usage', 'version'}


def page(name):
    try:
        with open(f'{PAGES}/{name}.1') as f:
            return f.read()
    except OSError:
        return ''


names = subcommands()
case.check('there are subcommands', len(names) >= 3, names)
top = page('symfast')
for name in names:
    text = page(f'symfast-{name}')
    case.check(f'symfast-{name}(1) is there, and symfast(1) names it',
               text and f'.Xr symfast-{name} 1' in top)
    for option in sorted(options(name)):
        case.check(f'symfast-{name}(1) tells --{option}',
                   re.search(rf'-{option}\b', text.replace('\\-', '-')))
    case.check(f'{name} takes --json', 'json' in options(name))
with open(f'{PAGES}/symfast.7') as f:
    settings = f.read()
for part, heading in (('settings', 'Ev'), ('counters', 'Li')):
    with open(f'{PAGES}/../{part}.md') as f:
        listed = re.findall(r'^\| `([\w.]+)` \|', f.read(), re.M)
    missing = [name for name in listed if f'.It {heading} {name}\n' not in settings]
    case.check(f'symfast(7) has all {len(listed)} {part}', len(listed) > 10 and not missing, missing)
case.check('symfast(1) names symfast(7)', '.Xr symfast 7' in top)
for file in sorted(os.listdir(PAGES)):
    case.check(f'{file} belongs to a subcommand, or to all', file in
               {'symfast.1', 'symfast.7', *(f'symfast-{name}.1' for name in names)})
    if shutil.which('mandoc'):
        done = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', f'{PAGES}/{file}'],
                              capture_output=True, text=True)
        case.check(f'mandoc finds nothing in {file}', done.returncode == 0, done.stdout)
    if shutil.which('man'):
        done = subprocess.run(['man', '--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z',
                               f'{PAGES}/{file}'], capture_output=True, text=True,
                              env=case.clean_env(LC_ALL='C.UTF-8', MANWIDTH='80'))
        warnings = [line for line in done.stderr.splitlines() if file in line or 'warning' in line]
        case.check(f'man warns of nothing in {file}', not warnings, done.stderr)
case.end()
