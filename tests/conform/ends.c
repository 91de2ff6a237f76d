// SPDX-License-Identifier: BSD-2-Clause
// Rows on the end of a thread: errors in destructors of thread-specific data, and whose key is whose.
#include "row.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

#define KEYS_ALL    1024 /* PTHREAD_KEYS_MAX */
#define KEYS_INLINE 32

static void *alpha;
static pthread_key_t key;

static void
fail(const char *name)
{
	EACH dlsym(alpha, name);
}

/* Errors of its own, of other lengths: what it writes must not be what others read. */
static void *
other(void *arg)
{
	(void)arg;
	for (int i = 0; i < 4; i++) {
		dlsym(alpha, "the_much_longer_name_of_another_thread_that_finds_nothing");
		dlerror();
	}
	dlsym(alpha, "the_much_longer_name_of_another_thread_that_finds_nothing");
	return NULL;
}

static void
run_other(void)
{
	pthread_t t;

	pthread_create(&t, NULL, other, NULL);
	pthread_join(t, NULL);
}

static void
tell(const char *when)
{
	char first[200];

	snprintf(first, sizeof(first), "%s", text(dlerror()));
	say("%s: %s, then %s", when, first, text(dlerror()));
}

/* ---- destructors of thread-specific data ---- */

struct end {
	const char *kept; /* a text that dlerror gave before the end */
	int round;
	atomic_bool waits;
};

static void
finish(void *arg)
{
	struct end *e = arg;
	char when[32];

	run_other();
	if (e->kept != NULL && !is_old())
		say("kept: %s", e->kept);
	e->kept = NULL;
	snprintf(when, sizeof(when), "round %d", e->round);
	tell(when);
	EACH
	{
		see_sym(alpha, "shared_fn");
		see_sym(alpha, "missing_in_destructor");
	}
	fail("left_by_destructor");
	if (e->round++ < 6)
		pthread_setspecific(key, e);
}

static void *
fails_last(void *arg)
{
	pthread_setspecific(key, arg);
	fail("missing_at_the_end");
	return NULL;
}

static void *
told_last(void *arg)
{
	struct end *e = arg;

	pthread_setspecific(key, arg);
	fail("missing_at_the_end");
	e->kept = dlerror();
	return NULL;
}

static void *
exits(void *arg)
{
	fails_last(arg);
	pthread_exit(NULL);
}

/* Waits where it can be cancelled, with an error not told. */
static void *
is_cancelled(void *arg)
{
	struct end *e = arg;

	fails_last(arg);
	e->waits = true; /* nothing from here on but that pause ends it */
	for (;;)
		pause();
	return NULL;
}

/* Its first call of all comes in the destructor. */
static void *
silent(void *arg)
{
	pthread_setspecific(key, arg);
	return NULL;
}

static void
end_of(const char *who, void *(*body)(void *), bool cancel)
{
	for (int i = 0; i < 3; i++) {
		struct end *e =
			calloc(1, sizeof(*e)); /* the last round may come after join: kept */
		pthread_t t;

		say("%s", who);
		pthread_create(&t, NULL, body, e);
		if (cancel) {
			while (!e->waits)
				usleep(1000);
			pthread_cancel(t);
		}
		pthread_join(t, NULL);
	}
}

static void
all_ends(void)
{
	end_of("fails last", fails_last, false);
	end_of("told last", told_last, false);
	end_of("pthread_exit", exits, false);
	end_of("cancelled", is_cancelled, true);
	end_of("first call", silent, false);
}

static void
first_key(void)
{
	alpha = must_open("alpha.so", RTLD_LAZY);
	pthread_key_create(&key, finish);
	all_ends();
}

/* Keys below and above all that libc keeps inside a thread. */
static void
last_key(void)
{
	pthread_key_t below;

	alpha = must_open("alpha.so", RTLD_LAZY);
	for (int i = 0; i < KEYS_INLINE + 3; i++)
		pthread_key_create(&below, NULL);
	pthread_key_create(&key, finish);
	all_ends();
}

