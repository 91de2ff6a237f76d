// SPDX-License-Identifier: BSD-2-Clause
// Rows 2, 37 to 42 and 54 of the contract: dladdr, dladdr1, backtrace_symbols; lifetimes of what they name.
#include "row.h"
#include <execinfo.h>
#include <iconv.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define ENOUGH   60 /* calls after which a small object's index is there */

/* ---- observers ---- */

static const char *
base_of(const char *path)
{
	const char *slash = path != NULL ? strrchr(path, '/') : NULL;

	return slash != NULL ? slash + 1 : path != NULL ? path : "NULL";
}

/* What one call says, without numbers that differ from run to run. */
static const char *
told(const void *address)
{
	static char lines[4][512];
	static int turn;
	char *line = lines[turn++ % 4];
	Dl_info info;

	memset(&info, 0x11, sizeof(info));
	if (dladdr(address, &info) == 0)
		return "none";
	snprintf(line, sizeof(lines[0]), "%s base %s symbol %s at %s", base_of(info.dli_fname),
		 where(info.dli_fbase), info.dli_sname != NULL ? info.dli_sname : "NULL",
		 where(info.dli_saddr));
	return line;
}

static void
see_address(const char *what, const void *address)
{
	EACH
	{
		say("%s: %s", what, told(address));
	}
}

static void
warm(const void *address)
{
	for (int i = 0; i < ENOUGH; i++)
		told(address);
}

static char *
must_sym(void *handle, const char *name)
{
	char *address = dlsym(handle, name);

	if (address == NULL)
		_exit(94);
	return address;
}

/* ---- 2, 39: what is not touched ---- */

static void
error_stays(void)
{
	EACH
	{
		Dl_info info;

		dlsym(RTLD_DEFAULT, "no_such_symbol");
		dladdr((void *)strtol, &info);
		dladdr(NULL, &info);
		dladdr(&info, &info);
		say("%s", text(dlerror()) == NULL ? "lost" : "kept");
		dladdr(&info, &info);
		say("then %s", text(dlerror()));
	}
}

static void
not_found(void)
{
	static const int flags[] = {0, RTLD_DL_SYMENT, RTLD_DL_LINKMAP, 3, -1};
	static const char pattern[sizeof(Dl_info)] = {1, 2, 3, 4, 5, 6, 7};
	int on_stack;

	EACH
	{
		for (size_t i = 0; i < COUNT(flags); i++) {
			void *extra = &on_stack;
			Dl_info info;
			int result;

			memcpy(&info, pattern, sizeof(info));
			result = dladdr1(&on_stack, &info, &extra, flags[i]);
			say("%d: info %s, extra %s", result,
			    memcmp(&info, pattern, sizeof(info)) ? "touched" : "untouched",
			    extra == &on_stack ? "untouched" : "touched");
		}
	}
}

static void
extras(void)
{
	char *at = (char *)strtol;
	const void *places[] = {at, at + 1,
				must_sym(must_open("kinds.so", RTLD_LAZY), "kind_const") + 4, &at};

	EACH
	{
		for (size_t i = 0; i < COUNT(places); i++) {
			void *symbol = &at, *map = &at, *other = &at;
			Dl_info info;
			int a = dladdr1(places[i], &info, &symbol, RTLD_DL_SYMENT);
			int b = dladdr1(places[i], &info, &map, RTLD_DL_LINKMAP);
			int c = dladdr1(places[i], &info, &other, 99);
			int d = i < 3 && dladdr1(places[i], &info, NULL, RTLD_DL_SYMENT);

			say("%d %d %d %d: symbol %s, map %s, other %s", a, b, c, d,
			    symbol == &at ? "untouched" : where(symbol),
			    map == &at ? "untouched" : handle_name(map),
			    other == &at ? "untouched" : "touched");
		}
	}
}

