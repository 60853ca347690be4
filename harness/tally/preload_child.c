/* The unmodified program of preload_test: it does what single letters on its
 * standard input say, and answers each with a dot. It knows no tally.
 *
 *   m   allocates 1 MiB in pieces of 1 KiB, and keeps it
 *   f   frees all of that
 *   c   starts itself once more, which then exits: a child that inherits
 *
 * With an argument it is a daemon: "hold" holds still, "leak" loses 2 KiB a
 * hundred times a second.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECES = 1024, PIECES_MAX = 64 * PIECES };

static void *pieces[PIECES_MAX];
static size_t count;

static void fill(void)
{
    for (size_t i = 0; i < PIECES && count < PIECES_MAX; i++) {
        pieces[count] = malloc(1024);
        if (pieces[count] != NULL) {
            memset(pieces[count++], 1, 1024);
        }
    }
}

static void empty(void)
{
    while (count > 0) {
        free(pieces[--count]);
    }
}

static void start_child(const char *self)
{
    pid_t child = fork();
    if (child == 0) {
        (void)execl(self, self, "child", (char *)NULL);
        _exit(127);
    }
    (void)waitpid(child, NULL, 0);
}

static void *volatile lost;

static void serve(bool is_leaking)
{
    for (;;) {
        if (is_leaking) {
            lost = malloc(2048);
        }
        (void)usleep(10000);
    }
}

int main(int argc, char **argv)
{
    char letter;
    if (argc > 1 && strcmp(argv[1], "child") != 0) {
        serve(strcmp(argv[1], "leak") == 0);
    }
    if (argc > 1) {
        fill();
        (void)usleep(200000);
        return 0;
    }
    while (read(0, &letter, 1) == 1) {
        switch (letter) {
        case 'm':
            fill();
            break;
        case 'f':
            empty();
            break;
        case 'c':
            start_child(argv[0]);
            break;
        default:
            break;
        }
        if (write(1, ".", 1) != 1) {
            return 1;
        }
    }
    return 0;
}
