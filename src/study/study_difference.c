/* What an amendment changes, in words; and what it must not change. */
#include <stdarg.h>

#include "study/study.h"

struct comparing {
  const struct study *before, *after;
  struct arena *arena;
  struct study_difference *out;
  size_t line_capacity, refusal_capacity;
};

static void list_add(struct arena *arena, const char ***list, size_t *count, size_t *capacity, const char *text) {
  if (*count == *capacity) {
    *capacity = *capacity * 2 + 8;
    const char **longer = arena_array(arena, *capacity, sizeof *longer);
    if (*count) memcpy(longer, *list, *count * sizeof *longer);
    *list = longer;
  }
  (*list)[(*count)++] = text;
}

static char *__attribute__((format(printf, 2, 0))) format_text(struct arena *arena, const char *format, va_list args) {
  char text[1024];
  vsnprintf(text, sizeof text, format, args);
  return arena_text(arena, text);
}

static void __attribute__((format(printf, 2, 3))) changes(struct comparing *c, const char *format, ...) {
  va_list args;
  va_start(args, format);
  const char *text = format_text(c->arena, format, args);
  va_end(args);
  list_add(c->arena, &c->out->lines, &c->out->count, &c->line_capacity, text);
}

static void __attribute__((format(printf, 2, 3))) refuses(struct comparing *c, const char *format, ...) {
  va_list args;
  va_start(args, format);
  const char *text = format_text(c->arena, format, args);
  va_end(args);
  list_add(c->arena, &c->out->refusals, &c->out->refusal_count, &c->refusal_capacity, text);
  c->out->refused = true;
}

static bool same(const char *a, const char *b) {
  return !strcmp(a ? a : "", b ? b : "");
}

/* Words in the languages that both versions have. */
static bool same_words(const struct comparing *c, const struct words *before, const struct words *after) {
  for (int i = 0; i < c->before->language_count; i++)
    for (int k = 0; k < c->after->language_count; k++)
      if (same(c->before->languages[i], c->after->languages[k]) && !same(before->in[i], after->in[k])) return false;
  return true;
}

static const struct study_named *named_find(const struct study_named *list, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++)
    if (!strcmp(list[i].name, name)) return &list[i];
  return NULL;
}

/* --- forms
 * ------------------------------------------------------------------------------------------------------------- */

static const char *text_of(const struct expression *expression) {
  return expression ? expression->text : "";
}

static bool same_bounds(const struct form_item *before, const struct form_item *after) {
  return before->has_low == after->has_low && before->has_high == after->has_high && before->low == after->low &&
         before->high == after->high && before->higher_is_worse == after->higher_is_worse;
}

static bool same_points(const struct form_item *before, const struct form_item *after) {
  if (before->point_count != after->point_count) return false;
  for (size_t i = 0; i < before->point_count; i++)
    if (!same(before->points[i], after->points[i])) return false;
  return true;
}

static bool same_choices(const struct comparing *c, const struct form_item *before, const struct form_item *after) {
  if (before->choice_count != after->choice_count) return false;
  for (size_t i = 0; i < before->choice_count; i++) {
    const struct words *label = form_choice_label(after, before->choices[i].name);
    if (!label || !same_words(c, &before->choices[i].label, label)) return false;
  }
  return true;
}

/* What of an item tells the meaning of an answer, and differs: NULL when nothing does. */
static const char *meaning_changed(const struct comparing *c, const struct form_item *before,
                                   const struct form_item *after) {
  if (before->type != after->type) return "its type";
  if (!same_bounds(before, after) || !same_points(before, after)) return "its range";
  if (!same_choices(c, before, after)) return "its choices";
  if (!same(text_of(before->calculation), text_of(after->calculation))) return "its scoring";
  if (!same(text_of(before->relevant), text_of(after->relevant))) return "the condition under which it is asked";
  if (!same_words(c, &before->label, &after->label)) return "its wording";
  return NULL;
}

static bool stored(const struct form_item *item) {
  return form_type_asked(item->type) || item->type == FORM_CALCULATE;
}

