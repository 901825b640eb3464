#include "feedback/state.h"

#define QUIET_MENDS 2 /* sessions in a row without a sign of the tension: it counts as over */
#define SILENT_AFTER 2 /* sessions held without an answer of the patient */
#define EVEN_FROM 0.4 /* a probability from here to EVEN_TO is near even odds */
#define EVEN_TO 0.6
#define VERY_FROM 0.8

/* ---- one session ---- */

static bool answered(const struct course_point *point, int rater) {
  return point->has[rater] || point->reported[rater] >= 0;
}

static enum course_place place_of(const struct course_point *point, enum person_kind band_rater) {
  if (!point->has[band_rater] || !point->seen.known || point->seen.high <= point->seen.low) return PLACE_UNKNOWN;
  double rating = point->rating[band_rater];
  return rating < point->seen.low ? PLACE_BELOW : rating > point->seen.high ? PLACE_ABOVE : PLACE_WITHIN;
}

static bool reported(const struct course_point *point) {
  return point->reported[0] == 1 || point->reported[1] == 1;
}

/* What the patient's own answers to this session say of a tension. */
enum said { SAID_NOTHING, SAID_TENSION, SAID_NONE_BY_RATING, SAID_NONE_BY_REPORT };

static enum said patient_said(const struct course_point *point, const struct course_terms *terms) {
  bool rated = terms->band_rater == PERSON_PATIENT && point->place != PLACE_UNKNOWN;
  if (rated && point->place == PLACE_BELOW) return SAID_TENSION;
  if (point->reported[0] == 1) return point->resolved[0] == 1 ? SAID_NONE_BY_REPORT : SAID_TENSION;
  if (rated) return SAID_NONE_BY_RATING;
  return point->reported[0] == 0 ? SAID_NONE_BY_REPORT : SAID_NOTHING;
}

enum certainty course_certainty(bool was_reported, double likely) {
  if (was_reported) return CERTAINTY_REPORTED;
  if (likely <= 0) return CERTAINTY_NONE;
  if (likely < EVEN_FROM) return CERTAINTY_LESS;
  return likely <= EVEN_TO ? CERTAINTY_EVEN : likely < VERY_FROM ? CERTAINTY_LIKELY : CERTAINTY_VERY;
}

static enum noticed noticed_by(int patient, int therapist, double likely) {
  if (patient == 1 && therapist == 1) return NOTICED_BOTH;
  if (patient == 1) return therapist == 0 ? NOTICED_PATIENT_ONLY : NOTICED_PATIENT;
  if (therapist == 1) return patient == 0 ? NOTICED_THERAPIST_ONLY : NOTICED_THERAPIST;
  if (patient < 0 && therapist < 0) return NOTICED_UNSAID;
  enum certainty certainty = course_certainty(false, likely);
  if (certainty == CERTAINTY_LESS || certainty == CERTAINTY_EVEN) return NOTICED_EVEN;
  return patient == 0 && therapist == 0 ? NOTICED_NOBODY : NOTICED_UNSAID;
}

enum noticed course_point_noticed(const struct course_point *point) {
  return point->tension ? noticed_by(point->reported[0], point->reported[1], point->seen.tension) : NOTICED_UNSAID;
}

/* ---- one tension ---- */

/* What is known of the tension that is being followed. */
struct following {
  struct course_episode *episode; /* NULL: none yet */
  int said[2];                    /* by patient, therapist: the strongest of 1, 0, -1 over its sessions */
  enum said patient;              /* the patient's last word since it began */
  bool by_rule, by_therapist;     /* who says that it is over */
  int quiet;                      /* sessions in a row */
};

static void remember(struct following *following, const struct course_point *point) {
  struct course_episode *episode = following->episode;
  for (int rater = 0; rater < 2; rater++)
    if (point->reported[rater] > following->said[rater]) following->said[rater] = point->reported[rater];
  if (point->seen.tension > episode->likely) episode->likely = point->seen.tension;
  episode->noticed = noticed_by(following->said[0], following->said[1], episode->likely);
  episode->certainty = course_certainty(following->said[0] == 1 || following->said[1] == 1, episode->likely);
}

static void open_again(struct following *following) {
  following->episode->end = EPISODE_OPEN;
  following->episode->spoke_against = false;
  following->by_rule = following->by_therapist = false;
  following->quiet = 0;
}

/* It is over as far as someone can tell; repaired when the patient's last word since it began supports that. */
static void over(struct following *following, int64_t session) {
  struct course_episode *episode = following->episode;
  bool own = following->patient == SAID_NONE_BY_RATING || following->patient == SAID_NONE_BY_REPORT;
  episode->end = own ? EPISODE_REPAIRED : EPISODE_UNCONFIRMED;
  episode->ends = session;
  episode->spoke_against = following->patient == SAID_TENSION;
  episode->word = following->patient == SAID_NONE_BY_RATING   ? WORD_OF_PATIENT_RATING
                  : own                                       ? WORD_OF_PATIENT_REPORT
                  : following->by_therapist && !following->by_rule ? WORD_OF_THERAPIST
                                                              : WORD_OF_RULE;
}

/* A session in which a tension is seen or reported: a new one, or the one before goes on. */
static void tension_here(struct following *following, struct course_state *state, struct course_point *point,
                         enum said patient) {
  point->tension = true;
  if (!following->episode || following->episode->end == EPISODE_REPAIRED) {
    *following = (struct following){.episode = &state->episodes[state->episode_count++], .said = {-1, -1}};
    *following->episode = (struct course_episode){.begins = point->session_number};
  }
  open_again(following);
  remember(following, point);
  following->patient = patient;
  bool therapist_says_over = point->reported[1] == 1 && point->resolved[1] == 1;
  if (point->reported[0] == 1 && patient == SAID_NONE_BY_REPORT) over(following, point->session_number); /* resolved, the patient says */
  if (point->reported[0] != 1 && therapist_says_over && patient != SAID_TENSION) {
    following->by_therapist = true;
    over(following, point->session_number);
  }
  following->patient = SAID_NOTHING; /* from here on what is said after it counts */
}

