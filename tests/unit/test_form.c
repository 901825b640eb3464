/* Forms: reading, what is refused, answers, scores, and what the shipped forms promise. */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "study_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: it makes a macro of fail() */

static struct arena arena;
static struct study_findings findings;
static struct expression_desk *desk;
static struct form_result result;

static int setup(void **state) {
  (void)state;
  arena_init(&arena, 0);
  findings = (struct study_findings){.arena = &arena};
  desk = expression_desk_open();
  return 0;
}

static int teardown(void **state) {
  (void)state;
  expression_desk_close(desk);
  arena_free(&arena);
  return 0;
}

#define CHOICES                                                                                                        \
  "list_name,name,label::English (en)\nyn,0,No\nyn,1,Yes\nends,0,None\nends,10,Most\nfew,a,A\nfew,b,B\nfew,c,C\n"
#define HEAD                                                                                                           \
  "type,name,label::English (en),required,relevant,constraint,constraint_message::English (en),calculation,"           \
  "parameters,risk\n"

/* Rows may leave out their empty fields at the end. */
static const char *padded(const char *rows) {
  struct buf out = buf_in(&arena, 1024);
  int fields = 1;
  bool quoted = false;
  for (const char *c = rows; *c; c++) {
    quoted = quoted != (*c == '"');
    fields += *c == ',' && !quoted;
    for (; *c == '\n' && fields < 10; fields++) buf_addc(&out, ',');
    if (*c == '\n') fields = 1;
    buf_addc(&out, *c);
  }
  return out.data;
}

/* Reads one form "f" with the given rows under HEAD. NULL when something is broken. */
static const struct form *read_form(const char *rows) {
  static const char *const languages[] = {"en"};
  struct source source = {.files = arena_array(&arena, SOURCE_FILES, sizeof *source.files)};
  fixture_change(&source, "choices.csv", NULL, CHOICES, &arena);
  fixture_change(&source, "settings.csv", NULL, "form_id,version,form_title::English (en),validated\nf,1,F,yes\n",
                 &arena);
  fixture_change(&source, "forms/f.csv", NULL, arena_printf(&arena, "%s%s", HEAD, padded(rows)), &arena);
  findings = (struct study_findings){.arena = &arena};
  struct form_reader reader = {
      .source = &source, .languages = languages, .language_count = 1, .arena = &arena, .findings = &findings};
  const struct form *forms;
  size_t count;
  form_read_all(&reader, &forms, &count);
  return findings.broken ? NULL : &forms[0];
}

static const struct form *good_form(const char *rows) {
  const struct form *form = read_form(rows);
  if (!form) fail_msg("%s", finding_text(&arena, &findings.list[0]));
  return form;
}

/* Answers as "name=value&name=value", plain. */
static void answer(const struct form *form, const char *text) {
  struct form_answer answers[64];
  size_t count = 0;
  for (char *at = arena_text(&arena, text); *at && count < 64;) {
    char *end = strchrnul(at, '&'), *next = *end ? end + 1 : end;
    *end = 0;
    char *value = strchr(at, '=');
    *value++ = 0;
    answers[count++] = (struct form_answer){at, value, strlen(value)};
    at = next;
  }
  form_validate(form, answers, count, desk, &arena, &result);
}

static const char *value(const struct form *form, const char *name) {
  const char *text = result.values[form_item(form, name)->index];
  return text ? text : "";
}

