#include "build_ids.h"

#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The build id among the notes at |at|, as hexadecimal text, or "" (elf(5);
 * ld(1), --build-id). */
static void find_build_id(const char *at, size_t left, char hex[65])
{
    hex[0] = '\0';
    while (left >= sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *note = (const void *)at;
        size_t name_bytes = (note->n_namesz + 3u) & ~(size_t)3;
        size_t id_bytes = (note->n_descsz + 3u) & ~(size_t)3;
        size_t bytes = sizeof *note + name_bytes + id_bytes;
        const char *name = at + sizeof *note;
        if (bytes > left) {
            return;
        }
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
            memcmp(name, "GNU", 4) == 0 && note->n_descsz <= 32) {
            for (size_t i = 0; i < note->n_descsz; i++) {
                (void)snprintf(hex + 2 * i, 3, "%02x",
                               (unsigned char)name[name_bytes + i]);
            }
            return;
        }
        at += bytes;
        left -= bytes;
    }
}

/* The vdso is no file and has no path. */
static int append_build_id(struct dl_phdr_info *info, size_t size,
                           void *context)
{
    const int *fd = context;
    char path[PATH_MAX];
    char hex[65] = "";
    (void)size;
    const char *name =
        info->dlpi_name[0] != '\0' ? info->dlpi_name : "/proc/self/exe";
    if (realpath(name, path) == NULL) {
        return 0;
    }
    for (int i = 0; i < info->dlpi_phnum && hex[0] == '\0'; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_NOTE) {
            find_build_id((const char *)info->dlpi_addr + header->p_vaddr,
                          header->p_memsz, hex);
        }
    }
    if (hex[0] != '\0') {
        (void)dprintf(*fd, "build-id: %s %s\n", hex, path);
    }
    return 0;
}

void build_ids_append(int fd)
{
    (void)dl_iterate_phdr(append_build_id, &fd);
}
