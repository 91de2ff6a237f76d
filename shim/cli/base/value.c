// SPDX-License-Identifier: BSD-2-Clause
// value.c: see value.h.
#include "value.h"

#include <stdio.h>
#include <string.h>

char *
value_text(char *to, size_t size, double value, const char *unit)
{
	static const struct {
		const char *from, *to;
		double below, factor;
	} steps[] = {{"s", "ms", 1, 1e3},
		     {"ms", "\xc2\xb5s", 1, 1e3},
		     {"\xc2\xb5s", "ns", 1, 1e3},
		     {"ns", "\xc2\xb5s", -1e3, 1e-3},
		     {"\xc2\xb5s", "ms", -1e3, 1e-3},
		     {"ms", "s", -1e3, 1e-3},
		     {"KiB", "MiB", -1024, 1.0 / 1024}};

	for (int again = 0; again < 3 && value != 0; again++)
		for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
			bool apply = steps[i].below > 0 ? value < steps[i].below * 0.9995
							: value >= -steps[i].below;

			if (strcmp(unit, steps[i].from) != 0 || !apply)
				continue;
			value *= steps[i].factor;
			unit = steps[i].to;
			break;
		}
	snprintf(to, size, value >= 1000 ? "%.0f%s%s" : "%.3g%s%s", value, *unit != '\0' ? " " : "",
		 unit);
	return to;
}