static void after_tension(struct following *following, const struct course_point *point, enum said patient) {
  struct course_episode *episode = following->episode;
  bool therapist_answered = answered(point, PERSON_THERAPIST);
  if (patient != SAID_NOTHING) following->patient = patient;
  following->quiet = patient == SAID_TENSION ? 0 : following->quiet + 1;
  following->by_rule |= point->seen.event == DETECTION_REPAIR;
  following->by_therapist |= therapist_answered && following->quiet >= QUIET_MENDS && patient == SAID_NOTHING;
  if (episode->end == EPISODE_OPEN) {
    if (patient != SAID_TENSION && (following->by_rule || following->quiet >= QUIET_MENDS)) over(following, point->session_number);
  } else if (patient == SAID_TENSION) { /* it looked over, and the patient's rating is low again */
    if (episode->end == EPISODE_REPAIRED) {
      episode->end = EPISODE_UNCONFIRMED;
      episode->spoke_against = true;
    } else
      open_again(following);
  } else if (episode->end == EPISODE_UNCONFIRMED && patient != SAID_NOTHING)
    over(following, point->session_number);
}

/* ---- the course ---- */

static void find_episodes(struct course_point *points, size_t count, const struct course_terms *terms,
                          struct course_state *state) {
  struct following following = {0};
  for (size_t i = 0; i < count; i++) {
    struct course_point *point = &points[i];
    if (!answered(point, PERSON_PATIENT) && !answered(point, PERSON_THERAPIST)) continue;
    enum said patient = patient_said(point, terms);
    if (reported(point) || point->seen.event == DETECTION_TENSION)
      tension_here(&following, state, point, patient);
    else if (following.episode)
      after_tension(&following, point, patient);
  }
  const struct course_episode *episode = state->episodes, *end = episode + state->episode_count;
  for (size_t i = 0; i < count && episode < end; i++) {
    if (episode->end == EPISODE_OPEN || points[i].session_number != episode->ends) continue;
    points[i].mended = episode->end == EPISODE_REPAIRED ? MENDED : MENDED_UNCONFIRMED;
    episode++;
  }
  state->now = state->episode_count ? &state->episodes[state->episode_count - 1] : NULL;
}

static void find_silence(const struct course_point *points, size_t count, bool left, struct course_state *state) {
  int since = 0;
  state->answered = -1;
  for (size_t i = 0; i < count; i++, since++) {
    if (!answered(&points[i], PERSON_PATIENT)) continue;
    state->answered = points[i].session_number;
    since = -1;
  }
  state->silent = state->answered >= 0 && since >= SILENT_AFTER;
  state->stopped = (state->silent || left) && state->now && state->now->end != EPISODE_REPAIRED;
}

/* Without a tension: early or steady. */
static void calm_state(const struct course_point *points, size_t count, const struct course_terms *terms,
                       struct course_state *state) {
  int64_t rated = 0;
  size_t placed = 0;
  state->badge = COURSE_STEADY;
  for (size_t i = count; i-- > 0;) {
    rated += points[i].has[0] || points[i].has[1];
    if (points[i].place == PLACE_UNKNOWN) continue;
    placed++;
    if (placed > QUIET_MENDS || points[i].place == PLACE_WITHIN || state->badge == COURSE_EARLY) continue;
    state->badge = COURSE_EARLY;
    state->early = points[i].place == PLACE_BELOW ? EARLY_BELOW : EARLY_ABOVE;
    state->outside = points[i].session_number;
  }
  if (rated < terms->least_sessions || !placed) {
    state->badge = COURSE_EARLY;
    state->early = rated < terms->least_sessions ? EARLY_FEW : EARLY_NO_BAND;
  }
}

static int urgency_of(const struct course_state *state, bool left) {
  if (state->stopped) return 0;
  if (left) return COURSE_URGENCIES - 1;
  if (state->badge == COURSE_EARLY) return state->early == EARLY_BELOW ? 3 : 4;
  static const int by_badge[] = {[COURSE_TENSION] = 1, [COURSE_UNCONFIRMED] = 2, [COURSE_REPAIRED] = 5, [COURSE_STEADY] = 6};
  return by_badge[state->badge];
}

void course_state_read(struct arena *arena, struct course_point *points, size_t count, const struct course_terms *terms,
                       struct course_state *state) {
  static const enum course_badge by_end[] = {[EPISODE_OPEN] = COURSE_TENSION,
                                             [EPISODE_UNCONFIRMED] = COURSE_UNCONFIRMED,
                                             [EPISODE_REPAIRED] = COURSE_REPAIRED};
  *state = (struct course_state){.episodes = arena_array(arena, count + 1, sizeof *state->episodes)};
  for (size_t i = 0; i < count; i++) {
    points[i].tension = false;
    points[i].mended = MENDED_NOT;
    points[i].place = place_of(&points[i], terms->band_rater);
  }
  find_episodes(points, count, terms, state);
  find_silence(points, count, terms->left, state);
  if (state->now)
    state->badge = by_end[state->now->end];
  else
    calm_state(points, count, terms, state);
  state->urgency = urgency_of(state, terms->left);
}
