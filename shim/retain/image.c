// SPDX-License-Identifier: BSD-2-Clause
// image.c: see image.h.
#include "image.h"

#include "../base/bytes.h"
#include "../base/sys.h"
#include "../image/symbols.h"
#include "../libc/facts.h"
#include <sys/mman.h>

#if defined(__aarch64__) && !defined(PROT_BTI)
#define PROT_BTI 0x10
#endif

#define IMAGE_CHUNK 256u   /* bytes compared before anything is written */
#define IMAGE_LARGE 65536u /* zeros that are given back to the kernel rather than looked for */

size_t sf_retain_image_bytes;

/* 16 bytes at a time, at any address. */
typedef uint64_t image_pair __attribute__((vector_size(16), aligned(1), may_alias));

SF_INLINE bool
image_any(image_pair v)
{
	return (v[0] | v[1]) != 0;
}

static bool
image_is_zero(const char *at, size_t n)
{
	image_pair any = {0, 0}, more = {0, 0};
	unsigned char rest = 0;

	for (; n >= 32; n -= 32, at += 32) {
		any |= *(const image_pair *)at;
		more |= *(const image_pair *)(at + 16);
	}
	while (n-- > 0)
		rest |= (unsigned char)*at++;
	return !image_any(any | more) && rest == 0;
}

static bool
image_differs(const char *at, const char *copy, size_t n)
{
	image_pair any = {0, 0}, more = {0, 0};
	unsigned char rest = 0;

	for (; n >= 32; n -= 32, at += 32, copy += 32) {
		any |= *(const image_pair *)at ^ *(const image_pair *)copy;
		more |= *(const image_pair *)(at + 16) ^ *(const image_pair *)(copy + 16);
	}
	while (n-- > 0)
		rest |= (unsigned char)(*at++ ^ *copy++);
	return image_any(any | more) || rest != 0;
}

/* Bytes up to the last one that is not zero. */
static size_t
image_used(const struct sf_retain_range *r)
{
	size_t n = r->size;

	while (n > SF_SYS_PAGE && image_is_zero(r->at + n - SF_SYS_PAGE, SF_SYS_PAGE))
		n -= SF_SYS_PAGE;
	while (n > 0 && r->at[n - 1] == 0)
		n--;
	return n;
}

/* Can it be read, so that a copy of it can be compared? */
static bool
image_is_legible(const struct sf_retain_span *s)
{
	return (s->protection & PROT_READ) != 0;
}

static size_t
image_measure(struct sf_retain_place *p, bool code)
{
	size_t all = 0;

	for (int i = 0; code && i < p->nspans; i++)
		all += image_is_legible(&p->spans[i]) ? p->spans[i].to - p->spans[i].from : 0;

	for (int i = 0; i < p->nranges; i++) {
		p->ranges[i].copied = image_used(&p->ranges[i]);
		all += (p->ranges[i].copied + 15) & ~(size_t)15;
	}
	p->relro.copied = p->relro.size;
	return all + p->relro.size;
}

static char *
image_put(struct sf_retain_range *r, char *to)
{
	r->copy = to;
	if (r->copied > 0)
		sf_bytes_put(to, r->at, r->copied);
	return to + ((r->copied + 15) & ~(size_t)15);
}

static char *
image_put_code(struct sf_retain_span *s, char *to)
{
	s->copy = to;
	return sf_bytes_put(to, (const char *)s->from, s->to - s->from);
}

bool
sf_retain_image_take(struct sf_retain_place *p, size_t limit, bool code)
{
	size_t bytes = image_measure(p, code);
	char *to;

	if (sf_retain_image_bytes + bytes > limit)
		return false;
	if (bytes == 0)
		bytes = 1;
	p->memory = sf_sys_map(bytes);
	if (p->memory == NULL)
		return false;
	p->bytes = bytes;
	sf_retain_image_bytes += bytes;
	to = p->memory;
	for (int i = 0; code && i < p->nspans; i++)
		if (image_is_legible(&p->spans[i]))
			to = image_put_code(&p->spans[i], to);
	for (int i = 0; i < p->nranges; i++)
		to = image_put(&p->ranges[i], to);
	image_put(&p->relro, to);
	p->copied = 1;
	return true;
}

