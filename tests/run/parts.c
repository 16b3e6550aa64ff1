/* For the tests in Python: reads one request a line, {"do": NAME, …}, and answers each by one line of JSON, {"error": TEXT} when
 * it fails. One process serves thousands of cases.
 *
 *     partitions  {"definition": D, "now_ms": N}  the keys; with "range" those of it; with "key" whether it is one ("is_key"), and
 *                 its window
 *     select      {"graph": JSON, "words": [TEXT]}  the names of the steps that are meant ("selected")
 *     interpolate {"text": TEXT, "quoting": dpi_quoting, "values": {NAME: JSON}}  the text with the values in ("text")
 *     plan        {"graph": G, "attempts": [[[duration_ms, "success" | "failure" | "final"], …], …]}  the events of a run of it; with
 *                 "cancel_at_ms", with "cut" forgetting all behind so many events, with "from_failure" once more at its end */
#include "parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    dpipes_status (*answer)(const cJSON *request, cJSON *answer, dpipes_error *err);
} requests[] = {
    {"partitions", answer_partitions},
    {"select", answer_select},
    {"interpolate", answer_interpolate},
    {"plan", answer_plan},
};

static dpipes_status answer_one(const cJSON *request, cJSON *answer, dpipes_error *err)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(request, "do"));
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        if (name && strcmp(requests[i].name, name) == 0)
            return requests[i].answer(request, answer, err);
    fprintf(stderr, "parts: no request: %s\n", name ? name : "(none)");
    exit(2);
}

static void answer_line(const char *line)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    cJSON *request = cJSON_Parse(line);
    cJSON *answer = cJSON_CreateObject();
    if (answer_one(request, answer, &err) != DPIPES_OK)
        cJSON_AddStringToObject(answer, "error", err.message);
    char *text = cJSON_PrintUnformatted(answer);
    puts(text);
    fflush(stdout);
    free(text);
    cJSON_Delete(answer);
    cJSON_Delete(request);
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, stdin) > 0)
        answer_line(line);
    free(line);
    return 0;
}
