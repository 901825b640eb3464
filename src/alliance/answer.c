/* What somebody answers on a scale who would say x: cut off at its ends, rounded to its steps. */
#include "alliance/engine.h"

double answer_given(double x, const struct alliance_estimate *e) {
  if (!e->bounded) return x;
  if (x <= e->low) return e->low;
  if (x >= e->high) return e->high;
  if (!(e->step > 0)) return x;
  double steps = (x - e->low) / e->step + 0.5, value = e->low + (double)(int64_t)steps * e->step;
  return value > e->high ? e->high : value;
}