static void
main_program(void)
{
	extern char **environ;
	char **argv = environ - 2;
	char *before;

	while (*(long *)(argv - 1) != environ - argv - 1)
		argv--;
	before = argv[0];
	EACH
	{
		Dl_info info = {0};

		dladdr((void *)main_program, &info);
		say("%s", info.dli_fname == argv[0] ? "argv[0]" : "other");
		argv[0] = (char *)(uintptr_t) "renamed";
		dladdr((void *)main_program, &info);
		say("then %s", info.dli_fname);
		argv[0] = before;
	}
	see_address("an own function", (void *)see_address);
	EACH
	{
		Dl_info info = {0};

		dladdr((void *)strtol, &info);
		say("libc: %s",
		    info.dli_fname == ((struct link_map *)dlopen("libc.so.6", RTLD_LAZY))->l_name
			    ? "the link map's own name"
			    : "other");
	}
}

/* ---- 37, 38: which symbol ---- */

static void
kinds(void)
{
	static const char *const names[] = {"kind_func",      "kind_alias", "kind_weak",
					    "kind_protected", "kind_ifunc", "kind_object",
					    "kind_common",    "kind_const"};
	void *handle = must_open("kinds.so", RTLD_LAZY);

	for (size_t i = 0; i < COUNT(names); i++) {
		char *at = dlsym(handle, names[i]);

		if (at == NULL)
			continue;
		see_address(names[i], at);
		see_address("before", at - 1);
		see_address("inside", at + 1);
		see_address("far behind", at + 64);
	}
	see_address("its TLS block", must_sym(handle, "kind_tls"));
}

static void
ties(void)
{
	static const char *const names[] = {"write", "read", "environ", "strtod", "memcpy", "fork"};

	for (size_t i = 0; i < COUNT(names); i++)
		see_address(names[i], must_sym(RTLD_DEFAULT, names[i]));
}

static void
odd(void)
{
	static const char *const files[] = {"odd_dense_gnu.so", "odd_dense_sysv.so",
					    "odd_wide_gnu.so", "odd_wide_sysv.so"};

	for (size_t i = 0; i < COUNT(files); i++) {
		struct link_map *l = must_open(files[i], RTLD_LAZY);
		struct dl_find_object found;

		_dl_find_object(l->l_ld, &found);
		for (char *at = found.dlfo_map_start; at < (char *)found.dlfo_map_end; at += 61)
			see_address("odd", at);
	}
}

/* ---- 40, 41 ---- */

static void
other_namespace(void)
{
	void *handle = dlmopen(LM_ID_NEWLM, lab("bare.so"), RTLD_LAZY);
	char *gone;

	if (handle == NULL)
		_exit(93);
	see_address("in another namespace", must_sym(handle, "foo") + 1);
	warm(must_sym(handle, "foo") + 1);
	see_address("then", must_sym(handle, "foo") + 1);
	see_address("at home", (void *)strtol);
	must_open("alpha.so", RTLD_LAZY);
	gone = must_sym(handle, "bar");
	see_address("after another load", gone);
	see_close(handle);
	see_address("closed", gone);
}

static void
special_objects(void)
{
	const ElfW(Ehdr) *vdso = (void *)getauxval(AT_SYSINFO_EHDR);
	char *sysv = must_sym(must_open("sysv.so", RTLD_LAZY), "shared_fn");

	if (vdso != NULL)
		for (int at = 0; at < 8192; at += 257)
			see_address("vdso", (const char *)vdso + at);
	for (int at = -64; at < 64; at += 7)
		see_address("sysv", sysv + at);
}

/* ---- 42: text ---- */

static void
without_pointer(char *line)
{
	char *bracket = strstr(line, "[0x");
	char *slash = strrchr(line, '/');

	if (bracket != NULL)
		bracket[1] = '\0';
	say("%s", slash != NULL ? slash + 1 : line);
}

