// SPDX-License-Identifier: BSD-2-Clause
// Rows 2 and 43 to 46 of the contract: dl_iterate_phdr, what it tells and what its callback may do.
#include "raw.h"
#include "row.h"
#include <dlfcn.h>
#include <errno.h>
#include <iconv.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY 512

/* What the objects of the lab call back. */
void lab_event(const char *object, int step);

typedef int callback(struct dl_phdr_info *, size_t, void *);

static unsigned long long first_adds, first_subs;
static unsigned int initial; /* objects before the first one that was opened */
static __thread int own_tls = 5;

static int
note_first(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size;
	(void)unused;
	first_adds = info->dlpi_adds;
	first_subs = info->dlpi_subs;
	initial++;
	return 0;
}

/* The shim itself is one object more: numbers are told as differences to the row's beginning. */
static void
begin(void)
{
	initial = 0;
	dl_iterate_phdr(note_first, NULL);
}

static const char *
short_name(const struct dl_phdr_info *info)
{
	const char *slash = strrchr(info->dlpi_name, '/');

	return slash ? slash + 1 : info->dlpi_name;
}

static void
tell(const char *who, const struct dl_phdr_info *info)
{
	say("%s%s, %d headers, adds %llu, subs %llu, block %s", who, short_name(info),
	    info->dlpi_phnum, info->dlpi_adds - first_adds, info->dlpi_subs - first_subs,
	    info->dlpi_tls_data    ? "there"
	    : info->dlpi_tls_modid ? "not yet"
				   : "none");
}

struct listing {
	const char *who;
	unsigned int seen;
};

static int
list_opened(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct listing *l = arg;

	(void)size;
	if (l->seen++ >= initial)
		tell(l->who, info);
	return 0;
}

/* All objects beyond the initial ones. */
static void
list(const char *who)
{
	struct listing l = {who, 0};
	int result = dl_iterate_phdr(list_opened, &l);

	say("%s%d objects more, result %d", who, (int)(l.seen - initial), result);
}

static void
numbers(void)
{
	void *alpha, *beta, *chain;

	begin();
	EACH list("");
	alpha = must_open("alpha.so", RTLD_LAZY);
	EACH list("alpha: ");
	beta = must_open("beta.so", RTLD_LAZY | RTLD_GLOBAL);
	EACH list("beta: ");
	see_close(alpha);
	EACH list("less alpha: ");
	chain = must_open("down.so", RTLD_LAZY);
	EACH list("chain: ");
	see_close(chain);
	see_close(beta);
	dlopen(lab("no such file.so"), RTLD_LAZY);
	EACH list("all closed: ");
}

static void
churned(void)
{
	begin();
	EACH
	{
		void *alpha = must_open(each_ % 2 ? "alpha.so" : "beta.so", RTLD_LAZY);

		list("");
		see_close(alpha);
		list("closed: ");
		first_adds++;
		first_subs++;
	}
}

/* ---- field by field ---- */

struct copies {
	unsigned int count;
	struct dl_phdr_info info[MANY];
};

static int
copy(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct copies *c = arg;

	if (size == sizeof(*info) && c->count < MANY)
		c->info[c->count++] = *info;
	memset(info, 0x5a, size); /* nobody's but this callback's */
	return 0;
}

static void
compare(const char *when)
{
	static struct copies ours, libc;
	int (*raw)(callback *, void *) =
		(int (*)(callback *, void *))raw_function("dl_iterate_phdr");
	int differ = 0;
	unsigned int i;

	ours.count = libc.count = 0;
	dl_iterate_phdr(copy, &ours);
	raw(copy, &libc);
	for (i = 0; i < ours.count && i < libc.count; i++)
		differ += memcmp(&ours.info[i].dlpi_adds, &libc.info[i].dlpi_adds, 32) ||
			  ours.info[i].dlpi_addr != libc.info[i].dlpi_addr ||
			  ours.info[i].dlpi_name != libc.info[i].dlpi_name ||
			  ours.info[i].dlpi_phdr != libc.info[i].dlpi_phdr ||
			  ours.info[i].dlpi_phnum != libc.info[i].dlpi_phnum;
	say("%s: %s, %d objects differ from libc's", when,
	    ours.count == libc.count ? "as many" : "another number", differ);
}

static void
compare_in_thread(void *when)
{
	compare(when);
}

static void
fields(void)
{
	void *alpha, *kinds;
	int *touched;

	begin();
	EACH compare("start");
	alpha = must_open("alpha.so", RTLD_LAZY);
	kinds = must_open("kinds.so", RTLD_LAZY);
	must_open("down.so", RTLD_LAZY);
	EACH compare("opened");
	in_thread(compare_in_thread, (void *)"opened, in a thread");
	touched = dlsym(kinds, "kind_tls");
	*touched = 1;
	EACH compare("touched");
	in_thread(compare_in_thread, (void *)"touched elsewhere");
	see_close(alpha);
	EACH compare("closed");
}

