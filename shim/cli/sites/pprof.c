// SPDX-License-Identifier: BSD-2-Clause
// pprof.c: a profile as `go tool pprof` and speedscope read it: protobuf in gzip, both by hand.
//
// Source: proto/profile.proto of github.com/google/pprof; RFC 1951 and 1952. Of protobuf only two
// kinds of field are needed: numbers (varint) and bytes with a length. The gzip file holds stored
// blocks: a profile of some hundred stacks is not worth a compressor.
#include "profile.h"

#include "../base/output.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Each object gets a range of addresses of its own; within it an address is range + offset. */
#define RANGE_BITS 40
#define RANGE_SIZE (1ull << 33)

/* Numbers of the fields, from profile.proto. */
enum {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE,
	PROFILE_MAPPING,
	PROFILE_LOCATION,
	PROFILE_FUNCTION,
	PROFILE_STRING
};
enum { VALUE_TYPE = 1, VALUE_UNIT };
enum { SAMPLE_LOCATION = 1, SAMPLE_VALUE, SAMPLE_LABEL };
enum { LABEL_KEY = 1, LABEL_STR };
enum { MAPPING_ID = 1, MAPPING_START, MAPPING_LIMIT, MAPPING_OFFSET, MAPPING_FILE };
enum { MAPPING_HAS_FUNCTIONS = 7 };
enum { LOCATION_ID = 1, LOCATION_MAPPING, LOCATION_ADDRESS, LOCATION_LINE };
enum { LINE_FUNCTION = 1 };
enum { FUNCTION_ID = 1, FUNCTION_NAME };

struct buffer {
	unsigned char *bytes;
	size_t len, room;
};

/* Texts and what is named by them; ids are places, from 1, but for strings, from 0. */
struct tables {
	struct buffer out;
	const char **strings;
	size_t string_count;
	const char **mappings; /* paths */
	size_t mapping_count;
	struct {
		size_t mapping, function;
		uint64_t offset;
	} * locations;
	size_t location_count;
	size_t *functions; /* their names' strings */
	size_t function_count;
};

static void
pprof_put(struct buffer *b, const void *bytes, size_t len)
{
	if (len == 0)
		return;
	if (b->len + len > b->room) {
		b->room = (b->len + len) * 2;
		b->bytes = cli_grow(b->bytes, b->room, 1);
	}
	memcpy(b->bytes + b->len, bytes, len);
	b->len += len;
}

static void
pprof_put_varint(struct buffer *b, uint64_t v)
{
	unsigned char byte;

	for (; v >= 128; v >>= 7) {
		byte = (unsigned char)(v | 128);
		pprof_put(b, &byte, 1);
	}
	byte = (unsigned char)v;
	pprof_put(b, &byte, 1);
}

static void
pprof_put_number(struct buffer *b, int field, uint64_t v)
{
	pprof_put_varint(b, (uint64_t)field << 3);
	pprof_put_varint(b, v);
}

static void
pprof_put_bytes(struct buffer *b, int field, const void *bytes, size_t len)
{
	pprof_put_varint(b, (uint64_t)field << 3 | 2);
	pprof_put_varint(b, len);
	pprof_put(b, bytes, len);
}

/* Writes a message into its parent and empties it. */
static void
pprof_put_message(struct buffer *b, int field, struct buffer *message)
{
	pprof_put_bytes(b, field, message->bytes, message->len);
	free(message->bytes);
	*message = (struct buffer){0};
}

/* The place of a text in a growing list. */
static size_t
pprof_place_of(const char ***list, size_t *count, const char *text)
{
	for (size_t i = 0; i < *count; i++)
		if (strcmp((*list)[i], text) == 0)
			return i;
	*list = cli_grow(*list, *count + 1, sizeof(**list));
	(*list)[*count] = text;
	return (*count)++;
}

static uint64_t
pprof_string_of(struct tables *t, const char *text)
{
	return pprof_place_of(&t->strings, &t->string_count, text);
}

static size_t
pprof_function_of(struct tables *t, const char *name)
{
	size_t string = pprof_string_of(t, name);

	for (size_t i = 0; i < t->function_count; i++)
		if (t->functions[i] == string)
			return i + 1;
	t->functions = cli_grow(t->functions, t->function_count + 1, sizeof(*t->functions));
	t->functions[t->function_count] = string;
	return ++t->function_count;
}

static size_t
pprof_location_of(struct tables *t, const struct profile_frame *f)
{
	size_t mapping = pprof_place_of(&t->mappings, &t->mapping_count, f->object) + 1;

	for (size_t i = 0; i < t->location_count; i++)
		if (t->locations[i].mapping == mapping && t->locations[i].offset == f->offset)
			return i + 1;
	t->locations = cli_grow(t->locations, t->location_count + 1, sizeof(*t->locations));
	t->locations[t->location_count].mapping = mapping;
	t->locations[t->location_count].offset = f->offset;
	t->locations[t->location_count].function = pprof_function_of(t, f->name);
	return ++t->location_count;
}

static void
pprof_put_value_type(struct tables *t, const char *type, const char *unit)
{
	struct buffer m = {0};

	pprof_put_number(&m, VALUE_TYPE, pprof_string_of(t, type));
	pprof_put_number(&m, VALUE_UNIT, pprof_string_of(t, unit));
	pprof_put_message(&t->out, PROFILE_SAMPLE_TYPE, &m);
}

static uint64_t
pprof_whole(double v)
{
	return v >= 0 && v < 9e18 ? (uint64_t)llround(v) : 0;
}

