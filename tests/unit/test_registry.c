#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ray/process.h"
#include "ray/registry.h"

static dpipes_error err;
static char runtime_dir[64];
static dpi_buf path;
static dpipes_local_ray_info info;

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    path = (dpi_buf){0};
    strcpy(runtime_dir, "/tmp/dpipes-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(runtime_dir));
    setenv("XDG_RUNTIME_DIR", runtime_dir, 1);
}

static void teardown(void)
{
    dpi_remove_tree(runtime_dir);
    dpi_buf_fini(&path);
}

/* An entry whose keeper is this process. */
static dpi_registry_entry entry_of(const char *name, int port)
{
    dpi_registry_entry entry = {.detached = true};
    dpi_process self;
    ck_assert(dpi_process_read(getpid(), &self));
    entry.keeper_start_time = self.start_time;
    entry.info.keeper_pid = getpid();
    entry.info.started_ms = port;
    snprintf(entry.info.address, sizeof entry.info.address, "http://127.0.0.1:%d", port);
    snprintf(entry.info.gcs_address, sizeof entry.info.gcs_address, "127.0.0.1:%d", port + 1);
    snprintf(entry.info.temp_dir, sizeof entry.info.temp_dir, "%s/%s", runtime_dir, name);
    snprintf(entry.info.token_file, sizeof entry.info.token_file, "%s/%s/token", runtime_dir, name);
    return entry;
}

static void write_entry(const dpi_registry_entry *entry)
{
    dpi_buf_clear(&path);
    assert_ok(dpi_registry_path(entry->info.temp_dir, &path, &err), &err);
    assert_ok(dpi_registry_write(path.data, entry, &err), &err);
}

typedef struct seen {
    unsigned count;
    dpi_registry_entry last;
} seen;

static void note(void *user, const dpi_registry_entry *entry)
{
    seen *s = user;
    s->count++;
    s->last = *entry;
}

static seen all(void)
{
    seen s = {0};
    assert_ok(dpi_registry_each(note, &s, &err), &err);
    return s;
}

START_TEST(no_directory_is_no_entry)
{
    ck_assert_uint_eq(all().count, 0);
}
END_TEST

START_TEST(an_entry_is_read_as_it_was_written)
{
    const dpi_registry_entry entry = entry_of("dpipes-ray-AbCdEf", 8265);
    write_entry(&entry);
    seen s = all();
    ck_assert_uint_eq(s.count, 1);
    ck_assert_str_eq(s.last.info.address, entry.info.address);
    ck_assert_str_eq(s.last.info.gcs_address, entry.info.gcs_address);
    ck_assert_str_eq(s.last.info.temp_dir, entry.info.temp_dir);
    ck_assert_str_eq(s.last.info.token_file, entry.info.token_file);
    ck_assert_int_eq(s.last.info.started_ms, 8265);
    ck_assert_int_eq(s.last.info.keeper_pid, getpid());
    ck_assert(s.last.detached);
}
END_TEST

START_TEST(only_the_user_can_read_it)
{
    struct stat file;
    const dpi_registry_entry entry = entry_of("dpipes-ray-AbCdEf", 8265);
    write_entry(&entry);
    ck_assert_int_eq(stat(path.data, &file), 0);
    ck_assert_uint_eq(file.st_mode & 0777, 0600);
    *strrchr(path.data, '/') = '\0';
    ck_assert_int_eq(stat(path.data, &file), 0);
    ck_assert_uint_eq(file.st_mode & 0777, 0700);
}
END_TEST

START_TEST(a_directory_that_others_may_enter_is_refused)
{
    seen s = {0};
    const dpi_registry_entry entry = entry_of("dpipes-ray-AbCdEf", 8265);
    write_entry(&entry);
    *strrchr(path.data, '/') = '\0';
    ck_assert_int_eq(chmod(path.data, 0755), 0);
    assert_fails(dpi_registry_each(note, &s, &err), DPIPES_EIO, &err, "mode 0700");
    ck_assert_uint_eq(s.count, 0);
    ck_assert(!dpi_registry_find("http://127.0.0.1:8265", &info));
    assert_fails(dpi_registry_path("/tmp/dpipes-ray-x", &path, &err), DPIPES_EIO, &err, "0755");
}
END_TEST

START_TEST(one_is_found_by_its_address)
{
    const dpi_registry_entry one = entry_of("dpipes-ray-AbCdEf", 8265), other = entry_of("dpipes-ray-GhIjKl", 8300);
    write_entry(&one);
    write_entry(&other);
    ck_assert(dpi_registry_find("http://localhost:8300", &info));
    ck_assert_str_eq(info.token_file, other.info.token_file);
    ck_assert(!dpi_registry_find("http://127.0.0.1:8301", &info));
    ck_assert(!dpi_registry_find("http://ray.example:8300", &info));
    ck_assert(!dpi_registry_find("https://127.0.0.1:8300", &info));
}
END_TEST

