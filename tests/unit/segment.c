// SPDX-License-Identifier: BSD-2-Clause
// segment.c: the file and what is in it: layout, names, modes, forks, refusals of every kind.
#include "unit.h"

#include "base/sys.h"
#include "map/thread.h"
#include "observe/counters.h"
#include "observe/histogram.h"
#include "observe/segment_file.h"
#include "rollout/mode.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const char unit_name[] = "segment";

static char dir[64] = "/dev/shm/sf-unit-XXXXXX";

static void
begin(bool may)
{
	if (strchr(dir, 'X') != NULL)
		ck_assert_ptr_nonnull(mkdtemp(dir));
	sf_segment_begin();
	sf_segment_init(may, dir);
	sf_counters_init();
	sf_histogram_init();
	sf_control.phase = SYMFAST_SHM_PHASE_LIVE;
}

static void
end(void)
{
	sf_segment_close();
	ck_assert_int_eq(rmdir(dir), 0);
}

static const char *
path_of(pid_t pid)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/symfast.%u.%d", dir, geteuid(), (int)pid);
	return path;
}

/* As another process would: its own map of the file. */
static struct symfast_shm_header *
map_of(pid_t pid)
{
	int fd = open(path_of(pid), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	void *map;

	if (fd < 0)
		return NULL;
	map = mmap(NULL, SYMFAST_SHM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	ck_assert_ptr_ne(map, MAP_FAILED);
	return map;
}

static struct symfast_shm_control *
control_of(struct symfast_shm_header *h)
{
	return (void *)((char *)h + SYMFAST_SHM_CONTROL);
}

static uint64_t
sum_of(const struct symfast_shm_header *h, enum sf_counter id)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < h->counters.blocks_used; i++)
		sum += ((const uint64_t *)(const void *)((const char *)h +
							 h->counters.blocks_offset +
							 i * h->counters.block_stride))[id];
	return sum;
}

START_TEST(nothing_is_made_before_it_is_due)
{
	begin(true);
	ck_assert_int_eq(access(path_of(getpid()), F_OK), -1);
	ck_assert_uint_eq(sf_segment_due, 1);
	sf_segment_open();
	ck_assert_int_eq(access(path_of(getpid()), F_OK), 0);
	ck_assert_uint_eq(sf_segment_due, 0);
	sf_segment_open();
	sf_segment_close();
	ck_assert_int_eq(access(path_of(getpid()), F_OK), -1);
	end();
}
END_TEST

START_TEST(header_and_sections)
{
	struct symfast_shm_header *h;
	struct stat st;
	char exe[256] = "";

	begin(true);
	sf_segment_open();
	ck_assert_int_eq(stat(path_of(getpid()), &st), 0);
	ck_assert_uint_eq(st.st_mode, S_IFREG | 0600);
	ck_assert_uint_eq((unsigned long)st.st_size, SYMFAST_SHM_SIZE);
	h = map_of(getpid());
	ck_assert_int_eq(memcmp(h->magic, SYMFAST_SHM_MAGIC, sizeof(h->magic)), 0);
	ck_assert_uint_eq(h->version, SYMFAST_SHM_VERSION);
	ck_assert_uint_eq(h->size, SYMFAST_SHM_SIZE);
	ck_assert_uint_eq(h->pid, (unsigned int)getpid());
	ck_assert_uint_eq(h->uid, geteuid());
	ck_assert_uint_eq(h->parent_pid, 0);
	ck_assert_uint_ne(h->start_time, 0);
	ck_assert_uint_ne(h->pid_space, 0);
	ck_assert_uint_ne(h->ticks_first, 0);
	ck_assert_str_eq(h->library, SF_VERSION);
	ck_assert_int_gt(readlink("/proc/self/exe", exe, sizeof(exe) - 1), 0);
	ck_assert_str_eq(h->exe, exe);
	/* Every section within the file, and none over another. */
	ck_assert_uint_le(h->header_size, h->counters.names_offset);
	ck_assert_uint_eq(h->histograms.used, SF_TIMED_COUNT * 2);
	ck_assert_uint_le(h->histograms.offset + h->histograms.capacity * h->histograms.stride,
			  h->sites.offset);
	ck_assert_uint_le(h->objects.offset + h->objects.capacity * h->objects.stride,
			  h->go.blocks_offset);
	ck_assert_uint_le(h->counters.blocks_offset +
				  h->counters.block_capacity * h->counters.block_stride,
			  h->size);
	end();
}
END_TEST

