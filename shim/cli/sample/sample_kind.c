// SPDX-License-Identifier: BSD-2-Clause
// sample_kind.c: see sample_kind.h.
#include "sample_kind.h"

#include "sample_debug.h"
#include <string.h>

static const struct {
	const char *name;
	enum sample_serves serves;
} functions[] = {
	{"dlsym", SAMPLE_SERVED},
	{"dlvsym", SAMPLE_SERVED},
	{"dlopen", SAMPLE_SERVED},
	{"dlclose", SAMPLE_SERVED},
	{"dlerror", SAMPLE_SERVED},
	{"dladdr", SAMPLE_SERVED},
	{"dladdr1", SAMPLE_SERVED},
	{"backtrace_symbols", SAMPLE_SERVED},
	{"backtrace_symbols_fd", SAMPLE_SERVED},
	{"dl_iterate_phdr", SAMPLE_SERVED_PHDR},
	{"plugin.open", SAMPLE_SERVED},
	{"plugin.lookup", SAMPLE_NOT_SERVED},
	{"dlmopen", SAMPLE_NOT_SERVED},
	{"dlinfo", SAMPLE_NOT_SERVED},
};

static bool
sample_kind_begins(const struct sample_file *f, const char *const *names)
{
	for (; f != NULL && *names != NULL; names++)
		if (strncmp(f->base, *names, strlen(*names)) == 0)
			return true;
	return false;
}

bool
sample_kind_is_loader(const struct sample_file *f)
{
	static const char *const names[] = {"ld-linux", "ld-2.", "ld64.so", NULL};

	return sample_kind_begins(f, names);
}

bool
sample_kind_is_libc(const struct sample_file *f)
{
	static const char *const names[] = {
		"libc.so",       "libc-2.",       "libdl.so", "libdl-2.",
		"libpthread.so", "libpthread-2.", "[vdso]",   NULL};

	return sample_kind_begins(f, names);
}

static bool
sample_kind_is_system(const struct sample_file *f)
{
	static const char *const names[] = {"libsymfast.so", NULL};

	return sample_kind_is_loader(f) || sample_kind_is_libc(f) || sample_kind_begins(f, names);
}

void
sample_kind_name(struct sample_stack *s)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct sample_unwind_frame *f = &s->frames[i];

		*s->names[i] = '\0';
		if (f->file != NULL)
			sample_debug_at(f->file, f->exact ? f->address : f->address - 1,
					s->names[i]);
	}
}

/* The number of the function in the table, or how many there are. */
static size_t
sample_kind_find(const char *name)
{
	size_t i = 0;

	while (i < sizeof(functions) / sizeof(functions[0]) && strcmp(functions[i].name, name) != 0)
		i++;
	return i;
}

/* The last frame from `at` on that is the system's. */
static size_t
sample_kind_outermost(const struct sample_stack *s, size_t at)
{
	while (at + 1 < s->count && sample_kind_is_system(s->frames[at + 1].file))
		at++;
	return at;
}

/* The loader at work for nobody in the table: what is it doing? */
static struct sample_kind
sample_kind_loader(const struct sample_stack *s, size_t at)
{
	struct sample_kind k = {"loader, for libc", SAMPLE_NOT_SERVED, 0, false};

	while (at + 1 < s->count && sample_kind_is_loader(s->frames[at + 1].file))
		at++;
	if (strcmp(s->names[at], "__tls_get_addr") == 0)
		k.function = "__tls_get_addr";
	else if (strcmp(s->names[at], "_dl_find_object") == 0)
		k.function = "_dl_find_object";
	else if (at + 1 == s->count)
		k.function = "loader, no caller seen";
	else if (!sample_kind_is_libc(s->frames[at + 1].file))
		k.function = "lazy binding";
	k.at = sample_kind_outermost(s, at);
	return k;
}

struct sample_kind
sample_kind_of(const struct sample_stack *s)
{
	struct sample_kind k = {NULL, SAMPLE_NOT_SERVED, 0, false};
	size_t loader = s->count, others = 0;

	for (size_t i = 0; i < s->count; i++) {
		const struct sample_file *file = s->frames[i].file;
		size_t which = sample_kind_find(s->names[i]);

		if (which < sizeof(functions) / sizeof(functions[0])) {
			k.function = functions[which].name;
			k.serves = functions[which].serves;
			for (size_t n = 0; n < others; n++)
				k.inside |= !sample_kind_is_system(s->frames[n].file) &&
					    s->frames[n].file != file;
			k.at = sample_kind_outermost(s, i);
			return k;
		}
		if (others == i && sample_kind_is_loader(file) && loader == s->count)
			loader = i;
		others = i + 1;
	}
	for (size_t i = 0; i < loader && loader != s->count; i++)
		if (!sample_kind_is_system(s->frames[i].file))
			return k;
	return loader != s->count ? sample_kind_loader(s, loader) : k;
}
