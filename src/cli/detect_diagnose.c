/* What the sample says of its own ratings: the rate that is kept, and what a statistician wants to know (--diagnose). */
#include "cli/detect.h"

static void warn(const struct run *run, const struct alliance_mirror *mirror, double crowded) {
  if (mirror->factor > 1)
    fprintf(stderr,
            "attune: turned over, %d of %d patients of the sample would alarm, more than asked; the limits are stricter "
            "for it\n",
            mirror->alarms, mirror->patients);
  if (mirror->skew < ALLIANCE_SKEWED)
    fprintf(stderr, "attune: ratings fall further than they rise even without tensions; alarms may be more than asked\n");
  if (!run->estimate.bounded && crowded > 0.15)
    fprintf(stderr,
            "attune: %.0f%% of the ratings are the highest there is; say where the scale ends (--scale), or alarms may be "
            "more than asked\n",
            100 * crowded);
}

/* The share of ratings that are the highest of the block. */
static double crowded_share(const struct input_block *block, enum alliance_rater rater) {
  double most = -1e300, at = 0, all = 0;
  for (size_t row = 0; row < block->rows; row++)
    if (block->sessions[row].rated[rater] && block->sessions[row].rating[rater] > most)
      most = block->sessions[row].rating[rater];
  for (size_t row = 0; row < block->rows; row++) {
    if (!block->sessions[row].rated[rater]) continue;
    all += 1;
    at += block->sessions[row].rating[rater] >= most;
  }
  return all > 0 ? at / all : 0;
}

void diagnose(const struct run *run, const struct alliance_mirror *mirror, const struct input_block *block, bool all) {
  const struct alliance_estimate *e = &run->estimate;
  enum alliance_rater r = alliance_first_rater(e);
  double crowded = crowded_share(block, r);
  warn(run, mirror, crowded);
  if (!all) return;
  struct alliance_rate rate = alliance_rate_of(e, run->options.false_alarm);
  fprintf(stderr, "false alarms kept: %.3f, between %.3f and %.3f in nine of ten samples of %d patients\n", rate.rate,
          rate.low, rate.high, e->patients);
  fprintf(stderr, "autocorrelation: %.3f (patient), %.3f (therapist)\n", e->rater[0].autocorrelation,
          e->rater[1].autocorrelation);
  fprintf(stderr, "spread of the patients' own spreads, SD of logarithms: %.3f\n",
          e->latent[r].residual_sd > 0 ? e->latent[r].spread : e->spread);
  if (e->tail_df > 0)
    fprintf(stderr, "residuals: t with %g degrees of freedom; beyond %.2f s they count as that far\n", e->tail_df, e->furthest);
  else
    fprintf(stderr, "residuals: tails of a normal\n");
  fprintf(stderr, "skew of deviations (Kelly): %.3f\n", mirror->skew);
  fprintf(stderr, "highest rating there is: %.3f of all\n", crowded);
  fprintf(stderr, "mirrored sample: %d of %d patients alarm; limits times %.3f\n", mirror->alarms, mirror->patients,
          mirror->factor);
}
