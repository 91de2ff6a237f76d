// SPDX-License-Identifier: BSD-2-Clause
// doctor_object.c: reads object files, and finds those that others need.
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
doctor_object_read_all(int fd, struct doctor_object *o, uint64_t size)
{
	uint64_t have = 0;

	o->bytes = malloc(size != 0 ? size : 1);
	if (o->bytes == NULL)
		return false;
	while (have < size) {
		ssize_t n = read(fd, (char *)o->bytes + have, size - have);

		if (n < 0 && errno != EINTR)
			return false;
		if (n == 0)
			break; /* shorter than it was a moment ago */
		have += n > 0 ? (uint64_t)n : 0;
	}
	o->size = have;
	o->fault = sf_elf_file_open(&o->elf, o->bytes, have);
	return true;
}

/*
 * A regular file, opened; -1 with errno. A device is not even opened, which alone may do something, and
 * nothing can take the file's place between look and opening.
 */
static int
doctor_object_open_regular(const char *path, struct stat *st)
{
	int at = open(path, O_PATH | O_CLOEXEC), fd = -1, error;
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

bool
doctor_object_read(struct doctor_object *o, const char *path, uint64_t most)
{
	struct stat st;
	int fd = doctor_object_open_regular(path, &st), error;

	*o = (struct doctor_object){.path = cli_format("%s", path)};
	if (fd >= 0) {
		errno = (uint64_t)st.st_size > most ? EFBIG : 0;
		if (errno == 0 && doctor_object_read_all(fd, o, (uint64_t)st.st_size)) {
			close(fd);
			return true;
		}
	}
	error = errno;
	if (fd >= 0)
		close(fd);
	doctor_object_free(o);
	errno = error;
	return false;
}

void
doctor_object_free(struct doctor_object *o)
{
	free(o->path);
	free(o->bytes);
	*o = (struct doctor_object){0};
}

/* One folder of a search path, with $ORIGIN replaced; "" if it holds another token. */
static char *
doctor_object_expand(const char *folder, size_t len, const struct doctor_object *needer)
{
	static const char *const tokens[] = {"$ORIGIN", "${ORIGIN}"};
	const char *slash = strrchr(needer->path, '/');
	int origin = slash != NULL ? (int)(slash - needer->path) : 0;

	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(tokens[i]);

		if (len >= n && strncmp(folder, tokens[i], n) == 0)
			return cli_format("%.*s%.*s", origin, needer->path, (int)(len - n),
					  folder + n);
	}
	return cli_format("%.*s", memchr(folder, '$', len) != NULL ? 0 : (int)len, folder);
}

static char *
doctor_object_try(const char *root, const char *folder, const char *name)
{
	/* $ORIGIN of a process's object begins with its root already. */
	bool inside = *root != '\0' && strncmp(folder, root, strlen(root)) == 0;
	char *path = cli_format("%s%s/%s", inside ? "" : root, folder, name);
	struct stat st;

	if (*folder == '/' && stat(path, &st) == 0 && S_ISREG(st.st_mode))
		return path;
	free(path);
	return NULL;
}

static char *
doctor_object_search_list(const char *list, const char *name, const struct doctor_object *needer,
			  const char *root)
{
	while (list != NULL && *list != '\0') {
		size_t len = strcspn(list, ":");
		char *folder = doctor_object_expand(list, len, needer),
		     *found = doctor_object_try(root, folder, name);

		free(folder);
		if (found != NULL)
			return found;
		list += len + (list[len] == ':');
	}
	return NULL;
}

char *
doctor_object_search(const char *name, const struct doctor_object *needer, const char *root)
{
	static const char usual[] = "/lib/" SF_TRIPLET ":/usr/lib/" SF_TRIPLET
				    ":/lib64:/usr/lib64:/lib:/usr/lib:/usr/local/lib"
				    ":/usr/local/lib/" SF_TRIPLET;
	char *found = NULL;
	uint64_t offset;

	if (strchr(name, '/') != NULL)
		return *name == '/' ? doctor_object_try(root, "/", name + 1) : NULL;
	if (sf_elf_file_tag(&needer->elf, DT_RUNPATH, &offset) ||
	    sf_elf_file_tag(&needer->elf, DT_RPATH, &offset))
		found = doctor_object_search_list(sf_elf_file_string(&needer->elf, offset), name,
						  needer, root);
	return found != NULL ? found : doctor_object_search_list(usual, name, needer, root);
}

bool
doctor_object_libc_version(const struct doctor_object *libc, char *version, size_t size)
{
	static const char banner[] = "GNU C Library", mark[] = "release version ";
	const char *at = memmem(libc->bytes, libc->elf.size, banner, strlen(banner));
	const char *end = (const char *)libc->bytes + libc->elf.size;
	size_t n = 0;

	if (at == NULL)
		return false;
	if (end - at > 256)
		end = at + 256;
	at = memmem(at, (size_t)(end - at), mark, strlen(mark));
	if (at == NULL)
		return false;
	for (at += strlen(mark); at < end && n + 1 < size; at++) {
		if ((*at < '0' || *at > '9') && (*at != '.' || at + 1 >= end || at[1] < '0'))
			break;
		version[n++] = *at;
	}
	version[n] = '\0';
	return n != 0;
}
