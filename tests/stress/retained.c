// SPDX-License-Identifier: BSD-2-Clause
// R12: look-ups in a plugin that is opened and closed again and again. Prints what the host sees and, after '#', how they were
// answered in the last cycle; retained.py compares and judges.
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES  20
#define CYCLES 10

static char names[NAMES][32], lacking[3][32];
static int (*counter)(const char *, uint64_t *);

static uint64_t
count_of(const char *name)
{
	uint64_t n = 0;

	if (counter != NULL)
		counter(name, &n);
	return n;
}

/* The sum of what all names say, and the texts of those that are missing. */
static void
look_up(void *handle)
{
	int sum = 0;

	for (int i = 0; i < NAMES; i++) {
		int (*f)(void) = (int (*)(void))dlsym(handle, names[i]);

		sum += f != NULL ? f() : 100000;
	}
	printf("%d", sum);
	for (size_t i = 0; i < sizeof(lacking) / sizeof(lacking[0]); i++) {
		void *value = dlsym(handle, lacking[i]);

		printf(" %s", value == NULL ? dlerror() : "found");
	}
	printf("\n");
}

static void
cycle(const char *file)
{
	void *handle = dlopen(file, RTLD_NOW);

	if (handle == NULL) {
		printf("%s\n", dlerror());
		return;
	}
	look_up(handle);
	printf("%d", dlclose(handle));
	printf(" %d\n", dlopen(file, RTLD_NOW | RTLD_NOLOAD) != NULL);
}

static void
told(const char *file)
{
	const char *of[] = {"dlsym.hit",  "dlsym.shared", "dlsym.negative", "dlsym.learn",
			    "dlsym.pass", "retain.open",  "object.open",    "object.close"};
	uint64_t before[8];

	for (int i = 0; i < 8; i++)
		before[i] = count_of(of[i]);
	cycle(file);
	printf("#");
	for (int i = 0; i < 8; i++)
		printf(" %s=%lu", of[i], (unsigned long)(count_of(of[i]) - before[i]));
	printf("\n");
}

/* A link to the first file is made one to the second between two cycles: its name leads elsewhere. */
static void
move_link(const char *link, const char *to)
{
	char temporary[4096];

	snprintf(temporary, sizeof(temporary), "%s.new", link);
	if (symlink(to, temporary) != 0 || rename(temporary, link) != 0)
		exit(2);
}

/* retained FILE OTHER LINK: OTHER is another version of FILE, and comes in its place; LINK is made. */
int
main(int argc, char **argv)
{
	void *one, *two;

	if (argc != 4)
		return 2;
	counter = (int (*)(const char *, uint64_t *))dlsym(RTLD_DEFAULT, "symfast_counter");
	for (int i = 0; i < NAMES; i++)
		snprintf(names[i], sizeof(names[i]), "plugin_%d", i);
	for (int i = 0; i < 3; i++)
		snprintf(lacking[i], sizeof(lacking[i]), "lacking_%d", i);
	for (int i = 1; i < CYCLES; i++)
		cycle(argv[1]);
	told(argv[1]);
	/* The name that led to it in one lifetime leads elsewhere in the next. */
	move_link(argv[3], argv[1]);
	for (int i = 0; i < 4; i++) {
		one = dlopen(argv[1], RTLD_NOW);
		for (int k = 0; k < 4; k++) {
			two = dlopen(argv[3], RTLD_NOW);
			printf("%s\n", one == two ? "same" : "other");
			look_up(two);
			dlclose(two);
		}
		dlclose(one);
		move_link(argv[3], i % 2 ? argv[1] : argv[2]);
	}
	for (int i = 1; i < CYCLES; i++)
		cycle(argv[1]);
	if (rename(argv[2], argv[1]) != 0)
		return 2;
	cycle(argv[1]);
	usleep(50000); /* so that its times tell a change */
	for (int i = 1; i < CYCLES; i++)
		cycle(argv[1]);
	told(argv[1]);
	return 0;
}
