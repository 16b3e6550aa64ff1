/* One rank of a program of several processes: rank 0 opens the session as usual, the others write into it once it is open, and
 * rank 0 closes it when they have ended. With MPI or torch the two waits are barriers.
 *
 *     rank [FAILS]                                    FAILS: the rank whose training fails */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <dagster_pipes/context.h>

static int number(const char *variable, int otherwise)
{
    const char *value = getenv(variable);
    return value ? atoi(value) : otherwise;
}

/* Until nobody holds the other end of the launcher's pipe. */
static void wait_for_end_of(const char *variable)
{
    char byte;
    int fd = number(variable, -1);
    while (fd >= 0 && read(fd, &byte, 1) > 0) {
    }
}

static dpipes_context *open_rank(int rank, dpipes_error *err)
{
    if (rank > 0)
        wait_for_end_of("OPENED_FD");
    dpipes_context *ctx = dpipes_open(&(dpipes_open_options){.secondary_writer = rank > 0}, err);
    if (rank == 0)
        close(number("OPENED_FD", -1));
    return ctx;
}

static void report(dpipes_context *ctx, int world_size)
{
    dpipes_metadata *md = dpipes_metadata_new();
    dpipes_metadata_int(md, "world_size", world_size);
    dpipes_report_asset_materialization(ctx, &(dpipes_materialization){.metadata = md});
    dpipes_metadata_free(md);
}

int main(int argc, char **argv)
{
    int rank = number("RANK", 0), world_size = number("WORLD_SIZE", 1);
    const dpipes_exception nan = {.name = "TrainingError", .message = "the loss is NaN"};
    bool fails = argc > 1 && atoi(argv[1]) == rank;
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_context *ctx = open_rank(rank, &err);
    if (!ctx)
        return fprintf(stderr, "rank %d: %s\n", rank, err.message), 1;

    for (int epoch = 1; epoch <= 3; epoch++)
        dpipes_log_info(ctx, "rank %d of %d: epoch %d", rank, world_size, epoch);

    if (rank == 0) {
        report(ctx, world_size);
        wait_for_end_of("ENDED_FD");
    }
    dpipes_status status = dpipes_close(ctx, fails ? &nan : NULL, &err);
    if (status != DPIPES_OK)
        fprintf(stderr, "rank %d: %s\n", rank, err.message);
    return status == DPIPES_OK && !fails ? 0 : 1;
}
