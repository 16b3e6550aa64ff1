#include <dagster_pipes/ray.h>

#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/options.h"
#include "ray/address.h"
#include "ray/dashboard.h"
#include "ray/keeper.h"
#include "ray/local_setup.h"
#include "ray/process.h"
#include "ray/registry.h"

#define DPI_DEFAULT_DASHBOARD_PORT 8265
#define DPI_DEFAULT_START_MS       120000
/* How often a start is tried when another program has taken one of its ports. */
#define DPI_START_TRIES 3
/* How often the cancel flag is looked at. */
#define DPI_START_TICK_MS 50
/* How often the logger hears that the start is still going on. */
#define DPI_START_NEWS_MS 5000
#define DPI_VERSION_MS    5000
#define DPI_DOWN_MAX_MS   20000
#define DPI_LOG_MAX       ((size_t)1024 * 1024)
/* What is shown of the log of a start that failed: what fits into an error. */
#define DPI_LOG_SHOWN_LINES 15
#define DPI_LOG_SHOWN_BYTES 800

struct dpipes_local_ray {
    dpi_buf address;
    dpi_buf gcs_address;
    dpi_buf token_file;
    dpi_keeper keeper;
    bool detached;
};

typedef struct start {
    dpipes_local_ray_options options;
    dpi_log log;
    dpi_ray_program program;
    dpi_local_setup setup;
    dpi_buf entry; /* the registry's file */
    dpipes_local_ray *ray;
    int64_t began_ms;
    int64_t next_news_ms;
} start;

/* ---- Waiting ---- */

static bool is_canceled(void *user)
{
    const start *s = user;
    return s->options.cancel && *s->options.cancel;
}

static dpipes_status check_limits(start *s, dpipes_error *err)
{
    const int64_t spent = dpi_clock_monotonic_ms() - s->began_ms;
    if (is_canceled(s))
        return dpi_fail(err, DPIPES_ECANCELED, "the start of Ray was given up on request");
    if (spent >= s->options.timeout_ms)
        return dpi_fail(err, DPIPES_ETIMEDOUT, "Ray has not started within %lld ms", (long long)s->options.timeout_ms);
    if (spent >= s->next_news_ms) {
        dpi_log_emit(&s->log, DPIPES_LOG_INFO, "Ray is still starting, after %lld s", (long long)(spent / 1000));
        s->next_news_ms += DPI_START_NEWS_MS;
    }
    return DPIPES_OK;
}

/* ---- `ray start` ---- */

/* The last lines of a text that does not end with a newline. */
static const char *last_lines(const dpi_buf *text)
{
    const char *begin = dpi_buf_text(text);
    const char *end = begin + text->size;
    const char *at = end, *shown = NULL;
    for (int lines = 0; at > begin && lines < DPI_LOG_SHOWN_LINES && end - at < DPI_LOG_SHOWN_BYTES; at--) {
        if (at[-1] == '\n') {
            shown = at;
            lines++;
        }
    }
    return at > begin && shown ? shown : at;
}

/* The directory is removed, so the log of the last start that failed is kept beside the list of clusters. */
static void keep_log(const start *s, const dpi_buf *log, dpi_buf *path)
{
    const char *slash = strrchr(s->entry.data, '/');
    dpi_buf_printf(path, "%.*s/start-failed.log", (int)(slash - s->entry.data), s->entry.data);
    if (dpi_buf_failed(path) || dpi_file_write(path->data, O_TRUNC, log->data, log->size, NULL) != DPIPES_OK)
        dpi_buf_clear(path);
}

static dpipes_status fail_command(const start *s, int wait_status, dpipes_error *err)
{
    dpi_buf log = {0}, kept = {0};
    (void)dpi_file_read(s->setup.log.data, DPI_LOG_MAX, &log, NULL);
    while (log.size > 0 && (log.data[log.size - 1] == '\n' || log.data[log.size - 1] == ' '))
        log.data[--log.size] = '\0';
    const bool signaled = WIFSIGNALED(wait_status);
    if (log.size > 0)
        keep_log(s, &log, &kept);
    dpi_fail(err, DPIPES_EREMOTE, "%s start: %s %d%s%s; %s%s", s->program.path.data,
             signaled ? "ended by signal" : "exit code", signaled ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status),
             kept.size > 0 ? ", all it said is in " : "", dpi_buf_text(&kept),
             log.size > 0 ? "its last lines:\n" : "it printed nothing", last_lines(&log));
    dpi_buf_fini(&log);
    dpi_buf_fini(&kept);
    return DPIPES_EREMOTE;
}

