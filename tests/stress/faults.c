// SPDX-License-Identifier: BSD-2-Clause
// faults WHAT: a host that writes nothing wrong, and brings itself into trouble that is its own affair. It
// prints what its look-ups said, the same bare and preloaded. See faults.py.
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define HITS    5000 /* more than one sample's distance */
#define SKIPPED 77

static void *lib;
static char text[1 << 14];
static size_t used;

/* Without stdio: in a sandbox nothing but write(2) may be called. */
static void
say(const char *what, long n)
{
	used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %ld\n", what, n);
}

static void
flush_text(void)
{
	if (write(1, text, used) != (ssize_t)used)
		_exit(9);
	used = 0;
}

static long
look(int rounds)
{
	long good = 0;
	Dl_info info;

	for (int i = 0; i < rounds; i++) {
		good += dlsym(lib, i & 1 ? "cbrt" : "hypot") != NULL;
		good += dlsym(lib, "not_there") == NULL && dlerror() != NULL;
		good += dlsym(RTLD_DEFAULT, "getenv") != NULL;
		good += dladdr((void *)(size_t)&qsort, &info) && !strcmp(info.dli_sname, "qsort");
		good += dladdr((char *)dlsym(lib, "cbrt") + 1, &info) &&
			strcmp(info.dli_sname, "") != 0;
	}
	return good;
}

static long
reopen(int rounds)
{
	long good = 0;

	for (int i = 0; i < rounds; i++) {
		void *h = dlopen("libm.so.6", RTLD_NOW);

		good += h == lib && dlclose(h) == 0;
	}
	return good;
}

static void *
look_thread(void *arg)
{
	*(long *)arg = look(100) + reopen(100);
	return NULL;
}

static void
threads(void)
{
	long good[4] = {0}, sum = 0;
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		if (pthread_create(&t[i], NULL, look_thread, &good[i]))
			_exit(8);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		sum += good[i];
	}
	say("threads", sum);
}

static void
child(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(look(100) == 500 && reopen(100) == 100 ? 0 : 1);
	waitpid(pid, &status, 0);
	say("child", status);
}

static void
work(void)
{
	void *frames[1] = {(void *)(size_t)&qsort};
	char **symbols;

	say("look", look(300));
	say("reopen", reopen(100));
	symbols = backtrace_symbols(frames, 1);
	say("symbols", symbols != NULL && strstr(symbols[0], "qsort") != NULL);
	free(symbols);
}

/* All descriptors but these two may be somebody's data. */
static void
everything(void)
{
	work();
	threads();
	child();
	work();
}

/* ---- the host's own sandbox ---- */

enum way { BY_PRCTL, BY_SECCOMP, BY_SYSCALL_PRCTL, STRICT };

static void
confine(enum way way)
{
	static const int allowed[] = {SYS_read, SYS_write,        SYS_exit_group,
				      SYS_exit, SYS_rt_sigreturn, SYS_brk};
	size_t n = 0, k = sizeof(allowed) / sizeof(allowed[0]);
	struct sock_filter code[16];
	struct sock_fprog prog = {0, code};
	long bad;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < k; i++)
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							 (unsigned int)allowed[i],
							 (unsigned char)(k - i), 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	prog.len = (unsigned short)n;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (way == STRICT)
		bad = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	else if (way == BY_SECCOMP)
		bad = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
			      &prog);
	else if (way == BY_SYSCALL_PRCTL)
		bad = syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
	else
		bad = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
	if (bad)
		_exit(SKIPPED);
}

static pthread_barrier_t before;
static int late_go;

static void *
late_thread(void *arg)
{
	pthread_barrier_wait(&before);
	while (__atomic_load_n(&late_go, __ATOMIC_ACQUIRE) == 0)
		continue;
	for (int i = 0; i < HITS; i++) /* nothing that takes libc memory of this thread's own */
		*(long *)arg += dlsym(lib, i & 1 ? "cbrt" : "getenv") != NULL;
	__atomic_store_n((long *)arg + 1, 1, __ATOMIC_RELEASE);
	for (;;)
		continue; /* it may not end: that takes more than it may call */
	return NULL;
}

