/* occasion.c: forms open to one person on one occasion, and the links that lead to them. */
#include "trial/occasion.h"

/* A session's number is part of what makes an occasion one of a kind; -1 when it belongs to none. */
static enum err occasion_code(struct txn *txn, const char *name, const char *respondent, const char *patient,
                              int64_t session_number, char out[CODE_BYTES], struct error *error) {
  char purpose[200];
  snprintf(purpose, sizeof purpose, "%s/%s/%s/%lld", name, respondent, patient, (long long)session_number);
  for (uint64_t draw = 0; draw < 64; draw++) {
    code_make(txn_chance(txn), 'F', purpose, draw, out);
    int64_t taken;
    enum err err = db_int(txn_db(txn), error, &taken, 0, "SELECT count(*) FROM occasion WHERE id = $1", ARGS(v_text(out)));
    if (err || !taken) return err;
  }
  return fail(error, ERR_STORE, "code-taken", "", "no free code was found in 64 draws");
}

/* NULL: UTC. */
static enum err site_zone(const struct study *study, const char *name, const struct zone **zone, struct error *error) {
  const struct study_site *site = study_site(study, name);
  *zone = site ? site->zone : NULL;
  if (!site || !site->zone_name || site->zone) return OK;
  return fail(error, ERR_STATE, "zone-unknown", "", "this machine lacks the time zone '%.64s' of the site '%.40s': install the package tzdata",
              site->zone_name, site->name);
}

enum err occasion_times(const struct study *study, const struct study_occasion *occasion, const char *site, int64_t from_ms,
                        int64_t *due_ms, int64_t *closes_ms, struct error *error) {
  *due_ms = from_ms + occasion->due_hours * HOUR_MS;
  *closes_ms = from_ms + occasion->closes_hours * HOUR_MS;
  if (!occasion->by_days) return OK;
  const struct zone *zone;
  enum err err = site_zone(study, site, &zone, error);
  if (err) return err;
  int64_t day = zone_day(zone, from_ms);
  zone_hour(zone, day + occasion->due_days, occasion->hour, due_ms);
  zone_hour(zone, day + occasion->closes_days, occasion->hour, closes_ms);
  return OK;
}

enum err occasion_comes(const struct study *study, const struct study_occasion *occasion, const char *site, int64_t after_ms,
                        int64_t days, int64_t *from_ms, struct error *error) {
  *from_ms = after_ms + days * DAY_MS;
  if (!occasion->by_days) return OK;
  const struct zone *zone;
  enum err err = site_zone(study, site, &zone, error);
  if (!err) zone_utc_ms(zone, zone_local_ms(zone, after_ms) + days * DAY_MS, ZONE_EARLIER, from_ms);
  return err;
}

static enum err opening_body(struct txn *txn, const struct occasion_opening *opening, json_t *opened, struct error *error) {
  const struct study_occasion *occasion = opening->occasion;
  char id[CODE_BYTES], token[LINK_TOKEN_BYTES], hash[65];
  enum err err = occasion_code(txn, occasion->name, opening->respondent, opening->patient, opening->session_number, id, error);
  if (err) return err;
  link_token(txn_keys(txn), id, 1, token);
  link_hash(token, hash);
  int64_t from_ms = opening->from_ms ? opening->from_ms : txn_now(txn), due_ms, closes_ms;
  err = occasion_times(home_study(opening->home), occasion, opening->site, from_ms, &due_ms, &closes_ms, error);
  if (err) return err;
  json_array_append_new(
      opened, json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:s}", "id", id, "version",
                        (json_int_t)home_version(opening->home), "form", occasion->form->name, "name", occasion->name, "rater",
                        person_kind_name(occasion->rater), "respondent", opening->respondent, "patient", opening->patient,
                        "session", (json_int_t)opening->session_number, "due", (json_int_t)due_ms,
                        "closes", (json_int_t)closes_ms, "token", hash, "language",
                        opening->language));
  return OK;
}

