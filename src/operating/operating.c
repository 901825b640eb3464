/* Operating characteristics: every rule beside the best possible detector at the same false alarms.
 *
 * The best possible detector is the likelihood-ratio test that knows the true model: levels, spreads, depth, length and
 * course of the tension; only whether and when there is one is hidden (Neyman & Pearson 1933). Online its statistic
 * is the posterior odds that one has begun, session by session, as for the model. */
#include <math.h>

#include "alliance/engine.h"
#include "attune/operating.h"
#include "attune/stats_random.h"

#define PATTERNS_DRAWN 16
#define KINDS_MAX 16 /* lengths and courses in a mixture */
#define DEPTHS_MAX 4

struct kind {
  int length;
  enum alliance_course course;
  double share[DEPTHS_MAX]; /* of depths of 1, 2, ... units */
};

/* What is drawn, and what a detector knows: shares that sum to 1. */
struct mixture {
  struct kind kind[KINDS_MAX];
  int kinds, depths;
  double unit;
};

/* The best detector's template for one prefix, onset and kind. */
struct known {
  int onset, kind;
  double by_depth[DEPTHS_MAX]; /* prior times share times exp(-(depth unit)^2 q / 2) */
};

struct setting {
  const struct operating *spec;
  struct alliance_world world;
  struct alliance_design design[PATTERNS_DRAWN];
  struct plan *plan[PATTERNS_DRAWN];
  struct known *known[2][PATTERNS_DRAWN]; /* of the best and of the informed detector, for the cell at hand */
  struct mixture drawn, mixture[2]; /* of the patients; of the two detectors */
  int patterns;
  struct alliance_session *rows; /* LANES patients */
  int onset[LANES];
  struct bench *bench;
  double *score; /* [lane][rule][session] */
  double *form, *largest;
  void *work; /* of the rules */
};

static const int rules = OPERATING_COMPARED;

static double *scores_of(const struct setting *s, int lane, int rule) {
  return s->score + ((size_t)lane * (size_t)rules + (size_t)rule) * ALLIANCE_SESSIONS_MAX;
}

/* ---- the mixture ---- */

static void mixture_add(struct mixture *m, int length, enum alliance_course course, double share,
                        const double depth[]) {
  struct kind *kind = m->kind;
  while (kind < m->kind + m->kinds && (kind->length != length || kind->course != course)) kind++;
  if (!(share > 0) || kind == m->kind + KINDS_MAX) return;
  if (kind == m->kind + m->kinds) m->kind[m->kinds++] = (struct kind){.length = length, .course = course};
  for (int d = 0; d < m->depths; d++) kind->share[d] += share * depth[d];
}

static const double one_depth[1] = {1};

static struct mixture drawn_mixture(const struct operating_cell *cell, const struct alliance_world *w) {
  struct mixture m = {.unit = 1, .depths = 1};
  if (!cell->mixed) {
    m.unit = cell->depth;
    mixture_add(&m, cell->length, cell->course, 1, one_depth);
    return m;
  }
  m.depths = DEPTHS_MAX;
  for (int l = 0; l < ALLIANCE_LENGTHS; l++)
    for (int c = 0; c < ALLIANCE_COURSES; c++) {
      int length = l + 1 == ALLIANCE_LENGTHS ? 0 : l + 1;
      bool fits = length == 0 ? c <= ALLIANCE_SLOW_FALL : length > 1 || c == ALLIANCE_SUDDEN || c == ALLIANCE_PARTLY;
      mixture_add(&m, length, fits ? (enum alliance_course)c : ALLIANCE_SUDDEN, w->length[l] * w->course[c], w->depth);
    }
  return m;
}

/* What the informed detector knows of a cell: all lengths that its course can have. */
static struct mixture informed_mixture(const struct operating_cell *cell, const struct alliance_world *w) {
  struct mixture m = drawn_mixture(cell, w);
  if (cell->mixed || cell->length == 0) return m;
  double total = 0;
  m.kinds = 0;
  for (int length = 1; length < ALLIANCE_LENGTHS; length++) total += w->length[length - 1];
  for (int length = 1; length < ALLIANCE_LENGTHS; length++)
    mixture_add(&m, length, cell->course, w->length[length - 1] / total, one_depth);
  return m;
}

