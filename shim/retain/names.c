// SPDX-License-Identifier: BSD-2-Clause
// names.c: see names.h.
#include "names.h"

#include "../base/bytes.h"
#include "../base/glob.h"
#include "../base/log.h"
#include "../base/sys.h"
#include "../observe/retain_denied.h"
#include <fcntl.h>

static const char names_denied[] = SF_RETAIN_DENIED;

SF_LARGE static char names_list[SF_RETAIN_LIST_MAX + sizeof(names_denied) + 1];
static size_t names_used;

static const char *
names_end(const char *at)
{
	while (*at != '\0' && *at != ':')
		at++;
	return at;
}

/* "=keep" at the end of a pattern, which then ends before it. */
static enum sf_retain_how
names_how(const char *at, const char **end)
{
	static const char keep[] = "=keep";
	size_t n = sizeof(keep) - 1;

	if ((size_t)(*end - at) <= n)
		return SF_RETAIN_FRESH;
	for (size_t i = 0; i < n; i++)
		if ((*end)[(ptrdiff_t)i - (ptrdiff_t)n] != keep[i])
			return SF_RETAIN_FRESH;
	*end -= n;
	return SF_RETAIN_KEEP;
}

enum sf_retain_how
sf_retain_names_find(const char *path)
{
	const char *base = sf_bytes_base(path), *next;
	enum sf_retain_how found = SF_RETAIN_NOT;

	for (const char *at = names_list; *at != '\0'; at = *next == ':' ? next + 1 : next) {
		const char *end = next = names_end(at);
		bool denied = *at == '!';
		enum sf_retain_how how = names_how(at, &end);

		if (!sf_glob_match(at + denied, end, base))
			continue;
		if (denied)
			return SF_RETAIN_NOT;
		if (found == SF_RETAIN_NOT)
			found = how;
	}
	return found;
}

static bool
names_refuse(const char *what, const char *why)
{
	struct sf_line l;

	names_list[0] = '\0';
	names_used = 0;
	sf_line_start(&l);
	sf_line_str(&l, "SYMFAST_RETAIN: ");
	sf_line_quote(&l, what, 64);
	sf_line_str(&l, why);
	sf_line_str(&l, "; nothing is retained");
	sf_line_write(&l);
	return false;
}

static bool
names_add(const char *at, size_t n)
{
	if (names_used + n + 2 > sizeof(names_list))
		return false;
	if (names_used > 0)
		names_list[names_used++] = ':';
	*sf_bytes_put(names_list + names_used, at, n) = '\0';
	names_used += n;
	return true;
}

/* A line of a file: its pattern without blanks and comment. */
static bool
names_add_line(const char *at, const char *end)
{
	const char *stop = at;

	while (stop < end && *stop != '#')
		stop++;
	while (at < stop && (*at == ' ' || *at == '\t'))
		at++;
	while (stop > at && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r'))
		stop--;
	return at == stop || names_add(at, (size_t)(stop - at));
}

static bool
names_add_text(const char *text, size_t n)
{
	const char *end = text + n;

	while (text < end) {
		const char *line = text;

		while (text < end && *text != '\n' && *text != ':')
			text++;
		if (!names_add_line(line, text))
			return false;
		text++;
	}
	return true;
}

/* What of a file fits a list, read at once; negative: it cannot be read, or is longer. */
static long
names_slurp(const char *path, char *to, size_t room)
{
	long fd = sf_syscall6(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC | O_NONBLOCK,
			      0, 0, 0);
	long used = fd;

	if (fd >= 0) {
		used = sf_sys_read_all(fd, to, room);
		sf_syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
	}
	return used < 0 || (size_t)used == room ? -1 : used;
}

static bool
names_add_file(const char *at, size_t n)
{
	char path[512];
	char *text = sf_sys_map(SF_RETAIN_LIST_MAX);
	bool good = false;
	long got;

	if (text == NULL || n >= sizeof(path))
		return names_refuse(at, " cannot be read");
	*sf_bytes_put(path, at, n) = '\0';
	got = names_slurp(path, text, SF_RETAIN_LIST_MAX);
	if (got < 0)
		names_refuse(path, " cannot be read, or is too long");
	else if (!(good = names_add_text(text, (size_t)got)))
		names_refuse(path, " is too long");
	sf_sys_unmap(text, SF_RETAIN_LIST_MAX);
	return good;
}

/* Why no file can have such a name, or the pattern is most likely a slip; NULL: it is good. */
static const char *
names_fault(const char *at, const char *end)
{
	const char *close;

	names_how(at, &end);
	if (*at == '@')
		return NULL; /* in a file: nothing is called so, and no file is read from within a file */
	for (; at < end; at++) {
		if (*at == '/')
			return ": a pattern is for a file's own name, without its folder";
		if (*at == '=')
			return ": only =keep may follow a pattern";
		if (*at != '[')
			continue;
		for (close = at + 1; close < end && *close != ']'; close++)
			;
		if (close == end)
			return ": [ without ]";
		at = close;
	}
	return NULL;
}

static bool
names_are_good(void)
{
	char pattern[64];
	const char *next;

	for (const char *at = names_list; *at != '\0'; at = *next == ':' ? next + 1 : next) {
		const char *why = names_fault(at, next = names_end(at));

		if (why == NULL)
			continue;
		sf_bytes_cut(pattern, at,
			     (size_t)(next - at) < sizeof(pattern) ? (size_t)(next - at) + 1
								   : sizeof(pattern));
		return names_refuse(pattern, why);
	}
	return true;
}

bool
sf_retain_names_read(const char *list)
{
	const char *next;

	names_list[0] = '\0';
	names_used = 0;
	for (const char *at = list; *at != '\0'; at = *next == ':' ? next + 1 : next) {
		next = names_end(at);
		if (at == next)
			continue;
		if (*at == '@') {
			if (!names_add_file(at + 1, (size_t)(next - at - 1)))
				return false;
		} else if (!names_add(at, (size_t)(next - at))) {
			return names_refuse(list, " is too long");
		}
	}
	if (!names_are_good())
		return false;
	return names_used == 0 || names_add(names_denied, sizeof(names_denied) - 1);
}
