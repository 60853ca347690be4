/* dump_folder.h - the folder that heap profiles go into, held from the start.
 *
 * A daemon that was started as root becomes somebody else before it serves
 * (mosquitto, nginx, redis), or takes another folder for its root. The folder's
 * path may lead nowhere for it then, or through folders that are closed to it;
 * a descriptor that was opened before still leads there. Who it has become may
 * write there if the harness lets everybody (heap/dumps.h).
 *
 * A program that closes descriptors that it does not know closes this one too,
 * and may be given its number for something else: it is looked at before each
 * use, and the path is what is left.
 *
 * One for the process. Linux: O_PATH.
 */
#ifndef PLATEAU_DUMP_FOLDER_H
#define PLATEAU_DUMP_FOLDER_H

#include <stddef.h>

/* Holds the folder of |prefix|, FOLDER/NAME. Where it cannot, paths are gone
 * by. */
void dump_folder_hold(const char *prefix);

/* Opens |path|, a file in that folder, likewise open(2); never through a
 * symbolic link: the folder may be everybody's. A descriptor, or -1 and errno.
 */
int dump_folder_open_file(const char *path, int flags);
void dump_folder_unlink(const char *path);

/* For who takes a path: one that leads there, or |path|; in |text|. */
const char *dump_folder_path(const char *path, char *text, size_t size);

#endif
