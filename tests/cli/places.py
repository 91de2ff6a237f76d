#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Processes whose segment does not lie where their number and user say: stat, list and clean find it."""
import os
import subprocess

import case

HOST = '''
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct rlimit few = {3, 0}, many;
	getrlimit(RLIMIT_NOFILE, &many);
	few.rlim_max = many.rlim_max;
	if (!strcmp(argv[1], "vfork") && vfork() == 0) {
		dlsym(RTLD_DEFAULT, "getenv");
		_exit(0);
	}
	if (!strcmp(argv[1], "few"))
		setrlimit(RLIMIT_NOFILE, &few);
	for (int i = 0; i < 10; i++)
		dlsym(RTLD_DEFAULT, "puts") && dlsym(dlopen(NULL, RTLD_NOW), "not_there");
	setrlimit(RLIMIT_NOFILE, &many);
	if (!strcmp(argv[1], "few"))
		for (int i = 0; i < 20; i++)
			dlclose(dlopen("libm.so.6", RTLD_NOW));
	if (!strcmp(argv[1], "uid") && setuid(65534))
		return 1;
	puts("ready");
	fflush(stdout);
	return read(0, argv[1], 1) < 0;
}
'''


class Host:
    """A process, and its number as we see it; with unshare before it, which may start a shell for it."""

    def __init__(self, folder, program, what, *before):
        self.child = subprocess.Popen([*before, program, what], stdin=subprocess.PIPE, text=True,
                                      stdout=subprocess.PIPE, cwd=folder,
                                      env=case.clean_env(LD_PRELOAD=case.LIB, SYMFAST_SHM_DIR=folder))
        self.ready = self.child.stdout.readline() == 'ready\n'
        self.pid = self.child.pid
        # With unshare -f the host is its child.
        while before and (kids := open(f'/proc/{self.pid}/task/{self.pid}/children').read().split()):
            self.pid = int(kids[0])

    def end(self):
        self.child.communicate()


def found(what, folder, host):
    done = case.run('stat', host.pid, '--json', SYMFAST_SHM_DIR=folder)
    case.check(f'{what}: stat finds it, live', done.returncode == 0 and '"live"' in done.stdout,
               done.stdout[:300] + done.stderr)


def elsewhere(folder, program):
    """In another directory than ours, or under another root: the process's own maps tell."""
    other = f'{folder}/other'
    os.mkdir(other)
    rows = [('another SYMFAST_SHM_DIR', [])]
    for user in ([], ['-r']):
        inside = ['unshare', *user, '-pmf', '--mount-proc', 'sh', '-c',
                  f'mount -t tmpfs none {folder}/mounted && "$@"; exit $?', 'sh', 'env', f'SYMFAST_SHM_DIR={folder}/mounted']
        os.makedirs(f'{folder}/mounted', exist_ok=True)
        if subprocess.run([*inside, 'true'], capture_output=True).returncode == 0:
            rows.append((f'a container {user}', inside))
        else:
            print(f'SKIP a container {user}: not here')
    for what, before in rows:
        host = Host(folder, program, 'plain', *before)
        found(what, other, host)
        for mode in ('off', 'on'):
            done = case.run('ctl', host.pid, mode, SYMFAST_SHM_DIR=other)
            case.check(f'{what}: ctl {mode}', done.returncode == 0, done)
            done = case.run('stat', host.pid, SYMFAST_SHM_DIR=other)
            case.check(f'{what}: is {mode}', f'mode {mode}, by ctl' in done.stdout, done)
        host.end()
        done = case.run('stat', host.pid, SYMFAST_SHM_DIR=other)
        case.one_error(f'{what}: ended', done, case.TARGET, 'no process')
    os.rmdir(other)


def main():
    with case.workshop() as folder:
        os.chmod(folder, 0o1777)
        program = case.compile_c(folder, 'host', HOST)
        for what in ('vfork', 'few') + (('uid',) if os.geteuid() == 0 else ()):
            host = Host(folder, program, what)
            case.check(f'{what}: runs', host.ready)
            found(what, folder, host)
            host.end()
        spaces = ['unshare', '-rpf', '--mount-proc']
        if subprocess.run([*spaces, 'true'], capture_output=True).returncode:
            print('SKIP namespaces: not here')
        elif os.geteuid() == 0:  # else the names are of another user
            two = [Host(folder, program, 'plain', *spaces) for _ in range(2)]
            for host in two:
                found('same number in two pid namespaces', folder, host)
            done = case.run('list', SYMFAST_SHM_DIR=folder)
            case.check('list: no fault', done.returncode == 0 and not done.stderr, done.stderr)
            for host in two:
                host.end()
        elsewhere(folder, program)
        left = [n for n in os.listdir(folder) if n.startswith('symfast.')]
        case.check('what is left is the changed user\'s alone', len(left) <= 1, left)
        case.run('list', '--clean', SYMFAST_SHM_DIR=folder)
        left = [n for n in os.listdir(folder) if n.startswith('symfast.')]
        case.check('clean leaves none', left == [], left)
    case.end()


if __name__ == '__main__':
    main()
