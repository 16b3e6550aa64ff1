/* What a LocalRay is started with: the `ray` program, a directory, a token, ports, and the command line made of them. */
#ifndef DPI_RAY_LOCAL_SETUP_H
#define DPI_RAY_LOCAL_SETUP_H

#include <dagster_pipes/ray.h>

#include "base/buf.h"

/* A list that ends with NULL, for exec. */
typedef struct dpi_words {
    char **items;
    size_t count;
    bool failed;
} dpi_words;

void dpi_words_fini(dpi_words *words);
void dpi_words_printf(dpi_words *words, const char *format, ...) DPIPES_PRINTF(2, 3);

typedef struct dpi_ray_program {
    dpi_buf path;
    bool in_path; /* found in PATH, so what is beside it (its `python`) is in PATH too */
} dpi_ray_program;

/* `option`, else DPIPES_RAY, else .venv/bin/ray of the working directory or of one above it, else `ray` in PATH. DPIPES_ENOENT:
 * where it was looked for, and what to install; DPIPES_ENOMEM. */
dpipes_status dpi_find_ray(const char *option, dpi_ray_program *program, dpipes_error *err);

typedef enum dpi_port { DPI_PORT_DASHBOARD, DPI_PORT_GCS, DPI_PORT_AGENT, DPI_PORT_CLIENT, DPI_PORT_COUNT } dpi_port;

/* Whether a server could listen on the port at 127.0.0.1. */
bool dpi_port_is_free(int port);

/* Puts a free port in each place that holds 0. DPIPES_EIO. */
dpipes_status dpi_pick_ports(int ports[DPI_PORT_COUNT], dpipes_error *err);

typedef struct dpi_local_setup {
    dpi_buf directory;
    dpi_buf ray_directory; /* Ray's own, inside: Ray opens it for everybody */
    dpi_buf temporary;     /* TMPDIR of all that runs there: what is killed leaves its files */
    dpi_buf token_file;    /* empty without auth */
    dpi_buf log;
    int ports[DPI_PORT_COUNT];
} dpi_local_setup;

/* Makes the directory, and the token in it unless there is to be none. DPIPES_EIO, DPIPES_ENOMEM. Needs dpi_local_setup_fini in every
 * case, which leaves the files alone. */
dpipes_status dpi_local_setup_init(dpi_local_setup *setup, const dpipes_local_ray_options *options, dpipes_error *err);
void dpi_local_setup_fini(dpi_local_setup *setup);

/* `ray start …`, and the environment that it is run in: ours, without what would lead Ray elsewhere. */
void dpi_local_setup_argv(const dpi_local_setup *setup, const dpi_ray_program *program,
                          const dpipes_local_ray_options *options, dpi_words *argv);
void dpi_local_setup_env(const dpi_local_setup *setup, const dpi_ray_program *program,
                         const dpipes_local_ray_options *options, dpi_words *env);

/* DPIPES_EINVAL names the option, its value and what is wrong with it. */
dpipes_status dpi_local_setup_check(const dpipes_local_ray_options *options, dpipes_error *err);

#endif
