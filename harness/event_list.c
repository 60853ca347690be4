#include "event_list.h"

#include "churn/kinds.h"
#include "store/store.h"
#include "whole_file.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char columns[] = "t_s,slot,kind,parameter_s";
static const double seconds_max = 31536000.; /* of any one figure */

enum { FIELDS = 4, PATH_SIZE = 4224, FIRST_CAPACITY = 256 };

/* A list that is being read. */
struct reading {
    const char *path;
    const struct scenario *scenario;
    struct event_list list;
    size_t capacity;
    int line; /* 0: a store has none */
    struct err *err;
};

/* --- one event ------------------------------------------------------------ */

/* "churner-3" as a schedule counts: churners, and then, where they are meant,
 * observers, both in slot order (supervisor.h). */
static int find_place(const struct scenario *scenario, const char *name,
                      bool has_observers, uint32_t *ret_place)
{
    static const enum role_kind kinds[] = {ROLE_CHURNER, ROLE_OBSERVER};
    const char *hyphen = strrchr(name, '-');
    uint32_t before = 0;
    char *end = NULL;
    if (hyphen == NULL || hyphen[1] < '0' || hyphen[1] > '9') {
        return -ENOENT;
    }
    size_t length = (size_t)(hyphen - name);
    unsigned long ordinal = strtoul(hyphen + 1, &end, 10);
    for (size_t k = 0; k < (has_observers ? 2 : 1) && *end == '\0'; k++) {
        for (uint32_t i = 0; i < scenario->roles_count; i++) {
            const struct scenario_role *role = &scenario->roles[i];
            if (role->kind != kinds[k]) {
                continue;
            }
            if (strlen(role->name) == length &&
                memcmp(role->name, name, length) == 0 &&
                ordinal < role->count) {
                *ret_place = before + (uint32_t)ordinal;
                return 0;
            }
            before += role->count;
        }
    }
    return -ENOENT;
}

#define blame(reading, ...)                                                    \
    (err_set((reading)->err, (reading)->path, (reading)->line, 0,              \
             __VA_ARGS__),                                                     \
     -EILSEQ)

/* Appends an event; |parameter_ns| is -1 where there is none. */
static int add_event(struct reading *reading, int64_t due_ns, const char *slot,
                     const char *kind, int64_t parameter_ns)
{
    struct event_list *list = &reading->list;
    struct schedule_event event = {.due_ns = due_ns,
                                   .parameter_ns = parameter_ns};
    if (list->count > 0 && due_ns < list->events[list->count - 1].due_ns) {
        return blame(reading, "the time goes back; events are in its order");
    }
    if (kinds_find(kind, &event.kind) != 0) {
        return blame(reading,
                     "there is no kind '%.20s'; right is kill, stop, pause, "
                     "starting, mass or partition",
                     kind);
    }
    bool is_partition = event.kind == CHURN_PARTITION;
    if (find_place(reading->scenario, slot, is_partition, &event.churner) !=
        0) {
        return blame(reading,
                     "the scenario has no churner%s '%.60s'; right is "
                     "ROLE-ORDINAL, as in churner-0",
                     is_partition ? " or observer" : "", slot);
    }
    if (is_partition && reading->scenario->network != NETWORK_EACH) {
        return blame(reading, "a partition takes a scenario with 'isolate: "
                              "{network: each}'");
    }
    if (event.kind == CHURN_EXIT) {
        return 0; /* whoever is replayed ends by itself again */
    }
    if (kinds_has_parameter(event.kind) != (parameter_ns > 0)) {
        return blame(reading, "a %s %s", kind,
                     parameter_ns > 0 ? "takes no parameter_s"
                                      : "needs its parameter_s, above 0");
    }
    if (list->count == reading->capacity) {
        size_t larger =
            reading->capacity == 0 ? FIRST_CAPACITY : 2 * reading->capacity;
        void *moved = realloc(list->events, larger * sizeof *list->events);
        if (moved == NULL) {
            err_set(reading->err, reading->path, 0, 0, "out of memory");
            return -ENOMEM;
        }
        list->events = moved;
        reading->capacity = larger;
    }
    list->events[list->count++] = event;
    return 0;
}

