// SPDX-License-Identifier: BSD-2-Clause
// host.c: asks for all that a preload could have spoiled, and prints it: the same with it and without it.
//
// Built against the C library that it is to run with: musl, or a glibc that was unpacked (there without its
// start files: HOST_START). With HOST_LATE it is not linked with libdl, which comes with the plugin; with HOST_COPY
// it has a copy of ld.so's _r_debug.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef HOST_LATE
#define host_open(file) __libc_dlopen_mode(file, RTLD_NOW | (int)0x80000000)
#define host_symbol     __libc_dlsym
void *__libc_dlopen_mode(const char *, int);
void *__libc_dlsym(void *, const char *);
#else
#define host_open(file) dlopen(file, RTLD_NOW)
#define host_symbol     dlsym
#endif

static int
host_count(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	*(int *)arg += info->dlpi_phnum > 0;
	return 0;
}

#ifndef HOST_LATE
static void *
host_ask(void *name)
{
	return dlsym(RTLD_DEFAULT, name);
}

/* What could start a thread comes only now: before glibc 2.34 libdl then has one error for all threads. */
static void
host_threads(void)
{
	void *threads = dlopen("libpthread.so.0", RTLD_NOW);
	int (*begin)(unsigned long *, const void *, void *(*)(void *), const void *) = 0;
	int (*join)(unsigned long, void **) = 0;
	unsigned long thread;
	const char *said;

	*(void **)&begin = dlsym(threads, "pthread_create");
	*(void **)&join = dlsym(threads, "pthread_join");
	for (int i = 0; i < 60; i++) {
		bool asks = begin != NULL && i >= 30 && i % 10 == 0;

		if (asks && begin(&thread, NULL, host_ask, i == 30 ? "puts" : "guest_none") == 0)
			join(thread, NULL);
		if (!asks)
			printf("%d ", dlsym(RTLD_DEFAULT, "guest_none") == NULL);
		said = dlerror();
		puts(said != NULL ? said : "none");
	}
}

static void
host_look(const char *plugin)
{
	void *h = dlopen(plugin, RTLD_NOW), *first = dlsym(h, "guest_value");
	int same = 0;

	for (int i = 0; i < 200; i++) {
		char name[] = "guest_value";
		void *again = dlopen(plugin, RTLD_NOW);

		same += dlsym(h, "guest_value") == first && dlsym(again, name) == first;
		same += dlclose(again) == 0;
	}
	printf("%d %d\n", same, *(int *)first);
	for (int i = 0; i < 3; i++) {
		printf("%d", dlsym(h, "guest_nothing") == NULL);
		printf(" %s\n", dlerror());
	}
	printf("%d", dlopen("/nowhere/nothing.so", RTLD_NOW) == NULL);
	printf(" %s\n", dlerror());
	printf("%d %d\n", dlsym(RTLD_DEFAULT, "guest_value") == NULL, dlerror() != NULL);
	printf("%d\n", dlsym(RTLD_NEXT, "puts") == dlsym(RTLD_DEFAULT, "puts"));
	printf("%d %d\n", dlclose(h), dlsym(h, "guest_nothing") == NULL);
	printf("%d\n", dlerror() != NULL);
	host_threads();
}
#else
#define host_look(plugin) ((void)(plugin))
#endif

static void
host_fork(void)
{
	int status = -1;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(3);
	waitpid(child, &status, 0);
	printf("child %d\n", WEXITSTATUS(status));
}

int
main(int argc, char **argv)
{
	int (*run)(void), objects = 0;
	void *h;

	if (argc < 2)
		return 2;
	printf("%s\n", getenv("HOME") != NULL ? "an environment" : "none");
#ifdef HOST_COPY
	printf("%d\n", _r_debug.r_map != NULL);
#endif
	h = host_open(argv[1]);
	run = h != NULL ? (int (*)(void))host_symbol(h, "guest_run") : NULL;
	printf("run %d\n", run != NULL ? run() : -1);
	printf("run %d\n", run != NULL ? run() : -1);
	host_look(argv[1]);
	dl_iterate_phdr(host_count, &objects);
	printf("%s\n", objects > 2 ? "objects" : "few objects");
	printf("%d %d\n", prctl(PR_SET_NAME, "renamed"), syscall(SYS_getpid) == getpid());
	printf("%d\n", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	host_fork();
	fflush(stdout);
	return 5;
}

#ifdef HOST_START
int __libc_start_main(int (*)(int, char **), int, char **, void (*)(void), void (*)(void),
		      void (*)(void), void *);

static void
host_nothing(void)
{
}

void
host_begin(long *stack, void (*at_exit)(void))
{
	__libc_start_main((int (*)(int, char **))main, (int)stack[0], (char **)(stack + 1),
			  host_nothing, host_nothing, at_exit, stack);
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tmov %rdx, %rsi\n\tand $-16, "
	"%rsp\n\tcall "
	"host_begin\n\thlt\n");
#endif
