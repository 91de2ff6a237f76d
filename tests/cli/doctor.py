#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""symfast doctor: programs of every kind, live processes, files that lie: what must be said."""
import glob
import os
import pty
import shutil
import struct
import subprocess

import case

MAIN = 'int main(void) { return 0; }\n'
LOOKS_UP = '#include <dlfcn.h>\nint main(void) { return dlsym(RTLD_DEFAULT, "x") != 0; }\n'
WAITS = '#include <unistd.h>\nint main(void) { puts("ready"); pause(); }\n'
FILTERED = r'''
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(void)
{
	struct sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
	struct sock_fprog program = {1, &allow};
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0)) return 1;
	puts("ready");
	fflush(stdout);
	pause();
}
'''

# name, source, flags of cc, exit status, findings that must be there, words of their text
NOTHING = 5  # could be served, but there is nothing to gain
KINDS = [
    ('plain', MAIN, [], NOTHING, ['ok:libc'], 'glibc'),
    ('looks-up', LOOKS_UP, [], 0, ['ok:libc'], ''),
    ('static', MAIN, ['-static'], 1, ['stop:static'], 'LD_PRELOAD has no effect'),
    ('static-pie', MAIN, ['-static-pie'], 1, ['stop:static'], ''),
    ('no-pie', LOOKS_UP, ['-no-pie'], 0, ['ok:libc'], ''),
    ('no-pie-lazy', LOOKS_UP, ['-no-pie', '-Wl,-z,lazy'], 0, ['ok:libc'], ''),
    ('packed', LOOKS_UP, ['-Wl,-z,pack-relative-relocs'], 0, ['ok:libc'], ''),
    ('sysv', LOOKS_UP, ['-Wl,--hash-style=sysv'], 0, ['ok:libc'], ''),
    ('symbolic', LOOKS_UP, ['-Wl,-Bsymbolic', '-shared', '-fPIC', '-Wl,-soname,x',
                            '-Wl,--dynamic-linker=/lib64/ld-linux-x86-64.so.2'], 0,
     ['note:symbolic'], ''),
    ('musl', MAIN, ['-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1'], 1, ['stop:musl'], 'musl'),
    ('audited', MAIN, ['-Wl,--audit=x.so'], 1, ['stop:audit'], 'auditor'),
    ('asan', MAIN, ['-fsanitize=address'], 0, ['warn:sanitizer'], 'must come first'),
    ('asan-static', MAIN, ['-fsanitize=address', '-static-libasan', '-rdynamic'], 0,
     ['ok:sanitizer'], 'linked in'),
]


# A shared object: source, flags, verdict, exit status, findings, words of what to expect.
PLUGIN = 'int f(void) { return 1; }\n'
OBJECTS = [
    ('plugin', PLUGIN, [], 'fresh', 0, ['note:object'], "SYMFAST_RETAIN='plugin'"),
    ('named', PLUGIN, ['-Wl,-soname,libnamed.so.1'], 'fresh', 0, [], "SYMFAST_RETAIN='libnamed.so.1'"),
    ('stripped', PLUGIN, ['-s', '-Wl,--hash-style=sysv', '-nostdlib'], 'fresh', 0, [], 'dl_iterate_phdr'),
    ('tls', '__thread int n;\nint f(void) { return n++; }\n', [], 'fresh', 0, ['warn:retain-tls'], ''),
    ('tls-static', '__thread int n;\nint f(void) { return n++; }\n', ['-ftls-model=initial-exec'], 'keep', 0, [],
     "SYMFAST_RETAIN='tls-static=keep'"),
    ('nodelete', PLUGIN, ['-Wl,-z,nodelete'], 'cannot', NOTHING, ['note:retain-nodelete'], 'never unloaded'),
    ('threads', '#include <pthread.h>\nint f(void) { return pthread_create(0, 0, 0, 0); }\n', [], 'fresh', 0,
     ['note:retain-threads'], ''),
    ('atexit', 'int __cxa_atexit(void *, void *, void *);\nint f(void) { return __cxa_atexit(0, 0, 0); }\n', [],
     'fresh', 0, ['ok:retain-atexit'], ''),
    ('thread-dtor', 'int __cxa_thread_atexit_impl(void *, void *, void *);\n'
     'int f(void) { return __cxa_thread_atexit_impl(0, 0, 0); }\n', [], 'keep', 0, [], '__cxa_thread_atexit'),
    ('ifunc', 'static int g(void) { return 1; }\nstatic void *pick(void) { return g; }\n'
     'int f(void) __attribute__((ifunc("pick")));\n', [], 'fresh', 0, ['ok:retain-ifunc'], ''),
    ('ifunc-own', 'static int g(void) { return 1; }\nstatic void *pick(void) { return g; }\n'
     'static int h(void) __attribute__((ifunc("pick")));\nint f(void) { return h(); }\n', [], 'fresh', 0,
     ['ok:retain-ifunc'], ''),
    ('libnss_mine.so.2', PLUGIN, [], 'cannot', NOTHING, [], 'cannot be'),
]


