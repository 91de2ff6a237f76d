// SPDX-License-Identifier: BSD-2-Clause
// A wrapper of open, read and write as many are written: it counts, and asks for the next function at each call.
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

static unsigned long calls[3], bytes;

int
open(const char *path, int flags, ...)
{
	int (*next)(const char *, int, ...) =
		(int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
	va_list more;
	mode_t mode;

	va_start(more, flags);
	mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;
	va_end(more);
	calls[0]++;
	return next(path, flags, mode);
}

ssize_t
read(int fd, void *to, size_t size)
{
	ssize_t (*next)(int, void *, size_t) =
		(ssize_t(*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
	ssize_t got = next(fd, to, size);

	calls[1]++;
	bytes += got > 0 ? (unsigned long)got : 0;
	return got;
}

ssize_t
write(int fd, const void *from, size_t size)
{
	ssize_t (*next)(int, const void *, size_t) =
		(ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");

	calls[2]++;
	return next(fd, from, size);
}

__attribute__((destructor)) static void
tell(void)
{
	fprintf(stderr, "open %lu, read %lu, write %lu, %lu bytes read\n", calls[0], calls[1],
		calls[2], bytes);
}
