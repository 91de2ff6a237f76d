// SPDX-License-Identifier: BSD-2-Clause
// behind.c: see behind.h.
#include "behind.h"

#include "../libc/initial.h"
#include "caller.h"

/* Nobody is answered: another wrapper of dlsym would see this library as its caller, or filtees move the list. */
static bool
behind_serves_nobody(void)
{
	return sf_next.interposed || sf_next.self == NULL || sf_facts_has_filter();
}

/* ld.so and the vdso have lists of their own. */
static bool
behind_is_listed(const struct link_map *l)
{
	return !sf_facts_is_vdso(l) && l->l_addr != sf_next.debug->r_ldbase;
}

static struct sf_object *
behind_object_of(const void *caller)
{
	struct link_map *l;
	uintptr_t lo, hi;
	struct sf_object *o;

	if (!sf_facts_object(caller, &l, &lo, &hi))
		return NULL;
	o = sf_object_find(l);
	return o != NULL && o->permanent && sf_object_is_caller(o, caller) && behind_is_listed(l)
		       ? o
		       : NULL;
}

const struct sf_object *
sf_behind_caller(struct sf_thread *t, const void *caller)
{
	const struct sf_object *b = t->behind;
	bool nobody = behind_serves_nobody();
	struct sf_object *o;

	if (sf_object_is_caller(b, caller))
		return b;
	o = nobody ? NULL : behind_object_of(caller);
	b = o != NULL ? sf_object_behind(o) : NULL;
	if (b != NULL)
		t->behind = b;
	else if (t->block != NULL && !t->stock)
		sf_caller_note_gap(&t->not_behind, (uintptr_t)caller,
				   nobody ? SF_CALLER_NOBODY : SF_CALLER_ALL);
	return b;
}

/* RTLD_NEXT from this object: a call, not a jump, which would have the caller's return address. */
static SF_NOINLINE void *
behind_ask_self(const char *name)
{
	void *value = sf_next.dlsym(RTLD_NEXT, name);

	__asm__ volatile("" : "+r"(value));
	return value;
}

/* Does libc, asked for `of`, say what was read there? What only libc can say it says into `value`. */
static bool
behind_agrees(const struct sf_initial_place *of, const char *name, bool whole, uintptr_t *value)
{
	*value = (uintptr_t)(whole ? sf_next.dlsym(sf_next.main, name) : behind_ask_self(name));
	return *value != 0 && (of->value == 0 || of->value == *value);
}

/* An IFUNC of glibc's own, whose answer never changes: libc may be asked for it. */
static bool
behind_is_fixed(const struct sf_initial_place *of, const char *name)
{
	struct sf_elf e;

	return sf_elf_open(&e, of->l->l_addr, of->l->l_ld) && sf_elf_defines(&e, name) &&
	       sf_initial_is_fixed(of->l, &e, name);
}

/*
 * The executable's handle leads to the newest version of a name, as RTLD_NEXT does since glibc 2.36. Before that it leads
 * to the oldest, and only libc's RTLD_NEXT itself tells which: the place is one that cannot be read, then.
 */
#define MINOR_NEWEST 36

static bool
behind_is_oldest(struct sf_initial_place *of, const char *name)
{
	uint32_t cursor = 0;
	struct sf_elf e;

	if (sf_facts_minor() >= MINOR_NEWEST || !sf_elf_open(&e, of->l->l_addr, of->l->l_ld))
		return false;
	if (of->value != 0 && sf_elf_next(&e, name, &cursor) != NULL &&
	    sf_elf_next(&e, name, &cursor) != NULL) {
		of->value = 0;
		return true;
	}
	return of->value == 0;
}

static bool
behind_may_ask(const struct sf_initial_place *of, const char *name)
{
	return of->l != NULL && (of->value != 0 || behind_is_fixed(of, name));
}

/*
 * False: nothing is proved. `asked`: `value` is what libc says, in a list that is the same from there on. Otherwise it
 * is read, and libc agrees with what was read of the same list before it.
 */
static bool
behind_find(const struct sf_question *q, uintptr_t *value, bool *asked)
{
	const struct link_map *caller = (const struct link_map *)sf_object_behind_handle(q->handle);
	struct sf_initial_next n;
	uintptr_t said;
	bool plain, whole;

	if (!sf_initial_next(caller, q->name, &n))
		return false;
	plain = n.next.value != 0;
	whole = !behind_is_oldest(&n.next, q->name) && n.whole.l == n.next.l;
	if (!plain && !behind_may_ask(&n.next, q->name))
		return false;
	*asked = whole || n.self.l == n.next.l;
	if (*asked)
		return behind_agrees(&n.next, q->name, whole, value);
	*value = n.next.value;
	return *value != 0 &&
	       (!behind_may_ask(&n.whole, q->name) ||
		behind_agrees(&n.whole, q->name, true, &said)) &&
	       (!behind_may_ask(&n.self, q->name) || behind_agrees(&n.self, q->name, false, &said));
}

enum sf_learnt
sf_behind_learn(const struct sf_question *q, struct sf_learn_result *out)
{
	struct sf_object *o = (struct sf_object *)(uintptr_t)q->caller;
	uintptr_t value;
	bool asked, found = behind_find(q, &value, &asked);

	if (sf_facts_error_pending())
		sf_facts_error_clear(); /* as libc's own call would: either it succeeds, or makes another */
	out->why = SF_BYPASS_UNPROVEN;
	out->value = (void *)(found ? value : (uintptr_t)out->why);
	out->reply = (struct sf_reply){.value = out->value,
				       .object = o,
				       .gen = SF_STATE_GEN(sf_load_64(&o->state)),
				       .verdict = found ? SF_VALUE : SF_PASS};
	out->kept = sf_table_keep(q, &out->reply);
	return found ? SF_LEARNT_ANSWER : SF_LEARNT_REPLAY;
}

void *
sf_behind_libc_says(const struct sf_question *q)
{
	uintptr_t value;
	Dl_info info;
	bool asked;

	if (!behind_find(q, &value, &asked))
		return NULL;
	if (!asked && (sf_next.dladdr == NULL || sf_next.dladdr((void *)value, &info) == 0 ||
		       info.dli_saddr != (void *)value))
		return NULL;
	return (void *)value;
}