/* The id of the only problem, or what is wrong with that. */
static const char *problem(void) {
  if (result.problem_count == 1) return result.problems[0].id;
  return result.problem_count ? "several" : "none";
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static void each_type_takes_its_values(void **state) {
  (void)state;
  const struct form *form = good_form("select_one yn,one,Q\n"
                                      "select_multiple few,many,Q\n"
                                      "integer,whole,Q,,,,,,start=0 end=120\n"
                                      "decimal,part,Q,,,,,,start=0.5 end=99\n"
                                      "range,scale,Q,,,,,,start=0 end=10 step=0.5 tick_labelset=ends\n"
                                      "text,words,Q,,,,,,max-length=5\n"
                                      "date,day,Q\n"
                                      "note,hello,Q\n");
  static const struct {
    const char *answer, *name, *stored, *problem;
  } cases[] = {
      {"one=1", "one", "1", "none"},
      {"one=2", "one", "", "answer-no-such-choice"},
      {"one=Yes", "one", "", "answer-no-such-choice"},
      {"one= 1 ", "one", "1", "none"},
      {"one=", "one", "", "none"},
      {"many=c a", "many", "a c", "none"},
      {"many=a a", "many", "a", "none"},
      {"many=a d", "many", "", "answer-no-such-choice"},
      {"whole=007", "whole", "7", "none"},
      {"whole=120", "whole", "120", "none"},
      {"whole=121", "whole", "", "answer-out-of-range"},
      {"whole=-1", "whole", "", "answer-out-of-range"},
      {"whole=1.5", "whole", "", "answer-not-whole"},
      {"whole=1e2", "whole", "", "answer-not-whole"},
      {"whole=99999999999999999999", "whole", "", "answer-not-whole"},
      {"part=1,50", "part", "1.5", "none"},
      {"part=0.4", "part", "", "answer-out-of-range"},
      {"part=0x1", "part", "", "answer-not-number"},
      {"part=NaN", "part", "", "answer-not-number"},
      {"part=1.1234567", "part", "", "answer-not-number"},
      {"scale=9.5", "scale", "9.5", "none"},
      {"scale=9.4", "scale", "", "answer-no-such-choice"},
      {"scale=11", "scale", "", "answer-out-of-range"},
      {"scale=lots", "scale", "", "answer-not-number"},
      {"words=étés!", "words", "étés!", "none"},
      {"words=a\r\nb", "words", "a\nb", "none"},
      {"words=sechs!", "words", "", "answer-too-long"},
      {"words=\xff\xfe", "words", "", "answer-encoding"},
      {"words=a\x01", "words", "", "answer-encoding"},
      {"day=2026-02-28", "day", "2026-02-28", "none"},
      {"day=2026-02-29", "day", "", "answer-not-date"},
      {"day=28.2.2026", "day", "", "answer-not-date"},
      {"hello=1", "one", "", "answer-unknown-field"},
      {"evil<script>=1", "one", "", "answer-unknown-field"},
      {"one=1&one=0", "one", "", "answer-twice"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    answer(form, cases[i].answer);
    if (strcmp(problem(), cases[i].problem) || strcmp(value(form, cases[i].name), cases[i].stored))
      fail_msg("%s: %s, '%s'", cases[i].answer, problem(), value(form, cases[i].name));
    assert_int_equal(result.valid, !strcmp(cases[i].problem, "none"));
  }
  answer(form, "whole=121&words=sechs!");
  assert_int_equal(result.problem_count, 2);
  assert_string_equal(result.problems[0].low, "0");
  assert_string_equal(result.problems[0].high, "120");
  assert_string_equal(result.typed[form_item(form, "whole")->index], "121"); /* to be shown again */
  assert_int_equal(result.problems[1].maximum, 5);
}

static void bytes_that_are_no_text_are_refused(void **state) {
  (void)state;
  const struct form *form = good_form("text,words,Q\n");
  struct form_answer nul = {"words", "a\0b", 3};
  form_validate(form, &nul, 1, desk, &arena, &result);
  assert_string_equal(problem(), "answer-encoding");
  char *large = arena_alloc(&arena, FORM_VALUE_BYTES + 2);
  memset(large, 'a', FORM_VALUE_BYTES + 1);
  struct form_answer long_one = {"words", large, FORM_VALUE_BYTES + 1};
  form_validate(form, &long_one, 1, desk, &arena, &result);
  assert_string_equal(problem(), "answer-too-long");
}

static void required_relevant_and_constraint(void **state) {
  (void)state;
  const struct form *form = good_form("select_one yn,had,Q,yes\n"
                                      "begin group,more,,,${had} = '1'\n"
                                      "integer,strong,Q,yes,,. <= ${limit},Too strong,,start=1 end=5\n"
                                      "integer,limit,Q\n"
                                      "text,why,Q,yes,${strong} >= 3\n"
                                      "end group,\n");
  answer(form, "");
  assert_string_equal(problem(), "answer-required");
  assert_string_equal(result.problems[0].field, "had");
  answer(form, "had=0");
  assert_true(result.valid);
  assert_false(result.relevant[form_item(form, "strong")->index]);
  answer(form, "had=0&strong=99&why=because"); /* not relevant: dropped without a word */
  assert_true(result.valid);
  assert_string_equal(value(form, "strong"), "");
  assert_string_equal(value(form, "why"), "");
  assert_string_equal(result.typed[form_item(form, "why")->index], "because"); /* a page can show it again */
  assert_int_equal(result.answered, 1);
  answer(form, "had=1&strong=2&limit=5");
  assert_true(result.valid);
  answer(form, "had=1&strong=3&limit=5");
  assert_string_equal(problem(), "answer-required");
  assert_string_equal(result.problems[0].field, "why");
  answer(form, "had=1&strong=2&limit=1");
  assert_string_equal(problem(), "answer-constraint");
  assert_string_equal(words_in(result.problems[0].message, 0), "Too strong");
  assert_string_equal(result.typed[form_item(form, "strong")->index], "2");
  assert_int_equal(form_item(form, "strong")->shown_if_item, form_item(form, "had")->index);
  assert_string_equal(form_item(form, "strong")->shown_if_value, "1");
  assert_int_equal(form_item(form, "why")->shown_if_item, FORM_NONE); /* two conditions: only the server knows */
  assert_int_equal(form->asked, 4);
  assert_int_equal(form->asked_always, 1);
}

static void calculations_follow_what_they_need(void **state) {
  (void)state;
  /* written before what they depend on, and on one another */
  const struct form *form = good_form("calculate,twice,,,,,,${total} * 2\n"
                                      "calculate,total,,,,,,\"sum(${a}, ${b})\"\n"
                                      "calculate,mean,,,,,,\"round(mean-answered(${a}, ${b}, ${c}), 2)\"\n"
                                      "calculate,enough,,,,,,\"prorate(3, ${a}, ${b}, ${c})\"\n"
                                      "integer,a,Q,yes\ninteger,b,Q,yes\ninteger,c,Q\n");
  answer(form, "a=1&b=3");
  assert_true(result.valid);
  assert_string_equal(value(form, "total"), "4");
  assert_string_equal(value(form, "twice"), "8");
  assert_string_equal(value(form, "mean"), "2");
  assert_string_equal(value(form, "enough"), "");
  answer(form, "a=1&b=3&c=6");
  assert_string_equal(value(form, "mean"), "3.33");
  assert_string_equal(value(form, "enough"), "10");
  answer(form, "a=1&b=x");
  assert_string_equal(value(form, "total"), ""); /* what is not valid counts as blank */
  answer(form, "a=1&b=3&total=100");
  assert_string_equal(problem(), "answer-unknown-field");
}

static void risk_answers_are_found(void **state) {
  (void)state;
  const struct form *form =
      good_form("integer,mild,Q,,,,,,,\ninteger,harm,Q,,,,,,,. > 0\nselect_one yn,any,Q,,,,,,,yes\n");
  assert_true(form->has_risk);
  answer(form, "mild=3&harm=0");
  assert_int_equal(result.risk_count, 0);
  answer(form, "harm=1&any=0");
  assert_int_equal(result.risk_count, 2);
  assert_string_equal(form->items[result.risks[0]].name, "harm");
}

/* --- what is refused
 * -------------------------------------------------------------------------------------------------- */

static void a_broken_form_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *rows, *id;
    int line;
  } cases[] = {
      {"integer,a,Q\ninteger,a,Q\n", "item-twice", 3},
      {"number,a,Q\n", "type-unknown", 2},
      {"select_one,a,Q\n", "type-unknown", 2},
      {"select_one nothing,a,Q\n", "choices-missing", 2},
      {"integer,1a,Q\n", "item-name", 2},
      {"integer,a,\n", "translation-missing", 2},
      {"integer,a,Q,perhaps\n", "flag-wrong", 2},
      {"integer,a,Q,,${b} = 1\n", "item-unknown", 2},
      {"integer,a,Q,,${a} = 1\n", "circular", 2},
      {"integer,a,Q,,${b} = 1\ninteger,b,Q,,${c} = 1\ninteger,c,Q,,${a} = 1\n", "circular", 2},
      {"calculate,a,,,,,,${b}\ncalculate,b,,,,,,${a}\n", "circular", 2},
      {"begin group,g,,,${a} = 1\ninteger,a,Q\nend group,\n", "circular", 2},
      {"note,n,Q\ninteger,a,Q,,${n} = 1\n", "item-without-value", 3},
      {"integer,a,Q\ncalculate,s,,,,,,sum(${a})\n", "sum-optional", 3},
      {"integer,o,Q,yes\ninteger,a,Q,yes,${o} = 1\ncalculate,s,,,,,,sum(${a})\n", "sum-optional", 4},
      {"integer,a,Q,,,. > 1\n", "constraint-message-missing", 2},
      {"integer,a,Q,,,. >,No\n", "expression-syntax", 2},
      {"integer,a,Q,,,. > today(),No\n", "expression-clock", 2},
      {"integer,a,Q,,,,,1 + 1\n", "calculation-misplaced", 2},
      {"calculate,a,Q\ninteger,b,Q\n", "calculation-missing", 2},
      {"note,a,Q,yes\ninteger,b,Q\n", "condition-misplaced", 2},
      {"note,a,Q\n", "form-empty", 0},
      {"integer,a,Q,,,,,,start=9 end=1\n", "range-inverted", 2},
      {"integer,a,Q,,,,,,start=low\n", "parameter-number", 2},
      {"integer,a,Q,,,,,,begin=1\n", "parameter-unknown", 2},
      {"range,a,Q,,,,,,start=1\n", "range-incomplete", 2},
      {"range,a,Q,,,,,,start=0 end=10 step=3 tick_labelset=ends\n", "range-step", 2},
      {"range,a,Q,,,,,,start=0 end=10\n", "range-ends", 2},
      {"range,a,Q,,,,,,start=1 end=10 tick_labelset=ends\n", "tick-outside", 2},
      {"text,a,Q,,,,,,max-length=0\n", "parameter-length", 2},
      {"begin group,g,\ninteger,a,Q\n", "group-open", 2},
      {"integer,a,Q\nend group,\n", "group-end", 3},
      {"integer,a,Q\ninteger,\"b,Q\n", "csv-broken", 3},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (read_form(cases[i].rows)) fail_msg("taken: %s", cases[i].rows);
    const struct study_finding *finding = fixture_finding(&findings, cases[i].id);
    if (!finding) fail_msg("%s: no %s but %s", cases[i].rows, cases[i].id, finding_text(&arena, &findings.list[0]));
    if (finding->line != cases[i].line) fail_msg("%s", finding_text(&arena, finding));
    assert_true(finding->text[0] && (finding->cure[0] || !strcmp(cases[i].id, "item-unknown")));
  }
}

