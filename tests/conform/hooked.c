// SPDX-License-Identifier: BSD-2-Clause
// Hosts that change what is libc's: jumps over its functions' first bytes, names in its link maps.
#include "raw.h"
#include "row.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

/* A jump to `target`: how long, where `code` will stand at `at`. Forms: by memory, by a register, by another one, push. */
#ifdef __x86_64__
static const unsigned char landing_pad[4] = {0xf3, 0x0f, 0x1e, 0xfa};

static size_t
make_jump(unsigned char *code, const unsigned char *at, uintptr_t target, int form)
{
	uint32_t low = (uint32_t)target, high = (uint32_t)(target >> 32);

	(void)at;
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
	return 14;
}
#else
static const unsigned char landing_pad[4] = {0x5f, 0x24, 0x03, 0xd5};

static size_t
make_jump(unsigned char *code, const unsigned char *at, uintptr_t target, int form)
{
	uint32_t *w = (uint32_t *)(void *)code;
	uint64_t pages = (target >> 12) - ((uintptr_t)at >> 12);

	if (form == 0) { /* ldr x16, #8 */
		w[0] = 0x58000050;
		w[1] = 0xd61f0200;
		memcpy(w + 2, &target, 8);
		return 16;
	}
	if (form == 1) { /* adrp x17, add */
		w[0] = 0x90000011 | (uint32_t)(pages & 3) << 29 |
		       (uint32_t)(pages >> 2 & 0x7ffff) << 5;
		w[1] = 0x91000231 | (uint32_t)(target & 0xfff) << 10;
		w[2] = 0xd61f0220;
		return 12;
	}
	for (unsigned int i = 0; i < 3; i++) /* movz x16, movk, movk */
		w[i] = (i == 0 ? 0xd2800010 : 0xf2800010) | i << 21 |
		       (uint32_t)(target >> 16 * i & 0xffff) << 5;
	w[3] = 0xd61f0200;
	return 16;
}
#endif

/* Writes a jump to `to` over libc's function. */
static void
hook(const char *function, void *to, int form)
{
	unsigned char *at = raw_function(function), code[16] = {0};
	uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE), page = (uintptr_t)at & ~(size - 1);
	size_t bytes;

	if (mprotect((void *)page, 2 * size, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
		_exit(92);
	if (memcmp(at, landing_pad, sizeof(landing_pad)) == 0)
		at += sizeof(landing_pad);
	bytes = make_jump(code, at, (uintptr_t)to, form);
	memcpy(at, code, bytes);
	__builtin___clear_cache((char *)at, (char *)at + bytes);
}

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
hooked_by_a_register(void)
{
	hooked_first(1);
}
static void
hooked_by_another(void)
{
	hooked_first(2);
}
#ifdef __x86_64__
static void
hooked_by_push(void)
{
	hooked_first(3);
}
#endif

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
	{"C36 dlsym hooked in place, by memory", hooked_by_memory, 0},
	{"C36 dlsym hooked in place, by a register", hooked_by_a_register, 0},
	{"C36 dlsym hooked in place, by another register", hooked_by_another, 0},
#ifdef __x86_64__
	{"C36 dlsym hooked in place, by push", hooked_by_push, 0},
#endif
	{"C36 dlsym hooked in place, later", hooked_later, 0},
	{"C36 dladdr hooked in place, later", dladdr_hooked_later, 0},
	{"C05 C39 the executable's l_name", renamed_main, 0},
	{"C05 C39 libc's l_name", renamed_initial, 0},
	{"C05 an opened object's l_name", renamed_opened, 0},
	{NULL, NULL, 0},
};
