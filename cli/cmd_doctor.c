/* dpipes doctor: which Ray is meant, whether it can be used, and by which rules. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "cmd.h"
#include "connection.h"
#include "help.h"
#include "ray/address.h"
#include "ray/client.h"
#include "ray/local_setup.h"
#include "ray/package.h"
#include "ray/submission.h"
#include "session/json_members.h"
#include "table.h"

#define DPI_ASK_TIMEOUT_MS 10000
#define DPI_LOCAL_RAYS_MAX 16

typedef struct doctor {
    bool json;
    bool show_help;
    dpi_connection connection;
    dpipes_ray_client *client;
    dpi_table table;
    dpi_buf rows; /* as JSON */
    bool ill;
    dpipes_error err;
} doctor;

/* ---- What is found ---- */

static void tell(doctor *d, const char *what, const char *state, const char *format, ...) DPIPES_PRINTF(4, 5);

static void tell(doctor *d, const char *what, const char *state, const char *format, ...)
{
    va_list args;
    dpi_buf text = {0};
    va_start(args, format);
    dpi_buf_vprintf(&text, format, args);
    va_end(args);
    dpi_table_add(&d->table, what, strlen(what));
    dpi_table_add(&d->table, state, strlen(state));
    dpi_table_add(&d->table, dpi_buf_text(&text), text.size);
    dpi_buf_append_text(&d->rows, d->rows.size > 0 ? ", {" : "{");
    dpi_member_words("what", what, &d->rows);
    dpi_member_words("state", state, &d->rows);
    dpi_member_words("text", dpi_buf_text(&text), &d->rows);
    dpi_buf_append_char(&d->rows, '}');
    d->ill = d->ill || strcmp(state, "error") == 0;
    dpi_buf_fini(&text);
}

static void tell_config(doctor *d)
{
    const dpi_config *config = &d->connection.config;
    if (config->path.size == 0)
        tell(d, "config", "-", "no dpipes.toml, dpipes.yaml or dpipes.json");
    else
        tell(d, "config", "ok", "%s, %s%s", config->path.data, config->profile.size > 0 ? "profile " : "no profile",
             dpi_buf_text(&config->profile));
}

static void tell_address(doctor *d)
{
    const char *source = dpi_address_source(d->connection.address);
    const char *where = !source                          ? "the Ray that runs on this machine"
                        : strcmp(source, "address") == 0 ? "given"
                                                         : source;
    if (d->client)
        tell(d, "address", "ok", "%s (%s)", dpipes_ray_client_address(d->client), where);
    else
        tell(d, "address", "error", "%s", d->err.message);
}

/* ---- The dashboard ---- */

static dpipes_status ask(doctor *d, dpi_http_request request, dpi_http_reply *reply)
{
    request.timeout_ms = DPI_ASK_TIMEOUT_MS;
    dpipes_status status = dpi_client_perform(d->client, &request, reply);
    dpi_http_request_fini(&request);
    if (status != DPIPES_OK)
        dpi_fail_copy(&d->err, &reply->err);
    else if (reply->code != 200)
        status = dpi_jobs_refused(reply, "the dashboard", &d->err);
    return status;
}

static bool tell_dashboard(doctor *d, dpi_ray_version *version)
{
    dpi_http_reply reply;
    const int64_t began = dpi_clock_monotonic_ms();
    dpipes_status status = ask(d, dpi_jobs_version_request(dpipes_ray_client_address(d->client)), &reply);
    if (status == DPIPES_OK)
        status = dpi_jobs_read_version(&reply.body, version, &d->err);
    dpi_http_reply_fini(&reply);
    if (status != DPIPES_OK) {
        tell(d, "dashboard", "error", "%s", d->err.message);
        return false;
    }
    tell(d, "dashboard", "ok", "Ray %d.%d answers in %lld ms", version->major, version->minor,
         (long long)(dpi_clock_monotonic_ms() - began));
    return true;
}

static void tell_token(doctor *d)
{
    const dpi_auth *auth = &d->client->auth;
    if (auth->own_header)
        tell(d, "token", "ok", "the Authorization header that was given");
    else if (dpi_auth_token(auth))
        tell(d, "token", "ok", "that of %s", dpi_buf_text(&auth->origin));
    else
        tell(d, "token", "-", "none is sent, and none is wanted");
}

static void tell_nodes(doctor *d)
{
    dpi_http_reply reply;
    size_t alive = 0, count = 0;
    dpipes_status status = ask(d, dpi_jobs_nodes_request(dpipes_ray_client_address(d->client)), &reply);
    if (status == DPIPES_OK)
        status = dpi_jobs_count_nodes(&reply.body, &alive, &count, &d->err);
    dpi_http_reply_fini(&reply);
    if (status == DPIPES_OK)
        tell(d, "nodes", alive > 0 ? "ok" : "error", "%zu alive of %zu that were seen", alive, count);
    else
        tell(d, "nodes", "error", "%s", d->err.message);
}