static void compare_item(struct comparing *c, const struct form *before, const struct form *after,
                         const struct form_item *item) {
  const struct form_item *now = form_item(after, item->name);
  bool same_version = same(before->version, after->version);
  const char *changed = now ? meaning_changed(c, item, now) : NULL;
  if (!now)
    changes(c, "Form %s: the item %s goes.", before->name, item->name);
  else if (changed)
    changes(c, "Form %s: the item %s changes %s.", before->name, item->name, changed);
  if (now && item->required != now->required)
    changes(c, "Form %s: the item %s %s be answered.", before->name, item->name,
            now->required ? "must now" : "need no longer");
  if (now && (!same(text_of(item->constraint), text_of(now->constraint)) || item->risk != now->risk ||
              !same(text_of(item->risk_when), text_of(now->risk_when))))
    changes(c, "Form %s: the item %s is checked otherwise.", before->name, item->name);
  if (!same_version) return;
  if (!now && stored(item))
    refuses(c, "Form %s loses the item %s although its version stays %s: give the form a new version in settings.csv.",
            before->name, item->name, before->version);
  if (changed && stored(item))
    refuses(c,
            "Form %s changes the item %s (%s) although its version stays %s, so stored answers would mean something "
            "else: give the form a new version in settings.csv.",
            before->name, item->name, changed, before->version);
}

static void compare_new_items(struct comparing *c, const struct form *before, const struct form *after) {
  for (size_t i = 0; i < after->item_count; i++) {
    const struct form_item *item = &after->items[i];
    if (!stored(item) || form_item(before, item->name)) continue;
    changes(c, "Form %s: the item %s is new.", after->name, item->name);
    if (same(before->version, after->version))
      refuses(c,
              "Form %s gains the item %s although its version stays %s, so earlier answers would look unanswered: give "
              "the form a new version in settings.csv.",
              after->name, item->name, after->version);
  }
}

static void compare_form(struct comparing *c, const struct form *before, const struct form *after) {
  if (!same(before->version, after->version))
    changes(c, "The form %s goes from version %s to version %s.", before->name, before->version, after->version);
  if (!same_words(c, &before->title, &after->title) || !same_words(c, &before->notice, &after->notice))
    changes(c, "The title or notice of the form %s changes.", before->name);
  for (size_t i = 0; i < before->item_count; i++)
    if (before->items[i].type != FORM_GROUP_END) compare_item(c, before, after, &before->items[i]);
  compare_new_items(c, before, after);
}

static void compare_forms(struct comparing *c) {
  for (size_t i = 0; i < c->before->form_count; i++) {
    const struct form *before = &c->before->forms[i], *after = study_form(c->after, before->name);
    if (after)
      compare_form(c, before, after);
    else
      changes(c, "The form %s goes.", before->name);
  }
  for (size_t i = 0; i < c->after->form_count; i++)
    if (!study_form(c->before, c->after->forms[i].name))
      changes(c, "The form %s (version %s) is new.", c->after->forms[i].name, c->after->forms[i].version);
}

/* --- design
 * -------------------------------------------------------------------------------------------------------------- */

static void compare_arms(struct comparing *c) {
  for (size_t i = 0; i < c->before->arm_count; i++) {
    const struct study_arm *before = &c->before->arms[i], *after = study_arm(c->after, before->name);
    if (!after)
      refuses(c, "The arm %s goes or gets another name, but people were allocated to it: keep the name.", before->name);
    else if (!same_words(c, &before->label, &after->label) || !same_words(c, &before->description, &after->description))
      changes(c, "The arm %s is described otherwise.", before->name);
    if (after && c->before->ratio[i] != c->after->ratio[after - c->after->arms])
      changes(c, "The arm %s has %lld in the ratio instead of %lld.", before->name,
              (long long)c->after->ratio[after - c->after->arms], (long long)c->before->ratio[i]);
  }
  for (size_t i = 0; i < c->after->arm_count; i++)
    if (!study_arm(c->before, c->after->arms[i].name)) changes(c, "The arm %s is new.", c->after->arms[i].name);
  if (c->before->arm_count && !same(c->before->unit, c->after->unit))
    refuses(c, "What is allocated changes from %s to %s: that is another study; give it a name of its own.",
            c->before->unit, c->after->unit);
  if (!same(c->before->allocation_method, c->after->allocation_method))
    changes(c, "The method of allocation changes from '%s' to '%s'.", c->before->allocation_method,
            c->after->allocation_method);
}

static void compare_covariates(struct comparing *c) {
  const struct study *before = c->before, *after = c->after;
  for (size_t i = 0; i < before->covariate_count; i++)
    if (!named_find(after->covariates, after->covariate_count, before->covariates[i].name))
      changes(c, "The allocation no longer balances %s.", before->covariates[i].name);
  for (size_t i = 0; i < after->covariate_count; i++)
    if (!named_find(before->covariates, before->covariate_count, after->covariates[i].name))
      changes(c, "The allocation balances %s too.", after->covariates[i].name);
}

static const char *zone_named(const struct study_site *site) {
  return site->zone_name ? site->zone_name : "UTC";
}

