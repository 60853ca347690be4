/* demangle.h - the names of C++ and Rust as people write them.
 *
 * The linker knows "_ZN8Registry3addEi"; a report and its rules want
 * "Registry::add". By the demangler of libstdc++, which nearly every machine
 * has, but for those of newer Rust (rust_name.h); it is looked for when it is
 * first needed, and where it is missing names stay as they are. What tells
 * instances of one function apart is left out: parameters, return type,
 * arguments of templates, a hash of rustc's.
 */
#ifndef PLATEAU_HEAP_DEMANGLE_H
#define PLATEAU_HEAP_DEMANGLE_H

#include <stdbool.h>
#include <stddef.h>

/* Writes the name to |text|, of |size| bytes, cut to that. False, and |text| is
 * left alone, when |mangled| is no such name or cannot be read. */
bool demangle_name(const char *mangled, char *text, size_t size);

/* Of a name of older Rust: "$LT$" is "<" again, and so on. In place. */
void demangle_decode(char *full);

/* What demangle_name() leaves of a name that was read. */
void demangle_shorten(const char *full, char *text, size_t size);

#endif
