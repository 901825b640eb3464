/* Studies: what ships, every fault named with its place, bundles, who sees what, what an amendment may change. */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "study/position.h"
#include "study/schema.h"
#include "study_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: it makes a macro of fail() */

static struct arena arena;
static struct study_findings findings;
static struct error error;

static int setup(void **state) {
  (void)state;
  crypto_start();
  arena_init(&arena, 0);
  findings = (struct study_findings){.arena = &arena};
  memset(&error, 0, sizeof error);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  arena_free(&arena);
  return 0;
}

static const struct study *load(const char *name) {
  const struct study *study;
  findings = (struct study_findings){.arena = &arena};
  if (study_load_embedded(&study, name, &findings, &arena, &error)) fail_msg("%s", error.text);
  return study;
}

/* NULL when it is broken: findings say why. */
static const struct study *load_changed(struct source *source) {
  const struct study *study;
  findings = (struct study_findings){.arena = &arena};
  study_load_source(&study, source, &findings, &arena, &error);
  return study;
}

/* --- what ships --------------------------------------------------------------------------------------------------- */

static void the_trial_says_what_the_record_says(void **state) {
  (void)state;
  const struct study *study = load("tensions-and-repair");
  assert_int_equal(study->arm_count, 2);
  assert_string_equal(study->arms[0].name, "programme");
  assert_string_equal(study->arms[0].kind, "experimental");
  assert_string_equal(study->arms[1].kind, "no-intervention");
  assert_true(study->ratio[0] == 1 && study->ratio[1] == 1);
  assert_string_equal(study->unit, "therapist");
  assert_int_equal(study->site_count, 2);
  assert_int_equal(study->sessions_planned, 6);
  assert_int_equal(study->patients_per_therapist, 3);
  assert_int_equal(study->therapist_eligibility.include_count, 5);
  assert_int_equal(study->therapist_eligibility.exclude_count, 0);
  assert_int_equal(study->patient_eligibility.include_count, 3);
  assert_int_equal(study->patient_eligibility.exclude_count, 4);
  assert_string_equal(study->record.identifiers[0].name, "NCT03453957");
  assert_string_equal(study->record.status, "completed");
  assert_string_equal(study->record.masking, "single");
  assert_int_equal(study->record.locations, 2);
  assert_int_equal(study->record.minimum_age, 18);
  assert_true(study->record.healthy_volunteers);
  assert_int_equal(study->record.condition_count, 2);
  assert_true(study_role_masked(study, "patient"));
  assert_false(study_role_masked(study, "therapist"));
  assert_int_equal(study_language(study, "fr"), 1);
  assert_int_equal(study_language(study, "de"), 0);
  assert_string_equal(study_occasion(study, "session-patient")->form->name, "session-patient");
  assert_string_equal(study->detection.patient.score->name, "alliance");
  assert_int_equal(strlen(study->hash), 64);
}

static void feedback_is_by_role_and_arm(void **state) {
  (void)state;
  bool flagged = true;
  const struct study *trial = load("tensions-and-repair");
  assert_int_equal(study_feedback_for(trial, "therapist", "programme", &flagged), SEES_TASKS);
  assert_false(flagged);
  assert_int_equal(study_feedback_for(trial, "therapist", "control", NULL), SEES_TASKS);
  assert_int_equal(study_feedback_for(trial, "trainer", "programme", &flagged), SEES_TASKS | SEES_EVENTS | SEES_COURSE);
  assert_true(flagged);
  assert_int_equal(study_feedback_for(trial, "trainer", "control", &flagged), SEES_TASKS);
  assert_int_equal(study_feedback_for(trial, "trainer", NULL, NULL), SEES_TASKS);
  const struct study *practice = load("practice");
  assert_int_equal(practice->arm_count, 0);
  assert_int_equal(practice->sessions_planned, 0);
  assert_int_equal(study_feedback_for(practice, "therapist", NULL, &flagged), SEES_TASKS | SEES_EVENTS | SEES_COURSE);
  assert_false(flagged);
}

