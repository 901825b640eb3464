#include "alliance/engine.h"

struct room room_in(void *memory, size_t bytes) {
  uintptr_t address = (uintptr_t)memory, aligned = (address + 63) & ~(uintptr_t)63;
  size_t skip = (size_t)(aligned - address);
  if (!memory || skip > bytes) return (struct room){NULL, NULL};
  return (struct room){(char *)memory + skip, (char *)memory + bytes};
}

void *room_take(struct room *room, size_t count, size_t size) {
  if (!room->at || (size && count > SIZE_MAX / 2 / size)) return NULL;
  size_t bytes = (count * size + 63) & ~(size_t)63;
  if (bytes > (size_t)(room->end - room->at)) return NULL;
  void *taken = room->at;
  room->at += bytes;
  return taken;
}
