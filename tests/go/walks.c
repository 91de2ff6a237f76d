// SPDX-License-Identifier: BSD-2-Clause
// The walks over modules: each version's bytes are recognised, no changed bit is overlooked, and the
// very bytes, run with the stub in front, find what the list says, beside a writer that makes it
// longer and a switch that goes off and on.
#include "../../shim/go/modules.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

// From disassemblies, entry to the last compare; ~ before a byte that may be another. The distance to
// firstmoduledata is filled in.
static const struct row {
	const char *version;
	enum sf_go_walk_kind kind;
	uint32_t site, next, low, high;
	const char *hex, *tail; // tail: return RCX in RAX
} rows[] = {
#define OLD_TAIL "48 89 c8 48 8b 6c 24 10 48 83 c4 18 c3"
#define OLD_NAME "48 89 c8 48 8b 6c 24 48 48 83 c4 50 c3"
#define NEW_TAIL "48 89 c8 c9 c3"
	{"go1.19.8", SF_GO_WALK_FUNC, 14, 0x220, 0xa0, 0xa8,
	 "48 83 ec 18 48 89 6c 24 10 48 8d 6c 24 10 48 8d 0d 00 00 00 00 eb 09 48 8b 89 20 02 00 "
	 "00 66 "
	 "90 48 85 c9 74 ~14 48 39 81 a0 00 00 00 77 e9 48 39 81 a8 00 00 00 76 e0",
	 OLD_TAIL},
	{"go1.19.8", SF_GO_WALK_NAME, 32, 0x220, 0x118, 0x120,
	 "49 3b 66 10 0f 86 ~00 ~00 ~00 ~00 48 83 ec 50 48 89 6c 24 48 48 8d 6c 24 48 85 db 74 ~0d "
	 "89 "
	 "5c 24 ~60 48 8d 0d 00 00 00 00 eb 17 ~31 ~c0 ~48 ~8b ~6c ~24 ~48 ~48 ~83 ~c4 ~50 ~c3 48 "
	 "8b 89 20 02 "
	 "00 "
	 "00 0f 1f 40 00 48 85 c9 74 ~32 48 8b 91 18 01 00 00 48 39 d0 72 e4 48 8b b1 20 01 00 00 "
	 "48 "
	 "39 f0 73 d8",
	 OLD_NAME},
	{"go1.21.13", SF_GO_WALK_FUNC, 8, 0x248, 0xa0, 0xa8,
	 "55 48 89 e5 48 83 ec ~10 48 8d 0d 00 00 00 00 eb 07 48 8b 89 48 02 00 00 48 85 c9 74 ~17 "
	 "0f "
	 "1f 00 48 39 81 a0 00 00 00 77 e8 48 39 81 a8 00 00 00 76 df",
	 NEW_TAIL},
	{"go1.22.12", SF_GO_WALK_NAME, 26, 0x248, 0x128, 0x130,
	 "49 3b 66 10 0f 86 ~00 ~00 ~00 ~00 55 48 89 e5 48 83 ec ~48 85 db 74 ~0d 89 5c 24 ~60 48 "
	 "8d "
	 "0d 00 00 00 00 eb 0f ~31 ~c0 ~48 ~83 ~c4 ~48 ~5d ~c3 48 8b 89 48 02 00 00 48 85 c9 74 "
	 "~38 48 8b "
	 "91 "
	 "28 01 00 00 66 90 48 39 d0 72 e6 48 8b b1 30 01 00 00 48 39 f0 73 da",
	 NEW_TAIL},
	{"go1.24.4", SF_GO_WALK_FUNC, 8, 0x240, 0xa0, 0xa8,
	 "55 48 89 e5 48 83 ec ~10 48 8d 0d 00 00 00 00 eb 07 48 8b 89 40 02 00 00 48 85 c9 74 ~17 "
	 "0f "
	 "1f 00 48 39 81 a0 00 00 00 77 e8 48 39 81 a8 00 00 00 76 df",
	 NEW_TAIL},
	{"go1.26.10", SF_GO_WALK_FUNC, 4, 0x248, 0xa0, 0xa8,
	 "55 48 89 e5 48 8d 0d 00 00 00 00 eb 07 48 8b 89 48 02 00 00 48 85 c9 74 ~1b 0f 1f 80 00 "
	 "00 "
	 "00 00 48 39 81 a0 00 00 00 77 e4 48 39 81 a8 00 00 00 76 db",
	 NEW_TAIL},
	{"go1.27.3", SF_GO_WALK_FUNC, 5, 0x230, 0xa0, 0xa8,
	 "55 48 89 e5 90 48 8d 0d 00 00 00 00 eb 07 48 8b 89 30 02 00 00 48 85 c9 74 ~1a 66 0f 1f "
	 "44 00 "
	 "00 48 39 81 a0 00 00 00 77 e5 48 39 81 a8 00 00 00 76 dc",
	 NEW_TAIL},
	{"go1.27.3", SF_GO_WALK_NAME, 26, 0x230, 0x128, 0x138,
	 "49 3b 66 10 0f 86 ~00 ~00 ~00 ~00 55 48 89 e5 48 83 ec ~48 85 db 74 ~0d 89 5c 24 ~60 48 "
	 "8d "
	 "0d 00 00 00 00 eb 0f ~31 ~c0 ~48 ~83 ~c4 ~48 ~5d ~c3 48 8b 89 30 02 00 00 48 85 c9 74 "
	 "~38 48 8b "
	 "91 "
	 "28 01 00 00 66 90 48 39 d0 72 e6 48 8b b1 38 01 00 00 48 39 f0 73 da",
	 NEW_TAIL},
};
#define ROWS   (sizeof(rows) / sizeof(rows[0]))
#define MODULE 1024 // bytes of a moduledata of the test's own
#define MANY   64

