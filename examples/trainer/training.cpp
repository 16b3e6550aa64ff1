#include "training.hpp"

#include <algorithm>
#include <cmath>

#include "error.hpp"
#include "model.hpp"

namespace trainer
{
namespace
{

struct Split {
    std::vector<int> train;
    std::vector<int> test;
};

Split split(const std::vector<int> &fold_of, int fold)
{
    Split s;
    for (std::size_t row = 0; row < fold_of.size(); row++)
        (fold_of[row] == fold ? s.test : s.train).push_back(static_cast<int>(row));
    return s;
}

/* XGBoost's "[0]\ttrain-logloss:0.45\ttest-logloss:0.47" without the number and the tabs. */
std::string metrics_of(std::string line)
{
    line.erase(0, line.find('\t') + 1);
    std::replace(line.begin(), line.end(), '\t', ' ');
    return line;
}

double accuracy(const std::vector<float> &labels, const std::vector<float> &probabilities)
{
    std::size_t right = 0;
    for (std::size_t row = 0; row < labels.size(); row++)
        right += (probabilities[row] > 0.5F) == (labels[row] > 0.5F);
    return static_cast<double>(right) / static_cast<double>(labels.size());
}

double log_loss(const std::vector<float> &labels, const std::vector<float> &probabilities)
{
    double sum = 0;
    for (std::size_t row = 0; row < labels.size(); row++) {
        const double p = static_cast<double>(probabilities[row]);
        sum -= std::log(std::max(labels[row] > 0.5F ? p : 1 - p, 1e-15));
    }
    return sum / static_cast<double>(labels.size());
}

/* Writes the model to `model_path` where that is not empty. */
FoldResult test_fold(dpipes_context *ctx, const Matrix &all, const Split &rows, int fold, const Parameters &parameters,
                     const std::string &model_path)
{
    const Matrix train(all, rows.train);
    const Matrix test(all, rows.test);
    Booster booster(train, parameters);
    for (int round = 0; round < parameters.num_rounds; round++) {
        booster.boost(round);
        dpipes_log_info(ctx, "fold %d/%d, epoch %d/%d: %s", fold, parameters.num_folds, round + 1,
                        parameters.num_rounds, metrics_of(booster.evaluate(round, test)).c_str());
    }
    if (!model_path.empty())
        booster.save(model_path);
    const std::vector<float> labels = test.labels();
    const std::vector<float> probabilities = booster.predict(test);
    return {fold, rows.train.size(), rows.test.size(), accuracy(labels, probabilities),
            log_loss(labels, probabilities)};
}

void train_final(const Matrix &all, const Parameters &parameters, const std::string &model_path)
{
    Booster booster(all, parameters);
    for (int round = 0; round < parameters.num_rounds; round++)
        booster.boost(round);
    booster.save(model_path);
}

std::vector<int> make_folds(const Dataset &data, const Parameters &parameters)
{
    if (data.rows < static_cast<std::size_t>(parameters.num_folds))
        throw Error("DataError", std::to_string(data.rows) + " rows are too few for " +
                                     std::to_string(parameters.num_folds) + " folds");
    return stratified_folds(data, parameters.num_folds, static_cast<std::uint64_t>(parameters.seed));
}

void log_scores(dpipes_context *ctx, const FoldResult &scores, const Parameters &parameters)
{
    dpipes_log_info(ctx, "fold %d/%d: accuracy %.4f, log loss %.4f on %zu rows", scores.fold, parameters.num_folds,
                    scores.accuracy, scores.log_loss, scores.test_rows);
}

} // namespace

Result train(dpipes_context *ctx, const Dataset &data, const Parameters &parameters, const std::string &model_path)
{
    const std::vector<int> fold_of = make_folds(data, parameters);
    const Matrix all(data);
    Result result;
    for (int fold = 0; fold < parameters.num_folds; fold++) {
        const FoldResult scores = test_fold(ctx, all, split(fold_of, fold), fold + 1, parameters, "");
        log_scores(ctx, scores, parameters);
        result.folds.push_back(scores);
        result.mean_accuracy += scores.accuracy / parameters.num_folds;
        result.mean_log_loss += scores.log_loss / parameters.num_folds;
    }
    train_final(all, parameters, model_path);
    dpipes_log_info(ctx, "model of all %zu rows written to %s", data.rows, model_path.c_str());
    return result;
}

FoldResult train_fold(dpipes_context *ctx, const Dataset &data, const Parameters &parameters, int fold,
                      const std::string &model_path)
{
    const std::vector<int> fold_of = make_folds(data, parameters);
    const FoldResult scores = test_fold(ctx, Matrix(data), split(fold_of, fold - 1), fold, parameters, model_path);
    log_scores(ctx, scores, parameters);
    return scores;
}

} // namespace trainer
