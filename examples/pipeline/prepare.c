/* The pipeline's first step: checks the data and puts it where the other steps find it.
 *
 * Extras: data       the CSV file; by default breast_cancer.csv beside the program
 *         directory  where prepared.csv is written, made if need be; by default the working directory */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dagster_pipes/context.h>

typedef struct table {
    unsigned long announced, columns; /* what the first line says */
    unsigned long rows, malignant, benign;
    unsigned long long hash; /* 64-bit FNV-1a of the bytes */
} table;

/* ---- Files ---- */

static void path_beside_program(const char *name, char path[PATH_MAX])
{
    char program[PATH_MAX];
    const ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    program[size > 0 ? size : 0] = '\0';
    char *slash = strrchr(program, '/');
    if (slash)
        *slash = '\0';
    snprintf(path, PATH_MAX, "%.*s/%s", PATH_MAX - 64, slash ? program : ".", name);
}

static int make_directories(const char *directory)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/", directory);
    for (char *at = path + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return -1;
        *at = '/';
    }
    return 0;
}

/* ---- The table ---- */

static void count_line(table *t, const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        t->hash = (t->hash ^ (unsigned char)line[i]) * 0x100000001b3ULL;
    if (t->columns == 0 && sscanf(line, "%lu,%lu", &t->announced, &t->columns) == 2)
        return;
    const char *label = strrchr(line, ',');
    t->rows++;
    t->malignant += label && label[1] == '0';
    t->benign += label && label[1] == '1';
}

static int copy_table(FILE *from, FILE *to, table *t)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    t->hash = 0xcbf29ce484222325ULL;
    while ((size = getline(&line, &room, from)) > 0) {
        count_line(t, line, (size_t)size);
        fwrite(line, 1, (size_t)size, to);
    }
    free(line);
    return ferror(from) || ferror(to) ? -1 : 0;
}

static int prepare(const char *data, const char *directory, const char *prepared, table *t)
{
    FILE *from = fopen(data, "r");
    FILE *to = from && make_directories(directory) == 0 ? fopen(prepared, "w") : NULL;
    int failed = to ? copy_table(from, to, t) : -1;
    if (to && fclose(to) != 0)
        failed = -1;
    if (from)
        fclose(from);
    return failed;
}

/* ---- Reports ---- */

static void report_table(dpipes_context *ctx, const table *t, const char *prepared)
{
    char version[17];
    snprintf(version, sizeof version, "%016llx", t->hash);
    dpipes_metadata *md = dpipes_metadata_new();
    dpipes_metadata_int(md, "rows", (int64_t)t->rows);
    dpipes_metadata_int(md, "columns", (int64_t)t->columns);
    dpipes_metadata_int(md, "malignant", (int64_t)t->malignant);
    dpipes_metadata_int(md, "benign", (int64_t)t->benign);
    dpipes_metadata_path(md, "data", prepared);
    dpipes_report_asset_materialization(ctx,
                                        &(dpipes_materialization){sizeof(dpipes_materialization), NULL, md, version});
    dpipes_metadata_free(md);
}

static void report_check(dpipes_context *ctx, const char *name, bool passed)
{
    dpipes_report_asset_check(
        ctx, &(dpipes_asset_check){.size = sizeof(dpipes_asset_check), .check_name = name, .passed = passed});
}

int main(void)
{
    char data[PATH_MAX], prepared[PATH_MAX];
    table t = {0};
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_context *ctx = dpipes_open(NULL, &err);
    if (!ctx)
        return fprintf(stderr, "prepare: %s\n", err.message), 1;
    path_beside_program("breast_cancer.csv", data);
    const char *from = dpipes_extra_string(ctx, "data", data);
    const char *directory = dpipes_extra_string(ctx, "directory", ".");
    snprintf(prepared, sizeof prepared, "%s/prepared.csv", directory);
    if (prepare(from, directory, prepared, &t) != 0) {
        char why[512];
        snprintf(why, sizeof why, "%.200s to %.200s: %s", from, prepared, strerror(errno));
        fprintf(stderr, "prepare: %s\n", why);
        dpipes_close(ctx, &(dpipes_exception){.size = sizeof(dpipes_exception), .name = "DataError", .message = why},
                     NULL);
        return 1;
    }
    dpipes_log_info(ctx, "%lu rows of %lu columns are in %s", t.rows, t.columns, prepared);
    report_table(ctx, &t, prepared);
    report_check(ctx, "complete", t.rows == t.announced && t.malignant + t.benign == t.rows);
    report_check(ctx, "both_classes", t.malignant > 0 && t.benign > 0);
    return dpipes_close(ctx, NULL, &err) == DPIPES_OK ? 0 : 1;
}
