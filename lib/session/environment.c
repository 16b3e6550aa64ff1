#include "session/environment.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

static bool same_name(const char *one, const char *other)
{
    size_t size = strcspn(one, "=");
    return strncmp(one, other, size) == 0 && other[size] == '=';
}

static size_t count_of(const char *const *list)
{
    size_t count = 0;
    while (list && list[count])
        count++;
    return count;
}

static void set_variable(const char **env, size_t *count, const char *entry)
{
    for (size_t i = 0; i < *count; i++) {
        if (same_name(env[i], entry)) {
            env[i] = entry;
            return;
        }
    }
    env[(*count)++] = entry;
}

dpipes_status dpi_environment_check(const char *const *entries, dpipes_error *err)
{
    for (size_t i = 0; entries && entries[i]; i++)
        if (!strchr(entries[i], '='))
            return dpi_fail(err, DPIPES_EINVAL, "env: `%s` is not NAME=VALUE", entries[i]);
    return DPIPES_OK;
}

const char **dpi_environment_make(const char *const *one, const char *const *other)
{
    size_t count = count_of((const char *const *)environ);
    const char **env = malloc((count + count_of(one) + count_of(other) + 1) * sizeof *env);
    if (!env)
        return NULL;
    for (size_t i = 0; i < count; i++)
        env[i] = environ[i];
    for (size_t i = 0; one && one[i]; i++)
        set_variable(env, &count, one[i]);
    for (size_t i = 0; other && other[i]; i++)
        set_variable(env, &count, other[i]);
    env[count] = NULL;
    return env;
}
