#include "ray/tree.h"

#include <dirent.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/store_file.h"
#include "base/utf8.h"
#include "ray/ignore.h"

#define DPI_IGNORE_FILE_MAX ((size_t)1024 * 1024)
#define DPI_SETTLED_S       2 /* the coarsest file systems tell times to so much */

/* ---- The list ---- */

static dpipes_status check_name(const char *path, const char *name, dpipes_error *err)
{
    const char *end = name + strlen(name);
    if (strchr(name, '\\'))
        return dpi_fail(err, DPIPES_EINVAL, "%s: a name with `\\` in it, which Ray does not unpack", path);
    for (const char *at = name; at < end;) {
        const dpi_utf8_char c = dpi_utf8_next(at, end);
        if (!c.valid)
            return dpi_fail(err, DPIPES_EINVAL, "%s: its name is not UTF-8 at byte %td", path, at - name);
        at += c.size;
    }
    return DPIPES_OK;
}

static bool make_room(dpi_tree *tree)
{
    if (tree->count < tree->capacity)
        return true;
    const size_t capacity = tree->capacity ? 2 * tree->capacity : 64;
    dpi_tree_file *files = realloc(tree->files, capacity * sizeof *files);
    if (!files)
        return false;
    tree->files = files;
    tree->capacity = capacity;
    return true;
}

static int64_t later(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

static void note_state(dpi_tree *tree, const char *name, const struct stat *info)
{
    const uint64_t state[] = {(uint64_t)info->st_dev,         (uint64_t)info->st_ino,
                              (uint64_t)info->st_mode,        (uint64_t)info->st_size,
                              (uint64_t)info->st_mtim.tv_sec, (uint64_t)info->st_mtim.tv_nsec,
                              (uint64_t)info->st_ctim.tv_sec, (uint64_t)info->st_ctim.tv_nsec};
    dpi_buf_append(&tree->states, state, sizeof state);
    dpi_buf_append(&tree->states, name, strlen(name) + 1);
    tree->changed_s = later(tree->changed_s, later(info->st_mtim.tv_sec, info->st_ctim.tv_sec));
}

static dpipes_status add(dpi_tree *tree, const char *path, const char *name, const struct stat *info, dpipes_error *err)
{
    dpi_tree_file file = {
        .size = S_ISDIR(info->st_mode) ? 0 : (uint64_t)info->st_size,
        .executable = (info->st_mode & 0111) != 0,
        .directory = S_ISDIR(info->st_mode),
    };
    dpipes_status status = check_name(path, name, err);
    if (status != DPIPES_OK)
        return status;
    if (access(path, R_OK) != 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "%s", path);
    if (tree->count == DPI_TREE_FILES_MAX)
        return dpi_fail(err, DPIPES_EINVAL,
                        "%s: more than %zu files are too many for a package; leave some out by "
                        "excludes or .rayignore",
                        path, DPI_TREE_FILES_MAX);
    if (file.size > DPI_TREE_BYTES_MAX - tree->bytes)
        return dpi_fail(err, DPIPES_EINVAL,
                        "%s: with its %llu bytes the files have more than %llu, too many for a "
                        "package; leave some out by excludes or .rayignore",
                        path, (unsigned long long)file.size, (unsigned long long)DPI_TREE_BYTES_MAX);
    file.path = strdup(path);
    file.name = strdup(name);
    if (!file.path || !file.name || !make_room(tree)) {
        free(file.path);
        free(file.name);
        return dpi_fail_memory(err);
    }
    note_state(tree, name, info);
    tree->bytes += file.size;
    tree->files[tree->count++] = file;
    return DPIPES_OK;
}

dpipes_status dpi_tree_add_file(dpi_tree *tree, const char *path, const char *name, dpipes_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return dpi_fail_errno(err, errno == ENOENT ? DPIPES_ENOENT : DPIPES_EIO, errno, "%s", path);
    if (!S_ISREG(info.st_mode))
        return dpi_fail(err, DPIPES_EINVAL, "%s: is not a regular file", path);
    return add(tree, path, name, &info, err);
}

bool dpi_tree_has(const dpi_tree *tree, const char *name)
{
    for (size_t i = 0; i < tree->count; i++)
        if (strcmp(tree->files[i].name, name) == 0)
            return true;
    return false;
}

bool dpi_tree_is_settled(const dpi_tree *tree)
{
    return dpi_clock_unix_ms() / 1000 - tree->changed_s > DPI_SETTLED_S;
}

void dpi_tree_fini(dpi_tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        free(tree->files[i].path);
        free(tree->files[i].name);
    }
    free(tree->files);
    dpi_buf_fini(&tree->states);
    *tree = (dpi_tree){0};
}

