/* alliance.h: what a series of session ratings says: is there a tension, is it repaired, and how sure is that.
 *
 * A patient (and perhaps the therapist) rates the alliance after each session. A *tension* is an interval of sessions
 * in which the rating falls below the patient's own course; *repair* is the return. In six sessions a dip inflates
 * the very limits that should catch it (the largest possible z against the own standard deviation is
 * (n-1)/sqrt(n) = 2.04), so everything here borrows strength: level, trend and spread come from the whole sample
 * (an *estimate*), and false alarms are counted per patient over the whole course and chosen first.
 *
 * In four steps:
 *
 *     struct alliance_estimate estimate;            -- 1. from the whole sample, in the background
 *     alliance_estimate_sample(&estimate, series, count, NULL, memory, bytes);
 *     struct alliance_threshold threshold;          -- 2. a limit for these sessions
 *     struct alliance_design design = alliance_design_of(&series[0]);
 *     alliance_threshold_find(&threshold, &estimate, &design, ALLIANCE_MODEL, ALLIANCE_ONLINE, 0.05, seed, 0,
 *                             memory, bytes);
 *     struct alliance_case one = {.series = series[0], .threshold = &threshold};
 *     alliance_detect(&one, 1, &estimate, memory, bytes);                                       -- 3. one patient, or many
 *     for (int t = 0; t < one.result.count; t++) use(one.result.sessions[t]);                   -- 4. what is said of each
 *
 * The room is pure: no input or output, no global state, no allocation; memory is handed in (any alignment), and
 * nothing in a result points into it, save `sessions` of a result. Higher ratings are better: turn scales on which
 * higher is worse (negate) before, and the expected ratings after. Results are the same bytes on every machine: only
 * addition, subtraction, multiplication, division and square roots, our own exp, log and normal quantile
 * (attune/stats.h), and a fixed order of sums.
 *
 * No function returns or stores NaN or infinity. A rating is anything finite up to ALLIANCE_RATING_MAX in size.
 *
 * The model (docs/detection.md derives it). For one rater, in units of the residual standard deviation s,
 *
 *     x_t = level + slope (time_t - origin) - depth w_t + e_t,   (level, slope) ~ N(mean, covariance),  e ~ N(0, 1)
 *
 * e may be correlated from session to session (autocorrelation to the power of the time between, at most 1 - 1e-6).
 * The template w of an episode is 0 before it, falls to 1 in one or two steps, and returns to 0 (repaired), to 1/2
 * (partly) or not at all: w = [t>=i]/2 + [t>=j]/2 - [t>=k]/2 - [t>=l]/2 with i <= j < k <= l. All onsets, all lengths,
 * five depths and ten shapes are summed: each term is a Gaussian marginal likelihood ratio, so the posterior is exact.
 * Two raters: each notices the episode or not (both, patient only, therapist only), with depths of their own;
 * a direct report (a tension was named) multiplies in with its own sensitivity and false rate.
 *
 * Sources: Gaussian marginal likelihood of mixed models: Laird & Ware 1982 (Biometrics 38:963); one changed segment and
 * its posterior: Barry & Hartigan 1993 (JASA 88:309); mixture by expectation-maximisation: Dempster, Laird & Rubin 1977
 * (JRSS B 39:1); shapes of ruptures: Stiles et al. 2004 (J Consult Clin Psychol 72:81); default shares of
 * courses with and without tension: Larsson et al. 2018. */
#ifndef ATTUNE_ALLIANCE_H
#define ATTUNE_ALLIANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ALLIANCE_SESSIONS_MAX 60 /* sessions that `model` takes; the other rules take ALLIANCE_SERIES_MAX */
#define ALLIANCE_SERIES_MAX 100000
#define ALLIANCE_RATING_MAX 1e9
#define ALLIANCE_DEPTHS 5  /* 1, 2, 3, 4 and 6 residual standard deviations */
#define ALLIANCE_CLASSES 3 /* of shapes: each has a distribution of depths of its own */
#define ALLIANCE_SHAPES 10
#define ALLIANCE_ESTIMATE_VERSION 3 /* changes when the meaning of the figures does */
#define ALLIANCE_ESTIMATE_TEXT 4096 /* bytes that hold any estimate as text */

enum alliance_rater { ALLIANCE_PATIENT, ALLIANCE_THERAPIST, ALLIANCE_RATERS };