/* Whole depths of 1 to DEPTHS_MAX, each cell with its weight. */
static struct mixture weighted_mixture(const struct operating_cell *cells, const double *weights, int count) {
  struct mixture m = {.unit = 1, .depths = DEPTHS_MAX};
  for (int c = 0; c < count; c++) {
    double depth[DEPTHS_MAX] = {0};
    depth[(int)cells[c].depth - 1] = 1;
    mixture_add(&m, cells[c].length, cells[c].course, weights[c], depth);
  }
  return m;
}

/* ---- the best detector ---- */

static double template_q(const struct kind *kind, int onset, int t, const double *form) {
  int width = t + 1;
  double q = 0, step[ALLIANCE_SESSIONS_MAX] = {0}, last = 0;
  for (int s = onset; s < t; s++) {
    double w = alliance_course_weight(kind->course, kind->length, s - onset);
    step[s] = w - last;
    last = w;
  }
  for (int a = onset; a < t; a++)
    for (int b = onset; b < t; b++) q += step[a] * step[b] * form[a * width + b];
  return q > 0 ? q : 0;
}

static void known_build(struct setting *s, int who, int pattern) {
  const struct mixture *m = &s->mixture[who];
  const struct plan *plan = s->plan[pattern];
  int n = s->spec->sessions, at = 0;
  double prior = s->world.truth.prevalence / (n - 1);
  for (int p = 0; p < plan->episodes.prefixes; p++) {
    int t = plan->episodes.prefix[p].sessions;
    constants_forms(s->form, &plan->rater[0], &plan->rater[0].gain[p], t);
    for (int onset = 1; onset < t; onset++)
      for (int k = 0; k < m->kinds; k++) {
        struct known *known = &s->known[who][pattern][at++];
        double q = template_q(&m->kind[k], onset, t, s->form) * m->unit * m->unit;
        *known = (struct known){.onset = onset, .kind = k};
        for (int d = 0; d < m->depths; d++) {
          double x = -0.5 * (d + 1) * (d + 1) * q;
          known->by_depth[d] = prior * m->kind[k].share[d] * lanes_exp(lanes_of(x > -700 ? x : -700))[0];
        }
      }
  }
}

/* The odds as a sum over onsets, kinds and depths: times prefix->calm. */
LANES_CLONES static void known_odds(lanes *odds, const struct known *known, int count, const struct mixture *m,
                                    const double (*weight)[ALLIANCE_SESSIONS_MAX], const lanes *u, int t) {
  lanes total = lanes_of(0);
  for (int h = 0; h < count; h++) {
    const double *w = weight[known[h].kind];
    lanes g = lanes_of(0);
    for (int s = known[h].onset; s < t; s++) g -= (u[s] - u[s + 1]) * w[s - known[h].onset];
    g *= m->unit;
    lanes limit = lanes_of(160), x = lanes_exp(lanes_larger(lanes_smaller(g, limit), lanes_of(-160)));
    lanes sum = lanes_of(known[h].by_depth[m->depths - 1]);
    for (int d = m->depths - 2; d >= 0; d--) sum = sum * x + known[h].by_depth[d];
    total += sum * x;
  }
  *odds = total;
}

