#include "attune/stats_power.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "attune/stats_distributions.h"
#include "attune/stats_math.h"
#include "stats/model_base.h"
#include "stats/power_draw.h"
#include "stats/power_kernel.h"

#define STREAM_PEOPLE 1
#define STREAM_RESPONSE 2
#define PILOT UINT32_MAX /* the trial that tells the others how the criterion bends */
#define BATCH 64

/* ---- is the design one? ---- */

static enum stats_status check_level(const struct stats_level *level, const char *name, struct stats_error *error) {
  if (!(level->intercept >= 0) || !(level->slope >= 0) || !isfinite(level->intercept + level->slope))
    return model_fail(error, STATS_BAD_DATA, name, "the variances of the %s are not numbers of at least 0", name);
  if (!(level->covariance * level->covariance <= level->intercept * level->slope * (1 + 1e-12)))
    return model_fail(error, STATS_BAD_DATA, name,
                      "the %s's correlation of intercept and slope is not between -1 and 1", name);
  if (level->fit_covariance && !(level->fit_intercept && level->fit_slope))
    return model_fail(error, STATS_BAD_DATA, name,
                      "the %s's model has a correlation without both an intercept and a slope", name);
  return STATS_OK;
}

static enum stats_status check_arm(const struct stats_power_design *design, size_t a, struct stats_error *error) {
  const struct stats_arm *arm = &design->arm[a];
  const struct stats_arm_sizes *sizes = &arm->patients;
  if (sizes->therapists < 2 && !sizes->no_therapists)
    return model_fail(error, STATS_BAD_DATA, "therapists", "arm %zu has %zu therapists; an arm needs at least 2", a + 1,
                      sizes->therapists);
  if (sizes->therapists > 100000)
    return model_fail(error, STATS_BAD_DATA, "therapists", "arm %zu has more than 100,000 therapists", a + 1);
  double mean = power_mean_size(sizes);
  if (!(mean > 0 && mean <= 100000))
    return model_fail(error, STATS_BAD_DATA, "patients", "arm %zu has %g patients a therapist; give 1 to 100,000",
                      a + 1, mean);
  if (sizes->sizes == STATS_SIZES_UNIFORM && (sizes->least > sizes->most || sizes->most > 100000))
    return model_fail(error, STATS_BAD_DATA, "patients", "arm %zu: sizes go from %zu to %zu", a + 1, sizes->least,
                      sizes->most);
  if (mean * (double)sizes->therapists < 2)
    return model_fail(error, STATS_BAD_DATA, "patients", "arm %zu has fewer than 2 patients", a + 1);
  if (!isfinite(arm->intercept) || !isfinite(arm->slope))
    return model_fail(error, STATS_BAD_DATA, "effect", "the means of arm %zu are not finite", a + 1);
  for (size_t t = 0; t < design->times; t++)
    if (!(arm->kept[t] >= 0 && arm->kept[t] <= (t ? arm->kept[t - 1] : 1)) || (t == 0 && arm->kept[0] != 1))
      return model_fail(error, STATS_BAD_DATA, "dropout",
                        "arm %zu: the share still there does not fall from 1 at the first session", a + 1);
  if (arm->kept[1] == 0)
    return model_fail(error, STATS_BAD_DATA, "dropout", "arm %zu: nobody gives a second session", a + 1);
  return STATS_OK;
}

enum stats_status stats_power_check(const struct stats_power_design *design, struct stats_error *error) {
  if (design->arms < 2 || design->arms > STATS_POWER_ARMS)
    return model_fail(error, STATS_BAD_DATA, "arms", "there are %zu arms; a comparison takes 2 to %d", design->arms,
                      STATS_POWER_ARMS);
  if (design->times < 2 || design->times > STATS_POWER_TIMES)
    return model_fail(error, STATS_BAD_DATA, "sessions", "there are %zu sessions; a growth design takes 2 to %d",
                      design->times, STATS_POWER_TIMES);
  for (size_t t = 0; t < design->times; t++)
    if (!isfinite(design->time[t]) || (t && !(design->time[t] > design->time[t - 1])))
      return model_fail(error, STATS_BAD_DATA, "times", "the times of the sessions do not increase");
  if (!(design->residual > 0) || !isfinite(design->residual))
    return model_fail(error, STATS_BAD_DATA, "residual", "the residual variance is %g; it must be above 0",
                      design->residual);
  if (design->from >= design->arms || design->to >= design->arms || design->from == design->to)
    return model_fail(error, STATS_BAD_DATA, "test", "the test does not compare two arms");
  if (!isfinite(design->weight[0] + design->weight[1]) || (design->weight[0] == 0 && design->weight[1] == 0))
    return model_fail(error, STATS_BAD_DATA, "test", "the test weighs neither intercept nor slope");
  enum stats_status status = check_level(&design->patient, "patient", error);
  if (!status) status = check_level(&design->therapist, "therapist", error);
  for (size_t a = 0; a < design->arms && !status; a++) status = check_arm(design, a, error);
  return status;
}