static dpipes_status wait_for_command(start *s, dpipes_error *err)
{
    bool ended = false;
    int wait_status = 0;
    dpipes_status status = DPIPES_OK;
    while (status == DPIPES_OK && !ended) {
        status = dpi_keeper_poll(&s->ray->keeper, DPI_START_TICK_MS, &ended, &wait_status, err);
        if (status == DPIPES_OK && !ended)
            status = check_limits(s, err);
    }
    if (status == DPIPES_EIO)
        return dpi_fail_prefix(err, status, "%s: ", s->program.path.data);
    return status == DPIPES_OK && wait_status != 0 ? fail_command(s, wait_status, err) : status;
}

static dpipes_status run_command(start *s, dpipes_error *err)
{
    dpi_words argv = {0}, env = {0};
    dpi_local_setup_argv(&s->setup, &s->program, &s->options, &argv);
    dpi_local_setup_env(&s->setup, &s->program, &s->options, &env);
    const dpi_keeper_plan plan = {
        .argv = (const char *const *)argv.items,
        .env = (const char *const *)env.items,
        .log_path = s->setup.log.data,
        .directory = s->setup.directory.data,
        .entry = s->entry.data,
    };
    dpipes_status status = argv.failed || env.failed ? dpi_fail_memory(err) : DPIPES_OK;
    if (status == DPIPES_OK)
        status = dpi_keeper_start(&plan, &s->ray->keeper, err);
    if (status == DPIPES_OK)
        status = wait_for_command(s, err);
    dpi_words_fini(&argv);
    dpi_words_fini(&env);
    return status;
}

/* ---- The dashboard ---- */

/* Ray links the session's directory, so that an answer can be told from that of another cluster on the port. An old Ray does
 * not name its session. */
static bool is_our_session(const start *s, const dpi_dashboard *dashboard)
{
    char target[512];
    dpi_buf link = {0};
    if (!dashboard->session[0] && dashboard->version[0])
        return true;
    dpi_buf_printf(&link, "%s/session_latest", s->setup.ray_directory.data);
    ssize_t size = dpi_buf_failed(&link) ? -1 : readlink(link.data, target, sizeof target - 1);
    dpi_buf_fini(&link);
    if (size < 0)
        return false;
    target[size] = '\0';
    const char *name = strrchr(target, '/');
    return strcmp(name ? name + 1 : target, dashboard->session) == 0;
}

static dpipes_status ask_until_answer(start *s, const char *token_file, dpi_dashboard *dashboard, dpipes_error *err)
{
    const char *address = s->ray->address.data;
    for (;;) {
        dpipes_status status = dpi_dashboard_ask(address, token_file, DPI_VERSION_MS, is_canceled, s, dashboard, err);
        if (status != DPIPES_EIO && status != DPIPES_ECANCELED)
            return status;
        if ((status = check_limits(s, err)) != DPIPES_OK)
            return status;
        poll(NULL, 0, DPI_START_TICK_MS);
    }
}

/* A Ray that is too old for tokens answers without one. */
static dpipes_status check_auth(start *s, dpi_dashboard *dashboard, dpipes_error *err)
{
    dpipes_local_ray *ray = s->ray;
    dpipes_status status = ask_until_answer(s, "", dashboard, err);
    if (status != DPIPES_OK || s->options.no_auth)
        return status;
    if (dashboard->code == 401)
        return ask_until_answer(s, ray->token_file.data, dashboard, err);
    if (dashboard->code == 200) {
        dpi_log_emit(&s->log, DPIPES_LOG_WARNING,
                     "Ray %s has no token auth: every user of this machine can run programs by its dashboard",
                     dashboard->version);
        dpi_buf_clear(&ray->token_file);
    }
    return status;
}

