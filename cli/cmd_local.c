#include "cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <dagster_pipes/ray.h>

#include "args.h"
#include "base/error.h"
#include "command_line.h"
#include "help.h"
#include "output.h"
#include "pairs.h"
#include "print.h"
#include "ray/address.h"
#include "ray/dashboard.h"
#include "ray/registry.h"
#include "session/json_members.h"
#include "signals.h"

/* More than anybody runs; the ones beyond are named by their number. */
#define DPI_LOCAL_MAX       64
#define DPI_LOCAL_ANSWER_MS 3000

typedef struct local_options {
    bool help;
    bool json;
    bool no_auth;
    bool all;
    double num_cpus;
    double num_gpus;
    int64_t object_store_memory;
    dpi_arg_list resource_texts;
    dpi_arg_list label_texts;
    dpi_arg_list env_texts;
    dpi_buf resources_json;
    dpi_buf labels_json;
    dpi_pairs env;
    const char *temp_dir;
    const char *runtime_env; /* JSON, or `@` and a file */
    bool reuse;
    int port;
    const char *address;
} local_options;

typedef struct local_list {
    dpipes_local_ray_info infos[DPI_LOCAL_MAX];
    size_t count;
} local_list;

/* ---- What the commands share ---- */

static int fail(const dpipes_error *err)
{
    fprintf(stderr, "dpipes: %s\n", err->message);
    return err->status == DPIPES_ECANCELED ? DPI_EXIT_INTERRUPTED
                                           : (err->status == DPIPES_EINVAL ? DPI_EXIT_USAGE : DPI_EXIT_UNREACHABLE);
}

/* The object without its closing brace. */
static void write_info(const dpipes_local_ray_info *info, dpi_buf *out)
{
    dpi_buf_append_literal(out, "{");
    dpi_member_words("address", info->address, out);
    dpi_member_words("gcs_address", info->gcs_address, out);
    dpi_member_words("token_file", *info->token_file ? info->token_file : NULL, out);
    dpi_member_words("temp_dir", info->temp_dir, out);
    dpi_member_int("keeper_pid", true, info->keeper_pid, out);
    dpi_member_int("started_ms", true, info->started_ms, out);
}

static dpipes_status list_all(local_list *list, dpipes_error *err)
{
    dpipes_status status = dpipes_local_ray_list(list->infos, DPI_LOCAL_MAX, &list->count, err);
    if (list->count > DPI_LOCAL_MAX) {
        fprintf(stderr, "dpipes: %zu local Rays run; only the newest %d are looked at\n", list->count, DPI_LOCAL_MAX);
        list->count = DPI_LOCAL_MAX;
    }
    return status;
}

/* The cluster at the address; NULL: it is not in the list. */
static const dpipes_local_ray_info *find_in(const local_list *list, const char *address)
{
    for (size_t i = 0; i < list->count; i++)
        if (dpi_registry_same_address(list->infos[i].address, address))
            return &list->infos[i];
    return NULL;
}

/* ---- up ---- */

static void note(void *user, dpipes_log_level level, const char *message)
{
    dpi_output *out = user;
    if (level < DPIPES_LOG_INFO)
        return;
    dpi_print_note_text(level, message, &out->style, &out->buf);
    dpi_output_flush(out);
}

static void write_export(const char *name, const char *value, dpi_buf *out)
{
    dpi_buf_printf(out, "export %s=", name);
    dpi_shell_quote(value, out);
    dpi_buf_append_char(out, '\n');
}

/* Ray's job client reads the first, `ray.init` and `ray status` the second; with the third they do not take another address
 * of this machine for it. */
static void write_exports(const dpipes_local_ray_info *info, dpi_buf *out)
{
    write_export("RAY_API_SERVER_ADDRESS", info->address, out);
    write_export("RAY_ADDRESS", info->gcs_address, out);
    write_export("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0", out);
    write_export("RAY_AUTH_MODE", *info->token_file ? "token" : "disabled", out);
    if (*info->token_file)
        write_export("RAY_AUTH_TOKEN_PATH", info->token_file, out);
}

static int show_new(const dpipes_local_ray *ray, const local_options *o, dpipes_error *err)
{
    local_list list;
    dpi_output out = dpi_output_of(STDOUT_FILENO);
    const dpipes_local_ray_info *info = NULL;
    if (list_all(&list, err) == DPIPES_OK && !(info = find_in(&list, dpipes_local_ray_address(ray))))
        dpi_fail(err, DPIPES_EIO, "%s: it has started, and ended at once", dpipes_local_ray_address(ray));
    if (info && o->json) {
        write_info(info, &out.buf);
        dpi_buf_append_literal(&out.buf, "}\n");
    } else if (info) {
        write_exports(info, &out.buf);
    }
    if (info)
        return dpi_put(&out);
    dpi_output_fini(&out);
    return fail(err);
}

