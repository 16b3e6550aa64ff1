#include "output.h"

#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/file.h"

#define DPI_DEFAULT_WIDTH 100
#define DPI_LEAST_WIDTH   40

bool dpi_output_has_cursor(int fd)
{
    const char *term = getenv("TERM");
    return isatty(fd) == 1 && !(term && strcmp(term, "dumb") == 0);
}

bool dpi_output_is_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

size_t dpi_output_measure(dpi_output *output, size_t *height)
{
    struct winsize size = {0};
    if (ioctl(output->fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 0;
    if (height)
        *height = size.ws_row;
    output->style.width = size.ws_col < DPI_LEAST_WIDTH ? DPI_LEAST_WIDTH : size.ws_col;
    return size.ws_col;
}

dpi_output dpi_output_of(int fd)
{
    const char *no_colour = getenv("NO_COLOR");
    dpi_output output = {
        .fd = fd,
        .style = {.colour = dpi_output_has_cursor(fd) && !(no_colour && *no_colour), .width = DPI_DEFAULT_WIDTH},
    };
    dpi_output_measure(&output, NULL);
    return output;
}

void dpi_output_fini(dpi_output *output)
{
    dpi_buf_fini(&output->buf);
}

void dpi_output_flush(dpi_output *output)
{
    errno = 0;
    if (!output->broken &&
        dpi_fd_write_all(output->fd, dpi_buf_text(&output->buf), output->buf.size, -1, "output", NULL) != DPIPES_OK) {
        output->broken = true;
        output->broken_with = errno;
    }
    dpi_buf_clear(&output->buf);
}
