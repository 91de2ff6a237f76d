// SPDX-License-Identifier: BSD-2-Clause
// The leaf's finer points, none of which a plain run meets: two names of one hash, a path that is no
// longer canonical, a plugin that is not complete, an identity that differs in one field, the live
// switch and its eras, a kernel that answers otherwise.
#include "../../shim/go/names.h"
#include "table.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/stat.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <ucontext.h>

static struct sf_go_entry *
first_entry(void)
{
	return (struct sf_go_entry *)t->arena;
}

// Makes the only entry look as if `name` had its hash: in the slot where `name` is looked for.
static void
forge_hash(const char *name, size_t len)
{
	struct sf_go_entry *e = first_entry();

	memset(t->slots, 0, SF_GO_SLOTS * sizeof(*t->slots));
	e->hash = hash(t->key, name, len);
	t->slots[e->hash % SF_GO_SLOTS] = e;
}

// Names of one hash that differ in one bit of one byte, or in length alone, are two names.
static void
test_one_hash(void)
{
	char long_name[PATH_MAX], name[PATH_MAX];

	for (size_t n = 2; n < 70; n++) {
		fresh_table(1000);
		memset(long_name, 'n', n);
		long_name[n] = '\0';
		// As if the canonical path were that name: what is kept is kept under it.
		put(a, a, 7);
		struct sf_go_entry *e = first_entry();
		memcpy(e->name, long_name, n + 1);
		e->len = (uint32_t)n;
		forge_hash(long_name, n);
		CHECK(get(long_name) == 7);
		for (size_t i = 0; i < n; i++) {
			memcpy(name, long_name, n + 1);
			name[i] ^= (char)(1 << i % 7);
			forge_hash(name, n);
			CHECK(sf_go_table_get(t, name, n) == 0);
		}
		forge_hash(long_name, n - 1);
		CHECK(sf_go_table_get(t, long_name, n - 1) == 0);
		CHECK(counted(SF_GO_MISS) == n + 1);
	}
}

// A chain of names that fall on one slot is followed to its end, around the end of the table.
static void
test_chain(void)
{
	fresh_table(1000);
	put(a, a, 7);
	put(b, b, 8);
	struct sf_go_entry *e = first_entry();
	struct sf_go_entry *f = t->slots[hash(t->key, b, strlen(b)) % SF_GO_SLOTS];

	memset(t->slots, 0, SF_GO_SLOTS * sizeof(*t->slots));
	e->hash = hash(t->key, b, strlen(b)) ^ (uint64_t)1 << 63;
	t->slots[f->hash % SF_GO_SLOTS] = e;
	t->slots[(f->hash + 1) % SF_GO_SLOTS] = f;
	CHECK(get(b) == 8 && get(a) == 0);
	t->key[0] ^= f->hash; // any other key: b's slot is another one now
	f->hash = hash(t->key, b, strlen(b));
	memset(t->slots, 0, SF_GO_SLOTS * sizeof(*t->slots));
	for (size_t i = f->hash % SF_GO_SLOTS; i < SF_GO_SLOTS; i++)
		t->slots[i] = e;
	t->slots[0] = f;
	CHECK(get(b) == 8);
}

