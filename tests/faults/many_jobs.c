/* Follows many jobs on one client and one thread: ADDRESS MAX_STREAMS ID…. Prints each event as "ID JSON", then each run's end as
 * "ID end OUTCOME MESSAGE"; the most memory that the process had, in KiB, goes to stderr. */
#include <dagster_pipes/ray.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"

typedef struct job {
    dpipes_session *session;
    dpipes_ray_run *run;
} job;

static void print_events(dpipes_ray_client *client, dpi_buf *line)
{
    dpipes_ray_event event;
    while (dpipes_ray_client_next_event(client, &event)) {
        if (event.kind != DPIPES_RAY_EVENT_PIPES)
            continue;
        dpi_buf_clear(line);
        dpi_print_event_json(&event.pipes, line);
        printf("%s %s", dpipes_ray_run_submission_id(event.run), dpi_buf_text(line));
    }
}

static void print_end(const job *j)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_ray_result result;
    dpipes_ray_run_result(j->run, &result, &err);
    printf("%s end %s %s\n", result.submission_id, dpipes_ray_outcome_name(result.outcome), err.message);
    dpipes_ray_result_fini(&result);
}

static int follow(dpipes_ray_client *client, char *const *ids, size_t count, dpipes_error *err)
{
    job *jobs = calloc(count, sizeof *jobs);
    dpi_buf line = {0};
    dpipes_status status = jobs ? DPIPES_OK : DPIPES_ENOMEM;
    for (size_t i = 0; i < count && status == DPIPES_OK; i++) {
        const dpipes_ray_attach attach = {.submission_id = ids[i]};
        jobs[i].session = dpipes_session_new(NULL, NULL, err);
        jobs[i].run = jobs[i].session ? dpipes_ray_client_attach(client, &attach, jobs[i].session, err) : NULL;
        status = jobs[i].run ? DPIPES_OK : err->status;
    }
    while (status == DPIPES_OK && dpipes_ray_client_active(client) > 0) {
        status = dpipes_ray_client_step(client, DPIPES_FOREVER, err);
        print_events(client, &line);
    }
    for (size_t i = 0; jobs && i < count; i++) {
        if (jobs[i].run)
            print_end(&jobs[i]);
        dpipes_ray_run_free(jobs[i].run);
        dpipes_session_free(jobs[i].session);
    }
    dpi_buf_fini(&line);
    free(jobs);
    return status == DPIPES_OK ? 0 : 1;
}

/* Not of getrusage: that counts what the process was before exec, too. */
static long most_memory(void)
{
    char line[256];
    long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = atol(line + 6);
    if (status)
        fclose(status);
    return kib;
}

int main(int argc, char **argv)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_ray_client_options options = {.queue_events = true};
    if (argc < 4)
        return 2;
    options.address = argv[1];
    options.max_streams = (unsigned)atoi(argv[2]);
    dpipes_ray_client *client = dpipes_ray_client_new(&options, &err);
    const int code = client ? follow(client, argv + 3, (size_t)argc - 3, &err) : 1;
    if (code != 0)
        fprintf(stderr, "%s\n", err.message);
    dpipes_ray_client_free(client);
    fprintf(stderr, "%ld\n", most_memory());
    return code;
}
