/* stats_random.h: random streams that can be started anywhere, the same on every machine and for any number of threads.
 *
 * Philox4x32-10: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3"
 * (SC 2011). A stream is named by a seed and three numbers (what it is for, trial, cluster, ...): streams of
 * different names are independent, and none depends on how much of another was used. 2^34 words each.
 *
 * A stream is a plain value: copy it to replay it. Every draw uses stats_math.h only. */
#ifndef ATTUNE_STATS_RANDOM_H
#define ATTUNE_STATS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stats_stream {
  uint32_t key[2], counter[4], block[4];
  unsigned used; /* words of `block` handed out; 4 at the start */
};

/* One block of the cipher: ten rounds. */
void stats_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

void stats_stream_init(struct stats_stream *stream, uint64_t seed, uint32_t a, uint32_t b, uint32_t c);

uint32_t stats_random_word(struct stats_stream *stream);
uint64_t stats_random_bits(struct stats_stream *stream); /* two words, the first is the upper half */

/* Uniform on the open interval (0, 1): (k + 1/2) 2^-52. Two words. */
double stats_random_uniform(struct stats_stream *stream);
/* Uniform on 0 .. n - 1 by rejection, exact for every n >= 1. */
uint64_t stats_random_below(struct stats_stream *stream, uint64_t n);
/* Standard normal, by inversion: two words each. */
double stats_random_normal(struct stats_stream *stream);
void stats_random_normals(struct stats_stream *stream, double *out, size_t count);
/* Gamma with the given shape > 0 and scale 1. G. Marsaglia and W. W. Tsang, ACM Transactions on Mathematical Software
 * 26 (2000) 363; for shapes below 1 with their power of a uniform. */
double stats_random_gamma(struct stats_stream *stream, double shape);
double stats_random_chi2(struct stats_stream *stream, double df); /* df = 0 gives 0 */
/* Poisson, by inversion in pieces of mean at most 16. */
uint64_t stats_random_poisson(struct stats_stream *stream, double mean);

#ifdef __cplusplus
}
#endif
#endif
