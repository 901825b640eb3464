#include "feedback/detection.h"

#include <math.h>
#include <pthread.h>

#include "attune/alliance.h"
#include "people/account.h"
#include "feedback/judged.h"

#define LENGTHS 5
static const int lengths[LENGTHS] = {6, 12, 20, 30, ALLIANCE_SESSIONS_MAX}; /* courses without a planned length */
#define LEARN_LEAST 40 /* ratings: below that the stated default serves */
#define THRESHOLD_SEED 20260101

struct detector {
  struct home *home;
  enum alliance_rule rule;
  double false_alarm, sign; /* sign -1: higher is worse, so ratings are turned over on their way in and out */
  double low, high;
  int planned;
  bool used[2];
  char asked[2 * SHA256_BYTES + 1]; /* hash of all of the above and of how this program judges: the same as long as both are */
  struct judged *judged;
  pthread_mutex_t lock; /* over what follows */
  struct alliance_estimate estimate;
  struct alliance_threshold thresholds[LENGTHS];
  int ready; /* how many thresholds hold */
  int64_t ratings;
  char name[17];
  char judged_by[2 * SHA256_BYTES + 1]; /* hash of what was asked, the estimate and the thresholds */
  bool kept;                            /* in cache_estimate */
};

/* ---- what the study asks for ---- */

static void take_signal(struct detector *detector, const struct study_signal *signal, int rater) {
  detector->used[rater] = signal->form && signal->score;
  if (!detector->used[rater]) return;
  detector->low = signal->score->low;
  detector->high = signal->score->high;
}

static int length_at(const struct detector *detector, int i) {
  return detector->planned && i == 0 ? detector->planned : lengths[i];
}

static struct alliance_estimate estimate_default(const struct detector *detector) {
  double range = detector->high - detector->low;
  double level = detector->sign * (detector->low + 0.7 * range); /* people rate the alliance high */
  return alliance_estimate_default(level, range / 8, range / 10, length_at(detector, 0));
}

static void hash_hex(char out[2 * SHA256_BYTES + 1], const void *bytes, size_t length) {
  uint8_t hash[SHA256_BYTES];
  sha256(hash, bytes, length);
  hex_write(out, hash, sizeof hash);
}

/* After the estimate or its thresholds have changed. */
static void estimate_name(struct detector *detector) {
  char text[ALLIANCE_ESTIMATE_TEXT], hash[2 * SHA256_BYTES + 1];
  hash_hex(hash, text, alliance_estimate_write(text, sizeof text, &detector->estimate));
  snprintf(detector->name, sizeof detector->name, "%.16s", hash);
  struct arena arena = {0};
  struct buf by = buf_in(&arena, 512);
  buf_addf(&by, "%s %s", detector->asked, hash);
  for (int i = 0; i < detector->ready; i++)
    buf_addf(&by, " %d %.17g", detector->thresholds[i].sessions, detector->thresholds[i].limit);
  hash_hex(detector->judged_by, by.data, by.length);
  arena_free(&arena);
}

static enum err find_thresholds(struct detector *detector, int count, struct error *error) {
  detector->ready = 0;
  for (int i = 0; i < count; i++) {
    int sessions = length_at(detector, i);
    struct alliance_design design = alliance_design_plain(sessions);
    for (int rater = 0; rater < 2; rater++) {
      design.rated[rater] = detector->used[rater] ? (sessions == 64 ? ~UINT64_C(0) : (UINT64_C(1) << sessions) - 1) : 0;
      design.asked[rater] = 0;
    }
    size_t bytes = alliance_memory(sessions, 0);
    void *memory = malloc(bytes);
    if (!memory) die("out of memory");
    enum alliance_status status = alliance_threshold_find(&detector->thresholds[i], &detector->estimate, &design, detector->rule,
                                                          ALLIANCE_ONLINE, detector->false_alarm, THRESHOLD_SEED, 0, memory, bytes);
    free(memory);
    if (status == ALLIANCE_TOO_SHORT && i + 1 < LENGTHS) { /* a course that this rule cannot decide: nothing alarms */
      alliance_threshold_textbook(&detector->thresholds[i], ALLIANCE_MODEL, ALLIANCE_ONLINE);
      detector->thresholds[i].rule = detector->rule;
      detector->thresholds[i].view = ALLIANCE_ONLINE;
      detector->thresholds[i].limit = ALLIANCE_RATING_MAX;
    } else if (status)
      return fail(error, ERR_STATE, "detector", "", "the detection rule cannot be used here: %s", alliance_status_text(status));
    detector->ready = i + 1;
  }
  return OK;
}

