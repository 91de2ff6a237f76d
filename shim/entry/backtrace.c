// SPDX-License-Identifier: BSD-2-Clause
// backtrace.c: backtrace_symbols and backtrace_symbols_fd: libc's text, from the indexes.
//
// Source of the format: glibc's debug/backtracesyms.c and backtracesymsfd.c. Each frame for itself:
// one that the shim cannot answer is asked of libc's dladdr1, so that a frame in generated code does
// not cost all the others their index. Names are read from the objects' own memory, as libc does.
#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <stdlib.h>

/* As in fast.c: no way round by the GOT. */
#pragma GCC visibility push(hidden)
#include "../libc/next.h"
#include "../libc/wording.h"
#include "dladdr.h"
#include "observe.h"

#define FRAMES_MOST 1024 /* libc, too, keeps them on the stack */
#define WORD_WIDTH  16   /* hexadecimal digits of an address */
#define NAME_MOST   ((size_t)1 << 30)

struct frame {
	const char *fname; /* NULL: in no object */
	const char *sname;
	uintptr_t saddr; /* the symbol's address; without one, the object's load bias */
	uintptr_t bias;
};

/* As the format wants it: an object without a name is none; without a symbol its load bias counts. */
static void
backtrace_finish_frame(struct frame *f)
{
	if (f->fname != NULL && f->fname[0] == '\0')
		f->fname = NULL;
	if (f->sname == NULL)
		f->saddr = f->bias;
}

static void
backtrace_read_frame(struct sf_thread *t, void *address, struct frame *f)
{
	struct sf_location l;
	struct link_map *map;
	Dl_info info;

	if (sf_address_answer(t, address, &l, SF_BACKTRACE_OWN, SF_BACKTRACE_OWN)) {
		*f = (struct frame){l.fname, l.sname, l.saddr, l.bias};
	} else {
		sf_count_for(t, SF_BACKTRACE_ASK);
		if (sf_next.dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP))
			*f = (struct frame){info.dli_fname, info.dli_sname,
					    (uintptr_t)info.dli_saddr, map->l_addr};
		else
			*f = (struct frame){NULL, NULL, 0, 0};
	}
	backtrace_finish_frame(f);
}

/* ---- text ---- */

static char *
backtrace_put(char *to, const char *text)
{
	return sf_bytes_put(to, text, sf_bytes_length(text, NAME_MOST));
}

static char *
backtrace_put_hex(char *to, uintptr_t value)
{
	unsigned int digits = value != 0 ? (67 - (unsigned int)__builtin_clzl(value)) / 4 : 1;

	for (unsigned int i = digits; i-- > 0; value >>= 4)
		to[i] = "0123456789abcdef"[value & 15];
	return to + digits;
}

/* printf's %#tx and %p: zero has no prefix, NULL a name of its own. */
static char *
backtrace_put_offset(char *to, uintptr_t value)
{
	return backtrace_put_hex(value != 0 ? backtrace_put(to, "0x") : to, value);
}

static char *
backtrace_put_pointer(char *to, const void *p)
{
	to = backtrace_put(to, "[");
	to = p != NULL ? backtrace_put_offset(to, (uintptr_t)p) : backtrace_put(to, "(nil)");
	return backtrace_put(to, "]");
}

static uintptr_t
backtrace_distance(const void *address, const struct frame *f, bool *ahead)
{
	*ahead = (uintptr_t)address >= f->saddr;
	return *ahead ? (uintptr_t)address - f->saddr : f->saddr - (uintptr_t)address;
}

static char *
backtrace_put_frame(char *to, const void *address, const struct frame *f)
{
	uintptr_t offset;
	bool ahead;

	if (f->fname != NULL) {
		to = backtrace_put(backtrace_put(to, f->fname), "(");
		if (f->sname != NULL)
			to = backtrace_put(to, f->sname);
		if (f->sname != NULL || f->saddr != 0) {
			offset = backtrace_distance(address, f, &ahead);
			to = backtrace_put_offset(backtrace_put(to, ahead ? "+" : "-"), offset);
		}
		to = backtrace_put(to, ") ");
	}
	to = backtrace_put_pointer(to, address);
	*to++ = '\0';
	return to;
}

/* What libc asks malloc for, to the byte. */
static size_t
backtrace_frame_size(const struct frame *f)
{
	if (f->fname == NULL)
		return 5 + WORD_WIDTH;
	return sf_bytes_length(f->fname, NAME_MOST) +
	       (f->sname != NULL ? sf_bytes_length(f->sname, NAME_MOST) : 0) + 3 + WORD_WIDTH + 3 +
	       WORD_WIDTH + 5;
}

