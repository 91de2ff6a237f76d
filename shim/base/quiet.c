// SPDX-License-Identifier: BSD-2-Clause
// quiet.c: see quiet.h.
#include "quiet.h"

#include "sys.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#define SIGNAL_BIT(n) (1ull << ((n)-1))
#define OURS          (SIGNAL_BIT(SIGPIPE) | SIGNAL_BIT(SIGXFSZ))
#define PATIENCE_NS   100000000 /* for a full pipe, once */

/* What descriptor 2 was at start. */
SF_FIRST static struct {
	uint64_t device, inode;
	uint8_t noted, there;
	uint8_t plain;   /* confined: a write raises no signal and does not wait */
	uint8_t stalled; /* its reader has kept us waiting once */
} err;

bool
sf_quiet_begin(struct sf_quiet *q)
{
	const uint64_t all = ~0ull;
	uint64_t pending = 0;

	if (sf_sys_confined ||
	    sf_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&q->signals, 8, 0, 0) != 0)
		return false;
	if (sf_syscall6(SYS_rt_sigpending, (long)&pending, 8, 0, 0, 0, 0) == 0 &&
	    (pending & OURS) == 0)
		return true;
	sf_quiet_end(q);
	return false;
}

void
sf_quiet_settle(long error)
{
	const struct timespec now = {0, 0};
	uint64_t set = error == -EPIPE   ? SIGNAL_BIT(SIGPIPE)
		       : error == -EFBIG ? SIGNAL_BIT(SIGXFSZ)
					 : 0;

	if (set != 0)
		sf_syscall6(SYS_rt_sigtimedwait, (long)&set, 0, (long)&now, 8, 0, 0);
}

void
sf_quiet_end(struct sf_quiet *q)
{
	sf_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&q->signals, 0, 8, 0, 0);
}

static long
quiet_write_all(int fd, const char *p, size_t n, long offset)
{
	while (n > 0) {
		long done = offset < 0
				    ? sf_syscall6(SYS_write, fd, (long)p, (long)n, 0, 0, 0)
				    : sf_syscall6(SYS_pwrite64, fd, (long)p, (long)n, offset, 0, 0);

		if (done == -EINTR)
			continue;
		if (done <= 0)
			return done != 0 ? done : -EIO;
		p += done;
		n -= (size_t)done;
		offset += offset < 0 ? 0 : done;
	}
	return 0;
}

long
sf_quiet_write(int fd, const void *p, size_t n, long offset)
{
	struct sf_quiet q;
	long error;

	if (!sf_quiet_begin(&q))
		return -EAGAIN;
	error = quiet_write_all(fd, p, n, offset);
	sf_quiet_settle(error);
	sf_quiet_end(&q);
	return error;
}

/* ---- standard error ---- */

SF_START void
sf_quiet_note_stderr(void)
{
	struct stat st;

	err.noted = 1;
	err.there = sf_syscall6(SYS_fstat, 2, (long)&st, 0, 0, 0, 0) == 0;
	if (!err.there)
		return;
	err.device = st.st_dev;
	err.inode = st.st_ino;
}

static bool
quiet_is_as_noted(struct stat *st)
{
	if (sf_syscall6(SYS_fstat, 2, (long)st, 0, 0, 0, 0) != 0)
		return false;
	return !err.noted || (err.there && st->st_dev == err.device && st->st_ino == err.inode);
}

/* Room without waiting, or with waiting a little, once in a process. */
static bool
quiet_has_room(void)
{
	struct timespec patience = {0, err.stalled ? 0 : PATIENCE_NS};
	struct pollfd fd = {.fd = 2, .events = POLLOUT};

	if (sf_syscall6(SYS_ppoll, (long)&fd, 1, (long)&patience, 0, 8, 0) <= 0) {
		err.stalled = 1;
		return false;
	}
	return (fd.revents & (POLLOUT | POLLERR | POLLNVAL)) == POLLOUT;
}

void
sf_quiet_stderr(const char *s, size_t n)
{
	struct sf_quiet q;
	struct stat st;
	long error;

	if (sf_sys_confined) {
		if (err.plain)
			quiet_write_all(2, s, n, -1);
		return;
	}
	if (!sf_quiet_begin(&q))
		return;
	if (quiet_is_as_noted(&st) && quiet_has_room()) {
		error = quiet_write_all(2, s, n, -1);
		sf_quiet_settle(error);
	}
	sf_quiet_end(&q);
}

/* A pipe or a socket may lose its reader, a file meet a limit: then not a line is written any more. */
void
sf_quiet_confine(void)
{
	struct rlimit limit = {0, 0};
	struct stat st;

	if (!quiet_is_as_noted(&st) || !(S_ISREG(st.st_mode) || S_ISCHR(st.st_mode)))
		return;
	err.plain = S_ISCHR(st.st_mode) ||
		    (sf_syscall6(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, (long)&limit, 0, 0) == 0 &&
		     limit.rlim_cur == RLIM_INFINITY);
}
