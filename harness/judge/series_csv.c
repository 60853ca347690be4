#include "judge/series_csv.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum column { COLUMN_TIME, COLUMN_VALUE, COLUMN_EVENTS, COLUMNS };

enum { NOT_THERE = -1, ROWS_FIRST = 1024 };

static const struct {
    const char *name;
    enum column column;
} COLUMN_NAMES[] = {
    {"t_seconds", COLUMN_TIME},
    {"value_bytes", COLUMN_VALUE},
    {"value", COLUMN_VALUE},
    {"events", COLUMN_EVENTS},
};

static const char *const USUAL_TITLE[COLUMNS] = {
    [COLUMN_TIME] = "t_seconds",
    [COLUMN_VALUE] = "value_bytes",
    [COLUMN_EVENTS] = "events",
};

struct reader {
    const char *name;
    struct err *err;
    int line;
    char delimiter;
    const char *wanted[COLUMNS]; /* by these names only; NULL: the usual */
    const char *title[COLUMNS];  /* for a person */
    bool is_laid_out;
    int place[COLUMNS]; /* the cell of each column, from 0, or NOT_THERE */
    size_t capacity;
    struct judge_point before; /* of the last row */
    struct series_csv series;
    char *cells[SERIES_CSV_COLUMNS_MAX]; /* of the line at hand */
    int cells_count;
    char text[SERIES_CSV_LINE_MAX];
};

static char *trim(char *text)
{
    char *end = text + strlen(text);
    while (end > text && (isspace((unsigned char)end[-1]) != 0)) {
        *--end = '\0';
    }
    while (isspace((unsigned char)*text) != 0) {
        text++;
    }
    if (end - text >= 2 && text[0] == '"' && end[-1] == '"') {
        end[-1] = '\0';
        text++;
    }
    return text;
}

static int split(struct reader *reader)
{
    char *rest = reader->text;
    reader->cells_count = 0;
    for (;;) {
        if (reader->cells_count == SERIES_CSV_COLUMNS_MAX) {
            err_set(reader->err, reader->name, reader->line, 0,
                    "more than %d columns", SERIES_CSV_COLUMNS_MAX);
            return -EINVAL;
        }
        char *end = strchr(rest, reader->delimiter);
        if (end != NULL) {
            *end = '\0';
        }
        reader->cells[reader->cells_count++] = trim(rest);
        if (end == NULL) {
            return 0;
        }
        rest = end + 1;
    }
}

/* The whole of |cell| as a number. */
static bool parse_number(const char *cell, double *ret_number)
{
    char *end;
    double number = strtod(cell, &end);
    if (end == cell || *end != '\0') {
        return false;
    }
    *ret_number = number;
    return true;
}

/* Does |cell| of the first line name |column|? */
static bool is_name_of(const struct reader *reader, const char *cell,
                       enum column column)
{
    if (reader->wanted[column] != NULL) {
        return strcmp(cell, reader->wanted[column]) == 0;
    }
    for (size_t i = 0; i < sizeof COLUMN_NAMES / sizeof *COLUMN_NAMES; i++) {
        if (COLUMN_NAMES[i].column == column &&
            strcmp(cell, COLUMN_NAMES[i].name) == 0) {
            return true;
        }
    }
    return false;
}

static int read_header(struct reader *reader)
{
    for (int cell = 0; cell < reader->cells_count; cell++) {
        for (enum column c = COLUMN_TIME; c < COLUMNS; c++) {
            if (!is_name_of(reader, reader->cells[cell], c)) {
                continue;
            }
            if (reader->place[c] != NOT_THERE) {
                err_set(reader->err, reader->name, reader->line, 0,
                        "two columns for %s, where there should be one",
                        reader->title[c]);
                return -EINVAL;
            }
            reader->place[c] = cell;
        }
    }
    for (enum column c = COLUMN_TIME; c < COLUMNS; c++) {
        if (reader->place[c] == NOT_THERE &&
            (c != COLUMN_EVENTS || reader->wanted[c] != NULL)) {
            err_set(reader->err, reader->name, reader->line, 0,
                    "no column named %s in the first line, which should read "
                    "t_seconds,value_bytes[,events] or hold numbers (or name "
                    "the columns with --time, --value and --events)",
                    reader->title[c]);
            return -EINVAL;
        }
    }
    return 0;
}