static dpipes_status wait_for_dashboard(start *s, dpipes_error *err)
{
    dpi_dashboard dashboard;
    dpipes_status status = check_auth(s, &dashboard, err);
    if (status != DPIPES_OK)
        return status;
    if (dashboard.code != 200 || !is_our_session(s, &dashboard))
        return dpi_fail(err, DPIPES_EIO, "%s: another server answers there (HTTP %ld)", s->ray->address.data,
                        dashboard.code);
    dpi_log_emit(&s->log, DPIPES_LOG_INFO, "Ray %s answers at %s after %.1f s", dashboard.version, s->ray->address.data,
                 (double)(dpi_clock_monotonic_ms() - s->began_ms) / 1000);
    return DPIPES_OK;
}

/* ---- The registry ---- */

static bool put(char *to, size_t size, const dpi_buf *text)
{
    return (size_t)snprintf(to, size, "%s", dpi_buf_text(text)) < size;
}

static dpipes_status register_ray(const start *s, dpipes_error *err)
{
    const dpipes_local_ray *ray = s->ray;
    dpi_registry_entry entry = {.keeper_start_time = ray->keeper.start_time, .detached = ray->detached};
    dpipes_local_ray_info *info = &entry.info;
    info->keeper_pid = (int)ray->keeper.pid;
    info->started_ms = dpi_clock_unix_ms();
    if (!put(info->address, sizeof info->address, &ray->address) ||
        !put(info->gcs_address, sizeof info->gcs_address, &ray->gcs_address) ||
        !put(info->token_file, sizeof info->token_file, &ray->token_file) ||
        !put(info->temp_dir, sizeof info->temp_dir, &s->setup.directory))
        return dpi_fail(err, DPIPES_EIO, "%s: the path is too long", s->setup.directory.data);
    return dpi_registry_write(s->entry.data, &entry, err);
}

/* ---- One try ---- */

static dpipes_status choose_ports(start *s, dpipes_error *err)
{
    int wanted = s->options.dashboard_port;
    if (wanted && !dpi_port_is_free(wanted))
        return dpi_fail(err, DPIPES_EIO, "dashboard_port %d: 127.0.0.1 has another server on it", wanted);
    if (!wanted && dpi_port_is_free(DPI_DEFAULT_DASHBOARD_PORT))
        wanted = DPI_DEFAULT_DASHBOARD_PORT;
    s->setup.ports[DPI_PORT_DASHBOARD] = wanted;
    return dpi_pick_ports(s->setup.ports, err);
}

static dpipes_status name_addresses(start *s, dpipes_error *err)
{
    dpipes_local_ray *ray = s->ray;
    dpi_buf_printf(&ray->address, "http://127.0.0.1:%d", s->setup.ports[DPI_PORT_DASHBOARD]);
    dpi_buf_printf(&ray->gcs_address, "127.0.0.1:%d", s->setup.ports[DPI_PORT_GCS]);
    dpi_buf_append_text(&ray->token_file, dpi_buf_text(&s->setup.token_file));
    return dpi_buf_failed(&ray->address) || dpi_buf_failed(&ray->gcs_address) || dpi_buf_failed(&ray->token_file)
               ? dpi_fail_memory(err)
               : DPIPES_OK;
}

static dpipes_status bring_up(start *s, dpipes_error *err)
{
    dpipes_status status = run_command(s, err);
    if (status == DPIPES_OK)
        status = wait_for_dashboard(s, err);
    if (status == DPIPES_OK)
        status = register_ray(s, err);
    if (status == DPIPES_OK && s->ray->detached)
        status = dpi_keeper_detach(&s->ray->keeper, err);
    return status;
}

static dpipes_status prepare(start *s, dpipes_error *err)
{
    dpipes_status status = dpi_local_setup_init(&s->setup, &s->options, err);
    if (status == DPIPES_OK)
        status = dpi_registry_path(s->setup.directory.data, &s->entry, err);
    if (status == DPIPES_OK)
        status = choose_ports(s, err);
    return status == DPIPES_OK ? name_addresses(s, err) : status;
}

/* The ports were chosen free, so whoever is on one of them now has taken it meanwhile. Ray can take a minute to fail: by then
 * the other one may have left again, and only Ray's last lines tell (EADDRINUSE). */
