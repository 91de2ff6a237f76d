// SPDX-License-Identifier: BSD-2-Clause
// sample_lock.c: see sample_lock.h.
//
// The loader's locks (_dl_load_lock, _dl_load_write_lock, _dl_load_tls_lock) are recursive mutexes in
// _rtld_global, in ld.so's writable segment. Who waits for one sleeps in futex on its first word. Source:
// glibc's sysdeps/nptl/bits/struct_mutex.h: __lock, __count, __owner, __nusers, __kind, the same since 2.3.
#include "sample_lock.h"

#include "../base/cli.h"
#include "../base/proc.h"
#include "sample_kind.h"
#include <dirent.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sample_lock_mutex {
	uint32_t lock, count;
	int32_t owner;
	uint32_t users;
	int32_t kind;
};
#define KIND_RECURSIVE 1

bool
sample_lock_waits(struct sample_maps *m, const struct sample_shot *shot, uint64_t *lock)
{
	int operation = (int)shot->arguments[1] & FUTEX_CMD_MASK;
	const struct sample_map *map;
	uint64_t address;

	if (shot->call != SYS_futex || (operation != FUTEX_WAIT && operation != FUTEX_WAIT_BITSET))
		return false;
	*lock = shot->arguments[0];
	map = sample_maps_at(m, *lock);
	return map != NULL && map->writable && map->object != SAMPLE_MAPS_NONE &&
	       sample_kind_is_loader(sample_maps_object(m, map->start, &address));
}

/* The number of a thread in its own pid namespace is the last one of NSpid. */
static bool
sample_lock_is_thread(pid_t pid, pid_t tid, long own)
{
	char *name = cli_format("task/%d/status", tid), *at, *text;
	size_t size;
	bool same;

	text = proc_read((unsigned long)pid, name, &size);
	free(name);
	at = text != NULL ? strstr(text, "\nNSpid:") : NULL;
	if (at != NULL) {
		at[1 + strcspn(at + 1, "\n")] = '\0';
		at = strrchr(at, '\t');
	}
	same = at != NULL && strtol(at + 1, NULL, 10) == own;
	free(text);
	return same;
}

/* In a container: the thread here that has that number there. */
static pid_t
sample_lock_translate(pid_t pid, long own)
{
	char *name = cli_format("/proc/%d/task", pid);
	DIR *dir = opendir(name);
	struct dirent *entry;
	pid_t found = 0;

	free(name);
	while (dir != NULL && found == 0 && (entry = readdir(dir)) != NULL) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid > 0 && sample_lock_is_thread(pid, tid, own))
			found = tid;
	}
	if (dir != NULL)
		closedir(dir);
	return found;
}

pid_t
sample_lock_owner(pid_t pid, uint64_t lock)
{
	struct sample_lock_mutex mutex;
	char *name;
	pid_t tid;

	if (sample_shot_read(pid, lock, &mutex, sizeof(mutex)) != sizeof(mutex) ||
	    mutex.lock == 0 || (mutex.kind & 127) != KIND_RECURSIVE || mutex.owner <= 0)
		return 0;
	tid = mutex.owner;
	if (proc_space_of((unsigned long)pid) != proc_pid_space())
		return sample_lock_translate(pid, tid);
	name = cli_format("/proc/%d/task/%d", pid, tid);
	if (access(name, F_OK) != 0)
		tid = 0;
	free(name);
	return tid;
}
