/* sparse_six.h: the body of subtract_six() for vectors of SIX_LANES doubles, two of them a row: twelve sums stay in
 * registers, of which a machine without AVX-512 has sixteen. Included by sparse_dense.c once for each width, with
 * SIX_NAME, SIX_LANES and SIX_TARGET defined; it defines a function and nothing else. */
SIX_TARGET static void SIX_NAME(double *c, size_t stride, size_t rows, const double *a, const double *b, size_t depth,
                                size_t n) {
  typedef double some __attribute__((vector_size(8 * SIX_LANES), aligned(8), may_alias));
  for (size_t j = 0; j < n; j += EIGHT, b += depth * EIGHT)
    for (size_t at = 0; at < EIGHT && j + at < n; at += 2 * SIX_LANES) {
      some s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0}, s4 = {0}, s5 = {0};
      some t0 = {0}, t1 = {0}, t2 = {0}, t3 = {0}, t4 = {0}, t5 = {0};
      for (size_t k = 0; k < depth; k++) {
        some x = *(const some *)(b + k * EIGHT + at), z = *(const some *)(b + k * EIGHT + at + SIX_LANES);
        const double *y = a + k * SIX;
        s0 += y[0] * x;
        t0 += y[0] * z;
        s1 += y[1] * x;
        t1 += y[1] * z;
        s2 += y[2] * x;
        t2 += y[2] * z;
        s3 += y[3] * x;
        t3 += y[3] * z;
        s4 += y[4] * x;
        t4 += y[4] * z;
        s5 += y[5] * x;
        t5 += y[5] * z;
      }
      some sum[2 * SIX] = {s0, t0, s1, t1, s2, t2, s3, t3, s4, t4, s5, t5};
      subtract_sums(c + j + at, stride, rows, (const double *)sum, 2 * SIX_LANES, n - j - at);
    }
}
#undef SIX_NAME
#undef SIX_LANES
#undef SIX_TARGET
