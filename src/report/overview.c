#include "report/overview.h"

#define WEEKS_MOST 26
#define PACE_WEEKS 8 /* the pace that a projection goes by */
#define OVERDUE_MOST 50

/* ---- recruitment ---- */

struct enrolled {
  int64_t *days; /* of each enrolment, in order */
  size_t count;
  int64_t withdrawn;
};

static enum err enrolment_days(struct db *masked, struct arena *arena, enum person_kind kind, const char *site,
                               struct enrolled *enrolled, struct error *error) {
  int64_t most;
  *enrolled = (struct enrolled){0};
  enum err err = db_int(masked, error, &most, 0, "SELECT count(*) FROM person WHERE kind = $1", ARGS(v_text(person_kind_name(kind))));
  if (err) return err;
  enrolled->days = arena_array(arena, (size_t)most + 1, sizeof *enrolled->days);
  struct rows rows;
  rows_open(&rows, masked,
            "SELECT enrolled_ms, withdrawn_ms FROM person WHERE kind = $1 AND (site = $2 OR $2 = '') ORDER BY enrolled_ms, code",
            ARGS(v_text(person_kind_name(kind)), v_text(site)));
  while (rows_next(&rows) && enrolled->count < (size_t)most) {
    enrolled->days[enrolled->count++] = rows_int(&rows, 0) / DAY_MS;
    enrolled->withdrawn += rows_int(&rows, 1) != 0;
  }
  return rows_close(&rows, error);
}

/* The day on which the target is reached at the pace of the last weeks. */
static int64_t projected(const struct enrolled *enrolled, int64_t target, int64_t today) {
  if (!target || (int64_t)enrolled->count >= target) return -1;
  int64_t recent = 0;
  for (size_t i = 0; i < enrolled->count; i++) recent += enrolled->days[i] > today - PACE_WEEKS * 7;
  if (!recent) return -1;
  int64_t left = target - (int64_t)enrolled->count;
  return today + (left * PACE_WEEKS * 7 + recent - 1) / recent;
}

static struct progress progress_of(const struct enrolled *enrolled, int64_t target, int64_t today) {
  return (struct progress){.target = target,
                           .reached = (int64_t)enrolled->count,
                           .withdrawn = enrolled->withdrawn,
                           .projected_day = projected(enrolled, target, today)};
}

static void weeks_fill(struct overview *overview, struct arena *arena, const struct enrolled *therapists,
                       const struct enrolled *patients, int64_t today) {
  int64_t first = day_monday(today) - (WEEKS_MOST - 1) * 7, began = day_monday(today);
  if (therapists->count && day_monday(therapists->days[0]) < began) began = day_monday(therapists->days[0]);
  if (patients->count && day_monday(patients->days[0]) < began) began = day_monday(patients->days[0]);
  if (began > first) first = began;
  overview->week_count = (size_t)((day_monday(today) - first) / 7 + 1);
  overview->weeks = arena_array(arena, overview->week_count, sizeof *overview->weeks);
  for (size_t i = 0; i < overview->week_count; i++)
    overview->weeks[i] = (struct week){.first_day = first + 7 * (int64_t)i, .planned_patients = -1};
  for (size_t i = 0; i < therapists->count; i++)
    if (therapists->days[i] >= first && therapists->days[i] <= today) overview->weeks[(therapists->days[i] - first) / 7].therapists++;
  for (size_t i = 0; i < patients->count; i++)
    if (patients->days[i] >= first && patients->days[i] <= today) overview->weeks[(patients->days[i] - first) / 7].patients++;
}

static void plan_fill(struct overview *overview, const struct study_target *target, int64_t start) {
  if (!target->weeks) return;
  int64_t given;
  if (target->start && date_parse(target->start, &given)) start = given;
  for (size_t i = 0; i < overview->week_count; i++) {
    int64_t week = (overview->weeks[i].first_day - day_monday(start)) / 7;
    if (week < 0) continue;
    overview->weeks[i].planned_patients = study_target_by(target, week + 1) - study_target_by(target, week);
  }
}

