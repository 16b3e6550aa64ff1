/* dagster_pipes/dagster_pipes.hpp: context.h for C++17, header only. RAII and exceptions over the C API, no second one: what
 * is not here is called on `Context::get()`.
 *
 *     int main()
 *     {
 *         return dagster_pipes::run([](dagster_pipes::Context &ctx) {
 *             const auto lr = ctx.extra<double>("lr", 0.01);
 *             ctx.log_info("training with lr " + std::to_string(lr));
 *             ctx.report_asset_materialization(dagster_pipes::metadata({{"auc", 0.97}, {"lr", lr}}));
 *         });
 *     }
 *
 * Threads and processes: as context.h says. */
#ifndef DAGSTER_PIPES_DAGSTER_PIPES_HPP
#define DAGSTER_PIPES_DAGSTER_PIPES_HPP

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include <cxxabi.h>

#include <dagster_pipes/context.h>

namespace dagster_pipes
{

/* A call of the C API that failed: its sentence, and its status. */
class Error : public std::runtime_error
{
  public:
    explicit Error(const dpipes_error &err) : std::runtime_error(err.message), status_(err.status) {}
    dpipes_status status() const noexcept { return status_; }

  private:
    dpipes_status status_;
};

/* ---- Metadata ---- */

/* A value with its type: made from a number, a bool, a text or nullptr, or by one of the functions below. */
class MetadataValue
{
  public:
    template <typename Int, std::enable_if_t<std::is_integral_v<Int> && !std::is_same_v<Int, bool>, int> = 0>
    MetadataValue(Int value) : kind_(Kind::Int), int_(checked(value))
    {
    }
    MetadataValue(double value) : kind_(Kind::Float), double_(value) {}
    MetadataValue(bool value) : kind_(Kind::Bool), int_(value) {}
    MetadataValue(std::nullptr_t) : kind_(Kind::Null) {}
    MetadataValue(const char *value) : kind_(Kind::Text), add_text_(dpipes_metadata_text), text_(value) {}
    MetadataValue(std::string_view value) : kind_(Kind::Text), add_text_(dpipes_metadata_text), text_(value) {}
    MetadataValue(std::string value) : kind_(Kind::Text), add_text_(dpipes_metadata_text), text_(std::move(value)) {}

    using AddText = dpipes_status (*)(dpipes_metadata *, const char *, const char *);
    MetadataValue(AddText add, std::string_view text) : kind_(Kind::Text), add_text_(add), text_(text) {}

    static MetadataValue timestamp(double unix_seconds)
    {
        MetadataValue value(unix_seconds);
        value.kind_ = Kind::Timestamp;
        return value;
    }
    static MetadataValue table(std::string_view records, std::string_view schema)
    {
        MetadataValue value(records);
        value.kind_ = Kind::Table;
        value.schema_ = schema;
        return value;
    }

    /* What fails stays with `md`, and fails the report. */
    void add_to(dpipes_metadata *md, const char *key) const
    {
        switch (kind_) {
        case Kind::Int:
            dpipes_metadata_int(md, key, int_);
            break;
        case Kind::Float:
            dpipes_metadata_float(md, key, double_);
            break;
        case Kind::Bool:
            dpipes_metadata_bool(md, key, int_ != 0);
            break;
        case Kind::Null:
            dpipes_metadata_null(md, key);
            break;
        case Kind::Text:
            add_text_(md, key, text_.c_str());
            break;
        case Kind::Timestamp:
            dpipes_metadata_timestamp(md, key, double_);
            break;
        case Kind::Table:
            dpipes_metadata_table(md, key, text_.c_str(), schema_.c_str());
            break;
        }
    }

  private:
    enum class Kind { Int, Float, Bool, Null, Text, Timestamp, Table };

    template <typename Int> static std::int64_t checked(Int value)
    {
        if constexpr (std::is_unsigned_v<Int> && sizeof(Int) >= sizeof(std::int64_t)) {
            if (value > static_cast<Int>(INT64_MAX))
                throw std::out_of_range("metadata: " + std::to_string(value) + " is no int of 64 bits");
        }
        return static_cast<std::int64_t>(value);
    }

    Kind kind_;
    AddText add_text_ = nullptr;
    std::int64_t int_ = 0;
    double double_ = 0;
    std::string text_;
    std::string schema_;
};

/* The other types of Dagster's metadata. Those that take JSON text check it; see context.h. */
inline MetadataValue url(std::string_view value)
{
    return {dpipes_metadata_url, value};
}
inline MetadataValue path(std::string_view value)
{
    return {dpipes_metadata_path, value};
}
inline MetadataValue notebook(std::string_view value)
{
    return {dpipes_metadata_notebook, value};
}
inline MetadataValue md(std::string_view value)
{
    return {dpipes_metadata_md, value};
}
inline MetadataValue dagster_run(std::string_view run_id)
{
    return {dpipes_metadata_dagster_run, run_id};
}
inline MetadataValue asset(std::string_view asset_key)
{
    return {dpipes_metadata_asset, asset_key};
}
inline MetadataValue json(std::string_view text)
{
    return {dpipes_metadata_json, text};
}
inline MetadataValue infer(std::string_view text)
{
    return {dpipes_metadata_infer, text};
}
inline MetadataValue table_schema(std::string_view columns)
{
    return {dpipes_metadata_table_schema, columns};
}
inline MetadataValue table_column_lineage(std::string_view deps_by_column)
{
    return {dpipes_metadata_table_column_lineage, deps_by_column};
}
inline MetadataValue timestamp(double unix_seconds)
{
    return MetadataValue::timestamp(unix_seconds);
}
inline MetadataValue table(std::string_view records, std::string_view schema)
{
    return MetadataValue::table(records, schema);
}

/* An ordered map of metadata; move only. */
class Metadata
{
  public:
    using Entry = std::pair<std::string, MetadataValue>;

