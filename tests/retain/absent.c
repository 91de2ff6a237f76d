// SPDX-License-Identifier: BSD-2-Clause
// R4, R5: a closed object is not there: by no name, no address, no handle, no symbol; nothing is bound to one.
#include "host.h"

#include <sys/stat.h>

static void
by_every_name(void)
{
	const char *path = host_copy("alpha.so", "./plugin.so");

	mkdir("folder", 0755);
	if (symlink("plugin.so", "link.so") || link("plugin.so", "hard.so"))
		say("no links");
	host_settle();
	for (int i = 0; i < reps + 4; i++) {
		static const char *const names[] = {"./plugin.so", "./link.so", "./hard.so",
						    "folder/../plugin.so"};
		void *h = host_open(i < 4 ? path : names[i % 4], RTLD_NOW);

		host_touch(h, "alpha");
		for (int k = 0; k < 4; k++)
			host_loaded(names[k]);
		host_close(h);
		for (int k = 0; k < 4; k++)
			host_loaded(names[k]);
	}
	if (chdir("folder"))
		say("no folder");
	for (int i = 0; i < 4; i++) {
		void *h = host_open("../plugin.so", RTLD_NOW);

		host_touch(h, "alpha");
		host_close(h);
		host_loaded("./plugin.so");
	}
}

/* A name that is no path and is found nowhere; one of a dependency; a file that is gone: an error, as long as it is not loaded. */
static void
by_soname_only(void)
{
	host_copy("alpha.so", "./plugin.so");
	for (int i = 0; i < reps; i++) {
		void *h = host_open("./plugin.so", RTLD_NOW), *a = host_open("asks.so", RTLD_NOW);

		host_loaded_bare("libnamed.so.1");
		host_loaded_bare("plugin.so");
		host_close(a);
		host_close(h);
		if (i == 3)
			host_loaded_bare("libnamed.so.1");
		if (i == 4)
			host_loaded_bare("plugin.so");
		if (i == 5) {
			unlink("plugin.so");
			host_loaded("./plugin.so");
		}
	}
}

/* The name that the object has is that of the alias which opened it. */
static void
file_name(void)
{
	Dl_info info;

	host_copy("alpha.so", "./one.so");
	if (symlink("one.so", "two.so"))
		say("no link");
	for (int i = 0; i < 3 * reps; i++) {
		void *h = host_open(i / 3 % 2 ? "./two.so" : "./one.so", RTLD_NOW), *f;
		char origin[4096] = "";

		f = dlsym(h, "alpha_add");
		if (dladdr(f, &info))
			say("dladdr %s %s", info.dli_fname, info.dli_sname);
		say("l_name %s", ((struct link_map *)h)->l_name);
		dlinfo(h, RTLD_DI_ORIGIN, origin);
		say("origin %s", strlen(origin) > 8 ? strrchr(origin, '/') : origin);
		host_close(h);
		say("dladdr when closed %d", dladdr(f, &info));
	}
}

static void
relative(void)
{
	mkdir("a", 0755);
	mkdir("b", 0755);
	host_copy("alpha.so", "a/p.so");
	host_copy("beta.so", "b/p.so");
	for (int i = 0; i < 3 * reps; i++) {
		void *h;

		if (chdir(i / 3 % 2 ? "b" : "a"))
			say("no folder");
		h = host_open("./p.so", RTLD_NOW);
		host_touch(h, i / 3 % 2 ? "beta" : "alpha");
		host_close(h);
		if (chdir(".."))
			say("no way back");
	}
}

static void
surplus(void)
{
	for (int i = 0; i < reps; i++) {
		void *h = host_open("alpha.so", RTLD_NOW);

		host_close(h);
		if (i >
		    2) /* in stock the handle's memory is free: only what glibc surely answers */
			host_loaded("alpha.so");
		h = host_open("alpha.so", RTLD_NOW);
		say("again %d", dlopen(lab("alpha.so"), RTLD_NOW) == h);
		say("noload %d", dlopen(lab("alpha.so"), RTLD_NOW | RTLD_NOLOAD) == h);
		host_close(h);
		host_close(h);
		host_touch(h, "alpha");
		host_close(h);
		host_loaded("alpha.so");
	}
}

/* What is held by a reference that the host forgot. */
static void
references(void)
{
	void *h = host_open("alpha.so", RTLD_NOW), *again;

	for (int i = 0; i < 3; i++)
		host_cycle("alpha", 1);
	host_close(h);
	host_cycle("alpha", 4);
	h = host_open("alpha.so", RTLD_LAZY);
	again = dlopen(lab("alpha.so"), RTLD_LAZY | RTLD_NOLOAD);
	host_close(h);
	host_touch(again, "alpha");
	host_close(again);
	host_loaded("alpha.so");
}

/* With `everywhere`, a look-up in the global scope: libc never unloads what it found there (C19). */
static void
promoted_of(int everywhere)
{
	void *scope = everywhere ? RTLD_DEFAULT : dlopen(NULL, RTLD_NOW);

	for (int i = 0; i < reps; i++) {
		void *h = host_open("alpha.so", RTLD_NOW);

		say("found %d", dlsym(scope, "alpha_add") != NULL);
		if (i % 2) {
			void *again = dlopen(lab("alpha.so"), RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);

			say("promoted %d, found %d", again == h, dlsym(scope, "alpha_add") != NULL);
			if (again)
				dlclose(again);
		}
		host_close(h);
		say("found after %d", dlsym(scope, "alpha_add") != NULL);
	}
	host_cycle("alpha", 4);
}
static void
promoted(void)
{
	promoted_of(0);
}
static void
promoted_found(void)
{
	promoted_of(1);
}