/* Field 22 of /proc/self/stat, by other means than the segment's. */
START_TEST(start_time)
{
	char text[1024], *p;
	unsigned long long start = 0;
	FILE *f = fopen("/proc/self/stat", "r");

	ck_assert_ptr_nonnull(fgets(text, sizeof(text), f));
	fclose(f);
	p = strrchr(text, ')') + 2;
	for (int i = 3; i < 22; i++)
		p = strchr(p, ' ') + 1;
	start = strtoull(p, NULL, 10);
	begin(true);
	sf_segment_open();
	ck_assert_uint_eq(sf_page.header.start_time, start);
	end();
}
END_TEST

START_TEST(names_as_the_table_says)
{
	struct symfast_shm_header *h;
	const char *word;

	begin(true);
	sf_segment_open();
	h = map_of(getpid());
	ck_assert_uint_eq(h->counters.names_count, SF_COUNTER_COUNT);
	word = (const char *)h + h->counters.names_offset;
	for (enum sf_counter i = 0; i < SF_COUNTER_COUNT; i++, word += strlen(word) + 1)
		ck_assert_str_eq(word, sf_counters_name(i));
	ck_assert_ptr_eq(word,
			 (const char *)h + h->counters.names_offset + h->counters.names_bytes);
	ck_assert_uint_eq(h->functions_count, SF_TIMED_COUNT);
	word = (const char *)h + h->functions_offset;
	for (enum sf_timed i = 0; i < SF_TIMED_COUNT; i++, word += strlen(word) + 1)
		ck_assert_str_eq(word, sf_histogram_name(i));
	end();
}
END_TEST

START_TEST(counts_of_before_and_after_are_in_the_file)
{
	static struct sf_counters own;
	struct symfast_shm_header *h;
	uint64_t *n;

	begin(true);
	n = sf_counters_take(&own);
	n[SF_DLSYM_HIT] = 41;
	sf_counters_add_shared(SF_DLSYM_PASS);
	sf_segment_open();
	h = map_of(getpid());
	ck_assert_uint_eq(sum_of(h, SF_DLSYM_HIT), 41);
	n[SF_DLSYM_HIT]++;
	sf_counters_add_shared(SF_DLSYM_PASS);
	sf_histogram_add(SF_TIMED_DLSYM, SF_ARM_MAP, 7);
	ck_assert_uint_eq(sum_of(h, SF_DLSYM_HIT), 42);
	ck_assert_uint_eq(sum_of(h, SF_DLSYM_PASS), 2);
	ck_assert_uint_eq(sf_counters_sum(SF_DLSYM_HIT), 42);
	ck_assert_uint_eq(
		((struct symfast_shm_histogram *)(void *)((char *)h + h->histograms.offset))[1]
			.count,
		1);
	end();
}
END_TEST

START_TEST(the_word_goes_both_ways)
{
	struct symfast_shm_header *h;

	begin(true);
	sf_segment_set_mode(SF_MODE_WORD_ON, SYMFAST_SHM_BY_SETTING);
	sf_segment_open();
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_ON);
	h = map_of(getpid());
	symfast_shm_set(control_of(h), SYMFAST_SHM_OBSERVE, SYMFAST_SHM_BY_CTL);
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_OBSERVE);
	ck_assert_uint_eq(sf_control.go_era, 0);
	symfast_shm_set(control_of(h), SYMFAST_SHM_ON, SYMFAST_SHM_BY_CTL);
	ck_assert_uint_eq(sf_control.go_era, sf_control.go_eras);
	sf_segment_set_mode(SF_MODE_WORD_VERIFY, SYMFAST_SHM_BY_BREAKER);
	ck_assert_uint_eq(control_of(h)->word, SYMFAST_SHM_VERIFY);
	end();
}
END_TEST

START_TEST(what_is_left_of_an_earlier_process_is_replaced)
{
	int fd;

	begin(true);
	fd = open(path_of(getpid()), O_CREAT | O_WRONLY, 0600);
	ck_assert_int_eq(write(fd, "old", 3), 3);
	sf_segment_open();
	ck_assert_int_eq(pwrite(fd, "XXXX", 4, 0), 4); /* to the old file: nobody's any more */
	close(fd);
	ck_assert_int_eq(memcmp(map_of(getpid())->magic, SYMFAST_SHM_MAGIC, 8), 0);
	end();
}
END_TEST

