#include "rehearsal/demonstration.h"

#include "attune/stats_random.h"
#include "feedback/course.h"
#include "feedback/renewal.h"
#include "feedback/showing.h"
#include "trial/consent.h"
#include "trial/enrolment.h"
#include "trial/person.h"
#include "trial/release.h"
#include "trial/screening.h"
#include "trial/session.h"
#include "trial/submission.h"
#include "trial/tending.h"
#include "trial/withdrawal.h"

/* Streams by what they are for, so that no draw moves another's. */
enum { STREAM_ARM = 1, STREAM_THERAPIST, STREAM_PATIENT, STREAM_SESSION, STREAM_ANSWER };

#define WEEK_MS (7 * DAY_MS)
#define SHARE_TENSION 0.25  /* Larsson et al. 2018: 14.7% repaired, 10.7% not */
#define SHARE_REPAIRED 0.58 /* of those */
#define SHARE_LEAVES 0.05
#define SHARE_MISSED 0.08   /* of the forms */

struct sim_therapist {
  char code[CODE_BYTES];
  int64_t enrol_ms;
  const char *site, *arm;
  double level;
};
struct sim_patient {
  char code[CODE_BYTES];
  int therapist, sessions, leaves_after; /* leaves_after: session after which they leave, 0 never */
  int64_t enrol_ms, first_ms, pace_ms;
  double level, slope;
  int begins, ends; /* true tension: sessions [begins, ends), 0 none; ends 0: not repaired */
  double depth;
};
enum step { STEP_THERAPIST, STEP_RELEASE, STEP_PATIENT, STEP_SESSION, STEP_ANSWER, STEP_LEAVE, STEP_SHOWING, STEP_TIME };
struct event {
  int64_t at_ms;
  enum step step;
  int who, session, rater; /* who: index of the therapist or patient */
};
struct world {
  const struct demonstration_plan *plan;
  const struct study *study;
  struct arena arena; /* for the whole making */
  struct expression_desk *desk;
  struct db *open;
  struct detector *detector;
  struct sim_therapist *therapists;
  struct sim_patient *patients;
  int therapist_count, patient_count, session_count;
  struct event *events;
  size_t event_count, event_room;
  struct actor trainer, coordinator; /* who acts */
  struct demonstration_account *accounts; /* of the therapists, by index */
};

static struct stats_stream stream_of(const struct world *world, uint32_t purpose, uint32_t a, uint32_t b) {
  struct stats_stream stream;
  stats_stream_init(&stream, world->plan->seed, purpose, a, b);
  return stream;
}

static void add_event(struct world *world, int64_t at_ms, enum step step, int who, int session, int rater) {
  if (at_ms > world->plan->until_ms) return;
  world->events = list_grow(&world->arena, world->events, world->event_count, &world->event_room, sizeof *world->events);
  world->events[world->event_count++] = (struct event){at_ms, step, who, session, rater};
}

static int in_time(const void *a, const void *b) {
  const struct event *left = a, *right = b;
  if (left->at_ms != right->at_ms) return left->at_ms < right->at_ms ? -1 : 1;
  if (left->step != right->step) return left->step < right->step ? -1 : 1;
  if (left->who != right->who) return left->who < right->who ? -1 : 1;
  if (left->session != right->session) return left->session < right->session ? -1 : 1;
  return left->rater - right->rater;
}

/* Into working hours: the day stays, the time of day becomes 9:00 to 17:00 UTC. */
static int64_t working_time(int64_t at_ms, struct stats_stream *stream) {
  return at_ms / DAY_MS * DAY_MS + 9 * HOUR_MS + (int64_t)stats_random_below(stream, 8 * 60) * MINUTE_MS;
}

/* ---- who there is ---- */

