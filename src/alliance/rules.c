/* The classical rules. Each gives every rated session a score, larger for a deeper fall; an alarm is a score at or
 * above a limit, customary or calibrated to the same false alarms per patient as all the others.
 *
 * Sources: individuals chart: Shewhart 1931, Montgomery, Introduction to Statistical Quality Control (d2 = 1.128);
 * CUSUM: Page 1954 (Biometrika 41:100); EWMA: Roberts 1959 (Technometrics 1:239); reliable change: Jacobson & Truax
 * 1991; sudden losses: Tang & DeRubeis 1999, turned downwards; one change of the mean with the variance unknown:
 * Smith 1975 (Biometrika 62:407), on line as in Adams & MacKay 2007 (arXiv:0710.3742). */
#include <math.h>

#include "alliance/engine.h"
#include "attune/stats_math.h"

const struct alliance_rule_row alliance_rules[ALLIANCE_RULES] = {
    [ALLIANCE_MODEL] = {"model", "posterior probability of a tension, by every onset, length, depth and shape", 2, 0},
    [ALLIANCE_POOLED_SD] = {"pooled-sd", "distance from the mean of the other sessions in the sample's residual SDs", 2,
                            0},
    [ALLIANCE_INDIVIDUALS_CHART] = {"individuals-chart",
                                    "distance from the patient's mean in moving-range sigmas (Shewhart)", 8, 3},
    [ALLIANCE_OWN_SD] = {"own-sd", "distance from the patient's mean in the patient's own SDs", 11, 3},
    [ALLIANCE_RELIABLE_CHANGE] = {"reliable-change", "drop from the session before in standard errors of a difference",
                                  2, 1.96},
    [ALLIANCE_CUSUM] = {"cusum", "lower cumulative sum of falls beyond half an SD (k = 0.5)", 2, 4},
    [ALLIANCE_EWMA] = {"ewma", "exponentially weighted mean of the deviations (lambda = 0.2)", 2, 2.7},
    [ALLIANCE_CHANGEPOINT] = {"changepoint", "Bayes factor for one fall of the mean, by every place of the change", 3,
                              0},
    [ALLIANCE_DROP] = {"drop", "fall from the highest of the three sessions before, in the larger of both SDs", 2, 2},
    [ALLIANCE_SUDDEN_LOSS] = {"sudden-loss", "a step held for three sessions (Tang and DeRubeis, downwards)", 6, 2.776},
};

int alliance_rule_named(const char *name) {
  for (int rule = 0; rule < ALLIANCE_RULES; rule++)
    if (!strcmp(alliance_rules[rule].name, name)) return rule;
  return -1;
}

struct course {
  const double *x; /* the rated sessions alone, less their first */
  int n;
  double s;     /* residual SD of the sample */
  double level; /* expected level of the sample, less the same */
  double level_sd;
  bool hindsight;
};

/* Score, expected rating and scale of rated session m. */
struct mark {
  double score, expected, scale;
};

static struct mark mark_of(double x, double expected, double scale) {
  if (!(scale > 0)) return (struct mark){0, expected, 0};
  return (struct mark){(expected - x) / scale, expected, scale};
}

static const struct mark mark_none = {SCORE_NONE, 0, 0};

static void rule_pooled(const struct course *c, struct mark *out) {
  double total = 0, before = 0;
  for (int m = 0; m < c->n; m++) total += c->x[m];
  for (int m = 0; m < c->n; m++) {
    double others = c->hindsight ? c->n - 1 : m, sum = c->hindsight ? total - c->x[m] : before;
    out[m] = others > 0 ? mark_of(c->x[m], sum / others, c->s * sqrt(1 + 1 / others)) : mark_none;
    before += c->x[m];
  }
}

static void rule_individuals(const struct course *c, struct mark *out) {
  double total = 0, ranges = 0;
  for (int m = 0; m < c->n; m++) {
    total += c->x[m];
    if (m) ranges += c->x[m] > c->x[m - 1] ? c->x[m] - c->x[m - 1] : c->x[m - 1] - c->x[m];
    out[m] = m ? mark_of(c->x[m], total / (m + 1), ranges / m / 1.128) : mark_none;
  }
  for (int m = 0; c->hindsight && c->n > 1 && m < c->n; m++)
    out[m] = mark_of(c->x[m], total / c->n, ranges / (c->n - 1) / 1.128);
}

