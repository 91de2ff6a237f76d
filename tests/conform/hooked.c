// SPDX-License-Identifier: BSD-2-Clause
// Hosts that change what is libc's: jumps over its functions' first bytes, names in its link maps.
#include "raw.h"
#include "row.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096

static long calls;

/* In libc's place: an answer that says who gave it. */
static void *
own_dlsym(void *handle, const char *name)
{
	(void)handle;
	(void)name;
	calls++;
	return (void *)(uintptr_t)0x1234;
}

static int
own_dladdr(const void *address, Dl_info *info)
{
	(void)address;
	calls++;
	memset(info, 0, sizeof(*info));
	return 1;
}

/* Writes a jump to `to` over libc's function; `form`: relative, by a register, by memory, push. */
static void
hook(const char *function, void *to, int form)
{
	static const unsigned char endbr[4] = {0xf3, 0x0f, 0x1e, 0xfa};
	unsigned char *at = raw_function(function), code[16] = {0};
	uintptr_t page = (uintptr_t)at & ~(uintptr_t)(PAGE - 1), target = (uintptr_t)to;
	uint32_t low = (uint32_t)target, high = (uint32_t)(target >> 32);
	size_t size = 14;

	if (mprotect((void *)page, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
		_exit(92);
	if (memcmp(at, endbr, 4) == 0)
		at += 4;
	if (form == 0) {
		memcpy(code, "\xff\x25\0\0\0\0", 6);
		memcpy(code + 6, &target, 8);
	} else if (form == 1) {
		memcpy(code, "\x48\xb8", 2);
		memcpy(code + 2, &target, 8);
		memcpy(code + 10, "\xff\xe0", 2);
	} else if (form == 2) {
		memcpy(code, "\x49\xbb", 2);
		memcpy(code + 2, &target, 8);
		memcpy(code + 10, "\x41\xff\xe3", 3);
	} else {
		memcpy(code, "\x68", 1);
		memcpy(code + 1, &low, 4);
		memcpy(code + 5, "\xc7\x44\x24\x04", 4);
		memcpy(code + 9, &high, 4);
		code[13] = 0xc3;
	}
	memcpy(at, code, size);
}

#ifdef __x86_64__
static void
see_hook(const char *when)
{
	void *libc = (void *)(uintptr_t)raw_map("libc.so");

	EACH
	{
		long before = calls;
		void *value = dlsym(libc, shape(each_, "strtol"));

		say("%s: %s, %ld more", when, where(value), calls - before);
	}
}

static void
hooked_first(int form)
{
	hook("dlsym", (void *)own_dlsym, form);
	see_hook("hooked");
}

static void
hooked_by_memory(void)
{
	hooked_first(0);
}
static void
hooked_by_rax(void)
{
	hooked_first(1);
}
static void
hooked_by_r11(void)
{
	hooked_first(2);
}
static void
hooked_by_push(void)
{
	hooked_first(3);
}

/* After the library has been at work: noticed within so many hits of one thread. */
static void
hooked_later(void)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY);

	for (int i = 0; i < 10000; i++)
		dlsym(libc, "strtol");
	hook("dlsym", (void *)own_dlsym, 1);
	for (int i = 0; i < 10000; i++)
		dlsym(libc, "strtol");
	see_hook("later");
}

static void
dladdr_hooked_later(void)
{
	Dl_info info = {"", NULL, "", NULL};

	for (int i = 0; i < 10000; i++)
		dladdr((void *)(uintptr_t)strlen, &info);
	hook("dladdr", (void *)own_dladdr, 1);
	for (int i = 0; i < 10000; i++)
		dladdr((void *)(uintptr_t)strlen, &info);
	EACH
	{
		info.dli_fname = "untouched";
		dladdr((void *)(uintptr_t)strlen, &info);
		say("%s", text(info.dli_fname));
	}
}
#endif

/* ---- l_name ---- */

static void
see_names(struct link_map *map, void *at, const char *when)
{
	for (int i = 0; i < 100 + reps; i++) {
		Dl_info info = {"", NULL, "", NULL};

		dladdr(at, &info);
		say("%s: dladdr %s", when, text(info.dli_fname));
		dlsym(map, "nothing");
		say("%s: %s", when, text(dlerror()));
		dlsym(RTLD_DEFAULT, "nothing");
		say("%s: %s", when, text(dlerror()));
	}
}

static void
renamed(struct link_map *map, void *at)
{
	static char other[] = "/another/name", third[] = "third";

	see_names(map, at, "at first");
	map->l_name = other;
	see_names(map, at, "renamed");
	other[1] = 'A';
	see_names(map, at, "in place");
	map->l_name = third;
	see_names(map, at, "again");
}

static void
renamed_main(void)
{
	renamed(dlopen(NULL, RTLD_LAZY), (void *)renamed);
}

static void
renamed_initial(void)
{
	renamed(dlopen("libc.so.6", RTLD_LAZY), (void *)(uintptr_t)strlen);
}

/* Of an object that can be unloaded dladdr may give the old name: nothing asks it here. */
static void
renamed_opened(void)
{
	renamed(must_open("alpha.so", RTLD_LAZY), (void *)(uintptr_t)strlen);
}

const struct row rows[] = {
#ifdef __x86_64__
	{"C36 dlsym hooked in place, by memory", hooked_by_memory, 0},
	{"C36 dlsym hooked in place, by rax", hooked_by_rax, 0},
	{"C36 dlsym hooked in place, by r11", hooked_by_r11, 0},
	{"C36 dlsym hooked in place, by push", hooked_by_push, 0},
	{"C36 dlsym hooked in place, later", hooked_later, 0},
	{"C36 dladdr hooked in place, later", dladdr_hooked_later, 0},
#endif
	{"C05 C39 the executable's l_name", renamed_main, 0},
	{"C05 C39 libc's l_name", renamed_initial, 0},
	{"C05 an opened object's l_name", renamed_opened, 0},
	{NULL, NULL, 0},
};