static void both_studies_use_the_same_forms(void **state) {
  (void)state;
  static const char *const files[] = {"choices.csv", "settings.csv", "forms/session-patient.csv",
                                      "forms/session-therapist.csv"};
  struct source trial = fixture_source("tensions-and-repair", &arena), practice = fixture_source("practice", &arena);
  for (size_t i = 0; i < 4; i++)
    assert_string_equal(source_find(&trial, files[i])->bytes, source_find(&practice, files[i])->bytes);
}

static void directories_and_bundles_give_the_same_study(void **state) {
  (void)state;
  const struct study *embedded = load("practice"), *from_dir, *from_bundle;
  assert_int_equal(study_load_dir(&from_dir, "studies/practice", &findings, &arena, &error), OK);
  assert_string_equal(from_dir->hash, embedded->hash);
  assert_int_equal(
      study_from_bundle(&from_bundle, embedded->bundle, embedded->bundle_length, &findings, &arena, &error), OK);
  assert_int_equal(from_bundle->bundle_length, embedded->bundle_length);
  assert_memory_equal(from_bundle->bundle, embedded->bundle, embedded->bundle_length);
  assert_string_equal(from_bundle->hash, embedded->hash);
  uint8_t digest[SHA256_BYTES];
  sha256(digest, embedded->bundle, embedded->bundle_length);
  assert_string_equal(hex_text(&arena, digest, sizeof digest), embedded->hash);
  assert_int_equal(study_load_dir(&from_dir, "studies/none", &findings, &arena, &error), ERR_MISSING);
  assert_int_equal(study_load_embedded(&from_dir, "none", &findings, &arena, &error), ERR_MISSING);
  assert_int_equal(study_load_embedded(&from_dir, "instruments", &findings, &arena, &error), ERR_MISSING);
  assert_int_equal(study_from_bundle(&from_dir, "{}", 2, &findings, &arena, &error), ERR_INPUT);
  assert_int_equal(study_from_bundle(&from_dir, "nonsense", 8, &findings, &arena, &error), ERR_INPUT);
}

static void the_schema_is_one_that_the_checker_follows(void **state) {
  (void)state;
  const struct embedded *file = embedded_find("studies/study.schema.json");
  json_t *schema;
  assert_int_equal(json_read(&schema, (const char *)file->bytes, file->length, file->name, &error), OK);
  const char *unknown = schema_supported(schema);
  if (unknown) fail_msg("the schema uses %s", unknown);
  json_object_set_new(json_object_get(json_object_get(schema, "properties"), "name"), "oneOf", json_array());
  assert_string_equal(schema_supported(schema), "oneOf"); /* it can say no */
  json_decref(schema);
}

static void targets_are_planned_by_week(void **state) {
  (void)state;
  int64_t weeks[] = {1, 5, 9};
  struct study_target listed = {.count = 9, .weeks = 3, .by_week = weeks}, even = {.count = 40, .weeks = 26};
  assert_int_equal(study_target_by(&listed, 0), 0);
  assert_int_equal(study_target_by(&listed, 2), 5);
  assert_int_equal(study_target_by(&listed, 30), 9);
  assert_int_equal(study_target_by(&even, 13), 20);
  assert_int_equal(study_target_by(&even, 26), 40);
}

/* --- every fault has its id, its file, its line
 * -------------------------------------------------------------------------- */

struct fault {
  const char *id, *file, *find, *replace; /* the change that makes the fault in the trial's files */
  const char *where;                      /* what the finding points at; NULL: not checked */
  int lines; /* the finding stands this many lines below the change (a negative number: not checked) */
};

#define BY_HOURS "\"due_hours\": 24,\n      \"closes_hours\": 144"
#define SITE_1 "\"label\": {\"en\": \"Site 1\", \"fr\": \"Centre 1\"}"

