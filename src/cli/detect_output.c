/* Findings as CSV or as one JSON document. */
#include <endian.h>
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "cli/detect.h"

/* ---- JSON: figures with the 17 digits that give the same double back ---- */

/* The caller frees it. */
static char *json_quoted(const char *text) {
  json_t *value = json_string(text);
  char *quoted = json_dumps(value, JSON_ENCODE_ANY);
  json_decref(value);
  if (!quoted) die("out of memory writing findings");
  return quoted;
}

struct figure {
  char text[32];
};
static struct figure figure_if(bool any, double x) {
  struct figure figure = {"null"};
  if (any) snprintf(figure.text, sizeof figure.text, "%.17g", x);
  return figure;
}

static void rater_json(struct buf *out, const char *name, const struct alliance_rater_estimate *r, double sign) {
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
  buf_addf(out, ", \"%s\": %s", name, r->used ? "{" : "null");
  if (!r->used) return;
  for (size_t k = 0; k < sizeof figures / sizeof *figures; k++)
    buf_addf(out, "%s\"%s\": %.17g", k ? ", " : "", figures[k].name, figures[k].value);
  buf_addc(out, '}');
}

/* The document's head, open for the sessions. */
static void json_head(struct buf *out, const struct run *run, double sign, bool whole) {
  const struct alliance_estimate *e = &run->estimate;
  const struct alliance_rule_row *rule = &alliance_rules[run->options.rule];
  buf_addf(out, "{\"rule\": \"%s\", \"view\": \"%s\", \"false_alarm\": %s, \"least\": %d", rule->name,
           run->options.view == ALLIANCE_ONLINE ? "online" : "hindsight",
           figure_if(!run->options.textbook, run->options.false_alarm).text, rule->least);
  buf_addf(out,
           ", \"estimate\": {\"from_whole_file\": %s, \"patients\": %d, \"ratings\": %d, \"time_origin\": %.17g, "
           "\"prevalence\": %.17g",
           whole ? "true" : "false", e->patients, e->ratings, e->time_origin, e->prevalence);
  rater_json(out, "patient", &e->rater[ALLIANCE_PATIENT], sign);
  rater_json(out, "therapist", &e->rater[ALLIANCE_THERAPIST], sign);
  buf_adds(out, "},\n\"sessions\": [\n");
}

void output_start(struct output *output, struct buf *out, const struct run *run, bool json, double sign, bool whole) {
  *output = (struct output){.rater = alliance_first_rater(&run->estimate), .json = json, .sign = sign};
  double s = run->estimate.rater[output->rater].residual_sd;
  for (output->decimals = 2; output->decimals < 9 && s < 10; output->decimals++) s *= 10;
  if (json)
    json_head(out, run, sign, whole);
  else
    buf_adds(out, "patient,session,rating,expected,z,probability,event\n");
}

static const char events[][8] = {"", "tension", "repair"};

/* ---- CSV ---- */

#define NUMBER_MOST 32 /* bytes of a number and its comma, and after them that may be written over */

/* A number below 1e8 as eight digits, the first in the lowest byte: cut into halves of four digits, these into pairs
 * and these into digits; a division by a constant is a multiplication and a shift, exact in this range. */
static uint64_t eight_digits(uint64_t value) {
  uint64_t upper = value * 3518437209u >> 45, four = upper | (value - upper * 10000) << 32;
  uint64_t hundreds = four * 10486 >> 20 & 0x0000007f0000007f, two = hundreds | (four - hundreds * 100) << 16;
  uint64_t tens = two * 103 >> 10 & 0x000f000f000f000f;
  return (tens | (two - tens * 10) << 8) + 0x3030303030303030;
}

/* Any number, one digit after the other from the last. */
static char *put_long_number(char *to, uint64_t value, int decimals) {
  char digits[NUMBER_MOST], *end = digits + sizeof digits, *at = end;
  *--at = ',';
  for (int k = 0; value || k <= decimals; k++, value /= 10) {
    if (k && k == decimals) *--at = '.';
    *--at = (char)('0' + value % 10);
  }
  memcpy(to, at, (size_t)(end - at));
  return to + (end - at);
}

/* A number and a comma, halves away from zero and never "-0"; as printf's %.10g from 1e8 on. */
static char *put_number(char *to, double x, int decimals) {
  static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
  if (!(x < 1e8 && x > -1e8)) return to + snprintf(to, NUMBER_MOST, "%.10g,", x);
  uint64_t value = (uint64_t)(fabs(x) * powers[decimals] + 0.5);
  *to = '-';
  to += x < 0 && value > 0;
  if (value >= 100000000 || decimals > 7) return put_long_number(to, value, decimals);
  uint64_t digits = eight_digits(value), zeroes = digits - 0x3030303030303030;
  int whole = 8 - decimals, none = zeroes ? __builtin_ctzll(zeroes) / 8 : 7;
  if (none > whole - 1) none = whole - 1;
  uint64_t before = htole64(digits >> 8 * none), after = htole64(digits >> 8 * (whole - 1) >> 8);
  memcpy(to, &before, sizeof before);
  to += whole - none;
  *to++ = '.';
  memcpy(to, &after, sizeof after);
  to[decimals] = ',';
  return to + decimals + 1;
}

