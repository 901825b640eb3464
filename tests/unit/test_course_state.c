/* The state of a course and everything drawn from it: thousands of simulated courses are read, drawn in words and as a
 * chart, and what is drawn is held against the ratings themselves. A contradiction planted in the state must be found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attune/alliance.h"
#include "attune/stats_random.h"
#include "report/chart.h"
#include "report/course_words.h"

#include <cmocka.h>

#define MOST 24

/* ---- a course as pages have it ---- */

struct drawn {
  struct arena arena;
  struct course course;
  struct course_point points[MOST];
  const char *badge, *sentences, *row, *chart, *spark;
  const char *steps[COURSE_STEPS];
};

static void course_take(struct drawn *drawn, int count) {
  struct course *course = &drawn->course;
  snprintf(course->patient, sizeof course->patient, "P-TEST");
  course->count = (size_t)count;
  course->points = drawn->points;
  course->held = course->last_number = count;
  course->lowest = 0;
  course->highest = 100;
  course->sight.level = SIGHT_COURSE;
  course->terms.left = course->left;
  course_state_read(&drawn->arena, course->points, course->count, &course->terms, &course->state);
}

static void draw(struct drawn *drawn) {
  struct course *course = &drawn->course;
  struct buf sentences = buf_in(&drawn->arena, 512), row = buf_in(&drawn->arena, 128), chart = buf_in(&drawn->arena, 4096),
             spark = buf_in(&drawn->arena, 1024);
  course_write_sentences(&sentences, LANGUAGE_ENGLISH, course);
  course_write_row(&row, LANGUAGE_ENGLISH, course);
  chart_course(&chart, LANGUAGE_ENGLISH, course);
  chart_spark(&spark, LANGUAGE_ENGLISH, course, chart_sessions(course));
  drawn->badge = word(LANGUAGE_ENGLISH, course_badge_word(course->state.badge));
  for (int i = 0; i < COURSE_STEPS; i++) drawn->steps[i] = word(LANGUAGE_ENGLISH, course_step_word(course->state.badge, i, false));
  drawn->sentences = sentences.data;
  drawn->row = row.data;
  drawn->chart = chart.data;
  drawn->spark = spark.data;
}

/* ---- what is so, by the ratings alone ---- */

struct facts {
  bool reported, found, any_tension;
  int64_t outside[MOST];
  int outside_count, last_tension; /* index; -1 none */
  bool last_two_within;            /* of the sessions with a band */
  int last_answer;                 /* index of the patient's last answer; -1 none */
  bool last_answer_against, supported; /* ... speaks of a tension; some own answer since the last tension does not */
};

static bool patient_against(const struct course_point *point) {
  bool below = point->has[0] && point->seen.known && point->rating[0] < point->seen.low;
  return below || (point->reported[0] == 1 && point->resolved[0] != 1);
}

static struct facts facts_of(const struct course *course) {
  struct facts facts = {.last_tension = -1, .last_answer = -1, .last_two_within = true};
  int banded = 0;
  for (int i = (int)course->count - 1; i >= 0; i--) {
    const struct course_point *point = &course->points[i];
    bool banded_here = point->has[0] && point->seen.known && point->seen.high > point->seen.low;
    if (!banded_here) continue;
    bool outside = point->rating[0] < point->seen.low || point->rating[0] > point->seen.high;
    if (outside) facts.outside[facts.outside_count++] = point->session_number;
    if (++banded <= 2 && outside) facts.last_two_within = false;
  }
  for (int i = 0; i < (int)course->count; i++) {
    const struct course_point *point = &course->points[i];
    bool report = point->reported[0] == 1 || point->reported[1] == 1, found = point->seen.event == DETECTION_TENSION;
    facts.reported |= report;
    facts.found |= found;
    if (report || found) {
      facts.last_tension = i;
      facts.supported = false;
    }
    if (!point->has[0] && point->reported[0] < 0) continue;
    facts.last_answer = i;
    facts.last_answer_against = patient_against(point);
    bool own_word = (point->has[0] && point->seen.known && point->seen.high > point->seen.low) || point->reported[0] >= 0;
    if (own_word && !facts.last_answer_against) facts.supported = true;
  }
  facts.any_tension = facts.reported || facts.found;
  return facts;
}

/* ---- whether what is drawn agrees with it ---- */

