// SPDX-License-Identifier: BSD-2-Clause
// recheck.c: see recheck.h. Everything is read and written under ld.so's lock.
#include "recheck.h"

#include "../base/bytes.h"
#include "../base/log.h"
#include "../base/sys.h"
#include "../map/thread.h"
#include "../observe/segment.h"
#include "datum.h"
#include "shot.h"
#include <time.h>

#define RECHECK_SHOTS  8
#define RECHECK_WORDS  64 /* that differ, remembered of each object; of more than that the first */
#define RECHECK_TIMES  4
#define RECHECK_DOUBTS 32
#define RECHECK_WORD   sizeof(uintptr_t)

/* A word that differed, and how often running. */
struct recheck_word {
	size_t at; /* among the words of all members */
	struct sf_retain_shot_value retained, fresh;
	uint8_t times, seen;
};

SF_LARGE static struct sf_retain_shot recheck_shots[RECHECK_SHOTS];
SF_LARGE static struct recheck_known {
	uint32_t cycles; /* since libc's */
	uint32_t turn;   /* comparisons */
	struct recheck_word word[RECHECK_WORDS];
} recheck_known[SF_RETAIN_PLACES];
static uint64_t recheck_doubts[RECHECK_DOUBTS]; /* hashes of file names */
static unsigned int recheck_doubted;

/* ---- before libc's cycle ---- */

static struct sf_retain_shot *
recheck_find(int root)
{
	for (int i = 0; i < RECHECK_SHOTS; i++)
		if (recheck_shots[i].set != 0 && recheck_shots[i].root == root)
			return &recheck_shots[i];
	return NULL;
}

/* One cycle in how many is libc's; 0: none. */
static uint32_t
recheck_every(void)
{
	uint32_t every = sf_load_32(&sf_control.check_every);

	if (sf_load_32(&sf_control.word) == SYMFAST_SHM_VERIFY)
		return 2;
	return sf_load_32(&sf_control.word) != SYMFAST_SHM_ON || every == 0 ? 0
	       : every < 2                                                  ? 2
									    : every;
}

/*
 * At two distances by turns that have no common factor: what the host does in every second cycle, or third, is not
 * taken for a difference.
 */
static bool
recheck_is_turn(struct recheck_known *k, uint32_t every)
{
	if (every == 0 || ++k->cycles < every - 1 + (k->turn & 1))
		return false;
	k->cycles = 0;
	return true;
}

void
sf_retain_recheck_opened(int root, sf_retain_set set)
{
	struct sf_retain_shot *s = recheck_find(root);

	if (s != NULL)
		sf_retain_shot_drop(s); /* libc's cycle did not come */
	if (!recheck_is_turn(&recheck_known[root], recheck_every()))
		return;
	for (int i = 0; i < RECHECK_SHOTS; i++)
		if (recheck_shots[i].set == 0) {
			sf_retain_shot_take(&recheck_shots[i], root, set, recheck_known[root].turn);
			return;
		}
}

bool
sf_retain_recheck_due(int root)
{
	return recheck_find(root) != NULL;
}

/* ---- after libc's load ---- */

struct recheck_run {
	const struct sf_retain_shot *shot;
	struct sf_retain_shot_group group;
	struct recheck_known *known;
	size_t at;                     /* words so far */
	uint8_t differing;             /* words that were different; symbols count as one */
	struct sf_retain_place *place; /* the first that did so often running */
	char names[96];
};

static void
recheck_add_name(struct recheck_run *run, const char *name)
{
	size_t n = sf_bytes_length(run->names, sizeof(run->names));

	if (n != 0)
		n = (size_t)(sf_bytes_put(run->names + n, ", ",
					  n + 3 < sizeof(run->names) ? 2 : 0) -
			     run->names);
	sf_bytes_cut(run->names + n, name, sizeof(run->names) - n);
}

/* The record of this word, one difference more; NULL: there is no room. */
static struct recheck_word *
recheck_remember(struct recheck_known *k, const struct recheck_word *w)
{
	struct recheck_word *to = NULL;

	for (int i = 0; i < RECHECK_WORDS; i++) {
		if (k->word[i].times != 0 && k->word[i].at == w->at) {
			to = &k->word[i];
			break;
		}
		if (to == NULL && k->word[i].times == 0)
			to = &k->word[i];
	}
	if (to == NULL)
		return NULL;
	if (to->times != 0 && to->at == w->at && sf_retain_shot_same(&to->retained, &w->retained) &&
	    sf_retain_shot_same(&to->fresh, &w->fresh))
		to->times += to->times < RECHECK_TIMES;
	else
		*to = *w;
	to->seen = 1;
	return to;
}

static void
recheck_differs(struct recheck_run *run, const struct sf_retain_shot_member *m, uintptr_t where,
		struct sf_retain_shot_value retained, struct sf_retain_shot_value fresh)
{
	const struct link_map *map = sf_retain_places[m->place].map;
	struct recheck_word w = {run->at, retained, fresh, 1, 1};
	const struct recheck_word *known;
	char name[64] = "its symbols";