enum alliance_status {
  ALLIANCE_OK = 0,
  ALLIANCE_TOO_SHORT,  /* this rule cannot decide so short a series: see alliance_rules[].least */
  ALLIANCE_TOO_LONG,   /* more sessions than the rule takes */
  ALLIANCE_UNORDERED,  /* session times do not increase */
  ALLIANCE_NOT_FINITE, /* a rating or time is not a number, infinite or larger than ALLIANCE_RATING_MAX */
  ALLIANCE_NO_DATA,    /* no rating at all, or in the sample none that varies */
  ALLIANCE_MEMORY,     /* the memory handed in is too small: see alliance_memory() */
  ALLIANCE_RANGE       /* a setting outside its range: a false-alarm rate not in (0,1), an unknown rule, ... */
};
const char *alliance_status_text(enum alliance_status status); /* one English sentence */

/* ---- what goes in ---- */

struct alliance_session {
  double time;                    /* session number, or weeks: increasing within a patient */
  double rating[ALLIANCE_RATERS]; /* read only where rated */
  bool rated[ALLIANCE_RATERS];
  int8_t reported[ALLIANCE_RATERS]; /* was a tension reported directly? 1 yes, 0 no, -1 not asked or not answered */
};

struct alliance_series {
  const struct alliance_session *sessions; /* a session without any rating is a row too */
  int count;
};

/* ---- rules ---- */

enum alliance_rule {
  ALLIANCE_MODEL,             /* the posterior described above */
  ALLIANCE_POOLED_SD,         /* leave-one-out z against the sample's residual SD */
  ALLIANCE_INDIVIDUALS_CHART, /* against 1.128 / mean moving range (Shewhart; Montgomery) */
  ALLIANCE_OWN_SD,            /* against the SD of all the patient's ratings */
  ALLIANCE_RELIABLE_CHANGE,   /* drop from the session before (Jacobson & Truax 1991) */
  ALLIANCE_CUSUM,             /* lower CUSUM, k = 0.5 (Page 1954) */
  ALLIANCE_EWMA,              /* lambda = 0.2 (Roberts 1959) */
  ALLIANCE_CHANGEPOINT,       /* one fall of the mean, exact Bayes (Barry & Hartigan; Adams & MacKay 2007) */
  ALLIANCE_DROP,              /* fall from a high to a low within 3 sessions (Stiles and Strauss type) */
  ALLIANCE_SUDDEN_LOSS,       /* Tang & DeRubeis 1999, downwards */
  ALLIANCE_RULES
};

struct alliance_rule_row {
  const char *name;     /* as the command takes it: "pooled-sd" */
  const char *sentence; /* what it does, for a person */
  int least;            /* ratings in the shortest series that it can decide */
  double textbook;      /* its customary limit on the score, or 0 when it has none and is always calibrated */
};
extern const struct alliance_rule_row alliance_rules[ALLIANCE_RULES];
/* The rule of that name, or -1. */
int alliance_rule_named(const char *name);

enum alliance_view {
  ALLIANCE_ONLINE,   /* each session judged by what was known then */
  ALLIANCE_HINDSIGHT /* every session judged by the whole course */
};

/* ---- the sample's estimate ---- */

/* What is switched on. `sources` of a study: both ratings, reports. Zeroed memory is the default. */
struct alliance_settings {
  bool ignore_rater[ALLIANCE_RATERS]; /* leave this rater's ratings out */
  bool ignore_reports;                /* leave direct reports out */
  bool bounded;                       /* the scale ends at low and high: band and simulations respect it */
  double low, high, step;             /* step: the distance between two answers, 0 for a continuous scale */
  int iterations;                     /* of expectation-maximisation; 0 means 200 */
  int sessions;                       /* planned in a course, for the default shares; 0: as the sample has them */
};

struct alliance_rater_estimate {
  bool used;
  double level, slope; /* means; slope per unit of time */
  double level_sd, slope_sd, level_slope_correlation;
  double residual_sd;                         /* s */
  double autocorrelation;                     /* of residuals one unit of time apart */
  double report_in_tension, report_otherwise; /* chance of a direct report in an episode that they notice; else */
  /* Standard errors of level, slope, log(level_sd) and log(residual_sd): how far the sample pins them down. */
  double level_se, slope_se, level_sd_se, residual_sd_se;
};