static const struct fault faults[] = {
    {"json-broken", "study.json", "\"version\": 1,", "\"version\": 1", "", -1},
    {"json-broken", "study.json", "\"version\": 1,", "\"version\": 1, \"version\": 2,", "", -1},
    {"json-key-unknown", "study.json", "\"sites\": [", "\"places\": [], \"sites\": [", "/places", 0},
    {"json-key-missing", "study.json", "\"roles\": [", "\"rolls\": [", "", -1},
    {"json-type", "study.json", "\"planned\": 6", "\"planned\": \"6\"", "/sessions/planned", 0},
    {"json-value", "study.json", "\"planned\": 6", "\"planned\": 0", "/sessions/planned", 0},
    {"json-value", "study.json", "\"status\": \"completed\"", "\"status\": \"done\"", "/record/status", 0},
    {"json-value", "study.json", "\"name\": \"control\"", "\"name\": \"0\"", "/design/arms/1/name", -1},
    {"json-twice", "study.json", "\"languages\": [\"en\", \"fr\"]", "\"languages\": [\"en\", \"fr\", \"en\"]",
     "/languages/2", 0},
    {"json-count", "study.json", "\"languages\": [\"en\", \"fr\"]", "\"languages\": []", "/languages", 0},
    {"translation-missing", "study.json", "{\"en\": \"Site 1\", \"fr\": \"Centre 1\"}", "{\"en\": \"Site 1\"}",
     "/sites/0/label", 0},
    {"language-unknown", "study.json", "\"fr\": \"Centre 1\"}", "\"fr\": \"Centre 1\", \"de\": \"Ort\"}",
     "/sites/0/label", 0},
    {"translation-missing", "study.json", "\"languages\": [\"en\", \"fr\"]", "\"languages\": [\"en\", \"fr\", \"de\"]",
     "/sites/0/label", -1},
    {"name-twice", "study.json", "\"name\": \"site-2\"", "\"name\": \"site-1\"", "/sites/1/name", 0},
    {"name-twice", "study.json", "\"name\": \"session-therapist\"", "\"name\": \"session-patient\"",
     "/occasions/1/name", 0},
    {"ratio-count", "study.json", "\"ratio\": [1, 1]", "\"ratio\": [1, 1, 2]", "/design/ratio", 0},
    {"form-unknown", "study.json", "\"form\": \"session-patient\"", "\"form\": \"session-patent\"", "/occasions/0/form",
     0},
    {"rater-wrong", "study.json", "\"form\": \"session-therapist\"", "\"form\": \"session-patient\"",
     "/occasions/1/form", 0},
    {"window-inverted", "study.json", "\"closes_hours\": 144", "\"closes_hours\": 12", "/occasions/0/closes_hours", 0},
    {"occasion-times", "study.json", "\"closes_hours\": 144", "\"closes_days\": 6", "/occasions/0", -1},
    {"occasion-times", "study.json", "\"due_hours\": 24", "\"due_hours\": 24, \"hour\": 9", "/occasions/0", -1},
    {"occasion-times", "study.json", "\"due_hours\": 24,", "", "/occasions/0", -1},
    {"json-value", "study.json", BY_HOURS, "\"due_days\": 1, \"closes_days\": 6, \"hour\": 24", "/occasions/0/hour", 0},
    {"window-inverted", "study.json", BY_HOURS, "\"due_days\": 7, \"closes_days\": 6, \"hour\": 9",
     "/occasions/0/closes_days", 0},
    {"reminder-late", "study.json", BY_HOURS, "\"due_days\": 1, \"closes_days\": 3, \"hour\": 9",
     "/occasions/0/remind_hours/1", -1},
    {"zone-unknown", "study.json", SITE_1, SITE_1 ", \"zone\": \"America/Atlantis\"", "/sites/0/zone", 0},
    {"zone-unknown", "study.json", SITE_1, SITE_1 ", \"zone\": \"../zoneinfo/UTC\"", "/sites/0/zone", 0},
    {"reminders-order", "study.json", "\"remind_hours\": [24, 72]", "\"remind_hours\": [72, 24]",
     "/occasions/0/remind_hours/1", 0},
    {"reminder-late", "study.json", "\"remind_hours\": [24, 72]", "\"remind_hours\": [24, 200]",
     "/occasions/0/remind_hours/1", 0},
    {"session-unplanned", "study.json", "\"last_session\": 6", "\"last_session\": 7", "/occasions/0", -1},
    {"sessions-inverted", "study.json", "\"first_session\": 1", "\"first_session\": 9", "/occasions/0/last_session", 1},
    {"arm-unknown", "study.json", "\"arms\": [\"programme\"]", "\"arms\": [\"program\"]", "/feedback/1/arms/0", 0},
    {"feedback-untold", "study.json", "\"events\", \"course\"", "\"answers\"", "/feedback/1/sees", 0},
    {"feedback-untold", "study.json", "{\"role\": \"therapist\", \"sees\": [\"tasks\"]}",
     "{\"role\": \"rater\", \"sees\": [\"events\"]}", "/feedback/0/sees", 0},
    {"feedback-unmasks", "study.json", "{\"role\": \"therapist\", \"sees\": [\"tasks\"]}",
     "{\"role\": \"patient\", \"sees\": [\"events\"], \"arms\": [\"programme\"]}", "/feedback/0/arms", 0},
    {"told-silent", "study.json", "The research team, which includes the study’s trainers, sees your answers. Your",
     "The research team sees your answers. Your", "/masking/told/covers/1/named", -1},
    {"told-names-arm", "study.json", "Your therapist may be shown a summary.\"",
     "Your therapist (control: not) may be shown a summary.\"", "/masking/told/text", -1},
    {"team-untold", "study.json", "{\"role\": \"team\", \"sees\": \"answers\"",
     "{\"role\": \"team\", \"sees\": \"summary\"", "/masking/told/covers", -1},
    {"role-unknown", "study.json", "\"trainer\",\n    \"rater\"", "\"rater\"", "/feedback/1/role", -1},
    {"role-missing", "study.json", "\"therapist\",\n    \"patient\",\n    \"trainer\"", "\"therapist\", \"trainer\"",
     "/roles", -1},
    {"item-unknown", "study.json", "\"score\": \"alliance\"", "\"score\": \"aliance\"", "/detection/patient/score", 0},
    {"item-unknown", "study.json", "\"item\": \"tension\"", "\"item\": \"rupture\"", "/detection/patient/report/item",
     0},
    {"report-value", "study.json", "\"value\": \"1\"", "\"value\": \"yes\"", "/detection/patient/report/value", 0},
    {"score-range", "study.json", "\"score\": \"alliance\"", "\"score\": \"tension_kind\"", "/detection/patient/score",
     0},
    {"score-direction", "study.json", "\"higher_is\": \"better\"", "\"higher_is\": \"worse\"",
     "/detection/patient/score", -1},
    {"false-alarm", "study.json", "\"0.05\"", "\"0.0\"", "/detection/false_alarm", 0},
    {"signal-never-asked", "study.json", "\"trigger\": \"session\"", "\"trigger\": \"end\"", "/detection/patient/form",
     -1},
    {"date-wrong", "study.json", "\"2026-01-01\"", "\"2026-02-30\"", "/consents/0/date", 0},
    {"plan-end", "study.json", "\"weeks\": 26", "\"by_week\": [1, 2]", "/targets/therapists/by_week", 0},
    {"plan-falls", "study.json", "\"weeks\": 26", "\"by_week\": [50, 40]", "/targets/therapists/by_week/1", 0},
    {"place-unknown", "study.json", "\"at\": \"/sites\"", "\"at\": \"/sights\"", "/to_be_set/0/at", 0},
    {"translation-missing", "choices.csv", "Not at all,Pas du tout\nagree", "Not at all,\nagree", "agree", 0},
    {"choice-twice", "choices.csv", "agree,6,", "agree,1,", "agree", 0},
    {"choice-name", "choices.csv", "yes_no,0,", "yes_no,no no,", "yes_no", 0},
    {"list-name", "choices.csv", "yes_no,0,", "yes no,0,", NULL, 0},
    {"form-version", "settings.csv", "session-patient,1,", "session-patient,,", "session-patient", 0},
    {"form-file", "settings.csv", "session-patient,1,", "session-patents,1,", "session-patents", 0},
    {"form-unlisted", "settings.csv", "session-patient,1,", "session-patents,1,", "", -1},
    {"form-twice", "settings.csv", "session-therapist,1,", "session-patient,1,", "session-patient", 0},
    {"notice-missing", "settings.csv", "These questions are our own (CC BY 4.0). They are not a validated instrument.",
     "", "session-patient", 0},
    {"translation-missing", "settings.csv", "Après la séance", "", "session-patient", 0},
    {"translation-missing", "forms/session-patient.csv",
     "\"Aujourd’hui, nous avons travaillé sur ce qui compte pour moi.\"", "", "goal", 0},
    {"wording-missing", "settings.csv", "CC BY 4.0,2,,", "CC BY 4.0,2,the publisher,", NULL, -1},
    {"safety-missing", "forms/session-patient.csv", "start=1 end=6 tick_labelset=feeling,",
     "start=1 end=6 tick_labelset=feeling,. < 2", "/occasions/0/form", -1},
};

