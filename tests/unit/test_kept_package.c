/* Packages that are made once for many jobs, and anew when a file has changed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ray/parcels.h"
#include "support.h"

#define CHANGED_WITHIN_MS 3000 /* the coarsest clock of files has gone on */

static dpi_kept_package kept[DPI_PARCELS_KEPT];
static dpi_parcels parcels;
static dpipes_error err;
static char directory[32];
static char path[64];

static void set_up(void)
{
    strcpy(directory, "/tmp/dpipes-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/program", directory);
}

static void tear_down(void)
{
    for (size_t i = 0; i < DPI_PARCELS_KEPT; i++)
        dpi_kept_package_fini(&kept[i]);
    ck_assert(unlink(path) == 0 || errno == ENOENT);
    ck_assert_int_eq(rmdir(directory), 0);
}

/* The name of the package that ships the file. */
static const char *pack(const char *context_json)
{
    static char name[DPI_PACKAGE_NAME_SIZE];
    const char *ship[] = {path};
    const dpipes_ray_job job = {.ship = ship, .ship_count = 1};
    const dpi_log log = {0};
    dpi_parcels_fini(&parcels);
    assert_ok(dpi_parcels_pack(&parcels, &job, context_json, kept, &log, &err), &err);
    ck_assert_uint_eq(parcels.count, 1);
    strcpy(name, parcels.items[0].name);
    dpi_parcels_fini(&parcels);
    return name;
}

/* A program of the system's, which has not changed for long. */
static void link_to(const char *program)
{
    ck_assert(unlink(path) == 0 || errno == ENOENT);
    ck_assert_int_eq(symlink(program, path), 0);
}

START_TEST(the_same_files_are_packed_once)
{
    char first[DPI_PACKAGE_NAME_SIZE];
    link_to("/bin/sh");
    strcpy(first, pack(NULL));
    ck_assert_str_eq(kept[0].name, first);
    strcpy(kept[0].name, "kept");
    ck_assert_str_eq(pack(NULL), "kept");
    link_to("/bin/cat");
    ck_assert_str_ne(pack(NULL), "kept");
    link_to("/bin/sh");
    ck_assert_str_eq(pack(NULL), first);
}
END_TEST

START_TEST(a_package_with_a_context_is_its_jobs_own)
{
    char with_context[DPI_PACKAGE_NAME_SIZE];
    link_to("/bin/sh");
    strcpy(with_context, pack("{}"));
    ck_assert_uint_eq(kept[0].states.size, 0);
    pack(NULL);
    strcpy(kept[0].name, "kept");
    ck_assert_str_eq(pack("{}"), with_context);
}
END_TEST

static void write_program(const char *text)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* Its time may be that of a change that comes yet. */
START_TEST(what_has_just_changed_is_not_kept)
{
    write_program("one");
    pack(NULL);
    ck_assert_uint_eq(kept[0].states.size, 0);
}
END_TEST

static bool looks_alike(const dpi_tree *before)
{
    dpi_tree tree = {0};
    assert_ok(dpi_tree_add_file(&tree, path, "program", &err), &err);
    const bool alike =
        tree.states.size == before->states.size && memcmp(tree.states.data, before->states.data, tree.states.size) == 0;
    dpi_tree_fini(&tree);
    return alike;
}

/* As `cp --preserve` and archives do. */
static void write_with_the_same_time(const char *text)
{
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    write_program(text);
    const struct timespec times[] = {info.st_atim, info.st_mtim};
    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

START_TEST(a_change_is_seen_that_leaves_size_and_time)
{
    dpi_tree before = {0};
    write_program("one");
    assert_ok(dpi_tree_add_file(&before, path, "program", &err), &err);
    ck_assert(looks_alike(&before));
    write_with_the_same_time("two");
    for (int waited_ms = 0; looks_alike(&before); waited_ms += 10) {
        ck_assert_int_lt(waited_ms, CHANGED_WITHIN_MS);
        usleep(10000);
        write_with_the_same_time("two");
    }
    dpi_tree_fini(&before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kept_package");
    TCase *cases = tcase_create("kept_package");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, the_same_files_are_packed_once);
    tcase_add_test(cases, a_package_with_a_context_is_its_jobs_own);
    tcase_add_test(cases, what_has_just_changed_is_not_kept);
    tcase_add_test(cases, a_change_is_seen_that_leaves_size_and_time);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
