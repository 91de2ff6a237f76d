// SPDX-License-Identifier: BSD-2-Clause
// doctor_root_file.c: what lies at a path inside of a root: a regular file's bytes, a folder's entries.
#include "doctor.h"

#include "../../base/bytes.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST_MOST 65536

/*
 * A device or a FIFO is not even opened, which alone may do something or wait, and nothing can take the file's place
 * between look and opening.
 */
int
doctor_root_open_file(const char *root, const char *path, struct stat *st)
{
	int at = doctor_root_open(root, path, NULL), fd = -1, error;
	char link[32];

	if (at < 0)
		return -1;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", at);
	errno = ENOEXEC;
	if (fstat(at, st) == 0 && S_ISREG(st->st_mode))
		fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	error = errno;
	close(at);
	errno = error;
	return fd;
}

void *
doctor_root_read_all(int fd, const struct stat *st, uint64_t most, uint64_t *size)
{
	uint64_t wanted = (uint64_t)st->st_size, have = 0;
	char *bytes;

	errno = EFBIG;
	if (wanted > most || (bytes = malloc(wanted + 1)) == NULL)
		return NULL;
	while (have < wanted) {
		ssize_t n = read(fd, bytes + have, wanted - have);

		if (n < 0 && errno != EINTR) {
			free(bytes);
			return NULL;
		}
		if (n == 0)
			break; /* shorter than it was a moment ago */
		have += n > 0 ? (uint64_t)n : 0;
	}
	bytes[have] = '\0';
	*size = have;
	return bytes;
}

void *
doctor_root_read(const char *root, const char *path, uint64_t most, uint64_t *size)
{
	struct stat st;
	int fd = doctor_root_open_file(root, path, &st), error;
	void *bytes;

	if (fd < 0)
		return NULL;
	bytes = doctor_root_read_all(fd, &st, most, size);
	error = errno;
	close(fd);
	errno = error;
	return bytes;
}

char *
doctor_root_real(const char *root, const char *path)
{
	char *real;
	int at = doctor_root_open(root, path, &real);

	if (at >= 0)
		close(at);
	return real;
}

bool
doctor_root_is_file(const char *root, const char *path, mode_t *mode)
{
	int at = doctor_root_open(root, path, NULL);
	struct stat st;
	bool good;

	if (at < 0)
		return false;
	good = fstat(at, &st) == 0 && S_ISREG(st.st_mode);
	close(at);
	if (good && mode != NULL)
		*mode = st.st_mode;
	return good;
}

static int
doctor_root_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **
doctor_root_list(const char *root, const char *path, const char *prefix)
{
	int at = doctor_root_open(root, path, NULL), fd, error;
	struct dirent *entry;
	size_t count = 0;
	char **names;
	DIR *folder;

	if (at < 0)
		return NULL;
	fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	error = errno;
	close(at);
	folder = fd >= 0 ? fdopendir(fd) : NULL;
	if (folder == NULL) {
		if (fd >= 0)
			close(fd);
		errno = error;
		return NULL;
	}
	names = cli_alloc(LIST_MOST + 1, sizeof(*names));
	while (count < LIST_MOST && (entry = readdir(folder)) != NULL)
		if (sf_bytes_begins(entry->d_name, prefix) && strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			names[count++] = cli_format("%s", entry->d_name);
	closedir(folder);
	qsort(names, count, sizeof(*names), doctor_root_order);
	return names;
}

void
doctor_root_list_free(char **names)
{
	for (size_t i = 0; names != NULL && names[i] != NULL; i++)
		free(names[i]);
	free(names);
}
