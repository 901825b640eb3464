/* The list of episodes: ten shapes, every onset from the second session on, every length. */
#include "alliance/engine.h"

const double episode_depths[ALLIANCE_DEPTHS] = {1, 2, 3, 4, 6};

enum {
  SHAPE_ONE, /* one session, a V */
  SHAPE_TWO, /* two sessions */
  SHAPE_THREE,
  SHAPE_LONGER,      /* four or more: geometric, mean about seven */
  SHAPE_LASTING,     /* sudden, not repaired */
  SHAPE_SLOW_FALL,   /* slow decline, sudden repair */
  SHAPE_SLOW_RETURN, /* sudden decline, slow repair */
  SHAPE_SLOW_BOTH,
  SHAPE_SLOW_LASTING, /* slow decline, not repaired */
  SHAPE_PARTLY        /* repaired half-way, and stays there */
};

/* Of the courses with a tension, repaired : not repaired as 14.7 : 10.7 (Larsson et al. 2018, N = 605); a simple V is
 * the commonest shape (Stiles et al. 2004); what lasts is shallower than what is over after a session. */
const struct episode_shares episodes_common = {
    {0.26, 0.16, 0.08, 0.015, 0.165, 0.03, 0.045, 0.015, 0.205, 0.025},
    {{0.07, 0.13, 0.32, 0.43, 0.05}, {0.08, 0.23, 0.55, 0.13, 0.01}, {0.16, 0.57, 0.20, 0.06, 0.01}}};

/* By the sessions of a course; between these lengths in proportion. Chosen so that the worst cell of
 * docs/operating-characteristics is as good as it can be, online first, and otherwise near what is common. */
static const struct {
  int sessions;
  struct episode_shares shares;
} watched[] = {
    {4,
     {{0.323, 0.144, 0.034, 0.013, 0.066, 0.018, 0.023, 0.013, 0.35, 0.016},
      {{0.052, 0.093, 0.263, 0.55, 0.042}, {0.118, 0.406, 0.37, 0.096, 0.01}, {0.126, 0.696, 0.122, 0.047, 0.009}}}},
    {6,
     {{0.329, 0.137, 0.026, 0.012, 0.049, 0.015, 0.018, 0.012, 0.388, 0.014},
      {{0.047, 0.084, 0.245, 0.584, 0.04}, {0.125, 0.471, 0.307, 0.088, 0.009}, {0.116, 0.726, 0.105, 0.045, 0.008}}}},
    {8,
     {{0.392, 0.137, 0.019, 0.01, 0.032, 0.01, 0.011, 0.01, 0.368, 0.011},
      {{0.04, 0.067, 0.198, 0.658, 0.037}, {0.174, 0.648, 0.11, 0.058, 0.01}, {0.086, 0.795, 0.075, 0.036, 0.008}}}},
    {12,
     {{0.336, 0.14, 0.055, 0.01, 0.061, 0.012, 0.015, 0.011, 0.342, 0.018},
      {{0.062, 0.187, 0.521, 0.193, 0.037}, {0.201, 0.675, 0.077, 0.038, 0.009}, {0.266, 0.666, 0.038, 0.023, 0.007}}}},
    {20,
     {{0.238, 0.217, 0.061, 0.01, 0.203, 0.011, 0.018, 0.011, 0.211, 0.02},
      {{0.067, 0.129, 0.549, 0.217, 0.038}, {0.203, 0.686, 0.074, 0.029, 0.008}, {0.46, 0.481, 0.031, 0.021, 0.007}}}},
    {30,
     {{0.213, 0.224, 0.058, 0.01, 0.252, 0.011, 0.027, 0.01, 0.169, 0.026},
      {{0.071, 0.122, 0.599, 0.171, 0.037}, {0.223, 0.682, 0.065, 0.022, 0.008}, {0.694, 0.257, 0.022, 0.021, 0.006}}}},
};

static void mix(double *out, const double *a, const double *b, int count, double share_of_b) {
  for (int k = 0; k < count; k++) out[k] = (1 - share_of_b) * a[k] + share_of_b * b[k];
}

struct episode_shares episodes_watched(int sessions) {
  const int last = (int)(sizeof watched / sizeof *watched) - 1;
  int after = 0;
  while (after < last && watched[after].sessions < sessions) after++;
  int before = after > 0 ? after - 1 : 0, from = watched[before].sessions, to = watched[after].sessions;
  double share = sessions >= to ? 1 : sessions <= from ? 0 : (double)(sessions - from) / (to - from);
  const struct episode_shares *a = &watched[before].shares, *b = &watched[after].shares;
  struct episode_shares out = {{0}, {{0}}};
  mix(out.shape, a->shape, b->shape, ALLIANCE_SHAPES, share);
  mix(out.depth[0], a->depth[0], b->depth[0], ALLIANCE_CLASSES * ALLIANCE_DEPTHS, share);
  return out;
}

