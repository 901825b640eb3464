/* The stream of integers that a seed gives. */
#include <sodium.h>
#include <string.h>

#include "attune/allocation.h"

void allocation_stream_init(struct allocation_stream *stream, const uint8_t seed[ALLOCATION_HASH]) {
  memcpy(stream->key, seed, sizeof stream->key);
  stream->block = 0;
  stream->used = sizeof stream->bytes;
}

static void refill(struct allocation_stream *stream) {
  static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES] = "LibsodiumDRG";
  memset(stream->bytes, 0, sizeof stream->bytes);
  crypto_stream_chacha20_ietf_xor_ic(stream->bytes, stream->bytes, sizeof stream->bytes, nonce, stream->block,
                                     stream->key);
  stream->block += sizeof stream->bytes / 64;
  stream->used = 0;
}

uint64_t allocation_stream_bits(struct allocation_stream *stream) {
  if (stream->used == sizeof stream->bytes) refill(stream);
  const uint8_t *b = stream->bytes + stream->used;
  stream->used += 8;
  return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 | (uint64_t)b[4] << 32 |
         (uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 | (uint64_t)b[7] << 56;
}

uint64_t allocation_below(struct allocation_stream *stream, uint64_t m) {
  for (;;) {
    uint64_t x = allocation_stream_bits(stream);
    /* 2^64 mod m = (2^64 - m) mod m; it is less than m, so that most values need no division to be accepted. */
    if (x <= UINT64_MAX - m || x <= UINT64_MAX - (0 - m) % m) return x % m;
  }
}

void allocation_shuffle(struct allocation_stream *stream, uint8_t *items, int count) {
  for (int i = count - 1; i >= 1; i--) {
    int j = (int)allocation_below(stream, (uint64_t)i + 1);
    uint8_t held = items[i];
    items[i] = items[j];
    items[j] = held;
  }
}
