// SPDX-License-Identifier: BSD-2-Clause
// sample_unwind.c: see sample_unwind.h.
#include "sample_unwind.h"

#include <libunwind.h>

/*
 * The binary search in a table of .eh_frame_hdr, and the reader of the entry that it finds: exported by
 * libunwind for unwinders of other processes (its own libunwind-ptrace and -coredump; perf), but in no header.
 */
#define sample_unwind_search UNW_OBJ(dwarf_search_unwind_table)
extern int sample_unwind_search(unw_addr_space_t space, unw_word_t ip, unw_dyn_info_t *table,
				unw_proc_info_t *found, int need_unwind_info, void *arg);

/* What a hostile table can cost: an expression may go around in circles. */
#define WORDS_MOST 200000u

struct sample_unwind_state {
	struct sample_maps *maps;
	const struct sample_shot *shot;
	uint64_t regs[SAMPLE_CPU_REGISTERS];
	bool whole; /* all of them are known; else ip, sp and, if it is not 0, the frame pointer */
	unsigned int words;
};

/*
 * Eight bytes of a mapped file, as the file has them: tables, code, and the pointers to personality routines, which
 * are read and not needed.
 */
static bool
sample_unwind_mapped(struct sample_unwind_state *s, uint64_t at, uint64_t *word)
{
	const struct sample_map *map = sample_maps_at(s->maps, at);
	struct sample_file *f;
	uint64_t address, offset;

	if (map == NULL || map->end - at < sizeof(*word))
		return false;
	f = sample_maps_object(s->maps, at, &address);
	offset = at - map->start + map->offset;
	return f != NULL && sample_file_read(f, offset, word, sizeof(*word));
}

static int
sample_unwind_access_mem(unw_addr_space_t space, unw_word_t at, unw_word_t *word, int write,
			 void *arg)
{
	struct sample_unwind_state *s = arg;
	uint64_t value;

	(void)space;
	if (write || s->words++ == WORDS_MOST)
		return -UNW_EINVAL;
	if (!sample_shot_word(s->shot, at, &value) && !sample_unwind_mapped(s, at, &value))
		return -UNW_EINVAL;
	*word = value;
	return 0;
}

static int
sample_unwind_access_reg(unw_addr_space_t space, unw_regnum_t reg, unw_word_t *value, int write,
			 void *arg)
{
	struct sample_unwind_state *s = arg;

	(void)space;
	if (write || reg < 0 || reg >= SAMPLE_CPU_REGISTERS)
		return -UNW_EBADREG;
	if (!s->whole && reg != SAMPLE_CPU_IP && reg != SAMPLE_CPU_SP &&
	    (reg != SAMPLE_CPU_FP || s->regs[SAMPLE_CPU_FP] == 0))
		return -UNW_EBADREG;
	*value = s->regs[reg];
	return 0;
}

/* The table of the object at `ip`, in the encoding that all linkers write. */
static bool
sample_unwind_table(struct sample_unwind_state *s, uint64_t ip, unw_dyn_info_t *table)
{
	const struct sample_map *map = sample_maps_at(s->maps, ip);
	uint64_t address, offset;
	struct {
		unsigned char version, frame, count, entries;
		int32_t eh_frame;
		uint32_t rows;
	} header;
	struct sample_file *f = sample_maps_object(s->maps, ip, &address);

	if (f == NULL || f->eh_frame_hdr == 0 || !sample_file_offset(f, f->eh_frame_hdr, &offset) ||
	    !sample_file_read(f, offset, &header, sizeof(header)) || header.version != 1 ||
	    header.frame != 0x1b || header.count != 0x03 || header.entries != 0x3b)
		return false;
	memset(table, 0, sizeof(*table));
	table->format = UNW_INFO_FORMAT_REMOTE_TABLE;
	table->start_ip = map->start;
	table->end_ip = map->end;
	table->u.rti.segbase = ip - address + f->eh_frame_hdr;
	table->u.rti.table_data = table->u.rti.segbase + sizeof(header);
	table->u.rti.table_len = (uint64_t)header.rows * 8 / sizeof(unw_word_t);
	return true;
}

static int
sample_unwind_find(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *found, int need,
		   void *arg)
{
	unw_dyn_info_t table;

	if (!sample_unwind_table(arg, ip, &table))
		return -UNW_ENOINFO;
	return sample_unwind_search(space, ip, &table, found, need, arg);
}

static void
sample_unwind_put(unw_addr_space_t space, unw_proc_info_t *info, void *arg)
{
	(void)space;
	(void)info;
	(void)arg;
}

static int
sample_unwind_no_list(unw_addr_space_t space, unw_word_t *list, void *arg)
{
	(void)space;
	(void)list;
	(void)arg;
	return -UNW_ENOINFO;
}