/* Finds out from the first line where the columns are. Returns 0 or -EINVAL;
 * *ret_is_header says whether the line is used up. */
static int lay_out(struct reader *reader, bool *ret_is_header)
{
    double number;
    bool is_named = false;
    reader->is_laid_out = true;
    for (int c = 0; c < COLUMNS; c++) {
        reader->place[c] = NOT_THERE;
    }
    for (int c = 0; c < COLUMNS; c++) {
        is_named |= reader->wanted[c] != NULL;
    }
    *ret_is_header = is_named || (!parse_number(reader->cells[0], &number) &&
                                  reader->cells[0][0] != '\0');
    if (*ret_is_header) {
        int result = read_header(reader);
        reader->series.has_events = reader->place[COLUMN_EVENTS] != NOT_THERE;
        return result;
    }
    if (reader->cells_count < 2 || reader->cells_count > COLUMNS) {
        err_set(reader->err, reader->name, reader->line, 0,
                "%d columns without names, where there should be two or "
                "three: t_seconds,value_bytes[,events]",
                reader->cells_count);
        return -EINVAL;
    }
    for (int c = 0; c < reader->cells_count; c++) {
        reader->place[c] = c;
    }
    reader->series.has_events = reader->cells_count == COLUMNS;
    return 0;
}

/* The number in |column| of the line. A gap is left as NaN. */
static int read_cell(struct reader *reader, enum column column,
                     double *ret_number)
{
    const int place = reader->place[column];
    if (place >= reader->cells_count) {
        err_set(reader->err, reader->name, reader->line, 0,
                "%d columns, where %s should be in column %d",
                reader->cells_count, reader->title[column], place + 1);
        return -EINVAL;
    }
    const char *cell = reader->cells[place];
    if (column == COLUMN_VALUE && cell[0] == '\0') {
        *ret_number = NAN;
        return 0;
    }
    double number;
    if (!parse_number(cell, &number) ||
        !(isfinite(number) || (column == COLUMN_VALUE && isnan(number)))) {
        err_set(reader->err, reader->name, reader->line, 0,
                "%s is \"%.40s\", where a finite number should be",
                reader->title[column], cell);
        return -EINVAL;
    }
    *ret_number = number;
    return 0;
}

static int append(struct reader *reader, struct judge_point point)
{
    struct series_csv *series = &reader->series;
    if (series->count == reader->capacity) {
        size_t capacity =
            reader->capacity == 0 ? ROWS_FIRST : 2 * reader->capacity;
        void *grown =
            realloc(series->points, capacity * sizeof *series->points);
        if (grown == NULL) {
            err_set(reader->err, reader->name, reader->line, 0,
                    "not enough memory for more than %zu rows", series->count);
            return -ENOMEM;
        }
        series->points = grown;
        reader->capacity = capacity;
    }
    series->points[series->count++] = point;
    return 0;
}

/* Rows go forward in time, and events are counted up. */
static int check_order(const struct reader *reader,
                       const struct judge_point *point)
{
    const double before[COLUMNS] = {[COLUMN_TIME] = reader->before.t_s,
                                    [COLUMN_EVENTS] = reader->before.events};
    const bool is_first = reader->series.count + reader->series.gaps == 0;
    if (!is_first && !(point->t_s > before[COLUMN_TIME])) {
        err_set(reader->err, reader->name, reader->line, 0,
                "%s is %.15g, where more than the %.15g of the row before "
                "should be",
                reader->title[COLUMN_TIME], point->t_s, before[COLUMN_TIME]);
        return -EINVAL;
    }
    if (!is_first && point->events < before[COLUMN_EVENTS]) {
        err_set(reader->err, reader->name, reader->line, 0,
                "%s is %.15g, where at least the %.15g of the row before "
                "should be",
                reader->title[COLUMN_EVENTS], point->events,
                before[COLUMN_EVENTS]);
        return -EINVAL;
    }
    return 0;
}

