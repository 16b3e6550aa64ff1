/* Starts COUNT processes of a program, each with its RANK and the WORLD_SIZE, and waits for all, as torchrun does. Two pipes
 * stand for its barriers: one ends when rank 0 has opened the session, the other when all other ranks have ended.
 *
 *     launch COUNT PROGRAM [ARGUMENT…] */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define RANKS_MAX 1024

static void set_number(const char *variable, int number)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    setenv(variable, text, 1);
}

/* Rank 0 has the end of `opened` to close and that of `ended` to read; the others have the opposite ones. */
static void become_rank(int rank, int world_size, int opened[2], int ended[2], char **command)
{
    bool first = rank == 0;
    set_number("RANK", rank);
    set_number("WORLD_SIZE", world_size);
    set_number("OPENED_FD", opened[first]);
    set_number("ENDED_FD", ended[!first]);
    close(opened[!first]);
    close(ended[first]);
    execvp(command[0], command);
    perror(command[0]);
    _exit(127);
}

/* The exit code that this rank leaves: 1 for any failure. */
static int wait_for(pid_t child)
{
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return 1;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    pid_t ranks[RANKS_MAX];
    int opened[2], ended[2], failed = 0;
    int count = argc > 2 ? atoi(argv[1]) : 0;
    if (count < 1 || count > RANKS_MAX)
        return fprintf(stderr, "usage: launch COUNT PROGRAM [ARGUMENT…], COUNT from 1 to %d\n", RANKS_MAX), 2;
    if (pipe(opened) != 0 || pipe(ended) != 0)
        return perror("pipe"), 1;
    for (int rank = 0; rank < count; rank++) {
        ranks[rank] = fork();
        if (ranks[rank] == 0)
            become_rank(rank, count, opened, ended, argv + 2);
    }
    for (int i = 0; i < 2; i++) {
        close(opened[i]);
        close(ended[i]);
    }
    for (int rank = 0; rank < count; rank++)
        failed |= wait_for(ranks[rank]);
    return failed;
}
