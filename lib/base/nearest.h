/* Which of the names somebody may have meant. */
#ifndef DPI_BASE_NEAREST_H
#define DPI_BASE_NEAREST_H

#include <stddef.h>

/* The name that is most like `word`; NULL when none is. */
const char *dpi_nearest_name(const char *word, const char *const *names, size_t count);

#endif
