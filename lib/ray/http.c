#include "ray/http.h"

#include <pthread.h>
#include <stdlib.h>

#include <curl/curl.h>

#include "base/error.h"
#include "ray/secret.h"

#define DPI_HTTP_LONGEST_STEP_MS 200 /* perform asks `stop` at least so often */
#define DPI_HTTP_KEEPALIVE_S     15L

struct dpi_http {
    CURLM *multi;
    struct curl_slist *headers;
    dpi_buf authorization;
    dpi_buf ca_file;
    bool insecure;
    bool direct;
};

struct dpi_http_call {
    dpi_http *http;
    CURL *easy;
    struct curl_slist *headers;
    dpi_http_body_fn on_body;
    void *user;
    size_t max_body;
    dpi_buf name; /* method and URL without its query, for errors */
    dpi_http_reply reply;
    bool whole_header; /* the empty line after the headers came */
    bool done;
    char reason[CURL_ERROR_SIZE];
};

void dpi_http_request_fini(dpi_http_request *request)
{
    dpi_buf_fini(&request->url);
    dpi_buf_fini(&request->body);
}

void dpi_http_reply_fini(dpi_http_reply *reply)
{
    dpi_buf_fini(&reply->body);
}

/* ---- The client ---- */

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_code;

static void init_global(void)
{
    global_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool add_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer)
        *list = longer;
    return longer != NULL;
}

static bool header_ok(const dpipes_pair *header)
{
    return header->name && *header->name && !strpbrk(header->name, ": \t\r\n") && header->value &&
           !strpbrk(header->value, "\r\n");
}

/* curl takes `Name:` as "do not send it", and `Name;` as one without a value. */
static dpipes_status add_pair(struct curl_slist **list, const dpipes_pair *header, dpipes_error *err)
{
    dpi_buf line = {0};
    if (!header_ok(header))
        return dpi_fail(err, DPIPES_EINVAL, "header `%s`: not a name and a value of one line",
                        header->name ? header->name : "");
    if (*header->value)
        dpi_buf_printf(&line, "%s: %s", header->name, header->value);
    else
        dpi_buf_printf(&line, "%s;", header->name);
    bool ok = !dpi_buf_failed(&line) && add_header(list, line.data);
    dpi_buf_fini(&line);
    return ok ? DPIPES_OK : dpi_fail_memory(err);
}

static dpipes_status set_up(dpi_http *http, const dpi_http_options *options, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    http->insecure = options->insecure;
    http->direct = options->direct;
    dpi_buf_append_text(&http->ca_file, options->ca_file);
    http->multi = curl_multi_init();
    if (!http->multi || dpi_buf_failed(&http->ca_file))
        return dpi_fail_memory(err);
    for (size_t i = 0; i < options->header_count && status == DPIPES_OK; i++)
        status = add_pair(&http->headers, &options->headers[i], err);
    return status;
}

dpi_http *dpi_http_new(const dpi_http_options *options, dpipes_error *err)
{
    pthread_once(&global_once, init_global);
    if (global_code != CURLE_OK) {
        dpi_fail(err, DPIPES_EIO, "curl_global_init: %s", curl_easy_strerror(global_code));
        return NULL;
    }
    dpi_http *http = calloc(1, sizeof *http);
    if (!http) {
        dpi_fail_memory(err);
        return NULL;
    }
    if (set_up(http, options, err) == DPIPES_OK)
        return http;
    dpi_http_free(http);
    return NULL;
}

void dpi_http_free(dpi_http *http)
{
    if (!http)
        return;
    curl_multi_cleanup(http->multi);
    curl_slist_free_all(http->headers);
    dpi_secret_fini(&http->authorization);
    dpi_buf_fini(&http->ca_file);
    free(http);
}

dpipes_status dpi_http_set_token(dpi_http *http, const char *token, dpipes_error *err)
{
    dpi_secret_fini(&http->authorization);
    if (token)
        dpi_buf_printf(&http->authorization, "Authorization: Bearer %s", token);
    return dpi_buf_failed(&http->authorization) ? dpi_fail_memory(err) : DPIPES_OK;
}

/* ---- A call ---- */

