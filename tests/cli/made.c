// SPDX-License-Identifier: BSD-2-Clause
// made.c: writes a statistics segment as the library does, with known numbers in it, for the tests of
// the program; and tells where each field lies, so that the tests can damage it.
//
//	made --fields                  one line per field: name, offset, size
//	made DIR [COUNT] [--count|--pass]
//	                               makes a segment for this process (and COUNT children), says "ready", and
//	                               waits for a signal; --count: counts meanwhile; --pass: next to no hits
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <symfast_shm.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef __x86_64__
#include <x86intrin.h>
#else
#define __rdtsc() 0
#endif

/* name, value in each of two blocks */
#define COUNTERS(X)                                                                                \
	X("dlsym.hit", 900)                                                                        \
	X("dlsym.shared", 50)                                                                      \
	X("dlsym.negative", 40)                                                                    \
	X("dlsym.learn", 6)                                                                        \
	X("dlsym.pass", 4)                                                                         \
	X("dlopen.hit", 30)                                                                        \
	X("dlopen.real", 10)                                                                       \
	X("dlopen.pass", 0)                                                                        \
	X("bypass.first", 3)                                                                       \
	X("bypass.next", 1)                                                                        \
	X("map.insert", 6)                                                                         \
	X("dladdr.hit", 0)

#define GO(X)                                                                                      \
	X("go.hit", 700)                                                                           \
	X("go.checked", 20)                                                                        \
	X("go.miss", 5)                                                                            \
	X("go.bypass.name", 2)

#define BLOCKS 2

struct image {
	char *bytes;
	size_t at; /* the next free place */
};

static struct symfast_shm_header *
header(const struct image *m)
{
	return (void *)m->bytes;
}

static struct symfast_shm_control *
control(const struct image *m)
{
	return (void *)(m->bytes + SYMFAST_SHM_CONTROL);
}

static size_t
reserve(struct image *m, size_t size)
{
	size_t at = (m->at + 63) / 64 * 64;

	m->at = at + size;
	return at;
}

static void
put_group(struct image *m, struct symfast_shm_group *g, const char *names, size_t bytes,
	  const uint64_t *values, uint32_t count)
{
	g->names_offset = (uint32_t)reserve(m, bytes);
	g->names_bytes = (uint32_t)bytes;
	g->names_count = count;
	memcpy(m->bytes + g->names_offset, names, bytes);
	g->block_stride = (count * 8 + 63) / 64 * 64;
	g->block_capacity = 16;
	g->blocks_used = BLOCKS;
	g->blocks_offset = (uint32_t)reserve(m, 16ul * g->block_stride);
	for (size_t b = 0; b < BLOCKS; b++)
		memcpy(m->bytes + g->blocks_offset + b * g->block_stride, values, count * 8);
}

static void
put_groups(struct image *m)
{
#define NAME(name, value)  name "\0"
#define VALUE(name, value) value,
	static const char names[] = COUNTERS(NAME), go_names[] = GO(NAME);
	static const uint64_t values[] = {COUNTERS(VALUE)}, go_values[] = {GO(VALUE)};
	static const uint64_t refused[] = {1};

	put_group(m, &header(m)->counters, names, sizeof(names) - 1, values,
		  sizeof(values) / sizeof(*values));
	put_group(m, &header(m)->go, go_names, sizeof(go_names) - 1, go_values,
		  sizeof(go_values) / sizeof(*go_values));
	put_group(m, &header(m)->go_fill, "go.refused.race", 16, refused, 1);
}

static void *
put_section(struct image *m, struct symfast_shm_section *s, size_t stride, uint32_t capacity,
	    uint32_t used)
{
	s->stride = (uint32_t)stride;
	s->capacity = capacity;
	s->used = used;
	s->offset = (uint32_t)reserve(m, stride * capacity);
	return m->bytes + s->offset;
}

/* 1000 calls of 160 to 161 ticks by libc, 1000 of 16 to 17 ticks by the map; P99.9 farther out. */
static void
put_latencies(struct image *m)
{
	static const char functions[] = "dlsym\0dlopen";
	struct symfast_shm_histogram *h = put_section(m, &header(m)->histograms, sizeof(*h), 4, 4);

	header(m)->functions_offset = (uint32_t)reserve(m, sizeof(functions));
	header(m)->functions_bytes = sizeof(functions);
	header(m)->functions_count = 2;
	memcpy(m->bytes + header(m)->functions_offset, functions, sizeof(functions));
	for (int arm = 0; arm < 2; arm++) {
		h[arm].bucket[arm == 0 ? 68 : 16] = 999; /* 68: from (16 + 4) << 3 = 160 */
		h[arm].bucket[arm == 0 ? 200 : 100] = 1;
		h[arm].count = 1000;
		h[arm].ticks = arm == 0 ? 160000 : 16000;
		h[arm].longest = 1 << 20;
	}
}

static void
put_rest(struct image *m)
{
	static const char path[] = "/lib/x86_64-linux-gnu/libc.so.6";
	struct symfast_shm_object *o = put_section(m, &header(m)->objects, sizeof(*o), 8, 1);
	struct symfast_shm_site *s = put_section(m, &header(m)->sites, sizeof(*s), 8, 2);
	uint32_t at = (uint32_t)reserve(m, sizeof(path));

	memcpy(m->bytes + at, path, sizeof(path));
	*o = (struct symfast_shm_object){.loads = 7, .ticks = 7000, .file = "/usr/lib/plugin.so"};
	s[0] = (struct symfast_shm_site){.hash = 1,
					 .count = 12,
					 .ticks = 1200,
					 .waited = 100,
					 .depth = 2,
					 .object = {at, 0},
					 .offset = {0x100, 0x200}};
	s[1] = (struct symfast_shm_site){.hash = 2,
					 .count = 3,
					 .ticks = 9000,
					 .arm = 1,
					 .function = 1,
					 .depth = 1,
					 .object = {at},
					 .offset = {0x300}};
}

