/* The names of functions, as a crash report finds them; broken files must not break the report. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "context/elf_symbols.h"
#include "context/stack_trace.h"
#include "support.h"

#define SELF     "/proc/self/exe"
#define SELF_MAX ((size_t)256 * 1024 * 1024)
#define CUTS     200

static char name[256];
static uint64_t into;

__attribute__((noinline)) static int a_static_function(int x)
{
    return x + 1;
}

START_TEST(a_static_function_is_found_by_its_address)
{
    char text[DPI_STACK_FRAME_TEXT_MAX];
    int (*function)(int) = a_static_function;
    dpi_stack_trace trace = {.count = 1};
    memcpy(&trace.frames[0], &function, sizeof function);
    ck_assert_uint_gt(dpi_stack_frame_describe(&trace, 0, text), 0);
    ck_assert_msg(strncmp(text, "a_static_function+0x0 (/", 24) == 0, "%s", text);
}
END_TEST

START_TEST(an_address_that_is_nowhere_is_shown_as_it_is)
{
    char text[DPI_STACK_FRAME_TEXT_MAX];
    const dpi_stack_trace trace = {.frames = {NULL, (void *)0x10}, .count = 2};
    ck_assert_uint_eq(dpi_stack_frame_describe(&trace, 0, text), 3);
    ck_assert_str_eq(text, "0x0");
    (void)dpi_stack_frame_describe(&trace, 1, text);
    ck_assert_str_eq(text, "0x10");
}
END_TEST

START_TEST(what_is_no_elf_file_has_no_functions)
{
    ck_assert(!dpi_elf_function_at("/no/such/file", 0, name, sizeof name, &into));
    ck_assert(!dpi_elf_function_at("/dev/null", 0, name, sizeof name, &into));
    ck_assert(!dpi_elf_function_at("/etc/passwd", 0, name, sizeof name, &into));
    ck_assert(!dpi_elf_function_at("/", 0, name, sizeof name, &into));
    ck_assert(!dpi_elf_function_at(SELF, UINT64_MAX, name, sizeof name, &into));
    ck_assert(!dpi_elf_function_at(SELF, 0, name, 0, &into));
}
END_TEST

/* Where any function of this program lies in its file. */
static uint64_t place_of_a_function(void)
{
    uint64_t place = 0;
    while (place < SELF_MAX && !dpi_elf_function_at(SELF, place, name, sizeof name, &into))
        place += 64;
    return place;
}

static void write_copy(int fd, const char *bytes, size_t size)
{
    ck_assert_int_eq(ftruncate(fd, 0), 0);
    ck_assert_int_eq(pwrite(fd, bytes, size, 0), (ssize_t)size);
}

START_TEST(a_broken_file_is_survived)
{
    char path[] = "/tmp/dpipes-elf-XXXXXX";
    dpi_buf self = {0};
    dpipes_error err = DPIPES_ERROR_INIT;
    uint64_t place = place_of_a_function();
    assert_ok(dpi_file_read(SELF, SELF_MAX, &self, &err), &err);
    int fd = mkstemp(path);
    write_copy(fd, self.data, self.size);
    ck_assert(dpi_elf_function_at(path, place, name, sizeof name, &into));
    for (size_t i = 0; i < CUTS; i++) {
        write_copy(fd, self.data, i < 70 ? i : self.size / CUTS * i);
        (void)dpi_elf_function_at(path, place, name, sizeof name, &into);
    }
    /* The header with every byte wrong in turn. */
    for (size_t i = 0; i < 64; i++) {
        self.data[i] = (char)~self.data[i];
        write_copy(fd, self.data, self.size < 65536 ? self.size : 65536);
        (void)dpi_elf_function_at(path, place, name, sizeof name, &into);
        self.data[i] = (char)~self.data[i];
    }
    close(fd);
    unlink(path);
    dpi_buf_fini(&self);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("elf_symbols");
    TCase *tc = tcase_create("elf_symbols");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_static_function_is_found_by_its_address);
    tcase_add_test(tc, an_address_that_is_nowhere_is_shown_as_it_is);
    tcase_add_test(tc, what_is_no_elf_file_has_no_functions);
    tcase_add_test(tc, a_broken_file_is_survived);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