/* Time in units of its largest value, so that parameters are of one size; nothing else changes. */
static void rescale(struct stats_power_design *to, const struct stats_power_design *from) {
  double unit = 0;
  *to = *from;
  for (size_t t = 0; t < from->times; t++)
    if (fabs(from->time[t]) > unit) unit = fabs(from->time[t]);
  for (size_t t = 0; t < from->times; t++) to->time[t] = from->time[t] / unit;
  for (size_t a = 0; a < from->arms; a++) to->arm[a].slope *= unit;
  to->patient.slope *= unit * unit;
  to->patient.covariance *= unit;
  to->therapist.slope *= unit * unit;
  to->therapist.covariance *= unit;
  to->weight[1] /= unit;
}

static double true_effect(const struct stats_power_design *d) {
  return d->weight[0] * (d->arm[d->to].intercept - d->arm[d->from].intercept) +
         d->weight[1] * (d->arm[d->to].slope - d->arm[d->from].slope);
}

/* ---- one trial ---- */

struct outcome {
  double estimate, se, df;
  uint16_t evaluations;
  bool fitted, estimable, singular, rejected, covered;
};

struct worker {
  const struct power_plan *plan;
  const struct stats_power_options *options;
  struct power_trial trial;
  double start[6];       /* theta where every fit begins */
  const double *inverse; /* how the criterion bends there, or NULL */
  double effect;
};

/* Therapists less arms: what a t test of therapists' summaries has; patients where an arm has no therapists. */
static double between_df(const struct power_trial *trial, const struct stats_power_design *design) {
  double df = 0;
  for (size_t i = 0; i < 2; i++) {
    size_t a = i ? design->to : design->from;
    if (!design->arm[a].patients.no_therapists) {
      df += (double)trial->clusters_of[a] - 1;
      continue;
    }
    double patients = -1;
    for (size_t c = 0; c < trial->clusters; c++)
      for (size_t j = 0; trial->cluster[c].arm == a && j < trial->cluster[c].cells; j++)
        patients += trial->cell[trial->cluster[c].first + j].count;
    df += patients;
  }
  return df;
}

static void draw(struct worker *w, uint32_t number) {
  struct stats_stream stream;
  if (w->plan->random || w->trial.clusters == 0) {
    stats_stream_init(&stream, w->options->seed, STREAM_PEOPLE, number, 0);
    power_draw_people(&w->trial, w->plan, &stream);
  }
  stats_stream_init(&stream, w->options->seed, STREAM_RESPONSE, number, 0);
  power_draw_response(&w->trial, w->plan, &stream);
}

static double find_df(struct worker *w, const double *theta, double *inflation) {
  *inflation = 1;
  switch (w->options->df) {
  case STATS_DF_SATTERTHWAITE:
    return power_satterthwaite(&w->trial, theta, w->plan->design);
  case STATS_DF_KENWARD_ROGER:
    return power_kenward_roger(&w->trial, theta, w->plan->design, inflation);
  case STATS_DF_BETWEEN_WITHIN:
    return between_df(&w->trial, w->plan->design);
  default:
    return INFINITY;
  }
}

/* From the shared start; where that stalls, once more with a look at how the criterion bends here. */
static bool fit(struct worker *w, double *theta) {
  memcpy(theta, w->start, sizeof w->start);
  if (power_fit(&w->trial, theta, w->inverse)) return true;
  for (size_t i = 0; i < w->trial.free.count; i++) theta[i] = w->trial.free.entry[i] == 1 ? 0 : 0.3;
  return power_fit(&w->trial, theta, NULL);
}