static int up(const local_options *o)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpi_output notes = dpi_output_of(STDERR_FILENO);
    const bool in_file = o->runtime_env && *o->runtime_env == '@';
    const dpipes_local_ray_options options = {
        .num_cpus = o->num_cpus,
        .num_gpus = o->num_gpus,
        .object_store_memory = o->object_store_memory,
        .resources_json = o->resources_json.data,
        .labels_json = o->labels_json.data,
        .env_vars = o->env.items,
        .env_var_count = o->env.count,
        .temp_dir = o->temp_dir,
        .runtime_env_json = in_file ? NULL : o->runtime_env,
        .runtime_env_file = in_file ? o->runtime_env + 1 : NULL,
        .reuse = o->reuse,
        .dashboard_port = o->port,
        .no_auth = o->no_auth,
        .detached = true,
        .cancel = dpi_signals_flag(),
        .logger = note,
        .logger_user = &notes,
    };
    dpi_signals_install();
    dpipes_local_ray *ray = dpipes_local_ray_start(&options, &err);
    int code = ray ? show_new(ray, o, &err) : fail(&err);
    if (code == DPI_EXIT_OK && !o->json)
        note(&notes, DPIPES_LOG_INFO,
             "run on it: dpipes run -- COMMAND…; stop it: dpipes local down; the exports are for Ray's own tools");
    dpipes_local_ray_stop(ray);
    dpi_output_fini(&notes);
    return code;
}

/* ---- status ---- */

static bool answers(const dpipes_local_ray_info *info)
{
    dpi_dashboard dashboard;
    return dpi_dashboard_ask(info->address, info->token_file, DPI_LOCAL_ANSWER_MS, NULL, NULL, &dashboard, NULL) ==
               DPIPES_OK &&
           dashboard.code == 200;
}

static void write_status(const dpipes_local_ray_info *info, bool json, dpi_buf *out)
{
    const bool alive = answers(info);
    if (json) {
        write_info(info, out);
        dpi_member_bool("answers", alive, out);
        dpi_buf_append_literal(out, "}");
    } else {
        dpi_buf_printf(out, "%s  %s, %s, in %s\n", info->address, alive ? "answers" : "does not answer",
                       *info->token_file ? "with a token" : "without auth", info->temp_dir);
    }
}

static int show_status(const local_options *o)
{
    local_list list;
    dpipes_error err = DPIPES_ERROR_INIT;
    dpi_output out = dpi_output_of(STDOUT_FILENO);
    if (list_all(&list, &err) != DPIPES_OK)
        return fail(&err);
    dpi_buf_append_text(&out.buf, o->json ? "[" : "");
    for (size_t i = 0; i < list.count; i++) {
        dpi_buf_append_text(&out.buf, o->json && i > 0 ? ", " : "");
        write_status(&list.infos[i], o->json, &out.buf);
    }
    if (list.count == 0 && !o->json)
        dpi_buf_append_literal(&out.buf, "no local Ray runs; `dpipes local up` starts one\n");
    dpi_buf_append_text(&out.buf, o->json ? "]\n" : "");
    const int code = dpi_put(&out);
    return code == DPI_EXIT_OK && list.count == 0 ? DPI_EXIT_FAILED : code;
}

/* ---- down ---- */

/* Leaves in the list the ones that are meant. */
static dpipes_status choose(local_list *list, const local_options *o, dpipes_error *err)
{
    dpi_buf parsed = {0};
    dpipes_status status = list_all(list, err);
    if (status != DPIPES_OK || o->all)
        return status;
    if (o->address) {
        status = dpi_address_parse(o->address, "--address", &parsed, err);
        const dpipes_local_ray_info *info = find_in(list, dpi_buf_text(&parsed));
        if (status == DPIPES_OK && !info)
            status = dpi_fail(err, DPIPES_ENOENT, "%s: no local Ray of this user runs there", parsed.data);
        if (info)
            list->infos[0] = *info;
        list->count = 1;
        dpi_buf_fini(&parsed);
        return status;
    }
    if (list->count > 1)
        return dpi_fail(err, DPIPES_EINVAL,
                        "%zu local Rays run, the newest at %s: say which by --address URL, or --all", list->count,
                        list->infos[0].address);
    return list->count == 1 ? DPIPES_OK : dpi_fail(err, DPIPES_ENOENT, "no local Ray runs");
}

static int down(const local_options *o)
{
    local_list list;
    dpipes_error err = DPIPES_ERROR_INIT;
    dpi_output out = dpi_output_of(STDOUT_FILENO);
    dpipes_status status = choose(&list, o, &err);
    dpi_buf_append_text(&out.buf, o->json ? "[" : "");
    for (size_t i = 0; i < list.count && status == DPIPES_OK; i++) {
        status = dpipes_local_ray_down(list.infos[i].address, &err);
        if (status == DPIPES_OK && o->json) {
            dpi_buf_append_text(&out.buf, i > 0 ? ", " : "");
            write_info(&list.infos[i], &out.buf);
            dpi_buf_append_literal(&out.buf, "}");
        } else if (status == DPIPES_OK) {
            dpi_buf_printf(&out.buf, "%s  stopped\n", list.infos[i].address);
        }
    }
    dpi_buf_append_text(&out.buf, o->json ? "]\n" : "");
    if (status == DPIPES_OK)
        return dpi_put(&out);
    dpi_output_fini(&out);
    return fail(&err);
}