static void compare_sites(struct comparing *c) {
  for (size_t i = 0; i < c->before->site_count; i++) {
    const struct study_site *before = &c->before->sites[i], *after = study_site(c->after, before->name);
    if (!after)
      refuses(c, "The site %s goes, but people belong to it: keep it.", before->name);
    else if (!same(zone_named(before), zone_named(after)))
      changes(c, "The site %s keeps the time of %s instead of %s.", before->name, zone_named(after), zone_named(before));
  }
  for (size_t i = 0; i < c->after->site_count; i++)
    if (!study_site(c->before, c->after->sites[i].name))
      changes(c, "The site %s is new.", c->after->sites[i].name);
}

static void compare_criteria(struct comparing *c, const char *what, const struct study_named *before,
                             size_t before_count, const struct study_named *after, size_t after_count) {
  for (size_t i = 0; i < before_count; i++) {
    const struct study_named *now = named_find(after, after_count, before[i].name);
    if (!now)
      changes(c, "The %s criterion %s goes.", what, before[i].name);
    else if (!same_words(c, &before[i].label, &now->label))
      refuses(c,
              "The %s criterion %s has other words, so screenings on record would say something else: give it a new "
              "name.",
              what, before[i].name);
  }
  for (size_t i = 0; i < after_count; i++)
    if (!named_find(before, before_count, after[i].name))
      changes(c, "The %s criterion %s is new.", what, after[i].name);
}

static void compare_eligibility(struct comparing *c, const char *who, const struct study_eligibility *before,
                                const struct study_eligibility *after) {
  compare_criteria(c, arena_printf(c->arena, "%s's inclusion", who), before->include, before->include_count,
                   after->include, after->include_count);
  compare_criteria(c, arena_printf(c->arena, "%s's exclusion", who), before->exclude, before->exclude_count,
                   after->exclude, after->exclude_count);
}

static void compare_plan(struct comparing *c, const char *who, const struct study_target *before,
                         const struct study_target *after) {
  bool same_plan = same(before->start, after->start) && before->weeks == after->weeks;
  for (int week = 1; same_plan && week < before->weeks; week++)
    same_plan = study_target_by(before, week) == study_target_by(after, week);
  if (!same_plan && before->count == after->count) changes(c, "The plan of recruitment for %s changes.", who);
}

static void compare_numbers(struct comparing *c) {
  const struct study *before = c->before, *after = c->after;
  compare_plan(c, "therapists", &before->therapist_target, &after->therapist_target);
  compare_plan(c, "patients", &before->patient_target, &after->patient_target);
  if (before->patients_per_therapist != after->patients_per_therapist)
    changes(c, "Each therapist takes on %lld patients or more instead of %lld.",
            (long long)after->patients_per_therapist, (long long)before->patients_per_therapist);
  if (before->therapist_target.count != after->therapist_target.count)
    changes(c, "The target for therapists changes from %lld to %lld.", (long long)before->therapist_target.count,
            (long long)after->therapist_target.count);
  if (before->patient_target.count != after->patient_target.count)
    changes(c, "The target for patients changes from %lld to %lld.", (long long)before->patient_target.count,
            (long long)after->patient_target.count);
  if (before->sessions_planned != after->sessions_planned)
    changes(c, "The planned sessions change from %d to %d (0: no fixed number).", before->sessions_planned,
            after->sessions_planned);
  if (before->sessions_within_days != after->sessions_within_days)
    changes(c, "The sessions take place within %d days instead of %d.", after->sessions_within_days,
            before->sessions_within_days);
}

/* --- occasions
 * ------------------------------------------------------------------------------------------------------------ */

static bool same_times(const struct study_occasion *before, const struct study_occasion *after) {
  if (before->by_days != after->by_days || before->due_days != after->due_days ||
      before->closes_days != after->closes_days || before->hour != after->hour)
    return false;
  if (before->due_hours != after->due_hours || before->closes_hours != after->closes_hours ||
      before->after_days != after->after_days || before->first_session != after->first_session ||
      before->last_session != after->last_session || before->remind_count != after->remind_count)
    return false;
  for (size_t i = 0; i < before->remind_count; i++)
    if (before->remind_hours[i] != after->remind_hours[i]) return false;
  return true;
}

