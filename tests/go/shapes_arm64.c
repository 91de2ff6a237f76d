// SPDX-License-Identifier: BSD-2-Clause
// The aarch64 readers held to the words of real hosts, on any processor; on aarch64 the installers, too:
// what each Go version's functions look like before and after, and that nothing which differs in one bit
// is accepted.
#include "shapes_arm64.h"

#include "../../shim/image/go_words.h"
#include "../../shim/go/aarch64/patch.h"
#include "../../shim/go/detour.h"
#include "../../shim/go/modules.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void
check(bool ok, const char *version, const char *what, unsigned long at)
{
	if (ok)
		return;
	if (++failures <= 20)
		printf("FAIL %s: %s (0x%lx)\n", version, what, at);
}

static void
test_shape(const struct arm64_case *t)
{
	const struct arm64_host *h = t->host;
	struct sf_go_code code = arm64_code(h, h->open, h->at);
	struct sf_go_shape s;
	struct sf_go_walk walk;
	enum sf_go_refusal why = sf_go_arm64_parse(&code, &s);

	check(!why, h->version, sf_go_refusal_word(why), 0);
	check(s.check == 16 && s.moved_len == 4 && !memcmp(s.moved, h->open + 4, 4), h->version,
	      "entry", s.check);
	check(s.frame == t->frame && s.name_slot == t->frame + 8, h->version, "frame", s.frame);
	check(s.path_ptr_slot == t->path_ptr && s.path_len_slot == t->path_len, h->version, "path",
	      s.path_ptr_slot);
	check(s.site == t->site && s.resume == t->site + 4 && s.missing == t->missing, h->version,
	      "site", s.site);
	check(s.end == t->end && s.end_len == 4 && !memcmp(s.end_moved, h->open + t->end / 4, 4),
	      h->version, "end", s.end);
	check(sf_go_arm64_parse_locked((const uint8_t *)h->unlock, h->unlock_size) == t->locked,
	      h->version, "locked", t->locked);
	for (int kind = 0; kind < 2; kind++) {
		struct sf_go_walk_code w = arm64_walk(h, (enum sf_go_walk_kind)kind);

		why = sf_go_arm64_parse_walk(&w, (enum sf_go_walk_kind)kind, &walk);
		check(!why, h->version, sf_go_refusal_word(why), (unsigned long)kind);
		check(!memcmp(&walk, kind == SF_GO_WALK_FUNC ? &t->findfunc : &t->name,
			      sizeof(walk)),
		      h->version, "walk", (unsigned long)kind);
	}
}

// The bits of an instruction that may be anything: addresses, and what is called besides the four.
static uint32_t
free_bits(const struct sf_go_code *code, size_t at, uint32_t w, uint32_t before)
{
	if ((w & 0x9f000000u) == 0x90000000u) // adrp
		return 0x60ffffe0u;
	if ((before & 0x9f000000u) == 0x90000000u) // add, ldr, ldrb: the rest of the address
		return 0x003ffc00u;
	if ((w & 0xff00001fu) == 0xb4000004u) // cbz x4, missing
		return 0x00ffffe0u;
	if (w >> 26 != 0x25) // bl
		return 0;
	uint64_t to = code->addr + (uint64_t)go_words_target(w, at, 0, 26);
	bool known = to == code->gostring || to == code->mapaccess || to == code->chanrecv ||
		     to == code->morestack;
	return known ? 0 : 0x03ffffffu;
}

// Where the pieces lie: [from, to) of each.
static bool
is_demanded(const struct arm64_case *t, const uint32_t *open, size_t size, size_t at)
{
	size_t last = t->site;

	while ((open[last / 4] & 0xff00001fu) != 0xb4000008u) // cbz x8
		last += 4;
	return open[at / 4] && (at < 40 || (at < 0x100 + t->site && at <= last && open[at / 4]) ||
				(at + 12 >= t->end && at < t->end + 24) || at + 28 >= size);
}

