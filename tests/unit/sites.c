// SPDX-License-Identifier: BSD-2-Clause
// sites.c: the unwinder against libgcc's, from frames of every shape; what is recorded of a stack.
#include "boot.h"
#include "unit.h"

#include "libc/next.h"
#include "observe/frames.h"
#include "observe/sites.h"
#include "observe/segment.h"
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

const char unit_name[] = "sites";

#define MAX 64

/* The addresses above the caller's own frame must be the same. */
static __attribute__((noinline)) void
compare(void)
{
	void *theirs[MAX];
	uintptr_t ours[MAX];
	int n = backtrace(theirs, MAX);
	uint32_t m = sf_frames_walk(ours, MAX);

	/* Ours begins with the return into this function, theirs with an address in it. */
	ck_assert_uint_ge(m, 3);
	for (uint32_t i = 1; i < m; i++)
		ck_assert_msg(i < (uint32_t)n && ours[i] == (uintptr_t)theirs[i], "frame %u", i);
	/* libgcc goes one step further where the outermost frame says nothing. */
	ck_assert_int_le(n - (int)m, 1);
}

static __attribute__((noinline)) int
plain(int depth)
{
	if (depth == 0)
		compare();
	else
		plain(depth - 1);
	__asm__ volatile("" ::: "memory");
	return depth;
}

/* A frame with a pointer of its own, because its size is known at run time only. */
static __attribute__((noinline)) int
variable(size_t size)
{
	volatile char room[size];

	room[size - 1] = 1;
	compare();
	return room[size - 1];
}

/* Every register that a caller expects back is in use. */
static __attribute__((noinline)) long
many(long a, long b, long c, long d, long e, long f)
{
	long x = a * b, y = c * d, z = e * f, u = a + f, v = b + e;

	compare();
	__asm__ volatile("" : "+r"(x), "+r"(y), "+r"(z), "+r"(u), "+r"(v));
	return x + y + z + u + v;
}

/* The stack is realigned to 64. */
static __attribute__((noinline)) int
aligned(void)
{
	__attribute__((aligned(64))) volatile char room[64];

	room[0] = 3;
	compare();
	return room[0];
}

static int
by_qsort(const void *a, const void *b)
{
	static int once;

	if (!once++)
		compare();
	return *(const int *)a - *(const int *)b;
}

START_TEST(frames_of_every_shape)
{
	int numbers[] = {3, 1, 2};

	ck_assert(unit_boot());
	plain(0);
	plain(20);
	variable(100 + (size_t)_i * 1000);
	many(1, 2, 3, 4, 5, 6);
	aligned();
	qsort(numbers, COUNT_OF(numbers), sizeof(int), by_qsort);
}
END_TEST

static void *
in_thread(void *arg)
{
	plain(5);
	return arg;
}

START_TEST(in_a_thread)
{
	pthread_t thread;

	ck_assert(unit_boot());
	pthread_create(&thread, NULL, in_thread, NULL);
	pthread_join(thread, NULL);
}
END_TEST

static void
on_signal(int number)
{
	(void)number;
	compare();
}

START_TEST(through_a_signal_frame)
{
	ck_assert(unit_boot());
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
}
END_TEST

static volatile uint64_t walks, longest;

static void
on_tick(int number)
{
	uintptr_t pc[MAX];
	uint32_t n = sf_frames_walk(pc, MAX);

	(void)number;
	walks++;
	longest = n > longest ? n : longest;
}

static __attribute__((noinline)) uint64_t
busy(uint64_t n)
{
	static char text[256];

	for (uint64_t i = 0; i < n; i++) {
		memset(text, (int)i, sizeof(text));
		qsort(text, 32, 1, by_qsort);
		n -= strlen("x") & (unsigned int)text[0] & 1;
	}
	return n;
}

/* From any instruction of the program, prologues and libc's assembly included: never a crash. */
START_TEST(from_anywhere)
{
	const struct itimerval period = {{0, 200}, {0, 200}}, none = {{0, 0}, {0, 0}};

	ck_assert(unit_boot());
	signal(SIGPROF, on_tick);
	setitimer(ITIMER_PROF, &period, NULL);
	while (walks < 300)
		busy(1000);
	setitimer(ITIMER_PROF, &none, NULL);
	ck_assert_uint_gt(longest, 4);
}
END_TEST

static __attribute__((noinline)) void
site_a(uint64_t ticks)
{
	sf_histogram_add(SF_TIMED_DLSYM, SF_ARM_MAP, ticks);
	__asm__ volatile("" ::: "memory");
}

static __attribute__((noinline)) void
site_b(uint64_t ticks)
{
	sf_histogram_add(SF_TIMED_DLSYM, SF_ARM_MAP, ticks);
	__asm__ volatile("" ::: "memory");
}

START_TEST(a_site_is_counted_once)
{
	const struct symfast_shm_site *rows;
	unsigned int used = 0;
	uint64_t counts = 0, ticks = 0;

	ck_assert(unit_boot());
	sf_segment_init(false, "");
	sf_sites_start(1);
	/* In the library its own frames are left out; here it is the executable itself. */
	sf_next.self = NULL;
	for (int i = 0; i < 10; i++) {
		site_a(100);
		site_b(10);
	}
	rows = sf_segment_at(SF_SEGMENT_SITES);
	for (size_t i = 0; i < SF_SEGMENT_SITE_ROWS; i++) {
		const char *path = (const char *)sf_segment_at(rows[i].object[0]);

		if (rows[i].hash == 0)
			continue;
		used++;
		counts += rows[i].count;
		ticks += rows[i].ticks;
		ck_assert_uint_eq(rows[i].function, SF_TIMED_DLSYM);
		ck_assert_uint_eq(rows[i].arm, SF_ARM_MAP);
		ck_assert_uint_ge(rows[i].depth, 3);
		ck_assert_ptr_nonnull(strstr(path, "unit_sites"));
		/* Offsets, no addresses. */
		ck_assert_uint_lt(rows[i].offset[0], 1u << 24);
	}
	ck_assert_uint_eq(used, 2);
	ck_assert_uint_eq(counts, 20);
	ck_assert_uint_eq(ticks, 1100);
}
END_TEST

START_TEST(one_in_so_many_of_libc)
{
	const struct symfast_shm_site *rows;
	uint64_t counts = 0;

	ck_assert(unit_boot());
	sf_segment_init(false, "");
	sf_sites_start(8);
	for (int i = 0; i < 80; i++)
		sf_histogram_add(SF_TIMED_DLOPEN, SF_ARM_LIBC, 50);
	rows = sf_segment_at(SF_SEGMENT_SITES);
	for (size_t i = 0; i < SF_SEGMENT_SITE_ROWS; i++)
		counts += rows[i].count;
	ck_assert_uint_eq(counts, 10);
}
END_TEST
void
unit_tests(TCase *tests)
{
	tcase_add_loop_test(tests, frames_of_every_shape, 0, 4);
	tcase_add_test(tests, in_a_thread);
	tcase_add_test(tests, through_a_signal_frame);
	tcase_add_test(tests, from_anywhere);
	tcase_add_test(tests, a_site_is_counted_once);
	tcase_add_test(tests, one_in_so_many_of_libc);
}
