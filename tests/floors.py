#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The floors of the house: who may include and call whom, and the form of every source file.

floors.py [--format] ROOT BUILD   checks the sources of ROOT and the objects of BUILD;
                                  --format: what clang-format would change is a fault, too
floors.py --self-test CC...       plants each violation and sees it found

A file may use its own floor and lower ones. Checked: includes, undefined symbols of the built
objects, circles of includes, circles of calls between the files of a floor, functions without
their file's name as prefix, file names that occur twice, SPDX lines, file lengths, where the environment is read, formatting.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

FLOORS = {'base': 0, 'image': 1, 'libc': 2, 'observe': 3, 'map': 4, 'retain': 5, 'rollout': 6,
          'go': 7, 'report': 8, 'entry': 9, 'cli': 10}
# The program has the formats and readers, not the map of a process it is not in.
CLI_MAY = {'cli', 'base', 'observe', 'image', 'include'}
PUBLIC_MAY = {'entry', 'cli', 'include', 'observe'}
# load.c reads none of it: it hands it to constructors, as libc does.
READS_ENVIRONMENT = {'shim/observe/settings.c', 'shim/entry/init.c', 'shim/retain/load.c'}
# Circles of calls that are known. A circle may lose files, and none may come: what is no circle any more
# has to be taken out here.
CIRCLES = [
]
# The rooms of shim/cli, which use those before them.
CLI_ROOMS = ['base', 'segment', 'doctor', 'sites', 'sample', 'ab', 'page', 'metrics', 'commands']
# Functions whose names are given: by libc, by who calls them, by xxHash, by a sanitizer.
NAMES_GIVEN = {'main', 'memcpy', 'memmove', 'memset', 'memcmp', 'asan', 'tsan'}
PREFIXES_GIVEN = ('sf_', 'symfast', 'XXH', '_', '$')
# The same name in the folder of each CPU is one name.
CPUS = {'aarch64', 'x86_64'}
LONG, TOO_LONG = 450, 600
FORMAT_RELEASE = 14
SPDX = re.compile(r'SPDX-License-Identifier: BSD-2-Clause')
SOURCE = ('.c', '.h', '.S')
SCRIPT = ('.py', '.sh', '.build', '.awk', '.rb', '.lua', '.go')
FREE = {'LICENSE', 'README.md', 'NEWS.md'}


def tracked(root):
    """What git would take; without git, or outside a clone, all but what is built."""
    try:
        # A checkout may belong to another user than the one who runs the tests.
        done = subprocess.run(['git', '-c', 'safe.directory=*', '-C', root, 'ls-files', '-co',
                               '--exclude-standard'], capture_output=True, text=True)
        if done.returncode == 0 and done.stdout:
            return [name for name in done.stdout.splitlines() if os.path.isfile(f'{root}/{name}')]
    except FileNotFoundError:
        pass
    return [path for path in (os.path.relpath(os.path.join(folder, name), root)
                              for folder, _, names in os.walk(root) for name in names)
            if not re.match(r'\.git/|build|(.*/)?__pycache__/', path)]


def lines_of(root, path):
    with open(os.path.join(root, path), encoding='utf-8', errors='replace') as f:
        return f.read().splitlines()


def floor_of(path):
    """The room of shim/ROOM/..., or include; None for files outside both."""
    words = path.split('/')
    if words[0] == 'include':
        return 'include'
    return words[1] if words[0] == 'shim' and len(words) > 2 else None


def may_use(user, used):
    if used == 'include':
        return user in PUBLIC_MAY
    if user == 'include':
        return False
    if user == 'cli':
        return used in CLI_MAY
    return FLOORS[used] <= FLOORS[user]


def includes(root, path, known):
    for line in lines_of(root, path):
        found = re.match(r'\s*#\s*include\s+(?:"([^"]+)"|<(symfast\w*\.h)>)', line)
        if not found:
            continue
        quoted, public = found.groups()
        target = f'include/{public}' if public else os.path.normpath(
            os.path.join(os.path.dirname(path), quoted))
        if target in known:
            yield target
        elif quoted:
            beside = [name for name in (f'shim/{quoted}', f'include/{quoted}') if name in known]
            yield from beside


def cli_room(path):
    """The number of the room of shim/cli that a file is in; -1 outside of it, len(CLI_ROOMS): in none."""
    words = path.split('/')
    if words[:2] != ['shim', 'cli']:
        return -1
    return CLI_ROOMS.index(words[2]) if words[2] in CLI_ROOMS else len(CLI_ROOMS)