static int
open_files(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

// realpath said so, but meanwhile a folder on the way became a symlink: not kept, timed or not.
static void
test_way(void)
{
	char sub[PATH_MAX + 8], way[PATH_MAX + 8], in_sub[PATH_MAX + 16], in_way[PATH_MAX + 16];
	char relative[PATH_MAX + 8];

	snprintf(sub, sizeof(sub), "%s/sub", dir);
	snprintf(way, sizeof(way), "%s/way", dir);
	snprintf(in_sub, sizeof(in_sub), "%s/f", sub);
	snprintf(in_way, sizeof(in_way), "%s/f", way);
	CHECK(mkdir(sub, 0700) == 0 && symlink(sub, way) == 0 && chdir(dir) == 0);
	make(in_sub);
	settle();
	// What would be canonical but for its first letter, and leads there by a symlink.
	snprintf(relative, sizeof(relative), "x%s", a + 1);
	CHECK(!strncmp(a, "/tmp/", 5) && symlink("/tmp", "xtmp") == 0 &&
	      access(relative, F_OK) == 0);
	int before = open_files();

	for (uint64_t ttl = 0; ttl <= 1000; ttl += 1000) {
		fresh_table(ttl);
		put(in_way, in_way, 5);
		put(a_link, in_way, 5);
		put("a", "a", 5);
		put("a", relative, 5);
		CHECK(t->fills[SF_GO_SKIP_FILE] == 4 && t->entries == 0 && get(in_way) == 0);
		put(in_way, in_sub, 6);
		CHECK(get(in_way) == 6);
		put(in_sub, in_sub, 6);
		CHECK(get(in_sub) == 6 && !strcmp(t->path, in_sub));
	}
	CHECK(open_files() == before);
	// No file descriptor to be had: no way to look, not kept.
	struct rlimit old, none;
	CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
	none = (struct rlimit){0, old.rlim_max};
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	put(in_sub, in_sub, 6);
	put(b, b, 6);
	CHECK(t->fills[SF_GO_SKIP_FILE] == 5 && t->fills[SF_GO_RENEW] == 1);
	CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
	unlink("xtmp");
	unlink(in_sub);
	unlink(way);
	rmdir(sub);
}

// One field of the identity differs, or the variant is being written: no proof.
static void
test_identity(void)
{
	fresh_table(0);
	put(a, a, 7);
	struct sf_go_variant *v = &first_entry()->variant[0];
	uint64_t *const fields[] = {&v->id.mount, &v->id.device, &v->id.inode, &v->id.ctime_sec,
				    &v->id.ctime_nsec};

	CHECK(v->seq == 2);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		CHECK(get(a) == 7);
		*fields[i] ^= 1;
		CHECK(get(a) == 0 && counted(SF_GO_STALE) == i + 1);
		*fields[i] ^= 1;
	}
	v->seq++;
	CHECK(get(a) == 0);
	v->seq = 0;
	CHECK(get(a) == 0);
	// Another plugin under the same path and file: kept beside, and found by none but its own.
	v->seq = 2;
	put(a, a, 7);
	CHECK(first_entry()->next_variant == 1);
	put(a, a, 9);
	CHECK(first_entry()->next_variant == 2);
}

// What is no plain file is never kept, timed or not, however well it is told apart.
static void
test_no_plain_file(void)
{
	char fifo[PATH_MAX + 8];

	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	CHECK(mkfifo(fifo, 0600) == 0);
	settle();
	for (uint64_t ttl = 0; ttl <= 1000; ttl += 1000) {
		fresh_table(ttl);
		put(fifo, fifo, 1);
		put(dir, dir, 2);
		CHECK(t->fills[SF_GO_SKIP_FILE] == 2 && get(fifo) == 0 && get(dir) == 0);
	}
	// Nor is it taken for the file that was there, should they share an inode number.
	fresh_table(0);
	put(a, a, 7);
	struct statx st;
	struct sf_go_identity id;
	CHECK(identify(AT_FDCWD, fifo, 0, &st, &id) == FILE_NONE);
	unlink(fifo);
}

// Two links: its time to live holds, but no stat can prove it afterwards.
static void
test_two_links(void)
{
	char second[PATH_MAX + 8];

	snprintf(second, sizeof(second), "%s/second", dir);
	CHECK(link(a, second) == 0);
	settle();
	fresh_table(1000);
	put(a, a, 7);
	CHECK(get(a) == 7 && counted(SF_GO_HIT) == 1);
	fake_ns += 5000;
	CHECK(get(a) == 0 && counted(SF_GO_REFRESH) == 1);
	CHECK(get(a) == 0 && counted(SF_GO_STALE) == 1);
	unlink(second);
	settle();
}