static bool
image_protect_pages(uintptr_t from, uintptr_t to, int protection)
{
	return sf_syscall6(SYS_mprotect, (long)from, (long)(to - from), protection, 0, 0, 0) == 0;
}

static bool
image_protect(const struct sf_retain_range *r, int protection)
{
	uintptr_t from = sf_sys_page_down((uintptr_t)r->at);
	uintptr_t to = sf_sys_page_up((uintptr_t)r->at + r->size);

	return r->size == 0 || image_protect_pages(from, to, protection);
}

/* Where an object's code has landing pads, ld.so asks for PROT_BTI as well. Other CPUs and kernels refuse that. */
static bool
image_protect_span(const struct sf_retain_place *p, const struct sf_retain_span *s)
{
#ifdef __aarch64__
	const void *header = (const void *)p->spans[0].from;

	if ((s->protection & PROT_EXEC) && sf_elf_is_header(header) &&
	    sf_elf_has_landing_pads(header, p->map->l_addr) &&
	    image_protect_pages(s->from, s->to, s->protection | PROT_BTI))
		return true;
#endif
	(void)p;
	return image_protect_pages(s->from, s->to, s->protection);
}

bool
sf_retain_image_ready(const struct sf_retain_place *p)
{
	for (int i = 0; i < p->nspans; i++)
		if (!image_protect_span(p, &p->spans[i]))
			return false;
	for (int i = 0; i < p->nranges; i++)
		if (!image_protect(&p->ranges[i], PROT_READ | PROT_WRITE))
			return false;
	return image_protect(&p->relro, PROT_READ);
}

static void
image_clear_slowly(char *at, const char *end)
{
	while (at < end) {
		size_t n = (size_t)(end - at) < IMAGE_CHUNK ? (size_t)(end - at) : IMAGE_CHUNK;

		if (sf_unlikely(!image_is_zero(at, n)))
			__builtin_memset(at, 0, n);
		at += n;
	}
}

/*
 * Whole anonymous pages of a large .bss: given back, they are zero at the next touch, as after a load. Not those of the
 * file: they would be read from it again.
 */
static void
image_clear(char *at, char *end, char *plain)
{
	char *from = at > plain ? (char *)sf_sys_page_up((uintptr_t)at) : plain;
	char *to = (char *)sf_sys_page_down((uintptr_t)end);

	if (to - from < (ptrdiff_t)IMAGE_LARGE ||
	    sf_syscall6(SYS_madvise, (long)from, to - from, MADV_DONTNEED, 0, 0, 0) != 0) {
		image_clear_slowly(at, end);
		return;
	}
	image_clear_slowly(at, from);
	image_clear_slowly(to, end);
}

/* Writes nothing to what is as it was, so that pages which nobody has touched stay untouched. */
static void
image_restore_range(const struct sf_retain_range *r)
{
	for (size_t at = 0; at < r->copied; at += IMAGE_CHUNK) {
		size_t n = r->copied - at < IMAGE_CHUNK ? r->copied - at : IMAGE_CHUNK;

		if (image_differs(r->at + at, r->copy + at, n))
			sf_bytes_put(r->at + at, r->copy + at, n);
	}
	image_clear(r->at + r->copied, r->at + r->size, r->plain);
}

static void
image_restore_relro(const struct sf_retain_range *r)
{
	if (r->size == 0 || !image_differs(r->at, r->copy, r->size))
		return;
	if (!image_protect(r, PROT_READ | PROT_WRITE))
		return;
	image_restore_range(r);
	image_protect(r, PROT_READ);
}

/* The calling thread's variables; who calls has made sure that there is no other thread. */
static void
image_restore_tls(const struct sf_retain_place *p)
{
	char *block = p->tls_size != 0 ? sf_facts_thread_block(p->map) : NULL;

	if (block == NULL && p->tls_module != 0)
		block = sf_facts_tls_get(p->tls_module);
	if (block == NULL)
		return;
	sf_bytes_put(block, (const char *)p->tls_image, p->tls_copied);
	__builtin_memset(block + p->tls_copied, 0, p->tls_size - p->tls_copied);
}

