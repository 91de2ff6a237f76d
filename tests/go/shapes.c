// SPDX-License-Identifier: BSD-2-Clause
// The parser and the installer held to byte pairs: what each Go version's plugin.open looks like
// before and after, and that nothing which differs in one bit is accepted.
#include "shapes.h"
#include "writable.h"

#include "../../shim/go/detour.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define AREA 8192

static int failures;

static void
check(bool ok, const char *version, const char *what, unsigned long at)
{
	if (ok)
		return;
	if (++failures <= 20)
		printf("FAIL %s: %s (%lu)\n", version, what, at);
}

static uint64_t
leaf_lookup(const char *name, size_t len, uint64_t g)
{
	(void)name;
	return len - g;
}

static void
leaf_fill(const char *frame, const char *plugin, uint64_t g)
{
	(void)frame;
	(void)plugin;
	(void)g;
}

static uint64_t
leaf_split(const char *name, size_t len, uint64_t g)
{
	(void)name;
	return len + g;
}

static void
leaf_end(uint64_t g)
{
	(void)g;
}

// Two pages that may be executed, with the pair's input at `off`.
static uint8_t *
place(const struct pair *p, size_t off)
{
	uint8_t *area =
		mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		exit(2);
	memcpy(area + off, p->in, (size_t)(p->in_end - p->in) + 16);
	mprotect(area, AREA, PROT_READ | PROT_EXEC);
	return area;
}

// The jump at `at`, whose distance is set to zero in *copy; where it goes.
static const uint8_t *
jump_at(const uint8_t *at, uint8_t *copy)
{
	int32_t rel;

	memcpy(&rel, at + 2, 4);
	memset(copy + 2, 0, 4);
	return !memcmp(at, "\x48\xe9", 2) || !memcmp(at, "\x0f\x83", 2) ? at + 6 + rel : NULL;
}

// As the pair says, `end` apart: that jump is for A/B alone, and stands over the first bytes of a load
// that is moved whole.
static void
test_pair(const struct pair *p, size_t off, bool split)
{
	size_t size = (size_t)(p->in_end - p->in);
	uint8_t *area = place(p, off), *open = area + off, *copy = malloc(size);
	struct sf_go_code code = code_of(p, open, size);
	struct sf_go_leaves leaves = {.lookup = leaf_lookup, .fill = leaf_fill};
	struct sf_go_shape s;
	enum sf_go_refusal why = sf_go_parse(&code, &s);

	if (split) {
		leaves.split = leaf_split;
		leaves.end = leaf_end;
	}
	check(why == SF_GO_REFUSE_NONE, p->version, sf_go_refusal_word(why), 0);
	check(s.check == p->want.check && s.frame == p->want.frame &&
		      s.moved_len == p->want.moved_len && s.pushed == p->want.pushed &&
		      s.name_slot == p->want.name_slot &&
		      s.path_ptr_slot == p->want.path_ptr_slot &&
		      s.path_len_slot == p->want.path_len_slot,
	      p->version, "shape", 0);
	why = sf_go_detour_install(open, &s, &leaves);
	check(why == SF_GO_REFUSE_NONE, p->version, sf_go_refusal_word(why), 1);

	memcpy(copy, open, size);
	const uint8_t *lookup = jump_at(open + s.check, copy + s.check);
	const uint8_t *fill = jump_at(open + s.site, copy + s.site);
	if (split) {
		const uint8_t *end = jump_at(open + s.end, copy + s.end);

		check(end && end > fill && end < fill + 4096, p->version, "end stub", 0);
		check(end && memmem(end, 256, s.end_moved, s.end_len), p->version, "moved load", 0);
		check(!memcmp(open + s.end + 6, s.end_moved + 6, s.end_len - 6), p->version,
		      "bytes behind the end's jump", 0);
		memcpy(copy + s.end, p->in + s.end, s.end_len);
	}
	check((size_t)(p->out_end - p->out) == size && !memcmp(copy, p->out, size), p->version,
	      "bytes after the detour", 0);
	check(lookup && fill && lookup + 4096 > fill && fill + 4096 > lookup && lookup != fill,
	      p->version, "stubs", 0);
	check(!writable(open) && !writable(open + s.site) && !writable(open + s.end) &&
		      !writable(lookup),
	      p->version, "something stays writable", 0);
	check(lookup && memmem(lookup, 128, s.moved, s.moved_len), p->version, "moved bytes", 0);
	free(copy);
	munmap(area, AREA);
}

