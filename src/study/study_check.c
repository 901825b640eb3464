#include "base/clock.h"
#include "base/nearest.h"
#include "study/study_read.h"

#define TEXT(...) arena_printf(reading->scratch, __VA_ARGS__)

static void broken(struct study_reading *reading, const char *id, const char *pointer, const char *cure,
                   const char *text) {
  study_say(reading, STUDY_BROKEN, id, pointer, cure, text);
}

static bool among(const char *const *names, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++)
    if (!strcmp(names[i], name)) return true;
  return false;
}

static bool all_languages(const struct study *study, const struct words *words) {
  for (int i = 0; i < study->language_count; i++)
    if (!words->in[i]) return false;
  return true;
}

/* --- words: whatever is written in one language must be written in all -------------------------------------------- */

static bool language_code(const char *key) {
  return strlen(key) == 2 && key[0] >= 'a' && key[0] <= 'z' && key[1] >= 'a' && key[1] <= 'z';
}

/* An object whose keys are all language codes holds words. */
static bool holds_words(const json_t *object) {
  const char *key;
  json_t *unused;
  json_object_foreach((json_t *)object, key, unused) {
    if (!language_code(key)) return false;
  }
  (void)unused;
  return json_object_size(object) > 0;
}

static void check_one_text(struct study_reading *reading, const json_t *object, const char *pointer) {
  const struct study *study = reading->study;
  const char *key;
  json_t *unused;
  for (int i = 0; i < study->language_count; i++)
    if (!json_object_get(object, study->languages[i]))
      broken(reading, "translation-missing", pointer, "Write it in every language of the study.",
             TEXT("the words in '%s' are missing", study->languages[i]));
  json_object_foreach((json_t *)object, key, unused) {
    if (!among(study->languages, (size_t)study->language_count, key))
      broken(reading, "language-unknown", pointer, "Add the language to 'languages', or take the words out.",
             TEXT("'%s' is no language of this study", key));
  }
  (void)unused;
}

static void check_texts(struct study_reading *reading, const json_t *value, const char *pointer, int depth) {
  const char *key;
  json_t *one;
  size_t i;
  if (depth > 20) return;
  if (json_is_object(value) && holds_words(value)) {
    check_one_text(reading, value, pointer);
    return;
  }
  json_object_foreach((json_t *)value, key, one) {
    check_texts(reading, one, TEXT("%s/%s", pointer, key), depth + 1);
  }
  json_array_foreach(value, i, one) {
    check_texts(reading, one, TEXT("%s/%zu", pointer, i), depth + 1);
  }
}

/* --- names that must differ --------------------------------------------------------------------------------------- */

static bool name_before(const json_t *list, size_t index, const char *name) {
  for (size_t i = 0; i < index; i++)
    if (!strcmp(name, json_text(json_array_get(list, i), "name", ""))) return true;
  return false;
}

static void check_names(struct study_reading *reading, const json_t *list, const char *pointer) {
  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *name = json_text(json_array_get(list, i), "name", "");
    if (*name && name_before(list, i, name))
      broken(reading, "name-twice", TEXT("%s/%zu/name", pointer, i), "Rename one of them.",
             TEXT("the name '%.60s' stands twice", name));
  }
}

static void check_all_names(struct study_reading *reading) {
  static const char *const lists[][3] = {{"design", "arms", NULL},
                                         {"design", "covariates", NULL},
                                         {"sites", NULL, NULL},
                                         {"occasions", NULL, NULL},
                                         {"consents", NULL, NULL},
                                         {"identity", "patient", NULL},
                                         {"identity", "therapist", NULL},
                                         {"eligibility", "therapist", "include"},
                                         {"eligibility", "therapist", "exclude"},
                                         {"eligibility", "patient", "include"},
                                         {"eligibility", "patient", "exclude"}};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    const json_t *list = reading->root;
    const char *pointer = "";
    for (size_t k = 0; k < 3 && lists[i][k]; k++) {
      list = json_object_get(list, lists[i][k]);
      pointer = TEXT("%s/%s", pointer, lists[i][k]);
    }
    check_names(reading, list, pointer);
  }
}

