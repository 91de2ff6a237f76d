// SPDX-License-Identifier: BSD-2-Clause
// Recognises a Go host and decides what it gets: the detour, the C level, or nothing.
//
// A host that can open plugins exports its Go symbols, stripped or not. Everything is read from the
// executable's own symbol table: no dl* call, so a host that is not Go sees no error state, no lock
// and no allocation, only one failed hash look-up.
#include "go.h"

#include "../base/sys.h"
#include "../image/elf.h"
#include "../image/go_native.h"
#include "arms.h"
#include "detour.h"
#include "leaf.h"
#include "level.h"
#include "modules.h"

bool sf_go_serves_realpath;
enum sf_go_refusal sf_go_refused, sf_go_modules_refused;
bool sf_go_modules_shortened;

struct host {
	struct sf_elf elf;
	const ElfW(Phdr) * phdr; // sf_go_env's
	size_t phnum;
	const ElfW(Sym) * open;
	struct sf_go_code code;
};

static const ElfW(Sym) * host_symbol(const struct host *h, const char *name, unsigned int type)
{
	uint32_t cursor = 0;
	const ElfW(Sym) *s = sf_elf_next(&h->elf, name, &cursor);

	if (!s || s->st_shndx == SHN_UNDEF || ELF64_ST_TYPE(s->st_info) != type)
		return NULL;
	return s;
}

static uint64_t
host_address(const struct host *h, const char *name)
{
	const ElfW(Sym) *s = host_symbol(h, name, STT_FUNC);

	return s ? h->elf.bias + s->st_value : 0;
}

// Do the bytes lie in a loaded segment with at least these rights?
static bool
host_in_segment(const struct host *h, uint64_t at, uint64_t len, uint32_t rights)
{
	for (size_t i = 0; i < h->phnum; i++) {
		const ElfW(Phdr) *p = &h->phdr[i];
		uint64_t from = h->elf.bias + p->p_vaddr;

		if (p->p_type == PT_LOAD && (p->p_flags & rights) == rights && at >= from &&
		    at - from <= p->p_memsz && len <= p->p_memsz - (at - from))
			return true;
	}
	return false;
}

// A Go string variable of the executable: pointer and length.
static bool
host_read_version(struct host *h)
{
	const ElfW(Sym) *s = host_symbol(h, "runtime.buildVersion", STT_OBJECT);
	struct {
		uint64_t ptr, len;
	} str;

	if (!s || s->st_size != sizeof(str) ||
	    !host_in_segment(h, h->elf.bias + s->st_value, sizeof(str), PF_R))
		return false;
	__builtin_memcpy(&str, (const void *)(h->elf.bias + s->st_value), sizeof(str));
	if (!str.len || str.len > 256 || !host_in_segment(h, str.ptr, str.len, PF_R))
		return false;
	h->code.version = (const char *)str.ptr;
	h->code.version_len = str.len;
	return true;
}

SF_START static bool
host_find_host(struct host *h, const struct link_map *main)
{
	if (!sf_elf_open(&h->elf, main->l_addr, main->l_ld))
		return false;
	h->open = host_symbol(h, "plugin.open", STT_FUNC);
	return h->open != NULL;
}

SF_START bool
sf_go_is_host(const struct link_map *main)
{
	struct host h = {.phdr = NULL};

	return host_find_host(&h, main);
}

static enum sf_go_refusal
host_describe(struct host *h)
{
	struct sf_go_code *c = &h->code;

	c->addr = h->elf.bias + h->open->st_value;
	c->bytes = (const uint8_t *)(uintptr_t)c->addr;
	c->size = h->open->st_size;
	c->mapaccess = host_address(h, "runtime.mapaccess1_faststr");
	c->chanrecv = host_address(h, "runtime.chanrecv1");
	c->gostring = host_address(h, "runtime.gostring");
	c->morestack = host_address(h, "runtime.morestack_noctxt.abi0");
	c->race = host_address(h, "runtime.racecallback.abi0") != 0;
	if (!host_read_version(h) || !c->mapaccess || !c->chanrecv || !c->gostring || !c->morestack)
		return SF_GO_REFUSE_SYMBOLS;
	if (!host_in_segment(h, c->addr, c->size, PF_R | PF_X))
		return SF_GO_REFUSE_SYMBOLS;
	return SF_GO_REFUSE_NONE;
}