static bool lost_a_port(const start *s, const dpipes_error *err)
{
    if (strstr(err->message, "[Errno 98]") || strcasestr(err->message, "address already in use"))
        return true;
    for (int i = 0; i < DPI_PORT_COUNT; i++)
        if (s->setup.ports[i] && !dpi_port_is_free(s->setup.ports[i]))
            return true;
    return false;
}

static void forget_try(start *s)
{
    dpipes_local_ray *ray = s->ray;
    dpi_buf_clear(&ray->address);
    dpi_buf_clear(&ray->gcs_address);
    dpi_buf_clear(&ray->token_file);
    dpi_buf_clear(&s->entry);
    dpi_local_setup_fini(&s->setup);
}

/* *again: it failed because of a port. */
static dpipes_status try_start(start *s, bool *again, dpipes_error *err)
{
    dpipes_status status = prepare(s, err);
    const bool prepared = status == DPIPES_OK;
    if (prepared) {
        dpi_log_emit(&s->log, DPIPES_LOG_INFO, "starting Ray at %s by %s", s->ray->address.data, s->program.path.data);
        status = bring_up(s, err);
    }
    *again = false;
    if (status != DPIPES_OK) {
        dpi_keeper_stop(&s->ray->keeper);
        if (s->setup.directory.size > 0 && access(s->setup.directory.data, F_OK) == 0)
            dpi_remove_tree(s->setup.directory.data);
        *again = prepared && (status == DPIPES_EREMOTE || status == DPIPES_EIO || status == DPIPES_EPROTO) &&
                 lost_a_port(s, err);
        forget_try(s);
    }
    return status;
}

/* ---- Starting ---- */

static dpipes_status start_ray(start *s, dpipes_error *err)
{
    dpipes_status status = dpi_local_setup_check(&s->options, err);
    if (status == DPIPES_OK)
        status = dpi_find_ray(s->options.ray, &s->program, err);
    bool again = status == DPIPES_OK;
    for (int tries = 1; again; tries++) {
        status = try_start(s, &again, err);
        again = again && tries < DPI_START_TRIES;
        if (again)
            dpi_log_emit(&s->log, DPIPES_LOG_WARNING, "another program has taken a port of Ray's; trying others");
    }
    return status;
}

/* Whether there is one to use. It is not ours to end, as one that was started detached. */
static dpipes_status find_running(start *s, bool *found, dpipes_error *err)
{
    dpipes_local_ray_info newest;
    dpi_dashboard dashboard;
    size_t count = 0;
    dpipes_status status = dpipes_local_ray_list(&newest, 1, &count, err);
    *found = status == DPIPES_OK && count > 0 &&
             dpi_dashboard_ask(newest.address, newest.token_file, DPI_VERSION_MS, is_canceled, s, &dashboard, NULL) ==
                 DPIPES_OK &&
             dashboard.code == 200;
    if (!*found)
        return status;
    dpi_log_emit(&s->log, DPIPES_LOG_INFO, "using the Ray %s that runs at %s", dashboard.version, newest.address);
    dpi_buf_append_text(&s->ray->address, newest.address);
    dpi_buf_append_text(&s->ray->gcs_address, newest.gcs_address);
    dpi_buf_append_text(&s->ray->token_file, newest.token_file);
    const bool failed =
        dpi_buf_failed(&s->ray->address) || dpi_buf_failed(&s->ray->gcs_address) || dpi_buf_failed(&s->ray->token_file);
    return failed ? dpi_fail_memory(err) : DPIPES_OK;
}

static dpipes_status find_or_start(start *s, dpipes_error *err)
{
    bool found = false;
    dpipes_status status = s->options.reuse ? find_running(s, &found, err) : DPIPES_OK;
    return status == DPIPES_OK && !found ? start_ray(s, err) : status;
}