/* ---- The walk ---- */

/* Where patterns come from. Each source is asked for itself: a `!` takes back only what its own source has left out. */
typedef enum source { EXCLUDES, GITIGNORE, RAYIGNORE, SOURCES } source;

/* A directory on the way down. */
typedef struct level {
    const struct level *above;
    dpi_ignore ignore[SOURCES]; /* the patterns that it brings */
    size_t base;                /* where the paths begin that they are about */
    size_t depth;
    dev_t device;
    ino_t inode;
} level;

typedef struct walk {
    dpi_tree *tree;
    const dpi_tree_options *options;
    const char *prefix;
    size_t root_size; /* of the directory's path, with its slash */
    dpi_buf path;     /* of what is looked at */
} walk;

static dpipes_status visit_directory(walk *w, const level *above, const struct stat *info, dpipes_error *err);

static bool is_ignored(const walk *w, const level *l)
{
    const char *path = dpi_buf_text(&w->path);
    for (; l; l = l->above)
        for (int i = 0; i < SOURCES; i++)
            if (dpi_ignore_matches(&l->ignore[i], path + l->base))
                return true;
    return false;
}

static void cut(dpi_buf *path, size_t size)
{
    path->size = size;
    path->data[size] = '\0';
}

/* One that is not there has no patterns. */
static dpipes_status read_ignore_file(walk *w, dpi_ignore *ignore, const char *name, dpipes_error *err)
{
    dpipes_error failure = DPIPES_ERROR_INIT;
    dpi_buf text = {0};
    const size_t size = w->path.size;
    dpi_buf_append_text(&w->path, name);
    if (dpi_buf_failed(&w->path))
        dpi_fail_memory(&failure);
    else if (dpi_file_read(w->path.data, DPI_IGNORE_FILE_MAX, &text, &failure) == DPIPES_OK)
        dpi_ignore_add_lines(ignore, dpi_buf_text(&text), text.size, &failure);
    cut(&w->path, size);
    dpi_buf_fini(&text);
    return failure.status == DPIPES_OK || failure.status == DPIPES_ENOENT ? DPIPES_OK : dpi_fail_copy(err, &failure);
}

static dpipes_status read_patterns(walk *w, level *l, dpipes_error *err)
{
    const dpi_tree_options *options = w->options;
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; !l->above && i < options->exclude_count && status == DPIPES_OK; i++)
        status = dpi_ignore_add(&l->ignore[EXCLUDES], options->excludes[i], strlen(options->excludes[i]), err);
    if (status == DPIPES_OK && !options->no_gitignore)
        status = read_ignore_file(w, &l->ignore[GITIGNORE], ".gitignore", err);
    return status == DPIPES_OK ? read_ignore_file(w, &l->ignore[RAYIGNORE], ".rayignore", err) : status;
}

static dpipes_status add_found(walk *w, const struct stat *info, dpipes_error *err)
{
    dpi_buf name = {0};
    dpi_buf_printf(&name, "%s%s%s", w->prefix, w->path.data + w->root_size, S_ISDIR(info->st_mode) ? "/" : "");
    dpipes_status status =
        dpi_buf_failed(&name) ? dpi_fail_memory(err) : add(w->tree, w->path.data, name.data, info, err);
    dpi_buf_fini(&name);
    return status;
}

/* What is no file and no directory cannot be in a package. */
static dpipes_status pass_over(const walk *w, const char *what)
{
    dpi_log_emit(w->options->log, DPIPES_LOG_WARNING, "%s: %s; it is not in the package", w->path.data, what);
    return DPIPES_OK;
}

/* The directory of a run store, or a file of its database. */
static bool is_store(walk *w, const char *name, const struct stat *info)
{
    const size_t size = w->path.size;
    if (!S_ISDIR(info->st_mode))
        return strncmp(name, DPI_STORE_FILE, sizeof DPI_STORE_FILE - 1) == 0;
    dpi_buf_append_literal(&w->path, "/" DPI_STORE_FILE);
    const bool is = !dpi_buf_failed(&w->path) && access(w->path.data, F_OK) == 0;
    cut(&w->path, size);
    return is;
}

