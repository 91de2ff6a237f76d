// SPDX-License-Identifier: BSD-2-Clause
// segment_header.c: see segment_header.h.
#include "segment_header.h"

#include "segment.h"
#include "segment_file.h"

static struct sf_wordlist segment_header_texts[4];

SF_START void
sf_segment_names(enum sf_segment_text which, struct sf_wordlist names)
{
	segment_header_texts[which] = names;
}

static bool
segment_header_names(int fd, enum sf_segment_text which, uint32_t *at, struct symfast_shm_group *g)
{
	const struct sf_wordlist *names = &segment_header_texts[which];

	g->names_offset = *at;
	g->names_bytes = names->bytes;
	g->names_count = names->count;
	*at += names->bytes;
	return sf_file_write(fd, names->text, names->bytes, g->names_offset);
}

static void
segment_header_describe(struct symfast_shm_header *h, const struct sf_segment_from *from)
{
	h->version = SYMFAST_SHM_VERSION;
	h->header_size = SYMFAST_SHM_CONTROL + sizeof(struct symfast_shm_control);
	h->size = SYMFAST_SHM_SIZE;
	h->parent_pid = from->parent;
	h->counters.blocks_offset = SF_SEGMENT_BLOCKS;
	h->counters.block_stride = SF_SEGMENT_BLOCK;
	h->counters.block_capacity = SF_SEGMENT_BLOCK_ROWS;
	h->counters.blocks_used = from->blocks;
	h->go.blocks_offset = SF_SEGMENT_GO;
	h->go.block_stride = SF_SEGMENT_GO_BLOCK;
	h->go.block_capacity = h->go.blocks_used = SF_SEGMENT_GO_ROWS;
	h->go_fill.blocks_offset = SF_SEGMENT_GO_FILL;
	h->go_fill.block_stride = SF_PAGE;
	h->go_fill.block_capacity = h->go_fill.blocks_used = 1;
	h->histograms.offset = SF_SEGMENT_HISTOGRAMS;
	h->histograms.stride = sizeof(struct symfast_shm_histogram);
	h->histograms.capacity = h->histograms.used =
		segment_header_texts[SF_TEXT_FUNCTIONS].count * 2;
	h->objects.offset = SF_SEGMENT_OBJECTS;
	h->objects.stride = sizeof(struct symfast_shm_object);
	h->objects.capacity = h->objects.used = SF_SEGMENT_OBJECT_ROWS;
	h->sites.offset = SF_SEGMENT_SITES;
	h->sites.stride = sizeof(struct symfast_shm_site);
	h->sites.capacity = h->sites.used = SF_SEGMENT_SITE_ROWS;
}

bool
sf_segment_header_write(int fd, const struct sf_segment_from *from)
{
	SF_LARGE static struct symfast_shm_header h; /* not on the host's stack; under the lock */
	struct symfast_shm_group functions;
	uint32_t at = SF_SEGMENT_TEXTS;

	__builtin_memset(&h, 0, sizeof(h));
	segment_header_describe(&h, from);
	sf_file_identity(&h, from->maker);
	if (!segment_header_names(fd, SF_TEXT_COUNTERS, &at, &h.counters) ||
	    !segment_header_names(fd, SF_TEXT_FUNCTIONS, &at, &functions) ||
	    !segment_header_names(fd, SF_TEXT_GO, &at, &h.go) ||
	    !segment_header_names(fd, SF_TEXT_GO_FILL, &at, &h.go_fill))
		return false;
	h.functions_offset = functions.names_offset;
	h.functions_bytes = functions.names_bytes;
	h.functions_count = functions.names_count;
	return sf_file_write(fd, &h, sizeof(h), 0);
}
