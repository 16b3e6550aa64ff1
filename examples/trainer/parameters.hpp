#ifndef TRAINER_PARAMETERS_HPP
#define TRAINER_PARAMETERS_HPP

#include <cstdint>
#include <string>

#include <dagster_pipes/context.h>

namespace trainer
{

/* What the model depends on, besides the data. Each is an extra of the same name. */
struct Parameters {
    int num_folds = 5;
    int num_rounds = 50; /* an epoch of the log is one round of boosting */
    int max_depth = 4;
    double eta = 0.3;
    std::int64_t seed = 7;
};

/* Throws ParameterError: an extra of another type, or a value out of range. */
Parameters read_parameters(dpipes_context *ctx);

/* Throws ParameterError when an extra that was read has another type than the one asked for. */
void check_extras(dpipes_context *ctx);

/* The extra `key` as an absolute path; by default a file beside the program, wherever that was copied to. */
std::string path_extra(dpipes_context *ctx, const char *key, const std::string &default_name);

/* One JSON object, always with the same text for the same parameters. */
std::string to_json(const Parameters &parameters);

} // namespace trainer

#endif