/* ---- The command ---- */

typedef struct subcommand {
    const char *name;
    int (*run)(const local_options *options);
    const char *const *takes; /* names of options; ends with NULL */
} subcommand;

static const char *const up_takes[] = {
    "--num-cpus", "--num-gpus", "--object-store-memory", "--resource", "--label", "--env",
    "--temp-dir", "--port",     "--runtime-env",         "--no-auth",  "--reuse", "--json",
    "--help",     NULL};
static const char *const status_takes[] = {"--json", "--help", NULL};
static const char *const down_takes[] = {"--address", "--all", "--json", "--help", NULL};

static const subcommand subcommands[] = {
    {"up", up, up_takes},
    {"status", show_status, status_takes},
    {"down", down, down_takes},
};

static size_t args_of(const subcommand *command, local_options *o, dpi_arg *args)
{
    const dpi_arg all[] = {
        {"--num-cpus", DPI_ARG_NUMBER, &o->num_cpus},
        {"--num-gpus", DPI_ARG_NUMBER, &o->num_gpus},
        {"--object-store-memory", DPI_ARG_BYTES, &o->object_store_memory},
        {"--resource", DPI_ARG_LIST, &o->resource_texts},
        {"--label", DPI_ARG_LIST, &o->label_texts},
        {"--env", DPI_ARG_LIST, &o->env_texts},
        {"--temp-dir", DPI_ARG_TEXT, &o->temp_dir},
        {"--runtime-env", DPI_ARG_TEXT, &o->runtime_env},
        {"--reuse", DPI_ARG_FLAG, &o->reuse},
        {"--port", DPI_ARG_PORT, &o->port},
        {"--no-auth", DPI_ARG_FLAG, &o->no_auth},
        {"--address", DPI_ARG_TEXT, &o->address},
        {"--all", DPI_ARG_FLAG, &o->all},
        {"--json", DPI_ARG_FLAG, &o->json},
        {"--help", DPI_ARG_FLAG, &o->help},
    };
    return dpi_args_select(all, sizeof all / sizeof *all, command->takes, args);
}

static dpipes_status parse(const subcommand *command, const char *const *argv, local_options *o, dpipes_error *err)
{
    dpi_arg args[DPI_COMMAND_ARGS_MAX];
    dpi_args_seen seen;
    dpipes_status status = dpi_args_parse(args, args_of(command, o, args), argv, &seen, err);
    if (status == DPIPES_OK && argv[seen.used])
        status = dpi_fail(err, DPIPES_EINVAL, "`%s`: %s takes options only", argv[seen.used], command->name);
    if (status == DPIPES_OK && o->address && o->all)
        status = dpi_fail(err, DPIPES_EINVAL, "--address and --all exclude each other");
    return status;
}

static const subcommand *find_subcommand(const char *name)
{
    for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++)
        if (strcmp(subcommands[i].name, name) == 0)
            return &subcommands[i];
    return NULL;
}

size_t dpi_cmd_local_args(const char *name, dpi_arg *args)
{
    static local_options nowhere;
    return args_of(find_subcommand(name), &nowhere, args);
}

static dpipes_status finish_options(local_options *o, dpipes_error *err)
{
    dpipes_status status = dpi_pairs_write_list("--resource", &o->resource_texts, true, &o->resources_json, err);
    if (status == DPIPES_OK)
        status = dpi_pairs_write_list("--label", &o->label_texts, false, &o->labels_json, err);
    return status == DPIPES_OK ? dpi_pairs_parse("--env", &o->env_texts, &o->env, err) : status;
}

static void options_fini(local_options *o)
{
    free(o->resource_texts.items);
    free(o->label_texts.items);
    free(o->env_texts.items);
    dpi_buf_fini(&o->resources_json);
    dpi_buf_fini(&o->labels_json);
    dpi_pairs_fini(&o->env);
}

static int run_subcommand(const subcommand *command, const char *const *argv)
{
    local_options o = {0};
    dpipes_error err = DPIPES_ERROR_INIT;
    int code = DPI_EXIT_OK;
    if (parse(command, argv, &o, &err) != DPIPES_OK || (!o.help && finish_options(&o, &err) != DPIPES_OK))
        code = dpi_usage_error("local", err.message);
    else if (!o.help)
        code = command->run(&o);
    else
        dpi_help_print(dpi_help_local, stdout);
    options_fini(&o);
    return code;
}

int dpi_cmd_local(const char *const *argv)
{
    const char *name = argv[0];
    if (name && (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)) {
        dpi_help_print(dpi_help_local, stdout);
        return DPI_EXIT_OK;
    }
    const subcommand *found = name ? find_subcommand(name) : NULL;
    if (found)
        return run_subcommand(found, argv + 1);
    dpipes_error err = DPIPES_ERROR_INIT;
    dpi_fail(&err, DPIPES_EINVAL, "%s%s%s: up, status or down is wanted", name ? "`" : "", name ? name : "no command",
             name ? "`" : "");
    return dpi_usage_error("local", err.message);
}
