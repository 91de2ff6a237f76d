// SPDX-License-Identifier: BSD-2-Clause
// metrics_address.h: where `metrics --listen` listens: addresses in numbers, of IPv4 and IPv6.
#ifndef SF_CLI_METRICS_ADDRESS_H
#define SF_CLI_METRICS_ADDRESS_H

/* A socket that listens; -1 with errno. */
int metrics_address_listen(const char *text);
/* Its address and port in words; to be freed. */
char *metrics_address_of(int fd);

#endif
