#include "ray/local_setup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "ray/object.h"
#include "ray/registry.h"
#include "ray/runtime_env.h"

/* Ray's sockets lie up to 64 bytes deeper than its directory, and the path of a socket has at most 107: a longer TMPDIR is
 * left for /tmp. */
#define DPI_TMPDIR_MAX 20

#define DPI_TOKEN_BYTES 32

extern char **environ;

/* ---- Lists of words ---- */

void dpi_words_fini(dpi_words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->items[i]);
    free(words->items);
    *words = (dpi_words){0};
}

void dpi_words_printf(dpi_words *words, const char *format, ...)
{
    dpi_buf text = {0};
    va_list args;
    va_start(args, format);
    dpi_buf_vprintf(&text, format, args);
    va_end(args);
    char *word = dpi_buf_take(&text);
    char **longer = word && !words->failed ? realloc(words->items, (words->count + 2) * sizeof *longer) : NULL;
    if (longer) {
        words->items = longer;
        words->items[words->count++] = word;
        words->items[words->count] = NULL;
    } else {
        words->failed = true;
        free(word);
    }
}

/* ---- The `ray` program ---- */

static bool is_program(const dpi_buf *path)
{
    struct stat info;
    return !dpi_buf_failed(path) && stat(dpi_buf_text(path), &info) == 0 && S_ISREG(info.st_mode) &&
           access(path->data, X_OK) == 0;
}

static bool find_in_path(const char *name, dpi_buf *found)
{
    const char *at = getenv("PATH");
    while (at && *at) {
        size_t size = strcspn(at, ":");
        dpi_buf_clear(found);
        dpi_buf_printf(found, "%.*s%s%s", (int)size, at, size > 0 ? "/" : "", name);
        if (is_program(found))
            return true;
        at += size + (at[size] == ':');
    }
    dpi_buf_clear(found);
    return false;
}

/* In the directory `here`, or one above it. */
static bool find_above(const char *here, dpi_buf *found)
{
    for (size_t size = strlen(here);; size--) {
        dpi_buf_clear(found);
        dpi_buf_printf(found, "%.*s/.venv/bin/ray", (int)size, here);
        if (is_program(found))
            return true;
        while (size > 0 && here[size - 1] != '/')
            size--;
        if (size == 0)
            break;
    }
    dpi_buf_clear(found);
    return false;
}

static dpipes_status take_named(const char *name, const char *source, dpi_ray_program *program, dpipes_error *err)
{
    if (!strchr(name, '/') && find_in_path(name, &program->path)) {
        program->in_path = true;
        return DPIPES_OK;
    }
    char *whole = realpath(name, NULL); /* its directory becomes a part of PATH */
    dpi_buf_append_text(&program->path, whole ? whole : name);
    free(whole);
    return is_program(&program->path)
               ? DPIPES_OK
               : dpi_fail(err, DPIPES_ENOENT, "%s: `%s` is not a program that can be run", source, name);
}

dpipes_status dpi_find_ray(const char *option, dpi_ray_program *program, dpipes_error *err)
{
    const char *variable = getenv("DPIPES_RAY");
    if (option)
        return take_named(option, "the option `ray`", program, err);
    if (variable && *variable)
        return take_named(variable, "DPIPES_RAY", program, err);
    char *here = get_current_dir_name();
    bool found = here && find_above(here, &program->path);
    if (!found)
        found = program->in_path = find_in_path("ray", &program->path);
    if (!found)
        dpi_fail(
            err, DPIPES_ENOENT,
            "no program `ray`: DPIPES_RAY is not set, there is no .venv/bin/ray in %s or a directory above it, and no "
            "`ray` in PATH; install it with: pip install 'ray[default]'",
            here ? here : "the working directory");
    free(here);
    return found ? DPIPES_OK : DPIPES_ENOENT;
}

/* ---- Ports ---- */

/* A socket bound to the port at 127.0.0.1; -1: it is taken. As a server does it, so that connections that have ended do not
 * count. */
