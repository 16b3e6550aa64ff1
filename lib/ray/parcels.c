#include "ray/parcels.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json_write.h"
#include "ray/elf_needed.h"
#include "ray/object.h"

#define DPI_DEFAULT_EXCLUDES ".git,.venv,venv,__pycache__" /* Ray's, of a working_dir */
#define DPI_EXCLUDES_MAX     1024

/* What is packed, and by which rules. */
typedef struct packing {
    dpi_parcels *parcels;
    dpi_kept_package *kept; /* NULL: none is */
    const dpi_log *log;
    dpi_json_value runtime_env;
    dpi_buf texts; /* the patterns, each with its NUL */
    const char *excludes[DPI_EXCLUDES_MAX];
    size_t exclude_count;
    size_t default_count; /* those at the beginning, which only a working_dir has */
} packing;

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* gcs://, s3://, https://, local:// and so on: Ray fetches it itself. */
static bool is_uri(const char *text)
{
    return strstr(text, "://") != NULL;
}

/* The extension of the package for an archive that Ray unpacks, NULL for another file. */
static const char *archive_extension(const char *path)
{
    static const char *const extensions[][2] = {
        {".zip", ".zip"}, {".tar.gz", ".tar.gz"}, {".tgz", ".tar.gz"}, {".tar.xz", ".tar.xz"}};
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++)
        if (dpi_path_ends_with(path, extensions[i][0]))
            return extensions[i][1];
    return NULL;
}

/* ---- The runtime_env ---- */

static dpipes_status decode(const dpi_json_value *value, const char *what, dpi_buf *text, dpipes_error *err)
{
    dpi_buf_clear(text);
    if (value->kind != DPI_JSON_STRING)
        return dpi_fail(err, DPIPES_EINVAL, "runtime_env: %s is %s, not a string", what, dpi_json_kind_name(value));
    dpi_json_decode_string(value, text);
    if (dpi_buf_failed(text))
        return dpi_fail_memory(err);
    if (text->size == 0 || strlen(text->data) != text->size)
        return dpi_fail(err, DPIPES_EINVAL, "runtime_env: %s is empty, or has a NUL in it", what);
    return DPIPES_OK;
}

static bool get_member(const dpi_json_value *object, const char *name, dpi_json_value *value)
{
    return dpi_json_get(object, name, value) && value->kind != DPI_JSON_NULL;
}

static dpipes_status get_list(const packing *p, const char *name, dpi_json_value *list, bool *found, dpipes_error *err)
{
    *found = get_member(&p->runtime_env, name, list);
    if (*found && list->kind != DPI_JSON_ARRAY)
        return dpi_fail(err, DPIPES_EINVAL, "runtime_env: %s is %s, not a list", name, dpi_json_kind_name(list));
    return DPIPES_OK;
}

/* ---- Excludes ---- */

static void add_default_excludes(packing *p)
{
    const char *list = getenv("RAY_OVERRIDE_RUNTIME_ENV_DEFAULT_EXCLUDES");
    for (const char *at = list ? list : DPI_DEFAULT_EXCLUDES; *at;) {
        const size_t size = strcspn(at, ",");
        if (size > 0) {
            dpi_buf_append(&p->texts, at, size);
            dpi_buf_append_char(&p->texts, '\0');
            p->default_count++;
        }
        at += size + (at[size] == ',');
    }
}

static dpipes_status add_user_excludes(packing *p, size_t *count, dpipes_error *err)
{
    dpi_json_value list, value;
    bool found;
    dpi_buf text = {0};
    dpipes_status status = get_list(p, "excludes", &list, &found, err);
    if (status != DPIPES_OK || !found)
        return status;
    for (dpi_json_iter it = dpi_json_iter_init(&list); status == DPIPES_OK && dpi_json_iter_next(&it, NULL, &value);) {
        status = decode(&value, "excludes", &text, err);
        if (status != DPIPES_OK)
            break;
        dpi_buf_append(&p->texts, text.data, text.size + 1);
        ++*count;
    }
    dpi_buf_fini(&text);
    return status;
}

