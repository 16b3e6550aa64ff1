#include "base/nearest.h"

#include <string.h>

#define DPI_NAME_MAX 64

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* How many characters must be put in, taken out or changed. Only the first DPI_NAME_MAX characters count. */
static size_t edit_distance(const char *one, const char *other)
{
    size_t row[DPI_NAME_MAX + 1];
    size_t size = strnlen(other, DPI_NAME_MAX);
    for (size_t i = 0; i <= size; i++)
        row[i] = i;
    for (size_t n = 1; one[n - 1] && n <= DPI_NAME_MAX; n++) {
        size_t diagonal = row[0];
        row[0] = n;
        for (size_t i = 1; i <= size; i++) {
            size_t above = row[i];
            row[i] = least(above + 1, row[i - 1] + 1, diagonal + (one[n - 1] != other[i - 1]));
            diagonal = above;
        }
    }
    return row[size];
}

const char *dpi_nearest_name(const char *word, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t best = strlen(word) / 3 + 1; /* more than that, and it is another word */
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(word, names[i]);
        if (distance <= best && (!nearest || distance < best)) {
            nearest = names[i];
            best = distance;
        }
    }
    return nearest;
}