/* ---- reading ratings ---- */

static void series_take(struct detection_series *one, struct rows *rows, int first) {
  int rater = !strcmp(rows_text(rows, first), "patient") ? 0 : 1;
  const char *value = rows_text(rows, first + 1);
  double rating;
  if (*value && number_read(value, &rating)) {
    one->has[rater] = true;
    one->rating[rater] = rating;
  }
  one->reported[rater] = (int)rows_int(rows, first + 2);
  one->resolved[rater] = (int)rows_int(rows, first + 3);
}

static struct detection_series series_new(int64_t number) {
  return (struct detection_series){.session_number = number, .reported = {-1, -1}, .resolved = {-1, -1}};
}

static void course_add(struct arena *arena, struct detection_course *course, struct rows *rows) {
  int64_t number = rows_int(rows, 0);
  if (!course->count || course->series[course->count - 1].session_number != number) {
    course->series = list_grow(arena, course->series, course->count, &course->room, sizeof *course->series);
    course->series[course->count++] = series_new(number);
  }
  series_take(&course->series[course->count - 1], rows, 1);
}

enum err detection_course_read(struct db *open, struct arena *arena, const char *patient, struct detection_course *course,
                               struct error *error) {
  *course = (struct detection_course){.patient = arena_text(arena, patient)};
  struct rows rows;
  rows_open(&rows, open,
            "SELECT session_number, rater, value, reported, resolved FROM rating WHERE patient = $1 ORDER BY session_number, rater",
            ARGS(v_text(patient)));
  while (rows_next(&rows)) course_add(arena, course, &rows);
  return rows_close(&rows, error);
}

static void to_alliance(const struct detector *detector, const struct detection_series *from, struct alliance_session *to) {
  to->time = (double)from->session_number;
  for (int rater = 0; rater < 2; rater++) {
    to->rated[rater] = detector->used[rater] && from->has[rater];
    to->rating[rater] = detector->sign * from->rating[rater];
    to->reported[rater] = (int8_t)from->reported[rater];
  }
}

/* ---- judging ---- */

/* The threshold for a course of this length: the shortest that is ready and long enough, else the longest ready. */
static int threshold_index(const struct detector *detector, size_t count) {
  int i = 0;
  while (i + 1 < detector->ready && (size_t)length_at(detector, i) < count) i++;
  return i;
}

static double six_decimals(double value) {
  return nearbyint(value * 1e6) / 1e6;
}

static struct detection one_detection(const struct detector *detector, const struct alliance_finding *found) {
  double low = detector->sign * found->low, high = detector->sign * found->high;
  return (struct detection){.known = low != high, /* a rule may have no expectation for a session without a rating */
                            .expected = six_decimals(detector->sign * found->expected),
                            .low = six_decimals(low < high ? low : high),
                            .high = six_decimals(low < high ? high : low),
                            .tension = found->tension < 0 ? 0 : six_decimals(found->tension),
                            .repaired = found->repaired < 0 ? 0 : six_decimals(found->repaired),
                            .event = found->event == ALLIANCE_TENSION  ? DETECTION_TENSION
                                     : found->event == ALLIANCE_REPAIR ? DETECTION_REPAIR
                                                                       : DETECTION_NONE};
}

/* What people report directly is evidence of its own, also where the rule says nothing or the course is too short. */
static void add_report(const struct detection_series *from, struct detection *out) {
  out->reported = from->reported[0] == 1 || from->reported[1] == 1;
  if (out->reported && out->event == DETECTION_NONE) out->event = DETECTION_TENSION;
}