static void tell_log(doctor *d, dpi_ray_version version)
{
    if (!dpi_ray_version_streams_log(version))
        tell(d, "log", "warning", "polled as text: the log stream of Ray before 2.45 mixes its own errors in");
    else if (dpi_address_is_loopback(dpipes_ray_client_address(d->client)))
        tell(d, "log", "ok", "from the node's agent, what is new of it; by the dashboard where that does not answer");
    else
        tell(d, "log", "ok", "what is new of it: of the node's agent, else by its last lines; at most %u streams",
             d->client->max_streams);
}

static void tell_limits(doctor *d)
{
    tell(d, "limits", "ok",
         "%d bytes of environment as JSON (a context of about 97,000 packed), %zu MiB a submission, %zu MiB a package",
         DPI_RAY_ARG_MAX - DPI_RAY_ENV_OVERHEAD, DPI_RAY_BODY_MAX >> 20, DPI_PACKAGE_MAX >> 20);
}

static void tell_proxy(doctor *d)
{
    const char *https = getenv("https_proxy"), *http = getenv("http_proxy"), *all = getenv("all_proxy");
    if ((!https || !*https) && (!http || !*http) && (!all || !*all))
        return;
    const bool here = d->client && dpi_address_is_loopback(dpipes_ray_client_address(d->client));
    tell(d, "proxy", "-", here ? "set, and not used for this machine" : "by curl's variables");
}

/* ---- This machine ---- */

static void tell_local_rays(doctor *d)
{
    dpipes_local_ray_info infos[DPI_LOCAL_RAYS_MAX];
    size_t count = 0;
    if (dpipes_local_ray_list(infos, DPI_LOCAL_RAYS_MAX, &count, &d->err) != DPIPES_OK)
        tell(d, "local ray", "error", "%s", d->err.message);
    for (size_t i = 0; i < count && i < DPI_LOCAL_RAYS_MAX; i++)
        tell(d, "local ray", "ok", "%s runs, in %s", infos[i].address, infos[i].temp_dir);
}

static void tell_ray_program(doctor *d)
{
    dpi_ray_program program = {0};
    if (dpi_find_ray(NULL, &program, &d->err) == DPIPES_OK)
        tell(d, "ray", "ok", "%s, for `--local-ray` and `local up`", dpi_buf_text(&program.path));
    else
        tell(d, "ray", "-", "%s", d->err.message);
    dpi_buf_fini(&program.path);
}

/* ---- The command ---- */

static void examine(doctor *d)
{
    dpi_ray_version version = {0};
    d->client = dpi_connection_open(&d->connection, NULL, NULL, NULL, &d->err);
    tell_config(d);
    tell_address(d);
    if (d->client && tell_dashboard(d, &version)) {
        tell_token(d);
        tell_nodes(d);
        tell_log(d, version);
    }
    tell_proxy(d);
    tell_limits(d);
    tell_local_rays(d);
    tell_ray_program(d);
    dpipes_ray_client_free(d->client);
}

static int show(doctor *d)
{
    dpi_output out = dpi_output_of(1);
    if (d->json)
        dpi_buf_printf(&out.buf, "[%s]\n", dpi_buf_text(&d->rows));
    else
        dpi_table_print(&d->table, 0, 0, &out.buf);
    const int code = dpi_put(&out);
    return d->ill ? DPI_EXIT_UNREACHABLE : code;
}

static size_t args_of(doctor *d, dpi_arg *args)
{
    const dpi_arg all[] = {
        DPI_CONNECTION_ARGS(&d->connection),
        {"--json", DPI_ARG_FLAG, &d->json},
        {"--help", DPI_ARG_FLAG, &d->show_help},
    };
    memcpy(args, all, sizeof all);
    return sizeof all / sizeof *all;
}

size_t dpi_cmd_doctor_args(const char *name, dpi_arg *args)
{
    doctor nobody;
    (void)name;
    return args_of(&nobody, args);
}

static dpipes_status parse(doctor *d, const char *const *argv)
{
    dpi_args_seen seen;
    dpi_arg args[DPI_COMMAND_ARGS_MAX];
    const size_t count = args_of(d, args);
    dpipes_status status = dpi_args_parse(args, count, argv, &seen, &d->err);
    if (status == DPIPES_OK && argv[seen.used])
        status = dpi_fail(&d->err, DPIPES_EINVAL, "`%s` is too much", argv[seen.used]);
    if (status != DPIPES_OK || d->show_help)
        return status;
    status = dpi_connection_fill(&d->connection, args, count, seen.given, &d->err);
    return status == DPIPES_OK ? dpi_connection_finish(&d->connection, &d->err) : status;
}

int dpi_cmd_doctor(const char *const *argv)
{
    doctor d = {.table.columns = 3, .err = DPIPES_ERROR_INIT};
    int code = DPI_EXIT_OK;
    if (parse(&d, argv) != DPIPES_OK) {
        code = dpi_usage_error("doctor", d.err.message);
    } else if (d.show_help) {
        dpi_help_print(dpi_help_doctor, stdout);
    } else {
        examine(&d);
        code = show(&d);
    }
    dpi_connection_fini(&d.connection);
    dpi_table_fini(&d.table);
    dpi_buf_fini(&d.rows);
    return code;
}
