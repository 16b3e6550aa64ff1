#include "run_options.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/json_scan.h"
#include "base/json_write.h"

static dpipes_status parse_words(const char *const *argv, dpi_run_options *o, dpipes_error *err)
{
    const dpi_arg args[] = {
        {"--local", DPI_ARG_FLAG, &o->local},         {"--local-ray", DPI_ARG_FLAG, &o->local_ray},
        {"--address", DPI_ARG_TEXT, &o->address},     {"--asset", DPI_ARG_LIST, &o->assets},
        {"--extra", DPI_ARG_LIST, &o->extras},        {"--partition-key", DPI_ARG_TEXT, &o->partition_key},
        {"--run-id", DPI_ARG_TEXT, &o->run_id},       {"--job-name", DPI_ARG_TEXT, &o->job_name},
        {"--num-cpus", DPI_ARG_NUMBER, &o->num_cpus}, {"--timeout", DPI_ARG_SECONDS, &o->timeout_ms},
        {"--json", DPI_ARG_FLAG, &o->json},           {"--help", DPI_ARG_FLAG, &o->help},
    };
    size_t used;
    dpipes_status status = dpi_args_parse(args, sizeof args / sizeof *args, argv, &used, err);
    if (status != DPIPES_OK || o->help)
        return status;
    o->command = argv + used;
    if (!*o->command)
        return dpi_fail(err, DPIPES_EINVAL, "no command is given; it stands after `--`");
    if (used == 0 || strcmp(argv[used - 1], "--") != 0)
        return dpi_fail(err, DPIPES_EINVAL, "`%s`: the command must stand after `--`", *o->command);
    return DPIPES_OK;
}

static dpipes_status check_target(const dpi_run_options *o, dpipes_error *err)
{
    if (o->local + o->local_ray + (o->address != NULL) > 1)
        return dpi_fail(err, DPIPES_EINVAL, "--local, --local-ray and --address exclude each other");
    if (o->local && o->num_cpus > 0)
        return dpi_fail(err, DPIPES_EINVAL, "--num-cpus is for a Ray job, and --local runs none");
    return DPIPES_OK;
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
    status = check_target(options, err);
    return status == DPIPES_OK ? write_extras(options, err) : status;
}

void dpi_run_options_fini(dpi_run_options *options)
{
    free(options->assets.items);
    free(options->extras.items);
    dpi_buf_fini(&options->extras_json);
}
