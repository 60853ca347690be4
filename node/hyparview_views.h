/* hyparview_views.h - the tables inside a HyParView instance: the two views and
 * the memory of failed peers. Private to hyparview*.c.
 *
 * All live in the one block of the instance, with the bounds of its
 * parameters; at its bound the passive view gives up a member, the memory of
 * failed peers its oldest. The views are small: a scan beats an index.
 */
#ifndef HYPARVIEW_VIEWS_H
#define HYPARVIEW_VIEWS_H

#include "hyparview.h"

#define MS_NS INT64_C(1000000)
#define SECOND_NS INT64_C(1000000000)
#define HOUR_NS (3600 * SECOND_NS)

/* Why a passive peer went out last: those sent in an exchange are the first
 * to make room for those that come back (section 4.5). */
enum { SENT_IN_SHUFFLE = 1, SENT_IN_REPLY = 2 };

struct hyparview_passive {
    struct peer_contact contact;
    uint8_t sent;
    bool is_tried; /* in this round of promotion */
};

/* Ours: a peer that was found dead, by hash. */
struct hyparview_failed {
    uint64_t hash;
    int64_t until_ns;
};

/* The place in the view, or -1. */
int hyparview_find_active(const struct hyparview *h, const struct peer_id *id);
int hyparview_find_passive(const struct hyparview *h, const struct peer_id *id);

/* A random neighbour that is neither |a| nor |b| (NULL: nobody), or NULL. */
const struct peer_contact *hyparview_random_active(struct hyparview *h,
                                                   const struct peer_id *a,
                                                   const struct peer_id *b);

bool hyparview_is_self(const struct hyparview *h, const struct peer_id *id);

void hyparview_failed_add(struct hyparview *h, const struct peer_id *id,
                          int64_t now_ns);
bool hyparview_failed_holds(const struct hyparview *h, const struct peer_id *id,
                            int64_t now_ns);

/* It has spoken, so it lives. */
void hyparview_failed_forget(struct hyparview *h, const struct peer_id *id,
                             int64_t now_ns);

void hyparview_passive_remove(struct hyparview *h, const struct peer_id *id);

/* Takes the peer in unless it is ourselves, in a view or known as failed; at
 * the bound one that went out with mark |sent| makes room, or else any. */
void hyparview_passive_add(struct hyparview *h, const struct peer_contact *peer,
                           uint8_t sent, bool is_tried, int64_t now_ns);

/* Appends up to |wanted| random passive peers to |list|, and marks them alone
 * with |mark|. */
void hyparview_passive_sample(struct hyparview *h, size_t wanted, uint8_t mark,
                              struct wire_contacts *list);

/* Shuffles, in hyparview_shuffle.c: starts an exchange; takes part in another
 * node's; takes what came back from ours. */
void hyparview_shuffle_start(struct hyparview *h, int64_t now_ns);
void hyparview_shuffle_receive(struct hyparview *h,
                               const struct peer_contact *from,
                               const struct wire_message *m, int64_t now_ns);
void hyparview_shuffle_reply(struct hyparview *h, const struct wire_message *m,
                             int64_t now_ns);

/* Bytes of the block that holds all of these. */
size_t hyparview_block_bytes(const struct hyparview_params *params);

#endif
