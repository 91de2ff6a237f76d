#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""symfast top: rates of a process that counts, as lines, as JSON, and on a terminal under tmux."""
import json
import os
import pty
import re
import resource
import subprocess
import time

import case


def rates(made):
    done = made.run('top', '-j', '-d', '1', '-n', '2')
    case.status('two readings', done, 0)
    docs = [json.loads(line) for line in done.stdout.splitlines()]
    row = next(r for r in docs[1]['rates'] if r['function'] == 'dlsym')
    # 1000 hits and 10 passes every 10 ms or more: sleeps are late, never early.
    case.check('the counting function comes first, with its rates', docs[1]['rates'][0] == row and
               1000 <= row['hits_per_second'] <= 100001 and
               50 < row['hits_per_second'] / row['passes_per_second'] < 200, docs)
    still = next(r for r in docs[1]['rates'] if r['function'] == 'dlopen')
    case.check('what does not count has rate 0', still['hits_per_second'] == 0, still)
    done = made.run('top', '-d', '1', '-n', '1', made.pid)
    case.check('lines where there is no terminal', re.search(
        rf'{made.pid} on +dlsym +\d+ +0 +\d+ +99.0 %', done.stdout) and '\x1b' not in done.stdout,
        repr(done.stdout))


def stays(made):
    """On a terminal, too, a number of readings is there to be looked at afterwards."""
    def read():
        text = b''
        try:
            while True:
                text += os.read(master, 4096)
        except OSError:
            return text.decode()

    master, terminal = pty.openpty()
    top = subprocess.Popen([case.CLI, 'top', '-d', '1', '-n', '1', str(made.pid)], stdin=terminal, stdout=terminal,
                           env=case.clean_env(SYMFAST_SHM_DIR=made.folder, TERM='xterm'))
    os.close(terminal)
    text = read()
    case.check('one reading with its rates, and no escape', top.wait() == 0 and '\x1b' not in text and re.search(
        rf'{made.pid} on +dlsym +[1-9]\d* ', text), repr(text))
    os.close(master)


def changes(folder):
    """Processes come and go between two readings, and files become others: each reading is of now."""
    with case.Made(folder, 1, '--count') as one:
        top = subprocess.Popen([case.CLI, 'top', '-j', '-d', '0.1'], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True,
                               env=case.clean_env(SYMFAST_SHM_DIR=folder))

        def until(good, what):
            for _ in range(600):
                rows = json.loads(top.stdout.readline())['rates']
                if good({row['pid']: row for row in reversed(rows)}):
                    break
            else:
                rows = None
            case.check(f'a reading in which {what}', rows is not None)

        until(lambda pids: one.pid in pids, 'the first is')
        until(lambda pids: any(r['hits_per_second'] > 0 for r in pids.values()), 'somebody counts')
        two = case.Made(folder, 0)
        until(lambda pids: one.pid in pids and two.pid in pids, 'a second is')
        with open(two.path, 'r+b') as f:  # verify, as ctl would
            f.seek(1024)
            f.write(b'\3')
        until(lambda pids: pids[two.pid]['mode'] == 'verify', 'its mode is another')
        two.child.kill()
        two.child.wait()
        until(lambda pids: one.pid in pids and two.pid not in pids, 'it has ended')
        os.rename(two.path, f'{folder}/symfast.{os.geteuid()}.{one.pid}')
        until(lambda pids: one.pid not in pids, 'its file is in the place of the first one\'s')
        top.terminate()
        err = top.communicate()[1]
        case.check('and that is told', 'is damaged: it names another process' in err, err[:300])


def cost(made):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    made.run('top', '-d', '2', '-n', '1')
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f'note: {100 * used / (time.monotonic() - start):.2f} % of a CPU, start and end included')


