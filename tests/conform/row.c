// SPDX-License-Identifier: BSD-2-Clause
// The main program of every conformance test: picks the row, prints lines with their counts.
#include "row.h"
#include <gnu/libc-version.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int reps = 1;

static char last_line[8192];
static int last_count;
char **row_argv;

static void
put(const char *s)
{
	size_t left = strlen(s);

	while (left) {
		ssize_t n = write(1, s, left);

		if (n <= 0)
			_exit(98);
		s += n;
		left -= (size_t)n;
	}
}

static void
end_count(void)
{
	char count[32];

	if (last_count > 1) {
		snprintf(count, sizeof(count), "    x%d\n", last_count);
		put(count);
	}
	last_count = 0;
}

void
say(const char *format, ...)
{
	char line[sizeof(last_line)];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n] = '\n';
	line[n + 1] = '\0';
	if (last_count && strcmp(line, last_line) == 0) {
		last_count++;
		return;
	}
	end_count();
	memcpy(last_line, line, (size_t)n + 2);
	last_count = 1;
	put(line);
}

static char *
next_buffer(void)
{
	static char buffers[12][256];
	static int turn;

	return buffers[turn++ % 12];
}

static const char *
base_name(const struct link_map *map)
{
	const char *slash = strrchr(map->l_name, '/');

	if (!*map->l_name)
		return "main";
	return slash ? slash + 1 : map->l_name;
}

const char *
where(const void *address)
{
	struct dl_find_object found;
	char *buffer = next_buffer();

	if (!address)
		return "NULL";
	if (_dl_find_object((void *)address, &found) == 0)
		snprintf(buffer, 256, "%s+%#lx", base_name(found.dlfo_link_map),
			 (unsigned long)((ElfW(Addr))address - found.dlfo_link_map->l_addr));
	else if ((unsigned long)address < 0x100000)
		snprintf(buffer, 256, "%#lx", (unsigned long)address);
	else
		snprintf(buffer, 256, "memory");
	return buffer;
}

const char *
handle_name(const void *handle)
{
	const struct link_map *map = _r_debug.r_map;

	if (!handle)
		return "DEFAULT";
	if (handle == RTLD_NEXT)
		return "NEXT";
	for (; map; map = map->l_next)
		if (map == handle)
			return base_name(map);
	return "handle";
}

const char *
text(const char *error)
{
	return error ? error : "NULL";
}

const char *
lab(const char *file)
{
	static char paths[4][4096];
	static int turn;
	char *path = paths[turn++ % 4];

	snprintf(path, 4096, "%s/%s", SF_LAB, file);
	return path;
}

void
in_thread(void (*f)(void *), void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, (void *(*)(void *))(void (*)(void))f, argument))
		_exit(97);
	pthread_join(thread, NULL);
}

void
in_process(const char *inner, const char *variable, const char *value)
{
	char count[16];
	int status;
	pid_t child;

	end_count();
	child = fork();
	if (child == 0) {
		snprintf(count, sizeof(count), "%d", reps);
		if (variable)
			setenv(variable, value, 1);
		execl(row_argv[0], row_argv[0], "--inner", inner, count, NULL);
		_exit(96);
	}
	waitpid(child, &status, 0);
	say("%s ended %s %d", inner, WIFSIGNALED(status) ? "by signal" : "with",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

bool
is_old(void)
{
	int major, minor;

	return sscanf(gnu_get_libc_version(), "%d.%d", &major, &minor) == 2 && minor < 34;
}

const char *
dl_file(void)
{
	return is_old() ? "libdl.so.2" : "libc.so.6";
}

static int
list(void)
{
	const struct row *row;

	for (row = rows; row->name; row++)
		printf("%s\t%s\n",
		       row->dies == 3   ? (is_old() ? "skip" : "lives")
		       : row->dies == 2 ? "either"
		       : row->dies      ? "dies"
					: "lives",
		       row->name);
	return 0;
}

int
main(int argc, char **argv)
{
	struct rlimit no_core = {0, 0};
	int i, count = 0;

	setrlimit(RLIMIT_CORE, &no_core);
	row_argv = argv;
	if (argc == 4 && strcmp(argv[1], "--inner") == 0 && inner_main) {
		reps = atoi(argv[3]);
		inner_main(argv[2]);
		end_count();
		return 0;
	}
	if (argc != 3)
		return list();
	for (i = 0; rows[i].name; i++)
		count++;
	i = atoi(argv[1]);
	reps = atoi(argv[2]);
	if (i < 0 || i >= count || reps < 1)
		return 2;
	rows[i].run();
	end_count();
	if (row_done)
		row_done();
	return 0;
}
