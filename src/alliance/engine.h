/* engine.h: the engine behind attune/alliance.h, for this room and for the research in operating/, which compares it with
 * detectors of its own: the list of episodes, their constants at a design, and the posterior.
 *
 * Three layers, each cached as widely as it holds:
 *   struct episodes    every episode of a course of n sessions with its prior: depends on n and the shares
 *   struct constants   one rater's quadratic forms at a pattern of rated sessions: depends on the estimate too
 *   struct posterior   eight patients' sums
 * A *prefix* t is what is known after the first t sessions; hindsight has the one prefix t = n.
 * Ratings enter as residuals in units of s: r_t = (x_t - level - slope (time_t - origin)) / s, 0 where missing. */
#ifndef ATTUNE_ALLIANCE_ENGINE_H
#define ATTUNE_ALLIANCE_ENGINE_H

#include "alliance/lanes.h"
#include "attune/alliance.h"

/* ---- memory handed in ---- */

struct room {
  char *at, *end;
};
struct room room_in(void *memory, size_t bytes);
/* NULL when it is used up. Aligned to 64 bytes, not cleared. */
void *room_take(struct room *room, size_t count, size_t size);

/* ---- episodes ---- */

/* Template w_t = ([t>=i] + [t>=j] - [t>=k] - [t>=l]) / 2, indexes of sessions, clipped to the prefix's t: an index t
 * means "not by now". */
struct episode {
  uint8_t i, j, k, l, shape;
  uint16_t fall, back; /* (i, j) and (k, l) among the pairs of its prefix */
};
struct pair {
  uint8_t a, b;
};

/* The episodes of a prefix stand in this order, so that each kind is one run of the list. */
enum episode_kind { KIND_FALLEN, KIND_FALLING, KIND_RETURNING, KIND_RETURNED, KINDS };

struct prefix {
  int sessions;                   /* t */
  int first, end[KINDS];          /* episodes [first, end[0]), [end[0], end[1]), ... */
  const struct pair *fall, *back; /* those that differ: falls and returns are shared by many episodes */
  int falls, backs;               /* at most PAIRS_MAX each */
  double calm;                    /* prior of no episode, or of one that begins later */
};

/* j - i and l - k are at most three, or l is the end. */
#define PAIRS_MAX (5 * (ALLIANCE_SESSIONS_MAX + 1))

struct episodes {
  int sessions, prefixes, count;
  struct prefix *prefix; /* prefix[p]; online p = 0..n-1 for t = p+1, in hindsight p = 0 for t = n */
  struct episode *episode;
  double *prior;                    /* by episode; includes the prevalence */
  double (*share)[ALLIANCE_DEPTHS]; /* by episode: of each depth, sum 1 */
};

/* `merge` joins episodes that look alike so far; without it each keeps its one shape (for estimation). With two raters
 * only shapes of one class are joined: the product of the raters' sums over depths is of one class. */
bool episodes_build(struct episodes *episodes, struct room *room, int sessions, enum alliance_view view, bool merge,
                    const struct alliance_estimate *estimate);
size_t episodes_memory(int sessions, enum alliance_view view);
#define EPISODE_BYTES (sizeof(struct episode) + (1 + ALLIANCE_DEPTHS) * sizeof(double))

/* Prior of a shape's length, for tests and simulation too: fills up to 64 templates of one shape that begin at 0 in a
 * course that never ends, with probabilities that sum to 1; EPISODE_NEVER stands for an index that does not come. */
#define EPISODE_NEVER 255
#define TEMPLATES_MAX 64
struct template {
  uint8_t j, k, l;
  double share;
};
int episodes_templates(struct template *templates, int shape, int sessions);

extern const double episode_depths[ALLIANCE_DEPTHS];

/* Shares of shapes and depths: what is supposed common, for estimating; and what is worth watching for in a course of
 * so many sessions, for detecting, as long as the sample does not say otherwise. */
struct episode_shares {
  double shape[ALLIANCE_SHAPES], depth[ALLIANCE_CLASSES][ALLIANCE_DEPTHS];
};
extern const struct episode_shares episodes_common;
struct episode_shares episodes_watched(int sessions);

/* Which of the estimate's depth distributions a shape follows. */
int episode_class(int shape);

/* ---- one rater's constants at a pattern ---- */

