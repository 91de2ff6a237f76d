#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""meson install: what must lie where, and what of it must work from there."""
import os
import re
import shutil
import subprocess
import sys

import case


def tree(folder):
    return sorted(os.path.relpath(os.path.join(where, name), folder)
                  for where, _, names in os.walk(folder) for name in names)


def output(*command, **extra):
    return subprocess.run(command, capture_output=True, text=True, env=case.clean_env(**extra))


def installed(build, folder):
    done = output('meson', 'install', '-C', build, '--no-rebuild', '--quiet',
                  DESTDIR=folder)
    case.check('meson install', done.returncode == 0, done.stdout + done.stderr)
    return tree(folder)


def one(files, pattern):
    found = [name for name in files if re.search(pattern, name)]
    case.check(f'one {pattern}', len(found) == 1, found)
    return found[0] if found else ''


def contents(folder, files):
    library = one(files, r'/lib(64|32)?/(.*/)?libsymfast\.so$')
    program = one(files, r'/bin/symfast$')
    one(files, r'/include/symfast\.h$')
    one(files, r'/include/symfast_shm\.h$')
    one(files, r'/pkgconfig/symfast\.pc$')
    pages = [name for name in files if re.search(r'/man/man1/symfast(-\w+)?\.1$', name)]
    case.check('a page for the program and each subcommand', len(pages) >= 4, pages)
    others = [one(files, pattern) for pattern in (
        r'/man/man7/symfast\.7$', r'/bash-completion/completions/symfast$', r'/zsh/site-functions/_symfast$',
        r'/fish/vendor_completions\.d/symfast\.fish$')]
    documents = [name for name in files if '/share/doc/symfast/' in name]
    for wanted in ('README.md', 'LICENSE', 'settings.md', 'counters.md', 'rollout.md', 'deploy/prometheus/rules.yml',
                   'deploy/grafana/symfast.json', 'deploy/kubernetes/deployment.yaml',
                   'deploy/kubernetes/component/pieces.yaml', 'deploy/oci/build', 'deploy/systemd/symfast.conf'):
        one(documents, f'/share/doc/symfast/{re.escape(wanted)}$')
    case.check('documents alone', all(re.search(r'(\.(md|svg|ya?ml|json|conf|service|timer|spec|rpmlintrc)|oci/build|oci/copy\.c|LICENSE)$', name)
                                      for name in documents), documents)
    units = [name for name in files if '/lib/systemd/system/' in name]
    installed_units(folder, units, f'/{program}')
    rest = set(files) - set(pages) - set(others) - set(documents) - set(units)
    case.check('nothing else', len(rest) == 5, rest)
    return f'{folder}/{library}', f'{folder}/{program}'


def installed_units(folder, units, program):
    """They start the program where it has been installed."""
    case.check('the units', len(units) == 4, units)
    for name in units:
        with open(f'{folder}/{name}') as f:
            text = f.read()
        case.check(f'{os.path.basename(name)} starts the installed program', name.endswith('.timer') or
                   f'\nExecStart={program} ' in text, text)
    if not case.needs('systemd-analyze', 'systemd'):
        return
    # Below DESTDIR the program is not where they say.
    for name in units:
        with open(f'{folder}/{name}') as f:
            text = f.read()
        with open(f'{folder}/{name}', 'w') as f:
            f.write(text.replace(f'={program} ', f'={folder}{program} '))
    done = output('systemd-analyze', 'verify', '--man=no', *(f'{folder}/{name}' for name in units))
    case.check('systemd-analyze verify of what is installed', done.returncode == 0 and 'symfast' not in done.stderr, done)


def works(folder, library, program):
    text = output('readelf', '-dW', library).stdout
    case.check('soname libsymfast.so', '[libsymfast.so]' in text, text)
    # By bare name, as after ldconfig: the loader looks in the library's own folder.
    done = output('grep', '-c', 'libsymfast', '/proc/self/maps', LD_PRELOAD='libsymfast.so',
                  LD_LIBRARY_PATH=os.path.dirname(library))
    case.check('LD_PRELOAD=libsymfast.so by bare name', done.returncode == 0, done)
    done = output(program, '--version')
    case.check('the program tells its version', re.fullmatch(r'symfast \d+\.\d+\.\d+\n',
                                                             done.stdout), done)
    version = done.stdout.split()[-1]
    done = output('pkg-config', '--modversion', 'symfast', PKG_CONFIG_PATH=pkg_folder(folder))
    case.check('pkg-config knows the version', done.stdout.strip() == version, done)
    done = output('pkg-config', '--variable=preload', 'symfast',
                  PKG_CONFIG_PATH=pkg_folder(folder))
    case.check('and what to preload', folder + done.stdout.strip() == library, done)
    headers(folder)


