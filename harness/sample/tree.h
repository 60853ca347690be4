/* tree.h - find the descendants of processes, follow them, sum them, end them.
 *
 * A tree has roots, each with a number of the caller's: the processes that it
 * started, or that it watches. Whoever descends from a root is a member of
 * that root from the look that found it until it ends; what became of its
 * parent in the meantime does not matter, nor that it left its process group
 * or its session. Members are pinned: no signal and no reading ever goes to a
 * stranger who got the number of one that ended.
 *
 * Orphans. When its parent ends, a process is given to the nearest ancestor
 * that adopts. With |adopts| that is this process, and then nobody who
 * descends from it can get away: an orphan that no look had seen before is
 * still found, as a child of ours that is no root. Whose it is is told by, in
 * this order: the session that it is in; its process group; the mark in its
 * environment, a variable |mark_name| whose value is |mark| and the number of
 * the root; what |owner| says. One that was forked, orphaned and put into a
 * session of its own between two looks, and has wiped its environment, is
 * nobody's: it belongs to TREE_NOBODY, is in no sum, and ends with
 * tree_kill(TREE_NOBODY). Without |adopts| an orphan that no look had seen
 * before is not found.
 *
 * A look costs one small file and two or three system calls for each process
 * or thread that was made on this machine since the look before the last; a
 * full one, which is made when too many were made or too much time has passed,
 * one file for each process of the machine.
 *
 * Limits: |members_max| members; those found beyond are not followed, and
 * counted. No function but tree_new() and tree_add() uses the heap, |owner|
 * aside.
 *
 * Platform seam: one of tree_linux.c or tree_win32.c; of ours uses probe.h.
 */
#ifndef PLATEAU_TREE_H
#define PLATEAU_TREE_H

#include "sample/probe.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TREE_MEMBERS_MAX = 4096 };

static const uint32_t TREE_NOBODY = UINT32_MAX;

struct tree;

struct tree_config {
    uint32_t roots_count; /* roots are numbered from 0 */
    uint32_t members_max; /* 0: TREE_MEMBERS_MAX, which is the most */
    bool adopts;          /* orphans come to this process; see above */
    /* Whether |pid| is a child of this process that is no orphan, and that
     * somebody else reaps. NULL: only roots are. */
    bool (*is_own)(int64_t pid);
    const char *mark_name; /* NULL: there is no mark; lent */
    const char *mark;      /* lent */
    /* The root that orphan |pid| belongs to for another reason; TREE_NOBODY:
     * there is none. NULL: there never is. */
    uint32_t (*owner)(void *context, int64_t pid);
    void *context;
};

struct tree_counts {
    uint32_t members;   /* that are followed now, nobody's included */
    uint32_t nobodys;   /* of them */
    int64_t found;      /* ever */
    int64_t unfollowed; /* found, and not followed: too many, or no descriptors
                           left */
    int64_t reaped;     /* orphans that ended and were ours to reap */
};

/* Makes this process adopt the orphans among its descendants: call it before
 * tree_new() with |adopts|. 0 or -errno, -ENOSYS where there is no such thing.
 */
int tree_adopt_orphans(void);

/* 0 and *ret_tree, or -ENOMEM. */
int tree_new(const struct tree_config *config, struct tree **ret_tree);

/* Lets go of all members, who live on. Accepts NULL. */
void tree_free(struct tree *tree);

/* Root |root| is process |pid| from now on; it must not have been reaped. Call
 * it before the next look. Members of a former life stay the root's. */
void tree_begin(struct tree *tree, uint32_t root, int64_t pid);

/* It has ended, or is to be followed no more; its members stay. Call it before
 * it is reaped. */
void tree_end(struct tree *tree, uint32_t root);

/* Looks for members that were made or have ended. |now_ns| never goes back.
 * Returns how many new ones were found. */
uint32_t tree_look(struct tree *tree, int64_t now_ns);

/* The same, and looks at every process of the machine. */
uint32_t tree_look_at_all(struct tree *tree, int64_t now_ns);

/* Adds what the members of |root| hold to *sum, which has a reading of the root
 * itself or is all 0, and returns how many members were read. A figure that is
 * -1 for one of them becomes -1. |cpu_ns| includes members that have ended, as
 * far as readings saw it. */
uint32_t tree_add(struct tree *tree, uint32_t root, enum probe_depth depth,
                  struct probe_sample *sum);

/* How many members of |root| there were at the last look. */
uint32_t tree_size(const struct tree *tree, uint32_t root);

/* Sends |signal| to every member of |root| (TREE_NOBODY: to nobody's), the root
 * itself left out. Returns to how many. Who is killed may fork before it dies:
 * look and kill until nobody is left. */
uint32_t tree_kill(struct tree *tree, uint32_t root, int signal);

/* The same to the members of all roots, and to nobody's. */
uint32_t tree_kill_all(struct tree *tree, int signal);

/* Reaps children of ours that have ended and are neither roots nor own: the
 * orphans. While one of those waits to be reaped by its owner, orphans behind
 * it may have to wait too. At most a thousand a call. Returns how many. Only
 * with |adopts|. */
uint32_t tree_reap(struct tree *tree);

/* Whether this process has any child, alive or ended and not reaped. With
 * |adopts| false is the proof that nothing descends from us any more. */
bool tree_has_children(void);

void tree_counts(const struct tree *tree, struct tree_counts *ret_counts);

#endif