	if (sf_retain_shot_same(&retained, &fresh) ||
	    sf_retain_shot_is_elsewhere(&retained, &fresh))
		return;
	run->differing += run->differing < 255;
	known = recheck_remember(run->known, &w);
	if (known == NULL || known->times < RECHECK_TIMES)
		return;
	if (where != 0)
		sf_retain_datum_name(map, where, UINTPTR_MAX, name, sizeof(name));
	run->place = run->place != NULL ? run->place : &sf_retain_places[m->place];
	recheck_add_name(run, name);
}

static uintptr_t
recheck_load(const char *from, size_t n)
{
	uintptr_t word = 0;

	__builtin_memcpy(&word, from, n < RECHECK_WORD ? n : RECHECK_WORD);
	return word;
}

/* Word by word, each at its natural place; the first and the last one may be shorter. */
static void
recheck_memory(struct recheck_run *run, const struct sf_retain_shot_member *m,
	       const struct sf_retain_range *r, const char *copy)
{
	const struct sf_retain_place *p = &sf_retain_places[m->place];
	size_t step;

	for (size_t at = 0; at < r->size; at += step, run->at++) {
		uintptr_t where = (uintptr_t)r->at + at, old, now;

		step = RECHECK_WORD - where % RECHECK_WORD;
		step = step < r->size - at ? step : r->size - at;
		old = recheck_load(copy + at, step);
		now = recheck_load(r->at + at, step);
		if (old == now || where - (uintptr_t)p->map->l_ld < p->dynamic_size)
			continue;
		recheck_differs(run, m, where, sf_retain_shot_value(&run->shot->group, old),
				sf_retain_shot_value(&run->group, now));
	}
}

static void
recheck_all(struct recheck_run *run)
{
	struct sf_retain_shot_value symbol[SF_RETAIN_SHOT_SYMBOLS];
	const char *copy = run->shot->memory;
	const struct sf_retain_range *r;

	for (unsigned int i = 0; i < run->group.count; i++) {
		const struct sf_retain_shot_member *m = &run->group.member[i];

		for (int k = 0; (r = sf_retain_shot_range(&sf_retain_places[m->place], k)); k++) {
			recheck_memory(run, m, r, copy);
			copy += r->size;
		}
	}
	sf_retain_shot_look_up(sf_retain_places[run->shot->root].map, &run->group, run->shot->first,
			       symbol);
	for (int i = 0; i < SF_RETAIN_SHOT_SYMBOLS; i++)
		if (!sf_retain_shot_same(&symbol[i], &run->shot->symbol[i])) {
			run->at = SIZE_MAX; /* whichever it is */
			recheck_differs(run, &run->group.member[0], 0,
					(struct sf_retain_shot_value){0, 0},
					(struct sf_retain_shot_value){1, 0});
			break;
		}
}

static void
recheck_tell(const struct recheck_run *run)
{
	struct symfast_shm_control *c = &sf_control;
	struct sf_line l;

	run->place->fit = SF_RETAIN_UNFIT_DOUBT;
	sf_count(SF_VERIFY_MISMATCH);
	sf_count(SF_RETAIN_DOUBT);
	sf_add_64(&c->mismatches, 1);
	c->mismatch_ns = sf_sys_clock(CLOCK_REALTIME);
	sf_bytes_cut(c->mismatch_function, "retain", sizeof(c->mismatch_function));
	c->mismatch_map = c->mismatch_libc = SYMFAST_SHM_KIND_VALUE;
	if (recheck_doubted < RECHECK_DOUBTS)
		recheck_doubts[recheck_doubted++] =
			sf_bytes_hash(run->place->name, sf_bytes_length(run->place->name, 4096), 0);
	sf_line_start(&l);
	sf_line_str(&l, "breaker: retained ");
	sf_line_quote(&l, run->place->name, 200);
	sf_line_str(&l, " is not as after a load: ");
	sf_line_clean(&l, run->names, sizeof(run->names));
	sf_line_str(&l, "; libc loads it from now on");
	sf_line_write(&l);
}

static void
recheck_forget_unseen(struct recheck_known *k)
{
	for (int i = 0; i < RECHECK_WORDS; i++) {
		if (!k->word[i].seen)
			k->word[i].times = 0;
		k->word[i].seen = 0;
	}
}

void
sf_retain_recheck_loaded(int root, sf_retain_set set)
{
	struct sf_retain_shot *s = recheck_find(root);
	struct recheck_run run = {.shot = s, .known = &recheck_known[root]};

	if (s == NULL)
		return;
	recheck_known[root].turn++;
	if (s->set != set || !sf_retain_shot_group(&run.group, set) ||
	    !sf_retain_shot_fits(s, &run.group)) {
		sf_count(SF_VERIFY_VOID);
		sf_retain_shot_drop(s);
		return;
	}
	recheck_all(&run);
	recheck_forget_unseen(run.known);
	sf_count(SF_COMPARED_RETAIN);
	if (run.place != NULL)
		recheck_tell(&run);
	else
		sf_count(run.differing == 0 ? SF_VERIFY_SAME : SF_VERIFY_VOID);
	sf_retain_shot_drop(s);
}

bool
sf_retain_recheck_doubts(const char *name)
{
	uint64_t hash;

	if (recheck_doubted == 0)
		return false;
	hash = sf_bytes_hash(name, sf_bytes_length(name, 4096), 0);
	for (unsigned int i = 0; i < recheck_doubted; i++)
		if (recheck_doubts[i] == hash)
			return true;
	return false;
}
