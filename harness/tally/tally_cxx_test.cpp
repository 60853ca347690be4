// The public header is C++ as well: this compiles, without a warning, and
// counts.
#include <plateau_tally.h>

#include <cstdio>

int main()
{
    plateau_tally *tally = plateau_tally_attach();
    plateau_tally_entry *loops = plateau_tally_pair(tally, "loops");
    plateau_tally_entry *peers = plateau_tally_gauge(tally, "peers", "");
    plateau_tally_entry *sent = plateau_tally_counter(tally, "sent", "B");
    plateau_tally_spawned(loops);
    plateau_tally_finished(loops);
    plateau_tally_set(peers, 5);
    plateau_tally_add(sent, 7);
    bool is_right = loops->value == 1 && loops->finished == 1 &&
                    peers->value == 5 && sent->value == 7;
    std::printf("1..1\n%s 1 - counts_from_cxx\n", is_right ? "ok" : "not ok");
    return is_right ? 0 : 1;
}