static void known_scores(struct setting *s, int who, int pattern) {
  const struct mixture *m = &s->mixture[who];
  const struct plan *plan = s->plan[pattern];
  double weight[KINDS_MAX][ALLIANCE_SESSIONS_MAX];
  int n = s->spec->sessions, at = 0;
  for (int k = 0; k < m->kinds; k++)
    for (int t = 0; t < n; t++) weight[k][t] = alliance_course_weight(m->kind[k].course, m->kind[k].length, t);
  for (int u = 0; u < LANES; u++)
    for (int t = 0; t < n; t++) scores_of(s, u, OPERATING_BEST + who)[t] = SCORE_NONE;
  for (int p = 0; p < plan->episodes.prefixes; p++) {
    const struct prefix *prefix = &plan->episodes.prefix[p];
    int t = prefix->sessions, count = (t - 1) * m->kinds;
    lanes sums[ALLIANCE_SESSIONS_MAX + 1], odds;
    if (t > 1 && (s->spec->view == ALLIANCE_HINDSIGHT || (s->design[pattern].rated[0] >> (t - 1) & 1))) {
      posterior_sums(sums, &plan->rater[0], &plan->rater[0].gain[p], t, &s->bench->ratings, ALLIANCE_PATIENT);
      known_odds(&odds, s->known[who][pattern] + at, count, m, (const double(*)[ALLIANCE_SESSIONS_MAX])weight, sums, t);
      for (int u = 0; u < LANES; u++) scores_of(s, u, OPERATING_BEST + who)[t - 1] = odds[u] / prefix->calm;
    }
    at += count;
  }
}

/* ---- the rules ---- */

static void rules_scores(struct setting *s, int pattern) {
  const struct plan *plan = s->plan[pattern];
  const struct alliance_estimate *e = &s->world.truth;
  uint64_t seen = s->design[pattern].rated[0];
  int n = s->spec->sessions, rated = __builtin_popcountll(seen);
  struct room room = room_in(s->work, rules_memory(n));
  struct rule_terms terms;
  struct course course;
  struct marks marks;
  if (!rule_terms_build(&terms, &room, e, s->spec->view, rated) || !course_build(&course, &room, rated) ||
      !marks_build(&marks, &room, rated))
    return; /* cannot be: rules_memory() says what they take */
  for (int u = 0; u < LANES; u++) course_set(&course, u, e, s->rows + (size_t)u * ALLIANCE_SESSIONS_MAX, n);
  for (int u = 0; u < LANES; u++)
    for (int t = 0; t < n; t++) scores_of(s, u, ALLIANCE_MODEL)[t] = SCORE_NONE;
  for (int rule = ALLIANCE_MODEL + 1; rule < ALLIANCE_RULES; rule++) {
    enum alliance_rule this = (enum alliance_rule)rule;
    rules_mark(&this, 1, &terms, &course, LANES, &marks);
    for (int u = 0; u < LANES; u++)
      for (int t = 0, m = 0; t < n; t++) scores_of(s, u, rule)[t] = seen >> t & 1 ? marks.score[m++][u] : SCORE_NONE;
  }
  for (int p = s->spec->view == ALLIANCE_ONLINE ? 1 : 0; p < plan->episodes.prefixes; p++) {
    int t = plan->episodes.prefix[p].sessions - 1;
    if (s->spec->view == ALLIANCE_ONLINE && !(s->design[pattern].rated[0] >> t & 1)) continue;
    struct verdict *verdict = &s->bench->now.online.verdict;
    posterior_odds(verdict, plan, p, &s->bench->ratings);
    for (int u = 0; u < LANES; u++) scores_of(s, u, ALLIANCE_MODEL)[t] = verdict->odds[u];
  }
}

/* ---- patients ---- */

static double kind_share(const struct kind *kind) {
  double sum = 0;
  for (int d = 0; d < DEPTHS_MAX; d++) sum += kind->share[d];
  return sum;
}

/* A kind by its share, then a depth by its share within the kind. */
static void mixture_draw(const struct mixture *m, double which, double deep, int *kind, int *depth) {
  for (; *kind + 1 < m->kinds && which >= kind_share(&m->kind[*kind]); ++*kind) which -= kind_share(&m->kind[*kind]);
  const struct kind *drawn = &m->kind[*kind];
  for (deep *= kind_share(drawn); *depth + 1 < m->depths && deep >= drawn->share[*depth]; ++*depth)
    deep -= drawn->share[*depth];
}

