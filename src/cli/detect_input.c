#include "cli/detect_input.h"

#include <stdlib.h>

#include "base/decimal.h"

#define BLOCK_ROWS 65536
#define LABEL_MAXIMUM 255            /* bytes of a code or number */
#define SEEN_SLOTS ((size_t)1 << 18) /* names remembered: half as many */

/* ---- memory of a block ---- */

static void *larger(void *old, size_t *capacity, size_t need, size_t size) {
  if (need <= *capacity) return old;
  size_t count = *capacity ? *capacity : 1024;
  while (count < need) count *= 2;
  void *more = realloc(old, count * size);
  if (!more) die("out of memory reading ratings");
  *capacity = count;
  return more;
}

static uint32_t block_text(struct input_block *block, const char *text) {
  size_t length = strlen(text) + 1;
  block->text = larger(block->text, &block->text_capacity, block->text_used + length, 1);
  memcpy(block->text + block->text_used, text, length);
  block->text_used += length;
  return (uint32_t)(block->text_used - length);
}

static void block_row(struct input_block *block) {
  size_t capacity = block->rows_capacity;
  block->sessions = larger(block->sessions, &capacity, block->rows + 1, sizeof *block->sessions);
  block->labels = larger(block->labels, &block->rows_capacity, block->rows + 1, sizeof *block->labels);
  block->rows++;
}

void block_free(struct input_block *block) {
  free(block->sessions);
  free(block->labels);
  free(block->patients);
  free(block->text);
  *block = (struct input_block){0};
}

/* ---- opening ---- */

static enum err columns_find(struct input *input, struct error *error) {
  enum err err = csv_need_column(input->csv, "patient", &input->patient, error);
  if (!err) err = csv_need_column(input->csv, "session", &input->session, error);
  if (!err) err = csv_need_column(input->csv, "rating", &input->rating, error);
  input->rater = csv_column(input->csv, "rater");
  input->reported = csv_column(input->csv, "reported");
  if (err) return err;
  const int wanted[] = {input->patient, input->session, input->rating, input->rater, input->reported};
  for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++)
    if (wanted[k] >= 0) csv_want(input->csv, wanted[k], CSV_TEXT);
  input->seen = calloc(SEEN_SLOTS, sizeof *input->seen);
  if (!input->seen) die("out of memory reading ratings");
  return OK;
}

enum err input_open(struct input *input, struct arena *arena, const char *path, bool worse, struct error *error) {
  *input = (struct input){.arena = arena, .sign = worse ? -1 : 1};
  enum err err = csv_open_file(&input->csv, arena, path, error);
  return err ? err : columns_find(input, error);
}

enum err input_open_memory(struct input *input, struct arena *arena, const char *bytes, size_t length, const char *name,
                           bool worse, struct error *error) {
  *input = (struct input){.arena = arena, .sign = worse ? -1 : 1};
  enum err err = csv_open_memory(&input->csv, arena, bytes, length, name, error);
  return err ? err : columns_find(input, error);
}

void input_close(struct input *input) {
  csv_close(input->csv);
  free(input->seen);
  input->csv = NULL;
  input->seen = NULL;
}

/* ---- one row ---- */

static const char *field(const struct input *input, int column) {
  return input->chunk.texts[column][input->row];
}

static enum err refuse(const struct input *input, int column, struct error *error, const char *what) {
  return csv_refuse(input->csv, input->chunk.lines[input->row], column, error, "'%.60s' %s", field(input, column),
                    what);
}

static enum err read_number(const struct input *input, int column, double *value, struct error *error) {
  const char *text = field(input, column), *at = text;
  if (strlen(text) > LABEL_MAXIMUM) return refuse(input, column, error, "... is too long for a number");
  enum decimal got = decimal_scan(&at, value);
  if (got == DECIMAL_NONE || *at) got = decimal_read(text, strlen(text), value);
  if (got == DECIMAL_NONE) return refuse(input, column, error, "is not a number");
  if (got == DECIMAL_TOO_BIG || !(*value <= ALLIANCE_RATING_MAX && *value >= -ALLIANCE_RATING_MAX))
    return refuse(input, column, error, "is beyond what a rating or session can be (1e9)");
  return OK;
}

static enum err read_rater(const struct input *input, int *rater, struct error *error) {
  *rater = ALLIANCE_PATIENT;
  if (input->rater < 0) return OK;
  const char *text = field(input, input->rater);
  if (!strcmp(text, "patient")) return OK;
  *rater = ALLIANCE_THERAPIST;
  if (!strcmp(text, "therapist")) return OK;
  return refuse(input, input->rater, error, "is no rater; it must be 'patient' or 'therapist'");
}

static enum err read_reported(const struct input *input, int8_t *reported, struct error *error) {
  *reported = -1;
  if (input->reported < 0) return OK;
  const char *text = field(input, input->reported);
  if (csv_missing(text)) return OK;
  if ((*text != '0' && *text != '1') || text[1])
    return refuse(input, input->reported, error, "is no answer; it must be 0, 1 or empty");
  *reported = *text == '1';
  return OK;
}