static size_t
places(void **out, size_t max)
{
	char *kind = must_sym(must_open("kinds.so", RTLD_LAZY), "kind_func");
	void *all[] = {(void *)places,
		       (char *)places + 5,
		       (char *)strtol,
		       (char *)strtol + 3,
		       kind,
		       kind + 1,
		       kind - 1,
		       kind + 4096,
		       NULL,
		       (void *)(uintptr_t)1,
		       &max,
		       (void *)~0ul,
		       (char *)kind + 64};
	size_t n = COUNT(all) < max ? COUNT(all) : max;

	memcpy(out, all, n * sizeof(*out));
	return n;
}

static void
symbols_text(void)
{
	void *at[16];
	int n = (int)places(at, 16);

	EACH
	{
		char **lines = backtrace_symbols(at, n);

		say("block of %zu",
		    malloc_usable_size(lines) - strlen(lines[0]) - strlen(lines[1]));
		for (int i = 0; i < n; i++) {
			say("at %td",
			    i > 0 ? lines[i] - lines[i - 1] - (ptrdiff_t)strlen(lines[i - 1])
				  : lines[0] - (char *)lines);
			if (i > 0)
				without_pointer(lines[i - 1]);
		}
		free(lines);
	}
	free(backtrace_symbols(at, 0));
}

static void
symbols_to_file(void)
{
	void *at[16];
	int n = (int)places(at, 16), ends[2];

	EACH
	{
		char buffer[8192], *line = buffer, *end;
		ssize_t size;

		if (pipe(ends) != 0)
			_exit(92);
		backtrace_symbols_fd(at, n, ends[1]);
		backtrace_symbols_fd(at, n, -1);
		close(ends[1]);
		size = read(ends[0], buffer, sizeof(buffer) - 1);
		close(ends[0]);
		buffer[size > 0 ? size : 0] = '\0';
		for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
			*end = '\0';
			without_pointer(line);
		}
	}
}

/* ---- lifetimes ---- */

static int events_on;

void lab_event(const char *object, int step);

void
lab_event(const char *object, int step)
{
	if (events_on)
		for (int i = 0; i < ENOUGH; i++)
			say("%s %s: %s", object, step > 0 ? "constructor" : "destructor",
			    told(__builtin_return_address(0)));
}

static void
constructors(void)
{
	events_on = 1;
	for (int i = 0; i < 3; i++) {
		void *handle = must_open("ev1.so", RTLD_LAZY);
		char *at = must_sym(handle, "shared_fn");

		see_address("open", at);
		see_close(handle);
		see_address("closed", at);
	}
}

static void
same_place(void)
{
	char *last = NULL;

	for (int i = 10; i < 30; i++) {
		char file[32];
		void *handle;
		char *at;

		snprintf(file, sizeof(file), "churn%d.so", i);
		handle = must_open(file, RTLD_LAZY);
		at = must_sym(handle, "churn_id");
		if (last != NULL)
			see_address("the former one's", last);
		see_address("its own", at);
		warm(at);
		see_address("its own", at);
		dlclose(handle);
		see_address("closed", at);
		last = at;
	}
}

/* What a uprobe leaves in ld.so when it is taken away: the file's return, over whatever was written there. */
static void
return_at_once(void)
{
	const uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE);
	struct r_debug *debug = NULL;
	uintptr_t page;

	for (const ElfW(Dyn) *d = _DYNAMIC; d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_DEBUG)
			debug = (struct r_debug *)d->d_un.d_ptr;
	if (debug == NULL)
		_exit(91);
	page = debug->r_brk & -size;
	mprotect((void *)page, size, PROT_READ | PROT_WRITE | PROT_EXEC);
#ifdef __x86_64__
	*(volatile unsigned char *)debug->r_brk = 0xc3;
#else
	*(volatile uint32_t *)debug->r_brk = 0xd65f03c0;
	__builtin___clear_cache((char *)debug->r_brk, (char *)debug->r_brk + 4);
#endif
	mprotect((void *)page, size, PROT_READ | PROT_EXEC);
}

