#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Secure mode (AT_SECURE), by set-user-id and by file capabilities, started by a user: secure.py PROGRAM LIBRARY

The library gets in by LD_PRELOAD out of a trusted folder, and by /etc/ld.so.preload, both in a private
mount namespace. Nothing of the environment may count, no file may come of it, nothing be printed.
"""
import os
import shutil
import subprocess
import sys
import tempfile

PROGRAM, LIBRARY = (os.path.abspath(word) for word in sys.argv[1:3])
SKIP, NOBODY = 77, '65534'
# As root, in a mount namespace of its own: $1 folder, $2 way; the rest is run as nobody.
INSIDE = r'''
set -e
folder=$1 way=$2; shift 2
mount -t tmpfs -o mode=1777 shm /dev/shm
case $way in
trusted) mount --bind "$folder/preloaded.so" "$TRUSTED" ;;
etc) mount --bind "$folder/etc" /etc ;;
esac
set +e
setpriv --reuid 65534 --regid 65534 --clear-groups env -i "$@" >"$folder/out" 2>"$folder/err"
echo $? >"$folder/status"
ls -A /dev/shm >"$folder/shm"
'''


def skip(why):
    print(f'SKIP: {why}')
    sys.exit(SKIP)


def trusted_file():
    """A library of a trusted folder that no program here needs."""
    for folder in ('/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu', '/lib64', '/usr/lib64', '/usr/lib'):
        for name in ('libBrokenLocale.so.1', 'libanl.so.1', 'libnss_compat.so.2'):
            if os.path.isfile(f'{folder}/{name}'):
                return f'{folder}/{name}'
    return skip('no library in a trusted folder to mount over')


class Place:
    def __init__(self, folder, trusted):
        self.folder, self.trusted = folder, trusted
        self.written = f'{folder}/written'
        os.chmod(folder, 0o755)
        os.mkdir(self.written)
        os.chmod(self.written, 0o777)
        library = f'{folder}/preloaded.so'
        shutil.copy(LIBRARY, library)
        os.chmod(library, 0o4755)  # what ld.so demands of a preload in secure mode
        os.mkdir(f'{folder}/etc')
        for name in ('passwd', 'group', 'nsswitch.conf', 'ld.so.cache'):
            if os.path.exists(f'/etc/{name}'):
                shutil.copy(f'/etc/{name}', f'{folder}/etc/{name}')
        with open(f'{folder}/etc/ld.so.preload', 'w', encoding='ascii') as f:
            f.write(library + '\n')
        for name in ('plain', 'setuid', 'setcap'):
            shutil.copy(PROGRAM, f'{folder}/{name}')
        os.chmod(f'{folder}/setuid', 0o4755)

    def settings(self):
        w = self.written
        return ['SYMFAST=on', 'SYMFAST_NO_SUCH=1', 'SYMFAST_MAP_KIB=wrong', 'SYMFAST_VERBOSE=1', 'SYMFAST_STATS=1',
                'SYMFAST_SHM=start', f'SYMFAST_SHM_DIR={w}', 'SYMFAST_SITES=1/1', f'SYMFAST_SITES_FILE={w}/sites.%p',
                f'SYMFAST_KILL_FILE={w}/off', 'SYMFAST_CANARY=1%', 'SYMFAST_CANARY_KEY=env:HOME', 'SYMFAST_CONF=/no/such/file']

    def run(self, way, program):
        """(stdout, stderr, status, files made)."""
        words = [f'LD_PRELOAD={os.path.basename(self.trusted)}'] if way == 'trusted' else []
        name = {'trusted': os.path.basename(self.trusted), 'etc': 'preloaded.so'}.get(way, 'none')
        done = subprocess.run(['unshare', '-m', 'sh', '-c', INSIDE, 'sh', self.folder, way, *words, *self.settings(),
                               f'{self.folder}/{program}', name], capture_output=True, text=True, timeout=60,
                              env={'PATH': os.environ['PATH'], 'TRUSTED': self.trusted, 'SYMFAST_DISABLE': '1'})
        if done.returncode:
            skip(f'no private mounts here: {done.stderr.strip()}')
        out, err, status, shm = (self.read(f) for f in ('out', 'err', 'status', 'shm'))
        made = os.listdir(self.written) + shm.split()
        for file in os.listdir(self.written):
            os.unlink(f'{self.written}/{file}')
        return out, err, status.strip(), made

    def read(self, name):
        with open(f'{self.folder}/{name}', encoding='utf-8', errors='replace') as f:
            return f.read()


def main():
    if os.geteuid() != 0:
        skip('needs root, to start programs as another user')
    for tool in ('unshare', 'setpriv', 'mount'):
        if not shutil.which(tool):
            skip(f'no {tool} here')
    bad = 0
    with tempfile.TemporaryDirectory(prefix='symfast-secure-') as folder:
        if os.statvfs(folder).f_flag & os.ST_NOSUID:
            skip(f'{folder} is mounted nosuid')
        place = Place(folder, trusted_file())
        programs = ['setuid']
        if shutil.which('setcap') and subprocess.run(['setcap', 'cap_net_bind_service+ep', f'{folder}/setcap'],
                                                     capture_output=True).returncode == 0:
            programs.append('setcap')
        else:
            print('note: no file capabilities here: set-user-id only')
        for way in ('trusted', 'etc'):
            out, err, _, made = place.run(way, 'plain')
            good = 'mapped 1\nsecure 0' in out and 'symfast: ' in err
            print(f'{"ok" if good else "not ok"} - {way}: without rights the settings count')
            bad += not good
            for program in programs:
                stock = place.run('none', program)
                got = place.run(way, program)
                want = (stock[0].replace('mapped 0', 'mapped 1'), '', '0', [])
                good = got == want and 'secure 1' in got[0] and 'threads 1' in got[0]
                print(f'{"ok" if good else "not ok"} - {way}: {program}')
                if not good:
                    print(f'    {got}\n    {want}')
                bad += not good
    return bad


if __name__ == '__main__':
    sys.exit(1 if main() else 0)