/* --- arms, targets, sites
 * --------------------------------------------------------------------------------------------- */

static void check_design(struct study_reading *reading) {
  const json_t *design = json_object_get(reading->root, "design");
  const json_t *ratio = json_object_get(design, "ratio");
  size_t arms = reading->study->arm_count;
  if (!design) return;
  if (arms < 2)
    broken(reading, "arms-few", "/design/arms", "Name two arms or more, or leave out 'design'.",
           "there is nothing to allocate with fewer than two arms");
  if (ratio && json_array_size(ratio) != arms)
    broken(reading, "ratio-count", "/design/ratio", "Write one number an arm.",
           TEXT("%zu numbers for %zu arms", json_array_size(ratio), arms));
}

static void check_sites(struct study_reading *reading) {
  const struct study *study = reading->study;
  for (size_t i = 0; i < study->site_count && !reading->kept; i++)
    if (study->sites[i].zone_name && !study->sites[i].zone)
      broken(reading, "zone-unknown", TEXT("/sites/%zu/zone", i),
             "Write a name such as America/Toronto; on a machine without any, install the package tzdata.",
             TEXT("there is no time zone '%.60s' on this machine", study->sites[i].zone_name));
}

static void check_target(struct study_reading *reading, const struct study_target *target, const char *pointer) {
  int64_t day;
  if (target->start && !date_parse(target->start, &day))
    broken(reading, "date-wrong", TEXT("%s/start", pointer), "Write a date such as 2026-11-23.",
           TEXT("'%.40s' is no date", target->start));
  for (int week = 1; target->by_week && week < target->weeks; week++)
    if (target->by_week[week] < target->by_week[week - 1])
      broken(reading, "plan-falls", TEXT("%s/by_week/%d", pointer, week), "Write cumulative numbers.",
             "the plan falls from one week to the next");
  if (target->by_week && target->weeks && target->by_week[target->weeks - 1] != target->count)
    broken(reading, "plan-end", TEXT("%s/by_week", pointer), "End the plan with the target's count.",
           "the plan does not end at the target");
}

/* --- occasions
 * ---------------------------------------------------------------------------------------------------------- */

static const char *nearest_form(struct study_reading *reading, const char *name) {
  const struct study *study = reading->study;
  const char **names = arena_array(reading->scratch, study->form_count, sizeof *names);
  for (size_t i = 0; i < study->form_count; i++) names[i] = study->forms[i].name;
  const char *near = nearest_name(name, names, study->form_count);
  return near ? TEXT("Did you mean '%s'?", near) : "Add it to settings.csv and forms/.";
}

static void check_occasion_form(struct study_reading *reading, size_t index, const struct study_occasion *occasion) {
  const char *name = json_text(json_array_get(json_object_get(reading->root, "occasions"), index), "form", "");
  const char *pointer = TEXT("/occasions/%zu/form", index);
  const struct form *form = occasion->form;
  if (!form) {
    broken(reading, "form-unknown", pointer, nearest_form(reading, name), TEXT("there is no form named '%.60s'", name));
    return;
  }
  if (*form->rater && strcmp(form->rater, person_kind_name(occasion->rater)) != 0)
    broken(reading, "rater-wrong", pointer, "Choose the form that is written for this person.",
           TEXT("the form '%s' is for the %s, not the %s", form->name, form->rater, person_kind_name(occasion->rater)));
  if (form->wording_missing)
    broken(reading, "wording-missing", pointer, "Fill the label:: columns when you hold the right to use the words.",
           TEXT("wording missing in '%s': obtain it from %s", form->name, form->wording_source));
  else if (*study_form_closed(reading->study, form))
    broken(reading, "safety-missing", pointer, "Fill 'safety': responder_role, responder, response_hours, numbers.",
           TEXT("the form '%s' cannot be opened: %s", form->name, study_form_closed(reading->study, form)));
}