static enum err recruitment(struct db *masked, const struct study *study, struct arena *arena, const char *site, int64_t today,
                            struct overview *overview, struct error *error) {
  struct enrolled therapists, patients;
  int64_t start;
  enum err err = enrolment_days(masked, arena, PERSON_THERAPIST, site, &therapists, error);
  if (!err) err = enrolment_days(masked, arena, PERSON_PATIENT, site, &patients, error);
  if (!err) err = db_int(masked, error, &start, today * DAY_MS, "SELECT min(time_ms) FROM study_version", NO_ARGS);
  if (err) return err;
  overview->therapists = progress_of(&therapists, study->therapist_target.count, today);
  overview->patients = progress_of(&patients, study->patient_target.count, today);
  weeks_fill(overview, arena, &therapists, &patients, today);
  plan_fill(overview, &study->patient_target, start / DAY_MS);
  return OK;
}

/* ---- sites, forms ---- */

static enum err site_one(struct db *masked, struct site_row *row, int64_t now_ms, struct error *error) {
  const struct value site = v_text(row->site);
  enum err err = db_int(masked, error, &row->therapists, 0, "SELECT count(*) FROM person WHERE kind = 'therapist' AND site = $1", ARGS(site));
  if (!err) err = db_int(masked, error, &row->patients, 0, "SELECT count(*) FROM person WHERE kind = 'patient' AND site = $1", ARGS(site));
  if (!err)
    err = db_int(masked, error, &row->sessions, 0, "SELECT count(*) FROM session s JOIN person p ON p.code = s.patient WHERE p.site = $1", ARGS(site));
  if (!err)
    err = db_int(masked, error, &row->forms_done, 0,
                 "SELECT count(*) FROM occasion o JOIN person p ON p.code = o.subject WHERE p.site = $1 AND o.submitted_ms > 0", ARGS(site));
  if (!err)
    err = db_int(masked, error, &row->forms_due, 0,
                 "SELECT count(*) FROM occasion o JOIN person p ON p.code = o.subject WHERE p.site = $1 AND "
                 "o.submitted_ms = 0 AND o.due_ms <= $2 AND o.closes_ms > $2 AND p.withdrawn_ms = 0",
                 ARGS(site, v_int(now_ms)));
  return err;
}

static enum err sites(struct db *masked, const struct study *study, struct arena *arena, const char *site, int64_t now_ms,
                      struct overview *overview, struct error *error) {
  overview->sites = arena_array(arena, study->site_count, sizeof *overview->sites);
  for (size_t i = 0; i < study->site_count; i++) {
    if (*site && strcmp(site, study->sites[i].name)) continue;
    struct site_row *row = &overview->sites[overview->site_count++];
    row->site = study->sites[i].name;
    enum err err = site_one(masked, row, now_ms, error);
    if (err) return err;
  }
  return OK;
}

static enum err overdue_list(struct db *masked, struct arena *arena, const char *site, int64_t now_ms,
                             struct overview *overview, struct error *error) {
  overview->overdue = arena_array(arena, OVERDUE_MOST, sizeof *overview->overdue);
  struct rows rows;
  rows_open(&rows, masked,
            "SELECT o.id, o.respondent, o.patient, o.name, o.rater, o.session_number, o.due_ms, o.closes_ms, "
            "coalesce((SELECT max(r.made_ms) FROM reminder r WHERE r.occasion = o.id), 0), p.site "
            "FROM occasion o JOIN person p ON p.code = o.subject WHERE o.submitted_ms = 0 AND o.due_ms <= $1 AND "
            "o.closes_ms > $1 AND p.withdrawn_ms = 0 AND (p.site = $2 OR $2 = '') ORDER BY o.due_ms, o.id",
            ARGS(v_int(now_ms), v_text(site)));
  while (rows_next(&rows)) {
    if (overview->overdue_total++ >= OVERDUE_MOST) continue;
    struct overdue *one = &overview->overdue[overview->overdue_count++];
    snprintf(one->occasion, sizeof one->occasion, "%s", rows_text(&rows, 0));
    snprintf(one->respondent, sizeof one->respondent, "%s", rows_text(&rows, 1));
    snprintf(one->patient, sizeof one->patient, "%s", rows_text(&rows, 2));
    snprintf(one->name, sizeof one->name, "%s", rows_text(&rows, 3));
    one->rater = person_kind_of(rows_text(&rows, 4));
    one->session_number = rows_int(&rows, 5);
    one->due_ms = rows_int(&rows, 6);
    one->closes_ms = rows_int(&rows, 7);
    one->reminded_ms = rows_int(&rows, 8);
    snprintf(one->site, sizeof one->site, "%s", rows_text(&rows, 9));
  }
  return rows_close(&rows, error);
}

