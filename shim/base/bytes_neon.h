// SPDX-License-Identifier: BSD-2-Clause
// bytes_neon.h: 16 bytes as one value, by NEON, which is part of aarch64; included by bytes_wide.h only.
//
// NEON has no instruction that takes a bit of each byte. Here each byte keeps the bit of its place among eight, and
// three additions of neighbours put eight bytes into one: 16 or 32 bytes take the same three.
#ifndef SF_BYTES_NEON_H
#define SF_BYTES_NEON_H

#include <arm_neon.h>

typedef uint8x16_t sf_wide;

SF_INLINE sf_wide
sf_wide_zero(void)
{
	return vdupq_n_u8(0);
}

SF_INLINE sf_wide
sf_wide_load(const char *p)
{
	return vld1q_u8((const uint8_t *)p);
}

/* `p` is a multiple of 16. */
SF_INLINE sf_wide
sf_wide_load_aligned(const void *p)
{
	return vld1q_u8(p);
}

SF_INLINE void
sf_wide_store_aligned(void *p, sf_wide v)
{
	vst1q_u8(p, v);
}

SF_INLINE sf_wide
sf_wide_and(sf_wide a, sf_wide b)
{
	return vandq_u8(a, b);
}

/* Of bytes that are all ones or all zeros, a bit for each, the lowest for the first. */
SF_INLINE unsigned int
sf_wide_bits(sf_wide v, sf_wide more)
{
	const sf_wide places = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
	sf_wide sum = vpaddq_u8(vandq_u8(v, places), vandq_u8(more, places));

	sum = vpaddq_u8(sum, sum);
	sum = vpaddq_u8(sum, sum);
	return vgetq_lane_u32(vreinterpretq_u32_u8(sum), 0);
}

/* A bit for each of 16 bytes: are they equal? */
SF_INLINE unsigned int
sf_wide_same(sf_wide a, sf_wide b)
{
	return sf_wide_bits(vceqq_u8(a, b), sf_wide_zero());
}

/* The same of 32. */
SF_INLINE unsigned int
sf_wide_same_32(sf_wide a, sf_wide b, sf_wide a_more, sf_wide b_more)
{
	return sf_wide_bits(vceqq_u8(a, b), vceqq_u8(a_more, b_more));
}

/* A bit where the bytes differ, or are zero. */
SF_INLINE unsigned int
sf_wide_ends(sf_wide a, sf_wide b)
{
	return sf_wide_bits(vceqzq_u8(vandq_u8(vceqq_u8(a, b), b)), sf_wide_zero());
}

SF_INLINE bool
sf_wide_differ(sf_wide a, sf_wide b)
{
	return vmaxvq_u32(vreinterpretq_u32_u8(veorq_u8(a, b))) != 0;
}

#endif
