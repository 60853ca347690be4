#include "defined_symbol.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

/* A stub is a symbol that has an address and no section. */
static int is_stub(void *function)
{
    Dl_info info;
    void *found = NULL;
    ElfW(Sym) symbol;
    if (dladdr1(function, &info, &found, RTLD_DL_SYMENT) == 0 ||
        found == NULL) {
        return 0;
    }
    memcpy(&symbol, found, sizeof symbol);
    return symbol.st_shndx == SHN_UNDEF;
}

void *defined_symbol(const char *name)
{
    void *function = dlsym(RTLD_DEFAULT, name);
    return function != NULL && is_stub(function) ? dlsym(RTLD_NEXT, name)
                                                 : function;
}
