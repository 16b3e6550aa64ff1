#include "run_options.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/json_scan.h"
#include "base/json_write.h"

static dpipes_status check_command(dpi_run_options *o, const char *const *argv, size_t used, dpipes_error *err)
{
    o->command = argv + used;
    if (!*o->command)
        return dpi_fail(err, DPIPES_EINVAL, "no command is given; it stands after `--`");
    if (used == 0 || strcmp(argv[used - 1], "--") != 0)
        return dpi_fail(err, DPIPES_EINVAL, "`%s`: the command must stand after `--`", *o->command);
    return DPIPES_OK;
}

size_t dpi_run_args(dpi_run_options *o, dpi_arg *args)
{
    const dpi_arg all[] = {
        DPI_CONNECTION_ARGS(&o->connection),
        {"--local", DPI_ARG_FLAG, &o->local},
        {"--local-ray", DPI_ARG_FLAG, &o->local_ray},
        {"--asset", DPI_ARG_LIST, &o->assets},
        {"--extra", DPI_ARG_LIST, &o->extras},
        {"--partition-key", DPI_ARG_TEXT, &o->partition_key},
        {"--run-id", DPI_ARG_TEXT, &o->run_id},
        {"--job-name", DPI_ARG_TEXT, &o->job_name},
        {"--code-version", DPI_ARG_TEXT, &o->code_version},
        {"--num-cpus", DPI_ARG_NUMBER, &o->num_cpus},
        {"--num-gpus", DPI_ARG_NUMBER, &o->num_gpus},
        {"--memory", DPI_ARG_BYTES, &o->memory},
        {"--resource", DPI_ARG_LIST, &o->resource_texts},
        {"--label", DPI_ARG_LIST, &o->label_texts},
        {"--env", DPI_ARG_LIST, &o->env_texts},
        {"--metadata", DPI_ARG_LIST, &o->metadata_texts},
        {"--runtime-env", DPI_ARG_TEXT, &o->runtime_env},
        {"--working-dir", DPI_ARG_TEXT, &o->working_dir},
        {"--ship", DPI_ARG_LIST, &o->ship},
        {"--submission-id", DPI_ARG_TEXT, &o->submission_id},
        {"--attach", DPI_ARG_TEXT, &o->attach},
        {"--offset", DPI_ARG_NUMBER, &o->offset},
        {"--message-channel", DPI_ARG_TEXT, &o->message_channel},
        {"--message-file", DPI_ARG_TEXT, &o->message_file},
        {"--context-file", DPI_ARG_TEXT, &o->context_file},
        {"--pending-timeout", DPI_ARG_SECONDS, &o->pending_timeout_ms},
        {"--timeout", DPI_ARG_SECONDS, &o->timeout_ms},
        {"--detach", DPI_ARG_FLAG, &o->detach},
        {"--no-forward-termination", DPI_ARG_FLAG, &o->no_forward_termination},
        {"--json", DPI_ARG_FLAG, &o->json},
        {"--color", DPI_ARG_TEXT, &o->color},
        {"--help", DPI_ARG_FLAG, &o->help},
    };
    memcpy(args, all, sizeof all);
    return sizeof all / sizeof *all;
}

size_t dpi_attach_args(dpi_run_options *o, dpi_arg *args)
{
    const dpi_arg all[] = {
        DPI_CONNECTION_ARGS(&o->connection),
        {"--asset", DPI_ARG_LIST, &o->assets},
        {"--offset", DPI_ARG_NUMBER, &o->offset},
        {"--message-file", DPI_ARG_TEXT, &o->message_file},
        {"--timeout", DPI_ARG_SECONDS, &o->timeout_ms},
        {"--no-forward-termination", DPI_ARG_FLAG, &o->no_forward_termination},
        {"--json", DPI_ARG_FLAG, &o->json},
        {"--color", DPI_ARG_TEXT, &o->color},
        {"--help", DPI_ARG_FLAG, &o->help},
    };
    memcpy(args, all, sizeof all);
    return sizeof all / sizeof *all;
}

/* The first option that is of a Ray job alone; NULL: none is given. */
static const char *job_option_given(const dpi_run_options *o)
{
    return o->num_cpus > 0               ? "--num-cpus"
           : o->num_gpus > 0             ? "--num-gpus"
           : o->memory > 0               ? "--memory"
           : o->resource_texts.count > 0 ? "--resource"
           : o->label_texts.count > 0    ? "--label"
           : o->metadata_texts.count > 0 ? "--metadata"
           : o->runtime_env              ? "--runtime-env"
           : o->working_dir              ? "--working-dir"
           : o->ship.count > 0           ? "--ship"
           : o->submission_id            ? "--submission-id"
           : o->message_channel          ? "--message-channel"
           : o->message_file             ? "--message-file"
           : o->context_file             ? "--context-file"
           : o->pending_timeout_ms > 0   ? "--pending-timeout"
           : o->detach                   ? "--detach"
           : o->no_forward_termination   ? "--no-forward-termination"
                                         : dpi_connection_given(&o->connection);
}

