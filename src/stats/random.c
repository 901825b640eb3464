#include "attune/stats_random.h"

#include <math.h>

#include "attune/stats_math.h"

static void philox_round(uint32_t x[4], uint32_t key0, uint32_t key1) {
  uint64_t a = UINT64_C(0xd2511f53) * x[0], b = UINT64_C(0xcd9e8d57) * x[2];
  uint32_t x1 = x[1], x3 = x[3];
  x[0] = (uint32_t)(b >> 32) ^ x1 ^ key0;
  x[1] = (uint32_t)b;
  x[2] = (uint32_t)(a >> 32) ^ x3 ^ key1;
  x[3] = (uint32_t)a;
}

void stats_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t key0 = key[0], key1 = key[1];
  for (int i = 0; i < 4; i++) out[i] = counter[i];
  for (int round = 0; round < 10; round++) {
    philox_round(out, key0, key1);
    key0 += 0x9e3779b9; /* the golden ratio and sqrt(3) - 1, as the paper bumps its keys */
    key1 += 0xbb67ae85;
  }
}

void stats_stream_init(struct stats_stream *stream, uint64_t seed, uint32_t a, uint32_t b, uint32_t c) {
  *stream = (struct stats_stream){.key = {(uint32_t)seed, (uint32_t)(seed >> 32)}, .counter = {0, a, b, c}, .used = 4};
}

uint32_t stats_random_word(struct stats_stream *stream) {
  if (stream->used == 4) {
    stats_philox(stream->counter, stream->key, stream->block);
    stream->counter[0]++;
    stream->used = 0;
  }
  return stream->block[stream->used++];
}

uint64_t stats_random_bits(struct stats_stream *stream) {
  uint64_t high = stats_random_word(stream);
  return high << 32 | stats_random_word(stream);
}

double stats_random_uniform(struct stats_stream *stream) {
  return ((double)(stats_random_bits(stream) >> 12) + 0.5) * 0x1p-52;
}

uint64_t stats_random_below(struct stats_stream *stream, uint64_t n) {
  uint64_t least = (0 - n) % n, bits; /* 2^64 mod n values too many */
  do bits = stats_random_bits(stream);
  while (bits < least);
  return bits % n;
}

double stats_random_normal(struct stats_stream *stream) {
  return stats_normal_quantile(stats_random_uniform(stream));
}

void stats_random_normals(struct stats_stream *stream, double *out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = stats_random_normal(stream);
}

/* Shapes of at least 1. */
static double gamma_large(struct stats_stream *stream, double shape) {
  double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
  for (;;) {
    double x = stats_random_normal(stream), root = 1 + c * x;
    double u = stats_random_uniform(stream);
    if (root <= 0) continue;
    double v = root * root * root, square = x * x;
    if (u < 1 - 0.0331 * square * square) return d * v;
    if (stats_log(u) < 0.5 * square + d * (1 - v + stats_log(v))) return d * v;
  }
}

double stats_random_gamma(struct stats_stream *stream, double shape) {
  if (shape >= 1) return gamma_large(stream, shape);
  double u = stats_random_uniform(stream);
  return gamma_large(stream, shape + 1) * stats_exp(stats_log(u) / shape);
}

double stats_random_chi2(struct stats_stream *stream, double df) {
  return df > 0 ? 2 * stats_random_gamma(stream, df / 2) : 0;
}

static uint64_t poisson_small(struct stats_stream *stream, double mean) {
  double u = stats_random_uniform(stream), term = stats_exp(-mean), sum = term;
  uint64_t count = 0;
  while (u > sum && count < 200) {
    count++;
    term *= mean / (double)count;
    sum += term;
  }
  return count;
}

uint64_t stats_random_poisson(struct stats_stream *stream, double mean) {
  uint64_t count = 0;
  for (; mean > 16; mean -= 16) count += poisson_small(stream, 16);
  return count + poisson_small(stream, mean);
}