static const char *fault;
static char fault_text[200];
static void wrong(bool is_wrong, const char *what) {
  if (!is_wrong || fault) return;
  snprintf(fault_text, sizeof fault_text, "%s", what);
  fault = fault_text;
}

static bool says(const char *text, const char *part) {
  return strstr(text, part) != NULL;
}

static void check_steady(const struct drawn *drawn, const struct facts *facts) {
  wrong(facts->any_tension, "steady beside a tension");
  wrong(!facts->last_two_within, "steady beside a rating outside the band");
  wrong(*drawn->row != 0, "steady, and a row about a tension");
  wrong(says(drawn->sentences, "all ratings are within") && facts->outside_count, "all ratings within, and one outside");
  const char *list = strstr(drawn->sentences, "by chance: session");
  for (int i = 0; i < facts->outside_count; i++) {
    char number[8];
    snprintf(number, sizeof number, " %lld", (long long)facts->outside[i]);
    wrong(!list || !says(list, number), "a rating outside the band is not named");
  }
}

static void check_repaired(const struct drawn *drawn, const struct facts *facts) {
  wrong(facts->last_answer_against, "repaired against the patient's last word");
  wrong(!facts->supported, "repaired without the patient's word");
  wrong(says(drawn->sentences, "not confirmed") || says(drawn->row, "since"), "repaired and not");
  wrong(!says(drawn->chart, "Repair by session"), "repaired, and no repair in the chart");
}

static void check_tension(const struct drawn *drawn, const struct facts *facts) {
  const struct course *course = &drawn->course;
  const struct course_episode *now = course->state.now;
  char at[40];
  wrong(!now, "a tension without one");
  if (!now) return;
  wrong(now->begins > course->points[facts->last_tension].session_number, "it began after it was seen");
  snprintf(at, sizeof at, "session %lld", (long long)now->begins);
  wrong(!says(drawn->sentences, at) || !says(drawn->row, at), "sentence and row do not say when it began");
  snprintf(at, sizeof at, "Tension in session %lld.", (long long)now->begins);
  wrong(!says(drawn->chart, at), "the chart does not show the tension");
  bool reported[2] = {false, false};
  double likely = 0;
  for (size_t i = 0; i < course->count; i++) {
    const struct course_point *point = &course->points[i];
    if (point->session_number < now->begins || !(point->reported[0] == 1 || point->reported[1] == 1 || point->seen.event == DETECTION_TENSION)) continue;
    for (int rater = 0; rater < 2; rater++) reported[rater] |= point->reported[rater] == 1;
    if (point->seen.tension > likely) likely = point->seen.tension;
  }
  bool any = reported[0] || reported[1];
  wrong(reported[0] && !says(drawn->sentences, "patient reported a tension") && !says(drawn->sentences, "Both the patient"), "the patient's report is not named");
  wrong(reported[1] && !says(drawn->sentences, "therapist reported a tension") && !says(drawn->sentences, "Both the patient"), "the therapist's report is not named");
  wrong(any && (says(drawn->sentences, "Neither") || says(drawn->row, "nobody")), "a report, and noticed by nobody");
  bool even = !any && likely >= 0.4 && likely <= 0.6;
  wrong(even && (!says(drawn->sentences, "near even odds") || !says(drawn->row, "near even odds")), "near even odds are not called that");
  wrong(even && (says(drawn->sentences, "Neither") || says(drawn->row, "reported by")), "near even odds, and who noticed it");
  if (!any && likely > 0) {
    char percent[16];
    snprintf(percent, sizeof percent, "%.0f%%", likely * 100);
    wrong(!says(drawn->sentences, percent) || !says(drawn->row, percent), "sentence and row give another probability");
  }
}

