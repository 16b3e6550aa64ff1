/* What answers a request of the tests in Python; see parts.c. */
#ifndef DPI_TEST_PARTS_H
#define DPI_TEST_PARTS_H

#include <cjson/cJSON.h>

#include <dagster_pipes/base.h>

/* Each takes a request and fills the answer's members, or fails. */
dpipes_status answer_partitions(const cJSON *request, cJSON *answer, dpipes_error *err);
dpipes_status answer_select(const cJSON *request, cJSON *answer, dpipes_error *err);
dpipes_status answer_interpolate(const cJSON *request, cJSON *answer, dpipes_error *err);
dpipes_status answer_plan(const cJSON *request, cJSON *answer, dpipes_error *err);

#endif