static void draw_patients(struct setting *s, const struct mixture *m, int trial, int pattern) {
  int n = s->spec->sessions;
  for (int u = 0; u < LANES; u++) {
    struct alliance_session *rows = s->rows + (size_t)u * ALLIANCE_SESSIONS_MAX;
    struct alliance_truth truth;
    uint32_t number = (uint32_t)(trial + u);
    alliance_simulate_patient(rows, &truth, &s->world, s->spec->seed, number, m != NULL);
    struct stats_stream stream;
    stats_stream_init(&stream, s->spec->seed, 0x6f6e7365u, number, 0);
    s->onset[u] = 1 + (int)stats_random_below(&stream, (uint64_t)n - 1);
    double which = stats_random_uniform(&stream), deep = stats_random_uniform(&stream);
    int kind = 0, depth = 0;
    if (m) mixture_draw(m, which, deep, &kind, &depth);
    for (int t = 0; t < n; t++) {
      rows[t].rated[0] = s->design[pattern].rated[0] >> t & 1;
      if (m && t >= s->onset[u])
        rows[t].rating[0] -= s->world.truth.rater[0].residual_sd * m->unit * (depth + 1) *
                             alliance_course_weight(m->kind[kind].course, m->kind[kind].length, t - s->onset[u]);
    }
    ratings_set(&s->bench->ratings, u, &s->world.truth, rows, n);
  }
}

static double largest_of(const double *score, int n) {
  double largest = SCORE_NONE;
  for (int t = 0; t < n; t++) largest = score[t] > largest ? score[t] : largest;
  return largest;
}

/* Limits of rules [first, end) at the false alarms asked for: the classical rules and the model, or the other two. */
static void limits_find(struct setting *s, struct operating_row *rows, int first, int end) {
  int n = s->spec->sessions, trials = s->spec->trials;
  size_t stride = (size_t)trials;
  for (int trial = 0; trial < trials; trial += LANES) {
    int pattern = trial / LANES % s->patterns;
    draw_patients(s, NULL, trial, pattern);
    if (first == 0) rules_scores(s, pattern);
    for (int who = 0; first > 0 && who < 2; who++) known_scores(s, who, pattern);
    for (int rule = first; rule < end; rule++)
      for (int u = 0; u < LANES && trial + u < trials; u++)
        s->largest[(size_t)(rule - first) * stride + (size_t)(trial + u)] = largest_of(scores_of(s, u, rule), n);
  }
  for (int rule = first; rule < end; rule++) {
    double *largest = s->largest + (size_t)(rule - first) * stride;
    scores_sort(largest, stride);
    rows[rule].limit = scores_limit(largest, stride, s->spec->false_alarm, &rows[rule].false_alarm);
  }
}

/* What rules [first, end) detect among patients as drawn: all of them, or the two that know. */
static void cell_find(struct setting *s, struct operating_row *rows, int first, int end) {
  int n = s->spec->sessions, trials = s->spec->trials;
  int found[OPERATING_COMPARED][ALLIANCE_SESSIONS_MAX] = {{0}};
  bool online = s->spec->view == ALLIANCE_ONLINE;
  for (int trial = 0; trial < trials; trial += LANES) {
    int pattern = trial / LANES % s->patterns;
    draw_patients(s, &s->drawn, trial, pattern);
    for (int who = 0; who < 2; who++) known_scores(s, who, pattern);
    if (first == 0) rules_scores(s, pattern);
    for (int rule = first; rule < end; rule++)
      for (int u = 0; u < LANES && trial + u < trials; u++) {
        int from = online ? s->onset[u] : 0, t = from;
        const double *score = scores_of(s, u, rule);
        while (t < n && !(score[t] >= rows[rule].limit)) t++;
        if (t < n) found[rule][t - from]++;
      }
  }
  for (int rule = first; rule < end; rule++) {
    int all = 0, below = 0, delay = 0;
    for (int t = 0; t < n; t++) all += found[rule][t];
    while (delay < n && 2 * (below += found[rule][delay]) < all) delay++;
    rows[rule].detected = (double)all / trials;
    rows[rule].delay = online ? delay : -1;
  }
}

