// SPDX-License-Identifier: BSD-2-Clause
// host.c: see host.h. The end of each process adds what the library has counted to a file, if one is asked for.
#include "host.h"

#include "../../include/symfast.h"
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>

extern char **environ;
extern int symfast_counter(const char *name, uint64_t *value) __attribute__((weak));

void (*host_on_begin)(const char *who);
void (*host_on_end)(const char *who);
bool host_throws, host_quiet;
static char host_counts[4096]; /* a row may clear the environment */

/* ---- what plugins call ---- */

void
part_say(const char *format, ...)
{
	char line[1024];
	va_list args;

	if (host_quiet)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	say("%s", line);
}

void
part_begins(const char *who, int argc, char **argv, char **envp)
{
	const char *lives = getenv("HOST_LIFE");

	part_say("%s begins: %d arguments %s, environ %s, HOST_LIFE %s", who, argc,
		 argv == row_argv ? "main's" : "others",
		 envp == NULL      ? "NULL"
		 : envp == environ ? "the current one"
				   : "another",
		 lives != NULL ? lives : "unset");
	if (host_on_begin)
		host_on_begin(who);
}

void
part_ends(const char *who)
{
	part_say("%s ends", who);
	if (host_on_end)
		host_on_end(who);
}

int
part_throws(void)
{
	return host_throws;
}

/* ---- what rows call ---- */

static const char *
host_path(const char *file)
{
	return strchr(file, '/') ? file : lab(file);
}

static const char *
host_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Messages without the folders of this machine. */
static const char *
host_message(const char *error)
{
	static char short_one[512];
	const char *slash = error ? strstr(error, ".so") : NULL;

	if (error == NULL)
		return "none";
	while (slash && slash > error && slash[-1] != '/')
		slash--;
	snprintf(short_one, sizeof(short_one), "%s", slash ? slash : error);
	return short_one;
}

void
host_error(const char *when)
{
	say("%s: error %s", when, host_message(dlerror()));
}

void *
host_open_by_name(const char *name, int mode)
{
	void *handle = dlopen(name, mode);

	if (handle == NULL)
		say("open %s: %s", host_base(name), host_message(dlerror()));
	else
		say("open %s: its link map's name ends %s", host_base(name),
		    host_base(((struct link_map *)handle)->l_name));
	return handle;
}

void *
host_open(const char *file, int mode)
{
	return host_open_by_name(host_path(file), mode);
}

void
host_close(void *handle)
{
	int result = dlclose(handle);

	if (result != 0)
		say("close: %d, %s", result, host_message(dlerror()));
	else
		say("close: 0");
}

void
host_touch(void *handle, const char *name)
{
	char symbol[64];
	void (*touch)(void);

	snprintf(symbol, sizeof(symbol), "%s_touch", name);
	touch = (void (*)(void))dlsym(handle, symbol);
	if (touch)
		touch();
	else
		say("no %s: %s", symbol, host_message(dlerror()));
}

void
host_cycle(const char *name, int n)
{
	char file[64];

	snprintf(file, sizeof(file), "%s.so", name);
	for (int i = 0; i < n; i++) {
		void *handle = host_open(file, RTLD_LAZY);

		if (handle == NULL)
			return;
		host_touch(handle, name);
		host_close(handle);
	}
}

void
host_loaded(const char *file)
{
	host_loaded_bare(host_path(file));
}

void
host_loaded_bare(const char *name)
{
	void *handle = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);

	say("%s is %s", host_base(name), handle ? "loaded" : "not loaded");
	if (handle)
		dlclose(handle);
	else
		host_error("loaded");
}

void
host_settle(void)
{
	struct timespec t = {0, 30000000};

	nanosleep(&t, NULL);
}

const char *
host_copy(const char *file, const char *to)
{
	char command[8192];

	snprintf(command, sizeof(command), "cp '%s' '%s.new' && mv '%s.new' '%s'", host_path(file),
		 to, to, to);
	if (system(command) != 0)
		say("cannot copy %s", file);
	host_settle();
	return to;
}

/* ---- the count ---- */

__attribute__((constructor)) static void
host_start(void)
{
	const char *path = getenv("SF_RETAIN_COUNTS");

	snprintf(host_counts, sizeof(host_counts), "%s", path != NULL ? path : "");
}

void
row_done(void)
{
	static const char *const names[] = {"retain.open", "retain.close", "retain.refuse",
					    "retain.release"};
	const char *path = host_counts;
	char line[256];
	size_t n = 0;
	int fd;

	if (path[0] == '\0' || symfast_counter == NULL)
		return;
	for (size_t i = 0; i < 4; i++) {
		uint64_t value = 0;

		symfast_counter(names[i], &value);
		n += (size_t)snprintf(line + n, sizeof(line) - n, "%s %lu ", names[i],
				      (unsigned long)value);
	}
	line[n++] = '\n';
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
	if (fd < 0 || write(fd, line, n) < 0)
		perror(path);
	close(fd);
}