def check_includes(root, sources):
    graph = {path: list(includes(root, path, set(sources))) for path in sources}
    for path, targets in graph.items():
        for target in targets:
            user, used = floor_of(path), floor_of(target)
            if user not in FLOORS and user != 'include':
                yield f'{path}: shim/{user} is no floor of the house'
            elif not may_use(user, used):
                yield f'{path} includes {target}: {user} may not use {used}'
            elif user == 'cli' and cli_room(target) > cli_room(path):
                yield f'{path} includes {target}: that room is above'
        if cli_room(path) == len(CLI_ROOMS):
            yield f'{path}: in no room of shim/cli'
    yield from circles(graph)


def circles(graph):
    state = {}

    def visit(path, way):
        state[path] = 'open'
        for target in graph[path]:
            if state.get(target) == 'open':
                found = way[way.index(target):] if target in way else [path]
                yield f'circle of includes: {" -> ".join([*found, target])}'
            elif target not in state:
                yield from visit(target, [*way, target])
        state[path] = 'done'

    for path in graph:
        if path not in state:
            yield from visit(path, [path])


def objects(build):
    """(room, object file) of the library's own objects, and of the archives linked whole."""
    for folder, _, names in os.walk(os.path.join(build, 'shim')):
        inside = os.path.relpath(folder, os.path.join(build, 'shim')).split('/')
        for name in names:
            if not name.endswith('.o'):
                continue
            # Meson: shim/map/table.c is map_table.c.o; declared in the room itself, its folder names the room.
            room = inside[0] if inside[0] in FLOORS else name.split('_')[0]
            if room not in FLOORS:
                room = None
            yield room, os.path.join(folder, name)


def source_of(room, path):
    """The source file of an object, as far as its name tells it: room/file.c."""
    name = os.path.basename(path)[:-len('.o')]
    return f'{room}/{name[len(room) + 1:] if name.startswith(room + "_") else name}'


def object_symbols(path):
    """What an object defines and what it takes; and its functions, static ones too."""
    defined, undefined, functions = set(), set(), set()
    nm = os.environ.get('NM', 'nm')
    text = subprocess.run([nm, path], check=True, capture_output=True, text=True).stdout
    for line in text.splitlines():
        kind, name = line.split()[-2:]
        if kind == 'U':
            undefined.add(name)
        elif kind.isupper():
            defined.add(name)
        if kind in 'tTi':
            functions.add(name)
    return defined, undefined, functions


def check_prefixes(room, file, functions, given):
    """A function begins with its file's name, or that of a header of its room, which it comes from."""
    stem = re.sub(r'\.[cS]$', '', file.split('/')[1])
    if room == 'cli':
        words = stem.split('_', 1)
        prefixes = {words[0], words[-1]}
    else:
        prefixes = {re.sub(f'^({"|".join(CPUS)})_', '', stem)} | given.get(room, set())
    for name in functions:
        word = name.split('.')[0]
        if not (word in NAMES_GIVEN | given['exported'] | prefixes or
                word.startswith((*PREFIXES_GIVEN, *(f'{prefix}_' for prefix in prefixes)))):
            yield f'{file}: {name} has no prefix: a core dump does not tell whose it is'


def names_given(root, sources):
    """The names that the library exports; and the headers of each room."""
    given = {'exported': set()}
    for path in sources:
        if path.startswith('shim/') and path.endswith('.h'):
            given.setdefault(floor_of(path), set()).add(os.path.basename(path)[:-len('.h')])
    if os.path.exists(f'{root}/shim/symfast.map'):
        text = '\n'.join(lines_of(root, 'shim/symfast.map'))
        given['exported'].update(re.findall(r'\b\w+(?=;)', text))
    return given


def check_symbols(build, given):
    rooms, owners, wanted, graph = {}, {}, [], {}
    for room, path in objects(build):
        if room is None:
            yield f'{path}: of no floor'
            continue
        file = source_of(room, path)
        defined, undefined, functions = object_symbols(path)
        yield from check_prefixes(room, file, functions, given)
        rooms.update({name: room for name in defined})
        owners.update({(room, name): file for name in defined})
        wanted += [(room, name, file) for name in undefined]
        graph.setdefault(file, {})
    if not graph:
        yield f'{build}: no objects of shim/'
    for room, name, file in wanted:
        owner = owners.get((room, name))
        if owner not in (None, file):
            graph[file].setdefault(owner, name)
        used = rooms.get(name)
        # The program is linked without the library: a wrapped name in it is libc's own.
        if room == 'cli' and not name.startswith('sf_'):
            continue
        if used and not may_use(room, used):
            yield f'{file} uses {name}: {room} may not use {used}'
    yield from check_calls(graph)


