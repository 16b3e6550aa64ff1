#include "ray/package.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <openssl/evp.h>
#include <zip.h>

#include "base/error.h"
#include "base/file.h"

#define DPI_LARGEST     3  /* files named when a package is too large */
#define DPI_NAME_BYTES  8  /* of the hash */
#define DPI_COMPRESSION 1  /* deflate's fastest: the network or the node's disk is not much slower */
#define DPI_DOS_DATE    33 /* 1980-01-01: a file's time would make another package of the same files */

/* ---- Limits ---- */

static bool is_among(size_t index, const size_t *named, size_t count)
{
    for (size_t n = 0; n < count; n++)
        if (named[n] == index)
            return true;
    return false;
}

/* The largest file that is not named yet; SIZE_MAX: none is left. */
static size_t next_largest(const dpi_tree *tree, const size_t *named, size_t count)
{
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < tree->count; i++)
        if (!is_among(i, named, count) && (found == SIZE_MAX || tree->files[i].size > tree->files[found].size))
            found = i;
    return found;
}

static dpipes_status refuse_size(const dpi_tree *tree, size_t size, const char *what, dpipes_error *err)
{
    size_t named[DPI_LARGEST];
    dpi_buf list = {0};
    for (size_t n = 0; tree && n < DPI_LARGEST && (named[n] = next_largest(tree, named, n)) != SIZE_MAX; n++)
        dpi_buf_printf(&list, "%s%s (%.1f MiB)", n ? ", " : "; the largest files: ", tree->files[named[n]].name,
                       (double)tree->files[named[n]].size / DPI_MIB);
    dpi_fail(err, DPIPES_EINVAL, "%s: the package has %.1f MiB, and Ray takes at most %.0f MiB%s", what,
             (double)size / DPI_MIB, (double)DPI_PACKAGE_MAX / DPI_MIB, dpi_buf_text(&list));
    dpi_buf_fini(&list);
    return DPIPES_EINVAL;
}

dpipes_status dpi_package_read(const char *path, const char *what, dpi_buf *bytes, dpipes_error *err)
{
    struct stat info;
    if (stat(path, &info) == 0 && S_ISREG(info.st_mode) && (uint64_t)info.st_size > DPI_PACKAGE_MAX)
        return refuse_size(NULL, (size_t)info.st_size, what, err);
    dpipes_status status = dpi_file_read(path, DPI_PACKAGE_MAX, bytes, err);
    return status == DPIPES_OK ? status : dpi_fail_prefix(err, status, "%s: ", what);
}

/* ---- The zip file ---- */

static dpipes_status fail_zip(zip_error_t *error, const char *what, dpipes_error *err)
{
    if (zip_error_code_zip(error) == ZIP_ER_MEMORY)
        return dpi_fail_memory(err);
    return dpi_fail(err, DPIPES_EIO, "%s: %s", what, zip_error_strerror(error));
}

static bool set_up_entry(zip_t *zip, zip_int64_t index, bool executable, bool directory)
{
    const zip_uint64_t i = (zip_uint64_t)index;
    const unsigned type = directory ? S_IFDIR : S_IFREG;
    const unsigned mode = type | (executable || directory ? 0755u : 0644u);
    return zip_file_set_external_attributes(zip, i, 0, ZIP_OPSYS_UNIX, mode << 16) == 0 &&
           zip_file_set_dostime(zip, i, 0, DPI_DOS_DATE, 0) == 0 &&
           (directory || zip_set_file_compression(zip, i, ZIP_CM_DEFLATE, DPI_COMPRESSION) == 0);
}

/* The source is the archive's when it was taken. */
static bool add_source(zip_t *zip, const char *name, zip_source_t *source, bool executable)
{
    const zip_int64_t index = source ? zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8) : -1;
    if (index < 0)
        zip_source_free(source);
    return index >= 0 && set_up_entry(zip, index, executable, false);
}