/* ---- thread-local blocks ---- */

static int
own_block(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	*(void **)arg = info->dlpi_tls_data;
	return 1; /* the executable comes first */
}

static void
see_own_block(void *where_it_was)
{
	static long distance;
	void *block = NULL;
	int result = dl_iterate_phdr(own_block, &block);

	if (where_it_was)
		distance = (char *)&own_tls - (char *)block;
	say("result %d, own variable at %s, %d", result,
	    (char *)block + distance == (char *)&own_tls ? "its place" : "another place",
	    *(int *)((char *)block + distance));
}

static void
blocks(void)
{
	void *kinds;

	begin();
	see_own_block(&kinds);
	in_thread(see_own_block, NULL);
	kinds = must_open("kinds.so", RTLD_LAZY);
	EACH list("untouched: ");
	in_thread((void (*)(void *))list, (void *)"untouched, thread: ");
	*(int *)dlsym(kinds, "kind_tls") = 9;
	EACH list("touched: ");
	in_thread((void (*)(void *))list, (void *)"touched, thread: ");
	see_close(kinds);
	EACH list("closed: ");
}

/* ---- what a callback may do ---- */

struct act {
	unsigned int seen;
	unsigned int at;     /* acts on this object, counted from 0 */
	const char *opens;   /* opens it */
	unsigned int before; /* opens and closes it so often before */
	void *closes;        /* closes it */
	unsigned int deeper; /* walks again, so many levels down */
	int returns;
};

static int
act(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct act *a = arg;

	(void)size;
	if (a->seen == 0 || a->seen >= initial)
		tell("", info);
	if (a->seen++ != a->at)
		return 0;
	for (unsigned int i = 0; i < a->before; i++)
		see_close(must_open(a->opens, RTLD_LAZY));
	if (a->opens)
		must_open(a->opens, RTLD_LAZY);
	if (a->closes)
		see_close(a->closes);
	if (a->deeper) {
		struct act inner = {
			.at = a->at, .deeper = a->deeper - 1, .returns = a->returns + 1};

		say("level %u: %d", a->deeper, dl_iterate_phdr(act, &inner));
	}
	return a->returns;
}

static void
acts(struct act a)
{
	int result = dl_iterate_phdr(act, &a);

	if (a.seen >= initial)
		say("result %d after %d more", result, (int)(a.seen - initial));
	else
		say("result %d, early", result);
}

static void
callback_opens(void)
{
	begin();
	acts((struct act){.at = 0, .opens = "alpha.so"});
	acts((struct act){.at = initial, .opens = "beta.so"});
	acts((struct act){.at = initial + 1, .opens = "down.so"});
	EACH acts((struct act){.at = 0, .opens = "down.so"});
	list("");
}

/* More changes than there are lists to keep for those who still read one. */
static void
callback_churns(void)
{
	begin();
	must_open("alpha.so", RTLD_LAZY);
	acts((struct act){.at = 0, .opens = "beta.so", .before = 70});
	acts((struct act){.at = initial, .opens = "down.so", .before = 70});
	list("");
}

static void
callback_closes(void)
{
	void *alpha, *beta, *down;

	begin();
	alpha = must_open("alpha.so", RTLD_LAZY);
	beta = must_open("beta.so", RTLD_LAZY);
	down = must_open("down.so", RTLD_LAZY);
	acts((struct act){.at = 0, .closes = alpha});
	acts((struct act){.at = initial, .closes = down});
	acts((struct act){.at = 0, .opens = "gamma.so", .closes = beta});
	list("");
}

static void
callback_stops(void)
{
	begin();
	EACH acts((struct act){.at = 0, .returns = 7});
	EACH acts((struct act){.at = 1, .returns = -3});
}

static void
nested(void)
{
	begin();
	must_open("alpha.so", RTLD_LAZY);
	EACH acts((struct act){.at = 0, .deeper = 1, .returns = 1});
	acts((struct act){.at = 0, .deeper = 3});
	acts((struct act){.at = initial, .deeper = 12, .returns = 2});
	EACH list("");
}

/* ---- ways out ---- */

static jmp_buf back;

static int
jump_out(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)info;
	(void)size;
	(void)unused;
	longjmp(back, 1);
}

static void
jumped(void)
{
	int i;

	begin();
	for (i = 0; i < 12; i++)
		if (setjmp(back) == 0)
			dl_iterate_phdr(jump_out, NULL);
	must_open("alpha.so", RTLD_LAZY);
	list("");
	see_close(must_open("beta.so", RTLD_LAZY));
	list("");
}

static int
leave_thread(struct dl_phdr_info *info, size_t size, void *how)
{
	(void)info;
	(void)size;
	if (how)
		pthread_exit(NULL);
	pthread_cancel(pthread_self());
	pthread_testcancel();
	return 0;
}

static int
leave_deep(struct dl_phdr_info *info, size_t size, void *how)
{
	(void)info;
	(void)size;
	return dl_iterate_phdr(leave_thread, how);
}

