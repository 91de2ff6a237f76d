// SPDX-License-Identifier: BSD-2-Clause
// segment_open.c: see segment_open.h: finding, opening, checking.
#include "segment_open.h"

#include "../base/proc.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Several times what the library makes: room for later releases, none for a file that is made to hurt. */
#define SIZE_MAX_FILE (4u << 20)
#define NAMES_MAX     1024
#define NAMES_BYTES   65536
#define FUNCTIONS_MAX 64
#define OBJECTS_MAX   1024
#define SITES_MAX     2048
#define STRIDE_MAX    65536

static bool
segment_open_fits(const struct segment *s, uint64_t offset, uint64_t size)
{
	return offset <= s->size && size <= s->size - offset;
}

static bool
segment_open_group_fits(const struct segment *s, const struct symfast_shm_group *g)
{
	return segment_open_fits(s, g->names_offset, g->names_bytes) &&
	       g->names_count <= NAMES_MAX && g->names_bytes <= NAMES_BYTES &&
	       g->names_count <= g->names_bytes && g->block_stride <= STRIDE_MAX &&
	       (g->block_capacity == 0 || g->block_stride >= g->names_count * 8ull) &&
	       segment_open_fits(s, g->blocks_offset,
				 (uint64_t)g->block_capacity * g->block_stride) &&
	       g->blocks_used <= g->block_capacity;
}

static bool
segment_open_section_fits(const struct segment *s, const struct symfast_shm_section *t, size_t row,
			  uint32_t most)
{
	return t->capacity <= most && (t->capacity == 0 || t->stride >= row) &&
	       t->stride <= STRIDE_MAX &&
	       segment_open_fits(s, t->offset, (uint64_t)t->capacity * t->stride) &&
	       t->used <= t->capacity;
}

static const char *
segment_open_check(struct segment *s, uint64_t file_size, uid_t owner)
{
	struct symfast_shm_header *h = &s->head;

	if (memcmp(h->magic, SYMFAST_SHM_MAGIC, sizeof(h->magic)) != 0)
		return "is no statistics segment";
	if (h->version != SYMFAST_SHM_VERSION)
		return "is a segment of another format's version";
	if (h->size > file_size)
		return "is truncated";
	if (h->size > SIZE_MAX_FILE)
		return "is damaged: it is larger than any segment";
	s->size = h->size;
	if (h->header_size <
		    SYMFAST_SHM_CONTROL + offsetof(struct symfast_shm_control, breaker_ns) ||
	    h->header_size > h->size)
		return "is damaged: its header has an impossible size";
	if (h->uid != owner)
		return "is damaged: it names another owner";
	if (!segment_open_group_fits(s, &h->counters) || !segment_open_group_fits(s, &h->go) ||
	    !segment_open_group_fits(s, &h->go_fill) ||
	    !segment_open_section_fits(s, &h->histograms, SYMFAST_SHM_HISTOGRAM_LEAST,
				       2 * FUNCTIONS_MAX) ||
	    !segment_open_section_fits(s, &h->objects, SYMFAST_SHM_OBJECT_LEAST, OBJECTS_MAX) ||
	    !segment_open_section_fits(s, &h->sites, sizeof(struct symfast_shm_site), SITES_MAX) ||
	    !segment_open_fits(s, h->functions_offset, h->functions_bytes) ||
	    h->functions_bytes > NAMES_BYTES || h->functions_count > h->functions_bytes ||
	    h->functions_count > FUNCTIONS_MAX)
		return "is damaged: a table lies outside the file, or is too large";
	return NULL;
}

/* Each text of the header ends, and holds nothing that would move a terminal's cursor. */
static void
segment_open_clean_texts(struct segment *s)
{
	struct {
		char *text;
		size_t size;
	} texts[] = {{s->head.library, sizeof(s->head.library)},
		     {s->head.exe, sizeof(s->head.exe)},
		     {s->control.mismatch_function, sizeof(s->control.mismatch_function)},
		     {s->control.doubt, sizeof(s->control.doubt)},
		     {s->control.canary_key, sizeof(s->control.canary_key)},
		     {s->control.why, sizeof(s->control.why)},
		     {s->control.kill_file, sizeof(s->control.kill_file)},
		     {s->control.go_state, sizeof(s->control.go_state)},
		     {s->control.go_refusal, sizeof(s->control.go_refusal)}};
	char copy[512];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		texts[i].text[texts[i].size - 1] = '\0';
		memcpy(copy, texts[i].text, texts[i].size);
		cli_clean(texts[i].text, texts[i].size, copy);
	}
}

