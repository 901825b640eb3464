/* state.h: what is said of a course, found once. Badge, sentence, row of the table, mark of the chart, steps and place
 * in a list are all drawn from the one struct course_state and the marks in its points, so they cannot contradict each
 * other. Pure: no clock, no database, and no floating point but comparisons.
 *
 * The rules, in order of weight:
 *   - what a person reports counts whatever the rule says: a reported tension is a tension, named with its reporter;
 *   - a tension is over when the rule says so, when who reported it says so, or after two quiet sessions; but it is
 *     *repaired* only by the patient's own word: a rating within what was expected, or a report. Without that, or when
 *     the patient's last word speaks against it, it is *not confirmed*;
 *   - *steady* is a course without any tension, whose last two ratings lie within what was expected; a single rating
 *     outside it is no tension yet (a band of 95% has one in twenty), and nothing to call steady either.
 * After a tension a course is never called steady again: it is repaired, and the sentence says since when. */
#ifndef ATTUNE_FEEDBACK_STATE_H
#define ATTUNE_FEEDBACK_STATE_H

#include "base/arena.h"
#include "feedback/detection.h"

/* One session of a course. Filled by course.c, save the last three, which course_state_read() fills. */
struct course_point {
  int64_t session_number, held_day; /* held_day -1 when unknown */
  bool has[2];       /* a rating by [0] the patient, [1] the therapist */
  double rating[2];
  int reported[2];   /* a tension reported: 1, 0, -1 not said */
  int resolved[2];   /* reported as resolved by the end of the session: 1, 0, -1 not said */
  bool has_well_being;
  double well_being;
  struct detection seen; /* what the rule said, online */

  bool tension;          /* a tension was first seen here, seen again by the rule, or reported */
  enum course_mending { MENDED_NOT, MENDED_UNCONFIRMED, MENDED } mended; /* here it was seen to be over */
  enum course_place { PLACE_UNKNOWN, PLACE_WITHIN, PLACE_BELOW, PLACE_ABOVE } place; /* of the rating in the band */
};

/* Who noticed a tension, as far as people said. EVEN: nobody reported one, and it is about as likely as not that
 * there was none. The last two: the other has not said anything. */
enum noticed {
  NOTICED_UNSAID,
  NOTICED_EVEN,
  NOTICED_NOBODY,
  NOTICED_BOTH,
  NOTICED_PATIENT_ONLY,
  NOTICED_THERAPIST_ONLY,
  NOTICED_PATIENT,
  NOTICED_THERAPIST
};
/* How sure it is that there was a tension: reported by someone, or by the rule's probability. NONE: the rule gives none. */
enum certainty { CERTAINTY_REPORTED, CERTAINTY_NONE, CERTAINTY_LESS, CERTAINTY_EVEN, CERTAINTY_LIKELY, CERTAINTY_VERY };

struct course_episode {
  int64_t begins; /* the session in which it was first seen */
  int64_t ends;   /* the session in which it was last seen to be over; only where it is not open */
  enum episode_end { EPISODE_OPEN, EPISODE_UNCONFIRMED, EPISODE_REPAIRED } end;
  /* By whose word it is over: PATIENT_* confirm it. */
  enum episode_word { WORD_OF_RULE, WORD_OF_THERAPIST, WORD_OF_PATIENT_RATING, WORD_OF_PATIENT_REPORT } word;
  bool spoke_against; /* not confirmed: the patient has answered since, and it does not support the repair */
  enum noticed noticed;
  enum certainty certainty;
  double likely;  /* the rule's largest probability where a tension was seen; 0 when it gave none */
};

struct course_state {
  enum course_badge { COURSE_EARLY, COURSE_STEADY, COURSE_TENSION, COURSE_UNCONFIRMED, COURSE_REPAIRED } badge;
  /* Of COURSE_EARLY: too few sessions; nothing to compare with (no band); the last ratings lie outside it. UNTOLD: who
   * looks may not know (who_sees.h). */
  enum early_reason { EARLY_FEW, EARLY_NO_BAND, EARLY_BELOW, EARLY_ABOVE, EARLY_UNTOLD } early;
  int64_t outside;      /* EARLY_BELOW, EARLY_ABOVE: in this session */
  size_t episode_count;
  struct course_episode *episodes; /* in order; only the last can be open */
  const struct course_episode *now; /* the last, which the badge is about; NULL without any */
  int64_t answered;     /* the last session after which the patient answered; -1: none */
  bool silent;          /* the patient, who answered before, did not in the last two sessions held */
  bool stopped;         /* the patient is silent, or has left, with a tension open or not confirmed as repaired */
  int urgency;          /* 0 the most urgent; COURSE_URGENCIES - 1 the least */
};
#define COURSE_URGENCIES 8

struct course_terms {
  int64_t least_sessions; /* rated; below it: too early to tell */
  enum person_kind band_rater; /* whose ratings the band is about */
  bool left;              /* the patient has left the study */
};

/* Reads `points` (by session, with sessions that nobody rated) and marks them. Episodes are in the arena. */
void course_state_read(struct arena *arena, struct course_point *points, size_t count, const struct course_terms *terms,
                       struct course_state *state);
/* The point's place in words: who noticed the tension that was seen there (UNSAID without one). */
enum noticed course_point_noticed(const struct course_point *point);
enum certainty course_certainty(bool reported, double likely);

#endif
