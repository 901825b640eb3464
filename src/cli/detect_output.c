/* Findings as CSV or as one JSON document, in text that grows. */
#include <stdlib.h>

#include "cli/detect.h"
#include "cli/fixed.h"

/* ---- text ---- */

/* Room for `length` more bytes. */
static char *room_for(struct text *out, size_t length) {
  size_t need = out->used + length;
  if (need > out->capacity) {
    out->capacity = need + need / 2 + 4096;
    out->bytes = realloc(out->bytes, out->capacity);
    if (!out->bytes) die("out of memory writing findings");
  }
  return out->bytes + out->used;
}

static void add(struct text *out, const char *text) {
  size_t length = strlen(text);
  memcpy(room_for(out, length), text, length);
  out->used += length;
}

static void add_char(struct text *out, char c) {
  *room_for(out, 1) = c;
  out->used++;
}

static void add_number(struct text *out, double x) {
  out->used += (size_t)snprintf(room_for(out, 64), 64, "%.17g", x);
}

static void add_string(struct text *out, const char *text) {
  add_char(out, '"');
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') add_char(out, '\\');
    if (c >= 0x20) {
      add_char(out, *text);
      continue;
    }
    out->used += (size_t)snprintf(room_for(out, 8), 8, "\\u%04x", c);
  }
  add_char(out, '"');
}

static void add_key(struct text *out, const char *key, double value) {
  add(out, "\"");
  add(out, key);
  add(out, "\": ");
  add_number(out, value);
}

static void add_rater(struct text *out, const char *name, const struct alliance_rater_estimate *r, double sign) {
  add(out, "\"");
  add(out, name);
  add(out, "\": ");
  if (!r->used) {
    add(out, "null");
    return;
  }
  const struct {
    const char *name;
    double value;
  } figures[] = {{"level", sign * r->level},
                 {"slope", sign * r->slope},
                 {"level_sd", r->level_sd},
                 {"slope_sd", r->slope_sd},
                 {"level_slope_correlation", r->level_slope_correlation},
                 {"residual_sd", r->residual_sd},
                 {"residual_sd_se", r->residual_sd_se},
                 {"level_se", r->level_se},
                 {"slope_se", r->slope_se},
                 {"level_sd_se", r->level_sd_se},
                 {"autocorrelation", r->autocorrelation},
                 {"report_in_tension", r->report_in_tension},
                 {"report_otherwise", r->report_otherwise}};
  add(out, "{");
  for (size_t k = 0; k < sizeof figures / sizeof *figures; k++) {
    if (k) add(out, ", ");
    add_key(out, figures[k].name, figures[k].value);
  }
  add(out, "}");
}

static void json_head(struct text *out, const struct run *run, double sign, bool whole) {
  const struct alliance_estimate *e = &run->estimate;
  add(out, "{\"rule\": ");
  add_string(out, alliance_rules[run->options.rule].name);
  add(out, ", \"view\": ");
  add_string(out, run->options.view == ALLIANCE_ONLINE ? "online" : "hindsight");
  add(out, ", ");
  if (run->options.textbook)
    add(out, "\"false_alarm\": null");
  else
    add_key(out, "false_alarm", run->options.false_alarm);
  add(out, ", \"least\": ");
  add_number(out, alliance_rules[run->options.rule].least);
  add(out, ", \"estimate\": {\"from_whole_file\": ");
  add(out, whole ? "true, " : "false, ");
  add_key(out, "patients", e->patients);
  add(out, ", ");
  add_key(out, "ratings", e->ratings);
  add(out, ", ");
  add_key(out, "time_origin", e->time_origin);
  add(out, ", ");
  add_key(out, "prevalence", e->prevalence);
  add(out, ", ");
  add_rater(out, "patient", &e->rater[0], sign);
  add(out, ", ");
  add_rater(out, "therapist", &e->rater[1], sign);
  add(out, "},\n\"sessions\": [\n");
}