/* By hours, or by days and an hour: each whole, and not both. */
static void check_occasion_keys(struct study_reading *reading, size_t index) {
  static const char *const keys[] = {"due_hours", "closes_hours", "due_days", "closes_days", "hour"};
  const json_t *occasion = json_array_get(json_object_get(reading->root, "occasions"), index);
  unsigned there = 0;
  for (unsigned i = 0; i < 5; i++) there |= json_object_get(occasion, keys[i]) ? 1u << i : 0u;
  if (there != 3 && there != 28)
    broken(reading, "occasion-times", TEXT("/occasions/%zu", index),
           "Write 'due_hours' and 'closes_hours', or 'due_days', 'closes_days' and 'hour'.",
           "when it is due and closes is said neither by hours nor by days, or by both");
}

/* The fewest hours that it stays open for anybody. By days: for whoever it opens to just before midnight, on the day on
 * which the clocks are put forward. */
static int shortest_hours(const struct study_occasion *occasion) {
  return occasion->by_days ? (occasion->closes_days - 1) * 24 + occasion->hour - 1 : occasion->closes_hours;
}

static void check_occasion_times(struct study_reading *reading, size_t index, const struct study_occasion *occasion) {
  const char *unit = occasion->by_days ? "days" : "hours";
  int due = occasion->by_days ? occasion->due_days : occasion->due_hours;
  int closes = occasion->by_days ? occasion->closes_days : occasion->closes_hours, shortest = shortest_hours(occasion);
  check_occasion_keys(reading, index);
  if (closes < due)
    broken(reading, "window-inverted", TEXT("/occasions/%zu/closes_%s", index, unit), "Close it after it is due.",
           TEXT("it closes after %d %s but is due after %d", closes, unit, due));
  for (size_t i = 0; i < occasion->remind_count; i++) {
    const char *pointer = TEXT("/occasions/%zu/remind_hours/%zu", index, i);
    if (i && occasion->remind_hours[i] <= occasion->remind_hours[i - 1])
      broken(reading, "reminders-order", pointer, "Write the hours in increasing order.",
             "this reminder does not come after the one before it");
    if (occasion->remind_hours[i] >= shortest)
      broken(reading, "reminder-late", pointer, "Remind before it closes.",
             TEXT("a reminder after %d hours, when it has closed%s", occasion->remind_hours[i],
                  occasion->by_days ? " for whoever it opens to late in the day" : ""));
  }
  int planned = reading->study->sessions_planned;
  if (occasion->trigger != TRIGGER_SESSION) return;
  if (occasion->last_session && occasion->last_session < occasion->first_session)
    broken(reading, "sessions-inverted", TEXT("/occasions/%zu/last_session", index), "Put the smaller number first.",
           "the last session comes before the first");
  if (planned && (occasion->first_session > planned || occasion->last_session > planned))
    broken(reading, "session-unplanned", TEXT("/occasions/%zu", index),
           "Plan more sessions, or end the occasion earlier.",
           TEXT("it speaks of sessions beyond the %d that are planned", planned));
}

static void check_occasions(struct study_reading *reading) {
  for (size_t i = 0; i < reading->study->occasion_count; i++) {
    check_occasion_form(reading, i, &reading->study->occasions[i]);
    check_occasion_times(reading, i, &reading->study->occasions[i]);
  }
}

/* --- who sees what
 * ------------------------------------------------------------------------------------------------------- */

static void need_role(struct study_reading *reading, const char *role, const char *pointer) {
  if (!*role || study_has_role(reading->study, role)) return;
  broken(reading, "role-unknown", pointer, "Add it to 'roles', or take it out here.",
         TEXT("'%.60s' is no role of this study", role));
}

static unsigned told_of(const struct study *study, const char *role) {
  for (size_t i = 0; i < study->told_count; i++)
    if (!strcmp(study->told_covers[i].role, role)) return study->told_covers[i].sees;
  return SEES_TASKS;
}