/* --- of a CSV file -------------------------------------------------------- */

/* Seconds as nanoseconds; -1 where |text| is no such number. */
static int64_t read_seconds(const char *text)
{
    char *end = NULL;
    double seconds = strtod(text, &end);
    return end != text && *end == '\0' && seconds >= 0. &&
                   seconds <= seconds_max
               ? llround(seconds * 1e9)
               : -1;
}

static int read_line(struct reading *reading, char *line)
{
    char *fields[FIELDS + 1] = {NULL};
    size_t count = 0;
    while (line != NULL && count <= FIELDS) {
        fields[count++] = strsep(&line, ",");
    }
    if (count < FIELDS - 1 || count > FIELDS) {
        return blame(reading, "a line is %s", columns);
    }
    int64_t due_ns = read_seconds(fields[0]);
    int64_t parameter_ns = -1;
    if (due_ns < 0) {
        return blame(reading, "'%.40s' is no time in seconds", fields[0]);
    }
    if (count == FIELDS && fields[3][0] != '\0') {
        parameter_ns = read_seconds(fields[3]);
        if (parameter_ns < 0) {
            return blame(reading, "'%.40s' is no parameter in seconds",
                         fields[3]);
        }
    }
    return add_event(reading, due_ns, fields[1], fields[2], parameter_ns);
}

static int read_csv(struct reading *reading)
{
    char *text = NULL;
    size_t size = 0;
    int result = whole_file_read(reading->path, EVENT_LIST_FILE_MAX_BYTES,
                                 &text, &size, NULL, reading->err);
    if (result != 0) {
        return result;
    }
    char *rest = text;
    bool has_columns = false;
    while (result == 0 && rest != NULL) {
        char *line = strsep(&rest, "\n");
        reading->line++;
        line[strcspn(line, "\r")] = '\0';
        if (line[0] == '\0' || line[0] == '#') {
            continue;
        }
        if (has_columns) {
            result = read_line(reading, line);
        } else if (strcmp(line, columns) != 0) {
            result = blame(reading,
                           "this is no list of events: its first line should "
                           "be %s, as 'plateau events' writes it",
                           columns);
        }
        has_columns = true;
    }
    free(text);
    return result;
}

/* --- of a store ----------------------------------------------------------- */

/* |name| of SLOT_NAME_SIZE: "churner-3". */
enum { SLOT_NAME_SIZE = STORE_NAME_MAX + 16 };

static void name_slot(const struct store_slot *slots, size_t count, int64_t id,
                      char name[SLOT_NAME_SIZE])
{
    (void)snprintf(name, SLOT_NAME_SIZE, "?");
    for (size_t i = 0; i < count; i++) {
        if (slots[i].id == id) {
            (void)snprintf(name, SLOT_NAME_SIZE, "%s-%" PRId32, slots[i].role,
                           slots[i].ordinal);
        }
    }
}

/* Events and slots of the store; the caller frees both. */
static int load_store(struct store *store, struct store_event **ret_events,
                      size_t *ret_events_count, struct store_slot **ret_slots,
                      size_t *ret_slots_count, struct err *err)
{
    int result = store_slots(store, ret_slots, ret_slots_count);
    if (result == 0) {
        result = store_events(store, ret_events, ret_events_count);
    }
    if (result != 0) {
        *err = *store_err(store);
    } else if (*ret_events_count > 0 && (*ret_events)[0].churned_ns < 0) {
        err_set(err, NULL, 0, 0,
                "the run was recorded by a plateau that did not note how long "
                "churn had gone on at each event; run it again");
        result = -EILSEQ;
    }
    return result;
}

