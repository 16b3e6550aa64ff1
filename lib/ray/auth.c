#include "ray/auth.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "ray/address.h"
#include "ray/registry.h"
#include "ray/secret.h"

typedef struct found {
    dpi_buf token;
    dpi_buf origin;
} found;

static void found_fini(found *f)
{
    dpi_secret_fini(&f->token);
    dpi_buf_fini(&f->origin);
}

/* Keeps the token without the white space around it. */
static dpipes_status take_token(found *f, const char *text, size_t size, dpipes_error *err)
{
    while (size > 0 && isspace((unsigned char)text[size - 1]))
        size--;
    for (; size > 0 && isspace((unsigned char)*text); text++)
        size--;
    for (size_t i = 0; i < size; i++)
        if (!isgraph((unsigned char)text[i]))
            return dpi_fail(err, DPIPES_EINVAL, "%s: not a token: byte %zu is not a visible ASCII character",
                            dpi_buf_text(&f->origin), i);
    if (size == 0)
        return dpi_fail(err, DPIPES_EINVAL, "%s: no token in it", dpi_buf_text(&f->origin));
    dpi_buf_append(&f->token, text, size);
    return dpi_buf_failed(&f->token) || dpi_buf_failed(&f->origin) ? dpi_fail_memory(err) : DPIPES_OK;
}

static dpipes_status read_token(found *f, const char *path, const char *source, dpipes_error *err)
{
    dpi_buf file = {0};
    dpi_buf_printf(&f->origin, "%s%s", source, path);
    dpipes_status status = dpi_file_read(path, DPI_TOKEN_MAX, &file, err);
    if (status == DPIPES_OK)
        status = take_token(f, dpi_buf_text(&file), file.size, err);
    else if (status != DPIPES_ENOMEM)
        status = dpi_fail_prefix(err, DPIPES_EINVAL, "%s", source);
    dpi_secret_fini(&file);
    return status;
}

/* The home's token was made for the clusters of this machine, so it does not travel in the clear. */
static bool home_token_path(const dpi_auth *auth, dpi_buf *path)
{
    const char *home = getenv("HOME");
    const char *address = dpi_buf_text(&auth->address);
    if (!home || !*home || !(dpi_address_is_loopback(address) || dpi_address_is_https(address)))
        return false;
    dpi_buf_printf(path, "%s/.ray/auth_token", home);
    return !dpi_buf_failed(path) && access(path->data, F_OK) == 0;
}

static dpipes_status find_ray_token(const dpi_auth *auth, found *f, dpipes_error *err)
{
    dpi_buf path = {0};
    const char *token = getenv("RAY_AUTH_TOKEN");
    const char *file = getenv("RAY_AUTH_TOKEN_PATH");
    dpipes_status status = DPIPES_OK;
    if (token && *token) {
        dpi_buf_append_text(&f->origin, "RAY_AUTH_TOKEN");
        status = take_token(f, token, strlen(token), err);
    } else if (file && *file) {
        status = read_token(f, file, "RAY_AUTH_TOKEN_PATH: ", err);
    } else if (home_token_path(auth, &path)) {
        status = read_token(f, path.data, "", err);
    }
    dpi_buf_fini(&path);
    return status;
}

static bool ray_mode_is_token(void)
{
    const char *mode = getenv("RAY_AUTH_MODE");
    return mode && strcasecmp(mode, "token") == 0;
}

static dpipes_status find(const dpi_auth *auth, bool asked, found *f, dpipes_error *err)
{
    dpipes_local_ray_info local;
    if (auth->token_file.size > 0)
        return read_token(f, auth->token_file.data, "token_file: ", err);
    if (dpi_registry_find(dpi_buf_text(&auth->address), &local) && *local.token_file)
        return read_token(f, local.token_file, "LocalRay's token file: ", err);
    return asked || ray_mode_is_token() ? find_ray_token(auth, f, err) : DPIPES_OK;
}

static dpipes_status look(dpi_auth *auth, bool asked, bool *changed, dpipes_error *err)
{
    found f = {0};
    *changed = false;
    if (auth->own_header)
        return DPIPES_OK;
    dpipes_status status = find(auth, asked, &f, err);
    if (status == DPIPES_OK && f.token.size > 0 && strcmp(f.token.data, dpi_buf_text(&auth->token)) != 0) {
        const found old = {auth->token, auth->origin};
        auth->token = f.token;
        auth->origin = f.origin;
        f = old;
        *changed = true;
    }
    found_fini(&f);
    return status;
}

dpipes_status dpi_auth_init(dpi_auth *auth, const char *address, const char *token_file, const dpipes_pair *headers,
                            size_t header_count, dpipes_error *err)
{
    bool changed;
    *auth = (dpi_auth){0};
    for (size_t i = 0; i < header_count; i++)
        auth->own_header |= headers[i].name && strcasecmp(headers[i].name, "Authorization") == 0;
    dpi_buf_append_text(&auth->address, address);
    dpi_buf_append_text(&auth->token_file, token_file);
    if (dpi_buf_failed(&auth->address) || dpi_buf_failed(&auth->token_file))
        return dpi_fail_memory(err);
    return look(auth, false, &changed, err);
}

void dpi_auth_fini(dpi_auth *auth)
{
    dpi_buf_fini(&auth->address);
    dpi_buf_fini(&auth->token_file);
    dpi_secret_fini(&auth->token);
    dpi_buf_fini(&auth->origin);
}

dpipes_status dpi_auth_renew(dpi_auth *auth, bool *changed, dpipes_error *err)
{
    return look(auth, true, changed, err);
}

const char *dpi_auth_token(const dpi_auth *auth)
{
    return auth->token.size > 0 ? auth->token.data : NULL;
}

dpipes_status dpi_auth_refused(const dpi_auth *auth, long code, dpipes_error *err)
{
    const char *address = dpi_buf_text(&auth->address);
    if (auth->own_header)
        return dpi_fail(err, DPIPES_EREMOTE, "%s refuses the Authorization header that was given (HTTP %ld)", address,
                        code);
    if (auth->token.size > 0)
        return dpi_fail(err, DPIPES_EREMOTE, "%s refuses the token (HTTP %ld); it came from %s", address, code,
                        dpi_buf_text(&auth->origin));
    const bool trusted = dpi_address_is_loopback(address) || dpi_address_is_https(address);
    return dpi_fail(
        err, DPIPES_EREMOTE,
        "%s wants a token (HTTP %ld), and none was found: not by token_file, not of a LocalRay there, not in "
        "RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH, and ~/.ray/auth_token %s",
        address, code, trusted ? "is not there" : "is sent only to this machine or over https");
}
