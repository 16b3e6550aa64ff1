#include "ray/client.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/options.h"
#include "ray/address.h"
#include "ray/find_dashboard.h"
#include "ray/registry.h"
#include "ray/run.h"
#include "ray/runtime_env.h"

#define DPI_TIMEOUT_MS       600000
#define DPI_POLL_INTERVAL_MS 1000
#define DPI_GIVE_UP_AFTER_MS 60000
#define DPI_LOST_AFTER_MS    60000
#define DPI_STALL_AFTER_MS   30000
#define DPI_MAX_STREAMS      64 /* Ray's state API answers 100 requests at once, streams among them */

/* ---- Making one ---- */

static int64_t or_default(int64_t ms, int64_t otherwise)
{
    return ms == 0 ? otherwise : ms < 0 ? INT64_MAX : ms;
}

/* curl counts in a long. */
static int64_t request_timeout(int64_t ms)
{
    return ms < INT32_MAX ? ms : INT32_MAX;
}

static void take_options(dpipes_ray_client *client, const dpipes_ray_client_options *options)
{
    client->log = (dpi_log){options->logger, options->logger_user};
    client->timeout_ms = request_timeout(or_default(options->timeout_ms, DPI_TIMEOUT_MS));
    client->poll_interval_ms = or_default(options->poll_interval_ms, DPI_POLL_INTERVAL_MS);
    client->give_up_after_ms = or_default(options->give_up_after_ms, DPI_GIVE_UP_AFTER_MS);
    client->lost_after_ms = or_default(options->lost_after_ms, DPI_LOST_AFTER_MS);
    client->stall_after_ms = or_default(options->stall_after_ms, DPI_STALL_AFTER_MS);
    client->max_streams = options->max_streams ? options->max_streams : DPI_MAX_STREAMS;
    client->queue_events = options->queue_events;
    client->plain = options->header_count + options->cookie_count == 0 && !options->client_cert_file;
}

static dpipes_status set_up_wakes(dpipes_ray_client *client, dpipes_error *err)
{
    client->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    client->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (client->wake_fd < 0 || client->timer_fd < 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "eventfd and timerfd");
    dpipes_status status = dpi_http_watch(client->http, client->wake_fd, err);
    return status == DPIPES_OK ? dpi_http_watch(client->http, client->timer_fd, err) : status;
}

static dpipes_status start_local_ray(dpipes_ray_client *client, const dpipes_local_ray_options *options,
                                     dpipes_error *err)
{
    client->local_ray = dpipes_local_ray_start(options, err);
    if (!client->local_ray)
        return err->status;
    dpi_buf_append_text(&client->address, dpipes_local_ray_address(client->local_ray));
    return dpi_buf_failed(&client->address) ? dpi_fail_memory(err) : DPIPES_OK;
}

static dpipes_status set_address(dpipes_ray_client *client, const dpipes_ray_client_options *options, dpipes_error *err)
{
    if (options->local_ray && !dpi_address_source(options->address))
        return start_local_ray(client, options->local_ray, err);
    dpipes_status status = dpi_address_resolve(options->address, &client->address, err);
    if (status != DPIPES_OK || !dpi_address_is_auto(client->address.data))
        return status;
    dpi_buf_clear(&client->address);
    return dpi_find_dashboard(&client->address, err);
}

static dpipes_status read_runtime_env(dpipes_ray_client *client, dpipes_error *err)
{
    dpipes_local_ray_info info;
    dpi_buf path = {0};
    if (!dpi_registry_find(dpi_buf_text(&client->address), &info))
        return DPIPES_OK;
    dpi_buf_printf(&path, "%s/" DPI_LOCAL_RAY_RUNTIME_ENV, info.temp_dir);
    dpipes_status status = dpi_buf_failed(&path)
                               ? dpi_fail_memory(err)
                               : dpi_file_read(path.data, DPI_RUNTIME_ENV_MAX, &client->runtime_env, err);
    dpi_buf_fini(&path);
    return status == DPIPES_ENOENT ? DPIPES_OK : status;
}

