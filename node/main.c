/* meshnode: one node of a QUIC mesh. Reads the options, runs the node until a
 * signal, leaves. */
#include "arguments.h"
#include "contact.h"
#include "defects.h"
#include "node.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* sysexits.h */
enum { EXIT_BAD_USAGE = 64, EXIT_NO_SERVICE = 69, EXIT_OWN_FAULT = 70 };

enum option_key {
    KEY_LISTEN = 256,
    KEY_PEERS,
    KEY_DEFECT,
    KEY_CONTROL,
    KEY_TELEMETRY_FILE,
    KEY_TELEMETRY_LEVEL,
    KEY_SEED,
    KEY_SET,
    KEY_LIST_DEFECTS,
    KEY_LIST_CONTROLS,
    KEY_LIST_PARAMS,
    KEY_HELP,
    KEY_NUMBERS, /* from here on: rows of numbers[] */
};

struct numbers {
    int64_t ready_fd, publish_ms, payload_bytes;
    int64_t idle_timeout_ms, keep_alive_ms, handshake_timeout_ms;
    int64_t load_ms, tally_ms;
    int64_t net_loss, net_delay, net_jitter, net_reorder, net_duplicate;
};

static const struct {
    const char *name;
    size_t offset;
    int64_t low, high, fallback;
    const char *prose;
} numbers_table[] = {
    {"ready-fd", offsetof(struct numbers, ready_fd), -1, 1 << 20, -1,
     "write 'ready CONTACT' there once joined"},
    {"publish-ms", offsetof(struct numbers, publish_ms), 0, 3600000, 500,
     "broadcast a message so often; 0: never"},
    {"payload-bytes", offsetof(struct numbers, payload_bytes),
     NODE_PAYLOAD_BYTES_MIN, WIRE_PAYLOAD_MAX, 128, "size of these messages"},
    {"idle-timeout-ms", offsetof(struct numbers, idle_timeout_ms), 50, 3600000,
     2000, "a peer that is silent for so long is lost"},
    {"keep-alive-ms", offsetof(struct numbers, keep_alive_ms), 0, 3600000, 500,
     "ping a peer after so long a silence; 0: never"},
    {"handshake-timeout-ms", offsetof(struct numbers, handshake_timeout_ms), 50,
     600000, 1000, "give up a dial after so long"},
    {"load-ms", offsetof(struct numbers, load_ms), 0, 3600000, 500,
     "sample the own load so often; 0: never"},
    {"tally-ms", offsetof(struct numbers, tally_ms), 1, 60000, 20,
     "bring the tally up to date so often"},
    {"net-loss", offsetof(struct numbers, net_loss), 0, 100, 0,
     "lose so many percent of the datagrams sent"},
    {"net-delay", offsetof(struct numbers, net_delay), 0, 60000, 0,
     "hold each for so many milliseconds"},
    {"net-jitter", offsetof(struct numbers, net_jitter), 0, 60000, 0,
     "and for up to so many more, by chance"},
    {"net-reorder", offsetof(struct numbers, net_reorder), 0, 100, 0,
     "let so many percent be overtaken by later ones"},
    {"net-duplicate", offsetof(struct numbers, net_duplicate), 0, 100, 0,
     "send so many percent twice"},
};
enum {
    NUMBERS_COUNT = sizeof numbers_table / sizeof numbers_table[0],
    OPTIONS_MAX = NUMBERS_COUNT + 24, /* the fixed ones, and an end */
};

static void print_help(void)
{
    (void)printf(
        "Usage: meshnode [OPTION...]\n"
        "A node of a QUIC mesh: HyParView membership, Plumtree broadcast.\n"
        "Runs until SIGTERM or SIGINT (leaves the mesh) or SIGKILL (does "
        "not).\n\n"
        "  --listen ADDR:PORT          UDP address (default 127.0.0.1:0, any "
        "free port)\n"
        "  --peers CONTACT[,...]       join through these; a contact is\n"
        "                              ADDR:PORT or ADDR:PORT/ID\n"
        "  --defect NAME[,...]         carry these bugs; see --list-defects\n"
        "  --control NAME[,...]        show these healthy patterns of memory;\n"
        "                              see --list-controls\n"
        "  --telemetry-file FILE       append telemetry there (default: "
        "nowhere)\n"
        "  --telemetry-level LEVEL     debug, info, warn or off: the least "
        "that is\n"
        "                              exported (default info)\n"
        "  --seed N                    of every random choice but keys "
        "(default 1)\n"
        "  --set NAME=VALUE            a protocol parameter; see "
        "--list-params\n");
    for (size_t i = 0; i < NUMBERS_COUNT; i++) {
        int width = (int)strlen(numbers_table[i].name);
        (void)printf("  --%s N%*s%s (default %lld)\n", numbers_table[i].name,
                     24 - width, "", numbers_table[i].prose,
                     (long long)numbers_table[i].fallback);
    }
    (void)printf("  --list-defects              print the defects and exit\n"
                 "  --list-controls             print the controls and exit\n"
                 "  --list-params               print the parameters and "
                 "exit\n"
                 "  --help                      print this and exit\n\n"
                 "Exit status: 0 left the mesh, 64 bad usage, 69 cannot "
                 "listen, 70 own fault.\n");
}

