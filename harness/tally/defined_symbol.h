/* defined_symbol.h - the function behind a name, and not the stub before it.
 *
 * dlsym(3) may answer with a stub of the executable: where one is not position
 * independent and takes a function's address, the linker makes its entry of the
 * procedure linkage table that address, for everybody (System V ABI, AMD64
 * supplement, "Function Addresses"). Debian's python3 is such a program; its
 * malloc would seem to be one of its own.
 *
 * defined_symbol() returns what the program's calls of |name| are bound to, or
 * NULL. Behind a stub only objects that were loaded after this one are asked,
 * the C library among them.
 */
#ifndef PLATEAU_DEFINED_SYMBOL_H
#define PLATEAU_DEFINED_SYMBOL_H

void *defined_symbol(const char *name);

#endif