static bool opens_now(const struct study *study, const struct study_occasion *occasion, enum study_trigger trigger,
                      int64_t session_number) {
  if (occasion->trigger != trigger || *study_form_closed(study, occasion->form)) return false;
  if (trigger != TRIGGER_SESSION) return true;
  return session_number >= occasion->first_session &&
         (!occasion->last_session || session_number <= occasion->last_session);
}

enum err occasions_make(struct txn *txn, const struct occasion_moment *moment, json_t **opened, struct error *error) {
  const struct study *study = home_study(moment->home);
  *opened = json_array();
  enum err err = OK;
  for (size_t i = 0; i < study->occasion_count && !err; i++) {
    const struct study_occasion *occasion = &study->occasions[i];
    bool of_patient = occasion->rater == PERSON_PATIENT, of_session = moment->trigger == TRIGGER_SESSION;
    if (!opens_now(study, occasion, moment->trigger, moment->session_number) || (of_patient && !*moment->patient)) continue;
    /* Without a session, a therapist's form is opened by the therapist's own moment, not by each patient's. */
    if (!of_session && !of_patient && *moment->patient) continue;
    struct occasion_opening opening = {.home = moment->home,
                                       .occasion = occasion,
                                       .respondent = of_patient ? moment->patient : moment->therapist,
                                       .patient = moment->patient,
                                       .language = moment->language,
                                       .site = moment->site,
                                       .session_number = of_session ? moment->session_number : -1};
    err = opening_body(txn, &opening, *opened, error);
  }
  if (!err) return OK;
  json_decref(*opened);
  *opened = NULL;
  return err;
}

enum err occasions_apply(struct db *db, const struct entry *entry, const json_t *opened, struct error *error) {
  size_t i;
  json_t *one;
  json_array_foreach(opened, i, one) {
    enum err err = db_exec(
        db, error,
        "INSERT INTO occasion (id, subject, form, name, study_version, rater, respondent, patient, session_number, "
        "opened_ms, due_ms, closes_ms, submitted_ms, language) VALUES ($1, $2, $3, $4, "
        "CASE WHEN $13 > 0 THEN $13 ELSE (SELECT max(version) FROM study_version) END, $5, $6, $7, $8, $9, $10, $11, 0, $12)",
        ARGS(v_text(json_text(one, "id", "")), v_text(entry->subject), v_text(json_text(one, "form", "")),
             v_text(json_text(one, "name", "")), v_text(json_text(one, "rater", "")), v_text(json_text(one, "respondent", "")),
             v_text(json_text(one, "patient", "")), v_int(json_int(one, "session", -1)), v_int(entry->time_ms),
             v_int(json_int(one, "due", 0)), v_int(json_int(one, "closes", 0)), v_text(json_text(one, "language", "")),
             v_int(json_int(one, "version", 0)))); /* entries of before say no version: the newest then */
    if (!err)
      err = db_exec(db, error, "INSERT INTO link (token, subject, occasion, serial, expires_ms) VALUES ($1, $2, $3, 1, $4)",
                    ARGS(v_text(json_text(one, "token", "")), v_text(entry->subject), v_text(json_text(one, "id", "")),
                         v_int(json_int(one, "closes", 0))));
    if (err) return err;
  }
  return OK;
}

enum err occasion_make(struct txn *txn, const struct occasion_opening *opening, json_t **opened, struct error *error) {
  *opened = json_array();
  enum err err = opening_body(txn, opening, *opened, error);
  if (!err) return OK;
  json_decref(*opened);
  *opened = NULL;
  return err;
}

enum err occasion_opened(struct db *db, const struct occasion_opening *opening, bool *opened, struct error *error) {
  int64_t there;
  enum err err = db_int(db, error, &there, 0,
                        "SELECT count(*) FROM occasion WHERE name = $1 AND respondent = $2 AND patient = $3 AND session_number = $4",
                        ARGS(v_text(opening->occasion->name), v_text(opening->respondent), v_text(opening->patient),
                             v_int(opening->session_number)));
  *opened = there != 0;
  return err;
}

/* ---- reading ---- */

