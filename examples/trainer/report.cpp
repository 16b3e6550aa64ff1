#include "report.hpp"

#include <chrono>
#include <memory>
#include <sstream>

#include "model.hpp"
#include "number.hpp"

namespace trainer
{
namespace
{

constexpr double least_accuracy = 0.9;

struct MetadataDeleter {
    void operator()(dpipes_metadata *md) const { dpipes_metadata_free(md); }
};
using Metadata = std::unique_ptr<dpipes_metadata, MetadataDeleter>;

const char *const fold_columns = R"([
    {"name": "fold", "type": "int", "description": "number of the fold, from 1"},
    {"name": "train_rows", "type": "int"},
    {"name": "test_rows", "type": "int"},
    {"name": "accuracy", "type": "float", "description": "share of the test rows with the right class"},
    {"name": "log_loss", "type": "float"}
])";

std::string fold_records(const Result &result)
{
    std::ostringstream json;
    json << "[";
    for (const FoldResult &f : result.folds)
        json << (f.fold > 1 ? ", " : "") << "{\"fold\": " << f.fold << ", \"train_rows\": " << f.train_rows
             << ", \"test_rows\": " << f.test_rows << ", \"accuracy\": " << to_text(f.accuracy)
             << ", \"log_loss\": " << to_text(f.log_loss) << "}";
    json << "]";
    return json.str();
}

std::string summary(const Parameters &parameters, const Result &result)
{
    std::ostringstream md;
    md << std::fixed;
    md.precision(4);
    md << "### Breast cancer: " << parameters.num_folds << " folds of " << parameters.num_rounds << " rounds\n\n"
       << "| fold | accuracy | log loss |\n| ---: | ---: | ---: |\n";
    for (const FoldResult &f : result.folds)
        md << "| " << f.fold << " | " << f.accuracy << " | " << f.log_loss << " |\n";
    md << "| **mean** | **" << result.mean_accuracy << "** | **" << result.mean_log_loss << "** |\n";
    return md.str();
}

double unix_seconds_now()
{
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void report_materialization(dpipes_context *ctx, const Parameters &parameters, const Result &result,
                            const ModelInfo &model)
{
    const Metadata md(dpipes_metadata_new());
    dpipes_metadata_int(md.get(), "num_folds", parameters.num_folds);
    dpipes_metadata_int(md.get(), "rows", static_cast<int64_t>(model.rows));
    dpipes_metadata_float(md.get(), "mean_accuracy", result.mean_accuracy);
    dpipes_metadata_float(md.get(), "mean_log_loss", result.mean_log_loss);
    dpipes_metadata_table(md.get(), "folds", fold_records(result).c_str(), fold_columns);
    dpipes_metadata_json(md.get(), "parameters", to_json(parameters).c_str());
    dpipes_metadata_md(md.get(), "summary", summary(parameters, result).c_str());
    dpipes_metadata_path(md.get(), "data", model.data_path.c_str());
    dpipes_metadata_path(md.get(), "model", model.model_path.c_str());
    dpipes_metadata_timestamp(md.get(), "trained_at", unix_seconds_now());
    dpipes_metadata_text(md.get(), "xgboost_version", xgboost_version().c_str());

    dpipes_materialization m{};
    m.size = sizeof m;
    m.metadata = md.get();
    m.data_version = model.data_version.c_str();
    dpipes_report_asset_materialization(ctx, &m);
}

void report_check(dpipes_context *ctx, double mean_accuracy)
{
    const Metadata md(dpipes_metadata_new());
    dpipes_metadata_float(md.get(), "mean_accuracy", mean_accuracy);
    dpipes_metadata_float(md.get(), "least_accuracy", least_accuracy);

    dpipes_asset_check check{};
    check.size = sizeof check;
    check.check_name = "accuracy_at_least_0_9";
    check.passed = mean_accuracy >= least_accuracy;
    check.metadata = md.get();
    dpipes_report_asset_check(ctx, &check);
}

} // namespace

void report(dpipes_context *ctx, const Parameters &parameters, const Result &result, const ModelInfo &model)
{
    report_materialization(ctx, parameters, result, model);
    report_check(ctx, result.mean_accuracy);
}

} // namespace trainer