static SF_NOINLINE char **
backtrace_own_symbols(void *const *addresses, unsigned int size)
{
	struct sf_thread *t = &sf_thread;
	struct frame frames[size];
	size_t total = size * sizeof(char *);
	char **result;
	char *to;

	for (unsigned int i = 0; i < size; i++) {
		backtrace_read_frame(t, addresses[i], &frames[i]);
		total += backtrace_frame_size(&frames[i]);
	}
	/* The one block of the host's allocator: the caller frees it. */
	result = malloc(total);
	if (result == NULL)
		return NULL;
	to = (char *)(result + size);
	for (unsigned int i = 0; i < size; i++) {
		result[i] = to;
		to = backtrace_put_frame(to, addresses[i], &frames[i]);
	}
	return result;
}

/* Where the mode word says otherwise each frame would go to libc alone: then all go at once. */
static bool
backtrace_serves(int size)
{
	SF_ENTRY_LOOK();
	return sf_prepare_is_live() && sf_load_32(&sf_mode_word) == SF_MODE_WORD_ON &&
	       !sf_thread.stock && sf_address_serves() && size > 0 && size <= FRAMES_MOST;
}

/* ---- verify ---- */

#define CHECKED_MOST 16   /* frames of a call */
#define LINE_MOST    1024 /* bytes of a line that is compared */

/*
 * What the shim would have said, from before libc is asked. Only of objects that are never unloaded: the
 * text is made afterwards, from names in their memory. Lines that are too long are not compared.
 */
static bool
backtrace_claim(const void *address, struct sf_location *l)
{
	enum sf_found found = sf_address_find((uintptr_t)address, l);

	if (found == SF_FOUND_COLD)
		sf_region_miss(address);
	return found == SF_FOUND && sf_load_8(&l->region->permanent);
}

static void
backtrace_report_line(const void *address, const struct sf_location *l)
{
	struct sf_finding libcs = {SYMFAST_SHM_KIND_NULL, NULL};
	Dl_info info;

	if (sf_next.dladdr(address, &info))
		libcs = (struct sf_finding){SYMFAST_SHM_KIND_VALUE, info.dli_saddr};
	sf_breaker_mismatch("backtrace_symbols", l->sname != NULL ? l->sname : l->fname,
			    (struct sf_finding){SYMFAST_SHM_KIND_VALUE, (void *)l->saddr}, libcs);
}

static void
backtrace_compare_line(const void *address, const struct sf_location *l, const char *libcs)
{
	struct frame f = {l->fname, l->sname, l->saddr, l->bias};
	char line[LINE_MOST];

	backtrace_finish_frame(&f);
	if (backtrace_frame_size(&f) > LINE_MOST)
		return;
	backtrace_put_frame(line, address, &f);
	sf_count(SF_COMPARED_BACKTRACE);
	if (sf_bytes_same(line, libcs) && !(l->sname != NULL && SF_SEAM_LIE(l->sname))) {
		sf_count(SF_VERIFY_SAME);
		sf_breaker_same();
	} else {
		backtrace_report_line(address, l);
	}
}

static SF_NOINLINE char **
backtrace_compared_symbols(void *const *addresses, int size)
{
	struct sf_location claims[CHECKED_MOST];
	bool any[CHECKED_MOST];
	int n = size < CHECKED_MOST ? size : CHECKED_MOST;
	char **result;

	for (int i = 0; i < n; i++)
		any[i] = backtrace_claim(addresses[i], &claims[i]);
	result = sf_next.backtrace_symbols(addresses, size);
	for (int i = 0; result != NULL && i < n; i++)
		if (any[i])
			backtrace_compare_line(addresses[i], &claims[i], result[i]);
	return result;
}

static bool
backtrace_observes(int size)
{
	return sf_phase == SF_PHASE_LIVE && sf_observe_address(&sf_thread) && size > 0;
}

static SF_NOINLINE char **
backtrace_timed_symbols(void *const *addresses, int size)
{
	struct sf_timing timing = sf_timing_begin(SF_TIMED_BACKTRACE);
	char **result = sf_next.backtrace_symbols(addresses, size);

	sf_timing_end(&timing, SF_TIMED_BACKTRACE);
	sf_count(SF_OBSERVE_BACKTRACE);
	for (int i = 0; i < size; i++)
		sf_observe_note_address(&sf_thread, addresses[i], SF_OBSERVE_FRAMES);
	return result;
}

