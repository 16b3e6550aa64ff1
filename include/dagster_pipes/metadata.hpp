/* dagster_pipes/metadata.hpp: typed metadata for C++17. Part of dagster_pipes.hpp, which includes it. */
#ifndef DAGSTER_PIPES_METADATA_HPP
#define DAGSTER_PIPES_METADATA_HPP

#include <cstdint>
#include <cstdio>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <dagster_pipes/exception.hpp>

namespace dagster_pipes
{

/* A value with its type: made from a number, a bool, a text or nullptr, or by one of the functions below. */
class MetadataValue
{
  public:
    template <typename Int, std::enable_if_t<std::is_integral_v<Int> && !std::is_same_v<Int, bool>, int> = 0>
    MetadataValue(Int value) : MetadataValue(dpipes_metadata_int, in_range(value))
    {
    }
    MetadataValue(double value) : MetadataValue(dpipes_metadata_float, value) {}
    MetadataValue(bool value) : MetadataValue(dpipes_metadata_bool, value) {}
    MetadataValue(std::nullptr_t) : add_(dpipes_metadata_null) {}
    MetadataValue(const char *value) : MetadataValue(dpipes_metadata_text, std::string_view(value)) {}
    MetadataValue(const std::string &value) : MetadataValue(dpipes_metadata_text, std::string_view(value)) {}
    MetadataValue(std::string_view value) : MetadataValue(dpipes_metadata_text, value) {}

    /* By a function of context.h: dpipes_metadata_url and so on. */
    template <typename T>
    MetadataValue(dpipes_status (*add)(dpipes_metadata *, const char *, T), T value)
        : add_([=](dpipes_metadata *md, const char *key) { return add(md, key, value); })
    {
    }
    MetadataValue(dpipes_status (*add)(dpipes_metadata *, const char *, const char *), std::string_view text)
        : add_([add, value = std::string(text)](dpipes_metadata *md, const char *key) {
              return add(md, key, value.c_str());
          })
    {
    }
    MetadataValue(std::function<dpipes_status(dpipes_metadata *, const char *)> add) : add_(std::move(add)) {}

    /* What fails stays with `md`, and fails the report. */
    void add_to(dpipes_metadata *md, const char *key) const { (void)add_(md, key); }

  private:
    template <typename Int> static std::int64_t in_range(Int value)
    {
        if constexpr (std::is_unsigned_v<Int> && sizeof(Int) >= sizeof(std::int64_t)) {
            if (value > static_cast<Int>(INT64_MAX)) {
                dpipes_error err = {DPIPES_EINVAL, {0}};
                (void)std::snprintf(err.message, sizeof err.message, "metadata: %s is no int of 64 bits",
                                    std::to_string(value).c_str());
                raise(err);
            }
        }
        return static_cast<std::int64_t>(value);
    }

    std::function<dpipes_status(dpipes_metadata *, const char *)> add_;
};

/* The other types of Dagster's metadata. Those that take JSON text check it; see context.h. */
#define DAGSTER_PIPES_METADATA_TYPE(type)                                                                              \
    inline MetadataValue type(std::string_view value)                                                                  \
    {                                                                                                                  \
        return {dpipes_metadata_##type, value};                                                                        \
    }
DAGSTER_PIPES_METADATA_TYPE(url)
DAGSTER_PIPES_METADATA_TYPE(path)
DAGSTER_PIPES_METADATA_TYPE(notebook)
DAGSTER_PIPES_METADATA_TYPE(md)
DAGSTER_PIPES_METADATA_TYPE(dagster_run)
DAGSTER_PIPES_METADATA_TYPE(asset)
DAGSTER_PIPES_METADATA_TYPE(json)
DAGSTER_PIPES_METADATA_TYPE(infer)
DAGSTER_PIPES_METADATA_TYPE(table_schema)
DAGSTER_PIPES_METADATA_TYPE(table_column_lineage)
#undef DAGSTER_PIPES_METADATA_TYPE

inline MetadataValue timestamp(double unix_seconds)
{
    return {dpipes_metadata_timestamp, unix_seconds};
}
inline MetadataValue table(std::string_view records, std::string_view schema)
{
    return {[r = std::string(records), s = std::string(schema)](dpipes_metadata *md, const char *key) {
        return dpipes_metadata_table(md, key, r.c_str(), s.c_str());
    }};
}

/* An ordered map of metadata; move only. */
class Metadata
{
  public:
    using Entry = std::pair<std::string, MetadataValue>;

    Metadata(std::initializer_list<Entry> entries = {}) : md_(dpipes_metadata_new())
    {
        for (const Entry &entry : entries)
            set(entry.first, entry.second);
    }
    Metadata &set(const std::string &key, const MetadataValue &value)
    {
        value.add_to(md_.get(), key.c_str());
        return *this;
    }
    dpipes_metadata *get() const noexcept { return md_.get(); }

  private:
    struct Free {
        void operator()(dpipes_metadata *md) const noexcept { dpipes_metadata_free(md); }
    };
    std::unique_ptr<dpipes_metadata, Free> md_;
};

inline Metadata metadata(std::initializer_list<Metadata::Entry> entries)
{
    return Metadata(entries);
}

} // namespace dagster_pipes

#endif
