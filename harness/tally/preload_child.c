/* The unmodified program of preload_test: it does what single letters on its
 * standard input say, and answers each with a dot. It knows no tally.
 *
 *   m   allocates 1 MiB in pieces of 1 KiB, and keeps it
 *   f   frees all of that
 *   c   starts itself once more, which holds 1 MiB: a child that executes
 *   w   forks a worker that allocates 1 MiB, as m does, and holds it
 *   k   kills the child of c or w with SIGKILL, and leaves it a zombie
 *   b   becomes user and group 65534 in that order, as setpriv(1) does
 *   e   executes itself once more in its own place
 *   t   THREADS threads allocate 1 MiB each, likewise, which stays
 *   u   becomes nobody, as a daemon does that was started as root
 *   d   closes every descriptor that it does not know
 *   s   they allocate, resize and free in every way there is, while children
 *       are forked which do so too; all is freed at the end
 *
 * With an argument it is a daemon: "hold" holds still, "leak" loses 2 KiB a
 * hundred times a second.
 */
#include <linux/capability.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PIECES = 1024,
    PIECES_MAX = 64 * PIECES,
    THREADS = 8,
    TURNS = 40000,
    HELD = 64,
    FORKS = 30,
    NOBODY = 65534,
};

static void *pieces[PIECES_MAX];
static size_t count;

static void fill(void)
{
    /* By its address, as an interpreter's table of allocators has it. */
    void *(*volatile from_table)(size_t) = malloc;
    for (size_t i = 0; i < PIECES && count < PIECES_MAX; i++) {
        pieces[count] = from_table(1024);
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

static pid_t child;

/* Returns when the child holds what it is to hold. */
static void start_child(const char *self)
{
    int ready[2];
    char byte;
    if (pipe(ready) != 0) {
        abort();
    }
    child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    if (child == 0 && self != NULL) {
        (void)dup2(ready[1], 1);
        (void)execl(self, self, "holder", (char *)NULL);
        _exit(127);
    }
    if (child == 0) {
        fill();
        (void)!write(ready[1], ".", 1);
        (void)pause();
        _exit(0);
    }
    if (read(ready[0], &byte, 1) != 1) {
        abort();
    }
    (void)close(ready[0]);
    (void)close(ready[1]);
}

/* The rights to take another group are kept over the first step. */
static void become_somebody(void)
{
    struct __user_cap_header_struct header = {.version =
                                                  _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) != 0 ||
        prctl(PR_SET_KEEPCAPS, 1) != 0 || setresuid(65534, 65534, 65534) != 0 ||
        syscall(SYS_capset, &header, data) != 0 ||
        setresgid(65534, 65534, 65534) != 0) {
        abort();
    }
}

static void kill_child(void)
{
    siginfo_t info;
    (void)kill(child, SIGKILL);
    (void)waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
}

static void *volatile lost;

static void *hold_1_mib(void *unused)
{
    (void)unused;
    for (int i = 0; i < PIECES; i++) {
        lost = malloc(1024);
    }
    return NULL;
}

/* Each way to allocate in its turn; NULL is an end of the test. */
static void *allocate(uint32_t turn, size_t size)
{
    void *object = NULL;
    switch (turn % 8) {
    case 0:
        return calloc(1, size);
    case 1:
        return aligned_alloc(64, (size + 63) & ~(size_t)63);
    case 2:
        return memalign(32, size);
    case 3:
        return posix_memalign(&object, 128, size) == 0 ? object : NULL;
    case 4:
        return reallocarray(NULL, size, 1);
    case 5:
        return turn % 64 == 5 ? valloc(size) : malloc(size);
    default:
        return malloc(size);
    }
}

/* What was written is still there when it is freed. */
static void check(const unsigned char *object, size_t size)
{
    if (object[0] != (unsigned char)size ||
        object[size - 1] != (unsigned char)size) {
        abort();
    }
}

static void *strain(void *argument)
{
    uint32_t random = (uint32_t)(uintptr_t)argument * 2654435761u + 1;
    unsigned char *held[HELD] = {NULL};
    size_t sizes[HELD] = {0};
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        random = random * 1664525u + 1013904223u;
        uint32_t at = random >> 16 & (HELD - 1);
        size_t size = 2 + (random >> 8) % (turn % 100 == 0 ? 200000 : 2000);
        if (held[at] != NULL) {
            check(held[at], sizes[at]);
        }
        if (held[at] != NULL && turn % 3 == 0) {
            held[at] = realloc(held[at], size);
        } else {
            free(held[at]);
            held[at] = allocate(turn, size);
        }
        sizes[at] = size;
        held[at][0] = (unsigned char)size;
        held[at][size - 1] = (unsigned char)size;
    }
    for (int i = 0; i < HELD; i++) {
        free(held[i]);
    }
    return realloc(malloc(1), SIZE_MAX / 2) == NULL ? NULL : argument;
}

/* Runs |work| in threads, and forks |forks| children meanwhile that do it. */
static void run_threads(void *(*work)(void *), int forks)
{
    pthread_t threads[THREADS];
    void *wrong = NULL;
    for (uintptr_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, work, (void *)(i + 1)) != 0) {
            abort();
        }
    }
    for (int i = 0; i < forks; i++) {
        int status;
        pid_t forked = fork();
        if (forked == 0) {
            (void)alarm(20); /* one that hangs */
            _exit(work(NULL) == NULL ? 0 : 1);
        }
        if (waitpid(forked, &status, 0) != forked || status != 0) {
            abort();
        }
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], &wrong);
        if (wrong != NULL) {
            abort();
        }
    }
}

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
    if (argc > 1 && strcmp(argv[1], "holder") == 0) {
        fill();
        (void)!write(1, ".", 1);
        (void)pause();
    }
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
        case 'w':
            start_child(NULL);
            break;
        case 'b':
            become_somebody();
            break;
        case 'k':
            kill_child();
            break;
        case 'e':
            if (write(1, ".", 1) == 1) {
                (void)execl(argv[0], argv[0], (char *)NULL);
            }
            return 1;
        case 't':
            run_threads(hold_1_mib, 0);
            break;
        case 's':
            run_threads(strain, FORKS);
            break;
        case 'u':
            if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0) {
                return 1;
            }
            break;
        case 'd':
            for (int fd = 3; fd < 1024; fd++) {
                (void)close(fd);
            }
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
