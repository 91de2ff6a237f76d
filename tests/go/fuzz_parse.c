// SPDX-License-Identifier: BSD-2-Clause
// Mutates the known shapes and feeds them to the parser: it must not read outside the bytes it was
// given (a page without rights lies on either side) and must not accept what it cannot stand for.
//
//	fuzz_parse [ROUNDS [SEED]]
#include "shapes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096

static uint64_t state;

static uint64_t
roll(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static size_t
mutate(uint8_t *b, size_t size)
{
	static const uint8_t telling[] = {0x00, 0xff, 0x48, 0x89, 0x8b,
					  0xe8, 0x0f, 0x84, 0x90, 0x24};

	for (uint64_t n = 1 + roll(6); n; n--) {
		size_t at = roll(size), from = roll(size), len = 1 + roll(24);

		switch (roll(6)) {
		case 0:
			b[at] ^= (uint8_t)(1u << roll(8));
			break;
		case 1:
			b[at] = (uint8_t)roll(256);
			break;
		case 2:
			b[at] = telling[roll(sizeof(telling))];
			break;
		case 3: // copies a stretch elsewhere: doubled and moved pieces
			if (at + len <= size && from + len <= size)
				memmove(b + at, b + from, len);
			break;
		case 4: // shifts everything behind by a few bytes: other alignment
			if (at + len <= size) {
				memmove(b + at + len, b + at, size - at - len);
				memset(b + at, 0x90, len);
			}
			break;
		default:
			if (!roll(8))
				size = 1 + roll(size);
		}
	}
	return size;
}

// What an installer relies on, whatever the bytes were.
static const char *
unsound(const struct sf_go_code *c, const struct sf_go_shape *s)
{
	const uint8_t *site = c->bytes + s->site;

	if (s->check != (s->pushed ? 22 : 18) || s->moved_len != SF_GO_MOVED_MAX)
		return "entry";
	if (memcmp(s->moved, c->bytes + s->check, s->moved_len) ||
	    memcmp(s->moved, "\x48\x81\xec", 3))
		return "moved bytes";
	if (s->site < s->check + 14 || s->resume != s->site + SF_GO_JE_LEN ||
	    s->resume + 6 > c->size || s->missing <= s->resume || s->missing >= c->size)
		return "site";
	if (memcmp(site, "\x0f\x84", 2))
		return "je";
	if (s->path_ptr_slot + 8 > s->frame || s->path_len_slot + 8 > s->frame ||
	    s->name_slot < s->frame || s->name_slot > s->frame + 16)
		return "slots";
	if (s->end_len != SF_GO_END_MAX || s->end < s->resume + 6 ||
	    s->end + s->end_len > c->size || c->bytes[s->end - 5] != 0xe8 ||
	    memcmp(c->bytes + s->end, "\x48\x8b", 2) ||
	    memcmp(s->end_moved, c->bytes + s->end, s->end_len))
		return "end";
	return NULL;
}

int
main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 400000;
	unsigned long why[SF_GO_REFUSAL_COUNT] = {0};
	uint8_t *area = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED || mprotect(area + PAGE, 2 * PAGE, PROT_READ | PROT_WRITE))
		return 2;
	state = argc > 2 ? strtoull(argv[2], NULL, 0) : 0x5eed;
	for (unsigned long i = 0; i < rounds; i++) {
		const struct pair *p = &pairs[roll(PAIRS)];
		size_t size = (size_t)(p->in_end - p->in);
		uint8_t work[PAGE];
		struct sf_go_shape s;

		memcpy(work, p->in, size);
		size = mutate(work, size);
		// Either end of the bytes at a page without rights.
		uint8_t *at = roll(2) ? area + 3 * PAGE - size : area + PAGE;
		memcpy(at, work, size);
		struct sf_go_code code = code_of(p, at, size);
		enum sf_go_refusal r = sf_go_parse(&code, &s);
		why[r]++;
		const char *wrong = r ? NULL : unsound(&code, &s);
		if (wrong) {
			printf("round %lu of seed: accepted with a wrong %s\n", i, wrong);
			return 1;
		}
	}
	for (int r = 0; r < SF_GO_REFUSAL_COUNT; r++) {
		if (why[r])
			printf("%s %lu\n", sf_go_refusal_word((enum sf_go_refusal)r), why[r]);
	}
	return why[SF_GO_REFUSE_NONE] < rounds / 2 ? 0 : 1;
}