static dpipes_status visit(walk *w, const level *l, const char *name, dpipes_error *err)
{
    struct stat info;
    dpi_buf_append_text(&w->path, name);
    if (dpi_buf_failed(&w->path))
        return dpi_fail_memory(err);
    if (is_ignored(w, l))
        return DPIPES_OK;
    if (stat(w->path.data, &info) != 0)
        return errno == ENOENT ? pass_over(w, "leads to nothing")
                               : dpi_fail_errno(err, DPIPES_EIO, errno, "%s", w->path.data);
    if (is_store(w, name, &info))
        return DPIPES_OK;
    if (S_ISREG(info.st_mode))
        return add_found(w, &info, err);
    return S_ISDIR(info.st_mode) ? visit_directory(w, l, &info, err) : pass_over(w, "neither a file nor a directory");
}

static int by_bytes(const struct dirent **one, const struct dirent **other)
{
    return strcmp((*one)->d_name, (*other)->d_name);
}

static int is_entry(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static dpipes_status visit_entries(walk *w, level *l, const struct stat *info, dpipes_error *err)
{
    struct dirent **entries = NULL;
    const size_t size = w->path.size;
    const int count = scandir(w->path.data, &entries, is_entry, by_bytes);
    if (count < 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "%s", w->path.data);
    dpipes_status status = DPIPES_OK;
    if (count == 0 && l->above)
        status = add_found(w, info, err);
    dpi_buf_append_char(&w->path, '/');
    if (status == DPIPES_OK)
        status = dpi_buf_failed(&w->path) ? dpi_fail_memory(err) : read_patterns(w, l, err);
    for (int i = 0; i < count && status == DPIPES_OK; i++) {
        cut(&w->path, size + 1);
        status = visit(w, l, entries[i]->d_name, err);
    }
    cut(&w->path, size);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    return status;
}

static dpipes_status check_level(const walk *w, const level *l, dpipes_error *err)
{
    if (l->depth > DPI_TREE_DEPTH_MAX)
        return dpi_fail(err, DPIPES_EINVAL, "%s: is %zu directories deep; at most %d are packed", w->path.data,
                        l->depth, DPI_TREE_DEPTH_MAX);
    for (const level *above = l->above; above; above = above->above)
        if (above->device == l->device && above->inode == l->inode)
            return dpi_fail(err, DPIPES_EINVAL, "%s: a link to a directory that it is in; leave it out by excludes",
                            w->path.data);
    return DPIPES_OK;
}

static dpipes_status visit_directory(walk *w, const level *above, const struct stat *info, dpipes_error *err)
{
    level l = {
        .above = above,
        .base = w->path.size + 1,
        .depth = above ? above->depth + 1 : 0,
        .device = info->st_dev,
        .inode = info->st_ino,
    };
    dpipes_status status = check_level(w, &l, err);
    if (status == DPIPES_OK)
        status = visit_entries(w, &l, info, err);
    for (int i = 0; i < SOURCES; i++)
        dpi_ignore_fini(&l.ignore[i]);
    return status;
}

/* A pattern's `?` is a character and not a byte, whatever the process's locale is; this thread's alone is changed meanwhile. */
dpipes_status dpi_tree_add_directory(dpi_tree *tree, const char *directory, const char *prefix,
                                     const dpi_tree_options *options, dpipes_error *err)
{
    struct stat info;
    walk w = {.tree = tree, .options = options, .prefix = prefix};
    if (stat(directory, &info) != 0)
        return dpi_fail_errno(err, errno == ENOENT ? DPIPES_ENOENT : DPIPES_EIO, errno, "%s", directory);
    if (!S_ISDIR(info.st_mode))
        return dpi_fail(err, DPIPES_EINVAL, "%s: is not a directory", directory);
    dpi_buf_append_text(&w.path, directory);
    while (w.path.size > 1 && w.path.data[w.path.size - 1] == '/')
        cut(&w.path, w.path.size - 1);
    w.root_size = w.path.size + 1;
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    const locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
    dpipes_status status = dpi_buf_failed(&w.path) ? dpi_fail_memory(err) : visit_directory(&w, NULL, &info, err);
    if (utf8) {
        uselocale(before);
        freelocale(utf8);
    }
    dpi_buf_fini(&w.path);
    return status;
}