/* Of one prefix. K: inverse correlation of the rated sessions' residuals (tridiagonal); Z: (1, time - origin). */
struct gain {
  double m[3]; /* M = (covariance^-1 + Z'KZ)^-1, symmetric: 00, 01, 11, in units of s */
  double zkz[3];
  double log_det;   /* of the correlation and covariance of the rated sessions, V / s^2 */
  double density;   /* log of the density of residuals of 0, in units of the sample's s, but for (2 pi)^(-n/2) */
  double (*b)[2];   /* b[p] = Z'K [t>=p], p = 0..t */
  double (*row)[2]; /* row[t] = M (Z'K)_t: level and slope from residuals */
};

/* The correlation of two residuals that are `apart` in time, from the logarithm of that at distance 1 (0: none). Never
 * quite 1, or two ratings of the same moment would leave nothing to divide by. */
double correlation_over(double log_rho, double apart);

struct constants {
  const struct alliance_rater_estimate *rater;
  double scale, inverse; /* the patient's own s over the sample's; 1 / scale */
  double most; /* `furthest` in units of the node's own s: what is further from the patient's own course counts as that far */
  bool any;     /* a rating or a report: otherwise this rater says nothing */
  bool reports; /* some report was asked */
  int sessions;
  double time[ALLIANCE_SESSIONS_MAX]; /* less the origin */
  uint64_t rated;
  double diagonal[ALLIANCE_SESSIONS_MAX]; /* of K for the full course; an earlier last session differs: `last` */
  double last[ALLIANCE_SESSIONS_MAX];     /* the diagonal when t is the last session rated so far */
  double before[ALLIANCE_SESSIONS_MAX];   /* K[t][the session rated before] */
  int8_t previous[ALLIANCE_SESSIONS_MAX]; /* that session, or -1 */
  struct gain *gain;                      /* by prefix */
  double (*depth)[ALLIANCE_DEPTHS];       /* by episode: share of the depth times exp(-depth^2 q / 2) */
  double (*weight)[ALLIANCE_DEPTHS];      /* by episode: the same times its prior */
  double *q;                              /* by episode: w'Ww */
};

/* 1_p'W 1_q of one prefix: form[p * (t + 1) + q], p and q in 0..t; q of any template is a sum of these. */
void constants_forms(double *form, const struct constants *constants, const struct gain *gain, int sessions);

bool constants_build(struct constants *constants, struct room *room, const struct episodes *episodes,
                     const struct alliance_estimate *estimate, enum alliance_rater rater,
                     const struct alliance_design *design, double scale);
size_t constants_memory(const struct episodes *episodes);

/* ---- the posterior of eight patients ---- */

struct ratings {
  lanes residual[ALLIANCE_RATERS][ALLIANCE_SESSIONS_MAX]; /* in units of s; 0 where missing */
  lanes report[ALLIANCE_RATERS][ALLIANCE_SESSIONS_MAX];   /* log of the report's likelihood ratio; 0 where not asked */
};

/* Patients differ in how much they vary: the logarithm of a patient's own s over the sample's is normal, and is summed
 * over at NODES_MAX even distances. Where the sample shows no such differences there is one node. */
#define NODES_MAX 9
#define SPREAD_NONE 0.05 /* below: one node */
#define SPREAD_LARGEST 2.0
struct node {
  double log_share, scale, place; /* scale: s of these patients over the sample's */
  struct constants rater[ALLIANCE_RATERS];
};
/* The nodes' places in standard deviations of that logarithm; returns how many. */
int nodes_find(double at[NODES_MAX], double share[NODES_MAX], double spread);

struct plan {
  struct episodes episodes;
  int nodes;
  struct node *node;
  const struct constants *rater; /* of the node in the middle: all nodes have the same sessions */
  int raters;                /* used: 1 or 2 */
  enum alliance_rater first; /* the only, or the first one used */
  double perceived[3];
};

bool plan_build(struct plan *plan, struct room *room, const struct alliance_estimate *estimate,
                const struct alliance_design *design, enum alliance_view view, bool merge);
size_t plan_memory(int sessions, enum alliance_view view);

/* What one prefix says, as shares of 1 except odds. */
struct verdict {
  lanes odds; /* P(begun) / P(not begun), at most 1e300 */
  lanes begun, repaired;
  lanes part[3]; /* of `begun`: noticed by both, patient only, therapist only */
  lanes dip;     /* expected depth at the last session, first rater, in units of s */
};
/* posterior_odds() leaves `dip` out, where only the odds are wanted. */
void posterior_odds(struct verdict *verdict, const struct plan *plan, int prefix, const struct ratings *ratings);
void posterior_prefix(struct verdict *verdict, const struct plan *plan, int prefix, const struct ratings *ratings);