static void check(const struct drawn *drawn) {
  static const struct {
    const char *badge, *step;
  } first_step[] = {{"steady", "Go on as you do."},
                    {"too early to tell", "Go on as you do."},
                    {"tension", "Early in the next session, ask how things felt between you last time, and listen."},
                    {"repair not confirmed by the patient", "In the next session, ask how things stand between you; do not take the repair for granted."},
                    {"repaired", "Say together what helped."}};
  struct facts facts = facts_of(&drawn->course);
  bool is[5];
  fault = NULL;
  for (int i = 0; i < 5; i++) {
    is[i] = !strcmp(drawn->badge, first_step[i].badge);
    wrong(is[i] && strcmp(drawn->steps[0], first_step[i].step) != 0, "badge and steps differ");
  }
  bool steady = is[0], early = is[1], tension = is[2], unconfirmed = is[3], repaired = is[4];
  wrong(steady + early + tension + unconfirmed + repaired != 1, "no such badge");
  wrong(facts.any_tension != (tension || unconfirmed || repaired), "the badge passes over a tension, or makes one up");
  wrong(early != says(drawn->sentences, "Too early to tell"), "too early, and not");
  wrong(unconfirmed != says(drawn->sentences, "not confirmed by the patient"), "not confirmed, and not said");
  bool silent = facts.last_answer >= 0 && (int)drawn->course.count - 1 - facts.last_answer >= 2;
  const char *since = strstr(drawn->sentences, "has not answered since session ");
  wrong(silent && !since, "who has gone quiet is not named");
  wrong(since && !silent && !unconfirmed, "gone quiet, and not");
  wrong(since && strtol(since + strlen("has not answered since session "), NULL, 10) != drawn->course.points[facts.last_answer].session_number,
        "another session of the last answer");
  wrong((tension || unconfirmed) && silent && drawn->course.state.urgency != 0, "who stopped answering in a tension is not first");
  if (steady) check_steady(drawn, &facts);
  if (repaired) check_repaired(drawn, &facts);
  if (facts.any_tension) check_tension(drawn, &facts);
  for (size_t i = 0; i < drawn->course.count; i++) {
    char at[48];
    const struct course_point *point = &drawn->course.points[i];
    snprintf(at, sizeof at, "Tension in session %lld.", (long long)point->session_number);
    bool seen = point->reported[0] == 1 || point->reported[1] == 1 || point->seen.event == DETECTION_TENSION;
    wrong(seen != says(drawn->chart, at), "chart and sessions differ on a tension");
  }
}

/* ---- simulated courses ---- */

static double on_scale(double value) {
  value = 68 + 12 * value;
  return value < 0 ? 0 : value > 100 ? 100 : (double)(int)(value / 4 + 0.5) * 4;
}

struct maker {
  struct alliance_world world;
  struct alliance_estimate estimate;
  struct alliance_threshold threshold;
  void *memory;
  size_t bytes;
};

static void maker_begin(struct maker *maker, int sessions) {
  maker->world = alliance_world_default();
  maker->world.sessions = sessions;
  maker->world.missing = 0.12;
  maker->estimate = alliance_estimate_default(68, 9, 9, sessions);
  struct alliance_design design = alliance_design_plain(sessions);
  maker->bytes = alliance_memory(sessions, 2000) + 4096;
  maker->memory = malloc(maker->bytes);
  assert_int_equal(alliance_threshold_find(&maker->threshold, &maker->estimate, &design, ALLIANCE_MODEL, ALLIANCE_ONLINE, 0.05, 1, 2000,
                                           maker->memory, maker->bytes),
                   ALLIANCE_OK);
}

/* A patient of the world, some of whom stop answering, some tell whether it was resolved. */
static int simulate(struct maker *maker, uint32_t who, struct drawn *drawn) {
  struct alliance_session sessions[ALLIANCE_SESSIONS_MAX];
  struct alliance_truth truth;
  struct stats_stream stream;
  stats_stream_init(&stream, 77, 1, who, 0);
  int count = alliance_simulate_patient(sessions, &truth, &maker->world, 5, who / 3, who % 3);
  int stops = stats_random_uniform(&stream) < 0.3 ? 2 + (int)stats_random_below(&stream, 4) : count;
  memset(drawn, 0, sizeof *drawn);
  for (int t = 0; t < count; t++) {
    struct alliance_session *session = &sessions[t];
    struct course_point *point = &drawn->points[t];
    *point = (struct course_point){.session_number = t + 1, .held_day = 20000 + 7 * t, .reported = {-1, -1}, .resolved = {-1, -1}};
    session->time = t + 1;
    for (int rater = 0; rater < 2; rater++) {
      bool there = session->rated[rater] && !(rater == 0 && t >= stops);
      double chance = stats_random_uniform(&stream), resolved = stats_random_uniform(&stream);
      session->rated[rater] = point->has[rater] = there;
      session->rating[rater] = point->rating[rater] = on_scale(session->rating[rater]);
      bool tense = truth.tension && t >= truth.begins && t < truth.ends;
      session->reported[rater] = -1;
      if (there && chance < 0.9) session->reported[rater] = (int8_t)(tense ? chance < 0.5 : chance < 0.03);
      point->reported[rater] = session->reported[rater];
      if (point->reported[rater] == 1 && resolved < 0.7) point->resolved[rater] = resolved < 0.35;
    }
  }
  return count;
}

