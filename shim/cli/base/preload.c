// SPDX-License-Identifier: BSD-2-Clause
// preload.c: see preload.h.
#include "preload.h"

#include "../../observe/forms.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <link.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BARE "libsymfast.so"

static int
preload_is_libc(struct dl_phdr_info *info, size_t size, void *into)
{
	static const char end[] = "/libc.so.6";
	size_t n = strlen(info->dlpi_name);

	(void)size;
	if (n < sizeof(end) || strcmp(info->dlpi_name + n - (sizeof(end) - 1), end) != 0)
		return 0;
	*(char **)into = cli_format("%.*s", (int)(n - (sizeof(end) - 1)), info->dlpi_name);
	return 1;
}

/* What ld.so puts in the place of $LIB: its libc's folder, below / or /usr. NULL: it lies elsewhere. */
static char *
preload_lib_folder(void)
{
	char *folder = NULL, *lib = NULL;

	dl_iterate_phdr(preload_is_libc, &folder);
	if (folder != NULL && strncmp(folder, "/usr/lib", 8) == 0)
		lib = cli_format("%s", folder + strlen("/usr/"));
	else if (folder != NULL && strncmp(folder, "/lib", 4) == 0)
		lib = cli_format("%s", folder + 1);
	free(folder);
	return lib;
}

/* PREFIX/$LIB/libsymfast.so, if this ld.so finds the file there. Each child's ld.so looks in its own folder. */
static char *
preload_by_token(const char *prefix)
{
	char *lib = preload_lib_folder();
	char *path = lib != NULL ? cli_format("%s/%s/" BARE, prefix, lib) : NULL;
	bool there = path != NULL && access(path, R_OK) == 0;

	free(lib);
	free(path);
	return there ? cli_format("%s/$LIB/" BARE, prefix) : NULL;
}

/* The library beside this very program: in a build tree one folder up, installed under the same prefix or in SF_LIBDIR. */
static char *
preload_own_library(void)
{
	char self[PATH_MAX], *path, *folder;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = '\0';
		folder = dirname(self);
		path = cli_format("%s/../" BARE, folder);
		if (access(path, R_OK) == 0) {
			char *whole = realpath(path, NULL);

			free(path);
			return whole;
		}
		free(path);
		path = preload_by_token(dirname(folder));
		if (path != NULL)
			return path;
	}
	path = cli_format("%s/" BARE, SF_LIBDIR);
	if (access(path, R_OK) == 0)
		return path;
	free(path);
	return cli_format(BARE);
}

extern char **environ;

/*
 * Does the loader take it? A library that is none, of another CPU, or nowhere to be found it only complains
 * of, and goes on without: a program that does nothing (this one) is started with it, and what is said read.
 */
static bool
preload_loads(const char *library)
{
	static const char own[] = "/proc/self/exe", words[] = "cannot be preloaded";
	char *arguments[] = {(char *)(uintptr_t) "symfast", (char *)(uintptr_t) "--version", NULL};
	char *preload = cli_format("LD_PRELOAD=%s", library), said[1024] = "";
	char *with[] = {preload, (char *)(uintptr_t) "SYMFAST_DISABLE=1", NULL, NULL};
	int out = memfd_create("said", MFD_CLOEXEC), status = 0;
	posix_spawn_file_actions_t files;
	pid_t pid;

	for (char **e = environ; *e != NULL; e++)
		if (strncmp(*e, "LD_LIBRARY_PATH=", 16) == 0)
			with[2] = *e;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&files, out, 2);
	if (out >= 0 && posix_spawn(&pid, own, &files, NULL, arguments, with) == 0 &&
	    waitpid(pid, &status, 0) == pid && pread(out, said, sizeof(said) - 1, 0) < 0)
		*said = '\0';
	posix_spawn_file_actions_destroy(&files);
	if (out >= 0)
		close(out);
	free(preload);
	return status == 0 && strstr(said, words) == NULL;
}

char *
preload_library(const char *given)
{
	char *path;

	if (given == NULL)
		path = preload_own_library();
	else if (strchr(given, '/') == NULL)
		path = cli_format("%s", given); /* a bare name is the loader's to find */
	else
		path = realpath(given, NULL);
	if (path == NULL) {
		cli_error_errno(0, "%s", given != NULL ? given : BARE);
		return NULL;
	}
	if (strchr(path, '/') != NULL && strstr(path, "/$LIB/") == NULL &&
	    access(path, R_OK) != 0) {
		cli_error_errno(0, "%s", path);
	} else if (strpbrk(path, " :") != NULL) {
		cli_error("%s: LD_PRELOAD takes no path with a space or a colon", path);
	} else if (!preload_loads(path)) {
		cli_error("%s: cannot be preloaded", path);
	} else {
		return path;
	}
	free(path);
	return NULL;
}

/* Does the element of a preload list name a runtime that must come first? */
static bool
preload_is_sanitizer(const char *element, size_t len)
{
	static const char *const names[] = {"libasan.so", "libtsan.so", "libclang_rt."};
	const char *base = memrchr(element, '/', len);

	base = base != NULL ? base + 1 : element;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(base, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

char *
preload_value(const char *library, const char *old)
{
	const char *rest = old != NULL ? old : "";
	size_t first = 0;

	for (const char *at = rest; *at != '\0';) {
		size_t len = strcspn(at, " :");

		if (len == strlen(library) && strncmp(at, library, len) == 0)
			return cli_format("%s", rest);
		if (len != 0 && (size_t)(at - rest) == first && preload_is_sanitizer(at, len))
			first += len + (at[len] != '\0');
		at += len + (at[len] != '\0');
	}
	if (first != 0 && rest[first] == '\0')
		return cli_format("%s%s%s", rest, strchr(" :", rest[first - 1]) ? "" : ":",
				  library);
	return cli_format("%.*s%s%s%s", (int)first, rest, library, rest[first] != '\0' ? ":" : "",
			  rest + first);
}

void
preload_check_mode(struct argp_state *state, const char *arg, void *into)
{
	struct sf_parsed parsed;

	(void)into;
	if (!sf_form_mode(arg, &parsed))
		cli_usage(state, "no such mode: %s", arg);
}
