/* Packs what a job has on this machine: RUNTIME_ENV_JSON [FILE TO SHIP…]. Writes each package to the working directory
 * under its name, and prints what stands in the runtime_env then, as JSON; what the logger hears goes to stderr. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "ray/parcels.h"

static void note(void *user, dpipes_log_level level, const char *message)
{
    (void)user;
    fprintf(stderr, "%s %s\n", dpipes_log_level_name(level), message);
}

static dpipes_status write_package(const dpi_parcel *parcel, dpipes_error *err)
{
    const int fd = open(parcel->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return DPIPES_EIO;
    dpipes_status status = dpi_fd_write_all(fd, parcel->bytes.data, parcel->bytes.size, -1, parcel->name, err);
    close(fd);
    return status;
}

int main(int argc, char **argv)
{
    static dpi_parcels parcels;
    dpipes_error err = DPIPES_ERROR_INIT;
    const dpi_log log = {note, NULL};
    dpipes_ray_job job = {.runtime_env_json = argv[1], .ship = (const char *const *)(argv + 2)};
    job.ship_count = (size_t)argc - 2;
    dpipes_status status = dpi_parcels_pack(&parcels, &job, getenv("CONTEXT"), NULL, &log, &err);
    for (size_t i = 0; i < parcels.count && status == DPIPES_OK; i++)
        status = write_package(&parcels.items[i], &err);
    if (status == DPIPES_OK)
        printf("{\"working_dir\": \"%s\", \"py_modules\": %s}\n", dpi_buf_text(&parcels.working_dir),
               parcels.py_modules.size > 0 ? parcels.py_modules.data : "null");
    else
        fprintf(stderr, "%s\n", err.message);
    dpi_parcels_fini(&parcels);
    return status == DPIPES_OK ? 0 : 1;
}