static dpipes_status read_excludes(packing *p, dpipes_error *err)
{
    add_default_excludes(p);
    size_t count = p->default_count;
    dpipes_status status = add_user_excludes(p, &count, err);
    if (status != DPIPES_OK)
        return status;
    if (dpi_buf_failed(&p->texts))
        return dpi_fail_memory(err);
    if (count > DPI_EXCLUDES_MAX)
        return dpi_fail(err, DPIPES_EINVAL, "runtime_env: %zu excludes; at most %d are taken", count, DPI_EXCLUDES_MAX);
    const char *at = dpi_buf_text(&p->texts);
    for (; p->exclude_count < count; at += strlen(at) + 1)
        p->excludes[p->exclude_count++] = at;
    return DPIPES_OK;
}

static dpi_tree_options tree_options(const packing *p, bool of_working_dir)
{
    const char *no_gitignore = getenv("RAY_RUNTIME_ENV_IGNORE_GITIGNORE");
    const size_t first = of_working_dir ? 0 : p->default_count;
    return (dpi_tree_options){
        .excludes = p->excludes + first,
        .exclude_count = p->exclude_count - first,
        .no_gitignore = no_gitignore && strcmp(no_gitignore, "1") == 0,
        .log = p->log,
    };
}

/* ---- What a program in it needs ---- */

typedef struct needs {
    const dpi_tree *tree;
    dpi_buf missing;
} needs;

static void note_needed(void *user, const char *library)
{
    needs *n = user;
    for (size_t i = 0; i < n->tree->count; i++)
        if (strcmp(base_name(n->tree->files[i].name), library) == 0)
            return;
    dpi_buf_printf(&n->missing, "%s%s", n->missing.size > 0 ? ", " : "", library);
}

static void warn_of_needs(const packing *p, const dpi_tree *tree)
{
    needs n = {.tree = tree};
    for (size_t i = 0; i < tree->count; i++) {
        if (!tree->files[i].executable || tree->files[i].directory)
            continue;
        dpi_buf_clear(&n.missing);
        dpi_elf_needed(tree->files[i].path, note_needed, &n);
        if (n.missing.size > 0)
            dpi_log_emit(p->log, DPIPES_LOG_WARNING,
                         "%s needs %s, which a plain node does not have: install it there, or ship it too",
                         tree->files[i].name, dpi_buf_text(&n.missing));
    }
    dpi_buf_fini(&n.missing);
}

/* ---- Packages ---- */

static dpipes_status next_parcel(const packing *p, dpi_parcel **parcel, dpipes_error *err)
{
    if (p->parcels->count == DPI_PARCELS_MAX)
        return dpi_fail(err, DPIPES_EINVAL, "runtime_env: more than %d packages", DPI_PARCELS_MAX);
    *parcel = &p->parcels->items[p->parcels->count++];
    return DPIPES_OK;
}

/* Where the parcel is kept for the next job; NULL: nowhere. */
static dpi_kept_package *place_of(const packing *p, const dpi_parcel *parcel)
{
    const ptrdiff_t place = parcel - p->parcels->items;
    return p->kept && place < DPI_PARCELS_KEPT ? &p->kept[place] : NULL;
}

static dpipes_status zip_tree(const packing *p, const dpi_tree *tree, const dpi_package_extra *extra, const char *what,
                              dpi_parcel *parcel, dpipes_error *err)
{
    dpi_kept_package *kept = extra->data || !dpi_tree_is_settled(tree) ? NULL : place_of(p, parcel);
    dpipes_status status = dpi_package_zip(tree, extra, what, &parcel->bytes, err);
    if (status == DPIPES_OK)
        status = dpi_package_name(&parcel->bytes, ".zip", parcel->name, err);
    if (status != DPIPES_OK)
        return status;
    if (kept)
        dpi_kept_package_put(kept, tree, &parcel->bytes, parcel->name);
    warn_of_needs(p, tree);
    return DPIPES_OK;
}

