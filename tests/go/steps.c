// SPDX-License-Identifier: BSD-2-Clause
// A look-up interrupted by a fill, and a fill by look-ups, after every single instruction: the
// processor's trap flag stops the one, the handler runs the other. What two processors do to each
// other once in a million times happens here each time.
#include "../../shim/go/arms.h"

#include "table.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <ucontext.h>

#define TRAP_FLAG 0x100

static void (*meanwhile)(void);
static long steps, only; // instructions so far; the one after which to interrupt, -1 for every one
static bool stepping;

static void
step(int sig, siginfo_t *info, void *context)
{
	greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];

	(void)sig;
	(void)info;
	if (only < 0 || steps == only)
		meanwhile();
	if (!stepping || steps++ == only)
		*flags &= ~TRAP_FLAG;
}

static void
step_begin(long after, void (*what)(void))
{
	meanwhile = what;
	steps = 0;
	only = after;
	stepping = true;
	__asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
}

static void
step_end(void)
{
	stepping = false;
	__asm__ volatile("" ::: "memory");
}

static char others[SF_GO_VARIANTS][PATH_MAX + 16];
static uint64_t wrong, answered, truth;

static void
turn_ring(void)
{
	for (int i = 0; i < SF_GO_VARIANTS; i++)
		put(a_link, others[i], 1);
}

// The link leads to a all the time: whatever is written meanwhile, its look-up finds a's plugin or
// none.
static void
test_torn_read(void)
{
	bool done = false;

	for (long k = 0; !done && k < 100000; k++) {
		fresh_table(0);
		put(a_link, a, 100);
		turn_ring();
		put(a_link, a, 100);
		CHECK(get(a_link) == 100);
		step_begin(k, turn_ring);
		uint64_t v = get(a_link);
		step_end();
		CHECK(v == 0 || v == 100);
		done = steps <= k;
		sf_sys_unmap(t->arena, SF_GO_ARENA);
		sf_sys_unmap(t->slots, SF_GO_SLOTS * sizeof(*t->slots));
	}
	CHECK(done);
}

static void
look_link(void)
{
	uint64_t v = get(a_link);

	wrong += v != 0 && v != 100;
	answered += v == 100;
}

static void
test_torn_write(void)
{
	fresh_table(0);
	put(a_link, a, 100);
	CHECK(get(a_link) == 100);
	step_begin(-1, look_link);
	turn_ring();
	step_end();
	CHECK(wrong == 0 && answered > 0 && get(a_link) == 0);
	answered = 0;
	step_begin(-1, look_link);
	put(a_link, a, 100);
	CHECK(get(a_link) == 100);
	step_end();
	CHECK(wrong == 0 && answered > 0 && get(a_link) == 100);
}

static void
look_timed(void)
{
	uint64_t v = sf_go_lookup(a, strlen(a), 0);

	wrong += v != 0 && v != truth;
	answered += v == truth;
}

// A name is found whole or not at all, timed or not; and a fill that meets another one steps back.
static void
test_first_fill(void)
{
	fresh_table(1000);
	truth = 7;
	wrong = answered = 0;
	step_begin(-1, look_timed);
	put(a, a, 7);
	step_end();
	CHECK(wrong == 0 && answered > 0 && get(a) == 7);
	step_begin(-1, look_timed);
	put(a, a, 7);
	step_end();
	CHECK(wrong == 0 && t->fills[SF_GO_FILL] == 1 && t->fills[SF_GO_RENEW] == 1);
}

static void
fill_b(void)
{
	put(b, b, 8);
}

static void
test_two_fills(void)
{
	fresh_table(1000);
	step_begin(-1, fill_b);
	put(a, a, 7);
	step_end();
	CHECK(t->fills[SF_GO_SKIP_BUSY] > 100 && t->entries == 2);
	CHECK(get(a) == 7 && get(b) == 8);
}

static char *
as_it_is(const char *name, char *out)
{
	return strcpy(out, name);
}

static char out_a[PATH_MAX], out_b[PATH_MAX];

static void
real_b(void)
{
	CHECK(sf_go_realpath(b, out_b) && !strcmp(out_b, b));
}

// One path is being kept while another one is asked for: neither gets the other's.
static void
test_two_paths(void)
{
	struct sf_go_env env = {.realpath = as_it_is, .errno_location = __errno_location};
	bool done = false;

	for (long k = 0; !done && k < 100000; k += 11) {
		fresh_table(0);
		CHECK(sf_go_level_init(&env));
		step_begin(k, real_b);
		CHECK(sf_go_realpath(a, out_a) && !strcmp(out_a, a));
		step_end();
		done = steps <= k;
		for (int i = 0; i < 2; i++) {
			real_b();
			CHECK(sf_go_realpath(a, out_a) && !strcmp(out_a, a));
		}
		sf_sys_unmap(t->arena, SF_GO_ARENA);
		sf_sys_unmap(t->slots, SF_GO_SLOTS * sizeof(*t->slots));
	}
	CHECK(done);
}

static char sub[PATH_MAX + 8], way[PATH_MAX + 8], in_sub[PATH_MAX + 16], in_way[PATH_MAX + 16];
static char folder[PATH_MAX + 8];

static bool changed;

static void
folder_in_place_of_link(void)
{
	changed = true;
	CHECK(unlink(way) == 0 && rename(folder, way) == 0);
}

