#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every fence of the library has a pair, and every pair holds on a machine that reorders: fences.py ROOT [--herd]

docs/memory-order.md lists the pairs: where the fences A and B stand, of which kind, and their shape (fences.shapes).
 1. The list and the sources name the same fences: file, function, kind.
 2. Each shape, with the kinds of fences that its pairs have, is tried in all executions that AArch64 allows; what must
    not be seen is not. Without any one of its fences it is.
 3. --herd: herd7 says the same of each (Debian: herdtools7). 77 (skipped) where there is none.

The model is that of the Arm Architecture Reference Manual (herd's aarch64.cat) for plain loads and stores, those with
acquire or release, exclusive pairs, DMB, address dependencies and branches: an execution is a choice of the write that
each read sees and an order of the writes to each place; it is allowed if each place is coherent, nothing comes between
the two halves of an exclusive pair, and "ordered before" has no circle.
"""
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile

# As Concurrency Kit and gcc make them (shim/base/atomic.h): DMB ISHLD, DMB ISHST, DMB ISH.
BARRIER = {'load': 'ld', 'store': 'st', 'full': 'sy', 'acquire': 'sy', 'release': 'sy', 'atomic_load': 'sy',
           'c11-acquire': 'ld', 'c11-release': 'sy', 'c11-full': 'sy'}
ACCESS = {'acq': 'the read before it', 'rel': 'the write behind it', 'acq_rel': 'both'}
# What others bring: taken for a full barrier, and not taken out.
GIVEN = {'libc', 'kernel', 'go', 'pair', 'dependency'}
# No pair of ours: what a row of these says stands in the document.
ALONE = {'fork', 'none'}
SITE = re.compile(r'\bsf_fence_(\w+)\(\)|__atomic_thread_fence\(__ATOMIC_(\w+)\)|(__sync_synchronize)\(\)|'
                  r'__atomic_(\w+?)(?:_n)?\((?:[^;]*?)__ATOMIC_(ACQUIRE|RELEASE|ACQ_REL|SEQ_CST)')
C11 = {'ACQUIRE': 'c11-acquire', 'RELEASE': 'c11-release', 'SEQ_CST': 'c11-full'}
ORDER = {'ACQUIRE': 'acq', 'RELEASE': 'rel', 'ACQ_REL': 'acq_rel'}


# ---- the sources ----

def fences_of(path):
    """(function, kind) of each fence, from comments freed text."""
    with open(path, encoding='utf-8') as f:
        text = re.sub(r'/\*.*?\*/', lambda m: '\n' * m[0].count('\n'), f.read(), flags=re.S)
    text = re.sub(r'//[^\n]*', '', text)
    starts = [(m.start(), m[1]) for m in re.finditer(r'^(\w+)\(', text, re.M)]
    for m in SITE.finditer(text):
        if text[text.rfind('\n', 0, m.start()) + 1:m.start()].startswith('#define'):
            continue
        function = [name for at, name in starts if at < m.start()]
        kind = m[1] or (C11[m[2]] if m[2] else 'c11-full' if m[3] else ORDER[m[5]])
        yield (function[-1] if function else '?', kind)


def sources(root):
    found = {}
    for folder in ('shim', 'include'):
        for at, _, names in os.walk(f'{root}/{folder}'):
            for name in names:
                path = os.path.relpath(f'{at}/{name}', f'{root}/shim' if folder == 'shim' else root)
                if name.endswith(('.c', '.h')) and path != 'base/atomic.h' and not path.startswith('cli/'):
                    for site in fences_of(f'{at}/{name}'):
                        found[(path, *site)] = found.get((path, *site), 0) + 1
    return found


# ---- the document ----

def sides(cell):
    """[(file, function, kind, times)]; a word alone is what others bring."""
    out = []
    for item in cell.split(';'):
        words = item.replace('`', '').split()
        if len(words) == 1:
            out.append((None, None, words[0], 1))
        elif len(words) >= 3:
            out.append((words[0], words[1], words[2], int(words[3][1:]) if len(words) > 3 else 1))
    return out


def rows(root):
    with open(f'{root}/docs/memory-order.md', encoding='utf-8') as f:
        for line in f:
            cells = [cell.strip() for cell in line.strip().strip('|').split('|')]
            if line.startswith('| ') and len(cells) == 5 and cells[0] != 'pair':
                yield cells[0], sides(cells[1]), sides(cells[2]), cells[3].strip('`')


# ---- the shapes ----

def shapes(root):
    out, name = {}, None
    with open(f'{root}/tests/model/fences.shapes', encoding='utf-8') as f:
        for line in f:
            line = line.rstrip('\n')
            if line.startswith('shape '):
                name = line[6:].split(':')[0]
                out[name] = []
                threads, init = [], {}
            elif line.startswith('  init '):
                init[line.split()[1]] = int(line.split()[2])
            elif line.startswith('  never '):
                out[name].append((init, threads, dict(w.split('=') for w in line.split()[1:])))
                threads, init = [], {}
            elif line.startswith('  '):
                threads.append([step.strip() for step in line.split(';')])
    return out


class Event:
    def __init__(self, thread, what, place, value=None, register=None):
        self.thread, self.what, self.place, self.value, self.register = thread, what, place, value, register
        self.acquire = self.release = False
        self.by = self.half = None
        self.wanted = None
        self.branches = ()
        self.behind = ()  # barriers since the thread's start


def events_of(threads, kinds):
    """The memory events of the threads; `kinds`: of A and B; None: taken out."""
    out = []
    for number, steps in enumerate(threads):
        release, barriers, branches, last = False, [], [], None
        for step in steps:
            words = step.split()
            if words[0] in ('A', 'B'):
                kind = kinds.get(words[0])
                if kind in BARRIER or kind in GIVEN:
                    barriers.append((len(out), BARRIER.get(kind, 'sy')))
                if kind in ('acq', 'acq_rel'):
                    last.acquire = True
                release |= kind in ('rel', 'acq_rel')
                continue
            if words[0] == 'if':
                branches.append(words[1])
                continue
            made = []
            if words[0] == 'W':
                made = [Event(number, 'W', words[1], int(words[2]))]
            elif words[2] == 'R':
                made = [Event(number, 'R', words[3], register=words[0])]
                made[0].by = words[5] if len(words) > 4 else None
            else:
                made = [Event(number, 'R', words[3], register=words[0]), Event(number, 'W', words[3], int(words[5]))]
                made[0].wanted = int(words[4])
                made[1].half = made[0]
            for e in made:
                if e.what == 'W':
                    e.release, release = e.release or release, False
                else:
                    last = e
                e.behind, e.branches = tuple(barriers), tuple(branches)
                out.append(e)
    return out


def ordered(events):
    """Pairs that the program itself orders: barriers, acquire and release, dependencies, exclusive halves."""
    out = set()
    for j, b in enumerate(events):
        for i in range(j):
            a = events[i]
            if a.thread != b.thread:
                continue
            between = {kind for at, kind in b.behind if at > i}
            if ('sy' in between or ('ld' in between and a.what == 'R') or
                    ('st' in between and a.what == b.what == 'W') or a.acquire or b.release or b.half is a or
                    (a.register is not None and (b.by == a.register or (b.what == 'W' and a.register in b.branches)))):
                out.add((i, j))
    return out


def has_circle(count, edges):
    after = [[b for a, b in edges if a == i] for i in range(count)]
    state = [0] * count

    def visit(i):
        state[i] = 1
        for b in after[i]:
            if state[b] == 1 or (state[b] == 0 and visit(b)):
                return True
        state[i] = 2
        return False

    return any(state[i] == 0 and visit(i) for i in range(count))


def executions(init, events):
    """(reads-from, coherence order) of each combination; -1 is the write before the start."""
    reads = [i for i, e in enumerate(events) if e.what == 'R']
    places = sorted({e.place for e in events})
    writes = {p: [i for i, e in enumerate(events) if e.what == 'W' and e.place == p] for p in places}
    for choice in itertools.product(*([-1, *writes[events[i].place]] for i in reads)):
        seen = dict(zip(reads, choice))
        value = {i: init.get(events[i].place, 0) if w < 0 else events[w].value for i, w in seen.items()}
        if any(events[i].wanted not in (None, value[i]) for i in reads):
            continue
        for orders in itertools.product(*(itertools.permutations(writes[p]) for p in places)):
            yield seen, value, dict(zip(places, orders))


def allowed(events, program, seen, orders):
    n = len(events)
    place = {w: k for order in orders.values() for k, w in enumerate(order)}
    rf = {(w, r) for r, w in seen.items() if w >= 0}
    co = {(a, b) for order in orders.values() for a, b in itertools.combinations(order, 2)}
    fr = {(r, w) for r, s in seen.items() for w in orders[events[r].place] if s < 0 or place[w] > place[s]}
    local = {(i, j) for j in range(n) for i in range(j)
             if events[i].thread == events[j].thread and events[i].place == events[j].place}
    if has_circle(n, local | rf | co | fr):
        return False
    for w, e in enumerate(events):
        if e.half is None:
            continue
        r = events.index(e.half)
        before = -1 if seen[r] < 0 else place[seen[r]]
        if any(events[x].thread != e.thread for x in orders[e.place][before + 1:place[w]]):
            return False
    outside = {(a, b) for a, b in rf | co | fr if events[a].thread != events[b].thread}
    # A write that an exclusive pair made is read by an acquire of its own thread no earlier.
    inside = {(a, b) for a, b in rf if events[a].thread == events[b].thread and events[a].half and events[b].acquire}
    return not has_circle(n, outside | inside | program)


def shows(program, kinds):
    """Can what must never be seen be seen?"""
    init, threads, never = program
    events = events_of(threads, kinds)
    order = ordered(events)
    for seen, value, orders in executions(init, events):
        final = {f'[{p}]': events[o[-1]].value if o else init.get(p, 0) for p, o in orders.items()}
        final |= {events[i].register: v for i, v in value.items()}
        if all(final[k] == int(v) for k, v in never.items()) and allowed(events, order, seen, orders):
            return True
    return False


# ---- herd ----

class Herd:
    """One program in the form that herd7 reads."""

    def __init__(self, program, kinds):
        self.init, self.threads, self.never = program
        self.kinds, self.events = kinds, events_of(self.threads, kinds)

    def text(self, name):
        places = sorted({e.place for e in self.events})
        lines, wanted, start = [], [], [f'{p}={self.init.get(p, 0)};' for p in places]
        registers = {}
        for t in range(len(self.threads)):
            start += [f'{t}:X{20 + i}={p};' for i, p in enumerate(places)]
            lines.append(self.thread(t, places, wanted, registers))
        height = max(map(len, lines))
        code = [' | '.join(f'P{t}' for t in range(len(lines))) + ' ;']
        code += [' | '.join(one[i] if i < len(one) else '' for one in lines) + ' ;' for i in range(height)]
        wanted += [f'{k if k[0] == "[" else registers[k]}={v}' for k, v in self.never.items()]
        exists = ' /\\ '.join(wanted)
        return '\n'.join([f'AArch64 {name}', '{ ' + ' '.join(start) + ' }', *code, f'exists ({exists})', ''])

    def thread(self, t, places, wanted, registers):
        out, done, free, label = [], 0, itertools.count(1), 0
        own = [(i, e) for i, e in enumerate(self.events) if e.thread == t]
        named, branched = {}, 0
        for i, e in own:
            for at, kind in e.behind[done:]:
                out.append({'sy': 'DMB ISH', 'ld': 'DMB ISHLD', 'st': 'DMB ISHST'}[kind])
            done = len(e.behind)
            for register in e.branches[branched:]:
                label += 1
                out += [f'CBNZ W{named[register]},L{t}{label}', f'L{t}{label}:']
            branched = len(e.branches)
            address = f'[X{20 + places.index(e.place)}]'
            if e.what == 'R':
                to = named[e.register] = next(free)
                registers[e.register] = f'{t}:X{to}'
                exclusive = any(w.half is e for _, w in own)
                if e.by:
                    zero = next(free)
                    out.append(f'EOR W{zero},W{named[e.by]},W{named[e.by]}')
                    address = f'[X{20 + places.index(e.place)},W{zero},SXTW]'
                out.append(f'LD{"A" * e.acquire}{"X" * exclusive}R W{to},{address}')
                if e.wanted is not None:
                    wanted.append(f'{t}:X{to}={e.wanted}')
            else:
                value = next(free)
                out.append(f'MOV W{value},#{e.value}')
                if e.half is not None:
                    status = next(free)
                    out.append(f'ST{"L" * e.release}XR W{status},W{value},{address}')
                    wanted.append(f'{t}:X{status}=0')
                else:
                    out.append(f'ST{"L" * e.release}R W{value},{address}')
        return out


def herd_says(programs):
    """What herd7 says of each: can it be seen?"""
    with tempfile.TemporaryDirectory() as folder:
        for i, (program, kinds) in enumerate(programs):
            with open(f'{folder}/t{i}.litmus', 'w', encoding='ascii') as f:
                f.write(Herd(program, kinds).text(f't{i}'))
        done = subprocess.run(['herd7', *(f'{folder}/t{i}.litmus' for i in range(len(programs)))], text=True,
                              capture_output=True, timeout=600, check=True)
    found = dict(re.findall(r'^Observation t(\d+) (Never|Sometimes|Always)', done.stdout, re.M))
    return [found.get(str(i), '?') != 'Never' for i in range(len(programs))]


# ---- all of it ----

def used(pairs):
    """{shape: {(kind of A, kind of B)}}"""
    out = {}
    for _, a, b, shape in pairs:
        for one in a:
            for other in b:
                out.setdefault(shape, set()).add((one[2], other[2]))
    return out


def compare_lists(found, pairs):
    bad, listed = [], {}
    for name, a, b, _ in pairs:
        for file, function, kind, times in a + b:
            if file is not None:
                listed[(file, function, kind)] = listed.get((file, function, kind), 0) + times
            elif kind not in GIVEN and kind != '-':
                bad.append(f'{name}: {kind}?')
    for site, times in found.items():
        if listed.get(site, 0) < times:
            bad.append(f'shim/{site[0]}, {site[1]}: fence "{site[2]}" in no pair of docs/memory-order.md')
    return bad + [f'docs/memory-order.md: no fence "{site[2]}" in {site[0]}, {site[1]}' for site in listed.keys() - found.keys()]


def removals(kinds):
    for label, kind in kinds.items():
        if kind not in GIVEN and kind != '-':
            yield {**kinds, label: None}


def check_shape(name, programs, kinds, asked):
    bad = []
    text = f'{name} ({kinds["A"]}, {kinds["B"]})'
    for program in programs:
        asked.append((program, kinds, shows(program, kinds)))
        if asked[-1][2]:
            bad.append(f'{text}: {program[2]} can be seen')
    for less in removals(kinds):
        answers = [shows(program, less) for program in programs]
        asked += [(program, less, answer) for program, answer in zip(programs, answers)]
        gone = next(label for label in less if less[label] is None)
        if not any(answers):
            bad.append(f'{text}: holds without {gone}')
    return bad


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else sys.exit(__doc__)
    pairs, known, asked = list(rows(root)), shapes(root), []
    bad = compare_lists(sources(root), pairs)
    for shape, combinations in sorted(used(pairs).items()):
        if shape in ALONE:
            continue
        if shape not in known:
            bad.append(f'no shape {shape}')
            continue
        for a, b in sorted(combinations):
            bad += check_shape(shape, known[shape], {'A': a, 'B': b}, asked)
    print(f'{len(pairs)} pairs, {len(known)} shapes, {len(asked)} programs in all executions')
    bad += [f'no pair has shape {shape}' for shape in known.keys() - {row[3] for row in pairs}]
    if '--herd' in sys.argv:
        if not shutil.which('herd7'):
            print('skipped: no herd7')
            sys.exit(77)
        said = herd_says([(program, kinds) for program, kinds, _ in asked])
        bad += [f'herd7 says {theirs} of {program} with {kinds}' for (program, kinds, ours), theirs in zip(asked, said)
                if ours != theirs]
        print(f'herd7 says the same of {sum(ours == theirs for (_, _, ours), theirs in zip(asked, said))}')
    if bad:
        sys.exit('\n'.join(bad))


if __name__ == '__main__':
    main()