static enum err judge(const struct detector *detector, const struct alliance_estimate *estimate,
                      const struct alliance_threshold *threshold, struct arena *arena,
                      const struct detection_course *given, struct detection *out, struct error *error) {
  const struct detection_series *series = given->series;
  size_t count = given->count;
  memset(out, 0, count * sizeof *out);
  size_t judged = count > ALLIANCE_SESSIONS_MAX ? ALLIANCE_SESSIONS_MAX : count;
  struct alliance_session *sessions = arena_array(arena, judged + 1, sizeof *sessions);
  for (size_t i = 0; i < judged; i++) to_alliance(detector, &series[i], &sessions[i]);
  struct alliance_case course = {.series = {sessions, (int)judged}, .threshold = threshold};
  const struct alliance_result *result = &course.result;
  size_t bytes = alliance_detect_memory(&course, 1);
  enum alliance_status status = alliance_detect(&course, 1, estimate, arena_raw(arena, bytes), bytes);
  if (status && status != ALLIANCE_TOO_SHORT)
    return fail(error, ERR_STATE, "detector", "", "a course could not be judged: %s", alliance_status_text(status));
  for (int i = 0; i < result->count; i++) out[i] = one_detection(detector, &result->sessions[i]);
  for (size_t i = 0; i < count; i++) add_report(&series[i], &out[i]);
  return OK;
}

/* How a course is judged now: the estimate, the threshold for its length, the key under which the judgement is kept. */
struct judging {
  struct alliance_estimate estimate;
  struct alliance_threshold threshold;
  struct judged_key key;
  struct detector_basis basis;
};

static struct detector_basis basis_now(const struct detector *detector) {
  struct detector_basis basis = {.false_alarm = detector->false_alarm, .ratings = detector->ratings};
  memcpy(basis.estimate, detector->name, sizeof basis.estimate);
  snprintf(basis.rule, sizeof basis.rule, "%s", alliance_rules[detector->rule].name);
  return basis;
}

static struct judging judging_now(struct detector *detector, struct arena *arena, const struct detection_course *course) {
  char judged_by[sizeof detector->judged_by];
  pthread_mutex_lock(&detector->lock);
  struct judging now = {.estimate = detector->estimate,
                        .threshold = detector->thresholds[threshold_index(detector, course->count)],
                        .basis = basis_now(detector)};
  memcpy(judged_by, detector->judged_by, sizeof judged_by);
  pthread_mutex_unlock(&detector->lock);
  now.key = judged_key(arena, judged_by, course->series, course->count);
  return now;
}

/* Memory, then the table, then the rule. */
static enum err find_or_judge(struct detector *detector, struct db *db, struct arena *arena,
                              const struct detection_course *course, struct judgement *out, const struct judging *now,
                              struct error *error) {
  bool found;
  out->seen = arena_array(arena, course->count + 1, sizeof *out->seen);
  out->least = alliance_rules[detector->rule].least;
  out->basis = now->basis;
  judged_key_text(now->key, out->key);
  if (judged_find(detector->judged, now->key, out->seen, course->count)) return OK;
  enum err err = judged_read(db, course, now->key, out->seen, &found, error);
  if (!err && !found) err = judge(detector, &now->estimate, &now->threshold, arena, course, out->seen, error);
  if (!err) judged_keep(detector->judged, now->key, out->seen, course->count);
  return err;
}

enum err detector_judge(struct detector *detector, struct db *db, struct arena *arena, const struct detection_course *course,
                        struct judgement *out, struct error *error) {
  struct judging now = judging_now(detector, arena, course);
  return find_or_judge(detector, db, arena, course, out, &now, error);
}

void detector_key(struct detector *detector, struct arena *arena, const struct detection_course *course,
                  char out[2 * SHA256_BYTES + 1]) {
  judged_key_text(judging_now(detector, arena, course).key, out);
}

enum err detector_keep(struct detector *detector, struct txn *txn, const struct detection_course *course,
                       struct judgement *out, struct error *error) {
  struct arena *arena = txn_arena(txn);
  struct judging now = judging_now(detector, arena, course);
  enum err err = find_or_judge(detector, txn_db(txn), arena, course, out, &now, error);
  return err ? err : judged_write(txn_db(txn), arena, course, now.key, out->seen, error);
}

enum err detector_kept(struct detector *detector, struct db *db, struct arena *arena, const struct detection_course *course,
                       bool *kept, struct error *error) {
  struct detection *seen = arena_array(arena, course->count + 1, sizeof *seen);
  return judged_read(db, course, judging_now(detector, arena, course).key, seen, kept, error);
}

/* ---- what is asked ---- */

#define PROBE 12
/* How this program judges a course of its own making: a program that says anything else of it is another, and what the
 * one before it kept does not hold. */
