#include "run/launch_program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/elf_image.h"
#include "base/error.h"
#include "base/file.h"

#define DPI_LIST_MAX        ((size_t)1024 * 1024) /* bytes of the loader's list */
#define DPI_LIST_TIMEOUT_MS 30000

/* In the directory. The names are ours, so the command line is the same for every program. */
#define DPI_PROGRAM "dpipes"
#define DPI_LOADER  "ld.so"
#define DPI_HERE    "./" DPI_LAUNCH_DIRECTORY "/"

extern char **environ;

/* ---- The loader ---- */

/* Appends what the program names as its interpreter, nothing for one that is linked statically. */
static dpipes_status find_loader(const char *program, dpi_buf *loader, dpipes_error *err)
{
    dpi_elf_image image;
    if (!dpi_elf_open(&image, program))
        return dpi_fail(err, DPIPES_ENOENT, "%s: the program dpipes is not there, or cannot be read", program);
    const Elf64_Ehdr *header = dpi_elf_header(&image);
    const Elf64_Phdr *parts = header ? dpi_elf_table(&image, header->e_phoff, header->e_phnum, sizeof *parts) : NULL;
    for (unsigned i = 0; parts && i < header->e_phnum; i++) {
        const char *path =
            parts[i].p_type == PT_INTERP ? dpi_elf_at(&image, parts[i].p_offset, parts[i].p_filesz) : NULL;
        if (path)
            dpi_buf_append(loader, path, strnlen(path, parts[i].p_filesz));
    }
    dpi_elf_close(&image);
    if (!parts)
        return dpi_fail(err, DPIPES_EINVAL, "%s: no program of this machine", program);
    return dpi_buf_failed(loader) ? dpi_fail_memory(err) : DPIPES_OK;
}

/* ---- Its list of libraries ---- */

