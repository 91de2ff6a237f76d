// SPDX-License-Identifier: BSD-2-Clause
// report.c: see report.h.
#include "report.h"

#include "../base/bytes.h"
#include "../base/log.h"
#include "../go/go.h"
#include "../libc/changes.h"
#include "../observe/counters.h"
#include "../observe/settings.h"
#include "../rollout/canary.h"
#include "estimate_line.h"

static void
report_print_state(void)
{
	static const char reasons[][10] = {"", "", "ctl", "kill file", "breaker", ""};
	uint32_t reason = sf_load_32(&sf_control.reason);
	char copy[sizeof(sf_control.why)];
	const char *why = copy;
	struct sf_line l;

	/* Others may write the page: there need be no NUL in it. */
	sf_bytes_cut(copy, sf_control.why, sizeof(copy));
	if (why[0] == '\0' && reason < sizeof(reasons) / sizeof(reasons[0]))
		why = reasons[reason];
	sf_line_start(&l);
	sf_line_str(&l, "state ");
	sf_line_str(&l, sf_mode_name());
	if (why[0] != '\0') {
		sf_line_str(&l, ": ");
		sf_line_quote(&l, why, sizeof(copy));
	}
	sf_line_write(&l);
}

static void
report_print_canary(void)
{
	struct sf_line l;

	if (sf_control.canary_share >= 10000)
		return;
	sf_line_start(&l);
	sf_line_clean(&l, sf_canary_why(), SF_LINE_MAX);
	sf_line_write(&l);
}

/* Are loads and unloads seen? */
static void
report_print_watch(void)
{
	const char *why = sf_changes_refusal();
	struct sf_line l;

	sf_line_start(&l);
	sf_line_str(&l, "watch ");
	sf_line_str(&l, why == NULL ? "on" : "off: ");
	sf_line_str(&l, why == NULL ? "" : why);
	sf_line_write(&l);
}

static void
report_print_phdr(const char *why)
{
	struct sf_line l;

	if (sf_settings.phdr == SF_PHDR_OFF)
		return;
	sf_line_start(&l);
	sf_line_str(&l, "phdr ");
	sf_line_str(&l, why == NULL ? "on" : "off: ");
	sf_line_str(&l, why == NULL ? "" : why);
	sf_line_write(&l);
}

void
sf_report_start(const char *not_walking)
{
	sf_settings_print();
	report_print_canary();
	report_print_state();
	report_print_watch();
	report_print_phdr(not_walking);
}

static void
report_print_go(void *arg, const char *name, uint64_t value)
{
	struct sf_line l;

	(void)arg;
	if (value == 0)
		return;
	sf_line_start(&l);
	sf_line_str(&l, name);
	sf_line_str(&l, " ");
	sf_line_u64(&l, value);
	sf_line_write(&l);
}

/* What was held against libc's answers, by kind. */
static void
report_print_compared(void)
{
	static const char names[] =
		"dlsym\0RTLD_DEFAULT\0RTLD_NEXT\0dlvsym\0negative\0dlopen\0dladdr\0"
		"backtrace_symbols\0symfast_symbolize\0retain";
	uint64_t all = 0, one;
	struct sf_line l;

	sf_line_start(&l);
	sf_line_str(&l, "compared with libc: ");
	for (unsigned int i = 0; i <= SF_COMPARED_RETAIN - SF_COMPARED_DLSYM; i++) {
		one = sf_counters_sum((enum sf_counter)(SF_COMPARED_DLSYM + i));
		if (one == 0)
			continue;
		sf_line_str(&l, all != 0 ? ", " : "");
		sf_line_str(&l, sf_bytes_word(names, i));
		sf_line_str(&l, " ");
		sf_line_u64(&l, one);
		all += one;
	}
	sf_line_str(&l, all == 0 ? "nothing" : "; different: ");
	if (all != 0)
		sf_line_u64(&l, sf_counters_sum(SF_VERIFY_MISMATCH));
	if (all != 0 || sf_settings.mode.n == SF_MODE_VERIFY)
		sf_line_write(&l);
}

void
sf_report_end(void)
{
	report_print_state();
	sf_counters_print();
	sf_go_counters(report_print_go, NULL);
	report_print_compared();
	sf_estimate_line_print();
}
