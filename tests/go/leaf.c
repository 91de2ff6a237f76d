// SPDX-License-Identifier: BSD-2-Clause
// The leaf's finer points, none of which a plain run meets: two names of one hash, a path that is no
// longer canonical, a plugin that is not complete, an identity that differs in one field, the live
// switch and its eras. kernel.c has the kernels that answer otherwise.
#include "../../shim/go/leaf_names.h"
#include "table.h"

#include <errno.h>
#include <linux/stat.h>
#include <sys/resource.h>
#include <sys/stat.h>

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
		point(in_way);
		put(a_link, in_way, 5);
		put("a", "a", 5);
		put("a", relative, 5);
		CHECK(t->fills[SF_GO_SKIP_NAME] == 2 && t->entries == 1 && get(a_link) == 0);
		CHECK(t->fills[SF_GO_SKIP_FILE] == 1);
		put(in_way, in_way, 5); // Go has just said so: until its time is over
		CHECK(get(in_way) == (ttl ? 5 : 0));
		put(in_way, in_sub, 6);
		CHECK(get(in_way) == 6);
		put(in_sub, in_sub, 6);
		CHECK(get(in_sub) == 6);
	}
	unlink(a_link);
	fresh_table(0);
	put(in_way, in_sub, 6);
	CHECK(get(in_way) == 6 && !strcmp(t->path, in_sub));
	CHECK(open_files() == before);
	// No file descriptor to be had: no way to look, not kept.
	struct rlimit old, none;
	CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
	none = (struct rlimit){0, old.rlim_max};
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	put(b, b, 6);
	CHECK(get(b) == 0 && get(in_way) == 6 && t->fills[SF_GO_SKIP_FILE] == 1);
	CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
	CHECK(get(b) == 6);
	unlink("xtmp");
	unlink(in_sub);
	unlink(way);
	rmdir(sub);
}

// Two folders exchange their names: nothing about the files changes, not even a time, and a link that has
// pointed into both now leads to the other's path.
static void
test_folders_exchanged(void)
{
	char blue[PATH_MAX + 8], green[PATH_MAX + 8], x[PATH_MAX + 8];
	char in_blue[PATH_MAX + 16], in_green[PATH_MAX + 16];

	snprintf(blue, sizeof(blue), "%s/blue", dir);
	snprintf(green, sizeof(green), "%s/green", dir);
	snprintf(x, sizeof(x), "%s/x", dir);
	snprintf(in_blue, sizeof(in_blue), "%s/f", blue);
	snprintf(in_green, sizeof(in_green), "%s/f", green);
	CHECK(mkdir(blue, 0700) == 0 && mkdir(green, 0700) == 0);
	make(in_blue);
	make(in_green);
	settle();
	for (uint64_t ttl = 0; ttl <= 1000; ttl += 1000) {
		fresh_table(ttl);
		point(in_blue);
		put(a_link, in_blue, 1);
		CHECK(get(a_link) == 1);
		point(in_green);
		CHECK(get(a_link) == 0);
		put(a_link, in_green, 2);
		CHECK(get(a_link) == 2);
		CHECK(rename(blue, x) == 0 && rename(green, blue) == 0 && rename(x, green) == 0);
		// The file is the first plugin's and its path the second one's: the path decides.
		CHECK(get(a_link) == 2);
		point(in_blue);
		CHECK(get(a_link) == 1);
		// A link in the folder's place: the file is reached by the old path, which is
		// canonical no more. Go is asked within half a time to live, and its word ends it.
		CHECK(rename(blue, x) == 0 && symlink(x, blue) == 0);
		fake_ns += SF_GO_RENEW_NS;
		CHECK(get(a_link) == 0 && counted(SF_GO_REFRESH) == 1);
		snprintf(in_blue, sizeof(in_blue), "%s/f", x);
		put(a_link, in_blue, 3);
		CHECK(get(a_link) == 3);
		CHECK(unlink(blue) == 0 && rename(x, blue) == 0 && get(a_link) == 1);
		snprintf(in_blue, sizeof(in_blue), "%s/f", blue);
		CHECK(rename(blue, x) == 0 && rename(green, blue) == 0 && rename(x, green) == 0);
	}
	unlink(a_link);
	unlink(in_blue);
	unlink(in_green);
	rmdir(blue);
	rmdir(green);
}