/* The patient's session of that time, added where it belongs; sessions of one rater must increase. */
static enum err place_session(const struct input *input, struct input_block *block, struct input_patient *patient,
                              double time, int rater, double latest[ALLIANCE_RATERS], bool any[ALLIANCE_RATERS],
                              size_t *place, struct error *error) {
  if (any[rater] && time == latest[rater])
    return refuse(input, input->session, error, "occurs twice for this patient; each session has one row a rater");
  if (any[rater] && time < latest[rater])
    return refuse(input, input->session, error,
                  "comes after a later session of this patient; sort the file by patient and session");
  any[rater] = true;
  latest[rater] = time;
  size_t at = patient->first + (size_t)patient->count;
  while (at > patient->first && block->sessions[at - 1].time > time) at--;
  *place = at;
  if (at > patient->first && block->sessions[at - 1].time == time) {
    *place = at - 1;
    return OK;
  }
  if (patient->count == ALLIANCE_SERIES_MAX)
    return refuse(input, input->session, error, "is one session too many; a patient has at most 100000");
  size_t after = patient->first + (size_t)patient->count - at;
  block_row(block);
  memmove(block->sessions + at + 1, block->sessions + at, after * sizeof *block->sessions);
  memmove(block->labels + at + 1, block->labels + at, after * sizeof *block->labels);
  block->sessions[at] = (struct alliance_session){.time = time, .reported = {-1, -1}};
  block->labels[at].session = block_text(block, field(input, input->session));
  block->labels[at].rating = UINT32_MAX;
  patient->count++;
  return OK;
}

static enum err read_row(struct input *input, struct input_block *block, struct input_patient *patient,
                         double latest[ALLIANCE_RATERS], bool any[ALLIANCE_RATERS], struct error *error) {
  double time, rating = 0;
  int rater;
  int8_t reported;
  size_t at = 0;
  if (csv_missing(field(input, input->session)))
    return refuse(input, input->session, error, "is no session; every row needs one");
  enum err err = read_number(input, input->session, &time, error);
  bool rated = !csv_missing(field(input, input->rating));
  if (!err && rated) err = read_number(input, input->rating, &rating, error);
  if (!err) err = read_rater(input, &rater, error);
  if (!err) err = read_reported(input, &reported, error);
  if (!err) err = place_session(input, block, patient, time, rater, latest, any, &at, error);
  if (err) return err;
  struct alliance_session *session = &block->sessions[at];
  session->rated[rater] = rated;
  session->rating[rater] = rated ? input->sign * rating : 0;
  session->reported[rater] = reported;
  if (rated && (rater == ALLIANCE_PATIENT || block->labels[at].rating == UINT32_MAX))
    block->labels[at].rating = block_text(block, field(input, input->rating));
  input->any_rater[rater] |= rated;
  input->rows++;
  return OK;
}

/* ---- whole patients ---- */

static enum err next_chunk(struct input *input, struct error *error) {
  input->row = 0;
  enum err err = csv_next_chunk(input->csv, &input->chunk, error);
  input->done = !err && input->chunk.rows == 0;
  return err;
}

/* False where the name was seen before. A bounded memory of names: the first 131,072 patients. */
static bool name_is_new(struct input *input, const char *name) {
  uint64_t hash = 1469598103934665603u;
  for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 1099511628211u;
  hash |= 1;
  size_t slot = (size_t)(hash >> 20) & (SEEN_SLOTS - 1);
  for (; input->seen[slot]; slot = (slot + 1) & (SEEN_SLOTS - 1))
    if (input->seen[slot] == hash) return false;
  if (input->seen_count < SEEN_SLOTS / 2) {
    input->seen[slot] = hash;
    input->seen_count++;
  }
  return true;
}

static enum err read_patient(struct input *input, struct input_block *block, struct error *error) {
  block->patients = larger(block->patients, &block->patients_capacity, block->count + 1, sizeof *block->patients);
  struct input_patient *patient = &block->patients[block->count];
  const char *name = field(input, input->patient);
  if (csv_missing(name)) return refuse(input, input->patient, error, "is no patient; every row needs one");
  if (strlen(name) > LABEL_MAXIMUM) return refuse(input, input->patient, error, "... is too long for a patient's code");
  if (!name_is_new(input, name))
    return refuse(input, input->patient, error,
                  "had rows further up, with other patients between; sort the file by patient and session");
  *patient = (struct input_patient){.first = block->rows, .name = block_text(block, name)};
  double latest[ALLIANCE_RATERS] = {0};
  bool any[ALLIANCE_RATERS] = {false};
  for (;;) {
    enum err err = read_row(input, block, patient, latest, any, error);
    if (!err && ++input->row == input->chunk.rows) err = next_chunk(input, error);
    if (err) return err;
    if (input->done || strcmp(field(input, input->patient), block->text + patient->name)) break;
  }
  block->count++;
  input->patients++;
  return OK;
}

enum err input_fill(struct input *input, struct input_block *block, size_t most, struct error *error) {
  block->rows = block->count = block->text_used = 0;
  if (!input->done && !input->chunk.rows) {
    enum err err = next_chunk(input, error);
    if (err) return err;
  }
  while (!input->done && block->count < most && block->rows < BLOCK_ROWS) {
    enum err err = read_patient(input, block, error);
    if (err) return err;
  }
  return OK;
}