/* Some faults of a form show where a study uses it. */
static const char *found_in(const struct fault *fault) {
  if (!strcmp(fault->id, "wording-missing") || !strcmp(fault->id, "safety-missing")) return "study.json";
  return strcmp(fault->id, "form-unlisted") ? fault->file : "forms/session-patient.csv";
}

static void every_fault_is_named_with_its_place(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    const struct fault *fault = &faults[i];
    struct source source = fixture_source("tensions-and-repair", &arena);
    int line = fixture_change(&source, fault->file, fault->find, fault->replace, &arena);
    if (!strcmp(fault->id, "wording-missing")) /* a skeleton: nobody's words yet */
      fixture_change(&source, "forms/session-patient.csv", "Today we worked on what matters to me.", "", &arena);
    if (!strcmp(fault->id, "safety-missing"))
      fixture_change(&source, "study.json", "\"response_hours\": 24,", "", &arena);
    if (load_changed(&source)) fail_msg("taken: %s in %s", fault->replace, fault->file);
    const struct study_finding *finding = NULL;
    for (size_t k = 0; k < findings.count && !finding; k++) {
      const struct study_finding *one = &findings.list[k];
      bool place = !fault->where || !strcmp(one->where, fault->where);
      if (one->severity == STUDY_BROKEN && !strcmp(one->id, fault->id) && place) finding = one;
    }
    if (!finding)
      fail_msg("fault %zu (%s at %s) is not named; the first is: %s", i, fault->id, fault->where,
               finding_text(&arena, &findings.list[0]));
    if (fault->lines >= 0 && finding->line != line + fault->lines)
      fail_msg("%s, but the change is in line %d", finding_text(&arena, finding), line);
    assert_string_equal(finding->file, found_in(fault));
    assert_int_equal(error.code, ERR_INPUT);
    arena_reset(&arena);
  }
}