// A symbol of any object of the initial set.
static void *
host_find_anywhere(const struct link_map *main, const char *name)
{
	for (const struct link_map *l = main; l; l = l->l_next) {
		struct sf_elf e;
		void *at = sf_elf_open(&e, l->l_addr, l->l_ld) ? sf_elf_function(&e, name) : NULL;

		if (at)
			return at;
	}
	return NULL;
}

static bool
host_prepare_table(const struct sf_go_env *env, uint64_t ttl_ns)
{
	struct sf_go_table *t = &sf_go_table;
	const unsigned int *rseq_size = host_find_anywhere(env->main, "__rseq_size");
	const ptrdiff_t *rseq_offset = host_find_anywhere(env->main, "__rseq_offset");
	struct timespec ts;
	struct sf_elf libc;

	if (!env->libc || !sf_elf_open(&libc, env->libc->l_addr, env->libc->l_ld))
		return false;
	t->clock = (int (*)(clockid_t, struct timespec *))sf_elf_function(&libc, "clock_gettime");
	// Called once here, so that nothing is left to bind or to page in on a goroutine's stack.
	if (!t->clock || t->clock(CLOCK_MONOTONIC_COARSE, &ts))
		return false;
	if (rseq_size && rseq_offset && *rseq_size)
		t->rseq = *rseq_offset;
	t->key[0] = sf_sys_random();
	t->key[1] = sf_sys_random();
	t->half_ttl = ttl_ns / 2;
	t->arena = sf_sys_map(SF_GO_ARENA);
	t->slots = sf_sys_map(SF_GO_SLOTS * sizeof(*t->slots));
	sf_go_serve(t->arena && t->slots);
	return t->era != 0;
}

static bool
host_has_arms(const struct sf_go_env *env)
{
	for (int i = 0; i < 2; i++) {
		if (!env->ab_open[i] || !env->ab_realpath[i])
			return false;
	}
	return env->ab_share != 0;
}

// The C level needs no marks: its arms begin and end in one function.
static bool
host_prepare_arms(const struct sf_go_env *env, bool detour)
{
	struct sf_go_arms *a = &sf_go_arms;

	if (!host_has_arms(env))
		return true;
	a->marks = detour ? sf_sys_map(SF_GO_MARKS) : NULL;
	if (detour && !a->marks)
		return false;
	for (int i = 0; i < 2; i++)
		a->row[i] = detour ? env->ab_open[i] : env->ab_realpath[i];
	a->mask = env->ab_mask;
	a->share = env->ab_share;
	return true;
}

static uint32_t
host_find_locked(const struct host *h)
{
	const ElfW(Sym) *s = host_symbol(h, "runtime.unlockOSThread", STT_FUNC);
	uint64_t at = s ? h->elf.bias + s->st_value : 0;

	if (!s || !host_in_segment(h, at, s->st_size, PF_R | PF_X))
		return 0;
	return sf_go_native_parse_locked((const uint8_t *)(uintptr_t)at, s->st_size);
}

static enum sf_go_refusal
host_install(const struct sf_go_env *env, struct host *h)
{
	struct sf_go_shape shape;
	bool strict = env->mode == SF_GO_STRICT;
	enum sf_go_refusal why = sf_go_native_parse(&h->code, &shape);

	if (why)
		return why;
	const uint32_t locked = host_find_locked(h);
	if (!locked)
		return SF_GO_REFUSE_LOCKED;
	if (!host_prepare_table(env, strict ? 0 : (uint64_t)env->ttl_ms * 1000000))
		return SF_GO_REFUSE_CLOCK;
	if (!host_prepare_arms(env, true))
		return SF_GO_REFUSE_ROOM;
	sf_go_slots =
		(struct sf_go_slots){shape.name_slot, shape.path_ptr_slot, shape.path_len_slot};
	sf_go_table.locked = locked;
	bool split = sf_go_arms.share != 0;
	const struct sf_go_leaves leaves = {
		.lookup = sf_go_lookup,
		.fill = sf_go_fill,
		.split = split ? sf_go_lookup_split : NULL,
		.end = split ? sf_go_end : NULL,
	};
	return sf_go_detour_install((uint8_t *)(uintptr_t)h->code.addr, &shape, &leaves);
}

static enum sf_go_refusal
host_find_walk(const struct host *h, const char *name, enum sf_go_walk_kind kind,
	       struct sf_go_walk_site *site)
{
	const ElfW(Sym) *first = host_symbol(h, "runtime.firstmoduledata", STT_OBJECT);
	const ElfW(Sym) *s = host_symbol(h, name, STT_FUNC);

