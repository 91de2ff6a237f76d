// SPDX-License-Identifier: BSD-2-Clause
// copy.c: symfast-copy FROM TO: what the init container runs: copies the library into a volume of the Pod.
//
// Linked statically: the image needs no shell and no libc for it. The copy gets its name when it is whole, so
// that no process maps half a file, and so that a second run (a Pod that starts again) takes nothing from under
// the processes that have the first copy mapped.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
copy_failed(const char *path)
{
	dprintf(STDERR_FILENO, "symfast-copy: %s: %s\n", path, strerror(errno));
	return 1;
}

static int
copy_write_all(int to, const char *bytes, size_t size)
{
	while (size != 0) {
		ssize_t n = write(to, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

/* 0, or 1 after one line. */
static int
copy_bytes(int from, int to, const char *from_path, const char *to_path)
{
	static char room[65536];

	for (;;) {
		ssize_t n = read(from, room, sizeof(room));

		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return copy_failed(from_path);
		if (copy_write_all(to, room, (size_t)n) != 0)
			return copy_failed(to_path);
	}
}

int
main(int argc, char **argv)
{
	char partial[4096];
	int from, to;

	if (argc != 3) {
		dprintf(STDERR_FILENO, "symfast-copy: two arguments are needed: FROM TO\n");
		return 2;
	}
	if (snprintf(partial, sizeof(partial), "%s.partial", argv[2]) >= (int)sizeof(partial)) {
		errno = ENAMETOOLONG;
		return copy_failed(argv[2]);
	}
	from = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return copy_failed(argv[1]);
	to = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (to < 0)
		return copy_failed(partial);
	if (copy_bytes(from, to, argv[1], partial) != 0)
		return 1;
	/* Whatever the umask: other users' processes map it. A full volume may be told at the close. */
	if (fchmod(to, 0644) != 0 || close(to) != 0 || rename(partial, argv[2]) != 0)
		return copy_failed(argv[2]);
	return 0;
}
