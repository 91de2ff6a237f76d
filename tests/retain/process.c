// SPDX-License-Identifier: BSD-2-Clause
// R7: the process's end, children, other users, signals, and libc's own loads, beside objects that are closed and open.
#include "host.h"

#include <errno.h>
#include <iconv.h>
#include <netdb.h>
#include <pwd.h>
#include <setjmp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <ucontext.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static void *open_one;

static void
at_exit(void)
{
	say("the host's atexit");
}

/* Ends with `how` while alpha is closed (for the n-th time) and top is open. */
static void
ends(void (*how)(int))
{
	atexit(at_exit);
	host_cycle("alpha", reps);
	host_cycle("objects", reps);
	host_cycle("registers", reps);
	open_one = host_open("base.so", RTLD_NOW);
	row_done();
	how(7);
}
static void
inner_exit(void)
{
	ends(exit);
}
static void
inner_exit_at_once(void)
{
	ends(_exit);
}
static void
inner_exit_quickly(void)
{
	ends(quick_exit);
}
static void
inner_exec(void)
{
	host_cycle("alpha", reps);
	row_done();
	execl(row_argv[0], row_argv[0], "--inner", "after exec", "2", NULL);
}
/* Opened again, and open at the end. */
static void
inner_exit_open(void)
{
	host_cycle("alpha", reps);
	host_open("alpha.so", RTLD_NOW);
	row_done();
}
static void
inner_abort(void)
{
	host_cycle("alpha", reps);
	row_done();
	abort();
}

static const struct {
	const char *name;
	void (*run)(void);
} inners[] = {
	{"exit", inner_exit}, {"_exit", inner_exit_at_once}, {"quick_exit", inner_exit_quickly},
	{"exec", inner_exec}, {"open", inner_exit_open},     {"abort", inner_abort}};

void
inner_main(const char *inner)
{
	for (size_t i = 0; i < sizeof(inners) / sizeof(*inners); i++)
		if (strcmp(inners[i].name, inner) == 0)
			inners[i].run();
}

static void
process_ends(void)
{
	for (size_t i = 0; i < sizeof(inners) / sizeof(*inners); i++)
		in_process(inners[i].name, NULL, NULL);
}