// A goroutine that is bound to its thread may see other files there: its names are proved at each
// call, and what it finds is timed for nobody.
static void
test_bound(void)
{
	uint64_t plugin[8] = {0}, frame[8] = {0}, bound[4] = {0, 0, 1}, roaming[4] = {0};
	uint32_t closed[16] = {[7] = 1};
	const uint64_t value = (uint64_t)(uintptr_t)plugin;

	fresh_table(1000);
	sf_go_slots = (struct sf_go_slots){.name = 8, .path_ptr = 32, .path_len = 48};
	t->locked = 16;
	frame[1] = frame[4] = (uint64_t)(uintptr_t)a;
	frame[2] = frame[6] = strlen(a);
	plugin[4] = (uint64_t)(uintptr_t)closed;
	plugin[5] = 1;
	sf_go_fill((char *)frame, (char *)plugin, (uint64_t)(uintptr_t)bound);
	CHECK(t->entries == 1 && first_entry()->era == 0 && first_entry()->elected == 0);
	CHECK(sf_go_lookup(a, strlen(a), (uint64_t)(uintptr_t)bound) == value);
	CHECK(counted(SF_GO_CHECKED) == 1 && counted(SF_GO_HIT) == 0);
	CHECK(sf_go_lookup(a, strlen(a), (uint64_t)(uintptr_t)roaming) == value);
	CHECK(counted(SF_GO_CHECKED) == 2 && counted(SF_GO_HIT) == 0);
	sf_go_fill((char *)frame, (char *)plugin, (uint64_t)(uintptr_t)roaming);
	CHECK(sf_go_lookup(a, strlen(a), (uint64_t)(uintptr_t)roaming) == value);
	CHECK(counted(SF_GO_HIT) == 1);
	// Within its time, and while others renew it: gone for the bound one, at once.
	unlink(a);
	CHECK(sf_go_lookup(a, strlen(a), (uint64_t)(uintptr_t)roaming) == value);
	CHECK(sf_go_lookup(a, strlen(a), (uint64_t)(uintptr_t)bound) == 0);
	CHECK(counted(SF_GO_HIT) == 2 && counted(SF_GO_STALE) == 1);
	// It neither renews nor ends anything for the others.
	uint64_t expires = first_entry()->expires;
	fake_ns += 100;
	sf_go_fill((char *)frame, (char *)plugin, (uint64_t)(uintptr_t)bound);
	CHECK(first_entry()->expires == expires && first_entry()->era == t->era);
	fake_ns += 5000;
	CHECK(sf_go_lookup(a, strlen(a), (uint64_t)(uintptr_t)bound) == 0);
	CHECK(counted(SF_GO_REFRESH) == 0);
	make(a);
	settle();
	t->locked = 0;
}

