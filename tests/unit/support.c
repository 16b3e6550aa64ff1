#include "support.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

static int forks_left;

static void lose_descriptors(void)
{
    if (forks_left > 0 && --forks_left == 0)
        close_range(STDERR_FILENO + 1, ~0U, 0);
}

void lose_descriptors_at_fork(int nth)
{
    static bool has_handler;
    forks_left = nth;
    if (!has_handler)
        ck_assert_int_eq(pthread_atfork(NULL, NULL, lose_descriptors), 0);
    has_handler = true;
}

int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    int ran = srunner_ntests_run(runner);
    srunner_free(runner);
    return failed == 0 && ran > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