static enum segment_liveness
segment_open_liveness_of_head(const struct segment *s)
{
	uint64_t own = proc_pid_space(), start;
	char exe[PATH_MAX], clean[PATH_MAX];

	if (s->head.pid_space != 0 && own != 0 && s->head.pid_space != own)
		return SEGMENT_ELSEWHERE;
	start = proc_start_time(s->head.pid);
	if (start == 0 || start != s->head.start_time)
		return SEGMENT_ENDED;
	/* What may not be read cannot contradict. */
	if (!proc_exe(s->head.pid, exe, sizeof(exe)))
		return SEGMENT_LIVE;
	cli_clean(clean, sizeof(clean), exe);
	return strncmp(clean, s->head.exe, strlen(s->head.exe)) == 0 ? SEGMENT_LIVE
								     : SEGMENT_REPLACED;
}

static enum segment_liveness
segment_open_liveness_of(const struct segment *s)
{
	enum segment_liveness liveness = segment_open_liveness_of_head(s);

	return liveness == SEGMENT_LIVE && s->past ? SEGMENT_REPLACED : liveness;
}

/* symfast.UID.PID.1 */
static bool
segment_open_is_past(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	unsigned long uid, pid;
	int dots = 0;

	if (!segment_name(name, &uid, &pid))
		return false;
	for (; *name != '\0'; name++)
		if (*name == '.' && ++dots == 3)
			return atoi(name + 1) == SYMFAST_SHM_PAST;
	return false;
}

static const char *
segment_open_check_file(int fd, struct stat *st)
{
	char magic[sizeof(SYMFAST_SHM_MAGIC) - 1] = "";

	if (fstat(fd, st) != 0)
		return "cannot be looked at";
	if (!S_ISREG(st->st_mode))
		return "is no regular file";
	if (st->st_uid != geteuid() && geteuid() != 0)
		return "belongs to another user";
	if (pread(fd, magic, sizeof(magic), 0) >= 0 &&
	    memcmp(magic, SYMFAST_SHM_MAGIC, sizeof(magic)) != 0)
		return "is no statistics segment";
	if (st->st_mode & (S_IRWXG | S_IRWXO))
		return "is open to other users: not written by the shim";
	if (st->st_size < (off_t)(SYMFAST_SHM_CONTROL + sizeof(struct symfast_shm_control)))
		return "is truncated";
	return NULL;
}

/*
 * Anybody may make a file of any name there, of root's processes, too. Where the name says whose it is, it
 * is that user's file, or nobody's.
 */
static const char *
segment_open_check_name(const char *path, uid_t owner)
{
	const char *slash = strrchr(path, '/');
	unsigned long uid, pid;

	if (segment_name(slash != NULL ? slash + 1 : path, &uid, &pid) && uid != owner)
		return "belongs to another user than its name says";
	return NULL;
}

const char *
segment_open_of(struct segment *s, const char *path, int access, unsigned long pid)
{
	const char *why;
	unsigned long owner;
	struct stat st;

	*s = (struct segment){.fd = open(path, access | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)};
	if (s->fd < 0)
		return errno == ENOENT   ? "does not exist"
		       : errno == EACCES ? "belongs to another user"
		       : errno == ELOOP  ? "is a symbolic link"
		       : errno == EISDIR ? "is no regular file"
					 : "cannot be opened";
	why = segment_open_check_file(s->fd, &st);
	owner = why == NULL && pid != 0 ? proc_uid_inside(pid, st.st_uid) : st.st_uid;
	if (why == NULL)
		why = segment_open_check_name(path, (uid_t)owner);
	if (why == NULL && (pread(s->fd, &s->head, sizeof(s->head), 0) != sizeof(s->head) ||
			    pread(s->fd, &s->control, sizeof(s->control), SYMFAST_SHM_CONTROL) !=
				    sizeof(s->control)))
		why = "is truncated";
	if (why == NULL)
		why = segment_open_check(s, (uint64_t)st.st_size, (uid_t)owner);
	if (why != NULL) {
		segment_close(s);
		return why;
	}
	if (s->head.header_size <
	    SYMFAST_SHM_CONTROL + sizeof(s->control)) /* of an older library */
		s->control.breaker_ns = s->control.cpu_ns = s->control.own_ticks = 0;
	s->past = segment_open_is_past(path);
	segment_open_clean_texts(s);
	proc_strip_deleted(s->head.exe);
	s->liveness = segment_open_liveness_of(s);
	return NULL;
}

