#include "cli/fit_print.h"

#include <math.h>
#include <string.h>

static int text_width(const char *text) { /* in characters, of UTF-8 */
  int n = 0;
  for (; *text; text++) n += ((unsigned char)*text & 0xC0) != 0x80;
  return n;
}

static void print_left(FILE *to, const char *text, int width) {
  fprintf(to, "%s%*s", text, width - text_width(text) > 0 ? width - text_width(text) : 0, "");
}

static void print_random(FILE *to, const struct stats_model *model) {
  int group = 8, name = 11;
  for (size_t t = 0; t < model->terms; t++) {
    const struct stats_random *r = &model->random[t];
    if (text_width(r->group) > group) group = text_width(r->group);
    for (size_t i = 0; i < r->size; i++)
      if (text_width(r->name[i]) > name) name = text_width(r->name[i]);
  }
  fprintf(to, "Random effects:\n ");
  print_left(to, "Groups", group + 1);
  print_left(to, "Name", name + 1);
  fprintf(to, "%12s %12s  Corr\n", "Variance", "Std.Dev.");
  for (size_t t = 0; t < model->terms; t++) {
    const struct stats_random *r = &model->random[t];
    for (size_t i = 0; i < r->size; i++) {
      double variance = r->covariance[i * r->size + i];
      fprintf(to, " ");
      print_left(to, i ? "" : r->group, group + 1);
      print_left(to, r->name[i], name + 1);
      fprintf(to, "%12.6g %12.6g ", variance, sqrt(variance));
      for (size_t j = 0; j < i; j++) {
        double scale = sqrt(variance * r->covariance[j * r->size + j]);
        if (scale > 0)
          fprintf(to, " %5.2f", r->covariance[i * r->size + j] / scale);
        else
          fprintf(to, "   NaN");
      }
      fprintf(to, "\n");
    }
  }
  fprintf(to, " ");
  print_left(to, "Residual", group + 1);
  fprintf(to, "%*s%12.6g %12.6g\n", name + 1, "", model->sigma2, sqrt(model->sigma2));
  fprintf(to, "Number of obs: %zu", model->n);
  for (size_t t = 0; t < model->terms; t++)
    fprintf(to, "%s %s, %zu", t ? ";" : ", groups: ", model->random[t].group, model->random[t].levels);
  fprintf(to, "\n\n");
}

static const char *stars(double p) {
  return p < 0.001 ? "***" : p < 0.01 ? "**" : p < 0.05 ? "*" : p < 0.1 ? "." : "";
}

static void print_fixed(FILE *to, const struct stats_model *model) {
  int name = 11;
  for (size_t j = 0; j < model->p; j++)
    if (text_width(model->fixed[j].name) > name) name = text_width(model->fixed[j].name);
  bool z = model->df == STATS_DF_NONE && !model->cluster;
  fprintf(to, "Fixed effects:\n");
  fprintf(to, "%*s %12s %12s %9s %9s %10s\n", name, "", "Estimate", "Std. Error", z ? "" : "df",
          z ? "z value" : "t value", z ? "Pr(>|z|)" : "Pr(>|t|)");
  for (size_t j = 0; j < model->p; j++) {
    const struct stats_coefficient *c = &model->fixed[j];
    char df[24] = "", p[24];
    if (!z) snprintf(df, sizeof df, "%.4g", c->df);
    if (!z && c->df >= 1000) snprintf(df, sizeof df, "%.0f", c->df);
    snprintf(p, sizeof p, c->p < 2e-16 ? "<2e-16" : c->p < 1e-4 ? "%.2e" : "%.5f", c->p);
    print_left(to, c->name, name);
    fprintf(to, " %12.6g %12.6g %9s %9.3f %10s %s\n", c->estimate, c->se, df, c->t, p, stars(c->p));
  }
  fprintf(to, "---\nSignif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1\n");
}

static void print_notes(FILE *to, const struct stats_model *model) {
  if (model->rows_dropped)
    fprintf(to, "%zu row%s left out because a value is missing\n", model->rows_dropped,
            model->rows_dropped == 1 ? " was" : "s were");
  for (size_t t = 0; t < model->terms; t++)
    if (model->random[t].levels <= model->random[t].size)
      fprintf(to, "'%s' has %zu groups for %zu random effects each: too few to estimate their covariance\n",
              model->random[t].group, model->random[t].levels, model->random[t].size);
  if (model->dropped) {
    fprintf(to, "the fixed-effect model matrix is rank deficient, so %zu column%s left out:", model->dropped,
            model->dropped == 1 ? " was" : "s were");
    for (size_t i = 0; i < model->dropped; i++) fprintf(to, "%s %s", i ? "," : "", model->dropped_name[i]);
    fprintf(to, "\n");
  }
  if (model->singular)
    fprintf(to, "the fit is singular: a variance is zero, or a correlation is exactly 1 or -1 (see docs/fit.md)\n");
  if (model->starts.apart)
    fprintf(to,
            "the criterion has several valleys: of %zu starts %zu ended at a higher one (%.10g); the lowest is shown\n",
            model->starts.tried, model->starts.apart, model->starts.other);
}

void fit_print(FILE *to, const struct stats_model *model) {
  static const char *const methods[] = {"t tests use Satterthwaite's degrees of freedom",
                                        "t tests use Kenward and Roger's covariance and degrees of freedom",
                                        "t tests use between-within degrees of freedom", "z tests"};
  fprintf(to, "Linear %smodel fit by %s; %s\n", model->terms ? "mixed " : "", model->ml ? "maximum likelihood" : "REML",
          model->cluster ? "cluster-robust standard errors (CR2), Satterthwaite df" : methods[model->df]);
  fprintf(to, "Formula: %s\n", model->formula);
  print_notes(to, model);
  fprintf(to, "\n%s: %.10g   (largest gradient %.1e after %zu evaluations)\n\n",
          model->ml ? "Deviance (-2 log-likelihood)" : "REML criterion", model->criterion, model->gradient,
          model->evaluations);
  if (model->gradient > 1e-5)
    fprintf(to, "Warning: few digits are left. Centre the columns, or bring them to like sizes, and fit again.\n\n");
  print_random(to, model);
  print_fixed(to, model);
}
