/* Findings as CSV or as one JSON document, in a buffer of fixed size. */
#include <math.h>
#include <stdlib.h>

#include "cli/detect.h"

#define BUFFER ((size_t)1 << 17)
#define LARGEST_PIECE 4096 /* no single piece of text is longer */

static void flush(struct output *out) {
  if (out->used) fwrite(out->text, 1, out->used, out->to);
  out->used = 0;
}

static void room_for(struct output *out, size_t length) {
  if (out->used + length + LARGEST_PIECE > BUFFER) flush(out);
}

static void add(struct output *out, const char *text) {
  size_t length = strlen(text);
  room_for(out, length);
  memcpy(out->text + out->used, text, length);
  out->used += length;
}

static void add_char(struct output *out, char c) {
  room_for(out, 1);
  out->text[out->used++] = c;
}

/* A field of CSV: quoted where it must be. */
static void add_field(struct output *out, const char *text) {
  if (!strpbrk(text, ",\"\r\n")) {
    add(out, text);
    return;
  }
  add_char(out, '"');
  for (; *text; text++) {
    if (*text == '"') add_char(out, '"');
    add_char(out, *text);
  }
  add_char(out, '"');
}

/* Fixed point, at most nine decimals: faster than printf, which does what is large. */
static void add_fixed(struct output *out, double x, int decimals) {
  static const double powers[10] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
  char digits[40];
  room_for(out, sizeof digits);
  if (!(x < 1e8 && x > -1e8)) {
    out->used += (size_t)snprintf(out->text + out->used, sizeof digits, "%.10g", x);
    return;
  }
  bool negative = x < 0;
  uint64_t value = (uint64_t)((negative ? -x : x) * powers[decimals] + 0.5);
  int at = sizeof digits;
  for (int d = 0; d < decimals; d++, value /= 10) digits[--at] = (char)('0' + value % 10);
  bool zero = value == 0;
  for (int d = at; zero && d < (int)sizeof digits; d++) zero = digits[d] == '0';
  if (decimals) digits[--at] = '.';
  do digits[--at] = (char)('0' + value % 10);
  while (value /= 10);
  if (negative && !zero) digits[--at] = '-';
  memcpy(out->text + out->used, digits + at, sizeof digits - (size_t)at);
  out->used += sizeof digits - (size_t)at;
}

static void add_number(struct output *out, double x) {
  room_for(out, 64);
  out->used += (size_t)snprintf(out->text + out->used, 64, "%.17g", x);
}

static void add_string(struct output *out, const char *text) {
  add_char(out, '"');
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') add_char(out, '\\');
    if (c >= 0x20) {
      add_char(out, *text);
      continue;
    }
    room_for(out, 8);
    out->used += (size_t)snprintf(out->text + out->used, 8, "\\u%04x", c);
  }
  add_char(out, '"');
}

static void add_key(struct output *out, const char *key, double value) {
  add(out, "\"");
  add(out, key);
  add(out, "\": ");
  add_number(out, value);
}

static void add_rater(struct output *out, const char *name, const struct alliance_rater_estimate *r, double sign) {
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

static void json_head(struct output *out, const struct run *run, bool whole) {
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
  add_rater(out, "patient", &e->rater[0], out->sign);
  add(out, ", ");
  add_rater(out, "therapist", &e->rater[1], out->sign);
  add(out, "},\n\"sessions\": [\n");
}

void output_start(struct output *out, FILE *to, const struct run *run, bool json, double sign, bool whole) {
  *out = (struct output){.to = to, .json = json, .sign = sign, .first = true};
  out->text = malloc(BUFFER);
  if (!out->text) die("out of memory writing findings");
  double s = run->estimate.rater[estimate_first_rater(&run->estimate)].residual_sd;
  for (out->decimals = 2; out->decimals < 9 && s < 10; out->decimals++) s *= 10;
  if (json)
    json_head(out, run, whole);
  else
    add(out, "patient,session,rating,expected,z,probability,event\n");
}

static const char *const event_names[] = {"", "tension", "repair"};

static void csv_row(struct output *out, const char *patient, const char *session, const char *rating,
                    const struct alliance_finding *f) {
  add_field(out, patient);
  add_char(out, ',');
  add_field(out, session);
  add_char(out, ',');
  add_field(out, rating);
  add_char(out, ',');
  bool expected = f && (f->tension >= 0 || f->has_z);
  if (expected) add_fixed(out, out->sign * f->expected, out->decimals);
  add_char(out, ',');
  if (f && f->has_z) add_fixed(out, out->sign * f->z, 4);
  add_char(out, ',');
  if (f && f->tension >= 0) add_fixed(out, f->tension, 6);
  add_char(out, ',');
  if (f) add(out, event_names[f->event]);
  add_char(out, '\n');
}

static void json_value(struct output *out, const char *key, bool any, double value) {
  add(out, ", \"");
  add(out, key);
  add(out, "\": ");
  if (any)
    add_number(out, value);
  else
    add(out, "null");
}

static void json_row(struct output *out, const char *patient, const struct alliance_session *session,
                     enum alliance_rater rater, const struct alliance_finding *f) {
  bool expected = f && (f->tension >= 0 || f->has_z), probability = f && f->tension >= 0;
  add(out, out->first ? "{\"patient\": " : ",\n{\"patient\": ");
  out->first = false;
  add_string(out, patient);
  json_value(out, "session", true, session->time);
  json_value(out, "rating", session->rated[rater], out->sign * session->rating[rater]);
  json_value(out, "expected", expected, f ? out->sign * f->expected : 0);
  bool turned = out->sign < 0;
  json_value(out, "low", expected, f ? out->sign * (turned ? f->high : f->low) : 0);
  json_value(out, "high", expected, f ? out->sign * (turned ? f->low : f->high) : 0);
  json_value(out, "z", f && f->has_z, f ? out->sign * f->z : 0);
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
  add_string(out, f ? event_names[f->event] : "");
  add(out, "}");
}

void output_block(struct output *out, const struct run *run, const struct input_block *block) {
  enum alliance_rater rater = estimate_first_rater(&run->estimate);
  for (size_t p = 0; p < block->count; p++) {
    const struct input_patient *patient = &block->patients[p];
    for (size_t row = patient->first; row < patient->first + (size_t)patient->count; row++) {
      const struct alliance_finding *f = run->judged[p] ? &run->findings[row] : NULL;
      struct input_label rating = block->labels[row].rating;
      if (out->json)
        json_row(out, block->text + patient->name.at, &block->sessions[row], rater, f);
      else
        csv_row(out, block->text + patient->name.at, block->text + block->labels[row].session.at,
                block->sessions[row].rated[rater] && rating.length ? block->text + rating.at : "", f);
    }
  }
}

bool output_finish(struct output *out, const struct run *run) {
  if (out->json) {
    add(out, "\n],\n\"thresholds\": [");
    for (size_t k = 0; k < run->threshold_count; k++) {
      const struct run_threshold *t = &run->thresholds[k];
      add(out, k ? ",\n{" : "\n{");
      add_key(out, "sessions", t->sessions);
      add(out, ", ");
      add_key(out, "rated", t->rated[0]);
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
  flush(out);
  free(out->text);
  return fflush(out->to) == 0 && !ferror(out->to);
}