/* The normal behind a rater's answers on a bounded scale, before they are cut off at its ends and rounded, where many are
 * at an end: thresholds are simulated with it. All 0: the figures of the ratings themselves serve. */
struct alliance_latent {
  double level, level_sd, residual_sd, spread;
};

struct alliance_estimate {
  int version;
  double time_origin; /* level is the expected rating at this time */
  struct alliance_rater_estimate rater[ALLIANCE_RATERS];
  struct alliance_latent latent[ALLIANCE_RATERS];
  double residual_correlation;   /* between the raters, same session */
  double spread;                 /* SD over patients of the logarithm of their own s over residual_sd; 0: all alike */
  /* Residuals have heavier tails than a normal: they are those of t with tail_df degrees of freedom (0: normal) times
   * tail_scale, and further than `furthest` from a patient's course count as that far; both in units of residual_sd. */
  double tail_df, tail_scale, furthest;
  double prevalence;             /* share of patients with a tension */
  double shape[ALLIANCE_SHAPES]; /* shares, sum 1; the order is that of docs/operating-characteristics/defaults.md */
  /* Shares of depths, sum 1 each: of one session; of other episodes that end soon; of four sessions or more. */
  double depth[ALLIANCE_CLASSES][ALLIANCE_DEPTHS];
  double perceived[3]; /* an episode's noticed by both, patient only, therapist only; sum 1 */
  bool reports;        /* direct reports are taken into account */
  bool bounded;
  double low, high, step;
  int patients, ratings, iterations; /* what it rests on */
  double log_likelihood;             /* at the end, for comparison of estimates of the same sample */
};

/* The stated default: nothing known but an average level and spread, and how many sessions a course has. For a first
 * patient, and for tests. */
struct alliance_estimate alliance_estimate_default(double level, double level_sd, double residual_sd, int sessions);

/* Maximum of the marginal likelihood of the mixture (tensions included) with weak priors: prevalence Beta(2.5, 7.5),
 * shape and depth shares Dirichlet with 20 pseudo-episodes on what is common, covariance inverse-Wishart with 3. The
 * shares that are returned, for detecting, join what was seen to 20 pseudo-episodes of the stated default, by the
 * length of the course (docs/detection.md says why they differ). Series longer than ALLIANCE_SESSIONS_MAX count with
 * their first sessions. `settings` may be NULL. */
enum alliance_status alliance_estimate_sample(struct alliance_estimate *estimate, const struct alliance_series *series,
                                              size_t count, const struct alliance_settings *settings, void *memory,
                                              size_t bytes);
size_t alliance_estimate_memory(size_t count, int longest);

/* As text, one `key=value` a line with 17 significant digits, so that reading it back gives the same estimate bit by
 * bit; false when a key is missing, unknown or out of range. This is what an entry of a ledger records. */
size_t alliance_estimate_write(char *text, size_t size, const struct alliance_estimate *estimate);
bool alliance_estimate_read(struct alliance_estimate *estimate, const char *text, size_t length);

/* ---- thresholds ---- */

/* The sessions for which a threshold holds: times, and who is missing where. */
struct alliance_design {
  int count; /* at most ALLIANCE_SESSIONS_MAX */
  double time[ALLIANCE_SESSIONS_MAX];
  uint64_t rated[ALLIANCE_RATERS], asked[ALLIANCE_RATERS]; /* bit t: there is a rating, a report was asked */
};
struct alliance_design alliance_design_plain(int sessions); /* times 1..n, the patient's ratings, complete */
struct alliance_design alliance_design_of(const struct alliance_series *series); /* its first 60 sessions */

struct alliance_threshold {
  enum alliance_rule rule;
  enum alliance_view view;
  double false_alarm; /* asked: chance that a patient without a tension gets at least one alarm over the course */
  double reached;     /* the share in the simulation (below what was asked where ratings come in few values) */
  double limit;       /* an alarm is a score of at least this */
  int sessions, simulations;
  uint64_t seed;
};

/* Simulates the fitted no-tension model at this design; `simulations` 0 means 20,000. The same seed gives the same
 * threshold anywhere. About 12 ms for six sessions, 55 ms for twenty. */
enum alliance_status alliance_threshold_find(struct alliance_threshold *threshold,
                                             const struct alliance_estimate *estimate,
                                             const struct alliance_design *design, enum alliance_rule rule,
                                             enum alliance_view view, double false_alarm, uint64_t seed,
                                             int simulations, void *memory, size_t bytes);
