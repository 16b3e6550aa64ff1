#ifndef TRAINER_NUMBER_HPP
#define TRAINER_NUMBER_HPP

#include <charconv>
#include <string>

namespace trainer
{

/* The shortest decimal text that reads back as the same double: "0.3", in every locale. */
inline std::string to_text(double value)
{
    char digits[32];
    const auto result = std::to_chars(digits, digits + sizeof digits, value);
    return std::string(digits, result.ptr);
}

} // namespace trainer

#endif
