/* dagster_pipes/exception.hpp: the one exception that the C++ layer throws, and what it makes of the program's own. Part of
 * dagster_pipes.hpp, which includes it. */
#ifndef DAGSTER_PIPES_EXCEPTION_HPP
#define DAGSTER_PIPES_EXCEPTION_HPP

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dagster_pipes/context.h>

#if defined(__cpp_exceptions) && defined(__cpp_rtti)
#define DAGSTER_PIPES_EXCEPTIONS 1
#include <typeinfo>

#include <cxxabi.h>
#endif

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

[[noreturn]] inline void raise(const dpipes_error &err)
{
#ifdef __cpp_exceptions
    throw Error(err);
#else
    std::fprintf(stderr, "%s\n", err.message);
    std::abort();
#endif
}

/* For calls that take a dpipes_error: raises what they say. */
template <typename Call> void check(Call &&call)
{
    dpipes_error err = DPIPES_ERROR_INIT;
    if (call(&err) != DPIPES_OK)
        raise(err);
}

#ifdef DAGSTER_PIPES_EXCEPTIONS
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
#endif

} // namespace dagster_pipes

#endif
