#include "parameters.hpp"

#include <filesystem>
#include <sstream>

#include "error.hpp"
#include "number.hpp"

namespace trainer
{
namespace
{

int read_int(dpipes_context *ctx, const char *key, int default_value, int least, int most)
{
    const int64_t value = dpipes_extra_int(ctx, key, default_value);
    if (value < least || value > most)
        throw Error("ParameterError", std::string(key) + ": " + std::to_string(value) + " is not between " +
                                          std::to_string(least) + " and " + std::to_string(most));
    return static_cast<int>(value);
}

double read_eta(dpipes_context *ctx, double default_value)
{
    const double eta = dpipes_extra_double(ctx, "eta", default_value);
    if (!(eta > 0 && eta <= 1))
        throw Error("ParameterError", "eta: " + to_text(eta) + " is not above 0 and at most 1");
    return eta;
}

} // namespace

Parameters read_parameters(dpipes_context *ctx)
{
    Parameters p;
    p.num_folds = read_int(ctx, "num_folds", p.num_folds, 2, 100);
    p.num_rounds = read_int(ctx, "num_rounds", p.num_rounds, 0, 100000);
    p.max_depth = read_int(ctx, "max_depth", p.max_depth, 1, 16);
    p.eta = read_eta(ctx, p.eta);
    p.seed = dpipes_extra_int(ctx, "seed", p.seed);
    check_extras(ctx);
    return p;
}

void check_extras(dpipes_context *ctx)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    if (dpipes_failure(ctx, &err) != DPIPES_OK)
        throw Error("ParameterError", err.message);
}

std::string path_extra(dpipes_context *ctx, const char *key, const std::string &default_name)
{
    const char *given = dpipes_extra_string(ctx, key, nullptr);
    check_extras(ctx);
    if (given)
        return std::filesystem::absolute(given).string();
    return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / default_name).string();
}

std::string to_json(const Parameters &p)
{
    std::ostringstream json;
    json << "{\"num_folds\": " << p.num_folds << ", \"num_rounds\": " << p.num_rounds
         << ", \"max_depth\": " << p.max_depth << ", \"eta\": " << to_text(p.eta) << ", \"seed\": " << p.seed << "}";
    return json.str();
}

} // namespace trainer
