/* What every unit test program shares. */
#ifndef DPI_TEST_SUPPORT_H
#define DPI_TEST_SUPPORT_H

#include <check.h>

#include <dagster_pipes/base.h>

/* Fails with the error's own sentence. */
#define assert_ok(call, err)                                                                                           \
    do {                                                                                                               \
        dpipes_status status_ = (call);                                                                                \
        ck_assert_msg(status_ == DPIPES_OK, "%s: %s: %s", #call, dpipes_status_name(status_), (err)->message);         \
    } while (0)

/* Wants this status and this text in the message. */
#define assert_fails(call, wanted, err, text)                                                                          \
    do {                                                                                                               \
        dpipes_status status_ = (call);                                                                                \
        ck_assert_msg(status_ == (wanted), "%s: got %s: %s", #call, dpipes_status_name(status_), (err)->message);      \
        ck_assert_msg((err)->status == (wanted), "%s: err->status is %s", #call, dpipes_status_name((err)->status));   \
        ck_assert_msg(strstr((err)->message, (text)) != NULL, "%s: \"%s\" lacks \"%s\"", #call, (err)->message,        \
                      (text));                                                                                         \
    } while (0)

/* From now on the child of the n-th fork, counted from here downwards, closes all descriptors but the standard ones, as a library closes one
 * that it had when it asked for that. 0: none does. */
void lose_descriptors_at_fork(int nth);

/* Runs the suite; the exit code of main. */
int run_suite(Suite *suite);

#endif
