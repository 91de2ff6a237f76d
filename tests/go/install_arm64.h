// SPDX-License-Identifier: BSD-2-Clause
// The installers on aarch64: the words after them, the rights, and each stub run in place, as Go would
// come to it. For shapes_arm64.c.
#include "writable.h"

#define AREA   0x40000
#define BR_X22 0xd61f02c0u
#define GUARD  0x5afe5afe5afe5afeu

struct regs {
	uint64_t x0, x1, x2, x4, x20, g, below, sp;
};

static struct {
	const char *name, *frame, *plugin;
	uint64_t len, g, answer;
	int lookups, fills, ends;
	bool aligned;
} seen;

// As C's own frames do: writes all that lies right below SP.
#define SPOIL                                                                                      \
	__attribute__((unused)) volatile uint64_t junk[4];                                         \
	for (int spoil = 0; spoil < 4; spoil++)                                                    \
	junk[spoil] = (uint64_t)spoil

static uint64_t
leaf_lookup(const char *name, size_t len, uint64_t g)
{
	SPOIL;
	seen.name = name;
	seen.len = len;
	seen.g = g;
	seen.lookups++;
	return seen.answer;
}

static void
leaf_fill(const char *frame, const char *plugin, uint64_t g)
{
	SPOIL;
	seen.frame = frame;
	seen.plugin = plugin;
	seen.g = g;
	seen.fills++;
}

static void
leaf_end(uint64_t g)
{
	SPOIL;
	seen.g = g;
	seen.ends++;
}

// Runs from `at` with these registers, until the code returns or comes to `br x22`.
static void __attribute__((noinline)) run_at(const uint8_t *at, struct regs *r)
{
	register struct regs *io __asm__("x24") = r;
	register const uint8_t *to __asm__("x23") = at;
	__asm__ volatile("ldp x0, x1, [x24]\n\t"
			 "ldr x28, [x24, #40]\n\t"
			 "ldr x9, [x24, #48]\n\t"
			 "sub sp, sp, #1024\n\t"
			 "stur x9, [sp, #-8]\n\t"
			 "adr x22, 1f\n\t"
			 "mov x30, x22\n\t"
			 "br x23\n"
			 "1:\tldur x9, [sp, #-8]\n\t"
			 "str x9, [x24, #48]\n\t"
			 "mov x9, sp\n\t"
			 "str x9, [x24, #56]\n\t"
			 "add sp, sp, #1024\n\t"
			 "stp x0, x1, [x24]\n\t"
			 "stp x2, x4, [x24, #16]\n\t"
			 "str x20, [x24, #32]\n\t"
			 "str x28, [x24, #40]"
			 : "+r"(io), "+r"(to)
			 :
			 : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11",
			   "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21",
			   "x22", "x25", "x26", "x27", "x28", "x30", "memory", "cc");
}

// The host's words at `off` of an area that may be executed, and not written.
static uint8_t *
install_place(const struct arm64_host *h, size_t off)
{
	uint8_t *area =
		mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		exit(2);
	memcpy(area + off, h->open, h->open_size);
	mprotect(area, AREA, PROT_READ | PROT_EXEC);
	return area;
}

static void
install_poke(uint8_t *area, uint8_t *at, uint32_t word)
{
	mprotect(area, AREA, PROT_READ | PROT_WRITE | PROT_EXEC);
	sf_branch_write(at, word);
	mprotect(area, AREA, PROT_READ | PROT_EXEC);
}

