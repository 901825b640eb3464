#include "cli/detect_input.h"

#include <math.h>
#include <stdlib.h>

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

static struct input_label block_text(struct input_block *block, struct csv_text text) {
  size_t need = block->text_used + text.length + CSV_TEXT_PADDING;
  block->text = larger(block->text, &block->text_capacity, need, 1);
  char *to = block->text + block->text_used;
  if (text.length < CSV_TEXT_PADDING)
    memcpy(to, text.text, CSV_TEXT_PADDING); /* of one size: no call */
  else
    memcpy(to, text.text, text.length);
  to[text.length] = 0;
  struct input_label label = {(uint32_t)block->text_used, (uint32_t)text.length};
  block->text_used += text.length + 1;
  return label;
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
  csv_want(input->csv, input->patient, CSV_TEXT);
  csv_want(input->csv, input->session, CSV_NUMBER_TEXT);
  csv_want(input->csv, input->rating, CSV_NUMBER_TEXT);
  if (input->rater >= 0) csv_want(input->csv, input->rater, CSV_TEXT);
  if (input->reported >= 0) csv_want(input->csv, input->reported, CSV_TEXT);
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

static struct csv_text field(const struct input *input, int column) {
  return input->chunk.texts[column][input->row];
}

static bool is_missing(struct csv_text text) {
  return !text.length || (text.length == 2 && text.text[0] == 'N' && text.text[1] == 'A');
}

static bool is_word(struct csv_text text, const char *word) {
  return text.length == strlen(word) && !memcmp(text.text, word, text.length);
}

static enum err refuse(const struct input *input, int column, struct error *error, const char *what) {
  struct csv_text text = field(input, column);
  return csv_refuse(input->csv, input->chunk.lines[input->row], column, error, "'%.*s' %s",
                    (int)(text.length < 60 ? text.length : 60), text.text, what);
}

/* NaN where the field is missing. */
static enum err read_number(const struct input *input, int column, double *value, struct error *error) {
  *value = input->chunk.numbers[column][input->row];
  if (field(input, column).length > LABEL_MAXIMUM) return refuse(input, column, error, "... is too long for a number");
  if (*value > ALLIANCE_RATING_MAX || *value < -ALLIANCE_RATING_MAX)
    return refuse(input, column, error, "is beyond what a rating or session can be (1e9)");
  return OK;
}

static enum err read_rater(const struct input *input, int *rater, struct error *error) {
  *rater = ALLIANCE_PATIENT;
  if (input->rater < 0) return OK;
  struct csv_text text = field(input, input->rater);
  if (is_word(text, "patient")) return OK;
  *rater = ALLIANCE_THERAPIST;
  if (is_word(text, "therapist")) return OK;
  return refuse(input, input->rater, error, "is no rater; it must be 'patient' or 'therapist'");
}

static enum err read_reported(const struct input *input, int8_t *reported, struct error *error) {
  *reported = -1;
  if (input->reported < 0) return OK;
  struct csv_text text = field(input, input->reported);
  if (is_missing(text)) return OK;
  if (!is_word(text, "0") && !is_word(text, "1"))
    return refuse(input, input->reported, error, "is no answer; it must be 0, 1 or empty");
  *reported = *text.text == '1';
  return OK;
}

#define UNRATED UINT32_MAX /* the offset of a rating's label where there is none yet */

/* Moves the patient's sessions from `at` on one place up and puts a new one there. */
static enum err add_session(const struct input *input, struct input_block *block, struct input_patient *patient,
                            double time, size_t at, struct error *error) {
  if (patient->count == ALLIANCE_SERIES_MAX)
    return refuse(input, input->session, error, "is one session too many; a patient has at most 100000");
  size_t after = patient->first + (size_t)patient->count - at;
  block_row(block);
  if (after) {
    memmove(block->sessions + at + 1, block->sessions + at, after * sizeof *block->sessions);
    memmove(block->labels + at + 1, block->labels + at, after * sizeof *block->labels);
  }
  block->sessions[at] = (struct alliance_session){.time = time, .reported = {-1, -1}};
  block->labels[at].session = block_text(block, field(input, input->session));
  block->labels[at].rating = (struct input_label){UNRATED, 0};
  patient->count++;
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
  return add_session(input, block, patient, time, at, error);
}

static enum err read_row(struct input *input, struct input_block *block, struct input_patient *patient,
                         double latest[ALLIANCE_RATERS], bool any[ALLIANCE_RATERS], struct error *error) {
  double time, rating = 0;
  int rater;
  int8_t reported;
  size_t at = 0;
  enum err err = read_number(input, input->session, &time, error);
  if (!err && isnan(time)) return refuse(input, input->session, error, "is no session; every row needs one");
  if (!err) err = read_number(input, input->rating, &rating, error);
  bool rated = !isnan(rating);
  if (!err) err = read_rater(input, &rater, error);
  if (!err) err = read_reported(input, &reported, error);
  if (!err) err = place_session(input, block, patient, time, rater, latest, any, &at, error);
  if (err) return err;
  struct alliance_session *session = &block->sessions[at];
  session->rated[rater] = rated;
  session->rating[rater] = rated ? input->sign * rating : 0;
  session->reported[rater] = reported;
  if (rated && (rater == ALLIANCE_PATIENT || block->labels[at].rating.at == UNRATED))
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

static uint64_t name_hash(struct csv_text name) {
  uint64_t hash = 1469598103934665603u;
  for (size_t k = 0; k < name.length; k++) hash = (hash ^ (unsigned char)name.text[k]) * 1099511628211u;
  return ((hash ^ hash >> 32) * 0x9e3779b97f4a7c15u) | 1; /* or names that count up would crowd together */
}

static uint64_t *name_slot(const struct input *input, uint64_t hash) {
  return &input->seen[(size_t)(hash >> 40) & (SEEN_SLOTS - 1)];
}

/* False where the name was seen before. A bounded memory of names: the first 131,072 patients. */
static bool name_is_new(struct input *input, uint64_t hash) {
  uint64_t *slot = name_slot(input, hash);
  while (*slot && *slot != hash) slot = slot + 1 < input->seen + SEEN_SLOTS ? slot + 1 : input->seen;
  if (*slot) return false;
  if (input->seen_count < SEEN_SLOTS / 2) {
    *slot = hash;
    input->seen_count++;
  }
  return true;
}

static bool is_label(const struct input_block *block, struct input_label label, struct csv_text text) {
  return text.length == label.length && !memcmp(text.text, block->text + label.at, text.length);
}

static enum err read_patient(struct input *input, struct input_block *block, struct error *error) {
  block->patients = larger(block->patients, &block->patients_capacity, block->count + 1, sizeof *block->patients);
  struct input_patient *patient = &block->patients[block->count];
  struct csv_text name = field(input, input->patient);
  if (is_missing(name)) return refuse(input, input->patient, error, "is no patient; every row needs one");
  if (name.length > LABEL_MAXIMUM) return refuse(input, input->patient, error, "... is too long for a patient's code");
  uint64_t hash = name_hash(name);
  size_t line = input->chunk.lines[input->row];
  __builtin_prefetch(name_slot(input, hash)); /* far away; there when the rows have been read */
  *patient = (struct input_patient){.first = block->rows, .name = block_text(block, name)};
  double latest[ALLIANCE_RATERS] = {0};
  bool any[ALLIANCE_RATERS] = {false};
  for (;;) {
    enum err err = read_row(input, block, patient, latest, any, error);
    if (!err && ++input->row == input->chunk.rows) err = next_chunk(input, error);
    if (err) return err;
    if (input->done || !is_label(block, patient->name, field(input, input->patient))) break;
  }
  if (!name_is_new(input, hash))
    return csv_refuse(input->csv, line, input->patient, error,
                      "'%.60s' had rows further up, with other patients between; sort the file by patient and session",
                      block->text + patient->name.at);
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
