/* build_ids.h - say which files a heap dump speaks of, so that one that was
 * built again since is known.
 *
 * Appends to |fd| a line "build-id: HEX PATH" for each mapped file that has a
 * build id (ld(1), --build-id), under the path by which /proc/self/maps knows
 * it. jeprof passes over them; harness/heap/jemalloc_dump.h reads them.
 */
#ifndef PLATEAU_BUILD_IDS_H
#define PLATEAU_BUILD_IDS_H

void build_ids_append(int fd);

#endif
