/* The tutorial's ml_training.py in C: every partition is trained by a thread of its own, the results go to
 * Dagster as the metadata of one materialization. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dagster_pipes/context.h>

#define MAX_PARTITIONS 256 /* each is a thread */

typedef struct partition {
    int id;
    double accuracy;
    pthread_t thread;
} partition;

static void *train_partition(void *arg)
{
    partition *p = (partition *)arg;
    struct timespec work = {1, 0};
    while (nanosleep(&work, &work) != 0 && errno == EINTR)
        continue;
    p->accuracy = 0.95;
    return NULL;
}

/* Trains all partitions at the same time; 0, or the errno of the thread that could not be started. */
static int train(partition *partitions, int count)
{
    int started = 0, rc = 0;
    while (started < count && rc == 0) {
        partition *p = &partitions[started];
        p->id = started;
        rc = pthread_create(&p->thread, NULL, train_partition, p);
        if (rc == 0)
            started++;
    }
    for (int i = 0; i < started; i++)
        pthread_join(partitions[i].thread, NULL);
    return rc;
}

/* [{"partition_id": 0, "accuracy": 0.95}, …]; NULL when memory is short. The caller frees it. */
static char *results_json(const partition *partitions, int count)
{
    char *json = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&json, &size);
    if (!out)
        return NULL;
    fputc('[', out);
    for (int i = 0; i < count; i++)
        fprintf(out, "%s{\"partition_id\": %d, \"accuracy\": %g}", i ? ", " : "", partitions[i].id,
                partitions[i].accuracy);
    fputc(']', out);
    if (fclose(out) == 0)
        return json;
    free(json);
    return NULL;
}

static void report(dpipes_context *ctx, int count, const char *results)
{
    dpipes_metadata *md = dpipes_metadata_new();
    dpipes_metadata_int(md, "num_partitions", count);
    dpipes_metadata_json(md, "results", results);
    dpipes_report_asset_materialization(ctx, &(dpipes_materialization){.metadata = md, .data_version = "alpha"});
    dpipes_metadata_free(md);
}

static int finish(dpipes_context *ctx, const dpipes_exception *exception)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    if (dpipes_close(ctx, exception, &err) == DPIPES_OK && !exception)
        return EXIT_SUCCESS;
    fprintf(stderr, "ml_training: %s\n", err.status != DPIPES_OK ? err.message : exception->message);
    return EXIT_FAILURE;
}

static int fail(dpipes_context *ctx, const char *name, const char *message)
{
    return finish(ctx, &(dpipes_exception){.name = name, .message = message});
}

int main(void)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_context *ctx = dpipes_open(NULL, &err);
    if (!ctx)
        return fprintf(stderr, "ml_training: %s\n", err.message), EXIT_FAILURE;

    dpipes_log_info(ctx, "Starting distributed ML training");

    int64_t wanted = dpipes_extra_int(ctx, "num_partitions", 4);
    if (dpipes_failure(ctx, &err) != DPIPES_OK)
        return finish(ctx, NULL);
    if (wanted < 0 || wanted > MAX_PARTITIONS) {
        char message[128];
        snprintf(message, sizeof message, "num_partitions: %lld is not between 0 and %d", (long long)wanted,
                 MAX_PARTITIONS);
        return fail(ctx, "ValueError", message);
    }

    int count = (int)wanted;
    partition partitions[MAX_PARTITIONS];
    int rc = train(partitions, count);
    if (rc != 0)
        return fail(ctx, "ThreadError", strerror(rc));
    dpipes_log_info(ctx, "Training complete on %d partitions", count);

    char *results = results_json(partitions, count);
    if (!results)
        return fail(ctx, "MemoryError", "no memory for the results");
    report(ctx, count, results);
    free(results);
    return finish(ctx, NULL);
}