void output_start(struct output *output, struct text *out, const struct run *run, bool json, double sign, bool whole) {
  *output = (struct output){.rater = estimate_first_rater(&run->estimate), .json = json, .sign = sign};
  double s = run->estimate.rater[output->rater].residual_sd;
  for (output->decimals = 2; output->decimals < 9 && s < 10; output->decimals++) s *= 10;
  if (json)
    json_head(out, run, sign, whole);
  else
    add(out, "patient,session,rating,expected,z,probability,event\n");
}

static const struct {
  char name[8];
  size_t length;
} events[] = {{"", 0}, {"tension", 7}, {"repair", 6}};

/* Most texts are shorter than the padding behind every text of a block. */
static char *put_text(char *to, const char *text, size_t length) {
  if (length <= INPUT_PADDING)
    memcpy(to, text, INPUT_PADDING);
  else
    memcpy(to, text, length);
  return to + length;
}

struct figures {
  struct fixed expected, z, probability;
};

static void figures_find(struct figures *figures, const struct output *output, const struct alliance_finding *f,
                         int count) {
  bool probability = f->tension >= 0; /* a rule has one for every session or for none */
  figures->expected.count = figures->z.count = figures->probability.count = count;
  figures->expected.decimals = output->decimals;
  figures->z.decimals = 4;
  figures->probability.decimals = 6;
  for (int k = 0; k < count; k++) {
    figures->expected.x[k] = output->sign * f[k].expected;
    figures->z.x[k] = output->sign * f[k].z;
    figures->probability.x[k] = f[k].tension;
  }
  fixed_find(&figures->expected);
  fixed_find(&figures->z);
  if (probability) fixed_find(&figures->probability);
}

static char *put_figure(char *to, bool any, const struct fixed *fixed, size_t k) {
  if (any) return fixed_put(to, fixed, k);
  *to++ = ',';
  return to;
}

static char *put_finding(char *to, const struct figures *figures, size_t k, const struct alliance_finding *f) {
  bool probability = f->tension >= 0;
  to = put_figure(to, probability || f->has_z, &figures->expected, k);
  to = put_figure(to, f->has_z, &figures->z, k);
  to = put_figure(to, probability, &figures->probability, k);
  memcpy(to, events[f->event].name, sizeof events->name);
  return to + events[f->event].length;
}

/* A patient's name as it stands in every row. */
struct name {
  char quoted[2 * INPUT_LABEL_MAXIMUM + 2 + INPUT_PADDING];
  const char *text;
  size_t length;
};

static void name_set(struct name *name, const struct input_block *block, const struct input_patient *patient) {
  const char *text = block->text + patient->name;
  name->text = text;
  name->length = patient->name_length;
  if (!strpbrk(text, ",\"\r\n")) return;
  char *to = name->quoted;
  *to++ = '"';
  for (; *text; text++) {
    if (*text == '"') *to++ = '"';
    *to++ = *text;
  }
  *to++ = '"';
  name->text = name->quoted;
  name->length = (size_t)(to - name->quoted);
}

/* Session and rating are numbers, which need no quotes. Findings are those of the rows, or NULL. */
static void csv_rows(const struct output *output, struct text *out, const struct input_block *block,
                     const struct name *name, size_t row, int count, const struct alliance_finding *findings) {
  struct figures figures;
  size_t texts = 0;
  for (int k = 0; k < count; k++) texts += block->labels[row + (size_t)k].length;
  if (findings) figures_find(&figures, output, findings, count);
  char *to = room_for(out, texts + (size_t)count * (name->length + 2 * INPUT_PADDING + 4 * FIXED_MAXIMUM));
  for (size_t k = 0; k < (size_t)count; k++, row++) {
    struct input_label label = block->labels[row];
    bool rated = block->sessions[row].rated[output->rater];
    to = put_text(to, name->text, name->length);
    *to++ = ',';
    to = put_text(to, block->text + label.at, rated ? label.length : label.session);
    if (!rated) *to++ = ',';
    if (findings)
      to = put_finding(to, &figures, k, &findings[k]);
    else
      for (int empty = 0; empty < 3; empty++) *to++ = ',';
    *to++ = '\n';
  }
  out->used = (size_t)(to - out->bytes);
}

