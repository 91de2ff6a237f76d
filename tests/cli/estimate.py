#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""One estimate: what stat says of a process in observe, top, metrics, report and ab say, too."""
import json
import os
import re
import signal
import subprocess

import case

# Asks libc what it asked before, often enough to tell, and stops: from then on every reader sees the same counts.
SOURCE = r'''
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
	Dl_info info;
	long found = 0;
	for (int i = 0; i < 20000; i++)
		found += dladdr((char *)printf + i % 64 * 16, &info) != 0;
	for (int i = 0; i < 20000; i++)
		found += dlsym(RTLD_DEFAULT, i % 2 ? "malloc" : "printf") != 0;
	printf("%ld\n", found);
	fflush(stdout);
	if (argc > 1)
		raise(SIGSTOP);
	return 0;
}
'''
LINE = re.compile(r'^estimate: (would (?:save|cost) .*|would save nothing|cannot say, .*)$', re.M)


class stopped:
    def __init__(self, program, folder, mode):
        self.child = subprocess.Popen([program, 'stop'], stdout=subprocess.PIPE, text=True, env=case.clean_env(
            LD_PRELOAD=case.LIB, SYMFAST=mode, SYMFAST_SHM_DIR=folder))

    def __enter__(self):
        os.waitid(os.P_PID, self.child.pid, os.WSTOPPED | os.WNOWAIT)
        return self.child.pid

    def __exit__(self, *why):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()


def document(*words, **extra):
    done = case.run(*words, **extra)
    case.status(' '.join(map(str, words[:2])), done, 0)
    return json.loads(done.stdout.splitlines()[-1] if words[0] == 'top' else done.stdout)


def samples(text, name, pid):
    rows = re.findall(rf'^symfast_{name}\{{(.*?)\}} (\S+)$', text, re.M)
    return {(re.findall(r'bound="(\w+)"', labels) or [''])[0]: float(value) for labels, value in rows if f'pid="{pid}"' in labels}


def close(a, b):
    """What a tick takes is measured at each reading, and a reader can be interrupted at that."""
    return abs(a - b) <= 0.25 * max(abs(a), abs(b), 1e-9)


def alike(a, b):
    if isinstance(a, dict):
        return isinstance(b, dict) and set(a) == set(b) and all(alike(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(alike, a, b))
    return close(a, b) if isinstance(a, float) else a == b


def observed(program, folder):
    with stopped(program, folder, 'observe') as pid:
        there = {'SYMFAST_SHM_DIR': folder}
        wanted = document('stat', '--json', pid, **there)['savings']
        line = LINE.search(case.run('stat', pid, **there).stdout)
        case.check('stat has an estimate, and a line of it', line and wanted['cpu'] > 0, wanted)
        for words, what in ((['top', '-j', '-n', '1', '-d', '0.1'], 'of all'), (['top', '-j', '-n', '1', '-d', '0.1', pid], 'of one')):
            have = document(*words, **there)['estimates']
            case.check(f'top --json {what}: the same numbers', alike(have, [{'pid': pid, 'savings': wanted}]), f'{have}\n{wanted}')
        text = case.run('top', '-n', '1', '-d', '0.1', COLUMNS='300', **there).stdout
        case.check('top: the line once, below the process', text.count(line[1][:11]) == 1, text)
        text = case.run('metrics', pid, **there).stdout
        saved, cpu = samples(text, 'estimate_saved_seconds', pid), samples(text, 'estimate_cpu_seconds', pid)
        unknown = samples(text, 'estimate_unknown', pid)
        if wanted['verdict'] == 'cannot say':
            case.check('metrics: it cannot say', unknown == {'': 1} and cpu == {'': 0}, text)
        else:
            sum_ = wanted['saved'] if wanted['verdict'] in ('saves', 'costs') else dict.fromkeys(('least', 'likely', 'most'), 0)
            case.check('metrics: the same numbers, in seconds', set(saved) == set(sum_) and unknown == {'': 0} and
                       all(close(saved[key] * 1e9, sum_[key]) for key in sum_) and close(cpu[''] * 1e9, wanted['cpu']),
                       f'{saved} {cpu}\n{wanted}')
        text = case.run('metrics', '--all', '--by', 'exe', **there).stdout
        case.check('metrics by program: once', len(re.findall(r'^symfast_estimate_cpu_seconds\{', text, re.M)) == 1, text[:500])
        with stopped(program, folder, 'observe') as other:
            text = case.run('metrics', '--all', **there).stdout
            by_exe = case.run('metrics', '--all', '--by', 'exe', **there).stdout
            both = [samples(text, 'estimate_cpu_seconds', one)[''] for one in (pid, other)]
            all_ = float(re.search(r'^symfast_estimate_cpu_seconds\{.*\} (\S+)$', by_exe, re.M)[1])
            case.check('metrics by program: processes are added up', close(all_, sum(both)), f'{both} {all_}')
    with stopped(program, folder, 'on') as pid:
        case.check('on: there is nothing to estimate', 'savings' not in document('stat', '--json', pid, **there) and
                   document('top', '-j', '-n', '1', '-d', '0.1', pid, **there)['estimates'] == [] and
                   not re.search(r'^symfast_estimate_\w+\{', case.run('metrics', pid, **there).stdout, re.M))


def ab(program):
    words = ['ab', '-n', '1', '--warmup', '0', '--mode']
    done = case.run(*words, 'observe', '--', program)
    line = LINE.search(done.stdout)
    case.check('ab in observe has the line', done.returncode == 0 and line, done)
    done = case.run(*words, 'on', '--', program)
    case.check('ab with the map has none', done.returncode == 0 and not LINE.search(done.stdout), done)


with case.workshop() as place:
    path = case.compile_c(place, 'asks', SOURCE)
    os.mkdir(f'{place}/shm')
    observed(path, f'{place}/shm')
    ab(path)
case.end()