    Metadata() : md_(dpipes_metadata_new()) {}
    Metadata(std::initializer_list<Entry> entries) : Metadata()
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

/* ---- Exceptions ---- */

/* "std::runtime_error" and the like; what std::throw_with_nested has wrapped, by its own name. */
inline std::string type_name(const std::type_info &type)
{
    int failed = 0;
    const std::unique_ptr<char, void (*)(void *)> name(abi::__cxa_demangle(type.name(), nullptr, nullptr, &failed),
                                                       std::free);
    const std::string text = failed == 0 ? name.get() : type.name();
    constexpr std::string_view wrapper = "std::_Nested_exception<";
    return text.rfind(wrapper, 0) == 0 ? text.substr(wrapper.size(), text.size() - wrapper.size() - 1) : text;
}

/* An exception and those nested in it (std::throw_with_nested), which become its causes. */
class ExceptionChain
{
  public:
    explicit ExceptionChain(std::exception_ptr thrown)
    {
        for (std::exception_ptr next = std::move(thrown); next && links_.size() < max_links;)
            next = add(next);
        exceptions_.resize(links_.size());
        for (std::size_t i = 0; i < links_.size(); i++) {
            exceptions_[i].size = sizeof exceptions_[i];
            exceptions_[i].name = links_[i].first.c_str();
            exceptions_[i].message = links_[i].second.c_str();
            exceptions_[i].cause = i + 1 < links_.size() ? &exceptions_[i + 1] : nullptr;
        }
    }
    const dpipes_exception *get() const noexcept { return exceptions_.data(); }
    const std::string &message() const noexcept { return links_.front().second; }

  private:
    static constexpr std::size_t max_links = 32;

    /* Returns the one that is nested in it. */
    std::exception_ptr add(const std::exception_ptr &thrown)
    {
        try {
            std::rethrow_exception(thrown);
        } catch (const std::exception &exception) {
            links_.emplace_back(type_name(typeid(exception)), exception.what());
            const auto *nested = dynamic_cast<const std::nested_exception *>(&exception);
            return nested ? nested->nested_ptr() : nullptr;
        } catch (...) {
            const std::type_info *type = abi::__cxa_current_exception_type();
            links_.emplace_back(type ? type_name(*type) : "unknown", "an exception that is no std::exception");
            return nullptr;
        }
    }

    std::vector<std::pair<std::string, std::string>> links_;
    std::vector<dpipes_exception> exceptions_;
};

/* ---- The context ---- */

/* The process's context; move only. Its end closes it: as failed when an exception is on its way out. */
class Context
{
  public:
    /* Throws Error where dpipes_open gives NULL. */
    explicit Context(const dpipes_open_options *options = nullptr) : thrown_(std::uncaught_exceptions())
    {
        dpipes_error err = DPIPES_ERROR_INIT;
        ctx_ = dpipes_open(options, &err);
        if (!ctx_)
            throw Error(err);
    }
    Context(Context &&other) noexcept : ctx_(std::exchange(other.ctx_, nullptr)), thrown_(other.thrown_) {}
    Context &operator=(Context &&) = delete;
    ~Context()
    {
        if (!ctx_)
            return;
        dpipes_exception left = {};
        left.size = sizeof left;
        left.message = "the program was left by a C++ exception";
        (void)dpipes_close(ctx_, std::uncaught_exceptions() > thrown_ ? &left : nullptr, nullptr);
        dpipes_free(ctx_);
    }

    dpipes_context *get() const noexcept { return ctx_; }

    /* Throws Error with the first failure of the context, or why `closed` could not be written. */
    void close(const dpipes_exception *exception = nullptr)
    {
        dpipes_error err = DPIPES_ERROR_INIT;
        if (dpipes_close(ctx_, exception, &err) != DPIPES_OK)
            throw Error(err);
    }

    /* Sticky, as in C: a failure comes out of close(). */
    void log(dpipes_log_level level, const std::string &text) { dpipes_log(ctx_, level, text.c_str()); }
    void log_debug(const std::string &text) { log(DPIPES_LOG_DEBUG, text); }
    void log_info(const std::string &text) { log(DPIPES_LOG_INFO, text); }
    void log_warning(const std::string &text) { log(DPIPES_LOG_WARNING, text); }
    void log_error(const std::string &text) { log(DPIPES_LOG_ERROR, text); }
    void log_critical(const std::string &text) { log(DPIPES_LOG_CRITICAL, text); }

