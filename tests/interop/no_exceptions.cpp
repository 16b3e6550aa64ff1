/* The C++ layer in a program without exceptions and without type information. */
#include <dagster_pipes/dagster_pipes.hpp>

int main(int argc, char **)
{
    return dagster_pipes::run([argc](dagster_pipes::Context &ctx) {
        ctx.log_info("without exceptions");
        if (argc > 1)
            (void)ctx.extra<int>("absent");
    });
}