static void rule_own(const struct course *c, struct mark *out) {
  double mean = 0, square = 0;
  for (int m = 0; m < c->n; m++) {
    double step = c->x[m] - mean;
    mean += step / (m + 1);
    square += step * (c->x[m] - mean);
    out[m] = m ? mark_of(c->x[m], mean, sqrt(square / m)) : mark_none;
  }
  for (int m = 0; c->hindsight && c->n > 1 && m < c->n; m++) out[m] = mark_of(c->x[m], mean, sqrt(square / (c->n - 1)));
}

static void rule_reliable(const struct course *c, struct mark *out) {
  double scale = c->s * sqrt(2);
  for (int m = 0; m < c->n; m++) out[m] = m ? mark_of(c->x[m], c->x[m - 1], scale) : mark_none;
}

/* Deviations for CUSUM and EWMA: on line from the level shrunk over the sessions before, in hindsight over all. */
static void deviations(const struct course *c, struct mark *out) {
  double prior = c->level_sd > 0 ? c->s * c->s / (c->level_sd * c->level_sd) : 1e12, sum = 0, total = 0;
  for (int m = 0; m < c->n; m++) total += c->x[m];
  for (int m = 0; m < c->n; m++) {
    double weight = prior + (c->hindsight ? c->n : m);
    double level = (prior * c->level + (c->hindsight ? total : sum)) / weight;
    out[m] = mark_of(c->x[m], level, c->hindsight ? c->s : c->s * sqrt(1 + 1 / weight));
    sum += c->x[m];
  }
}

static void rule_cusum(const struct course *c, struct mark *out) {
  double sum = 0;
  deviations(c, out);
  for (int m = 0; m < c->n; m++) {
    sum += out[m].score - 0.5;
    if (sum < 0) sum = 0;
    out[m].score = sum;
  }
}

static void rule_ewma(const struct course *c, struct mark *out) {
  const double weight = 0.2;
  double mean = 0, left = 1;
  deviations(c, out);
  for (int m = 0; m < c->n; m++) {
    mean = weight * out[m].score + (1 - weight) * mean;
    left *= (1 - weight) * (1 - weight);
    out[m].score = mean / sqrt(weight / (2 - weight) * (1 - left));
  }
}

/* Log Bayes factor for a fall of the mean somewhere in x[0..n), normal-inverse-gamma: variance about s^2 worth eight
 * observations, means about their sample mean with a variance of five s^2. *place: the likeliest first session after.
 */
static double change_factor(const double *x, int n, double s, int *place) {
  const double weight = 0.2, shape = 4, scale = 4 * s * s;
  double sum = 0, square = 0, before = 0, largest = SCORE_NONE, total = 0;
  for (int m = 0; m < n; m++) sum += x[m];
  double mean = sum / n;
  for (int m = 0; m < n; m++) square += (x[m] - mean) * (x[m] - mean);
  double none = scale + 0.5 * square, power = shape + 0.5 * n;
  *place = -1;
  for (int m = 1; m < n; m++) {
    before += x[m - 1] - mean;
    double after = -before, na = m, nb = n - m;
    if (!(before / na > after / nb)) continue;
    double explained = before * before / (na + weight) + after * after / (nb + weight);
    double some = none - 0.5 * explained;
    double log_factor =
        power * stats_log(none / some) + 0.5 * stats_log(weight * (n + weight) / ((na + weight) * (nb + weight)));
    if (log_factor > largest) {
      total = total * stats_exp(largest - log_factor) + 1;
      largest = log_factor;
      *place = m;
    } else {
      total += stats_exp(log_factor - largest);
    }
  }
  return *place < 0 ? SCORE_NONE : largest + stats_log(total / (n - 1));
}

static void rule_changepoint(const struct course *c, struct mark *out) {
  double total = 0;
  int place;
  for (int m = 0; m < c->n; m++) {
    out[m] = m ? mark_of(c->x[m], total / m, c->s * sqrt(1 + 1.0 / m)) : (struct mark){SCORE_NONE, c->x[0], 0};
    total += c->x[m];
    out[m].score = SCORE_NONE;
    /* Longer series look back over their last ALLIANCE_SESSIONS_MAX ratings. */
    int from = m + 1 > ALLIANCE_SESSIONS_MAX ? m + 1 - ALLIANCE_SESSIONS_MAX : 0;
    if (!c->hindsight && m >= 2) out[m].score = change_factor(c->x + from, m + 1 - from, c->s, &place);
  }
  if (!c->hindsight || c->n < 3) return;
  double score = change_factor(c->x, c->n, c->s, &place);
  if (place >= 0) out[place].score = score;
}

