// SPDX-License-Identifier: BSD-2-Clause
// The fill: runs on a goroutine's stack with Go's pluginsMu held, where plugin.open has just found
// the plugin in its map. See leaf.h for what it may not do.
//
// It makes no system call: others wait for the mutex. That the path is canonical and what lies there
// is proved by the first look-up that needs to know (prove.h).
#include "arms.h"
#include "leaf_names.h"

// Offsets into Plugin and hchan: the same in every listed Go version.
#define PLUGIN_ERR_LEN 0x18
#define PLUGIN_LOADED  0x20
#define PLUGIN_SYMS    0x28
#define HCHAN_CLOSED   28

struct sf_go_slots sf_go_slots;

// What Go has found: `path` of `len` bytes, NULL if it is the name itself, and its plugin.
struct found {
	const char *path;
	size_t len;
	uint64_t value;
};

// A new entry in the empty slot; NULL if there is no room for it and for a path of `path` bytes.
static struct sf_go_entry *
fill_add(struct sf_go_table *t, uint64_t h, const char *name, size_t len, size_t slot, size_t path)
{
	size_t size = (sizeof(struct sf_go_entry) + len + 1 + 63) & ~(size_t)63;
	struct sf_go_entry *e = (struct sf_go_entry *)(t->arena + t->used);

	if (t->entries == SF_GO_ENTRIES || size + path > SF_GO_ARENA - t->used)
		return NULL;
	e->hash = h;
	e->len = (uint32_t)len;
	for (size_t i = 0; i < len; i++)
		e->name[i] = name[i];
	t->used += size;
	t->entries++;
	// Complete before it can be found; pairs with the acquire in find().
	__atomic_store_n(&t->slots[slot], e, __ATOMIC_RELEASE);
	return e;
}

// Doubles, so that a variant whose paths grow wastes as much again at most.
static size_t
fill_path_room(size_t n)
{
	size_t size = 64;

	while (size < n)
		size *= 2;
	return size;
}

static char *
fill_add_path(struct sf_go_table *t, size_t n, uint32_t *room)
{
	size_t size = fill_path_room(n);

	if (size > SF_GO_ARENA - t->used)
		return NULL;
	char *at = t->arena + t->used;
	t->used += size;
	*room = (uint32_t)size;
	return at;
}

static bool
fill_is_of(const struct sf_go_variant *v, const struct found *f)
{
	if (!v->seq || !v->path != !f->path)
		return false;
	for (size_t i = 0; f->path && i <= f->len; i++) {
		if (v->path[i] != f->path[i])
			return false;
	}
	return true;
}

// In place of the oldest. A reader's system call may be reading the old path: it stays terminated, and
// whatever the call says does not count.
static bool
fill_remember(struct sf_go_table *t, struct sf_go_entry *e, const struct found *f)
{
	struct sf_go_variant *v = &e->variant[e->next_variant % SF_GO_VARIANTS];
	char *path = f->path ? v->path : NULL;
	uint32_t room = v->room;

	if (f->path && (!path || room <= f->len)) {
		path = fill_add_path(t, f->len + 1, &room);
		if (!path)
			return false;
	}
	e->next_variant++;
	open_variant(v);
	STORE(&v->proved, 0);
	STORE(&v->value, f->value);
	STORE(&v->path, path);
	v->room = path ? room : 0;
	for (size_t i = 0; path && i <= f->len; i++)
		STORE(&path[i], f->path[i]);
	close_variant(v);
	return true;
}

// Go has just said where the name leads. No other path of it counts until it has been walked again.
static bool
fill_suggest(struct sf_go_table *t, struct sf_go_entry *e, const struct found *f)
{
	bool known = false;

	for (int i = 0; i < SF_GO_VARIANTS; i++) {
		struct sf_go_variant *v = &e->variant[i];

		bool same_path = fill_is_of(v, f);

		known |= same_path;
		if (same_path ? v->value == f->value : !v->proved)
			continue;
		open_variant(v);
		STORE(&v->proved, 0);
		if (same_path)
			STORE(&v->value, f->value);
		close_variant(v);
	}
	return known || fill_remember(t, e, f);
}