void
sf_retain_image_restore(const struct sf_retain_place *p)
{
	for (int i = 0; i < p->nranges; i++)
		image_restore_range(&p->ranges[i]);
	image_restore_relro(&p->relro);
	image_restore_tls(p);
}

bool
sf_retain_image_code_same(const struct sf_retain_place *p)
{
	for (int i = 0; i < p->nspans; i++) {
		const struct sf_retain_span *s = &p->spans[i];

		if (s->copy != NULL &&
		    image_differs((const char *)s->from, s->copy, s->to - s->from))
			return false;
	}
	return true;
}

/* A page in memory of our own, as it stands, put in its place in one step. */
static bool
image_own_page(char *page, int protection)
{
	char *own = sf_sys_map(SF_SYS_PAGE);

	if (own == NULL)
		return false;
	sf_bytes_put(own, page, SF_SYS_PAGE);
	if (protection & PROT_EXEC)
		__builtin___clear_cache(own, own + SF_SYS_PAGE);
	if (sf_syscall6(SYS_mprotect, (long)own, (long)SF_SYS_PAGE, protection, 0, 0, 0) == 0 &&
	    sf_syscall6(SYS_mremap, (long)own, (long)SF_SYS_PAGE, (long)SF_SYS_PAGE,
			MREMAP_MAYMOVE | MREMAP_FIXED, (long)page, 0) == (long)page)
		return true;
	sf_sys_unmap(own, SF_SYS_PAGE);
	return false;
}

static bool
image_touches(uintptr_t page, uintptr_t from, uintptr_t to)
{
	return from < to && page < to && from < page + SF_SYS_PAGE;
}

/*
 * The protection of a page that lies in one segment only, which nobody writes to; else 0. Of code, if it is compared
 * with its copy: of a page that is ours already the kernel does not tell who patched it.
 */
static int
image_protection(const struct sf_retain_place *p, uintptr_t page)
{
	unsigned int all = 0;
	int protection = 0;

	for (int i = 0; i < p->nspans; i++)
		if (image_touches(page, p->spans[i].from, p->spans[i].to)) {
			all++;
			if (p->spans[i].protection == PROT_READ || p->spans[i].copy != NULL)
				protection = p->spans[i].protection;
		}
	for (int i = 0; i < p->nranges; i++)
		all += image_touches(page, (uintptr_t)p->ranges[i].at,
				     (uintptr_t)p->ranges[i].at + p->ranges[i].size);
	all += image_touches(page, (uintptr_t)p->relro.at, (uintptr_t)p->relro.at + p->relro.size);
	return all == 1 && (protection & ~PROT_EXEC) == PROT_READ ? protection : 0;
}

/*
 * The soname, which libc compares with each name that it looks for. It stands beside code where the linker does not
 * separate that (aarch64's). Who may have no code in such memory (SELinux' execmem) keeps the file's.
 */
static bool
image_own_soname(const struct sf_retain_place *p)
{
	struct sf_elf e;
	uintptr_t page, end;

	if (!sf_elf_open(&e, p->map->l_addr, p->map->l_ld) || e.soname == NULL)
		return true;
	page = sf_sys_page_down((uintptr_t)e.soname);
	end = (uintptr_t)e.soname + sf_bytes_length(e.soname, SF_SYS_PAGE) + 1;
	for (; page < end; page += SF_SYS_PAGE) {
		int protection = image_protection(p, page);

		if (protection != 0 && !image_own_page((char *)page, protection) &&
		    !(protection & PROT_EXEC))
			return false;
	}
	return true;
}

bool
sf_retain_image_own(const struct sf_retain_place *p)
{
	char *page = (char *)sf_sys_page_down((uintptr_t)p->map->l_ld);
	const char *end = (const char *)p->map->l_ld + p->dynamic_size;

	for (; page < end; page += SF_SYS_PAGE)
		if (!image_own_page(page, (size_t)(page - p->relro.at) < p->relro.size
						  ? PROT_READ
						  : PROT_READ | PROT_WRITE))
			return false;
	return image_own_soname(p);
}