static struct outcome run_trial(struct worker *w, uint32_t number) {
  const struct stats_power_design *design = w->plan->design;
  struct power_trial *trial = &w->trial;
  struct outcome out = {.estimate = NAN, .se = NAN, .df = NAN};
  double theta[6], inflation;
  draw(w, number);
  trial->evaluations = 0;
  memcpy(theta, w->start, sizeof theta);
  out.estimable =
      trial->n > 2.0 * (double)trial->arms + (double)trial->free.count && power_evaluate(trial, theta, NULL);
  if (!out.estimable || !fit(w, theta)) return out;
  out.df = find_df(w, theta, &inflation);
  double variance = trial->sigma2 * power_contrast_variance(trial, design) * inflation;
  if (!(variance > 0) || !(out.df > 0)) return out;
  out.fitted = true;
  for (size_t i = 0; i < trial->free.count; i++) out.singular |= trial->free.entry[i] != 1 && fabs(theta[i]) < 1e-4;
  out.evaluations = (uint16_t)(trial->evaluations < UINT16_MAX ? trial->evaluations : UINT16_MAX);
  out.se = sqrt(variance);
  out.estimate = design->weight[0] * (trial->beta[design->to].x - trial->beta[design->from].x) +
                 design->weight[1] * (trial->beta[design->to].y - trial->beta[design->from].y);
  out.rejected = stats_t_two_sided(out.estimate / out.se, out.df) < w->options->alpha;
  out.covered = stats_t_two_sided((out.estimate - w->effect) / out.se, out.df) >= w->options->alpha;
  return out;
}

/* ---- all trials ---- */

struct run {
  const struct stats_power_options *options;
  struct outcome *outcome;
  atomic_size_t next, done;
  pthread_mutex_t telling;
};

struct thread {
  struct run *run;
  struct worker worker;
  pthread_t id;
};