static int failures;

#define CHECK(cond, at)                                                                            \
	do {                                                                                       \
		if (!(cond) && failures++ < 20)                                                    \
			printf("FAIL line %d: %s (%ld)\n", __LINE__, #cond, (long)(at));           \
	} while (0)

struct code {
	uint8_t *page; // two pages; the first module lies in the second
	size_t len;    // without the tail
	bool free[256];
};

static uint8_t *
first_of(const struct code *c)
{
	return c->page + 4096;
}

static size_t
read_hex(const char *hex, uint8_t *out, bool *may_differ)
{
	size_t n = 0;

	for (const char *s = hex; *s; n++) {
		if (may_differ)
			may_differ[n] = *s == '~';
		s += *s == '~';
		out[n] = (uint8_t)strtoul(s, (char **)&s, 16);
		s += *s == ' ';
	}
	return n;
}

static struct code
place(const struct row *r)
{
	struct code c = {.len = 0};

	c.page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (c.page == MAP_FAILED)
		exit(2);
	c.len = read_hex(r->hex, c.page, c.free);
	read_hex(r->tail, c.page + c.len, NULL);
	int32_t rel = (int32_t)(first_of(&c) - (c.page + r->site + 7));
	memcpy(c.page + r->site + 3, &rel, 4);
	return c;
}

static struct sf_go_walk_code
describe(const struct row *r, const struct code *c)
{
	return (struct sf_go_walk_code){.bytes = c->page,
					.size = 200,
					.addr = (uint64_t)(uintptr_t)c->page,
					.first = (uint64_t)(uintptr_t)first_of(c),
					.version = r->version,
					.version_len = strlen(r->version)};
}

static bool
same_walk(const struct sf_go_walk *a, const struct sf_go_walk *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static bool
plausible(const struct sf_go_walk *w)
{
	return (w->next | w->low | w->high) % 8 == 0 && w->next < 4096 && w->low < 4096 &&
	       w->high < 4096 && w->low != w->high && w->next != w->low && w->next != w->high;
}

// Offset of the bytes of `what`, after the site.
static size_t
find_bytes(const struct row *r, const struct code *c, const char *what)
{
	const uint8_t *at = memmem(c->page + r->site + 7, c->len - r->site - 7, what, strlen(what));

	return (size_t)(at - c->page);
}

// The way out leads past the walk, and the three fields are three.
static void
test_ways(const struct row *r)
{
	struct code c = place(r);
	struct sf_go_walk_code code = describe(r, &c);
	struct sf_go_walk got;
	size_t out = find_bytes(r, &c, "\x48\x85\xc9\x74") + 4;
	size_t next = find_bytes(r, &c, "\x48\x8b\x89") + 3;
	const bool func = r->kind == SF_GO_WALK_FUNC;
	size_t low = find_bytes(r, &c, func ? "\x48\x39\x81" : "\x48\x8b\x91") + 3;
	uint8_t was = c.page[out];

	for (int d = 0; d < 256; d++) {
		c.page[out] = (uint8_t)d;
		bool took = sf_go_parse_walk(&code, r->kind, &got) == SF_GO_REFUSE_NONE;
		CHECK(took == (out + 1 + (size_t)(int8_t)d >= c.len && d < 128), d);
	}
	c.page[out] = was;
	uint32_t fields[] = {r->next, r->high, r->low + 4096, r->low + 4, 0};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		memcpy(c.page + low, &fields[i], 4);
		CHECK(sf_go_parse_walk(&code, r->kind, &got) == SF_GO_REFUSE_SITE, i);
	}
	memcpy(c.page + low, &r->low, 4);
	memcpy(c.page + next, &r->high, 4);
	CHECK(sf_go_parse_walk(&code, r->kind, &got) == SF_GO_REFUSE_SITE, 0);
	munmap(c.page, 8192);
}

// Mutated bytes, cut anywhere, in front of a page without rights: read within, and what is accepted
// is a walk.
static void
test_fuzz(const struct row *r)
{
	uint8_t *area =
		mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct code c = place(r);
	struct sf_go_walk_code code = describe(r, &c);
	struct sf_go_walk got;
	uint64_t seed = 7;

	if (area == MAP_FAILED || mprotect(area + 4096, 4096, PROT_NONE))
		exit(2);
	for (int i = 0; i < 20000; i++) {
		uint8_t work[200];

		memcpy(work, c.page, sizeof(work));
		for (int n = i % 4; n; n--) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			work[(seed >> 33) % c.len] =
				seed >> 62 ? (uint8_t)(seed >> 20) : work[(seed >> 45) % c.len];
		}
		code.size = i % 5 ? sizeof(work) : (size_t)(i % 201);
		code.bytes = area + 4096 - code.size;
		memcpy(area + 4096 - code.size, work, code.size);
		if (sf_go_parse_walk(&code, i % 16 ? r->kind : !r->kind, &got))
			continue;
		CHECK(plausible(&got) && got.resume == got.site + 7 && got.resume < code.size, i);
		CHECK(!memcmp(code.bytes + got.site, "\x48\x8d\x0d", 3), i);
	}
	munmap(area, 8192);
	munmap(c.page, 8192);
}