// Each single bit of each demanded word, changed: refused.
static void
test_bits(const struct arm64_case *t)
{
	const struct arm64_host *h = t->host;
	const size_t size = h->open_size;
	uint32_t *copy = malloc(size);
	struct sf_go_code code = arm64_code(h, copy, h->at);
	struct sf_go_shape s;
	size_t tried = 0;

	for (size_t at = 0; at < size; at += 4) {
		uint32_t w = h->open[at / 4], before = at ? h->open[at / 4 - 1] : 0;
		uint32_t may = free_bits(&code, at, w, before);

		if (!is_demanded(t, h->open, size, at))
			continue;
		for (int bit = 0; bit < 32; bit++) {
			if (may >> bit & 1)
				continue;
			memcpy(copy, h->open, size);
			copy[at / 4] ^= 1u << bit;
			tried++;
			check(sf_go_arm64_parse(&code, &s) != SF_GO_REFUSE_NONE && !s.frame,
			      h->version, "accepted with a changed bit in the word", at);
		}
	}
	check(tried > 1500, h->version, "too few bits were tried", tried);
	free(copy);
}

// The size of the frame, where w1 is kept, and where it goes without a walk or a find.
static uint32_t
walk_free_bits(const uint8_t *at)
{
	uint32_t w = patch_read(at);

	if ((w & 0xfff00fffu) == 0xf8100ffeu) // str x30,[sp,#-N]!
		return 0x000ff000u;
	if ((w & ~(0xfffu << 10)) == 0xb90003e1u) // str w1,[sp,#d]
		return 0x003ffc00u;
	bool away = (w & 0xff00001fu) == 0x54000009u || (w & 0x7f000000u) == 0x34000000u;
	return away ? 0x00ffffe0u : 0; // b.ls, cbz
}

// The walks: all words up to the last compare, and the two stores of unlockOSThread.
static void
test_walk_bits(const struct arm64_case *t, enum sf_go_walk_kind kind)
{
	const struct sf_go_walk_code good = arm64_walk(t->host, kind);
	const struct sf_go_walk *want = kind == SF_GO_WALK_FUNC ? &t->findfunc : &t->name;
	uint32_t copy[64];
	struct sf_go_walk_code code = good;
	struct sf_go_walk walk;

	memcpy(copy, good.bytes, good.size);
	const uint32_t test = copy[want->resume / 4 + 1];
	const size_t end = want->resume + ((test & 0xffc00000u) == 0xa9400000u ? 24 : 28);
	code.bytes = (const uint8_t *)copy;
	for (size_t at = 0; at < end; at += 4) {
		if (at >= want->site + 4u && at < want->resume - 4u)
			continue; // the early way out
		for (int bit = 0; bit < 32; bit++) {
			if (walk_free_bits(good.bytes + at) >> bit & 1)
				continue;
			memcpy(copy, good.bytes, good.size);
			copy[at / 4] ^= 1u << bit;
			bool same = !sf_go_arm64_parse_walk(&code, kind, &walk) &&
				    walk.next == want->next && walk.low == want->low &&
				    walk.high == want->high;
			check(!same, t->host->version,
			      "a changed bit in the walk makes no difference", at);
		}
	}
}

static void
test_walk_refusals(const struct arm64_case *t)
{
	for (int kind = 0; kind < 2; kind++) {
		struct sf_go_walk_code code = arm64_walk(t->host, (enum sf_go_walk_kind)kind);
		struct sf_go_walk walk;

		test_walk_bits(t, (enum sf_go_walk_kind)kind);
		code.first += 4;
		check(sf_go_arm64_parse_walk(&code, (enum sf_go_walk_kind)kind, &walk) ==
			      SF_GO_REFUSE_SITE,
		      code.version, "another list", 0);
		code.first -= 4;
		code.version = "devel go1.28-abcdef";
		code.version_len = 19;
		check(sf_go_arm64_parse_walk(&code, (enum sf_go_walk_kind)kind, &walk) ==
			      SF_GO_REFUSE_VERSION,
		      code.version, "version", 0);
		code = arm64_walk(t->host, (enum sf_go_walk_kind) !kind);
		check(sf_go_arm64_parse_walk(&code, (enum sf_go_walk_kind)kind, &walk) !=
			      SF_GO_REFUSE_NONE,
		      code.version, "the other walk", 0);
	}
}