def findings(made):
    return [f'{f["level"]}:{f["id"]}' for f in made.get('findings', [])]


def text(made):
    return ' '.join(f['text'] for f in made.get('findings', []))


def examine(what, wanted, levels, words, *args, **extra):
    done = case.run('doctor', '--json', *args, **extra)
    case.status(what, done, wanted)
    made = case.document(done, 'doctor')
    have = findings(made)
    case.check(f'{what}: {" ".join(levels)} {words}', set(levels) <= set(have) and
               words in text(made), f'{have}\n{text(made)}')
    case.check(f'{what}: can_serve agrees', made.get('can_serve') is (wanted in (0, NOTHING)), made)
    return made


def kinds(folder):
    for name, source, flags, wanted, levels, words in KINDS:
        try:
            program = case.compile_c(folder, name, source, *flags)
        except subprocess.CalledProcessError:
            print(f'SKIP: {name} does not build here')
            continue
        made = examine(name, wanted, levels, words, program)
        expects = ' '.join(made.get('expect', []))
        if name == 'packed' and 'RELR' in subprocess.run(['readelf', '-V', program], capture_output=True, text=True).stdout:
            case.check('packed relocations need glibc 2.36', made['facts'].get('needs_glibc') == '2.36', made['facts'])
        if source == LOOKS_UP and name != 'symbolic':
            case.check(f'{name}: dlsym is named', any('dlsym' in i['names']
                       for i in made['imports']) and 'dlsym of a name' in expects, made)
        if name == 'plain':
            case.check('plain: nothing is promised', expects.startswith('Nothing'), expects)


def objects(folder):
    """What would retaining it do, before anyone tries? No soname is no mark of a static program."""
    for name, source, flags, verdict, wanted, levels, words in OBJECTS:
        made = examine(f'object {name}', wanted, ['note:object', *levels], '',
                       case.compile_c(folder, name, source, '-shared', '-fPIC', *flags))
        expects = ' '.join(made.get('expect', []))
        case.check(f'object {name}: {verdict}, {words}', made['facts'].get('retain') == verdict and words in expects,
                   f'{made["facts"]} {expects}')
    big = case.compile_c(folder, 'big', 'char room[1 << 20] = {1}; int f(void) { return room[5]++; }\n',
                         '-shared', '-fPIC')
    size = int(examine('object big', 0, [], '', big)['facts']['writable'].split()[0])
    case.check('object big: its writable bytes', 1 << 20 <= size < (1 << 20) + 4096, size)
    user = case.compile_c(folder, 'user', 'int g(void);\nint f(void) { return g(); }\n', '-shared', '-fPIC',
                          '-Wl,--no-as-needed', '-Wl,--allow-shlib-undefined', f'-L{folder}', '-l:tls-static',
                          f'-Wl,-rpath,{folder}')
    examine('object that needs such', 0, ['warn:retain-needs'], 'needs tls-static', user)


def rights(folder):
    program = shutil.copy(f'{folder}/plain', f'{folder}/raised')
    os.chmod(program, 0o4755)
    examine('setuid', 1, ['stop:secure'], 'setuid', program)
    os.chmod(program, 0o2755)
    examine('setgid', 1, ['stop:secure'], 'setgid', program)
    os.chmod(program, 0o755)
    examine('neither', NOTHING, [], '', program)
    if os.geteuid() == 0:
        # cap_net_raw+ep, as setcap(8) writes it
        try:
            os.setxattr(program, 'security.capability',
                        struct.pack('<IIIII', 0x02000001, 1 << 13, 0, 0, 0))
        except OSError as error:
            print(f'SKIP: no file capabilities here: {error}')
            return
        examine('file capabilities', 1, ['stop:secure'], 'capabilities', program)


