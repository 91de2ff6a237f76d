// SPDX-License-Identifier: BSD-2-Clause
// The C level: sf_go_realpath held to libc's realpath, errno included, and to a realpath that says what
// the test wants it to.
#include "table.h"

#include <errno.h>

static int calls;

static char *
real_calls(const char *name, char *out)
{
	calls++;
	return realpath(name, out);
}

static void
test_switch_realpath(void)
{
	struct sf_go_env env = {.realpath = real_calls, .errno_location = __errno_location};
	char out[PATH_MAX];

	fresh_table(0);
	CHECK(sf_go_level_init(&env));
	CHECK(sf_go_realpath(a, out) == out && sf_go_realpath(a, out) == out && calls == 1);
	sf_go_serve(false);
	for (int i = 0; i < 3; i++)
		CHECK(sf_go_realpath(a, out) == out && sf_go_realpath(b, out) == out);
	CHECK(calls == 7 && t->entries == 1);
	sf_go_serve(true);
	CHECK(sf_go_realpath(a, out) == out && calls == 7 && !strcmp(out, a));
}

static void
same_as_libc(const char *name)
{
	char mine[PATH_MAX], theirs[PATH_MAX];

	for (int turn = 0; turn < 3; turn++) {
		for (int before = 0; before <= EINVAL; before += EINVAL) {
			memset(mine, 0, sizeof(mine));
			memset(theirs, 0, sizeof(theirs));
			errno = before;
			char *p = realpath(name, theirs);
			int theirs_errno = errno;
			errno = before;
			char *q = sf_go_realpath(name, mine);
			CHECK(errno == theirs_errno);
			CHECK(!p == !q && (!p || (q == mine && !strcmp(mine, theirs))));
		}
	}
}

static void
test_realpath(void)
{
	struct sf_go_env env = {.realpath = real_calls, .errno_location = __errno_location};
	static char longest[2 * PATH_MAX];

	fresh_table(0);
	CHECK(sf_go_level_init(&env));
	point(a);
	memset(longest, 'x', sizeof(longest) - 1);
	const char *const names[] = {a,           a_link,   "a",  "./a", "..//",  dir,
				     "",          "nosuch", "a/", "a/b", longest, "/proc/self/exe",
				     "/dev/null", NULL};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		same_as_libc(names[i]);
	calls = 0;
	same_as_libc(a_link);
	CHECK(calls == 0);
	point(b);
	same_as_libc(a_link);
	CHECK(calls > 0);
	char *p = sf_go_realpath(a, NULL);
	CHECK(p && !strcmp(p, a));
	free(p);
}

static const char *said_path;
static int said_errno;

static char *
scripted(const char *name, char *out)
{
	(void)name;
	if (said_errno)
		errno = said_errno;
	return strcpy(out, said_path);
}

static void
fill_paths(char *path, size_t size, char *out)
{
	memset(path, 'p', size - 1);
	said_path = path;
	for (int i = 0; i < 2000; i++) {
		snprintf(path, 5, "%04d", i);
		path[4] = 'p';
		CHECK(sf_go_realpath("b", out) && !strcmp(out, path));
	}
}

// Each name gets its own path and what realpath left in errno with it, whatever else is kept.
static void
test_scripted_realpath(void)
{
	struct sf_go_env env = {.realpath = scripted, .errno_location = __errno_location};
	char out[PATH_MAX], longer[PATH_MAX + 16];
	static char path[1200];

	fresh_table(0);
	CHECK(sf_go_level_init(&env) && chdir(dir) == 0);
	point(a);
	snprintf(longer, sizeof(longer), "%s1", a);
	make(longer);
	settle();
	const struct {
		const char *name, *path;
		int err;
	} rows[] = {{"a1", longer, 0}, {"a", a, 0}, {a_link, a, EINVAL}, {"./a", a, ENOENT}};
	for (int turn = 0; turn < 3; turn++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			said_path = turn == 0 ? rows[i].path : "/wrong";
			said_errno = turn == 0 ? rows[i].err : ERANGE;
			errno = EPERM + turn;
			CHECK(sf_go_realpath(rows[i].name, out) && !strcmp(out, rows[i].path));
			CHECK(errno == (rows[i].err ? rows[i].err : EPERM + turn));
		}
	}
	// While the switch is off no room is taken.
	sf_go_serve(false);
	fill_paths(path, sizeof(path), out);
	sf_go_serve(true);
	said_path = b;
	CHECK(sf_go_realpath("./b", out) && !strcmp(out, b));
	said_path = "/wrong";
	CHECK(sf_go_realpath("./b", out) && !strcmp(out, b));
	// More paths than there is room for: those are asked of libc, the others stay.
	fill_paths(path, sizeof(path), out);
	CHECK(sf_go_realpath("a", out) && !strcmp(out, a));
	unlink(longer);
	unlink(a_link);
}

static char inner[PATH_MAX];

static void
fork_and_ask(void)
{
	in_clock = NULL;
	sf_go_forked();
	said_path = b;
	CHECK(sf_go_realpath(".///b", inner) && !strcmp(inner, b));
}

// The child of a fork that came while a path was being kept keeps paths all the same.
static void
test_forked(void)
{
	struct sf_go_env env = {.realpath = scripted, .errno_location = __errno_location};
	char out[PATH_MAX];

	fresh_table(0);
	CHECK(sf_go_level_init(&env) && chdir(dir) == 0);
	said_path = a;
	said_errno = 0;
	in_clock = fork_and_ask;
	CHECK(sf_go_realpath(".///a", out) && !strcmp(out, a));
	said_path = "/wrong";
	CHECK(sf_go_realpath(".///b", out) && !strcmp(out, b));
}

int
main(void)
{
	if (!make_folder())
		return 2;
	settle();
	test_switch_realpath();
	test_realpath();
	test_forked();
	test_scripted_realpath();
	printf("%d failures\n", failures);
	remove_folder();
	return failures ? 1 : 0;
}