static void read_run(struct store *store, struct event_list *list)
{
    char *seed = NULL;
    char *duration = NULL;
    if (store_meta_get(store, "run.seed", &seed) == 0 &&
        store_meta_get(store, "run.duration_s", &duration) == 0) {
        list->has_run = true;
        list->seed = strtoull(seed, NULL, 10);
        list->duration_s = strtod(duration, NULL);
    }
    free(seed);
    free(duration);
}

static int read_store(struct reading *reading, const char *path)
{
    struct store *store = NULL;
    struct store_event *events = NULL;
    struct store_slot *slots = NULL;
    size_t count = 0, slots_count = 0;
    int result = store_open(path, &store, reading->err);
    if (result != 0) {
        return result;
    }
    result =
        load_store(store, &events, &count, &slots, &slots_count, reading->err);
    for (size_t i = 0; result == 0 && i < count; i++) {
        char name[SLOT_NAME_SIZE];
        name_slot(slots, slots_count, events[i].slot_id, name);
        result = add_event(reading, events[i].churned_ns, name, events[i].kind,
                           events[i].parameter_ns);
    }
    read_run(store, &reading->list);
    free(events);
    free(slots);
    store_close(store);
    return result;
}

/* --- as told -------------------------------------------------------------- */

/* Whether |path| is a run: its folder, or a store; then |store_path| is that of
 * the store. */
static bool is_run(const char *path, char store_path[PATH_SIZE])
{
    struct stat st;
    size_t length = strlen(path);
    bool is_folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    (void)snprintf(store_path, PATH_SIZE, "%s%s", path,
                   is_folder ? "/run.db" : "");
    return is_folder || (length >= 3 && strcmp(path + length - 3, ".db") == 0);
}

int event_list_read(const char *path, const struct scenario *scenario,
                    struct event_list *ret_list, struct err *err)
{
    char store_path[PATH_SIZE];
    struct reading reading = {.path = path, .scenario = scenario, .err = err};
    int result = is_run(path, store_path) ? read_store(&reading, store_path)
                                          : read_csv(&reading);
    if (result == 0 && reading.list.count == 0) {
        reading.line = 0;
        result = blame(&reading, "there are no events in it");
    }
    if (result != 0) {
        event_list_deinit(&reading.list);
        return result;
    }
    *ret_list = reading.list;
    return 0;
}

void event_list_deinit(struct event_list *list)
{
    free(list->events);
    *list = (struct event_list){0};
}

static void print_seconds(FILE *stream, int64_t ns)
{
    (void)fprintf(stream, "%" PRId64 ".%09" PRId64, ns / 1000000000,
                  ns % 1000000000);
}

int event_list_print(const char *path, FILE *stream, struct err *err)
{
    char store_path[PATH_SIZE];
    struct store *store = NULL;
    struct store_event *events = NULL;
    struct store_slot *slots = NULL;
    size_t count = 0, slots_count = 0;
    (void)is_run(path, store_path);
    int result = store_open(store_path, &store, err);
    if (result != 0) {
        return result;
    }
    result = load_store(store, &events, &count, &slots, &slots_count, err);
    if (result == 0) {
        (void)fprintf(stream, "%s\n", columns);
    }
    for (size_t i = 0; result == 0 && i < count; i++) {
        char name[SLOT_NAME_SIZE];
        name_slot(slots, slots_count, events[i].slot_id, name);
        print_seconds(stream, events[i].churned_ns);
        (void)fprintf(stream, ",%s,%s,", name, events[i].kind);
        if (events[i].parameter_ns >= 0) {
            print_seconds(stream, events[i].parameter_ns);
        }
        (void)fputc('\n', stream);
    }
    free(events);
    free(slots);
    store_close(store);
    if (result == 0 && (fflush(stream) != 0 || ferror(stream) != 0)) {
        result = -EIO;
        err_set(err, NULL, 0, 0, "cannot write the list: %s", strerror(EIO));
    }
    return result;
}