static bool add_file(zip_t *zip, const dpi_tree_file *file)
{
    if (!file->directory)
        return add_source(zip, file->name, zip_source_file(zip, file->path, 0, -1), file->executable);
    const zip_int64_t index = zip_dir_add(zip, file->name, ZIP_FL_ENC_UTF_8);
    return index >= 0 && set_up_entry(zip, index, false, true);
}

/* Files are read when the archive is closed. */
static dpipes_status write_archive(zip_t *zip, const dpi_tree *tree, const dpi_package_extra *extra, const char *what,
                                   dpipes_error *err)
{
    bool ok = true;
    for (size_t i = 0; i < tree->count && ok; i++)
        ok = add_file(zip, &tree->files[i]);
    if (ok && extra->data)
        ok = add_source(zip, extra->name, zip_source_buffer(zip, extra->data, extra->size, 0), false);
    if (ok && zip_close(zip) == 0)
        return DPIPES_OK;
    dpipes_status status = fail_zip(zip_get_error(zip), what, err);
    zip_discard(zip);
    return status;
}

static dpipes_status read_archive(zip_source_t *source, const dpi_tree *tree, const char *what, dpi_buf *out,
                                  dpipes_error *err)
{
    zip_stat_t info;
    if (zip_source_stat(source, &info) != 0 || zip_source_open(source) != 0)
        return fail_zip(zip_source_error(source), what, err);
    dpipes_status status = DPIPES_OK;
    if (info.size > DPI_PACKAGE_MAX)
        status = refuse_size(tree, (size_t)info.size, what, err);
    else if (!dpi_buf_reserve(out, (size_t)info.size))
        status = dpi_fail_memory(err);
    else if (zip_source_read(source, out->data, info.size) != (zip_int64_t)info.size)
        status = fail_zip(zip_source_error(source), what, err);
    else
        out->size = (size_t)info.size;
    zip_source_close(source);
    return status;
}

/* libzip makes no archive of nothing: it is the record of the central directory's end alone. */
static dpipes_status write_empty(dpi_buf *zip, dpipes_error *err)
{
    static const char record[22] = "PK\5\6";
    dpi_buf_append(zip, record, sizeof record);
    return dpi_buf_failed(zip) ? dpi_fail_memory(err) : DPIPES_OK;
}

dpipes_status dpi_package_zip(const dpi_tree *tree, const dpi_package_extra *extra, const char *what, dpi_buf *zip,
                              dpipes_error *err)
{
    zip_error_t failure;
    if (tree->count == 0 && !extra->data)
        return write_empty(zip, err);
    zip_error_init(&failure);
    zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, &failure);
    if (!source)
        return fail_zip(&failure, what, err);
    zip_source_keep(source);
    zip_t *archive = zip_open_from_source(source, ZIP_TRUNCATE, &failure);
    dpipes_status status = archive ? write_archive(archive, tree, extra, what, err) : fail_zip(&failure, what, err);
    if (status == DPIPES_OK)
        status = read_archive(source, tree, what, zip, err);
    zip_source_free(source);
    zip_error_fini(&failure);
    return status;
}

/* ---- The name ---- */

dpipes_status dpi_package_name(const dpi_buf *bytes, const char *extension, char name[DPI_PACKAGE_NAME_SIZE],
                               dpipes_error *err)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    if (EVP_Digest(dpi_buf_text(bytes), bytes->size, hash, NULL, EVP_sha256(), NULL) != 1)
        return dpi_fail(err, DPIPES_EIO, "libcrypto does not compute SHA-256");
    int at = snprintf(name, DPI_PACKAGE_NAME_SIZE, "_ray_pkg_");
    for (int i = 0; i < DPI_NAME_BYTES; i++)
        at += snprintf(name + at, DPI_PACKAGE_NAME_SIZE - (size_t)at, "%02x", hash[i]);
    snprintf(name + at, DPI_PACKAGE_NAME_SIZE - (size_t)at, "%s", extension);
    return DPIPES_OK;
}