const char *
segment_open(struct segment *s, const char *path)
{
	return segment_open_of(s, path, O_RDONLY, 0);
}

const char *
segment_open_to_set(struct segment *s, const char *path)
{
	return segment_open_of(s, path, O_RDWR, 0);
}

static bool
segment_open_same_group(const struct symfast_shm_group *a, const struct symfast_shm_group *b)
{
	return a->names_offset == b->names_offset && a->names_bytes == b->names_bytes &&
	       a->names_count == b->names_count && a->blocks_offset == b->blocks_offset &&
	       a->block_stride == b->block_stride;
}

const char *
segment_again(struct segment *s)
{
	struct {
		struct symfast_shm_header head;
		char gap[SYMFAST_SHM_CONTROL - sizeof(struct symfast_shm_header)];
		struct symfast_shm_control control;
	} page;
	struct segment now = {.fd = s->fd};
	const char *why;

	if (pread(s->fd, &page, sizeof(page), 0) != (ssize_t)sizeof(page))
		return "is truncated";
	now.head = page.head;
	why = segment_open_check(&now, s->size, s->head.uid);
	if (why != NULL)
		return why;
	if (now.head.pid != s->head.pid || now.head.start_time != s->head.start_time ||
	    !segment_open_same_group(&now.head.counters, &s->head.counters) ||
	    !segment_open_same_group(&now.head.go, &s->head.go) ||
	    !segment_open_same_group(&now.head.go_fill, &s->head.go_fill))
		return "is damaged: what is constant has changed";
	s->head.counters.blocks_used = now.head.counters.blocks_used;
	s->head.go.blocks_used = now.head.go.blocks_used;
	s->head.go_fill.blocks_used = now.head.go_fill.blocks_used;
	s->control.phase = page.control.phase;
	s->control.word = page.control.word;
	return NULL;
}

void
segment_look(struct segment *s)
{
	s->liveness = segment_open_liveness_of(s);
}

void
segment_close(struct segment *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

const char *
segment_directory(void)
{
	const char *dir = getenv("SYMFAST_SHM_DIR");

	return dir != NULL && *dir != '\0' ? dir : SYMFAST_SHM_DIR;
}

bool
segment_name(const char *name, unsigned long *uid, unsigned long *pid)
{
	char number[3][16] = {"", "", "0"};
	unsigned long space;

	if (strncmp(name, SYMFAST_SHM_PREFIX, strlen(SYMFAST_SHM_PREFIX)) != 0)
		return false;
	name += strlen(SYMFAST_SHM_PREFIX);
	/* The third one is a pid namespace's, where the second was taken by another one's. */
	for (int i = 0; i < 3; i++) {
		size_t len = strcspn(name, ".");

		if (len >= sizeof(number[i]))
			return false;
		memcpy(number[i], name, len);
		number[i][len] = '\0';
		name += len;
		if (*name == '\0')
			break;
		name++;
	}
	return *name == '\0' && cli_number(number[0], 0, UINT32_MAX, uid) &&
	       cli_number(number[1], 1, 1ul << 22, pid) &&
	       cli_number(number[2], 0, UINT32_MAX, &space);
}

const char *
segment_word_name(uint32_t word)
{
	static const char *const names[] = {"off", "on", "observe", "verify"};

	return names[word <= SYMFAST_SHM_VERIFY ? word : SYMFAST_SHM_OFF];
}

const char *
segment_liveness_name(enum segment_liveness liveness)
{
	static const char *const names[] = {"live", "ended", "replaced", "elsewhere"};

	return names[liveness];
}
