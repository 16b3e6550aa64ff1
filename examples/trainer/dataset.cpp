#include "dataset.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <utility>

#include "error.hpp"

namespace trainer
{
namespace
{

std::string read_file(const std::string &path)
{
    const std::unique_ptr<std::FILE, int (*)(std::FILE *)> file(std::fopen(path.c_str(), "rb"), std::fclose);
    std::string text;
    char chunk[65536];
    for (std::size_t size = 1; file && size > 0;) {
        size = std::fread(chunk, 1, sizeof chunk, file.get());
        text.append(chunk, size);
    }
    if (!file || std::ferror(file.get()))
        throw Error("DataError", path + ": " + std::strerror(errno));
    return text;
}

/* Goes through the file line by line, and through a line number by number. */
class CsvReader
{
  public:
    CsvReader(const std::string &path, std::string_view text) : path_(path), rest_(text) {}

    bool next_line()
    {
        if (rest_.empty())
            return false;
        number_++;
        line_ = rest_.substr(0, rest_.find('\n'));
        rest_.remove_prefix(std::min(line_.size() + 1, rest_.size()));
        return true;
    }

    template <typename T> T next_number()
    {
        const std::string_view field = line_.substr(0, line_.find(','));
        T value{};
        const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
        if (error != std::errc() || end != field.data() + field.size())
            fail("'" + std::string(field) + "' is not a number");
        line_.remove_prefix(std::min(field.size() + 1, line_.size()));
        return value;
    }

    void end_of_line() const
    {
        if (!line_.empty())
            fail("more fields than expected");
    }

    [[noreturn]] void fail(const std::string &why) const
    {
        throw Error("DataError", path_ + ", line " + std::to_string(number_) + ": " + why);
    }

  private:
    const std::string &path_;
    std::string_view rest_;
    std::string_view line_;
    int number_ = 0;
};

void read_row(CsvReader &csv, Dataset &data)
{
    for (std::size_t column = 0; column < data.columns; column++) {
        const float value = csv.next_number<float>();
        if (!std::isfinite(value))
            csv.fail("a feature is not finite");
        data.features.push_back(value);
    }
    const int label = csv.next_number<int>();
    if (label != 0 && label != 1)
        csv.fail("the class " + std::to_string(label) + " is neither 0 nor 1");
    data.labels.push_back(static_cast<float>(label));
    csv.end_of_line();
}

void shuffle(std::vector<std::size_t> &items, std::mt19937_64 &random)
{
    for (std::size_t left = items.size(); left > 1; left--)
        std::swap(items[left - 1], items[random() % left]);
}

} // namespace

std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash)
{
    for (const char byte : bytes)
        hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
    return hash;
}

Dataset read_csv(const std::string &path)
{
    const std::string text = read_file(path);
    Dataset data;
    data.hash = fnv1a(text);

    CsvReader csv(path, text);
    if (!csv.next_line())
        throw Error("DataError", path + ": the file is empty");
    const auto announced = csv.next_number<std::size_t>();
    data.columns = csv.next_number<std::size_t>();
    while (csv.next_line())
        read_row(csv, data);
    data.rows = data.labels.size();
    if (data.rows != announced)
        csv.fail("the file has " + std::to_string(data.rows) + " rows, its first line says " +
                 std::to_string(announced));
    return data;
}

std::vector<int> stratified_folds(const Dataset &data, int folds, std::uint64_t seed)
{
    std::vector<std::size_t> classes[2];
    for (std::size_t row = 0; row < data.rows; row++)
        classes[data.labels[row] > 0.5F].push_back(row);

    std::mt19937_64 random(seed);
    std::vector<int> fold_of(data.rows);
    int next = 0;
    for (auto &rows : classes) {
        shuffle(rows, random);
        for (const std::size_t row : rows) {
            fold_of[row] = next;
            next = (next + 1) % folds;
        }
    }
    return fold_of;
}

} // namespace trainer
