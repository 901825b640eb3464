#include "trial/tending.h"

#include "base/log.h"
#include "base/pulse.h"
#include "trial/draft.h"
#include "trial/occasion.h"
#include "trial/reminder.h"

#define TEND_EVERY_S 60
#define ENTERED_BY "attune"

struct tending {
  struct home *home;
  struct db *open;
  struct arena arena;
  int64_t now_ms;
  struct tended *tended;
};

/* ---- occasions by the day ---- */

struct come {
  struct home *home;
  const struct study_occasion *occasion;
  const char *person;
  int64_t from_ms;
  bool opened;
};

/* Looks again at what only the writer knows for sure. */
static enum err occasion_come(struct txn *txn, void *input, struct error *error) {
  struct come *come = input;
  struct person person;
  enum err err = person_read(txn_db(txn), come->person, &person, error);
  if (err) return err == ERR_MISSING ? OK : err; /* erased meanwhile */
  struct occasion_opening opening = {.home = come->home,
                                     .occasion = come->occasion,
                                     .respondent = person.code,
                                     .patient = person.kind == PERSON_PATIENT ? person.code : "",
                                     .language = person.language,
                                     .site = person.site,
                                     .session_number = -1,
                                     .from_ms = come->from_ms};
  bool before;
  json_t *opened;
  err = occasion_opened(txn_db(txn), &opening, &before, error);
  if (err || before || person.withdrawn_ms) return err;
  err = occasion_make(txn, &opening, &opened, error);
  if (err) return err;
  come->opened = true;
  return ledger_append(txn, ENTERED_BY, "form.open", person.code, json_pack("{s:o}", "opened", opened), error);
}

/* Whether its day has come for someone who was enrolled then, and it has not closed since. */
static enum err day_come(const struct tending *tending, const struct study_occasion *occasion, const char *site, int64_t enrolled_ms,
                         int64_t days, int64_t *from_ms, bool *come, struct error *error) {
  const struct study *study = home_study(tending->home);
  int64_t due_ms, closes_ms;
  *come = false;
  enum err err = occasion_comes(study, occasion, site, enrolled_ms, days, from_ms, error);
  if (!err) err = occasion_times(study, occasion, site, *from_ms, &due_ms, &closes_ms, error);
  if (err) return err;
  *come = *from_ms <= tending->now_ms && closes_ms > tending->now_ms;
  return OK;
}

/* Those whose day it is, `days` after they were enrolled, and for whom this occasion was not opened yet. The statement
 * takes in whoever it may be: days of a calendar are of several lengths. */
static enum err whose_day(struct tending *tending, const struct study_occasion *occasion, int64_t days, struct come **list,
                          size_t *count, struct error *error) {
  size_t room = 0;
  struct rows rows;
  int64_t now = tending->now_ms - days * DAY_MS, latest = occasion->by_days ? now + DAY_MS : now;
  int64_t closed = now - (occasion->by_days ? (occasion->closes_days + 2) * DAY_MS : occasion->closes_hours * HOUR_MS);
  enum err err = OK;
  rows_open(&rows, tending->open,
            "SELECT p.code, p.enrolled_ms, p.site FROM person p WHERE p.kind = $1 AND p.withdrawn_ms = 0 AND p.enrolled_ms <= $2 AND "
            "p.enrolled_ms > $3 AND (SELECT count(*) FROM occasion o WHERE o.respondent = p.code AND o.name = $4) = 0 ORDER BY p.code",
            ARGS(v_text(person_kind_name(occasion->rater)), v_int(latest), v_int(closed), v_text(occasion->name)));
  while (!err && rows_next(&rows)) {
    int64_t from_ms;
    bool come;
    err = day_come(tending, occasion, rows_text(&rows, 2), rows_int(&rows, 1), days, &from_ms, &come, error);
    if (!come) continue;
    *list = list_grow(&tending->arena, *list, *count, &room, sizeof **list);
    (*list)[(*count)++] = (struct come){.home = tending->home,
                                        .occasion = occasion,
                                        .person = arena_text(&tending->arena, rows_text(&rows, 0)),
                                        .from_ms = from_ms};
  }
  enum err closing = rows_close(&rows, err ? NULL : error);
  return err ? err : closing;
}

static enum err open_by_day(struct tending *tending, const struct study_occasion *occasion, int64_t days, struct error *error) {
  struct come *list = NULL;
  size_t count = 0;
  enum err err = whose_day(tending, occasion, days, &list, &count, error);
  for (size_t i = 0; i < count && !err; i++) {
    err = ledger_do(tending->home->ledger, occasion_come, &list[i], error);
    tending->tended->opened += !err && list[i].opened;
  }
  return err;
}

static enum err open_what_is_due(struct tending *tending, struct error *error) {
  const struct study *study = home_study(tending->home);
  enum err err = OK;
  for (size_t i = 0; i < study->occasion_count && !err; i++) {
    const struct study_occasion *occasion = &study->occasions[i];
    if (*study_form_closed(study, occasion->form)) continue;
    if (occasion->trigger == TRIGGER_DAYS) err = open_by_day(tending, occasion, occasion->after_days, error);
    /* Whoever has not had every session by then: the end has come all the same. */
    if (occasion->trigger == TRIGGER_END && study->sessions_within_days && occasion->rater == PERSON_PATIENT)
      err = open_by_day(tending, occasion, study->sessions_within_days, error);
    if (err == ERR_STATE && !strcmp(error->id, "zone-unknown")) { /* the other forms, and reminders, need not wait for it */
      log_line(LOG_WARNING, "tending", "%s: the occasion %s cannot open: %s", tending->home->name, occasion->name, error->text);
      err = OK;
    }
  }
  return err;
}

