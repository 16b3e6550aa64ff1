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
 * Texts go in as std::string_view; a key or a name is cut at a NUL. Compiled with -fno-exceptions, what would throw Error
 * writes its sentence to stderr and aborts, as the standard library does there. Threads and processes: see context.h. */
#ifndef DAGSTER_PIPES_DAGSTER_PIPES_HPP
#define DAGSTER_PIPES_DAGSTER_PIPES_HPP

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <dagster_pipes/context.h>
#include <dagster_pipes/exception.hpp>
#include <dagster_pipes/metadata.hpp>

namespace dagster_pipes
{

/* See dpipes_data_provenance. */
struct DataProvenance {
    std::optional<std::string> code_version;
    std::map<std::string, std::string> input_data_versions;
    bool is_user_provided = false;
};

using Range = std::pair<std::string, std::string>;

/* The process's context; move only. Its end closes it: as failed when an exception is on its way out. With `crash_reports`
 * an exception that nobody catches is reported, too, with its type, its text and its causes. */
class Context
{
  public:
    /* Throws Error where dpipes_open gives NULL. */
    explicit Context(const dpipes_open_options &options = {}) : thrown_(std::uncaught_exceptions())
    {
        dpipes_error err = DPIPES_ERROR_INIT;
        ctx_ = dpipes_open(&options, &err);
        if (!ctx_)
            raise(err);
        if (options.crash_reports && dpipes_is_pipes_process(ctx_) && !std::exchange(terminating(), ctx_))
            previous() = std::set_terminate(on_terminate);
    }
    Context(Context &&other) noexcept : ctx_(std::exchange(other.ctx_, nullptr)), thrown_(other.thrown_) {}
    Context &operator=(Context &&) = delete;
    ~Context()
    {
        if (!ctx_)
            return;
        const dpipes_exception left = exception(nullptr, "the program was left by a C++ exception");
        end(std::uncaught_exceptions() > thrown_ ? &left : nullptr, nullptr);
        dpipes_free(ctx_);
    }

    dpipes_context *get() const noexcept { return ctx_; }

    /* Throws Error with the first failure of the context, or why `closed` could not be written. */
    void close(const dpipes_exception *exception = nullptr)
    {
        check([&](dpipes_error *err) { return end(exception, err); });
    }
    bool is_closed() const { return dpipes_is_closed(ctx_); }

    /* Sticky, as in C: a failure comes out of close(). */
    void log(dpipes_log_level level, std::string_view text)
    {
        dpipes_log_text(ctx_, level, text.data() ? text.data() : "", text.size());
    }
    void log_debug(std::string_view text) { log(DPIPES_LOG_DEBUG, text); }
    void log_info(std::string_view text) { log(DPIPES_LOG_INFO, text); }
    void log_warning(std::string_view text) { log(DPIPES_LOG_WARNING, text); }
    void log_error(std::string_view text) { log(DPIPES_LOG_ERROR, text); }
    void log_critical(std::string_view text) { log(DPIPES_LOG_CRITICAL, text); }
    void log_external_stream(std::string_view stream, std::string_view text)
    {
        dpipes_log_external_stream(ctx_, std::string(stream).c_str(), text.data() ? text.data() : "", text.size(),
                                   nullptr);
    }

    std::string run_id() const { return dpipes_run_id(ctx_); }
    std::optional<std::string> job_name() const { return optional(dpipes_job_name(ctx_)); }
    std::int64_t retry_number() const { return dpipes_retry_number(ctx_); }
    bool is_asset_step() const { return dpipes_is_asset_step(ctx_); }
    bool is_partition_step() const { return dpipes_is_partition_step(ctx_); }
    std::vector<std::string> asset_keys() const
    {
        std::vector<std::string> keys;
        for (std::size_t i = 0; i < dpipes_asset_key_count(ctx_); i++)
            keys.emplace_back(dpipes_asset_key_at(ctx_, i));
        return keys;
    }
    /* Nothing when the step has not exactly one. */
    std::optional<std::string> asset_key() const { return optional(dpipes_asset_key(ctx_, nullptr)); }
    std::optional<std::string> partition_key() const { return optional(dpipes_partition_key(ctx_, nullptr)); }

