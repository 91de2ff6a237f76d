// SPDX-License-Identifier: BSD-2-Clause
// killfile.c: see killfile.h.
#include "killfile.h"

#include "../base/bytes.h"
#include "../base/sys.h"
#include "../map/thread.h"
#include "../observe/settings.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#define PERIOD_NS     200000000u
#define STACK         65536
#define CHILD_SAMPLES 255u /* in a child one hit in 256 is slow enough to look */

uint8_t sf_killfile_waiting;

static uint64_t next_look; /* CLOCK_MONOTONIC, ns; of children */
static uint32_t before;    /* the last word that let the shim live, seen before the file */
static uint32_t since;     /* the breaker when the file put it out */

static bool
is_there(void)
{
	return sf_syscall6(SYS_faccessat, AT_FDCWD, (long)sf_settings.kill_file_text, 0, 0, 0, 0) ==
	       0;
}

/* Its state and how often it opened. */
static uint32_t
breaker_now(void)
{
	return sf_load_32(&sf_control.breaker_trips) << 2 | (sf_load_32(&sf_control.breaker) & 3);
}

/* The word is taken, not overwritten: the breaker may take it at the same moment. */
static void
put_out(uint32_t word)
{
	if (word == SF_WORD_OFF || !sf_cas_32(&sf_control.word, word, SF_WORD_OFF))
		return;
	sf_segment_set_word(SF_WORD_OFF, SYMFAST_SHM_BY_FILE);
}

/*
 * The word is put back when the file goes, but only if it is still the file's: what ctl or the
 * breaker has set since then stands.
 */
static void
put_back(void)
{
	if (sf_load_32(&sf_control.reason) != SYMFAST_SHM_BY_FILE || breaker_now() != since)
		return;
	sf_segment_set_word(before, SYMFAST_SHM_BY_FILE);
	sf_fence_full(); /* pairs with the one in open_it(): it sees the word, or this sees the breaker */
	if (breaker_now() != since)
		sf_segment_set_word(SF_WORD_OFF, SYMFAST_SHM_BY_BREAKER);
}

static void
look(void)
{
	struct symfast_shm_control *c = &sf_control;
	bool there = is_there(), seen = sf_load_32(&c->kill_file_seen) != 0;
	uint32_t breaker = breaker_now(), word;

	sf_fence_load(); /* a breaker that opens after this look finds the word, or has taken it */
	word = sf_load_32(&c->word);
	if (word != SF_WORD_OFF) {
		/* Noted each time: a child may meet the word when its parent has put it out. */
		before = word;
		since = breaker;
	}
	if (there)
		put_out(word);
	else if (seen)
		put_back();
	if (there != seen)
		sf_store_32(&c->kill_file_seen, there);
}

static void *
watch(void *arg)
{
	const struct timespec period = {0, PERIOD_NS};

	(void)arg;
	sf_syscall6(SYS_prctl, 15 /* PR_SET_NAME */, (long)"symfast-watch", 0, 0, 0, 0);
	for (;;) {
		look();
		sf_syscall6(SYS_nanosleep, (long)&period, 0, 0, 0, 0, 0);
	}
	return NULL;
}

/*
 * All signals blocked but the two that libc needs for itself (cancel, and setuid in all threads): the
 * host's handlers never run on this small stack.
 */
static bool
start_thread(void)
{
	uint64_t all = ~(3ull << 31), old = 0;
	pthread_attr_t attr;
	pthread_t thread;
	bool ok;

	if (pthread_attr_init(&attr) != 0 || pthread_attr_setstacksize(&attr, STACK) != 0)
		return false;
	sf_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&old, sizeof(all), 0, 0);
	ok = pthread_create(&thread, &attr, watch, NULL) == 0;
	sf_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&old, 0, sizeof(old), 0, 0);
	return ok;
}

static void
poll_instead(void)
{
	sf_killfile_waiting = 1;
	sf_thread_come_by(CHILD_SAMPLES);
}

SF_START void
sf_killfile_start(void)
{
	const char *path = sf_settings.kill_file_text;

	if (path[0] == '\0')
		return;
	sf_bytes_cut(sf_control.kill_file, path, sizeof(sf_control.kill_file));
	look();
	if (!start_thread())
		poll_instead();
}

void
sf_killfile_poll(void)
{
	uint64_t now = sf_sys_clock(CLOCK_MONOTONIC);

	if (now < sf_load_64(&next_look))
		return;
	sf_store_64(&next_look, now + PERIOD_NS);
	look();
}

void
sf_killfile_forked(void)
{
	if (sf_settings.kill_file_text[0] != '\0')
		poll_instead();
}