static void
tss_finish(void *arg)
{
	tell(arg);
}

static int
tss_body(void *arg)
{
	tss_set(*(tss_t *)arg, "tss");
	fail("missing_at_the_end");
	return 0;
}

static void
c11(void)
{
	tss_t tss;
	thrd_t t;

	alpha = must_open("alpha.so", RTLD_LAZY);
	tss_create(&tss, tss_finish);
	for (int i = 0; i < 3; i++) {
		thrd_create(&t, tss_body, &tss);
		thrd_join(t, NULL);
	}
}

/* ---- what C++ does for thread_local objects ---- */

int __cxa_thread_atexit_impl(void (*f)(void *), void *obj, void *dso);
extern void *__dso_handle;

static void
object_ends(void *arg)
{
	tell(arg);
	EACH see_sym(alpha, "missing_in_destructor");
	fail("left_by_object");
}

static void *
has_objects(void *arg)
{
	pthread_setspecific(key, arg);
	__cxa_thread_atexit_impl(object_ends, "first object", &__dso_handle);
	__cxa_thread_atexit_impl(object_ends, "second object", &__dso_handle);
	fail("missing_at_the_end");
	return NULL;
}

static void
thread_local_objects(void)
{
	alpha = must_open("alpha.so", RTLD_LAZY);
	pthread_key_create(&key, finish);
	end_of("objects", has_objects, false);
}

/* ---- main, and threads that nobody waits for ---- */

static void *
outlives_main(void *arg)
{
	pthread_join(*(pthread_t *)arg, NULL);
	run_other();
	fail("after_main");
	tell("the last thread");
	say("found: %s", where(dlsym(alpha, "shared_fn")));
	exit(0);
}

static void
inner_main_ends(void)
{
	static pthread_t self;
	static struct end e;
	pthread_t t;

	alpha = must_open("alpha.so", RTLD_LAZY);
	pthread_key_create(&key, finish);
	self = pthread_self();
	pthread_create(&t, NULL, outlives_main, &self);
	fails_last(&e);
	pthread_exit(NULL);
}

void
inner_main(const char *inner)
{
	if (strcmp(inner, "main ends") == 0)
		inner_main_ends();
}

static void
main_ends(void)
{
	in_process("main ends", "SF_X", "1");
}

static pthread_barrier_t ended;

static void
detached_end(void *arg)
{
	tell(arg);
	pthread_barrier_wait(&ended);
}

static void *
detached(void *arg)
{
	(void)arg;
	pthread_setspecific(key, "detached");
	fail("missing_at_the_end");
	return NULL;
}

static void
detached_threads(void)
{
	pthread_attr_t attr;
	pthread_t t;

	alpha = must_open("alpha.so", RTLD_LAZY);
	pthread_key_create(&key, detached_end);
	pthread_barrier_init(&ended, NULL, 2);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < 20; i++) {
		pthread_create(&t, &attr, detached, NULL);
		pthread_barrier_wait(&ended);
	}
}

/* A child that a destructor forks has the same error. */
static void
forking_end(void *arg)
{
	int status = 1;

	if (fork() == 0) {
		tell(arg);
		run_other();
		see_sym(alpha, "missing_in_destructor");
		fflush(stdout);
		_exit(0);
	}
	wait(&status);
	say("child: %d", status);
	tell(arg);
}

static void *
forks_at_end(void *arg)
{
	pthread_setspecific(key, "fork");
	fail("missing_at_the_end");
	return arg;
}

static void
fork_in_destructor(void)
{
	pthread_t t;

	alpha = must_open("alpha.so", RTLD_LAZY);
	pthread_key_create(&key, forking_end);
	for (int i = 0; i < 3; i++) {
		pthread_create(&t, NULL, forks_at_end, NULL);
		pthread_join(t, NULL);
	}
}

/* ---- keys that the host never made ---- */

static void
count_end(void *arg)
{
	++*(int *)arg;
}