static void a_slip_gets_a_suggestion_and_all_faults_are_named(void **state) {
  (void)state;
  assert_null(read_form("integer,feeling,Q\ninteger,a,Q,,${feelin} = 1\nnumber,b,Q\ninteger,c,\n"));
  assert_int_equal(findings.broken, 3);
  assert_non_null(strstr(fixture_finding(&findings, "item-unknown")->cure, "${feeling}"));
  struct source source = fixture_source("practice", &arena);
  fixture_change(&source, "forms/session-patient.csv", "relevant", "relevent", &arena);
  const struct study *study;
  findings = (struct study_findings){.arena = &arena};
  assert_int_equal(study_load_source(&study, &source, &findings, &arena, NULL), ERR_INPUT);
  assert_non_null(strstr(fixture_finding(&findings, "column-unknown")->cure, "'relevant'"));
}

/* --- the forms that ship
 * ------------------------------------------------------------------------------------------------ */

static const struct study *load(const char *name) {
  const struct study *study;
  struct error error;
  findings = (struct study_findings){.arena = &arena};
  if (study_load_embedded(&study, name, &findings, &arena, &error)) fail_msg("%s", error.text);
  return study;
}

static void the_post_session_forms_hold_what_they_promise(void **state) {
  (void)state;
  const struct study *study = load("tensions-and-repair");
  const struct form *patient = study_form(study, "session-patient"),
                    *therapist = study_form(study, "session-therapist");
  assert_true(patient->asked_always >= 5 && patient->asked_always <= 8);
  assert_true(therapist->asked_always >= 5 && therapist->asked_always <= 8);
  assert_int_equal(patient->asked - patient->asked_always, 3); /* only after a yes */
  assert_non_null(strstr(words_in(&patient->notice, 0), "not a validated instrument"));
  assert_string_equal(patient->licence, "CC BY 4.0");
  answer(patient, "feeling=4&goal=6&way=6&understood=6&open=6&trust=6&tension=0");
  assert_true(result.valid);
  assert_string_equal(value(patient, "alliance"), "100");
  assert_string_equal(value(patient, "well_being"), "60");
  answer(patient, "feeling=1&goal=1&way=1&understood=1&open=1&trust=1&tension=1&tension_strength=5&tension_resolved=1");
  assert_true(result.valid);
  assert_string_equal(value(patient, "alliance"), "0");
  answer(patient, "feeling=1&goal=1&way=1&understood=1&open=1&trust=1&tension=1");
  assert_int_equal(result.problem_count, 2); /* how strong, how far resolved; the kind may be left out */
  answer(therapist, "goal=5&way=4&understood=3&open=4&trust=5&tension=0");
  assert_true(result.valid);
  assert_string_equal(value(therapist, "alliance"), "64");
  assert_string_equal(value(therapist, "tension_kind"), "");
}

