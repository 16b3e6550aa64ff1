/* The environment of a program that is started: ours, and what is added; a later entry of the same name counts. */
#ifndef DPI_SESSION_ENVIRONMENT_H
#define DPI_SESSION_ENVIRONMENT_H

#include <dagster_pipes/base.h>

/* DPIPES_EINVAL: an entry of the list, which ends with NULL or is NULL, is not NAME=VALUE. */
dpipes_status dpi_environment_check(const char *const *entries, dpipes_error *err);

/* The lists end with NULL; one may be NULL. The array is the caller's to free, its texts are not; NULL: no memory. */
const char **dpi_environment_make(const char *const *one, const char *const *other);

#endif