static void make_therapists(struct world *world, int64_t span_ms) {
  int count = world->therapist_count;
  world->therapists = arena_array(&world->arena, (size_t)count, sizeof *world->therapists);
  world->accounts = arena_array(&world->arena, (size_t)count, sizeof *world->accounts);
  int *order = arena_array(&world->arena, (size_t)count, sizeof *order);
  struct stats_stream shuffle = stream_of(world, STREAM_ARM, 0, 0);
  for (int i = 0; i < count; i++) order[i] = i;
  for (int i = count - 1; i > 0; i--) {
    int j = (int)stats_random_below(&shuffle, (uint64_t)i + 1), held = order[i];
    order[i] = order[j];
    order[j] = held;
  }
  int arms = (int)world->study->arm_count;
  for (int i = 0; i < count; i++) {
    struct stats_stream stream = stream_of(world, STREAM_THERAPIST, (uint32_t)i, 0);
    struct sim_therapist *one = &world->therapists[i];
    int64_t began = world->plan->until_ms - span_ms;
    one->enrol_ms = working_time(began + span_ms * 4 / 10 * i / count, &stream);
    one->site = world->study->sites[i % (int)world->study->site_count].name;
    one->level = 0.35 * stats_random_normal(&stream);
    if (!arms) continue;
    int arm = order[i] % arms;
    if (world->plan->swap_arms) arm = arms - 1 - arm;
    one->arm = world->study->arms[arm].name;
  }
}

static void make_tension(struct sim_patient *one, struct stats_stream *stream, int most) {
  if (stats_random_uniform(stream) > SHARE_TENSION || most < 4) return;
  one->begins = 3 + (int)stats_random_below(stream, (uint64_t)(most - 3 > 4 ? 4 : most - 3));
  bool repaired = stats_random_uniform(stream) < SHARE_REPAIRED;
  int length = 1 + (int)stats_random_below(stream, 2);
  one->ends = repaired && one->begins + length <= most ? one->begins + length : 0;
  one->depth = 3 + stats_random_uniform(stream) * 2;
}

static void make_patient(struct world *world, int index, int therapist, int64_t span_ms) {
  struct stats_stream stream = stream_of(world, STREAM_PATIENT, (uint32_t)index, 0);
  struct sim_patient *one = &world->patients[index];
  const struct sim_therapist *by = &world->therapists[therapist];
  int64_t left = world->plan->until_ms - by->enrol_ms - WEEK_MS;
  one->therapist = therapist;
  /* The later of two draws: recruitment gathers pace, and many are in mid-flight at the end. */
  double share = stats_random_uniform(&stream), again = stats_random_uniform(&stream);
  one->enrol_ms = working_time(by->enrol_ms + WEEK_MS + (int64_t)((share > again ? share : again) * 0.9 * (double)left), &stream) + HOUR_MS;
  one->pace_ms = stats_random_uniform(&stream) < 0.75 ? WEEK_MS : 2 * WEEK_MS;
  one->first_ms = one->enrol_ms + (3 + (int64_t)stats_random_below(&stream, 6)) * DAY_MS;
  one->level = by->level + 0.7 * stats_random_normal(&stream);
  one->slope = 0.06 + 0.05 * stats_random_normal(&stream);
  int planned = world->study->sessions_planned;
  int most = planned ? planned : (int)(span_ms / WEEK_MS);
  one->sessions = planned ? planned : 8 + (int)stats_random_below(&stream, (uint64_t)(most > 16 ? 14 : 4));
  make_tension(one, &stream, one->sessions);
  if (stats_random_uniform(&stream) < SHARE_LEAVES) one->leaves_after = 2 + (int)stats_random_below(&stream, 3);
}

