/* reason.h - the sentence beside a verdict, for a person. Pure. */
#ifndef PLATEAU_REASON_H
#define PLATEAU_REASON_H

#include "judge/judge.h"

enum reason_kind {
    REASON_CLIMBS,
    REASON_HOLDS,         /* PLATEAU: growth is within the budget */
    REASON_WITHIN_BUDGET, /* PLATEAU: it grows, really, but within the budget */
    REASON_TOO_SHORT,     /* too few troughs */
    REASON_UNSURE,        /* neither a climb nor a plateau is sure enough */
    REASON_BORDERLINE,    /* the axes disagree about the budget */
    REASON_SLOWING,       /* the climb is slower than it was at two thirds */
    REASON_RATCHETS,      /* the climb is a few jumps */
    REASON_DOUBLES,       /* the last two steps are those of a full array */
    REASON_GIVES_BACK,    /* a large part of it was given back at once */
    REASON_UNSEEN,        /* the troughs themselves rose far less */
};

struct reason {
    enum reason_kind kind;
    const char *unit;   /* as in struct judge_rule */
    double growth;      /* over the troughs, in the unit */
    double growth_most; /* the upper end of its interval */
    double duration_s;  /* over which it grew */
    double events;      /* meanwhile; 0 when they are not known */
    double budget;      /* what growth a plateau may have */
    double level;
    double probability; /* of what was decided, or of a plateau */
    double p_climb;
    double drop; /* the largest fall between neighbouring troughs */
    double rise; /* that the troughs show without a model */
    size_t troughs, troughs_min;
};

/* Writes the sentence into |text| of JUDGE_REASON_SIZE bytes, cut to fit. */
void reason_write(const struct reason *reason, char *text);

#endif