/* A link planted at the name is not followed. */
START_TEST(a_symlink_is_not_followed)
{
	char victim[96];
	struct stat st;
	int fd;

	begin(true);
	snprintf(victim, sizeof(victim), "%s/victim", dir);
	fd = open(victim, O_CREAT | O_WRONLY, 0600);
	close(fd);
	ck_assert_int_eq(symlink(victim, path_of(getpid())), 0);
	sf_segment_open();
	ck_assert_int_eq(lstat(path_of(getpid()), &st), 0);
	ck_assert(S_ISREG(st.st_mode));
	ck_assert_int_eq(stat(victim, &st), 0);
	ck_assert_int_eq(st.st_size, 0);
	unlink(victim);
	end();
}
END_TEST

START_TEST(no_directory_no_file)
{
	begin(true);
	rmdir(dir);
	sf_segment_open();
	ck_assert_uint_eq(sf_segment_due, 0);
	sf_counters_add_shared(SF_DLSYM_HIT);
	ck_assert_uint_eq(sf_counters_sum(SF_DLSYM_HIT), 1);
	sf_segment_set_mode(SF_MODE_WORD_ON, SYMFAST_SHM_BY_SETTING);
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_ON);
	sf_segment_close();
}
END_TEST

START_TEST(where_none_may_be_made_none_is)
{
	begin(false);
	ck_assert_uint_eq(sf_segment_due, 0);
	sf_segment_open();
	ck_assert_int_eq(access(path_of(getpid()), F_OK), -1);
	end();
}
END_TEST

/* A larger file would be a signal, not an error. */
START_TEST(a_limit_of_file_size)
{
	struct rlimit limit = {SYMFAST_SHM_SIZE - 1, SYMFAST_SHM_SIZE - 1};

	begin(true);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	sf_segment_open();
	ck_assert_int_eq(access(path_of(getpid()), F_OK), -1);
	end();
}
END_TEST

/* Is it the kernel that writes a system call's answer? An emulator that does so itself gets SIGBUS. */
static bool
kernel_refuses(void)
{
	int status = 0, fd = memfd_create("empty", 0);
	pid_t child = fork();

	if (child == 0) {
		void *beyond = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		_exit(syscall(SYS_rt_sigprocmask, 0, NULL, beyond, 8) == 0);
	}
	close(fd);
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* A tmpfs of `pages` pages is full sooner or later: no signal, and every count is there. */
START_TEST(a_full_tmpfs)
{
	static struct sf_counters own[64];
	char options[32];

	if (!kernel_refuses())
		return;
	begin(true);
	snprintf(options, sizeof(options), "size=%dk", 4 * _i);
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", dir, "tmpfs", 0, options) != 0) {
		end();
		return; /* not root: nothing to be seen here */
	}
	sf_segment_open();
	for (size_t i = 0; i < COUNT_OF(own); i++)
		sf_counters_take(&own[i])[SF_DLSYM_HIT] += 1;
	for (int i = 0; i < SF_TIMED_COUNT; i++)
		sf_histogram_add((enum sf_timed)i, SF_ARM_MAP, 1ull << i * 6);
	ck_assert_uint_eq(sf_counters_sum(SF_DLSYM_HIT), COUNT_OF(own));
	sf_segment_close();
	ck_assert_int_eq(umount2(dir, MNT_DETACH), 0);
	end();
}
END_TEST

static void
in_child(void)
{
	struct symfast_shm_header *h;

	sf_segment_forked();
	sf_counters_reset();
	if (sf_counters_sum(SF_DLSYM_HIT) != 0)
		_exit(1);
	sf_thread.n[SF_DLSYM_HIT] += 1000; /* the same place as in the parent */
	if (sf_counters_sum(SF_DLSYM_HIT) != 1000)
		_exit(2);
	/* One switch for both, until the child has a file of its own. */
	if (sf_mode_word != SF_MODE_WORD_ON || access(path_of(getpid()), F_OK) == 0)
		_exit(3);
	sf_segment_close();
	if (access(path_of(getppid()), F_OK) != 0)
		_exit(4);
	sf_segment_open();
	h = map_of(getpid());
	if (h == NULL || h->pid != (uint32_t)getpid() || h->parent_pid != (uint32_t)getppid())
		_exit(5);
	if (sum_of(h, SF_DLSYM_HIT) != 1000)
		_exit(6);
	sf_segment_set_mode(SF_MODE_WORD_OFF, SYMFAST_SHM_BY_BREAKER);
	if (control_of(h)->word != SYMFAST_SHM_OFF)
		_exit(7);
	sf_segment_close();
	_exit(access(path_of(getpid()), F_OK) == 0 ? 8 : 0);
}