static dpipes_status pack_tree(packing *p, const dpi_tree *tree, const dpi_package_extra *extra, const char *what,
                               dpi_parcel **parcel, dpipes_error *err)
{
    dpipes_status status = next_parcel(p, parcel, err);
    if (status != DPIPES_OK)
        return status;
    const dpi_kept_package *kept = extra->data ? NULL : place_of(p, *parcel);
    const bool known = kept && dpi_kept_package_copy(kept, tree, &(*parcel)->bytes, (*parcel)->name);
    if (!known)
        status = zip_tree(p, tree, extra, what, *parcel, err);
    if (status == DPIPES_OK)
        dpi_log_emit(p->log, DPIPES_LOG_INFO, "%s: %zu files of %llu bytes are package %s of %zu bytes%s", what,
                     tree->count + (extra->data != NULL), (unsigned long long)tree->bytes, (*parcel)->name,
                     (*parcel)->bytes.size, known ? ", as before" : "");
    return status;
}

static dpipes_status pack_archive(packing *p, const char *path, const char *what, const char *extension,
                                  dpi_parcel **parcel, dpipes_error *err)
{
    dpipes_status status = next_parcel(p, parcel, err);
    if (status == DPIPES_OK)
        status = dpi_package_read(path, what, &(*parcel)->bytes, err);
    return status == DPIPES_OK ? dpi_package_name(&(*parcel)->bytes, extension, (*parcel)->name, err) : status;
}

/* ---- The working_dir ---- */

static bool is_taken(const dpi_tree *tree, const char *name)
{
    const size_t size = strlen(name);
    for (size_t i = 0; i < tree->count; i++) {
        const char *there = tree->files[i].name;
        if (strncmp(there, name, size) == 0 && (there[size] == '\0' || there[size] == '/'))
            return true;
    }
    return false;
}

/* All of a directory: what keeps files of a working_dir out is not meant for it. */
static dpipes_status add_shipped_directory(const packing *p, const char *path, const char *name, dpi_tree *tree,
                                           dpipes_error *err)
{
    dpi_buf prefix = {0};
    const dpi_tree_options options = {.no_gitignore = true, .log = p->log};
    dpi_buf_printf(&prefix, "%s/", name);
    dpipes_status status =
        dpi_buf_failed(&prefix) ? dpi_fail_memory(err) : dpi_tree_add_directory(tree, path, prefix.data, &options, err);
    dpi_buf_fini(&prefix);
    return status;
}

static dpipes_status add_shipped(const packing *p, const dpipes_ray_job *job, dpi_tree *tree, dpipes_error *err)
{
    dpipes_status status = DPIPES_OK;
    for (size_t i = 0; i < job->ship_count && status == DPIPES_OK; i++) {
        const char *path = job->ship[i], *name = base_name(path);
        if (!*name)
            return dpi_fail(err, DPIPES_EINVAL, "ship: %s: a path that ends with a name is wanted", path);
        if (is_taken(tree, name))
            return dpi_fail(err, DPIPES_EINVAL, "ship: %s: the package has a file `%s` already", path, name);
        status = is_directory(path) ? add_shipped_directory(p, path, name, tree, err)
                                    : dpi_tree_add_file(tree, path, name, err);
        if (status != DPIPES_OK)
            return dpi_fail_prefix(err, status, "ship: ");
    }
    return status;
}

static dpipes_status fill_working_dir(packing *p, const dpipes_ray_job *job, const char *directory,
                                      const dpi_package_extra *context, dpi_tree *tree, dpipes_error *err)
{
    const dpi_tree_options options = tree_options(p, true);
    dpipes_status status = directory ? dpi_tree_add_directory(tree, directory, "", &options, err) : DPIPES_OK;
    if (status != DPIPES_OK)
        return dpi_fail_prefix(err, status, "working_dir: ");
    status = add_shipped(p, job, tree, err);
    if (status == DPIPES_OK && context->data && dpi_tree_has(tree, context->name))
        status = dpi_fail(err, DPIPES_EINVAL, "working_dir: %s: the context of the run takes the name `%s`", directory,
                          context->name);
    return status;
}

static dpipes_status pack_directory(packing *p, const dpipes_ray_job *job, const char *directory,
                                    const char *context_json, dpi_parcel **parcel, dpipes_error *err)
{
    dpi_tree tree = {0};
    dpi_buf what = {0};
    const dpi_package_extra context = {DPI_PARCEL_CONTEXT, context_json, context_json ? strlen(context_json) : 0};
    dpi_buf_printf(&what, "%s%s", directory ? "working_dir " : "ship", directory ? directory : "");
    dpipes_status status = fill_working_dir(p, job, directory, &context, &tree, err);
    if (status == DPIPES_OK)
        status = pack_tree(p, &tree, &context, dpi_buf_text(&what), parcel, err);
    dpi_tree_fini(&tree);
    dpi_buf_fini(&what);
    return status;
}