static dpipes_status set_up(dpipes_ray_client *client, const dpipes_ray_client_options *options, dpipes_error *err)
{
    take_options(client, options);
    dpipes_status status = set_address(client, options, err);
    if (status == DPIPES_OK)
        status = read_runtime_env(client, err);
    if (status != DPIPES_OK)
        return status;
    const char *address = dpi_buf_text(&client->address);
    const dpi_http_options http = {
        .headers = options->headers,
        .header_count = options->header_count,
        .ca_file = options->ca_file,
        .insecure = options->insecure,
        .direct = dpi_address_is_loopback(address), /* a proxy would find another machine there, and see the token */
        .cookies = options->cookies,
        .cookie_count = options->cookie_count,
        .client_cert_file = options->client_cert_file,
        .client_key_file = options->client_key_file,
    };
    client->http = dpi_http_new(&http, err);
    if (!client->http)
        return err->status;
    status = set_up_wakes(client, err);
    if (status != DPIPES_OK)
        return status;
    status = dpi_auth_init(&client->auth, address, options->token_file, options->headers, options->header_count, err);
    return status == DPIPES_OK ? dpi_http_set_token(client->http, dpi_auth_token(&client->auth), err) : status;
}

dpipes_ray_client *dpipes_ray_client_new(const dpipes_ray_client_options *options, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_ray_client_options known;
    dpi_options_copy(&known, sizeof known, options, options ? options->size : 0, sizeof known);
    dpipes_ray_client *client = calloc(1, sizeof *client);
    if (!client) {
        dpi_fail_memory(err);
        return NULL;
    }
    client->wake_fd = client->timer_fd = -1;
    if (set_up(client, &known, &failure) == DPIPES_OK)
        return client;
    dpi_fail_copy(err, &failure);
    dpipes_ray_client_free(client);
    return NULL;
}

void dpipes_ray_client_free(dpipes_ray_client *client)
{
    if (!client)
        return;
    dpi_roll_call_end(&client->roll_call);
    dpi_http_free(client->http);
    dpipes_local_ray_stop(client->local_ray);
    dpi_auth_fini(&client->auth);
    dpi_buf_fini(&client->address);
    dpi_buf_fini(&client->runtime_env);
    dpi_agenda_fini(&client->agenda);
    dpi_events_fini(&client->events);
    for (size_t i = 0; i < DPI_PARCELS_KEPT; i++)
        dpi_kept_package_fini(&client->kept[i]);
    if (client->wake_fd >= 0)
        close(client->wake_fd);
    if (client->timer_fd >= 0)
        close(client->timer_fd);
    free(client);
}

const char *dpipes_ray_client_address(const dpipes_ray_client *client)
{
    return dpi_buf_text(&client->address);
}

const dpipes_local_ray *dpipes_ray_client_local_ray(const dpipes_ray_client *client)
{
    return client->local_ray;
}

dpipes_status dpi_client_reauthorize(dpipes_ray_client *client, long code, int64_t sent_ms, dpipes_error *err)
{
    bool changed = false;
    if (sent_ms < client->authorized_ms)
        return DPIPES_OK;
    dpipes_status status = dpi_auth_renew(&client->auth, &changed, err);
    if (status != DPIPES_OK)
        return dpi_fail_prefix(err, status, "%s wants a token (HTTP %ld): ", dpi_buf_text(&client->address), code);
    if (!changed)
        return dpi_auth_refused(&client->auth, code, err);
    client->authorized_ms = dpi_clock_monotonic_ms();
    return dpi_http_set_token(client->http, dpi_auth_token(&client->auth), err);
}

/* ---- One request ---- */

static bool was_canceled(void *user)
{
    dpipes_ray_client *client = user;
    return dpi_client_take_wake(client) && atomic_exchange(&client->cancels, 0) > 0;
}

bool dpi_client_may_ask_agent(const dpipes_ray_client *client, const char *agent)
{
    const char *address = dpi_buf_text(&client->address);
    if (dpi_address_is_loopback(address) || dpi_address_is_loopback(agent))
        return dpi_address_is_loopback(address) && dpi_address_is_loopback(agent);
    if (client->agents_out_of_reach || dpi_address_is_https(address))
        return false;
    return dpi_address_has_ip(agent, client->dashboard_ip) || (client->plain && !dpi_auth_token(&client->auth));
}