// A change time proves something from 20 ms after the change on. Until then a canonical name has its
// time to live and nothing else.
static void
test_settled(void)
{
	struct stat st;

	CHECK(stat(a, &st) == 0);
	uint64_t changed = (uint64_t)st.st_ctim.tv_sec * 1000000000 + (uint64_t)st.st_ctim.tv_nsec;

	fresh_table(1000);
	fake_wall = changed + 20000000;
	put(a_link, a, 7);
	CHECK(t->fills[SF_GO_SKIP_FILE] == 1);
	put(a, a, 7);
	CHECK(get(a) == 7);
	fake_ns += 5000;
	CHECK(get(a) == 0 && get(a) == 0 && counted(SF_GO_STALE) == 1);
	fake_wall++;
	put(a, a, 7);
	fake_ns += 5000;
	CHECK(get(a) == 0 && get(a) == 7 && counted(SF_GO_CHECKED) == 1);
	fake_wall = 0;
}

// What is too long, empty or unreadable is not kept, and a full arena keeps nothing more.
static void
test_sizes(void)
{
	static char longest[SF_GO_NAME_MAX + 100];

	fresh_table(0);
	memset(longest, 'x', sizeof(longest) - 1);
	sf_go_table_put(t, longest, SF_GO_NAME_MAX + 1, a, strlen(a), 1);
	sf_go_table_put(t, a, strlen(a), longest, SF_GO_NAME_MAX + 1, 1);
	sf_go_table_put(t, a, strlen(a), longest, SF_GO_NAME_MAX + 90, 1);
	sf_go_table_put(t, a, strlen(a), a, 0, 1);
	sf_go_table_put(t, (const char *)4095, 5, a, strlen(a), 1);
	sf_go_table_put(t, NULL, 0, a, strlen(a), 1);
	CHECK(t->fills[SF_GO_SKIP_NAME] == 6 && t->entries == 0);
	for (int i = 0; i < SF_GO_STRIPES; i++)
		CHECK(t->stripe[i].n[0] == 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(longest, 5, "%04d", i);
		longest[4] = 'x';
		sf_go_table_put(t, longest, 3000, a, strlen(a), 1);
	}
	CHECK(t->used <= SF_GO_ARENA && t->used > SF_GO_ARENA - 4096);
	CHECK(t->entries < 200 && t->fills[SF_GO_SKIP_FULL] == 1000 - t->entries);
}

// A name that begins the path, or is as long as it, is not canonical for that.
static void
test_canonical(void)
{
	char longer[PATH_MAX + 16];

	fresh_table(1000);
	snprintf(longer, sizeof(longer), "%s1", a_link);
	make(longer);
	settle();
	CHECK(symlink(longer, a_link) == 0);
	put(a_link, longer, 5);
	CHECK(get(a_link) == 5 && counted(SF_GO_HIT) == 0);
	put(b, a, 6); // as if b led to a
	CHECK(sf_go_table_get(t, b, strlen(b)) == 0 && counted(SF_GO_HIT) == 0);
	unlink(a_link);
	unlink(longer);
}

// The plugin as Go lays it out: only one that is loaded, without error and past its init is kept.
static void
test_complete(void)
{
	uint32_t closed[16] = {0};
	uint64_t plugin[8] = {0}, frame[8] = {0};
	const char *const p = (const char *)plugin;

	fresh_table(1000);
	sf_go_slots = (struct sf_go_slots){.name = 8, .path_ptr = 32, .path_len = 48};
	frame[1] = (uint64_t)(uintptr_t)a;
	frame[2] = strlen(a);
	frame[4] = (uint64_t)(uintptr_t)a;
	frame[6] = strlen(a);
	closed[7] = 1;
	const struct {
		uint64_t error_len, loaded, syms;
		uint32_t closed;
	} rows[] = {
		{1, (uint64_t)(uintptr_t)closed, 1, 1},      // failed
		{0, 0, 1, 1},                                // no channel
		{0, (uint64_t)(uintptr_t)closed, 0, 1},      // no symbols
		{0, (uint64_t)(uintptr_t)closed, 1, 0},      // its init runs, or has panicked
		{0, (uint64_t)(uintptr_t)closed, 1, 2},      // no such state
		{0, (uint64_t)(uintptr_t)closed, 1, 1 << 8}, // nor this
	};

	sf_go_fill((char *)frame, NULL, 8);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		plugin[3] = rows[i].error_len;
		plugin[4] = rows[i].loaded;
		plugin[5] = rows[i].syms;
		closed[7] = rows[i].closed;
		sf_go_fill((char *)frame, p, 8);
		CHECK(t->fills[SF_GO_SKIP_STATE] == i + 1 && t->entries == 0);
	}
	closed[7] = 1;
	sf_go_fill((char *)frame, p, 8);
	CHECK(t->fills[SF_GO_FILL] == 1 && sf_go_lookup(a, strlen(a)) == (uint64_t)(uintptr_t)p);
	// Off: not even looked at.
	sf_go_serve(false);
	closed[7] = 0;
	sf_go_fill((char *)frame, p, 8);
	CHECK(t->fills[SF_GO_SKIP_STATE] == sizeof(rows) / sizeof(rows[0]));
}