    std::string run_id() const { return dpipes_run_id(ctx_); }
    std::optional<std::string> job_name() const { return optional_text(dpipes_job_name(ctx_)); }
    std::int64_t retry_number() const { return dpipes_retry_number(ctx_); }
    std::vector<std::string> asset_keys() const
    {
        std::vector<std::string> keys;
        for (std::size_t i = 0; i < dpipes_asset_key_count(ctx_); i++)
            keys.emplace_back(dpipes_asset_key_at(ctx_, i));
        return keys;
    }
    /* Nothing when the step has not exactly one. */
    std::optional<std::string> asset_key() const { return optional_text(dpipes_asset_key(ctx_, nullptr)); }
    std::optional<std::string> partition_key() const { return optional_text(dpipes_partition_key(ctx_, nullptr)); }

    bool has_extra(const std::string &key) const { return dpipes_has_extra(ctx_, key.c_str()); }

    /* The extra as std::int64_t, double, bool or std::string (a text, U+0000 too). Throws Error when it is absent or of
     * another type. */
    template <typename T> T extra(const std::string &key) const
    {
        dpipes_error err = DPIPES_ERROR_INIT;
        T value{};
        if (get_extra(key.c_str(), value, err) != DPIPES_OK)
            throw Error(err);
        return value;
    }
    /* The default when it is absent, or when this is no Pipes process. Throws Error when it is of another type. */
    template <typename T, typename Default> T extra(const std::string &key, Default &&default_value) const
    {
        return has_extra(key) ? extra<T>(key) : T(std::forward<Default>(default_value));
    }
    std::optional<std::string> extra_json(const std::string &key) const
    {
        return optional_text(dpipes_extra_json(ctx_, key.c_str(), nullptr));
    }

    void report_asset_materialization(const Metadata &metadata, const std::optional<std::string> &data_version = {},
                                      const std::optional<std::string> &asset_key = {})
    {
        dpipes_materialization report = {};
        report.size = sizeof report;
        report.asset_key = asset_key ? asset_key->c_str() : nullptr;
        report.metadata = metadata.get();
        report.data_version = data_version ? data_version->c_str() : nullptr;
        dpipes_report_asset_materialization(ctx_, &report);
    }
    void report_asset_check(const std::string &check_name, bool passed, const Metadata &metadata = {},
                            dpipes_severity severity = DPIPES_SEVERITY_ERROR,
                            const std::optional<std::string> &asset_key = {})
    {
        dpipes_asset_check report = {};
        report.size = sizeof report;
        report.check_name = check_name.c_str();
        report.passed = passed;
        report.severity = severity;
        report.asset_key = asset_key ? asset_key->c_str() : nullptr;
        report.metadata = metadata.get();
        dpipes_report_asset_check(ctx_, &report);
    }
    void report_custom_message(const std::string &payload_json)
    {
        dpipes_report_custom_message(ctx_, payload_json.c_str());
    }

  private:
    static std::optional<std::string> optional_text(const char *text)
    {
        return text ? std::optional<std::string>(text) : std::nullopt;
    }
    dpipes_status get_extra(const char *key, std::int64_t &value, dpipes_error &err) const
    {
        return dpipes_get_extra_int(ctx_, key, &value, &err);
    }
    dpipes_status get_extra(const char *key, double &value, dpipes_error &err) const
    {
        return dpipes_get_extra_double(ctx_, key, &value, &err);
    }
    dpipes_status get_extra(const char *key, bool &value, dpipes_error &err) const
    {
        return dpipes_get_extra_bool(ctx_, key, &value, &err);
    }
    dpipes_status get_extra(const char *key, std::string &value, dpipes_error &err) const
    {
        const char *text = nullptr;
        std::size_t size = 0;
        const dpipes_status status = dpipes_get_extra_string(ctx_, key, &text, &size, &err);
        if (status == DPIPES_OK)
            value.assign(text, size);
        return status;
    }

    dpipes_context *ctx_;
    int thrown_;
};

/* Opens the context, calls `work` with it and closes it: a whole main(). An exception that leaves `work` goes out with
 * `closed`, its type, its text and its causes, and is written to stderr. Returns the exit code, 0 or 1. */
template <typename Work> int run(Work &&work)
{
    std::exception_ptr thrown;
    try {
        Context ctx;
        try {
            work(ctx);
        } catch (...) {
            thrown = std::current_exception();
        }
        if (thrown)
            (void)dpipes_close(ctx.get(), ExceptionChain(thrown).get(), nullptr);
        else
            ctx.close();
    } catch (...) {
        thrown = std::current_exception();
    }
    if (thrown)
        std::fprintf(stderr, "%s\n", ExceptionChain(thrown).message().c_str());
    return thrown ? 1 : 0;
}

} // namespace dagster_pipes

#endif
