// SPDX-License-Identifier: BSD-2-Clause
// bytes_generic.h: plain C forms of the string primitives; included by bytes.h only.
#ifndef SF_BYTES_GENERIC_H
#define SF_BYTES_GENERIC_H

SF_INLINE bool
sf_bytes_equal(const char *host, const char *stored, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = __atomic_load_n(stored + i, __ATOMIC_RELAXED);

		if (host[i] != c)
			return false;
		if (c == '\0')
			return i + 1 == n;
	}
	return false;
}

SF_INLINE bool
sf_bytes_load_short(const char *s, struct sf_short *out)
{
	return sf_bytes_load_short_slow(s, out);
}

SF_INLINE bool
sf_bytes_short_is(const struct sf_short *s, const char *stored)
{
	const char *name = (const char *)s->word;

	for (uint32_t i = 0; i < s->size; i++)
		if (name[i] != __atomic_load_n(stored + i, __ATOMIC_RELAXED))
			return false;
	return true;
}

SF_INLINE size_t
sf_bytes_length(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n] != '\0')
		n++;
	return n;
}

#endif