static void check_rule(struct study_reading *reading, size_t index, const struct study_feedback *rule) {
  const struct study *study = reading->study;
  const char *pointer = TEXT("/feedback/%zu", index);
  need_role(reading, rule->role, TEXT("%s/role", pointer));
  for (size_t i = 0; i < rule->arm_count; i++)
    if (!study_arm(study, rule->arms[i]))
      broken(reading, "arm-unknown", TEXT("%s/arms/%zu", pointer, i), "Use the names under /design/arms.",
             TEXT("'%.60s' is no arm of this study", rule->arms[i]));
  if (rule->sees & ~told_of(study, rule->role))
    broken(reading, "feedback-untold", TEXT("%s/sees", pointer),
           "Say it in the sentence under /masking/told and in its 'covers', or show less.",
           TEXT("patients are not told that the %s may see this", rule->role));
  if (rule->arm_count && study_role_masked(study, rule->role))
    broken(reading, "feedback-unmasks", TEXT("%s/arms", pointer),
           "Show it in every arm or in none; or take the role out of /masking/roles.",
           TEXT("what the masked %s sees would tell the arm", rule->role));
}

static void check_feedback(struct study_reading *reading) {
  for (size_t i = 0; i < reading->study->feedback_count; i++) check_rule(reading, i, &reading->study->feedback[i]);
}

/* ASCII letters without regard to case; the study's other letters as they are. */
static bool text_holds(const char *text, const char *part) {
  return *part && strcasestr(text, part) != NULL;
}

/* The sentence names everyone whom it is said to cover, and no arm. */
static void check_told(struct study_reading *reading) {
  const struct study *study = reading->study;
  const json_t *covers = json_object_get(json_object_get(json_object_get(reading->root, "masking"), "told"), "covers"),
               *one;
  size_t i;
  for (int language = 0; language < study->language_count; language++) {
    const char *code = study->languages[language], *sentence = study->told.in[language];
    if (!sentence) continue;
    json_array_foreach(covers, i, one) {
      const char *word = json_text(json_object_get(one, "named"), code, "");
      if (*word && !text_holds(sentence, word))
        broken(reading, "told-silent", TEXT("/masking/told/covers/%zu/named", i),
               "Name them in the sentence, or take them out of 'covers'.",
               TEXT("the sentence in '%s' does not hold '%.60s'", code, word));
    }
    for (i = 0; i < study->arm_count; i++)
      if (study->arms[i].label.in[language] && text_holds(sentence, study->arms[i].label.in[language]))
        broken(reading, "told-names-arm", "/masking/told/text",
               "Write one sentence that is the same and true in every arm.",
               TEXT("the sentence in '%s' names the arm '%s'", code, study->arms[i].name));
  }
}

static void check_masking(struct study_reading *reading) {
  const struct study *study = reading->study;
  for (size_t i = 0; i < study->masked_count; i++)
    need_role(reading, study->masked_roles[i], TEXT("/masking/roles/%zu", i));
  for (size_t i = 0; i < study->told_count; i++)
    if (strcmp(study->told_covers[i].role, "team") != 0)
      need_role(reading, study->told_covers[i].role, TEXT("/masking/told/covers/%zu/role", i));
  if (json_object_get(reading->root, "masking") && !(told_of(study, "team") & SEES_ANSWERS))
    broken(reading, "team-untold", "/masking/told/covers", "Cover the role 'team' with sees: answers.",
           "those who run the study see all answers, and the sentence must say so");
  check_told(reading);
  static const char *const needed[] = {"patient", "therapist"};
  for (size_t i = 0; i < 2; i++)
    if (!study_has_role(study, needed[i]))
      broken(reading, "role-missing", "/roles", "Add it.", TEXT("a study has the role '%s'", needed[i]));
}

/* --- detection
 * ------------------------------------------------------------------------------------------------------------ */

static const json_t *signal_json(struct study_reading *reading, const char *who) {
  return json_object_get(json_object_get(reading->root, "detection"), who);
}

