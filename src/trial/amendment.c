#include "trial/amendment.h"

#include "trial/study_version.h"

static bool refused_before(const struct study_difference *out, const char *refusal) {
  for (size_t i = 0; i < out->refusal_count; i++)
    if (strstr(out->refusals[i], refusal)) return true;
  return false;
}

static void refusals_of(int64_t version, const struct study_difference *older, struct arena *arena,
                        struct study_difference *out) {
  const char **list = arena_array(arena, out->refusal_count + older->refusal_count + 1, sizeof *list);
  if (out->refusal_count) memcpy(list, out->refusals, out->refusal_count * sizeof *list);
  out->refusals = list;
  for (size_t i = 0; i < older->refusal_count; i++)
    if (!refused_before(out, older->refusals[i]))
      list[out->refusal_count++] =
          arena_printf(arena, "Against version %lld of the study: %s", (long long)version, older->refusals[i]);
  out->refused = out->refusal_count > 0;
}

void home_compare(const struct home *home, const struct study *after, struct arena *arena,
                  struct study_difference *out) {
  study_compare(home_study(home), after, arena, out);
  for (int64_t version = home_version(home) - 1; version >= 1; version--) {
    struct study_difference older;
    study_compare(home_study_version(home, version), after, arena, &older);
    refusals_of(version, &older, arena, out);
  }
}

static enum err amendment_checks(const struct study_amend *amend, struct arena *arena, struct error *error) {
  const struct study *now = home_study(amend->home);
  int64_t day;
  if (!*amend->approval)
    return fail(error, ERR_INPUT, "approval-missing", "approval", "an amendment needs the reference of the ethics approval");
  if (!date_parse(amend->approval_date, &day))
    return fail(error, ERR_INPUT, "date-wrong", "approval_date", "'%s' is no date such as 2026-11-23", amend->approval_date);
  if (strcmp(now->name, amend->study->name))
    return fail(error, ERR_INPUT, "study-other", "name", "this home holds the study '%s', not '%s'", now->name,
                amend->study->name);
  if (!strcmp(now->hash, amend->study->hash))
    return fail(error, ERR_STATE, "study-same", "", "nothing is different: no amendment is needed");
  struct study_difference difference;
  home_compare(amend->home, amend->study, arena, &difference);
  if (difference.refused)
    return fail(error, ERR_INPUT, "study-reinterprets", "", "%s", difference.refusals[0]);
  return OK;
}

enum err study_amend(struct txn *txn, void *input, struct error *error) {
  struct study_amend *amend = input;
  enum err err = amendment_checks(amend, txn_arena(txn), error);
  if (err) return err;
  struct study_set set = {.study = amend->study,
                          .by = amend->by,
                          .approval = amend->approval,
                          .approval_date = amend->approval_date,
                          .version = home_version(amend->home) + 1};
  return study_version_append(txn, &set, error);
}
