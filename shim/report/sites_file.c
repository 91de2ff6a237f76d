// SPDX-License-Identifier: BSD-2-Clause
// sites_file.c: SYMFAST_SITES_FILE: the sampled call stacks as folded stacks, written at exit.
//
// The same lines as `symfast sites --folded` makes of the segment. Objects are found by their path, as
// the loader finds what is loaded; frames of an object that was unloaded meanwhile are named by offset.
#include "report.h"

#include "../base/bytes.h"
#include "../base/log.h"
#include "../base/quiet.h"
#include "../base/sys.h"
#include "../libc/next.h"
#include "../observe/histogram.h"
#include "../observe/segment.h"
#include "../observe/settings.h"
#include "../observe/sites.h"
#include <errno.h>
#include <fcntl.h>

/* Longer lines are cut; 24 names of 160 bytes fit. */
#define ROOM           4096
#define NAME_MAX_SHOWN 160

struct out {
	long fd; /* not open yet: -1 */
	long error;
	size_t len;
	char line[ROOM];
};

static void
sites_file_put(struct out *o, const char *text, size_t max)
{
	for (size_t i = 0; i < max && text[i] != '\0' && o->len < ROOM - 1; i++) {
		bool plain = (unsigned char)text[i] > ' ' && text[i] != ';' && text[i] != 127;

		o->line[o->len++] = plain ? text[i] : '_';
	}
}

static void
sites_file_put_number(struct out *o, uint64_t n, unsigned int base)
{
	char digits[24];
	size_t i = sizeof(digits);

	do {
		digits[--i] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n != 0);
	sites_file_put(o, digits + i, sizeof(digits) - i);
}

static void
sites_file_put_raw(struct out *o, char c)
{
	if (o->len < ROOM)
		o->line[o->len++] = c;
}

/* The executable's own map has no path, and the loader does not find it by one. */
static bool
sites_file_is_main(const char *path)
{
	char exe[256] = "";

	sf_sys_exe(exe, sizeof(exe));
	return sf_bytes_same(path, exe);
}

/* The dynamic symbol at this place of the object; NULL: none, or the object is no longer there. */
static const char *
sites_file_symbol_at(const char *path, uint32_t offset)
{
	struct link_map *l = sf_next.own.dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
	struct dl_find_object o;
	const char *at;
	Dl_info info;

	if (l != NULL)
		sf_next.own.dlclose(l);
	else if (sites_file_is_main(path))
		l = sf_next.main;
	if (l == NULL || sf_next.dladdr == NULL)
		return NULL;
	at = (const char *)l->l_addr + offset;
	if (sf_next.find_object((void *)(uintptr_t)at, &o) != 0 || o.dlfo_link_map != l ||
	    sf_next.dladdr(at, &info) == 0)
		return NULL;
	return info.dli_sname;
}

static void
sites_file_put_frame(struct out *o, const char *path, uint32_t offset)
{
	const char *symbol = *path != '\0' ? sites_file_symbol_at(path, offset) : NULL,
		   *name = path;

	if (symbol != NULL) {
		sites_file_put(o, symbol, NAME_MAX_SHOWN);
		return;
	}
	for (const char *p = path; *p != '\0'; p++)
		if (*p == '/')
			name = p + 1;
	sites_file_put(o, name, NAME_MAX_SHOWN - 16);
	sites_file_put(o, *name != '\0' ? "+0x" : "0x", 3);
	sites_file_put_number(o, offset, 16);
}

/* "%p" is the process. */
static void
sites_file_expand(char *to, size_t room, const char *path)
{
	struct sf_line l; /* for its digits */
	char *end = to + room - 1;

	while (*path != '\0' && to < end) {
		if (path[0] != '%' || path[1] != 'p') {
			*to++ = *path++;
			continue;
		}
		l.len = 0;
		sf_line_u64(&l, (uint64_t)sf_syscall6(SYS_getpid, 0, 0, 0, 0, 0, 0));
		for (size_t i = 0; i < l.len && to < end; i++)
			*to++ = l.text[i];
		path += 2;
	}
	*to = '\0';
}

static bool
sites_file_write_line(struct out *o)
{
	long error = sf_quiet_write((int)o->fd, o->line, o->len, -1);

	o->error = -error;
	return error == 0;
}

/* A process that has sampled nothing leaves the file of another one alone. */
static bool
sites_file_open_file(struct out *o)
{
	char path[sizeof(sf_settings.sites_file_text) + 16];

	sites_file_expand(path, sizeof(path), sf_settings.sites_file_text);
	o->fd = sf_syscall6(SYS_openat, AT_FDCWD, (long)path,
			    O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
			    0600, 0, 0);
	if (o->fd < 0) {
		o->error = -o->fd;
		return false;
	}
	/* The statistics segment is no place for it: cut, it would take our own memory away. */
	if (sf_segment_is_file((int)o->fd)) {
		o->error = EBUSY;
		return false;
	}
	sf_syscall6(SYS_ftruncate, o->fd, 0, 0, 0, 0, 0);
	return true;
}

static bool
sites_file_put_site(void *arg, const struct symfast_shm_site *site)
{
	uint16_t depth = site->depth < SYMFAST_SHM_FRAMES ? site->depth : SYMFAST_SHM_FRAMES;
	struct out *o = arg;

	if (o->fd < 0 && !sites_file_open_file(o))
		return false;
	o->len = 0;
	for (uint16_t i = depth; i-- > 0; sites_file_put_raw(o, ';'))
		sites_file_put_frame(o, site->object[i] != 0 ? sf_segment_at(site->object[i]) : "",
				     site->offset[i]);
	o->len = o->len < ROOM - 64 ? o->len : ROOM - 64;
	sites_file_put(o, site->function < SF_TIMED_COUNT ? sf_histogram_name(site->function) : "?",
		       16);
	sites_file_put(o, site->arm != 0 ? "_[map]" : "_[libc]", 8);
	sites_file_put_raw(o, ' ');
	sites_file_put_number(o, site->count, 10);
	sites_file_put_raw(o, '\n');
	return sites_file_write_line(o);
}

void
sf_sites_file_write(void)
{
	SF_LARGE static struct out o; /* of a size that an exiting thread's stack may not have */
	struct sf_line l;

	if (sf_sites_every == 0 || sf_sys_confined)
		return;
	o.fd = -1;
	sf_sites_each(sites_file_put_site, &o);
	if (o.fd >= 0)
		sf_syscall6(SYS_close, o.fd, 0, 0, 0, 0, 0);
	if (o.error == 0)
		return;
	sf_line_start(&l);
	sf_line_str(&l, "SYMFAST_SITES_FILE=");
	sf_line_quote(&l, sf_settings.sites_file_text, 256);
	sf_line_str(&l, " cannot be written: error ");
	sf_line_u64(&l, (uint64_t)o.error);
	sf_line_write(&l);
}
