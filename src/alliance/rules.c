/* The classical rules. Each gives every rated session a score, larger for a deeper fall; an alarm is a score at or
 * above a limit, customary or calibrated to the same false alarms per patient as all the others.
 *
 * Eight patients with as many ratings stand side by side. What depends on their number and the estimate alone (the
 * terms) is worked out once, so that a session costs multiplications; charts of one's own spread must divide.
 *
 * Sources: individuals chart: Shewhart 1931, Montgomery, Introduction to Statistical Quality Control (d2 = 1.128);
 * CUSUM: Page 1954 (Biometrika 41:100); EWMA: Roberts 1959 (Technometrics 1:239); reliable change: Jacobson & Truax
 * 1991; sudden losses: Tang & DeRubeis 1999, turned downwards; one change of the mean with the variance unknown:
 * Smith 1975 (Biometrika 62:407), online as in Adams & MacKay 2007 (arXiv:0710.3742). */
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

/* ---- terms ---- */

static const double ewma_weight = 0.2;

static double inverse_of(double x) {
  return x > 0 ? 1 / x : 0;
}

bool rule_terms_build(struct rule_terms *k, struct room *room, const struct alliance_estimate *e,
                      enum alliance_view view, int rated) {
  const struct alliance_rater_estimate *r = &e->rater[alliance_first_rater(e)];
  const double weight = ewma_weight;
  double s = r->residual_sd, prior = r->level_sd > 0 ? s * s / (r->level_sd * r->level_sd) : 1e12, left = 1;
  bool whole = view == ALLIANCE_HINDSIGHT;
  *k = (struct rule_terms){.view = view, .count = rated, .s = s, .prior = prior};
  k->step_scale = s * sqrt(2);
  k->drop_scale = s > r->level_sd ? s : r->level_sd;
  k->step_inverse = inverse_of(k->step_scale);
  k->drop_inverse = inverse_of(k->drop_scale);
  k->at = room_take(room, (size_t)rated, sizeof *k->at);
  for (int m = 0; k->at && m < rated; m++) {
    struct rule_term *t = &k->at[m];
    double others = whole ? rated - 1 : m, seen = prior + (whole ? rated : m);
    t->mean = 1.0 / (m + 1);
    t->range = m ? 1 / (m * 1.128) : 0;
    t->square = m ? 1.0 / m : 0;
    t->others = inverse_of(others);
    t->others_scale = others > 0 ? s * sqrt(1 + t->others) : 0;
    t->others_inverse = inverse_of(t->others_scale);
    t->level = 1 / seen;
    t->level_scale = whole ? s : s * sqrt(1 + t->level);
    t->level_inverse = inverse_of(t->level_scale);
    left *= (1 - weight) * (1 - weight);
    t->ewma = 1 / sqrt(weight / (2 - weight) * (1 - left));
  }
  return k->at != NULL;
}

/* ---- eight patients' ratings ---- */

bool course_build(struct course *c, struct room *room, int rated) {
  *c = (struct course){.count = rated};
  c->x = room_take(room, (size_t)rated, sizeof *c->x);
  c->row = room_take(room, (size_t)rated, sizeof *c->row);
  return c->x && c->row;
}

void course_set(struct course *c, int lane, const struct alliance_estimate *e, const struct alliance_session *sessions,
                int count) {
  enum alliance_rater rater = alliance_first_rater(e);
  const struct alliance_rater_estimate *r = &e->rater[rater];
  double origin = 0, when = 0;
  int m = 0;
  for (int t = 0; t < count && m < c->count; t++) {
    if (!sessions[t].rated[rater]) continue;
    if (!m) origin = sessions[t].rating[rater];
    when += sessions[t].time;
    c->x[m++][lane] = sessions[t].rating[rater] - origin;
  }
  if (m) when /= m;
  c->origin[lane] = origin;
  c->level[lane] = r->level + r->slope * (when - e->time_origin) - origin;
}

/* ---- marks ---- */

bool marks_build(struct marks *out, struct room *room, int rated) {
  *out = (struct marks){0};
  out->score = room_take(room, (size_t)rated, sizeof *out->score);
  out->expected = room_take(room, (size_t)rated, sizeof *out->expected);
  out->scale = room_take(room, (size_t)rated, sizeof *out->scale);
  return out->score && out->expected && out->scale;
}

size_t rules_memory(int rated) {
  return (size_t)rated * (sizeof(struct rule_term) + 4 * sizeof(lanes) + sizeof(double)) + 8 * 64;
}

