// SPDX-License-Identifier: BSD-2-Clause
// R3: a file that changed, of a plugin or of what it needs, is never taken for the one that was mapped.
#include "host.h"

#include <iconv.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

/* The plugin is alpha or beta: who is there says so itself. */
static void
cycle_either(const char *path, int n)
{
	for (int i = 0; i < n; i++) {
		void *h = host_open_by_name(path, RTLD_NOW);

		if (!h)
			continue;
		host_touch(h, dlsym(h, "beta_touch") ? "beta" : "alpha");
		dlerror();
		host_close(h);
	}
}

static void
renamed(void)
{
	host_copy("alpha.so", "./p.so");
	cycle_either("./p.so", 4);
	host_copy("beta.so", "./p.so");
	cycle_either("./p.so", 4);
	host_copy("alpha.so", "./p.so");
	cycle_either("./p.so", 4);
}

static void
run(const char *command)
{
	if (system(command) != 0)
		say("failed: %s", command);
	host_settle();
}

/* Written over, at the same length and with the same time of change. */
static void
in_place(void)
{
	struct timespec times[2];
	struct stat s;

	host_copy("alpha.so", "./p.so");
	host_copy("alpha.so", "./one");
	host_copy("beta.so", "./two");
	run("n=$(stat -c %s one two | sort -n | tail -1); truncate -s $n one two; cat one > p.so");
	for (int i = 0; i < 6; i++) {
		cycle_either("./p.so", 4);
		stat("p.so", &s);
		run(i % 2 ? "cat one > p.so" : "cat two > p.so");
		times[0] = s.st_atim;
		times[1] = s.st_mtim;
		utimensat(AT_FDCWD, "p.so", times, 0);
		host_settle();
	}
}

static void
truncated(void)
{
	host_copy("alpha.so", "./p.so");
	cycle_either("./p.so", 4);
	run("cp p.so keep; truncate -s 30 p.so");
	cycle_either("./p.so", 2);
	run("truncate -s 0 p.so");
	cycle_either("./p.so", 2);
	run("cat keep > p.so");
	cycle_either("./p.so", 4);
}

/* Truncated while it is closed, and others come and go. */
static void
truncated_beside(void)
{
	host_copy("left.so", "./left.so");
	host_copy("base.so", "./base.so");
	for (int i = 0; i < 12; i++) {
		void *h;

		if (i % 4 != 3) {
			h = host_open("./left.so", RTLD_NOW);
			host_touch(h, "left");
			host_close(h);
		} else {
			run(i % 8 == 3 ? "cp left.so keep; truncate -s 0 left.so"
				       : "cp base.so keep; truncate -s 0 base.so");
		}
		host_cycle("alpha", 1);
		host_cycle("beta", 1);
		if (i % 4 == 3)
			run(i % 8 == 3 ? "cat keep > left.so" : "cat keep > base.so");
	}
	/* A load of a known file keeps what is closed, and changes the list of objects. */
	host_cycle("gamma", 1);
	for (int i = 0; i < 4; i++) {
		void *h = host_open("./left.so", RTLD_NOW), *g;

		host_close(h);
		host_cycle("alpha", 1);
		g = i == 3 ? host_open("gamma.so", RTLD_NOW) : NULL;
		if (i == 3)
			run("truncate -s 0 left.so base.so");
		host_cycle("alpha", 1);
		if (g)
			host_close(g);
	}
}

/* Truncated while it is closed, and libc loads something by itself, which it looks for by name among all objects. */
static void
truncated_as(const char *file)
{
	host_copy(lab(file), "./named.so");
	for (int i = 0; i < 4; i++) {
		void *h = host_open("./named.so", RTLD_NOW);

		host_touch(h, "named");
		host_close(h);
	}
	run("cp named.so keep; truncate -s 0 named.so");
	for (int i = 0; i < 2; i++) {
		iconv_t c = iconv_open(i ? "IBM037" : "UTF-16LE", "ISO-8859-2");

		say("iconv %d", c != (iconv_t)-1);
		if (c != (iconv_t)-1)
			iconv_close(c);
	}
	run("cat keep > named.so");
	for (int i = 0; i < 3; i++) {
		void *h = host_open("./named.so", RTLD_NOW);

		host_touch(h, "named");
		host_close(h);
	}
	host_loaded_bare("libnamed.so.1");
}

static void
truncated_under_libc(void)
{
	truncated_as("there/libnamed.so");
}

/* The soname stands on a page of code, where aarch64's linker has it. */
static void
truncated_beside_code(void)
{
	truncated_as("there/libtogether.so");
}

