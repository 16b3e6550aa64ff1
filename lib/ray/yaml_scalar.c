#include "ray/yaml_scalar.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "base/json_write.h"

#define DPI_TAG "tag:yaml.org,2002:"

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

static bool is_null(const char *text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};
    return is_one_of(text, words);
}

static bool is_true(const char *text)
{
    static const char *const words[] = {"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", NULL};
    return is_one_of(text, words);
}

static bool is_false(const char *text)
{
    static const char *const words[] = {"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", NULL};
    return is_one_of(text, words);
}

static bool is_no_number(const char *text)
{
    static const char *const words[] = {".inf",  ".Inf",  ".INF", "+.inf", "+.Inf", "+.INF", "-.inf",
                                        "-.Inf", "-.INF", ".nan", ".NaN",  ".NAN",  NULL};
    return is_one_of(text, words);
}

/* One of `characters` or more, and nothing else. */
static bool consists_of(const char *text, const char *characters)
{
    return *text && text[strspn(text, characters)] == '\0';
}

/* The base of an integer that is written like this, and where its digits begin; 0: it is none. */
static int int_base(const char *digits, const char **begin)
{
    *begin = digits;
    if (strcmp(digits, "0") == 0 || (*digits >= '1' && *digits <= '9' && consists_of(digits, "0123456789_")))
        return 10;
    if (*digits != '0')
        return 0;
    *begin = digits + 1 + (digits[1] == 'x' || digits[1] == 'b');
    if (digits[1] == 'x')
        return consists_of(*begin, "0123456789abcdefABCDEF_") ? 16 : 0;
    if (digits[1] == 'b')
        return consists_of(*begin, "01_") ? 2 : 0;
    return consists_of(*begin, "01234567_") ? 8 : 0;
}

static bool is_float(const char *text)
{
    const char *at = text + (*text == '-' || *text == '+');
    const size_t whole = strspn(at, "0123456789_");
    if (at[whole] != '.' || *at == '_')
        return false;
    const size_t fraction = strspn(at + whole + 1, "0123456789_");
    if (whole == 0 && (at > text || !isdigit((unsigned char)at[1])))
        return false;
    at += whole + 1 + fraction;
    if (*at == 'e' || *at == 'E') {
        const bool is_signed = at[1] == '-' || at[1] == '+';
        return is_signed && consists_of(at + 2, "0123456789");
    }
    return *at == '\0';
}

/* Dates and numbers of base 60, which a reader of YAML 1.1 makes something else of than the text. */
static bool means_something_else(const char *text)
{
    const char *at = text + (*text == '-' || *text == '+');
    const size_t digits = strspn(at, "0123456789_");
    if (digits == 0)
        return false;
    const char *rest = at + digits;
    if (*rest == ':')
        return consists_of(rest, "0123456789:._");
    return digits == 4 && *rest == '-' && isdigit((unsigned char)rest[1]) && consists_of(rest, "0123456789-:.+ tTzZ");
}

static void copy_without(dpi_buf *out, const char *text, char dropped)
{
    for (; *text; text++)
        if (*text != dropped)
            dpi_buf_append_char(out, *text);
}

/* NULL, or what is wrong with it; the same for those below. */
static const char *write_int(dpi_buf *json, const char *text, const char *digits, int base)
{
    dpi_buf clean = {0};
    copy_without(&clean, digits, '_');
    errno = 0;
    const unsigned long long value = strtoull(dpi_buf_text(&clean), NULL, base);
    const bool failed = dpi_buf_failed(&clean);
    const bool fits = errno == 0 && clean.size > 0;
    json->failed = json->failed || failed;
    dpi_buf_fini(&clean);
    if (!fits && !failed)
        return "is an integer of more than 64 bits";
    dpi_buf_printf(json, "%s%llu", *text == '-' && value > 0 ? "-" : "", value);
    return NULL;
}

static void write_float(dpi_buf *json, const char *text)
{
    dpi_buf clean = {0};
    copy_without(&clean, text + (*text == '+'), '_');
    const char *at = dpi_buf_text(&clean);
    const bool negative = *at == '-';
    dpi_buf_append_text(json, negative ? "-" : "");
    at += negative;
    if (*at == '.')
        dpi_buf_append_char(json, '0');
    else if (*at == '0') /* JSON has no 007.5 */
        at += strspn(at, "0") - (isdigit((unsigned char)at[strspn(at, "0")]) ? 0 : 1);
    const char *point = strchr(at, '.');
    if (point) {
        dpi_buf_append(json, at, (size_t)(point - at) + 1);
        if (!isdigit((unsigned char)point[1]))
            dpi_buf_append_char(json, '0');
        dpi_buf_append_text(json, point + 1);
    }
    json->failed = json->failed || dpi_buf_failed(&clean);
    dpi_buf_fini(&clean);
}

static const char *write_plain(dpi_buf *json, const char *text, size_t size)
{
    const char *digits;
    const int base = int_base(text + (*text == '-' || *text == '+'), &digits);
    if (is_null(text))
        dpi_buf_append_literal(json, "null");
    else if (is_true(text) || is_false(text))
        dpi_json_write_bool(json, is_true(text));
    else if (base > 0)
        return write_int(json, text, digits, base);
    else if (is_no_number(text))
        return "is a number that JSON has not";
    else if (is_float(text))
        write_float(json, text);
    else if (means_something_else(text))
        return "is a date or a number of base 60 in YAML; text needs quotes";
    else
        dpi_json_write_string(json, text, size);
    return NULL;
}

bool dpi_yaml_scalar_write(const dpi_yaml_scalar *scalar, dpi_buf *json, const char **problem, const char **about)
{
    const char *tag = scalar->tag;
    *problem = NULL;
    *about = scalar->text;
    if (tag && strcmp(tag, "!") != 0 && strcmp(tag, DPI_TAG "str") != 0) {
        *problem = "is a tag that is not taken";
        *about = tag;
    } else if (!scalar->plain || tag) {
        dpi_json_write_string(json, scalar->text, scalar->size);
    } else {
        *problem = write_plain(json, scalar->text, scalar->size);
    }
    return !*problem;
}
