#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The size of a page is asked for (SF_SYS_PAGE), not known: 4096 and its like in shim/ are listed here, with why.

pages.py ROOT              checks the sources of ROOT
pages.py --self-test ROOT  plants one, takes one away, and sees both found
"""
import os
import re
import sys

CONSTANT = re.compile(r'\b(4096|4095|0xfff|0x1000)[uUlL]*\b|(<<|>>)\s*12\b|\bgetpagesize\b')
# What is no page by its form: the kernel's errors, room for text, a limit by its name.
OTHER = re.compile(r'-409[56]\b|\bchar [^;]*\[4096\]|#define\s+\w*(MAX\w*|MOST|BYTES|ROOM|SETS|HITS|OFTEN|TRIES|NOTE)\s|'
                   r'\bsf_bytes_length\(|SIZE_MAX_WALK|STATX_')
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*', re.S)
SMALLEST = 'a limit that a page of any size is a multiple of'
# File: how many lines have one, and why they may.
JUSTIFIED = {
    'base/attr.h': (1, 'no program has anything in the first 4 KiB'),
    'base/bytes_wide.h': (2, SMALLEST),
    'base/sys.c': (1, 'until AT_PAGESZ is known'),
    'base/sys.h': (1, 'x86-64 has no other'),
    'cli/base/proc.c': (1, 'room that grows'),
    'cli/sample/sample_shot.c': (1, SMALLEST),
    'cli/sample/sample_unwind.c': (1, 'no code lies in the first 4 KiB'),
    'go/leaf.h': (1, 'x86-64 has no other'),
    'libc/aarch64/patched.c': (2, 'what adrp counts in, and the 12 bits of add'),
    'image/go_arm64_modules.c': (2, 'what adrp counts in'),
    'image/go_words.h': (2, 'the 12 bits of add and ldr'),
    'libc/wording.c': (2, 'what adrp counts in, and the 12 bits of add'),
    'map/cell.h': (1, SMALLEST),
    'map/layout.c': (1, 'where arrays begin'),
    'observe/segment.c': (1, SMALLEST),
    'observe/segment.h': (1, 'x86-64 has no other'),
    'observe/settings.c': (1, 'one in so many look-ups'),
}


def code_of(text):
    """Without comments, line for line, and without what strings say."""
    text = COMMENT.sub(lambda m: '\n' * m[0].count('\n'), text)
    return re.sub(r'"(\\.|[^"\\\n])*"', '""', text)


def found_in(root):
    found = {}
    for folder, _, names in os.walk(os.path.join(root, 'shim')):
        for name in names:
            path = os.path.join(folder, name)
            if not name.endswith(('.c', '.h', '.S')):
                continue
            with open(path, encoding='utf-8') as f:
                lines = [line for line in code_of(f.read()).splitlines()
                         if CONSTANT.search(line) and not OTHER.search(line)]
            if lines:
                found[os.path.relpath(path, os.path.join(root, 'shim'))] = lines
    return found


def faults(found, justified):
    for path in sorted(set(found) | set(justified)):
        lines, expected = found.get(path, []), justified.get(path, (0, ''))[0]
        if len(lines) > expected:
            yield f'shim/{path}: {len(lines)} lines with the size of a page, {expected} are known: ' + \
                ' | '.join(line.strip() for line in lines) + ' (SF_SYS_PAGE, or say why in tests/pages.py)'
        elif len(lines) < expected:
            yield f'shim/{path}: {expected} lines were known, {len(lines)} are left: take them off the list'


def main():
    root = sys.argv[-1]
    found = found_in(root)
    if sys.argv[1] == '--self-test':
        more, less = dict(found), dict(found)
        more['map/arena.c'] = found.get('map/arena.c', []) + ['#define PAGE 4096u']
        less.pop(next(iter(JUSTIFIED)))
        return 0 if list(faults(more, JUSTIFIED)) and list(faults(less, JUSTIFIED)) else 1
    bad = list(faults(found, JUSTIFIED))
    print('\n'.join(bad) or f'{sum(map(len, found.values()))} lines, all known')
    return 1 if bad else 0


sys.exit(main())
