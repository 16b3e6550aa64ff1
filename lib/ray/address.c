#include "ray/address.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "base/error.h"

/* The parts of "scheme://host:port/prefix"; `host` has the brackets of an IPv6 address. */
typedef struct parts {
    const char *scheme;
    size_t scheme_size;
    const char *host;
    size_t host_size;
    const char *port; /* NULL without one */
    size_t port_size;
    const char *prefix; /* begins with a slash, or is empty */
    size_t prefix_size;
} parts;

typedef struct address_text {
    const char *text;
    const char *source;
} address_text;

static dpipes_status refuse(const address_text *address, const char *reason, dpipes_error *err)
{
    return dpi_fail(err, DPIPES_EINVAL, "%s: `%s`: %s", address->source, address->text, reason);
}

static bool is_scheme(const parts *p, const char *scheme)
{
    return p->scheme_size == strlen(scheme) && strncasecmp(p->scheme, scheme, p->scheme_size) == 0;
}

static void split(const char *text, parts *p)
{
    const char *separator = strstr(text, "://");
    *p = (parts){.scheme = text, .scheme_size = separator ? (size_t)(separator - text) : 0};
    p->host = separator ? separator + 3 : text;
    const size_t authority_size = strcspn(p->host, "/");
    const char *end = p->host + authority_size;
    const char *bracket = *p->host == '[' ? memchr(p->host, ']', authority_size) : NULL;
    const char *after = bracket ? bracket + 1 : p->host;
    const char *colon = memchr(after, ':', (size_t)(end - after));
    p->host_size = (size_t)((colon ? colon : end) - p->host);
    p->port = colon ? colon + 1 : NULL;
    p->port_size = colon ? (size_t)(end - colon - 1) : 0;
    p->prefix = end;
    p->prefix_size = strlen(end);
    while (p->prefix_size > 0 && p->prefix[p->prefix_size - 1] == '/')
        p->prefix_size--;
}

static bool port_ok(const parts *p)
{
    unsigned long port = 0;
    if (p->port_size == 0 || p->port_size > 5)
        return false;
    for (size_t i = 0; i < p->port_size; i++) {
        if (!isdigit((unsigned char)p->port[i]))
            return false;
        port = port * 10 + (unsigned long)(p->port[i] - '0');
    }
    return port >= 1 && port <= 65535;
}

static bool host_ok(const parts *p)
{
    const bool bracketed = p->host_size > 0 && p->host[0] == '[';
    if (bracketed && (p->host_size < 4 || p->host[p->host_size - 1] != ']'))
        return false;
    for (size_t i = 0; i < p->host_size; i++) {
        const unsigned char c = (unsigned char)p->host[i];
        const bool inside = bracketed && (c == ':' || i == 0 || i == p->host_size - 1 || c == '%');
        if (!isalnum(c) && c != '-' && c != '.' && c != '_' && c < 0x80 && !inside)
            return false;
    }
    return p->host_size > 0;
}

static dpipes_status refuse_ray_client(const address_text *address, const parts *p, dpipes_error *err)
{
    return dpi_fail(err, DPIPES_EINVAL,
                    "%s: `%s` is Ray Client's address; what is wanted is the dashboard's, such as http://%.*s:8265",
                    address->source, address->text, (int)p->host_size, p->host);
}

static dpipes_status check_scheme(const address_text *address, const parts *p, dpipes_error *err)
{
    if (is_scheme(p, "ray"))
        return refuse_ray_client(address, p, err);
    if (p->scheme_size > 0 && !is_scheme(p, "http") && !is_scheme(p, "https"))
        return refuse(address, "the scheme must be http or https", err);
    if (p->scheme_size == 0 && (dpi_address_is_auto(address->text) || strcmp(address->text, "local") == 0))
        return refuse(address, "not taken here: give the dashboard's address, such as http://127.0.0.1:8265", err);
    if (p->scheme_size == 0 && !p->port)
        return refuse(address, "neither http(s)://host[:port] nor host:port", err);
    return DPIPES_OK;
}