static int read_row(struct reader *reader)
{
    struct judge_point point = {0};
    int result = read_cell(reader, COLUMN_TIME, &point.t_s);
    if (result == 0) {
        result = read_cell(reader, COLUMN_VALUE, &point.value);
    }
    if (result == 0 && reader->series.has_events) {
        result = read_cell(reader, COLUMN_EVENTS, &point.events);
    }
    if (result < 0) {
        return result;
    }
    if (reader->series.count + reader->series.gaps >= SERIES_CSV_ROWS_MAX) {
        err_set(reader->err, reader->name, reader->line, 0,
                "more than %d rows; keep every second one, say",
                SERIES_CSV_ROWS_MAX);
        return -EINVAL;
    }
    result = check_order(reader, &point);
    if (result < 0) {
        return result;
    }
    reader->before = point;
    if (isnan(point.value)) {
        reader->series.gaps++;
        return 0;
    }
    return append(reader, point);
}

static int read_line(struct reader *reader)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    const size_t length = strlen(reader->text);
    if (length == 0 || (reader->text[length - 1] != '\n' &&
                        length == sizeof reader->text - 1)) {
        err_set(reader->err, reader->name, reader->line, 0,
                "a line of %d bytes or more, or with a NUL byte in it; this "
                "is no CSV file",
                SERIES_CSV_LINE_MAX);
        return -EINVAL;
    }
    if (reader->line == 1 && strncmp(reader->text, byte_order_mark, 3) == 0) {
        memset(reader->text, ' ', 3);
    }
    const char *first = reader->text;
    while (isspace((unsigned char)*first) != 0) {
        first++;
    }
    if (*first == '\0' || *first == '#') {
        return 0;
    }
    int result = split(reader);
    bool is_header = false;
    if (result == 0 && !reader->is_laid_out) {
        result = lay_out(reader, &is_header);
    }
    return result < 0 || is_header ? result : read_row(reader);
}

static void set_format(struct reader *reader,
                       const struct series_csv_format *format)
{
    static const struct series_csv_format usual = {0};
    format = format == NULL ? &usual : format;
    reader->delimiter = format->delimiter == '\0' ? ',' : format->delimiter;
    reader->wanted[COLUMN_TIME] = format->time;
    reader->wanted[COLUMN_VALUE] = format->value;
    reader->wanted[COLUMN_EVENTS] = format->events;
    for (int c = 0; c < COLUMNS; c++) {
        reader->title[c] =
            reader->wanted[c] == NULL ? USUAL_TITLE[c] : reader->wanted[c];
    }
}

int series_csv_read(FILE *stream, const char *name,
                    const struct series_csv_format *format,
                    struct series_csv *ret_series, struct err *err)
{
    int result = 0;
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        err_set(err, name, 0, 0, "not enough memory to read it");
        return -ENOMEM;
    }
    reader->name = name;
    reader->err = err;
    set_format(reader, format);
    errno = 0;
    while (result == 0 &&
           fgets(reader->text, sizeof reader->text, stream) != NULL) {
        reader->line += reader->line < INT_MAX ? 1 : 0;
        result = read_line(reader);
    }
    if (result == 0 && ferror(stream) != 0) {
        result = errno != 0 ? -errno : -EIO;
        err_set(err, name, reader->line, 0, "cannot read on: %s",
                strerror(-result));
    }
    if (result == 0 && !reader->is_laid_out) {
        result = -EINVAL;
        err_set(err, name, 0, 0,
                "no rows, where t_seconds,value_bytes[,events] should be");
    }
    if (result < 0) {
        series_csv_deinit(&reader->series);
    } else {
        *ret_series = reader->series;
    }
    free(reader);
    return result;
}

int series_csv_load(const char *path, const struct series_csv_format *format,
                    struct series_csv *ret_series, struct err *err)
{
    if (strcmp(path, "-") == 0) {
        return series_csv_read(stdin, "standard input", format, ret_series,
                               err);
    }
    FILE *stream = fopen(path, "re");
    if (stream == NULL) {
        int result = -errno;
        err_set(err, path, 0, 0, "cannot open it: %s", strerror(-result));
        return result;
    }
    int result = series_csv_read(stream, path, format, ret_series, err);
    (void)fclose(stream);
    return result;
}

void series_csv_deinit(struct series_csv *series)
{
    free(series->points);
    *series = (struct series_csv){0};
}