static dpipes_status pack_local(packing *p, const dpipes_ray_job *job, const char *path, const char *context_json,
                                dpipes_error *err)
{
    dpi_parcel *parcel = NULL;
    dpipes_status status;
    const char *extension = path ? archive_extension(path) : NULL;
    if (!path || is_directory(path))
        status = pack_directory(p, job, path, context_json, &parcel, err);
    else if (extension && job->ship_count == 0)
        status = pack_archive(p, path, "working_dir", extension, &parcel, err);
    else
        return dpi_fail(err, DPIPES_EINVAL, "working_dir: `%s` is no directory%s", path,
                        extension ? ", so nothing can be shipped with it"
                                  : ", no archive (.zip, .tar.gz, .tgz, .tar.xz) and no URI");
    if (status == DPIPES_OK)
        dpi_buf_printf(&p->parcels->working_dir, "gcs://%s", parcel->name);
    return status;
}

static dpipes_status pack_working_dir(packing *p, const dpipes_ray_job *job, const char *context_json,
                                      dpipes_error *err)
{
    dpi_json_value value;
    dpi_buf given = {0};
    dpipes_status status = DPIPES_OK;
    if (job->working_dir)
        dpi_buf_append_text(&given, job->working_dir);
    else if (get_member(&p->runtime_env, "working_dir", &value))
        status = decode(&value, "working_dir", &given, err);
    const char *path = given.size > 0 ? given.data : NULL;
    if (status == DPIPES_OK && path && is_uri(path) && job->ship_count > 0)
        status = dpi_fail(err, DPIPES_EINVAL, "ship: nothing can be added to the working_dir %s", path);
    else if (status == DPIPES_OK && path && is_uri(path))
        dpi_buf_append_text(&p->parcels->working_dir, path);
    else if (status == DPIPES_OK && (path || job->ship_count > 0))
        status = pack_local(p, job, path, context_json, err);
    dpi_buf_fini(&given);
    return status;
}

/* ---- The py_modules ---- */

static dpipes_status pack_module_tree(packing *p, const char *path, dpi_parcel **parcel, dpipes_error *err)
{
    dpi_tree tree = {0};
    dpi_buf prefix = {0}, what = {0};
    char *whole = realpath(path, NULL);
    const dpi_package_extra nothing = {0};
    const dpi_tree_options options = tree_options(p, false);
    dpi_buf_printf(&prefix, "%s/", whole ? base_name(whole) : "");
    dpi_buf_printf(&what, "py_modules %s", path);
    dpipes_status status = !whole || dpi_buf_failed(&prefix) || dpi_buf_failed(&what) ? dpi_fail_memory(err)
                           : is_directory(path) ? dpi_tree_add_directory(&tree, path, prefix.data, &options, err)
                                                : dpi_tree_add_file(&tree, path, base_name(path), err);
    if (status == DPIPES_OK)
        status = pack_tree(p, &tree, &nothing, what.data, parcel, err);
    dpi_tree_fini(&tree);
    dpi_buf_fini(&prefix);
    dpi_buf_fini(&what);
    free(whole);
    return status;
}

/* A wheel keeps its name, which says what it is for. */
static dpipes_status pack_wheel(packing *p, const char *path, dpi_parcel **parcel, dpipes_error *err)
{
    const char *name = base_name(path);
    if (strlen(name) >= DPI_PACKAGE_NAME_SIZE)
        return dpi_fail(err, DPIPES_EINVAL, "py_modules: %s: a name of %zu bytes; at most %d are taken", path,
                        strlen(name), DPI_PACKAGE_NAME_SIZE - 1);
    dpipes_status status = pack_archive(p, path, "py_modules", "", parcel, err);
    if (status == DPIPES_OK)
        strcpy((*parcel)->name, name);
    return status;
}