static void
no_longer_told(void)
{
	void *handle = must_open("churn10.so", RTLD_LAZY);
	char *at = must_sym(handle, "churn_id"), *libcs = must_sym(RTLD_DEFAULT, "strtol");

	warm(at);
	warm(libcs);
	return_at_once();
	see_address("its own", at);
	dlclose(handle);
	see_address("closed", at);
	for (int i = 11; i < 16; i++) {
		char file[32];

		snprintf(file, sizeof(file), "churn%d.so", i);
		handle = must_open(file, RTLD_LAZY);
		see_address("the former one's", at);
		at = must_sym(handle, "churn_id");
		warm(at);
		see_address("its own", at);
		dlclose(handle);
		see_address("closed", at);
	}
	see_address("libc", libcs);
}

/* libc loads and unloads by itself: converters go where an object with an index was. */
static void
libcs_own_loads(void)
{
	for (int i = 0; i < 4; i++) {
		iconv_t c = iconv_open("UTF-16", i % 2 ? "ISO-8859-7" : "KOI8-R");
		struct link_map *l = dlopen(NULL, RTLD_LAZY);
		char *at = NULL;

		for (; l != NULL; l = l->l_next)
			if (strstr(l->l_name, "gconv") != NULL)
				at = (char *)l->l_ld;
		if (at != NULL) {
			warm(at);
			say("open: %s", base_of(told(at)));
		}
		if (c != (iconv_t)-1)
			iconv_close(c);
		iconv_close(iconv_open("UTF-16", "CP1252"));
		if (at != NULL)
			say("later: %s", told(at));
	}
}

static void
after_fork(void)
{
	void *handle = must_open("alpha.so", RTLD_LAZY);
	char *at = must_sym(handle, "shared_fn");
	int status;
	pid_t child;

	warm(at);
	child = fork();
	if (child == 0) {
		char *other = must_sym(must_open("beta.so", RTLD_LAZY), "shared_fn");
		int good = strncmp(told(at), "alpha.so", 8) == 0;

		warm(other);
		good &= strncmp(told(other), "beta.so", 7) == 0;
		dlclose(handle);
		good &= strcmp(told(at), "none") == 0;
		_exit(good ? 0 : 1);
	}
	waitpid(child, &status, 0);
	say("child: %d", status);
	see_address("parent", at);
}

/* ---- 54 ---- */

static const void *asked;

static void
handler(int number)
{
	(void)number;
	told(asked);
}

static void
from_handler(void)
{
	struct sigaction action = {.sa_handler = handler};

	asked = must_sym(must_open("alpha.so", RTLD_LAZY), "shared_fn");
	warm(asked);
	sigaction(SIGUSR1, &action, NULL);
	EACH
	{
		raise(SIGUSR1);
		say("%s", told(asked));
	}
}

static void
ask_in_thread(void *unused)
{
	(void)unused;
	see_address("in a thread", asked);
}

static void
threads(void)
{
	asked = (void *)strtol;
	for (int i = 0; i < 8; i++)
		in_thread(ask_in_thread, NULL);
}

const struct row rows[] = {
	{"C2 dladdr leaves the pending error alone", error_stays, 0},
	{"C39 not found: nothing is touched", not_found, 0},
	{"C39 what dladdr1 adds", extras, 0},
	{"C39 names of the executable and of libraries", main_program, 0},
	{"C37 C38 kinds of symbols", kinds, 0},
	{"C38 symbols at one address", ties, 0},
	{"C37 C38 overlapping, nested and empty symbols", odd, 0},
	{"C40 another namespace", other_namespace, 0},
	{"C41 vdso and objects with DT_HASH only", special_objects, 0},
	{"C42 backtrace_symbols", symbols_text, 0},
	{"C42 backtrace_symbols_fd", symbols_to_file, 0},
	{"C30 C33 constructors and destructors", constructors, 0},
	{"C29 another object at the same address", same_place, 0},
	{"C29 the same, after ld.so's notices have ceased", no_longer_told, 0},
	{"C35 what libc loads by itself", libcs_own_loads, 0},
	{"C46 a child after fork", after_fork, 0},
	{"C54 from a signal handler", from_handler, 0},
	{"C53 threads that only ask", threads, 0},
	{NULL, NULL, 0},
};