static void
test_stubs(const struct arm64_case *t, uint8_t *area, uint8_t *open, bool split)
{
	const char *v = t->host->version;
	static char plugin[64], *slot = plugin, *none;
	struct regs r = {.x0 = 0x1000, .x1 = 77, .g = 0x9990, .below = GUARD};

	install_poke(area, open + 20, BR_X22);
	install_poke(area, open + t->site + 4, BR_X22);
	install_poke(area, open + t->end + 4, BR_X22);
	memset(&seen, 0, sizeof(seen));
	seen.answer = 0x4242;
	run_at(open + 16, &r);
	check(r.x0 == 0x4242 && !r.x1 && !r.x2, v, "a hit's results", r.x0);
	check(seen.lookups == 1 && seen.name == (char *)0x1000 && seen.len == 77 &&
		      seen.g == 0x9990,
	      v, "what the look-up is told", seen.len);
	check(r.below == GUARD && r.g == 0x9990, v, "frame pointer below SP, g", r.below);
	seen.answer = 0;
	r = (struct regs){.x0 = 0x2000, .x1 = 78, .g = 0x9990, .below = GUARD};
	run_at(open + 16, &r);
	check(r.x0 == 0x2000 && r.x1 == 78 && r.x20 == r.sp - t->frame, v, "a miss goes on", r.x20);
	check(seen.lookups == 2 && r.below == GUARD, v, "a miss", r.below);

	r = (struct regs){.x0 = (uint64_t)(uintptr_t)&slot, .g = 0x9991, .below = GUARD};
	run_at(open + t->site, &r);
	check(r.x0 == (uint64_t)(uintptr_t)&slot && r.x4 == (uint64_t)(uintptr_t)plugin, v,
	      "the fill's load", r.x4);
	check(seen.fills == 1 && seen.frame == (char *)r.sp && seen.plugin == plugin &&
		      seen.g == 0x9991 && r.below == GUARD,
	      v, "what the fill is told", 0);
	r = (struct regs){.x0 = (uint64_t)(uintptr_t)&none, .x4 = 1, .below = GUARD};
	run_at(open + t->site, &r);
	check(seen.fills == 1 && !r.x4 && r.below == GUARD, v, "no plugin, no fill", r.x4);
	if (!split)
		return;
	r = (struct regs){.g = 0x9992, .below = GUARD};
	run_at(open + t->end, &r);
	uint32_t load = patch_read((const uint8_t *)&t->host->open[t->end / 4]);
	check(seen.ends == 1 && seen.g == 0x9992 && r.below == GUARD &&
		      GO_IMM12(load) * 8 < t->frame,
	      v, "the end", seen.g);
}

static void
test_install_at(const struct arm64_case *t, size_t off, bool split)
{
	const struct arm64_host *h = t->host;
	uint8_t *area = install_place(h, off), *open = area + off;
	struct sf_go_code code = arm64_code(h, open, (uint64_t)(uintptr_t)open);
	struct sf_go_leaves leaves = {.lookup = leaf_lookup, .fill = leaf_fill};
	struct sf_go_shape s;

	if (split) {
		leaves.lookup = NULL;
		leaves.split = leaf_lookup;
		leaves.end = leaf_end;
	}
	check(!sf_go_arm64_parse(&code, &s), h->version, "shape", off);
	check(!sf_go_detour_install(open, &s, &leaves), h->version, "install", off);
	for (size_t at = 0; at < h->open_size; at += 4) {
		bool site = at == 16 || at == t->site || (split && at == t->end);
		uint32_t w = patch_read(open + at);

		check(site ? w >> 26 == 5 : w == h->open[at / 4], h->version, "word after", at);
	}
	const uint8_t *lookup = open + go_words_target(patch_read(open + 16), 16, 0, 26);
	check(!writable(open) && !writable(open + t->end) && !writable(lookup), h->version,
	      "something stays writable", 0);
	check((uintptr_t)lookup % 0x10000 == 0, h->version, "the stubs' page", 0);
	test_stubs(t, area, open, split);
	munmap(area, AREA);
}

// A probe that comes after the parser is not written over, and nothing else is.
static void
test_install_probe(const struct arm64_case *t)
{
	const struct arm64_host *h = t->host;
	const size_t sites[] = {16, t->site, t->end};
	const struct sf_go_leaves leaves = {
		.lookup = leaf_lookup, .fill = leaf_fill, .split = leaf_lookup, .end = leaf_end};

	for (int i = 0; i < 3; i++) {
		uint8_t *open = install_place(h, 0);
		struct sf_go_code code = arm64_code(h, open, (uint64_t)(uintptr_t)open);
		struct sf_go_shape s;

		sf_go_arm64_parse(&code, &s);
		install_poke(open, open + sites[i], 0xd42000a0u);
		check(sf_go_detour_install(open, &s, &leaves) == SF_GO_REFUSE_PROBE, h->version,
		      "written over a probe", sites[i]);
		for (size_t at = 0; at < h->open_size; at += 4)
			check(patch_read(open + at) ==
				      (at == sites[i] ? 0xd42000a0u : h->open[at / 4]),
			      h->version, "a word changed", at);
		munmap(open, AREA);
	}
}

static void
test_install(const struct arm64_case *t)
{
	// At the start of a page, and with the entry and the fill on a page's edge.
	const size_t offs[] = {0, 0x10000 - 16, 0x10000 - t->site, 0x11000 - t->end - 4};

	for (size_t k = 0; k < 8; k++)
		test_install_at(t, offs[k / 2], k % 2);
	test_install_probe(t);
}
