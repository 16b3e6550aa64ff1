#ifndef TRAINER_DATASET_HPP
#define TRAINER_DATASET_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace trainer
{

/* 64-bit FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/: `hash` is what the bytes before have come to. */
constexpr std::uint64_t fnv1a_start = 0xcbf29ce484222325U;
std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash = fnv1a_start);

struct Dataset {
    std::size_t rows = 0;
    std::size_t columns = 0;
    std::vector<float> features; /* rows × columns, row after row */
    std::vector<float> labels;   /* 0 or 1 */
    std::uint64_t hash = 0;      /* of the file's bytes */
};

/* Reads the CSV format of scikit-learn's breast cancer data: see data/README.md. Throws DataError with the
 * line. */
Dataset read_csv(const std::string &path);

/* The fold, from 0, of every row. The folds have equal shares of both classes, and depend on the seed only.
 */
std::vector<int> stratified_folds(const Dataset &data, int folds, std::uint64_t seed);

} // namespace trainer

#endif
