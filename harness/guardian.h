/* guardian.h - see to it that nothing outlives a run, however the run ends.
 *
 * A supervisor can be killed in the middle of everything. guardian_begin()
 * makes two small processes of this one that do nothing but wait:
 *
 *     front       the process that the user started. Hands SIGINT, SIGTERM and
 *                 SIGHUP on, ends when the supervisor has, with its exit code.
 *     guardian    in a session of its own. All that descends from the
 *                 supervisor comes to it when the supervisor ends; it kills
 *                 that until nothing is left, which the kernel confirms: a
 *                 process without children has no descendants.
 *     supervisor  returns from guardian_begin() and does the work.
 *
 * When the supervisor is killed, the guardian ends what it left. When the front
 * is (what a user calls kill -9), the guardian tells the supervisor to stop,
 * at once, and kills it when it does not. When the guardian is, the supervisor
 * is told to stop, and the front takes the guardian's place. Two at a time may
 * be killed; only when all three are, at the same moment, can somebody get
 * away: whoever the targets started themselves.
 *
 * Platform seam: one of guardian_linux.c or guardian_win32.c; uses tree.h.
 */
#ifndef PLATEAU_GUARDIAN_H
#define PLATEAU_GUARDIAN_H

struct guardian_config {
    const char *who; /* begins its sentences: "plateau run"; lent */
    int exit_code;   /* of the front when the supervisor was killed */
    /* Called in the guardian when everybody is dead and the supervisor did not
     * end by itself: removes from |folder| what was only half done. May be
     * NULL. */
    void (*tidy)(const char *folder);
};

/* Call it early: before there is much memory, any thread, any child. 0: this
 * is the supervisor now, with another process id; the front and the guardian do
 * not return. -errno: this is the process that called, unguarded. */
int guardian_begin(const struct guardian_config *config);

/* Says which control group the run has made (isolate/group.h): who is in it
 * dies as well, and it goes when everybody is dead. NULL: none any more. Does nothing when unguarded. */
void guardian_tell_group(const char *folder);

/* Says where the run is kept, for the guardian's sentence and for tidy(). Does
 * nothing when unguarded. */
void guardian_tell_folder(const char *folder);

#endif