def libraries(folder):
    os.makedirs(f'{folder}/deep', exist_ok=True)
    with open(f'{folder}/lib.c', 'w') as f:
        f.write('#include <dlfcn.h>\nvoid *f(void) { return dlopen(0, 2); }\n')
    lib = f'{folder}/deep/libdeep.so'
    subprocess.run(['cc', '-shared', '-fPIC', '-Wl,-soname,libdeep.so', '-o', lib,
                    f'{folder}/lib.c'], check=True)
    main = 'void *f(void);\nint main(void) { return !f(); }\n'
    program = case.compile_c(folder, 'deep-user', main, lib, '-Wl,-rpath,$ORIGIN/deep')
    made = examine('a library by $ORIGIN', 0, [], '', program)
    case.check('imports of the library are told', {'object': 'libdeep.so', 'names': ['dlopen']}
               in made.get('imports', []), made)
    os.rename(lib, lib + '.gone')
    examine('a library that is missing', NOTHING, ['note:missing'], '1 needed', program)
    with open(f'{folder}/lib.c', 'w') as f:
        f.write('void *dlsym(void *h, const char *n) { return h ? h : (void *)n; }\n'
                'void *f(void) { return 0; }\n')
    subprocess.run(['cc', '-shared', '-fPIC', '-fno-builtin', '-Wl,-soname,libdeep.so', '-o', lib,
                    f'{folder}/lib.c'],
                   check=True)
    examine('another wrapper', NOTHING, ['warn:wrapper'], 'defines dlsym itself', program)


def surroundings(folder):
    program = f'{folder}/plain'
    examine('LD_AUDIT', 1, ['stop:audit'], 'LD_AUDIT=x', program, LD_AUDIT='x.so')
    examine('LD_PRELOAD', NOTHING, ['note:preload'], 'LD_PRELOAD=libm.so.6:libz.so.1: keep', program,
            LD_PRELOAD='libm.so.6:/x/libsymfast.so.0 libz.so.1')
    made = examine('only the shim in LD_PRELOAD', NOTHING, [], '', program, LD_PRELOAD='/x/libsymfast.so')
    case.check('is nothing to keep', 'preload' not in str(findings(made)), made)
    script, other = f'{folder}/script', f'{folder}/other'
    for text, wanted, finding in (
            ('#!/bin/sh -e', None, 'script'), (f'#!/usr/bin/env {folder}/plain', NOTHING, 'script'),
            (f'#!/usr/bin/env -S LANG=C {folder}/plain -u', NOTHING, 'script'),
            (f'#!/usr/bin/env -i {folder}/plain', NOTHING, 'script'), (f'#! {folder}/looks-up -x', 0, 'script'),
            (f'#!{other}', NOTHING, 'script'),
            (f'#!/bin/sh\nexec /no/such "$@"\n\texec "{folder}/plain" "$@"\n', NOTHING, 'wrapper-script'),
            (f'#!/bin/bash\nexec {folder}/looks-up', 0, 'wrapper-script'),
            ('#!/bin/sh\nexec "$HOME/x"\n', None, 'script')):
        for name, content in ((script, text), (other, f'#!{folder}/plain')):
            with open(name, 'w') as f:
                f.write(content + '\n')
            os.chmod(name, 0o755)
        # What /bin/sh itself imports is not the same everywhere.
        wanted = case.run('doctor', '/bin/sh').returncode if wanted is None else wanted
        made = examine(f'a script, {text!r}', wanted, [f'note:{finding}'], 'script', script)
        case.check('and what it runs is looked at', made['facts']['program'] != script, made['facts'])
    with open(other, 'w') as f:
        f.write(f'#!{other}\n')
    case.one_error('a script that runs itself', case.run('doctor', other), case.TARGET, 'not an ELF file')
    examine('a name in PATH', NOTHING, ['ok:libc'], '', 'plain', PATH=f'/nowhere:{folder}', cwd='/')
    # A program's $ORIGIN is the folder of the file, not of the link.
    os.makedirs(f'{folder}/bin', exist_ok=True)
    os.symlink(f'{folder}/deep-user', f'{folder}/bin/link')
    examine('a link', NOTHING, ['warn:wrapper'], 'libdeep.so defines dlsym', f'{folder}/bin/link')
    settings_file(folder)