static const struct form *skeleton(const char *name) {
  static const char *const languages[] = {"en", "fr"};
  struct source *source = arena_alloc(&arena, sizeof *source);
  source->files = arena_array(&arena, SOURCE_FILES, sizeof *source->files);
  size_t count;
  const struct embedded *all = embedded_all(&count);
  for (size_t i = 0; i < count; i++)
    if (!strncmp(all[i].name, "studies/instruments/", 20))
      source->files[source->count++] =
          (struct source_file){all[i].name + 20, (const char *)all[i].bytes, all[i].length};
  struct form_reader reader = {
      .source = source, .languages = languages, .language_count = 2, .arena = &arena, .findings = &findings};
  const struct form *forms;
  form_read_all(&reader, &forms, &count);
  assert_int_equal(findings.broken, 0);
  assert_int_equal(count, 4);
  for (size_t i = 0; i < count; i++)
    if (!strcmp(forms[i].name, name)) return &forms[i];
  fail_msg("no %s", name);
  return NULL;
}

/* Answers item i with values[i]; '-' leaves it out. */
static void answer_all(const struct form *form, const char *prefix, const char *values) {
  char *text = arena_text(&arena, "");
  for (int i = 0; values[i]; i++)
    if (values[i] != '-') text = arena_printf(&arena, "%s%s%s%d=%c", text, *text ? "&" : "", prefix, i + 1, values[i]);
  answer(form, text);
}

