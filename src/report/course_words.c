#include "report/course_words.h"

#include <math.h>

enum word course_badge_word(enum course_badge badge) {
  static const enum word words[] = {[COURSE_EARLY] = WORD_STATE_EARLY,
                                    [COURSE_STEADY] = WORD_STATE_STEADY,
                                    [COURSE_TENSION] = WORD_STATE_TENSION,
                                    [COURSE_UNCONFIRMED] = WORD_STATE_UNCONFIRMED,
                                    [COURSE_REPAIRED] = WORD_STATE_REPAIRED};
  return words[badge];
}

enum word noticed_word(enum noticed noticed) {
  static const enum word words[] = {[NOTICED_UNSAID] = WORD_NOTICED_UNSAID,
                                    [NOTICED_EVEN] = WORD_NOTICED_EVEN,
                                    [NOTICED_NOBODY] = WORD_NOTICED_NOBODY,
                                    [NOTICED_BOTH] = WORD_NOTICED_BOTH,
                                    [NOTICED_PATIENT_ONLY] = WORD_NOTICED_PATIENT,
                                    [NOTICED_THERAPIST_ONLY] = WORD_NOTICED_THERAPIST,
                                    [NOTICED_PATIENT] = WORD_NOTICED_PATIENT_SO_FAR,
                                    [NOTICED_THERAPIST] = WORD_NOTICED_THERAPIST_SO_FAR};
  return words[noticed];
}

char *certainty_words(struct arena *arena, enum language language, enum certainty certainty, double likely) {
  static const enum word words[] = {[CERTAINTY_REPORTED] = WORD_SURE_REPORTED, [CERTAINTY_LESS] = WORD_SURE_LESS,
                                    [CERTAINTY_EVEN] = WORD_SURE_EVEN,         [CERTAINTY_LIKELY] = WORD_SURE_LIKELY,
                                    [CERTAINTY_VERY] = WORD_SURE_VERY};
  if (certainty == CERTAINTY_NONE) return arena_text(arena, word(language, WORD_STATE_TENSION));
  return told(arena, language, words[certainty], percent_words(arena, language, likely));
}

/* ---- sentences ---- */

/* The sentences that are written one after the other, and what they are about. */
struct telling {
  struct buf *out;
  enum language language;
  const struct course *course;
  bool begun;
};

#define sentence(telling, ...) (telling_space(telling), tell((telling)->out, (telling)->language, __VA_ARGS__))
static void telling_space(struct telling *telling) {
  if (telling->begun) html(telling->out, " ");
  telling->begun = true;
}

static const char *session_of(const struct telling *telling, int64_t number) {
  return count_words(telling->out->arena, telling->language, number);
}

static const struct course_point *point_of(const struct course *course, int64_t number) {
  for (size_t i = 0; i < course->count; i++)
    if (course->points[i].session_number == number) return &course->points[i];
  return NULL;
}

static void tell_by_rule(struct telling *telling, const struct course_episode *episode) {
  static const enum word sure[] = {[CERTAINTY_LESS] = WORD_COURSE_TENSION_LESS,
                                   [CERTAINTY_EVEN] = WORD_COURSE_TENSION_EVEN,
                                   [CERTAINTY_LIKELY] = WORD_COURSE_TENSION_LIKELY,
                                   [CERTAINTY_VERY] = WORD_COURSE_TENSION_VERY};
  const struct course_point *begins = point_of(telling->course, episode->begins);
  bool below = begins && begins->place == PLACE_BELOW;
  sentence(telling, below ? WORD_COURSE_TENSION_BELOW : WORD_COURSE_TENSION_SUM, session_of(telling, episode->begins));
  if (episode->certainty != CERTAINTY_NONE)
    sentence(telling, sure[episode->certainty], percent_words(telling->out->arena, telling->language, episode->likely));
  if (episode->noticed == NOTICED_NOBODY) sentence(telling, WORD_REPORTED_NOBODY);
}