static void csv_patient(const struct output *output, struct text *out, const struct input_block *block,
                        const struct input_patient *patient, const struct alliance_finding *findings) {
  struct name name;
  name_set(&name, block, patient);
  for (int t = 0; t < patient->count; t += FIXED_MOST) {
    size_t row = patient->first + (size_t)t;
    int left = patient->count - t;
    csv_rows(output, out, block, &name, row, left < FIXED_MOST ? left : FIXED_MOST, findings ? &findings[row] : NULL);
  }
}

static void json_value(struct text *out, const char *key, bool any, double value) {
  add(out, ", \"");
  add(out, key);
  add(out, "\": ");
  if (any)
    add_number(out, value);
  else
    add(out, "null");
}

static void json_row(const struct output *output, struct text *out, const char *patient,
                     const struct alliance_session *session, bool first, const struct alliance_finding *f) {
  double sign = output->sign;
  bool expected = f && (f->tension >= 0 || f->has_z), probability = f && f->tension >= 0;
  add(out, first ? "{\"patient\": " : ",\n{\"patient\": ");
  add_string(out, patient);
  json_value(out, "session", true, session->time);
  json_value(out, "rating", session->rated[output->rater], sign * session->rating[output->rater]);
  json_value(out, "expected", expected, f ? sign * f->expected : 0);
  bool turned = sign < 0;
  json_value(out, "low", expected, f ? sign * (turned ? f->high : f->low) : 0);
  json_value(out, "high", expected, f ? sign * (turned ? f->low : f->high) : 0);
  json_value(out, "z", f && f->has_z, f ? sign * f->z : 0);
  json_value(out, "probability", probability, f ? f->tension : 0);
  json_value(out, "repaired", probability, f ? f->repaired : 0);
  if (probability) {
    add(out, ", \"perceived\": {");
    add_key(out, "both", f->perceived[0]);
    add(out, ", ");
    add_key(out, "patient", f->perceived[1]);
    add(out, ", ");
    add_key(out, "therapist", f->perceived[2]);
    add(out, "}");
  }
  add(out, ", \"event\": ");
  add_string(out, f ? events[f->event].name : "");
  add(out, "}");
}

static void json_rows(const struct output *output, struct text *out, const struct input_block *block,
                      const struct input_patient *patient, const struct alliance_finding *findings, bool first) {
  for (size_t row = patient->first; row < patient->first + (size_t)patient->count; row++)
    json_row(output, out, block->text + patient->name, &block->sessions[row], first && row == 0,
             findings ? &findings[row] : NULL);
}

void output_block(const struct output *output, struct text *out, const struct run_block *judged,
                  const struct input_block *block, bool first) {
  for (const struct run_stretch *s = judged->stretches; s < judged->stretches + judged->count; s++)
    for (size_t p = s->first; p < s->first + s->count; p++) {
      const struct alliance_finding *findings = s->threshold ? judged->findings : NULL;
      if (output->json)
        json_rows(output, out, block, &block->patients[p], findings, first);
      else
        csv_patient(output, out, block, &block->patients[p], findings);
    }
}

void output_finish(const struct output *output, struct text *out, const struct run *run) {
  if (!output->json) return;
  add(out, "\n],\n\"thresholds\": [");
  for (const struct run_threshold *t = run->first; t; t = t->next) {
    add(out, t == run->first ? "\n{" : ",\n{");
    add_key(out, "sessions", t->of.sessions);
    add(out, ", ");
    add_key(out, "rated", t->of.rated[0]);
    add(out, ", ");
    add_key(out, "limit", t->threshold.limit);
    add(out, ", ");
    add_key(out, "reached", t->threshold.reached);
    add(out, ", ");
    add_key(out, "simulations", t->threshold.simulations);
    add(out, "}");
  }
  add(out, "\n]}\n");
}