static void
deleted(void)
{
	host_copy("alpha.so", "./p.so");
	for (int i = 0; i < 3; i++) {
		cycle_either("./p.so", 4);
		run("mv p.so gone.so");
		cycle_either("./p.so", 2);
		run("mv gone.so p.so");
	}
	cycle_either("./p.so", 3);
	run("mv p.so gone.so; mkdir p.so");
	cycle_either("./p.so", 2);
	run("rmdir p.so; echo no library > p.so");
	cycle_either("./p.so", 2);
	run("mv gone.so p.so; chmod 0 p.so");
	if (geteuid() != 0)
		cycle_either("./p.so", 2);
}

static void
linked(void)
{
	host_copy("alpha.so", "./a.so");
	host_copy("beta.so", "./b.so");
	for (int i = 0; i < 4; i++) {
		run(i % 2 ? "ln -sf b.so p.so" : "ln -sf a.so p.so");
		cycle_either("./p.so", 4);
	}
}

/* The folder is another one under the same name. */
static void
folder(void)
{
	run("mkdir a b");
	host_copy("alpha.so", "a/p.so");
	host_copy("beta.so", "b/p.so");
	for (int i = 0; i < 4; i++) {
		run(i % 2 ? "mv f b 2>/dev/null; mv a f" : "mv f a 2>/dev/null || mv f a; mv b f");
		if (i == 0)
			run("true");
		cycle_either("f/p.so", 4);
		run(i % 2 ? "mv f a" : "mv f b");
	}
}

static void
in_memory(void)
{
	for (int i = 0; i < 4; i++) {
		char path[64], command[4200];
		int fd = memfd_create("plugin", 0);

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		snprintf(command, sizeof(command), "cat '%s' >/proc/%d/fd/%d",
			 lab(i % 2 ? "beta.so" : "alpha.so"), (int)getpid(), fd);
		run(command);
		for (int k = 0; k < 3; k++) {
			void *h = dlopen(path, RTLD_NOW);

			host_touch(h, i % 2 ? "beta" : "alpha");
			host_close(h);
		}
		if (i % 2 && ftruncate(fd, 0))
			say("not truncated");
		if (i == 3)
			say("then %d", dlopen(path, RTLD_NOW) != NULL);
		close(fd);
	}
}

/* What the plugin needs has changed, or another file stands before it in the search. */
static void
of_a_dependency(void)
{
	run("mkdir first");
	host_copy("left.so", "./left.so");
	host_copy("base.so", "./base.so");
	for (int i = 0; i < 4; i++) {
		void *h = host_open("./left.so", RTLD_NOW);

		host_touch(h, "left");
		host_close(h);
	}
	host_copy("base.so", "./other.so");
	run("mv other.so base.so");
	for (int i = 0; i < 4; i++) {
		void *h = host_open("./left.so", RTLD_NOW);

		host_touch(h, "left");
		host_close(h);
	}
	run("mv base.so gone.so");
	host_open("./left.so", RTLD_NOW);
	run("mv gone.so base.so");
	for (int i = 0; i < 4; i++) {
		void *h = host_open("./left.so", RTLD_NOW);

		host_touch(h, "left");
		host_close(h);
	}
	run("cat base.so > copy; cat copy > base.so");
	for (int i = 0; i < 4; i++) {
		void *h = host_open("./left.so", RTLD_NOW);

		host_touch(h, "left");
		host_close(h);
	}
}

/* A link in the middle of the path of a bare name's folder, and of a dependency: ORIGIN follows the alias. */
static void
origin(void)
{
	run("mkdir one two");
	host_copy("left.so", "one/left.so");
	host_copy("base.so", "one/base.so");
	host_copy("left.so", "two/left.so");
	host_copy("base.so", "two/base.so");
	for (int i = 0; i < 4; i++) {
		run(i % 2 ? "ln -sfn two now" : "ln -sfn one now");
		for (int k = 0; k < 4; k++) {
			void *h = host_open("now/left.so", RTLD_NOW);
			struct stat a, b;
			Dl_info info;

			host_touch(h, "left");
			if (dladdr(dlsym(h, "base_add"), &info)) {
				stat(info.dli_fname, &a);
				stat(i % 2 ? "two/base.so" : "one/base.so", &b);
				say("base is the right one: %d", a.st_ino == b.st_ino);
			}
			host_close(h);
		}
	}
}

/* Bare names: LD_LIBRARY_PATH is of the start, so the row runs itself again. */
static void
bare(void)
{
	run("mkdir x y");
	host_copy("beta.so", "y/bare.so");
	in_process("bare", "LD_LIBRARY_PATH", "./x:./y");
}
/* A folder for such CPUs, which is searched first: it is there from the start, and then a file comes into it. */
static void
capable(void)
{
	run("mkdir -p x/glibc-hwcaps/x86-64-v2");
	host_copy("beta.so", "x/bare.so");
	in_process("capable", "LD_LIBRARY_PATH", "./x");
}