static bool keep_body(dpi_http_call *call, const char *data, size_t size)
{
    dpi_http_reply *reply = &call->reply;
    const bool ok = reply->code == 200;
    const size_t room = (ok ? call->max_body : DPI_HTTP_ERROR_BODY_MAX) - reply->body.size;
    if (size > room && ok) {
        reply->status = dpi_fail(&reply->err, DPIPES_EPROTO, "%s: the answer is longer than %zu bytes",
                                 dpi_buf_text(&call->name), call->max_body);
        return false;
    }
    dpi_buf_append(&reply->body, data, size < room ? size : room);
    if (dpi_buf_failed(&reply->body))
        reply->status = dpi_fail_memory(&reply->err);
    return reply->status == DPIPES_OK;
}

static size_t on_data(char *data, size_t one, size_t size, void *user)
{
    dpi_http_call *call = user;
    dpi_http_reply *reply = &call->reply;
    (void)one; /* always 1 */
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &reply->code);
    if (reply->code != 200 || !call->on_body)
        return keep_body(call, data, size) ? size : 0;
    reply->status = call->on_body(call->user, data, size, &reply->err);
    return reply->status == DPIPES_OK ? size : 0;
}

/* curl takes a connection that is cut among the headers for the end of an empty body. */
static size_t on_header(char *line, size_t one, size_t size, void *user)
{
    dpi_http_call *call = user;
    (void)one; /* always 1 */
    call->whole_header = size > 0 && (*line == '\r' || *line == '\n');
    return size;
}

static void set_transport(const dpi_http_call *call)
{
    const dpi_http *http = call->http;
    CURL *easy = call->easy;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, DPI_HTTP_KEEPALIVE_S);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, DPI_HTTP_KEEPALIVE_S);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "dpipes/" DPIPES_VERSION);
    if (http->direct)
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    if (http->ca_file.size > 0)
        curl_easy_setopt(easy, CURLOPT_CAINFO, http->ca_file.data);
    if (http->insecure) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

static void set_limits(CURL *easy, const dpi_http_request *request)
{
    int64_t connect_ms = DPI_HTTP_CONNECT_TIMEOUT_MS;
    if (request->timeout_ms > 0 && request->timeout_ms < connect_ms)
        connect_ms = request->timeout_ms;
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    if (request->timeout_ms > 0)
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    if (request->stall_ms > 0) {
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)((request->stall_ms + 999) / 1000));
    }
}

/* A POST goes over a connection of its own: on one that was used before, curl sends a request again by itself when
 * the server hangs up without an answer. */
static bool set_request(dpi_http_call *call, const dpi_http_request *request)
{
    CURL *easy = call->easy;
    bool ok = curl_easy_setopt(easy, CURLOPT_URL, dpi_buf_text(&request->url)) == CURLE_OK;
    if (request->method == DPI_HTTP_POST) {
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
        ok = ok && curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, dpi_buf_text(&request->body)) == CURLE_OK;
    }
    return ok;
}

/* The list lives as long as its transfer, so each has one of its own: the token may change meanwhile. */
static bool set_headers(dpi_http_call *call, const dpi_http_request *request)
{
    bool ok = true;
    for (const struct curl_slist *header = call->http->headers; header && ok; header = header->next)
        ok = add_header(&call->headers, header->data);
    if (call->http->authorization.size > 0)
        ok = ok && add_header(&call->headers, call->http->authorization.data);
    if (request->method == DPI_HTTP_POST)
        ok =
            ok && add_header(&call->headers, "Content-Type: application/json") && add_header(&call->headers, "Expect:");
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
    return ok;
}