static void plan_patient(struct world *world, int index) {
  const struct sim_patient *one = &world->patients[index];
  add_event(world, one->enrol_ms, STEP_PATIENT, index, 0, 0);
  for (int n = 1; n <= one->sessions; n++) {
    struct stats_stream stream = stream_of(world, STREAM_SESSION, (uint32_t)index, (uint32_t)n);
    int64_t held = working_time(one->first_ms + (n - 1) * one->pace_ms, &stream);
    if (one->leaves_after && n > one->leaves_after) {
      add_event(world, held, STEP_LEAVE, index, n, 0);
      return;
    }
    add_event(world, held + 50 * MINUTE_MS, STEP_SESSION, index, n, 0);
    for (int rater = 0; rater < 2; rater++) {
      bool missed = stats_random_uniform(&stream) < SHARE_MISSED;
      int64_t after = HOUR_MS + (int64_t)(stats_random_uniform(&stream) * (rater ? 20.0 : 46.0) * (double)HOUR_MS);
      /* The last days' forms of patients wait for whoever opens the demonstration. */
      bool waits = rater == 0 && held > world->plan->until_ms - 5 * DAY_MS;
      if (!missed && !waits) add_event(world, held + 50 * MINUTE_MS + after, STEP_ANSWER, index, n, rater);
    }
    if (world->study->arm_count && n > 1 && n % 2 == 0) add_event(world, held + 3 * DAY_MS, STEP_SHOWING, index, n, 0);
  }
}

static void make_world(struct world *world) {
  const struct demonstration_plan *plan = world->plan;
  int64_t span_ms = 26 * WEEK_MS;
  int target = (int)world->study->therapist_target.count;
  world->therapist_count = plan->therapists ? plan->therapists : target ? target * 8 / 10 : 6;
  int each = plan->patients_each ? plan->patients_each : world->study->arm_count ? 3 : 8;
  make_therapists(world, span_ms);
  world->patient_count = world->therapist_count * each;
  world->patients = arena_array(&world->arena, (size_t)world->patient_count, sizeof *world->patients);
  for (int i = 0; i < world->therapist_count; i++) {
    add_event(world, world->therapists[i].enrol_ms, STEP_THERAPIST, i, 0, 0);
    if (world->study->arm_count) add_event(world, world->therapists[i].enrol_ms + 2 * DAY_MS, STEP_RELEASE, i, 0, 0);
  }
  /* Once a day what time brings is done; the last time not long ago. */
  for (int64_t at_ms = plan->until_ms - span_ms; at_ms < plan->until_ms; at_ms += DAY_MS) add_event(world, at_ms + HOUR_MS, STEP_TIME, 0, 0, 0);
  for (int i = 0; i < world->patient_count; i++) {
    make_patient(world, i, i / each, span_ms);
    plan_patient(world, i);
  }
  qsort(world->events, world->event_count, sizeof *world->events, in_time);
}

/* ---- what they answer ---- */

static bool in_tension(const struct sim_patient *patient, int session) {
  return patient->begins && session >= patient->begins && (!patient->ends || session < patient->ends);
}

/* Standing of the alliance in units of the residual spread, as this rater feels it after this session. */
static double felt(const struct world *world, int index, int session, int rater) {
  const struct sim_patient *patient = &world->patients[index];
  struct stats_stream stream = stream_of(world, STREAM_ANSWER, (uint32_t)index, (uint32_t)(session * 2 + rater));
  double value = patient->level + patient->slope * session + stats_random_normal(&stream) * 0.5;
  if (in_tension(patient, session)) value -= patient->depth * (rater ? 0.35 : 0.5);
  return value + (rater ? -0.25 : 0);
}

static const char *scaled(struct arena *arena, const struct form_item *item, double share) {
  share = share < 0 ? 0 : share > 1 ? 1 : share;
  if (item->point_count) return item->points[(size_t)(share * (double)(item->point_count - 1) + 0.5)];
  if (item->choice_count) return item->choices[(size_t)(share * (double)(item->choice_count - 1) + 0.5)].name;
  if (item->type != FORM_INTEGER && item->type != FORM_DECIMAL) return NULL;
  double low = item->has_low ? item->low : 0, high = item->has_high ? item->high : 10;
  return arena_printf(arena, "%lld", (long long)(low + share * (high - low) + 0.5));
}

static const char *other_choice(const struct form_item *item, const char *than) {
  for (size_t i = 0; i < item->choice_count; i++)
    if (strcmp(item->choices[i].name, than)) return item->choices[i].name;
  return NULL;
}

struct filling {
  const struct study_signal *signal;
  double felt;
  bool tension, resolving;
  struct stats_stream stream;
};