/* u[p] = sum over t >= p of (W r)_t, p = 0..sessions: -w'y of any template is a sum of differences of these. */
void posterior_sums(lanes *u, const struct constants *constants, const struct gain *gain, int sessions,
                    const struct ratings *ratings, enum alliance_rater rater);

/* How ratings count: what is further from the patient's course than tensions are expected to be counts as that far, so
 * that a gross error is no more than a session of tension. The course is found with them, in a few rounds. `residual` of
 * the prefix, in units of the node's own s. */
void residuals_work(lanes *residual, const struct constants *constants, const struct gain *gain, int sessions);

/* Level and slope of the plan's prefix by shrinkage (deviations from the sample's, units of s), given residuals to
 * which any dip was added back. */
void posterior_level(lanes level[2], const struct constants *constants, const struct gain *gain, int sessions,
                     const lanes *residual);

/* Everything about the whole course (hindsight plan): what that view needs, and what estimation learns from. */
struct whole {
  struct verdict verdict;
  lanes worked[ALLIANCE_RATERS][ALLIANCE_SESSIONS_MAX]; /* residuals in units of the node's s, as they count */
  lanes log_ratio;                                   /* log of the marginal likelihood ratio to "no episode" */
  lanes density;                                     /* log of the likelihood of "no episode" and of the node's share */
  lanes begins[ALLIANCE_SESSIONS_MAX];               /* P(first fall at t) */
  lanes returns[ALLIANCE_SESSIONS_MAX];              /* P(half-way returned at t) */
  lanes dip[ALLIANCE_RATERS][ALLIANCE_SESSIONS_MAX]; /* E[depth w_t] */
  int likeliest[LANES];                              /* index of the likeliest episode */
  lanes likeliest_share;                             /* of all episodes */

  /* Only when learning. */
  lanes shape[ALLIANCE_SHAPES]; /* responsibilities; sum = begun */
  lanes depth[ALLIANCE_RATERS][ALLIANCE_CLASSES][ALLIANCE_DEPTHS];
  lanes noticed[ALLIANCE_RATERS][ALLIANCE_SESSIONS_MAX]; /* P(in an episode at t that this rater notices) */
  lanes square[ALLIANCE_RATERS][3];                      /* E[depth^2 b b'], b = Z'Kw */
};
/* `work` is scratch, of the same size. */
void posterior_whole(struct whole *whole, struct whole *work, const struct plan *plan, const struct ratings *ratings);
/* The same for one node, with what estimation learns from. */
void posterior_node(struct whole *whole, const struct plan *plan, const struct node *node,
                    const struct ratings *ratings, bool learning);

/* ---- estimates ---- */

/* No figure of an estimate is larger: what says so little is not read back. */
#define ESTIMATE_MOST 1e12

/* ---- who is of one design ---- */

struct member {
  uint64_t key;
  uint32_t index;
};
/* By key, then index: an order that any machine agrees on. */
void members_sort(struct member *members, size_t count);
uint64_t design_key(const struct alliance_design *design);
bool design_same(const struct alliance_design *a, const struct alliance_design *b);

#define PATTERNS 32 /* patterns of missing sessions that a shared threshold is simulated over */

/* ---- parts of an estimate ---- */

#define TAILS_BINS 32
#define TAILS_APART 0.25
struct tails {
  double count[TAILS_BINS]; /* of residuals above the course, in units of s */
};
void tails_add(struct tails *tails, double residual, double weight);
/* Sets tail_df, tail_scale and furthest. */
void tails_settle(struct alliance_estimate *estimate, const struct tails *tails);

/* Sets the latent figures. */
void latent_find(struct alliance_estimate *estimate, const struct alliance_series *series, size_t count);
/* The latent figures, or where there are none those of the ratings as they are. */
struct alliance_latent latent_of(const struct alliance_estimate *estimate, int rater);
/* The share of the rater's ratings at an end of the scale. Above CROWDED differences between patients' spreads and heavy
 * tails are not looked for in the ratings as they are: who rates at the top varies less for that reason alone. */
double scale_crowding(const struct alliance_series *series, size_t count, int rater,
                      const struct alliance_settings *settings);