static void a_consent_holds_the_sentence(void **state) {
  (void)state;
  load("tensions-and-repair");
  assert_null(fixture_finding(&findings, "consent-silent"));
  struct source source = fixture_source("tensions-and-repair", &arena);
  fixture_change(&source, "study.json", "I was told: “The research team", "I was told: “The team", &arena);
  assert_non_null(load_changed(&source)); /* said, not refused: the approved words are the board's */
  assert_non_null(strstr(fixture_finding(&findings, "consent-silent")->text, "'en'"));
}

static void all_faults_are_named_at_once(void **state) {
  (void)state;
  struct source source = fixture_source("tensions-and-repair", &arena);
  fixture_change(&source, "study.json", "\"score\": \"alliance\"", "\"score\": \"aliance\"", &arena);
  fixture_change(&source, "study.json", "\"arms\": [\"programme\"]", "\"arms\": [\"program\"]", &arena);
  fixture_change(&source, "choices.csv", "agree,6,", "agree,1,", &arena);
  fixture_change(&source, "study.json", "\"planned\": 6", "\"planned\": \"6\"", &arena);
  assert_null(load_changed(&source));
  static const char *const ids[] = {"item-unknown", "arm-unknown", "choice-twice", "json-type"};
  for (size_t i = 0; i < 4; i++) assert_non_null(fixture_finding(&findings, ids[i]));
  assert_non_null(strstr(fixture_finding(&findings, "item-unknown")->cure, "'alliance'"));
}

