// SPDX-License-Identifier: BSD-2-Clause
// entry.h: what the assembly stubs and the C halves of the wrappers agree on.
//
// A stub hands over the host's arguments, its return address and the stack pointer at entry. The C
// half either answers (pass == 0) or declines; then the stub restores the arguments and jumps to
// the next definition, which sees the host as its caller.
#ifndef SF_ENTRY_H
#define SF_ENTRY_H

#include "boot.h"
#include "chores.h"
#include "prepare.h"

#include "../map/behind.h"
#include "../map/caller.h"
#include "../map/learn.h"
#include "../map/cell.h"
#include "../map/hint.h"

struct sf_answer {
	void *value;        /* rax / x0 */
	unsigned long pass; /* rdx / x1 */
};

#define SF_ANSWER(v) ((struct sf_answer){(void *)(v), 0})
#define SF_DECLINE   ((struct sf_answer){NULL, 1})

struct sf_answer sf_entry_dlopen(const char *name, int mode, long unused, const void *caller,
				 uintptr_t sp);
struct sf_answer sf_entry_dlmopen(Lmid_t space, const char *name, int mode, const void *caller,
				  uintptr_t sp);
struct sf_answer sf_entry_dlclose(void *handle);
struct sf_answer sf_entry_dlsym(void *handle, const char *name, long unused, const void *caller);
struct sf_answer sf_entry_dlvsym(void *handle, const char *name, const char *version,
				 const void *caller);
struct sf_answer sf_entry_dlerror(void);
struct sf_answer sf_entry_dlinfo(void);
/* The five outcomes of one look-up function stand side by side in the counter table. */
enum sf_outcome {
	SF_OUTCOME_HIT,
	SF_OUTCOME_SHARED,
	SF_OUTCOME_NEGATIVE,
	SF_OUTCOME_LEARN,
	SF_OUTCOME_PASS
};

SF_INLINE enum sf_counter
sf_outcome(const struct sf_question *q, enum sf_outcome o)
{
	if (q->kind == SF_KIND_VSYM)
		return SF_DLVSYM_HIT + o;
	if ((intptr_t)q->handle < 0)
		return SF_NEXT_HIT + o;
	return (q->handle == 0 ? SF_DEFAULT_HIT : SF_DLSYM_HIT) + o;
}

/* Counts a call that libc answers. */
SF_INLINE struct sf_answer
sf_pass(struct sf_thread *t, enum sf_counter outcome, enum sf_counter reason)
{
	sf_count_for(t, outcome);
	sf_count_for(t, reason);
	return SF_DECLINE;
}

/* Remembers where the answer to a question is, under the address of its name. */
static inline void
sf_note_hint(const struct sf_question *q, uint32_t entry)
{
	if (q->kind == SF_KIND_SYM && sf_cell_keep(sf_table.cells, q->name, entry))
		return;
	/* Pairs have one place each: who loses it still has the slot. */
	if (q->kind == SF_KIND_VSYM)
		sf_cell_keep_pair(sf_table.pairs, q->name, q->version, entry);
	sf_hint_keep(sf_table.hints, sf_hint_key(q->handle, q->name, q->version, q->kind), entry);
}

/* After an answer by content: the name's address may become a hint. */
SF_INLINE void
sf_note_content_hit(struct sf_thread *t, const struct sf_question *q, uint32_t entry)
{
	if (sf_thread_keeps(t))
		sf_note_hint(q, entry);
}

/* The phase is not LIVE: boots if need be, and declines. */
struct sf_answer sf_off_path(void);
/* The same for look-ups by name and for loads, which may hand out or use libc's own functions. */
struct sf_answer sf_off_path_symbol(const void *handle, const char *name, bool versioned,
				    const void *caller);
struct sf_answer sf_off_path_load(int mode, uintptr_t sp);

#endif
