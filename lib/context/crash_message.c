#include "context/crash_message.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "wire/message.h"

/* What has no room is left out; what ends the message always has. */
#define DPI_MESSAGE_END_ROOM 128

typedef struct message {
    char *bytes;
    size_t size;
} message;

static void add(message *m, const char *text, size_t most)
{
    size_t size = strlen(text);
    if (size > most - m->size)
        return;
    memcpy(m->bytes + m->size, text, size);
    m->size += size;
}

static void add_text(message *m, const char *text)
{
    add(m, text, DPI_CRASH_MESSAGE_MAX - DPI_MESSAGE_END_ROOM);
}

static void add_number(message *m, uint64_t value, unsigned base)
{
    char digits[24] = {0};
    size_t at = sizeof digits - 1;
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    add_text(m, digits + at);
}

/* The inside of a JSON string: names are bytes, and what is no plain ASCII becomes a question mark. */
static void add_escaped(message *m, const char *text)
{
    char one[3] = {0};
    for (; *text; text++) {
        bool special = *text == '"' || *text == '\\';
        one[0] = special ? '\\' : *text >= 0x20 && *text < 0x7f ? *text : '?';
        one[1] = special ? *text : '\0';
        add_text(m, one);
    }
}

/* ---- What happened --------------------------------------------------------------------------------------------- */

static const struct {
    int number;
    const char *name;
    const char *what;
} signals[] = {
    {SIGSEGV, "SIGSEGV", "invalid memory access"},
    {SIGBUS, "SIGBUS", "bus error"},
    {SIGFPE, "SIGFPE", "arithmetic error"},
    {SIGILL, "SIGILL", "illegal instruction"},
    {SIGABRT, "SIGABRT", "aborted"},
    {SIGTERM, "SIGTERM", "terminated"},
};

static size_t index_of(int number)
{
    size_t i = 0;
    while (i < sizeof signals / sizeof *signals && signals[i].number != number)
        i++;
    return i;
}

const char *dpi_crash_signal_name(int number)
{
    size_t i = index_of(number);
    return i < sizeof signals / sizeof *signals ? signals[i].name : NULL;
}

static const char *detail(int number, int code)
{
    if (number == SIGFPE && code == FPE_INTDIV)
        return ": integer division by zero";
    if (number == SIGSEGV && code == SEGV_MAPERR)
        return ": the address is not mapped";
    if (number == SIGSEGV && code == SEGV_ACCERR)
        return ": the mapping does not allow it";
    if (number == SIGBUS && code == BUS_ADRERR)
        return ": beyond the end of the file or of the device";
    return "";
}

/* "SIGSEGV: invalid memory access at 0x0: the address is not mapped"; "SIGTERM: terminated by process 12". */
static void add_sentence(message *m, int number, const siginfo_t *info)
{
    size_t i = index_of(number);
    bool by_kernel = info->si_code > 0 && info->si_code != SI_KERNEL;
    add_text(m, signals[i].name);
    add_text(m, ": ");
    add_text(m, signals[i].what);
    if (by_kernel) {
        add_text(m, " at 0x");
        add_number(m, (uint64_t)(uintptr_t)info->si_addr, 16);
        add_text(m, detail(number, info->si_code));
    } else if (info->si_code <= 0 && number != SIGABRT) {
        add_text(m, " by process ");
        add_number(m, (uint64_t)info->si_pid, 10);
    }
}

/* Innermost last, as the reference has it. */
static void add_stack(message *m, const dpi_stack_trace *trace)
{
    char frame[DPI_STACK_FRAME_TEXT_MAX];
    for (size_t i = trace->count; i-- > 0;) {
        (void)dpi_stack_frame_describe(trace, i, frame);
        /* Each frame has its room, or is left out as a whole. */
        if (m->size + 2 * strlen(frame) + 8 > DPI_CRASH_MESSAGE_MAX - DPI_MESSAGE_END_ROOM)
            continue;
        add_text(m, "\"");
        add_escaped(m, frame);
        add_text(m, i > 0 ? "\", " : "\"");
    }
}

size_t dpi_crash_message(char bytes[DPI_CRASH_MESSAGE_MAX], int number, const siginfo_t *info,
                         const dpi_stack_trace *trace)
{
    message m = {.bytes = bytes};
    add_text(&m, "\n{\"" DPI_PROTOCOL_VERSION_FIELD "\": \"" DPI_PROTOCOL_VERSION
                 "\", \"method\": \"closed\", \"params\": {\"exception\": {\"message\": \"");
    add_sentence(&m, number, info);
    add_text(&m, "\", \"stack\": [");
    add_stack(&m, trace);
    add(&m, "], \"name\": \"", DPI_CRASH_MESSAGE_MAX);
    add(&m, signals[index_of(number)].name, DPI_CRASH_MESSAGE_MAX);
    add(&m, "\", \"cause\": null, \"context\": null}}}\n", DPI_CRASH_MESSAGE_MAX);
    return m.size;
}