static void places_are_found_in_any_json(void **state) {
  (void)state;
  static const char text[] = "{\n  \"a\": [1, {\"b\": \"x\\\"}\"}, [ ] ,\n 4],\n \"a/b\": { \"~\" : null }\n}\n";
  static const struct {
    const char *pointer;
    int line, column;
  } cases[] = {{"", 1, 1},      {"/a", 2, 3},        {"/a/0", 2, 9},  {"/a/1/b", 2, 13}, {"/a/3", 3, 2},
               {"/a~1b", 4, 2}, {"/a~1b/~0", 4, 11}, {"/none", 1, 1}, {"/a/9", 2, 3},    {"/a/1/b/c", 2, 13}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int line, column;
    position_find(text, sizeof text - 1, cases[i].pointer, &line, &column);
    if (line != cases[i].line || column != cases[i].column)
      fail_msg("%s: line %d, column %d", cases[i].pointer, line, column);
  }
}

static void golden_studies_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *dir, *id;
  } cases[] = {{"tests/golden/study-json", "json-broken"},
               {"tests/golden/study-form", "form-unknown"},
               {"tests/golden/study-risk", "safety-missing"},
               {"tests/golden/study-untold", "feedback-untold"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct study *study;
    findings = (struct study_findings){.arena = &arena};
    assert_int_equal(study_load_dir(&study, cases[i].dir, &findings, &arena, &error), ERR_INPUT);
    const struct study_finding *finding = fixture_finding(&findings, cases[i].id);
    if (!finding) fail_msg("%s: no %s, but %s", cases[i].dir, cases[i].id, error.text);
    assert_true(finding->line > 0);
    assert_true(findings.broken <= 2);
  }
}

/* --- amendments
 * --------------------------------------------------------------------------------------------------------- */

/* The difference after one change of the trial (and of the version, so that it grows). */
static struct study_difference amended(const char *file, const char *find, const char *replace) {
  struct study_difference difference;
  const struct study *before = load("tensions-and-repair");
  struct source source = fixture_source("tensions-and-repair", &arena);
  fixture_change(&source, "study.json", "\"version\": 1,", "\"version\": 2,", &arena);
  if (file) fixture_change(&source, file, find, replace, &arena);
  const struct study *after = load_changed(&source);
  if (!after) fail_msg("%s", error.text);
  study_compare(before, after, &arena, &difference);
  return difference;
}

