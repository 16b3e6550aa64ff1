#include "model.hpp"

#include <limits>

#include "error.hpp"
#include "number.hpp"

namespace trainer
{
namespace
{

/* XGBoost's reason ends with a stack trace of many lines, which tells nothing about the input. */
void check(int result, const std::string &what)
{
    if (result == 0)
        return;
    const std::string reason = XGBGetLastError();
    throw Error("XGBoostError", what + ": " + reason.substr(0, reason.find("\nStack trace")));
}

} // namespace

std::string xgboost_version()
{
    int major = 0, minor = 0, patch = 0;
    XGBoostVersion(&major, &minor, &patch);
    return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

Matrix::Matrix(const Dataset &data)
{
    DMatrixHandle handle = nullptr;
    check(XGDMatrixCreateFromMat(data.features.data(), data.rows, data.columns, std::numeric_limits<float>::quiet_NaN(),
                                 &handle),
          "cannot load the features");
    handle_.reset(handle);
    check(XGDMatrixSetFloatInfo(handle, "label", data.labels.data(), data.rows), "cannot load the labels");
}

Matrix::Matrix(const Matrix &whole, const std::vector<int> &rows)
{
    DMatrixHandle handle = nullptr;
    check(XGDMatrixSliceDMatrix(whole.handle(), rows.data(), rows.size(), &handle), "cannot select rows");
    handle_.reset(handle);
}

std::vector<float> Matrix::labels() const
{
    bst_ulong count = 0;
    const float *labels = nullptr;
    check(XGDMatrixGetFloatInfo(handle(), "label", &count, &labels), "cannot read the labels");
    return std::vector<float>(labels, labels + count);
}

Booster::Booster(const Matrix &train, const Parameters &parameters) : train_(train)
{
    const DMatrixHandle matrices[] = {train.handle()};
    BoosterHandle handle = nullptr;
    check(XGBoosterCreate(matrices, 1, &handle), "cannot create a model");
    handle_.reset(handle);
    set("objective", "binary:logistic");
    set("eval_metric", "logloss");
    set("max_depth", std::to_string(parameters.max_depth));
    set("eta", to_text(parameters.eta));
    set("seed", std::to_string(parameters.seed));
    set("nthread", "2");
    set("verbosity", "2"); /* XGBoost says on stderr what it does to each tree */
}

void Booster::set(const char *name, const std::string &value)
{
    check(XGBoosterSetParam(handle_.get(), name, value.c_str()), "cannot set " + (name + (" to " + value)));
}

void Booster::boost(int round)
{
    check(XGBoosterUpdateOneIter(handle_.get(), round, train_.handle()), "cannot train round " + std::to_string(round));
}

std::string Booster::evaluate(int round, const Matrix &test) const
{
    DMatrixHandle matrices[] = {train_.handle(), test.handle()};
    const char *names[] = {"train", "test"};
    const char *line = nullptr;
    check(XGBoosterEvalOneIter(handle_.get(), round, matrices, names, 2, &line),
          "cannot evaluate round " + std::to_string(round));
    return line;
}

std::vector<float> Booster::predict(const Matrix &rows) const
{
    const char *config = "{\"type\": 0, \"training\": false, \"iteration_begin\": 0, \"iteration_end\": 0, "
                         "\"strict_shape\": false}";
    const bst_ulong *shape = nullptr;
    bst_ulong dimensions = 0;
    const float *probabilities = nullptr;
    check(XGBoosterPredictFromDMatrix(handle_.get(), rows.handle(), config, &shape, &dimensions, &probabilities),
          "cannot predict");
    return std::vector<float>(probabilities, probabilities + shape[0]);
}

void Booster::save(const std::string &path) const
{
    check(XGBoosterSaveModel(handle_.get(), path.c_str()), "cannot write the model to " + path);
}

} // namespace trainer
