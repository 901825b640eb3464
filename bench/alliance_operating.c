/* The tables and curves of docs/operating-characteristics/: every rule beside the best possible detector, for every
 * length of course, kind of tension, share of missing sessions and view.
 *
 *     build/bench/alliance_operating DIRECTORY [TRIALS]       (tools/operating_characteristics.sh runs it)
 *
 * Writes one Markdown table a view and missing share, the cells that fall short, the default shares, and one SVG of
 * curves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attune/operating.h"

#define DEPTHS 4
#define SIZES 6
#define ROWS OPERATING_COMPARED

static const int sizes[SIZES] = {4, 6, 8, 12, 20, 30};
static const struct {
  const char *name;
  int length;
  enum alliance_course course;
} kinds[] = {{"1 session", 1, ALLIANCE_SUDDEN},
             {"2, sudden", 2, ALLIANCE_SUDDEN},
             {"3, sudden", 3, ALLIANCE_SUDDEN},
             {"to the end, sudden", 0, ALLIANCE_SUDDEN},
             {"2, slow decline", 2, ALLIANCE_SLOW_FALL},
             {"3, slow decline", 3, ALLIANCE_SLOW_FALL},
             {"to the end, slow decline", 0, ALLIANCE_SLOW_FALL},
             {"2, slow repair", 2, ALLIANCE_SLOW_RETURN},
             {"3, slow repair", 3, ALLIANCE_SLOW_RETURN},
             {"3, slow both ways", 3, ALLIANCE_SLOW_BOTH},
             {"2, half repaired", 2, ALLIANCE_PARTLY}};
#define KINDS ((int)(sizeof kinds / sizeof *kinds))
#define CELLS (KINDS * DEPTHS + 1) /* the last is the default mixture */

static struct operating_row found[SIZES][CELLS][ROWS];

struct shortfall {
  int cells, below_bound, below_rule, mixtures_below_rule;
  double worst_bound, worst_rule, worst_mixture;
};

static FILE *open_in(const char *directory, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE *file = fopen(path, "w");
  if (!file) {
    perror(path);
    exit(1);
  }
  return file;
}

static int best_rule(const struct operating_row *rows) {
  int best = 1;
  for (int rule = 2; rule < ALLIANCE_RULES; rule++)
    if (rows[rule].detected > rows[best].detected) best = rule;
  return best;
}

static void simulate(double missing, enum alliance_view view, int trials) {
  struct operating_cell cells[CELLS];
  for (int k = 0; k < KINDS; k++)
    for (int d = 0; d < DEPTHS; d++)
      cells[k * DEPTHS + d] =
          (struct operating_cell){.depth = d + 1, .length = kinds[k].length, .course = kinds[k].course};
  cells[CELLS - 1] = (struct operating_cell){.mixed = true};
  for (int n = 0; n < SIZES; n++) {
    struct operating spec = {.sessions = sizes[n],
                                      .missing = missing,
                                      .false_alarm = 0.05,
                                      .view = view,
                                      .trials = trials,
                                      .seed = 20261123};
    size_t bytes = operating_memory(&spec);
    void *memory = malloc(bytes);
    if (!memory || operating_find(found[n][0], &spec, cells, CELLS, memory, bytes)) exit(1);
    free(memory);
    fprintf(stderr, "%s, %.0f%% missing, %d sessions: done\n", view ? "hindsight" : "online", missing * 100, sizes[n]);
  }
}

static void write_row(FILE *out, const char *kind, const char *depth, int n, const struct operating_row *rows,
                      double limit_bound, struct shortfall *s) {
  int best = best_rule(rows);
  double gap = rows[OPERATING_INFORMED].detected - rows[0].detected, behind = rows[best].detected - rows[0].detected;
  bool short_of_bound = gap > limit_bound;
  fprintf(out, "| %d | %s | %s |", sizes[n], kind, depth);
  for (int rule = 0; rule < ALLIANCE_RULES; rule++) fprintf(out, " %.3f |", rows[rule].detected);
  fprintf(out, " %.3f | %.3f |", rows[OPERATING_INFORMED].detected, rows[OPERATING_BEST].detected);
  if (rows[0].delay >= 0)
    fprintf(out, " %.0f / %.0f |", rows[0].delay, rows[ALLIANCE_RULES].delay);
  else
    fprintf(out, " |");
  fprintf(out, " %+.3f%s | %+.3f%s |\n", -gap, short_of_bound ? " (short)" : "", -behind,
          behind > 0.03 ? " (short)" : "");
  s->cells++;
  s->below_bound += short_of_bound;
  s->below_rule += behind > 0.03;
  if (gap > s->worst_bound) s->worst_bound = gap;
  if (behind > s->worst_rule) s->worst_rule = behind;
}