static int bind_port(int port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

bool dpi_port_is_free(int port)
{
    int fd = bind_port(port);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int port_of(int fd)
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    return getsockname(fd, (struct sockaddr *)&address, &size) == 0 ? ntohs(address.sin_port) : 0;
}

/* All of them are held until the last is chosen, so that they differ. */
dpipes_status dpi_pick_ports(int ports[DPI_PORT_COUNT], dpipes_error *err)
{
    int fds[DPI_PORT_COUNT];
    bool ok = true;
    for (int i = 0; i < DPI_PORT_COUNT; i++) {
        fds[i] = ports[i] ? -1 : bind_port(0);
        if (fds[i] >= 0)
            ports[i] = port_of(fds[i]);
        ok = ok && ports[i] > 0;
    }
    int error_number = errno;
    for (int i = 0; i < DPI_PORT_COUNT; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return ok ? DPIPES_OK : dpi_fail_errno(err, DPIPES_EIO, error_number, "no free port at 127.0.0.1");
}

/* ---- The directory and the token ---- */

static dpipes_status make_directory(dpi_buf *directory, const char *wanted, dpipes_error *err)
{
    const char *parent = wanted ? wanted : getenv("TMPDIR");
    if (!parent || *parent != '/' || strlen(parent) > DPI_TMPDIR_MAX)
        parent = "/tmp";
    return dpi_temp_dir_make(parent, DPI_LOCAL_RAY_NAME, directory, err);
}

static dpipes_status make_token(const char *path, dpipes_error *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[DPI_TOKEN_BYTES];
    char token[2 * DPI_TOKEN_BYTES];
    dpipes_status status = dpi_random_bytes(bytes, sizeof bytes, err);
    if (status != DPIPES_OK)
        return status;
    for (size_t i = 0; i < sizeof bytes; i++) {
        token[2 * i] = digits[bytes[i] >> 4];
        token[2 * i + 1] = digits[bytes[i] & 15];
    }
    status = dpi_file_write(path, O_EXCL, token, sizeof token, err);
    explicit_bzero(token, sizeof token);
    explicit_bzero(bytes, sizeof bytes);
    return status;
}

static dpipes_status write_runtime_env(const char *directory, const dpipes_local_ray_options *options,
                                       dpipes_error *err)
{
    dpi_buf path = {0}, json = {0};
    dpipes_status status = dpi_runtime_env_read(options->runtime_env_json, options->runtime_env_file, &json, err);
    dpi_buf_printf(&path, "%s/" DPI_LOCAL_RAY_RUNTIME_ENV, directory);
    if (status == DPIPES_OK && json.size > 0)
        status =
            dpi_buf_failed(&path) ? dpi_fail_memory(err) : dpi_file_write(path.data, O_EXCL, json.data, json.size, err);
    dpi_buf_fini(&path);
    dpi_buf_fini(&json);
    return status;
}

dpipes_status dpi_local_setup_init(dpi_local_setup *setup, const dpipes_local_ray_options *options, dpipes_error *err)
{
    const bool no_auth = options->no_auth;
    *setup = (dpi_local_setup){0};
    dpipes_status status = make_directory(&setup->directory, options->temp_dir, err);
    if (status != DPIPES_OK)
        return status;
    const char *directory = setup->directory.data;
    dpi_buf_printf(&setup->ray_directory, "%s/ray", directory);
    dpi_buf_printf(&setup->temporary, "%s/tmp", directory);
    dpi_buf_printf(&setup->log, "%s/start.log", directory);
    if (!no_auth)
        dpi_buf_printf(&setup->token_file, "%s/token", directory);
    if (dpi_buf_failed(&setup->ray_directory) || dpi_buf_failed(&setup->temporary) || dpi_buf_failed(&setup->log) ||
        dpi_buf_failed(&setup->token_file))
        return dpi_fail_memory(err);
    if (mkdir(setup->temporary.data, 0700) != 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "%s", setup->temporary.data);
    status = write_runtime_env(directory, options, err);
    return status != DPIPES_OK || no_auth ? status : make_token(setup->token_file.data, err);
}

void dpi_local_setup_fini(dpi_local_setup *setup)
{
    dpi_buf_fini(&setup->directory);
    dpi_buf_fini(&setup->ray_directory);
    dpi_buf_fini(&setup->temporary);
    dpi_buf_fini(&setup->token_file);
    dpi_buf_fini(&setup->log);
}

/* ---- The command ---- */

/* As `ray start` takes them: name=value,name=value. */
static void add_labels(const char *json, dpi_words *argv)
{
    dpi_json_value object, name, value;
    dpi_buf labels = {0};
    if (!json || dpi_json_parse(json, strlen(json), DPI_JSON_STRICT, &object, NULL) != DPIPES_OK)
        return;
    for (dpi_json_iter it = dpi_json_iter_init(&object); dpi_json_iter_next(&it, &name, &value);) {
        dpi_buf_append_text(&labels, labels.size > 0 ? "," : "");
        dpi_json_decode_string(&name, &labels);
        dpi_buf_append_char(&labels, '=');
        dpi_json_decode_string(&value, &labels);
    }
    if (labels.size > 0)
        dpi_words_printf(argv, "--labels=%s", dpi_buf_text(&labels));
    argv->failed = argv->failed || dpi_buf_failed(&labels);
    dpi_buf_fini(&labels);
}

void dpi_local_setup_argv(const dpi_local_setup *setup, const dpi_ray_program *program,
                          const dpipes_local_ray_options *options, dpi_words *argv)
{
    dpi_words_printf(argv, "%s", dpi_buf_text(&program->path));
    dpi_words_printf(argv, "start");
    dpi_words_printf(argv, "--head");
    dpi_words_printf(argv, "--include-dashboard=true");
    dpi_words_printf(argv, "--dashboard-host=127.0.0.1");
    dpi_words_printf(argv, "--dashboard-port=%d", setup->ports[DPI_PORT_DASHBOARD]);
    dpi_words_printf(argv, "--port=%d", setup->ports[DPI_PORT_GCS]);
    dpi_words_printf(argv, "--dashboard-agent-listen-port=%d", setup->ports[DPI_PORT_AGENT]);
    dpi_words_printf(argv, "--ray-client-server-port=%d", setup->ports[DPI_PORT_CLIENT]);
    dpi_words_printf(argv, "--temp-dir=%s", dpi_buf_text(&setup->ray_directory));
    dpi_words_printf(argv, "--disable-usage-stats");
    dpi_words_printf(argv, "--log-color=false");
    if (options->num_cpus > 0)
        dpi_words_printf(argv, "--num-cpus=%.0f", options->num_cpus);
    if (options->num_gpus > 0)
        dpi_words_printf(argv, "--num-gpus=%.0f", options->num_gpus);
    if (options->object_store_memory > 0)
        dpi_words_printf(argv, "--object-store-memory=%lld", (long long)options->object_store_memory);
    if (options->resources_json)
        dpi_words_printf(argv, "--resources=%s", options->resources_json);
    add_labels(options->labels_json, argv);
}

/* What leads Ray, or the jobs on it, to another cluster, another token or another orchestrator; and what is set anew. */
static bool is_replaced(const char *entry)
{
    static const char *const names[] = {
        "RAY_ADDRESS",
        "RAY_API_SERVER_ADDRESS",
        "RAY_AUTH_MODE",
        "RAY_AUTH_TOKEN",
        "RAY_AUTH_TOKEN_PATH",
        "RAY_USAGE_STATS_ENABLED",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER",
        "DAGSTER_PIPES_CONTEXT",
        "DAGSTER_PIPES_MESSAGES",
        DPI_LOCAL_RAY_VARIABLE,
        "PATH",
        "TMPDIR",
    };
    size_t size = strcspn(entry, "=");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == size && strncmp(names[i], entry, size) == 0)
            return true;
    return false;
}

/* As an activated virtual environment has it, so that `python` in an entrypoint is the one that has Ray. */
static void set_path(const dpi_ray_program *program, dpi_words *env)
{
    const char *path = getenv("PATH");
    const char *program_path = dpi_buf_text(&program->path);
    const char *name = strrchr(program_path, '/');
    if (program->in_path || !name)
        dpi_words_printf(env, "PATH=%s", path ? path : "");
    else
        dpi_words_printf(env, "PATH=%.*s:%s", (int)(name - program_path), program_path, path ? path : "");
}

static bool is_given(const dpipes_local_ray_options *options, const char *entry)
{
    const size_t size = strcspn(entry, "=");
    for (size_t i = 0; i < options->env_var_count; i++)
        if (strlen(options->env_vars[i].name) == size && strncmp(options->env_vars[i].name, entry, size) == 0)
            return true;
    return false;
}

void dpi_local_setup_env(const dpi_local_setup *setup, const dpi_ray_program *program,
                         const dpipes_local_ray_options *options, dpi_words *env)
{
    for (char **entry = environ; *entry; entry++)
        if (!is_replaced(*entry) && !is_given(options, *entry))
            dpi_words_printf(env, "%s", *entry);
    for (size_t i = 0; i < options->env_var_count; i++)
        dpi_words_printf(env, "%s=%s", options->env_vars[i].name, options->env_vars[i].value);
    set_path(program, env);
    dpi_words_printf(env, "TMPDIR=%s", dpi_buf_text(&setup->temporary));
    dpi_words_printf(env, "RAY_USAGE_STATS_ENABLED=0");
    /* Else Ray listens on the network's address, whatever --node-ip-address says. */
    dpi_words_printf(env, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0");
    dpi_words_printf(env, DPI_LOCAL_RAY_VARIABLE "=%s", dpi_buf_text(&setup->directory));
    dpi_words_printf(env, "RAY_AUTH_MODE=%s", setup->token_file.size > 0 ? "token" : "disabled");
    if (setup->token_file.size > 0)
        dpi_words_printf(env, "RAY_AUTH_TOKEN_PATH=%s", setup->token_file.data);
}

/* ---- What `ray start` would not take, or what would lead elsewhere ---- */

static bool is_count(double value)
{
    return value >= 0 && value <= INT32_MAX && floor(value) == value;
}

/* The labels go to `ray start` as name=value,name=value. */
static dpipes_status check_separators(const dpi_json_value *labels, dpipes_error *err)
{
    dpi_json_value name, value;
    for (dpi_json_iter it = dpi_json_iter_init(labels); dpi_json_iter_next(&it, &name, &value);)
        if (memchr(name.text, ',', name.size) || memchr(name.text, '=', name.size) ||
            memchr(value.text, ',', value.size) || memchr(value.text, '=', value.size))
            return dpi_fail(err, DPIPES_EINVAL, "labels: %.*s has `,` or `=` in it, which `ray start` does not take",
                            (int)name.size, name.text);
    return DPIPES_OK;
}

static dpipes_status check_resources(const char *json, dpipes_error *err)
{
    dpi_json_value object;
    dpipes_status status = json ? dpi_object_parse(json, "resources", &object, err) : DPIPES_OK;
    return json && status == DPIPES_OK ? dpi_object_check(&object, "resources", DPI_JSON_NUMBER, "a number", err)
                                       : status;
}

static dpipes_status check_labels(const char *json, dpipes_error *err)
{
    dpi_json_value object;
    dpipes_status status = json ? dpi_object_parse(json, "labels", &object, err) : DPIPES_OK;
    if (json && status == DPIPES_OK)
        status = dpi_object_check(&object, "labels", DPI_JSON_STRING, "a text", err);
    return json && status == DPIPES_OK ? check_separators(&object, err) : status;
}

static dpipes_status check_variables(const dpipes_local_ray_options *options, dpipes_error *err)
{
    for (size_t i = 0; i < options->env_var_count; i++) {
        const dpipes_pair *pair = &options->env_vars[i];
        if (!pair->name || !*pair->name || !pair->value || strchr(pair->name, '='))
            return dpi_fail(err, DPIPES_EINVAL, "env_vars: `%s` is no name with a value", pair->name ? pair->name : "");
        if (is_replaced(pair->name))
            return dpi_fail(err, DPIPES_EINVAL, "env_vars: %s is set by LocalRay itself", pair->name);
    }
    return DPIPES_OK;
}

static dpipes_status check_directory(const char *directory, dpipes_error *err)
{
    if (directory && *directory != '/')
        return dpi_fail(err, DPIPES_EINVAL, "temp_dir: `%s` is not an absolute path", directory);
    if (directory && strlen(directory) > DPI_TMPDIR_MAX)
        return dpi_fail(err, DPIPES_EINVAL,
                        "temp_dir: `%s` has %zu bytes; more than %d leave no room for Ray's sockets", directory,
                        strlen(directory), DPI_TMPDIR_MAX);
    return DPIPES_OK;
}

dpipes_status dpi_local_setup_check(const dpipes_local_ray_options *options, dpipes_error *err)
{
    if (!is_count(options->num_cpus))
        return dpi_fail(err, DPIPES_EINVAL, "num_cpus: `ray start` takes a whole number, not %g", options->num_cpus);
    if (!is_count(options->num_gpus))
        return dpi_fail(err, DPIPES_EINVAL, "num_gpus: `ray start` takes a whole number, not %g", options->num_gpus);
    if (options->dashboard_port < 0 || options->dashboard_port > UINT16_MAX)
        return dpi_fail(err, DPIPES_EINVAL, "dashboard_port: %d is no port", options->dashboard_port);
    dpipes_status status = check_resources(options->resources_json, err);
    if (status == DPIPES_OK)
        status = check_labels(options->labels_json, err);
    if (status == DPIPES_OK)
        status = check_variables(options, err);
    return status == DPIPES_OK ? check_directory(options->temp_dir, err) : status;
}
