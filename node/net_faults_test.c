/* Under virtual time, with the seeds written here. */
#include "net_faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SEED = 20, MANY = 100000, LOG_MAX = 2 * MANY };

#define MS INT64_C(1000000)

static const struct peer_addr peer = {
    .family = PEER_ADDR_IP4, .port = 9, .ip = {127, 0, 0, 1}};

/* Every datagram carries its number; the log has them as they were sent. */
struct log {
    uint32_t numbers[LOG_MAX];
    size_t count;
};

static struct log *the_log;

static void on_send(void *context, const struct peer_addr *to, const void *data,
                    size_t size)
{
    struct log *log = context;
    assert_true(peer_addr_equal(to, &peer));
    assert_int_equal(size, sizeof log->numbers[0]);
    assert_true(log->count < LOG_MAX);
    memcpy(&log->numbers[log->count++], data, size);
}

static struct net_faults *open_faults(struct net_faults_params params)
{
    struct net_faults *faults = NULL;
    params.seed = params.seed ? params.seed : SEED;
    the_log->count = 0;
    assert_true(net_faults_wanted(&params));
    assert_int_equal(net_faults_new(&params, on_send, the_log, &faults), 0);
    return faults;
}

static void pass(struct net_faults *faults, uint32_t number, int64_t now_ns)
{
    net_faults_pass(faults, &peer, &number, sizeof number, now_ns);
}

/* Every datagram of MANY, one a millisecond, held ones sent in time. */
static void pass_many(struct net_faults *faults)
{
    for (uint32_t i = 0; i < MANY; i++) {
        net_faults_tick(faults, i * MS);
        pass(faults, i, i * MS);
    }
    net_faults_tick(faults, INT64_MAX);
    assert_int_equal(net_faults_held(faults), 0);
    assert_int_equal(net_faults_counts(faults)->sent, the_log->count);
}

static size_t inversions(void)
{
    size_t count = 0;
    for (size_t i = 1; i < the_log->count; i++) {
        count += the_log->numbers[i] < the_log->numbers[i - 1];
    }
    return count;
}

static void zeroes_are_no_faults(void **state)
{
    (void)state;
    struct net_faults_params params = {.seed = SEED};
    assert_false(net_faults_wanted(&params));
}

static void as_many_are_lost_as_asked_for(void **state)
{
    (void)state;
    struct net_faults *faults =
        open_faults((struct net_faults_params){.loss_percent = 30});
    pass_many(faults);
    /* Five standard deviations of a binomial are 725. */
    assert_in_range(the_log->count, 70000 - 725, 70000 + 725);
    assert_int_equal(net_faults_counts(faults)->lost, MANY - the_log->count);
    assert_int_equal(inversions(), 0);
    net_faults_free(faults);
}

static void all_or_nothing_can_be_lost(void **state)
{
    (void)state;
    struct net_faults *faults =
        open_faults((struct net_faults_params){.loss_percent = 100});
    pass_many(faults);
    assert_int_equal(the_log->count, 0);
    net_faults_free(faults);
    faults = open_faults((struct net_faults_params){.duplicate_percent = 100});
    pass_many(faults);
    assert_int_equal(the_log->count, 2 * MANY);
    net_faults_free(faults);
}

static void each_copy_of_a_duplicate_is_lost_by_itself(void **state)
{
    (void)state;
    struct net_faults *faults = open_faults((struct net_faults_params){
        .loss_percent = 50, .duplicate_percent = 100});
    pass_many(faults);
    size_t twice = 0;
    for (size_t i = 1; i < the_log->count; i++) {
        twice += the_log->numbers[i] == the_log->numbers[i - 1];
    }
    assert_in_range(twice, 25000 - 700, 25000 + 700);
    net_faults_free(faults);
}

static void a_delay_keeps_the_order(void **state)
{
    (void)state;
    struct net_faults *faults =
        open_faults((struct net_faults_params){.delay_ns = 20 * MS});
    assert_true(net_faults_next_deadline_ns(faults) == INT64_MAX);
    pass(faults, 1, 5 * MS);
    pass(faults, 2, 5 * MS);
    assert_true(net_faults_next_deadline_ns(faults) == 25 * MS);
    net_faults_tick(faults, 25 * MS - 1);
    assert_int_equal(the_log->count, 0);
    net_faults_tick(faults, 25 * MS);
    assert_int_equal(the_log->count, 2);
    pass_many(faults);
    assert_int_equal(the_log->count, 2 + MANY);
    assert_int_equal(inversions(), 1); /* where pass_many() counts anew */
    net_faults_free(faults);
}

