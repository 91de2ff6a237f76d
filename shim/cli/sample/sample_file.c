// SPDX-License-Identifier: BSD-2-Clause
// sample_file.c: see sample_file.h: opening, and bytes.
#include "sample_file.h"

#include "../base/cli.h"
#include "sample_shot.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK     (16u << 10)
#define SIZE_MOST ((uint64_t)8 << 30)

/* From the process: what of the chunk is mapped; zeros elsewhere. */
static bool
sample_file_chunk_of_process(const struct sample_file *f, uint64_t offset, unsigned char *to)
{
	bool any = false;

	for (size_t i = 0; i < f->range_count; i++) {
		const struct sample_file_range *r = &f->ranges[i];
		uint64_t end = r->offset + (r->end - r->start);
		uint64_t from = r->offset > offset ? r->offset : offset;
		uint64_t until = end < offset + CHUNK ? end : offset + CHUNK;

		if (from < until && sample_shot_read(f->pid, r->start + (from - r->offset),
						     to + (from - offset), until - from) != 0)
			any = true;
	}
	return any;
}

static const unsigned char *
sample_file_chunk(struct sample_file *f, uint64_t number)
{
	unsigned char *chunk;
	bool good;

	if (f->chunks[number] != NULL)
		return f->chunks[number];
	chunk = cli_alloc(CHUNK, 1);
	good = f->fd >= 0 ? pread(f->fd, chunk, CHUNK, (off_t)(number * CHUNK)) > 0
			  : sample_file_chunk_of_process(f, number * CHUNK, chunk);
	if (good)
		return f->chunks[number] = chunk;
	free(chunk);
	return NULL;
}

bool
sample_file_read(struct sample_file *f, uint64_t offset, void *to, size_t len)
{
	unsigned char *at = to;

	if (offset > f->size || len > f->size - offset)
		return false;
	while (len != 0) {
		size_t within = offset % CHUNK, n = CHUNK - within < len ? CHUNK - within : len;
		const unsigned char *chunk = sample_file_chunk(f, offset / CHUNK);

		if (chunk == NULL)
			return false;
		memcpy(at, chunk + within, n);
		at += n;
		offset += n;
		len -= n;
	}
	return true;
}

char *
sample_file_text(struct sample_file *f, uint64_t offset, char *to, size_t size)
{
	size_t n = 0;

	while (n < size - 1) {
		size_t most = size - 1 - n < 16 ? size - 1 - n : 16;

		/* Near the end of the file byte by byte. */
		if (!sample_file_read(f, offset + n, to + n, most) &&
		    !sample_file_read(f, offset + n, to + n, most = 1))
			break;
		if (memchr(to + n, '\0', most) != NULL)
			return to;
		n += most;
	}
	to[n] = '\0';
	return to;
}

bool
sample_file_address(const struct sample_file *f, uint64_t offset, uint64_t *address)
{
	for (unsigned int i = 0; i < f->load_count; i++)
		/* A mapping begins on the page that the segment begins on. */
		if (offset >= (f->load[i].p_offset & ~(uint64_t)(sysconf(_SC_PAGESIZE) - 1)) &&
		    offset < f->load[i].p_offset + f->load[i].p_filesz) {
			*address = offset - f->load[i].p_offset + f->load[i].p_vaddr;
			return true;
		}
	return false;
}

bool
sample_file_offset(const struct sample_file *f, uint64_t address, uint64_t *offset)
{
	for (unsigned int i = 0; i < f->load_count; i++)
		if (address >= f->load[i].p_vaddr &&
		    address - f->load[i].p_vaddr < f->load[i].p_filesz) {
			*offset = address - f->load[i].p_vaddr + f->load[i].p_offset;
			return true;
		}
	return false;
}

static void
sample_file_segment(struct sample_file *f, const Elf64_Phdr *p)
{
	if (p->p_type == PT_LOAD && f->load_count < SAMPLE_FILE_SEGMENTS)
		f->load[f->load_count++] = *p;
	if (p->p_type == PT_GNU_EH_FRAME)
		f->eh_frame_hdr = p->p_vaddr;
	if (p->p_type == PT_NOTE && p->p_align == 4) {
		f->note = p->p_offset;
		f->note_size = p->p_filesz;
	}
	if (p->p_type == PT_DYNAMIC)
		f->dynamic = p->p_vaddr;
}

