/* A program that has the library as a guest and looks at what the guest does. Its first argument says under which conditions;
 * exit code 0: the guest behaved.
 *
 *     state     nothing of the process has changed after open, a log, and close
 *     locale    numbers are read and written with a point, whatever the program's locale
 *     print     the program prints while messages go to a file
 *     chroot    the program shuts itself into its working directory after open
 *     seccomp   the program allows itself a handful of system calls after open
 *     bytes     a child and the program write what is no text, and no whole line
 *     large     one message of 100 MB */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <locale.h>
#include <stddef.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <dagster_pipes/context.h>

#define LARGE_SIZE ((size_t)100 * 1000 * 1000)

extern char **environ;

static dpipes_error err = DPIPES_ERROR_INIT;

static int failed(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, err.message);
    return 1;
}

static int close_context(dpipes_context *ctx)
{
    return dpipes_close(ctx, NULL, &err) == DPIPES_OK ? 0 : failed("close");
}

/* ---- state ----------------------------------------------------------------------------------------------------- */

typedef struct state {
    char signals[256]; /* the lines of /proc/self/status on signals and threads */
    char locale[256];
    char environment[4096];
    size_t stdout_size;
    int stdout_by_lines;
    int descriptors;
} state;

static void read_status(char *lines, size_t size)
{
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    lines[0] = '\0';
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "Sig", 3) == 0 || strncmp(line, "Threads", 7) == 0)
            strncat(lines, line, size - strlen(lines) - 1);
    if (status)
        fclose(status);
}

static state look(void)
{
    state s = {0};
    read_status(s.signals, sizeof s.signals);
    (void)snprintf(s.locale, sizeof s.locale, "%s %d", setlocale(LC_ALL, NULL), uselocale(0) == LC_GLOBAL_LOCALE);
    for (char **variable = environ; *variable; variable++)
        strncat(s.environment, *variable, sizeof s.environment - strlen(s.environment) - 1);
    s.stdout_size = __fbufsize(stdout);
    s.stdout_by_lines = __flbf(stdout);
    for (int fd = 0; fd < 256; fd++)
        s.descriptors += fcntl(fd, F_GETFD) >= 0;
    return s;
}

static int compare(const state *before, const state *after)
{
    int differs = 0;
    const struct {
        const char *what;
        bool same;
    } claims[] = {
        {"signals or threads", strcmp(before->signals, after->signals) == 0},
        {"locale", strcmp(before->locale, after->locale) == 0},
        {"environment", strcmp(before->environment, after->environment) == 0},
        {"stdout's buffer", before->stdout_size == after->stdout_size},
        {"stdout's buffering", before->stdout_by_lines == after->stdout_by_lines},
        {"descriptors", before->descriptors == after->descriptors},
    };
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++)
        if (!claims[i].same) {
            fprintf(stderr, "changed: %s\n", claims[i].what);
            differs = 1;
        }
    return differs;
}

static int keeps_the_state(void)
{
    state before = look(), during, after;
    dpipes_context *ctx = dpipes_open(NULL, &err);
    if (!ctx)
        return failed("open");
    dpipes_log_info(ctx, "a guest");
    during = look();
    /* The message file is open meanwhile. */
    during.descriptors = before.descriptors;
    int code = close_context(ctx);
    dpipes_free(ctx);
    after = look();
    return code | compare(&before, &during) | compare(&before, &after);
}

/* ---- locale ---------------------------------------------------------------------------------------------------- */

static int keeps_the_point(void)
{
    char text[32];
    if (!setlocale(LC_ALL, ""))
        return failed("setlocale");
    (void)snprintf(text, sizeof text, "%.1f", 0.5);
    dpipes_context *ctx = dpipes_open(NULL, &err);
    if (!ctx)
        return failed("open");
    dpipes_metadata *md = dpipes_metadata_new();
    dpipes_metadata_float(md, "double", dpipes_extra_double(ctx, "lr", 0));
    dpipes_metadata_text(md, "by printf", text);
    dpipes_report_asset_materialization(ctx, &(dpipes_materialization){.metadata = md});
    dpipes_metadata_free(md);
    return close_context(ctx);
}

/* ---- print ----------------------------------------------------------------------------------------------------- */

static int prints(void)
{
    dpipes_context *ctx = dpipes_open(NULL, &err);
    if (!ctx)
        return failed("open");
    printf("printed\n");
    (void)fflush(stdout);
    (void)!write(STDERR_FILENO, "written\n", 8);
    dpipes_log_info(ctx, "logged");
    return close_context(ctx);
}

static int writes_bytes(void)
{
    dpipes_context *ctx = dpipes_open(NULL, &err);
    if (!ctx)
        return failed("open");
    if (system("printf 'a child\\n'") != 0)
        return 2;
    (void)!write(STDOUT_FILENO, "\xff half", 6);
    return close_context(ctx);
}

/* ---- chroot, seccomp ------------------------------------------------------------------------------------------- */

static int lives_in_a_chroot(void)
{
    dpipes_context *ctx = dpipes_open(NULL, &err);
    if (!ctx)
        return failed("open");
    if (chroot(".") != 0 || chdir("/") != 0)
        return perror("chroot"), 2;
    dpipes_log_info(ctx, "logged");
    return close_context(ctx);
}

#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* What a computation needs, and to write; anything else ends the process. */
static int lock_down(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(SYS_write),
        ALLOW(SYS_close),
        ALLOW(SYS_brk),
        ALLOW(SYS_mmap),
        ALLOW(SYS_munmap),
        ALLOW(SYS_mremap),
        ALLOW(SYS_futex),
        ALLOW(SYS_getpid),
        ALLOW(SYS_exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    const struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0;
}

static int lives_behind_seccomp(void)
{
    dpipes_context *ctx = dpipes_open(NULL, &err);
    if (!ctx)
        return failed("open");
    if (lock_down())
        return perror("seccomp"), 2;
    dpipes_log_info(ctx, "lr %g", dpipes_extra_double(ctx, "lr", 0));
    dpipes_report_asset_materialization(ctx, &(dpipes_materialization){.data_version = "v"});
    int code = close_context(ctx);
    _exit(code);
}

/* ---- large ----------------------------------------------------------------------------------------------------- */

static int sends_a_large_message(void)
{
    char *text = malloc(LARGE_SIZE);
    dpipes_context *ctx = text ? dpipes_open(NULL, &err) : NULL;
    if (!ctx)
        return failed("open");
    memset(text, 'x', LARGE_SIZE);
    dpipes_log_text(ctx, DPIPES_LOG_INFO, text, LARGE_SIZE);
    free(text);
    return close_context(ctx);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(void);
    } conditions[] = {
        {"state", keeps_the_state},       {"locale", keeps_the_point},       {"print", prints},
        {"chroot", lives_in_a_chroot},    {"seccomp", lives_behind_seccomp}, {"bytes", writes_bytes},
        {"large", sends_a_large_message},
    };
    for (size_t i = 0; argc > 1 && i < sizeof conditions / sizeof *conditions; i++)
        if (strcmp(conditions[i].name, argv[1]) == 0)
            return conditions[i].run();
    return 2;
}
