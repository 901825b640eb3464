/* lanes.h (inside): eight patients side by side.
 *
 * The engine works on eight series of the same design at once, one in each lane, so that each lane sees the same
 * operations in the same order whatever vector unit the machine has: the results are the same bytes everywhere (only
 * + - * / and sqrt; the Makefile forbids contraction). Lanes are passed by pointer or inlined, never by value through
 * a call. */
#ifndef ATTUNE_ALLIANCE_LANES_H
#define ATTUNE_ALLIANCE_LANES_H

#include <stdint.h>
#include <string.h>

#define LANES 8

/* The functions below return vectors by value, which would change between machines if they were ever called; they are
 * always inlined. */
#pragma GCC diagnostic ignored "-Wpsabi"

typedef double lanes __attribute__((vector_size(8 * LANES)));
typedef int64_t lane_bits __attribute__((vector_size(8 * LANES)));
typedef uint64_t lane_words __attribute__((vector_size(8 * LANES)));

#define LANES_INLINE static inline __attribute__((always_inline))

/* One body, compiled for wider vector units too and chosen when the program starts. Not under a sanitiser, which
 * does not bear functions that are resolved before it has started. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define LANES_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LANES_CLONES
#endif

LANES_INLINE lanes lanes_of(double x) {
  return (lanes){x, x, x, x, x, x, x, x};
}

/* a where the mask is set, else b. */
LANES_INLINE lanes lanes_where(lane_bits mask, lanes a, lanes b) {
  return (lanes)((mask & (lane_bits)a) | (~mask & (lane_bits)b));
}

LANES_INLINE lanes lanes_larger(lanes a, lanes b) {
  return lanes_where(a > b, a, b);
}
LANES_INLINE lanes lanes_smaller(lanes a, lanes b) {
  return lanes_where(a < b, a, b);
}

/* By the vector unit where it has it: sqrt is exact everywhere. */
LANES_INLINE lanes lanes_sqrt(lanes x) {
  lanes root = x;
  for (int u = 0; u < LANES; u++) root[u] = __builtin_sqrt(x[u]);
  return root;
}

/* exp(x) for |x| <= 700 to 1 unit in the last place or so: x = n log 2 + r, |r| <= 0.35, Taylor's series to r^13,
 * and the exponent set by its bits. */
LANES_INLINE lanes lanes_exp(lanes x) {
  const double shift = 0x1.8p52;
  lanes n = x * 0x1.71547652b82fep0 + shift;
  lane_words bits;
  memcpy(&bits, &n, sizeof bits);
  n -= shift;
  lanes r = (x - n * 0x1.62e42fefa3800p-1) - n * 0x1.ef35793c76730p-45;
  lanes p = lanes_of(1.0 / 6227020800.0);
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  bits = ((bits << 52) + (1023ULL << 52));
  lanes scale;
  memcpy(&scale, &bits, sizeof scale);
  return p * scale;
}

#endif
