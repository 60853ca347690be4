/* test_child.c - the target of the tests: says it is ready, then does what the
 * tests ask of it. Static and tiny, so that a respawn costs next to nothing.
 *
 *     test_child [ready] [say TEXT] [log TEXT] [fork] [deaf] [grow] [fds]
 *                [signals] [files] [hog KIB] [flood KIB] [sleep MS] [exit N]
 *                [abort] [forever]
 *
 * Words are done in order; at the end it exits with 0. "fds", "signals" and
 * "files" print what it was born with: its open descriptors, how many signals
 * are blocked or ignored, its limit of open files.
 */
#include <fcntl.h>
#include <plateau_tally.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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

static void log_fds(void)
{
    for (int fd = 0; fd < 256; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) {
            (void)dprintf(1, "%d ", fd);
        }
    }
    (void)dprintf(1, "\n");
}

static void log_signals(void)
{
    int ignored = 0;
    int blocked = 0;
    sigset_t mask;
    (void)sigprocmask(SIG_SETMASK, NULL, &mask);
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        blocked += sigismember(&mask, number) == 1;
        ignored += sigaction(number, NULL, &action) == 0 &&
                   action.sa_handler != SIG_DFL;
    }
    (void)dprintf(1, "blocked %d ignored %d\n", blocked, ignored);
}

static void log_files(void)
{
    struct rlimit limit;
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    (void)dprintf(1, "files %llu\n", (unsigned long long)limit.rlim_cur);
}

/* Holds so much memory from now on. */
static void hog(size_t kib)
{
    volatile unsigned char *held = malloc(kib << 10);
    for (size_t i = 0; held != NULL && i < kib << 10; i++) {
        held[i] = (unsigned char)(i | 1);
    }
}

static void flood(long kib)
{
    char line[1024];
    memset(line, '.', sizeof line);
    line[sizeof line - 1] = '\n';
    for (long i = 0; i < kib; i++) {
        if (write(1, line, sizeof line) < 0) {
            return;
        }
    }
}

/* A word that stands alone; 0 when |word| is none. */
static int obey_word(const char *word)
{
    if (strcmp(word, "ready") == 0) {
        say("ready 127.0.0.1:1\n");
    } else if (strcmp(word, "deaf") == 0) {
        (void)signal(SIGTERM, SIG_IGN);
    } else if (strcmp(word, "fork") == 0) {
        if (fork() == 0) {
            sleep_ms(60000);
            _exit(0);
        }
    } else if (strcmp(word, "grow") == 0) {
        grow();
    } else if (strcmp(word, "fds") == 0) {
        log_fds();
    } else if (strcmp(word, "signals") == 0) {
        log_signals();
    } else if (strcmp(word, "files") == 0) {
        log_files();
    } else if (strcmp(word, "abort") == 0) {
        abort();
    } else if (strcmp(word, "forever") == 0) {
        for (;;) {
            (void)pause();
        }
    } else {
        return 0;
    }
    return 1;
}

/* Does the word at |words|; returns how many it took. */
static int obey(char **words)
{
    const char *word = words[0];
    const char *argument = words[1] != NULL ? words[1] : "";
    if (obey_word(word)) {
        return 1;
    }
    if (strcmp(word, "say") == 0) {
        say(argument);
    } else if (strcmp(word, "log") == 0) {
        (void)dprintf(1, "%s\n", argument);
    } else if (strcmp(word, "sleep") == 0) {
        sleep_ms(atol(argument));
    } else if (strcmp(word, "hog") == 0) {
        hog((size_t)atol(argument));
    } else if (strcmp(word, "flood") == 0) {
        flood(atol(argument));
    } else if (strcmp(word, "exit") == 0) {
        _exit(atoi(argument));
    }
    return words[1] != NULL ? 2 : 1;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc;) {
        i += obey(&argv[i]);
    }
    return 0;
}
