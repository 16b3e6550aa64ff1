#ifndef TRAINER_TRAINING_HPP
#define TRAINER_TRAINING_HPP

#include <cstddef>
#include <string>
#include <vector>

#include <dagster_pipes/context.h>

#include "dataset.hpp"
#include "parameters.hpp"

namespace trainer
{

/* How good the model of one fold is on the rows that it has not seen. */
struct FoldResult {
    int fold; /* from 1 */
    std::size_t train_rows;
    std::size_t test_rows;
    double accuracy;
    double log_loss;
};

struct Result {
    std::vector<FoldResult> folds;
    double mean_accuracy = 0;
    double mean_log_loss = 0;
};

/* Trains a model a fold, with a log line an epoch, and then one on all rows, which it writes to `model_path`.
 */
Result train(dpipes_context *ctx, const Dataset &data, const Parameters &parameters, const std::string &model_path);

/* Trains the model of one fold, from 1, and writes it to `model_path`. */
FoldResult train_fold(dpipes_context *ctx, const Dataset &data, const Parameters &parameters, int fold,
                      const std::string &model_path);

} // namespace trainer

#endif