static const char *answer_to(struct world *world, struct arena *arena, const struct form_item *item, struct filling *filling) {
  const struct study_signal *signal = filling->signal;
  double wobble = stats_random_normal(&filling->stream);
  (void)world;
  if (item == signal->report)
    /* Most tensions are noticed; now and then one is reported where there was none. */
    return (filling->tension ? wobble < 0.7 : wobble > 2.3) ? signal->report_value : other_choice(item, signal->report_value);
  if (item == signal->strength) return scaled(arena, item, 0.6 + 0.2 * wobble);
  if (item == signal->resolved) return scaled(arena, item, (filling->resolving ? 0.85 : 0.3) + 0.15 * wobble);
  return scaled(arena, item, 0.70 + 0.13 * filling->felt + 0.06 * wobble);
}

static enum err answer_step(struct world *world, const struct event *event, struct error *error) {
  struct arena arena = {0};
  struct sim_patient *patient = &world->patients[event->who];
  const char *rater = person_kind_name((enum person_kind)event->rater);
  char *id;
  enum err err = db_text(world->open, error, &arena, &id, "SELECT id FROM occasion WHERE patient = $1 AND session_number = $2 AND rater = $3 AND submitted_ms = 0 ORDER BY id",
                ARGS(v_text(patient->code), v_int(event->session), v_text(rater)));
  struct occasion occasion;
  bool there = !err && id && !(err = occasion_by_id(world->open, id, &occasion, error));
  if (!there) {
    arena_free(&arena);
    return err;
  }
  const struct form *form = study_form(world->study, occasion.form);
  struct filling filling = {.signal = event->rater ? &world->study->detection.therapist : &world->study->detection.patient,
                            .felt = felt(world, event->who, event->session, event->rater),
                            .tension = in_tension(patient, event->session),
                            .resolving = patient->ends && event->session + 1 >= patient->ends,
                            .stream = stream_of(world, STREAM_ANSWER, (uint32_t)event->who, (uint32_t)(100000 + event->session * 2 + event->rater))};
  struct form_answer *answers = arena_array(&arena, form->item_count, sizeof *answers);
  size_t count = 0;
  for (size_t i = 0; i < form->item_count; i++) {
    const struct form_item *item = &form->items[i];
    const char *value = form_type_asked(item->type) ? answer_to(world, &arena, item, &filling) : NULL;
    if (value) answers[count++] = (struct form_answer){item->name, value, strlen(value)};
  }
  struct form_result result;
  form_validate(form, answers, count, world->desk, &arena, &result);
  char key[40];
  snprintf(key, sizeof key, "demo-%s", occasion.id);
  struct form_submit submit = {.home = world->plan->home, .study = world->study, .form = form, .occasion = occasion.id, .respondent = occasion.respondent,
                               .key = key, .language = occasion.language, .result = &result};
  err = result.valid ? ledger_do(world->plan->home->ledger, form_submit, &submit, error)
                     : fail(error, ERR_INPUT, result.problems[0].id, result.problems[0].field, "a simulated answer to %s of %s does not fit: %s",
                            result.problems[0].field, form->name, result.problems[0].id);
  arena_free(&arena);
  return err;
}

/* ---- accounts ---- */

static enum err add_account(struct world *world, struct demonstration_account *one, const char *name, unsigned roles, const char *person,
                            struct error *error) {
  char login[64], title[64];
  snprintf(login, sizeof login, "%s", name);
  snprintf(title, sizeof title, "Demonstration %s", name);
  struct account_create create = {.by = "demo", .roles = roles, .person = person, .site = "", .language = world->study->languages[0],
                                  .login = login, .name = title, .address = ""};
  enum err err = ledger_do(world->plan->home->ledger, account_create, &create, error);
  if (err) return err;
  snprintf(one->name, sizeof one->name, "%s", name);
  memcpy(one->code, create.code, sizeof one->code);
  struct actor actor = {.code = one->code, .roles = roles, .site = "", .person = ""};
  if (roles == ROLE_TRAINER) world->trainer = actor;
  if (roles == ROLE_COORDINATOR) {
    world->coordinator = actor;
    world->coordinator.roles |= ROLE_ALLOCATOR; /* releases arms until allocation has pages of its own */
  }
  return OK;
}