static enum err probe(const struct detector *detector, struct arena *arena, struct buf *out, struct error *error) {
  static const double share[PROBE] = {.6, .7, .65, .7, .3, .25, .35, .6, .7, .75, .5, .7};
  struct detection_series series[PROBE];
  struct detection seen[PROBE];
  struct alliance_estimate estimate = estimate_default(detector);
  struct alliance_threshold threshold = {.rule = detector->rule, .view = ALLIANCE_ONLINE, .limit = 1, .sessions = PROBE};
  for (int i = 0; i < PROBE; i++) {
    series[i] = series_new(i + 1);
    for (int rater = 0; rater < 2; rater++) {
      series[i].has[rater] = i % 5 != 3 - rater;
      series[i].rating[rater] = detector->low + share[i] * (detector->high - detector->low);
    }
    series[i].reported[0] = i == 5;
  }
  enum err err = judge(detector, &estimate, &threshold, arena, &(struct detection_course){.series = series, .count = PROBE}, seen, error);
  for (int i = 0; i < PROBE && !err; i++)
    buf_addf(out, " %d %.6f %.6f %.6f %.6f %.6f %d", seen[i].known, seen[i].expected, seen[i].low, seen[i].high,
             seen[i].tension, seen[i].repaired, seen[i].event);
  return err;
}

static enum err asked_name(struct detector *detector, struct error *error) {
  struct arena arena = {0};
  struct buf text = buf_in(&arena, 2048);
  buf_addf(&text, "%s %.17g %.17g %.17g %.17g %d %d %d", alliance_rules[detector->rule].name, detector->false_alarm,
           detector->sign, detector->low, detector->high, detector->planned, detector->used[0], detector->used[1]);
  enum err err = probe(detector, &arena, &text, error);
  hash_hex(detector->asked, text.data, text.length);
  arena_free(&arena);
  return err;
}

/* ---- learning ---- */

struct sample {
  struct alliance_series *series;
  struct alliance_session *sessions;
  size_t patients, rows;
  int64_t ratings;
  int longest;
};

static enum err sample_read(const struct detector *detector, struct db *open, struct arena *arena, struct sample *sample,
                            struct error *error) {
  int64_t most;
  enum err err = db_int(open, error, &most, 0, "SELECT count(*) FROM rating", NO_ARGS);
  if (err) return err;
  sample->sessions = arena_array(arena, (size_t)most + 1, sizeof *sample->sessions);
  sample->series = arena_array(arena, (size_t)most + 1, sizeof *sample->series);
  char before[CODE_BYTES] = "";
  struct detection_series one = {.session_number = INT64_MIN};
  struct rows rows;
  rows_open(&rows, open, "SELECT patient, session_number, rater, value, reported, resolved FROM rating ORDER BY patient, session_number, rater", NO_ARGS);
  while (rows_next(&rows) && sample->rows < (size_t)most + 1) {
    bool other = strcmp(before, rows_text(&rows, 0)) != 0;
    if (other) {
      snprintf(before, sizeof before, "%s", rows_text(&rows, 0));
      sample->series[sample->patients++] = (struct alliance_series){.sessions = sample->sessions + sample->rows};
    }
    struct alliance_series *series = &sample->series[sample->patients - 1];
    if (other || one.session_number != rows_int(&rows, 1)) {
      one = series_new(rows_int(&rows, 1));
      sample->rows++;
      series->count++;
      if (series->count > sample->longest) sample->longest = series->count;
    }
    series_take(&one, &rows, 2);
    to_alliance(detector, &one, &sample->sessions[sample->rows - 1]);
    sample->ratings++;
  }
  return rows_close(&rows, error);
}

static enum err sample_estimate(struct detector *fresh, const struct sample *sample, struct error *error) {
  fresh->ratings = 0;
  fresh->estimate = estimate_default(fresh);
  if (sample->ratings < LEARN_LEAST) return OK;
  struct alliance_settings settings = {.ignore_rater = {!fresh->used[0], !fresh->used[1]}, .bounded = true};
  settings.sessions = fresh->planned;
  settings.low = fresh->sign > 0 ? fresh->low : -fresh->high;
  settings.high = fresh->sign > 0 ? fresh->high : -fresh->low;
  size_t bytes = alliance_estimate_memory(sample->patients, sample->longest);
  void *memory = malloc(bytes);
  if (!memory) die("out of memory");
  enum alliance_status status = alliance_estimate_sample(&fresh->estimate, sample->series, sample->patients, &settings, memory, bytes);
  free(memory);
  if (status == ALLIANCE_NO_DATA) {
    fresh->estimate = estimate_default(fresh);
    return OK;
  }
  if (status) return fail(error, ERR_STATE, "detector", "", "the sample could not be estimated: %s", alliance_status_text(status));
  fresh->ratings = sample->ratings;
  return OK;
}

