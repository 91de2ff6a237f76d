// SPDX-License-Identifier: BSD-2-Clause
// go_file.c: see go_file.h. Source of the build information's format: Go's debug/buildinfo.
#include "go_file.h"

#include "go_arm64.h"

static const char magic[] = "\xff Go buildinf:";

#define MAGIC_LEN   14
#define HEADER      32
#define INLINE_FLAG 2

/* Unsigned LEB128 of at most five bytes; the bytes it took, or 0. */
static uint32_t
go_file_varint(const uint8_t *p, uint64_t room, uint64_t *value)
{
	*value = 0;
	for (uint32_t i = 0; i < 5 && i < room; i++) {
		*value |= (uint64_t)(p[i] & 127) << 7 * i;
		if (!(p[i] & 128))
			return i + 1;
	}
	return 0;
}

static void
go_file_keep_version(struct sf_go_file *go, const uint8_t *text, uint64_t len)
{
	uint64_t i;

	for (i = 0; i < len && i + 1 < sizeof(go->version); i++)
		go->version[i] = text[i] > ' ' && text[i] < 127 ? (char)text[i] : ' ';
	go->version[i] = '\0';
}

/* Go 1.18 and newer write the version behind the header; older ones only point at it. */
static void
go_file_read_build_info(const uint8_t *p, uint64_t room, struct sf_go_file *go)
{
	uint64_t len;
	uint32_t head;

	go->is_go = true;
	if (room < HEADER || !(p[15] & INLINE_FLAG))
		return;
	head = go_file_varint(p + HEADER, room - HEADER, &len);
	if (head != 0 && len <= room - HEADER - head)
		go_file_keep_version(go, p + HEADER + head, len);
}

/* Looked for where Go's own reader does: in writable segments, at addresses that 16 divides. */
static void
go_file_find_build_info(const struct sf_elf_file *f, struct sf_go_file *go)
{
	for (uint32_t i = 0; i < f->phnum; i++) {
		Elf64_Phdr p = sf_elf_file_segment(f, i);

		if (p.p_type != PT_LOAD || (p.p_flags & (PF_X | PF_W)) != PF_W ||
		    p.p_offset > f->size)
			continue;
		if (p.p_filesz > f->size - p.p_offset)
			p.p_filesz = f->size - p.p_offset;
		for (uint64_t at = -p.p_vaddr & 15; at + MAGIC_LEN <= p.p_filesz; at += 16) {
			const uint8_t *bytes = f->bytes + p.p_offset + at;

			if (__builtin_memcmp(bytes, magic, MAGIC_LEN) != 0)
				continue;
			go_file_read_build_info(bytes, p.p_filesz - at, go);
			return;
		}
	}
}

static uint64_t
go_file_address(const struct sf_elf_file *f, const char *name)
{
	Elf64_Sym s;

	return sf_elf_file_defined(f, name, &s) ? s.st_value : 0;
}

/* The same questions that the library asks of the running host (shim/go/host.c). */
bool
sf_go_file_code(const struct sf_elf_file *f, const char *version, struct sf_go_code *code)
{
	Elf64_Sym open;

	if (!sf_elf_file_defined(f, "plugin.open", &open) ||
	    ELF64_ST_TYPE(open.st_info) != STT_FUNC)
		return false;
	*code = (struct sf_go_code){
		.bytes = sf_elf_file_at(f, open.st_value, open.st_size),
		.size = open.st_size,
		.addr = open.st_value,
		.mapaccess = go_file_address(f, "runtime.mapaccess1_faststr"),
		.chanrecv = go_file_address(f, "runtime.chanrecv1"),
		.gostring = go_file_address(f, "runtime.gostring"),
		.morestack = go_file_address(f, "runtime.morestack_noctxt.abi0"),
		.version = version,
		.version_len = __builtin_strlen(version),
		.race = go_file_address(f, "runtime.racecallback.abi0") != 0,
	};
	return true;
}

enum sf_go_refusal
sf_go_file_shape(const struct sf_elf_file *f, const struct sf_go_code *code,
		 struct sf_go_shape *shape)
{
	if (code->bytes == NULL || code->mapaccess == 0 || code->chanrecv == 0 ||
	    code->gostring == 0 || code->morestack == 0)
		return SF_GO_REFUSE_SYMBOLS;
	return f->machine == EM_AARCH64 ? sf_go_arm64_parse(code, shape) : sf_go_parse(code, shape);
}

uint32_t
sf_go_file_locked(const struct sf_elf_file *f)
{
	Elf64_Sym unlock;
	const uint8_t *bytes;

	if (!sf_elf_file_defined(f, "runtime.unlockOSThread", &unlock))
		return 0;
	bytes = sf_elf_file_at(f, unlock.st_value, unlock.st_size);
	return f->machine == EM_AARCH64 ? sf_go_arm64_parse_locked(bytes, unlock.st_size)
					: sf_go_parse_locked(bytes, unlock.st_size);
}

void
sf_go_file_read(const struct sf_elf_file *f, struct sf_go_file *go)
{
	struct sf_go_shape shape;
	struct sf_go_code code;

	*go = (struct sf_go_file){.shape = SF_GO_REFUSE_SYMBOLS};
	go_file_find_build_info(f, go);
	go->listed = sf_go_version_listed(go->version, __builtin_strlen(go->version));
	if (!sf_go_file_code(f, go->version, &code))
		return;
	go->is_go = go->opens_plugins = true;
	go->shape = sf_go_file_shape(f, &code, &shape);
	if (go->shape == SF_GO_REFUSE_NONE && sf_go_file_locked(f) == 0)
		go->shape = SF_GO_REFUSE_LOCKED;
}