static void a_change_of_meaning_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *file, *find, *replace, *says;
  } cases[] = {
      {"forms/session-patient.csv", "Today we worked on what matters to me.", "We worked.", "goal (its wording)"},
      {"forms/session-patient.csv", "range,goal", "integer,goal", "goal (its type)"},
      {"forms/session-patient.csv", "- 5) * 4", "- 5) * 2 * 2", "alliance (its scoring)"},
      {"forms/session-patient.csv", "select_one kind_patient", "select_one kind_therapist", "its choices"},
      {"choices.csv", "yes_no,0,No,Non\nyes_no,1,Yes,Oui", "yes_no,0,Yes,Oui\nyes_no,1,No,Non",
       "tension (its choices)"},
      {"choices.csv", "kind_patient,unsure,I am not sure,Je ne sais pas\n", "", "tension_kind (its choices)"},
      {"forms/session-patient.csv", "low=0 high=100 higher=better", "low=0 high=10 higher=better", "its range"},
      {"forms/session-patient.csv", "${tension} = '1'", "${tension} = '0'", NULL},
      {"forms/session-patient.csv", "calculate,well_being", "calculate,wellness", "loses the item well_being"},
      {"study.json", "\"name\": \"site-2\"", "\"name\": \"site-b\"", "The site site-2 goes"},
      {"study.json", "\"form\": \"session-patient\", \"rater\"", "\"form\": \"session-patient\", \"rater\"", NULL},
      {"study.json", "I have read what the study asks of me:", "I have read:", "consent patient-1"},
      {"study.json", "\"18 years of age or older\"", "\"16 years of age or older\"", "criterion adult"},
      {"study.json", "\"name\": \"tensions-and-repair\"", "\"name\": \"tensions\"", "another study"},
  };
  size_t refused = 0;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (!cases[i].says) continue;
    struct study_difference difference = amended(cases[i].file, cases[i].find, cases[i].replace);
    bool said = false;
    for (size_t k = 0; k < difference.refusal_count; k++) said = said || strstr(difference.refusals[k], cases[i].says);
    if (!difference.refused || !said)
      fail_msg("%s: %s", cases[i].says, difference.refusal_count ? difference.refusals[0] : "nothing refused");
    refused++;
    arena_reset(&arena);
  }
  assert_true(refused >= 11);
}

static void an_arm_keeps_its_name(void **state) {
  (void)state;
  const struct study *before = load("tensions-and-repair");
  struct source source = fixture_source("tensions-and-repair", &arena);
  fixture_change(&source, "study.json", "\"name\": \"control\"", "\"name\": \"later\"", &arena);
  const struct study *after = load_changed(&source);
  struct study_difference difference;
  study_compare(before, after, &arena, &difference);
  assert_int_equal(difference.refusal_count, 2); /* the arm, and the version that did not grow */
  assert_non_null(strstr(difference.refusals[0], "version"));
  assert_non_null(strstr(difference.refusals[1], "arm control"));
}