static void
fill_set_time(struct sf_go_table *t, struct sf_go_entry *e, bool canonical, uint64_t value,
	      uint32_t era)
{
	uint64_t at = now(t);

	if (canonical && t->half_ttl) {
		// `value` and `expires` before the era, which is what readers ask first: pairs with
		// the acquire in get().
		STORE(&e->value, value);
		STORE(&e->expires, at + 2 * t->half_ttl);
		STORE(&e->elected, 0);
		__atomic_store_n(&e->era, era, __ATOMIC_RELEASE);
		return;
	}
	if (e->era)
		STORE(&e->era, 0); // a symlink has taken the place of the file
	STORE(&e->elected, at + (t->half_ttl ? t->half_ttl : SF_GO_RENEW_NS));
}

static enum sf_go_fill_counter
fill_put(struct sf_go_table *t, const char *name, size_t len, size_t path_len, uint64_t value,
	 uint32_t era, bool bound)
{
	bool canonical = len == path_len && same(name, t->path, len);
	const struct found f = {canonical ? NULL : t->path, path_len, value};
	size_t slot;
	uint64_t h = hash(t->key, name, len);
	struct sf_go_entry *e = find(t, h, name, len, &slot);
	bool known = e;

	if (!e)
		e = fill_add(t, h, name, len, slot, canonical ? 0 : fill_path_room(path_len + 1));
	if (!e || !fill_suggest(t, e, &f))
		return SF_GO_SKIP_FULL;
	if (!bound)
		fill_set_time(t, e, canonical, value, era);
	return known ? SF_GO_RENEW : SF_GO_FILL;
}

SF_INLINE void
fill_keep(struct sf_go_table *t, const char *name, size_t len, const char *path, size_t path_len,
	  uint64_t value, bool bound)
{
	// Read before anything is looked at: what was seen in an era that ends meanwhile is kept as
	// of that era.
	uint32_t era = LOAD(&t->era);

	if (!era)
		return;
	if (__atomic_exchange_n(&t->filling, 1, __ATOMIC_ACQUIRE)) {
		count_fill(t, SF_GO_SKIP_BUSY);
		return;
	}
	bool clean = (uintptr_t)name >= SF_GO_NULL_MAX && len - 1 < SF_GO_NAME_MAX &&
		     path_len - 1 < SF_GO_NAME_MAX && *path == '/';

	for (size_t i = 0; clean && i < len; i++)
		clean = name[i] != '\0';
	for (size_t i = 0; clean && i < path_len; i++)
		t->path[i] = path[i];
	enum sf_go_fill_counter outcome = SF_GO_SKIP_NAME;
	if (clean) {
		t->path[path_len] = '\0';
		outcome = fill_put(t, name, len, path_len, value, era, bound);
	}
	count_fill(t, outcome);
	__atomic_store_n(&t->filling, 0, __ATOMIC_RELEASE);
}

void
sf_go_table_put(struct sf_go_table *t, const char *name, size_t len, const char *path,
		size_t path_len, uint64_t value)
{
	fill_keep(t, name, len, path, path_len, value, false);
}

// Loaded without error and with its init behind it? `loaded` is closed last, after `syms` is set.
static bool
fill_is_complete(const char *plugin)
{
	uint64_t err_len, loaded, syms;
	uint32_t closed;

	__builtin_memcpy(&err_len, plugin + PLUGIN_ERR_LEN, 8);
	__builtin_memcpy(&loaded, plugin + PLUGIN_LOADED, 8);
	if (err_len || !loaded)
		return false;
	closed = __atomic_load_n((const uint32_t *)(loaded + HCHAN_CLOSED), __ATOMIC_ACQUIRE);
	__builtin_memcpy(&syms, plugin + PLUGIN_SYMS, 8);
	return closed == 1 && syms;
}

void
sf_go_fill(const char *frame, const char *plugin, uint64_t g)
{
	struct sf_go_table *t = &sf_go_table;
	const char *name, *path;
	uint64_t len, path_len;

	if (!plugin || !LOAD(&t->era))
		return;
	// The stock arm is as slow as Go, not slower: it keeps nothing.
	if (sf_go_arms.share && !is_marked_fast(&sf_go_arms, g))
		return;
	if (!fill_is_complete(plugin)) {
		count_fill(t, SF_GO_SKIP_STATE);
		return;
	}
	__builtin_memcpy(&name, frame + sf_go_slots.name, 8);
	__builtin_memcpy(&len, frame + sf_go_slots.name + 8, 8);
	__builtin_memcpy(&path, frame + sf_go_slots.path_ptr, 8);
	__builtin_memcpy(&path_len, frame + sf_go_slots.path_len, 8);
	fill_keep(t, name, len, path, path_len, (uint64_t)(uintptr_t)plugin, is_bound(t, g));
}