def token(folder, library, program):
    """symfast run names the library by $LIB, which each child's ld.so reads as its own folder."""
    prefix = os.path.dirname(os.path.dirname(program))
    wanted = f'{prefix}/$LIB/libsymfast.so'
    libc = [line.split()[-1] for line in open('/proc/self/maps') if re.search(r'/libc(-2\.\d+\.so|\.so\.6)$', line)][0]
    if not os.path.dirname(library).endswith(re.sub('^/usr/', '/', os.path.dirname(libc))):
        print('SKIP: not installed where libc lies below its prefix')
        return
    done = output(program, 'run', '-n')
    case.check('symfast run names it by $LIB', done.stdout == f'LD_PRELOAD={wanted}\n', done.stdout + done.stderr)
    done = output(program, 'run', '--', 'sh', '-c', 'echo "$LD_PRELOAD"; exec grep -c libsymfast /proc/self/maps')
    case.check('which is the file', done.returncode == 0 and done.stdout.startswith(wanted) and not done.stderr,
               done.stdout + done.stderr)
    other = case.compile_32(folder, 'guest', '', '-pie', '-Wl,--dynamic-linker=/lib/ld-linux.so.2')
    if other:
        done = output(program, 'run', '--', other)
        case.check("a 32-bit child: ld.so's own line, and it runs", (done.returncode, done.stdout) == (5, 'ready\n') and
                   len(done.stderr.splitlines()) == 1 and f"ld.so: object '{wanted}'" in done.stderr, done)
    if shutil.which('musl-gcc'):
        source = f'{folder}/musl.c'
        with open(source, 'w') as f:
            f.write('#include <stdio.h>\nint main(void) { return puts("ready") < 0 ? 1 : 5; }\n')
        subprocess.run(['musl-gcc', source, '-o', f'{folder}/musl'], check=True)
        done = output(program, 'run', '--', f'{folder}/musl')
        case.check('a child of musl runs, in silence', (done.returncode, done.stdout, done.stderr) == (5, 'ready\n', ''), done)
    os.rename(library, library + '.away')
    done = output(program, 'run', '-n')
    case.check('without the file no token', '$LIB' not in done.stdout, done)
    os.rename(library + '.away', library)


def pkg_folder(folder):
    return next(where for where, _, names in os.walk(folder) if 'symfast.pc' in names)


def headers(folder):
    include = next(where for where, _, names in os.walk(folder) if 'symfast.h' in names)
    for compiler, name in (('cc', 'h.c'), ('c++', 'h.cc')):
        source = f'{folder}/{name}'
        with open(source, 'w') as f:
            f.write('#include <symfast.h>\n#include <symfast_shm.h>\n'
                    'int main(void) { return sizeof(struct symfast_shm_header) == 0; }\n')
        done = output(compiler, '-Wall', '-Wextra', '-Werror', f'-I{include}', source, '-o',
                      source + '.out')
        case.check(f'the headers compile with {compiler}', done.returncode == 0, done.stderr)


def exports(library, root):
    with open(f'{root}/shim/symfast.map') as f:
        allowed = set(re.findall(r'\b[\w*]+(?=;)', f.read().split('local:')[0]))
    names = {line.split()[-1] for line in output('nm', '-D', '--defined-only', library)
             .stdout.splitlines()}
    extra = {name for name in names if name not in allowed and not name.startswith('symfast_')}
    case.check('only the intended names are exported', names and not extra, extra)


with case.workshop() as place:
    found = installed(sys.argv[1], place)
    its_library, its_program = contents(place, found)
    works(place, its_library, its_program)
    token(place, its_library, its_program)
    exports(its_library, os.environ['SYMFAST_ROOT'])
case.end()
