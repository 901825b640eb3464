/* A made-up trial with the people, sessions, raters and scale of a study. */
#include <math.h>
#include <stdlib.h>

#include "cli/simulate.h"

#define OPEN_ENDED 6 /* sessions that are simulated where the study plans no number */

static enum err refuse(const struct study *study, const char *field, struct error *error, const char *sentence) {
  return fail(error, ERR_INPUT, "simulate-study", field, "the study %s %s", study->name, sentence);
}

static int within(int64_t value, int otherwise, int most) {
  if (value <= 0) return otherwise;
  return value < most ? (int)value : most;
}

static void take_people(struct alliance_world *world, const struct study *study) {
  world->therapists = within(study->therapist_target.count, world->therapists, 1000000);
  int64_t aimed = study->patient_target.count, each = study->patients_per_therapist;
  if (each <= 0 && aimed > 0) each = (aimed + world->therapists - 1) / world->therapists;
  world->patients = within(each, world->patients, 10000);
}

static void take_sessions(struct alliance_world *world, const struct study *study) {
  int last = 0;
  for (size_t i = 0; i < study->occasion_count; i++)
    if (study->occasions[i].trigger == TRIGGER_SESSION && study->occasions[i].last_session > last)
      last = study->occasions[i].last_session;
  world->sessions = within(study->sessions_planned ? study->sessions_planned : last, OPEN_ENDED, ALLIANCE_SESSIONS_MAX);
}

/* The sessions after which this form is due from its rater. */
static uint64_t sessions_of(const struct study *study, const struct form *form, enum person_kind rater, int sessions) {
  uint64_t due = 0;
  for (size_t i = 0; i < study->occasion_count; i++) {
    const struct study_occasion *o = &study->occasions[i];
    if (o->trigger != TRIGGER_SESSION || o->form != form || o->rater != rater) continue;
    for (int t = o->first_session; t <= sessions && (!o->last_session || t <= o->last_session); t++)
      if (t >= 1) due |= UINT64_C(1) << (t - 1);
  }
  return due;
}

/* ---- the scale in its own steps ---- */

/* The score when every item on a scale has its first point, but `raised` its second; NaN when there is none. */
static double score_with(const struct form *form, const struct form_item *score, size_t raised,
                         struct expression_desk *desk, struct arena *arena) {
  struct form_answer answer[FORM_ITEMS];
  struct form_result result;
  size_t count = 0;
  for (size_t i = 0; i < form->item_count && count < FORM_ITEMS; i++) {
    const struct form_item *item = &form->items[i];
    if (item->type != FORM_RANGE || item->point_count < 2) continue;
    const char *value = item->points[i == raised];
    answer[count++] = (struct form_answer){item->name, value, strlen(value)};
  }
  form_validate(form, answer, count, desk, arena, &result);
  const char *value = result.values[score->index];
  return value ? strtod(value, NULL) : NAN;
}

/* The least by which one step of one item moves the score: 0 when no item on a scale does. */
static double score_step(const struct form *form, const struct form_item *score, struct arena *arena) {
  struct expression_desk *desk = expression_desk_open();
  double base = score_with(form, score, FORM_NONE, desk, arena), least = 0;
  for (size_t i = 0; i < form->item_count; i++) {
    double moved = fabs(score_with(form, score, i, desk, arena) - base);
    if (moved > 0 && (least == 0 || moved < least)) least = moved;
  }
  expression_desk_close(desk);
  return least;
}

/* ---- raters ---- */

static enum err take_scale(struct simulate_plan *plan, const struct study *study, const struct study_signal *signal,
                           struct arena *arena, struct error *error) {
  struct alliance_estimate *truth = &plan->world.truth;
  const struct form_item *score = signal->score;
  if (!score->has_low || !score->has_high || !(score->high > score->low))
    return refuse(study, score->name, error, "has a rating whose scale has no ends");
  if (truth->bounded && (truth->low != score->low || truth->high != score->high))
    return refuse(study, score->name, error, "has raters on different scales");
  truth->bounded = true;
  truth->low = score->low;
  truth->high = score->high;
  truth->step = score_step(signal->form, score, arena);
  return OK;
}

static enum err take_rater(struct simulate_plan *plan, const struct study *study, int rater, struct arena *arena,
                           struct error *error) {
  const struct study_signal *signal = rater ? &study->detection.therapist : &study->detection.patient;
  struct alliance_rater_estimate *figures = &plan->world.truth.rater[rater];
  figures->used = false;
  if (!signal->form || !signal->score) return OK;
  plan->rated[rater] = sessions_of(study, signal->form, rater ? PERSON_THERAPIST : PERSON_PATIENT, plan->world.sessions);
  if (!plan->rated[rater]) return OK;
  figures->used = true;
  if (signal->report) plan->asked[rater] = plan->rated[rater];
  return take_scale(plan, study, signal, arena, error);
}

/* The default world's people live on a scale of 1 to 7. */
static void stretch(struct alliance_rater_estimate *r, double low, double width) {
  double unit = width / 6;
  r->level = low + (r->level - 1) * unit;
  r->slope *= unit;
  r->level_sd *= unit;
  r->slope_sd *= unit;
  r->residual_sd *= unit;
}

enum err simulate_study_plan(struct simulate_plan *plan, const struct study *study, struct arena *arena,
                             struct error *error) {
  *plan = (struct simulate_plan){.world = alliance_world_default(), .allocated = study->arm_count > 0};
  struct alliance_estimate *truth = &plan->world.truth;
  if (study->arm_count && (study->arm_count != 2 || study->ratio[0] != study->ratio[1]))
    return refuse(study, "arms", error, "has other than two equal arms; only those can be simulated");
  plan->reversed = study->detection.higher_is_worse;
  take_people(&plan->world, study);
  take_sessions(&plan->world, study);
  for (int r = 0; r < ALLIANCE_RATERS; r++) {
    enum err err = take_rater(plan, study, r, arena, error);
    if (err) return err;
  }
  if (!truth->rater[0].used && !truth->rater[1].used)
    return refuse(study, "detection", error, "asks for no rating after a session: there is nothing to simulate");
  truth->reports = plan->asked[0] || plan->asked[1];
  for (int r = 0; r < ALLIANCE_RATERS; r++) stretch(&truth->rater[r], truth->low, truth->high - truth->low);
  return OK;
}
