// SPDX-License-Identifier: BSD-2-Clause
// environment.h: a copy of an environment, to be changed by name.
#ifndef SF_CLI_ENVIRONMENT_H
#define SF_CLI_ENVIRONMENT_H

#include <stddef.h>

struct environment {
	char **list;
	size_t count;
};
void environment_init(struct environment *e, char **from);
const char *environment_get(const struct environment *e, const char *name);
void environment_set(struct environment *e, const char *name, const char *value);
void environment_free(struct environment *e);

#endif