/* The called function is the leaf: a frame of the shim, with an offset of its own. */
static void
pprof_put_sample(struct tables *t, const struct profile_site *s)
{
	struct profile_frame leaf = {"[symfast]", 0, s->function};
	struct buffer m = {0}, label = {0};

	leaf.offset = pprof_function_of(t, s->function);
	pprof_put_number(&m, SAMPLE_LOCATION, pprof_location_of(t, &leaf));
	for (size_t i = 0; i < s->depth; i++)
		pprof_put_number(&m, SAMPLE_LOCATION, pprof_location_of(t, &s->frames[i]));
	pprof_put_number(&m, SAMPLE_VALUE, s->count);
	pprof_put_number(&m, SAMPLE_VALUE, pprof_whole(s->ns));
	pprof_put_number(&m, SAMPLE_VALUE, pprof_whole(s->waited_ns));
	pprof_put_number(&label, LABEL_KEY, pprof_string_of(t, "answered by"));
	pprof_put_number(&label, LABEL_STR, pprof_string_of(t, s->arm));
	pprof_put_message(&m, SAMPLE_LABEL, &label);
	pprof_put_message(&t->out, PROFILE_SAMPLE, &m);
}

static void
pprof_put_mappings(struct tables *t)
{
	for (size_t i = 0; i < t->mapping_count; i++) {
		struct buffer m = {0};

		pprof_put_number(&m, MAPPING_ID, i + 1);
		pprof_put_number(&m, MAPPING_START, (uint64_t)(i + 1) << RANGE_BITS);
		pprof_put_number(&m, MAPPING_LIMIT, ((uint64_t)(i + 1) << RANGE_BITS) + RANGE_SIZE);
		pprof_put_number(&m, MAPPING_OFFSET, 0);
		pprof_put_number(&m, MAPPING_FILE, pprof_string_of(t, t->mappings[i]));
		pprof_put_number(&m, MAPPING_HAS_FUNCTIONS, 1);
		pprof_put_message(&t->out, PROFILE_MAPPING, &m);
	}
}

static void
pprof_put_locations(struct tables *t)
{
	for (size_t i = 0; i < t->location_count; i++) {
		struct buffer m = {0}, line = {0};

		pprof_put_number(&m, LOCATION_ID, i + 1);
		pprof_put_number(&m, LOCATION_MAPPING, t->locations[i].mapping);
		pprof_put_number(&m, LOCATION_ADDRESS,
				 ((uint64_t)t->locations[i].mapping << RANGE_BITS) +
					 t->locations[i].offset);
		pprof_put_number(&line, LINE_FUNCTION, t->locations[i].function);
		pprof_put_message(&m, LOCATION_LINE, &line);
		pprof_put_message(&t->out, PROFILE_LOCATION, &m);
	}
	for (size_t i = 0; i < t->function_count; i++) {
		struct buffer m = {0};

		pprof_put_number(&m, FUNCTION_ID, i + 1);
		pprof_put_number(&m, FUNCTION_NAME, t->functions[i]);
		pprof_put_message(&t->out, PROFILE_FUNCTION, &m);
	}
}

static uint32_t
pprof_crc32_of(const unsigned char *bytes, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void
pprof_put_little_endian(FILE *out, uint32_t v, int bytes)
{
	for (; bytes > 0; bytes--, v >>= 8)
		fputc((int)(v & 255), out);
}

/* Stored blocks of at most 65535 bytes, the last one marked. */
static bool
pprof_write_gzip(const struct buffer *b, FILE *out)
{
	static const unsigned char head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
	size_t at = 0;

	fwrite(head, 1, sizeof(head), out);
	do {
		size_t left = b->len - at, len = left < 65535 ? left : 65535;

		fputc(len == left, out);
		pprof_put_little_endian(out, (uint32_t)len, 2);
		pprof_put_little_endian(out, ~(uint32_t)len, 2);
		fwrite(b->bytes + at, 1, len, out);
		at += len;
	} while (at < b->len);
	pprof_put_little_endian(out, pprof_crc32_of(b->bytes, b->len), 4);
	pprof_put_little_endian(out, (uint32_t)b->len, 4);
	return !ferror(out);
}

static bool
pprof_write(const struct profile *p, FILE *out)
{
	struct tables t = {0};
	bool ok;

	pprof_string_of(&t, ""); /* string 0 is empty, by definition */
	pprof_put_value_type(&t, p->counted, "count");
	pprof_put_value_type(&t, "time", "nanoseconds");
	pprof_put_value_type(&t, "waited", "nanoseconds");
	for (size_t i = 0; i < p->count; i++)
		pprof_put_sample(&t, &p->sites[i]);
	pprof_put_mappings(&t);
	pprof_put_locations(&t);
	for (size_t i = 0; i < t.string_count; i++)
		pprof_put_bytes(&t.out, PROFILE_STRING, t.strings[i], strlen(t.strings[i]));
	ok = pprof_write_gzip(&t.out, out);
	free(t.out.bytes);
	free(t.strings);
	free(t.mappings);
	free(t.locations);
	free(t.functions);
	return ok;
}

int
pprof_save(const struct profile *p, const char *path)
{
	struct output_file f;
	bool ok = output_open(&f, path);

	if (ok) {
		ok = pprof_write(p, f.stream);
		ok = output_close(&f) && ok;
	}
	return ok ? CLI_OK : CLI_FAILED;
}
