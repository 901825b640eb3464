#include "cli/detect_input.h"

#include <math.h>
#include <stdlib.h>

#define BLOCK_ROWS 32768
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

/* Room for `length` bytes more and the padding after them. */
static char *text_room(struct input_block *block, size_t length) {
  block->text = larger(block->text, &block->text_capacity, block->text_used + length + INPUT_PADDING, 1);
  return block->text + block->text_used;
}

/* The bytes and the character; most texts are shorter than the padding after them, and copied without a call. */
static char *put_text(char *to, const char *text, size_t length, char end) {
  if (length <= CSV_TEXT_PADDING)
    memcpy(to, text, CSV_TEXT_PADDING);
  else
    memcpy(to, text, length);
  to[length] = end;
  return to + length + 1;
}

/* Room for `more` rows. */
static void rows_room(struct input_block *block, size_t more) {
  size_t capacity = block->rows_capacity;
  block->sessions = larger(block->sessions, &capacity, block->rows + more, sizeof *block->sessions);
  block->labels = larger(block->labels, &block->rows_capacity, block->rows + more, sizeof *block->labels);
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

static bool fits(double value, struct csv_text text) {
  return value <= ALLIANCE_RATING_MAX && value >= -ALLIANCE_RATING_MAX && text.length <= INPUT_LABEL_MAXIMUM;
}

/* Why a session or rating cannot be taken. */
static enum err refuse_number(const struct input *input, int column, double value, struct error *error) {
  if (field(input, column).length > INPUT_LABEL_MAXIMUM)
    return refuse(input, column, error, "... is too long for a number");
  if (isnan(value)) return refuse(input, column, error, "is no session; every row needs one");
  return refuse(input, column, error, "is beyond what a rating or session can be (1e9)");
}

static enum err read_rater(const struct input *input, int *rater, struct error *error) {
  *rater = ALLIANCE_PATIENT;
  struct csv_text text = field(input, input->rater);
  if (is_word(text, "patient")) return OK;
  *rater = ALLIANCE_THERAPIST;
  if (is_word(text, "therapist")) return OK;
  return refuse(input, input->rater, error, "is no rater; it must be 'patient' or 'therapist'");
}

static enum err read_reported(const struct input *input, int8_t *reported, struct error *error) {
  *reported = -1;
  struct csv_text text = field(input, input->reported);
  if (is_missing(text)) return OK;
  if (!is_word(text, "0") && !is_word(text, "1"))
    return refuse(input, input->reported, error, "is no answer; it must be 0, 1 or empty");
  *reported = *text.text == '1';
  return OK;
}

/* The sessions of one rater so far. */
struct latest {
  double time;
  bool any;
};

static enum err refuse_time(const struct input *input, double time, double latest, struct error *error) {
  if (time == latest)
    return refuse(input, input->session, error, "occurs twice for this patient; each session has one row a rater");
  return refuse(input, input->session, error,
                "comes after a later session of this patient; sort the file by patient and session");
}

/* What is printed again of the session at `at`: its time as it was written first, the rating as it is written here. */
static void label_set(const struct input *input, struct input_block *block, size_t at, bool first, bool rated) {
  struct csv_text time = input->time_texts[input->row], rating = input->rating_texts[input->row];
  struct input_label *label = &block->labels[at];
  size_t session = first ? time.length + 1 : label->session;
  char *to = text_room(block, session + rating.length + 1);
  label->session = (uint16_t)session;
  if (!first) memcpy(to, block->text + label->at, session);
  to = first ? put_text(to, time.text, time.length, ',') : to + session;
  if (rated) put_text(to, rating.text, rating.length, ',');
  label->at = (uint32_t)block->text_used;
  label->length = (uint16_t)(rated ? session + rating.length + 1 : session);
  block->text_used += label->length;
}

/* A new session at `at`, before those of the patient that come later. */
static enum err add_session(const struct input *input, struct input_block *block, struct input_patient *patient,
                            double time, size_t at, struct error *error) {
  if (patient->count == ALLIANCE_SERIES_MAX)
    return refuse(input, input->session, error, "is one session too many; a patient has at most 100000");
  size_t after = patient->first + (size_t)patient->count - at;
  rows_room(block, 1);
  block->rows++;
  if (after) {
    memmove(block->sessions + at + 1, block->sessions + at, after * sizeof *block->sessions);
    memmove(block->labels + at + 1, block->labels + at, after * sizeof *block->labels);
  }
  block->sessions[at] = (struct alliance_session){.time = time, .reported = {-1, -1}};
  patient->count++;
  return OK;
}

static enum err read_row(struct input *input, struct input_block *block, struct input_patient *patient,
                         struct latest latest[ALLIANCE_RATERS], struct error *error) {
  double time = input->times[input->row], rating = input->ratings[input->row];
  bool rated = !isnan(rating);
  int rater = ALLIANCE_PATIENT;
  int8_t reported = -1;
  enum err err = OK;
  if (!fits(time, input->time_texts[input->row])) return refuse_number(input, input->session, time, error);
  if (!fits(rated ? rating : 0, input->rating_texts[input->row]))
    return refuse_number(input, input->rating, rating, error);
  if (input->rater >= 0) err = read_rater(input, &rater, error);
  if (!err && input->reported >= 0) err = read_reported(input, &reported, error);
  if (err) return err;
  if (latest[rater].any && !(time > latest[rater].time)) return refuse_time(input, time, latest[rater].time, error);
  latest[rater] = (struct latest){time, true};

  size_t at = patient->first + (size_t)patient->count;
  while (at > patient->first && block->sessions[at - 1].time > time) at--;
  bool first = at == patient->first || block->sessions[at - 1].time != time;
  if (first)
    err = add_session(input, block, patient, time, at, error);
  else
    at--;
  if (err) return err;
  struct alliance_session *session = &block->sessions[at];
  session->rated[rater] = rated;
  session->rating[rater] = rated ? input->sign * rating : 0;
  session->reported[rater] = reported;
  /* The patient's rating is shown where there is one, else the therapist's. */
  if (first || (rated && (rater == ALLIANCE_PATIENT || !session->rated[ALLIANCE_PATIENT])))
    label_set(input, block, at, first, rated);
  input->any_rater[rater] |= rated;
  input->rows++;
  return OK;
}

/* ---- whole patients ---- */

static enum err next_chunk(struct input *input, struct error *error) {
  input->row = 0;
  enum err err = csv_next_chunk(input->csv, &input->chunk, error);
  if (err || !input->chunk.rows) {
    input->done = !err;
    return err;
  }
  input->names = input->chunk.texts[input->patient];
  input->time_texts = input->chunk.texts[input->session];
  input->rating_texts = input->chunk.texts[input->rating];
  input->times = input->chunk.numbers[input->session];
  input->ratings = input->chunk.numbers[input->rating];
  return OK;
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

/* Texts with CSV_TEXT_PADDING readable bytes: short ones are compared without a call. */
static bool same_text(const char *a, const char *b, size_t length) {
  if (length > 16 || length < 4) return !memcmp(a, b, length);
  if (length < 8) return !memcmp(a, b, 4) && !memcmp(a + length - 4, b + length - 4, 4);
  return !memcmp(a, b, 8) && !memcmp(a + length - 8, b + length - 8, 8);
}

static bool is_patient(const struct input_block *block, const struct input_patient *patient, struct csv_text name) {
  return name.length == patient->name_length && same_text(name.text, block->text + patient->name, name.length);
}

/* Rows as nearly all are, several at once: a session later than the one before, rated by the patient or not at all, in
 * short numbers. Takes what it can of the patient's rows in this chunk and leaves the rest, none if need be, to
 * read_row(), which also says what is wrong. */
static void take_plain_rows(struct input *input, struct input_block *block, struct input_patient *patient,
                            struct latest *latest) {
  const size_t first = input->row, longest = CSV_TEXT_PADDING - 1;
  size_t row = first, rows = input->chunk.rows, used = block->text_used;
  if (input->rater >= 0 || input->reported >= 0) return;
  if (rows - row > (size_t)(ALLIANCE_SERIES_MAX - patient->count))
    rows = row + (size_t)(ALLIANCE_SERIES_MAX - patient->count);
  rows_room(block, rows - row);
  text_room(block, (rows - row) * INPUT_PADDING);
  struct alliance_session *session = block->sessions + block->rows;
  struct input_label *label = block->labels + block->rows;
  double last = latest->any ? latest->time : -HUGE_VAL;
  bool any = false;
  for (; row < rows && is_patient(block, patient, input->names[row]); row++) {
    double time = input->times[row], rating = input->ratings[row];
    struct csv_text time_text = input->time_texts[row], rating_text = input->rating_texts[row];
    bool rated = !isnan(rating);
    if (!(time > last && time <= ALLIANCE_RATING_MAX && time >= -ALLIANCE_RATING_MAX) ||
        fabs(rating) > ALLIANCE_RATING_MAX || time_text.length > longest || rating_text.length > longest)
      break;
    last = time;
    any |= rated;
    *session++ = (struct alliance_session){
        .time = time, .rating = {rated ? input->sign * rating : 0}, .rated = {rated}, .reported = {-1, -1}};
    char *to = put_text(block->text + used, time_text.text, time_text.length, ',');
    put_text(to, rating_text.text, rating_text.length, ',');
    uint16_t length = (uint16_t)(time_text.length + 1);
    *label++ =
        (struct input_label){(uint32_t)used, length, (uint16_t)(rated ? length + rating_text.length + 1 : length)};
    used += length + rating_text.length + 1;
  }
  size_t taken = row - first;
  if (!taken) return;
  *latest = (struct latest){last, true};
  input->any_rater[ALLIANCE_PATIENT] |= any;
  input->rows += taken;
  input->row = row;
  patient->count += (int)taken;
  block->rows += taken;
  block->text_used = used;
}

static enum err read_patient(struct input *input, struct input_block *block, struct error *error) {
  block->patients = larger(block->patients, &block->patients_capacity, block->count + 1, sizeof *block->patients);
  struct input_patient *patient = &block->patients[block->count];
  struct csv_text name = input->names[input->row];
  if (is_missing(name)) return refuse(input, input->patient, error, "is no patient; every row needs one");
  if (name.length > INPUT_LABEL_MAXIMUM)
    return refuse(input, input->patient, error, "... is too long for a patient's code");
  uint64_t hash = name_hash(name);
  size_t line = input->chunk.lines[input->row];
  __builtin_prefetch(name_slot(input, hash)); /* far away; there when the rows have been read */
  *patient = (struct input_patient){
      .first = block->rows, .name = (uint32_t)block->text_used, .name_length = (uint32_t)name.length};
  put_text(text_room(block, name.length + 1), name.text, name.length, 0);
  block->text_used += name.length + 1;
  struct latest latest[ALLIANCE_RATERS] = {{0}};
  for (;;) {
    size_t before = input->row;
    enum err err = OK;
    take_plain_rows(input, block, patient, &latest[ALLIANCE_PATIENT]);
    if (input->row == before) {
      err = read_row(input, block, patient, latest, error);
      input->row++;
    }
    if (!err && input->row == input->chunk.rows) err = next_chunk(input, error);
    if (err) return err;
    if (input->done || !is_patient(block, patient, input->names[input->row])) break;
  }
  if (!name_is_new(input, hash))
    return csv_refuse(input->csv, line, input->patient, error,
                      "'%.60s' had rows further up, with other patients between; sort the file by patient and session",
                      block->text + patient->name);
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
