/* Trains a model of boosted trees for the breast cancer data as a step of Dagster: reads its parameters from
 * the extras (parameters.hpp; `data` and `model` are the paths of the CSV file and of the model), logs every
 * epoch, reports the asset with its metadata and a check. A model that is not good enough is a failed check,
 * not a failed program. */
#include <cstdio>
#include <cstdlib>
#include <string>

#include <dagster_pipes/context.h>

#include "dataset.hpp"
#include "error.hpp"
#include "parameters.hpp"
#include "report.hpp"
#include "training.hpp"

namespace
{

using namespace trainer;

/* The same data and the same parameters make the same model, and so the same version. */
std::string data_version(const Dataset &data, const Parameters &parameters)
{
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(fnv1a(to_json(parameters), data.hash)));
    return text;
}

void run(dpipes_context *ctx)
{
    const Parameters parameters = read_parameters(ctx);
    const std::string data_path = path_extra(ctx, "data", "breast_cancer.csv");
    const Dataset data = read_csv(data_path);
    const std::string version = data_version(data, parameters);
    const std::string model_path = path_extra(ctx, "model", "model-" + version + ".json");

    dpipes_log_info(ctx, "training %d folds of %d rounds on %zu rows of %zu features", parameters.num_folds,
                    parameters.num_rounds, data.rows, data.columns);
    const Result result = train(ctx, data, parameters, model_path);
    dpipes_log_info(ctx, "mean accuracy %.4f", result.mean_accuracy);
    report(ctx, parameters, result, {version, data_path, model_path, data.rows});
}

int close_failed(dpipes_context *ctx, const char *name, const char *message)
{
    dpipes_exception exception{};
    exception.size = sizeof exception;
    exception.name = name;
    exception.message = message;
    dpipes_close(ctx, &exception, nullptr);
    std::fprintf(stderr, "trainer: %s: %s\n", name, message);
    return EXIT_FAILURE;
}

} // namespace

int main()
{
    dpipes_error err = DPIPES_ERROR_INIT;
    dpipes_context *ctx = dpipes_open(nullptr, &err);
    if (!ctx) {
        std::fprintf(stderr, "trainer: %s\n", err.message);
        return EXIT_FAILURE;
    }
    try {
        run(ctx);
    } catch (const Error &error) {
        return close_failed(ctx, error.name(), error.what());
    } catch (const std::exception &error) {
        return close_failed(ctx, "std::exception", error.what());
    }
    if (dpipes_close(ctx, nullptr, &err) != DPIPES_OK) {
        std::fprintf(stderr, "trainer: %s\n", err.message);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
