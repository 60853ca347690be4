#include "dry_run.h"

#include "scenario/order.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

/* A word as a shell would need it; a reader can try the command by hand. */
static void print_word(FILE *stream, const char *word)
{
    bool is_plain =
        word[0] != '\0' && strpbrk(word, " \t\n'\"\\$`{}*?;&|<>()") == NULL;
    if (is_plain) {
        (void)fputs(word, stream);
        return;
    }
    (void)fputc('\'', stream);
    for (; *word != '\0'; word++) {
        if (*word == '\'') {
            (void)fputs("'\\''", stream);
        } else {
            (void)fputc(*word, stream);
        }
    }
    (void)fputc('\'', stream);
}

static void print_readiness(const struct scenario_role *role, FILE *stream)
{
    static const char *const names[READY_RULES] = {
        [READY_FD] = "says so on {ready_fd}",
        [READY_DELAY] = "was started",
        [READY_TCP] = "accepts on its TCP port",
        [READY_UDP] = "has bound its UDP port",
        [READY_LOG] = "prints a line that matches",
        [READY_FILE] = "has made",
        [READY_COMMAND] = "is confirmed by",
    };
    const struct scenario_ready *ready = &role->ready;
    (void)fprintf(stream, "      ready     when it %s", names[ready->by]);
    if (ready->by == READY_LOG) {
        (void)fprintf(stream, " '%s'", ready->pattern);
    } else if (ready->by == READY_FILE) {
        (void)fprintf(stream, " %s", ready->path);
    }
    for (uint32_t i = 0; i < ready->command_count; i++) {
        (void)fputc(' ', stream);
        print_word(stream, ready->command[i]);
    }
    (void)fprintf(
        stream, ready->by == READY_DELAY ? ", %g s later\n" : ", within %g s\n",
        ready->within_s);
}

static void print_role(const struct scenario *scenario, uint32_t index,
                       uint32_t waits_for, FILE *stream)
{
    static const char *const kinds[] = {
        [ROLE_OBSERVER] = "observer",
        [ROLE_CHURNER] = "churner",
        [ROLE_BYSTANDER] = "bystander",
    };
    const struct scenario_role *role = &scenario->roles[index];
    (void)fprintf(stream, "  %s: %u %s%s\n      command  ", role->name,
                  role->count, kinds[role->kind], role->count == 1 ? "" : "s");
    for (uint32_t i = 0; i < role->command_count; i++) {
        (void)fputc(' ', stream);
        print_word(stream, role->command[i]);
    }
    (void)fputc('\n', stream);
    if (role->port != 0) {
        (void)fprintf(stream, "      {port}    %s, %u to %u\n", role->host,
                      role->port, role->port + role->count - 1);
    }
    for (uint32_t i = 0; i < role->files_count; i++) {
        (void)fprintf(stream, "      file      {dir}/%s\n",
                      role->files[i].path);
    }
    for (uint32_t i = 0, told = 0; i < scenario->roles_count; i++) {
        if ((waits_for >> i & 1) != 0) {
            (void)fprintf(stream, "%s%s",
                          told++ == 0 ? "      after     " : ", ",
                          scenario->roles[i].name);
        }
    }
    (void)fputs(waits_for != 0 ? "\n" : "", stream);
    print_readiness(role, stream);
}

void dry_run_print(const struct scenario *scenario, FILE *stream)
{
    struct order order;
    struct order_fault fault;
    int result = order_make(scenario, &order, &fault);
    assert(result == ORDER_OK); /* or it would not have been loaded */
    (void)result;
    (void)fprintf(stream,
                  "%s: %g s of churn at %g events/s after %g s of stillness\n",
                  scenario->name, scenario->duration_s, scenario->rate_per_s,
                  scenario->settle_s);
    /* Whoever waits for nobody that is left comes next: an order has no
     * circles, so each turn of the outer loop finds one. */
    uint32_t told = 0;
    for (uint32_t turn = 0; turn < scenario->roles_count; turn++) {
        for (uint32_t i = 0; i < scenario->roles_count; i++) {
            if ((told >> i & 1) == 0 && (order.waits_for[i] & ~told) == 0) {
                print_role(scenario, i, order.waits_for[i], stream);
                told |= 1u << i;
                break;
            }
        }
    }
}