static void judge(struct maker *maker, struct drawn *drawn, int count) {
  struct alliance_session sessions[MOST];
  for (int t = 0; t < count; t++) {
    const struct course_point *point = &drawn->points[t];
    sessions[t] = (struct alliance_session){.time = t + 1};
    for (int rater = 0; rater < 2; rater++) {
      sessions[t].rated[rater] = point->has[rater];
      sessions[t].rating[rater] = point->rating[rater];
      sessions[t].reported[rater] = (int8_t)point->reported[rater];
    }
  }
  struct alliance_case one = {.series = {sessions, count}, .threshold = &maker->threshold};
  size_t bytes = alliance_detect_memory(&one, 1);
  void *memory = malloc(bytes);
  enum alliance_status status = alliance_detect(&one, 1, &maker->estimate, memory, bytes);
  assert_true(status == ALLIANCE_OK || status == ALLIANCE_TOO_SHORT);
  for (int t = 0; t < one.result.count; t++) {
    const struct alliance_finding *found = &one.result.sessions[t];
    drawn->points[t].seen = (struct detection){.known = found->low < found->high,
                                               .expected = found->expected,
                                               .low = found->low,
                                               .high = found->high,
                                               .tension = found->tension < 0 ? 0 : found->tension,
                                               .repaired = found->repaired < 0 ? 0 : found->repaired,
                                               .event = (enum detection_event)found->event};
  }
  free(memory);
  drawn->course.terms.least_sessions = alliance_rules[ALLIANCE_MODEL].least;
}

static void make(struct maker *maker, uint32_t who, struct drawn *drawn) {
  int count = simulate(maker, who, drawn);
  judge(maker, drawn, count);
  drawn->course.sessions_planned = maker->world.sessions;
  drawn->course.left = who % 23 == 0;
  course_take(drawn, count);
}

static void test_no_contradiction(void **state) {
  (void)state;
  static const int lengths[] = {6, 12, 20};
  int badges[5] = {0}, stopped = 0, courses = 0;
  for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
    struct maker maker;
    maker_begin(&maker, lengths[k]);
    for (uint32_t who = 0; who < 1500; who++, courses++) {
      struct drawn drawn;
      make(&maker, who, &drawn);
      draw(&drawn);
      check(&drawn);
      if (fault) fail_msg("course %u of %d sessions: %s [%s; %s]", who, lengths[k], fault, drawn.badge, drawn.sentences);
      badges[drawn.course.state.badge]++;
      stopped += drawn.course.state.stopped;
      arena_free(&drawn.arena);
    }
    free(maker.memory);
  }
  print_message("%d courses: early %d, steady %d, tension %d, not confirmed %d, repaired %d; stopped %d\n", courses, badges[COURSE_EARLY],
                badges[COURSE_STEADY], badges[COURSE_TENSION], badges[COURSE_UNCONFIRMED], badges[COURSE_REPAIRED], stopped);
  for (int i = 0; i < 5; i++) assert_true(badges[i] > 30);
  assert_true(stopped > 30);
}

/* ---- planted contradictions ---- */

static void plant(struct drawn *drawn, int which) {
  struct course_state *state = &drawn->course.state;
  struct course_episode *now = state->episode_count ? &state->episodes[state->episode_count - 1] : NULL;
  switch (which) {
  case 0: state->badge = COURSE_STEADY; break;
  case 1: state->badge = COURSE_REPAIRED; break;
  case 2: /* the patient's word made up */
    state->badge = COURSE_REPAIRED;
    if (now) now->end = EPISODE_REPAIRED, now->word = WORD_OF_PATIENT_RATING, now->ends = now->begins;
    break;
  case 3: state->now = NULL; break;
  case 4:
    if (now) now->noticed = NOTICED_NOBODY, now->certainty = CERTAINTY_VERY;
    break;
  case 5:
    if (now) now->begins++;
    break;
  case 6:
    for (size_t i = 0; i < drawn->course.count; i++) drawn->points[i].tension = false;
    break;
  default: state->silent = !state->silent;
  }
}