/* The same where a threshold serves several designs alike, as for patients who miss different sessions: the simulation
 * goes round the designs, which have the same number of sessions. */
enum alliance_status alliance_threshold_find_among(struct alliance_threshold *threshold,
                                                   const struct alliance_estimate *estimate,
                                                   const struct alliance_design *designs, int count,
                                                   enum alliance_rule rule, enum alliance_view view, double false_alarm,
                                                   uint64_t seed, int simulations, void *memory, size_t bytes);
/* The same for all patients with as many sessions who miss as many of them, whichever these are: the design itself where
 * nothing is missing, else patterns drawn at random with as much missing. */
enum alliance_status alliance_threshold_find_alike(struct alliance_threshold *threshold,
                                                   const struct alliance_estimate *estimate,
                                                   const struct alliance_design *design, enum alliance_rule rule,
                                                   enum alliance_view view, double false_alarm, uint64_t seed,
                                                   int simulations, void *memory, size_t bytes);
/* The rule's customary limit (alliance_rules[].textbook) without any simulation; ALLIANCE_RANGE if it has none. */
enum alliance_status alliance_threshold_textbook(struct alliance_threshold *threshold, enum alliance_rule rule,
                                                 enum alliance_view view);

/* ---- patients, one or many ---- */

enum alliance_event { ALLIANCE_NONE, ALLIANCE_TENSION, ALLIANCE_REPAIR };

struct alliance_finding {
  double time;
  /* Of the first rater used: the rating expected had there been no tension, with its 95% band for one rating. Online
   * from the sessions before (and this patient's tensions so far set apart), in hindsight from all. */
  double expected, low, high;
  double z; /* (rating - expected) / its standard deviation; 0 when missing */
  bool has_z;
  double tension;      /* P(a tension has begun by this session); -1 for rules that have no probability */
  double repaired;     /* P(it was repaired, fully or partly, by this session); -1 likewise */
  double perceived[3]; /* the part of `tension` noticed by both, by the patient only, by the therapist only */
  double score;        /* what is held against threshold.limit */
  enum alliance_event event;
};

struct alliance_result {
  int count;
  struct alliance_finding *sessions; /* in the memory handed in */
  /* The likeliest episode as indexes into sessions: [begins, ends); ends == count when not repaired. begins == -1
   * for rules that have none. Only `model`, `changepoint`. */
  int begins, ends;
  double likeliest; /* its posterior share among all episodes, 0..1 */
};

struct alliance_case {
  struct alliance_series series;
  const struct alliance_threshold *threshold; /* says rule and view; NULL: this patient is left out */
  enum alliance_status status;                /* what came of it: ALLIANCE_TOO_SHORT where left out */
  struct alliance_result result;              /* count == 0 unless the status is ALLIANCE_OK */
};

/* Judges patients, one or many, by whatever rules their thresholds say. Those of one design and threshold are judged
 * side by side, wherever they stand; what is said of a patient does not depend on who else is judged. Returns the first
 * status that is not ALLIANCE_OK in the order of the cases; after ALLIANCE_MEMORY results are not defined. */
enum alliance_status alliance_detect(struct alliance_case *cases, size_t count, const struct alliance_estimate *estimate,
                                     void *memory, size_t bytes);
size_t alliance_detect_memory(const struct alliance_case *cases, size_t count);
/* Sessions with something for the rule to go by: a rating or a report of a rater in use for the model, a rating of the
 * first rater for the others. Fewer than alliance_rules[rule].least are too few. */
int alliance_evidence(const struct alliance_series *series, const struct alliance_estimate *estimate,
                      enum alliance_rule rule);
/* The first rater in use: expected ratings and the classical rules are theirs. */
enum alliance_rater alliance_first_rater(const struct alliance_estimate *estimate);

/* The limit that the data check, for the model: the cases of the sample, with the thresholds that were found for them,
 * judged as they are and turned over about the mean course. Where more patients alarm turned over than were asked for
 * and chance explains, limits are to be multiplied by `factor`; else it is 1. Says nothing (patients == 0) of other
 * rules and where many ratings are at an end of the scale. */