// Where somebody looks at realpath (the kill file), a renewal goes Go's own way once in so long, also of a name that
// is proved at each call; where nobody does, none.
static void
test_looked_at(void)
{
	for (int looks = 0; looks < 2; looks++)
		for (uint64_t ttl = 0; ttl <= 1000; ttl += 1000) {
			unsigned int sent = 0;

			fresh_table(ttl);
			put(a, a, 7);
			t->looks = (uint32_t)looks;
			t->look_at = 0;
			for (int i = 0; i < 100; i++) {
				fake_ns += SF_GO_LOOK_NS / 10;
				if (get(a) == 0) {
					sent++;
					put(a, a, 7);
				}
			}
			CHECK(looks ? sent >= 9 && sent <= 11 : sent == 0);
			CHECK(counted(SF_GO_REFRESH) == sent && counted(SF_GO_STALE) == 0);
		}
	t->looks = 0;
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

	CHECK(v->seq == 2 && !v->proved && get(a) == 7 && v->seq == 4 && v->proved);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		CHECK(get(a) == 7);
		*fields[i] ^= 1;
		t->filling = 1; // somebody else writes: nothing is proved anew
		CHECK(get(a) == 0 && counted(SF_GO_STALE) == i + 1);
		t->filling = 0;
		*fields[i] ^= 1;
	}
	t->filling = 1;
	v->seq++;
	CHECK(get(a) == 0);
	v->seq = 0;
	CHECK(get(a) == 0);
	v->seq = 4;
	CHECK(get(a) == 7);
	v->proved = 0;
	CHECK(get(a) == 0);
	t->filling = 0;
	put(a, a, 7);
	CHECK(first_entry()->next_variant == 1 && get(a) == 7 && v->proved);
	// A writer that a fork has cut off in the middle: the next one opens the variant again.
	v->seq = 7;
	chmod(a, 0644);
	settle();
	CHECK(get(a) == 7 && v->seq == 8);
	// What Go says takes the place of what was proved, whatever the file: a folder on the way may
	// have changed its name.
	put(a, b, 9);
	CHECK(!v->proved && first_entry()->next_variant == 2);
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
		fake_ns += 5000; // past any time to live
		CHECK(!ttl || (get(fifo) == 0 && get(dir) == 0));
		CHECK(get(fifo) == 0 && get(dir) == 0 && counted(SF_GO_STALE) == 2);
	}
	// Nor is it taken for the file that was there, should they share an inode number.
	fresh_table(0);
	put(a, a, 7);
	struct statx st;
	CHECK(ask_kernel(AT_FDCWD, fifo, 0, &st) == FILE_NONE);
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
	CHECK(get(a) == 0 && counted(SF_GO_REFRESH) == 1 && t->fills[SF_GO_SKIP_FILE] == 1);
	CHECK(get(a) == 0 && counted(SF_GO_STALE) == 0 && t->fills[SF_GO_BYPASS_PAUSED] == 1);
	unlink(second);
	settle();
	fake_ns += SF_GO_PAUSE_NS;
	CHECK(get(a) == 7);
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
	point(a);
	put(a_link, a, 7);
	CHECK(get(a_link) == 0 && t->fills[SF_GO_SKIP_FILE] == 1);
	put(a, a, 7);
	CHECK(get(a) == 7);
	fake_ns += 5000;
	CHECK(get(a) == 0 && get(a) == 0 && counted(SF_GO_STALE) == 2);
	fake_wall++;
	put(a, a, 7);
	fake_ns += 5000;
	CHECK(get(a) == 7 && get(a) == 7 && counted(SF_GO_CHECKED) == 1);
	fake_wall = 0;
	unlink(a_link);
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
	CHECK(t->entries < 260 && t->fills[SF_GO_SKIP_FULL] == 1000 - t->entries);
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
	CHECK(t->fills[SF_GO_FILL] == 1 && sf_go_lookup(a, strlen(a), 0) == (uint64_t)(uintptr_t)p);
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
	CHECK(get(a) == 0 && sf_go_lookup(a, strlen(a), 0) == 0 && counted(SF_GO_BYPASS_OFF) == 2);
	put(a, a, 7);
	put(b, b, 8);
	CHECK(t->entries == 1 && t->fills[SF_GO_FILL] == 1 && t->fills[SF_GO_RENEW] == 0);
	// On again, well within the time to live: the first is proved, the others are of the new era.
	sf_go_serve(true);
	CHECK(get(a) == 7 && counted(SF_GO_CHECKED) == 1 && counted(SF_GO_HIT) == 1);
	CHECK(get(a) == 7 && counted(SF_GO_CHECKED) == 1 && counted(SF_GO_HIT) == 2);
	put(a, a, 7);
	CHECK(get(a) == 7 && counted(SF_GO_HIT) == 3);
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
	CHECK(get(a) == 7 && counted(SF_GO_HIT) == 0);
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
	test_folders_exchanged();
	test_bound();
	test_looked_at();
	test_no_plain_file();
	test_two_links();
	test_settled();
	test_sizes();
	test_canonical();
	test_complete();
	test_switch();
	printf("%d failures\n", failures);
	remove_folder();
	return failures ? 1 : 0;
}
