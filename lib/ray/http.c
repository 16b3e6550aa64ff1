#include "ray/http.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/error.h"
#include "ray/secret.h"

#define DPI_HTTP_LONGEST_STEP_MS 200 /* perform asks `stop` at least so often */
#define DPI_HTTP_KEEPALIVE_S     15L
#define DPI_HTTP_DNS_CACHE_S     10L /* a host that has moved is found again */
#define DPI_HTTP_EVENTS          64  /* descriptors looked at in one step */

struct dpi_http {
    CURLM *multi;
    struct curl_slist *headers;
    dpi_buf authorization;
    dpi_buf cookies;
    dpi_buf ca_file;
    dpi_buf client_cert_file;
    dpi_buf client_key_file;
    bool insecure;
    bool direct;
    int epoll; /* curl's sockets, its timer, and what is watched besides */
    int timer; /* a timerfd: when curl has something to do, whatever its sockets do */
};

struct dpi_http_call {
    dpi_http *http;
    CURL *easy;
    struct curl_slist *headers;
    dpi_http_receiver receiver;
    size_t max_body;
    long wanted_code;
    dpi_buf name; /* method and URL without its query, for errors */
    dpi_http_reply reply;
    bool whole_header; /* the empty line after the headers came */
    bool done;
    bool held;
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

/* A value is sent as it is, so what would end it there is refused. */
static dpipes_status add_cookie(dpi_buf *cookies, const dpipes_pair *cookie, dpipes_error *err)
{
    const char *name = cookie->name ? cookie->name : "";
    if (!*name || strpbrk(name, "=;, \t\r\n") || !cookie->value || strpbrk(cookie->value, ";\r\n"))
        return dpi_fail(err, DPIPES_EINVAL, "cookie `%s`: not a name and a value of one line without `;`", name);
    dpi_buf_printf(cookies, "%s%s=%s", cookies->size > 0 ? "; " : "", name, cookie->value);
    return dpi_buf_failed(cookies) ? dpi_fail_memory(err) : DPIPES_OK;
}

static dpipes_status copy_options(dpi_http *http, const dpi_http_options *options, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    http->insecure = options->insecure;
    http->direct = options->direct;
    dpi_buf_append_text(&http->ca_file, options->ca_file);
    dpi_buf_append_text(&http->client_cert_file, options->client_cert_file);
    dpi_buf_append_text(&http->client_key_file, options->client_key_file);
    for (size_t i = 0; i < options->header_count && status == DPIPES_OK; i++)
        status = add_pair(&http->headers, &options->headers[i], err);
    for (size_t i = 0; i < options->cookie_count && status == DPIPES_OK; i++)
        status = add_cookie(&http->cookies, &options->cookies[i], err);
    if (status != DPIPES_OK)
        return status;
    return dpi_buf_failed(&http->ca_file) || dpi_buf_failed(&http->client_cert_file) ||
                   dpi_buf_failed(&http->client_key_file)
               ? dpi_fail_memory(err)
               : DPIPES_OK;
}

static void unwatch_socket(const dpi_http *http, int own)
{
    epoll_ctl(http->epoll, EPOLL_CTL_DEL, own, NULL);
    close(own);
}

static int watch_socket(const dpi_http *http, curl_socket_t fd, int what)
{
    struct epoll_event event = {.data.fd = fd};
    if (what & CURL_POLL_IN)
        event.events |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        event.events |= EPOLLOUT;
    const int own = fcntl(fd, F_DUPFD_CLOEXEC, 1); /* 0 as a pointer would be none */
    if (own < 0)
        return -1;
    if (epoll_ctl(http->epoll, EPOLL_CTL_ADD, own, &event) == 0 &&
        curl_multi_assign(http->multi, fd, (void *)(intptr_t)own) == CURLM_OK)
        return own;
    unwatch_socket(http, own);
    return -1;
}

/* A descriptor of our own is watched: curl closes a socket that is still connecting and only then says that it is to be
 * removed, and by then its number may be another thread's. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *own)
{
    const dpi_http *http = user;
    (void)easy;
    if (own)
        unwatch_socket(http, (int)(intptr_t)own);
    return what == CURL_POLL_REMOVE || watch_socket(http, fd, what) > 0 ? 0 : -1;
}

/* A timer of 0 would be one that is off. */
static int on_timer(CURLM *multi, long timeout_ms, void *user)
{
    const dpi_http *http = user;
    struct itimerspec when = {0};
    (void)multi;
    if (timeout_ms >= 0) {
        when.it_value.tv_sec = timeout_ms / 1000;
        when.it_value.tv_nsec = timeout_ms > 0 ? timeout_ms % 1000 * 1000000 : 1;
    }
    return timerfd_settime(http->timer, 0, &when, NULL);
}

static dpipes_status set_up_loop(dpi_http *http, dpipes_error *err)
{
    http->epoll = epoll_create1(EPOLL_CLOEXEC);
    http->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (http->epoll < 0 || http->timer < 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "epoll and timerfd");
    http->multi = curl_multi_init();
    if (!http->multi)
        return dpi_fail_memory(err);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    return dpi_http_watch(http, http->timer, err);
}

dpipes_status dpi_http_watch(dpi_http *http, int fd, dpipes_error *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(http->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? DPIPES_OK
                                                                  : dpi_fail_errno(err, DPIPES_EIO, errno, "epoll_ctl");
}

int dpi_http_fd(const dpi_http *http)
{
    return http->epoll;
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
    http->epoll = http->timer = -1;
    if (set_up_loop(http, err) == DPIPES_OK && copy_options(http, options, err) == DPIPES_OK)
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
    dpi_secret_fini(&http->cookies);
    dpi_buf_fini(&http->ca_file);
    dpi_buf_fini(&http->client_cert_file);
    dpi_buf_fini(&http->client_key_file);
    if (http->epoll >= 0)
        close(http->epoll);
    if (http->timer >= 0)
        close(http->timer);
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
    if (reply->code != call->wanted_code || !call->receiver.on_body)
        return keep_body(call, data, size) ? size : 0;
    reply->status = call->receiver.on_body(call->receiver.user, data, size, &reply->err);
    return reply->status == DPIPES_OK ? size : 0;
}

static void tell(const dpi_http_call *call)
{
    if (call->receiver.on_news)
        call->receiver.on_news(call->receiver.user);
}

/* curl takes a connection that is cut among the headers for the end of an empty body. */
static size_t on_header(char *line, size_t one, size_t size, void *user)
{
    dpi_http_call *call = user;
    (void)one; /* always 1 */
    call->whole_header = size > 0 && (*line == '\r' || *line == '\n');
    if (call->whole_header) {
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &call->reply.code);
        tell(call);
    }
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
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, DPI_HTTP_DNS_CACHE_S);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "dpipes/" DPIPES_VERSION);
    if (http->direct)
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    if (http->cookies.size > 0)
        curl_easy_setopt(easy, CURLOPT_COOKIE, http->cookies.data);
    if (http->ca_file.size > 0)
        curl_easy_setopt(easy, CURLOPT_CAINFO, http->ca_file.data);
    if (http->client_cert_file.size > 0)
        curl_easy_setopt(easy, CURLOPT_SSLCERT, http->client_cert_file.data);
    if (http->client_key_file.size > 0)
        curl_easy_setopt(easy, CURLOPT_SSLKEY, http->client_key_file.data);
    if (http->insecure) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