static dpipes_status check_color(const dpi_run_options *o, dpipes_error *err)
{
    static const char *const words[] = {"auto", "always", "never"};
    for (size_t i = 0; o->color && i < sizeof words / sizeof *words; i++)
        if (strcmp(o->color, words[i]) == 0)
            return DPIPES_OK;
    return o->color ? dpi_fail(err, DPIPES_EINVAL, "--color `%s`: auto, always or never is wanted", o->color)
                    : DPIPES_OK;
}

/* A file of the command's own is gone with it. */
static dpipes_status check_channel(const dpi_run_options *o, dpipes_error *err)
{
    const char *channel = o->message_channel;
    if (channel && strcmp(channel, "log") != 0 && strcmp(channel, "file") != 0)
        return dpi_fail(err, DPIPES_EINVAL, "--message-channel `%s`: log or file is wanted", channel);
    if (channel && *channel == 'l' && o->message_file)
        return dpi_fail(err, DPIPES_EINVAL, "--message-channel log and --message-file exclude each other");
    if (dpi_run_makes_message_file(o) && (o->detach || o->no_forward_termination))
        return dpi_fail(err, DPIPES_EINVAL, "--message-channel file: %s leaves the job, so --message-file is wanted",
                        o->detach ? "--detach" : "--no-forward-termination");
    return DPIPES_OK;
}

bool dpi_run_makes_message_file(const dpi_run_options *o)
{
    return o->message_channel && *o->message_channel == 'f' && !o->message_file;
}

/* ---- What is run, or followed ---- */

/* What `attach` has no option for is of a new job. */
static dpipes_status check_attach(dpi_run_options *o, const dpi_arg *args, size_t count, uint64_t given,
                                  const char *word, dpipes_error *err)
{
    dpi_arg known[DPI_COMMAND_ARGS_MAX], same;
    const size_t known_count = dpi_attach_args(o, known);
    for (size_t i = 0; i < count; i++) {
        const char *const name[] = {args[i].name, NULL};
        const bool taken = args[i].value == &o->attach || dpi_args_select(known, known_count, name, &same) > 0;
        if (given >> i & 1 && !taken)
            return dpi_fail(err, DPIPES_EINVAL, "%s is for a new job, and --attach follows one that is there", *name);
    }
    return word ? dpi_fail(err, DPIPES_EINVAL, "`%s`: --attach follows a job that is there, and runs no command", word)
                : DPIPES_OK;
}

static dpipes_status check_target(const dpi_run_options *o, dpipes_error *err)
{
    const char *job_option = job_option_given(o);
    if (o->local + o->local_ray + (o->connection.address != NULL) > 1)
        return dpi_fail(err, DPIPES_EINVAL, "--local, --local-ray and --address exclude each other");
    if (o->local && job_option)
        return dpi_fail(err, DPIPES_EINVAL, "%s is for a Ray job, and --local runs none", job_option);
    if (o->local_ray && (o->detach || o->no_forward_termination))
        return dpi_fail(err, DPIPES_EINVAL, "%s leaves a job to a Ray that stays, and --local-ray's ends with it",
                        o->detach ? "--detach" : "--no-forward-termination");
    return DPIPES_OK;
}

/* A child has no Ray, and a Ray of its own has its own connection. */
static dpipes_status fill(dpi_run_options *o, const dpi_arg *args, size_t count, const dpi_args_seen *seen,
                          dpipes_error *err)
{
    if (o->local)
        return DPIPES_OK;
    if (!o->local_ray)
        return dpi_connection_fill(&o->connection, args, count, seen->given, err);
    return dpi_connection_fill(&o->connection, args + DPI_CONNECTION_ARG_COUNT, count - DPI_CONNECTION_ARG_COUNT,
                               seen->given >> DPI_CONNECTION_ARG_COUNT, err);
}

static dpipes_status parse_words(const char *const *argv, dpi_run_options *o, dpipes_error *err)
{
    dpi_arg args[DPI_COMMAND_ARGS_MAX];
    dpi_args_seen seen;
    const size_t count = dpi_run_args(o, args);
    dpipes_status status = dpi_args_parse(args, count, argv, &seen, err);
    if (status != DPIPES_OK || o->help)
        return status;
    status = o->attach ? check_attach(o, args, count, seen.given, argv[seen.used], err)
                       : check_command(o, argv, seen.used, err);
    if (status == DPIPES_OK && o->offset > 0 && !o->attach)
        status = dpi_fail(err, DPIPES_EINVAL, "--offset is for --attach: a new job's log begins at its first byte");
    if (status == DPIPES_OK)
        status = check_target(o, err);
    return status == DPIPES_OK ? fill(o, args, count, &seen, err) : status;
}

/* ---- The Ray job ---- */

