// SPDX-License-Identifier: BSD-2-Clause
// environment.c: see environment.h.
#include "environment.h"

#include "cli.h"
#include <stdlib.h>
#include <string.h>

void
environment_init(struct environment *e, char **from)
{
	for (e->count = 0; from[e->count] != NULL;)
		e->count++;
	e->list = cli_alloc(e->count + 1, sizeof(*e->list));
	for (size_t i = 0; i < e->count; i++)
		e->list[i] = cli_format("%s", from[i]);
}

static char **
environment_find(const struct environment *e, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < e->count; i++)
		if (strncmp(e->list[i], name, len) == 0 && e->list[i][len] == '=')
			return &e->list[i];
	return NULL;
}

const char *
environment_get(const struct environment *e, const char *name)
{
	char **at = environment_find(e, name);

	return at != NULL ? *at + strlen(name) + 1 : NULL;
}

void
environment_set(struct environment *e, const char *name, const char *value)
{
	char **at = environment_find(e, name);

	if (at == NULL) {
		e->list = cli_grow(e->list, e->count + 2, sizeof(*e->list));
		at = &e->list[e->count++];
		e->list[e->count] = NULL;
	} else {
		free(*at);
	}
	*at = cli_format("%s=%s", name, value);
}

void
environment_free(struct environment *e)
{
	for (size_t i = 0; i < e->count; i++)
		free(e->list[i]);
	free(e->list);
}
