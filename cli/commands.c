#include "commands.h"

#include <stdio.h>

#include "cmd.h"
#include "help.h"

#define DPI_NAME_WIDTH 12

const dpi_command dpi_commands[] = {
    {"run", "runs a program and shows what it logs and reports", dpi_help_run, dpi_cmd_run, dpi_cmd_run_args},
    {"attach", "shows a job that runs or has ended, as `run` would have", dpi_help_run, dpi_cmd_attach,
     dpi_cmd_run_args},
    {"jobs", "lists the jobs of a Ray, whoever submitted them", dpi_help_jobs, dpi_cmd_jobs, dpi_cmd_jobs_args},
    {"status", "shows a job's details", dpi_help_jobs, dpi_cmd_status, dpi_cmd_jobs_args},
    {"logs", "shows a job's log", dpi_help_jobs, dpi_cmd_logs, dpi_cmd_jobs_args},
    {"stop", "asks a job to stop", dpi_help_jobs, dpi_cmd_stop, dpi_cmd_jobs_args},
    {"delete", "forgets a job that has ended", dpi_help_jobs, dpi_cmd_delete, dpi_cmd_jobs_args},
    {"local", "a Ray cluster on this machine that stays", dpi_help_local, dpi_cmd_local, NULL},
    {"local up", "starts one", dpi_help_local, NULL, dpi_cmd_local_args},
    {"local status", "lists those that run", dpi_help_local, NULL, dpi_cmd_local_args},
    {"local down", "stops one or all", dpi_help_local, NULL, dpi_cmd_local_args},
    {"execute", "runs a graph of steps", dpi_help_execute, dpi_cmd_execute, dpi_cmd_execute_args},
    {"backfill", "runs a graph for many partitions", dpi_help_backfill, dpi_cmd_backfill, dpi_cmd_execute_args},
    {"launch", "runs a graph as one Ray job", dpi_help_launch, dpi_cmd_launch, dpi_cmd_execute_args},
    {"runs", "lists the runs that the store has", dpi_help_runs, dpi_cmd_runs, dpi_cmd_runs_args},
    {"runs resume", "goes on with one of them", dpi_help_runs, NULL, dpi_cmd_execute_args},
    {"runs attach", "follows one that was launched", dpi_help_runs, NULL, dpi_cmd_execute_args},
    {"runs wait", "waits until one has ended", dpi_help_runs, NULL, dpi_cmd_runs_args},
    {"runs terminate", "stops one, and waits for its end", dpi_help_runs, NULL, dpi_cmd_runs_args},
    {"runs health", "says what has become of what executes one", dpi_help_runs, NULL, dpi_cmd_runs_args},
    {"runs debug", "shows what Ray knows of a launched one", dpi_help_runs, NULL, dpi_cmd_runs_args},
    {"runs show", "shows one of them", dpi_help_runs, NULL, dpi_cmd_runs_args},
    {"runs prune", "removes those that ended", dpi_help_runs, NULL, dpi_cmd_runs_args},
    {"assets", "lists the assets that the store has", dpi_help_assets, dpi_cmd_assets, dpi_cmd_assets_args},
    {"assets show", "shows one of them, and its history", dpi_help_assets, NULL, dpi_cmd_assets_args},
    {"doctor", "says which Ray is meant, and whether it can be used", dpi_help_doctor, dpi_cmd_doctor,
     dpi_cmd_doctor_args},
    {"config", "shows what the configuration file and the environment set", dpi_help_config, dpi_cmd_config,
     dpi_cmd_config_args},
    {"decode", "prints what a program was told, or has said, readable", dpi_help_decode, dpi_cmd_decode, NULL},
    {"check", "reads graphs, and says what is wrong with them", dpi_help_check, dpi_cmd_check, NULL},
    {"graph", "draws a graph of steps", dpi_help_graph, dpi_cmd_graph, dpi_cmd_graph_args},
    {"completion", "prints the completion for a shell", dpi_help_completion, dpi_cmd_completion, NULL},
    {"completion bash", "for bash", dpi_help_completion, NULL, NULL},
    {"completion zsh", "for zsh", dpi_help_completion, NULL, NULL},
    {"completion fish", "for fish", dpi_help_completion, NULL, NULL},
    {"man", "prints a manual page", dpi_help_man, dpi_cmd_man, NULL},
};
const size_t dpi_command_count = sizeof dpi_commands / sizeof *dpi_commands;

const dpi_command *dpi_command_find(const char *name)
{
    for (size_t i = 0; i < dpi_command_count; i++)
        if (strcmp(dpi_commands[i].name, name) == 0)
            return &dpi_commands[i];
    return NULL;
}

const char *dpi_command_word(const dpi_command *command)
{
    const char *space = strchr(command->name, ' ');
    return space ? space + 1 : command->name;
}

bool dpi_command_is_part(const dpi_command *command)
{
    return dpi_command_word(command) != command->name;
}

size_t dpi_command_args(const dpi_command *command, dpi_arg *args)
{
    if (command->args)
        return command->args(dpi_command_word(command), args);
    args[0] = (dpi_arg){"--help", DPI_ARG_FLAG, NULL};
    return dpi_command_is_part(command) ? 0 : 1;
}

void dpi_commands_help(dpi_buf *out)
{
    for (const char *const *part = dpi_help_dpipes; *part; part++)
        dpi_buf_append_text(out, *part);
    dpi_buf_append_literal(out, "Commands:\n");
    for (size_t i = 0; i < dpi_command_count; i++)
        if (!dpi_command_is_part(&dpi_commands[i]))
            dpi_buf_printf(out, "  %-*s%s\n", DPI_NAME_WIDTH, dpi_commands[i].name, dpi_commands[i].summary);
}

int dpi_usage_error(const char *name, const char *message)
{
    fprintf(stderr, "dpipes %s%s%s\nHelp: dpipes %s%s--help\n", name, *name ? ": " : "", message, name,
            *name ? " " : "");
    return DPI_EXIT_USAGE;
}
