#include "cli/fit_plots.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "attune/stats_math.h"
#include "base/buf.h"

#define WIDTH 640
#define HEIGHT 440
#define LEFT 70
#define RIGHT 20
#define TOP 40
#define BOTTOM 56
#define AXIS "stroke=\"#444\" fill=\"none\""
#define POINTS_MOST 20000 /* that are drawn: beyond, every k-th */

struct point {
  double x, y, low, high; /* low and high: an interval, or NaN */
};

struct plot {
  const char *title, *across, *up;
  const struct point *point;
  size_t points;
  bool diagonal; /* a line through the quartiles; else one at zero */
  double x_low, x_high, y_low, y_high;
};

/* --- scales ------------------------------------------------------------------------------------------------------- */

static void widen(double x, double *low, double *high) {
  if (isnan(x)) return;
  if (!(x >= *low)) *low = x;
  if (!(x <= *high)) *high = x;
}

static void find_range(struct plot *plot) {
  plot->x_low = plot->y_low = NAN;
  plot->x_high = plot->y_high = NAN;
  for (size_t i = 0; i < plot->points; i++) {
    widen(plot->point[i].x, &plot->x_low, &plot->x_high);
    widen(plot->point[i].y, &plot->y_low, &plot->y_high);
    widen(plot->point[i].low, &plot->y_low, &plot->y_high);
    widen(plot->point[i].high, &plot->y_low, &plot->y_high);
  }
  double across = plot->x_high > plot->x_low ? 0.03 * (plot->x_high - plot->x_low) : 0.5;
  double up = plot->y_high > plot->y_low ? 0.03 * (plot->y_high - plot->y_low) : 0.5;
  plot->x_low -= across;
  plot->x_high += across;
  plot->y_low -= up;
  plot->y_high += up;
}

/* A round step (1, 2 or 5 times a power of ten) that gives some five marks. */
static double step_of(double range) {
  double power = pow(10, floor(log10(range / 5))), rest = range / 5 / power;
  return power * (rest < 1.5 ? 1 : rest < 3.5 ? 2 : rest < 7.5 ? 5 : 10);
}

static double place_x(const struct plot *p, double x) {
  return LEFT + (x - p->x_low) / (p->x_high - p->x_low) * (WIDTH - LEFT - RIGHT);
}
static double place_y(const struct plot *p, double y) {
  return HEIGHT - BOTTOM - (y - p->y_low) / (p->y_high - p->y_low) * (HEIGHT - TOP - BOTTOM);
}

/* --- drawing ------------------------------------------------------------------------------------------------------ */

static void draw_axes(struct buf *out, const struct plot *p) {
  double step = step_of(p->x_high - p->x_low);
  for (double x = ceil(p->x_low / step) * step; x <= p->x_high; x += step) {
    double at = place_x(p, x);
    buf_addf(out, "<path d=\"M%.1f %dv5\" " AXIS "/><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n", at,
             HEIGHT - BOTTOM, at, HEIGHT - BOTTOM + 20, fabs(x) < step / 1e6 ? 0 : x);
  }
  step = step_of(p->y_high - p->y_low);
  for (double y = ceil(p->y_low / step) * step; y <= p->y_high; y += step) {
    double at = place_y(p, y);
    buf_addf(out, "<path d=\"M%d %.1fh-5\" " AXIS "/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n", LEFT,
             at, LEFT - 9, at + 4, fabs(y) < step / 1e6 ? 0 : y);
  }
  buf_addf(out, "<path d=\"M%d %dV%dH%d\" " AXIS "/>\n", LEFT, TOP, HEIGHT - BOTTOM, WIDTH - RIGHT);
  html(out, "<text x=\"%d\" y=\"24\" text-anchor=\"middle\" font-size=\"15\">%s</text>\n", WIDTH / 2, p->title);
  html(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", WIDTH / 2, HEIGHT - 14, p->across);
  html(out, "<text x=\"16\" y=\"%d\" text-anchor=\"middle\" transform=\"rotate(-90 16 %d)\">%s</text>\n", HEIGHT / 2,
       HEIGHT / 2, p->up);
}

/* The line through the quartiles of points in order of x, as qqline() draws it. */
static void draw_line(struct buf *out, const struct plot *p) {
  double slope = 0, at = 0;
  if (p->diagonal && p->points > 3) {
    const struct point *a = &p->point[p->points / 4], *b = &p->point[3 * p->points / 4];
    slope = (b->y - a->y) / (b->x - a->x);
    at = a->y - slope * a->x;
  }
  double y1 = at + slope * p->x_low, y2 = at + slope * p->x_high, x1 = p->x_low, x2 = p->x_high;
  if (slope > 0) { /* cut where it leaves the picture */
    if (y1 < p->y_low) x1 = (p->y_low - at) / slope;
    if (y2 > p->y_high) x2 = (p->y_high - at) / slope;
    y1 = at + slope * x1;
    y2 = at + slope * x2;
  }
  if (y1 < p->y_low || y1 > p->y_high) return;
  buf_addf(out, "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"#a33\" fill=\"none\"/>\n", place_x(p, x1), place_y(p, y1),
           place_x(p, x2), place_y(p, y2));
}

static void draw(struct buf *out, struct plot *p) {
  size_t every = p->points / POINTS_MOST + 1;
  find_range(p);
  buf_addf(out,
           "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
           "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
           WIDTH, HEIGHT, WIDTH, HEIGHT);
  draw_axes(out, p);
  draw_line(out, p);
  for (size_t i = 0; i < p->points; i += every) {
    const struct point *point = &p->point[i];
    double x = place_x(p, point->x);
    if (!isnan(point->low))
      buf_addf(out, "<path d=\"M%.1f %.1fV%.1f\" stroke=\"#9ab\"/>", x, place_y(p, point->low),
               place_y(p, point->high));
    buf_addf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.2\" fill=\"#1d4f7c\" fill-opacity=\"0.6\"/>\n", x,
             place_y(p, point->y));
  }
  buf_addf(out, "</svg>\n");
}

