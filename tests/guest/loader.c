/* Loads the library by dlopen, logs, closes and unloads it, many times; nothing may be left open or grow.
 *
 *     loader LIBRARY */
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <dagster_pipes/context.h>

#define ROUNDS 50

/* A function of the library's, as POSIX lets dlsym give one. */
static bool find(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

static int use(void *library)
{
    dpipes_context *(*open)(const dpipes_open_options *, dpipes_error *);
    dpipes_status (*log)(dpipes_context *, dpipes_log_level, const char *);
    dpipes_status (*close)(dpipes_context *, const dpipes_exception *, dpipes_error *);
    void (*free)(dpipes_context *);
    dpipes_error err = DPIPES_ERROR_INIT;
    if (!find(library, "dpipes_open", &open) || !find(library, "dpipes_log", &log) ||
        !find(library, "dpipes_close", &close) || !find(library, "dpipes_free", &free))
        return fprintf(stderr, "%s\n", dlerror()), 1;
    dpipes_context *ctx = open(&(dpipes_open_options){.crash_reports = true, .capture_stdio = true}, &err);
    if (!ctx)
        return fprintf(stderr, "%s\n", err.message), 1;
    log(ctx, DPIPES_LOG_INFO, "loaded");
    dpipes_status status = close(ctx, NULL, &err);
    free(ctx);
    return status == DPIPES_OK ? 0 : 1;
}

static int open_descriptors(void)
{
    int count = 0;
    DIR *fds = opendir("/proc/self/fd");
    while (fds && readdir(fds))
        count++;
    if (fds)
        closedir(fds);
    return count;
}

int main(int argc, char **argv)
{
    int failed = argc != 2, before = open_descriptors();
    for (int i = 0; i < ROUNDS && !failed; i++) {
        void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        failed = !library || use(library) != 0 || dlclose(library) != 0;
    }
    if (open_descriptors() != before)
        return fprintf(stderr, "descriptors are left open\n"), 1;
    return failed;
}
