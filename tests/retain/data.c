// SPDX-License-Identifier: BSD-2-Clause
// R2, R10: in each lifetime a plugin's memory is as after a load, however it was linked, whatever was done to it.
#include "host.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void
kind_of(const char *name)
{
	if (access(lab(name), R_OK) != 0) {
		say("not built here");
		return;
	}
	char base[64];

	snprintf(base, sizeof(base), "%s", name);
	*strrchr(base, '.') = '\0';
	host_cycle(base, reps);
}

#define KIND(name)                                                                                 \
	static void name##_kind(void)                                                              \
	{                                                                                          \
		kind_of(#name ".so");                                                              \
	}
KIND(alpha)
KIND(now)
KIND(lazy)
KIND(norelro)
KIND(together)
KIND(aligned)
KIND(symbolic)
KIND(stripped)
KIND(relr)
KIND(gold)
KIND(lld)
KIND(textrel)
KIND(ifunc)
KIND(tls)
KIND(tlsie)
KIND(tlsdesc)
KIND(silent)
KIND(old)
KIND(kept)
KIND(usesm)

static void
now_and_lazy(void)
{
	static const int modes[] = {RTLD_LAZY, RTLD_LAZY, RTLD_LAZY, RTLD_NOW,
				    RTLD_NOW,  RTLD_LAZY, RTLD_NOW,  RTLD_LAZY};

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		void *h = host_open("loose.so", modes[i]);

		if (h)
			host_close(h);
	}
}

static uintptr_t
page_of(const void *at)
{
	return (uintptr_t)at & ~4095ul;
}

/* What the host does to a plugin's memory in one lifetime is not there in the next. */
static void
with_page(void (*change)(void *at))
{
	for (int i = 0; i < reps; i++) {
		void *h = host_open("alpha.so", RTLD_NOW);
		void *(*page)(void) = (void *(*)(void))dlsym(h, "alpha_page");

		host_touch(h, "alpha");
		change(page());
		host_close(h);
	}
}