static void
test_shape(const struct row *r)
{
	struct code c = place(r);
	struct sf_go_walk_code code = describe(r, &c);
	struct sf_go_walk good, got;

	CHECK(sf_go_parse_walk(&code, r->kind, &good) == SF_GO_REFUSE_NONE, r - rows);
	CHECK(good.site == r->site && good.resume == r->site + 7 && good.next == r->next, r - rows);
	CHECK(good.low == r->low && good.high == r->high, r - rows);
	CHECK(sf_go_parse_walk(&code, !r->kind, &got) != SF_GO_REFUSE_NONE && !got.site, r - rows);
	for (size_t at = 0; at < c.len; at++) {
		for (int bit = 0; bit < 8 && !c.free[at]; bit++) {
			c.page[at] ^= (uint8_t)(1u << bit);
			// The offsets are what the code says: others are another walk, not a wrong one.
			bool took = sf_go_parse_walk(&code, r->kind, &got) == SF_GO_REFUSE_NONE;
			bool fields = got.next != good.next || got.low != good.low ||
				      got.high != good.high;
			CHECK(!took || (fields && got.site == good.site && plausible(&got)),
			      at * 8 + (size_t)bit);
			c.page[at] ^= (uint8_t)(1u << bit);
		}
	}
	for (size_t n = 0; n < c.len; n++) {
		code.size = n;
		CHECK(sf_go_parse_walk(&code, r->kind, &got) != SF_GO_REFUSE_NONE, n);
	}
	code.size = 5000;
	CHECK(sf_go_parse_walk(&code, r->kind, &got) == SF_GO_REFUSE_SIZE, 0);
	code = describe(r, &c);
	code.first++;
	CHECK(sf_go_parse_walk(&code, r->kind, &got) == SF_GO_REFUSE_SITE, 0);
	code = describe(r, &c);
	code.version = "go1.28.1";
	code.version_len = 8;
	CHECK(sf_go_parse_walk(&code, r->kind, &got) == SF_GO_REFUSE_VERSION, 0);
	code = describe(r, &c);
	CHECK(sf_go_parse_walk(&code, r->kind, &got) == 0 && same_walk(&got, &good), 0);
	if (r->kind == SF_GO_WALK_NAME) { // an early way out into the bytes of the jump
		for (uint8_t d = 0; d < 16; d++) {
			size_t early = r->site - 5;
			uint8_t was = c.page[early];

			c.page[early] = d;
			bool took = sf_go_parse_walk(&code, r->kind, &got) == SF_GO_REFUSE_NONE;
			CHECK(took == (early + 1 + d >= r->site + 7), d);
			c.page[early] = was;
		}
	}
	munmap(c.page, 8192);
}

