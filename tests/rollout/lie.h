// SPDX-License-Identifier: BSD-2-Clause
// lie.h: put before every source of the library that lies: the map's answer to any name that begins
// with "lie_" counts as another one when it is compared. The product has no such place.
#ifndef SF_TESTS_LIE_H
#define SF_TESTS_LIE_H

#define SF_SEAM_LIE(name)                                                                          \
	((name)[0] == 'l' && (name)[1] == 'i' && (name)[2] == 'e' && (name)[3] == '_')

#endif