/* ---- the whole ---- */

static bool spec_good(const struct operating *spec) {
  return spec->sessions >= 2 && spec->sessions <= ALLIANCE_SESSIONS_MAX && spec->missing >= 0 && spec->missing < 0.9 &&
         spec->false_alarm > 0 && spec->false_alarm < 1 && spec->trials >= 100 && spec->trials <= 10000000 &&
         (unsigned)spec->view <= ALLIANCE_HINDSIGHT;
}

static bool cell_good(const struct operating_cell *cell) {
  return cell->mixed || (cell->depth > 0 && cell->depth <= 20 && cell->length >= 0 &&
                         cell->length <= ALLIANCE_SESSIONS_MAX && (unsigned)cell->course < ALLIANCE_COURSES);
}

/* Patterns of missing sessions, at least two ratings in each. */
static void patterns_draw(struct setting *s) {
  s->patterns = s->spec->missing > 0 ? PATTERNS_DRAWN : 1;
  for (int d = 0; d < s->patterns; d++) {
    struct stats_stream stream;
    stats_stream_init(&stream, s->spec->seed, 0x70617474u, (uint32_t)d, 1);
    do {
      s->design[d] = alliance_design_plain(s->spec->sessions);
      for (int t = 0; t < s->spec->sessions; t++)
        if (stats_random_uniform(&stream) < s->spec->missing) s->design[d].rated[0] &= ~((uint64_t)1 << t);
    } while (!(s->design[d].rated[0] & (s->design[d].rated[0] - 1)));
  }
}

static size_t knowns_most(const struct operating *spec) {
  size_t n = (size_t)spec->sessions;
  return (spec->view == ALLIANCE_ONLINE ? n * (n - 1) / 2 : n - 1) * KINDS_MAX;
}

static bool setting_build(struct setting *s, const struct operating *spec, struct room *room) {
  size_t n = (size_t)spec->sessions;
  *s = (struct setting){.spec = spec, .world = alliance_world_default()};
  s->world.sessions = spec->sessions;
  struct episode_shares watched = episodes_watched(spec->sessions);
  memcpy(s->world.truth.shape, watched.shape, sizeof watched.shape);
  memcpy(s->world.truth.depth, watched.depth, sizeof watched.depth);
  s->world.truth.rater[1].used = s->world.truth.reports = false;
  s->world.therapist_share = 0;
  patterns_draw(s);
  s->rows = room_take(room, LANES * ALLIANCE_SESSIONS_MAX, sizeof *s->rows);
  s->bench = room_take(room, 1, sizeof *s->bench);
  s->score = room_take(room, (size_t)LANES * (size_t)rules * ALLIANCE_SESSIONS_MAX, sizeof *s->score);
  s->work = room_take(room, 1, rules_memory(spec->sessions));
  s->form = room_take(room, (n + 1) * (n + 1), sizeof *s->form);
  s->largest = room_take(room, (size_t)spec->trials * (size_t)rules, sizeof *s->largest);
  if (!s->rows || !s->bench || !s->score || !s->work || !s->form || !s->largest) return false;
  memset(s->bench, 0, sizeof *s->bench);
  for (int d = 0; d < s->patterns; d++) {
    s->plan[d] = room_take(room, 1, sizeof *s->plan[d]);
    for (int who = 0; who < 2; who++) {
      s->known[who][d] = room_take(room, knowns_most(spec), sizeof *s->known[who][d]);
      if (!s->known[who][d]) return false;
    }
    if (!s->plan[d] || !plan_build(s->plan[d], room, &s->world.truth, &s->design[d], spec->view, true)) return false;
  }
  s->world.truth.prevalence = 0; /* draw_patients() makes the tensions */
  return true;
}

/* The two detectors that know their mixtures, and their limits. */
static void knowing_build(struct setting *s, struct operating_row *rows, double prevalence) {
  s->world.truth.prevalence = prevalence;
  for (int d = 0; d < s->patterns; d++)
    for (int who = 0; who < 2; who++) known_build(s, who, d);
  s->world.truth.prevalence = 0; /* draw_patients() makes the tensions */
  limits_find(s, rows, OPERATING_BEST, rules);
}

