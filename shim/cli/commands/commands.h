// SPDX-License-Identifier: BSD-2-Clause
// commands.h: the subcommands of `symfast`: each parses its arguments and returns the exit code.
#ifndef SF_CLI_COMMANDS_H
#define SF_CLI_COMMANDS_H

int cmd_ab(int argc, char **argv);
int cmd_ctl(int argc, char **argv);
int cmd_watch(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_metrics(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_sample(int argc, char **argv);
int cmd_sites(int argc, char **argv);
int cmd_stat(int argc, char **argv);
int cmd_top(int argc, char **argv);

#endif