static enum err write_plot(const struct fit_context *context, const char *directory, const char *name,
                           struct plot *plot, struct error *error) {
  struct buf out = buf_in(context->arena, 65536);
  const char *path = arena_printf(context->arena, "%s/%s.svg", directory, name);
  draw(&out, plot);
  FILE *file = fopen(path, "w");
  bool fine = file && fwrite(out.data, 1, out.length, file) == out.length;
  if (file) fine = fclose(file) == 0 && fine;
  return fine ? OK : fail(error, ERR_STORE, "plots", path, "%s could not be written", path);
}

/* --- what is drawn ------------------------------------------------------------------------------------------------ */

static int by_y(const void *a, const void *b) {
  double x = ((const struct point *)a)->y, y = ((const struct point *)b)->y;
  return (x > y) - (x < y);
}

static enum err draw_residuals(const struct fit_context *context, const char *directory, struct error *error) {
  size_t rows = context->table->rows, n = 0;
  double *fitted = arena_array(context->arena, rows + 1, sizeof *fitted);
  double *residual = arena_array(context->arena, rows + 1, sizeof *residual);
  struct point *point = arena_array(context->arena, rows + 1, sizeof *point);
  if (stats_model_fitted(context->model, fitted) || stats_model_residuals(context->model, residual))
    return fail(error, ERR_LIMIT, "memory", "", "the fitted values do not fit into memory");
  for (size_t i = 0; i < rows; i++)
    if (!isnan(residual[i])) point[n++] = (struct point){fitted[i], residual[i], NAN, NAN};
  struct plot plot = {.title = "Residuals", .across = "fitted value", .up = "residual", .point = point, .points = n};
  enum err err = write_plot(context, directory, "residuals", &plot, error);
  if (err) return err;
  qsort(point, n, sizeof *point, by_y);
  for (size_t i = 0; i < n; i++) point[i].x = stats_normal_quantile(((double)i + 0.5) / (double)n);
  plot = (struct plot){.title = "Residuals against the normal distribution",
                       .across = "normal quantile",
                       .up = "residual",
                       .point = point,
                       .points = n,
                       .diagonal = true};
  return write_plot(context, directory, "residual-quantiles", &plot, error);
}

/* A group's and an effect's name as a file's: letters, digits, points and dashes. */
static const char *file_name(struct arena *arena, const char *group, const char *effect) {
  char *name = arena_text(arena, arena_printf(arena, "effects-%s-%s", group, effect));
  for (char *c = name; *c; c++)
    if (!isalnum((unsigned char)*c) && *c != '.' && *c != '-') *c = '_';
  return name;
}

static enum err draw_effects(const struct fit_context *context, size_t t, const char *directory, struct error *error) {
  const struct stats_random *r = &context->model->random[t];
  double *effect = arena_array(context->arena, r->levels * r->size, sizeof *effect);
  double *se = arena_array(context->arena, r->levels * r->size, sizeof *se);
  struct point *point = arena_array(context->arena, r->levels, sizeof *point);
  if (stats_model_random_effects(context->model, t, effect, se))
    return fail(error, ERR_LIMIT, "memory", r->group, "the effects of '%s' do not fit into memory", r->group);
  for (size_t k = 0; k < r->size; k++) {
    for (size_t g = 0; g < r->levels; g++) {
      double b = effect[g * r->size + k], half = 1.96 * se[g * r->size + k];
      point[g] = (struct point){0, b, b - half, b + half};
    }
    qsort(point, r->levels, sizeof *point, by_y);
    for (size_t g = 0; g < r->levels; g++) point[g].x = (double)(g + 1);
    struct plot plot = {.title = arena_printf(context->arena, "%s by %s, with 95%% intervals", r->name[k], r->group),
                        .across = arena_printf(context->arena, "%s, in order", r->group),
                        .up = "predicted effect",
                        .point = point,
                        .points = r->levels};
    enum err err = write_plot(context, directory, file_name(context->arena, r->group, r->name[k]), &plot, error);
    if (err) return err;
  }
  return OK;
}

enum err fit_write_plots(const struct fit_context *context, const char *directory, struct error *error) {
  if (mkdir(directory, 0777) != 0 && errno != EEXIST)
    return fail(error, ERR_STORE, "plots", directory, "the folder %s cannot be made", directory);
  enum err err = draw_residuals(context, directory, error);
  for (size_t t = 0; t < context->model->terms && !err; t++) err = draw_effects(context, t, directory, error);
  return err;
}