/* ---- what happens ---- */

static enum err screen_all(struct world *world, const char *person, const struct study_eligibility *eligibility, struct error *error) {
  const char *criteria[64];
  int met[64];
  size_t count = 0;
  for (size_t i = 0; i < eligibility->include_count && count < 64; i++, count++) criteria[count] = eligibility->include[i].name, met[count] = 1;
  for (size_t i = 0; i < eligibility->exclude_count && count < 64; i++, count++) criteria[count] = eligibility->exclude[i].name, met[count] = 0;
  if (!count) return OK;
  struct screen screen = {.home = world->plan->home, .by = &world->coordinator, .person = person, .criteria = criteria, .met = met, .count = count};
  return ledger_do(world->plan->home->ledger, person_screen, &screen, error);
}

static enum err consent_all(struct world *world, const char *person, enum person_kind kind, struct error *error) {
  enum err err = OK;
  for (size_t i = 0; i < world->study->consent_count && !err; i++) {
    if (strcmp(world->study->consents[i].role, person_kind_name(kind))) continue;
    struct consent consent = {.home = world->plan->home, .by = &world->coordinator, .person = person, .version = world->study->consents[i].name};
    err = ledger_do(world->plan->home->ledger, person_consent, &consent, error);
  }
  return err;
}

static enum err enrol_step(struct world *world, enum person_kind kind, int number, const char *site, const char *therapist,
                           char code[CODE_BYTES], struct error *error) {
  char name[64], address[64], purpose[64];
  struct arena arena = {0};
  snprintf(name, sizeof name, "Demonstration %s %d", person_kind_name(kind), number + 1);
  snprintf(address, sizeof address, "%s%d@demo.invalid", person_kind_name(kind), number + 1);
  snprintf(purpose, sizeof purpose, "demo/%s/%d", person_kind_name(kind), number);
  /* Every fifth patient answers in the study's second language, where it has one. */
  int language = number % 5 == 4 && world->study->language_count > 1 && kind == PERSON_PATIENT ? 1 : 0;
  struct enrol enrol = {.home = world->plan->home, .by = &world->coordinator, .kind = kind, .site = site, .therapist = therapist,
                        .language = world->study->languages[language], .identity = identity_named(&arena, world->study, kind, name, address), .purpose = purpose};
  enum err err = ledger_do(world->plan->home->ledger, person_enrol, &enrol, error);
  arena_free(&arena);
  if (err) return err;
  memcpy(code, enrol.code, CODE_BYTES);
  err = screen_all(world, code, kind == PERSON_PATIENT ? &world->study->patient_eligibility : &world->study->therapist_eligibility, error);
  return err ? err : consent_all(world, code, kind, error);
}

/* The trainer looks, where the study shows it; else there is nothing to see. */
static enum err showing_step(struct world *world, const char *patient, struct error *error) {
  struct arena arena = {0};
  struct course course;
  struct feedback_show show = {.detector = world->detector, .viewer = &world->trainer, .page = "course", .sign_in = "demo", .course = &course};
  enum err err = course_read(&(struct viewing){world->open, world->detector, &arena, &world->trainer}, patient, &course, error);
  if (!err) err = ledger_do(world->plan->home->ledger, feedback_show, &show, error);
  arena_free(&arena);
  return err == ERR_MISSING ? OK : err;
}