LANES_INLINE void mark(struct marks *out, int m, lanes score, lanes expected, lanes scale) {
  out->largest = lanes_larger(score, out->largest);
  if (out->score) out->score[m] = score;
  if (out->expected) out->expected[m] = expected;
  if (out->scale) out->scale[m] = scale;
}

LANES_INLINE void mark_none(struct marks *out, int m) {
  mark(out, m, lanes_of(SCORE_NONE), lanes_of(0), lanes_of(0));
}

/* Score (expected - x) / scale, 0 where nothing varies. */
LANES_INLINE void mark_over(struct marks *out, int m, lanes x, lanes expected, lanes scale) {
  mark(out, m, lanes_where(scale > 0, (expected - x) / scale, lanes_of(0)), expected, scale);
}

LANES_INLINE void mark_times(struct marks *out, int m, lanes x, lanes expected, double scale, double inverse) {
  mark(out, m, (expected - x) * inverse, expected, lanes_of(scale));
}

LANES_INLINE lanes total_of(const struct course *c) {
  lanes total = lanes_of(0);
  for (int m = 0; m < c->count; m++) total += c->x[m];
  return total;
}

/* ---- charts: one session after the other ---- */

LANES_INLINE void rule_pooled(const struct rule_terms *k, const struct course *c, struct marks *out) {
  bool whole = k->view == ALLIANCE_HINDSIGHT;
  lanes total = whole ? total_of(c) : lanes_of(0), before = lanes_of(0);
  for (int m = 0; m < c->count; m++) {
    const struct rule_term *t = &k->at[m];
    lanes sum = whole ? total - c->x[m] : before;
    if (t->others > 0)
      mark_times(out, m, c->x[m], sum * t->others, t->others_scale, t->others_inverse);
    else
      mark_none(out, m);
    before += c->x[m];
  }
}

LANES_INLINE void rule_individuals(const struct rule_terms *k, const struct course *c, struct marks *out) {
  bool online = k->view == ALLIANCE_ONLINE;
  lanes total = lanes_of(0), ranges = lanes_of(0);
  int last = c->count - 1;
  for (int m = 0; m <= last; m++) {
    total += c->x[m];
    if (m) ranges += lanes_larger(c->x[m] - c->x[m - 1], c->x[m - 1] - c->x[m]);
    if (online && m) mark_over(out, m, c->x[m], total * k->at[m].mean, ranges * k->at[m].range);
  }
  if (online || last < 1) {
    mark_none(out, 0);
    return;
  }
  lanes mean = total * k->at[last].mean, sigma = ranges * k->at[last].range;
  for (int m = 0; m <= last; m++) mark_over(out, m, c->x[m], mean, sigma);
}

LANES_INLINE void rule_own(const struct rule_terms *k, const struct course *c, struct marks *out) {
  bool online = k->view == ALLIANCE_ONLINE;
  lanes mean = lanes_of(0), square = lanes_of(0);
  int last = c->count - 1;
  for (int m = 0; m <= last; m++) {
    lanes step = c->x[m] - mean;
    mean += step * k->at[m].mean;
    square += step * (c->x[m] - mean);
    if (online && m) mark_over(out, m, c->x[m], mean, lanes_sqrt(square * k->at[m].square));
  }
  if (online || last < 1) {
    mark_none(out, 0);
    return;
  }
  lanes sd = lanes_sqrt(square * k->at[last].square);
  for (int m = 0; m <= last; m++) mark_over(out, m, c->x[m], mean, sd);
}

LANES_INLINE void rule_reliable(const struct rule_terms *k, const struct course *c, struct marks *out) {
  mark_none(out, 0);
  for (int m = 1; m < c->count; m++) mark_times(out, m, c->x[m], c->x[m - 1], k->step_scale, k->step_inverse);
}

/* The highest of the three ratings before. */
LANES_INLINE void rule_drop(const struct rule_terms *k, const struct course *c, struct marks *out) {
  mark_none(out, 0);
  for (int m = 1; m < c->count; m++) {
    lanes high = c->x[m - 1];
    if (m > 1) high = lanes_larger(high, c->x[m - 2]);
    if (m > 2) high = lanes_larger(high, c->x[m - 3]);
    mark_times(out, m, c->x[m], high, k->drop_scale, k->drop_inverse);
  }
}

/* Where CUSUM and EWMA expect the rating: at the level shrunk over the sessions before, in hindsight over all; `sum` is
 * that of these ratings. */
LANES_INLINE lanes level_of(const struct rule_terms *k, const struct course *c, int m, lanes sum) {
  return (k->prior * c->level + sum) * k->at[m].level;
}

