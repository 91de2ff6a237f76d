// SPDX-License-Identifier: BSD-2-Clause
// learn.c: see learn.h.
#include "learn.h"

#include "../libc/initial.h"
#include <errno.h>

uint8_t sf_learn_raw_errors;
void (*sf_learn_on_raw)(void);
SF_FIRST static uint8_t namespaces;

/* ---- what ends or limits learning ---- */

bool
sf_learn_is_wrapped(const char *name)
{
	if (name[0] != 'd' || name[1] != 'l')
		return false;
#define X(wrapped, ret, params)                                                                    \
	if (sf_bytes_same(name, #wrapped))                                                         \
		return true;
	SF_NEXT_LIST(X)
#undef X
	return false;
}

static bool
learn_replay_reference(void *handle, const char *name)
{
	void *again = sf_next.load(name[0] != '\0' ? name : NULL, RTLD_LAZY | RTLD_NOLOAD);

	if (again != NULL && again != handle)
		sf_next.dlclose(again);
	return again == handle;
}

static void
learn_drop_reference(void *handle)
{
	sf_next.dlclose(handle);
}

void
sf_learn_raw(const char *name)
{
	sf_count(SF_RAW_HANDOUT);
	sf_store_8(&sf_learn_raw_errors,
		   1); /* first: what is given until then is kept by sf_entry_dlerror() */
	sf_facts_error_unseen();
	if (sf_learn_on_raw != NULL)
		sf_learn_on_raw();
	/* Calls of libc's own dlclose or dlopen are not seen: no handle's lifetime is known any more (CONTRACT 36). */
	if (sf_bytes_same(name, "dlclose") || sf_bytes_same(name, "dlopen") ||
	    sf_bytes_same(name, "dlmopen")) {
		sf_object_global_begin();
		sf_object_retire_all(learn_replay_reference, learn_drop_reference);
	}
}

void
sf_learn_namespaces(void)
{
	if (sf_load_8(&namespaces))
		return;
	sf_store_8(&namespaces, 1);
	/* Its libc is not wrapped, but works on the same loader: it can load, and close our handles. */
	sf_learn_raw("dlclose");
}

bool
sf_learn_has_namespaces(void)
{
	return sf_load_8(&namespaces);
}

/* ---- handles we have not seen opened ---- */

/* Last parts of the names whose dlopen was passed through: fingerprints, overwritten when full. */
#define PASSED       256
#define LONGEST_PATH 65536
SF_LARGE static uint64_t passed[PASSED];
static uint8_t any_passed;

static uint64_t
learn_fingerprint_part(const char *from, const char *end)
{
	return sf_bytes_hash(from, (size_t)(end - from), sf_table.seed) | 1;
}

/* Of a short name, as a rule. */
static uint64_t
learn_fingerprint(const char *path)
{
	const char *base = path;

	for (; *path != '\0'; path++)
		if (*path == '/')
			base = path + 1;
	return learn_fingerprint_part(base, path);
}

/* The same of a path, from its end. */
static uint64_t
learn_fingerprint_path(const char *path)
{
	const char *end = path + sf_bytes_length(path, LONGEST_PATH), *base = end;

	while (base > path && base[-1] != '/')
		base--;
	return learn_fingerprint_part(base, end);
}

void
sf_learn_passed_open(const char *name)
{
	uint64_t print = learn_fingerprint(name);

	sf_store_64(&passed[print / 2 % PASSED], print);
	sf_store_8(&any_passed, 1);
}

/* Does one of the object's names belong to a load that was passed through? Forgets it on request. */
static bool
learn_was_passed(const struct link_map *l, bool forget)
{
	uint64_t prints[2] = {learn_fingerprint_path(l->l_name), 0};
	const char *soname = sf_elf_soname(l->l_addr, l->l_ld);
	bool found = false;

	if (soname != NULL)
		prints[1] = learn_fingerprint(soname);
	for (int i = 0; i < 2; i++) {
		uint64_t *slot = &passed[prints[i] / 2 % PASSED];

		if (prints[i] == 0 || sf_load_64(slot) != prints[i])
			continue;
		found = true;
		if (forget)
			sf_store_64(slot, 0);
	}
	return found;
}

void
sf_learn_closing(const void *handle)
{
	const struct link_map *l = handle;

	if (!sf_load_8(&any_passed) || sf_unreadable(handle))
		return;
	if (sf_facts_live(handle))
		learn_was_passed(l, true);
	else if (sf_facts_unsure(l->l_ld))
		for (int i = 0; i < PASSED; i++)
			sf_store_64(&passed[i], 0);
}

/*
 * The host looks up in a handle whose dlopen was passed through, so its lifetime is not known.
 * A reference of our own, got by the object's own name, keeps that lifetime running until the
 * host's next dlclose of the handle, where it is dropped first. Only for names that the host did
 * open: a link map found otherwise may be libc's own (gconv, NSS), which is never closed by dlclose.
 */
static struct sf_object *
learn_adopt(struct sf_thread *t, void *handle, uint32_t *gen)
{
	const struct link_map *l = handle;
	struct sf_object *o = NULL;
	void *again;

	if (!sf_load_8(&any_passed) || t->close_depth > 0 || sf_object_retired() ||
	    sf_learn_has_namespaces() || !sf_facts_live(handle) || !learn_was_passed(l, false) ||
	    !sf_bytes_has(l->l_name, '/') || sf_bytes_has(l->l_name, '$'))
		return NULL;
	again = sf_next.load(l->l_name, RTLD_LAZY | RTLD_NOLOAD);
	if (again == handle)
		o = sf_object_adopted(handle, gen);
	if (o != NULL)
		sf_count(SF_OBJECT_ADOPT);
	else if (again != NULL)
		sf_next.dlclose(again);
	return o;
}

/* ---- learning: what needs room on the stack lies apart, not below libc's own frames ---- */

enum expected {
	EXPECT_NONE,     /* the name leads, or may lead, to something computed at each look-up */
	EXPECT_NEGATIVE, /* an object cannot be searched: only a negative answer may be kept */
	EXPECT_ANY,
};

struct lifetimes {
	struct sf_object *object; /* lifetime of a positive answer */
	uint32_t gen;
	struct sf_object *negative; /* lifetime of a negative one, NULL: must not be kept */
	uint32_t negative_gen;
	bool global; /* asked of the global scope */
	void *ask;   /* the handle to ask */
	enum expected expected;
	bool fixed; /* whatever defines the name, no look-up will say anything else */
};

static SF_NOINLINE bool
learn_find_lifetimes(struct sf_thread *t, const struct sf_question *q, struct lifetimes *l)
{
	l->global = q->handle == 0 || q->handle == (uintptr_t)sf_next.main;
	if (l->global) {
		l->ask = sf_next.main;
		l->object = &sf_object_permanent;
		l->gen = SF_STATE_GEN(sf_object_permanent.state);
		l->negative =
			sf_object_global_lifetime(&l->negative_gen) ? &sf_object_global : NULL;
		return true;
	}
	l->ask = (void *)q->handle;
	l->object = sf_object_find(l->ask);
	if (l->object == NULL || !sf_object_lifetime_of(l->object, l->ask, &l->gen))
		l->object = learn_adopt(t, l->ask, &l->gen);
	if (l->object == NULL)
		return false;
	l->negative = l->object;
	l->negative_gen = l->gen;
	return true;
}

/*
 * CONTRACT 12; for the global scope also 20: the definer must be of the initial set. That some
 * object has the name as a plain symbol at this address does not yet say that the name led there:
 * an IFUNC of the same name earlier in the search order may have chosen it. So either the handle's
 * own object, which comes first, is the definer, or everything that could come first is of the
 * initial set and was searched before (expected).
 */
static SF_NOINLINE bool
learn_prove(void *value, const struct sf_question *q, const struct lifetimes *l,
	    enum sf_counter *why)
{
	struct link_map *definer;
	uintptr_t lo, hi;
	struct sf_elf e;

	*why = SF_BYPASS_UNPROVEN;
	if (l->fixed)
		return true;
	if (!sf_facts_object(value, &definer, &lo, &hi))
		return false;
	if (l->global && !sf_object_initial(definer)) {
		*why = SF_BYPASS_DEFINER;
		return false;
	}
	if (!l->global && definer != l->ask &&
	    !(sf_object_initial(definer) &&
	      sf_facts_searches_initial_only(l->ask, l->object->permanent)))
		return false;
	return sf_elf_open(&e, definer->l_addr, definer->l_ld) &&
	       sf_elf_proves(&e, q->name, (uintptr_t)value);
}

/*
 * RTLD_DEFAULT is asked for the host only if it need not be asked again by the host: if the answer lies
 * in the initial set, or is no. Else the resolver of an IFUNC that was opened later would run twice.
 */
static enum expected
learn_expect_of_default(const char *name, const struct sf_initial_name *of)
{
	if (of->unsure)
		return EXPECT_NONE;
	if (of->plain)
		return EXPECT_ANY;
	if (sf_object_global_untouched() || !sf_facts_later_may_define(name))
		return EXPECT_NEGATIVE;
	return EXPECT_NONE;
}

/* The handle's own object, the first in its search order, has an IFUNC of this name. */
static enum expected
learn_expect_of_own(const struct sf_question *q, struct lifetimes *l, const struct sf_elf *e)
{
	const struct link_map *own = l->ask;
	bool ends = q->kind == SF_KIND_VSYM ? sf_elf_defines_as(e, own->l_ld, q->name, q->version)
					    : sf_elf_defines(e, q->name);

	l->fixed = !e->filter && ends && sf_initial_is_fixed(own, e, q->name);
	return l->fixed ? EXPECT_ANY : EXPECT_NONE;
}

/*
 * The initial set has definitions of the name that do not change, IFUNCs of glibc among them. Is the answer one of
 * them? Then it does not matter which.
 */
static bool
learn_ends_in_initial(const struct sf_question *q, const struct lifetimes *l,
		      const struct sf_initial_name *of)
{
	bool ends =
		q->kind == SF_KIND_VSYM ? sf_initial_defines_as(q->name, q->version) : of->plain;

	if (of->unsure || !ends)
		return false;
	return l->global || sf_facts_searches_initial_only(l->ask, l->object->permanent);
}

/*
 * Could an answer be proved at all? Looked at before libc is asked, so that the resolver of an IFUNC
 * runs as often as without us.
 */
static SF_NOINLINE enum expected
learn_expect(const struct sf_question *q, struct lifetimes *l)
{
	const struct link_map *own = l->ask;
	struct sf_initial_name of;
	bool unsure = false, filter = false;
	struct sf_elf e;

	l->fixed = false;
	if (!l->global) {
		if (!sf_elf_open(&e, own->l_addr, own->l_ld))
			return EXPECT_NONE;
		if (sf_elf_defines_special(&e, q->name, &unsure))
			return learn_expect_of_own(q, l, &e);
		filter = e.filter;
		if (!unsure && !filter && q->kind == SF_KIND_SYM && sf_elf_defines(&e, q->name))
			return EXPECT_ANY; /* first in its own search order, and plain */
	}
	of = sf_initial_name(q->name);
	if (of.special || (of.fixed && !learn_ends_in_initial(q, l, &of)))
		return EXPECT_NONE;
	l->fixed = of.fixed;
	if (q->handle == 0)
		return learn_expect_of_default(q->name, &of);
	return unsure || of.unsure || filter ? EXPECT_NEGATIVE : EXPECT_ANY;
}

static void
learn_keep(const struct sf_question *q, struct sf_learn_result *out, enum sf_verdict verdict,
	   struct sf_object *object, uint32_t gen, void *value)
{
	out->reply = (struct sf_reply){
		.value = value, .object = object, .gen = gen, .verdict = (uint8_t)verdict};
	out->kept = sf_table_keep(q, &out->reply);
}

static enum sf_learnt
learn_keep_value(const struct sf_question *q, const struct lifetimes *l,
		 struct sf_learn_result *out)
{
	if (out->value != NULL && l->expected == EXPECT_ANY &&
	    learn_prove(out->value, q, l, &out->why)) {
		learn_keep(q, out, SF_VALUE, l->object, l->gen, out->value);
		return SF_LEARNT_ANSWER;
	}
	learn_keep(q, out, SF_PASS, l->object, l->gen, (void *)(uintptr_t)out->why);
	/* RTLD_DEFAULT pins a dlopened definer (CONTRACT 19), so the host's own call is owed. */
	return q->handle == 0 ? SF_LEARNT_REPLAY : SF_LEARNT_ANSWER;
}

/*
 * libc said no. The error becomes ours only if our text is libc's, byte for byte; libc's copy is
 * then taken out, as two dlerror calls do.
 */
static SF_NOINLINE bool
learn_take_error(struct sf_thread *t, const struct sf_question *q, const struct lifetimes *l)
{
	const char *file, *text;
	int saved = errno;
	size_t len;
	bool same;

	file = sf_negative_file(l->global ? NULL : l->object, l->ask, &len);
	if (file == NULL || !sf_negative_write(t, file, len, q->name, q->name_len - 1, q->version,
					       q->version_len - (q->version != NULL)))
		return false;
	text = sf_next.dlerror();
	same = text != NULL &&
	       sf_bytes_equal(text, t->block->text,
			      sf_bytes_length(t->block->text, sizeof(t->block->text)) + 1);
	sf_next.dlerror();
	errno = saved;
	return same && !sf_facts_error_pending();
}

#define OWED_NAME 256 /* bytes that any stack has */

/*
 * Without room for libc's text it is left to the host's own dlerror to bring it (sf_learn_owed). The turn is
 * written last: a look-up of a signal handler in between leaves a text of another turn.
 */
static SF_NOINLINE void
learn_owe(struct sf_thread *t, const struct sf_question *q, const struct lifetimes *l)
{
	struct sf_owed *owed = &t->block->owed;
	const char *file;
	uint32_t turn;
	size_t len;

	if (q->kind != SF_KIND_SYM || q->handle == 0 || q->name_len > OWED_NAME)
		return;
	file = sf_negative_file(l->global ? NULL : l->object, l->ask, &len);
	if (file == NULL)
		return;
	turn = sf_negative_write(t, file, len, q->name, q->name_len - 1, NULL, 0);
	owed->name_at =
		(uint32_t)(sf_bytes_length(t->block->text, SF_TEXT_MAX) - (q->name_len - 1));
	owed->handle = q->handle;
	owed->object = l->negative;
	owed->gen = l->negative_gen;
	sf_store_32(&owed->turn, turn);
	t->pending = SF_PENDING_OWED;
}

static SF_NOINLINE void
learn_keep_owed(struct sf_thread *t, const struct sf_owed *owed)
{
	char name[OWED_NAME];
	struct sf_question q = {.handle = owed->handle, .name = name, .kind = SF_KIND_SYM};
	const char *from = t->block->text + owed->name_at;
	size_t len = sf_bytes_length(from, OWED_NAME);
	struct sf_learn_result out;

	if (len >= OWED_NAME)
		return;
	*sf_bytes_put(name, from, len) = '\0';
	if (sf_negative_whole(t, owed->turn) && sf_table_hash(&q))
		learn_keep(&q, &out, SF_NEGATIVE, owed->object, owed->gen, NULL);
}

const char *
sf_learn_owed(struct sf_thread *t)
{
	struct sf_owed owed = t->block->owed;
	const char *text = sf_next.dlerror();

	t->pending = 0;
	if (text != NULL && sf_negative_whole(t, owed.turn) &&
	    sf_bytes_same(text, t->block->text) && !sf_learn_errors_raw())
		learn_keep_owed(t, &owed);
	return text;
}

enum sf_learnt
sf_learn(struct sf_thread *t, const struct sf_question *q, struct sf_learn_result *out)
{
	struct lifetimes l;

	out->kept = false;
	out->why = SF_BYPASS_HANDLE;
	if (!learn_find_lifetimes(t, q, &l))
		return SF_LEARNT_REPLAY;
	l.expected = learn_expect(q, &l);
	if (l.expected == EXPECT_NONE) {
		out->why = SF_BYPASS_UNPROVEN;
		learn_keep(q, out, SF_PASS, l.object, l.gen, (void *)(uintptr_t)out->why);
		return SF_LEARNT_REPLAY;
	}
	out->value = q->kind == SF_KIND_VSYM ? sf_next.dlvsym(l.ask, q->name, q->version)
					     : sf_next.dlsym(l.ask, q->name);
	out->why = SF_BYPASS_UNPROVEN;
	if (out->value != NULL)
		sf_facts_error_none();
	if (out->value != NULL || !sf_facts_error_pending())
		return learn_keep_value(q, &l, out);
	out->why = SF_BYPASS_NEGATIVE;
	if (l.negative == NULL || sf_learn_errors_raw() || t->block == NULL)
		return q->handle == 0 ? SF_LEARNT_REPLAY : SF_LEARNT_ANSWER;
	if (!sf_stack_has_room()) {
		learn_owe(t, q, &l);
		out->why = SF_BYPASS_STACK;
		return q->handle == 0 ? SF_LEARNT_REPLAY : SF_LEARNT_ANSWER;
	}
	if (!learn_take_error(t, q, &l))
		return SF_LEARNT_REPLAY;
	learn_keep(q, out, SF_NEGATIVE, l.negative, l.negative_gen, NULL);
	/* Not kept, so there is nothing to answer from; libc's error is gone and must be made again. */
	return out->kept ? SF_LEARNT_ANSWER : SF_LEARNT_REPLAY;
}