static enum err one_step(struct world *world, const struct event *event, struct error *error) {
  struct ledger *ledger = world->plan->home->ledger;
  struct home *home = world->plan->home;
  struct sim_therapist *therapist = &world->therapists[event->who];
  struct sim_patient *patient = &world->patients[event->who];
  switch (event->step) {
  case STEP_THERAPIST: {
    char name[24];
    snprintf(name, sizeof name, "therapist-%d", event->who + 1);
    enum err err = enrol_step(world, PERSON_THERAPIST, event->who, therapist->site, "", therapist->code, error);
    return err ? err : add_account(world, &world->accounts[event->who], name, ROLE_THERAPIST, therapist->code, error);
  }
  case STEP_RELEASE: {
    struct release release = {.home = home, .by = &world->coordinator, .person = therapist->code, .arm = therapist->arm, .wave = 1 + event->who / 8, .slot = event->who % 8};
    return ledger_do(ledger, allocation_release, &release, error);
  }
  case STEP_PATIENT: {
    const struct sim_therapist *of = &world->therapists[patient->therapist];
    return enrol_step(world, PERSON_PATIENT, event->who, of->site, of->code, patient->code, error);
  }
  case STEP_SESSION: {
    struct session_record record = {.home = home, .by = &world->coordinator, .patient = patient->code, .number = event->session, .held_day = event->at_ms / DAY_MS};
    return ledger_do(ledger, session_record, &record, error);
  }
  case STEP_ANSWER: return answer_step(world, event, error);
  case STEP_LEAVE: {
    struct withdraw withdraw = {.home = home, .by = &world->coordinator, .person = patient->code, .reason = "moved away"};
    return ledger_do(ledger, person_withdraw, &withdraw, error);
  }
  case STEP_TIME: {
    struct tended tended;
    return trial_tend(home, event->at_ms, &tended, error);
  }
  case STEP_SHOWING: return showing_step(world, patient->code, error);
  }
  return OK;
}

/* ---- all of it ---- */

static enum err staff_accounts(struct world *world, struct demonstration *made, struct error *error) {
  static const unsigned roles[] = {ROLE_COORDINATOR, ROLE_TRAINER, ROLE_ANALYST, ROLE_MONITOR, ROLE_ALLOCATOR, ROLE_ADMINISTRATOR,
                                   ROLE_ASSISTANT, ROLE_RATER, ROLE_INTERVIEWER};
  enum err err = OK;
  for (size_t i = 0; i < sizeof roles / sizeof *roles && !err; i++)
    if (study_has_role(world->study, role_name((enum role)roles[i])))
      err = add_account(world, &made->accounts[made->account_count++], role_name((enum role)roles[i]), roles[i], "", error);
  return err;
}

/* The therapist shown to visitors: of an arm, or any, the one with the most patients with a tension by now. */
static int therapist_to_show(const struct world *world, bool shown_feedback) {
  int best = -1, most = -1;
  for (int i = 0; i < world->therapist_count; i++) {
    bool flagged_only;
    const char *arm = world->therapists[i].arm ? world->therapists[i].arm : "";
    bool trained = (study_feedback_for(world->study, "trainer", arm, &flagged_only) | study_feedback_for(world->study, "therapist", arm, &flagged_only)) & SEES_COURSE;
    if (!*world->therapists[i].code || trained != shown_feedback) continue;
    int count = 0;
    for (int j = 0; j < world->patient_count; j++) {
      const struct sim_patient *one = &world->patients[j];
      count += one->therapist == i && one->begins && *one->code && one->first_ms + one->begins * one->pace_ms < world->plan->until_ms - 5 * DAY_MS;
    }
    if (count > most) best = i, most = count;
  }
  return best;
}

/* Which therapists visitors are shown depends on the arms; which accounts there are does not. */
static void show_therapists(const struct world *world, struct demonstration *made) {
  int shown = therapist_to_show(world, true), other = therapist_to_show(world, false);
  for (int which = 0; which < 2; which++) {
    int index = which ? other : shown;
    if (index < 0) continue;
    struct demonstration_account *one = &made->accounts[made->account_count++];
    *one = world->accounts[index];
    snprintf(one->name, sizeof one->name, "%s", which ? "therapist-control" : "therapist");
  }
}

