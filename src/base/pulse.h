/* pulse.h: a thread that does one thing again and again, with a pause after each, until it is stopped. */
#ifndef ATTUNE_BASE_PULSE_H
#define ATTUNE_BASE_PULSE_H

struct pulse;
/* Calls beat(state) at once and then `seconds` after each return. */
struct pulse *pulse_start(int seconds, void (*beat)(void *state), void *state);
void pulse_stop(struct pulse *pulse); /* NULL is fine; waits for a beat under way */

#endif
