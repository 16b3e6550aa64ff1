#include "toml_json.h"

#include <new>
#include <sstream>
#include <string>
#include <string_view>

#include <toml++/toml.h>

extern "C" {
#include "base/error.h"
}

dpipes_status dpi_toml_to_json(const char *text, size_t size, dpi_buf *json, dpipes_error *err)
try {
    std::ostringstream out;
    const toml::table table = toml::parse(std::string_view(text, size));
    out << toml::json_formatter{table};
    const std::string written = out.str();
    dpi_buf_append(json, written.data(), written.size());
    return dpi_buf_failed(json) ? dpi_fail_memory(err) : DPIPES_OK;
} catch (const toml::parse_error &failure) {
    const toml::source_position at = failure.source().begin;
    const std::string reason(failure.description());
    return dpi_fail(err, DPIPES_EINVAL, "line %u, column %u: %s", at.line, at.column, reason.c_str());
} catch (const std::bad_alloc &) {
    return dpi_fail_memory(err);
}
