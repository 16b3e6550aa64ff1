/* A C++ program that ends by an exception that nobody catches, in the way that its first argument names. */
#include <cstring>
#include <exception>
#include <stdexcept>
#include <thread>

#include <dagster_pipes/dagster_pipes.hpp>

namespace
{

void fail_nested()
{
    try {
        throw std::out_of_range("row 7");
    } catch (...) {
        std::throw_with_nested(std::runtime_error("no batch"));
    }
}

void fail_in_noexcept() noexcept
{
    fail_nested();
}

void fail(const char *way)
{
    if (std::strcmp(way, "throw") == 0)
        fail_nested();
    else if (std::strcmp(way, "int") == 0)
        throw 7;
    else if (std::strcmp(way, "thread") == 0)
        std::thread(fail_nested).join();
    else if (std::strcmp(way, "noexcept") == 0)
        fail_in_noexcept();
    else if (std::strcmp(way, "terminate") == 0)
        std::terminate();
}

} // namespace

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    dpipes_open_options options = {};
    options.crash_reports = argc < 3 || std::strcmp(argv[2], "--quiet") != 0;
    dagster_pipes::Context ctx(options);
    fail(argv[1]);
    ctx.close();
    return 0;
}