static char *put_number_if(char *to, bool any, double x, int decimals) {
  if (any) return put_number(to, x, decimals);
  *to++ = ',';
  return to;
}

/* Most texts are shorter than the padding after every text of a block, and copied without a call. */
static char *put_text(char *to, const char *text, size_t length) {
  if (length <= INPUT_PADDING)
    memcpy(to, text, INPUT_PADDING);
  else
    memcpy(to, text, length);
  return to + length;
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

/* Session and rating are numbers, which need no quotes. The finding is NULL for a patient who is left out. */
static void csv_row(const struct output *output, struct buf *out, const struct input_block *block,
                    const struct name *name, size_t row, const struct alliance_finding *f) {
  char text[4 * INPUT_LABEL_MAXIMUM + 4 * NUMBER_MOST + 3 * INPUT_PADDING], *to = text;
  struct input_label label = block->labels[row];
  bool rated = block->sessions[row].rated[output->rater], probability = f && f->tension >= 0, z = f && f->has_z;
  to = put_text(to, name->text, name->length);
  *to++ = ',';
  to = put_text(to, block->text + label.at, rated ? label.length : label.session);
  if (!rated) *to++ = ',';
  to = put_number_if(to, probability || z, f ? output->sign * f->expected : 0, output->decimals);
  to = put_number_if(to, z, f ? output->sign * f->z : 0, 4);
  to = put_number_if(to, probability, f ? f->tension : 0, 6);
  if (f) {
    memcpy(to, events[f->event], sizeof *events);
    to += strlen(events[f->event]);
  }
  *to++ = '\n';
  buf_add(out, text, (size_t)(to - text));
}

/* ---- either ---- */

/* The patient's name is JSON already. */
static void json_row(const struct output *output, struct buf *out, const char *patient,
                     const struct alliance_session *session, const struct alliance_finding *f) {
  static const struct alliance_finding none = {.tension = -1};
  double sign = output->sign;
  bool turned = sign < 0, rated = session->rated[output->rater];
  if (!f) f = &none;
  bool probability = f->tension >= 0, expected = probability || f->has_z;
  buf_addf(out, "{\"patient\": %s, \"session\": %.17g, \"rating\": %s", patient, session->time,
           figure_if(rated, sign * session->rating[output->rater]).text);
  buf_addf(out, ", \"expected\": %s, \"low\": %s, \"high\": %s, \"z\": %s",
           figure_if(expected, sign * f->expected).text, figure_if(expected, sign * (turned ? f->high : f->low)).text,
           figure_if(expected, sign * (turned ? f->low : f->high)).text, figure_if(f->has_z, sign * f->z).text);
  buf_addf(out, ", \"probability\": %s, \"repaired\": %s", figure_if(probability, f->tension).text,
           figure_if(probability, f->repaired).text);
  if (probability)
    buf_addf(out, ", \"perceived\": {\"both\": %.17g, \"patient\": %.17g, \"therapist\": %.17g}", f->perceived[0],
             f->perceived[1], f->perceived[2]);
  buf_addf(out, ", \"event\": \"%s\"}", events[f->event]);
}

static void block_rows(const struct output *output, struct buf *out, const struct input_block *block, size_t p,
                       const struct alliance_result *result, bool first) {
  const struct input_patient *patient = &block->patients[p];
  struct name name;
  char *quoted = output->json ? json_quoted(block->text + patient->name) : NULL;
  name_set(&name, block, patient);
  for (int t = 0; t < patient->count; t++) {
    size_t row = patient->first + (size_t)t;
    const struct alliance_finding *finding = result->count ? &result->sessions[t] : NULL;
    if (!output->json) {
      csv_row(output, out, block, &name, row, finding);
      continue;
    }
    if (!first || row) buf_adds(out, ",\n");
    json_row(output, out, quoted, &block->sessions[row], finding);
  }
  free(quoted);
}

void output_block(const struct output *output, struct buf *out, const struct run_block *judged,
                  const struct input_block *block, bool first) {
  for (size_t p = 0; p < block->count; p++) block_rows(output, out, block, p, &judged->cases[p].result, first);
}

void output_finish(const struct output *output, struct buf *out, const struct run *run) {
  if (!output->json) return;
  buf_adds(out, "\n],\n\"thresholds\": [");
  for (const struct run_threshold *t = run->first; t; t = t->next)
    buf_addf(out,
             "%s\n{\"sessions\": %d, \"rated\": %d, \"limit\": %.17g, \"reached\": %.17g, \"simulations\": %d}",
             t == run->first ? "" : ",", t->of.sessions, t->of.rated[0], t->threshold.limit, t->threshold.reached,
             t->threshold.simulations);
  buf_adds(out, "\n]}\n");
}
