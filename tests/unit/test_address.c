#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "ray/address.h"

static dpipes_error err;
static dpi_buf address;

static void setup(void)
{
    err = (dpipes_error)DPIPES_ERROR_INIT;
    unsetenv("DPIPES_ADDRESS");
    unsetenv("RAY_API_SERVER_ADDRESS");
    unsetenv("RAY_ADDRESS");
}

static void teardown(void)
{
    dpi_buf_fini(&address);
}

static void assert_address(const char *text, const char *wanted)
{
    dpi_buf_clear(&address);
    assert_ok(dpi_address_parse(text, "address", &address, &err), &err);
    ck_assert_str_eq(dpi_buf_text(&address), wanted);
}

static void assert_refused(const char *text, const char *reason)
{
    dpi_buf_clear(&address);
    assert_fails(dpi_address_parse(text, "RAY_ADDRESS", &address, &err), DPIPES_EINVAL, &err, reason);
    ck_assert_ptr_nonnull(strstr(err.message, "RAY_ADDRESS: "));
}

START_TEST(these_forms_are_taken)
{
    assert_address("http://127.0.0.1:8265", "http://127.0.0.1:8265");
    assert_address("127.0.0.1:8265", "http://127.0.0.1:8265");
    assert_address("HTTPS://ray.example/", "https://ray.example");
    assert_address("https://ray.example:8443/a/b//", "https://ray.example:8443/a/b");
    assert_address("http://[::1]:8265", "http://[::1]:8265");
    assert_address("[fe80::1%eth0]:8265", "http://[fe80::1%eth0]:8265");
    assert_address("head_node:65535", "http://head_node:65535");
}
END_TEST

START_TEST(these_are_refused_with_the_reason)
{
    assert_refused("ray://head:10001",
                   "`ray://head:10001` is Ray Client's address; what is wanted is the dashboard's, such as "
                   "http://head:8265");
    assert_refused("auto", "not taken here");
    assert_refused("local", "not taken here");
    assert_refused("localhost", "neither http(s)://host[:port] nor host:port");
    assert_refused("ftp://h:1", "the scheme must be http or https");
    assert_refused(" http://h:1", "has white space in it");
    assert_refused("http://h:1\n", "has white space in it");
    assert_refused("http://h:1/?a=b", "has a query or a fragment in it");
    assert_refused("http://h:1#x", "has a query or a fragment in it");
    assert_refused("http://h:0", "the port is not a number from 1 to 65535");
    assert_refused("http://h:65536", "the port is not a number from 1 to 65535");
    assert_refused("h:", "the port is not a number from 1 to 65535");
    assert_refused("h:8265x", "the port is not a number from 1 to 65535");
    assert_refused("http://:8265", "the host is not a name or an IP address");
    assert_refused("http://", "the host is not a name or an IP address");
    assert_refused("http://h\"x:1", "the host is not a name or an IP address");
    assert_refused("http://[::1", "the host is not a name or an IP address");
}
END_TEST

START_TEST(auto_is_left_to_whoever_can_look_for_a_ray)
{
    dpi_buf out = {0};
    assert_ok(dpi_address_resolve("auto", &out, &err), &err);
    ck_assert(dpi_address_is_auto(dpi_buf_text(&out)));
    ck_assert(!dpi_address_is_auto("http://auto"));
    dpi_buf_fini(&out);
    ck_assert_str_eq(dpi_address_source("auto"), "address");
    ck_assert_ptr_null(dpi_address_source(NULL));
    setenv("RAY_ADDRESS", "auto", 1);
    ck_assert_str_eq(dpi_address_source(NULL), "RAY_ADDRESS");
    unsetenv("RAY_ADDRESS");
}
END_TEST

START_TEST(a_password_is_refused_and_not_shown)
{
    assert_refused("http://user:s3cret@h:1", "has a user or a password in it");
    ck_assert_ptr_null(strstr(err.message, "s3cret"));
}
END_TEST

static void assert_resolved(const char *option, const char *wanted)
{
    dpi_buf_clear(&address);
    assert_ok(dpi_address_resolve(option, &address, &err), &err);
    ck_assert_str_eq(dpi_buf_text(&address), wanted);
}

START_TEST(the_option_comes_before_the_variables)
{
    setenv("RAY_ADDRESS", "a:3", 1);
    assert_resolved(NULL, "http://a:3");
    setenv("RAY_API_SERVER_ADDRESS", "a:2", 1);
    assert_resolved("", "http://a:2");
    setenv("DPIPES_ADDRESS", "a:1", 1);
    assert_resolved(NULL, "http://a:1");
    assert_resolved("a:4", "http://a:4");
    setenv("DPIPES_ADDRESS", "", 1);
    assert_resolved(NULL, "http://a:2");
}
END_TEST

START_TEST(without_any_the_places_are_named)
{
    assert_fails(dpi_address_resolve(NULL, &address, &err), DPIPES_EINVAL, &err,
                 "none was given, and DPIPES_ADDRESS, RAY_API_SERVER_ADDRESS and RAY_ADDRESS are not set");
}
END_TEST

START_TEST(this_machine_is_known_by_its_text)
{
    ck_assert(dpi_address_is_loopback("http://127.0.0.1:8265"));
    ck_assert(dpi_address_is_loopback("http://127.9.9.9"));
    ck_assert(dpi_address_is_loopback("https://LocalHost:1/x"));
    ck_assert(dpi_address_is_loopback("http://[::1]:8265"));
    ck_assert(!dpi_address_is_loopback("http://127.0.0.1.evil.example:8265"));
    ck_assert(!dpi_address_is_loopback("http://localhost.example"));
    ck_assert(!dpi_address_is_loopback("http://10.0.0.1:8265/127.0.0.1"));
}
END_TEST

START_TEST(an_address_has_one_ip)
{
    ck_assert(dpi_address_has_ip("http://10.0.0.1:52365", "10.0.0.1"));
    ck_assert(dpi_address_has_ip("http://10.0.0.1", "10.0.0.1"));
    ck_assert(dpi_address_has_ip("http://[fd00::1]:52365", "fd00::1"));
    ck_assert(!dpi_address_has_ip("http://10.0.0.10:52365", "10.0.0.1"));
    ck_assert(!dpi_address_has_ip("http://10.0.0.1.example", "10.0.0.1"));
    ck_assert(!dpi_address_has_ip("http://10.0.0.2/10.0.0.1", "10.0.0.1"));
    ck_assert(!dpi_address_has_ip("http://:1", ""));
    ck_assert(dpi_address_is_https("https://h"));
    ck_assert(!dpi_address_is_https("http://h"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("address");
    TCase *tc = tcase_create("address");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, these_forms_are_taken);
    tcase_add_test(tc, these_are_refused_with_the_reason);
    tcase_add_test(tc, auto_is_left_to_whoever_can_look_for_a_ray);
    tcase_add_test(tc, a_password_is_refused_and_not_shown);
    tcase_add_test(tc, the_option_comes_before_the_variables);
    tcase_add_test(tc, without_any_the_places_are_named);
    tcase_add_test(tc, this_machine_is_known_by_its_text);
    tcase_add_test(tc, an_address_has_one_ip);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
