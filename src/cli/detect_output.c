/* Findings as CSV or as one JSON document, in text that grows. */
#include <math.h>
#include <stdlib.h>

#include "cli/detect.h"

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

static bool needs_quotes(const char *field) {
  return strpbrk(field, ",\"\r\n") != NULL;
}

static void add_quoted(struct text *out, const char *text) {
  add_char(out, '"');
  for (; *text; text++) {
    if (*text == '"') add_char(out, '"');
    add_char(out, *text);
  }
  add_char(out, '"');
}

#define FIXED_MAXIMUM 24 /* bytes that a number of fixed point takes at most, with its comma */

static const char pairs[201] = "00010203040506070809101112131415161718192021222324"
                               "25262728293031323334353637383940414243444546474849"
                               "50515253545556575859606162636465666768697071727374"
                               "75767778798081828384858687888990919293949596979899";

/* `count` digits of x, with zeroes in front. */
static char *put_digits(char *to, uint32_t x, int count) {
  char *at = to + count;
  for (; at - to >= 2; x /= 100) memcpy(at -= 2, pairs + 2 * (x % 100), 2);
  if (at > to) *to = (char)('0' + x);
  return to + count;
}

/* Eight digits of x < 1e8 as text in a word, the first in the lowest byte: halves, quarters and eighths side by side. */
static uint64_t eight_digits(uint32_t x) {
  uint64_t four = (uint64_t)(x / 10000) | (uint64_t)(x % 10000) << 32;
  uint64_t hundreds = (four * 10486 >> 20) & 0x0000007f0000007f, two = hundreds | (four - hundreds * 100) << 16;
  uint64_t tens = (two * 103 >> 10) & 0x000f000f000f000f;
  return tens | (two - tens * 10) << 8;
}

/* The same as put_fixed() for 1 to 7 decimals where all digits are eight at most, without a branch that depends on x. */
static char *put_short(char *to, bool negative, uint32_t value, unsigned decimals) {
  unsigned whole = 8 - decimals; /* digits before the point, of which the zeroes in front are left out */
  uint64_t digits = eight_digits(value), text = digits + 0x3030303030303030;
  unsigned zeroes = (unsigned)__builtin_ctzll(digits | (uint64_t)1 << 8 * (whole - 1)) / 8;
  uint64_t before = text >> 8 * zeroes, behind = text >> 8 * whole;
  *to = '-';
  to += negative;
  memcpy(to, &before, sizeof before);
  to += whole - zeroes;
  *to++ = '.';
  memcpy(to, &behind, sizeof behind);
  to += decimals;
  *to++ = ',';
  return to;
}

/* Fixed point, at most nine decimals, and a comma: faster than printf, which does what is large. */
static char *put_fixed(char *to, double x, int decimals) {
  static const uint32_t powers[10] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};
  bool little_endian = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
  if (x < 1e8 && x > -1e8) {
    uint32_t power = powers[decimals];
    uint64_t value = (uint64_t)(int64_t)(fabs(x) * power + 0.5);
    if (little_endian && value < 100000000 && decimals > 0 && decimals < 8)
      return put_short(to, (x < 0) & (value > 0), (uint32_t)value, (unsigned)decimals);
    uint32_t whole = (uint32_t)(value / power), rest = (uint32_t)(value % power);
    int digits = 1;
    if (x < 0 && value) *to++ = '-';
    while (digits < 9 && whole >= powers[digits]) digits++;
    to = put_digits(to, whole, digits);
    if (decimals) *to++ = '.';
    to = put_digits(to, rest, decimals);
  } else {
    to += snprintf(to, FIXED_MAXIMUM, "%.10g", x);
  }
  *to++ = ',';
  return to;
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
  const char *name;
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

/* Session and rating are numbers, which need no quotes; a name may. */
static void csv_row(const struct output *output, struct text *out, const struct input_block *block,
                    const struct input_patient *patient, bool quoted, size_t row, const struct alliance_finding *f) {
  struct input_label label = block->labels[row];
  bool rated = block->sessions[row].rated[output->rater];
  if (quoted) add_quoted(out, block->text + patient->name);
  char *to = room_for(out, (size_t)patient->name_length + label.length + 2 * INPUT_PADDING + 4 * FIXED_MAXIMUM);
  if (!quoted) to = put_text(to, block->text + patient->name, patient->name_length);
  *to++ = ',';
  to = put_text(to, block->text + label.at, rated ? label.length : label.session);
  if (!rated) *to++ = ',';
  if (f && (f->tension >= 0 || f->has_z))
    to = put_fixed(to, output->sign * f->expected, output->decimals);
  else
    *to++ = ',';
  if (f && f->has_z)
    to = put_fixed(to, output->sign * f->z, 4);
  else
    *to++ = ',';
  if (f && f->tension >= 0)
    to = put_fixed(to, f->tension, 6);
  else
    *to++ = ',';
  enum alliance_event event = f ? f->event : ALLIANCE_NONE;
  memcpy(to, events[event].name, events[event].length);
  to += events[event].length;
  *to++ = '\n';
  out->used = (size_t)(to - out->bytes);
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

static void patient_rows(const struct output *output, struct text *out, const struct input_block *block,
                         const struct input_patient *patient, const struct alliance_finding *findings, bool first) {
  const char *name = block->text + patient->name;
  bool quoted = !output->json && needs_quotes(name);
  for (size_t row = patient->first; row < patient->first + (size_t)patient->count; row++) {
    const struct alliance_finding *f = findings ? &findings[row] : NULL;
    if (output->json)
      json_row(output, out, name, &block->sessions[row], first && row == 0, f);
    else
      csv_row(output, out, block, patient, quoted, row, f);
  }
}

void output_block(const struct output *output, struct text *out, const struct run_block *judged,
                  const struct input_block *block, bool first) {
  for (const struct run_stretch *s = judged->stretches; s < judged->stretches + judged->count; s++)
    for (size_t p = s->first; p < s->first + s->count; p++)
      patient_rows(output, out, block, &block->patients[p], s->threshold ? judged->findings : NULL, first);
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