// A probe that was there before is told, one that comes after the parser is not written over.
static void
test_probes(const struct pair *p)
{
	size_t size = (size_t)(p->in_end - p->in);
	struct sf_go_leaves leaves = {
		.lookup = leaf_lookup, .fill = leaf_fill, .split = leaf_split, .end = leaf_end};
	struct sf_go_shape s;

	for (int i = 0; i < 3; i++) {
		uint8_t *open = place(p, 0);
		struct sf_go_code code = code_of(p, open, size);

		check(sf_go_parse(&code, &s) == SF_GO_REFUSE_NONE, p->version, "shape", 1);
		const uint32_t sites[] = {s.check, s.site, s.end};
		// Whole instructions of the jump's length, and a first byte that stays the file's: the
		// kernel puts that one back when a probe goes.
		check(s.moved_len >= 6 && s.resume - s.site >= 6 && s.end_len >= 6, p->version,
		      "a jump over more than one instruction", 0);
		mprotect(open, AREA, PROT_READ | PROT_WRITE);
		open[sites[i]] = 0xcc;
		mprotect(open, AREA, PROT_READ | PROT_EXEC);
		check(sf_go_detour_install(open, &s, &leaves) == SF_GO_REFUSE_PROBE, p->version,
		      "written over a probe", (unsigned long)i);
		for (size_t at = 0; at < size; at++)
			check(open[at] == (at == sites[i] ? 0xcc : p->in[at]), p->version,
			      "a byte changed", at);
		enum sf_go_refusal why = sf_go_parse(&code, &s);
		check(i ? why != SF_GO_REFUSE_NONE : why == SF_GO_REFUSE_PROBE, p->version,
		      "a probe at start", (unsigned long)i);
		munmap(open, AREA);
		open = place(p, 0);
		code = code_of(p, open, size);
		sf_go_parse(&code, &s);
		check(sf_go_detour_install(open, &s, &leaves) == SF_GO_REFUSE_NONE, p->version,
		      "install", (unsigned long)i);
		check(open[sites[i]] == p->in[sites[i]], p->version, "another first byte",
		      (unsigned long)i);
		munmap(open, AREA);
	}
}

static bool
is_free(const struct pair *p, size_t at)
{
	for (int i = 0; i < 3; i++) {
		if (at >= p->free[i] && at < p->free[i] + 4)
			return true;
	}
	// Fillers between the pieces.
	return p->in[at] == 0xcc && (p->in[at + 1] == 0xcc || p->in[at - 1] == 0xcc);
}

// Each single bit of each demanded byte, changed: refused.
static void
test_bits(const struct pair *p)
{
	size_t size = (size_t)(p->in_end - p->in);
	uint8_t *copy = malloc(size);
	struct sf_go_code code = code_of(p, p->in, size);
	struct sf_go_shape s;

	code.bytes = copy;
	for (size_t at = 0; at < size; at++) {
		for (int bit = 0; bit < 8 && !is_free(p, at); bit++) {
			memcpy(copy, p->in, size);
			copy[at] ^= (uint8_t)(1u << bit);
			check(sf_go_parse(&code, &s) != SF_GO_REFUSE_NONE && !s.frame, p->version,
			      "accepted with a changed bit in byte", at);
		}
	}
	free(copy);
}

static void
refuse(struct sf_go_code code, enum sf_go_refusal want, const char *what)
{
	struct sf_go_shape s;
	enum sf_go_refusal why = sf_go_parse(&code, &s);

	if (why != want)
		printf("  got %s, want %s\n", sf_go_refusal_word(why), sf_go_refusal_word(want));
	check(why == want, code.version, what, code.size);
}

// A call of `target` written into the filler at `at`.
static void
plant(uint8_t *copy, const struct sf_go_code *code, size_t at, uint64_t target)
{
	int32_t rel = (int32_t)(target - (code->addr + at + 5));

	copy[at] = 0xe8;
	memcpy(copy + at + 1, &rel, 4);
}