dpipes_status dpi_client_perform(dpipes_ray_client *client, const dpi_http_request *request, dpi_http_reply *reply)
{
    const int64_t sent_ms = dpi_clock_monotonic_ms();
    dpi_http_perform(client->http, request, was_canceled, client, reply);
    if (reply->status != DPIPES_OK || (reply->code != 401 && reply->code != 403))
        return reply->status;
    reply->status = dpi_client_reauthorize(client, reply->code, sent_ms, &reply->err);
    if (reply->status != DPIPES_OK)
        return reply->status;
    dpi_http_reply_fini(reply);
    dpi_http_perform(client->http, request, was_canceled, client, reply);
    if (reply->status == DPIPES_OK && (reply->code == 401 || reply->code == 403))
        reply->status = dpi_auth_refused(&client->auth, reply->code, &reply->err);
    return reply->status;
}

/* ---- Canceling: may run in a signal handler, so a lock-free counter and write(2) ---- */

void dpi_client_wake(dpipes_ray_client *client)
{
    const int saved = errno;
    const uint64_t one = 1;
    ssize_t written = write(client->wake_fd, &one, sizeof one);
    (void)written; /* fails only when it is readable already */
    errno = saved;
}

void dpipes_ray_client_cancel(dpipes_ray_client *client)
{
    atomic_fetch_add(&client->cancels, 1);
    dpi_client_wake(client);
}

static bool take_ticks(int fd)
{
    uint64_t count;
    return read(fd, &count, sizeof count) == (ssize_t)sizeof count;
}

static void look_at_all(dpipes_ray_client *client)
{
    for (size_t i = 0; i < client->agenda.count; i++)
        client->agenda.runs[i]->wake_ms = 0;
}

bool dpi_client_take_wake(dpipes_ray_client *client)
{
    const bool woken = take_ticks(client->wake_fd);
    if (woken)
        look_at_all(client);
    return woken;
}

/* ---- The loop ---- */

static void look_at_files(dpipes_ray_client *client)
{
    for (size_t i = 0; client->message_files > 0 && i < client->agenda.count; i++)
        if (dpi_message_file_changed(&client->agenda.runs[i]->messages))
            dpi_agenda_move(&client->agenda, client->agenda.runs[i], 0);
}

/* A timer of 0 would be one that is off. */
static void set_timer(const dpipes_ray_client *client, int64_t now_ms)
{
    const dpipes_ray_run *first = dpi_agenda_first(&client->agenda);
    struct itimerspec when = {0};
    if (first && first->wake_ms < INT64_MAX) {
        const int64_t wait_ms = first->wake_ms > now_ms ? first->wake_ms - now_ms : 0;
        when.it_value.tv_sec = wait_ms / 1000;
        when.it_value.tv_nsec = wait_ms > 0 ? wait_ms % 1000 * 1000000 : 1;
    }
    timerfd_settime(client->timer_fd, 0, &when, NULL);
}

/* Each at most once: one that wants to go on at once does so in the next step. */
static void turn_those_due(dpipes_ray_client *client, int64_t now_ms)
{
    dpipes_ray_run *run;
    for (size_t left = client->agenda.count; left > 0 && (run = dpi_agenda_first(&client->agenda)); left--) {
        if (run->wake_ms > now_ms)
            break;
        dpi_run_turn(run, now_ms);
    }
}

dpipes_status dpipes_ray_client_step(dpipes_ray_client *client, int64_t timeout_ms, dpipes_error *err)
{
    const dpipes_ray_run *first = dpi_agenda_first(&client->agenda);
    const bool at_once = first && first->wake_ms <= dpi_clock_monotonic_ms();
    dpipes_status status = dpi_http_step(client->http, at_once ? 0 : timeout_ms, err);
    if (status != DPIPES_OK)
        return status;
    (void)take_ticks(client->timer_fd);
    (void)dpi_client_take_wake(client);
    look_at_files(client);
    dpi_roll_call_turn(client, dpi_clock_monotonic_ms());
    turn_those_due(client, dpi_clock_monotonic_ms());
    set_timer(client, dpi_clock_monotonic_ms());
    return DPIPES_OK;
}

int dpipes_ray_client_fd(const dpipes_ray_client *client)
{
    return dpi_http_fd(client->http);
}

size_t dpipes_ray_client_active(const dpipes_ray_client *client)
{
    return client->agenda.count;
}

bool dpipes_ray_client_next_event(dpipes_ray_client *client, dpipes_ray_event *event)
{
    size_t size = 0;
    if (!dpi_events_next(&client->events, event, &size))
        return false;
    dpi_run_take_event(event->run, size);
    return true;
}
