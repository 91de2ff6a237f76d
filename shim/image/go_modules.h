// SPDX-License-Identifier: BSD-2-Clause
// Recognises the two places where Go's runtime walks its list of modules: in findfunc, by a program
// counter, and in resolveNameOff, by the address of a type.
#ifndef SF_IMAGE_GO_MODULES_H
#define SF_IMAGE_GO_MODULES_H

#include "go_plugin.h"

enum sf_go_walk_kind { SF_GO_WALK_FUNC, SF_GO_WALK_NAME };

// What the reader is told about the function. Run-time addresses.
struct sf_go_walk_code {
	const uint8_t *bytes; // the whole function
	size_t size;
	uint64_t addr;  // where `bytes` lies (or would lie) in the host
	uint64_t first; // runtime.firstmoduledata
	const char *version;
	size_t version_len;
};

// Offsets of code count from the function's entry, those of fields from a moduledata.
struct sf_go_walk {
	uint32_t site;   // lea firstmoduledata, seven bytes: the jump goes here; aarch64: b TEST
	uint32_t resume; // what follows it; aarch64: TEST
	uint32_t next, low, high;
	uint32_t reg; // aarch64: which register holds the module
};

// Fills *walk and returns SF_GO_REFUSE_NONE, or returns the reason and leaves *walk zeroed. Reads
// nothing but code->bytes[0..size) and code->version; no allocation, no state, any thread, any
// signal.
enum sf_go_refusal sf_go_parse_walk(const struct sf_go_walk_code *code, enum sf_go_walk_kind kind,
				    struct sf_go_walk *walk);

#endif