static void test_planted(void **state) {
  (void)state;
  struct maker maker;
  maker_begin(&maker, 12);
  for (int which = 0; which < 8; which++) {
    int caught = 0, planted = 0; /* silence is told of a tension that goes on; of the others in another sentence */
    for (uint32_t who = 0; who < 300; who++) {
      struct drawn drawn;
      make(&maker, who, &drawn);
      bool fits = drawn.course.state.badge == COURSE_TENSION || drawn.course.state.badge == COURSE_UNCONFIRMED;
      plant(&drawn, which);
      draw(&drawn);
      check(&drawn);
      if (which == 7) fits = drawn.course.state.badge == COURSE_TENSION;
      planted += fits;
      caught += fits && fault;
      arena_free(&drawn.arena);
    }
    if (!planted || caught < planted * 8 / 10) fail_msg("plant %d: %d of %d caught", which, caught, planted);
  }
  free(maker.memory);
}

/* ---- cases of the review, one by one ---- */

/* A session: rating by patient and therapist (-1: none), report by each, and the rule's event with its probability. The
 * band is 50 to 80 wherever the patient rated. */
struct row {
  double patient, therapist;
  int reported[2], resolved[2];
  enum detection_event event;
  double tension;
};

static const char *case_of(struct drawn *drawn, const struct row *rows, int count) {
  memset(drawn, 0, sizeof *drawn);
  drawn->course.terms.least_sessions = 3;
  for (int i = 0; i < count; i++) {
    struct course_point *point = &drawn->points[i];
    *point = (struct course_point){.session_number = i + 1, .held_day = 20000 + 7 * i, .has = {rows[i].patient >= 0, rows[i].therapist >= 0},
                                   .rating = {rows[i].patient, rows[i].therapist}};
    memcpy(point->reported, rows[i].reported, sizeof point->reported);
    memcpy(point->resolved, rows[i].resolved, sizeof point->resolved);
    point->seen = (struct detection){.known = i > 0, .low = 50, .high = 80, .expected = 65, .event = rows[i].event, .tension = rows[i].tension};
  }
  course_take(drawn, count);
  draw(drawn);
  check(drawn);
  if (fault) fail_msg("%s [%s; %s]", fault, drawn->badge, drawn->sentences);
  return drawn->badge;
}
#define CALM {64, 64, {0, 0}, {-1, -1}, DETECTION_NONE, 0.02}