    /* Of the step's one asset, or of the one that is named; nothing where Dagster knows nothing. Throw Error as their C forms
     * fail. */
    std::optional<std::string> code_version(std::optional<std::string_view> asset_key = {}) const
    {
        const char *value = nullptr;
        check([&](dpipes_error *err) { return dpipes_code_version(ctx_, Text(asset_key).get(), &value, err); });
        return optional(value);
    }
    std::optional<DataProvenance> provenance(std::optional<std::string_view> asset_key = {}) const
    {
        const dpipes_data_provenance *known = nullptr;
        check([&](dpipes_error *err) { return dpipes_provenance(ctx_, Text(asset_key).get(), &known, err); });
        if (!known)
            return std::nullopt;
        DataProvenance provenance{optional(known->code_version), {}, known->is_user_provided};
        for (std::size_t i = 0; i < known->input_data_version_count; i++)
            provenance.input_data_versions.emplace(known->input_data_versions[i].asset_key,
                                                   known->input_data_versions[i].data_version);
        return provenance;
    }
    /* Nothing when it is no partition step; and the window's also when the partitions are not of time. */
    std::optional<Range> partition_key_range() const { return range(dpipes_partition_key_range); }
    std::optional<Range> partition_time_window() const { return range(dpipes_partition_time_window); }

    std::vector<std::string> extra_keys() const
    {
        std::vector<std::string> keys;
        for (std::size_t i = 0; i < dpipes_extra_count(ctx_); i++)
            keys.emplace_back(dpipes_extra_key_at(ctx_, i));
        return keys;
    }
    bool has_extra(std::string_view key) const { return dpipes_has_extra(ctx_, Text(key).get()); }

    /* The extra as bool, an integer, a floating type or std::string (a text, U+0000 too). Throws Error when it is absent, of
     * another type or out of range. */
    template <typename T> T extra(std::string_view key) const
    {
        T value{};
        check([&](dpipes_error *err) { return get_extra(Text(key).get(), value, err); });
        return value;
    }
    /* The default when it is absent, or when this is no Pipes process. */
    template <typename T> T extra(std::string_view key, T default_value) const
    {
        return has_extra(key) ? extra<T>(key) : std::move(default_value);
    }
    template <typename T> std::optional<T> optional_extra(std::string_view key) const
    {
        return has_extra(key) ? std::optional<T>(extra<T>(key)) : std::nullopt;
    }
    std::optional<std::string> extra_json(std::string_view key) const
    {
        return optional(dpipes_extra_json(ctx_, Text(key).get(), nullptr));
    }

    void report_asset_materialization(const Metadata &metadata, std::optional<std::string_view> data_version = {},
                                      std::optional<std::string_view> asset_key = {})
    {
        const Text version(data_version), key(asset_key);
        const dpipes_materialization report = {sizeof report, key.get(), metadata.get(), version.get()};
        dpipes_report_asset_materialization(ctx_, &report);
    }
    void report_asset_check(std::string_view check_name, bool passed, const Metadata &metadata = {},
                            dpipes_severity severity = DPIPES_SEVERITY_ERROR,
                            std::optional<std::string_view> asset_key = {})
    {
        const Text name(check_name), key(asset_key);
        const dpipes_asset_check report = {sizeof report, name.get(), passed, severity, key.get(), metadata.get()};
        dpipes_report_asset_check(ctx_, &report);
    }
    void report_custom_message(std::string_view payload_json)
    {
        dpipes_report_custom_message(ctx_, Text(payload_json).get());
    }

  private:
    /* A text with the NUL that C wants; NULL where there is none. */
    class Text
    {
      public:
        Text(std::optional<std::string_view> text) : text_(text) {}
        const char *get() const { return text_ ? text_->c_str() : nullptr; }

      private:
        std::optional<std::string> text_;
    };

