/* People of known truth, for `attune simulate`, the demonstration, calibration and operating characteristics. */
#include <math.h>

#include "alliance/engine.h"
#include "attune/stats_math.h"
#include "attune/stats_random.h"

double alliance_course_weight(enum alliance_course course, int length, int k) {
  const int fall = 3; /* sessions of a slow decline that is not repaired */
  if (k < 0) return 0;
  if (length == 0) return course == ALLIANCE_SLOW_FALL && k + 1 < fall ? (k + 1.0) / fall : 1;
  if (k >= length) return course == ALLIANCE_PARTLY ? 0.5 : 0;
  int half = (length + 1) / 2, rise = length - k, sunk = k + 1;
  switch (course) {
  case ALLIANCE_SLOW_FALL:
    return (double)sunk / length;
  case ALLIANCE_SLOW_RETURN:
    return (double)rise / length;
  case ALLIANCE_SLOW_BOTH: {
    int least = sunk < rise ? sunk : rise;
    return least < half ? (double)least / half : 1;
  }
  default:
    return 1;
  }
}

struct alliance_world alliance_world_default(void) {
  struct alliance_world w = {.truth = alliance_estimate_default(5, 0.7, 0.7, 6)};
  w.therapists = 40;
  w.patients = 3;
  w.sessions = 6;
  w.therapist_share = 0.1;
  w.truth.rater[ALLIANCE_PATIENT].slope = 0.03;
  w.truth.rater[ALLIANCE_THERAPIST] = w.truth.rater[ALLIANCE_PATIENT];
  w.truth.rater[ALLIANCE_THERAPIST].used = true;
  w.truth.rater[ALLIANCE_THERAPIST].level = 4.6;
  w.truth.residual_correlation = 0.2;
  for (int d = 0; d < 4; d++) w.depth[d] = 0.25;
  static const double length[ALLIANCE_LENGTHS] = {0.22, 0.20, 0.16, 0.42};
  static const double course[ALLIANCE_COURSES] = {0.5, 0.2, 0.15, 0.15, 0};
  memcpy(w.length, length, sizeof length);
  memcpy(w.course, course, sizeof course);
  return w;
}

static int draw(struct stats_stream *stream, const double *share, int count) {
  double u = stats_random_uniform(stream), sum = 0, total = 0;
  for (int k = 0; k < count; k++) total += share[k];
  for (int k = 0; k < count - 1; k++) {
    sum += share[k];
    if (u * total < sum) return k;
  }
  return count - 1;
}

static bool course_fits(enum alliance_course course, int length) {
  if (length == 0) return course == ALLIANCE_SUDDEN || course == ALLIANCE_SLOW_FALL;
  return length > 1 || course == ALLIANCE_SUDDEN || course == ALLIANCE_PARTLY;
}

static void draw_truth(struct alliance_truth *truth, const struct alliance_world *world, struct stats_stream *stream) {
  const struct alliance_estimate *e = &world->truth;
  *truth = (struct alliance_truth){.begins = world->sessions, .ends = world->sessions};
  /* Every draw is made whether it is used or not, so that changing one share leaves the other people as they were. */
  double any = stats_random_uniform(stream);
  uint64_t onset = world->sessions > 1 ? stats_random_below(stream, (uint64_t)world->sessions - 1) : 0;
  double depth = draw(stream, world->depth, 4) + 1;
  int length = draw(stream, world->length, ALLIANCE_LENGTHS) + 1;
  enum alliance_course course = (enum alliance_course)draw(stream, world->course, ALLIANCE_COURSES);
  int who = draw(stream, e->perceived, 3);
  if (world->sessions < 2 || any >= e->prevalence) return;
  truth->tension = true;
  truth->begins = 1 + (int)onset;
  truth->depth = depth;
  truth->length = length == ALLIANCE_LENGTHS ? 0 : length;
  truth->course = course_fits(course, truth->length) ? course : ALLIANCE_SUDDEN;
  if (truth->length && truth->begins + truth->length < world->sessions) truth->ends = truth->begins + truth->length;
  truth->noticed[ALLIANCE_PATIENT] = !e->rater[ALLIANCE_THERAPIST].used || who != 2;
  truth->noticed[ALLIANCE_THERAPIST] = !e->rater[ALLIANCE_PATIENT].used || who != 1;
}

struct person {
  double level[ALLIANCE_RATERS], slope[ALLIANCE_RATERS], last[ALLIANCE_RATERS];
};

static void draw_person(struct person *person, const struct alliance_world *world, struct stats_stream *stream,
                        uint64_t seed, uint32_t therapist) {
  struct stats_stream shared;
  stats_stream_init(&shared, seed, 0x74686572u, therapist, 0);
  double between = sqrt(world->therapist_share), within = sqrt(1 - world->therapist_share);
  for (int r = 0; r < ALLIANCE_RATERS; r++) {
    const struct alliance_rater_estimate *x = &world->truth.rater[r];
    double c = x->level_slope_correlation;
    double a = between * stats_random_normal(&shared) + within * stats_random_normal(stream);
    double b = stats_random_normal(stream);
    person->level[r] = x->level + x->level_sd * a;
    person->slope[r] = x->slope + x->slope_sd * (c * a + sqrt(1 - c * c) * b);
    person->last[r] = 0;
  }
}

static void hold_session(struct alliance_session *out, struct person *person, const struct alliance_world *world,
                         const struct alliance_truth *truth, struct stats_stream *stream, int t) {
  const struct alliance_estimate *e = &world->truth;
  double weight = truth->tension ? alliance_course_weight(truth->course, truth->length, t - truth->begins) : 0;
  double noise[ALLIANCE_RATERS], shared = e->residual_correlation;
  bool missing = stats_random_uniform(stream) < world->missing;
  *out = (struct alliance_session){.time = t + 1, .reported = {-1, -1}};
  for (int r = 0; r < ALLIANCE_RATERS; r++) noise[r] = stats_random_normal(stream);
  noise[1] = shared * noise[0] + sqrt(1 - shared * shared) * noise[1];
  for (int r = 0; r < ALLIANCE_RATERS; r++) {
    const struct alliance_rater_estimate *x = &e->rater[r];
    double phi = t ? x->autocorrelation : 0, said = stats_random_uniform(stream);
    person->last[r] = phi * person->last[r] + sqrt(1 - phi * phi) * noise[r];
    if (!x->used || missing) continue;
    double dip = truth->noticed[r] ? truth->depth * weight : 0, offset = out->time - e->time_origin;
    double slope = person->slope[r] + (truth->programme ? world->effect : 0);
    out->rated[r] = true;
    out->rating[r] = answer_given(person->level[r] + slope * offset + x->residual_sd * (person->last[r] - dip), e);
    bool felt = truth->noticed[r] && t >= truth->begins && t < truth->ends;
    if (e->reports) out->reported[r] = said < (felt ? x->report_in_tension : x->report_otherwise);
  }
}

int alliance_simulate_patient(struct alliance_session sessions[], struct alliance_truth *truth,
                              const struct alliance_world *world, uint64_t seed, uint32_t therapist, uint32_t patient) {
  struct stats_stream stream;
  struct person person;
  stats_stream_init(&stream, seed, 0x70617469u, therapist, patient);
  draw_truth(truth, world, &stream);
  draw_person(&person, world, &stream, seed, therapist);
  truth->programme = therapist % 2 == 1;
  int held = 0;
  for (int t = 0; t < world->sessions; t++) {
    hold_session(&sessions[t], &person, world, truth, &stream, t);
    bool last = stats_random_uniform(&stream) < world->dropout;
    held = t + 1;
    if (last) break;
  }
  return held;
}