/* The text is not shown where it may hold a password. */
static dpipes_status check_text(const address_text *address, dpipes_error *err)
{
    if (strchr(address->text, '@'))
        return dpi_fail(err, DPIPES_EINVAL,
                        "%s: has a user or a password in it, which is not taken: give an Authorization header instead",
                        address->source);
    for (const char *c = address->text; *c; c++)
        if (isspace((unsigned char)*c) || iscntrl((unsigned char)*c))
            return refuse(address, "has white space in it", err);
    if (strpbrk(address->text, "?#"))
        return refuse(address, "has a query or a fragment in it", err);
    return DPIPES_OK;
}

dpipes_status dpi_address_parse(const char *text, const char *source, dpi_buf *out, dpipes_error *err)
{
    const address_text address = {text, source};
    parts p;
    dpipes_status status = check_text(&address, err);
    split(text, &p);
    if (status == DPIPES_OK)
        status = check_scheme(&address, &p, err);
    if (status != DPIPES_OK)
        return status;
    if (!host_ok(&p))
        return refuse(&address, "the host is not a name or an IP address", err);
    if (p.port && !port_ok(&p))
        return refuse(&address, "the port is not a number from 1 to 65535", err);
    dpi_buf_append_text(out, is_scheme(&p, "https") ? "https://" : "http://");
    dpi_buf_append(out, p.host, (size_t)(p.prefix + p.prefix_size - p.host));
    return dpi_buf_failed(out) ? dpi_fail_memory(err) : DPIPES_OK;
}

/* The first that is set; its text is NULL when none is. */
static address_text first_given(const char *option)
{
    static const char *const variables[] = {"DPIPES_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_ADDRESS"};
    address_text given = {option, "address"};
    for (size_t i = 0; !(given.text && *given.text) && i < sizeof variables / sizeof *variables; i++)
        given = (address_text){getenv(variables[i]), variables[i]};
    return given.text && *given.text ? given : (address_text){0};
}

const char *dpi_address_source(const char *option)
{
    return first_given(option).source;
}

bool dpi_address_is_auto(const char *address)
{
    return strcmp(address, "auto") == 0;
}

dpipes_status dpi_address_resolve(const char *option, dpi_buf *out, dpipes_error *err)
{
    const address_text given = first_given(option);
    if (given.text && dpi_address_is_auto(given.text)) {
        dpi_buf_append_text(out, given.text);
        return dpi_buf_failed(out) ? dpi_fail_memory(err) : DPIPES_OK;
    }
    if (given.text)
        return dpi_address_parse(given.text, given.source, out, err);
    return dpi_fail(err, DPIPES_EINVAL,
                    "no address of a Ray dashboard: none was given, and DPIPES_ADDRESS, RAY_API_SERVER_ADDRESS and "
                    "RAY_ADDRESS are not set");
}

bool dpi_address_is_https(const char *address)
{
    return strncmp(address, "https://", 8) == 0;
}

static bool is_127(const char *host, size_t size)
{
    if (size < 4 || strncmp(host, "127.", 4) != 0)
        return false;
    for (size_t i = 4; i < size; i++)
        if (host[i] != '.' && !isdigit((unsigned char)host[i]))
            return false;
    return true;
}

bool dpi_address_is_loopback(const char *address)
{
    parts p;
    split(address, &p);
    return (p.host_size == 9 && strncasecmp(p.host, "localhost", 9) == 0) ||
           (p.host_size == 5 && strncmp(p.host, "[::1]", 5) == 0) || is_127(p.host, p.host_size);
}

bool dpi_address_has_ip(const char *address, const char *ip)
{
    parts p;
    split(address, &p);
    const size_t bracket = p.host[0] == '[';
    const size_t size = strlen(ip);
    return size > 0 && p.host_size == size + 2 * bracket && strncmp(p.host + bracket, ip, size) == 0;
}
