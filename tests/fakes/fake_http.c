#include "fake_http.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define FAKE_REQUESTS_MAX 1024 /* requests that one server takes in its life */
#define FAKE_RULES_MAX    64
#define FAKE_REQUEST_SIZE ((size_t)2 * 1024 * 1024)
#define FAKE_TICK_MS      10

struct fake_http {
    fake_rule rules[FAKE_RULES_MAX]; /* a test that has ended may still be asked; the last stays empty */
    unsigned used[FAKE_RULES_MAX];
    int listener;
    char address[64];
    atomic_bool stopping;
    pthread_t acceptor;
    pthread_mutex_t lock; /* of what follows */
    size_t count;
    char *requests[FAKE_REQUESTS_MAX]; /* first lines */
    char *posted;
};

typedef struct connection {
    fake_http *fake;
    int fd;
} connection;

/* ---- Reading ---- */

static bool readable(const fake_http *fake, int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    while (!atomic_load(&fake->stopping))
        if (poll(&poller, 1, FAKE_TICK_MS) > 0)
            return true;
    return false;
}

static bool is_whole(const char *request, size_t size)
{
    const char *end = strstr(request, "\r\n\r\n");
    const char *length = strcasestr(request, "\r\nContent-Length: ");
    if (!end)
        return false;
    const size_t body = length && length < end ? strtoul(length + strlen("\r\nContent-Length: "), NULL, 10) : 0;
    return size >= (size_t)(end + 4 - request) + body;
}

/* The request's text; NULL when the client went. */
static char *read_request(const fake_http *fake, int fd)
{
    char *request = calloc(1, FAKE_REQUEST_SIZE);
    size_t size = 0;
    while (request && size + 1 < FAKE_REQUEST_SIZE && !is_whole(request, size)) {
        ssize_t got = readable(fake, fd) ? read(fd, request + size, FAKE_REQUEST_SIZE - size - 1) : 0;
        if (got <= 0) {
            free(request);
            return NULL;
        }
        size += (size_t)got;
    }
    return request;
}

static void note_request(fake_http *fake, const char *request)
{
    fake->requests[fake->count] = strndup(request, strcspn(request, "\r"));
    fake->count++;
    if (strncmp(request, "POST ", 5) != 0)
        return;
    free(fake->posted);
    fake->posted = strdup(strstr(request, "\r\n\r\n") + 4);
}

/* ---- Choosing ---- */

static unsigned count_locked(const fake_http *fake, const char *begin)
{
    unsigned count = 0;
    for (size_t i = 0; i < fake->count; i++)
        count += strncmp(fake->requests[i], begin, strlen(begin)) == 0;
    return count;
}

static bool authorized(const fake_rule *rule, const char *request)
{
    char line[256];
    snprintf(line, sizeof line, "\r\nAuthorization: %s\r\n", rule->authorization ? rule->authorization : "");
    return !rule->authorization || strstr(request, line);
}

static bool holds(const fake_http *fake, size_t index, const char *request)
{
    const fake_rule *rule = &fake->rules[index];
    if (strncmp(request, rule->request, strlen(rule->request)) != 0 || !authorized(rule, request))
        return false;
    if (rule->times > 0 && fake->used[index] >= rule->times)
        return false;
    return !rule->until || count_locked(fake, rule->until) < rule->until_count;
}

static fake_rule choose(fake_http *fake, const char *request)
{
    fake_rule rule = {.code = 404, .body = "no rule"};
    pthread_mutex_lock(&fake->lock);
    note_request(fake, request);
    for (size_t i = 0; fake->rules[i].request; i++) {
        if (holds(fake, i, request)) {
            fake->used[i]++;
            rule = fake->rules[i];
            break;
        }
    }
    pthread_mutex_unlock(&fake->lock);
    return rule;
}

/* ---- Answering ---- */

static void send_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        data += sent;
        size -= (size_t)sent;
    }
}

static void send_text(int fd, const char *text)
{
    send_all(fd, text, strlen(text));
}