int episode_class(int shape) {
  if (shape == SHAPE_ONE) return 0;
  return shape == SHAPE_LONGER || shape == SHAPE_LASTING || shape == SHAPE_SLOW_LASTING ? 2 : 1;
}

static int templates_box(struct template *out, int sessions) {
  int count = 0;
  double left = 1;
  for (int length = 4; length < sessions && count < TEMPLATES_MAX - 1; length++) {
    double share = 0.3 * left;
    left -= share;
    out[count++] = (struct template){0, (uint8_t)length, (uint8_t)length, share};
  }
  out[count++] = (struct template){0, EPISODE_NEVER, EPISODE_NEVER, left};
  return count;
}

/* A linear decline over `length` sessions passes half depth after `half` of them: the two-step template correlates
 * with the line at 0.95 (two sessions), 0.98 or better (more). The longest decline seen is six sessions. */
static int templates_slow(struct template *out, int shape) {
  int count = 0, shortest = shape == SHAPE_SLOW_BOTH ? 3 : 2;
  for (int length = shortest; length <= 6; length++) {
    uint8_t half = (uint8_t)((length + 1) / 2), whole = (uint8_t)length;
    struct template one = {0, whole, whole, 1.0 / (7 - shortest)};
    if (shape == SHAPE_SLOW_FALL) one.j = length == 2 ? 1 : half;
    if (shape == SHAPE_SLOW_RETURN) one.k = (uint8_t)(length == 2 ? 1 : length - half);
    if (shape == SHAPE_SLOW_BOTH) {
      one.j = (uint8_t)(length == 6 ? 2 : 1);
      one.k = (uint8_t)(length - one.j);
    }
    out[count++] = one;
  }
  return count;
}

int episodes_templates(struct template *out, int shape, int sessions) {
  const uint8_t never = EPISODE_NEVER;
  switch (shape) {
  case SHAPE_ONE:
  case SHAPE_TWO:
  case SHAPE_THREE: {
    uint8_t length = (uint8_t)(shape - SHAPE_ONE + 1);
    out[0] = (struct template){0, length, length, 1};
    return 1;
  }
  case SHAPE_LONGER:
    return templates_box(out, sessions);
  case SHAPE_LASTING:
    out[0] = (struct template){0, never, never, 1};
    return 1;
  case SHAPE_SLOW_LASTING:
    for (int gap = 1; gap <= 3; gap++) out[gap - 1] = (struct template){(uint8_t)gap, never, never, 1.0 / 3};
    return 3;
  case SHAPE_PARTLY:
    for (int length = 1; length <= 3; length++) out[length - 1] = (struct template){0, (uint8_t)length, never, 1.0 / 3};
    return 3;
  default:
    return templates_slow(out, shape);
  }
}

static uint8_t clipped(int onset, uint8_t offset, int sessions) {
  if (offset == EPISODE_NEVER || onset + offset > sessions) return (uint8_t)sessions;
  return (uint8_t)(onset + offset);
}

static enum episode_kind kind_of(const struct episode *e, int t) {
  if (e->k >= t) return e->j < t ? KIND_FALLEN : KIND_FALLING;
  return e->l >= t ? KIND_RETURNING : KIND_RETURNED;
}

enum joining { JOIN_NONE, JOIN_CLASS, JOIN_ANY };

static bool alike(const struct episode *a, const struct episode *b, enum joining joining) {
  if (joining == JOIN_CLASS && episode_class(a->shape) != episode_class(b->shape)) return false;
  return a->i == b->i && a->j == b->j && a->k == b->k && a->l == b->l;
}

/* Adds an episode to the list that starts at `first`, or its prior to one that looks the same. */
static void list_add(struct episodes *list, int first, struct episode e, double prior,
                     const double share[ALLIANCE_DEPTHS], enum joining joining) {
  for (int h = list->count - 1; joining && h >= first && list->episode[h].i == e.i; h--) {
    if (!alike(&list->episode[h], &e, joining)) continue;
    double before = list->prior[h], total = before + prior;
    for (int d = 0; total > 0 && d < ALLIANCE_DEPTHS; d++)
      list->share[h][d] = (before * list->share[h][d] + prior * share[d]) / total;
    list->prior[h] = total;
    return;
  }
  list->episode[list->count] = e;
  memcpy(list->share[list->count], share, sizeof *list->share);
  list->prior[list->count++] = prior;
}

struct spare {
  struct episode episode;
  double prior, share[ALLIANCE_DEPTHS];
};

static void list_sort_by_kind(struct episodes *list, struct prefix *prefix, struct spare *spare) {
  int first = prefix->first, count = list->count - first, at = first;
  for (int h = 0; h < count; h++) {
    spare[h].episode = list->episode[first + h];
    spare[h].prior = list->prior[first + h];
    memcpy(spare[h].share, list->share[first + h], sizeof spare[h].share);
  }
  for (int kind = 0; kind < KINDS; kind++) {
    for (int h = 0; h < count; h++) {
      if ((int)kind_of(&spare[h].episode, prefix->sessions) != kind) continue;
      list->episode[at] = spare[h].episode;
      memcpy(list->share[at], spare[h].share, sizeof *list->share);
      list->prior[at++] = spare[h].prior;
    }
    prefix->end[kind] = at;
  }
}

