// SPDX-License-Identifier: BSD-2-Clause
// lie.h: put before every source of the library that lies: the map's answer to any name that has "lie_" in
// it (a symbol, the symbol of an address, a file to be opened) counts as another one when it is compared. The
// product has no such place.
#ifndef SF_TESTS_LIE_H
#define SF_TESTS_LIE_H

#ifndef __ASSEMBLER__
static inline int
sf_seam_lie(const char *name)
{
	for (; name && *name; name++)
		if (name[0] == 'l' && name[1] == 'i' && name[2] == 'e' && name[3] == '_')
			return 1;
	return 0;
}
#define SF_SEAM_LIE(name) sf_seam_lie(name)
#endif

#endif