static int lengths_needed(const struct detector *detector, int longest) {
  int count = 1;
  while (count < LENGTHS && length_at(detector, count - 1) < longest) count++;
  return count;
}

static void take_over(struct detector *detector, const struct detector *fresh) {
  pthread_mutex_lock(&detector->lock);
  detector->estimate = fresh->estimate;
  memcpy(detector->thresholds, fresh->thresholds, sizeof detector->thresholds);
  memcpy(detector->name, fresh->name, sizeof detector->name);
  detector->kept = detector->kept && !strcmp(detector->judged_by, fresh->judged_by);
  memcpy(detector->judged_by, fresh->judged_by, sizeof detector->judged_by);
  detector->ready = fresh->ready;
  detector->ratings = fresh->ratings;
  pthread_mutex_unlock(&detector->lock);
}

/* ---- keeping the estimate over a restart ---- */

static json_t *thresholds_json(const struct detector *detector) {
  json_t *list = json_array();
  for (int i = 0; i < detector->ready; i++) {
    const struct alliance_threshold *one = &detector->thresholds[i];
    char limit[40], reached[40];
    snprintf(limit, sizeof limit, "%.17g", one->limit);
    snprintf(reached, sizeof reached, "%.17g", one->reached);
    json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:i}", "limit", limit, "reached", reached, "sessions", one->sessions,
                                          "simulations", one->simulations));
  }
  return list;
}

static enum err remember(struct txn *txn, void *input, struct error *error) {
  const struct detector *detector = input;
  char text[ALLIANCE_ESTIMATE_TEXT];
  size_t length = alliance_estimate_write(text, sizeof text, &detector->estimate);
  json_t *body = json_pack("{s:s%, s:o, s:s, s:I}", "estimate", text, length, "thresholds", thresholds_json(detector), "asked",
                           detector->asked, "ratings", (json_int_t)detector->ratings);
  char *kept = json_canonical(txn_arena(txn), body, NULL);
  json_decref(body);
  return db_exec(txn_db(txn), error,
                 "INSERT INTO cache_estimate (name, made_ms, body) VALUES ('current', $1, $2) "
                 "ON CONFLICT (name) DO UPDATE SET made_ms = excluded.made_ms, body = excluded.body",
                 ARGS(v_int(txn_now(txn)), v_text(kept)));
}

static bool recall_thresholds(struct detector *detector, const json_t *list) {
  size_t count = json_array_size(list);
  if (!count || count > LENGTHS) return false;
  for (size_t i = 0; i < count; i++) {
    const json_t *one = json_array_get(list, i);
    detector->thresholds[i] = (struct alliance_threshold){.rule = detector->rule,
                                                          .view = ALLIANCE_ONLINE,
                                                          .false_alarm = detector->false_alarm,
                                                          .limit = strtod(json_text(one, "limit", "0"), NULL),
                                                          .reached = strtod(json_text(one, "reached", "0"), NULL),
                                                          .sessions = (int)json_int(one, "sessions", 0),
                                                          .simulations = (int)json_int(one, "simulations", 0),
                                                          .seed = THRESHOLD_SEED};
    if (detector->thresholds[i].sessions != length_at(detector, (int)i)) return false;
  }
  detector->ready = (int)count;
  return true;
}

/* What an earlier run of the program learnt; false when there is nothing, or the study then asked for something else. */
static bool recall(struct detector *detector, struct db *open) {
  struct arena arena = {0};
  char *text;
  json_t *body = NULL;
  bool good = !db_text(open, NULL, &arena, &text, "SELECT body FROM cache_estimate WHERE name = 'current' ORDER BY name", NO_ARGS) &&
              text && !json_read(&body, text, strlen(text), "estimate", NULL);
  const char *estimate = good ? json_text(body, "estimate", "") : "";
  good = good && !strcmp(json_text(body, "asked", ""), detector->asked) &&
         alliance_estimate_read(&detector->estimate, estimate, strlen(estimate)) &&
         recall_thresholds(detector, json_object_get(body, "thresholds"));
  if (good) detector->ratings = json_int(body, "ratings", 0);
  json_decref(body);
  arena_free(&arena);
  return good;
}