static size_t pairs_bound(int t) {
  return (size_t)(t + 1) * 5;
}

typedef uint16_t pair_places[ALLIANCE_SESSIONS_MAX + 1][ALLIANCE_SESSIONS_MAX + 1]; /* place + 1, or 0 */

/* The pair's place among `count`, where it is put if it is new. */
static uint16_t pair_place(struct pair *pairs, int *count, pair_places seen, uint8_t a, uint8_t b) {
  if (!seen[a][b]) {
    pairs[*count] = (struct pair){a, b};
    *count += 1;
    seen[a][b] = (uint16_t)*count;
  }
  return (uint16_t)(seen[a][b] - 1);
}

static bool list_pairs(struct episodes *list, struct prefix *prefix, struct room *room) {
  pair_places falls = {{0}}, backs = {{0}};
  size_t bound = pairs_bound(prefix->sessions);
  struct pair *fall = room_take(room, bound, sizeof *fall), *back = room_take(room, bound, sizeof *back);
  if (!fall || !back) return false;
  for (int h = prefix->first; h < prefix->end[KIND_RETURNED]; h++) {
    struct episode *e = &list->episode[h];
    e->fall = pair_place(fall, &prefix->falls, falls, e->i, e->j);
    e->back = pair_place(back, &prefix->backs, backs, e->k, e->l);
  }
  prefix->fall = fall;
  prefix->back = back;
  return true;
}

/* An upper bound on the episodes of one prefix of t sessions: 27 templates and the long boxes for each onset. */
static size_t list_bound(int t) {
  return (size_t)t * 27 + (size_t)t * (size_t)t / 2;
}

static size_t lists_bound(int sessions, enum alliance_view view) {
  if (view == ALLIANCE_HINDSIGHT) return list_bound(sessions);
  size_t sum = 0;
  for (int t = 1; t <= sessions; t++) sum += list_bound(t);
  return sum;
}

bool episodes_build(struct episodes *list, struct room *room, int sessions, enum alliance_view view, bool merge,
                    const struct alliance_estimate *estimate) {
  size_t bound = lists_bound(sessions, view);
  list->sessions = sessions;
  list->prefixes = view == ALLIANCE_ONLINE ? sessions : 1;
  list->count = 0;
  list->prefix = room_take(room, (size_t)list->prefixes, sizeof *list->prefix);
  list->episode = room_take(room, bound, sizeof *list->episode);
  list->prior = room_take(room, bound, sizeof *list->prior);
  list->share = room_take(room, bound, sizeof *list->share);
  struct spare *spare = room_take(room, list_bound(sessions), sizeof *spare);
  if (!list->prefix || !list->episode || !list->prior || !list->share || !spare) return false;

  bool two = estimate->rater[0].used && estimate->rater[1].used;
  enum joining joining = !merge ? JOIN_NONE : two ? JOIN_CLASS : JOIN_ANY;
  double onset_share = sessions > 1 ? estimate->prevalence / (sessions - 1) : 0;
  for (int p = 0; p < list->prefixes; p++) {
    struct prefix *prefix = &list->prefix[p];
    int t = view == ALLIANCE_ONLINE ? p + 1 : sessions;
    *prefix = (struct prefix){.sessions = t, .first = list->count};
    prefix->calm = 1 - onset_share * (t - 1);
    for (int i = 1; i < t; i++) {
      for (int shape = 0; shape < ALLIANCE_SHAPES; shape++) {
        struct template templates[TEMPLATES_MAX];
        int count = episodes_templates(templates, shape, t - i);
        for (int m = 0; m < count; m++) {
          const struct template *w = &templates[m];
          struct episode e = {.i = (uint8_t)i,
                              .j = clipped(i, w->j, t),
                              .k = clipped(i, w->k, t),
                              .l = clipped(i, w->l, t),
                              .shape = (uint8_t)shape};
          list_add(list, prefix->first, e, onset_share * estimate->shape[shape] * w->share,
                   estimate->depth[episode_class(shape)], joining);
        }
      }
    }
    list_sort_by_kind(list, prefix, spare);
    if (!list_pairs(list, prefix, room)) return false;
  }
  return true;
}

size_t episodes_memory(int sessions, enum alliance_view view) {
  return lists_bound(sessions, view) * EPISODE_BYTES + (size_t)sessions * sizeof(struct prefix) +
         list_bound(sessions) * sizeof(struct spare) +
         (size_t)(view == ALLIANCE_ONLINE ? sessions : 1) * 2 * (pairs_bound(sessions) * sizeof(struct pair) + 64) +
         8 * 64;
}