static void set_limits(CURL *easy, const dpi_http_request *request)
{
    int64_t connect_ms = request->connect_ms > 0 ? request->connect_ms : DPI_HTTP_CONNECT_TIMEOUT_MS;
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

static const char *const method_names[] = {
    [DPI_HTTP_GET] = "GET", [DPI_HTTP_POST] = "POST", [DPI_HTTP_PUT] = "PUT", [DPI_HTTP_DELETE] = "DELETE"};

static bool has_body(const dpi_http_request *request)
{
    return request->method == DPI_HTTP_POST || request->method == DPI_HTTP_PUT;
}

static CURLcode set_body(CURL *easy, const dpi_http_request *request)
{
    const bool upload = request->method == DPI_HTTP_PUT;
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     (curl_off_t)(upload ? request->upload_size : request->body.size));
    return upload ? curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->upload)
                  : curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, dpi_buf_text(&request->body));
}

/* A POST goes over a connection of its own: on one that was used before, curl sends a request again by itself when
 * the server hangs up without an answer. */
static bool set_request(dpi_http_call *call, const dpi_http_request *request)
{
    CURL *easy = call->easy;
    bool ok = curl_easy_setopt(easy, CURLOPT_URL, dpi_buf_text(&request->url)) == CURLE_OK;
    if (has_body(request)) {
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        ok = ok && set_body(easy, request) == CURLE_OK;
    }
    if (request->offset > 0) {
        char range[32];
        snprintf(range, sizeof range, "%llu-", (unsigned long long)request->offset);
        ok = ok && curl_easy_setopt(easy, CURLOPT_RANGE, range) == CURLE_OK;
    }
    if (request->method == DPI_HTTP_PUT || request->method == DPI_HTTP_DELETE)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method_names[request->method]);
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
    if (has_body(request))
        ok = ok && add_header(&call->headers, "Expect:") &&
             add_header(&call->headers, request->method == DPI_HTTP_POST ? "Content-Type: application/json"
                                                                         : "Content-Type: application/octet-stream");
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
    return ok;
}

