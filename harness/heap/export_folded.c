#include "heap/export.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void write_name(const char *name, FILE *file)
{
    for (; *name != '\0'; name++) {
        char c = *name == ';' ? ':' : *name;
        (void)fputc((unsigned char)c < ' ' ? ' ' : c, file);
    }
}

static void write_site(const struct compare *compare,
                       const struct compare_site *site, FILE *file)
{
    if (site->lines_count == 0) {
        (void)fputs("(stack not known)", file);
    }
    for (uint32_t i = site->lines_count; i-- > 0;) {
        write_name(words_text(compare->words,
                              compare->lines[site->lines_first + i].function),
                   file);
        (void)fputs(i > 0 ? ";" : "", file);
    }
    if (compare->has_before) {
        (void)fprintf(file, " %.0f", site->amounts[0].bytes);
    }
    (void)fprintf(file, " %.0f\n", site->amounts[1].bytes);
}

int export_folded(const struct compare *compare, const char *path,
                  struct err *err)
{
    FILE *file = fopen(path, "we");
    int r = file != NULL ? 0 : -errno;
    if (file != NULL) {
        for (size_t i = 0; i < compare->sites_count; i++) {
            write_site(compare, &compare->sites[i], file);
        }
        errno = 0;
        int is_bad = ferror(file);
        if (fclose(file) != 0 || is_bad) {
            r = errno != 0 ? -errno : -EIO;
            (void)unlink(path);
        }
    }
    if (r < 0) {
        err_set(err, path, 0, 0, "cannot be written: %s", strerror(-r));
    }
    return r;
}
