/* rust_name.h - the names of newer Rust as people write them.
 *
 * Rust's own mangling ("v0", RFC 2603; the standard library's since 1.88 or so,
 * everybody's with -C symbol-mangling-version=v0): "_RNvMs4_NtCs..._5store8..."
 * is "app::store::Registry::remember". As of C++'s names (demangle.h), what
 * tells instances of one function apart is left out: arguments of generics,
 * lifetimes, hashes of crates, what an instance was made for. Of an impl of a
 * trait the type is kept: "<app::store::Registry as app::store::Keep>::keep".
 * A closure is "{closure#0}".
 *
 * Pure, and safe for any text: names are as deep, and take as many steps, as is
 * bounded below.
 */
#ifndef PLATEAU_HEAP_RUST_NAME_H
#define PLATEAU_HEAP_RUST_NAME_H

#include <stdbool.h>
#include <stddef.h>

enum { RUST_NAME_DEPTH_MAX = 128, RUST_NAME_STEPS_MAX = 20000 };

/* Writes the name to |text|, of |size| bytes, cut to that. False, and |text| is
 * left alone, when |mangled| is no such name, or beyond the bounds. */
bool rust_name(const char *mangled, char *text, size_t size);

#endif