def reached(graph, file):
    seen, todo = set(), [file]
    while todo:
        new = [name for name in graph[todo.pop()] if name not in seen]
        seen.update(new)
        todo += new
    return seen


def check_calls(graph):
    """Circles of calls: files that reach each other by the symbols that they take."""
    reach = {file: reached(graph, file) for file in graph}
    found = {frozenset(other for other in reach[file] if file in reach[other])
             for file in graph if file in reach[file]}
    for circle in sorted(found, key=sorted):
        if not any(circle <= known for known in CIRCLES):
            ways = [f'{file} -> {other} by {graph[file][other]}' for file in sorted(circle)
                    for other in sorted(circle & graph[file].keys())]
            yield f'circle of calls: {", ".join(ways)}'
    for known in CIRCLES:
        if known & graph.keys() and not any(circle <= known for circle in found):
            yield f'no circle of calls any more, to be taken out of CIRCLES: {sorted(known)}'


def check_names(sources):
    """A file's name says which file it is."""
    first = {}
    for path in sources:
        folder, name = os.path.split(path)
        if os.path.basename(folder) in CPUS:
            folder = os.path.dirname(folder)
        other = first.setdefault(name, folder)
        if other != folder:
            yield f'{path}: the name occurs twice, in {other}, too'


def is_text_of_ours(root, path):
    if os.path.basename(path) in FREE or path.endswith(SOURCE + SCRIPT):
        return path.endswith(SOURCE + SCRIPT)
    if os.access(os.path.join(root, path), os.X_OK):
        lines = lines_of(root, path)
        return bool(lines) and lines[0].startswith('#!')
    return False


def check_form(root, files, say):
    for path in files:
        if not is_text_of_ours(root, path):
            continue
        lines = lines_of(root, path)
        # The second line where an interpreter or a linter has a word first.
        if not any(SPDX.search(line) for line in lines[:2]):
            yield f'{path}: no SPDX line at the top'
        if len(lines) > TOO_LONG:
            yield f'{path}: {len(lines)} lines, more than {TOO_LONG}'
        elif len(lines) > LONG:
            say(f'note: {path}: {len(lines)} lines')
        if path.startswith('shim/') and path.endswith(SOURCE) and path not in READS_ENVIRONMENT:
            code = re.sub(r'//.*', '', '\n'.join(lines))
            found = re.search(r'\b(?:secure_)?getenv\b|\benviron\b|/proc/self/environ', code)
            if found and not path.startswith('shim/cli/'):
                yield f'{path} reads the environment: {found.group(0)}'


def check_format(root, sources, say):
    program = shutil.which('clang-format')
    if not program:
        say('note: clang-format is not installed, form not checked')
        return
    # Releases disagree on details; .clang-format was tuned with this one.
    version = subprocess.run([program, '--version'], capture_output=True, text=True).stdout
    if f'version {FORMAT_RELEASE}.' not in version:
        say(f'note: not clang-format {FORMAT_RELEASE}, form not checked: {version.strip()}')
        return
    formed = [path for path in sources if path.endswith(('.c', '.h'))]
    done = subprocess.run([program, '--dry-run', '-Werror', '--style=file', *formed], cwd=root,
                          capture_output=True, text=True)
    where = re.findall(r'^(\S+?):\d+:\d+: error', done.stderr, re.M)
    for path in sorted(set(where)):
        yield f'{path}: not as clang-format would have it, {where.count(path)} places'


def faults(root, build, say=print, formatted=False):
    files = tracked(root)
    sources = [path for path in files if path.startswith(('shim/', 'include/'))
               and path.endswith(SOURCE)]
    out = [*check_includes(root, sources), *check_symbols(build, names_given(root, sources)),
           *check_form(root, files, say),
           *check_names(sources)]
    formed = [path for path in files if path.startswith(('shim/', 'include/', 'tests/', 'demo/'))]
    format_faults = list(check_format(root, formed, say))
    if formatted:
        return out + format_faults
    if format_faults:
        say(f'note: {len(format_faults)} files are not as clang-format would have them')
    return out


# What a planted tree holds, and what must be said of it. The first is a tree without fault.
HEAD = '// SPDX-License-Identifier: BSD-2-Clause\n'
PLAIN = {'shim/base/low.h': HEAD + 'int sf_low(void);\n',
         'shim/base/low.c': HEAD + '#include "low.h"\nint sf_low(void)\n{\n\treturn 1;\n}\n',
         'shim/map/high.h': HEAD + 'int sf_high(void);\n',
         'shim/map/high.c': HEAD + '#include "high.h"\n#include "../base/low.h"\n'
                                   'int sf_high(void)\n{\n\treturn sf_low();\n}\n'}