enum { MODULES_COUNT = 5 };

/* Whose parameters --set and --list-params know. */
static void make_modules(struct node_config *config,
                         struct arguments_module *ret_modules)
{
    const struct arguments_module modules[MODULES_COUNT] = {
        {"hyparview", hyparview_param_table, hyparview_param_count,
         &config->hyparview},
        {"plumtree", plumtree_param_table, plumtree_param_count,
         &config->plumtree},
        {"addrbook", addrbook_param_table, addrbook_param_count,
         &config->addrbook},
        {"reconnect", reconnect_param_table, reconnect_param_count,
         &config->reconnect},
        {"patterns", patterns_param_table, patterns_param_count,
         &config->patterns},
    };
    memcpy(ret_modules, modules, sizeof modules);
}

static int apply_other(int key, const char *value, struct node_config *config)
{
    struct arguments_module modules[MODULES_COUNT];
    struct peer_contact contact;
    char unknown[64];
    int result;
    switch (key) {
    case KEY_LISTEN:
        if (contact_parse(value, strlen(value), &contact) != 0) {
            return arguments_complain("--listen", value, "should be ADDR:PORT");
        }
        config->listen = contact.addr;
        return 0;
    case KEY_PEERS:
        result = contact_parse_list(value, config->contacts, NODE_CONTACTS_MAX,
                                    &config->contacts_count);
        if (result != 0) {
            return arguments_complain("--peers", value,
                                      result == -E2BIG
                                          ? "too many, 16 at most"
                                          : "should be ADDR:PORT[/ID][,...]");
        }
        return 0;
    case KEY_DEFECT:
        if (defects_parse(value, false, &config->defects, unknown) != 0) {
            return arguments_complain("--defect", unknown,
                                      "no such defect; see --list-defects");
        }
        return 0;
    case KEY_CONTROL:
        if (defects_parse(value, true, &config->defects, unknown) != 0) {
            return arguments_complain("--control", unknown,
                                      "no such control; see --list-controls");
        }
        return 0;
    case KEY_TELEMETRY_FILE:
        config->telemetry.path = value;
        return 0;
    case KEY_TELEMETRY_LEVEL:
        if (telemetry_level_parse(value, &config->telemetry.floor) != 0) {
            return arguments_complain("--telemetry-level", value,
                                      "should be debug, info, warn or off");
        }
        return 0;
    case KEY_SEED:
        return arguments_seed(value, &config->seed);
    case KEY_SET:
        make_modules(config, modules);
        return arguments_set(value, modules, MODULES_COUNT);
    default:
        return -EINVAL;
    }
}

/* The long options: the fixed ones, then one for each row of numbers. */
static void make_options(struct option *options)
{
    static const struct option fixed[] = {
        {"listen", required_argument, NULL, KEY_LISTEN},
        {"peers", required_argument, NULL, KEY_PEERS},
        {"defect", required_argument, NULL, KEY_DEFECT},
        {"control", required_argument, NULL, KEY_CONTROL},
        {"telemetry-file", required_argument, NULL, KEY_TELEMETRY_FILE},
        {"telemetry-level", required_argument, NULL, KEY_TELEMETRY_LEVEL},
        {"seed", required_argument, NULL, KEY_SEED},
        {"set", required_argument, NULL, KEY_SET},
        {"list-defects", no_argument, NULL, KEY_LIST_DEFECTS},
        {"list-controls", no_argument, NULL, KEY_LIST_CONTROLS},
        {"list-params", no_argument, NULL, KEY_LIST_PARAMS},
        {"help", no_argument, NULL, KEY_HELP},
    };
    size_t count = sizeof fixed / sizeof fixed[0];
    memcpy(options, fixed, sizeof fixed);
    for (size_t i = 0; i < NUMBERS_COUNT; i++) {
        options[count + i] =
            (struct option){numbers_table[i].name, required_argument, NULL,
                            KEY_NUMBERS + (int)i};
    }
    options[count + NUMBERS_COUNT] = (struct option){0};
}

/* Prints what was asked for and exits, if it was one of those. */
static void print_and_exit(int key, struct node_config *config)
{
    if (key == KEY_HELP) {
        print_help();
    } else if (key == KEY_LIST_DEFECTS) {
        defects_print(stdout, false);
    } else if (key == KEY_LIST_CONTROLS) {
        defects_print(stdout, true);
    } else if (key == KEY_LIST_PARAMS) {
        struct arguments_module modules[MODULES_COUNT];
        make_modules(config, modules);
        arguments_print(modules, MODULES_COUNT);
    } else {
        return;
    }
    exit(EXIT_SUCCESS);
}