/* A process that ends when it is killed, with the variable that a LocalRay's processes have. */
static pid_t start_left_over(const char *temp_dir)
{
    pid_t pid = fork();
    if (pid == 0) {
        setenv(DPI_LOCAL_RAY_VARIABLE, temp_dir, 1);
        execl("/bin/sleep", "sleep", "600", (char *)NULL);
        _exit(127);
    }
    char variable[640];
    snprintf(variable, sizeof variable, "%s=%s", DPI_LOCAL_RAY_VARIABLE, temp_dir);
    while (!dpi_process_has_variable(pid, variable))
        usleep(1000);
    return pid;
}

START_TEST(what_a_killed_keeper_has_left_is_removed)
{
    dpi_registry_entry entry = entry_of("dpipes-ray-AbCdEf", 8265);
    entry.keeper_start_time++; /* another process, with a pid that was given again */
    write_entry(&entry);
    ck_assert_int_eq(mkdir(entry.info.temp_dir, 0700), 0);
    pid_t left_over = start_left_over(entry.info.temp_dir);
    int wait_status = 0;
    ck_assert_uint_eq(all().count, 0);
    ck_assert_int_eq(waitpid(left_over, &wait_status, 0), left_over);
    ck_assert(WIFSIGNALED(wait_status));
    ck_assert_int_ne(access(entry.info.temp_dir, F_OK), 0);
    ck_assert_int_ne(access(path.data, F_OK), 0);
}
END_TEST

START_TEST(a_directory_of_another_name_is_left_alone)
{
    dpi_registry_entry entry = entry_of("my-data", 8265);
    entry.keeper_start_time++;
    write_entry(&entry);
    ck_assert_int_eq(mkdir(entry.info.temp_dir, 0700), 0);
    ck_assert_uint_eq(all().count, 0);
    ck_assert_int_eq(access(entry.info.temp_dir, F_OK), 0);
}
END_TEST

START_TEST(other_files_are_no_entries)
{
    const dpi_registry_entry entry = entry_of("dpipes-ray-AbCdEf", 8265);
    write_entry(&entry);
    FILE *file = fopen(path.data, "w");
    ck_assert_ptr_nonnull(file);
    fputs("{\"address\": 5}", file);
    fclose(file);
    ck_assert_uint_eq(all().count, 0);
}
END_TEST

START_TEST(the_list_has_the_newest_first)
{
    dpipes_local_ray_info infos[2];
    size_t count = 0;
    dpi_registry_entry owned = entry_of("dpipes-ray-owned1", 8400);
    owned.detached = false;
    write_entry(&owned);
    for (int port = 8300; port < 8304; port++) {
        char name[32];
        snprintf(name, sizeof name, "dpipes-ray-%06d", (port * 7) % 11);
        const dpi_registry_entry entry = entry_of(name, port);
        write_entry(&entry);
    }
    assert_ok(dpipes_local_ray_list(infos, 2, &count, &err), &err);
    ck_assert_uint_eq(count, 4);
    ck_assert_str_eq(infos[0].address, "http://127.0.0.1:8303");
    ck_assert_str_eq(infos[1].address, "http://127.0.0.1:8302");
    assert_ok(dpipes_local_ray_list(NULL, 0, &count, &err), &err);
    ck_assert_uint_eq(count, 4);
}
END_TEST

START_TEST(what_does_not_run_cannot_be_stopped)
{
    const char *address = "http://127.0.0.1:8265";
    assert_fails(dpipes_local_ray_down(address, &err), DPIPES_ENOENT, &err, address);
    assert_fails(dpipes_local_ray_down("nowhere", &err), DPIPES_EINVAL, &err, "nowhere");
}
END_TEST

START_TEST(a_process_knows_its_parent)
{
    dpi_process self, parent;
    ck_assert(dpi_process_read(getpid(), &self));
    ck_assert(dpi_process_read(getppid(), &parent));
    ck_assert_int_eq(self.parent, getppid());
    ck_assert_int_eq(self.group, getpgrp());
    ck_assert(dpi_process_descends(&self, getppid()));
    ck_assert(!dpi_process_descends(&parent, getpid()));
    ck_assert(dpi_process_runs(getpid(), self.start_time));
    ck_assert(!dpi_process_runs(getpid(), self.start_time + 1));
    ck_assert(!dpi_process_read(0, &self));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("registry");
    TCase *tc = tcase_create("registry");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, no_directory_is_no_entry);
    tcase_add_test(tc, an_entry_is_read_as_it_was_written);
    tcase_add_test(tc, only_the_user_can_read_it);
    tcase_add_test(tc, a_directory_that_others_may_enter_is_refused);
    tcase_add_test(tc, one_is_found_by_its_address);
    tcase_add_test(tc, what_a_killed_keeper_has_left_is_removed);
    tcase_add_test(tc, a_directory_of_another_name_is_left_alone);
    tcase_add_test(tc, other_files_are_no_entries);
    tcase_add_test(tc, the_list_has_the_newest_first);
    tcase_add_test(tc, what_does_not_run_cannot_be_stopped);
    tcase_add_test(tc, a_process_knows_its_parent);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