enum err demonstration_make(const struct demonstration_plan *plan, struct demonstration *made, struct error *error) {
  struct world world = {.plan = plan, .study = home_study(plan->home)};
  memset(made, 0, sizeof *made);
  enum err err = db_open(&world.open, plan->home->store, DB_OPEN, error);
  if (!err) err = detector_open(&world.detector, plan->home, error);
  if (err) {
    db_close(world.open);
    return err;
  }
  world.desk = expression_desk_open();
  make_world(&world);
  err = staff_accounts(&world, made, error);
  for (size_t i = 0; i < world.event_count && !err; i++) {
    *plan->now_ms = world.events[i].at_ms;
    err = one_step(&world, &world.events[i], error);
    if (plan->progress && i % 50 == 0) plan->progress(plan->progress_state, (int)i, (int)world.event_count);
  }
  *plan->now_ms = plan->until_ms;
  if (!err) show_therapists(&world, made);
  for (int i = 0; i < world.patient_count; i++) {
    made->tensions += world.patients[i].begins != 0;
    made->repairs += world.patients[i].ends != 0;
  }
  expression_desk_close(world.desk);
  db_close(world.open);
  arena_free(&world.arena);
  if (!err) err = feedback_learn(world.detector, error);
  detector_close(world.detector);
  return err;
}

/* The therapist whose page visitors open, "" where the order of forms must not tell. */
static enum err therapist_shown(struct home *home, struct db *open, const struct demonstration *made, char code[CODE_BYTES], struct error *error) {
  code[0] = 0;
  for (size_t i = 0; i < made->account_count && !home_study(home)->arm_count; i++) {
    struct account account;
    if (strcmp(made->accounts[i].name, "therapist")) continue;
    enum err err = account_read(open, made->accounts[i].code, &account, error);
    if (err) return err;
    memcpy(code, account.person, CODE_BYTES);
  }
  return OK;
}

/* Open forms of patients, as a list of at most DEMONSTRATION_FORMS. */
struct open_forms {
  struct home *home;
  struct db *open;
  int64_t now_ms;
  struct demonstration_form *forms;
  size_t count;
};

/* Adds those of the patients of this therapist, or of all others. */
static enum err forms_of(struct open_forms *list, const char *therapist, bool theirs, struct error *error) {
  struct rows rows;
  rows_open(&rows, list->open,
            "SELECT o.id, o.respondent, o.form, (SELECT max(l.serial) FROM link l WHERE l.occasion = o.id), p.therapist FROM occasion o "
            "JOIN person p ON p.code = o.subject WHERE o.rater = 'patient' AND o.submitted_ms = 0 AND o.closes_ms > $1 "
            "AND p.withdrawn_ms = 0 ORDER BY o.due_ms DESC, o.id",
            ARGS(v_int(list->now_ms)));
  while (rows_next(&rows) && list->count < DEMONSTRATION_FORMS) {
    if (theirs != !strcmp(therapist, rows_text(&rows, 4))) continue;
    struct demonstration_form *one = &list->forms[list->count++];
    snprintf(one->occasion, sizeof one->occasion, "%s", rows_text(&rows, 0));
    snprintf(one->respondent, sizeof one->respondent, "%s", rows_text(&rows, 1));
    snprintf(one->form, sizeof one->form, "%s", rows_text(&rows, 2));
    link_token(&list->home->keys, one->occasion, rows_int(&rows, 3), one->token);
  }
  return rows_close(&rows, error);
}

enum err demonstration_forms(struct home *home, const struct demonstration *made, struct arena *arena, int64_t now_ms,
                             struct demonstration_form **forms, size_t *count, struct error *error) {
  char therapist[CODE_BYTES];
  struct open_forms list = {.home = home, .now_ms = now_ms, .forms = arena_array(arena, DEMONSTRATION_FORMS, sizeof *list.forms)};
  enum err err = db_open(&list.open, home->store, DB_OPEN, error);
  if (!err) {
    err = therapist_shown(home, list.open, made, therapist, error);
    if (!err) err = forms_of(&list, therapist, true, error);
    if (!err) err = forms_of(&list, therapist, false, error);
    db_close(list.open);
  }
  *forms = list.forms;
  *count = list.count;
  return err;
}