static void
sandbox(const char *way, bool warm)
{
	static long late[2];
	pthread_t t;

	if (warm) {
		lib = dlopen("libm.so.6", RTLD_NOW);
		work();
		flush_text();

	} else {
		lib = dlopen(NULL, RTLD_NOW);
	}
	pthread_barrier_init(&before, NULL, 2);
	if (!strcmp(way, "tsync")) {
		if (pthread_create(&t, NULL, late_thread, late))
			_exit(8);
		pthread_barrier_wait(&before);
	}
	confine(!strcmp(way, "prctl")     ? BY_PRCTL
		: !strcmp(way, "syscall") ? BY_SYSCALL_PRCTL
		: !strcmp(way, "strict")  ? STRICT
					  : BY_SECCOMP);
	say("confined", look(HITS) > 0);
	__atomic_store_n(&late_go, 1, __ATOMIC_RELEASE);
	if (!strcmp(way, "tsync")) {
		while (!__atomic_load_n(&late[1], __ATOMIC_ACQUIRE))
			continue;
		say("late", late[0]);
	}
	say("more", look(HITS));
	flush_text();
	if (!strcmp(way, "strict")) /* which knows no exit_group */
		syscall(SYS_exit, 0);
}

/* ---- the rest ---- */

/* Its file is looked at when the process has ended. */
static void
own_data(void)
{
	close(2);
	if (open("data", O_CREAT | O_TRUNC | O_RDWR, 0600) != 2 || write(2, "the data", 8) != 8)
		_exit(8);
	everything();
}

static void
small_files(void)
{
	struct rlimit limit = {16, RLIM_INFINITY};

	setrlimit(RLIMIT_FSIZE, &limit);
}

static void
other_user(void)
{
	if (geteuid() != 0)
		_exit(SKIPPED);
	if (setgroups(0, NULL) || setgid(65534) || setuid(65534))
		_exit(7);
}

/* Each mapping that the host makes is its own to the last byte. */
static void
many_maps(void)
{
	enum { MAPS = 512 };
	unsigned char *at[MAPS];
	long bad = 0;

	for (int i = 0; i < MAPS; i++) {
		at[i] = mmap(NULL, 4096u << (i & 7), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (at[i] == MAP_FAILED)
			_exit(8);
		memset(at[i], 0xa5, 4096u << (i & 7));
	}
	work();
	for (int i = 0; i < MAPS; i++)
		for (size_t j = 0; j < 4096u << (i & 7); j++)
			bad += at[i][j] != 0xa5;
	say("bytes of the host's changed", bad);
}

static void
pending_signals(void)
{
	sigset_t set, seen;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigaddset(&set, SIGXFSZ);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGPIPE);
	kill(getpid(), SIGXFSZ);
	work();
	sigpending(&seen);
	say("pending", sigismember(&seen, SIGPIPE) + sigismember(&seen, SIGXFSZ) * 2);
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "plain";
	void *frames[1];

	free(malloc(100000));
	backtrace(frames, 1); /* loads what it needs */
	if (!strncmp(what, "sandbox-", 8)) {
		sandbox(what + 8, argc > 2);
		return 0;
	}
	lib = dlopen("libm.so.6", RTLD_NOW);
	if (!strcmp(what, "files"))
		small_files();
	work();
	if (!strcmp(what, "uid"))
		other_user();
	if (!strcmp(what, "root") && chroot("/var/empty") && chroot("/mnt"))
		_exit(SKIPPED);
	if (!strcmp(what, "short"))
		look(20), threads(), child(), look(20);
	else if (!strcmp(what, "data"))
		own_data();
	else if (!strcmp(what, "maps"))
		many_maps();
	else if (!strcmp(what, "pending"))
		pending_signals();
	else if (!strcmp(what, "for ever"))
		for (;;)
			everything();
	else
		everything();
	if (!strcmp(what, "vfork")) {
		pid_t pid = vfork();

		if (pid == 0) {
			look(10);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	flush_text();
	return 0;
}