/* Two from one folder: the change is seen when one of them is opened, while the other one is open. */
static void
both(void)
{
	run("mkdir x y");
	host_copy("beta.so", "y/one.so");
	host_copy("gamma.so", "y/two.so");
	in_process("both", "LD_LIBRARY_PATH", "./x:./y");
}

static void
inner_both(void)
{
	void *h;

	for (int i = 0; i < 4; i++) {
		host_close(host_open_by_name("two.so", RTLD_NOW));
		cycle_either("one.so", 1);
	}
	h = host_open_by_name("two.so", RTLD_NOW);
	host_copy("alpha.so", "x/two.so");
	cycle_either("one.so", 2);
	host_close(h);
	for (int i = 0; i < 4; i++) {
		cycle_either("two.so", 1);
		cycle_either("one.so", 1);
	}
	row_done();
}

static void
inner_capable(void)
{
	cycle_either("bare.so", 4);
	host_copy("alpha.so", "x/glibc-hwcaps/x86-64-v2/bare.so");
	cycle_either("bare.so", 4);
	run("rm x/glibc-hwcaps/x86-64-v2/bare.so");
	cycle_either("bare.so", 4);
	row_done();
}

void
inner_main(const char *inner)
{
	if (strcmp(inner, "capable") == 0 || strcmp(inner, "both") == 0) {
		inner[0] == 'b' ? inner_both() : inner_capable();
		return;
	}
	cycle_either("bare.so", 4);
	host_copy("alpha.so", "x/bare.so");
	cycle_either("bare.so", 4);
	run("rm x/bare.so");
	cycle_either("bare.so", 4);
	run("mv y z");
	cycle_either("bare.so", 1);
	row_done();
}

static volatile int stop;
static void *
changes(void *arg)
{
	for (int i = 0; !stop; i++) {
		struct timespec t = {0, 3000000};

		if (rename(i % 2 ? "b.so" : "a.so", "p.so"))
			break;
		nanosleep(&t, NULL);
		if (link("p.so", i % 2 ? "b.so" : "a.so"))
			break;
	}
	return arg;
}
/* Under load: whoever is there is whole, and one of the two. */
static void
under_load(void)
{
	pthread_t thread;
	int a = 0, b = 0, odd = 0;
	struct timespec from, now;
	long tenths;

	host_quiet = true;
	host_copy("alpha.so", "./a.so");
	host_copy("beta.so", "./b.so");
	host_copy("alpha.so", "./p.so");
	pthread_create(&thread, NULL, changes, NULL);
	clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		void *h = dlopen("./p.so", RTLD_NOW);
		int (*add)(int) = NULL;

		if (h && (add = (int (*)(int))dlsym(h, "alpha_add")))
			a++, odd += add(1) != 8;
		else if (h && (add = (int (*)(int))dlsym(h, "beta_add")))
			b++, odd += add(1) != 21;
		else
			odd++;
		if (h)
			dlclose(h);
		clock_gettime(CLOCK_MONOTONIC, &now);
		tenths = (now.tv_sec - from.tv_sec) * 10 + (now.tv_nsec - from.tv_nsec) / 100000000;
		/* Until both came, on a busy machine. */
	} while (tenths < 15 || (tenths < 300 && (a == 0 || b == 0)));
	stop = 1;
	pthread_join(thread, NULL);
	say("both came %d, odd %d", a > 0 && b > 0, odd);
}

const struct row rows[] = {
	{"R3 files: another one by rename", renamed, 0},
	{"R3 files: written over, time kept", in_place, 0},
	{"R3 files: truncated", truncated, 0},
	{"R3 files: truncated, and others come and go", truncated_beside, 0},
	{"R3 files: truncated, and libc loads by itself", truncated_under_libc, 0},
	{"R3 files: truncated, the soname beside code, and libc loads by itself",
	 truncated_beside_code, 0},
	{"R3 files: gone and back, a folder, no library", deleted, 0},
	{"R3 files: a switched link", linked, 0},
	{"R3 files: a switched folder", folder, 0},
	{"R3 files: in memory", in_memory, 0},
	{"R3 files: of a dependency", of_a_dependency, 0},
	{"R3 files: a dependency beside the alias", origin, 0},
	{"R3 files: bare names, a folder before", bare, 0},
	{"R3 files: bare names, a folder for the CPU", capable, 0},
	{"R3 files: bare names, a folder changes beside an open one", both, 0},
	{"R3 files: under load (libc)", under_load, 0},
	{NULL, NULL, 0},
};