static void tell_tension(struct telling *telling, const struct course_episode *episode) {
  static const enum word reported[] = {[NOTICED_BOTH] = WORD_REPORTED_BOTH,
                                       [NOTICED_PATIENT_ONLY] = WORD_REPORTED_PATIENT_ONLY,
                                       [NOTICED_THERAPIST_ONLY] = WORD_REPORTED_THERAPIST_ONLY,
                                       [NOTICED_PATIENT] = WORD_REPORTED_PATIENT,
                                       [NOTICED_THERAPIST] = WORD_REPORTED_THERAPIST};
  if (episode->certainty == CERTAINTY_REPORTED)
    sentence(telling, reported[episode->noticed], session_of(telling, episode->begins));
  else
    tell_by_rule(telling, episode);
}

/* It seems to be over, and the patient, who answered before, has not since. */
static bool unanswered(const struct course_state *state) {
  return state->now->end == EPISODE_UNCONFIRMED && state->answered >= 0 && state->answered < state->now->ends &&
         !state->now->spoke_against;
}

static void tell_end(struct telling *telling, const struct course_episode *episode) {
  static const enum word over[] = {[WORD_OF_RULE] = WORD_COURSE_OVER_RULE,
                                   [WORD_OF_THERAPIST] = WORD_COURSE_OVER_THERAPIST,
                                   [WORD_OF_PATIENT_RATING] = WORD_COURSE_REPAIRED_RATING,
                                   [WORD_OF_PATIENT_REPORT] = WORD_COURSE_REPAIRED_REPORT};
  if (episode->end == EPISODE_OPEN) return;
  bool confirmed = episode->end == EPISODE_REPAIRED;
  enum word words = confirmed || episode->word == WORD_OF_THERAPIST ? over[episode->word] : WORD_COURSE_OVER_RULE;
  sentence(telling, words, session_of(telling, episode->ends));
  if (confirmed) return;
  int64_t answered = telling->course->state.answered;
  if (unanswered(&telling->course->state))
    sentence(telling, WORD_COURSE_NO_ANSWER, session_of(telling, answered));
  else
    sentence(telling, episode->spoke_against ? WORD_COURSE_AGAINST : WORD_COURSE_NO_WORD);
}

static void tell_early(struct telling *telling) {
  static const enum word words[] = {[EARLY_FEW] = WORD_COURSE_EARLY,
                                    [EARLY_NO_BAND] = WORD_COURSE_NO_BAND,
                                    [EARLY_BELOW] = WORD_COURSE_BELOW,
                                    [EARLY_ABOVE] = WORD_COURSE_ABOVE,
                                    [EARLY_UNTOLD] = WORD_COURSE_UNTOLD};
  const struct course_state *state = &telling->course->state;
  int64_t number = state->early == EARLY_FEW ? telling->course->terms.least_sessions : state->outside;
  sentence(telling, words[state->early], session_of(telling, number));
}

static void tell_steady(struct telling *telling) {
  const struct course *course = telling->course;
  struct buf outside = buf_in(telling->out->arena, 64);
  for (size_t i = 0; i < course->count; i++)
    if (course->points[i].place == PLACE_BELOW || course->points[i].place == PLACE_ABOVE)
      buf_addf(&outside, "%s%s", outside.length ? ", " : "", session_of(telling, course->points[i].session_number));
  if (course->sight.level != SIGHT_COURSE)
    sentence(telling, WORD_COURSE_NO_EVENT);
  else if (outside.length)
    sentence(telling, WORD_COURSE_STEADY_BUT, outside.data);
  else
    sentence(telling, WORD_COURSE_STEADY);
}

void course_write_sentences(struct buf *out, enum language language, const struct course *course) {
  struct telling telling = {.out = out, .language = language, .course = course};
  const struct course_state *state = &course->state;
  if (state->now) {
    tell_tension(&telling, state->now);
    tell_end(&telling, state->now);
  } else if (state->badge == COURSE_EARLY)
    tell_early(&telling);
  else
    tell_steady(&telling);
  if (state->silent && !(state->now && unanswered(state))) sentence(&telling, WORD_COURSE_SILENT, session_of(&telling, state->answered));
  if (course->left) sentence(&telling, WORD_COURSE_LEFT);
}