static void
switch_off_and_on(void)
{
	in_clock = NULL;
	sf_go_serve(false);
	sf_go_serve(true);
}

static void
test_switch(void)
{
	fresh_table(1000);
	put(a, a, 7);
	sf_go_serve(true); // is on: no new era
	CHECK(get(a) == 7 && counted(SF_GO_HIT) == 1 && t->era == t->eras);
	sf_go_serve(false);
	CHECK(get(a) == 0 && sf_go_lookup(a, strlen(a)) == 0 && counted(SF_GO_BYPASS_OFF) == 2);
	put(a, a, 7);
	put(b, b, 8);
	CHECK(t->entries == 1 && t->fills[SF_GO_FILL] == 1 && t->fills[SF_GO_RENEW] == 0);
	// On again, well within the time to live: one is sent to Go, the others are proved.
	sf_go_serve(true);
	CHECK(get(a) == 0 && counted(SF_GO_REFRESH) == 1);
	CHECK(get(a) == 7 && counted(SF_GO_CHECKED) == 1 && counted(SF_GO_HIT) == 1);
	put(a, a, 7);
	CHECK(get(a) == 7 && counted(SF_GO_HIT) == 2);
	// What happened while it was off is seen at once.
	sf_go_serve(false);
	unlink(a);
	sf_go_serve(true);
	CHECK(get(a) == 0 && get(a) == 0 && counted(SF_GO_STALE) == 1);
	make(a);
	settle();
	// A fill that was under way when the era ended counts for that era.
	fresh_table(1000);
	put(a, a, 7);
	in_clock = switch_off_and_on;
	put(a, a, 7);
	CHECK(t->fills[SF_GO_RENEW] == 1 && first_entry()->era != t->era);
	CHECK(get(a) == 0 && get(a) == 7 && counted(SF_GO_HIT) == 0);
	// No era is ever 0, which would mean off.
	sf_go_serve(false);
	t->eras = UINT32_MAX;
	sf_go_serve(true);
	CHECK(t->era == 1);
	// A process without a table is not switched on.
	memset(t, 0, sizeof(*t));
	sf_go_serve(true);
	CHECK(t->era == 0);
}

// ---- a kernel that answers otherwise ----

static uint32_t said_type; // of the file system, where not 0
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
		CHECK(t->fills[SF_GO_SKIP_FILE] == 1 && get(a) == 0);
	}
	// A remote canonical name has its time to live, and no proof behind it.
	fresh_table(1000);
	put(a, a, 7);
	CHECK(get(a) == 7);
	fake_ns += 5000;
	CHECK(get(a) == 0 && get(a) == 0 && counted(SF_GO_STALE) == 1);
	said_type = 0;
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		fresh_table(0);
		put(a, a, 7);
		hidden = bits[i];
		CHECK(get(a) == 0 && counted(SF_GO_STALE) == 1);
		put(b, b, 7);
		CHECK(t->fills[SF_GO_SKIP_FILE] == 1);
		hidden = 0;
	}
}

int
main(void)
{
	if (!make_folder())
		return 2;
	settle();
	test_one_hash();
	test_chain();
	test_way();
	test_identity();
	test_no_plain_file();
	test_two_links();
	test_settled();
	test_sizes();
	test_canonical();
	test_complete();
	test_switch();
	test_kernel();
	printf("%d failures\n", failures);
	remove_folder();
	return failures ? 1 : 0;
}