struct alliance_mirror {
  int patients, alarms; /* judged turned over, less those who alarm as they are; of these the alarms */
  double factor;
  /* Kelly's measure of all deviations, as they are: (q90 + q10 - 2 q50) / (q90 - q10). Well below 0 ratings fall further
   * than they rise even outside tensions, which cannot be told from them: alarms may be more than asked. */
  double skew;
};
#define ALLIANCE_SKEWED (-0.12)
enum alliance_status alliance_mirror_find(struct alliance_mirror *mirror, const struct alliance_case *cases, size_t count,
                                          const struct alliance_estimate *estimate, double false_alarm, void *memory,
                                          size_t bytes);
size_t alliance_mirror_memory(const struct alliance_case *cases, size_t count);

/* The rate of false alarms per patient that is kept, with the interval in which nine of ten samples of this size leave
 * it: measured in simulation (docs/detection.md). With no sample (patients == 0) as for ten patients. */
struct alliance_rate {
  double rate, low, high;
};
struct alliance_rate alliance_rate_of(const struct alliance_estimate *estimate, double false_alarm);

/* Several rules over many patients in one pass. `ratings` holds a row of `sessions` ratings for each patient, none
 * missing, at the times `time`; rules are any but ALLIANCE_MODEL. */
struct alliance_pass {
  const enum alliance_rule *rules;
  int count; /* of rules */
  enum alliance_view view;
  const double *time;
  int sessions;
  const double *ratings;
  size_t patients;
};
/* largest[k * patients + p] becomes the largest score of rules[k] over the course of patient p, which a limit is held
 * against: to the last bit that of alliance_detect(). */
enum alliance_status alliance_largest_scores(double *largest, const struct alliance_pass *pass,
                                             const struct alliance_estimate *estimate, void *memory, size_t bytes);
/* Bytes that alliance_largest_scores() and alliance_threshold_find() need for a series of `count` sessions. */
size_t alliance_memory(int count, int simulations);

/* ---- people of known truth ---- */

/* How a simulated tension runs: linear declines and returns over its length, unlike the model's own two steps. */
enum alliance_course {
  ALLIANCE_SUDDEN,      /* full depth at once, and back at once */
  ALLIANCE_SLOW_FALL,   /* slow decline, sudden repair; or, without repair, over three sessions and stays */
  ALLIANCE_SLOW_RETURN, /* sudden decline, slow repair */
  ALLIANCE_SLOW_BOTH,
  ALLIANCE_PARTLY, /* sudden, and half-way back */
  ALLIANCE_COURSES
};
#define ALLIANCE_LENGTHS 4 /* of simulated tensions: 1, 2, 3 sessions, or to the end */

/* The share of its depth that a tension of this course and length has k sessions after its onset (k >= 0). Length 0:
 * to the end of the course. */
double alliance_course_weight(enum alliance_course course, int length, int k);

/* A trial of made-up people. The figures of `truth` are theirs: levels, spreads, reports, who notices, prevalence. */
struct alliance_world {
  struct alliance_estimate truth;
  int therapists, patients, sessions; /* patients per therapist; sessions at most ALLIANCE_SESSIONS_MAX */
  double therapist_share;             /* of the level's variance */
  double missing, dropout;            /* chance that a session is missing; that it was the last */
  double depth[4];                    /* shares of depths of 1, 2, 3 and 4 residual SDs */
  double length[ALLIANCE_LENGTHS];    /* shares */
  double course[ALLIANCE_COURSES];    /* shares among lengths that allow them; the others count as sudden */
  double effect;                      /* added to the slope in the programme's arm */
};
/* The default mixture of docs/detection.md: a quarter of the patients with a tension; repaired or not as 58 : 42. */
struct alliance_world alliance_world_default(void);

struct alliance_truth {
  bool tension, programme;
  enum alliance_course course;
  int begins, ends; /* sessions [begins, ends); ends == world->sessions when never repaired */
  int length;       /* 0: to the end */
  double depth;     /* in residual SDs, the same for both raters */
  bool noticed[ALLIANCE_RATERS];
};

/* One patient, sessions at times 1, 2, ...; returns how many were held (rows filled). The same seed, therapist and
 * patient give the same person on any machine, whoever else is simulated. */
int alliance_simulate_patient(struct alliance_session sessions[], struct alliance_truth *truth,
                              const struct alliance_world *world, uint64_t seed, uint32_t therapist, uint32_t patient);

#endif
