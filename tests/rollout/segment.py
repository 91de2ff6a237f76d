# SPDX-License-Identifier: BSD-2-Clause
"""The statistics segment of a process, read and switched as another process would (symfast_shm.h)."""
import mmap
import os
import struct

OFF, ON, OBSERVE, VERIFY = range(4)
BY_SETTING, BY_CANARY, BY_CTL, BY_FILE, BY_BREAKER, BY_REFUSAL = range(6)
CLOSED, OPEN, HALF = range(3)
CONTROL = 1024
FIELDS = {'word': 0, 'phase': 4, 'reason': 8, 'ctl_count': 12, 'ctl_pid': 16, 'setting_word': 20,
          'sample_mask': 24, 'check_every': 28, 'ab_share': 32, 'breaker': 36, 'breaker_trips': 44,
          'mismatches': 48, 'mismatch_map': 80, 'mismatch_libc': 84, 'canary_share': 152,
          'canary_bucket': 156, 'canary_chosen': 160, 'kill_file_seen': 164, 'go_era': 616,
          'go_eras': 620}
LONG = {'mismatch_ns': 56, 'breaker_ns': 632}
TEXTS = {'mismatch_function': (64, 16), 'doubt': (88, 64), 'canary_key': (168, 48), 'why': (216, 96)}
GROUPS = {'counters': 368, 'go': 400, 'go_fill': 432}
HISTOGRAMS = 464
SITES = 496
FUNCTIONS = 512
FRAMES = 24
BUCKETS = 496


DIRECTORY = '/dev/shm'


def path_of(pid, directory=None):
    return f'{directory or DIRECTORY}/symfast.{os.geteuid()}.{pid}'


class Segment:
    def __init__(self, pid, directory=None):
        with open(path_of(pid, directory), 'r+b') as f:
            self.map = mmap.mmap(f.fileno(), 0)
        if self.map[:8] != b'SYMFAST\0':
            raise ValueError('no magic')

    def u32(self, at):
        return struct.unpack_from('<I', self.map, at)[0]

    def __getitem__(self, name):
        if name in TEXTS:
            at, size = TEXTS[name]
            return self.map[CONTROL + at:CONTROL + at + size].split(b'\0')[0].decode()
        if name in LONG:
            return struct.unpack_from('<Q', self.map, CONTROL + LONG[name])[0]
        return self.u32(CONTROL + FIELDS[name])

    def __setitem__(self, name, value):
        struct.pack_into('<I', self.map, CONTROL + FIELDS[name], value & 0xffffffff)

    def set(self, word):
        """As symfast_shm_set() does."""
        self['ctl_pid'] = os.getpid()
        self['reason'] = BY_CTL
        self['word'] = word
        if word == ON:
            self['go_eras'] = self['go_eras'] + 1
        self['go_era'] = self['go_eras'] if word == ON else 0
        self['ctl_count'] = self['ctl_count'] + 1

    def group(self, name):
        at, size, count, blocks, stride, _, used = struct.unpack_from('<7I', self.map, GROUPS[name])
        names = self.map[at:at + size].decode().split('\0')[:count]
        sums = [0] * count
        for block in range(used):
            words = struct.unpack_from(f'<{count}Q', self.map, blocks + block * stride)
            sums = [a + b for a, b in zip(sums, words)]
        return dict(zip(names, sums))

    def counter(self, name):
        return self.group('counters')[name]

    def histogram(self, function, arm):
        """(count, ticks, longest, waited, buckets)."""
        row = self.names_of_functions().index(function) * 2 + arm
        offset, stride = struct.unpack_from('<2I', self.map, HISTOGRAMS)
        words = struct.unpack_from(f'<{4 + BUCKETS}Q', self.map, offset + row * stride)
        return (*words[:4], words[4:])

    def names_of_functions(self):
        at, size, count = struct.unpack_from('<3I', self.map, FUNCTIONS)
        return self.map[at:at + size].decode().split('\0')[:count]

    def sites(self):
        """Rows in use: (function, count, [(path, offset), ...])."""
        offset, stride, _, used = struct.unpack_from('<4I', self.map, SITES)
        names = self.names_of_functions()
        rows = []
        for at in range(offset, offset + used * stride, stride):
            hash_, count, _, _, function, _, depth, _ = struct.unpack_from('<4Q4H', self.map, at)
            if hash_ == 0:
                continue
            objects = struct.unpack_from(f'<{depth}I', self.map, at + 40)
            offsets = struct.unpack_from(f'<{depth}I', self.map, at + 40 + 4 * FRAMES)
            paths = [self.map[o:self.map.find(b'\0', o)].decode() if o else '' for o in objects]
            rows.append((names[function], count, list(zip(paths, offsets))))
        return rows