static void
sample_file_segments(struct sample_file *f)
{
	Elf64_Ehdr header;
	Elf64_Phdr p;

	if (!sample_file_read(f, 0, &header, sizeof(header)) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(p))
		return;
	f->elf = true;
	for (unsigned int i = 0; i < header.e_phnum && i < 64; i++)
		if (sample_file_read(f, header.e_phoff + i * sizeof(p), &p, sizeof(p)))
			sample_file_segment(f, &p);
}

/* Is this the file that is mapped? Its first bytes (header, build id) are compared with memory. */
static bool
sample_file_is_mapped(const struct sample_file *f)
{
	unsigned char file[1024], memory[1024];
	struct stat st;

	if (fstat(f->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	for (size_t i = 0; i < f->range_count; i++)
		if (f->ranges[i].offset == 0) {
			ssize_t n = pread(f->fd, file, sizeof(file), 0);

			return n > 0 &&
			       sample_shot_read(f->pid, f->ranges[i].start, memory, (size_t)n) ==
				       (size_t)n &&
			       memcmp(file, memory, (size_t)n) == 0;
		}
	return false;
}

/* By its mapping, which needs a right but finds deleted files, too; by its name in the process's root. */
static void
sample_file_find(struct sample_file *f)
{
	for (int way = 0; way < 2 && f->fd < 0; way++) {
		char *name = way == 0 ? cli_format("/proc/%d/map_files/%lx-%lx", f->pid,
						   (unsigned long)f->ranges[0].start,
						   (unsigned long)f->ranges[0].end)
				      : cli_format("/proc/%d/root%s", f->pid, f->path);

		f->fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		free(name);
		if (f->fd >= 0 && !sample_file_is_mapped(f)) {
			close(f->fd);
			f->fd = -1;
		}
	}
}

static void
sample_file_measure(struct sample_file *f)
{
	struct stat st;

	f->size = 0;
	if (f->fd >= 0 && fstat(f->fd, &st) == 0)
		f->size = (uint64_t)st.st_size;
	for (size_t i = 0; f->fd < 0 && i < f->range_count; i++) {
		const struct sample_file_range *r = &f->ranges[i];

		if (r->offset + (r->end - r->start) > f->size)
			f->size = r->offset + (r->end - r->start);
	}
	if (f->size > SIZE_MOST)
		f->size = 0;
	f->chunks = cli_alloc(f->size / CHUNK + 1, sizeof(*f->chunks));
}

static struct sample_file *
sample_file_new(const char *path)
{
	struct sample_file *f = cli_alloc(1, sizeof(*f));
	const char *slash;

	*f = (struct sample_file){.path = cli_format("%s", path), .fd = -1};
	slash = strrchr(f->path, '/');
	f->base = slash != NULL ? slash + 1 : f->path;
	return f;
}

struct sample_file *
sample_file_open(pid_t pid, const char *path, const struct sample_file_range *ranges, size_t count)
{
	struct sample_file *f = sample_file_new(path);

	f->pid = pid;
	f->range_count = count;
	f->ranges = cli_alloc(count, sizeof(*ranges));
	memcpy(f->ranges, ranges, count * sizeof(*ranges));
	if (*path == '/')
		sample_file_find(f);
	sample_file_measure(f);
	sample_file_segments(f);
	return f;
}

struct sample_file *
sample_file_open_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct sample_file *f;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return NULL;
	}
	f = sample_file_new(path);
	f->fd = fd;
	sample_file_measure(f);
	sample_file_segments(f);
	return f;
}

void
sample_file_free(struct sample_file *f)
{
	if (f->debug != NULL)
		sample_file_free(f->debug);
	for (uint64_t i = 0; i < f->size / CHUNK + 1; i++)
		free(f->chunks[i]);
	if (f->fd >= 0)
		close(f->fd);
	free(f->chunks);
	free(f->symbols);
	free(f->ranges);
	free(f->path);
	free(f);
}
