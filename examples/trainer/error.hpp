#ifndef TRAINER_ERROR_HPP
#define TRAINER_ERROR_HPP

#include <stdexcept>
#include <string>

namespace trainer
{

/* What ends the training. The name is the one that Dagster shows: DataError, ParameterError, XGBoostError. */
class Error : public std::runtime_error
{
  public:
    Error(const char *name, const std::string &message) : std::runtime_error(message), name_(name) {}

    const char *name() const { return name_; }

  private:
    const char *name_;
};

} // namespace trainer

#endif