static void *
has_each_key(void *arg)
{
	const pthread_key_t *keys = arg;
	static int values[KEYS_ALL];
	int strange = 0;

	fail("missing_at_the_end");
	see_sym(alpha, "shared_fn");
	for (int i = 0; keys[i] < KEYS_ALL && i < KEYS_ALL; i++) {
		strange += pthread_getspecific(keys[i]) != NULL;
		pthread_setspecific(keys[i], &values[i]);
	}
	see_sym(alpha, "shared_fn");
	fail("missing_at_the_end");
	for (int i = 0; keys[i] < KEYS_ALL && i < KEYS_ALL; i++)
		strange += pthread_getspecific(keys[i]) != &values[i];
	say("values that are not ours: %d", strange);
	return NULL;
}

/* All that libc has, but for the one that is not to be missed. */
static void
make_all(pthread_key_t *keys)
{
	int n = 0;

	while (n < KEYS_ALL && pthread_key_create(&keys[n], count_end) == 0)
		n++;
	if (is_old()) /* libdl has one, and the library another beside it */
		say("enough: %d", n >= KEYS_ALL - 2);
	else
		say("first %u, enough: %d", n > 0 ? keys[0] : KEYS_ALL, n >= KEYS_ALL - 1);
	if (n < KEYS_ALL)
		keys[n] = KEYS_ALL;
}

static void
look_in_threads(pthread_key_t *keys)
{
	for (int i = 0; i < 3; i++) {
		pthread_t t;

		pthread_create(&t, NULL, has_each_key, keys);
		pthread_join(t, NULL);
	}
}

static void
all_keys(void)
{
	static pthread_key_t keys[KEYS_ALL];

	alpha = must_open("alpha.so", RTLD_LAZY);
	make_all(keys);
	look_in_threads(keys);
	for (int i = 0; i < KEYS_ALL && keys[i] < KEYS_ALL; i++)
		pthread_key_delete(keys[i]);
	look_in_threads((pthread_key_t[]){KEYS_ALL});
	see_sym(alpha, "missing_at_the_end");
}

/* Every key that there is, whoever has it; then all of them are this host's. */
static void
foreign_keys_deleted(void)
{
	static pthread_key_t keys[KEYS_ALL];

	alpha = must_open("alpha.so", RTLD_LAZY);
	see_sym(alpha, "shared_fn");
	run_other();
	for (pthread_key_t k = 0; k < KEYS_ALL; k++)
		pthread_key_delete(k);
	run_other();
	look_in_threads((pthread_key_t[]){KEYS_ALL});
	for (pthread_key_t k = 0; k < KEYS_ALL; k++)
		pthread_key_delete(k);
	for (int i = 0; i < KEYS_ALL; i++)
		pthread_key_create(&keys[i], count_end);
	look_in_threads(keys);
	look_in_threads(keys);
	see_sym(alpha, "missing_at_the_end");
}

/* A key never made is number 0, as every static variable. */
static void
key_zero(void)
{
	static pthread_key_t never;
	pthread_key_t made;

	alpha = must_open("alpha.so", RTLD_LAZY);
	see_sym(alpha, "shared_fn");
	say("set %d, delete %d", pthread_setspecific(never, &never), pthread_key_delete(never));
	pthread_key_create(&made, NULL);
	say("made %u: %s", made, pthread_getspecific(made) == NULL ? "empty" : "full");
	run_other();
	see_sym(alpha, "missing_at_the_end");
}

const struct row rows[] = {
	{"T01 errors in destructors, by the first key", first_key, 0},
	{"T01 errors in destructors, by the last key", last_key, 0},
	{"T01 errors in destructors of C11", c11, 0},
	{"T01 errors in destructors of thread_local objects", thread_local_objects, 0},
	{"T01 main ends before the others", main_ends, 0},
	{"T01 detached threads", detached_threads, 0},
	{"T01 a destructor forks", fork_in_destructor, 0},
	{"T02 key 0 is nobody's", key_zero, 0},
	{"T02 all keys are the host's", all_keys, 0},
	{"T02 keys that the host never made are deleted", foreign_keys_deleted, 3},
	{0},
};
