// SPDX-License-Identifier: BSD-2-Clause
// The leaf on kernels and file systems that answer otherwise, by a system call filter that lets the test
// answer: remote ones, coarse change times, slow ones, statx without what is needed.
#include "table.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/stat.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <ucontext.h>

static uint32_t said_type; // of the file system, where not 0
static bool whole_seconds; // file systems that keep times so
static uint64_t takes;     // the clock's part of a statx
static bool sleeps_then;   // and whether the thread sleeps meanwhile
static uint32_t hidden;    // bits that statx does not know

static void
answer(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)sig;
	if (info->si_syscall == SYS_statfs) {
		struct statfs *fs = (struct statfs *)r[REG_RSI];

		fs->f_type = said_type ? said_type : 0xef53;
		r[REG_RAX] = 0;
	} else {
		// The same by another number of arguments: the filter lets a fifth flag pass.
		struct statx *st = (struct statx *)r[REG_R8];

		r[REG_RAX] = sf_syscall6(SYS_statx, r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10],
					 r[REG_R8], 1);
		st->stx_mask &= ~hidden;
		if (whole_seconds)
			st->stx_ctime.tv_nsec = 0;
		fake_ns += takes;
		if (sleeps_then)
			usleep(1000);
	}
}

static bool
catch_calls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_statfs, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_statx, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {sizeof(code) / sizeof(code[0]), code};
	struct sigaction act = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO};

	return sigaction(SIGSYS, &act, NULL) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

// Whatever has to be waited for, or is not told apart, is never proved by a stat.
static void
test_kernel(void)
{
	static const uint32_t remote[] = {
		0x6969,     0xff534d42, 0xfe534d42, 0x517b,     0x65735546, 0x01021997, 0x00c36400,
		0x73757245, 0x5346414f, 0x6b414653, 0x0bd00bd0, 0x7461636f, 0x01161970, 0x786f4256};
	static const uint32_t bits[] = {STATX_NLINK, STATX_INO, STATX_CTIME, STATX_MNT_ID};

	if (!catch_calls()) {
		printf("SKIP: no system call filter here\n");
		return;
	}
	fresh_table(0);
	put(a, a, 7);
	CHECK(get(a) == 7);
	for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++) {
		fresh_table(0);
		said_type = remote[i];
		put(a, a, 7);
		CHECK(get(a) == 0 && t->fills[SF_GO_SKIP_FILE] == 1);
		fake_ns += SF_GO_REMOTE_NS - SF_GO_RENEW_NS;
		CHECK(get(a) == 0 && get(a) == 0 && t->fills[SF_GO_SKIP_FILE] == 1);
	}
	// A change time without nanoseconds may be one of whole seconds, or of every other one.
	said_type = 0;
	whole_seconds = true;
	struct stat st;
	CHECK(stat(a, &st) == 0);
	for (uint64_t more = 0; more <= 1; more++) {
		fresh_table(0);
		put(a, a, 7);
		fake_wall = (uint64_t)st.st_ctim.tv_sec * 1000000000 + 2020000000 + more;
		CHECK(get(a) == (more ? 7 : 0) && t->fills[SF_GO_SKIP_FILE] == !more);
	}
	fake_wall = 0;
	whole_seconds = false;
	// A slow stat: its answer counts, and then Go's way for a second. Not if the thread was kept
	// from running by others.
	fresh_table(0);
	put(a, a, 7);
	CHECK(get(a) == 7);
	takes = SF_GO_SLOW_NS + 1;
	CHECK(get(a) == 7 && t->fills[SF_GO_SLOW] == 0 && get(a) == 7);
	sleeps_then = true;
	CHECK(get(a) == 7 && t->fills[SF_GO_SLOW] == 1);
	takes = 0;
	sleeps_then = false;
	CHECK(get(a) == 0 && t->fills[SF_GO_BYPASS_PAUSED] == 1);
	put(a, a, 7); // Go's word does not end the pause
	fake_ns += SF_GO_RENEW_NS - 1;
	CHECK(get(a) == 0 && t->fills[SF_GO_BYPASS_PAUSED] == 2);
	fake_ns += SF_GO_PAUSE_NS;
	CHECK(get(a) == 7 && get(a) == 7 && t->fills[SF_GO_SLOW] == 1);
	said_type = remote[0];
	// A remote canonical name has its time to live, and no proof behind it.
	fresh_table(1000);
	put(a, a, 7);
	CHECK(get(a) == 7);
	fake_ns += 5000;
	CHECK(get(a) == 0 && get(a) == 0 && counted(SF_GO_REFRESH) == 1);
	CHECK(t->fills[SF_GO_BYPASS_PAUSED] == 1);
	said_type = 0;
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		fresh_table(0);
		put(a, a, 7);
		hidden = bits[i];
		CHECK(get(a) == 0 && counted(SF_GO_STALE) == 1);
		put(b, b, 7);
		CHECK(get(b) == 0 && t->fills[SF_GO_SKIP_KERNEL] == 2);
		CHECK(get(b) == 0 && t->fills[SF_GO_BYPASS_PAUSED] == 1);
		hidden = 0;
	}
}

int
main(void)
{
	if (!make_folder())
		return 2;
	settle();
	test_kernel();
	printf("%d failures\n", failures);
	remove_folder();
	return failures ? 1 : 0;
}
