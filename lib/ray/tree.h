/* The files of a directory that go into a package: found as Ray's own packaging finds them, in an order that does not depend
 * on the file system. */
#ifndef DPI_RAY_TREE_H
#define DPI_RAY_TREE_H

#include "base/buf.h"
#include "base/log.h"

#define DPI_TREE_FILES_MAX ((size_t)100000)
#define DPI_TREE_BYTES_MAX ((uint64_t)1 << 30) /* before they are compressed */
#define DPI_TREE_DEPTH_MAX 64

typedef struct dpi_tree_file {
    char *path; /* on this machine */
    char *name; /* in the package */
    uint64_t size;
    bool executable;
    bool directory; /* an empty one: another is there by its files */
} dpi_tree_file;

typedef struct dpi_tree {
    dpi_tree_file *files;
    size_t count;
    size_t capacity;
    uint64_t bytes;
    dpi_buf states; /* of all, each with its name: what differs when a file has changed, or was changed for another */
    int64_t changed_s; /* Unix time: the last change */
} dpi_tree;

typedef struct dpi_tree_options {
    const char *const *excludes; /* patterns, relative to the directory */
    size_t exclude_count;
    bool no_gitignore; /* only .rayignore counts */
    const dpi_log *log;
} dpi_tree_options;

/* Adds what is below the directory, `prefix` before each name ("" or "module/"). Links are followed; what is neither a file
 * nor a directory, and a link to nothing, is passed over with a warning.
 * DPIPES_EINVAL: a limit above, with both numbers; a link to a directory above it; a name that no zip can have.
 * DPIPES_ENOENT, DPIPES_EIO, DPIPES_ENOMEM: the message begins with the path. */
dpipes_status dpi_tree_add_directory(dpi_tree *tree, const char *directory, const char *prefix,
                                     const dpi_tree_options *options, dpipes_error *err);

/* Adds one file under this name. */
dpipes_status dpi_tree_add_file(dpi_tree *tree, const char *path, const char *name, dpipes_error *err);

bool dpi_tree_has(const dpi_tree *tree, const char *name);

/* Whether any change from now on will be seen in the files' states: times are too coarse to tell two that follow at once. */
bool dpi_tree_is_settled(const dpi_tree *tree);

void dpi_tree_fini(dpi_tree *tree);

#endif