static const char *nearest_item(struct study_reading *reading, const struct form *form, const char *name) {
  const char **names = arena_array(reading->scratch, form->item_count, sizeof *names);
  for (size_t i = 0; i < form->item_count; i++) names[i] = form->items[i].name;
  const char *near = nearest_name(name, names, form->item_count);
  return near ? TEXT("Did you mean '%s'?", near) : "";
}

/* True when the rule names no item, or one that is there. */
static bool need_item(struct study_reading *reading, const struct form *form, const char *name,
                      const struct form_item *item, const char *pointer) {
  if (!*name || item) return true;
  broken(reading, "item-unknown", pointer, nearest_item(reading, form, name),
         TEXT("the form '%s' has no item '%.60s'", form->name, name));
  return false;
}

static void check_score(struct study_reading *reading, const struct study_signal *signal, const char *pointer) {
  const struct form_item *score = signal->score;
  if (!score->has_low || !score->has_high)
    broken(reading, "score-range", pointer,
           "Give it parameters: low=0 high=100 for a score, start and end for a number.",
           TEXT("the score '%s' has no stated range", score->name));
  if (score->type == FORM_CALCULATE && score->higher_is_worse != reading->study->detection.higher_is_worse)
    broken(reading, "score-direction", pointer, "Say the same in the form (higher=worse) and under 'higher_is'.",
           TEXT("the form and the rule differ on whether a higher '%s' is better", score->name));
}

static void check_report(struct study_reading *reading, const struct study_signal *signal, const char *pointer) {
  const struct form_item *report = signal->report;
  bool possible = report->type != FORM_SELECT_ONE;
  for (size_t i = 0; i < report->choice_count && !possible; i++)
    possible = !strcmp(report->choices[i].name, signal->report_value);
  if (!possible)
    broken(reading, "report-value", TEXT("%s/report/value", pointer), "Use the name of one of its choices.",
           TEXT("'%.60s' is never an answer to '%s'", signal->report_value, report->name));
}

static bool form_is_asked(const struct study *study, const struct form *form, enum person_kind rater) {
  for (size_t i = 0; i < study->occasion_count; i++)
    if (study->occasions[i].form == form && study->occasions[i].trigger == TRIGGER_SESSION &&
        study->occasions[i].rater == rater)
      return true;
  return false;
}

static void check_signal(struct study_reading *reading, const char *who, const struct study_signal *signal) {
  const json_t *json = signal_json(reading, who), *report = json_object_get(json, "report");
  const char *pointer = TEXT("/detection/%s", who);
  if (!json) return;
  const char *form_name = json_text(json, "form", "");
  if (!signal->form) {
    broken(reading, "form-unknown", TEXT("%s/form", pointer), nearest_form(reading, form_name),
           TEXT("there is no form named '%.60s'", form_name));
    return;
  }
  if (!form_is_asked(reading->study, signal->form, person_kind_of(who)))
    broken(reading, "signal-never-asked", TEXT("%s/form", pointer), "Add an occasion with the trigger 'session'.",
           TEXT("the form '%s' is never asked of the %s after a session", form_name, who));
  const char *score = json_text(json, "score", "");
  if (need_item(reading, signal->form, score, signal->score, TEXT("%s/score", pointer)) && signal->score)
    check_score(reading, signal, TEXT("%s/score", pointer));
  const char *item = json_text(report, "item", "");
  if (need_item(reading, signal->form, item, signal->report, TEXT("%s/report/item", pointer)) && signal->report)
    check_report(reading, signal, pointer);
  need_item(reading, signal->form, json_text(json, "strength", ""), signal->strength, TEXT("%s/strength", pointer));
  need_item(reading, signal->form, json_text(json, "resolved", ""), signal->resolved, TEXT("%s/resolved", pointer));
}