START_TEST(a_child_counts_for_itself)
{
	static struct sf_counters own;
	struct symfast_shm_header *h;
	int status;

	begin(true);
	sf_thread.n = sf_counters_take(&own);
	sf_thread.n[SF_DLSYM_HIT] = 5;
	sf_segment_set_mode(SF_MODE_WORD_ON, SYMFAST_SHM_BY_SETTING);
	sf_segment_open();
	if (fork() == 0)
		in_child();
	ck_assert_int_gt(wait(&status), 0);
	ck_assert_int_eq(status, 0);
	h = map_of(getpid());
	ck_assert_uint_eq(sum_of(h, SF_DLSYM_HIT), 5);
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_ON);
	end();
}
END_TEST

START_TEST(it_survives_a_crash)
{
	struct symfast_shm_header *h;
	int status;
	pid_t pid;

	begin(true);
	pid = fork();
	if (pid == 0) {
		sf_segment_forked();
		sf_counters_add_shared(SF_DLSYM_HIT);
		sf_segment_open();
		kill(getpid(), SIGKILL);
	}
	ck_assert_int_gt(waitpid(pid, &status, 0), 0);
	h = map_of(pid);
	ck_assert_ptr_nonnull(h);
	ck_assert_uint_eq(sum_of(h, SF_DLSYM_HIT), 1);
	unlink(path_of(pid));
	end();
}
END_TEST

START_TEST(a_note_of_a_process_that_is_not_served)
{
	struct symfast_shm_header *h;

	begin(false);
	sf_control.phase = SYMFAST_SHM_PHASE_PASS;
	strcpy(sf_control.why, "canary");
	sf_segment_leave_note(dir);
	h = map_of(getpid());
	ck_assert_uint_eq(control_of(h)->phase, SYMFAST_SHM_PHASE_PASS);
	ck_assert_str_eq(control_of(h)->why, "canary");
	/* Nobody listens. */
	symfast_shm_set(control_of(h), SYMFAST_SHM_ON, SYMFAST_SHM_BY_CTL);
	ck_assert_uint_eq(sf_mode_word, SF_MODE_WORD_OFF);
	end();
}
END_TEST

/* Of fifty dead processes thirty-two files stay; those of the living, and of others, all. */
START_TEST(files_of_the_dead_are_swept)
{
	char prefix[32], name[160];
	unsigned int left = 0;
	DIR *d;

	begin(true);
	sf_segment_open();
	for (int i = 0; i < 50; i++) {
		int fd = open(path_of(4200000 + i), O_CREAT | O_WRONLY, 0600);

		ck_assert_int_gt(write(fd, &sf_page.header, sizeof(sf_page.header)), 0);
		close(fd);
	}
	for (int i = 0; i < 40; i++) {
		struct symfast_shm_header other = sf_page.header;
		int fd = open(path_of(4300000 + i), O_CREAT | O_WRONLY, 0600);

		other.pid_space++;
		ck_assert_int_gt(write(fd, &other, sizeof(other)), 0);
		close(fd);
	}
	snprintf(name, sizeof(name), "%s/symfast.x.4200000", dir);
	close(open(name, O_CREAT | O_WRONLY, 0600));
	snprintf(prefix, sizeof(prefix), "symfast.%u.", geteuid());
	sf_file_sweep(dir, prefix, sf_page.header.pid_space);
	ck_assert_int_eq(access(path_of(getpid()), F_OK), 0);
	ck_assert_int_eq(access(name, F_OK), 0);
	d = opendir(dir);
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		left += strncmp(e->d_name, prefix, strlen(prefix)) == 0;
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	}
	closedir(d);
	/* 40 of another namespace, this process, and up to 32 of the dead. */
	ck_assert_uint_ge(left, 41);
	ck_assert_uint_le(left, 41 + 32);
	end();
}
END_TEST