static void compare_occasions(struct comparing *c) {
  for (size_t i = 0; i < c->before->occasion_count; i++) {
    const struct study_occasion *before = &c->before->occasions[i];
    const struct study_occasion *after = study_occasion(c->after, before->name);
    if (!after) {
      changes(c, "The occasion %s goes: nothing more is asked there.", before->name);
      continue;
    }
    if (!same(before->form->name, after->form->name) || before->rater != after->rater ||
        before->trigger != after->trigger)
      refuses(c,
              "The occasion %s asks for another form, another person or another moment, so stored answers would change "
              "their place: give it a new name.",
              before->name);
    else if (!same_times(before, after))
      changes(c, "The occasion %s is due, reminded or closed otherwise.", before->name);
  }
  for (size_t i = 0; i < c->after->occasion_count; i++)
    if (!study_occasion(c->before, c->after->occasions[i].name))
      changes(c, "The occasion %s is new: %s from the %s.", c->after->occasions[i].name,
              c->after->occasions[i].form->name, person_kind_name(c->after->occasions[i].rater));
}

/* --- who sees what
 * --------------------------------------------------------------------------------------------------------- */

static void compare_seen(struct comparing *c, const char *role, const char *arm) {
  bool before_flagged, after_flagged;
  unsigned before = study_feedback_for(c->before, role, arm, &before_flagged);
  unsigned after = study_feedback_for(c->after, role, arm, &after_flagged);
  if (before == after && before_flagged == after_flagged) return;
  changes(c, "In %s%s, the %s sees%s%s%s%s%s of the ratings.", arm ? "the arm " : "every case", arm ? arm : "", role,
          after & SEES_EVENTS ? " events," : "", after & SEES_COURSE ? " the course," : "",
          after & SEES_ANSWERS ? " the answers," : "", after == SEES_TASKS ? " nothing" : "",
          after_flagged ? " in flagged sessions only," : "");
}

static void compare_masking(struct comparing *c) {
  const struct study *before = c->before, *after = c->after;
  for (size_t i = 0; i < after->role_count; i++) {
    const char *role = after->roles[i];
    if (!study_has_role(before, role)) changes(c, "The role %s is new.", role);
    for (size_t k = 0; k < after->arm_count; k++) compare_seen(c, role, after->arms[k].name);
    if (!after->arm_count) compare_seen(c, role, NULL);
    if (study_role_masked(before, role) != study_role_masked(after, role))
      changes(c, "The %s is %s masked.", role, study_role_masked(after, role) ? "now" : "no longer");
  }
  for (size_t i = 0; i < before->role_count; i++)
    if (!study_has_role(after, before->roles[i])) changes(c, "The role %s goes.", before->roles[i]);
  if (!same_words(c, &before->told, &after->told))
    changes(
        c, "Patients are told another sentence about who sees their answers: those who consented before must be told.");
}

/* --- detection
 * -------------------------------------------------------------------------------------------------------------- */

static void compare_signal(struct comparing *c, const char *who, const struct study_signal *before,
                           const struct study_signal *after) {
  if (!before->score || !after->score) {
    if (before->score || after->score)
      changes(c, "The %s's rating is %s.", who, after->score ? "now used" : "no longer used");
    return;
  }
  bool same_place = same(before->form->name, after->form->name) && same(before->score->name, after->score->name);
  if (!same_place)
    changes(c, "The %s's rating is now %s of the form %s.", who, after->score->name, after->form->name);
  else if (!same_bounds(before->score, after->score))
    refuses(c,
            "The %s's rating %s has another range or direction, so courses would mix two scales: give the score a new "
            "name.",
            who, before->score->name);
}

static void compare_detection(struct comparing *c) {
  const struct study_detection *before = &c->before->detection, *after = &c->after->detection;
  if (!same(before->rule, after->rule))
    changes(c, "Tensions are found by the rule %s instead of %s.", after->rule, before->rule);
  if (!same(before->false_alarm, after->false_alarm))
    changes(c, "False alarms a patient: %s instead of %s.", after->false_alarm, before->false_alarm);
  compare_signal(c, "patient", &before->patient, &after->patient);
  compare_signal(c, "therapist", &before->therapist, &after->therapist);
}

/* --- the rest
 * ---------------------------------------------------------------------------------------------------------------- */

static const struct study_consent *consent_find(const struct study *study, const char *name) {
  for (size_t i = 0; i < study->consent_count; i++)
    if (!strcmp(study->consents[i].name, name)) return &study->consents[i];
  return NULL;
}

static void compare_consents(struct comparing *c) {
  for (size_t i = 0; i < c->before->consent_count; i++) {
    const struct study_consent *before = &c->before->consents[i], *after = consent_find(c->after, before->name);
    if (!after)
      changes(c, "The consent %s goes.", before->name);
    else if (!same_words(c, &before->text, &after->text) || !same(before->date, after->date) ||
             !same(before->role, after->role))
      refuses(c, "The consent %s has other words or another date, but people signed it: give the new text a new name.",
              before->name);
  }
  for (size_t i = 0; i < c->after->consent_count; i++)
    if (!consent_find(c->before, c->after->consents[i].name))
      changes(c, "The consent %s (%s) is new, for the %s.", c->after->consents[i].name, c->after->consents[i].date,
              c->after->consents[i].role);
}

