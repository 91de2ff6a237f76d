// SPDX-License-Identifier: BSD-2-Clause
// Sums the counters of the Go room and names them.
#include "../base/bytes.h"
#include "arms.h"
#include "level.h"

#define SF_GO_NAME(id, name, text) name "\0"
static const char stripe_names[] = SF_GO_STRIPE_COUNTERS(SF_GO_NAME);
static const char module_names[] = SF_GO_MODULE_COUNTERS(SF_GO_NAME);
#define SF_GO_REFUSED(id, word, text) "go.refused." word "\0"
static const char fill_names[] = SF_GO_FILL_COUNTERS(SF_GO_NAME) SF_GO_REFUSALS(SF_GO_REFUSED);
#undef SF_GO_REFUSED
#undef SF_GO_NAME

_Static_assert(SF_GO_STRIPE_COUNT <= sizeof(struct sf_go_stripe) / sizeof(uint64_t),
	       "a stripe is one cache line");

void
sf_go_counters(void (*each)(void *arg, const char *name, uint64_t value), void *arg)
{
	struct sf_go_table *t = &sf_go_table;

	for (int id = 0; id < SF_GO_STRIPE_COUNT; id++) {
		uint64_t sum = 0;

		for (int i = 0; i < SF_GO_STRIPES; i++)
			sum += __atomic_load_n(&t->stripe[i].n[id], __ATOMIC_RELAXED);
		each(arg, sf_bytes_word(stripe_names, (unsigned int)id), sum);
	}
	for (int id = 0; id < SF_GO_FILL_COUNT; id++)
		each(arg, sf_bytes_word(fill_names, (unsigned int)id),
		     __atomic_load_n(&t->fills[id], __ATOMIC_RELAXED));
	each(arg, sf_bytes_word(module_names, 0), sf_go_modules_shortened);
	each(arg, sf_bytes_word(module_names, 1), sf_go_modules_refused != SF_GO_REFUSE_NONE);
	for (int why = SF_GO_REFUSE_NONE + 1; why < SF_GO_REFUSAL_COUNT; why++)
		each(arg, sf_bytes_word(fill_names, (unsigned int)(SF_GO_FILL_COUNT + why)),
		     sf_go_refused == (enum sf_go_refusal)why);
}

void
sf_go_live(struct sf_go_live *out)
{
	struct sf_go_table *t = &sf_go_table;

	if (sf_go_refused)
		t->refusals[sf_go_refused] = 1;
	*out = (struct sf_go_live){
		.control = t->gap,
		.stripes = t->stripe,
		.fills = t->fills,
		.era = t->era,
		.eras = t->eras,
		.stripe_names = stripe_names,
		.fill_names = fill_names,
		.stripe_bytes = sizeof(stripe_names) - 1,
		.stripe_count = SF_GO_STRIPE_COUNT,
		.refusal = sf_go_refused ? sf_go_refusal_word(sf_go_refused) : "",
		.fill_bytes = sizeof(fill_names) - 1,
		.fill_count = SF_GO_FILL_COUNT + SF_GO_REFUSAL_COUNT,
	};
}

void
sf_go_forked(void)
{
	struct sf_go_table *t = &sf_go_table;

	t->filling = 0;
	for (int i = 0; i < SF_GO_FILL_COUNT; i++)
		t->fills[i] = 0;
	for (int i = 0; i < SF_GO_STRIPES; i++)
		t->stripe[i] = (struct sf_go_stripe){{0}};
	if (sf_go_arms.marks) // of goroutines that are not there
		__builtin_memset(sf_go_arms.marks, 0, SF_GO_MARKS);
	sf_go_level_forked();
}
