#include "context/stack_trace.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <execinfo.h>
#endif

#include "context/elf_symbols.h"

/* ---- Taking ---------------------------------------------------------------------------------------------------- */

/* The instruction at which the signal came; NULL where this machine's registers are not known. */
static void *interrupted_at(const void *context)
{
#if defined(__x86_64__)
    return (void *)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (void *)((const ucontext_t *)context)->uc_mcontext.pc;
#else
    (void)context;
    return NULL;
#endif
}

void dpi_stack_trace_prepare(void)
{
#ifdef __GLIBC__
    void *frames[1];
    (void)backtrace(frames, 1);
#endif
}

static size_t unwind(void **frames, size_t most)
{
#ifdef __GLIBC__
    int count = backtrace(frames, (int)most);
    return count > 0 ? (size_t)count : 0;
#else
    (void)frames, (void)most;
    return 0;
#endif
}

/* The unwinder begins in the handler; what it interrupted comes after its own frames and the kernel's trampoline. */
void dpi_stack_trace_take(dpi_stack_trace *trace, const void *context)
{
    void *pc = interrupted_at(context);
    trace->count = unwind(trace->frames, DPI_STACK_FRAMES_MAX);
    size_t own = 0;
    while (own < trace->count && trace->frames[own] != pc)
        own++;
    if (own < trace->count) {
        trace->count -= own;
        memmove(trace->frames, trace->frames + own, trace->count * sizeof *trace->frames);
    } else if (pc) {
        trace->frames[0] = pc;
        trace->count = 1;
    }
}

/* ---- Describing ------------------------------------------------------------------------------------------------ */

/* A line of /proc/self/maps. */
typedef struct mapping {
    uint64_t start, end, offset;
    char path[256];
} mapping;

static const char *read_hex(const char *at, uint64_t *value)
{
    *value = 0;
    for (;; at++) {
        unsigned digit;
        if (*at >= '0' && *at <= '9')
            digit = (unsigned)(*at - '0');
        else if (*at >= 'a' && *at <= 'f')
            digit = (unsigned)(*at - 'a') + 10;
        else
            return at;
        *value = *value << 4 | digit;
    }
}

/* "start-end rwxp offset device inode   path" */
static void read_mapping(const char *line, mapping *m)
{
    const char *at = read_hex(line, &m->start);
    at = read_hex(at + (*at == '-'), &m->end);
    at += *at == ' ';
    at += strcspn(at, " ");
    at = read_hex(at + (*at == ' '), &m->offset);
    const char *path = strchr(at, '/');
    size_t size = path ? strnlen(path, sizeof m->path - 1) : 0;
    if (size > 0)
        memcpy(m->path, path, size);
    m->path[size] = '\0';
}

/* Reads the lines one byte at a time into a small buffer: a crash has time, and no memory to ask for. */
static bool next_line(int fd, char *line, size_t size)
{
    size_t used = 0;
    char byte;
    while (read(fd, &byte, 1) == 1 && byte != '\n')
        if (used < size - 1)
            line[used++] = byte;
    line[used] = '\0';
    return used > 0;
}

static bool find_mapping(uint64_t address, mapping *m)
{
    char line[sizeof m->path + 128];
    bool found = false;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && !found && next_line(fd, line, sizeof line)) {
        read_mapping(line, m);
        found = address >= m->start && address < m->end;
    }
    if (fd >= 0)
        (void)close(fd);
    return found;
}

/* A bounded text; snprintf is not async-signal-safe. */
typedef struct text {
    char *bytes;
    size_t size;
} text;

static void add(text *t, const char *bytes)
{
    size_t room = DPI_STACK_FRAME_TEXT_MAX - 1 - t->size;
    size_t size = strnlen(bytes, room);
    memcpy(t->bytes + t->size, bytes, size);
    t->size += size;
    t->bytes[t->size] = '\0';
}

static void add_hex(text *t, uint64_t value)
{
    char digits[19] = {0};
    size_t at = sizeof digits - 1;
    do {
        digits[--at] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value);
    digits[--at] = 'x';
    digits[--at] = '0';
    add(t, digits + at);
}

size_t dpi_stack_frame_describe(const dpi_stack_trace *trace, size_t index, char bytes[DPI_STACK_FRAME_TEXT_MAX])
{
    mapping m;
    char name[256];
    uint64_t into, address = (uint64_t)(uintptr_t)trace->frames[index];
    text t = {.bytes = bytes};
    if (!find_mapping(address, &m) || !m.path[0]) {
        add_hex(&t, address);
        return t.size;
    }
    /* A return address may be the next function's first byte: the call is what counts. */
    uint64_t offset = address - m.start + m.offset, back = index > 0 && offset > 0;
    if (dpi_elf_function_at(m.path, offset - back, name, sizeof name, &into)) {
        add(&t, name);
        add(&t, "+");
        add_hex(&t, into + back);
        add(&t, " ");
    }
    add(&t, "(");
    add(&t, m.path);
    add(&t, "+");
    add_hex(&t, offset);
    add(&t, ")");
    return t.size;
}