/* Worked by hand from the published scoring (see docs/forms.md). */
static void skeletons_score_as_published(void **state) {
  (void)state;
  const struct form *wai = skeleton("wai-sr");
  assert_true(wai->wording_missing);
  assert_non_null(fixture_finding(&findings, "wording-missing"));
  answer_all(wai, "wai", "123451234512");
  assert_true(result.valid);
  assert_string_equal(value(wai, "task"), "10"); /* 1, 2, 10, 12: 1+2+5+2 */
  assert_string_equal(value(wai, "bond"), "14"); /* 3, 5, 7, 9: 3+5+2+4 */
  assert_string_equal(value(wai, "goal"), "9");  /* 4, 6, 8, 11: 4+1+3+1 */
  assert_string_equal(value(wai, "alliance"), "33");
  const struct form *core = skeleton("core-10");
  answer_all(core, "core", "4444444444");
  assert_string_equal(value(core, "distress"), "40");
  assert_string_equal(form_item(core, "core2")->choices[0].name, "4"); /* reversed: the first words score 4 */
  answer_all(core, "core", "210-020311");
  assert_string_equal(value(core, "distress"), "11.11"); /* 10 over 9 answered, times 10 */
  assert_int_equal(result.risk_count, 1);
  answer_all(core, "core", "2-0-020311");
  assert_string_equal(value(core, "distress"), ""); /* two are missing */
  const struct form *phq = skeleton("phq-9");
  answer_all(phq, "phq", "333333330");
  assert_string_equal(value(phq, "depression"), "24");
  assert_int_equal(result.risk_count, 0);
  answer_all(phq, "phq", "000000001");
  assert_int_equal(result.risk_count, 1);
  assert_true(phq->has_risk);
  const struct form *who = skeleton("who-5");
  answer_all(who, "who", "54321");
  assert_string_equal(value(who, "well_being"), "60");
}

