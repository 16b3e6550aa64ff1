/* Uses every part of the context API once, between fault_arm and fault_disarm, and says in a file what each call returned:
 *
 *     writer RESULT [unity|capture|nonblocking] */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <dagster_pipes/context.h>
#include <dagster_pipes/io.h>

/* Larger than a pipe, so that a non-blocking one is full in the middle of a message. */
#define LARGE_SIZE 200000

static char large[LARGE_SIZE];
static FILE *result;

static unsigned call_fault(const char *name)
{
    unsigned (*function)(void) = NULL;
    void *symbol = dlsym(RTLD_DEFAULT, name);
    memcpy(&function, &symbol, sizeof symbol);
    return function ? function() : 0;
}

static void say(const char *call, dpipes_status status)
{
    fprintf(result, "%s %s\n", call, dpipes_status_name(status));
}

static void use(dpipes_context *ctx)
{
    dpipes_metadata *md = dpipes_metadata_new();
    dpipes_metadata_int(md, "int", dpipes_extra_int(ctx, "n", -1));
    dpipes_metadata_text(md, "text", dpipes_extra_string(ctx, "text", "no text"));
    dpipes_metadata_json(md, "json", dpipes_extra_json(ctx, "tree", "[]"));
    say("log", dpipes_log_info(ctx, "%s", "one"));
    say("materialization", dpipes_report_asset_materialization(ctx, &(dpipes_materialization){.metadata = md}));
    say("check", dpipes_report_asset_check(ctx, &(dpipes_asset_check){.check_name = "c", .passed = true}));
    say("custom", dpipes_report_custom_message(ctx, dpipes_extras_json(ctx)));
    say("stream", dpipes_log_external_stream(ctx, "stdout", large, sizeof large, NULL));
    dpipes_metadata_free(md);
}

static void set_up(const char *kind, dpipes_open_options *options)
{
    memset(large, 'x', sizeof large);
    signal(SIGPIPE, SIG_IGN);
    options->logger = NULL;
    if (strcmp(kind, "unity") == 0)
        options->blob_store = dpipes_unity_catalog_volumes_blob_store();
    options->capture_stdio = strcmp(kind, "capture") == 0;
    if (strcmp(kind, "nonblocking") == 0)
        fcntl(STDOUT_FILENO, F_SETFL, fcntl(STDOUT_FILENO, F_GETFL) | O_NONBLOCK);
}

int main(int argc, char **argv)
{
    dpipes_open_options options = {0};
    dpipes_error err = DPIPES_ERROR_INIT;
    if (argc < 2 || !(result = fopen(argv[1], "w")))
        return 2;
    setvbuf(result, NULL, _IOFBF, 1 << 16);
    set_up(argc > 2 ? argv[2] : "", &options);
    (void)call_fault("fault_arm");
    dpipes_context *ctx = dpipes_open(&options, &err);
    say("open", ctx ? DPIPES_OK : err.status);
    if (ctx) {
        use(ctx);
        say("close", dpipes_close(ctx, NULL, &err));
        dpipes_free(ctx);
    }
    (void)call_fault("fault_disarm");
    fprintf(result, "calls %u\n%s\n", call_fault("fault_count"), err.message);
    fclose(result);
    return ctx && err.status == DPIPES_OK ? 0 : 1;
}
