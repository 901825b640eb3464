#include "trial/approach_refusal.h"

#include "trial/candidate.h"

const char *const refusal_reasons[REFUSAL_REASONS] = {"time", "privacy", "study", "unsaid"};

static bool reason_known(const char *reason) {
  for (size_t i = 0; i < REFUSAL_REASONS; i++)
    if (!strcmp(reason, refusal_reasons[i])) return true;
  return false;
}

/* Where it was: the therapist's site, or for a therapist the one named. Only where the actor works. */
static enum err refused_at(struct txn *txn, const struct approach_refuse *refuse, char site[40], struct error *error) {
  const struct study *study = home_study(refuse->home);
  struct person therapist;
  bool found = false;
  if (refuse->kind == PERSON_PATIENT) {
    enum err err = actor_person(txn_db(txn), refuse->by, ROLES_ENROLLING, refuse->therapist, &therapist, error);
    if (err || therapist.kind != PERSON_THERAPIST)
      return err == ERR_MISSING || !err ? fail(error, ERR_INPUT, "no-such-therapist", "therapist", "there is no therapist '%s'", refuse->therapist) : err;
    memcpy(site, therapist.site, sizeof therapist.site);
    return OK;
  }
  for (size_t i = 0; i < study->site_count; i++) found |= !strcmp(study->sites[i].name, refuse->site);
  if (!found || (*refuse->by->site && strcmp(refuse->by->site, refuse->site)))
    return fail(error, ERR_INPUT, "no-such-site", "site", "'%s' is not a site of this study that you work at", refuse->site);
  snprintf(site, 40, "%s", refuse->site);
  return OK;
}

enum err approach_refuse(struct txn *txn, void *input, struct error *error) {
  struct approach_refuse *refuse = input;
  char site[40], id[CODE_BYTES];
  if (!(refuse->by->roles & ROLES_ENROLLING))
    return fail(error, ERR_DENIED, "not-allowed", "", "only a coordinator or a site assistant records who was approached");
  if (!reason_known(refuse->reason))
    return fail(error, ERR_INPUT, "refusal-reason", "reason", "'%s' is none of the reasons that are kept", refuse->reason);
  if (refuse->day * DAY_MS > txn_now(txn) + DAY_MS)
    return fail(error, ERR_INPUT, "refusal-future", "day", "a refusal is recorded once it was given");
  enum err err = refused_at(txn, refuse, site, error);
  if (!err) err = candidate_code(txn, 'N', "refusal", id, error);
  if (err) return err;
  json_t *body = json_pack("{s:s, s:s, s:s, s:I, s:s}", "kind", person_kind_name(refuse->kind), "site", site, "therapist",
                           refuse->kind == PERSON_PATIENT ? refuse->therapist : "", "week", (json_int_t)day_monday(refuse->day),
                           "reason", refuse->reason);
  return ledger_append(txn, refuse->by->code, "approach.refuse", id, body, error);
}

static enum err refusal_apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  return db_exec(db, error, "INSERT INTO refusal (id, subject, kind, site, therapist, week, reason) VALUES ($1, $1, $2, $3, $4, $5, $6)",
                 ARGS(v_text(entry->subject), v_text(json_text(body, "kind", "")), v_text(json_text(body, "site", "")),
                      v_text(json_text(body, "therapist", "")), v_int(json_int(body, "week", 0)), v_text(json_text(body, "reason", ""))));
}

enum err refusal_counts(struct db *masked, const char *site, struct refusal_count *counts, size_t most, size_t *count,
                        struct error *error) {
  struct rows rows;
  *count = 0;
  rows_open(&rows, masked,
            "SELECT week, kind, reason, count(*) FROM refusal WHERE ($1 = '' OR site = $1) GROUP BY week, kind, reason "
            "ORDER BY week DESC, kind, reason LIMIT $2",
            ARGS(v_text(site), v_int((int64_t)most)));
  while (rows_next(&rows) && *count < most) {
    struct refusal_count *one = &counts[(*count)++];
    *one = (struct refusal_count){.week = rows_int(&rows, 0), .kind = person_kind_of(rows_text(&rows, 1)), .count = rows_int(&rows, 3)};
    snprintf(one->reason, sizeof one->reason, "%s", rows_text(&rows, 2));
  }
  return rows_close(&rows, error);
}

/* The therapist's arm may shape who is asked; but who asks, when and about whom does not stand in the head of the entry. */
KIND(approach_refuse, "approach.refuse", LOG_MASKED, refusal_apply);