static bool set_call(dpi_http_call *call, const dpi_http_request *request)
{
    call->easy = curl_easy_init();
    if (!call->easy)
        return false;
    dpi_buf_printf(&call->name, "%s ", method_names[request->method]);
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

dpi_http_call *dpi_http_start(dpi_http *http, const dpi_http_request *request, const dpi_http_receiver *receiver,
                              dpipes_error *err)
{
    const bool whole = !dpi_buf_failed(&request->url) && !dpi_buf_failed(&request->body);
    dpi_http_call *call = whole ? calloc(1, sizeof *call) : NULL;
    if (call) {
        call->http = http;
        call->receiver = *receiver;
        call->max_body = request->max_body;
        call->wanted_code = request->offset > 0 ? 206 : 200;
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

uint64_t dpi_http_call_sent(const dpi_http_call *call)
{
    curl_off_t sent = 0;
    curl_easy_getinfo(call->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    return (uint64_t)sent;
}

void dpi_http_call_hold(dpi_http_call *call, bool hold)
{
    if (call->held == hold || call->done)
        return;
    call->held = hold;
    curl_easy_pause(call->easy, hold ? CURLPAUSE_RECV : CURLPAUSE_CONT);
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
    const char *peer = NULL;
    dpi_http_reply *reply = &call->reply;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &reply->code);
    curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &request_size);
    reply->sent = request_size > 0;
    if (curl_easy_getinfo(call->easy, CURLINFO_PRIMARY_IP, &peer) == CURLE_OK && peer)
        snprintf(reply->peer, sizeof reply->peer, "%s", peer);
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
        if (message->msg == CURLMSG_DONE) {
            finish(call, message->data.result);
            tell(call);
        }
    }
}

static dpipes_status loop_failed(CURLMcode code, dpipes_error *err)
{
    if (code == CURLM_OUT_OF_MEMORY)
        return dpi_fail_memory(err);
    return dpi_fail(err, DPIPES_EIO, "curl: %s", curl_multi_strerror(code));
}

static CURLMcode act(dpi_http *http, const struct epoll_event *event)
{
    int running, flags = 0;
    uint64_t expired;
    if (event->data.fd == http->timer) {
        ssize_t got = read(http->timer, &expired, sizeof expired);
        (void)got; /* fails when curl has set it anew meanwhile */
        return curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    if (event->events & EPOLLIN)
        flags |= CURL_CSELECT_IN;
    if (event->events & EPOLLOUT)
        flags |= CURL_CSELECT_OUT;
    if (event->events & (EPOLLERR | EPOLLHUP))
        flags |= CURL_CSELECT_ERR;
    return curl_multi_socket_action(http->multi, event->data.fd, flags, &running);
}

/* What is watched besides is in the list too: curl passes over a descriptor that it does not know. */
dpipes_status dpi_http_step(dpi_http *http, int64_t timeout_ms, dpipes_error *err)
{
    struct epoll_event events[DPI_HTTP_EVENTS];
    const int wait_ms = timeout_ms < 0 ? -1 : timeout_ms < INT32_MAX ? (int)timeout_ms : INT32_MAX;
    const int count = epoll_wait(http->epoll, events, DPI_HTTP_EVENTS, wait_ms);
    if (count < 0 && errno != EINTR)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "epoll_wait");
    for (int i = 0; i < count; i++) {
        CURLMcode code = act(http, &events[i]);
        if (code != CURLM_OK)
            return loop_failed(code, err);
    }
    take_finished(http);
    return DPIPES_OK;
}

/* Gives the finished call's reply away. */
static void move_reply(dpi_http_reply *to, dpi_http_reply *from)
{
    *to = *from;
    from->body = (dpi_buf){0};
}

dpipes_status dpi_http_perform(dpi_http *http, const dpi_http_request *request, dpi_http_stop_fn stop, void *user,
                               dpi_http_reply *reply)
{
    const dpi_http_receiver nobody = {0};
    *reply = (dpi_http_reply){0};
    dpi_http_call *call = dpi_http_start(http, request, &nobody, &reply->err);
    dpipes_status status = call ? DPIPES_OK : DPIPES_ENOMEM;
    while (status == DPIPES_OK && !call->done) {
        status = dpi_http_step(http, DPI_HTTP_LONGEST_STEP_MS, &reply->err);
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
