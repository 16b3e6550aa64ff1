/* rss_of PROGRAM [ARGUMENT…]: runs it and prints the most memory that it had in use, in KiB. It is small itself, since a
 * child begins with the peak of its parent. */
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

extern char **environ;

int main(int argc, char **argv)
{
    pid_t pid = 0;
    int status = 0;
    struct rusage usage;
    if (argc < 2 || posix_spawnp(&pid, argv[1], NULL, NULL, argv + 1, environ) != 0)
        return fprintf(stderr, "rss_of: cannot run %s\n", argc < 2 ? "nothing" : argv[1]), 2;
    if (wait4(pid, &status, 0, &usage) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fprintf(stderr, "rss_of: %s failed, wait status %d\n", argv[1], status), 1;
    printf("%ld\n", usage.ru_maxrss);
    return 0;
}
