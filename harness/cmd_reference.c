#include "command.h"

#include "exit_code.h"
#include "scenario/reference.h"

#include <stdio.h>
#include <string.h>

static void print_help(void)
{
    (void)printf("Usage: plateau reference [--markdown | --json-schema]\n\n"
                 "Prints every key that a scenario may hold, and every "
                 "placeholder.\n\n"
                 "  --markdown     as docs/scenario.md\n"
                 "  --json-schema  for editors, as docs/scenario.schema.json\n"
                 "  --help         print this\n");
}

int cmd_reference(int argc, char **argv)
{
    static const struct {
        const char *option;
        void (*print)(FILE *stream);
    } forms[] = {
        {"--markdown", reference_print_markdown},
        {"--json-schema", reference_print_json_schema},
    };
    if (argc == 1) {
        reference_print_text(stdout);
        return 0;
    }
    if (argc == 2 &&
        (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        print_help();
        return 0;
    }
    for (size_t i = 0; argc == 2 && i < sizeof forms / sizeof forms[0]; i++) {
        if (strcmp(argv[1], forms[i].option) == 0) {
            forms[i].print(stdout);
            return 0;
        }
    }
    (void)fprintf(stderr, "plateau reference: it takes --markdown or "
                          "--json-schema, or nothing. Try 'plateau reference "
                          "--help'.\n");
    return EXIT_USAGE;
}