LANES_INLINE void rule_cusum(const struct rule_terms *k, const struct course *c, struct marks *out) {
  bool whole = k->view == ALLIANCE_HINDSIGHT;
  lanes sum = whole ? total_of(c) : lanes_of(0), falls = lanes_of(0);
  for (int m = 0; m < c->count; m++) {
    lanes level = level_of(k, c, m, sum);
    falls = lanes_larger(falls + ((level - c->x[m]) * k->at[m].level_inverse - 0.5), lanes_of(0));
    mark(out, m, falls, level, lanes_of(k->at[m].level_scale));
    if (!whole) sum += c->x[m];
  }
}

LANES_INLINE void rule_ewma(const struct rule_terms *k, const struct course *c, struct marks *out) {
  bool whole = k->view == ALLIANCE_HINDSIGHT;
  lanes sum = whole ? total_of(c) : lanes_of(0), mean = lanes_of(0);
  for (int m = 0; m < c->count; m++) {
    lanes level = level_of(k, c, m, sum);
    mean = ewma_weight * ((level - c->x[m]) * k->at[m].level_inverse) + (1 - ewma_weight) * mean;
    mark(out, m, mean * k->at[m].ewma, level, lanes_of(k->at[m].level_scale));
    if (!whole) sum += c->x[m];
  }
}

/* ---- rules that look at windows: one patient after the other ---- */