static void check_detection(struct study_reading *reading) {
  const struct study_detection *detection = &reading->study->detection;
  double chance;
  if (!json_object_get(reading->root, "detection")) return;
  if (!number_read(detection->false_alarm, &chance) || chance <= 0 || chance >= 1)
    broken(reading, "false-alarm", "/detection/false_alarm", "Write a decimal between 0 and 1, as text: \"0.05\".",
           TEXT("'%.40s' is no rate of false alarms", detection->false_alarm));
  check_signal(reading, "patient", &detection->patient);
  check_signal(reading, "therapist", &detection->therapist);
}

/* --- the rest
 * --------------------------------------------------------------------------------------------------------------- */

static void check_safety(struct study_reading *reading) {
  const struct study *study = reading->study;
  need_role(reading, study->safety.responder_role, "/safety/responder_role");
  if (json_object_get(reading->root, "safety") && !all_languages(study, &study->safety.numbers))
    broken(reading, "safety-numbers", "/safety", "Write local crisis numbers in every language.",
           "the crisis numbers are missing");
}

static void check_consents(struct study_reading *reading) {
  int64_t day;
  for (size_t i = 0; i < reading->study->consent_count; i++) {
    const struct study_consent *consent = &reading->study->consents[i];
    if (!date_parse(consent->date, &day))
      broken(reading, "date-wrong", TEXT("/consents/%zu/date", i), "Write a date such as 2026-11-23.",
             TEXT("'%.40s' is no date", consent->date));
    need_role(reading, consent->role, TEXT("/consents/%zu/role", i));
  }
}

/* The sentence that patients read on every form is the one that they consented to. */
static void check_consent_told(struct study_reading *reading) {
  const struct study *study = reading->study;
  for (int language = 0; language < study->language_count; language++) {
    const char *sentence = study->told.in[language];
    bool found = !sentence;
    for (size_t i = 0; i < study->consent_count && !found; i++) {
      const struct study_consent *consent = &study->consents[i];
      found = !strcmp(consent->role, "patient") && strstr(words_in(&consent->text, language), sentence);
    }
    if (!found)
      study_say(reading, STUDY_NOTICE, "consent-silent", "/consents",
                "Write the sentence of /masking/told into the patient's consent, word for word.",
                TEXT("no consent of a patient in '%s' holds the sentence about who sees the answers",
                     study->languages[language]));
  }
}

static const json_t *value_at(const json_t *root, const char *pointer, struct arena *arena) {
  const json_t *value = root;
  while (value && *pointer == '/') {
    size_t length = strcspn(++pointer, "/");
    const char *step = arena_text_n(arena, pointer, length);
    value =
        json_is_array(value) ? json_array_get(value, (size_t)strtoul(step, NULL, 10)) : json_object_get(value, step);
    pointer += length;
  }
  return value;
}

/* What the study's makers could not know is said each time the study is checked. */
static void check_to_be_set(struct study_reading *reading) {
  const json_t *list = json_object_get(reading->root, "to_be_set"), *one;
  size_t i;
  json_array_foreach(list, i, one) {
    const char *at = json_text(one, "at", "");
    if (!value_at(reading->root, at, reading->scratch))
      broken(reading, "place-unknown", TEXT("/to_be_set/%zu/at", i), "Point at a place that exists, or take it out.",
             TEXT("there is nothing at %.100s", at));
    else
      study_say(reading, STUDY_NOTICE, "to-be-set", at, "",
                TEXT("a value for the study's own team: %s", json_text(one, "why", "")));
  }
}

void study_check_all(struct study_reading *reading) {
  check_texts(reading, reading->root, "", 0);
  check_all_names(reading);
  check_design(reading);
  check_sites(reading);
  check_target(reading, &reading->study->therapist_target, "/targets/therapists");
  check_target(reading, &reading->study->patient_target, "/targets/patients");
  check_occasions(reading);
  check_feedback(reading);
  check_masking(reading);
  check_detection(reading);
  check_safety(reading);
  check_consents(reading);
  check_consent_told(reading);
  check_to_be_set(reading);
}
