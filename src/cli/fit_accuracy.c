#include "cli/fit_accuracy.h"

#include <math.h>

#include "attune/operating.h"
#include "cli/fit_ready.h"

static void *take(void *state, size_t bytes) {
  return arena_alloc(state, bytes);
}
static void drop(void *state) {
  arena_reset(state);
}

/* ---- carry-over ---- */

static void print_carry_over(const struct stats_accuracy *columns, const struct stats_inertia *r, double sessions,
                             double bias) {
  printf("Carry-over of %s from one session to the next, with latent patient means (maximum likelihood)\n",
         columns->outcome);
  printf("Number of obs: %zu, patients: %zu\n\n", r->rows, r->patients);
  printf("%-18s %12s %12s\n", "", "Estimate", "Std. Error");
  printf("%-18s %12.6g %12.6g\n", "phi", r->phi, r->se);
  printf("%-18s %12.6g\n%-18s %12.6g\n%-18s %12.6g\n", "mean", r->mean, "variance between", r->between,
         "variance within", r->within);
  printf("\nDeviance: %.6f. A lag of ratings centred at the patient's mean would be biased by about %.3f\n"
         "(Nickell 1981; %.3g sessions a patient).\n",
         r->deviance, bias, sessions);
}

enum err fit_carry_over(const struct fit_context *context, const struct stats_accuracy *columns, struct error *error) {
  struct arena arena;
  struct stats_inertia r;
  struct stats_error said;
  enum err err = OK;
  arena_init(&arena, (size_t)8 << 30);
  const struct stats_scratch scratch = {{take, &arena}, drop};
  if (stats_carry_over(context->table, columns, context->memory, &scratch, &r, &said)) err = fit_error(&said, error);
  arena_free(&arena);
  if (err) return err;
  double sessions = (double)r.rows / (double)r.patients, bias = stats_nickell_bias(r.phi, sessions);
  if (!context->document) {
    print_carry_over(columns, &r, sessions, bias);
    return OK;
  }
  json_object_update_new(context->document,
                         json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:o}", "model", "carry-over",
                                   "n", (json_int_t)r.rows, "patients", (json_int_t)r.patients, "phi",
                                   fit_number(r.phi), "se", fit_number(r.se), "mean", fit_number(r.mean), "between",
                                   fit_number(r.between), "within", fit_number(r.within), "deviance",
                                   fit_number(r.deviance), "sessions", sessions, "nickell_bias", fit_number(bias)));
  return OK;
}

/* ---- signals ---- */

struct pooled {
  struct stats_signals_therapist counts;
  struct operating_signals found;
};

static struct pooled pool(const struct stats_signals *r) {
  struct pooled p = {0};
  for (size_t j = 0; j < r->therapists; j++) {
    p.counts.hits += r->therapist[j].hits;
    p.counts.signals += r->therapist[j].signals;
    p.counts.false_reports += r->therapist[j].false_reports;
    p.counts.noise += r->therapist[j].noise;
  }
  operating_signals_find(&p.found, p.counts.hits, p.counts.signals, p.counts.false_reports, p.counts.noise);
  return p;
}

static json_t *therapists_json(const struct stats_signals *r, bool predicted) {
  json_t *all = json_array();
  for (size_t j = 0; j < r->therapists; j++) {
    const struct stats_signals_therapist *t = &r->therapist[j];
    json_t *one = json_pack("{s:s, s:f, s:f, s:f, s:f}", "therapist", t->name, "hits", t->hits, "signals", t->signals,
                            "false_reports", t->false_reports, "noise", t->noise);
    if (predicted)
      json_object_update_new(one,
                             json_pack("{s:f, s:f, s:f, s:f}", "sensitivity", t->sensitivity, "sensitivity_se",
                                       t->sensitivity_se, "criterion", t->criterion, "criterion_se", t->criterion_se));
    json_array_append_new(all, one);
  }
  return all;
}

