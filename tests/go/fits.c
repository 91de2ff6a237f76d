// SPDX-License-Identifier: BSD-2-Clause
// fits HOST: does a Go host's code fit? One line for each place, with the bytes where it does not. Status 0:
// it would be patched; 3: it would, if its release were on the list; 1: it does not fit. For `fits`, the script.
#include "../../shim/image/go_arm64.h"
#include "../../shim/image/go_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LISTED "go1.27" // stands for whatever is not on the list: its code is what is asked for

static int bad;

static void
say(const struct sf_elf_file *f, const struct sf_go_file *go, const char *place, const char *text)
{
	printf("%s %s: %-15s %s\n", go->version, f->machine == EM_AARCH64 ? "arm64" : "amd64",
	       place, text);
}

static void
say_bytes(const uint8_t *bytes, size_t size, size_t at)
{
	for (size_t i = at; i < size && i < at + 96; i += 16) {
		printf("    +0x%03zx ", i);
		for (size_t k = i; k < size && k < i + 16; k++)
			printf(" %02x", bytes[k]);
		printf("\n");
	}
}

// Behind the first call of `target`; 0 if there is none.
static size_t
behind_call(const struct sf_elf_file *f, const struct sf_go_code *c, uint64_t target)
{
	const bool arm = f->machine == EM_AARCH64;
	const size_t step = arm ? 4 : 1, len = arm ? 4 : 5;

	for (size_t at = 0; at + len <= c->size; at += step) {
		uint32_t w;
		int32_t away;

		memcpy(&w, c->bytes + at + (arm ? 0 : 1), 4);
		away = arm ? (int32_t)(w << 6) >> 4 : (int32_t)w + 5;
		if ((arm ? w >> 26 == 0x25 : c->bytes[at] == 0xe8) &&
		    c->addr + at + (uint64_t)(int64_t)away == target)
			return at + len;
	}
	return 0;
}

// Where to look for that reason.
static size_t
place_of(const struct sf_elf_file *f, const struct sf_go_code *c, enum sf_go_refusal why)
{
	size_t at = 0;

	if (why == SF_GO_REFUSE_PATH || why == SF_GO_REFUSE_KEY)
		at = behind_call(f, c, c->gostring);
	else if (why == SF_GO_REFUSE_SITE || why == SF_GO_REFUSE_SLOT)
		at = behind_call(f, c, c->mapaccess);
	else if (why == SF_GO_REFUSE_EPILOGUE)
		at = behind_call(f, c, c->chanrecv);
	return at;
}

static void
check_open(const struct sf_elf_file *f, const struct sf_go_file *go, const char *version)
{
	struct sf_go_shape s;
	struct sf_go_code code;
	char text[160];

	if (!sf_go_file_code(f, version, &code)) {
		say(f, go, "plugin.open", "does not fit: the host does not export it");
		bad = 1;
		return;
	}
	enum sf_go_refusal why = sf_go_file_shape(f, &code, &s);
	if (why) {
		snprintf(text, sizeof(text),
			 "does not fit: %s: %s; bytes:", sf_go_refusal_word(why),
			 sf_go_refusal_text(why));
		say(f, go, "plugin.open", text);
		say_bytes(code.bytes, code.bytes ? code.size : 0, place_of(f, &code, why));
		bad = 1;
		return;
	}
	snprintf(text, sizeof(text), "fits: look-up +0x%x, frame 0x%x", s.check, s.frame);
	say(f, go, "plugin.open", text);
	snprintf(text, sizeof(text), "fits: +0x%x, name 0x%x, path 0x%x 0x%x", s.site, s.name_slot,
		 s.path_ptr_slot, s.path_len_slot);
	say(f, go, "fill", text);
	snprintf(text, sizeof(text), "fits: +0x%x", s.end);
	say(f, go, "end", text);
}

static void
check_locked(const struct sf_elf_file *f, const struct sf_go_file *go)
{
	uint32_t field = sf_go_file_locked(f);
	char text[64];

	snprintf(text, sizeof(text), field ? "fits: g+0x%x" : "does not fit", field);
	say(f, go, "unlockOSThread", text);
	bad |= !field;
}

static void
check_walk(const struct sf_elf_file *f, const struct sf_go_file *go, const char *version,
	   enum sf_go_walk_kind kind)
{
	const char *name = kind == SF_GO_WALK_FUNC ? "runtime.findfunc" : "runtime.resolveNameOff";
	struct sf_go_walk walk;
	Elf64_Sym s, first;
	char text[160];

	if (!sf_elf_file_defined(f, name, &s) ||
	    !sf_elf_file_defined(f, "runtime.firstmoduledata", &first)) {
		say(f, go, name + 8, "does not fit: not exported");
		bad = 1;
		return;
	}
	const struct sf_go_walk_code code = {
		.bytes = sf_elf_file_at(f, s.st_value, s.st_size),
		.size = s.st_size,
		.addr = s.st_value,
		.first = first.st_value,
		.version = version,
		.version_len = strlen(version),
	};
	enum sf_go_refusal why = f->machine == EM_AARCH64
					 ? sf_go_arm64_parse_walk(&code, kind, &walk)
					 : sf_go_parse_walk(&code, kind, &walk);
	if (why)
		snprintf(text, sizeof(text), "does not fit: %s; bytes:", sf_go_refusal_word(why));
	else
		snprintf(text, sizeof(text), "fits: +0x%x, fields 0x%x 0x%x 0x%x", walk.site,
			 walk.next, walk.low, walk.high);
	say(f, go, name + 8, text);
	if (why)
		say_bytes(code.bytes, code.bytes ? code.size : 0, 0);
	bad |= why != SF_GO_REFUSE_NONE;
}

int
main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	struct stat st;
	struct sf_elf_file f;
	struct sf_go_file go;

	if (fd < 0 || fstat(fd, &st) || st.st_size == 0) {
		fprintf(stderr, "usage: fits HOST\n");
		return 2;
	}
	void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED || sf_elf_file_open(&f, bytes, (uint64_t)st.st_size)) {
		fprintf(stderr, "fits: %s cannot be read\n", argv[1]);
		return 2;
	}
	sf_go_file_read(&f, &go);
	const char *version = go.listed ? go.version : LISTED;
	say(&f, &go, "release", go.listed ? "on the list" : "not on the list");
	check_open(&f, &go, version);
	check_locked(&f, &go);
	check_walk(&f, &go, version, SF_GO_WALK_FUNC);
	check_walk(&f, &go, version, SF_GO_WALK_NAME);
	return bad ? 1 : go.listed ? 0 : 3;
}