def settings_file(folder):
    program, conf = f'{folder}/plain', f'{folder}/symfast.conf'
    for text, wanted, level, words in (
            (f'[{folder}/plain]\nSYMFAST=observe\n', NOTHING, 'ok:conf', 'a section for this program: SYMFAST=observe'),
            ('[/usr/bin/other]\n', 1, 'stop:conf', 'no section'), ('what\n', 1, 'stop:conf', 'line 1, is neither'),
            ('SYMFAST_STATS=1\n', NOTHING, 'ok:libc', '')):
        with open(conf, 'w') as f:
            f.write(text)
        os.chmod(conf, 0o644)
        examine(f'the settings file {text!r}', wanted, [level], words, program, SYMFAST_CONF=conf)


class process:
    """A program that is waiting, and its id."""

    def __init__(self, *command, **extra):
        self.child = subprocess.Popen(command, env=case.clean_env(**extra), text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def __enter__(self):
        self.child.stdout.readline()
        return self.child.pid

    def __exit__(self, *why):
        self.child.kill()
        self.child.wait()


def processes(folder):
    waits = case.compile_c(folder, 'waits', '#include <stdio.h>\n' + WAITS.replace(
        'puts("ready");', 'puts("ready"); fflush(stdout);'))
    with process(waits) as pid:
        made = examine('a process', NOTHING, ['note:loaded', 'ok:libc'], 'not loaded', pid)
        case.check('its program is told', made['facts']['program'] == waits, made['facts'])
        if os.geteuid() == 0 and shutil.which('setpriv'):
            done = subprocess.run(['setpriv', '--reuid=65534', '--clear-groups', case.CLI,
                                   'doctor', str(pid)], capture_output=True, text=True,
                                  env=case.clean_env())
            case.one_error("another user's process", done, case.TARGET, f'process {pid}')
    loads = case.compile_c(folder, 'loads', '#include <dlfcn.h>\n#include <stdio.h>\n' + WAITS.replace(
        'puts("ready");', f'dlopen("{folder}/deep/libdeep.so.gone", RTLD_NOW); '
        'puts("ready"); fflush(stdout);'))
    with process(loads) as pid:
        made = examine('a process that has opened a library', 0, ['note:loaded'], '', pid)
        case.check('the opened library is looked at', {'object': 'libdeep.so.gone', 'names':
                   ['dlopen']} in made.get('imports', []), made.get('imports'))
    with process(waits, LD_PRELOAD=case.LIB, SYMFAST='observe') as pid:
        made = examine('a process under the shim', NOTHING, ['ok:loaded', 'note:mode'], 'SYMFAST=observe', pid)
        case.check('has nothing to keep', 'preload' not in str(findings(made)), made)
    with process(waits, LD_PRELOAD=case.LIB, SYMFAST='off') as pid:
        examine('a process under the shim, off', NOTHING, ['ok:loaded', 'note:mode'], 'there are no statistics', pid)
    with process(waits, LD_AUDIT='/no/such.so') as pid:
        examine('a process with an auditor', 1, ['stop:audit'], '', pid)
    other = case.compile_32(folder, 'other', 'call(172, 1, (void *)9, 0); call(29, 0, 0, 0);', '-static', '-no-pie')
    if other:
        # It ends with its parent.
        with process('sh', '-c', f'{other} & wait') as pid:
            examine('a process with a 32-bit child', NOTHING, ['note:children'], 'among its children: 1', pid)
    filtered = case.compile_c(folder, 'filtered', FILTERED)
    with process(filtered) as pid:
        examine('a process with a filter', NOTHING, ['note:seccomp'], 'filter', pid)
    case.one_error('a dead process', case.run('doctor', pid), case.TARGET, f'process {pid}')


def liars(folder):
    with open(f'{folder}/plain', 'rb') as f:
        good = f.read()

    def write(name, data):
        with open(f'{folder}/{name}', 'wb') as f:
            f.write(data)
        return f'{folder}/{name}'

    # EI_CLASS, EI_DATA and e_machine changed
    examine('32 bits', 1, ['stop:format'], '32-bit', write('a', good[:4] + b'\1' + good[5:]))
    examine('the other byte order', 1, ['stop:format'], 'byte order',
            write('b', good[:5] + b'\2' + good[6:]))
    examine('another processor', 1, ['stop:machine'], 'processor',
            write('c', good[:18] + b'\xf3\0' + good[20:]))
    rows = [('cut in the header', good[:40]), ('cut in the program headers', good[:100]),
            ('empty', b''), ('text', b'hello\n'),
            ('headers far away', good[:32] + b'\xff' * 8 + good[40:]),
            ('another size of header', good[:54] + b'\x37\0' + good[56:])]
    for what, data in rows:
        case.one_error(f'a file {what}', case.run('doctor', write('d', data)), case.TARGET,
                       f'{folder}/d is')
    # Cut before the end of what would be mapped.
    end = max(struct.unpack_from('<Q', good, at + 8)[0] + struct.unpack_from('<Q', good, at + 32)[0]
              for at in range(64, 64 + 56 * struct.unpack_from('<H', good, 56)[0], 56)
              if struct.unpack_from('<I', good, at)[0] == 1)
    for size in [*range(1000, end, 997), end - 1]:
        done = case.run('doctor', write('e', good[:size]))
        if done.returncode != case.TARGET or 'truncated' not in done.stderr:
            case.check(f'cut at {size}', False, done)
    examine('cut behind it', NOTHING, ['ok:libc'], '', write('e', good[:end]))
    for what, name, words in (('no file', '/no/such', '/no/such'), ('a folder', folder, 'regular'),
                              ('a device', '/dev/zero', 'regular')):
        case.one_error(what, case.run('doctor', name), case.TARGET, words)
    os.mkfifo(f'{folder}/pipe')
    case.one_error('a fifo', case.run('doctor', f'{folder}/pipe'), case.TARGET, 'regular')
    odd = write('odd\n\x1b[31mname', b'x')
    done = case.run('doctor', odd)
    case.check('a name with control characters is quoted', '\x1b' not in done.stderr and
               done.stderr.count('\n') == 1, repr(done.stderr))
    case.one_error('an empty name', case.run('doctor', ''), case.TARGET, 'name is empty')
    case.one_error('nothing', case.run('doctor'), 2)
    case.one_error('two programs', case.run('doctor', 'a', 'b'), 2)


def on_terminal(words, **extra):
    """What the program writes to a terminal, standard error included."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen([case.CLI, *words], stdout=theirs, stderr=theirs,
                             stdin=subprocess.DEVNULL, env=case.clean_env(TERM='xterm', **extra))
    os.close(theirs)
    out = b''
    try:
        while data := os.read(ours, 65536):
            out += data
    except OSError:
        pass  # the other side is closed
    child.wait()
    os.close(ours)
    return out.decode()


def colours(folder):
    words = ['doctor', f'{folder}/plain']
    case.check('colours on a terminal', '\x1b[32m' in on_terminal(words))
    case.check('none with NO_COLOR', '\x1b' not in on_terminal(words, NO_COLOR='1'))
    case.check('none in a pipe', '\x1b' not in case.run(*words, TERM='xterm').stdout)
    words = ['ab', '-n', '2', '--', 'true']
    case.check('ab tells on a terminal how far it is', 'pair 1 of 3' in on_terminal(words))
    done = case.run(*words, TERM='xterm')
    case.check('and nowhere else', 'pair' not in done.stderr and done.stderr == '', done)


def go_hosts():
    hosts = glob.glob('tests/go/work/1.*/host')
    if not hosts:
        print('SKIP: no Go hosts; the suite "go" builds them')
    if tuple(map(int, os.confstr('CS_GNU_LIBC_VERSION').split()[1].split('.'))) < (2, 35):
        print('SKIP: plugin.Open is not served on this libc')
        return
    for host in hosts:
        made = examine(host, 0, ['ok:go'], 'shape of its plugin.open is known', host)
        version = host.split('/')[-2]
        case.check(f'{host}: Go {made["facts"]["go"]}', made['facts']['go'].startswith(
            f'go{version}') and made['facts']['go_detour'] == 'known' and
            any('plugin.Open' in line for line in made['expect']), made['facts'])


with case.workshop() as place:
    kinds(place)
    objects(place)
    rights(place)
    libraries(place)
    surroundings(place)
    processes(place)
    liars(place)
    colours(place)
go_hosts()
case.end()