static uint64_t
start_time(void)
{
	unsigned long long start = 0;
	char text[1024] = "", *at;
	FILE *f = fopen("/proc/self/stat", "r");

	if (f != NULL && fread(text, 1, sizeof(text) - 1, f) > 0 &&
	    (at = strrchr(text, ')')) != NULL)
		sscanf(at + 1,
		       " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
		       "%*d "
		       "%llu",
		       &start);
	if (f != NULL)
		fclose(f);
	return start;
}

static void
put_header(struct image *m)
{
	struct symfast_shm_header *h = header(m);
	struct symfast_shm_control *c = control(m);
	struct timespec now;
	struct stat st;

	memcpy(h->magic, SYMFAST_SHM_MAGIC, 8);
	h->version = SYMFAST_SHM_VERSION;
	h->header_size = SYMFAST_SHM_CONTROL + sizeof(struct symfast_shm_control);
	h->size = SYMFAST_SHM_SIZE;
	h->pid = (uint32_t)getpid();
	h->uid = geteuid();
	h->start_time = start_time();
	h->pid_space = stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
	strcpy(h->library, "0.1.0");
	if (readlink("/proc/self/exe", h->exe, sizeof(h->exe) - 1) < 0)
		exit(EXIT_FAILURE);
	/* A clock of one tick per nanosecond, read twice. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	h->ticks_first = 1000;
	h->ns_first = 5000;
	h->ticks_last = 1000 + 2000000000;
	h->ns_last = 5000 + 2000000000;
	c->word = c->setting_word = SYMFAST_SHM_ON;
	c->phase = SYMFAST_SHM_PHASE_LIVE;
	c->sample_mask = 4095;
	c->breaker_limit = 1;
	c->canary_share = 10000;
	c->canary_chosen = 1;
	strcpy(c->canary_key, "host");
	strcpy(c->go_state, "detour");
}

static struct image
make(const char *dir)
{
	struct image m = {.at = 2048};
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/" SYMFAST_SHM_PREFIX "%u.%u", dir, geteuid(), getpid());
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, SYMFAST_SHM_SIZE) != 0)
		exit(EXIT_FAILURE);
	m.bytes = mmap(NULL, SYMFAST_SHM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (m.bytes == MAP_FAILED)
		exit(EXIT_FAILURE);
	put_groups(&m);
	put_latencies(&m);
	put_rest(&m);
	put_header(&m);
	return m;
}

static void
print_fields(void)
{
#define FIELD(type, at, field)                                                                     \
	printf(#type "." #field " %zu %zu\n", (at) + offsetof(struct symfast_shm_##type, field),   \
	       sizeof(((struct symfast_shm_##type *)0)->field))
#define HEAD(field)    FIELD(header, 0, field)
#define CONTROL(field) FIELD(control, SYMFAST_SHM_CONTROL, field)
	HEAD(magic), HEAD(version), HEAD(header_size), HEAD(size), HEAD(pid), HEAD(uid);
	HEAD(start_time), HEAD(pid_space), HEAD(library), HEAD(exe), HEAD(ticks_first);
	HEAD(ns_first), HEAD(ticks_last), HEAD(ns_last), HEAD(counters), HEAD(go), HEAD(go_fill);
	HEAD(made_ns), HEAD(histograms), HEAD(objects), HEAD(sites), HEAD(functions_offset);
	HEAD(functions_bytes), HEAD(functions_count);
	CONTROL(word), CONTROL(phase), CONTROL(reason), CONTROL(ctl_count), CONTROL(ctl_pid);
	CONTROL(breaker), CONTROL(breaker_trips), CONTROL(mismatches), CONTROL(breaker_ns);
	CONTROL(mismatch_function), CONTROL(why), CONTROL(go_state), CONTROL(canary_share);
	CONTROL(drain);
	CONTROL(kill_file), CONTROL(mismatch_ns);
}

/* Every 10 ms. */
static void
count_on(const struct image *m, uint64_t hits, uint64_t passes)
{
	uint64_t *block = (void *)(m->bytes + header(m)->counters.blocks_offset);

	for (;;) {
		struct timespec t = {0, 10000000};

		nanosleep(&t, NULL);
		block[0] += hits;
		block[4] += passes;
	}
}

int
main(int argc, char **argv)
{
	int children = argc > 2 ? atoi(argv[2]) : 0;
	bool counts = argc > 1 && strcmp(argv[argc - 1], "--count") == 0;
	bool passes = argc > 1 && strcmp(argv[argc - 1], "--pass") == 0;
	struct image m;

	if (argc < 2)
		return EXIT_FAILURE;
	if (strcmp(argv[1], "--fields") == 0) {
		print_fields();
		return EXIT_SUCCESS;
	}
	for (int i = 0; i < children; i++) {
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			make(argv[1]);
			if (write(STDOUT_FILENO, "child\n", 6) != 6)
				return EXIT_FAILURE;
			for (;;)
				pause();
		}
	}
	m = make(argv[1]);
	puts("ready");
	fflush(stdout);
	if (counts || passes)
		count_on(&m, counts ? 1000 : 10, counts ? 10 : 1000);
	for (;;)
		pause();
}