static void mark_lane(struct marks *out, int m, int lane, double score, double expected, double scale) {
  if (score > out->largest[lane]) out->largest[lane] = score;
  if (out->score) out->score[m][lane] = score;
  if (out->expected) out->expected[m][lane] = expected;
  if (out->scale) out->scale[m][lane] = scale;
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

static void rule_changepoint(const struct rule_terms *k, const struct course *c, int lane, struct marks *out) {
  const double *x = c->row;
  double total = 0;
  int place, n = c->count;
  for (int m = 0; m < n; m++) {
    /* Longer series look back over their last ALLIANCE_SESSIONS_MAX ratings. */
    int from = m + 1 > ALLIANCE_SESSIONS_MAX ? m + 1 - ALLIANCE_SESSIONS_MAX : 0;
    bool now = k->view == ALLIANCE_ONLINE && m >= 2;
    mark_lane(out, m, lane, now ? change_factor(x + from, m + 1 - from, k->s, &place) : SCORE_NONE,
              m ? total / m : x[0], m ? k->s * sqrt(1 + 1.0 / m) : 0);
    total += x[m];
  }
  if (k->view == ALLIANCE_ONLINE || n < 3) return;
  double score = change_factor(x, n, k->s, &place);
  if (place < 0) return;
  if (out->score) out->score[place][lane] = score;
  out->largest[lane] = score;
}

/* Score: t of three before against three after, where the step is a reliable change; 0 where it is not. Online it is
 * known at the third session after. The criterion of 25% of the level before holds on the scale as it stands. */
static double sudden_score(const double *first, double origin, const struct rule_terms *k) {
  const double *b = first - 3, *a = first;
  double step = b[2] - a[0], level = b[2] + origin;
  double mb = (b[0] + b[1] + b[2]) / 3, ma = (a[0] + a[1] + a[2]) / 3, square = 0;
  for (int i = 0; i < 3; i++) square += (b[i] - mb) * (b[i] - mb) + (a[i] - ma) * (a[i] - ma);
  double error = sqrt(square / 4 * (2.0 / 3)), least = 1e-9 * k->s;
  bool large = step >= 1.96 * k->step_scale && step >= 0.25 * (level < 0 ? -level : level);
  return large ? (mb - ma) / (error > least ? error : least) : 0;
}

static void rule_sudden(const struct rule_terms *k, const struct course *c, int lane, struct marks *out) {
  int after = k->view == ALLIANCE_HINDSIGHT ? 0 : 2; /* sessions from the first after the step to when it is known */
  for (int m = 0; m < c->count; m++) {
    int first = m - after;
    bool known = first >= 3 && first + 3 <= c->count;
    mark_lane(out, m, lane, known ? sudden_score(c->row + first, c->origin[lane], k) : SCORE_NONE,
              m ? c->row[m - 1] : 0, m ? k->step_scale : 0);
  }
}

/* ---- several rules ---- */

LANES_CLONES static void charts_mark(const enum alliance_rule *rules, int count, const struct rule_terms *k,
                                     const struct course *c, struct marks *marks) {
  for (int r = 0; r < count; r++) {
    struct marks out = marks[r]; /* in registers */
    out.largest = lanes_of(SCORE_NONE);
    switch (rules[r]) {
    case ALLIANCE_POOLED_SD:
      rule_pooled(k, c, &out);
      break;
    case ALLIANCE_INDIVIDUALS_CHART:
      rule_individuals(k, c, &out);
      break;
    case ALLIANCE_OWN_SD:
      rule_own(k, c, &out);
      break;
    case ALLIANCE_RELIABLE_CHANGE:
      rule_reliable(k, c, &out);
      break;
    case ALLIANCE_CUSUM:
      rule_cusum(k, c, &out);
      break;
    case ALLIANCE_EWMA:
      rule_ewma(k, c, &out);
      break;
    case ALLIANCE_DROP:
      rule_drop(k, c, &out);
      break;
    default:
      break;
    }
    marks[r].largest = out.largest;
  }
}

void rules_mark(const enum alliance_rule *rules, int count, const struct rule_terms *k, const struct course *c,
                int lanes_used, struct marks *marks) {
  if (!c->count) return;
  charts_mark(rules, count, k, c, marks);
  for (int r = 0; r < count; r++) {
    if (rules[r] != ALLIANCE_CHANGEPOINT && rules[r] != ALLIANCE_SUDDEN_LOSS) continue;
    for (int u = 0; u < lanes_used; u++) {
      for (int m = 0; m < c->count; m++) c->row[m] = c->x[m][u];
      (rules[r] == ALLIANCE_CHANGEPOINT ? rule_changepoint : rule_sudden)(k, c, u, &marks[r]);
    }
  }
}

/* ---- many patients whose ratings are complete ---- */

/* Rows of ratings into lanes; false where one is not a number that a rating can be. A lane beyond the last row repeats
 * it. */
LANES_CLONES static bool course_load(struct course *c, const double *rows, size_t used, double level) {
  const double *row[LANES];
  lanes good = lanes_of(1);
  size_t n = (size_t)c->count;
  for (size_t u = 0; u < LANES; u++) row[u] = rows + (u < used ? u : used - 1) * n;
  for (int u = 0; u < LANES; u++) c->origin[u] = row[u][0];
  for (size_t m = 0; m < n; m++) {
    lanes x = {row[0][m], row[1][m], row[2][m], row[3][m], row[4][m], row[5][m], row[6][m], row[7][m]};
    good = lanes_where(lanes_larger(x, -x) <= lanes_of(ALLIANCE_RATING_MAX), good, lanes_of(0));
    c->x[m] = x - c->origin;
  }
  c->level = level - c->origin;
  double all = 1;
  for (int u = 0; u < LANES; u++) all *= good[u];
  return all > 0;
}

enum alliance_status alliance_largest_scores(double *largest, const struct alliance_pass *pass,
                                             const struct alliance_estimate *e, void *memory, size_t bytes) {
  const enum alliance_rule *rules = pass->rules;
  int count = pass->count, sessions = pass->sessions;
  const struct alliance_rater_estimate *r = &e->rater[alliance_first_rater(e)];
  struct room room = room_in(memory, bytes);
  struct rule_terms terms;
  struct course course;
  struct marks marks[ALLIANCE_RULES];
  double when = 0;
  if ((unsigned)pass->view > ALLIANCE_HINDSIGHT || count < 1 || count >= ALLIANCE_RULES || sessions < 1)
    return ALLIANCE_RANGE;
  if (sessions > ALLIANCE_SERIES_MAX) return ALLIANCE_TOO_LONG;
  for (int k = 0; k < count; k++) {
    if ((unsigned)rules[k] >= ALLIANCE_RULES || rules[k] == ALLIANCE_MODEL) return ALLIANCE_RANGE;
    if (sessions < alliance_rules[rules[k]].least) return ALLIANCE_TOO_SHORT;
  }
  memset(marks, 0, sizeof marks); /* nothing but the largest score is wanted */
  for (int t = 0; t < sessions; t++) when += pass->time[t];
  double level = r->level + r->slope * (when / sessions - e->time_origin);
  if (!rule_terms_build(&terms, &room, e, pass->view, sessions) || !course_build(&course, &room, sessions))
    return ALLIANCE_MEMORY;
  for (size_t p = 0; p < pass->patients; p += LANES) {
    size_t used = pass->patients - p < LANES ? pass->patients - p : LANES;
    if (!course_load(&course, pass->ratings + p * (size_t)sessions, used, level)) return ALLIANCE_NOT_FINITE;
    rules_mark(rules, count, &terms, &course, (int)used, marks);
    for (int k = 0; k < count; k++)
      memcpy(largest + (size_t)k * pass->patients + p, &marks[k].largest, used * sizeof *largest);
  }
  return ALLIANCE_OK;
}