static dpipes_status spawn_list(const char *loader, const char *program, int out, pid_t *pid, dpipes_error *err)
{
    char *const argv[] = {(char *)loader, "--list", (char *)program, NULL};
    posix_spawn_file_actions_t actions;
    int number = posix_spawn_file_actions_init(&actions);
    if (number == 0)
        number = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (number == 0)
        number = posix_spawn(pid, loader, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return number == 0 ? DPIPES_OK : dpi_fail_errno(err, DPIPES_EIO, number, "%s --list %s", loader, program);
}

static dpipes_status read_list(int in, const char *loader, dpi_buf *list, dpipes_error *err)
{
    char chunk[4096];
    ssize_t got = 1;
    const int64_t until_ms = dpi_clock_monotonic_ms() + DPI_LIST_TIMEOUT_MS;
    while (got != 0 && list->size < DPI_LIST_MAX) {
        const int64_t left_ms = until_ms - dpi_clock_monotonic_ms();
        struct pollfd readable = {.fd = in, .events = POLLIN};
        if (left_ms <= 0)
            return dpi_fail(err, DPIPES_ETIMEDOUT, "%s --list: no end for %d ms", loader, DPI_LIST_TIMEOUT_MS);
        if (poll(&readable, 1, (int)left_ms) <= 0)
            continue;
        got = read(in, chunk, sizeof chunk);
        if (got < 0 && errno != EINTR)
            return dpi_fail_errno(err, DPIPES_EIO, errno, "%s --list", loader);
        dpi_buf_append(list, chunk, got > 0 ? (size_t)got : 0);
    }
    return dpi_buf_failed(list) ? dpi_fail_memory(err) : DPIPES_OK;
}

static dpipes_status wait_for_list(pid_t pid, const char *loader, const char *program, dpipes_error *err)
{
    int wait_status = 0;
    pid_t waited;
    while ((waited = waitpid(pid, &wait_status, 0)) < 0 && errno == EINTR)
        continue;
    if (waited < 0 || (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0)) /* the caller may ignore SIGCHLD */
        return DPIPES_OK;
    return dpi_fail(err, DPIPES_EIO, "%s --list %s has failed", loader, program);
}

static dpipes_status list_libraries(const char *loader, const char *program, dpi_buf *list, dpipes_error *err)
{
    int ends[2];
    pid_t pid;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return dpi_fail_errno(err, DPIPES_EIO, errno, "pipe");
    dpipes_status status = spawn_list(loader, program, ends[1], &pid, err);
    close(ends[1]);
    if (status == DPIPES_OK) {
        status = read_list(ends[0], loader, list, err);
        if (status != DPIPES_OK)
            kill(pid, SIGKILL);
        const dpipes_status waited = wait_for_list(pid, loader, program, status == DPIPES_OK ? err : NULL);
        status = status == DPIPES_OK ? waited : status;
    }
    close(ends[0]);
    return status;
}

/* ---- The directory ---- */

static dpipes_status add_link(const char *directory, const char *name, size_t name_size, const char *target,
                              dpipes_error *err)
{
    dpi_buf path = {0};
    dpipes_status status = DPIPES_OK;
    dpi_buf_printf(&path, "%s/%.*s", directory, (int)name_size, name);
    if (dpi_buf_failed(&path))
        status = dpi_fail_memory(err);
    else if (symlink(target, path.data) != 0 && errno != EEXIST)
        status = dpi_fail_errno(err, DPIPES_EIO, errno, "%s", path.data);
    dpi_buf_fini(&path);
    return status;
}

/* "\tlibz.so.1 => /lib/libz.so.1 (0x00007f…)"; lines of another form name what is in no file, or the loader itself. */
static dpipes_status add_library(const char *directory, const char *line, size_t size, dpipes_error *err)
{
    static const char arrow[] = " => ";
    const char *middle = memmem(line, size, arrow, sizeof arrow - 1);
    const char *name = line + strspn(line, "\t ");
    if (!middle)
        return DPIPES_OK;
    const char *path = middle + sizeof arrow - 1;
    const char *end = memmem(path, (size_t)(line + size - path), " (0x", 4);
    if (*path != '/' || !end)
        return dpi_fail(err, DPIPES_ENOENT, "the library %.*s, which dpipes needs, is not there", (int)(middle - name),
                        name);
    const char *slash = memrchr(name, '/', (size_t)(middle - name));
    name = slash ? slash + 1 : name;
    dpi_buf target = {0};
    dpi_buf_append(&target, path, (size_t)(end - path));
    const dpipes_status status = dpi_buf_failed(&target)
                                     ? dpi_fail_memory(err)
                                     : add_link(directory, name, (size_t)(middle - name), target.data, err);
    dpi_buf_fini(&target);
    return status;
}

static dpipes_status add_libraries(const char *directory, const char *loader, const char *program, dpipes_error *err)
{
    dpi_buf list = {0};
    dpipes_status status = list_libraries(loader, program, &list, err);
    for (const char *line = dpi_buf_text(&list); status == DPIPES_OK && *line;) {
        const size_t size = strcspn(line, "\n");
        status = add_library(directory, line, size, err);
        line += size + (line[size] == '\n');
    }
    dpi_buf_fini(&list);
    return status;
}

dpipes_status dpi_launch_program(const char *program, const char *directory, dpi_buf *command, dpipes_error *err)
{
    dpi_buf loader = {0};
    dpipes_status status = find_loader(program, &loader, err);
    if (status == DPIPES_OK && mkdir(directory, 0700) != 0)
        status = dpi_fail_errno(err, DPIPES_EIO, errno, "%s", directory);
    if (status == DPIPES_OK)
        status = add_link(directory, DPI_PROGRAM, sizeof DPI_PROGRAM - 1, program, err);
    dpi_buf_append_literal(command, "exec ");
    if (status == DPIPES_OK && loader.size > 0) {
        status = add_link(directory, DPI_LOADER, sizeof DPI_LOADER - 1, loader.data, err);
        if (status == DPIPES_OK)
            status = add_libraries(directory, loader.data, program, err);
        dpi_buf_append_literal(command, DPI_HERE DPI_LOADER " --library-path " DPI_HERE " ");
    }
    dpi_buf_append_literal(command, DPI_HERE DPI_PROGRAM);
    dpi_buf_fini(&loader);
    return status == DPIPES_OK && dpi_buf_failed(command) ? dpi_fail_memory(err) : status;
}
