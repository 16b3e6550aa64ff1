/* The least that the same work costs: an empty program, and the log lines with nothing but one write(2) each.
 *   floor startup
 *   floor logs N PATH */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD "{\"__dagster_pipes_version\": \"0.1\", \"method\": \"log\", \"params\": {\"message\": \"epoch "
#define TAIL " loss 0.123 \\\"quoted\\\" \\t and some more text to fill the line\", \"level\": \"INFO\"}}\n"

/* The number as digits at `out`; returns their end. */
static char *put_number(char *out, long number)
{
    char digits[24];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (count > 0)
        *out++ = digits[--count];
    return out;
}

static int write_logs(int fd, long n)
{
    char line[sizeof HEAD + sizeof TAIL + 24] = HEAD;
    for (long i = 0; i < n; i++) {
        char *end = put_number(line + sizeof HEAD - 1, i);
        memcpy(end, TAIL, sizeof TAIL - 1);
        size_t size = (size_t)(end - line) + sizeof TAIL - 1;
        if (write(fd, line, size) != (ssize_t)size)
            return perror("floor: write"), 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "startup") == 0)
        return 0;
    if (argc != 4 || strcmp(argv[1], "logs") != 0)
        return fprintf(stderr, "usage: floor startup | floor logs N PATH\n"), 2;
    int fd = open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0)
        return perror(argv[3]), 1;
    return write_logs(fd, atol(argv[2]));
}
