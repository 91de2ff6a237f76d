// SPDX-License-Identifier: BSD-2-Clause
// profile.c: see profile.h: from a document's sites to frames with names.
#include "profile.h"

#include "doctor.h"
#include <stdlib.h>
#include <string.h>

/* Object files are read once each. */
struct names {
	struct object *objects;
	size_t count;
	char **texts; /* all names made, to be freed */
	size_t text_count;
	struct profile_frame *frames;
};

static const struct object *
object_of(struct names *n, const char *path)
{
	struct object *o;

	for (size_t i = 0; i < n->count; i++)
		if (strcmp(n->objects[i].path, path) == 0)
			return &n->objects[i];
	n->objects = cli_grow(n->objects, n->count + 1, sizeof(*n->objects));
	o = &n->objects[n->count++];
	*o = (struct object){0};
	if (*path != '/' || !object_read(o, path) || o->fault != SF_ELF_FILE_NONE) {
		if (o->path != NULL)
			object_free(o);
		*o = (struct object){.path = cli_format("%s", path)};
	}
	return o;
}

/* The dynamic symbol that covers the address; NULL if none does. */
static const char *
symbol_at(const struct object *o, uint64_t address)
{
	const char *best = NULL;
	uint64_t best_value = 0;

	for (uint32_t i = 1; o->bytes != NULL && i < o->elf.symbol_count; i++) {
		Elf64_Sym s = sf_elf_file_symbol(&o->elf, i);
		bool covers = address >= s.st_value && address - s.st_value < s.st_size;

		if (s.st_shndx != SHN_UNDEF && covers && s.st_value >= best_value &&
		    ELF64_ST_TYPE(s.st_info) == STT_FUNC) {
			best = sf_elf_file_symbol_name(&o->elf, &s);
			best_value = s.st_value;
		}
	}
	return best != NULL && *best != '\0' ? best : NULL;
}

static const char *
keep(struct names *n, char *text)
{
	n->texts = cli_grow(n->texts, n->text_count + 1, sizeof(*n->texts));
	return n->texts[n->text_count++] = text;
}

static const char *
name_of(struct names *n, const char *path, uint64_t offset)
{
	const struct object *o = object_of(n, path);
	/* A return address: the call lies before it. */
	const char *symbol = symbol_at(o, offset != 0 ? offset - 1 : 0);
	const char *slash = strrchr(path, '/');
	char clean[256];

	if (symbol != NULL)
		return keep(n, cli_format("%s", cli_clean(clean, sizeof(clean), symbol)));
	if (*path == '\0')
		return keep(n, cli_format("0x%llx", (unsigned long long)offset));
	return keep(n, cli_format("%s+0x%llx", slash != NULL ? slash + 1 : path,
				  (unsigned long long)offset));
}

static void
read_frames(struct names *n, const json_t *frames, struct profile_site *site,
	    struct profile_frame *out)
{
	const json_t *frame;
	size_t i;

	site->frames = out;
	json_array_foreach(frames, i, frame)
	{
		const char *object = json_string_value(json_object_get(frame, "object"));
		json_int_t offset = json_integer_value(json_object_get(frame, "offset"));

		object = object != NULL ? object : "";
		out[i] = (struct profile_frame){object, (uint64_t)offset & UINT32_MAX,
						name_of(n, object, (uint64_t)offset & UINT32_MAX)};
		site->depth++;
	}
}

static const char *
text_or(const json_t *o, const char *key, const char *otherwise)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : otherwise;
}

struct profile
profile_of(const json_t *document)
{
	const json_t *list = json_object_get(document, "sites"), *row;
	struct names *n = cli_alloc(1, sizeof(*n));
	struct profile p = {cli_alloc(json_array_size(list), sizeof(*p.sites)), 0, n};
	size_t i, frames = 0;

	json_array_foreach(list, i, row) frames += json_array_size(json_object_get(row, "frames"));
	n->frames = cli_alloc(frames, sizeof(*n->frames));
	frames = 0;
	json_array_foreach(list, i, row)
	{
		struct profile_site *s = &p.sites[p.count++];
		json_int_t count = json_integer_value(json_object_get(row, "count"));

		*s = (struct profile_site){
			.function = text_or(row, "function", "?"),
			.arm = text_or(row, "arm", "?"),
			.count = count > 0 ? (uint64_t)count : 0,
			.ns = json_number_value(json_object_get(row, "time")),
			.waited_ns = json_number_value(json_object_get(row, "waited"))};
		read_frames(n, json_object_get(row, "frames"), s, n->frames + frames);
		frames += s->depth;
	}
	return p;
}

void
profile_free(struct profile *p)
{
	struct names *n = p->owned;

	for (size_t i = 0; i < n->count; i++)
		object_free(&n->objects[i]);
	for (size_t i = 0; i < n->text_count; i++)
		free(n->texts[i]);
	free(n->objects);
	free(n->texts);
	free(n->frames);
	free(n);
	free(p->sites);
}

/* A name in which nothing separates frames or ends the stack. */
static void
put_name(FILE *out, const char *name)
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
			put_name(out, s->frames[k].name);
			fputc(';', out);
		}
		put_name(out, s->function);
		fprintf(out, "_[%s] %llu\n", s->arm, (unsigned long long)s->count);
	}
	return !ferror(out);
}
