/* arena.h: memory that is given back all at once.
 *
 * One arena for each request and each command, reset at its end; code in between never frees. Memory is zeroed and
 * aligned for any type. An arena belongs to one thread at a time.
 *
 * When an arena passes its maximum, or the machine has no memory left for it, the process ends (die() in base/err.h),
 * unless the work runs under arena_try(): then that work ends, and whoever tried it says so. What answers a request is
 * always tried. */
#ifndef ATTUNE_BASE_ARENA_H
#define ATTUNE_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
  struct arena_block *blocks; /* newest first */
  size_t used;                /* bytes handed out since the last reset */
  size_t maximum;             /* bytes; 0 means 1 GiB */
  void *escape;               /* of arena_try() */
};

void arena_init(struct arena *arena, size_t maximum);
void *arena_alloc(struct arena *arena, size_t bytes);
void *arena_raw(struct arena *arena, size_t bytes); /* the same, not zeroed: for what is written before it is read */
/* `count` elements of `size` bytes; a product that overflows is more than any maximum. */
void *arena_array(struct arena *arena, size_t count, size_t size);
/* Room for one more in a growing list: `count` elements of `size` bytes stand in room for *room. Returns the list, wider
 * when it was full; begin with NULL, 0 and 0:   list = list_grow(arena, list, count, &room, sizeof *list); */
void *list_grow(struct arena *arena, void *list, size_t count, size_t *room, size_t size);
char *arena_text(struct arena *arena, const char *text);                  /* a copy; NULL gives "" */
char *arena_text_n(struct arena *arena, const char *text, size_t length); /* copies and ends with a NUL */
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Runs work(state); false when it was left half-way (setjmp, longjmp) because the arena had no more to give. The arena
 * then still holds what it held. So work that is tried keeps to three rules: it holds no lock while it allocates from
 * this arena; what it must give back is reachable from `state` (a request's seat; readings by db_leave_rows()); and what
 * it allocates elsewhere is small, for it is lost. */
bool arena_try(struct arena *arena, void (*work)(void *state), void *state);

void arena_reset(struct arena *arena); /* keeps the first block for the next use */
void arena_free(struct arena *arena);  /* gives everything back */

#endif
