#include "ray/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "ray/json.h"
#include "ray/process.h"
#include "session/json_members.h"

#define DPI_REGISTRY_SUFFIX   ".json"
#define DPI_REGISTRY_FILE_MAX ((size_t)16 * 1024)
/* How often the processes of a killed keeper are looked for: one that is killed may have started another. */
#define DPI_SWEEP_ROUNDS   20
#define DPI_SWEEP_PAUSE_MS 20

/* ---- The directory ---- */

static void append_directory(dpi_buf *path)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (runtime && *runtime == '/')
        dpi_buf_printf(path, "%s/dpipes", runtime);
    else
        dpi_buf_printf(path, "/tmp/dpipes-%u", (unsigned)getuid());
}

/* Others could put a file there that sends a token to a place of theirs. */
static dpipes_status check_directory(const char *path, dpipes_error *err)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return dpi_fail_errno(err, errno == ENOENT ? DPIPES_ENOENT : DPIPES_EIO, errno, "%s", path);
    if (!S_ISDIR(info.st_mode) || info.st_uid != getuid() || (info.st_mode & 077) != 0)
        return dpi_fail(err, DPIPES_EIO,
                        "%s: must be a directory of this user, with mode 0700; its owner is %u, its mode %04o", path,
                        (unsigned)info.st_uid, (unsigned)(info.st_mode & 07777));
    return DPIPES_OK;
}

dpipes_status dpi_registry_path(const char *temp_dir, dpi_buf *path, dpipes_error *err)
{
    const char *name = strrchr(temp_dir, '/');
    dpi_buf directory = {0};
    append_directory(&directory);
    dpipes_status status = dpi_buf_failed(&directory) ? dpi_fail_memory(err) : DPIPES_OK;
    if (status == DPIPES_OK && mkdir(directory.data, 0700) != 0 && errno != EEXIST)
        status = dpi_fail_errno(err, DPIPES_EIO, errno, "%s", directory.data);
    if (status == DPIPES_OK)
        status = check_directory(directory.data, err);
    if (status == DPIPES_OK)
        dpi_buf_printf(path, "%s%s%s", directory.data, name ? name : "/", DPI_REGISTRY_SUFFIX);
    if (status == DPIPES_OK && dpi_buf_failed(path))
        status = dpi_fail_memory(err);
    dpi_buf_fini(&directory);
    return status;
}

/* ---- A file of it ---- */

static void write_entry(dpi_buf *out, const dpi_registry_entry *entry)
{
    const dpipes_local_ray_info *info = &entry->info;
    dpi_buf_append_literal(out, "{");
    dpi_member_words("address", info->address, out);
    dpi_member_words("gcs_address", info->gcs_address, out);
    dpi_member_words("token_file", info->token_file, out);
    dpi_member_words("temp_dir", info->temp_dir, out);
    dpi_member_int("keeper_pid", true, info->keeper_pid, out);
    dpi_member_int("keeper_start_time", true, entry->keeper_start_time, out);
    dpi_member_int("started_ms", true, info->started_ms, out);
    dpi_member_bool("detached", entry->detached, out);
    dpi_buf_append_literal(out, "}\n");
}

dpipes_status dpi_registry_write(const char *path, const dpi_registry_entry *entry, dpipes_error *err)
{
    dpi_buf text = {0}, unfinished = {0};
    write_entry(&text, entry);
    dpi_buf_printf(&unfinished, "%s.new", path);
    dpipes_status status = dpi_buf_failed(&text) || dpi_buf_failed(&unfinished)
                               ? dpi_fail_memory(err)
                               : dpi_file_write(unfinished.data, O_TRUNC | O_NOFOLLOW, text.data, text.size, err);
    if (status == DPIPES_OK && rename(unfinished.data, path) != 0)
        status = dpi_fail_errno(err, DPIPES_EIO, errno, "%s", path);
    if (status != DPIPES_OK && unfinished.data)
        unlink(unfinished.data);
    dpi_buf_fini(&text);
    dpi_buf_fini(&unfinished);
    return status;
}

static bool take_text(const cJSON *object, const char *name, char *out, size_t size)
{
    const char *text = dpi_ray_json_text(object, name);
    return text && (size_t)snprintf(out, size, "%s", text) < size;
}

static bool take_entry(const cJSON *object, dpi_registry_entry *entry)
{
    dpipes_local_ray_info *info = &entry->info;
    int64_t pid;
    *entry = (dpi_registry_entry){.detached = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "detached"))};
    if (!take_text(object, "address", info->address, sizeof info->address) ||
        !take_text(object, "gcs_address", info->gcs_address, sizeof info->gcs_address) ||
        !take_text(object, "token_file", info->token_file, sizeof info->token_file) ||
        !take_text(object, "temp_dir", info->temp_dir, sizeof info->temp_dir) ||
        !dpi_ray_json_int(object, "keeper_pid", &pid) ||
        !dpi_ray_json_int(object, "keeper_start_time", &entry->keeper_start_time) ||
        !dpi_ray_json_int(object, "started_ms", &info->started_ms))
        return false;
    info->keeper_pid = (int)pid;
    return true;
}

/* false: it is gone, or not one of ours. */
static bool read_entry(const char *path, dpi_registry_entry *entry)
{
    dpi_buf text = {0};
    cJSON *object = NULL;
    if (dpi_file_read(path, DPI_REGISTRY_FILE_MAX, &text, NULL) == DPIPES_OK)
        object = dpi_ray_json_object(&text, path, NULL);
    bool ok = object && take_entry(object, entry);
    cJSON_Delete(object);
    dpi_buf_fini(&text);
    return ok;
}

