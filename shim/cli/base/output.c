// SPDX-License-Identifier: BSD-2-Clause
// output.c: see output.h.
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool pipe_ignored; /* SIGPIPE, by whoever started us */
static bool told;         /* that standard output failed */

int
output_result(bool good)
{
	if (good)
		return CLI_OK;
	if (!told)
		cli_error_errno(0, "standard output");
	told = true;
	return CLI_FAILED;
}

/* What was printed has arrived, or the exit status says that it has not. */
static void
output_close_standard(void)
{
	bool any = __fpending(stdout) != 0, bad = ferror(stdout) != 0;

	/* Who started us without one, and prints nothing, wants nothing. */
	bad |= fclose(stdout) != 0 && (any || errno != EBADF);
	if (bad)
		_exit(output_result(false));
}

/*
 * A stream that is closed would be the number of the next file that is opened, and what is printed would
 * go there. What stands in for it cannot be read (written), and is gone in a command that is run.
 */
static void
output_fill_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			open("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
}

void
output_streams(void)
{
	output_fill_streams();
	pipe_ignored = signal(SIGPIPE, SIG_IGN) == SIG_IGN;
	atexit(output_close_standard);
}

bool
output_pipe_given_back(void)
{
	return !pipe_ignored;
}

bool
output_is_standard(const char *path)
{
	struct stat st, own;

	if (strcmp(path, "-") == 0)
		return true;
	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && stat(path, &st) == 0 &&
	       fstat(STDOUT_FILENO, &own) == 0 && own.st_dev == st.st_dev &&
	       own.st_ino == st.st_ino;
}

/* The name of the half-written file, for the handler; NULL: there is none. */
static char *volatile half_written;

static void
output_on_end(int signal_number)
{
	if (half_written != NULL)
		unlink(half_written);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

/* The signals that end a program, if nobody has them ignored. */
static void
output_on_signals(void (*handler)(int))
{
	static const int ends[] = {SIGHUP, SIGINT, SIGTERM};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (signal(ends[i], handler) == SIG_IGN)
			signal(ends[i], SIG_IGN);
}

/* One of our own standard streams, by one of the names that they have: it is gone on with, not opened anew. */
static int
output_own_stream(const struct stat *st)
{
	struct stat own;

	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (fstat(fd, &own) == 0 && own.st_dev == st->st_dev && own.st_ino == st->st_ino)
			return fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return -1;
}

/*
 * What is there and is no regular file (a device, a pipe, a link to anything) stays what it is, and is
 * written into. A link that leads nowhere is an error: what it would make is somebody else's choice.
 */
static int
output_open_into(const char *path, bool link)
{
	struct stat st;
	int fd = link && stat(path, &st) == 0 ? output_own_stream(&st) : -1;

	return fd >= 0 ? fd : open(path, O_WRONLY | O_TRUNC | O_NOCTTY | O_CLOEXEC);
}

static int
output_open_new(struct output_file *f)
{
	int fd;

	f->temporary = cli_format("%s.XXXXXX", f->path);
	fd = mkostemp(f->temporary, O_CLOEXEC);
	if (fd < 0)
		return fd;
	half_written = f->temporary;
	output_on_signals(output_on_end);
	return fd;
}

bool
output_open(struct output_file *f, const char *path)
{
	struct stat st;
	int fd;

	*f = (struct output_file){.path = cli_format("%s", path)};
	fflush(stdout);
	if (strcmp(path, "-") == 0) {
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	} else if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		fd = output_open_into(path, S_ISLNK(st.st_mode));
	} else {
		fd = output_open_new(f);
	}
	f->stream = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (f->stream != NULL)
		return true;
	cli_error_errno(0, "%s", path);
	free(f->path);
	free(f->temporary);
	return false;
}

/* mkostemp gives 0600; a page or a metric is for whom the umask lets read. */
static bool
output_give_mode(const struct output_file *f)
{
	mode_t mask = umask(077);

	umask(mask);
	return fchmod(fileno(f->stream), 0666 & ~mask) == 0;
}

bool
output_close(struct output_file *f)
{
	bool ok = f->temporary == NULL || output_give_mode(f);

	ok = !ferror(f->stream) && ok;
	ok = fclose(f->stream) == 0 && ok;
	ok = ok && (f->temporary == NULL || rename(f->temporary, f->path) == 0);
	if (!ok) {
		cli_error_errno(0, "%s", f->path);
		if (f->temporary != NULL)
			unlink(f->temporary);
	}
	if (f->temporary != NULL) {
		half_written = NULL;
		output_on_signals(SIG_DFL);
	}
	free(f->path);
	free(f->temporary);
	return ok;
}
