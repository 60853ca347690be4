/* markup.h - text within HTML and SVG. */
#ifndef PLATEAU_HEAP_MARKUP_H
#define PLATEAU_HEAP_MARKUP_H

#include <stdio.h>

/* What would be markup stands for itself; control characters are blanks. */
static inline void markup_text(const char *text, FILE *stream)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            (void)fputs("&amp;", stream);
            break;
        case '<':
            (void)fputs("&lt;", stream);
            break;
        case '>':
            (void)fputs("&gt;", stream);
            break;
        case '"':
            (void)fputs("&quot;", stream);
            break;
        default:
            (void)fputc((unsigned char)*text < ' ' ? ' ' : *text, stream);
        }
    }
}

#endif