PLANTED = {
    'nothing': {},
    'base may not use map': {'shim/base/bad.c': HEAD + '#include "../map/high.h"\n'},
    'low.c uses sf_high': {'shim/base/low.c': HEAD + 'int sf_high(void);\nint sf_low(void)\n{\n'
                                                       '\treturn sf_high();\n}\n'},
    'circle of includes': {'shim/map/a.h': HEAD + '#include "b.h"\n',
                           'shim/map/b.h': HEAD + '#include "a.h"\n'},
    'circle of calls: map/high.c -> map/other.c by sf_other, map/other.c -> map/high.c by sf_high': {
        'shim/map/high.c': HEAD + 'int sf_other(void);\nint sf_high(void)\n{\n'
                                  '\treturn sf_other();\n}\n',
        'shim/map/other.c': HEAD + 'int sf_high(void);\nint sf_other(void)\n{\n'
                                   '\treturn sf_high();\n}\n'},
    'nothing but a circle that is known': {
        'shim/map/cell.c': HEAD + 'int sf_known(void);\nint sf_cell(void)\n{\n'
                                  '\treturn sf_known();\n}\n',
        'shim/map/known.c': HEAD + 'int sf_cell(void);\nint sf_known(void)\n{\n'
                                   '\treturn sf_cell();\n}\n'},
    'map/high.c: nobody has no prefix': {
        'shim/map/high.c': HEAD + 'static int __attribute__((noinline)) nobody(void)\n{\n\treturn 1;\n}\n'
                                  'int sf_high(void)\n{\n\treturn nobody();\n}\n'},
    'that room is above': {'shim/cli/base/low_down.h': HEAD + '#include "../page/page.h"\n',
                           'shim/cli/page/page.h': HEAD},
    'in no room of shim/cli': {'shim/cli/loose.h': HEAD},
    'to be taken out of CIRCLES': {'shim/map/cell.c': HEAD + 'int sf_cell(void)\n{\n\treturn 1;\n}\n'},
    'the name occurs twice': {'shim/map/low.h': HEAD + 'int sf_low_again(void);\n'},
    'no SPDX line': {'shim/map/bare.h': 'int x;\n'},
    'more than 600': {'shim/map/long.h': HEAD + 'int x;\n' * TOO_LONG},
    'reads the environment': {'shim/map/env.h': HEAD + 'char *x(void) { return getenv("X"); }\n'},
    'is no floor': {'shim/attic/old.c': HEAD + '#include "../base/low.h"\n'},
    'map may not use include': {'shim/map/pub.c': HEAD + '#include <symfast.h>\n',
                                'include/symfast.h': HEAD},
    'cli may not use map': {'shim/cli/commands/main.c': HEAD + '#include "../../map/high.h"\n'},
}


def build_planted(root, compiler):
    out = os.path.join(root, 'build/shim/libsymfast.so.p')
    os.makedirs(out)
    for path in ('base/low.c', 'map/high.c', 'map/other.c', 'map/cell.c', 'map/known.c'):
        if not os.path.exists(os.path.join(root, 'shim', path)):
            continue
        subprocess.run([*compiler, '-w', '-c', os.path.join(root, 'shim', path), '-o',
                        os.path.join(out, path.replace('/', '_') + '.o')], check=True)
    return os.path.join(root, 'build')


def self_test(compiler):
    CIRCLES[:] = [{'map/cell.c', 'map/known.c', 'map/more.c'}]
    for what, files in PLANTED.items():
        with tempfile.TemporaryDirectory() as root:
            for path, text in {**PLAIN, **files}.items():
                place = os.path.join(root, path)
                os.makedirs(os.path.dirname(place), exist_ok=True)
                with open(place, 'w') as f:
                    f.write(text)
            bad = faults(root, build_planted(root, compiler), say=lambda line: None)
            hit = not bad if what.startswith('nothing') else any(what in line for line in bad)
            if not hit or len(bad) > 1:
                sys.exit(f'self-test: planted "{what}", found {bad}')
            print(f'self-test: {what}: found {bad}')


def main():
    words = [word for word in sys.argv[1:] if word != '--format']
    if words[:1] == ['--self-test']:
        return self_test(words[1:])
    if len(words) != 2:
        sys.exit(__doc__)
    bad = faults(words[0], words[1], formatted='--format' in sys.argv)
    if bad:
        sys.exit('\n'.join(bad))
    print('every file uses its own floor and lower ones')
    return 0


if __name__ == '__main__':
    sys.exit(main())