static void test_cases(void **state) {
  (void)state;
  struct drawn d;
  /* A tension reported in the session in which the rule sees a repair. */
  struct row reported[] = {CALM, {40, 60, {0, 0}, {-1, -1}, DETECTION_TENSION, 0.9}, CALM, {66, 60, {1, 0}, {0, -1}, DETECTION_REPAIR, 0.9}};
  assert_string_equal(case_of(&d, reported, 4), "tension");
  assert_non_null(strstr(d.sentences, "The patient reported a tension"));
  arena_free(&d.arena);
  /* The patient stopped rating; the therapist's word alone, and the rule's repair. */
  struct row alone[] = {CALM, CALM, {38, 60, {-1, 0}, {-1, -1}, DETECTION_TENSION, 0.93}, {-1, 66, {-1, 0}, {-1, -1}, DETECTION_NONE, 0.9},
                        {-1, 70, {-1, 0}, {-1, -1}, DETECTION_REPAIR, 0.91}};
  assert_string_equal(case_of(&d, alone, 5), "repair not confirmed by the patient");
  assert_true(d.course.state.stopped && d.course.state.urgency == 0);
  assert_non_null(strstr(d.sentences, "has not answered since session 3"));
  arena_free(&d.arena);
  /* The same with the patient's own rating: repaired; and low again: not. */
  struct row back[] = {CALM, CALM, {38, 60, {0, 0}, {-1, -1}, DETECTION_TENSION, 0.93}, {66, 66, {0, 0}, {-1, -1}, DETECTION_REPAIR, 0.9},
                       {44, 70, {0, 0}, {-1, -1}, DETECTION_NONE, 0.9}};
  assert_string_equal(case_of(&d, back, 4), "repaired");
  arena_free(&d.arena);
  assert_string_equal(case_of(&d, back, 5), "repair not confirmed by the patient");
  arena_free(&d.arena);
  /* 51%: near even odds, and not "noticed by nobody". */
  struct row even[] = {CALM, CALM, {46, 60, {0, 0}, {-1, -1}, DETECTION_TENSION, 0.51}};
  assert_string_equal(case_of(&d, even, 3), "tension");
  assert_non_null(strstr(d.sentences, "near even odds (51%)"));
  assert_int_equal(course_point_noticed(&d.points[2]), NOTICED_EVEN);
  arena_free(&d.arena);
  /* A rating above the band, and one below that is no alarm: neither steady nor a tension. */
  struct row above[] = {CALM, CALM, CALM, {92, 60, {0, 0}, {-1, -1}, DETECTION_NONE, 0.01}, CALM, CALM};
  assert_string_equal(case_of(&d, above, 4), "too early to tell");
  arena_free(&d.arena);
  assert_string_equal(case_of(&d, above, 6), "steady");
  assert_non_null(strstr(d.sentences, "session 4"));
  arena_free(&d.arena);
  above[3].patient = 45;
  assert_string_equal(case_of(&d, above, 4), "too early to tell");
  assert_int_equal(d.course.state.early, EARLY_BELOW);
  arena_free(&d.arena);
  /* Resolved in the session, by the patient's word and by the therapist's alone. */
  struct row resolved[] = {CALM, CALM, {64, 60, {1, 0}, {1, -1}, DETECTION_TENSION, 0.2}};
  assert_string_equal(case_of(&d, resolved, 3), "repaired");
  arena_free(&d.arena);
  struct row by_therapist[] = {CALM, CALM, {-1, 60, {-1, 1}, {-1, 1}, DETECTION_TENSION, 0.2}};
  assert_string_equal(case_of(&d, by_therapist, 3), "repair not confirmed by the patient");
  arena_free(&d.arena);
}

/* ---- the chart ---- */

static int times(const char *text, const char *part) {
  int count = 0;
  for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) count++;
  return count;
}

static void test_chart(void **state) {
  (void)state;
  struct drawn d;
  struct row rows[] = {CALM, CALM, {-1, 62, {-1, 0}, {-1, -1}, DETECTION_NONE, 0.02}, {40, 60, {0, 0}, {-1, -1}, DETECTION_TENSION, 0.9}, CALM};
  case_of(&d, rows, 5);
  const char *line = strstr(d.chart, "thread patient");
  char path[400];
  snprintf(path, sizeof path, "%.*s", (int)strcspn(line, ">"), line);
  assert_int_equal(times(path, "M"), 2); /* two pieces: the third session was not rated */
  assert_int_equal(times(d.chart, "class=\"band\" points"), 2);
  assert_non_null(strstr(d.chart, "range expected of the patient"));
  assert_non_null(strstr(d.chart, "Alliance, 0 to 100"));
  assert_non_null(strstr(d.chart, "Session, and the date"));
  assert_int_equal(times(d.chart, "class=\"date\""), 3); /* of sessions 1, 3 and 5: what has room */
  assert_non_null(strstr(d.chart, "session 4, 40"));
  assert_non_null(strstr(d.chart, "The first and the last are the same."));
  assert_non_null(strstr(d.spark, "Alliance in session 5: 64."));
  arena_free(&d.arena);
  /* Two courses of one list have the same scale: the third session stands at the same place. */
  struct row few[] = {CALM, CALM, CALM};
  case_of(&d, few, 3);
  assert_int_equal(chart_sessions(&d.course), 6);
  d.course.sessions_planned = 20;
  assert_int_equal(chart_sessions(&d.course), 20);
  arena_free(&d.arena);
}

/* A rating that is shown outside the range lies outside it, and the other way round. */
static void test_band_is_rounded_inwards(void **state) {
  (void)state;
  struct course_point point = {.seen = {.known = true, .low = 54.4, .high = 78.6}};
  struct band band = course_band(&point, 0);
  assert_true(band.low == 55 && band.high == 78);
  band = course_band(&point, 1);
  assert_true(band.low == 54.4 && band.high == 78.6);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_contradiction), cmocka_unit_test(test_planted), cmocka_unit_test(test_cases),
                                     cmocka_unit_test(test_chart), cmocka_unit_test(test_band_is_rounded_inwards)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
