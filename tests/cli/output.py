#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Where the program writes: devices, pipes and links stay what they are; a file is whole or not there; an
output that fails is told."""
import glob
import json
import os
import signal
import stat
import subprocess
import threading
import time

import case


def node(path, minor):
    """A device of our own, so that a program that is wrong harms no other; None: not allowed to make one."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, minor))
        with open(path, 'w'):
            return path
    except OSError:
        return None


def kind(path):
    return stat.S_IFMT(os.lstat(path).st_mode)


def ways(made, path):
    """Everything that writes to a file that is named."""
    return [('ab --json', ['ab', '-n', 1, '-j', path, '--', 'true']),
            ('ab --html', ['ab', '-n', 1, '-H', path, '--', 'true']),
            ('report --html', ['report', '-H', path, made.pid]),
            ('sites --pprof', ['sites', '-p', path, made.pid])]


def devices(folder, made):
    null, full = node(f'{folder}/null', 3), node(f'{folder}/full', 7)
    if null is None or full is None:
        print('SKIP: device nodes cannot be made here')
        return
    before = os.stat(null).st_mode
    for what, words in ways(made, null):
        case.status(f'{what} to a device', made.run(*words), 0)
        case.check(f'{what}: it is a device still', kind(null) == stat.S_IFCHR)
    for what, words in ways(made, full):
        done = made.run(*words)
        case.one_error(f'{what} to a full device', done, case.FAILED, 'No space left')
        case.check(f'{what}: it is a device still', kind(full) == stat.S_IFCHR)
    case.check('with its mode', os.stat(null).st_mode == before)


def pipes(folder, made):
    for what, words in ways(made, f'{folder}/pipe'):
        os.mkfifo(f'{folder}/pipe')
        got = []
        reader = threading.Thread(target=lambda g=got: g.append(open(f'{folder}/pipe', 'rb').read()))
        reader.start()
        case.status(f'{what} to a named pipe', made.run(*words), 0)
        reader.join(240)
        case.check(f'{what}: it arrives, and the pipe stays', got and len(got[0]) > 10 and
                   kind(f'{folder}/pipe') == stat.S_IFIFO)
        os.unlink(f'{folder}/pipe')


def links(folder, made):
    link, target = f'{folder}/link', f'{folder}/target'
    for what, words in ways(made, link):
        with open(target, 'w') as f:
            f.write('x' * 3000000)
        os.symlink(target, link)
        case.status(f'{what} by a link', made.run(*words), 0)
        case.check(f'{what}: the link stays, the file is written and no longer than that',
                   os.path.islink(link) and 10 < os.path.getsize(target) < 3000000)
        os.unlink(target)
        done = made.run(*words)
        case.one_error(f'{what} by a link to nowhere', done, case.FAILED, 'No such file')
        case.check(f'{what}: it leads to nowhere still', os.path.islink(link) and not os.path.exists(target))
        os.unlink(link)


def plain(folder, made):
    path = f'{folder}/plain'
    for what, words in ways(made, path):
        for before in (None, 'before'):
            if before:
                with open(path, 'w') as f:
                    f.write(before)
                os.chmod(path, 0o640)
            case.status(f'{what} to a file ({before})', made.run(*words), 0)
            case.check(f'{what}: written', os.path.getsize(path) > 10 and kind(path) == stat.S_IFREG)
        os.unlink(path)
    os.mkdir(path)
    for what, words in ways(made, path):
        case.one_error(f'{what} to a folder', made.run(*words), case.FAILED, 'plain')
    case.check('nothing half-written', glob.glob(f'{folder}/*.??????') == [], os.listdir(folder))


def standard(folder, made):
    if case.failures:
        return  # who gets links wrong would get /dev/stdout of this machine wrong
    for name in ('-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'):
        done = made.run('ab', '-n', 1, '-j', name, '--', 'true')
        case.status(f'ab --json {name} to a pipe', done, 0)
        case.document(done, 'ab')
        done = made.run('report', '-H', name, made.pid)
        case.check(f'report --html {name}', done.returncode == 0 and done.stdout.startswith('<!doctype html') and
                   done.stdout.endswith('</html>\n') and not os.path.lexists('-'), done.stderr)
        path = f'{folder}/out'
        with open(path, 'w') as f:
            f.write('before\n')
            f.flush()
            subprocess.run([case.CLI, 'ab', '-n', '1', '-j', name, '--', 'true'], stdout=f, check=False,
                           env=case.clean_env(), stdin=subprocess.DEVNULL)
        with open(path) as f:
            text = f.read()
        case.check(f'ab --json {name} behind what a file holds', text.startswith('before\n{') and
                   json.loads(text[7:])['kind'] == 'ab', text[:60])