static dpipes_status pack_module(packing *p, const char *path, dpi_parcel **parcel, dpipes_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return dpi_fail(err, DPIPES_ENOENT, "py_modules: `%s` is not there, and no URI", path);
    if (S_ISDIR(info.st_mode) || dpi_path_ends_with(path, ".py"))
        return pack_module_tree(p, path, parcel, err);
    if (dpi_path_ends_with(path, ".whl"))
        return pack_wheel(p, path, parcel, err);
    return dpi_fail(err, DPIPES_EINVAL, "py_modules: `%s` is no directory, no .py and no .whl file", path);
}

static dpipes_status add_module(packing *p, const char *path, dpipes_error *err)
{
    dpi_parcel *parcel = NULL;
    dpi_buf uri = {0};
    dpipes_status status = is_uri(path) ? DPIPES_OK : pack_module(p, path, &parcel, err);
    if (status != DPIPES_OK)
        return status;
    dpi_buf_printf(&uri, "%s%s", parcel ? "gcs://" : "", parcel ? parcel->name : path);
    dpi_buf_append_text(&p->parcels->py_modules, p->parcels->py_modules.size > 1 ? ", " : "");
    dpi_json_write_string(&p->parcels->py_modules, dpi_buf_text(&uri), uri.size);
    status = dpi_buf_failed(&uri) ? dpi_fail_memory(err) : DPIPES_OK;
    dpi_buf_fini(&uri);
    return status;
}

static dpipes_status pack_modules(packing *p, dpipes_error *err)
{
    dpi_json_value list, value;
    dpi_buf path = {0};
    bool found;
    dpipes_status status = get_list(p, "py_modules", &list, &found, err);
    if (status != DPIPES_OK || !found)
        return status;
    dpi_buf_append_char(&p->parcels->py_modules, '[');
    for (dpi_json_iter it = dpi_json_iter_init(&list); status == DPIPES_OK && dpi_json_iter_next(&it, NULL, &value);) {
        status = decode(&value, "py_modules", &path, err);
        if (status == DPIPES_OK)
            status = add_module(p, path.data, err);
    }
    dpi_buf_append_char(&p->parcels->py_modules, ']');
    dpi_buf_fini(&path);
    return status;
}

/* ---- All ---- */

static dpipes_status parse_runtime_env(const dpipes_ray_job *job, dpi_json_value *runtime_env, dpipes_error *err)
{
    return dpi_object_parse(job->runtime_env_json ? job->runtime_env_json : "{}", "runtime_env", runtime_env, err);
}

bool dpi_parcels_have_room(const dpipes_ray_job *job)
{
    dpi_json_value runtime_env, value;
    dpi_buf path = {0};
    bool room = job->ship_count > 0 || (job->working_dir && is_directory(job->working_dir));
    if (!room && !job->working_dir && parse_runtime_env(job, &runtime_env, NULL) == DPIPES_OK &&
        get_member(&runtime_env, "working_dir", &value) && decode(&value, "", &path, NULL) == DPIPES_OK)
        room = is_directory(path.data);
    dpi_buf_fini(&path);
    return room;
}

dpipes_status dpi_parcels_pack(dpi_parcels *parcels, const dpipes_ray_job *job, const char *context_json,
                               dpi_kept_package *kept, const dpi_log *log, dpipes_error *err)
{
    packing *p = calloc(1, sizeof *p);
    if (!p)
        return dpi_fail_memory(err);
    p->parcels = parcels;
    p->kept = kept;
    p->log = log;
    dpipes_status status = parse_runtime_env(job, &p->runtime_env, err);
    if (status == DPIPES_OK)
        status = read_excludes(p, err);
    if (status == DPIPES_OK)
        status = pack_working_dir(p, job, context_json, err);
    if (status == DPIPES_OK)
        status = pack_modules(p, err);
    if (status == DPIPES_OK && (dpi_buf_failed(&parcels->working_dir) || dpi_buf_failed(&parcels->py_modules)))
        status = dpi_fail_memory(err);
    dpi_buf_fini(&p->texts);
    free(p);
    return status;
}

void dpi_parcels_fini(dpi_parcels *parcels)
{
    for (size_t i = 0; i < parcels->count; i++)
        dpi_buf_fini(&parcels->items[i].bytes);
    dpi_buf_fini(&parcels->working_dir);
    dpi_buf_fini(&parcels->py_modules);
    *parcels = (dpi_parcels){0};
}