static void compare_safety(struct comparing *c) {
  const struct study_safety *before = &c->before->safety, *after = &c->after->safety;
  if (!same(before->responder_role, after->responder_role) || before->response_hours != after->response_hours ||
      !same_words(c, &before->responder, &after->responder))
    changes(c, "Answers that need someone go to the %s within %d hours.", after->responder_role, after->response_hours);
  if (!same_words(c, &before->numbers, &after->numbers)) changes(c, "The crisis numbers change.");
}

static const struct study_identity_field *field_find(const struct study_identity_field *list, size_t count,
                                                     const char *name) {
  for (size_t i = 0; i < count; i++)
    if (!strcmp(list[i].name, name)) return &list[i];
  return NULL;
}

static void compare_identity(struct comparing *c, const char *who, const struct study_identity_field *before,
                             size_t before_count, const struct study_identity_field *after, size_t after_count) {
  for (size_t i = 0; i < before_count; i++) {
    const struct study_identity_field *now = field_find(after, after_count, before[i].name);
    if (!now)
      changes(c, "Of the %s, '%s' is no longer asked for.", who, before[i].name);
    else if (!same(before[i].kind, now->kind) || before[i].required != now->required)
      changes(c, "Of the %s, '%s' is asked for otherwise.", who, before[i].name);
  }
  for (size_t i = 0; i < after_count; i++)
    if (!field_find(before, before_count, after[i].name))
      changes(c, "Of the %s, '%s' is asked for too.", who, after[i].name);
}

static void compare_languages(struct comparing *c) {
  for (int i = 0; i < c->before->language_count; i++) {
    int found = study_language(c->after, c->before->languages[i]);
    if (!same(c->after->languages[found], c->before->languages[i]))
      changes(c, "The language '%s' goes.", c->before->languages[i]);
  }
  for (int i = 0; i < c->after->language_count; i++) {
    int found = study_language(c->before, c->after->languages[i]);
    if (!same(c->before->languages[found], c->after->languages[i]))
      changes(c, "The language '%s' is new.", c->after->languages[i]);
  }
}

static void compare_head(struct comparing *c) {
  const struct study *before = c->before, *after = c->after;
  if (!same(before->name, after->name))
    refuses(c, "The study's name changes from %s to %s: that is another study; make a home of its own for it.",
            before->name, after->name);
  if (after->version <= before->version)
    refuses(c, "The version is %lld and was %lld: write %lld.", (long long)after->version, (long long)before->version,
            (long long)before->version + 1);
  if (!same_words(c, &before->title, &after->title)) changes(c, "The title changes.");
  if (!same_words(c, &before->summary, &after->summary)) changes(c, "The summary changes.");
  if (!same_words(c, &before->contact, &after->contact) || !same_words(c, &before->next_steps, &after->next_steps) ||
      !same_words(c, &before->neutral_title, &after->neutral_title) ||
      !same_words(c, &before->neutral_sender, &after->neutral_sender))
    changes(c, "What patients read around their forms changes.");
}

void study_compare(const struct study *before, const struct study *after, struct arena *arena,
                   struct study_difference *out) {
  *out = (struct study_difference){0};
  struct comparing comparing = {.before = before, .after = after, .arena = arena, .out = out};
  struct comparing *c = &comparing;
  compare_head(c);
  compare_languages(c);
  compare_arms(c);
  compare_covariates(c);
  compare_sites(c);
  compare_eligibility(c, "therapist", &before->therapist_eligibility, &after->therapist_eligibility);
  compare_eligibility(c, "patient", &before->patient_eligibility, &after->patient_eligibility);
  compare_numbers(c);
  compare_forms(c);
  compare_occasions(c);
  compare_masking(c);
  compare_detection(c);
  compare_consents(c);
  compare_safety(c);
  compare_identity(c, "patient", before->patient_identity, before->patient_identity_count, after->patient_identity,
                   after->patient_identity_count);
  compare_identity(c, "therapist", before->therapist_identity, before->therapist_identity_count,
                   after->therapist_identity, after->therapist_identity_count);
  if (!out->count && !out->refused && strcmp(before->hash, after->hash) != 0)
    changes(c, "Only words change that nothing stored depends on: the record, labels, hints or remarks.");
}