static void
exits(void *how)
{
	dl_iterate_phdr(leave_thread, how);
}

static void
exits_deep(void *how)
{
	dl_iterate_phdr(leave_deep, how);
}

/* A lock that stayed taken would hang the threads that come after, as it does in glibc 2.31. */
static void
thread_leaves(void)
{
	void *alpha;

	begin();
	alpha = must_open("alpha.so", RTLD_LAZY);
	EACH
	{
		in_thread(exits, NULL);
		in_thread(exits, &own_tls);
		in_thread(exits_deep, NULL);
		in_thread(exits_deep, &own_tls);
		list("");
	}
	in_thread((void (*)(void *))list, (void *)"thread: ");
	see_close(alpha);
	in_thread((void (*)(void *))list, (void *)"thread: ");
}

static int
fork_inside(struct dl_phdr_info *info, size_t size, void *unused)
{
	int status = -1;
	pid_t child = fork();

	(void)size;
	(void)unused;
	if (child == 0)
		_exit(3); /* under libc the child's own lock is nobody's: a walk of it would wait for ever */
	waitpid(child, &status, 0);
	say("%s: child %d", short_name(info), status);
	return 1;
}

static void
forks(void)
{
	pid_t child;
	int status = -1;

	begin();
	must_open("beta.so", RTLD_LAZY);
	EACH say("result %d", dl_iterate_phdr(fork_inside, NULL));
	in_thread((void (*)(void *))list, (void *)"thread: ");
	child = fork();
	if (child == 0) {
		list("child: ");
		must_open("alpha.so", RTLD_LAZY);
		list("child: ");
		in_thread((void (*)(void *))list, (void *)"child, thread: ");
		_exit(0);
	}
	waitpid(child, &status, 0);
	say("child %d", status);
}

static void
on_signal(int number)
{
	(void)number;
	list("handler: ");
}

static int
raise_inside(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)info;
	(void)size;
	(void)unused;
	raise(SIGUSR1);
	return 1;
}

static void
signals(void)
{
	begin();
	must_open("alpha.so", RTLD_LAZY);
	signal(SIGUSR1, on_signal);
	EACH say("result %d", dl_iterate_phdr(raise_inside, NULL));
}

/* ---- who else ---- */

void
lab_event(const char *object, int step)
{
	say("%s %s", object, step > 0 ? "is constructed" : "is destructed");
	list(step > 0 ? "constructor: " : "destructor: ");
}

static void
inside_loads(void)
{
	void *mid;

	begin();
	mid = must_open("libmid.so", RTLD_LAZY);
	list("");
	see_close(mid);
	list("");
	EACH see_close(must_open("ev1.so", RTLD_LAZY));
}

static void
libc_loads(void)
{
	static const char *const codes[] = {"KOI8-R", "CP1251", "EUC-JP", "SHIFT_JIS", "CP1252"};
	unsigned int i;

	begin();
	for (i = 0; i < 5 * 2; i++) {
		iconv_t conversion = iconv_open(codes[i % 5], "UTF-8");

		list("open: ");
		if (conversion != (iconv_t)-1)
			iconv_close(conversion);
		list("closed: ");
	}
}

static void
namespaces(void)
{
	void *other;

	begin();
	must_open("alpha.so", RTLD_LAZY);
	EACH list("");
	other = dlmopen(LM_ID_NEWLM, lab("beta.so"), RTLD_LAZY);
	say("other %s", other ? "opened" : dlerror());
	EACH list("two: ");
	must_open("gamma.so", RTLD_LAZY);
	EACH list("two: ");
	see_close(other);
	EACH list("one again: ");
}

static void
errors(void)
{
	void *kinds = must_open("kinds.so", RTLD_LAZY);

	begin();
	EACH
	{
		dlsym(kinds, "none");
		errno = 77;
		list("");
		say("errno %d", errno);
		see_error("pending");
		list("");
		see_error("told");
	}
}

const struct row rows[] = {
	{"C45 numbers", numbers, 0},
	{"C45 numbers under churn", churned, 0},
	{"C45 field by field", fields, 0},
	{"C45 thread-local blocks", blocks, 0},
	{"C44 callback opens", callback_opens, 0},
	{"C44 callback closes", callback_closes, 0},
	{"C44 C45 callback opens and closes often", callback_churns, 0},
	{"C44 callback stops", callback_stops, 0},
	{"C44 walk in a walk", nested, 0},
	{"C44 longjmp out of callbacks", jumped, 0},
	{"C44 thread ends or is cancelled in a callback", thread_leaves, 3},
	{"C46 fork", forks, 0},
	{"C43 signal in a callback", signals, 0},
	{"C32 C44 constructors and destructors walk", inside_loads, 0},
	{"C35 libc's own loads", libc_loads, 0},
	{"C45 two namespaces", namespaces, 0},
	{"C2 errors stay", errors, 0},
	{0},
};