static void an_honest_change_is_told_in_words(void **state) {
  (void)state;
  static const struct {
    const char *file, *find, *replace, *says;
  } cases[] = {
      {"study.json", "\"count\": 40", "\"count\": 60", "target for therapists changes from 40 to 60"},
      {"study.json", "\"closes_hours\": 144", "\"closes_hours\": 168", "occasion session-patient is due, reminded"},
      {"study.json", BY_HOURS, "\"due_days\": 1, \"closes_days\": 6, \"hour\": 9",
       "occasion session-patient is due, reminded"},
      {"study.json", SITE_1, SITE_1 ", \"zone\": \"America/Toronto\"",
       "The site site-1 keeps the time of America/Toronto instead of UTC"},
      {"study.json", "\"flagged_only\": true", "\"flagged_only\": false", "In the arm programme, the trainer sees"},
      {"study.json", "\"rule\": \"model\"", "\"rule\": \"pooled-sd\"", "by the rule pooled-sd instead of model"},
      {"study.json", "\"rater\", \"analyst\", \"monitor\", \"administrator\"]", "\"rater\", \"analyst\", \"monitor\"]",
       "administrator is no longer masked"},
      {"study.json", "\"weeks\": 26", "\"weeks\": 30", "plan of recruitment for therapists changes"},
      {"study.json", "\"name\": \"phone\"", "\"name\": \"mobile\"", "'phone' is no longer asked for"},
      {"study.json", "\"name\": \"orientation\"", "\"name\": \"school\"", "no longer balances orientation"},
      {"study.json", "\"response_hours\": 24", "\"response_hours\": 12", "within 12 hours"},
      {"study.json", "Your therapist may be shown a summary.\"", "Your therapist may see a summary.\"",
       "told another sentence"},
      {"study.json", "\"status\": \"completed\"", "\"status\": \"recruiting\"", "Only words change"},
      {"forms/session-patient.csv",
       "select_one kind_patient,tension_kind,What did you do in that moment?,Qu’avez-vous fait à ce "
       "moment-là\u00a0?,,,no",
       "select_one kind_patient,tension_kind,What did you do in that moment?,Qu’avez-vous fait à ce "
       "moment-là\u00a0?,,,yes",
       "must now be answered"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct study_difference difference = amended(cases[i].file, cases[i].find, cases[i].replace);
    if (difference.refused) fail_msg("%s: refused: %s", cases[i].says, difference.refusals[0]);
    bool said = false;
    for (size_t k = 0; k < difference.count; k++) said = said || strstr(difference.lines[k], cases[i].says);
    if (!said) fail_msg("%s: not said; %s", cases[i].says, difference.count ? difference.lines[0] : "nothing");
    arena_reset(&arena);
  }
  struct study_difference none;
  const struct study *same = load("practice");
  study_compare(same, same, &arena, &none);
  assert_int_equal(none.count, 0);
}

/* A new version of a form may change what it likes, save the scale of the rating that courses are drawn from. */
static void a_new_version_of_a_form_is_free(void **state) {
  (void)state;
  const struct study *before = load("practice");
  struct source source = fixture_source("practice", &arena);
  fixture_change(&source, "study.json", "\"version\": 1,", "\"version\": 2,", &arena);
  fixture_change(&source, "settings.csv", "session-patient,1,", "session-patient,2,", &arena);
  fixture_change(&source, "forms/session-patient.csv", "Today we worked on what matters to me.", "We worked.", &arena);
  struct study_difference difference;
  study_compare(before, load_changed(&source), &arena, &difference);
  assert_false(difference.refused);
  assert_int_equal(difference.count, 2);
  fixture_change(&source, "forms/session-patient.csv", "low=0 high=100 higher=better", "low=0 high=10 higher=better",
                 &arena);
  study_compare(before, load_changed(&source), &arena, &difference);
  assert_true(difference.refused);
  assert_non_null(strstr(difference.refusals[0], "mix two scales"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_trial_says_what_the_record_says, setup, teardown),
      cmocka_unit_test_setup_teardown(feedback_is_by_role_and_arm, setup, teardown),
      cmocka_unit_test_setup_teardown(both_studies_use_the_same_forms, setup, teardown),
      cmocka_unit_test_setup_teardown(directories_and_bundles_give_the_same_study, setup, teardown),
      cmocka_unit_test_setup_teardown(the_schema_is_one_that_the_checker_follows, setup, teardown),
      cmocka_unit_test_setup_teardown(targets_are_planned_by_week, setup, teardown),
      cmocka_unit_test_setup_teardown(every_fault_is_named_with_its_place, setup, teardown),
      cmocka_unit_test_setup_teardown(a_consent_holds_the_sentence, setup, teardown),
      cmocka_unit_test_setup_teardown(all_faults_are_named_at_once, setup, teardown),
      cmocka_unit_test_setup_teardown(places_are_found_in_any_json, setup, teardown),
      cmocka_unit_test_setup_teardown(golden_studies_are_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(a_change_of_meaning_is_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(an_arm_keeps_its_name, setup, teardown),
      cmocka_unit_test_setup_teardown(an_honest_change_is_told_in_words, setup, teardown),
      cmocka_unit_test_setup_teardown(a_new_version_of_a_form_is_free, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