class screen:
    """A terminal of a server of our own."""

    def __init__(self, socket, command, columns, lines):
        self.socket = socket
        self.tmux('-f', '/dev/null', 'new-session', '-d', '-x', str(columns), '-y', str(lines),
                  f'{command}; echo "left $?"; sleep 600')

    def tmux(self, *words):
        return subprocess.run(['tmux', '-S', self.socket, *words], capture_output=True, text=True,
                              env=case.clean_env(TERM='xterm-256color', LC_ALL='C.UTF-8'))

    def wait_for(self, pattern, good=lambda text: True):
        """What stands there once the pattern does and it is good; after a minute whatever it is."""
        text = ''
        for _ in range(600):
            text = self.tmux('capture-pane', '-p').stdout
            if re.search(pattern, text) and good(text):
                break
            time.sleep(0.1)
        return text


def small(text):
    rows = [line for line in text.splitlines() if line]
    return len(rows) == 4 and all(len(line) <= 60 for line in rows) and \
        rows[0].startswith('symfast top')


def terminal(made, folder):
    if not case.needs('tmux', 'tmux'):
        return
    command = (f'env SYMFAST_SHM_DIR={made.folder} {case.CLI} top -d 0.2')
    s = screen(f'{folder}/tmux1', command, 100, 12)
    try:
        text = s.wait_for(r'dlsym +\d{3,}')
        lines = text.splitlines()
        case.check('the screen: a head, columns, the busiest function first',
                   re.match(r'symfast top +\d\d:\d\d:\d\d +\d+ processes', lines[0]) and
                   lines[1].split()[:3] == ['pid', 'mode', 'function'] and
                   lines[2].split()[:3] == [str(made.pid), 'on', 'dlsym'], text)
        s.tmux('resize-window', '-x', '60', '-y', '4')
        text = s.wait_for(r'dlsym +\d{3,}', small)
        case.check('a small window cuts lines and columns', small(text), text)
        s.tmux('resize-window', '-x', '100', '-y', '12')
        for order in ('process', 'mismatches', 'rate'):
            s.tmux('send-keys', 's')
            text = s.wait_for(f'by {order}')
            case.check(f'a key sorts by {order}', f'by {order}' in text, text)
        text = s.tmux('capture-pane', '-pe').stdout
        case.check('the heads are bold', '\x1b[1m' in text, text)
        s.tmux('send-keys', 'q')
        text = s.wait_for('left 0', lambda text: 'symfast top' not in text)
        case.check('q ends it, and the screen before it is back', 'left 0' in text and
                   'symfast top' not in text, text)
    finally:
        s.tmux('kill-server')
    s = screen(f'{folder}/tmux2', command, 80, 24)
    try:
        s.wait_for('dlsym')
        s.tmux('send-keys', 'C-c')
        text = s.wait_for('left', lambda text: 'symfast top' not in text)
        case.check('so does an interrupt', 'left' in text and 'symfast top' not in text, text)
    finally:
        s.tmux('kill-server')


def errors(made):
    rows = [('a delay of 0', ['-d', '0'], 2), ('no number', ['-d', 'x'], 2),
            ('no readings', ['-n', '0'], 2), ('two processes', [1, 2], 2),
            ('nan', ['-d', 'nan'], 2)]
    for what, words, wanted in rows:
        case.one_error(what, made.run('top', *words), wanted)


def junk(folder):
    """What is named like a segment and is none is told once, not at each reading."""
    with open(f'{folder}/symfast.{os.geteuid()}.77', 'w') as f:
        f.write('junk')
    os.mkfifo(f'{folder}/symfast.{os.geteuid()}.78')
    done = case.run('top', '-d', '0.1', '-n', '4', SYMFAST_SHM_DIR=folder)
    lines = done.stderr.splitlines()
    case.check('junk: a line each', len(lines) == 2 and 'is no statistics segment' in lines[0] and
               'is no regular file' in lines[1] and done.stdout.count('symfast top') == 4, done)


with case.workshop() as place:
    os.mkdir(f'{place}/shm')
    os.mkdir(f'{place}/other')
    os.mkdir(f'{place}/junk')
    changes(f'{place}/other')
    junk(f'{place}/junk')
    with case.Made(f'{place}/shm', 1, '--count') as one:
        rates(one)
        stays(one)
        cost(one)
        terminal(one, place)
        errors(one)
case.end()
