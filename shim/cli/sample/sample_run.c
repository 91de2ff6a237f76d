// SPDX-License-Identifier: BSD-2-Clause
// sample_run.c: see sample.h: from the question to what is printed.
#include "sample.h"

#include "../base/output.h"
#include "../sites/profile.h"
#include "sample_document.h"
#include "sample_target.h"
#include "sample_text.h"

static int
sample_run_profile(const struct sample *s, const json_t *document)
{
	json_t *sites = sample_document_sites(document);
	struct profile p = profile_of(sites);
	int status = CLI_OK;

	p.counted = "samples";
	if (s->pprof != NULL)
		status = pprof_save(&p, s->pprof);
	else if (!profile_fold(&p, stdout))
		status = output_result(false);
	profile_free(&p);
	json_decref(sites);
	return status;
}

static int
sample_run_write_out(const struct sample *s, json_t *document)
{
	int status = CLI_OK;

	if (s->json && s->pprof == NULL)
		return document_print(document);
	if (s->folded || s->pprof != NULL)
		status = sample_run_profile(s, document);
	else
		sample_text_print(document, s->all);
	json_decref(document);
	return status;
}

/* Something may have come in the way since it was asked for. */
static int
sample_run_failed(const struct sample_round *r)
{
	char why[SAMPLE_TARGET_TEXT];

	if (r->pid == 0 || (r->count != 0 && r->processes[0]->visits != 0))
		return CLI_OK;
	if (!sample_target_allowed(r->pid, why)) {
		cli_error("%s", why);
		return CLI_TARGET;
	}
	if (r->count != 0 && r->processes[0]->thread_count != 0 && !r->processes[0]->ended) {
		cli_error("process %d is stopped (SIGSTOP): nothing runs in it", r->pid);
		return CLI_TARGET;
	}
	return CLI_OK;
}

int
sample_run(const struct sample *s)
{
	struct sample_round r = {.pid = (pid_t)s->pid,
				 .ns = (uint64_t)(s->seconds * 1e9),
				 .rate = (unsigned int)s->rate};
	char why[SAMPLE_TARGET_TEXT];
	int status;

	if (s->pid != 0 && !sample_target_allowed((pid_t)s->pid, why)) {
		cli_error("%s", why);
		return CLI_TARGET;
	}
	sample_round_run(&r);
	status = sample_run_failed(&r);
	if (status == CLI_OK)
		status = sample_run_write_out(s, sample_document(&r));
	sample_round_free(&r);
	return status;
}
