/* test_child.c - the target of the tests: says it is ready, then does what the
 * tests ask of it. Static and tiny, so that a respawn costs next to nothing.
 *
 *     test_child [ready] [say TEXT] [log TEXT] [fork] [deaf] [grow]
 *                [sleep MS] [exit N] [abort] [forever]
 *
 * Words are done in order; at the end it exits with 0.
 */
#include <plateau_tally.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void say(const char *text)
{
    if (write(3, text, strlen(text)) < 0) {
        _exit(99);
    }
}

static void sleep_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&time, NULL);
}

/* Counts loops for ever, as a program that uses the tally would. */
static void grow(void)
{
    struct plateau_tally *tally = plateau_tally_attach();
    struct plateau_tally_entry *loops = plateau_tally_pair(tally, "loops");
    struct plateau_tally_entry *peers = plateau_tally_gauge(tally, "peers", "");
    struct plateau_tally_entry *heap =
        plateau_tally_gauge(tally, "heap/allocated", "B");
    for (uint64_t turn = 1;; turn++) {
        plateau_tally_spawned(loops);
        if (turn % 2 == 0) {
            plateau_tally_finished(loops);
        }
        plateau_tally_set(peers, 5);
        plateau_tally_set(heap, 4096 * turn);
        sleep_ms(10);
    }
}

/* Does the word at |words|; returns how many it took. */
static int obey(char **words)
{
    const char *word = words[0];
    const char *argument = words[1] != NULL ? words[1] : "";
    if (strcmp(word, "ready") == 0) {
        say("ready 127.0.0.1:1\n");
        return 1;
    }
    if (strcmp(word, "deaf") == 0) {
        (void)signal(SIGTERM, SIG_IGN);
        return 1;
    }
    if (strcmp(word, "fork") == 0) {
        if (fork() == 0) {
            sleep_ms(60000);
            _exit(0);
        }
        return 1;
    }
    if (strcmp(word, "grow") == 0) {
        grow();
    }
    if (strcmp(word, "abort") == 0) {
        abort();
    }
    if (strcmp(word, "forever") == 0) {
        for (;;) {
            (void)pause();
        }
    }
    if (strcmp(word, "say") == 0) {
        say(argument);
    } else if (strcmp(word, "log") == 0) {
        (void)dprintf(1, "%s\n", argument);
    } else if (strcmp(word, "sleep") == 0) {
        sleep_ms(atol(argument));
    } else if (strcmp(word, "exit") == 0) {
        _exit(atoi(argument));
    }
    return 2;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc;) {
        i += obey(&argv[i]);
    }
    return 0;
}