static void validating_is_quick(void **state) {
  (void)state;
  const struct form *form = study_form(load("practice"), "session-patient");
  struct arena request;
  arena_init(&request, 0);
  static const struct form_answer answers[] = {
      {"feeling", "4", 1},
      {"goal", "5", 1},
      {"way", "5", 1},
      {"understood", "5", 1},
      {"open", "4", 1},
      {"trust", "6", 1},
      {"tension", "1", 1},
      {"tension_strength", "3", 1},
      {"tension_resolved", "4", 1},
  };
  enum { TIMES = 2000 };
  struct timespec start, end;
  for (int round = -100; round < TIMES; round++) {
    if (round == 0) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    form_validate(form, answers, 9, desk, &request, &result);
    assert_true(result.valid);
    arena_reset(&request);
  }
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
  double micros = ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) / 1000 / TIMES;
  print_message("[   INFO   ] one validation of the patient's form: %.2f microseconds of processor time\n", micros);
  assert_true(micros < 500); /* far above what is measured: sanitisers and busy machines; see docs/forms.md */
  arena_free(&request);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(each_type_takes_its_values, setup, teardown),
      cmocka_unit_test_setup_teardown(bytes_that_are_no_text_are_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(required_relevant_and_constraint, setup, teardown),
      cmocka_unit_test_setup_teardown(calculations_follow_what_they_need, setup, teardown),
      cmocka_unit_test_setup_teardown(risk_answers_are_found, setup, teardown),
      cmocka_unit_test_setup_teardown(a_broken_form_is_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(a_slip_gets_a_suggestion_and_all_faults_are_named, setup, teardown),
      cmocka_unit_test_setup_teardown(the_post_session_forms_hold_what_they_promise, setup, teardown),
      cmocka_unit_test_setup_teardown(skeletons_score_as_published, setup, teardown),
      cmocka_unit_test_setup_teardown(validating_is_quick, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