static void
global_of(int everywhere)
{
	void *self = dlopen(NULL, RTLD_NOW);

	for (int i = 0; i < reps; i++) {
		void *h = host_open("gamma.so", RTLD_NOW | RTLD_GLOBAL);

		host_touch(h, "gamma");
		if (everywhere && i % 2)
			say("default %d next %d", dlsym(RTLD_DEFAULT, "gamma_add") != NULL,
			    dlsym(RTLD_NEXT, "gamma_add") != NULL);
		say("main %d", dlsym(self, "gamma_add") != NULL);
		host_close(h);
		if (i == 5)
			say("main %d", dlsym(self, "gamma_add") != NULL);
		if (i == 4)
			say("default %d next %d", dlsym(RTLD_DEFAULT, "gamma_add") != NULL,
			    dlsym(RTLD_NEXT, "gamma_add") != NULL);
	}
}
static void
global(void)
{
	global_of(0);
}
static void
global_found(void)
{
	global_of(1);
}

static void
global_cycles(void)
{
	for (int i = 0; i < reps; i++) {
		void *h = host_open("gamma.so", RTLD_NOW | RTLD_GLOBAL);

		host_touch(h, "gamma");
		host_close(h);
		host_loaded("gamma.so");
	}
}

/* A global one is closed, and then something is loaded that would be bound to it. */
static void
global_and_bound(void)
{
	for (int i = 0; i < reps; i++) {
		void *h;

		for (int k = 0; k < 4; k++) {
			h = host_open("gamma.so", RTLD_NOW | RTLD_GLOBAL);
			host_close(h);
		}
		h = host_open("loose.so", RTLD_NOW);
		if (h)
			host_close(h);
	}
}

static void
nodelete(void)
{
	host_cycle("alpha", 4);
	for (int i = 0; i < 3; i++) {
		void *h = host_open("alpha.so", RTLD_NOW | (i == 1 ? RTLD_NODELETE : 0));

		host_touch(h, "alpha");
		host_close(h);
		host_loaded("alpha.so");
	}
	host_cycle("beta", 4);
	dlopen(lab("beta.so"), RTLD_NOW | RTLD_NODELETE | RTLD_NOLOAD);
	host_loaded("beta.so");
}

static void
namespaces(void)
{
	for (int i = 0; i < reps; i++) {
		void *h, *m;

		host_cycle("silent", i + 2);
		m = dlmopen(LM_ID_NEWLM, lab("silent.so"), RTLD_NOW);
		say("dlmopen %d", m != NULL);
		h = host_open("silent.so", RTLD_NOW);
		say("apart %d", h != m);
		host_close(h);
		if (m)
			dlclose(m);
	}
}

/* Any loaded object of the same soname satisfies a dependency. */
static void
by_soname(void)
{
	for (int i = 0; i < reps; i++) {
		void *n = i % 2 ? host_open(lab("other/libnamed.so"), RTLD_NOW) : NULL, *h;

		h = host_open("asks.so", RTLD_NOW);
		host_touch(h, "asks");
		host_close(h);
		host_loaded("libnamed.so.1");
		if (n)
			host_close(n);
		host_cycle("asks", i);
		if (i % 3 == 2) {
			n = host_open(lab("other/libnamed.so"), RTLD_NOW);
			host_close(n);
		}
	}
}

static void
list_of(void *h)
{
	Dl_info info;
	struct link_map *l = NULL;
	Lmid_t space = 9;

	say("dlinfo %d %d", dlinfo(h, RTLD_DI_LINKMAP, &l), l == h);
	say("space %d %ld", dlinfo(h, RTLD_DI_LMID, &space), (long)space);
	say("dladdr1 %d %d",
	    dladdr1(((struct link_map *)h)->l_ld, &info, (void **)&l, RTLD_DL_LINKMAP), l == h);
}
static void
information(void)
{
	for (int i = 0; i < reps; i++) {
		void *h = host_open("alpha.so", RTLD_NOW);
		const void *ld = ((struct link_map *)h)->l_ld;
		Dl_info info;

		list_of(h);
		host_close(h);
		say("dladdr when closed %d", dladdr(ld, &info));
	}
}

const struct row rows[] = {
	{"R4 absent: by every name", by_every_name, 0},
	{"R4 absent: by bare names", by_soname_only, 0},
	{"R4 absent: its name is that of this lifetime", file_name, 0},
	{"R4 absent: the same relative name of two files", relative, 0},
	{"R4 counts: several references, one too many", surplus, 0},
	{"R4 counts: a reference that stays", references, 0},
	{"R4 counts: promoted to global", promoted, 0},
	{"R4 counts: promoted to global and found there (libc)", promoted_found, 0},
	{"R4 counts: nodelete later", nodelete, 0},
	{"R4 absent: what the linker tells of it", information, 0},
	{"R5 others: global, looked up by the executable's handle", global, 0},
	{"R5 others: global, found in the global scope (libc)", global_found, 0},
	{"R5 others: global, not looked up", global_cycles, 0},
	{"R5 others: global, and one that would be bound to it (libc)", global_and_bound, 0},
	{"R5 others: other namespaces (libc)", namespaces, 0},
	{"R5 others: another file of the same soname", by_soname, 0},
	{NULL, NULL, 0},
};
