// SPDX-License-Identifier: BSD-2-Clause
// confine.c: notices, before it happens, that the host is about to filter its own system calls.
//
// A filter (seccomp) may kill the process for any call that it does not name, and nothing tells whether there
// is one. So prctl and syscall are wrapped: a few compares and a jump, in confine.S. Before a filter is set by
// either, what may be needed later is asked for, and then nothing is asked any more (base/sys.h). A filter
// that is set by an instruction of the host's own goes unseen: docs/security.md.
#include "entry.h"

#include "../base/sys.h"
#include "../base/ticks.h"
#include "../libc/next.h"
#include <errno.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

/* For confine.S: the next prctl and syscall; NULL until the first call of either. */
void *sf_confine_next[2];

/*
 * For confine.S, of each call that may set a filter or forbid the time stamp counter, and of the first of
 * each of the two. The arguments are as they came, four of them at least.
 */
void sf_confine_look(unsigned int which, const unsigned long *argument);

/* What is still to be prepared is prepared now, unless another thread is at it. */
static void
confine_prepare(void)
{
	sf_prepare();
	for (int i = 0; i < 1000 && sf_load_32(&sf_phase) == SF_PHASE_PREPARING; i++)
		sf_sys_pause(20);
	sf_segment_confine();
}

static void
confine_look_prctl(unsigned long option, unsigned long a, unsigned long b)
{
	if (option == PR_SET_TSC) {
		sf_ticks_forbidden = a == PR_TSC_SIGSEGV;
	} else if (a == SECCOMP_MODE_STRICT) {
		sf_ticks_forbidden = 1; /* the kernel does that as well */
		confine_prepare();
	} else if (a == SECCOMP_MODE_FILTER && b != 0) {
		confine_prepare();
	}
}

static void
confine_look_seccomp(unsigned long operation)
{
	if (operation == SECCOMP_SET_MODE_STRICT)
		confine_look_prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0);
	else if (operation == SECCOMP_SET_MODE_FILTER)
		confine_prepare();
}

/* There is no libc before us, or none yet. */
static long
confine_no_function(void)
{
	errno = ENOSYS;
	return -1;
}

void
sf_confine_look(unsigned int which, const unsigned long *argument)
{
	static const char names[2][8] = {"prctl", "syscall"};
	void *next;

	if (sf_confine_next[which] == NULL) {
		sf_boot();
		next = sf_next_find(names[which]);
		sf_store_ptr(&sf_confine_next[which],
			     next != NULL ? next : (void *)(uintptr_t)confine_no_function);
	}
	if (which == 1 && argument[0] == SYS_seccomp)
		confine_look_seccomp(argument[1]);
	else if (which == 1 && argument[0] == SYS_prctl)
		which = 0, argument++;
	if (which == 0 && (argument[0] == PR_SET_SECCOMP || argument[0] == PR_SET_TSC))
		confine_look_prctl(argument[0], argument[1], argument[2]);
}