	if (!s || !first || !h->code.version)
		return SF_GO_REFUSE_SYMBOLS;
	struct sf_go_walk_code code = {
		.bytes = (const uint8_t *)(h->elf.bias + s->st_value),
		.size = s->st_size,
		.addr = h->elf.bias + s->st_value,
		.first = h->elf.bias + first->st_value,
		.version = h->code.version,
		.version_len = h->code.version_len,
	};
	if (!host_in_segment(h, code.addr, code.size, PF_R | PF_X))
		return SF_GO_REFUSE_SYMBOLS;
	site->entry = (uint8_t *)(uintptr_t)code.addr;
	site->first = (const uint8_t *)(uintptr_t)code.first;
	return sf_go_native_parse_walk(&code, kind, &site->walk);
}

// Only where the detour is: a host that was refused for its plugin.open is not trusted here either.
static void
host_shorten_walks(const struct host *h)
{
	struct sf_go_walk_site sites[2];
	enum sf_go_refusal why = host_find_walk(h, "runtime.findfunc", SF_GO_WALK_FUNC, &sites[0]);

	if (!why)
		why = host_find_walk(h, "runtime.resolveNameOff", SF_GO_WALK_NAME, &sites[1]);
	if (!why)
		why = sf_go_modules_install(sites, 2, &sf_go_table.era);
	sf_go_modules_refused = why;
	sf_go_modules_shortened = !why;
}

struct line {
	size_t len;
	char text[256];
};

static void
host_say(struct line *l, const char *s, size_t max)
{
	for (size_t i = 0; i < max && s[i] && l->len < sizeof(l->text) - 1; i++)
		l->text[l->len++] = s[i] >= ' ' && s[i] < 127 ? s[i] : '?';
	l->text[l->len] = '\0';
}

static void
host_report(const struct sf_go_env *env, const struct host *h, enum sf_go_state state)
{
	struct line l = {.len = 0};

	if (!env->verbose || !env->log)
		return;
	host_say(&l, "go: ", 4);
	if (h->code.version)
		host_say(&l, h->code.version, h->code.version_len);
	else
		host_say(&l, "unknown version", 64);
	if (state == SF_GO_STATE_DETOUR) {
		host_say(&l, ": plugin.Open patched", 64);
	} else {
		if (sf_go_refused) {
			host_say(&l, ": refused, ", 64);
			host_say(&l, sf_go_refusal_word(sf_go_refused), 64);
			host_say(&l, ": ", 2);
			host_say(&l, sf_go_refusal_text(sf_go_refused), 128);
		}
		host_say(&l, sf_go_serves_realpath ? ": C level" : ": untouched", 64);
	}
	if (sf_go_modules_shortened)
		host_say(&l, ", walks over modules shortened", 64);
	if (sf_go_modules_refused) {
		host_say(&l, ", walks over modules refused, ", 64);
		host_say(&l, sf_go_refusal_word(sf_go_modules_refused), 64);
	}
	env->log(l.text);
}

SF_START enum sf_go_state
sf_go_init(const struct sf_go_env *env)
{
	struct host h = {.phdr = env->phdr, .phnum = env->phdr ? env->phnum : 0};
	enum sf_go_state state = SF_GO_STATE_LIBC;

	if (!env->main || !host_find_host(&h, env->main))
		return SF_GO_STATE_NO_HOST;
	if (env->mode == SF_GO_OFF)
		return SF_GO_STATE_OFF;
	if (env->observed)
		return sf_go_level_watch(env) && sf_go_bind_realpath(env) ? SF_GO_STATE_SEEN
									  : SF_GO_STATE_UNSEEN;
	enum sf_go_refusal why = host_describe(&h);
	if (env->mode != SF_GO_LIBC) {
		sf_go_refused = why ? why : host_install(env, &h);
		if (!sf_go_refused)
			state = SF_GO_STATE_DETOUR;
	}
	if (env->modules && state == SF_GO_STATE_DETOUR)
		host_shorten_walks(&h);
	if (state == SF_GO_STATE_LIBC)
		sf_go_serves_realpath = (sf_go_table.slots || host_prepare_table(env, 0)) &&
					sf_go_level_init(env) && host_prepare_arms(env, false) &&
					sf_go_bind_realpath(env);
	else if (sf_go_level_watch(env))
		sf_go_bind_realpath(env);
	host_report(env, &h, state);
	return state;
}
