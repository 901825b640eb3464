#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include "base/err.h"

#define BLOCK_BYTES ((size_t)32 << 10)
#define ALIGNMENT ((size_t)16)

struct arena_block {
  struct arena_block *next;
  size_t size, used;
  _Alignas(16) unsigned char bytes[];
};

void arena_init(struct arena *arena, size_t maximum) {
  *arena = (struct arena){.maximum = maximum ? maximum : (size_t)1 << 30};
}

bool arena_try(struct arena *arena, void (*work)(void *state), void *state) {
  jmp_buf place;
  void *outer = arena->escape;
  if (setjmp(place)) {
    arena->escape = outer;
    return false;
  }
  arena->escape = &place;
  work(state);
  arena->escape = outer;
  return true;
}

/* Ends the work that is tried; returns when none is. */
static void escape(struct arena *arena) {
  jmp_buf *place = arena->escape;
  if (place) longjmp(*place, 1);
}

static struct arena_block *block_new(struct arena *arena, size_t size) {
  struct arena_block *block = malloc(sizeof *block + size);
  if (!block) {
    escape(arena);
    die("out of memory (asked for %zu bytes): stop other programs or add memory, then start again", size);
  }
  block->next = NULL;
  block->size = size;
  block->used = 0;
  return block;
}

void *arena_raw(struct arena *arena, size_t bytes) {
  if (!arena->maximum) arena->maximum = (size_t)1 << 30;
  size_t need = bytes > SIZE_MAX - ALIGNMENT ? SIZE_MAX : (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  if (!need) need = ALIGNMENT;
  if (need > arena->maximum - arena->used) {
    escape(arena);
    die("an arena passed its maximum of %zu bytes", arena->maximum);
  }
  struct arena_block *block = arena->blocks;
  if (!block || block->size - block->used < need) {
    block = block_new(arena, need > BLOCK_BYTES ? need : BLOCK_BYTES);
    block->next = arena->blocks;
    arena->blocks = block;
  }
  void *memory = block->bytes + block->used;
  block->used += need;
  arena->used += need;
  return memory;
}

void *arena_alloc(struct arena *arena, size_t bytes) { return memset(arena_raw(arena, bytes), 0, bytes ? bytes : 1); }

void *arena_array(struct arena *arena, size_t count, size_t size) {
  return arena_alloc(arena, size && count > SIZE_MAX / size ? SIZE_MAX : count * size);
}

char *arena_text_n(struct arena *arena, const char *text, size_t length) {
  char *copy = arena_raw(arena, length + 1);
  if (length) memcpy(copy, text, length);
  copy[length] = 0;
  return copy;
}

void *list_grow(struct arena *arena, void *list, size_t count, size_t *room, size_t size) {
  if (count < *room) return list;
  size_t more = *room ? *room * 2 : 16;
  void *wider = arena_array(arena, more, size);
  if (count) memcpy(wider, list, count * size);
  *room = more;
  return wider;
}

char *arena_text(struct arena *arena, const char *text) { return arena_text_n(arena, text ? text : "", text ? strlen(text) : 0); }

char *arena_printf(struct arena *arena, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int length = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (length < 0) die("a format string is broken: %s", format);
  char *text = arena_alloc(arena, (size_t)length + 1);
  vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  return text;
}

void arena_reset(struct arena *arena) {
  while (arena->blocks && arena->blocks->next) {
    struct arena_block *block = arena->blocks;
    arena->blocks = block->next;
    free(block);
  }
  if (arena->blocks) arena->blocks->used = 0;
  arena->used = 0;
}

void arena_free(struct arena *arena) {
  arena_reset(arena);
  free(arena->blocks);
  arena->blocks = NULL;
}
