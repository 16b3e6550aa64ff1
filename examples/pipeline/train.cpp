/* One of the pipeline's folds: trains on the others, and tests on this one. The seed is the partition's key.
 *
 * Extras: data       the CSV file; by default breast_cancer.csv beside the program
 *         fold       from 1 to num_folds; by default 1
 *         directory  where the model is written; by default the working directory
 *         num_folds, num_rounds, max_depth, eta, seed: see ../trainer/parameters.hpp */
#include <string>

#include <dagster_pipes/dagster_pipes.hpp>

#include "dataset.hpp"
#include "error.hpp"
#include "parameters.hpp"
#include "training.hpp"

namespace
{

constexpr double least_accuracy = 0.8;

std::int64_t seed_of(const std::string &partition_key)
{
    try {
        return std::stoll(partition_key);
    } catch (const std::exception &) {
        throw trainer::Error("ParameterError", "the partition key '" + partition_key + "' is not a seed");
    }
}

int read_fold(const dagster_pipes::Context &ctx, int num_folds)
{
    const auto fold = ctx.extra<std::int64_t>("fold", 1);
    if (fold < 1 || fold > num_folds)
        throw trainer::Error("ParameterError",
                             "fold: " + std::to_string(fold) + " is not between 1 and " + std::to_string(num_folds));
    return static_cast<int>(fold);
}

void report(dagster_pipes::Context &ctx, const trainer::FoldResult &scores, const std::string &model)
{
    ctx.report_asset_materialization(
        dagster_pipes::metadata({{"fold", scores.fold},
                                 {"accuracy", scores.accuracy},
                                 {"log_loss", scores.log_loss},
                                 {"test_rows", static_cast<std::int64_t>(scores.test_rows)},
                                 {"model", model}}));
    dpipes_asset_check check{};
    check.size = sizeof check;
    check.check_name = "better_than_guessing";
    check.passed = scores.accuracy >= least_accuracy;
    dpipes_report_asset_check(ctx.get(), &check);
}

void train(dagster_pipes::Context &ctx)
{
    trainer::Parameters parameters = trainer::read_parameters(ctx.get());
    if (const auto key = ctx.partition_key())
        parameters.seed = seed_of(*key);
    const int fold = read_fold(ctx, parameters.num_folds);
    const std::string model = ctx.extra<std::string>("directory", ".") + "/model_" + std::to_string(fold) + ".json";
    const trainer::Dataset data = trainer::read_csv(trainer::path_extra(ctx.get(), "data", "breast_cancer.csv"));
    report(ctx, trainer::train_fold(ctx.get(), data, parameters, fold, model), model);
}

} // namespace

int main()
{
    return dagster_pipes::run(train);
}