static void wait_for_client(const fake_http *fake, int fd)
{
    char byte;
    while (readable(fake, fd) && read(fd, &byte, 1) > 0)
        continue;
}

static void send_chunk(int fd, const char *data, size_t size)
{
    char head[32];
    snprintf(head, sizeof head, "%zx\r\n", size);
    send_text(fd, head);
    send_all(fd, data, size);
    send_text(fd, "\r\n");
}

static void answer(const fake_http *fake, int fd, const fake_rule *rule)
{
    char head[128];
    const char *body = rule->body ? rule->body : "";
    const size_t size = rule->size ? rule->size : strlen(body);
    if (rule->end == FAKE_SILENT)
        wait_for_client(fake, fd);
    if (rule->end == FAKE_SILENT || rule->end == FAKE_HANG_UP)
        return;
    snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nConnection: close\r\n", rule->code ? rule->code : 200);
    send_text(fd, head);
    if (rule->end == FAKE_CUT_HEADERS)
        return;
    send_text(fd, "Location: http://127.0.0.1:1/\r\nTransfer-Encoding: chunked\r\n\r\n");
    if (size > 0)
        send_chunk(fd, body, size);
    if (rule->end == FAKE_WHOLE)
        send_text(fd, "0\r\n\r\n");
    else if (rule->end == FAKE_HOLD)
        wait_for_client(fake, fd);
}

static void *serve(void *user)
{
    connection *c = user;
    char *request = read_request(c->fake, c->fd);
    if (request) {
        const fake_rule rule = choose(c->fake, request);
        answer(c->fake, c->fd, &rule);
    }
    free(request);
    close(c->fd);
    free(c);
    return NULL;
}

/* ---- The server ---- */

static void *accept_all(void *user)
{
    fake_http *fake = user;
    pthread_t threads[FAKE_REQUESTS_MAX];
    size_t count = 0;
    while (count < FAKE_REQUESTS_MAX && readable(fake, fake->listener)) {
        connection *c = malloc(sizeof *c);
        *c = (connection){fake, accept(fake->listener, NULL, NULL)};
        if (c->fd >= 0 && pthread_create(&threads[count], NULL, serve, c) == 0)
            count++;
        else
            free(c);
    }
    while (count > 0)
        pthread_join(threads[--count], NULL);
    return NULL;
}

static bool listen_somewhere(fake_http *fake)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    fake->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fake->listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(fake->listener, 64) != 0 ||
        getsockname(fake->listener, (struct sockaddr *)&at, &size) != 0)
        return false;
    snprintf(fake->address, sizeof fake->address, "http://127.0.0.1:%d", ntohs(at.sin_port));
    return true;
}

fake_http *fake_http_start(const fake_rule *rules)
{
    fake_http *fake = calloc(1, sizeof *fake);
    for (size_t i = 0; rules[i].request && i + 1 < FAKE_RULES_MAX; i++)
        fake->rules[i] = rules[i];
    pthread_mutex_init(&fake->lock, NULL);
    if (listen_somewhere(fake) && pthread_create(&fake->acceptor, NULL, accept_all, fake) == 0)
        return fake;
    close(fake->listener);
    free(fake);
    return NULL;
}

void fake_http_stop(fake_http *fake)
{
    atomic_store(&fake->stopping, true);
    pthread_join(fake->acceptor, NULL);
    close(fake->listener);
    for (size_t i = 0; i < fake->count; i++)
        free(fake->requests[i]);
    free(fake->posted);
    pthread_mutex_destroy(&fake->lock);
    free(fake);
}

const char *fake_http_address(const fake_http *fake)
{
    return fake->address;
}

unsigned fake_http_count(fake_http *fake, const char *begin)
{
    pthread_mutex_lock(&fake->lock);
    const unsigned count = count_locked(fake, begin);
    pthread_mutex_unlock(&fake->lock);
    return count;
}

const char *fake_http_posted(fake_http *fake)
{
    return fake->posted ? fake->posted : "";
}
