/* dagster_pipes/asset_key.h: an asset key's parts, and the escaped string that the protocol has for them: the parts joined by
 * `/`, with a backslash before each `/` and each backslash of a part's own. {"a/b", "c"} is `a\/b/c`.
 *
 * Both are pure, and may be called from any thread. */
#ifndef DAGSTER_PIPES_ASSET_KEY_H
#define DAGSTER_PIPES_ASSET_KEY_H

#include <dagster_pipes/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The parts of an escaped string, as dagster_pipes.to_asset_key_path has them: `\X` is X, an empty last part is no part. An
 * array with NULL at its end, in one piece of memory that the caller frees with free(); *count may be NULL.
 * NULL: DPIPES_EINVAL  asset_key is NULL; DPIPES_ENOMEM. */
DPIPES_API char **dpipes_asset_key_parts(const char *asset_key, size_t *count, dpipes_error *err);

/* The escaped string of parts, as dagster.AssetKey.to_escaped_user_string makes it; the caller frees it with free().
 * NULL: DPIPES_EINVAL  a part is NULL, or there is none; DPIPES_ENOMEM. */
DPIPES_API char *dpipes_asset_key_from_parts(const char *const *parts, size_t count, dpipes_error *err);

#ifdef __cplusplus
}
#endif

#endif