static bool
backtrace_compares(int size)
{
	return sf_phase == SF_PHASE_LIVE && sf_load_32(&sf_mode_word) == SF_MODE_WORD_VERIFY &&
	       size > 0 && sf_address_serves() && sf_stack_has_room();
}

/* Counted as left to libc, if that has been found. */
static SF_NOINLINE bool
backtrace_can_pass(void)
{
	if (sf_phase == SF_PHASE_LIVE)
		sf_count(SF_BACKTRACE_PASS);
	else if (sf_phase != SF_PHASE_PASS)
		sf_off_path();
	return sf_next.backtrace_symbols != NULL;
}

SF_EXPORT char **
backtrace_symbols(void *const *addresses, int size)
{
	if (backtrace_serves(size))
		return backtrace_own_symbols(addresses, (unsigned int)size);
	if (!backtrace_can_pass())
		return NULL;
	if (backtrace_observes(size))
		return backtrace_timed_symbols(addresses, size);
	return backtrace_compares(size) ? backtrace_compared_symbols(addresses, size)
					: sf_next.backtrace_symbols(addresses, size);
}

/* ---- to a file descriptor ---- */

static void
backtrace_add(struct iovec *v, int *n, const char *text, size_t length)
{
	v[(*n)++] = (struct iovec){(void *)(uintptr_t)text, length};
}

static void
backtrace_add_text(struct iovec *v, int *n, const char *text)
{
	backtrace_add(v, n, text, sf_bytes_length(text, NAME_MOST));
}

/* One write for each frame, as libc does, and in its wording; libc's own writev, which is a cancellation point. */
static void
backtrace_write_frame(int fd, const void *address, const struct frame *f, enum sf_wording wording)
{
	char offset[WORD_WIDTH], pointer[WORD_WIDTH];
	bool place = f->sname != NULL || f->bias != 0, ahead;
	struct iovec v[9];
	uintptr_t away;
	int n = 0;

	if (f->fname != NULL) {
		backtrace_add_text(v, &n, f->fname);
		if (place || wording == SF_WORDING_SPACE)
			backtrace_add_text(v, &n, "(");
		if (f->sname != NULL)
			backtrace_add_text(v, &n, f->sname);
		if (place) {
			away = backtrace_distance(address, f, &ahead);
			backtrace_add_text(v, &n, ahead ? "+0x" : "-0x");
			backtrace_add(v, &n, offset,
				      (size_t)(backtrace_put_hex(offset, away) - offset));
		}
		if (wording == SF_WORDING_SPACE)
			backtrace_add_text(v, &n, ") ");
		else if (place)
			backtrace_add_text(v, &n, ")");
	}
	backtrace_add_text(v, &n, "[0x");
	backtrace_add(v, &n, pointer,
		      (size_t)(backtrace_put_hex(pointer, (uintptr_t)address) - pointer));
	backtrace_add_text(v, &n, "]\n");
	sf_next.writev(fd, v, n);
}

static SF_NOINLINE void
backtrace_own_symbols_fd(void *const *addresses, int size, int fd, enum sf_wording wording)
{
	struct sf_thread *t = &sf_thread;

	for (int i = 0; i < size; i++) {
		struct frame f;

		backtrace_read_frame(t, addresses[i], &f);
		backtrace_write_frame(fd, addresses[i], &f, wording);
	}
}

/* What libc writes is not read back: the first frames are compared, as dladdr names them. */
static SF_NOINLINE void
backtrace_compare_frames(void *const *addresses, int size)
{
	struct link_map *map;
	Dl_info info;

	for (int i = 0; i < size && i < CHECKED_MOST; i++)
		sf_address_verify1(addresses[i], &info, (void **)&map, RTLD_DL_LINKMAP,
				   SF_COMPARED_BACKTRACE);
}

SF_EXPORT void
backtrace_symbols_fd(void *const *addresses, int size, int fd)
{
	enum sf_wording wording = backtrace_serves(size) ? sf_wording_libc() : SF_WORDING_UNKNOWN;

	if (wording != SF_WORDING_UNKNOWN)
		backtrace_own_symbols_fd(addresses, size, fd, wording);
	else if (backtrace_can_pass()) {
		if (backtrace_compares(size))
			backtrace_compare_frames(addresses, size);
		sf_next.backtrace_symbols_fd(addresses, size, fd);
	}
}
#pragma GCC visibility pop
