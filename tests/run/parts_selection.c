#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "run/selection.h"

static dpipes_status select_steps(const dpipes_graph *graph, const cJSON *words, cJSON *answer, dpipes_error *err)
{
    const size_t count = (size_t)cJSON_GetArraySize(words);
    const char **texts = calloc(count + 1, sizeof *texts);
    bool *selected = calloc(graph->step_count + 1, sizeof *selected);
    for (size_t i = 0; i < count; i++)
        texts[i] = cJSON_GetArrayItem(words, (int)i)->valuestring;
    dpipes_status status = dpi_selection_resolve(graph, texts, count, selected, err);
    cJSON *names = status == DPIPES_OK ? cJSON_AddArrayToObject(answer, "selected") : NULL;
    for (size_t i = 0; i < graph->step_count && names; i++)
        if (selected[i])
            cJSON_AddItemToArray(names, cJSON_CreateString(graph->steps[i].name));
    free(texts);
    free(selected);
    return status;
}

dpipes_status answer_select(const cJSON *request, cJSON *answer, dpipes_error *err)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(request, "graph"));
    dpipes_graph *graph = dpi_graph_parse(text, strlen(text), true, "graph.json", "/", err);
    if (!graph)
        return err->status;
    dpipes_status status = select_steps(graph, cJSON_GetObjectItem(request, "words"), answer, err);
    dpi_graph_free(graph);
    return status;
}
