/* dagster_pipes/io.h: where the context comes from and where the messages go, when that is not what the environment says.
 *
 * Each seam is a table of functions with a state pointer, given to dpipes_open by its options: a params loader, a context
 * loader, and a message writer or a blob store. The table is copied by dpipes_open; its state belongs to the caller and
 * must live until the context is closed. `size` is the table's sizeof, or 0 for the fields of version 0.1.
 *
 * Every function returns DPIPES_OK or fills `err` (never NULL here) and returns its status; the library puts what it was
 * doing before the sentence. Params and context data are JSON texts, NUL-terminated. Texts that a function gives out are
 * memory from malloc(), which the library frees; a function that fails gives none.
 *
 * Threads. One call at a time for each context. A blob store's upload runs on a thread of the library's, all others on the
 * thread that called the library. None may call the library with the same context. */
#ifndef DAGSTER_PIPES_IO_H
#define DAGSTER_PIPES_IO_H

#include <dagster_pipes/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Params ---------------------------------------------------------------------------------------------------------
 * The two small objects that say where the context is and where the messages go. */

/* One of them by the name of its variable, DAGSTER_PIPES_CONTEXT or DAGSTER_PIPES_MESSAGES, and encoded as there. */
typedef struct dpipes_param {
    const char *name;
    const char *value;
} dpipes_param;

typedef struct dpipes_params_loader {
    size_t size;
    void *state;
    /* Whether an orchestrator started the process. False: the context does nothing, and neither of the others is called. */
    bool (*is_dagster_pipes_process)(void *state);
    dpipes_status (*load_context_params)(void *state, char **params, dpipes_error *err);
    dpipes_status (*load_messages_params)(void *state, char **params, dpipes_error *err);
} dpipes_params_loader;

/* base64(zlib(JSON)) to the JSON text of one object, and back; the caller frees it with free(). `name` begins the error.
 * NULL: DPIPES_EPROTO (decode), DPIPES_EINVAL (encode: no JSON)  what is wrong, at which byte; DPIPES_ENOMEM. */
DPIPES_API char *dpipes_decode_param(const char *name, const char *value, dpipes_error *err);
DPIPES_API char *dpipes_encode_param(const char *json, dpipes_error *err);

/* ---- Context --------------------------------------------------------------------------------------------------------
 */

typedef struct dpipes_context_loader {
    size_t size;
    void *state;
    /* Gives the context data, one JSON object. */
    dpipes_status (*load_context)(void *state, const char *params, char **context, dpipes_error *err);
} dpipes_context_loader;

/* The file `path` of the params under /dbfs, as Databricks mounts DBFS; and, on Unity Catalog volumes, as it is. The
 * state of the first is the mount point, a const char *: a copy of the table may have another. */
DPIPES_API const dpipes_context_loader *dpipes_dbfs_context_loader(void);
DPIPES_API const dpipes_context_loader *dpipes_unity_catalog_volumes_context_loader(void);

/* ---- Messages -------------------------------------------------------------------------------------------------------
 */

/* Takes each message as it is made. What fails is sticky: after a failed write there is no other, only `close`. */
typedef struct dpipes_message_writer {
    size_t size;
    void *state;
    /* Opens a channel; *channel goes to the other functions. NULL: *channel is `state`. */
    dpipes_status (*open)(void *state, const char *params, void **channel, dpipes_error *err);
    /* What `opened` tells the orchestrator, the JSON text of one object, borrowed until `close`. NULL, or it returns NULL:
     * nothing. */
    const char *(*opened_extras)(void *channel);
    /* One message: a JSON object on one line; `size` counts the newline at its end. */
    dpipes_status (*write_message)(void *channel, const char *message, size_t size, dpipes_error *err);
    /* Flushes and frees the channel; called once after an `open` that succeeded. NULL: nothing to do. */
    dpipes_status (*close)(void *channel, dpipes_error *err);
} dpipes_message_writer;

/* Takes the messages in chunks: lines joined by newlines, every `upload_interval_ms` of the options when there are any, and
 * the rest at close. A chunk whose upload fails is tried again with what has come since, at the next interval and at close;
 * fails that too, dpipes_close returns its reason. Up to DPIPES_CHUNK_MAX bytes wait; more is DPIPES_EIO, sticky. */
typedef struct dpipes_blob_store {
    size_t size;
    void *state;
    dpipes_status (*open)(void *state, const char *params, void **channel, dpipes_error *err);
    const char *(*opened_extras)(void *channel);
    /* `index` is 1 for the first chunk that was taken, 2 for the next; no gaps. Blocks; should end by itself in bounded
     * time, since dpipes_close waits for it. */
    dpipes_status (*upload_messages_chunk)(void *channel, uint64_t index, const char *payload, size_t size,
                                           dpipes_error *err);
    dpipes_status (*close)(void *channel, dpipes_error *err);
} dpipes_blob_store;

#define DPIPES_CHUNK_MAX ((size_t)1024 * 1024 * 1024)

/* The files {path}/{index}.json, `path` from the params; each appears under its name when it is whole. Under /dbfs (the
 * state, as for the loader), and on Unity Catalog volumes. */
DPIPES_API const dpipes_blob_store *dpipes_dbfs_blob_store(void);
DPIPES_API const dpipes_blob_store *dpipes_unity_catalog_volumes_blob_store(void);

#ifdef __cplusplus
}
#endif

#endif
