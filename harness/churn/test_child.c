/* test_child.c - the target of the tests: says it is ready, then does what the
 * tests ask of it. Static and tiny, so that a respawn costs next to nothing.
 *
 *     test_child [ready] [say TEXT] [log TEXT] [fork] [deaf] [grow] [fds]
 *                [signals] [files] [hog KIB] [flood KIB] [fill FILE] [litter
 * FOLDER] [burn MS] [sleep MS] [exit N] [tcp PORT] [udp PORT] [touch FILE]
 * [test FILE] [once FILE] [fresh FILE] [cat FILE] [where] [limits] [abort]
 * [forever] [session] [orphan] [wipe] [zombie] [thread] [again] [child WORD...
 * end]
 *
 * Words are done in order; at the end it exits with 0. "fds", "signals" and
 * "files" print what it was born with: its open descriptors, how many signals
 * are blocked or ignored, its limit of open files. "tcp" and "udp" listen
 * at 127.0.0.1; "test" exits with 1 if there is no such file; "once"
 * makes it and exits with 3; "fresh" makes it, and exits with 4 if it is there;
 * "cat" prints it. "where" prints the working folder, "limits" those of memory,
 * descriptors and core files; "hog" exits with 96 where there is no memory.
 * "child" forks one that does the words up to the "end" that belongs to it, and
 * goes on behind that. "session" begins a session of its own; "orphan" forks
 * and lets the parent end, so that whoever goes on is somebody else's child;
 * "wipe" overwrites its environment, as programs do that set their title;
 * "zombie" leaves one; "again" executes the program anew with the rest of the
 * words.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <plateau_tally.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

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

static unsigned long long limit_of(int resource)
{
    struct rlimit limit;
    (void)getrlimit((__rlimit_resource_t)resource, &limit);
    return (unsigned long long)limit.rlim_cur;
}

static void log_limits(void)
{
    (void)dprintf(1, "data %llu files %llu core %llu\n", limit_of(RLIMIT_DATA),
                  limit_of(RLIMIT_NOFILE), limit_of(RLIMIT_CORE));
}

static void log_folder(void)
{
    char folder[4096];
    (void)dprintf(1, "%s\n", getcwd(folder, sizeof folder));
}

/* Holds so much memory from now on. */
static void hog(size_t kib)
{
    volatile unsigned char *held = malloc(kib << 10);
    if (held == NULL) {
        (void)dprintf(2, "no memory\n");
        _exit(96);
    }
    for (size_t i = 0; i < kib << 10; i++) {
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

static void burn(long ms)
{
    struct timespec used;
    do {
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    } while (used.tv_sec * 1000 + used.tv_nsec / 1000000 < ms);
}

/* Writes until nobody wants it any more. */
static void fill(const char *path)
{
    static char block[1 << 16];
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    while (write(fd, block, sizeof block) == (ssize_t)sizeof block) {
        sleep_ms(1);
    }
}

/* The parent ends, and has when this returns: in the child. */
static void be_orphaned(void)
{
    pid_t parent = getpid();
    if (fork() != 0) {
        _exit(0);
    }
    while (getppid() == parent) {
        sleep_ms(1);
    }
}

static void wipe_environment(void)
{
    for (char **at = environ; *at != NULL; at++) {
        memset(*at, 0, strlen(*at));
    }
}

static void leave_zombie(void)
{
    siginfo_t info;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    (void)waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
}

/* Makes small files until nobody wants them any more. */
static void litter(const char *folder)
{
    char path[4096];
    for (long i = 0;; i++) {
        (void)snprintf(path, sizeof path, "%s/%ld", folder, i);
        int fd = open(path, O_WRONLY | O_CREAT, 0666);
        if (fd < 0 || write(fd, "x", 1) != 1) {
            return;
        }
        (void)close(fd);
    }
}

static void *sleep_on(void *nothing)
{
    for (;;) {
        (void)pause();
    }
    return nothing;
}

static void start_thread(void)
{
    pthread_t thread;
    (void)pthread_create(&thread, NULL, sleep_on, NULL);
}

/* Words about processes; 0 when |word| is none. */
static int obey_family(const char *word)
{
    if (strcmp(word, "session") == 0) {
        (void)setsid();
    } else if (strcmp(word, "orphan") == 0) {
        be_orphaned();
    } else if (strcmp(word, "wipe") == 0) {
        wipe_environment();
    } else if (strcmp(word, "zombie") == 0) {
        leave_zombie();
    } else if (strcmp(word, "thread") == 0) {
        start_thread();
    } else {
        return 0;
    }
    return 1;
}

/* Dies, with words, where it cannot. */
static void listen_at(int type, int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int on = 1;
    int fd = socket(AF_INET, type, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        (type == SOCK_STREAM && listen(fd, 8) < 0)) {
        perror("listen");
        _exit(98);
    }
}

static void touch(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || write(fd, "here\n", 5) != 5) {
        perror(path);
        _exit(97);
    }
    (void)close(fd);
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
    } else if (strcmp(word, "limits") == 0) {
        log_limits();
    } else if (strcmp(word, "where") == 0) {
        log_folder();
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

static void cat(const char *path)
{
    char text[4096];
    int fd = open(path, O_RDONLY);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (size < 0 || write(1, text, (size_t)size) != size) {
        perror(path);
        _exit(95);
    }
    (void)close(fd);
}

/* Words about the file |path|. */
static void obey_file(const char *word, const char *path)
{
    int is_there = access(path, F_OK) == 0;
    if (strcmp(word, "touch") == 0) {
        touch(path);
    } else if (strcmp(word, "cat") == 0) {
        cat(path);
    } else if (strcmp(word, "test") == 0 && !is_there) {
        (void)dprintf(2, "there is no %s\n", path);
        _exit(1);
    } else if (strcmp(word, "once") == 0 && !is_there) {
        touch(path);
        _exit(3);
    } else if (strcmp(word, "fresh") == 0) {
        if (is_there) {
            _exit(4);
        }
        touch(path);
    }
}

/* Does the word at |words|; returns how many it took. */
static int obey(char **words)
{
    const char *word = words[0];
    const char *argument = words[1] != NULL ? words[1] : "";
    if (obey_word(word) || obey_family(word)) {
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
    } else if (strcmp(word, "burn") == 0) {
        burn(atol(argument));
    } else if (strcmp(word, "fill") == 0) {
        fill(argument);
    } else if (strcmp(word, "litter") == 0) {
        litter(argument);
    } else if (strcmp(word, "tcp") == 0) {
        listen_at(SOCK_STREAM, atoi(argument));
    } else if (strcmp(word, "udp") == 0) {
        listen_at(SOCK_DGRAM, atoi(argument));
    } else if (strcmp(word, "exit") == 0) {
        _exit(atoi(argument));
    } else {
        obey_file(word, argument);
    }
    return words[1] != NULL ? 2 : 1;
}

/* Forks one that does the words up to its "end"; how many those are. */
static int make_child(char **words)
{
    int count = 1;
    for (int depth = 1; words[count] != NULL && depth > 0; count++) {
        depth += strcmp(words[count], "child") == 0;
        depth -= strcmp(words[count], "end") == 0;
    }
    return fork() == 0 ? 1 : count;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc;) {
        if (strcmp(argv[i], "end") == 0) {
            break;
        }
        if (strcmp(argv[i], "again") == 0) {
            argv[i] = argv[0];
            (void)execv("/proc/self/exe", &argv[i]);
        }
        i += strcmp(argv[i], "child") == 0 ? make_child(&argv[i])
                                           : obey(&argv[i]);
    }
    return 0;
}