static void rule_drop(const struct course *c, struct mark *out) {
  double scale = c->s > c->level_sd ? c->s : c->level_sd;
  for (int m = 0; m < c->n; m++) {
    double high = SCORE_NONE;
    for (int b = m > 3 ? m - 3 : 0; b < m; b++) high = c->x[b] > high ? c->x[b] : high;
    out[m] = m ? mark_of(c->x[m], high, scale) : mark_none;
  }
}

/* Score: t of three before against three after, where the step is a reliable change; 0 where it is not. On line it is
 * known at the third session after. The criterion of 25% of the level before holds on the scale as it stands. */
static void rule_sudden(const struct course *c, double origin, struct mark *out) {
  for (int m = 0; m < c->n; m++) {
    out[m] = m ? mark_of(c->x[m], c->x[m - 1], c->s * sqrt(2)) : mark_none;
    out[m].score = SCORE_NONE;
  }
  for (int m = 3; m + 3 <= c->n; m++) {
    const double *b = c->x + m - 3, *a = c->x + m;
    double step = b[2] - a[0], level = b[2] + origin;
    double mb = (b[0] + b[1] + b[2]) / 3, ma = (a[0] + a[1] + a[2]) / 3, square = 0;
    for (int k = 0; k < 3; k++) square += (b[k] - mb) * (b[k] - mb) + (a[k] - ma) * (a[k] - ma);
    double error = sqrt(square / 4 * (2.0 / 3)), least = 1e-9 * c->s;
    bool large = step >= 1.96 * c->s * sqrt(2) && step >= 0.25 * (level < 0 ? -level : level);
    out[c->hindsight ? m : m + 2].score = large ? (mb - ma) / (error > least ? error : least) : 0;
  }
}

void rule_scores(enum alliance_rule rule, enum alliance_view view, const struct alliance_estimate *e,
                 const double *time, const double *x, const bool *rated, int count, double *score, double *expected,
                 double *scale, double *work) {
  const struct alliance_rater_estimate *r = &e->rater[estimate_first_rater(e)];
  struct course c = {.x = work, .s = r->residual_sd, .hindsight = view == ALLIANCE_HINDSIGHT};
  struct mark *marks = (struct mark *)(void *)(work + count);
  double origin = 0, when = 0;
  for (int t = 0; t < count; t++) {
    if (!rated[t]) continue;
    if (!c.n) origin = x[t];
    when += time[t];
    work[c.n++] = x[t] - origin;
  }
  if (c.n) when /= c.n;
  c.level = r->level + r->slope * (when - e->time_origin) - origin;
  c.level_sd = r->level_sd;
  switch (rule) {
  case ALLIANCE_POOLED_SD:
    rule_pooled(&c, marks);
    break;
  case ALLIANCE_INDIVIDUALS_CHART:
    rule_individuals(&c, marks);
    break;
  case ALLIANCE_OWN_SD:
    rule_own(&c, marks);
    break;
  case ALLIANCE_RELIABLE_CHANGE:
    rule_reliable(&c, marks);
    break;
  case ALLIANCE_CUSUM:
    rule_cusum(&c, marks);
    break;
  case ALLIANCE_EWMA:
    rule_ewma(&c, marks);
    break;
  case ALLIANCE_CHANGEPOINT:
    rule_changepoint(&c, marks);
    break;
  case ALLIANCE_DROP:
    rule_drop(&c, marks);
    break;
  case ALLIANCE_SUDDEN_LOSS:
    rule_sudden(&c, origin, marks);
    break;
  default:
    break;
  }
  for (int t = 0, m = 0; t < count; t++) {
    struct mark mark = rated[t] ? marks[m++] : mark_none;
    score[t] = mark.score;
    if (expected) expected[t] = mark.expected + origin;
    if (scale) scale[t] = mark.scale;
  }
}
