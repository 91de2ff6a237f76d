# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the program share: run it in a clean environment, say ok or FAIL, count.

Each test gets the program and the library by SYMFAST_CLI and SYMFAST_LIB.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

CLI = os.environ.get('SYMFAST_CLI', 'symfast')
LIB = os.environ.get('SYMFAST_LIB', 'libsymfast.so')
SKIP = 77
USAGE, TARGET, FAILED = 2, 3, 4
failures = 0
# A shell that starts something in the background ignores interrupts there, and what is started from here would, too.
signal.signal(signal.SIGINT, signal.default_int_handler)


def clean_env(**extra):
    env = {k: v for k, v in os.environ.items() if not k.startswith(('SYMFAST', 'LD_'))}
    env.update({k: str(v) for k, v in extra.items() if v is not None})
    return env


def run(*words, cwd=None, timeout=120, stdin=subprocess.DEVNULL, program=None, **extra):
    """symfast WORDS; extra: variables."""
    return subprocess.run([program or CLI, *map(str, words)], env=clean_env(**extra), cwd=cwd,
                          capture_output=True, text=True, errors='replace', timeout=timeout,
                          stdin=stdin)


def check(what, good, detail=''):
    global failures
    print(f'{"ok  " if good else "FAIL"} {what}')
    if not good:
        failures += 1
        if detail:
            print('\n'.join('    ' + line for line in str(detail).splitlines()[:20]))
    return good


def status(what, done, wanted):
    return check(f'{what}: exit status {wanted}', done.returncode == wanted,
                 f'{done.returncode}: {done.stdout}{done.stderr}')


def one_error(what, done, wanted, words=''):
    """Ends with that status and one clear line; argp adds where to find help."""
    lines = [line for line in done.stderr.splitlines() if not line.startswith('Try ')]
    check(f'{what}: one line, exit status {wanted}',
          done.returncode == wanted and len(lines) == 1 and lines[0].startswith('symfast')
          and words in lines[0] and done.stdout == '',
          f'{done.returncode}: {done.stdout}{done.stderr}')


def document(done, kind):
    """The JSON that was printed, checked for its head."""
    try:
        made = json.loads(done.stdout)
    except ValueError as error:
        check(f'{kind}: prints JSON', False, f'{error}: {done.stdout[:200]} {done.stderr}')
        return {}
    check(f'{kind}: JSON begins with symfast, kind, format',
          list(made)[:3] == ['symfast', 'kind', 'format'] and made['kind'] == kind
          and made['format'] == 1, list(made)[:3])
    return made


class Made:
    """A process with a segment of known numbers (made.c), in a directory of its own."""

    def __init__(self, folder, *words):
        self.folder = folder
        self.child = subprocess.Popen([os.environ['SYMFAST_MADE'], folder, *map(str, words)],
                                      stdout=subprocess.PIPE, text=True, env=clean_env())
        wanted = 1 + (int(words[0]) if words and str(words[0]).isdigit() else 0)
        lines = [self.child.stdout.readline() for _ in range(wanted)]
        self.children = lines.count('child\n')
        self.pid = self.child.pid
        self.path = f'{folder}/symfast.{os.geteuid()}.{self.pid}'

    def run(self, *words, **extra):
        return run(*words, SYMFAST_SHM_DIR=self.folder, **extra)

    def end(self):
        """Kills it; its children die of that, by and by."""
        self.child.kill()
        self.child.wait()
        for name in os.listdir(self.folder):
            if name.startswith('symfast.'):
                gone(name.split('.')[-1])

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.end()


def alive(pid):
    """Is there such a process, and more of it than its exit status?"""
    try:
        with open(f'/proc/{pid}/stat') as f:
            return f.read().rsplit(')', 1)[1].split()[0] not in 'ZX' and pid != '1'
    except OSError:
        return False


def gone(pid):
    """Does it end? A signal that was sent takes its time to arrive."""
    for _ in range(12000):
        if not alive(pid):
            return True
        time.sleep(0.01)
    return False


def fields():
    """Where each field of a segment lies: name -> (offset, size)."""
    done = subprocess.run([os.environ['SYMFAST_MADE'], '--fields'], capture_output=True, text=True)
    rows = (line.split() for line in done.stdout.splitlines())
    return {name: (int(offset), int(size)) for name, offset, size in rows}


# (2, 36)
GLIBC = tuple(map(int, os.confstr('CS_GNU_LIBC_VERSION').split()[1].split('.')))


def compile_c(folder, name, text, *flags):
    source = os.path.join(folder, name + '.c')
    with open(source, 'w') as f:
        f.write(text)
    program = os.path.join(folder, name)
    # Before glibc 2.34 dl* functions and threads have libraries of their own.
    subprocess.run(['cc', '-O1', '-D_GNU_SOURCE', '-o', program, source, *flags, '-Wl,--as-needed', '-lc', '-ldl', '-lpthread'],
                   check=True)
    return program


def compile_32(folder, name, text, *flags):
    """A 32-bit program without libc that says "ready", does `text` and ends with 5; None after a line where none runs."""
    source = """static int call(int n, int a, const void *b, int c)
        { int r; __asm__ volatile("int $0x80" : "=a"(r) : "a"(n), "b"(a), "c"(b), "d"(c) : "memory"); return r; }
        void _start(void) { call(4, 1, "ready\\n", 6); """ + text + ' call(1, 5, 0, 0); }'
    program = os.path.join(folder, name)
    try:
        for body in (source.replace(text + ' call(1', 'call(1'), source):
            subprocess.run(['cc', '-m32', '-O1', '-fPIE', '-nostdlib', '-w', '-x', 'c', '-', '-o', program, *flags], input=body,
                           text=True, capture_output=True, check=True)
            if body is source:
                return program
            if subprocess.run([program], capture_output=True, timeout=60, check=False).returncode != 5:
                break
    except (OSError, subprocess.SubprocessError):
        pass
    print(f'SKIP: no 32-bit program {name} runs here (Debian: libc6-i386)')
    return None


def workshop(where=None):
    """A folder for the test, removed at its end."""
    return tempfile.TemporaryDirectory(prefix='symfast-test-', dir=where)


def needs(program, package):
    found = shutil.which(program)
    if not found:
        print(f'SKIP: {program} is not here (Debian: {package})')
    return found


def end():
    sys.exit(1 if failures else 0)
