// SPDX-License-Identifier: BSD-2-Clause
// api.c: the functions of include/symfast.h.
#include "entry.h"

#include "../go/go.h"

#include <symfast.h>

SF_EXPORT const char *
symfast_version(void)
{
	return SF_VERSION;
}

SF_EXPORT const char *
symfast_state(void)
{
	sf_prepare();
	return sf_mode_name();
}

struct wanted {
	const char *name;
	uint64_t *value;
	bool found;
};

static void
api_pick_go(void *arg, const char *name, uint64_t value)
{
	struct wanted *w = arg;

	if (!sf_bytes_same(w->name, name))
		return;
	*w->value = value;
	w->found = true;
}

SF_EXPORT int
symfast_counter(const char *name, uint64_t *value)
{
	struct wanted go = {name, value, false};

	if (name == NULL || value == NULL)
		return -1;
	for (enum sf_counter id = 0; id < SF_COUNTER_COUNT; id++) {
		if (!sf_bytes_same(name, sf_counters_name(id)))
			continue;
		*value = sf_counters_sum(id);
		return 0;
	}
	sf_go_counters(api_pick_go, &go);
	return go.found ? 0 : -1;
}
