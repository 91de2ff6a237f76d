// SPDX-License-Identifier: BSD-2-Clause
// killfile.c: see killfile.h.
#include "killfile.h"

#include "../base/bytes.h"
#include "../base/lock.h"
#include "../base/sys.h"
#include "../base/ticks.h"
#include "../map/thread.h"
#include "../observe/settings.h"
#include <fcntl.h>
#include <time.h>

#define PERIOD_NS 200000000u

uint8_t sf_killfile_waiting;

static uint64_t next_look;   /* CLOCK_MONOTONIC, ns */
static uint64_t asked_ticks; /* when the clock was last read */
SF_LOCK(lock, NULL);         /* one thread looks, the others go on */
static uint32_t before;      /* the last mode that was not off, seen before the file */
static uint32_t since;       /* the breaker when the file put it out */

static bool
killfile_is_there(void)
{
	return sf_syscall6(SYS_faccessat, AT_FDCWD, (long)sf_settings.kill_file_text, 0, 0, 0, 0) ==
	       0;
}

/* Its state and how often it opened. */
static uint32_t
killfile_breaker_now(void)
{
	return sf_load_32(&sf_control.breaker_trips) << 2 | (sf_load_32(&sf_control.breaker) & 3);
}

/* The mode word is taken, not overwritten: the breaker may take it at the same moment. */
static void
killfile_put_out(uint32_t word)
{
	if (word == SF_MODE_WORD_OFF || !sf_cas_32(&sf_control.word, word, SF_MODE_WORD_OFF))
		return;
	sf_segment_set_mode(SF_MODE_WORD_OFF, SYMFAST_SHM_BY_FILE);
}

/*
 * The mode word is put back when the file goes, but only if it is still the file's: what ctl or the
 * breaker has set since then stands.
 */
static void
killfile_put_back(void)
{
	if (sf_load_32(&sf_control.reason) != SYMFAST_SHM_BY_FILE ||
	    killfile_breaker_now() != since)
		return;
	sf_segment_set_mode(before, SYMFAST_SHM_BY_FILE);
	sf_fence_full(); /* pairs with the one in open_it(): it sees the mode word, or this sees the breaker */
	if (killfile_breaker_now() != since)
		sf_segment_set_mode(SF_MODE_WORD_OFF, SYMFAST_SHM_BY_BREAKER);
}

static void
killfile_look(void)
{
	struct symfast_shm_control *c = &sf_control;
	bool there = killfile_is_there(), seen = sf_load_32(&c->kill_file_seen) != 0;
	uint32_t breaker = killfile_breaker_now(), word;

	sf_fence_load(); /* a breaker that opens after this look finds the mode word, or has taken it */
	word = sf_load_32(&c->word);
	if (word != SF_MODE_WORD_OFF) {
		/* Noted each time: a child may meet the mode word when its parent has put it out. */
		before = word;
		since = breaker;
	}
	if (there)
		killfile_put_out(word);
	else if (seen)
		killfile_put_back();
	if (there != seen)
		sf_store_32(&c->kill_file_seen, there);
}

SF_START void
sf_killfile_start(void)
{
	const char *path = sf_settings.kill_file_text;

	if (path[0] == '\0')
		return;
	sf_bytes_cut(sf_control.kill_file, path, sizeof(sf_control.kill_file));
	killfile_look();
	sf_killfile_waiting = 1;
	sf_thread_slow_every(SF_KILLFILE_HITS - 1);
}

void
sf_killfile_poll(void)
{
	uint64_t ticks, now;

	if (sf_sys_confined)
		return;
	ticks = sf_ticks();
	/* The clock is a system call, too. A counter that stands behind another CPU's is a long time. */
	if (ticks - sf_load_64(&asked_ticks) < SF_TICKS_FEW || !sf_lock_try(&lock))
		return;
	sf_store_64(&asked_ticks, ticks);
	now = sf_sys_clock(CLOCK_MONOTONIC);
	if (now >= next_look) {
		next_look = now + PERIOD_NS;
		killfile_look();
	}
	sf_lock_release(&lock);
}

void
sf_killfile_forked(void)
{
	sf_lock_reset(&lock);
}