def failing(folder, made):
    """An output that is full, closed or read by nobody: one line, status 4."""
    full = node(f'{folder}/full2', 7) or '/dev/full'
    commands = [['list'], ['list', '-j'], ['stat', made.pid], ['stat', '-j', made.pid],
                ['top', '-n', 1, '-d', 0.1], ['top', '-j', '-n', 1, '-d', 0.1], ['doctor', '/bin/true'],
                ['sites', made.pid], ['sites', '-f', made.pid], ['report', made.pid], ['metrics', made.pid],
                ['ctl', made.pid, 'on'], ['run', '-n', '--', 'true'], ['ab', '-n', 1, '--', 'true'],
                ['--help'], ['stat', '--help']]
    env = case.clean_env(SYMFAST_SHM_DIR=made.folder)
    for words in commands:
        command = [case.CLI, *map(str, words)]
        text = ' '.join(map(str, words))

        def told(how, done):
            case.check(f'{text}: {how}: one line, exit status 4', done.returncode == case.FAILED and
                       done.stderr.count('\n') == 1 and done.stderr.startswith('symfast: standard output'),
                       f'{done.returncode} {done.stderr}')

        with open(full, 'w') as f:
            told('full', subprocess.run(command, stdout=f, stderr=subprocess.PIPE, text=True, env=env,
                                        stdin=subprocess.DEVNULL, check=False))
        told('closed', subprocess.run(['sh', '-c', 'exec "$@" >&-', 'sh', *command], stderr=subprocess.PIPE,
                                      text=True, env=env, check=False))
        read, write = os.pipe()
        os.close(read)
        told('nobody reads', subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, env=env,
                                            stdin=subprocess.DEVNULL, check=False))
        os.close(write)
    # A command that is run dies of SIGPIPE as ever, and finds closed what was closed.
    done = subprocess.run(['sh', '-c', '"$@" | head -n1 >/dev/null', 'sh', 'bash', '-c',
                           f'{case.CLI} run -- yes; echo $? >&2'], stderr=subprocess.PIPE, text=True, env=env,
                          check=False)
    case.check('run: SIGPIPE is the command\'s', done.stderr == '141\n', done.stderr)
    done = subprocess.run(['sh', '-c', f'{case.CLI} run -- sh -c "[ -e /proc/self/fd/1 ]" >&-'], env=env,
                          stderr=subprocess.PIPE, text=True, check=False)
    case.check('run: a closed stream is closed', done.returncode == 1, done)
    done = subprocess.run(['sh', '-c', f'{case.CLI} ctl {made.pid} on >&- 2>&-'], env=env, check=False)
    with open(made.path, 'rb') as f:
        case.check('what is printed does not end in the segment', f.read(8) == b'SYMFAST\0')


def ended(folder):
    """A signal in the middle of ab: gone at once, with its folder, and without its command."""
    env = case.clean_env(SYMFAST_SHM_DIR=folder)
    rows = [('one that sleeps', ':'),
            ('a daemon of it', f'sleep 600 & echo $! >{folder}/daemon'),
            ('one that is deaf', 'trap "" TERM INT HUP')]
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # whoever started the tests may ignore it: nohup, a shell's &
        for what, script in rows:
            for trace in ([], ['-s', '-w', '0', '-n', '1'])[:2 if what == 'a daemon of it' else 1]:
                if trace and number != signal.SIGTERM:
                    continue
                words = f'{script}; echo $$ >{folder}/pid; exec sleep 600'
                if trace:  # in the traced run only
                    words = f'case $(grep TracerPid /proc/self/status) in *[1-9]*) {words};; esac'
                ab = subprocess.Popen([case.CLI, 'ab', *trace, '--', 'sh', '-c', words], env=env,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                      stdin=subprocess.DEVNULL)
                while not os.path.exists(f'{folder}/pid') or not os.path.getsize(f'{folder}/pid'):
                    time.sleep(0.01)
                time.sleep(0.1)
                with open(f'{folder}/pid') as f:
                    command = int(f.read())
                ab.send_signal(number)
                _, err = ab.communicate(timeout=240)  # who waits for the command waits for longer
                case.check(f'{number.name}, {what} {trace}: ended by it, at once, without a word',
                           ab.returncode == -number and err == '', f'{ab.returncode} {err}')
                case.check('no folder is left', glob.glob(f'{folder}/symfast-ab.*') == [], os.listdir(folder))
                case.check('the command has ended', case.gone(command))
                os.unlink(f'{folder}/pid')
                if os.path.exists(f'{folder}/daemon'):
                    with open(f'{folder}/daemon') as f:
                        daemon = int(f.read())
                    if case.alive(daemon):
                        os.kill(daemon, signal.SIGKILL)
                    os.unlink(f'{folder}/daemon')


def daemons(folder):
    """A command that leaves a daemon behind, traced: ab does not wait for it, and it lives on."""
    script = f'sleep 600 >/dev/null 2>&1 & echo $! >{folder}/daemon'
    done = case.run('ab', '-n', 1, '-w', 0, '-s', '-o', 'stock', '--', 'sh', '-c', script)
    case.status('ab of a command with a daemon', done, 0)
    with open(f'{folder}/daemon') as f:
        pid = int(f.read())
    case.check('it is not waited for, and goes on', case.alive(pid))
    os.kill(pid, signal.SIGTERM)


def ignored(folder):
    """nohup: what is ignored stays ignored."""
    done = subprocess.run(['sh', '-c', f'trap "" HUP; {case.CLI} ab -n 1 -w 0 -- sh -c \'kill -HUP $PPID\''],
                          env=case.clean_env(SYMFAST_SHM_DIR=folder), capture_output=True, text=True, check=False)
    case.status('SIGHUP under nohup', done, 0)


with case.workshop() as place, case.Made(place) as one:
    for step in (devices, pipes, links, plain, standard, failing):
        with case.workshop() as room:
            step(room, one)
    for step in (ended, daemons, ignored):
        with case.workshop() as room:
            step(room)
case.end()
