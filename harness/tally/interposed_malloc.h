/* interposed_malloc.h - see what a program allocates, from before its own
 * malloc(3).
 *
 * Two files behind this header, one a library: interposed_malloc.c is in
 * libplateau_preload_heap.so, which the harness preloads where a heap profile
 * is asked for; interposed_none.c is in libplateau_preload.so, which defines no
 * malloc, so that a program without a profile runs on its own as ever.
 */
#ifndef PLATEAU_INTERPOSED_MALLOC_H
#define PLATEAU_INTERPOSED_MALLOC_H

#include <stdbool.h>
#include <stdint.h>

/* The function that serves the program's malloc(3): the C library's, or that of
 * an allocator which the program brought. */
void *interposed_malloc_served_by(void);

/* Begins to take samples, one each |sample_bytes| on average, of a program
 * whose malloc is the C library's. False: it cannot (an older kernel, no
 * memory, this is the library without it, or the program does not call us). */
bool interposed_malloc_begin(uint64_t sample_bytes, uint64_t seed);

/* In a forked child, before it has other threads: goes on, if samples were
 * taken before, with what the child allocates itself. */
void interposed_malloc_begin_anew(void);

/* Nothing that the calling thread allocates is a sample from now on. */
void interposed_malloc_exempt(void);

/* Writes the profile to |fd|: see sampled_heap_write(). 0, or -errno: -ENODATA
 * where no samples were taken. */
int interposed_malloc_write(int fd);

#endif