/* ---- What a killed keeper has left ---- */

typedef struct sweep {
    const char *variable;
    unsigned killed;
} sweep;

static void sweep_process(void *user, const dpi_process *process)
{
    sweep *s = user;
    if (!process->ended && process->pid != getpid() && dpi_process_has_variable(process->pid, s->variable))
        s->killed += kill(process->pid, SIGKILL) == 0;
}

static void kill_processes_of(const char *temp_dir)
{
    dpi_buf variable = {0};
    dpi_buf_printf(&variable, "%s=%s", DPI_LOCAL_RAY_VARIABLE, temp_dir);
    for (int round = 0; round < DPI_SWEEP_ROUNDS && !dpi_buf_failed(&variable); round++) {
        sweep s = {.variable = variable.data};
        dpi_process_each(sweep_process, &s);
        if (s.killed == 0)
            break;
        poll(NULL, 0, DPI_SWEEP_PAUSE_MS);
    }
    dpi_buf_fini(&variable);
}

/* The file's name is made of the directory's, so a file that names another directory is not believed. */
static bool owns_directory(const char *file, const char *temp_dir)
{
    const char *name = strrchr(temp_dir, '/');
    size_t size = strlen(file) - strlen(DPI_REGISTRY_SUFFIX);
    return *temp_dir == '/' && name && strncmp(name + 1, DPI_LOCAL_RAY_PREFIX, strlen(DPI_LOCAL_RAY_PREFIX)) == 0 &&
           strlen(name + 1) == size && strncmp(name + 1, file, size) == 0;
}

static void remove_rest(const char *path, const char *file, const dpi_registry_entry *entry)
{
    if (!owns_directory(file, entry->info.temp_dir))
        return;
    kill_processes_of(entry->info.temp_dir);
    dpi_remove_tree(entry->info.temp_dir);
    unlink(path);
}

/* ---- All of them ---- */

static bool is_entry_name(const char *name)
{
    size_t size = strlen(name), suffix = strlen(DPI_REGISTRY_SUFFIX);
    return size > suffix && strcmp(name + size - suffix, DPI_REGISTRY_SUFFIX) == 0;
}

static dpipes_status visit(const char *directory, const char *file, dpi_registry_fn fn, void *user, dpipes_error *err)
{
    dpi_registry_entry entry;
    dpi_buf path = {0};
    dpi_buf_printf(&path, "%s/%s", directory, file);
    dpipes_status status = dpi_buf_failed(&path) ? dpi_fail_memory(err) : DPIPES_OK;
    if (status == DPIPES_OK && read_entry(path.data, &entry)) {
        if (dpi_process_runs(entry.info.keeper_pid, entry.keeper_start_time))
            fn(user, &entry);
        else
            remove_rest(path.data, file, &entry);
    }
    dpi_buf_fini(&path);
    return status;
}

static dpipes_status visit_all(const char *directory, dpi_registry_fn fn, void *user, dpipes_error *err)
{
    DIR *files = opendir(directory);
    if (!files)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "%s", directory);
    dpipes_status status = DPIPES_OK;
    const struct dirent *file;
    while (status == DPIPES_OK && (file = readdir(files)))
        if (is_entry_name(file->d_name))
            status = visit(directory, file->d_name, fn, user, err);
    closedir(files);
    return status;
}

dpipes_status dpi_registry_each(dpi_registry_fn fn, void *user, dpipes_error *err)
{
    dpi_buf directory = {0};
    append_directory(&directory);
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpipes_status status =
        dpi_buf_failed(&directory) ? dpi_fail_memory(&failure) : check_directory(directory.data, &failure);
    if (status == DPIPES_OK)
        status = visit_all(directory.data, fn, user, &failure);
    else if (status == DPIPES_ENOENT)
        status = DPIPES_OK;
    dpi_buf_fini(&directory);
    return status == DPIPES_OK ? DPIPES_OK : dpi_fail_copy(err, &failure);
}

/* ---- By its address ---- */

static const char *after(const char *text, const char *prefix)
{
    size_t size = strlen(prefix);
    return strncmp(text, prefix, size) == 0 ? text + size : NULL;
}

/* ":8265" of an address on this machine, else NULL. */
static const char *loopback_port(const char *address)
{
    const char *host = after(address, "http://");
    if (!host)
        return NULL;
    const char *port = after(host, "127.0.0.1");
    return port ? port : after(host, "localhost");
}

bool dpi_registry_same_address(const char *one, const char *other)
{
    const char *port = loopback_port(one), *other_port = loopback_port(other);
    return port && other_port ? strcmp(port, other_port) == 0 : strcmp(one, other) == 0;
}

typedef struct search {
    const char *address;
    dpipes_local_ray_info *info;
    bool found;
} search;

static void look_for_address(void *user, const dpi_registry_entry *entry)
{
    search *s = user;
    if (s->found || !dpi_registry_same_address(entry->info.address, s->address))
        return;
    *s->info = entry->info;
    s->found = true;
}

bool dpi_registry_find(const char *address, dpipes_local_ray_info *info)
{
    search s = {.address = address, .info = info};
    return loopback_port(address) && dpi_registry_each(look_for_address, &s, NULL) == DPIPES_OK && s.found;
}
