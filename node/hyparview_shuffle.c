/* Section 4.5 of the HyParView paper (cited in hyparview.c).
 *
 * Happy path: a sample of both views walks off; the node where the walk ends
 * answers the origin directly with a sample of its passive view, over a
 * connection that is closed again unless there is another use for it; both
 * take in what they were told.
 *
 * Failure modes: a walk or an answer that is lost leaves the views as they
 * are; the next shuffle is soon. */
#include "hyparview_views.h"

#include <string.h>

static int64_t shuffle_pause_ns(struct hyparview *h)
{
    int64_t period_ns = h->params.shuffle_period_ns;

    return rng_between(&h->rng, period_ns - period_ns / 10,
                       period_ns + period_ns / 10);
}

static void integrate(struct hyparview *h, const struct wire_contacts *list,
                      uint8_t sent, int64_t now_ns)
{
    for (size_t i = 0; i < list->count; i++)
        hyparview_passive_add(h, &list->items[i], sent, false, now_ns);
}

void hyparview_shuffle_receive(struct hyparview *h,
                               const struct peer_contact *from,
                               const struct wire_message *m, int64_t now_ns)
{
    const struct peer_contact *origin = &m->shuffle.origin;
    const struct peer_contact *next;
    struct wire_message out;

    if (hyparview_is_self(h, &origin->id))
        return;
    next = hyparview_random_active(h, &from->id, &origin->id);
    if (m->shuffle.ttl > 1 && h->active_count > 1 && next != NULL) {
        out = *m;
        out.shuffle.ttl--;
        h->ops->send(h->context, next, &out);
        return;
    }
    memset(&out, 0, sizeof(out));
    out.type = WIRE_SHUFFLE_REPLY;
    hyparview_passive_sample(h, m->shuffle.contacts.count + 1u, SENT_IN_REPLY,
                             &out.shuffle_reply.contacts);
    h->stats.shuffles_answered++;
    if (out.shuffle_reply.contacts.count > 0) {
        h->ops->send(h->context, origin, &out);
        if (!hyparview_needs(h, origin))
            h->ops->close(h->context, origin);
    }
    hyparview_passive_add(h, origin, SENT_IN_REPLY, false, now_ns);
    integrate(h, &m->shuffle.contacts, SENT_IN_REPLY, now_ns);
}

void hyparview_shuffle_reply(struct hyparview *h, const struct wire_message *m,
                             int64_t now_ns)
{
    integrate(h, &m->shuffle_reply.contacts, SENT_IN_SHUFFLE, now_ns);
}

void hyparview_shuffle_start(struct hyparview *h, int64_t now_ns)
{
    const struct peer_contact *target = hyparview_random_active(h, NULL, NULL);
    struct wire_message m;
    struct wire_contacts *list = &m.shuffle.contacts;
    size_t skip;

    if (target == NULL) {
        h->shuffle_due_ns = INT64_MAX;
        return;
    }
    h->shuffle_due_ns = now_ns + shuffle_pause_ns(h);
    memset(&m, 0, sizeof(m));
    m.type = WIRE_SHUFFLE;
    m.shuffle.origin = h->self;
    m.shuffle.ttl = (uint8_t)h->params.shuffle_ttl;
    skip = rng_below(&h->rng, h->active_count);
    for (size_t i = 0; i < h->active_count; i++) {
        const struct peer_contact *peer =
            &h->active[(skip + i) % h->active_count];

        if (list->count < h->params.shuffle_active_count && peer != target)
            list->items[list->count++] = *peer;
    }
    hyparview_passive_sample(h, (size_t)h->params.shuffle_passive_count,
                             SENT_IN_SHUFFLE, list);
    h->stats.shuffles_started++;
    h->ops->send(h->context, target, &m);
}