static void
refuse(struct sf_go_code code, enum sf_go_refusal want, const char *what)
{
	struct sf_go_shape s;
	enum sf_go_refusal why = sf_go_arm64_parse(&code, &s);

	if (why != want)
		printf("  got %s, want %s\n", sf_go_refusal_word(why), sf_go_refusal_word(want));
	check(why == want && (want == SF_GO_REFUSE_NONE || !s.frame), code.version, what,
	      code.size);
}

// Where no piece is: a gap of the recording.
static size_t
gap_of(const struct arm64_host *h)
{
	size_t i = 12;

	while (h->open[i])
		i++;
	return i;
}

static void
test_hostile(const struct arm64_case *t)
{
	const struct arm64_host *h = t->host;
	const struct sf_go_code good = arm64_code(h, h->open, h->at);
	struct sf_go_code code = good;
	uint32_t *copy = malloc(h->open_size);

	code.version = "go1.28";
	code.version_len = 6;
	refuse(code, SF_GO_REFUSE_VERSION, "version");
	char said[64];
	snprintf(said, sizeof(said), "%s (Red Hat 1.26.2-2.el10)", h->version);
	code.version = said;
	code.version_len = strlen(said);
	refuse(code, SF_GO_REFUSE_NONE, "vendor words");
	code = good;
	code.race = true;
	refuse(code, SF_GO_REFUSE_RACE, "race");
	code = good;
	code.addr += 2;
	refuse(code, SF_GO_REFUSE_SIZE, "no place for an instruction");
	code = good;
	code.size = 508;
	refuse(code, SF_GO_REFUSE_SIZE, "short");
	size_t end = h->open_size;
	while (!h->open[end / 4 - 1])
		end -= 4; // filler
	for (size_t n = 512; n < end; n++) {
		struct sf_go_shape s;

		code.size = n;
		check(sf_go_arm64_parse(&code, &s) != SF_GO_REFUSE_NONE, h->version, "cut short",
		      n);
	}
	code = good;
	code.mapaccess = good.chanrecv;
	code.chanrecv = good.mapaccess;
	refuse(code, SF_GO_REFUSE_CALLS, "swapped functions");

	code = good;
	code.bytes = (const uint8_t *)copy;
	const uint64_t twice[] = {good.mapaccess, good.chanrecv};
	const size_t gap = gap_of(h);
	for (int i = 0; i < 2; i++) {
		memcpy(copy, h->open, h->open_size);
		copy[gap] = 0x94000000u |
			    ((uint32_t)((int64_t)(twice[i] - h->at - gap * 4) / 4) & 0x3ffffffu);
		refuse(code, SF_GO_REFUSE_CALLS, "called twice");
	}
	memcpy(copy, h->open, h->open_size);
	copy[4] = 0xd42000a0u; // the kernel's breakpoint
	refuse(code, SF_GO_REFUSE_PROBE, "a probe");
	free(copy);
}

// The branch, at and beyond both ends of what it reaches.
static void
test_branch(void)
{
	static uint8_t base[8];
	const struct {
		int64_t away;
		uint32_t want;
	} cases[] = {
		{0, 0x14000000u},
		{4, 0x14000001u},
		{-4, 0x17ffffffu},
		{134217724, 0x15ffffffu},
		{-134217728, 0x16000000u},
		{134217728, 0},
		{-134217732, 0},
		{2, 0},
		{1ll << 40, 0},
		{-(1ll << 40), 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint8_t *to = (const uint8_t *)((uintptr_t)base + (uintptr_t)cases[i].away);

		check(sf_branch_encode(base, to) == cases[i].want, "branch", "word", i);
	}
}

#ifdef __aarch64__
#include "install_arm64.h"
#else
static void
test_install(const struct arm64_case *t)
{
	(void)t;
}
#endif

int
main(void)
{
	for (size_t i = 0; i < ARM64_CASES; i++) {
		test_shape(&arm64_cases[i]);
		test_bits(&arm64_cases[i]);
		test_hostile(&arm64_cases[i]);
		test_walk_refusals(&arm64_cases[i]);
		test_install(&arm64_cases[i]);
	}
	test_branch();
	printf("%d failures, %zu shapes\n", failures, ARM64_CASES);
	return failures ? 1 : 0;
}