static bool set_call(dpi_http_call *call, const dpi_http_request *request)
{
    call->easy = curl_easy_init();
    if (!call->easy)
        return false;
    dpi_buf_append_text(&call->name, request->method == DPI_HTTP_POST ? "POST " : "GET ");
    dpi_buf_append(&call->name, dpi_buf_text(&request->url), strcspn(dpi_buf_text(&request->url), "?"));
    curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(call->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(call->easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call);
    set_transport(call);
    set_limits(call->easy, request);
    return set_request(call, request) && set_headers(call, request) && !dpi_buf_failed(&call->name) &&
           curl_multi_add_handle(call->http->multi, call->easy) == CURLM_OK;
}

dpi_http_call *dpi_http_start(dpi_http *http, const dpi_http_request *request, dpi_http_body_fn on_body, void *user,
                              dpipes_error *err)
{
    const bool whole = !dpi_buf_failed(&request->url) && !dpi_buf_failed(&request->body);
    dpi_http_call *call = whole ? calloc(1, sizeof *call) : NULL;
    if (call) {
        call->http = http;
        call->on_body = on_body;
        call->user = user;
        call->max_body = request->max_body;
        if (set_call(call, request))
            return call;
    }
    dpi_http_call_free(call);
    dpi_fail_memory(err);
    return NULL;
}

void dpi_http_call_free(dpi_http_call *call)
{
    if (!call)
        return;
    if (call->easy)
        curl_multi_remove_handle(call->http->multi, call->easy);
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    dpi_buf_fini(&call->name);
    dpi_http_reply_fini(&call->reply);
    free(call);
}

dpi_http_reply *dpi_http_call_reply(dpi_http_call *call)
{
    return call->done ? &call->reply : NULL;
}

long dpi_http_call_code(const dpi_http_call *call)
{
    return call->reply.code;
}

/* ---- The loop ---- */

static dpipes_status status_of(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return DPIPES_OK;
    case CURLE_OUT_OF_MEMORY:
        return DPIPES_ENOMEM;
    case CURLE_URL_MALFORMAT:
    case CURLE_SSL_CACERT_BADFILE:
        return DPIPES_EINVAL;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: /* also: an answer that is not HTTP */
        return DPIPES_EPROTO;
    default:
        return DPIPES_EIO;
    }
}

static void finish(dpi_http_call *call, CURLcode code)
{
    long request_size = 0;
    dpi_http_reply *reply = &call->reply;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &reply->code);
    curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &request_size);
    reply->sent = request_size > 0;
    call->done = true;
    if (code == CURLE_OK && !call->whole_header)
        reply->status = dpi_fail(&reply->err, DPIPES_EIO, "%s: the connection was cut among the answer's headers",
                                 dpi_buf_text(&call->name));
    if (code != CURLE_OK && reply->status == DPIPES_OK)
        reply->status = dpi_fail(&reply->err, status_of(code), "%s: %s", dpi_buf_text(&call->name),
                                 call->reason[0] ? call->reason : curl_easy_strerror(code));
}

static void take_finished(dpi_http *http)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(http->multi, &left));) {
        dpi_http_call *call = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        if (message->msg == CURLMSG_DONE)
            finish(call, message->data.result);
    }
}

static dpipes_status loop_failed(CURLMcode code, dpipes_error *err)
{
    if (code == CURLM_OUT_OF_MEMORY)
        return dpi_fail_memory(err);
    return dpi_fail(err, DPIPES_EIO, "curl: %s", curl_multi_strerror(code));
}

dpipes_status dpi_http_step(dpi_http *http, int64_t timeout_ms, int wake_fd, dpipes_error *err)
{
    struct curl_waitfd wake = {.fd = wake_fd, .events = CURL_WAIT_POLLIN};
    int running = 0;
    CURLMcode code = curl_multi_poll(http->multi, &wake, wake_fd >= 0 ? 1 : 0, (int)timeout_ms, NULL);
    if (code == CURLM_OK)
        code = curl_multi_perform(http->multi, &running);
    if (code != CURLM_OK)
        return loop_failed(code, err);
    take_finished(http);
    return DPIPES_OK;
}

/* Gives the finished call's reply away. */
static void move_reply(dpi_http_reply *to, dpi_http_reply *from)
{
    *to = *from;
    from->body = (dpi_buf){0};
}

dpipes_status dpi_http_perform(dpi_http *http, const dpi_http_request *request, int wake_fd, dpi_http_stop_fn stop,
                               void *user, dpi_http_reply *reply)
{
    *reply = (dpi_http_reply){0};
    dpi_http_call *call = dpi_http_start(http, request, NULL, NULL, &reply->err);
    dpipes_status status = call ? DPIPES_OK : DPIPES_ENOMEM;
    while (status == DPIPES_OK && !call->done) {
        status = dpi_http_step(http, DPI_HTTP_LONGEST_STEP_MS, wake_fd, &reply->err);
        if (status == DPIPES_OK && !call->done && stop && stop(user))
            status = dpi_fail(&reply->err, DPIPES_ECANCELED, "%s: canceled", dpi_buf_text(&call->name));
    }
    if (status == DPIPES_OK)
        move_reply(reply, &call->reply);
    else
        reply->status = status;
    dpi_http_call_free(call);
    return reply->status;
}