static dpipes_status finish_job(dpi_run_options *o, dpipes_error *err)
{
    dpipes_status status = dpi_connection_finish(&o->connection, err);
    if (status == DPIPES_OK)
        status = dpi_pairs_write_list("--resource", &o->resource_texts, true, &o->resources_json, err);
    if (status == DPIPES_OK)
        status = dpi_pairs_write_list("--label", &o->label_texts, false, &o->labels_json, err);
    if (status == DPIPES_OK)
        status = dpi_pairs_parse("--env", &o->env_texts, &o->env, err);
    if (status == DPIPES_OK)
        status = dpi_pairs_parse("--metadata", &o->metadata_texts, &o->metadata, err);
    return status;
}

/* ---- Extras ---- */

static bool is_given_before(const dpi_run_options *o, size_t at, size_t key_size)
{
    for (size_t i = 0; i < at; i++)
        if (strncmp(o->extras.items[i], o->extras.items[at], key_size + 1) == 0) /* with the = */
            return true;
    return false;
}

static dpipes_status write_extra(dpi_run_options *o, size_t i, dpipes_error *err)
{
    dpipes_error why = DPIPES_ERROR_INIT;
    const char *extra = o->extras.items[i];
    const size_t key_size = strcspn(extra, "=");
    const char *value = extra + key_size + 1;
    if (key_size == 0 || !extra[key_size])
        return dpi_fail(err, DPIPES_EINVAL, "--extra `%s`: KEY=JSON is wanted", extra);
    if (is_given_before(o, i, key_size))
        return dpi_fail(err, DPIPES_EINVAL, "--extra `%.*s` is given twice", (int)key_size, extra);
    dpi_buf_append_text(&o->extras_json, i > 0 ? ", " : "");
    dpi_json_write_string(&o->extras_json, extra, key_size);
    dpi_buf_append_literal(&o->extras_json, ": ");
    if (dpi_json_write_embedded(&o->extras_json, value, strlen(value), &why) != DPIPES_OK)
        return dpi_fail(err, DPIPES_EINVAL,
                        "--extra `%.*s`: `%s` is not JSON: %s; text needs quotes: --extra '%.*s=\"text\"'",
                        (int)key_size, extra, value, why.message, (int)key_size, extra);
    return DPIPES_OK;
}

static dpipes_status write_extras(dpi_run_options *o, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    dpi_buf_append_char(&o->extras_json, '{');
    for (size_t i = 0; i < o->extras.count && status == DPIPES_OK; i++)
        status = write_extra(o, i, err);
    dpi_buf_append_char(&o->extras_json, '}');
    return status == DPIPES_OK && dpi_buf_failed(&o->extras_json) ? dpi_fail_memory(err) : status;
}

dpipes_status dpi_run_options_parse(const char *const *argv, dpi_run_options *options, dpipes_error *err)
{
    *options = (dpi_run_options){0};
    dpipes_status status = parse_words(argv, options, err);
    if (status != DPIPES_OK || options->help)
        return status;
    status = check_color(options, err);
    if (status == DPIPES_OK)
        status = check_channel(options, err);
    if (status == DPIPES_OK)
        status = finish_job(options, err);
    return status == DPIPES_OK ? write_extras(options, err) : status;
}

dpipes_status dpi_attach_options_parse(const char *const *argv, dpi_run_options *o, dpipes_error *err)
{
    *o = (dpi_run_options){0};
    dpi_arg args[DPI_COMMAND_ARGS_MAX];
    dpi_args_seen seen;
    const size_t count = dpi_attach_args(o, args);
    dpipes_status status = dpi_args_parse(args, count, argv, &seen, err);
    if (status != DPIPES_OK || o->help)
        return status;
    o->attach = argv[seen.used];
    if (!o->attach)
        return dpi_fail(err, DPIPES_EINVAL, "the submission ID of a job is wanted");
    if (argv[seen.used + 1])
        return dpi_fail(err, DPIPES_EINVAL, "`%s` is too much", argv[seen.used + 1]);
    status = check_color(o, err);
    if (status == DPIPES_OK)
        status = dpi_connection_fill(&o->connection, args, count, seen.given, err);
    if (status == DPIPES_OK)
        status = finish_job(o, err);
    return status == DPIPES_OK ? write_extras(o, err) : status;
}

void dpi_run_options_fini(dpi_run_options *options)
{
    dpi_arg_list *const lists[] = {&options->assets,      &options->extras,    &options->resource_texts,
                                   &options->label_texts, &options->env_texts, &options->metadata_texts,
                                   &options->ship};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        free(lists[i]->items);
    dpi_connection_fini(&options->connection);
    dpi_pairs_fini(&options->env);
    dpi_pairs_fini(&options->metadata);
    dpi_buf_fini(&options->extras_json);
    dpi_buf_fini(&options->resources_json);
    dpi_buf_fini(&options->labels_json);
}
