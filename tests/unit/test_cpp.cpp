#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <dagster_pipes/dagster_pipes.hpp>
#include <dagster_pipes/testing.h>

extern "C" {
#include "context_fixture.h"
#include "support.h"
}

namespace
{

using dagster_pipes::Context;
using dagster_pipes::Error;

/* Opens by the fixture, which sets the variables; the process has one context, so this is the same. */
Context open_context(const char *context_json)
{
    open_with_context(context_json);
    return Context();
}

void assert_last_has(const char *text)
{
    ck_assert_msg(std::strstr(message_from_end(0), text) != nullptr, "%s lacks %s", message_from_end(0), text);
}

START_TEST(metadata_is_a_list)
{
    {
        Context ctx = open_context(ONE_ASSET("{}"));
        ctx.report_asset_materialization(dagster_pipes::metadata({{"auc", 0.5},
                                                                  {"n", 3u},
                                                                  {"ok", true},
                                                                  {"none", nullptr},
                                                                  {"text", "t"},
                                                                  {"model", dagster_pipes::path("/m")},
                                                                  {"when", dagster_pipes::timestamp(1.5)},
                                                                  {"table", dagster_pipes::table("[]", "[]")}}),
                                         "v1");
        ck_assert_str_eq(
            message_from_end(0),
            MESSAGE(
                "report_asset_materialization",
                "{\"asset_key\": \"model\", \"data_version\": \"v1\", \"metadata\": "
                "{\"auc\": {\"raw_value\": 0.5, \"type\": \"float\"}, \"n\": {\"raw_value\": 3, \"type\": \"int\"}, "
                "\"ok\": {\"raw_value\": true, \"type\": \"bool\"}, \"none\": {\"raw_value\": null, \"type\": "
                "\"null\"}, "
                "\"text\": {\"raw_value\": \"t\", \"type\": \"text\"}, \"model\": {\"raw_value\": \"/m\", \"type\": "
                "\"path\"}, \"when\": {\"raw_value\": 1.5, \"type\": \"timestamp\"}, \"table\": {\"raw_value\": "
                "{\"records\": [], \"schema\": []}, \"type\": \"table\"}}}"));
        ctx.report_asset_check("c", true);
        assert_last_has("\"check_name\": \"c\", \"passed\": true, \"metadata\": null");
        ctx.close();
    }
    assert_last_has("\"method\": \"closed\", \"params\": {}");
    clean_up();
}
END_TEST

START_TEST(extras_are_typed)
{
    {
        Context ctx = open_context(ONE_ASSET("{\"i\": 4, \"d\": 0.5, \"b\": true, \"s\": \"a\\u0000b\"}"));
        ck_assert_int_eq(ctx.extra<std::int64_t>("i"), 4);
        ck_assert(ctx.extra<double>("d") == 0.5);
        ck_assert(ctx.extra<bool>("b"));
        ck_assert(ctx.extra<std::string>("s") == std::string("a\0b", 3));
        ck_assert(ctx.extra<double>("no", 0.01) == 0.01);
        ck_assert(ctx.extra_json("d") == "0.5");
        ck_assert(!ctx.extra_json("no"));
        ck_assert(ctx.asset_key() == "model");
        ck_assert(ctx.partition_key() == "2026-11-25");
        ck_assert_uint_eq(ctx.asset_keys().size(), 1);
        bool thrown = false;
        try {
            ctx.extra<std::int64_t>("s", 1);
        } catch (const Error &error) {
            thrown = error.status() == DPIPES_EINVAL;
        }
        ck_assert(thrown);
    }
    clean_up();
}
END_TEST

START_TEST(what_the_step_is_comes_as_values)
{
    dpipes_error err;
    ck_assert_ptr_nonnull(dpipes_open_for_test(
        "{\"asset_keys\": [\"a\", \"b\"], \"code_version_by_asset_key\": {\"a\": \"v1\", \"b\": null}, "
        "\"provenance_by_asset_key\": {\"a\": {\"code_version\": \"v0\", \"input_data_versions\": {\"in\": \"7\"}, "
        "\"is_user_provided\": true}, \"b\": null}, \"partition_key_range\": {\"start\": \"x\", \"end\": \"y\"}, "
        "\"extras\": {\"n\": 300, \"m\": -1, \"f\": 0.5}}",
        &err));
    Context ctx;
    ck_assert(ctx.is_asset_step() && ctx.is_partition_step() && !ctx.is_closed());
    ck_assert(ctx.code_version("a") == "v1" && !ctx.code_version("b"));
    ck_assert(ctx.provenance("a")->input_data_versions.at("in") == "7" && !ctx.provenance("b"));
    ck_assert(ctx.partition_key_range() == dagster_pipes::Range("x", "y") && !ctx.partition_time_window());
    ck_assert(ctx.extra_keys() == std::vector<std::string>({"n", "m", "f"}));
    ck_assert(ctx.optional_extra<int>("n") == 300 && !ctx.optional_extra<int>("no"));
    ck_assert(ctx.extra<float>("f") == 0.5F);
    try {
        (void)ctx.code_version();
        ck_abort_msg("nothing was thrown");
    } catch (const Error &error) {
        ck_assert_int_eq(error.status(), DPIPES_ESTATE);
    }
    for (auto narrow : {+[](const Context &c) { (void)c.extra<std::int8_t>("n"); },
                        +[](const Context &c) { (void)c.extra<unsigned>("m"); }}) {
        try {
            narrow(ctx);
            ck_abort_msg("nothing was thrown");
        } catch (const Error &error) {
            ck_assert_ptr_nonnull(std::strstr(error.what(), "is out of range"));
        }
    }
}
END_TEST

START_TEST(views_need_no_nul_behind_them)
{
    dpipes_error err;
    const std::string_view text = "abcdef";
    dpipes_open_for_test("{\"extras\": {\"ab\": 1}}", &err);
    Context ctx;
    ctx.log_info(text.substr(0, 2));
    ctx.log_info(std::string_view());
    ctx.log_external_stream(text.substr(1, 2), text.substr(2, 2));
    ck_assert_int_eq(ctx.extra<int>(text.substr(0, 2)), 1);
    const char *messages = dpipes_messages_for_test(ctx.get());
    ck_assert_ptr_nonnull(std::strstr(messages, "{\"message\": \"ab\", \"level\": \"INFO\"}"));
    ck_assert_ptr_nonnull(std::strstr(messages, "{\"message\": \"\", \"level\": \"INFO\"}"));
    ck_assert_ptr_nonnull(std::strstr(messages, "{\"stream\": \"bc\", \"text\": \"cd\", \"extras\": {}}"));
}
END_TEST

START_TEST(a_moved_context_is_closed_once)
{
    {
        Context first = open_context(NO_ASSET);
        Context second = std::move(first);
        second.log_info("moved");
    }
    ck_assert_str_eq(messages(), MESSAGE("opened", "{\"extras\": {}}") MESSAGE(
                                     "log", "{\"message\": \"moved\", \"level\": \"INFO\"}") MESSAGE("closed", "{}"));
    clean_up();
}
END_TEST

START_TEST(an_exception_in_flight_closes_as_failed)
{
    try {
        Context ctx = open_context(ONE_ASSET("{}"));
        throw std::runtime_error("out of data");
    } catch (const std::runtime_error &) {
    }
    assert_last_has("\"message\": \"the program was left by a C++ exception\"");
    clean_up();
}
END_TEST

void fail_nested()
{
    try {
        throw std::out_of_range("row 7");
    } catch (...) {
        std::throw_with_nested(std::runtime_error("no batch"));
    }
}

START_TEST(run_sends_the_type_the_text_and_the_causes)
{
    open_with_context(ONE_ASSET("{}"));
    ck_assert_int_eq(dagster_pipes::run([](Context &ctx) {
                         ctx.log_info("begins");
                         fail_nested();
                     }),
                     1);
    assert_last_has("{\"message\": \"no batch\", \"stack\": [], \"name\": \"std::runtime_error\"");
    assert_last_has("\"cause\": {\"message\": \"row 7\", \"stack\": [], \"name\": \"std::out_of_range\"");
    clean_up();
    open_with_context(ONE_ASSET("{}"));
    ck_assert_int_eq(dagster_pipes::run([](Context &) { throw 7; }), 1);
    assert_last_has("\"name\": \"int\"");
    clean_up();
}
END_TEST

START_TEST(run_returns_what_close_says)
{
    open_with_context(ONE_ASSET("{}"));
    ck_assert_int_eq(dagster_pipes::run([](Context &ctx) { ctx.log_info("fine"); }), 0);
    clean_up();
    open_with_context(ONE_ASSET("{}"));
    ck_assert_int_eq(dagster_pipes::run([](Context &ctx) { ctx.report_custom_message("{"); }), 1);
    assert_last_has("report_custom_message: not JSON");
    clean_up();
}
END_TEST

START_TEST(an_open_that_fails_throws)
{
    setenv("DAGSTER_PIPES_CONTEXT", "!", 1);
    bool thrown = false;
    try {
        Context ctx;
    } catch (const Error &error) {
        thrown = error.status() == DPIPES_EPROTO && std::strstr(error.what(), "not base64") != nullptr;
    }
    ck_assert(thrown);
    ck_assert_int_eq(dagster_pipes::run([](Context &) {}), 1);
    unsetenv("DAGSTER_PIPES_CONTEXT");
}
END_TEST

} // namespace

int main()
{
    Suite *suite = suite_create("cpp");
    TCase *tc = tcase_create("cpp");
    tcase_add_test(tc, metadata_is_a_list);
    tcase_add_test(tc, extras_are_typed);
    tcase_add_test(tc, what_the_step_is_comes_as_values);
    tcase_add_test(tc, views_need_no_nul_behind_them);
    tcase_add_test(tc, a_moved_context_is_closed_once);
    tcase_add_test(tc, an_exception_in_flight_closes_as_failed);
    tcase_add_test(tc, run_sends_the_type_the_text_and_the_causes);
    tcase_add_test(tc, run_returns_what_close_says);
    tcase_add_test(tc, an_open_that_fails_throws);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
