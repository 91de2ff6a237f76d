// SPDX-License-Identifier: BSD-2-Clause
// profile.c: see profile.h: from a document's sites to frames with names.
#include "profile.h"

#include "../base/search.h"
#include "../doctor/doctor.h"
#include <stdlib.h>
#include <string.h>

/*
 * A segment names files, and may be made to hurt: so many are read, and so much of them at once. The rest is
 * shown as object and offset.
 */
#define FILES_MOST     256
#define FILE_MOST      (256u << 20)
#define BYTES_MOST     (512u << 20)
#define SYMBOLS_MOST   (4u << 20)
#define ENCLOSING_MOST 64 /* symbols that begin between an address and the one that covers it */

struct function {
	uint64_t start;
	uint32_t symbol;
};

/* An object file, and its functions by address. */
struct file {
	struct doctor_object object;
	struct function *functions;
	size_t count;
};

/* Object files are read once each. */
struct names {
	struct file *files;
	size_t count;
	uint64_t bytes;
	char **texts; /* all names made, to be freed */
	size_t text_count;
	struct profile_frame *frames;
};

static int
profile_by_start(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	if (x->start == y->start)
		return (x->symbol > y->symbol) - (x->symbol < y->symbol);
	return (x->start > y->start) - (x->start < y->start);
}

static void
profile_list_functions(struct file *f)
{
	uint32_t count = f->object.elf.symbol_count;

	count = count < SYMBOLS_MOST ? count : SYMBOLS_MOST;
	f->functions = cli_alloc(count, sizeof(*f->functions));
	for (uint32_t i = 1; i < count; i++) {
		Elf64_Sym s = sf_elf_file_symbol(&f->object.elf, i);

		if (s.st_shndx != SHN_UNDEF && ELF64_ST_TYPE(s.st_info) == STT_FUNC)
			f->functions[f->count++] = (struct function){s.st_value, i};
	}
	qsort(f->functions, f->count, sizeof(*f->functions), profile_by_start);
}

static bool
profile_read_file(struct names *n, struct file *f, const char *path)
{
	uint64_t left = BYTES_MOST - n->bytes;

	if (*path != '/' ||
	    !doctor_object_read(&f->object, "", path, left < FILE_MOST ? left : FILE_MOST))
		return false;
	n->bytes += f->object.size;
	if (f->object.fault == SF_ELF_FILE_NONE)
		return true;
	doctor_object_free(&f->object);
	return false;
}

static const struct file *
profile_file_of(struct names *n, const char *path)
{
	static const struct file none;
	struct file *f;

	for (size_t i = 0; i < n->count; i++)
		if (strcmp(n->files[i].object.path, path) == 0)
			return &n->files[i];
	if (n->count == FILES_MOST)
		return &none;
	n->files = cli_grow(n->files, n->count + 1, sizeof(*n->files));
	f = &n->files[n->count++];
	*f = (struct file){.functions = NULL};
	if (profile_read_file(n, f, path))
		profile_list_functions(f);
	else
		f->object.path = cli_format("%s", path);
	return f;
}

/* The function that covers the address, and begins last; NULL if none does. */
static const char *
profile_symbol_at(const struct file *f, uint64_t address)
{
	size_t until = search_until(f->functions, f->count, sizeof(*f->functions),
				    offsetof(struct function, start), address);

	for (size_t i = until, k = 0; i-- > 0 && k < ENCLOSING_MOST; k++) {
		Elf64_Sym s = sf_elf_file_symbol(&f->object.elf, f->functions[i].symbol);
		const char *name = sf_elf_file_symbol_name(&f->object.elf, &s);

		if (address - s.st_value < s.st_size && name != NULL && *name != '\0')
			return name;
	}
	return NULL;
}

static const char *
profile_keep(struct names *n, char *text)
{
	n->texts = cli_grow(n->texts, n->text_count + 1, sizeof(*n->texts));
	return n->texts[n->text_count++] = text;
}

static const char *
profile_name_of(struct names *n, const char *path, uint64_t offset)
{
	const struct file *f = profile_file_of(n, path);
	/* A return address: the call lies before it. */
	const char *symbol = profile_symbol_at(f, offset != 0 ? offset - 1 : 0);
	const char *slash = strrchr(path, '/');
	char clean[256];

	if (symbol != NULL)
		return profile_keep(n, cli_format("%s", cli_clean(clean, sizeof(clean), symbol)));
	if (*path == '\0')
		return profile_keep(n, cli_format("0x%llx", (unsigned long long)offset));
	return profile_keep(n, cli_format("%s+0x%llx", slash != NULL ? slash + 1 : path,
					  (unsigned long long)offset));
}

static void
profile_read_frames(struct names *n, const json_t *frames, struct profile_site *site,
		    struct profile_frame *out)
{
	const json_t *frame;
	size_t i;

	site->frames = out;
	json_array_foreach(frames, i, frame)
	{
		const char *object = json_string_value(json_object_get(frame, "object"));
		const char *name = json_string_value(json_object_get(frame, "name"));
		json_int_t offset = json_integer_value(json_object_get(frame, "offset"));

		object = object != NULL ? object : "";
		if (name == NULL)
			name = profile_name_of(n, object, (uint64_t)offset & UINT32_MAX);
		out[i] = (struct profile_frame){object, (uint64_t)offset & UINT32_MAX, name};
		site->depth++;
	}
}

static const char *
profile_text_or(const json_t *o, const char *key, const char *otherwise)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : otherwise;
}

struct profile
profile_of(const json_t *document)
{
	const json_t *list = json_object_get(document, "sites"), *row;
	struct names *n = cli_alloc(1, sizeof(*n));
	struct profile p = {cli_alloc(json_array_size(list), sizeof(*p.sites)), 0, "calls", n};
	size_t i, frames = 0;

	json_array_foreach(list, i, row) frames += json_array_size(json_object_get(row, "frames"));
	n->frames = cli_alloc(frames, sizeof(*n->frames));
	frames = 0;
	json_array_foreach(list, i, row)
	{
		struct profile_site *s = &p.sites[p.count++];
		json_int_t count = json_integer_value(json_object_get(row, "count"));

		*s = (struct profile_site){
			.function = profile_text_or(row, "function", "?"),
			.arm = profile_text_or(row, "arm", "?"),
			.count = count > 0 ? (uint64_t)count : 0,
			.ns = json_number_value(json_object_get(row, "time")),
			.waited_ns = json_number_value(json_object_get(row, "waited"))};
		profile_read_frames(n, json_object_get(row, "frames"), s, n->frames + frames);
		frames += s->depth;
	}
	return p;
}

void
profile_free(struct profile *p)
{
	struct names *n = p->owned;

	for (size_t i = 0; i < n->count; i++) {
		doctor_object_free(&n->files[i].object);
		free(n->files[i].functions);
	}
	for (size_t i = 0; i < n->text_count; i++)
		free(n->texts[i]);
	free(n->files);
	free(n->texts);
	free(n->frames);
	free(n);
	free(p->sites);
}

/* A name in which nothing separates frames or ends the stack. */
static void
profile_put_name(FILE *out, const char *name)
{
	for (; *name != '\0'; name++)
		fputc(*name == ';' || *name == ' ' ? '_' : *name, out);
}

bool
profile_fold(const struct profile *p, FILE *out)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct profile_site *s = &p->sites[i];

		for (size_t k = s->depth; k-- > 0;) {
			profile_put_name(out, s->frames[k].name);
			fputc(';', out);
		}
		profile_put_name(out, s->function);
		fprintf(out, "_[%s] %llu\n", s->arm, (unsigned long long)s->count);
	}
	return !ferror(out);
}
