#ifndef TRAINER_MODEL_HPP
#define TRAINER_MODEL_HPP

#include <memory>
#include <string>
#include <vector>

#include <xgboost/c_api.h>

#include "dataset.hpp"
#include "parameters.hpp"

namespace trainer
{

/* XGBoost's version, as "1.7.4". */
std::string xgboost_version();

/* Owns one of XGBoost's handles, which are all void *. */
template <int (*Free)(void *)> struct HandleDeleter {
    void operator()(void *handle) const { Free(handle); }
};
template <int (*Free)(void *)> using Handle = std::unique_ptr<void, HandleDeleter<Free>>;

/* Rows with labels, held by XGBoost. Every method here and below throws XGBoostError. */
class Matrix
{
  public:
    explicit Matrix(const Dataset &data);
    /* The rows of `whole` with these indices. */
    Matrix(const Matrix &whole, const std::vector<int> &rows);

    DMatrixHandle handle() const { return handle_.get(); }
    std::vector<float> labels() const;

  private:
    Handle<XGDMatrixFree> handle_;
};

/* A model of boosted trees for two classes. */
class Booster
{
  public:
    /* `train` has to outlive the booster. */
    Booster(const Matrix &train, const Parameters &parameters);

    /* One more round of boosting; rounds count from 0. */
    void boost(int round);
    /* XGBoost's line of metrics after this round: "[0]\ttrain-logloss:0.45\ttest-logloss:0.47". */
    std::string evaluate(int round, const Matrix &test) const;
    /* The probability of class 1, row by row. */
    std::vector<float> predict(const Matrix &rows) const;
    void save(const std::string &path) const;

  private:
    void set(const char *name, const std::string &value);

    Handle<XGBoosterFree> handle_;
    const Matrix &train_;
};

} // namespace trainer

#endif