static void write_table(const char *directory, double missing, enum alliance_view view, int trials, FILE *summary) {
  char name[64];
  snprintf(name, sizeof name, "%s-%s.md", view ? "hindsight" : "online", missing > 0 ? "missing" : "complete");
  FILE *out = open_in(directory, name);
  struct shortfall cells = {0}, mixed = {0};
  fprintf(out,
          "# Detected share, %s, %s\n\n%d patients with and %d without a tension in each row; false alarms 0.05 per "
          "patient for every column; standard error of a share at most %.4f.\nDelay: median sessions from onset to "
          "alarm, model / best possible. `short`: more than 0.06 below the detector that knows all but the length "
          "(0.02 for the "
          "mixture), or more than 0.03 below the best classical rule.\n\n",
          view ? "in hindsight" : "online", missing > 0 ? "20% of the sessions missing" : "complete", trials, trials,
          trials >= 100000 ? 0.0016
                           : 0.5 / (trials >= 40000   ? 200
                                    : trials >= 20000 ? 141
                                                      : 100));
  fprintf(out, "| sessions | tension | depth |");
  for (int rule = 0; rule < ALLIANCE_RULES; rule++) fprintf(out, " %s |", alliance_rules[rule].name);
  fprintf(out, " length unknown | best possible | delay | model - length unknown | model - best rule |\n|--:|:--|--:|");
  for (int rule = 0; rule < OPERATING_COMPARED; rule++) fprintf(out, "--:|");
  fprintf(out, ":-:|--:|--:|\n");
  for (int n = 0; n < SIZES; n++) {
    write_row(out, "**default mixture**", "1-4", n, found[n][CELLS - 1], 0.02, &mixed);
    for (int k = 0; k < KINDS; k++)
      for (int d = 0; d < DEPTHS; d++) {
        char depth[8];
        snprintf(depth, sizeof depth, "%d", d + 1);
        write_row(out, kinds[k].name, depth, n, found[n][k * DEPTHS + d], 0.06, &cells);
      }
  }
  fclose(out);
  fprintf(summary, "| [%s, %s](%s) | %+.3f | %+.3f | %d of %d, at worst %+.3f | %d of %d, at worst %+.3f |\n",
          view ? "in hindsight" : "online", missing > 0 ? "20% missing" : "complete", name, -mixed.worst_bound,
          -mixed.worst_rule, cells.below_bound, cells.cells, -cells.worst_bound, cells.below_rule, cells.cells,
          -cells.worst_rule);
}

/* ---- curves: the default mixture's detected share by length of course ---- */

static const struct {
  int row;
  const char *colour, *dash;
} curves[] = {{ALLIANCE_RULES, "#222222", "6 4"},           {ALLIANCE_MODEL, "#0b6e4f", ""},
              {ALLIANCE_POOLED_SD, "#1d4e89", "2 3"},       {ALLIANCE_CUSUM, "#b8500c", "8 3 2 3"},
              {ALLIANCE_RELIABLE_CHANGE, "#7a4fb0", "4 4"}, {ALLIANCE_INDIVIDUALS_CHART, "#8a8a8a", "1 4"},
              {ALLIANCE_OWN_SD, "#b03060", "10 4"}};

static void write_curves(const char *directory) {
  FILE *out = open_in(directory, "mixture.svg");
  const double left = 60, top = 30, width = 460, height = 300;
  fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 380\" font-family=\"sans-serif\" "
               "font-size=\"13\" role=\"img\">\n<title>Detected share of the default mixture, online, at 5%% false "
               "alarms per patient, by length of the course</title>\n<rect width=\"720\" height=\"380\" "
               "fill=\"#ffffff\"/>\n");
  for (int tick = 0; tick <= 4; tick++) {
    double y = top + height - height * tick / 4;
    fprintf(out,
            "<line x1=\"%.0f\" y1=\"%.0f\" x2=\"%.0f\" y2=\"%.0f\" stroke=\"#dddddd\"/><text x=\"%.0f\" y=\"%.0f\" "
            "text-anchor=\"end\">%.1f</text>\n",
            left, y, left + width, y, left - 8, y + 4, tick * 0.2);
  }
  for (int n = 0; n < SIZES; n++)
    fprintf(out, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"middle\">%d</text>\n", left + width * n / (SIZES - 1),
            top + height + 20, sizes[n]);
  fprintf(out, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"middle\">sessions in the course</text>\n", left + width / 2,
          top + height + 42);
  for (size_t c = 0; c < sizeof curves / sizeof *curves; c++) {
    double last = 0;
    fprintf(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2.5\" stroke-dasharray=\"%s\" points=\"",
            curves[c].colour, curves[c].dash);
    for (int n = 0; n < SIZES; n++) {
      last = top + height - height * found[n][CELLS - 1][curves[c].row].detected / 0.8;
      fprintf(out, "%.1f,%.1f ", left + width * n / (SIZES - 1), last);
    }
    double y = top + 14 + 22 * (double)c;
    fprintf(out,
            "\"/>\n<line x1=\"540\" y1=\"%.0f\" x2=\"575\" y2=\"%.0f\" stroke=\"%s\" stroke-width=\"2.5\" "
            "stroke-dasharray=\"%s\"/><text x=\"582\" y=\"%.0f\">%s</text>\n",
            y - 4, y - 4, curves[c].colour, curves[c].dash, y,
            curves[c].row == ALLIANCE_RULES ? "best possible" : alliance_rules[curves[c].row].name);
  }
  fprintf(out, "</svg>\n");
  fclose(out);
}