/* The limits that the sample itself asks for: stricter where it would alarm turned over. */
static enum err mirror_check(struct detector *fresh, const struct sample *sample, struct arena *arena,
                             struct error *error) {
  struct alliance_case *cases = arena_array(arena, sample->patients + 1, sizeof *cases);
  struct alliance_mirror mirror;
  if (sample->ratings < LEARN_LEAST || fresh->rule != ALLIANCE_MODEL) return OK;
  for (size_t p = 0; p < sample->patients; p++) {
    int i = threshold_index(fresh, (size_t)sample->series[p].count);
    cases[p] = (struct alliance_case){.series = sample->series[p], .threshold = &fresh->thresholds[i]};
  }
  size_t bytes = alliance_mirror_memory(cases, sample->patients);
  void *memory = malloc(bytes);
  if (!memory) die("out of memory");
  enum alliance_status status =
      alliance_mirror_find(&mirror, cases, sample->patients, &fresh->estimate, fresh->false_alarm, memory, bytes);
  free(memory);
  if (status) return fail(error, ERR_STATE, "detector", "", "the limits cannot be checked: %s", alliance_status_text(status));
  for (int i = 0; i < fresh->ready; i++) fresh->thresholds[i].limit *= mirror.factor;
  return OK;
}

static enum err learn_from(struct detector *detector, struct db *open, struct error *error) {
  struct arena arena = {0};
  struct sample sample = {0};
  struct detector fresh = *detector;
  enum err err = sample_read(&fresh, open, &arena, &sample, error);
  if (!err) err = sample_estimate(&fresh, &sample, error);
  if (!err) err = find_thresholds(&fresh, lengths_needed(&fresh, sample.longest), error);
  if (!err) err = mirror_check(&fresh, &sample, &arena, error);
  arena_free(&arena);
  if (err) return err;
  estimate_name(&fresh);
  take_over(detector, &fresh);
  return OK;
}

enum err detector_remember(struct detector *detector, struct error *error) {
  if (!detector->home->ledger || detector->kept) return OK;
  enum err err = ledger_do(detector->home->ledger, remember, detector, error);
  detector->kept = !err;
  return err;
}

enum err detector_learn(struct detector *detector, struct error *error) {
  struct db *open;
  enum err err = db_open(&open, detector->home->store, DB_OPEN, error);
  if (err) return err;
  err = learn_from(detector, open, error);
  db_close(open);
  return err;
}

enum err detector_open(struct detector **out, struct home *home, struct error *error) {
  const struct study_detection *asked = &home_study(home)->detection;
  int rule = alliance_rule_named(asked->rule);
  if (rule < 0) return fail(error, ERR_STATE, "detector", "detection", "this program has no detection rule '%s'", asked->rule);
  struct detector *detector = calloc(1, sizeof *detector);
  if (!detector) die("out of memory");
  *detector = (struct detector){.home = home,
                                .rule = (enum alliance_rule)rule,
                                .false_alarm = strtod(asked->false_alarm, NULL),
                                .sign = asked->higher_is_worse ? -1 : 1,
                                .high = 1,
                                .planned = home_study(home)->sessions_planned};
  take_signal(detector, &asked->therapist, 1);
  take_signal(detector, &asked->patient, 0);
  detector->judged = judged_new();
  pthread_mutex_init(&detector->lock, NULL);
  struct db *open = NULL;
  enum err err = asked_name(detector, error);
  if (!err) err = db_open(&open, home->store, DB_OPEN, error);
  if (!err) {
    detector->kept = recall(detector, open);
    if (detector->kept) estimate_name(detector);
    else err = learn_from(detector, open, error);
    db_close(open);
  }
  if (err) {
    detector_close(detector);
    return err;
  }
  if (home->ledger) ledger_follow(home->ledger, detector);
  *out = detector;
  return OK;
}

void detector_close(struct detector *detector) {
  if (!detector) return;
  if (detector->home->ledger) ledger_follow(detector->home->ledger, NULL);
  judged_free(detector->judged);
  pthread_mutex_destroy(&detector->lock);
  free(detector);
}

struct home *detector_home(const struct detector *detector) {
  return detector->home;
}

struct detector_basis detector_basis(struct detector *detector) {
  pthread_mutex_lock(&detector->lock);
  struct detector_basis basis = basis_now(detector);
  pthread_mutex_unlock(&detector->lock);
  return basis;
}