void course_write_row(struct buf *out, enum language language, const struct course *course) {
  const struct course_episode *now = course->state.now;
  if (!now) return;
  bool open = now->end != EPISODE_REPAIRED, says = now->noticed != NOTICED_EVEN && now->noticed != NOTICED_UNSAID;
  const char *session = count_words(out->arena, language, now->begins), *who = word(language, noticed_word(now->noticed));
  const char *sure = certainty_words(out->arena, language, now->certainty, now->likely);
  if (now->certainty == CERTAINTY_REPORTED)
    tell(out, language, open ? WORD_ROW_SINCE_REPORTED : WORD_ROW_IN_REPORTED, session, who);
  else if (says)
    tell(out, language, open ? WORD_ROW_SINCE : WORD_ROW_IN, session, sure, who);
  else
    tell(out, language, open ? WORD_ROW_SINCE_SURE : WORD_ROW_IN_SURE, session, sure);
}

/* ---- steps ---- */

bool course_consults(enum course_badge badge) {
  return badge != COURSE_EARLY && badge != COURSE_STEADY;
}

enum word course_step_word(enum course_badge badge, int step, bool consulting) {
  static const enum word steps[][COURSE_STEPS] = {
      [COURSE_EARLY] = {WORD_EARLY_1, WORD_EARLY_2, WORD_EARLY_3},
      [COURSE_STEADY] = {WORD_STEADY_1, WORD_STEADY_2, WORD_STEADY_3},
      [COURSE_TENSION] = {WORD_TENSION_1, WORD_TENSION_2, WORD_TENSION_3},
      [COURSE_UNCONFIRMED] = {WORD_UNCONFIRMED_1, WORD_UNCONFIRMED_2, WORD_UNCONFIRMED_3},
      [COURSE_REPAIRED] = {WORD_REPAIRED_1, WORD_REPAIRED_2, WORD_REPAIRED_3},
  };
  /* A trainer speaks with the therapist, not with the patient. */
  static const enum word consult[][COURSE_STEPS] = {
      [COURSE_TENSION] = {WORD_CONSULT_TENSION_1, WORD_CONSULT_TENSION_2, WORD_CONSULT_TENSION_3},
      [COURSE_UNCONFIRMED] = {WORD_CONSULT_UNCONFIRMED_1, WORD_CONSULT_UNCONFIRMED_2, WORD_CONSULT_UNCONFIRMED_3},
      [COURSE_REPAIRED] = {WORD_CONSULT_REPAIRED_1, WORD_CONSULT_REPAIRED_2, WORD_CONSULT_REPAIRED_3},
  };
  return consulting && course_consults(badge) ? consult[badge][step] : steps[badge][step];
}

/* ---- figures ---- */

static int decimals_of(double value) {
  for (int decimals = 0; decimals < 2; decimals++) {
    double scaled = value * (decimals ? 10 : 1);
    if (fabs(scaled - nearbyint(scaled)) < 1e-6) return decimals;
  }
  return 2;
}

int course_decimals(const struct course *course) {
  int most = 0;
  for (size_t i = 0; i < course->count; i++)
    for (int rater = 0; rater < 2; rater++) {
      int own = course->points[i].has[rater] ? decimals_of(course->points[i].rating[rater]) : 0;
      if (own > most) most = own;
    }
  return most || course->highest - course->lowest >= 20 ? most : 1;
}

struct band course_band(const struct course_point *point, int decimals) {
  double scale = decimals == 2 ? 100 : decimals == 1 ? 10 : 1;
  struct band band = {ceil(point->seen.low * scale - 1e-6) / scale, floor(point->seen.high * scale + 1e-6) / scale};
  return band.low <= band.high ? band : (struct band){point->seen.low, point->seen.high};
}
