#include "study/study.h"

static const char *const person_kinds[] = {"patient", "therapist"};

const char *person_kind_name(enum person_kind kind) {
  return person_kinds[kind];
}

bool person_kind_find(const char *name, enum person_kind *kind) {
  for (size_t i = 0; i < sizeof person_kinds / sizeof *person_kinds; i++) {
    if (strcmp(name, person_kinds[i])) continue;
    *kind = (enum person_kind)i;
    return true;
  }
  return false;
}

int study_language(const struct study *study, const char *code) {
  for (int i = 0; i < study->language_count; i++)
    if (code && !strcmp(study->languages[i], code)) return i;
  return 0;
}

const struct form *study_form(const struct study *study, const char *name) {
  for (size_t i = 0; i < study->form_count; i++)
    if (!strcmp(study->forms[i].name, name)) return &study->forms[i];
  return NULL;
}

const struct study_site *study_site(const struct study *study, const char *name) {
  for (size_t i = 0; i < study->site_count; i++)
    if (!strcmp(study->sites[i].name, name)) return &study->sites[i];
  return NULL;
}

const struct study_occasion *study_occasion(const struct study *study, const char *name) {
  for (size_t i = 0; i < study->occasion_count; i++)
    if (!strcmp(study->occasions[i].name, name)) return &study->occasions[i];
  return NULL;
}

const struct study_arm *study_arm(const struct study *study, const char *name) {
  for (size_t i = 0; i < study->arm_count; i++)
    if (!strcmp(study->arms[i].name, name)) return &study->arms[i];
  return NULL;
}

static bool among(const char *const *names, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++)
    if (!strcmp(names[i], name)) return true;
  return false;
}

bool study_has_role(const struct study *study, const char *role) {
  return among(study->roles, study->role_count, role);
}

bool study_role_masked(const struct study *study, const char *role) {
  return among(study->masked_roles, study->masked_count, role);
}

unsigned study_feedback_for(const struct study *study, const char *role, const char *arm, bool *flagged_only) {
  unsigned sees = SEES_TASKS;
  bool everything = false;
  for (size_t i = 0; i < study->feedback_count; i++) {
    const struct study_feedback *rule = &study->feedback[i];
    if (strcmp(rule->role, role)) continue;
    if (rule->arm_count && !(arm && *arm && among(rule->arms, rule->arm_count, arm))) continue;
    sees |= rule->sees;
    everything = everything || !rule->flagged_only;
  }
  if (flagged_only) *flagged_only = sees != SEES_TASKS && !everything;
  return sees;
}

static bool safety_complete(const struct study *study) {
  const struct study_safety *safety = &study->safety;
  return *safety->responder_role && safety->response_hours > 0 && safety->responder.in[0] && safety->numbers.in[0];
}

const char *study_form_closed(const struct study *study, const struct form *form) {
  if (form->wording_missing) return "its wording is missing";
  if (form->has_risk && !safety_complete(study))
    return "it has a risk item, and the study names no responder, response time and local crisis numbers";
  return "";
}

int64_t study_target_by(const struct study_target *target, int64_t week) {
  if (week <= 0 || !target->weeks) return week <= 0 ? 0 : target->count;
  if (week >= target->weeks) return target->count;
  return target->by_week ? target->by_week[week - 1] : target->count * week / target->weeks;
}
