// SPDX-License-Identifier: BSD-2-Clause
// metrics_listen.c: `symfast metrics --listen`: a few connections at a time, GET and HEAD, two paths.
//
// libmicrohttpd reads requests in a thread of its own, one after the other; it answers nothing else. A client
// has so much memory and may be silent so long; those beyond the limit wait in the kernel's queue.
#include "metrics.h"

#include "../base/output.h"
#include "metrics_address.h"
#include <microhttpd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECTIONS 32
#define SILENCE_S   3          /* of a client */
#define MEMORY      (8u << 10) /* of a connection: its whole request, and the head of the answer */

#define OPEN_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define PAGE_TYPE "text/html; charset=utf-8"
#define LINE_TYPE "text/plain; charset=utf-8"

struct answer {
	unsigned int status;
	const char *type, *header, *value; /* one more header, or NULL */
	char *body;                        /* to be freed */
	size_t size;
};

static struct answer
metrics_listen_line(unsigned int status, const char *text)
{
	struct answer a = {.status = status, .type = LINE_TYPE, .body = cli_format("%s\n", text)};

	a.size = strlen(a.body);
	return a;
}

static struct answer
metrics_listen_metrics(const struct metrics_source *source, const char *accept)
{
	enum metrics_format format = metrics_accepted(accept);
	struct answer a = {.status = MHD_HTTP_OK, .header = "Vary", .value = "Accept"};
	const char *why = source->read(source->data);
	FILE *out;

	if (why != NULL)
		return metrics_listen_line(MHD_HTTP_SERVICE_UNAVAILABLE, why);
	out = cli_or_end(open_memstream(&a.body, &a.size));
	metrics_write(out, source->metrics, format);
	if (fclose(out) != 0)
		cli_or_end(NULL);
	a.type = format == METRICS_OPEN ? OPEN_TYPE : TEXT_TYPE;
	return a;
}

static struct answer
metrics_listen_answer(const struct metrics_source *source, const char *method, const char *path,
		      const char *accept)
{
	struct answer a;

	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
		a = metrics_listen_line(MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD");
		a.header = MHD_HTTP_HEADER_ALLOW;
		a.value = "GET, HEAD";
		return a;
	}
	if (strcmp(path, "/metrics") == 0)
		return metrics_listen_metrics(source, accept);
	if (strcmp(path, "/") != 0)
		return metrics_listen_line(MHD_HTTP_NOT_FOUND, "nothing here; see /metrics");
	a = metrics_listen_line(MHD_HTTP_OK, "<!DOCTYPE html><title>symfast</title>"
					     "<p><a href=\"/metrics\">metrics</a>");
	a.type = PAGE_TYPE;
	return a;
}

static enum MHD_Result
metrics_listen_send(struct MHD_Connection *connection, const struct answer *a)
{
	struct MHD_Response *r =
		MHD_create_response_from_buffer(a->size, a->body, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result sent = MHD_NO;

	if (r == NULL) {
		free(a->body);
		return MHD_NO;
	}
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	if (a->header != NULL)
		MHD_add_response_header(r, a->header, a->value);
	sent = MHD_queue_response(connection, a->status, r);
	MHD_destroy_response(r);
	return sent;
}

/* At the head of a request. One with a body is answered, too, and its connection ends. */
static enum MHD_Result
metrics_listen_request(void *data, struct MHD_Connection *connection, const char *path,
		       const char *method, const char *version, const char *upload,
		       size_t *upload_size, void **request)
{
	const char *accept =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	struct answer a = metrics_listen_answer(data, method, path, accept);

	(void)version, (void)upload, (void)upload_size, (void)request;
	return metrics_listen_send(connection, &a);
}

static struct MHD_Daemon *
metrics_listen_start(int fd, const struct metrics_source *source)
{
	return MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL,
				metrics_listen_request, (void *)(uintptr_t)source,
				MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
				(unsigned int)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
				(unsigned int)SILENCE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				(size_t)MEMORY, MHD_OPTION_END);
}

int
metrics_listen(const char *address, const struct metrics_source *source)
{
	struct MHD_Daemon *daemon;
	int fd, number;
	sigset_t ends;
	char *where;

	/* Before the thread is there, so that it takes none of them. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	fd = metrics_address_listen(address);
	if (fd < 0)
		return cli_error_errno(CLI_FAILED, "%s", address);
	daemon = metrics_listen_start(fd, source);
	if (daemon == NULL) {
		cli_error("%s: the server cannot be started", address);
		close(fd);
		return CLI_FAILED;
	}
	where = metrics_address_of(fd);
	cli_error("metrics at http://%s/metrics", where);
	free(where);
	sigwait(&ends, &number);
	MHD_stop_daemon(daemon);
	return CLI_OK;
}