dpipes_local_ray *dpipes_local_ray_start(const dpipes_local_ray_options *options, dpipes_error *err)
{
    start s = {.began_ms = dpi_clock_monotonic_ms(), .next_news_ms = DPI_START_NEWS_MS};
    dpi_options_copy(&s.options, sizeof s.options, options, options ? options->size : 0, sizeof s.options);
    if (s.options.timeout_ms == 0)
        s.options.timeout_ms = DPI_DEFAULT_START_MS;
    s.log = (dpi_log){s.options.logger, s.options.logger_user};
    s.ray = calloc(1, sizeof *s.ray);
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_status status = s.ray ? DPIPES_OK : dpi_fail_memory(&failure);
    if (status == DPIPES_OK) {
        s.ray->keeper = (dpi_keeper){.control = -1, .report = -1};
        s.ray->detached = s.options.detached;
        status = find_or_start(&s, &failure);
    }
    if (status != DPIPES_OK) {
        dpi_fail_copy(err, &failure);
        dpipes_local_ray_stop(s.ray);
        s.ray = NULL;
    }
    dpi_local_setup_fini(&s.setup);
    dpi_buf_fini(&s.program.path);
    dpi_buf_fini(&s.entry);
    return s.ray;
}

/* ---- Using and stopping ---- */

const char *dpipes_local_ray_address(const dpipes_local_ray *ray)
{
    return dpi_buf_text(&ray->address);
}

const char *dpipes_local_ray_gcs_address(const dpipes_local_ray *ray)
{
    return dpi_buf_text(&ray->gcs_address);
}

const char *dpipes_local_ray_token_file(const dpipes_local_ray *ray)
{
    return ray->token_file.size > 0 ? ray->token_file.data : NULL;
}

/* A detached one's keeper is forgotten already. */
void dpipes_local_ray_stop(dpipes_local_ray *ray)
{
    if (!ray)
        return;
    dpi_keeper_stop(&ray->keeper);
    dpi_buf_fini(&ray->address);
    dpi_buf_fini(&ray->gcs_address);
    dpi_buf_fini(&ray->token_file);
    free(ray);
}

/* ---- Detached ones ---- */

typedef struct listing {
    dpipes_local_ray_info *infos;
    size_t max;
    size_t count;
} listing;

/* Keeps the newest of them, in order. */
static void add_to_list(void *user, const dpi_registry_entry *entry)
{
    listing *list = user;
    if (!entry->detached)
        return;
    size_t at = list->count < list->max ? list->count : list->max;
    list->count++;
    for (; at > 0 && list->infos[at - 1].started_ms < entry->info.started_ms; at--)
        if (at < list->max)
            list->infos[at] = list->infos[at - 1];
    if (at < list->max)
        list->infos[at] = entry->info;
}

dpipes_status dpipes_local_ray_list(dpipes_local_ray_info *infos, size_t max, size_t *count, dpipes_error *err)
{
    listing list = {.infos = infos, .max = max};
    dpipes_status status = dpi_registry_each(add_to_list, &list, err);
    *count = list.count;
    return status;
}

typedef struct search {
    const char *address;
    bool found;
    dpi_registry_entry entry;
} search;

static void compare_address(void *user, const dpi_registry_entry *entry)
{
    search *s = user;
    if (entry->detached && dpi_registry_same_address(entry->info.address, s->address)) {
        s->entry = *entry;
        s->found = true;
    }
}

static dpipes_status end_keeper(const dpi_registry_entry *entry, dpipes_error *err)
{
    const pid_t pid = (pid_t)entry->info.keeper_pid;
    int64_t give_up = dpi_clock_monotonic_ms() + DPI_DOWN_MAX_MS;
    kill(pid, SIGTERM);
    while (dpi_process_runs(pid, entry->keeper_start_time)) {
        if (dpi_clock_monotonic_ms() > give_up)
            return dpi_fail(err, DPIPES_EIO, "%s: its keeper, process %d, was told to end and has not",
                            entry->info.address, (int)pid);
        poll(NULL, 0, DPI_START_TICK_MS);
    }
    return DPIPES_OK;
}

dpipes_status dpipes_local_ray_down(const char *address, dpipes_error *err)
{
    dpi_buf parsed = {0};
    search s = {0};
    dpipes_status status = dpi_address_parse(address, "address", &parsed, err);
    s.address = dpi_buf_text(&parsed);
    if (status == DPIPES_OK)
        status = dpi_registry_each(compare_address, &s, err);
    if (status == DPIPES_OK && !s.found)
        status = dpi_fail(err, DPIPES_ENOENT, "%s: no local Ray of this user runs there", s.address);
    if (status == DPIPES_OK)
        status = end_keeper(&s.entry, err);
    dpi_buf_fini(&parsed);
    return status;
}
