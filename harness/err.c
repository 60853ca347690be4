#include "err.h"

#include <stdarg.h>
#include <stdio.h>

void err_set(struct err *err, const char *file, int line, int column,
             const char *format, ...)
{
    if (err == NULL) {
        return;
    }
    (void)snprintf(err->file, sizeof err->file, "%s", file ? file : "");
    err->line = line;
    err->column = column;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->sentence, sizeof err->sentence, format, args);
    va_end(args);
}

char *err_format(const struct err *err, char *text, size_t size)
{
    char place[sizeof err->file + 32] = "";
    if (err->file[0] != '\0' && err->line > 0 && err->column > 0) {
        (void)snprintf(place, sizeof place, "%s:%d:%d: ", err->file, err->line,
                       err->column);
    } else if (err->file[0] != '\0' && err->line > 0) {
        (void)snprintf(place, sizeof place, "%s:%d: ", err->file, err->line);
    } else if (err->file[0] != '\0') {
        (void)snprintf(place, sizeof place, "%s: ", err->file);
    }
    (void)snprintf(text, size, "%s%s", place, err->sentence);
    return text;
}