// ---- the same bytes, run ----

static struct code live;
static const struct row *live_row;
static uint8_t *modules[MANY];
static int known; // modules in the list
static uint32_t era;
static volatile int stop;

// On its own: it needs every register, also the one by which its caller aligned the stack for vectors.
static __attribute__((noinline, noclone)) uint64_t
walk(uint64_t address)
{
	static struct {
		uint64_t unused[4];
	} g; // a goroutine with all the stack there is
	uint64_t at = address;

	__asm__ volatile("movq %2, %%r14\n\t"
			 "movl $1, %%ebx\n\t"
			 "subq $128, %%rsp\n\t"
			 "call *%1\n\t"
			 "addq $128, %%rsp"
			 : "+a"(at)
			 : "r"(live.page), "r"(&g)
			 : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
			   "r13", "r14", "cc", "memory");
	return at;
}

static uint64_t
field(const uint8_t *module, uint32_t offset)
{
	uint64_t v;

	memcpy(&v, module + offset, 8);
	return v;
}

static void
set_field(uint8_t *module, uint32_t offset, uint64_t v)
{
	__atomic_store_n((uint64_t *)(void *)(module + offset), v, __ATOMIC_RELEASE);
}

static uint64_t
truth(uint64_t address)
{
	for (int i = 0; i < MANY; i++) {
		if (address >= field(modules[i], live_row->low) &&
		    address < field(modules[i], live_row->high))
			return i < __atomic_load_n(&known, __ATOMIC_ACQUIRE)
				       ? (uint64_t)(uintptr_t)modules[i]
				       : 0;
	}
	return 0;
}

static void
append_module(void)
{
	set_field(modules[known - 1], live_row->next, (uint64_t)(uintptr_t)modules[known]);
	__atomic_store_n(&known, known + 1, __ATOMIC_RELEASE);
}

static void
start_list(const struct row *r)
{
	static uint8_t space[MANY][MODULE] __attribute__((aligned(64)));

	live_row = r;
	live = place(r);
	// Past the walk, wherever that was in the host, is the tail.
	for (size_t i = r->site + 9; i + 5 < live.len; i++) {
		if (!memcmp(live.page + i, "\x48\x85\xc9\x74", 4))
			live.page[i + 4] = (uint8_t)(live.len - (i + 5));
	}
	memset(space, 0, sizeof(space));
	known = 1;
	for (int i = 0; i < MANY; i++) {
		// Gaps, neighbours, several to a word of the table, and the same word far apart.
		// Some far from their text, as those of run-time linkers are.
		uint64_t base =
			i % 8 == 5 ? 0x100000000000 : ((uintptr_t)space | 0xffff) + 0x1000001;
		uint64_t low = base + (uint64_t)i * 0x9000 + (i % 3 ? 0 : 0x800);

		if (i % 8 == 7)
			low += (uint64_t)SF_GO_MODULE_WORDS << 16;
		modules[i] = i ? space[i] : first_of(&live);
		set_field(modules[i], r->low, low);
		set_field(modules[i], r->high,
			  low + (i % 3 ? 0x9000 : 0x8800) - (i % 2 ? 0 : 0x1000));
	}
	set_field(modules[0], r->low, 0x400000);
	set_field(modules[0], r->high, 0x900000);
}

