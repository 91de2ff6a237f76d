// SPDX-License-Identifier: BSD-2-Clause
// An add-on for Node that registers itself in its constructor, as those of npm do: Node fails if that does not run again.
// Written down here as Node's ABI has it, so that no header of Node is needed.
#include <stddef.h>

struct addon_module {
	int version;
	unsigned int flags;
	const char *file;
	void *(*init)(void *env, void *exports);
	const char *name;
	void *priv;
	void *reserved[4];
};
extern void napi_module_register(struct addon_module *module);
extern int napi_create_int32(void *env, int value, void **result);

static int lives;

static void *
addon_init(void *env, void *exports)
{
	void *number = exports;

	napi_create_int32(env, ++lives, &number);
	return number;
}

static struct addon_module addon = {1, 0, __FILE__, addon_init, "addon", NULL, {NULL}};

__attribute__((constructor)) static void
addon_register(void)
{
	napi_module_register(&addon);
}