#define CROWDED 0.1

/* ---- data into lanes ---- */

enum alliance_status series_check(const struct alliance_series *series, int longest);

/* What the sample rates at this time on average. */
double mean_course(const struct alliance_estimate *estimate, const struct alliance_rater_estimate *rater, double time);

/* Puts one series into one lane. */
void ratings_set(struct ratings *ratings, int lane, const struct alliance_estimate *estimate,
                 const struct alliance_session *sessions, int count);

/* The answer on a bounded scale that comes nearest to x; x itself on an unbounded one. */
double answer_given(double x, const struct alliance_estimate *estimate);

/* Sorts descending; and the lowest limit that at most `share` of the sorted values reach. */
void scores_sort(double *scores, size_t count);
double scores_limit(const double *sorted, size_t count, double share, double *reached);

/* ---- rules other than model: the score of every rated session ---- */

#define SCORE_NONE (-1e300) /* of a session that cannot be judged */

/* Of the m-th rated session: factors and scales that are the same for every patient with as many ratings. */
struct rule_term {
  double mean, range, square; /* 1 / (m + 1); 1 / (1.128 m); 1 / m */
  double others, others_scale, others_inverse;
  double level, level_scale, level_inverse; /* of the shrunk level */
  double ewma;
};
struct rule_terms {
  enum alliance_view view;
  int count;       /* of rated sessions */
  double s, prior; /* prior: the weight of the sample's level, in ratings */
  double step_scale, step_inverse, drop_scale, drop_inverse;
  struct rule_term *at;
};
bool rule_terms_build(struct rule_terms *terms, struct room *room, const struct alliance_estimate *estimate,
                      enum alliance_view view, int rated);

/* Up to eight patients with as many ratings of the first rater in use: these ratings alone, less the first of each. */
struct course {
  int count;
  lanes *x;
  lanes origin; /* what was taken off */
  lanes level;  /* expected in the sample at the mean time of the patient's ratings, less the origin */
  double *row;  /* scratch */
};
bool course_build(struct course *course, struct room *room, int rated);
void course_set(struct course *course, int lane, const struct alliance_estimate *estimate,
                const struct alliance_session *sessions, int count);

/* What a rule says. An array that is not wanted is NULL; expected is less the origin, like x; z = (x - expected) /
 * scale where scale > 0. */
struct marks {
  lanes largest; /* score of the course */
  lanes *score, *expected, *scale;
};
bool marks_build(struct marks *marks, struct room *room, int rated);
/* Bytes for terms, course and marks together. */
size_t rules_memory(int rated);
/* marks[k] of rules[k]; only `used` lanes mean anything. */
void rules_mark(const enum alliance_rule *rules, int count, const struct rule_terms *terms, const struct course *course,
                int used, struct marks *marks);

/* Findings of up to eight series of one design, of whose ratings the course and the terms are made; out[lane] has room
 * for a finding per session. */
void rule_judge(struct alliance_finding *const out[LANES], const struct alliance_estimate *estimate,
                const struct alliance_threshold *threshold, const struct alliance_series *series, int count,
                const struct rule_terms *terms, struct course *course, struct marks *marks);

/* ---- up to eight series of one design ---- */

/* Judges `count` (1..LANES) series of the plan's design; out[lane] has room for a finding per session. begins, ends and
 * likeliest may be NULL. `work` holds one struct bench. Only for the rule `model`. */
struct bench {
  struct ratings ratings;
  union {
    struct whole whole[2]; /* the second is scratch */
    struct {
      struct verdict verdict;
      lanes clean[ALLIANCE_SESSIONS_MAX]; /* residuals with the tension of their own time added back */
    } online;
  } now;
};
struct span {
  int begins, ends;
  double likeliest;
};
void model_judge(struct alliance_finding *const out[LANES], struct span span[LANES], const struct plan *plan,
                 const struct alliance_estimate *estimate, const struct alliance_threshold *threshold,
                 const struct alliance_series *series, int count, struct bench *work);

/* The largest score of each lane over the course: what a threshold is a quantile of. */
void model_largest(double largest[LANES], const struct plan *plan, enum alliance_view view, uint64_t heard,
                   struct bench *work);
/* Sessions of a design at which something was rated or reported by a rater in use: alarms are raised there alone. */
uint64_t design_heard(const struct alliance_design *design, const struct alliance_estimate *estimate);

#endif
