// SPDX-License-Identifier: BSD-2-Clause
// sample_shot.c: see sample_shot.h.
#include "sample_shot.h"

#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096u

static bool
sample_shot_within(const unsigned char *bytes, uint64_t start, size_t len, uint64_t at,
		   uint64_t *word)
{
	if (at < start || at - start > len || len - (at - start) < sizeof(*word))
		return false;
	memcpy(word, bytes + (at - start), sizeof(*word));
	return true;
}

bool
sample_shot_word(const struct sample_shot *s, uint64_t at, uint64_t *word)
{
	return sample_shot_within(s->stack, s->stack_at, s->stack_len, at, word) ||
	       sample_shot_within(s->other, s->other_at, s->other_len, at, word);
}

/* One piece for each page: what lies beyond the end of a mapping fails alone. */
size_t
sample_shot_read(pid_t pid, uint64_t at, void *to, size_t len)
{
	struct iovec local = {to, len}, remote[SAMPLE_SHOT_STACK / PAGE + 2];
	unsigned long pieces = 0;
	ssize_t n;

	for (uint64_t from = at; from < at + len && pieces < sizeof(remote) / sizeof(remote[0]);) {
		uint64_t next = (from | (PAGE - 1)) + 1;

		next = next < at + len ? next : at + len;
		remote[pieces].iov_base = (void *)(uintptr_t)from;
		remote[pieces++].iov_len = next - from;
		from = next;
	}
	n = process_vm_readv(pid, &local, 1, remote, pieces, 0);
	return n > 0 ? (size_t)n : 0;
}

/*
 * C code runs on the thread's own stack. runtime.asmcgocall, which called it, keeps there the goroutine (its
 * first two words: where its stack begins and ends) and how deep that stack was.
 */
static void
sample_shot_goroutine(struct sample_shot *s, pid_t pid, const struct sample_shot_go *go)
{
	uint64_t word, g, depth, end, len;

	for (uint64_t at = s->stack_at; sample_shot_word(s, at, &word); at += sizeof(word)) {
		uint64_t sp = at + sizeof(word);

		if (word != go->back || !sample_shot_word(s, sp + go->g_slot, &g) ||
		    !sample_shot_word(s, sp + go->g_slot - sizeof(word), &depth) ||
		    sample_shot_read(pid, g + sizeof(word), &end, sizeof(end)) != sizeof(end) ||
		    depth > end)
			continue;
		s->other_at = end - depth;
		len = depth < SAMPLE_SHOT_OTHER ? depth : SAMPLE_SHOT_OTHER;
		s->other_len = sample_shot_read(pid, s->other_at, s->other, len);
		return;
	}
}

void
sample_shot_copy(struct sample_shot *s, pid_t pid, const struct sample_shot_go *go)
{
	s->stack_at = s->regs[SAMPLE_CPU_SP] & ~(uint64_t)7;
	s->stack_len = sample_shot_read(pid, s->stack_at, s->stack, SAMPLE_SHOT_STACK);
	s->other_len = 0;
	if (go->back != 0)
		sample_shot_goroutine(s, pid, go);
}
