#ifndef TRAINER_REPORT_HPP
#define TRAINER_REPORT_HPP

#include <string>

#include <dagster_pipes/context.h>

#include "parameters.hpp"
#include "training.hpp"

namespace trainer
{

/* What the materialization says about the model, besides the scores. */
struct ModelInfo {
    std::string data_version;
    std::string data_path;
    std::string model_path;
    std::size_t rows;
};

/* Reports the asset's materialization, and the check that the mean accuracy is 0.9 or more. */
void report(dpipes_context *ctx, const Parameters &parameters, const Result &result, const ModelInfo &model);

} // namespace trainer

#endif