static void occasion_fill(struct rows *rows, struct occasion *occasion) {
  snprintf(occasion->id, sizeof occasion->id, "%s", rows_text(rows, 0));
  snprintf(occasion->form, sizeof occasion->form, "%s", rows_text(rows, 1));
  snprintf(occasion->name, sizeof occasion->name, "%s", rows_text(rows, 2));
  occasion->rater = person_kind_of(rows_text(rows, 3));
  snprintf(occasion->respondent, sizeof occasion->respondent, "%s", rows_text(rows, 4));
  snprintf(occasion->patient, sizeof occasion->patient, "%s", rows_text(rows, 5));
  snprintf(occasion->language, sizeof occasion->language, "%s", rows_text(rows, 6));
  snprintf(occasion->subject, sizeof occasion->subject, "%s", rows_text(rows, 7));
  occasion->study_version = rows_int(rows, 8);
  occasion->session_number = rows_int(rows, 9);
  occasion->opened_ms = rows_int(rows, 10);
  occasion->due_ms = rows_int(rows, 11);
  occasion->closes_ms = rows_int(rows, 12);
  occasion->submitted_ms = rows_int(rows, 13);
  occasion->withdrawn = rows_int(rows, 14) != 0;
  occasion->link_expires_ms = rows_int(rows, 15);
}

static enum err occasion_one(struct rows *rows, struct occasion *occasion, struct error *error) {
  bool found = rows_next(rows);
  if (found) occasion_fill(rows, occasion);
  enum err err = rows_close(rows, error);
  return err || found ? err : fail(error, ERR_MISSING, "no-such-form", "", "there is no such form");
}

enum err occasion_by_token(struct db *db, const char *token, struct occasion *occasion, struct error *error) {
  if (!link_well_formed(token)) return fail(error, ERR_MISSING, "no-such-form", "", "there is no such form");
  char hash[65];
  link_hash(token, hash);
  struct rows rows;
  rows_open(&rows, db,
            "SELECT o.id, o.form, o.name, o.rater, o.respondent, o.patient, o.language, o.subject, o.study_version, "
            "o.session_number, o.opened_ms, o.due_ms, o.closes_ms, o.submitted_ms, p.withdrawn_ms, l.expires_ms "
            "FROM link l JOIN occasion o ON o.id = l.occasion JOIN person p ON p.code = o.subject "
            "WHERE l.token = $1 ORDER BY l.token",
            ARGS(v_text(hash)));
  return occasion_one(&rows, occasion, error);
}

enum err occasion_by_id(struct db *db, const char *id, struct occasion *occasion, struct error *error) {
  struct rows rows;
  rows_open(&rows, db,
            "SELECT o.id, o.form, o.name, o.rater, o.respondent, o.patient, o.language, o.subject, o.study_version, "
            "o.session_number, o.opened_ms, o.due_ms, o.closes_ms, o.submitted_ms, p.withdrawn_ms, 0 "
            "FROM occasion o JOIN person p ON p.code = o.subject WHERE o.id = $1 ORDER BY o.id",
            ARGS(v_text(id)));
  return occasion_one(&rows, occasion, error);
}

enum err occasion_token(struct db *db, const struct keys *keys, const char *occasion, char out[LINK_TOKEN_BYTES],
                        struct error *error) {
  int64_t serial;
  out[0] = 0;
  enum err err = db_int(db, error, &serial, 0, "SELECT max(serial) FROM link WHERE occasion = $1", ARGS(v_text(occasion)));
  if (!err && serial) link_token(keys, occasion, serial, out);
  return err;
}

enum err occasion_answerable(const struct occasion *occasion, int64_t now_ms, struct error *error) {
  if (occasion->submitted_ms) return fail(error, ERR_STATE, "form-done", "", "this form has been answered");
  if (occasion->withdrawn) return fail(error, ERR_STATE, "form-withdrawn", "", "this person no longer takes part");
  if (now_ms >= occasion->closes_ms) return fail(error, ERR_STATE, "form-late", "", "the time to answer this form is over");
  if (occasion->link_expires_ms && now_ms >= occasion->link_expires_ms)
    return fail(error, ERR_STATE, "form-late", "", "this link has expired");
  return OK;
}