static void *run_thread(void *state) {
  struct thread *thread = state;
  struct run *run = thread->run;
  size_t trials = run->options->trials;
  for (;;) {
    size_t first = atomic_fetch_add(&run->next, BATCH), last = first + BATCH < trials ? first + BATCH : trials;
    if (first >= trials) return NULL;
    for (size_t i = first; i < last; i++) run->outcome[i] = run_trial(&thread->worker, (uint32_t)i);
    size_t done = atomic_fetch_add(&run->done, last - first) + last - first;
    if (!run->options->progress) continue;
    pthread_mutex_lock(&run->telling);
    run->options->progress(run->options->state, done, trials);
    pthread_mutex_unlock(&run->telling);
  }
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Sums in the trials' order, whichever thread ran them. */
static void summarise(const struct run *run, double *dfs, struct stats_power_result *result) {
  double estimate = 0, squares = 0, se = 0, df = 0, evaluations = 0;
  size_t fitted = 0, covered = 0, trials = run->options->trials;
  for (size_t i = 0; i < trials; i++) {
    const struct outcome *out = &run->outcome[i];
    result->failed += !out->fitted;
    result->not_estimable += !out->estimable;
    if (!out->fitted) continue;
    dfs[fitted++] = out->df;
    result->rejected += out->rejected;
    result->singular += out->singular;
    covered += out->covered;
    estimate += out->estimate;
    se += out->se;
    df += out->df;
    evaluations += out->evaluations;
  }
  double n = (double)fitted;
  for (size_t i = 0; i < trials; i++)
    if (run->outcome[i].fitted)
      squares += (run->outcome[i].estimate - estimate / n) * (run->outcome[i].estimate - estimate / n);
  result->trials = trials;
  result->power = (double)result->rejected / (double)trials;
  result->mcse = sqrt(result->power * (1 - result->power) / (double)trials);
  result->mean_estimate = estimate / n;
  result->sd_estimate = sqrt(squares / (n - 1));
  result->mean_se = se / n;
  result->mean_df = df / n;
  result->mean_evaluations = evaluations / n;
  result->coverage = (double)covered / n;
  qsort(dfs, fitted, sizeof *dfs, ascending);
  result->median_df = fitted ? (dfs[(fitted - 1) / 2] + dfs[fitted / 2]) / 2 : NAN;
}

/* The start: the true variances, with something in the place of zeros (the criterion is flat there by symmetry). */
static void choose_start(struct worker *w) {
  power_true_theta(&w->trial, w->plan->design, 1, w->start);
  for (size_t i = 0; i < w->trial.free.count; i++)
    if (w->trial.free.entry[i] != 1 && w->start[i] < 0.05) w->start[i] = 0.05;
}

/* Looks at one trial of its own to learn how the criterion bends; if it cannot, all fits find out for themselves. */
static const double *learn(struct worker *w, double *inverse) {
  if (!w->trial.free.count) return NULL;
  draw(w, PILOT);
  if (!power_evaluate(&w->trial, w->start, NULL)) return NULL;
  return power_start_inverse(&w->trial, w->start, inverse) ? inverse : NULL;
}

enum stats_status stats_power_run(const struct stats_power_design *design, const struct stats_power_options *options,
                                  const struct stats_memory *memory, struct stats_power_result *result,
                                  struct stats_error *error) {
  *result = (struct stats_power_result){0};
  enum stats_status status = stats_power_check(design, error);
  if (status) return status;
  if (options->trials < 1 || options->trials >= PILOT)
    return model_fail(error, STATS_BAD_DATA, "trials", "give between 1 and 4,294,967,294 trials");
  if (!(options->alpha > 0 && options->alpha < 1))
    return model_fail(error, STATS_BAD_DATA, "alpha", "alpha is between 0 and 1");
  size_t threads = options->threads ? options->threads : 1;
  if (threads > 256) threads = 256;
  struct stats_power_design *scaled = memory->take(memory->state, sizeof *scaled);
  struct thread *thread = memory->take(memory->state, threads * sizeof *thread);
  struct run run = {.options = options, .telling = PTHREAD_MUTEX_INITIALIZER};
  run.outcome = memory->take(memory->state, options->trials * sizeof *run.outcome);
  double *dfs = memory->take(memory->state, options->trials * sizeof *dfs), inverse[36];
  if (!scaled || !thread || !run.outcome || !dfs) return model_no_memory(error);
  rescale(scaled, design);
  struct power_plan plan;
  power_plan_make(&plan, scaled);
  for (size_t i = 0; i < threads; i++) {
    struct worker *w = &thread[i].worker;
    thread[i].run = &run;
    *w = (struct worker){.plan = &plan, .options = options, .effect = true_effect(design)};
    if (!power_trial_new(&w->trial, scaled, plan.clusters, plan.cells, memory)) return model_no_memory(error);
    choose_start(w);
    w->inverse = i ? thread[0].worker.inverse : learn(w, inverse);
  }
  size_t started = 1;
  while (started < threads && !pthread_create(&thread[started].id, NULL, run_thread, &thread[started])) started++;
  run_thread(&thread[0]);
  for (size_t i = 1; i < started; i++) pthread_join(thread[i].id, NULL);
  summarise(&run, dfs, result);
  return STATS_OK;
}

/* ---- closed form ---- */

/* The t test of therapists' means is the model's own when the model lets therapists differ in what is tested. */
static bool is_exact(const struct stats_power_design *design, const struct power_plan *plan) {
  size_t size = 0;
  const struct stats_level *t = &design->therapist;
  if ((design->weight[0] != 0 && !t->fit_intercept) || (design->weight[1] != 0 && !t->fit_slope)) return false;
  for (size_t i = 0; i < 2; i++) {
    const struct stats_arm_sizes *sizes = &design->arm[i ? design->to : design->from].patients;
    if (plan->random || sizes->no_therapists) return false;
    for (size_t j = 0; j < sizes->therapists; j++) {
      size_t own = sizes->sizes == STATS_SIZES_LISTED ? sizes->list[j] : sizes->fixed;
      if (size && own != size) return false;
      size = own;
    }
  }
  return true;
}

enum stats_status stats_power_closed_form(const struct stats_power_design *design, double alpha,
                                          const struct stats_memory *memory, struct stats_power_closed *closed,
                                          struct stats_error *error) {
  *closed = (struct stats_power_closed){0};
  enum stats_status status = stats_power_check(design, error);
  if (status) return status;
  struct stats_power_design *scaled = memory->take(memory->state, sizeof *scaled);
  if (!scaled) return model_no_memory(error);
  rescale(scaled, design);
  struct power_plan plan;
  struct power_trial trial;
  power_plan_make(&plan, scaled);
  if (!power_trial_new(&trial, scaled, plan.clusters, plan.cells + plan.clusters * design->times, memory))
    return model_no_memory(error);
  power_expected_people(&trial, &plan);
  double theta[6], inflation;
  power_true_theta(&trial, scaled, 1, theta);
  trial.yy = 1; /* data do not enter */
  power_evaluate(&trial, theta, NULL);
  double variance = scaled->residual * power_contrast_variance(&trial, scaled);
  if (!(variance > 0) || !isfinite(variance))
    return model_fail(error, STATS_BAD_DATA, "design", "this design holds no estimate of the contrast");
  closed->exact = is_exact(design, &plan);
  closed->se = sqrt(variance);
  closed->effect = true_effect(design);
  closed->df = closed->exact ? between_df(&trial, scaled) : power_kenward_roger(&trial, theta, scaled, &inflation);
  closed->power = stats_nct_power(alpha, closed->df, closed->effect / closed->se);
  return STATS_OK;
}