static void jitter_stays_within_its_bounds(void **state)
{
    (void)state;
    struct net_faults *faults = open_faults(
        (struct net_faults_params){.delay_ns = 20 * MS, .jitter_ns = 10 * MS});
    int64_t first_ns = INT64_MAX, last_ns = 0;
    for (uint32_t i = 0; i < 10000; i++) {
        pass(faults, i, 0);
        int64_t due_ns = net_faults_next_deadline_ns(faults);
        first_ns = due_ns < first_ns ? due_ns : first_ns;
        last_ns = due_ns > last_ns ? due_ns : last_ns;
        net_faults_tick(faults, due_ns);
    }
    assert_in_range(first_ns, 20 * MS, 20 * MS + MS / 10);
    assert_in_range(last_ns, 30 * MS - MS / 10, 30 * MS);
    net_faults_free(faults);
}

static void reordering_needs_no_delay(void **state)
{
    (void)state;
    struct net_faults *faults =
        open_faults((struct net_faults_params){.reorder_percent = 10});
    pass_many(faults);
    assert_int_equal(the_log->count, MANY);
    assert_in_range(inversions(), MANY / 20, MANY / 10);
    net_faults_free(faults);
}

static void a_full_queue_loses_what_comes_next(void **state)
{
    (void)state;
    struct net_faults *faults =
        open_faults((struct net_faults_params){.delay_ns = MS});
    for (uint32_t i = 0; i < NET_FAULTS_HELD_MAX + 7; i++) {
        pass(faults, i, 0);
    }
    assert_int_equal(net_faults_held(faults), NET_FAULTS_HELD_MAX);
    assert_int_equal(net_faults_counts(faults)->overflowed, 7);
    net_faults_tick(faults, MS);
    assert_int_equal(the_log->count, NET_FAULTS_HELD_MAX);
    assert_int_equal(the_log->numbers[NET_FAULTS_HELD_MAX - 1],
                     NET_FAULTS_HELD_MAX - 1);
    pass(faults, 0, 2 * MS);
    assert_int_equal(net_faults_held(faults), 1);
    net_faults_free(faults); /* and frees what is held */
}

static void the_same_seed_gives_the_same_fates(void **state)
{
    (void)state;
    struct net_faults_params params = {
        .loss_percent = 30,
        .duplicate_percent = 20,
        .reorder_percent = 20,
        .jitter_ns = 3 * MS,
    };
    struct log *first = malloc(sizeof *first);
    assert_non_null(first);
    struct net_faults *faults = open_faults(params);
    pass_many(faults);
    net_faults_free(faults);
    memcpy(first, the_log, sizeof *first);
    faults = open_faults(params);
    pass_many(faults);
    net_faults_free(faults);
    assert_int_equal(first->count, the_log->count);
    assert_memory_equal(first->numbers, the_log->numbers,
                        first->count * sizeof first->numbers[0]);
    params.seed = SEED + 1;
    faults = open_faults(params);
    pass_many(faults);
    net_faults_free(faults);
    assert_int_not_equal(
        memcmp(first->numbers, the_log->numbers, sizeof first->numbers), 0);
    free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroes_are_no_faults),
        cmocka_unit_test(as_many_are_lost_as_asked_for),
        cmocka_unit_test(all_or_nothing_can_be_lost),
        cmocka_unit_test(each_copy_of_a_duplicate_is_lost_by_itself),
        cmocka_unit_test(a_delay_keeps_the_order),
        cmocka_unit_test(jitter_stays_within_its_bounds),
        cmocka_unit_test(reordering_needs_no_delay),
        cmocka_unit_test(a_full_queue_loses_what_comes_next),
        cmocka_unit_test(the_same_seed_gives_the_same_fates),
    };
    the_log = calloc(1, sizeof *the_log);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(the_log);
    return failed;
}
