/* The pipeline's comparison: a table of what the folds have reported, and the model of the best. Run by hand, where there
 * are none, it says so. */
#include <stdio.h>

#include "upstream.h"

#define LEAST_MEAN_ACCURACY 0.9

typedef struct comparison {
    cJSON *rows; /* an array of {step, accuracy, log_loss} */
    int count;
    double accuracies, best_accuracy, best_log_loss;
    const char *best_step, *best_model;
} comparison;

static void add_step(comparison *c, const cJSON *step)
{
    const cJSON *metadata = upstream_metadata(step);
    const cJSON *accuracy = cJSON_GetObjectItemCaseSensitive(metadata, "accuracy");
    const cJSON *log_loss = cJSON_GetObjectItemCaseSensitive(metadata, "log_loss");
    if (!cJSON_IsNumber(accuracy) || !cJSON_IsNumber(log_loss))
        return;
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "step", step->string);
    cJSON_AddNumberToObject(row, "accuracy", accuracy->valuedouble);
    cJSON_AddNumberToObject(row, "log_loss", log_loss->valuedouble);
    cJSON_AddItemToArray(c->rows, row);
    c->count++;
    c->accuracies += accuracy->valuedouble;
    if (accuracy->valuedouble < c->best_accuracy ||
        (accuracy->valuedouble <= c->best_accuracy && log_loss->valuedouble >= c->best_log_loss))
        return;
    c->best_accuracy = accuracy->valuedouble;
    c->best_log_loss = log_loss->valuedouble;
    c->best_step = step->string;
    c->best_model = upstream_text(metadata, "model");
}

static const char columns[] =
    "[{\"name\": \"step\", \"type\": \"string\"}, {\"name\": \"accuracy\", \"type\": \"float\"}, "
    "{\"name\": \"log_loss\", \"type\": \"float\"}]";

static void report(dpipes_context *ctx, const comparison *c)
{
    const double mean = c->accuracies / c->count;
    char *rows = cJSON_PrintUnformatted(c->rows);
    dpipes_metadata *md = dpipes_metadata_new();
    dpipes_metadata_table(md, "folds", rows, columns);
    dpipes_metadata_float(md, "mean_accuracy", mean);
    dpipes_metadata_float(md, "best_accuracy", c->best_accuracy);
    dpipes_metadata_text(md, "best_step", c->best_step);
    dpipes_metadata_path(md, "best_model", c->best_model);
    dpipes_report_asset_materialization(ctx, &(dpipes_materialization){sizeof(dpipes_materialization), NULL, md, NULL});
    dpipes_report_asset_check(ctx, &(dpipes_asset_check){.size = sizeof(dpipes_asset_check),
                                                         .check_name = "accurate",
                                                         .passed = mean >= LEAST_MEAN_ACCURACY});
    dpipes_log_info(ctx, "%d folds, mean accuracy %.4f, the best is %s with %.4f", c->count, mean, c->best_step,
                    c->best_accuracy);
    dpipes_metadata_free(md);
    cJSON_free(rows);
}

int main(void)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_context *ctx = dpipes_open(NULL, &err);
    if (!ctx)
        return fprintf(stderr, "compare: %s\n", err.message), 1;
    cJSON *upstream = upstream_read(ctx);
    comparison c = {.rows = cJSON_CreateArray(), .best_accuracy = -1, .best_step = "", .best_model = ""};
    for (const cJSON *step = upstream ? upstream->child : NULL; step; step = step->next)
        add_step(&c, step);
    if (c.count > 0)
        report(ctx, &c);
    else
        dpipes_log_warning(ctx, "no fold has reported its accuracy: there is nothing to compare");
    const int failed = dpipes_close(ctx, NULL, &err) != DPIPES_OK;
    cJSON_Delete(c.rows);
    cJSON_Delete(upstream);
    return failed;
}