static void signals_json(json_t *out, const struct stats_signals *r, const struct pooled *p, const char *refused) {
  const struct operating_signals *f = &p->found;
  json_object_update_new(out,
                         json_pack("{s:s, s:I, s:{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}, s:o}", "model",
                                   "signals", "n", (json_int_t)r->rows, "pooled", "hits", p->counts.hits, "signals",
                                   p->counts.signals, "false_reports", p->counts.false_reports, "noise",
                                   p->counts.noise, "hit_rate", f->hit_rate, "false_rate", f->false_rate, "sensitivity",
                                   f->sensitivity, "sensitivity_se", f->sensitivity_se, "criterion", f->criterion,
                                   "criterion_se", f->criterion_se, "therapists", therapists_json(r, !refused)));
  if (refused) {
    json_object_set_new(out, "refused", json_string(refused));
    return;
  }
  json_object_update_new(out, json_pack("{s:f, s:f, s:o, s:b, s:f, s:f}", "sensitivity_sd", r->sensitivity_sd,
                                        "criterion_sd", r->criterion_sd, "correlation", fit_number(r->correlation),
                                        "singular", r->singular, "log_likelihood", r->log_likelihood, "gradient",
                                        r->gradient));
}

static void print_pooled(const struct stats_accuracy *columns, const struct stats_signals *r, const struct pooled *p) {
  const struct operating_signals *f = &p->found;
  printf("Signal detection: is %s noticed in %s?\nNumber of obs: %zu, groups: %s, %zu\n\n", columns->truth,
         columns->judgment, r->rows, columns->therapist, r->therapists);
  printf("All sessions together (half a session added to each count): %g hits in %g signals, %g false reports in %g "
         "others\n",
         p->counts.hits, p->counts.signals, p->counts.false_reports, p->counts.noise);
  printf("d' %.4f (%.4f), c %.4f (%.4f)\n", f->sensitivity, f->sensitivity_se, f->criterion, f->criterion_se);
}

static void print_spread(const struct stats_signals *r) {
  printf("\nBetween therapists: SD of d' %.6g, SD of c %.6g", r->sensitivity_sd, r->criterion_sd);
  if (!isnan(r->correlation)) printf(", correlation %.2f", r->correlation);
  printf("%s\n", r->singular ? " (singular: an SD is 0, or the correlation 1 or -1)" : "");
}

static void print_therapists(const struct stats_signals *r, const char *label) {
  printf("\n%-16s %6s %8s %6s %7s %9s %9s %9s %9s\n", label, "hits", "signals", "false", "others", "d'", "SD", "c",
         "SD");
  for (size_t j = 0; j < r->therapists; j++) {
    const struct stats_signals_therapist *t = &r->therapist[j];
    printf("%-16s %6g %8g %6g %7g %9.4f %9.4f %9.4f %9.4f\n", t->name, t->hits, t->signals, t->false_reports, t->noise,
           t->sensitivity, t->sensitivity_se, t->criterion, t->criterion_se);
  }
}

enum err fit_signals(const struct fit_context *context, const struct stats_accuracy *columns, bool by_therapist,
                     struct error *error) {
  struct stats_signals r;
  struct stats_error said = {.text = ""};
  enum stats_status status = stats_signals_fit(context->table, columns, context->memory, &r, &said);
  if (status && status != STATS_NOT_FITTED) return fit_error(&said, error);
  struct pooled p = pool(&r);
  const char *refused = status ? said.text : NULL;
  if (context->document)
    signals_json(context->document, &r, &p, refused);
  else
    print_pooled(columns, &r, &p);
  if (refused) {
    if (!context->document) printf("\nNo multilevel model: %s.\n", refused);
    return OK;
  }
  if (!context->document) printf("\nMultilevel probit model (maximum likelihood, adaptive quadrature; z tests):");
  fit_show_quantities(context, r.quantity, r.quantities);
  if (context->document) return OK;
  print_spread(&r);
  if (by_therapist) print_therapists(&r, columns->therapist);
  return OK;
}