enum alliance_status operating_find(struct operating_row *rows, const struct operating *spec,
                                             const struct operating_cell *cells, int count, void *memory, size_t bytes) {
  struct room room = room_in(memory, bytes);
  if (!spec_good(spec) || count < 1) return ALLIANCE_RANGE;
  for (int c = 0; c < count; c++)
    if (!cell_good(&cells[c])) return ALLIANCE_RANGE;
  struct setting *s = room_take(&room, 1, sizeof *s);
  if (!s || !setting_build(s, spec, &room)) return ALLIANCE_MEMORY;
  limits_find(s, rows, 0, ALLIANCE_RULES);
  struct alliance_world known = alliance_world_default();
  for (int c = 0; c < count; c++) {
    struct operating_row *own = rows + (size_t)c * (size_t)rules;
    s->drawn = s->mixture[0] = drawn_mixture(&cells[c], &known);
    s->mixture[1] = informed_mixture(&cells[c], &known);
    knowing_build(s, own, known.truth.prevalence);
    if (c) memcpy(own, rows, ALLIANCE_RULES * sizeof *own);
    cell_find(s, own, 0, rules);
  }
  return ALLIANCE_OK;
}

enum alliance_status operating_limit(double *least, const struct operating *spec,
                                              const struct operating_cell *cells, const double *weights, int count,
                                              void *memory, size_t bytes) {
  struct room room = room_in(memory, bytes);
  struct operating_row rows[OPERATING_COMPARED];
  if (!spec_good(spec) || spec->view != ALLIANCE_HINDSIGHT || count < 1) return ALLIANCE_RANGE;
  for (int c = 0; c < count; c++)
    if (!cell_good(&cells[c]) || cells[c].mixed || cells[c].depth != (int)cells[c].depth ||
        cells[c].depth > DEPTHS_MAX || !(weights[c] >= 0))
      return ALLIANCE_RANGE;
  struct setting *s = room_take(&room, 1, sizeof *s);
  if (!s || !setting_build(s, spec, &room)) return ALLIANCE_MEMORY;
  struct alliance_world known = alliance_world_default();
  s->mixture[0] = weighted_mixture(cells, weights, count);
  /* The bound holds for the test of all cells alone: none may be left out for want of room. */
  double sum = 0;
  for (int k = 0; k < s->mixture[0].kinds; k++) sum += kind_share(&s->mixture[0].kind[k]);
  if (!(fabs(sum - 1) < 1e-6)) return ALLIANCE_RANGE;
  *least = 0;
  for (int c = 0; c < count; c++) {
    if (!(weights[c] > 0)) continue;
    s->drawn = drawn_mixture(&cells[c], &known);
    s->mixture[1] = informed_mixture(&cells[c], &known);
    knowing_build(s, rows, known.truth.prevalence);
    cell_find(s, rows, OPERATING_BEST, rules);
    *least += weights[c] * (rows[OPERATING_INFORMED].detected - rows[OPERATING_BEST].detected);
  }
  return ALLIANCE_OK;
}

size_t operating_memory(const struct operating *spec) {
  if (!spec_good(spec)) return 0;
  size_t n = (size_t)spec->sessions, patterns = spec->missing > 0 ? PATTERNS_DRAWN : 1;
  return sizeof(struct setting) + LANES * ALLIANCE_SESSIONS_MAX * sizeof(struct alliance_session) +
         sizeof(struct bench) + (size_t)LANES * (size_t)rules * ALLIANCE_SESSIONS_MAX * sizeof(double) +
         rules_memory(spec->sessions) + (n + 1) * (n + 1) * sizeof(double) +
         (size_t)spec->trials * (size_t)rules * sizeof(double) +
         patterns * (sizeof(struct plan) + 2 * knowns_most(spec) * sizeof(struct known) +
                     plan_memory(spec->sessions, spec->view) + 256) +
         16 * 64;
}