static uint64_t
pick(uint64_t *seed)
{
	const uint8_t *m = modules[(*seed >> 20) % MANY];
	uint64_t low = field(m, live_row->low), high = field(m, live_row->high);

	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	switch (*seed >> 60) {
	case 0:
		return low;
	case 1:
		return low - 1;
	case 2:
		return high;
	case 3:
		return high - 1;
	case 4:
		return *seed >> 17;
	default:
		return low + (*seed >> 30) % (high - low);
	}
}

// Looks beside the writer: a module that is in the list before and after is found.
static void *
look(void *arg)
{
	uint64_t seed = (uint64_t)(uintptr_t)arg;

	while (!stop) {
		uint64_t at = pick(&seed), before = truth(at), got = walk(at), after = truth(at);

		CHECK(got == before || got == after, at);
	}
	return NULL;
}

static bool
finds(int i)
{
	uint64_t at = field(modules[i], live_row->low);

	return walk(at) == (uint64_t)(uintptr_t)modules[i];
}

static void
link_behind(int i, int next)
{
	set_field(modules[i], live_row->next, next ? (uint64_t)(uintptr_t)modules[next] : 0);
}

// Who leaves the list is no longer found, whether its record lies by its text or not, nor is anything
// in its place; and it is the table that answers for the others.
static void
test_removal(const struct row *r)
{
	const int far = 61, last = MANY - 1;

	era = 1;
	CHECK(far % 8 == 5 && finds(far) && finds(far + 1) && finds(last), r - rows);
	link_behind(far - 1, far + 1);
	CHECK(!finds(far) && finds(far + 1) && finds(last), r - rows);
	link_behind(far - 1, far);
	CHECK(finds(far) && finds(far + 1) && finds(last), r - rows);
	link_behind(last - 1, 0);
	CHECK(!finds(last) && !finds(last), r - rows);
	link_behind(last - 1, last);
	CHECK(finds(last), r - rows);
	// The list is cut far in front: what the table has is found by it, what it has not is not, and
	// with the switch off nobody.
	link_behind(2, 0);
	CHECK(finds(last) && !finds(far), r - rows);
	era = 0;
	CHECK(!finds(last), r - rows);
	link_behind(2, 3);
	era = 1;
}

static void
test_run(const struct row *r)
{
	pthread_t threads[2];
	uint64_t seed = 99;

	start_list(r);
	struct sf_go_walk_code code = describe(r, &live);
	struct sf_go_walk_site site = {.entry = live.page, .first = first_of(&live)};
	mprotect(live.page, 4096, PROT_READ | PROT_EXEC);
	CHECK(sf_go_parse_walk(&code, r->kind, &site.walk) == SF_GO_REFUSE_NONE, r - rows);
	for (int i = 0; i < 1000; i++) {
		uint64_t at = pick(&seed);
		CHECK(walk(at) == truth(at), at); // the bytes themselves are sound
	}
	era = 1;
	CHECK(sf_go_modules_install(&site, 1, &era) == SF_GO_REFUSE_NONE, r - rows);
	CHECK(!memcmp(live.page + r->site, "\x48\xe9", 2), r - rows);
	stop = 0;
	for (uintptr_t i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, look, (void *)(i + 1));
	while (known < MANY) {
		for (int i = 0; i < 2000; i++) {
			uint64_t at = pick(&seed);
			CHECK(walk(at) == truth(at), at);
		}
		__atomic_store_n(&era, (uint32_t)known % 3, __ATOMIC_RELAXED);
		append_module();
	}
	stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	test_removal(r);
	munmap(live.page, 8192);
}

int
main(void)
{
	for (size_t i = 0; i < ROWS; i++) {
		test_shape(&rows[i]);
		test_ways(&rows[i]);
		test_fuzz(&rows[i]);
		test_run(&rows[i]);
	}
	printf("%d failures, %zu walks\n", failures, ROWS);
	return failures ? 1 : 0;
}