static int
sample_unwind_no_fpreg(unw_addr_space_t space, unw_regnum_t reg, unw_fpreg_t *value, int write,
		       void *arg)
{
	(void)space;
	(void)reg;
	(void)value;
	(void)write;
	(void)arg;
	return -UNW_EBADREG;
}

static int
sample_unwind_no_resume(unw_addr_space_t space, unw_cursor_t *cursor, void *arg)
{
	(void)space;
	(void)cursor;
	(void)arg;
	return -UNW_EINVAL;
}

static unw_addr_space_t
sample_unwind_space(void)
{
	static unw_addr_space_t space;
	static unw_accessors_t accessors = {
		.find_proc_info = sample_unwind_find,
		.put_unwind_info = sample_unwind_put,
		.get_dyn_info_list_addr = sample_unwind_no_list,
		.access_mem = sample_unwind_access_mem,
		.access_reg = sample_unwind_access_reg,
		.access_fpreg = sample_unwind_no_fpreg,
		.resume = sample_unwind_no_resume,
	};

	/* Nothing is cached by address: the next object may lie where this one lay. */
	if (space == NULL)
		space = unw_create_addr_space(&accessors, 0);
	return space;
}

static bool
sample_unwind_has_entry(struct sample_unwind_state *s, uint64_t ip, bool exact)
{
	unw_proc_info_t found;

	return sample_unwind_find(sample_unwind_space(), exact ? ip : ip - 1, &found, 0, s) == 0;
}

/* To the caller by the frame pointer; false at the end. From there on little is known of the registers. */
static bool
sample_unwind_by_pointer(struct sample_unwind_state *s)
{
	uint64_t fp = s->regs[SAMPLE_CPU_FP], next, back;
	const struct sample_map *map;

	if (fp == 0 || (fp & 7) != 0 || !sample_shot_word(s->shot, fp, &next) ||
	    !sample_shot_word(s->shot, fp + 8, &back))
		return false;
	map = sample_maps_at(s->maps, back - 1);
	if (map == NULL || !map->executable)
		return false;
	/* The stack grows downwards; a goroutine's, below C code, is elsewhere. */
	if (next != 0 && next <= fp)
		next = 0;
	s->whole = false;
	s->regs[SAMPLE_CPU_SP] = fp + 16;
	s->regs[SAMPLE_CPU_FP] = next;
	s->regs[SAMPLE_CPU_IP] = back;
	return true;
}

static size_t
sample_unwind_put_frame(struct sample_unwind_state *s, uint64_t ip, bool exact,
			struct sample_unwind_frame *to)
{
	to->place = ip;
	to->exact = exact;
	to->file = sample_maps_object(s->maps, exact ? ip : ip - 1, &to->address);
	to->address = to->file != NULL ? to->address + !exact : ip;
	return 1;
}

/* Frames by .eh_frame, from the state's registers on, until an address has no entry; those are put back. */
static size_t
sample_unwind_by_table(struct sample_unwind_state *s, bool *exact, bool *end,
		       struct sample_unwind_frame *frames, size_t room)
{
	unw_cursor_t cursor;
	unw_word_t ip, sp, fp;
	size_t n = 0;

	*end = unw_init_remote(&cursor, sample_unwind_space(), s) != 0;
	while (!*end && n < room) {
		*end = unw_get_reg(&cursor, UNW_REG_IP, &ip) != 0 ||
		       unw_get_reg(&cursor, UNW_REG_SP, &sp) != 0 || ip < 4096;
		if (*end)
			break;
		if (!sample_unwind_has_entry(s, ip, *exact)) {
			if (unw_get_reg(&cursor, SAMPLE_CPU_FP, &fp) != 0)
				fp = 0;
			s->regs[SAMPLE_CPU_IP] = ip;
			s->regs[SAMPLE_CPU_SP] = sp;
			s->regs[SAMPLE_CPU_FP] = fp;
			return n;
		}
		n += sample_unwind_put_frame(s, ip, *exact, &frames[n]);
		/* What a signal interrupted was not calling. */
		*exact = unw_is_signal_frame(&cursor) > 0;
		*end = unw_step(&cursor) <= 0;
	}
	return n;
}

size_t
sample_unwind(struct sample_maps *m, const struct sample_shot *shot,
	      struct sample_unwind_frame *frames)
{
	struct sample_unwind_state s = {.maps = m, .shot = shot, .whole = shot->whole};
	bool exact = true, end = false;
	size_t n = 0;

	memcpy(s.regs, shot->regs, sizeof(s.regs));
	while (n < SAMPLE_UNWIND_DEPTH) {
		n += sample_unwind_by_table(&s, &exact, &end, frames + n, SAMPLE_UNWIND_DEPTH - n);
		if (end || n == SAMPLE_UNWIND_DEPTH)
			break;
		n += sample_unwind_put_frame(&s, s.regs[SAMPLE_CPU_IP], exact, &frames[n]);
		exact = false;
		if (!sample_unwind_by_pointer(&s))
			break;
	}
	return n;
}