static void
leave_record(int pid, uint64_t made, uint64_t opened)
{
	struct symfast_shm_header h = sf_page.header;
	struct symfast_shm_control c = {.breaker_trips = 1, .breaker_ns = opened};
	int fd = open(path_of(pid), O_CREAT | O_WRONLY, 0600);

	h.made_ns = made;
	ck_assert_int_gt(write(fd, &h, sizeof(h)), 0);
	ck_assert_int_eq(pwrite(fd, &c, sizeof(c), SYMFAST_SHM_CONTROL), sizeof(c));
	close(fd);
}

/* Those that tell of an open breaker are not pushed out by others: eight, and none for ever. */
START_TEST(records_of_the_dead_are_swept_by_themselves)
{
	const uint64_t now = sf_sys_clock(CLOCK_REALTIME), week = 7 * 86400 * 1000000000ull;
	char prefix[32];
	unsigned int left = 0, plain = 0;

	begin(true);
	sf_segment_open();
	for (int i = 0; i < 50; i++) {
		leave_record(4200000 + i, now - 1000000, 0);
		if (i >= 20) /* of a process that had none */
			ck_assert_int_eq(
				truncate(path_of(4200000 + i), sizeof(struct symfast_shm_header)),
				0);
	}
	leave_record(4100001, now - 2 * week, 0);
	leave_record(4100002, now - 2 * week, now); /* made long ago, and opened just now */
	snprintf(prefix, sizeof(prefix), "symfast.%u.", geteuid());
	sf_file_sweep(dir, prefix, sf_page.header.pid_space);
	ck_assert_int_eq(access(path_of(4100002), F_OK), 0);
	for (int i = 0; i < 50; i++) {
		*(i < 20 ? &left : &plain) += access(path_of(4200000 + i), F_OK) == 0;
		unlink(path_of(4200000 + i));
	}
	ck_assert_uint_eq(left, 7);
	ck_assert_uint_eq(plain, 8);
	ck_assert_int_ne(access(path_of(4100001), F_OK), 0);
	unlink(path_of(4100002));
	end();
}
END_TEST

/* A mismatch is seen after the end. */
START_TEST(a_marked_file_stays)
{
	struct symfast_shm_control *c;

	begin(true);
	sf_segment_open();
	c = control_of(map_of(getpid()));
	c->mismatches = 1;
	sf_segment_close();
	ck_assert_int_eq(access(path_of(getpid()), F_OK), 0);
	c->mismatches = 0;
	end();
}
END_TEST

START_TEST(an_inherited_mark_is_the_parents)
{
	begin(true);
	sf_control.breaker_trips = 3;
	sf_segment_forked();
	sf_segment_open();
	end();
}
END_TEST

/* No file descriptor is left behind. */
START_TEST(no_descriptor_stays_open)
{
	int before = dup(0), after;

	close(before);
	begin(true);
	sf_segment_open();
	after = dup(0);
	ck_assert_int_eq(before, after);
	end();
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, nothing_is_made_before_it_is_due);
	tcase_add_test(tests, header_and_sections);
	tcase_add_test(tests, start_time);
	tcase_add_test(tests, names_as_the_table_says);
	tcase_add_test(tests, counts_of_before_and_after_are_in_the_file);
	tcase_add_test(tests, the_word_goes_both_ways);
	tcase_add_test(tests, what_is_left_of_an_earlier_process_is_replaced);
	tcase_add_test(tests, a_symlink_is_not_followed);
	tcase_add_test(tests, no_directory_no_file);
	tcase_add_test(tests, where_none_may_be_made_none_is);
	tcase_add_test(tests, a_limit_of_file_size);
	tcase_add_loop_test(tests, a_full_tmpfs, 1, 16);
	tcase_add_test(tests, a_child_counts_for_itself);
	tcase_add_test(tests, it_survives_a_crash);
	tcase_add_test(tests, a_note_of_a_process_that_is_not_served);
	tcase_add_test(tests, files_of_the_dead_are_swept);
	tcase_add_test(tests, records_of_the_dead_are_swept_by_themselves);
	tcase_add_test(tests, a_marked_file_stays);
	tcase_add_test(tests, an_inherited_mark_is_the_parents);
	tcase_add_test(tests, no_descriptor_stays_open);
}