// A folder takes a symlink's place while its path is being proved: the file behind the link is never
// tied to the path.
static void
test_way_changes(void)
{
	bool done = false;

	snprintf(sub, sizeof(sub), "%s/sub", dir);
	snprintf(folder, sizeof(folder), "%s/folder", dir);
	snprintf(way, sizeof(way), "%s/way", dir);
	snprintf(in_sub, sizeof(in_sub), "%s/f", sub);
	snprintf(in_way, sizeof(in_way), "%s/f", folder);
	CHECK(mkdir(sub, 0700) == 0 && mkdir(folder, 0700) == 0);
	make(in_sub);
	make(in_way);
	settle();
	snprintf(in_way, sizeof(in_way), "%s/f", way);
	for (long k = 0; !done && k < 100000; k += 7) {
		fresh_table(0);
		CHECK(symlink(sub, way) == 0);
		put(in_way, in_way, 5);
		changed = false;
		step_begin(k, folder_in_place_of_link);
		uint64_t got = get(in_way);
		step_end();
		CHECK(got == 0 || got == 5);
		done = !changed;
		if (!done)
			CHECK(rename(way, folder) == 0 && symlink(sub, way) == 0);
		CHECK(get(in_way) == 0);
		CHECK(unlink(way) == 0);
		sf_sys_unmap(t->arena, SF_GO_ARENA);
		sf_sys_unmap(t->slots, SF_GO_SLOTS * sizeof(*t->slots));
	}
	CHECK(done);
	unlink(in_sub);
	snprintf(in_way, sizeof(in_way), "%s/f", folder);
	unlink(in_way);
	rmdir(sub);
	rmdir(folder);
}

static void
off_unlink_on(void)
{
	sf_go_serve(false);
	unlink(a);
	sf_go_serve(true);
}

// The plugin goes away while the switch is off. Whenever that happens to a fill, nothing timed is
// left of it: only a stat could answer, and finds no file. (A fill that has not begun is one of the
// new era: Go has just answered.)
static void
test_era_of_fill(void)
{
	bool done = false;

	for (long k = 0; !done && k < 100000; k += 7) {
		fresh_table(1000);
		step_begin(k, off_unlink_on);
		put(a, a, 7);
		step_end();
		done = steps <= k;
		if (!done)
			CHECK(((struct sf_go_entry *)t->arena)->era == t->era ||
			      (get(a) == 0 && get(a) == 0 && counted(SF_GO_HIT) == 0));
		make(a);
		sf_sys_unmap(t->arena, SF_GO_ARENA);
		sf_sys_unmap(t->slots, SF_GO_SLOTS * sizeof(*t->slots));
	}
	CHECK(done);
}

// Two goroutines with the same four places: the one of symfast's arm takes the other's at any moment.
#define LOSER    64u
#define LOSER_IN (1000u | MARK_TIMED)
#define TAKER_IN (2000u | MARK_FAST)
static uint64_t taker[SF_GO_MARK_WAYS];

static void
take_all(void)
{
	for (int i = 0; i < SF_GO_MARK_WAYS; i++)
		mark(&sf_go_arms, taker[i], TAKER_IN);
}

static void
find_takers(void)
{
	uint64_t g = LOSER;

	sf_go_arms.marks = sf_sys_map(SF_GO_MARKS);
	for (int i = 0; i < SF_GO_MARK_WAYS; g += 64)
		if (g != LOSER && marks_of(&sf_go_arms, g) == marks_of(&sf_go_arms, LOSER))
			taker[i++] = g;
}

// Whoever still has his start finds his own, whatever was taken between two instructions.
static void
test_marks_taken(bool while_marking)
{
	bool done = false;

	for (long k = 0; !done && k < 10000; k++) {
		uint64_t what = 0;

		memset(sf_go_arms.marks, 0, SF_GO_MARKS);
		if (!while_marking)
			mark(&sf_go_arms, LOSER, LOSER_IN);
		step_begin(k, take_all);
		bool mine = while_marking ? mark(&sf_go_arms, LOSER, LOSER_IN)
					  : unmark(&sf_go_arms, LOSER, &what);
		step_end();
		done = steps <= k;
		if (while_marking)
			mine = unmark(&sf_go_arms, LOSER, &what);
		CHECK(!mine || what == LOSER_IN);
		for (int i = 0; i < SF_GO_MARK_WAYS; i++)
			CHECK(!unmark(&sf_go_arms, taker[i], &what) || what == TAKER_IN);
	}
	CHECK(done);
}

int
main(void)
{
	struct sigaction act = {.sa_sigaction = step, .sa_flags = SA_SIGINFO};

	if (!make_folder() || sigaction(SIGTRAP, &act, NULL))
		return 2;
	CHECK(symlink(a, a_link) == 0);
	for (int i = 0; i < SF_GO_VARIANTS; i++) {
		snprintf(others[i], sizeof(others[i]), "%s/n%d", dir, i);
		make(others[i]);
	}
	settle();
	test_torn_read();
	test_torn_write();
	test_first_fill();
	test_two_fills();
	test_two_paths();
	test_way_changes();
	test_era_of_fill();
	find_takers();
	test_marks_taken(false);
	test_marks_taken(true);
	printf("%d failures\n", failures);
	for (int i = 0; i < SF_GO_VARIANTS; i++)
		unlink(others[i]);
	remove_folder();
	return failures ? 1 : 0;
}