    static std::optional<std::string> optional(const char *text)
    {
        return text ? std::optional<std::string>(text) : std::nullopt;
    }
    std::optional<Range> range(dpipes_status (*ends)(const dpipes_context *, const char **, const char **,
                                                     dpipes_error *)) const
    {
        const char *start = nullptr, *last = nullptr;
        if (ends(ctx_, &start, &last, nullptr) != DPIPES_OK || !start)
            return std::nullopt;
        return Range(start, last);
    }
    template <typename T> dpipes_status get_extra(const char *key, T &value, dpipes_error *err) const
    {
        if constexpr (std::is_same_v<T, bool>) {
            return dpipes_get_extra_bool(ctx_, key, &value, err);
        } else if constexpr (std::is_integral_v<T>) {
            std::int64_t wide = 0;
            const dpipes_status status = dpipes_get_extra_int(ctx_, key, &wide, err);
            value = static_cast<T>(wide);
            if (status == DPIPES_OK && (static_cast<std::int64_t>(value) != wide || (value < T{}) != (wide < 0))) {
                (void)std::snprintf(err->message, sizeof err->message, "extra `%s`: %lld is out of range", key,
                                    static_cast<long long>(wide));
                return err->status = DPIPES_EINVAL;
            }
            return status;
        } else if constexpr (std::is_floating_point_v<T>) {
            double wide = 0;
            const dpipes_status status = dpipes_get_extra_double(ctx_, key, &wide, err);
            value = static_cast<T>(wide);
            return status;
        } else {
            const char *text = nullptr;
            std::size_t size = 0;
            const dpipes_status status = dpipes_get_extra_string(ctx_, key, &text, &size, err);
            if (status == DPIPES_OK)
                value.assign(text, size);
            return status;
        }
    }

    static dpipes_exception exception(const char *name, const char *message)
    {
        return {sizeof(dpipes_exception), name, message, nullptr, 0, nullptr, nullptr};
    }
    dpipes_status end(const dpipes_exception *exception, dpipes_error *err) noexcept
    {
        if (terminating() == ctx_ && std::exchange(terminating(), nullptr))
            std::set_terminate(previous());
        return dpipes_close(ctx_, exception, err);
    }
    static dpipes_context *&terminating() noexcept
    {
        static dpipes_context *ctx = nullptr;
        return ctx;
    }
    static std::terminate_handler &previous() noexcept
    {
        static std::terminate_handler handler = nullptr;
        return handler;
    }
    [[noreturn]] static void on_terminate()
    {
        const dpipes_exception unknown = exception("std::terminate", "the program called std::terminate");
        dpipes_context *ctx = std::exchange(terminating(), nullptr);
#ifdef DAGSTER_PIPES_EXCEPTIONS
        if (const std::exception_ptr thrown = std::current_exception())
            (void)dpipes_close(ctx, ExceptionChain(thrown).get(), nullptr);
#endif
        if (!dpipes_is_closed(ctx))
            (void)dpipes_close(ctx, &unknown, nullptr);
        previous()();
        std::abort();
    }

    dpipes_context *ctx_;
    int thrown_;
};

/* Opens the context, calls `work` with it and closes it: a whole main(). An exception that leaves `work` goes out with
 * `closed`, its type, its text and its causes, and is written to stderr. Returns the exit code, 0 or 1. */
template <typename Work> int run(Work &&work, const dpipes_open_options &options = {})
{
#ifdef DAGSTER_PIPES_EXCEPTIONS
    std::exception_ptr thrown;
    try {
        Context ctx(options);
        try {
            work(ctx);
            ctx.close();
        } catch (...) {
            thrown = std::current_exception();
            (void)dpipes_close(ctx.get(), ExceptionChain(thrown).get(), nullptr);
        }
    } catch (...) {
        thrown = std::current_exception();
    }
    if (thrown)
        std::fprintf(stderr, "%s\n", ExceptionChain(thrown).message().c_str());
    return thrown ? 1 : 0;
#else
    Context ctx(options);
    work(ctx);
    ctx.close();
    return 0;
#endif
}

} // namespace dagster_pipes

#endif