static int
wait_for(pid_t child)
{
	int status = 0;

	waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Children of each moment: closed, open, in a constructor, in a destructor. */
static void
forks(const char *who)
{
	pid_t child;

	if (strcmp(who, "alpha") != 0)
		return;
	child = fork();
	if (child == 0) {
		host_on_begin = host_on_end = NULL;
		host_cycle("beta", 1);
		_exit(5);
	}
	say("child %d", wait_for(child));
}
static void
children(void)
{
	for (int i = 0; i < reps; i++) {
		void *h;
		pid_t child;

		host_cycle("alpha", 2);
		child = fork();
		if (child == 0) {
			host_cycle("alpha", 3);
			host_loaded("alpha.so");
			row_done();
			exit(3);
		}
		say("child %d", wait_for(child));
		h = host_open("alpha.so", RTLD_NOW);
		child = fork();
		if (child == 0) {
			host_touch(h, "alpha");
			host_close(h);
			host_cycle("alpha", 2);
			host_open("alpha.so", RTLD_NOW);
			exit(4);
		}
		say("child %d", wait_for(child));
		host_touch(h, "alpha");
		host_close(h);
	}
	host_on_begin = host_on_end = forks;
	host_cycle("alpha", 3);
}

static void
vforks(void)
{
	host_cycle("alpha", 4);
	for (int i = 0; i < reps; i++) {
		pid_t child = vfork();

		if (child == 0)
			_exit(6);
		say("child %d", wait_for(child));
		host_cycle("alpha", 1);
	}
}

/* Another user may not read the file. */
static void
another_user(void)
{
	pid_t child;

	if (geteuid() != 0) {
		say("not root");
		host_cycle("alpha", reps);
		return;
	}
	host_copy("alpha.so", "./p.so");
	chmod("p.so", 0700);
	host_settle();
	for (int i = 0; i < 4; i++) {
		void *h = host_open("./p.so", RTLD_NOW);

		host_touch(h, "alpha");
		host_close(h);
	}
	child = fork();
	if (child == 0) {
		if (setgid(65534) || setuid(65534))
			_exit(1);
		host_open("./p.so", RTLD_NOW);
		host_loaded("./p.so");
		exit(0);
	}
	say("child %d", wait_for(child));
	if (seteuid(65534) == 0)
		host_open("./p.so", RTLD_NOW);
	if (seteuid(0) == 0)
		for (int i = 0; i < 4; i++) {
			void *h = host_open("./p.so", RTLD_NOW);

			host_touch(h, "alpha");
			host_close(h);
		}
}

/* No descriptor is left: libc cannot open either. */
static void
no_descriptors(void)
{
	int fds[4096], n = 0;

	host_cycle("alpha", 4);
	while (n < 4096 && (fds[n] = dup(1)) >= 0)
		n++;
	host_open("alpha.so", RTLD_NOW);
	host_loaded("alpha.so");
	while (n-- > 0)
		close(fds[n]);
	host_cycle("alpha", 4);
}

static volatile sig_atomic_t signals, missing;
static void *probe;
/*
 * Where a mutex of libc's is taken or given back it has no owner for an instruction or two: a look-up of libc's that
 * comes then waits for its own thread, with the library and without. There the handler asks nothing.
 */
static bool
at_a_lock(const void *context)
{
	const mcontext_t *m = &((const ucontext_t *)context)->uc_mcontext;
#ifdef __x86_64__
	uintptr_t at = (uintptr_t)m->gregs[REG_RIP];
#else
	uintptr_t at = m->pc;
#endif

	return at - (uintptr_t)pthread_mutex_lock + 4096 < 8192 ||
	       at - (uintptr_t)pthread_mutex_unlock + 4096 < 8192;
}
static void
handler(int s, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)s;
	(void)info;
	signals++;
	missing += !at_a_lock(context) && dlsym(probe, "qsort") == NULL;
	errno = saved;
}
static void
under_signals(void)
{
	struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_RESTART | SA_SIGINFO};
	struct itimerval tick = {{0, 700}, {0, 700}}, none = {{0, 0}, {0, 0}};

	probe = dlopen("libc.so.6", RTLD_NOW);
	dlsym(probe, "qsort");
	host_quiet = true;
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &tick, NULL);
	for (int i = 0; i < 3000; i++) {
		void *h = dlopen(lab(i / 8 % 2 ? "alpha.so" : "beta.so"), RTLD_NOW);

		if (!h || !dlsym(h, i / 8 % 2 ? "alpha_add" : "beta_add"))
			missing++;
		dlclose(h);
	}
	setitimer(ITIMER_REAL, &none, NULL);
	say("signals %d, missing %d", signals > 0, (int)missing);
}

/* libc loads by itself: iconv's modules, NSS. */
static void
libc_loads(void)
{
	for (int i = 0; i < reps; i++) {
		char in[] = "abc", out[64] = "", *from = in, *to = out;
		size_t a = 3, b = sizeof(out);
		iconv_t c;
		const struct passwd *p;

		host_cycle("usesm", 2);
		host_cycle("alpha", 1);
		c = iconv_open("UTF-16LE", "ISO-8859-2");
		say("iconv %d",
		    c != (iconv_t)-1 && iconv(c, &from, &a, &to, &b) == 0 && out[2] == 'b');
		host_cycle("alpha", 1);
		if (c != (iconv_t)-1)
			iconv_close(c);
		p = getpwuid(0);
		say("root %s", p ? p->pw_name : "nobody");
		endpwent();
		host_cycle("usesm", 1);
	}
}

const struct row rows[] = {
	{"R7 exit: exit, _exit, quick_exit, exec, abort", process_ends, 0},
	{"R7 fork: while closed, open, in constructors and destructors", children, 0},
	{"R7 fork: vfork", vforks, 0},
	{"R3 files: another user may not read it", another_user, 0},
	{"R3 files: no descriptor is left", no_descriptors, 0},
	{"R7 exit: signals that look up during opens and closes", under_signals, 0},
	{"R5 others: libc loads by itself", libc_loads, 0},
	{NULL, NULL, 0},
};