static enum err forms_counted(struct db *masked, const char *site, int64_t now_ms, struct overview *overview, struct error *error) {
  enum err err = db_int(masked, error, &overview->forms_done, 0,
                        "SELECT count(*) FROM occasion o JOIN person p ON p.code = o.subject WHERE o.submitted_ms > 0 AND (p.site = $1 OR $1 = '')",
                        ARGS(v_text(site)));
  if (!err)
    err = db_int(masked, error, &overview->forms_open, 0,
                 "SELECT count(*) FROM occasion o JOIN person p ON p.code = o.subject WHERE o.submitted_ms = 0 AND o.closes_ms > $2 "
                 "AND p.withdrawn_ms = 0 AND (p.site = $1 OR $1 = '')",
                 ARGS(v_text(site), v_int(now_ms)));
  if (!err)
    err = db_int(masked, error, &overview->forms_missed, 0,
                 "SELECT count(*) FROM occasion o JOIN person p ON p.code = o.subject WHERE o.submitted_ms = 0 AND o.closes_ms <= $2 "
                 "AND (p.site = $1 OR $1 = '')",
                 ARGS(v_text(site), v_int(now_ms)));
  return err;
}

/* ---- flow ---- */

static enum err flow_fill(struct db *masked, const struct study *study, const char *site, struct overview *overview, struct error *error) {
  struct flow *flow = &overview->flow;
  flow->therapists_enrolled = overview->therapists.reached;
  flow->therapists_withdrawn = overview->therapists.withdrawn;
  flow->therapists_active = flow->therapists_enrolled - flow->therapists_withdrawn;
  flow->patients_enrolled = overview->patients.reached;
  flow->patients_withdrawn = overview->patients.withdrawn;
  static const char consented[] = "SELECT count(*) FROM person p WHERE p.kind = $1 AND (p.site = $2 OR $2 = '') AND "
                                  "(SELECT count(*) FROM consent c WHERE c.person = p.code) > 0";
  enum err err = db_int(masked, error, &flow->therapists_consented, 0, consented, ARGS(v_text("therapist"), v_text(site)));
  if (!err) err = db_int(masked, error, &flow->patients_consented, 0, consented, ARGS(v_text("patient"), v_text(site)));
  if (!err)
    err = db_int(masked, error, &flow->erased, 0, "SELECT count(*) FROM tombstone WHERE kind = 'patient' AND (site = $1 OR $1 = '')", ARGS(v_text(site)));
  if (!err && study->sessions_planned)
    err = db_int(masked, error, &flow->patients_complete, 0,
                 "SELECT count(*) FROM person p WHERE p.kind = 'patient' AND (p.site = $1 OR $1 = '') AND p.withdrawn_ms = 0 AND "
                 "(SELECT count(*) FROM session s WHERE s.patient = p.code) >= $2",
                 ARGS(v_text(site), v_int(study->sessions_planned)));
  flow->patients_active = flow->patients_enrolled - flow->patients_withdrawn - flow->patients_complete;
  return err;
}

enum err report_overview(struct db *masked, const struct home *home, struct arena *arena, const char *site, int64_t now_ms,
                             struct overview *overview, struct error *error) {
  const struct study *study = home_study(home);
  memset(overview, 0, sizeof *overview);
  enum err err = recruitment(masked, study, arena, site, now_ms / DAY_MS, overview, error);
  if (!err) err = sites(masked, study, arena, site, now_ms, overview, error);
  if (!err) err = overdue_list(masked, arena, site, now_ms, overview, error);
  if (!err) err = forms_counted(masked, site, now_ms, overview, error);
  return err ? err : flow_fill(masked, study, site, overview, error);
}
