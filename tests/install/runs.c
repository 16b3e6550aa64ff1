/* A program outside of the tree that reads the store in argv[1]. It is compiled as C and as C++. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dagster_pipes/run.h>

int main(int argc, char **argv)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_runs_filter filter;
    size_t removed = 0;
    memset(&filter, 0, sizeof filter);
    filter.size = sizeof filter;
    filter.status = "FAILURE";
    dpipes_store *store = dpipes_store_open(argc > 1 ? argv[1] : NULL, &err);
    char *runs = store ? dpipes_store_runs_json(store, &filter, &err) : NULL;
    char *assets = runs ? dpipes_store_assets_json(store, &err) : NULL;
    const int failed = !assets || dpipes_store_prune(store, 0, 0, &removed, &err) != DPIPES_OK;
    if (failed)
        fprintf(stderr, "%s\n", err.message);
    else
        printf("%s\n%s\n%zu\n", runs, assets, removed);
    free(runs);
    free(assets);
    dpipes_store_close(store);
    return failed;
}