/* ---- what the model supposes before it has seen a sample ---- */

static void write_defaults(const char *directory) {
  static const struct {
    const char *name;
    int class;
  } shapes[ALLIANCE_SHAPES] = {{"one session", 1},  {"two sessions", 2},         {"three sessions", 2},
                               {"four or more", 3}, {"sudden, not repaired", 3}, {"slow decline", 2},
                               {"slow repair", 2},  {"slow both ways", 2},       {"slow decline, not repaired", 3},
                               {"half repaired", 2}};
  struct alliance_estimate e[SIZES];
  for (int n = 0; n < SIZES; n++) e[n] = alliance_estimate_default(0, 1, 1, sizes[n]);
  FILE *out = open_in(directory, "defaults.md");
  fprintf(out,
          "# Default shares\n\nBy the sessions of a course; in proportion between these lengths.\n\n| shape | class |");
  for (int n = 0; n < SIZES; n++) fprintf(out, " %d |", sizes[n]);
  fprintf(out, "\n|:--|:-:|--:|--:|--:|--:|--:|--:|\n");
  for (int k = 0; k < ALLIANCE_SHAPES; k++) {
    fprintf(out, "| %s | %d |", shapes[k].name, shapes[k].class);
    for (int n = 0; n < SIZES; n++) fprintf(out, " %.3f |", e[n].shape[k]);
    fprintf(out, "\n");
  }
  fprintf(out, "\n| depth in s | class |");
  for (int n = 0; n < SIZES; n++) fprintf(out, " %d |", sizes[n]);
  fprintf(out, "\n|:--|:-:|--:|--:|--:|--:|--:|--:|\n");
  for (int c = 0; c < ALLIANCE_CLASSES; c++)
    for (int d = 0; d < ALLIANCE_DEPTHS; d++) {
      fprintf(out, "| %d | %d |", d < 4 ? d + 1 : 6, c + 1);
      for (int n = 0; n < SIZES; n++) fprintf(out, " %.3f |", e[n].depth[c][d]);
      fprintf(out, "\n");
    }
  fclose(out);
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: alliance_operating DIRECTORY [TRIALS]\n");
    return 2;
  }
  int trials = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 100000;
  write_defaults(argv[1]);
  FILE *summary = open_in(argv[1], "README.md");
  fprintf(
      summary,
      "# Operating characteristics\n\nMade by `tools/operating_characteristics.sh %d`. All detectors see the same "
      "sessions and raise 0.05 false alarms per patient. The best possible detector knows levels, spreads, depth, "
      "length and course of the tension, everything but who has one and when it begins; for the mixture it knows "
      "the mixture. The model knows levels and spreads and has its [default shares](defaults.md) of shapes, lengths "
      "and depths. docs/detection.md explains the rules and the mixture; [limit.md](limit.md) says how far any "
      "detector must fall behind in its worst cell.\n\n![Detected share by length of "
      "course](mixture.svg)\n\n| table | mixture: model - best possible, at worst | mixture: model - best classical "
      "rule, at worst | cells more than 0.06 below the detector that knows course and depth | cells more than 0.03 "
      "below the best "
      "classical rule |\n|:--|--:|--:|--:|--:|\n",
      trials);
  for (int view = 0; view < 2; view++)
    for (int missing = 0; missing < 2; missing++) {
      simulate(missing * 0.2, view, trials);
      write_table(argv[1], missing * 0.2, view, trials, summary);
      if (!view && !missing) write_curves(argv[1]);
      fflush(summary);
    }
  fclose(summary);
  return 0;
}
