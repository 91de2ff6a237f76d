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

/* The phase is not LIVE: boots if need be, and declines. */
struct sf_answer sf_off_path(void);
/* The same for look-ups by name and for loads, which may hand out or use libc's own functions. */
struct sf_answer sf_off_path_symbol(const void *handle, const char *name, bool versioned,
				    const void *caller);
struct sf_answer sf_off_path_load(int mode, uintptr_t sp);

#endif