static void
read_only(void *at)
{
	mprotect((void *)page_of(at), 4096, PROT_READ);
}
static void
no_rights(void *at)
{
	mprotect((void *)page_of(at), 4096, PROT_NONE);
}
static void
another(void *at)
{
	if (mmap((void *)page_of(at), 4096, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		say("not mapped");
	strcpy(at, "another page");
}
static void
shared(void *at)
{
	if (mmap((void *)page_of(at), 4096, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		say("not mapped");
	strcpy(at, "a shared page");
}
static void
unmapped(void *at)
{
	munmap((void *)page_of(at), 4096);
}
static void
given_back(void *at)
{
	madvise((void *)page_of(at), 4096, MADV_DONTNEED);
}

static void
protected_page(void)
{
	with_page(read_only);
}
static void
forbidden_page(void)
{
	with_page(no_rights);
}
static void
remapped_page(void)
{
	with_page(another);
}
static void
shared_page(void)
{
	with_page(shared);
}
static void
unmapped_page(void)
{
	with_page(unmapped);
}
static void
given_back_page(void)
{
	with_page(given_back);
}

/* A table that is read-only after relocation, patched, and its page's rights left open or closed again. */
static void
patched_table_of(int leave)
{
	for (int i = 0; i < reps; i++) {
		void *h = host_open("alpha.so", RTLD_NOW);
		int (**table)(void) =
			((int (**)(void))((void *(*)(void))dlsym(h, "alpha_table"))());

		host_touch(h, "alpha");
		mprotect((void *)page_of(table), 4096, PROT_READ | PROT_WRITE);
		table[1] = table[0];
		if (!leave)
			mprotect((void *)page_of(table), 4096, PROT_READ);
		host_touch(h, "alpha");
		host_close(h);
	}
}
static void
patched_table(void)
{
	patched_table_of(0);
}
static void
patched_table_open(void)
{
	patched_table_of(1);
}

/* An inline hook, as tools write them: its function `add` gives 1000 from now on. */
static void
patched_code_of(const char *name, int leave)
{
#ifdef __x86_64__
	static const unsigned char give_1000[] = {0xb8, 0xe8, 3, 0, 0, 0xc3};
#else
	static const uint32_t give_1000[] = {0x52807d00, 0xd65f03c0}; /* mov w0, #1000; ret */
#endif
	char file[64], symbol[64];

	snprintf(file, sizeof(file), "%s.so", name);
	snprintf(symbol, sizeof(symbol), "%s_add", name);
	for (int i = 0; i < reps; i++) {
		void *h = host_open(file, RTLD_NOW);
		int (*add)(int) = (int (*)(int))dlsym(h, symbol);

		say("add gives %d", add(1));
		if (i == 0 || i == 3) {
			char *from = (char *)page_of(add);
			size_t size = (size_t)((char *)page_of((char *)add + sizeof(give_1000)) +
					       4096 - from);

			mprotect(from, size, PROT_READ | PROT_WRITE | PROT_EXEC);
			memcpy((void *)add, give_1000, sizeof(give_1000));
			__builtin___clear_cache((char *)add, (char *)add + sizeof(give_1000));
			if (!leave)
				mprotect(from, size, PROT_READ | PROT_EXEC);
			say("patched, add gives %d", add(1));
		}
		host_close(h);
	}
	host_cycle(name, reps);
}
static void
patched_code(void)
{
	patched_code_of("alpha", 0);
}
static void
patched_code_open(void)
{
	patched_code_of("alpha", 1);
}
static void
patched_large(void)
{
	patched_code_of("large", 0);
}
static void
patched_large_open(void)
{
	patched_code_of("large", 1);
}

/* How a child ends that writes there. */
static int
write_signal(volatile char *at)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		*at = *at;
		_exit(0);
	}
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* qemu 7.2 does not: code that could be written to once can be written to from then on. */
static int
protection_comes_back(void)
{
	char *code = (char *)write_signal;

	mprotect((void *)page_of(code), 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
	write_signal(code);
	mprotect((void *)page_of(code), 4096, PROT_READ | PROT_EXEC);
	return write_signal(code) != 0;
}

/* Code that can be written to, though nobody has done so: a child that writes tells. */
static void
writable_code(void)
{
	if (!protection_comes_back()) {
		say("not seen here: the emulator leaves code writable");
		return;
	}
	for (int i = 0; i < 2 * reps; i++) {
		void *h = host_open(i % 2 ? "alpha.so" : "large.so", RTLD_NOW);
		char *code = dlsym(h, i % 2 ? "alpha_add" : "large_add");

		say("signal %d", write_signal(code));
		mprotect((void *)page_of(code), 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
		host_close(h);
	}
}

/* GOT slots: another function than the bound one. */
static int
five(int turn)
{
	return 5 + turn;
}
static void
patched_got(void)
{
	for (int i = 0; i < reps; i++) {
		void *h = host_open("left.so", RTLD_LAZY);
		const struct link_map *l = h;
		const ElfW(Rela) *rela = NULL;
		const ElfW(Sym) *symtab = NULL;
		const char *strtab = NULL;
		size_t size = 0;

		host_touch(h, "left");
		for (const ElfW(Dyn) *d = l->l_ld; d->d_tag != DT_NULL; d++) {
			rela = d->d_tag == DT_JMPREL ? (void *)d->d_un.d_ptr : rela;
			size = d->d_tag == DT_PLTRELSZ ? d->d_un.d_val : size;
			symtab = d->d_tag == DT_SYMTAB ? (void *)d->d_un.d_ptr : symtab;
			strtab = d->d_tag == DT_STRTAB ? (void *)d->d_un.d_ptr : strtab;
		}
		for (size_t k = 0; rela && k < size / sizeof(*rela); k++)
			if (strcmp(strtab + symtab[ELF64_R_SYM(rela[k].r_info)].st_name,
				   "base_add") == 0) {
				mprotect((void *)page_of((char *)l->l_addr + rela[k].r_offset),
					 4096, PROT_READ | PROT_WRITE);
				*(int (**)(int))(l->l_addr + rela[k].r_offset) = five;
			}
		host_touch(h, "left");
		host_close(h);
	}
}

static void
wait_for(void *barrier)
{
	pthread_barrier_wait(barrier);
	pthread_barrier_wait(barrier);
}
static void
tls_beside(void)
{
	pthread_barrier_t barrier;
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, 2);
	host_cycle("tls", 3);
	pthread_create(&thread, NULL, (void *(*)(void *))(void (*)(void))wait_for, &barrier);
	pthread_barrier_wait(&barrier);
	host_cycle("tls", 3);
	host_cycle("tlsdesc", 3);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	host_cycle("tls", 3);
}

static void
touch_it(void *h)
{
	host_touch(h, "tls");
}
static void
tls_of_two(void)
{
	struct stat s;

	if (stat("/proc/self/task", &s) != 0 || s.st_nlink != 3) {
		say("not seen here: the emulator has threads of its own");
		return;
	}
	for (int i = 0; i < reps; i++) {
		void *h = host_open("tls.so", RTLD_NOW);

		host_touch(h, "tls");
		in_thread(touch_it, h);
		host_touch(h, "tls");
		host_close(h);
	}
}

/* As aarch64's linker makes it: its relocations alone say that its data is in the static block. */
static void
forget_static_tls(const char *file)
{
	int fd = open(file, O_RDWR);
	ElfW(Ehdr) eh = {0};
	ElfW(Phdr) ph;
	ElfW(Dyn) d = {0};
	bool read = fd >= 0 && pread(fd, &eh, sizeof(eh), 0) == sizeof(eh);

	for (int i = 0; read && i < eh.e_phnum; i++) {
		read = pread(fd, &ph, sizeof(ph), (off_t)(eh.e_phoff + (size_t)i * sizeof(ph))) ==
		       sizeof(ph);
		for (off_t at = (off_t)ph.p_offset; read && ph.p_type == PT_DYNAMIC;
		     at += (off_t)sizeof(d)) {
			read = pread(fd, &d, sizeof(d), at) == sizeof(d);
			if (d.d_tag == DT_NULL)
				break;
			if (d.d_tag != DT_FLAGS)
				continue;
			d.d_un.d_val &= ~(ElfW(Xword))DF_STATIC_TLS;
			read = pwrite(fd, &d, sizeof(d), at) == sizeof(d);
		}
	}
	if (!read)
		say("not changed");
	close(fd);
}

static void
tlsie_unsaid(void)
{
	forget_static_tls(host_copy("tlsie.so", "./p.so"));
	host_settle();
	for (int i = 0; i < reps; i++) {
		void *h = host_open_by_name("./p.so", RTLD_NOW);

		host_touch(h, "tlsie");
		host_close(h);
	}
}

const struct row rows[] = {
	{"R2 data: plain", alpha_kind, 0},
	{"R2 data: now", now_kind, 0},
	{"R2 data: lazy", lazy_kind, 0},
	{"R2 data: norelro", norelro_kind, 0},
	{"R2 data: together, old hash table", together_kind, 0},
	{"R2 data: aligned to 2 MiB", aligned_kind, 0},
	{"R2 data: symbolic", symbolic_kind, 0},
	{"R2 data: stripped", stripped_kind, 0},
	{"R2 data: relr", relr_kind, 0},
	{"R2 data: gold", gold_kind, 0},
	{"R2 data: lld", lld_kind, 0},
	{"R2 data: text relocations", textrel_kind, 0},
	{"R2 data: what an IFUNC resolver wrote", ifunc_kind, 0},
	{"R10 tls: one thread", tls_kind, 0},
	{"R10 tls: initial exec (libc)", tlsie_kind, 0},
	{"R10 tls: initial exec, no flag says so (libc)", tlsie_unsaid, 0},
	{"R10 tls: descriptors", tlsdesc_kind, 0},
	{"R10 tls: beside another thread", tls_beside, 0},
	{"R10 tls: used by two threads", tls_of_two, 0},
	{"R2 data: no constructors", silent_kind, 0},
	{"R1 order: DT_INIT and DT_FINI only", old_kind, 0},
	{"R4 counts: linked -z nodelete (libc)", kept_kind, 0},
	{"R1 group: libm comes and goes", usesm_kind, 0},
	{"R2 data: lazy and now in turn, a symbol is missing", now_and_lazy, 0},
	{"R2 data: a page read-only", protected_page, 0},
	{"R2 data: a page without rights", forbidden_page, 0},
	{"R2 data: another page in its place", remapped_page, 0},
	{"R2 data: a shared page in its place", shared_page, 0},
	{"R2 data: a page unmapped (libc)", unmapped_page, 0},
	{"R2 data: a page given back", given_back_page, 0},
	{"R2 data: a read-only table patched", patched_table, 0},
	{"R2 data: a read-only table patched and left writable", patched_table_open, 0},
	{"R2 data: a GOT slot patched", patched_got, 0},
	{"R2 data: code patched", patched_code, 0},
	{"R2 data: code patched and left writable", patched_code_open, 0},
	{"R2 data: code of a large object patched", patched_large, 0},
	{"R2 data: code of a large object patched and left writable", patched_large_open, 0},
	{"R2 data: code left writable", writable_code, 0},
	{NULL, NULL, 0},
};
