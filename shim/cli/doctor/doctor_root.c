// SPDX-License-Identifier: BSD-2-Clause
// doctor_root.c: paths inside of a root, which is another's and may change meanwhile: no link leads out of it.
#include "doctor.h"

#include "../../base/bytes.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MOST 64
#define LINKS_MOST 40 /* as the kernel */
#define LIST_MOST  65536

/*
 * Every folder on the way stays open, so that ".." is the one that was come from, and a folder that is
 * moved or replaced leads nowhere else. The first is the root.
 */
struct way {
	int fds[DEPTH_MOST];
	char *names[DEPTH_MOST];
	size_t depth; /* of the last one */
	char *rest;   /* what is still to go */
	unsigned int links;
};

static void
doctor_root_back(struct way *w)
{
	close(w->fds[w->depth]);
	free(w->names[w->depth]);
	w->depth--;
}

static bool
doctor_root_go(struct way *w, int fd, const char *name)
{
	if (w->depth + 1 == DEPTH_MOST) {
		close(fd);
		errno = ENAMETOOLONG;
		return false;
	}
	w->depth++;
	w->fds[w->depth] = fd;
	w->names[w->depth] = cli_format("%s", name);
	return true;
}

/* The link `fd` instead of its name, before what is left; an absolute one begins at the root. */
static bool
doctor_root_link(struct way *w, int fd, const char *rest)
{
	char target[4096], *all;
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);
	int error = n >= 0 && ++w->links > LINKS_MOST ? ELOOP : errno;

	close(fd);
	errno = error;
	if (n < 0 || w->links > LINKS_MOST)
		return false;
	target[n] = '\0';
	while (*target == '/' && w->depth > 0)
		doctor_root_back(w);
	all = cli_format("%s%s", target, rest); /* which begins with a slash, if there is any */
	free(w->rest);
	w->rest = all;
	return true;
}

static bool
doctor_root_is_folder(const struct way *w)
{
	struct stat st;

	if (fstat(w->fds[w->depth], &st) == 0 && S_ISDIR(st.st_mode))
		return true;
	errno = ENOTDIR;
	return false;
}

/* One name on. */
static bool
doctor_root_step(struct way *w)
{
	size_t skip = strspn(w->rest, "/"), n = strcspn(w->rest + skip, "/");
	char *name = cli_format("%.*s", (int)n, w->rest + skip),
	     *rest = cli_format("%s", w->rest + skip + n);
	struct stat st;
	bool good = doctor_root_is_folder(w);
	int fd;

	free(w->rest);
	w->rest = rest;
	if (good && strcmp(name, "..") == 0 && w->depth > 0) {
		doctor_root_back(w);
	} else if (good && *name != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
		fd = openat(w->fds[w->depth], name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) != 0)
			good = false;
		else if (S_ISLNK(st.st_mode))
			good = doctor_root_link(w, fd, rest);
		else
			good = doctor_root_go(w, fd, name);
	}
	free(name);
	return good;
}

static char *
doctor_root_told(const struct way *w)
{
	char *path = cli_format("%s", w->depth == 0 ? "/" : "");

	for (size_t i = 1; i <= w->depth; i++) {
		char *longer = cli_format("%s/%s", path, w->names[i]);

		free(path);
		path = longer;
	}
	return path;
}

/* The place that was reached, or -1 with errno. */
static int
doctor_root_end(struct way *w, bool good, char **real)
{
	int fd = -1, error = errno;

	if (good && real != NULL)
		*real = doctor_root_told(w);
	if (good) {
		fd = fcntl(w->fds[w->depth], F_DUPFD_CLOEXEC, 0);
		error = errno;
	}
	while (w->depth > 0)
		doctor_root_back(w);
	close(w->fds[0]);
	free(w->rest);
	errno = error;
	return fd;
}

int
doctor_root_open(const char *root, const char *path, char **real)
{
	struct way w = {.rest = NULL};
	bool good = true;

	if (real != NULL)
		*real = NULL;
	if (*root == '\0') {
		if (real != NULL && (*real = realpath(path, NULL)) == NULL)
			return -1;
		return open(real != NULL ? *real : path, O_PATH | O_CLOEXEC);
	}
	w.fds[0] = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w.fds[0] < 0)
		return -1;
	w.rest = cli_format("%s", path);
	while (good && *w.rest != '\0')
		good = doctor_root_step(&w);
	return doctor_root_end(&w, good, real);
}