static void
test_hostile(const struct pair *p)
{
	static const char *const versions[] = {"",
					       "go",
					       "go1",
					       "go1.2",
					       "go1.18.10",
					       "go1.20",
					       "go1.20.14",
					       "go1.28",
					       "go1.199",
					       "go1.24.",
					       "go1.24x",
					       "go1.24.4x",
					       "go1.24rc1",
					       "go1.20.14 X:nodwarf5",
					       "go1.27rc1 (Red Hat)",
					       "Go1.24",
					       "devel go1.24-abcdef",
					       "go1.24.99999",
					       "go1.24.4.4",
					       "go1.24-",
					       "go1.24-devel_abc",
					       "devel go1.28-abcdef",
					       "go1.24.4rc1",
					       "go1.24.4beta1 (vendor)",
					       "go1.24_amzn2",
					       "gox1.24",
					       "xo1.24"};
	static const char *const words[] = {" X:nodwarf5", " (Red Hat 1.26.2-2.el10)",
					    " ",           "-vendor.1",
					    "+patched",    " X:boringcrypto",
					    "-amzn",       "_amzn2",
					    "~deb12",      "(vendor)",
					    ":ibm"};
	size_t size = (size_t)(p->in_end - p->in);
	uint8_t *copy = malloc(size);
	struct sf_go_code good = code_of(p, p->in, size), code = good;

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		code.version = versions[i];
		code.version_len = strlen(versions[i]);
		refuse(code, SF_GO_REFUSE_VERSION, "version");
	}
	// The words of vendors and experiments: their release is the one known, their shape is proved.
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char said[64];

		snprintf(said, sizeof(said), "%s%s", p->version, words[i]);
		code.version = said;
		code.version_len = strlen(said);
		refuse(code, SF_GO_REFUSE_NONE, "vendor words");
	}
	code = good;
	code.race = true;
	refuse(code, SF_GO_REFUSE_RACE, "race");
	// Another version's rules on these bytes: 1.19 and the others have different prologues.
	code = good;
	code.version = strcmp(p->version, "go1.19.8") ? "go1.19" : "go1.24";
	code.version_len = 6;
	refuse(code, SF_GO_REFUSE_FRAME, "another version's prologue");

	code = good;
	code.size = 511;
	refuse(code, SF_GO_REFUSE_SIZE, "short");
	code.size = 1 << 20;
	refuse(code, SF_GO_REFUSE_SIZE, "long");
	for (size_t n = 512; n < size; n++) {
		struct sf_go_shape s;

		code.size = n;
		check(sf_go_parse(&code, &s) != SF_GO_REFUSE_NONE, p->version, "cut short", n);
	}

	code = good;
	code.bytes = copy;
	const struct {
		uint64_t target;
		const char *what;
	} twice[] = {{good.mapaccess, "two map accesses"}, {good.chanrecv, "two receives"}};
	for (int i = 0; i < 2; i++) {
		for (size_t at = 64; at < size - 8; at += 16) {
			if (p->in[at - 1] != 0xcc || p->in[at + 5] != 0xcc || p->in[at] != 0xcc)
				continue;
			memcpy(copy, p->in, size);
			plant(copy, &good, at, twice[i].target);
			refuse(code, SF_GO_REFUSE_CALLS, twice[i].what);
		}
	}
	// The right addresses swapped: each call leads to the wrong function.
	code = good;
	code.mapaccess = good.chanrecv;
	code.chanrecv = good.mapaccess;
	refuse(code, SF_GO_REFUSE_CALLS, "swapped functions");
	free(copy);
}

int
main(void)
{
	for (size_t i = 0; i < PAIRS; i++) {
		// At the start of a page, and with the entry and the fill site on a page boundary.
		const size_t offs[] = {0, 4096 - 20, 4096 - 330};

		for (size_t k = 0; k < 6; k++)
			test_pair(&pairs[i], offs[k / 2] & ~(size_t)1, k % 2);
		test_probes(&pairs[i]);
		test_bits(&pairs[i]);
		test_hostile(&pairs[i]);
	}
	printf("%d failures, %zu shapes\n", failures, PAIRS);
	return failures ? 1 : 0;
}
