// SPDX-License-Identifier: BSD-2-Clause
// go_file.h: what an ELF file says about Go: the version it was built with, and the shape of its
// plugin.open. Nothing is trusted, nothing is allocated.
#ifndef SF_GO_FILE_H
#define SF_GO_FILE_H

#include "elf_file.h"
#include "go_plugin.h"

struct sf_go_file {
	bool is_go;               /* has build information, or Go's own symbols */
	char version[64];         /* "go1.24.4", cleaned of control characters; "" if not known */
	bool listed;              /* the detour knows this release */
	bool opens_plugins;       /* exports plugin.open */
	enum sf_go_refusal shape; /* if it opens plugins: NONE, or why it would be refused */
};

/* plugin.open and what it calls, as addresses of the file; false if the file does not define it. */
bool sf_go_file_code(const struct sf_elf_file *f, const char *version, struct sf_go_code *code);
/* What the reader for the file's processor makes of it: x86-64, aarch64. */
enum sf_go_refusal sf_go_file_shape(const struct sf_elf_file *f, const struct sf_go_code *code,
				    struct sf_go_shape *shape);
/* As sf_go_parse_locked(), from runtime.unlockOSThread; 0 if the file has none. */
uint32_t sf_go_file_locked(const struct sf_elf_file *f);

void sf_go_file_read(const struct sf_elf_file *f, struct sf_go_file *go);

#endif
