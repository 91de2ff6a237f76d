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

void sf_go_file_read(const struct sf_elf_file *f, struct sf_go_file *go);

#endif
