// SPDX-License-Identifier: BSD-2-Clause
// sample_tally.c: see sample_tally.h.
#include "sample_tally.h"

#include "../base/cli.h"
#include <stdlib.h>
#include <string.h>

/* More places than that are counted by function alone. */
#define ROWS_MOST 4096u

const char *const sample_tally_states[] = {"cpu",          "ready",        "lock",
					   "sleep",        "inside, cpu",  "inside, ready",
					   "inside, lock", "inside, sleep"};

static size_t
sample_tally_function(struct sample_tally *t, const struct sample_kind *k)
{
	size_t i = 0;

	while (i < t->function_count && strcmp(t->functions[i].name, k->function) != 0)
		i++;
	if (i == SAMPLE_TALLY_FUNCTIONS)
		return SAMPLE_TALLY_NONE;
	if (i == t->function_count) {
		t->functions[t->function_count++] =
			(struct sample_tally_function){.name = k->function, .serves = k->serves};
	}
	return i;
}

static bool
sample_tally_same(const struct sample_tally_row *r, const struct sample_stack *s, size_t from)
{
	for (size_t i = 0; i < r->depth; i++) {
		const struct sample_unwind_frame *f = &s->frames[from + i];

		if (r->frames[i].offset != f->address ||
		    strcmp(r->frames[i].object, f->file != NULL ? f->file->path : "") != 0)
			return false;
	}
	return true;
}

static char *
sample_tally_name(const struct sample_stack *s, size_t i)
{
	const struct sample_unwind_frame *f = &s->frames[i];
	char clean[SAMPLE_SYMBOLS_NAME];

	if (*s->names[i] != '\0')
		return cli_format("%s", cli_clean(clean, sizeof(clean), s->names[i]));
	if (f->file == NULL)
		return cli_format("0x%llx", (unsigned long long)f->address);
	return cli_format("%s+0x%llx", cli_clean(clean, sizeof(clean), f->file->base),
			  (unsigned long long)f->address);
}

static void
sample_tally_fill(struct sample_tally_row *r, const struct sample_stack *s, size_t from)
{
	for (size_t i = 0; i < r->depth; i++) {
		const struct sample_unwind_frame *f = &s->frames[from + i];
		const char *path = f->file != NULL ? f->file->path : "";
		char *clean = cli_alloc(strlen(path) + 1, 1);

		r->frames[i].object = cli_clean(clean, strlen(path) + 1, path);
		r->frames[i].offset = f->address;
		r->frames[i].name = sample_tally_name(s, from + i);
	}
}

/* `like`: function, inside, owner, state. */
static size_t
sample_tally_row(struct sample_tally *t, const struct sample_tally_row *like,
		 const struct sample_stack *s, size_t from)
{
	size_t depth = from < s->count ? s->count - from : 0;

	depth = depth < SAMPLE_TALLY_FRAMES ? depth : SAMPLE_TALLY_FRAMES;
	for (size_t i = 0; i < t->row_count; i++) {
		const struct sample_tally_row *r = &t->rows[i];

		if (r->function == like->function && r->inside == like->inside &&
		    r->owner == like->owner && r->state == like->state && r->depth == depth &&
		    sample_tally_same(r, s, from))
			return i;
	}
	if (t->row_count == ROWS_MOST)
		return SAMPLE_TALLY_NONE;
	t->rows = cli_grow(t->rows, t->row_count + 1, sizeof(*t->rows));
	t->rows[t->row_count] = *like;
	t->rows[t->row_count].depth = depth;
	sample_tally_fill(&t->rows[t->row_count], s, from);
	return t->row_count++;
}

/* dlopen of what is open already, and dlclose of what stays open, do none of this. */
static bool
sample_tally_loads(const struct sample_kind *k, long call)
{
	static const short calls[] = {SYS_mmap,    SYS_munmap, SYS_mprotect,  SYS_openat,
				      SYS_pread64, SYS_fstat,  SYS_newfstatat};

	if (strcmp(k->function, "dlopen") != 0 && strcmp(k->function, "dlclose") != 0)
		return false;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i] == call)
			return true;
	return k->inside;
}

struct sample_tally_one
sample_tally_place(struct sample_tally *t, const struct sample_stack *s,
		   enum sample_tally_state state, long call)
{
	struct sample_kind k = sample_kind_of(s);
	struct sample_tally_one one = {SAMPLE_TALLY_NONE, SAMPLE_TALLY_NONE, state, k.inside,
				       false};
	struct sample_tally_row like = {.function = k.function, .inside = k.inside, .state = state};

	if (k.function == NULL)
		return one;
	one.loads = sample_tally_loads(&k, call);
	one.function = sample_tally_function(t, &k);
	one.row = sample_tally_row(t, &like, s, k.at + 1);
	return one;
}

void
sample_tally_count(struct sample_tally *t, const struct sample_tally_one *one, double ns)
{
	struct sample_tally_function *f;

	t->known[one->state]++;
	t->cpu_ns += ns;
	t->cpu_ns_squared += ns * ns;
	if (one->row != SAMPLE_TALLY_NONE)
		t->rows[one->row].count++;
	if (one->function == SAMPLE_TALLY_NONE)
		return;
	f = &t->functions[one->function];
	f->loads += one->loads;
	f->samples[one->state]++;
	f->cpu_ns += ns;
	if (one->inside) {
		f->inside[one->state]++;
		f->inside_ns += ns;
	}
}

void
sample_tally_owner(struct sample_tally *t, const struct sample_stack *s,
		   enum sample_tally_state state)
{
	struct sample_kind k = sample_kind_of(s);
	struct sample_tally_row like = {
		.function = k.function != NULL ? k.function : "?",
		.inside = k.inside,
		.owner = true,
		.state = state,
	};
	size_t row = sample_tally_row(t, &like, s, 0);

	if (row != SAMPLE_TALLY_NONE)
		t->rows[row].count++;
	t->owners++;
}

void
sample_tally_free(struct sample_tally *t)
{
	for (size_t i = 0; i < t->row_count; i++)
		for (size_t k = 0; k < t->rows[i].depth; k++) {
			free(t->rows[i].frames[k].object);
			free(t->rows[i].frames[k].name);
		}
	free(t->rows);
}
