#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The documents: links lead somewhere, files and functions that they name are there, words are plain,
and what is written by a program (settings, counters, the drawing) is what it would write now.

docs.py ROOT           checks every Markdown file of ROOT but NEWS.md
docs.py --self-test    plants each fault and sees it found
"""
import os
import re
import subprocess
import sys
import tempfile

# What only we would call so, and the term of the field (docs/glossary.md).
PRIVATE = {r'lives': 'lifetimes', r'(?<!time to )(?<!half )life(?! of the process)': 'lifetime',
           r'(?:keep|keeps|the) books': 'reference counts', r'stands? aside': 'pass through',
           r'standing aside': 'pass through', r'beats?': 'sampling tick', r'luck': 'credit',
           r'comes? by': 'takes the slow path', r'hint table': 'cells'}
WORDS = re.compile(r'\b(?:' + '|'.join(PRIVATE) + r')\b')
LINK = re.compile(r'\]\(([^)\s]+)\)')
# `name`, `map/table.c`: the file has the name.
NAMED = re.compile(r'`(\w+)(?:\(\))?`(?:,| in) `([\w./-]+\.[chS])`')
PLACE = re.compile(r'`([\w.-]+/[\w./-]*\.(?:[chS]|py|md|map|cpp|pml))`')


def documents(root):
    for folder, dirs, names in os.walk(root):
        dirs[:] = [d for d in dirs if not d.startswith(('.', 'build'))]
        for name in names:
            if name.endswith('.md') and name != 'NEWS.md':
                yield os.path.relpath(os.path.join(folder, name), root)


def read(path):
    with open(path, encoding='utf-8', errors='replace') as f:
        return f.read()


def anchors(text):
    """As GitHub makes them of headings."""
    heads = re.findall(r'^#+ +(.*)$', text, re.M)
    return {re.sub(r'[^\w -]', '', re.sub(r'\[([^]]*)\]\([^)]*\)', r'\1', head).lower()).replace(' ', '-')
            for head in heads}


def check_links(root, path, text):
    for link in LINK.findall(text):
        if re.match(r'\w+:', link):
            continue
        file, _, anchor = link.partition('#')
        target = os.path.normpath(os.path.join(root, os.path.dirname(path), file)) if file else \
            os.path.join(root, path)
        if not os.path.exists(target):
            yield f'{path}: no such file: {link}'
        elif anchor and target.endswith('.md') and anchor not in anchors(read(target)):
            yield f'{path}: no such heading: {link}'


def find(root, path, name):
    """A file as documents name it: from the root, from shim/, or from a folder beside."""
    for start in ('', 'shim', os.path.dirname(path), 'docs', 'shim/retain', 'tests'):
        place = os.path.normpath(os.path.join(root, start, name))
        if os.path.exists(place):
            return place
    return None


def check_places(root, path, text):
    for name in sorted(set(PLACE.findall(text))):
        # A generated folder, or somebody else's source.
        if not name.startswith(('/', 'build', 'elf/', '.')) and find(root, path, name) is None:
            yield f'{path}: no such file: {name}'
    for symbol, file in NAMED.findall(text):
        place = find(root, path, file)
        if place and not re.search(r'\b' + symbol + r'\b', read(place)):
            yield f'{path}: no {symbol} in {file}'


def check_words(path, text):
    plain = re.sub(r'`[^`]*`|\]\([^)]*\)', '', re.sub(r'^```.*?^```', '', text, flags=re.S | re.M))
    for number, line in enumerate(plain.splitlines(), 1):
        for word in WORDS.findall(line):
            better = next(b for p, b in PRIVATE.items() if re.search(r'\b' + p + r'\b', line))
            yield f'{path}:{number}: "{word}": rather {better}'


def check_decisions(root):
    folder = os.path.join(root, 'docs/adr')
    if not os.path.isdir(folder):
        return
    index = read(os.path.join(folder, 'README.md'))
    for name in sorted(os.listdir(folder)):
        if name == 'README.md':
            continue
        title = read(os.path.join(folder, name)).splitlines()[0]
        found = re.match(r'# ADR (\d+): (.+)', title)
        if not found or f'| {found[1]} | [{found[2]}]({name})' not in index:
            yield f'docs/adr/README.md: not as in {name}: {title}'


def check_generated(root):
    for program in ('docs/generate', 'docs/picture'):
        if os.path.exists(os.path.join(root, program)):
            done = subprocess.run([sys.executable, os.path.join(root, program), '--check'],
                                  capture_output=True, text=True)
            if done.returncode != 0:
                yield f'{done.stdout}{done.stderr}'.strip()


def faults(root):
    for path in sorted(documents(root)):
        text = read(os.path.join(root, path))
        yield from check_links(root, path, text)
        yield from check_places(root, path, text)
        if path != 'docs/glossary.md':
            yield from check_words(path, text)
    yield from check_decisions(root)
    yield from check_generated(root)


PLANTED = {
    '': 'See [b](docs/b.md#a-heading), `map/low.c`, `low`, `map/low.c`, time to live.\n',
    'no such file: docs/c.md': '[c](docs/c.md)\n',
    'no such heading: docs/b.md#other': '[b](docs/b.md#other)\n',
    'no such file: map/gone.c': 'in `map/gone.c`\n',
    'no high in map/low.c': '`high`, `map/low.c`\n',
    '"lives": rather lifetimes': 'all lives end\n',
    '"stands aside": rather pass through': 'it stands aside\n',
}


def self_test():
    for fault, text in PLANTED.items():
        with tempfile.TemporaryDirectory() as root:
            for path, content in {'README.md': text, 'docs/b.md': '# b\n## A heading\n',
                                  'shim/map/low.c': 'int low;\n'}.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), 'w', encoding='utf-8') as f:
                    f.write(content)
            found = list(faults(root))
            if len(found) != bool(fault) or not all(fault in line for line in found):
                sys.exit(f'self-test: planted "{fault}", found {found}')
            print(f'self-test: {fault or "nothing"}: found {found}')


def main():
    if sys.argv[1:] == ['--self-test']:
        return self_test()
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = list(faults(sys.argv[1]))
    if found:
        sys.exit('\n'.join(found))
    print('links, files, functions and words of the documents are right')
    return None


if __name__ == '__main__':
    main()