/* ---- reminders ---- */

struct open_form {
  const char *id, *name;
  int64_t version, opened_ms, reminded_ms;
};

static enum err open_forms(struct tending *tending, struct open_form **list, size_t *count, struct error *error) {
  size_t room = 0;
  struct rows rows;
  rows_open(&rows, tending->open,
            "SELECT o.id, o.name, o.study_version, o.opened_ms, "
            "coalesce((SELECT max(r.made_ms) FROM reminder r WHERE r.occasion = o.id), 0) FROM occasion o JOIN person p ON "
            "p.code = o.subject WHERE o.submitted_ms = 0 AND o.closes_ms > $1 AND p.withdrawn_ms = 0 ORDER BY o.due_ms, o.id",
            ARGS(v_int(tending->now_ms)));
  while (rows_next(&rows)) {
    *list = list_grow(&tending->arena, *list, *count, &room, sizeof **list);
    (*list)[(*count)++] = (struct open_form){.id = arena_text(&tending->arena, rows_text(&rows, 0)),
                                             .name = arena_text(&tending->arena, rows_text(&rows, 1)),
                                             .version = rows_int(&rows, 2),
                                             .opened_ms = rows_int(&rows, 3),
                                             .reminded_ms = rows_int(&rows, 4)};
  }
  return rows_close(&rows, error);
}

/* The newest moment at which the study, as it was when the form opened, asked for a reminder; 0 when none has come. */
static int64_t asked_at(const struct tending *tending, const struct open_form *form) {
  const struct study *study = home_study_version(tending->home, form->version);
  const struct study_occasion *occasion = study ? study_occasion(study, form->name) : NULL;
  int64_t at = 0;
  for (size_t i = 0; occasion && i < occasion->remind_count; i++) {
    int64_t moment = form->opened_ms + occasion->remind_hours[i] * HOUR_MS;
    if (moment <= tending->now_ms) at = moment;
  }
  return at;
}

static enum err remind_what_is_due(struct tending *tending, struct error *error) {
  static const struct actor attune = {.code = ENTERED_BY, .roles = ROLE_COORDINATOR, .site = "", .person = ""};
  struct open_form *list = NULL;
  size_t count = 0;
  enum err err = open_forms(tending, &list, &count, error);
  for (size_t i = 0; i < count && !err; i++) {
    if (list[i].reminded_ms >= asked_at(tending, &list[i])) continue;
    struct form_remind remind = {.home = tending->home, .by = &attune, .occasion = list[i].id, .why = "the study reminds of a form that is not answered"};
    struct error refused = {0};
    enum err reminded = ledger_do(tending->home->ledger, form_remind, &remind, &refused);
    tending->tended->reminded += !reminded;
    /* Answered, closed, erased or reminded by someone meanwhile: nothing is left to do. */
    bool settled = reminded == ERR_CONFLICT || reminded == ERR_STATE || reminded == ERR_MISSING;
    if (reminded && !settled) {
      *error = refused;
      err = reminded;
    }
  }
  return err;
}

/* What was typed into forms that are closed is nobody's to keep. */
static enum err purge_drafts(struct tending *tending, struct error *error) {
  bool due = false;
  enum err err = drafts_over(tending->open, tending->now_ms, &due, error);
  return err || !due ? err : ledger_do(tending->home->ledger, draft_purge, NULL, error);
}

enum err trial_tend(struct home *home, int64_t now_ms, struct tended *tended, struct error *error) {
  struct tending tending = {.home = home, .now_ms = now_ms, .tended = tended};
  *tended = (struct tended){0};
  enum err err = db_open(&tending.open, home->store, DB_OPEN, error);
  if (err) return err;
  err = open_what_is_due(&tending, error);
  if (!err) err = remind_what_is_due(&tending, error);
  if (!err) err = purge_drafts(&tending, error);
  db_close(tending.open);
  arena_free(&tending.arena);
  return err;
}

/* ---- once a minute ---- */

struct tender {
  struct home *home;
  struct pulse *pulse;
};

static void tend(void *state) {
  struct tender *tender = state;
  struct tended tended;
  struct error error = {0};
  if (trial_tend(tender->home, clock_now(&tender->home->clock), &tended, &error))
    log_line(LOG_WARNING, "tending", "%s: what is due could not be done: %s", tender->home->name, error.text);
}

struct tender *tender_start(struct home *home) {
  struct tender *tender = calloc(1, sizeof *tender);
  if (!tender) die("out of memory");
  tender->home = home;
  tender->pulse = pulse_start(TEND_EVERY_S, tend, tender);
  return tender;
}

void tender_stop(struct tender *tender) {
  if (!tender) return;
  pulse_stop(tender->pulse);
  free(tender);
}