static int64_t *number_field(struct numbers *numbers, size_t row)
{
    return (int64_t *)(void *)((char *)numbers + numbers_table[row].offset);
}

static int parse_arguments(int argc, char **argv, struct numbers *numbers,
                           struct node_config *config)
{
    struct option options[OPTIONS_MAX];
    int key;
    make_options(options);
    while ((key = getopt_long(argc, argv, "", options, NULL)) != -1) {
        print_and_exit(key, config);
        if (key < KEY_NUMBERS) {
            if (apply_other(key, optarg, config) != 0) {
                return -EINVAL;
            }
            continue;
        }
        size_t row = (size_t)(key - KEY_NUMBERS);
        if (arguments_number(optarg, numbers_table[row].low,
                             numbers_table[row].high,
                             number_field(numbers, row)) != 0) {
            (void)fprintf(stderr,
                          "meshnode: --%s '%s': should be %lld to %lld\n",
                          numbers_table[row].name, optarg,
                          (long long)numbers_table[row].low,
                          (long long)numbers_table[row].high);
            return -EINVAL;
        }
    }
    return optind == argc
               ? 0
               : arguments_complain("argument", argv[optind], "not expected");
}

static int read_config(int argc, char **argv, struct node_config *config)
{
    struct numbers numbers;
    for (size_t i = 0; i < NUMBERS_COUNT; i++) {
        *number_field(&numbers, i) = numbers_table[i].fallback;
    }
    *config = (struct node_config){
        .listen = {.family = PEER_ADDR_IP4, .ip = {127, 0, 0, 1}},
        .seed = 1,
        .telemetry.floor = TELEMETRY_INFO,
    };
    hyparview_params_default(&config->hyparview);
    plumtree_params_default(&config->plumtree);
    param_defaults(addrbook_param_table, addrbook_param_count,
                   &config->addrbook);
    param_defaults(reconnect_param_table, reconnect_param_count,
                   &config->reconnect);
    param_defaults(patterns_param_table, patterns_param_count,
                   &config->patterns);
    int result = parse_arguments(argc, argv, &numbers, config);
    if (result != 0) {
        return result;
    }
    config->ready_fd = (int)numbers.ready_fd;
    if (config->ready_fd >= 0 &&
        fcntl(config->ready_fd, F_SETFD, FD_CLOEXEC) < 0) {
        return arguments_complain("--ready-fd", strerror(errno), "not open");
    }
    config->publish_interval_ns = numbers.publish_ms * 1000000;
    config->payload_bytes = (size_t)numbers.payload_bytes;
    config->load_period_ns = numbers.load_ms * 1000000;
    config->tally_period_ns = numbers.tally_ms * 1000000;
    config->transport = (struct transport_params){
        .idle_timeout_ns = numbers.idle_timeout_ms * 1000000,
        .keep_alive_ns = numbers.keep_alive_ms * 1000000,
        .handshake_timeout_ns = numbers.handshake_timeout_ms * 1000000,
        .has_orphans = config->defects.has[DEFECT_ORPHANED_HANDSHAKE],
        .faults =
            {
                .seed = config->seed,
                .loss_percent = numbers.net_loss,
                .duplicate_percent = numbers.net_duplicate,
                .reorder_percent = numbers.net_reorder,
                .delay_ns = numbers.net_delay * 1000000,
                .jitter_ns = numbers.net_jitter * 1000000,
            },
    };
    return 0;
}

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int revents)
{
    (void)loop;
    (void)revents;
    node_leave(watcher->data);
}

static int run(struct ev_loop *loop, const struct node_config *config)
{
    struct node *node = NULL;
    int result = node_new(loop, config, &node);
    if (result != 0) {
        char contact[CONTACT_TEXT_SIZE];
        struct peer_contact listen = {.addr = config->listen};
        (void)fprintf(stderr, "meshnode: cannot listen on udp %s: %s\n",
                      contact_format(&listen, contact), strerror(-result));
        return EXIT_NO_SERVICE;
    }
    ev_signal terminate, interrupt;
    ev_signal_init(&terminate, on_signal, SIGTERM);
    ev_signal_init(&interrupt, on_signal, SIGINT);
    terminate.data = node;
    interrupt.data = node;
    ev_signal_start(loop, &terminate);
    ev_signal_start(loop, &interrupt);
    ev_run(loop, 0);
    node_free(node);
    ev_signal_stop(loop, &terminate);
    ev_signal_stop(loop, &interrupt);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static struct node_config config;
    if (read_config(argc, argv, &config) != 0) {
        (void)fprintf(stderr, "Try 'meshnode --help'.\n");
        return EXIT_BAD_USAGE;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    if (loop == NULL) {
        (void)fprintf(stderr, "meshnode: no event loop\n");
        return EXIT_OWN_FAULT;
    }
    int status = run(loop, &config);
    ev_loop_destroy(loop);
    return status;
}
