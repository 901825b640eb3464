/* The ceremony's record: one form for each file, and an order that cannot be left. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attune/allocation_record.h"
#include "base/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: it makes a macro of fail() */

static struct allocation_error error;
static struct allocation_rules rules;
static struct allocation_roster roster;
static struct allocation_step step[100];
static int sizes[ALLOCATION_WAVES_MAX + 1];
static int count;

static const uint8_t secret_a[32] = {1}, secret_b[32] = {2};

static struct allocation_step make(enum allocation_what what, int wave, int slot, const char *who) {
  struct allocation_step made = {.time = 1000 + count, .what = what, .wave = wave, .slot = slot};
  snprintf(made.who, sizeof made.who, "%s", who);
  if (what == ALLOCATION_DERIVATION || what == ALLOCATION_MARK || what == ALLOCATION_ABORT)
    snprintf(made.text, sizeof made.text, "a reason, \"quoted\", d\xc3\xa9j\xc3\xa0");
  if (what == ALLOCATION_COMMITMENT_A) allocation_commitment(made.value, 'A', secret_a);
  if (what == ALLOCATION_COMMITMENT_B) allocation_commitment(made.value, 'B', secret_b);
  if (what == ALLOCATION_DISCLOSURE_A) memcpy(made.value, secret_a, 32);
  if (what == ALLOCATION_DISCLOSURE_B) memcpy(made.value, secret_b, 32);
  return made;
}

static enum allocation_status allowed(struct allocation_step next) {
  return allocation_step_allowed(&rules, step, count, sizes, &next, &error);
}

static void take(enum allocation_what what, int wave, int slot, const char *who) {
  struct allocation_step next = make(what, wave, slot, who);
  if (allowed(next)) fail_msg("%s: %s", allocation_what_name[what], error.text);
  step[count++] = next;
}

static void refuse(enum allocation_what what, int wave, int slot, const char *who, const char *why) {
  if (!allowed(make(what, wave, slot, who))) fail_msg("%s of wave %d was allowed", allocation_what_name[what], wave);
  if (!strstr(error.text, why)) fail_msg("'%s' does not say '%s'", error.text, why);
}

static int setup(void **state) {
  (void)state;
  rules = allocation_rules_default();
  rules.columns = 2;
  memset(step, 0, sizeof step);
  memset(sizes, 0, sizeof sizes);
  count = 0;
  roster = (struct allocation_roster){.wave = 1, .count = 3};
  for (int i = 0; i < 3; i++) {
    roster.person[i].locked = 1764000000000 + i;
    roster.person[i].record[0] = (uint8_t)i;
    roster.person[i].x[0] = (int16_t)(i * 400 - 400);
  }
  return 0;
}

static void begin_wave(int wave, int people) {
  sizes[wave] = people;
  take(ALLOCATION_ROSTER, wave, 0, "coordinator");
  take(ALLOCATION_COMMITMENT_A, wave, 0, "allocator");
  take(ALLOCATION_COMMITMENT_B, wave, 0, "witness");
}

static void end_wave(int wave) {
  take(ALLOCATION_DISCLOSURE_B, wave, 0, "witness");
  take(ALLOCATION_DISCLOSURE_A, wave, 0, "allocator");
  take(ALLOCATION_DERIVATION, wave, 0, "allocator");
  take(ALLOCATION_SLOTS, wave, 0, "allocator");
}

/* ---- order ---- */

static void test_one_wave(void **state) {
  (void)state;
  refuse(ALLOCATION_ROSTER, 1, 0, "coordinator", "rules come first");
  refuse(ALLOCATION_LOCK, 0, 0, "investigator", "no step 'rules'");
  take(ALLOCATION_RULES, 0, 0, "investigator");
  refuse(ALLOCATION_RULES, 0, 0, "investigator", "done already");
  refuse(ALLOCATION_COMMITMENT_A, 1, 0, "allocator", "no step 'roster'");
  refuse(ALLOCATION_ROSTER, 2, 0, "coordinator", "one after the other");
  sizes[1] = 3;
  take(ALLOCATION_ROSTER, 1, 0, "coordinator");
  refuse(ALLOCATION_ROSTER, 1, 0, "coordinator", "done already");
  refuse(ALLOCATION_ROSTER, 2, 0, "coordinator", "not ended or aborted");
  refuse(ALLOCATION_DISCLOSURE_A, 1, 0, "allocator", "no step 'commitment-a'");
  take(ALLOCATION_COMMITMENT_A, 1, 0, "allocator");
  refuse(ALLOCATION_DISCLOSURE_A, 1, 0, "allocator", "no step 'commitment-b'"); /* before the other is bound */
  refuse(ALLOCATION_COMMITMENT_B, 1, 0, "allocator", "another person's");
  take(ALLOCATION_COMMITMENT_B, 1, 0, "witness");
  refuse(ALLOCATION_COMMITMENT_B, 1, 0, "witness", "done already");
  refuse(ALLOCATION_DERIVATION, 1, 0, "allocator", "no step 'disclosure-a'");
  refuse(ALLOCATION_DISCLOSURE_A, 1, 0, "somebody", "who committed");
  take(ALLOCATION_DISCLOSURE_A, 1, 0, "allocator");
  refuse(ALLOCATION_DERIVATION, 1, 0, "allocator", "no step 'disclosure-b'");
  struct allocation_step lie = make(ALLOCATION_DISCLOSURE_B, 1, 0, "witness");
  lie.value[31] ^= 1;
  assert_int_equal(allowed(lie), ALLOCATION_FALSE);
  take(ALLOCATION_DISCLOSURE_B, 1, 0, "witness");
  refuse(ALLOCATION_SLOTS, 1, 0, "allocator", "no step 'derivation'");
  take(ALLOCATION_DERIVATION, 1, 0, "allocator");
  refuse(ALLOCATION_RELEASE, 1, 1, "allocator", "no step 'slots'");
  refuse(ALLOCATION_LOCK, 0, 0, "investigator", "not ended or aborted");
  take(ALLOCATION_SLOTS, 1, 0, "allocator");
  refuse(ALLOCATION_MARK, 1, 2, "coordinator", "not released");
  take(ALLOCATION_RELEASE, 1, 2, "allocator");
  refuse(ALLOCATION_RELEASE, 1, 2, "allocator", "released already");
  refuse(ALLOCATION_RELEASE, 1, 4, "allocator", "no such slot");
  refuse(ALLOCATION_RELEASE, 1, 0, "allocator", "no such slot");
  refuse(ALLOCATION_ABORT, 1, 0, "allocator", "the wave stands");
  take(ALLOCATION_MARK, 1, 2, "P-7K3QX9M");
}

static void test_end(void **state) {
  (void)state;
  take(ALLOCATION_RULES, 0, 0, "investigator");
  begin_wave(1, 3);
  take(ALLOCATION_ABORT, 1, 0, "allocator");
  refuse(ALLOCATION_DISCLOSURE_A, 1, 0, "allocator", "aborted");
  begin_wave(2, 3);
  end_wave(2);
  refuse(ALLOCATION_REPORT, 0, 0, "investigator", "no step 'lock'");
  take(ALLOCATION_RELEASE, 2, 1, "allocator");
  take(ALLOCATION_LOCK, 0, 0, "investigator");
  refuse(ALLOCATION_RELEASE, 2, 2, "allocator", "locked");
  refuse(ALLOCATION_ROSTER, 3, 0, "coordinator", "locked");
  refuse(ALLOCATION_UNMASKING, 0, 0, "investigator", "no step 'report'");
  take(ALLOCATION_REPORT, 0, 0, "investigator");
  refuse(ALLOCATION_REVEAL, 2, 0, "allocator", "two people's unmasking");
  take(ALLOCATION_UNMASKING, 0, 0, "investigator");
  refuse(ALLOCATION_UNMASKING, 0, 0, "investigator", "two people");
  refuse(ALLOCATION_REVEAL, 2, 0, "allocator", "two people's unmasking");
  take(ALLOCATION_UNMASKING, 0, 0, "statistician");
  refuse(ALLOCATION_UNMASKING, 0, 0, "third", "two people have unmasked");
  refuse(ALLOCATION_REVEAL, 1, 0, "allocator", "aborted");
  take(ALLOCATION_REVEAL, 2, 0, "allocator");
  refuse(ALLOCATION_REVEAL, 3, 0, "allocator", "one after the other");
}

static void test_wrong_values(void **state) {
  (void)state;
  take(ALLOCATION_RULES, 0, 0, "investigator");
  begin_wave(1, 3);
  refuse(ALLOCATION_LOCK, 1, 0, "investigator", "no wave for this step");
  refuse(ALLOCATION_ROSTER, 0, 0, "coordinator", "no wave for this step");
  refuse(ALLOCATION_ROSTER, 100, 0, "coordinator", "no wave for this step");
  refuse(ALLOCATION_ABORT, 1, 0, "the allocator", "code");
  struct allocation_step next = make(ALLOCATION_ABORT, 1, 0, "allocator");
  next.time = 0;
  assert_int_equal(allowed(next), ALLOCATION_ORDER);
  assert_non_null(strstr(error.text, "clock"));
  static const char *const bad[] = {"",         "a\nb", "\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                    "\xc2\x85", "\xc3"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    next = make(ALLOCATION_ABORT, 1, 0, "allocator");
    snprintf(next.text, sizeof next.text, "%s", bad[i]);
    assert_int_equal(allowed(next), ALLOCATION_RANGE);
  }
}

static void test_one_party(void **state) {
  (void)state;
  rules.parties = 1;
  take(ALLOCATION_RULES, 0, 0, "investigator");
  sizes[1] = 3;
  take(ALLOCATION_ROSTER, 1, 0, "coordinator");
  refuse(ALLOCATION_COMMITMENT_B, 1, 0, "witness", "one party");
  take(ALLOCATION_COMMITMENT_A, 1, 0, "allocator");
  refuse(ALLOCATION_DISCLOSURE_B, 1, 0, "witness", "one party");
  take(ALLOCATION_DISCLOSURE_A, 1, 0, "allocator");
  uint8_t seed[32], expected[32];
  assert_true(allocation_step_seed(seed, &rules, step, count, 1));
  allocation_seed(expected, step[0].value, step[1].value, 1, secret_a, NULL);
  assert_memory_equal(seed, expected, 32);
  assert_false(allocation_step_seed(seed, &rules, step, count, 2));
  take(ALLOCATION_DERIVATION, 1, 0, "allocator");
}

/* ---- one form ---- */

/* Every byte of a text changed in turn, to every neighbour that may stand in such a file: refused, or read as something
 * whose one form is the changed text. */
typedef bool again(const char *text, size_t length, struct allocation_text *out);

static void check_form(const char *text, size_t length, again *reread) {
  static const char letters[] = "0123456789abcdefz,-_\"{}[]:\n\r \xc3";
  char changed[4096], data[4096];
  struct allocation_text out = {.data = data, .capacity = sizeof data};
  assert_true(reread(text, length, &out));
  assert_int_equal(out.length, length);
  assert_memory_equal(data, text, length);
  int refused = 0;
  for (size_t at = 0; at < length; at++)
    for (size_t l = 0; letters[l]; l++) {
      memcpy(changed, text, length);
      changed[at] = letters[l];
      out = (struct allocation_text){.data = data, .capacity = sizeof data};
      if (!reread(changed, length, &out)) {
        refused++;
        continue;
      }
      assert_int_equal(out.length, length);
      assert_memory_equal(data, changed, length);
    }
  assert_true(refused > 1000);
  for (size_t shorter = 0; shorter < length; shorter++) {
    out = (struct allocation_text){.data = data, .capacity = sizeof data};
    if (reread(text, shorter, &out)) assert_memory_equal(data, text, out.length == shorter ? shorter : length);
  }
}

static bool again_rules(const char *text, size_t length, struct allocation_text *out) {
  struct allocation_rules read;
  if (allocation_rules_read(&read, text, length, &error)) return false;
  allocation_rules_write(out, &read);
  return true;
}

static bool again_roster(const char *text, size_t length, struct allocation_text *out) {
  static struct allocation_roster read;
  if (allocation_roster_read(&read, &rules, 1, text, length, &error)) return false;
  allocation_roster_write(out, &rules, &read);
  return true;
}

static bool again_steps(const char *text, size_t length, struct allocation_text *out) {
  static struct allocation_step read[100];
  int steps;
  if (allocation_steps_read(read, 100, &steps, text, length, &error)) return false;
  allocation_steps_write(out, read, steps);
  return true;
}

static void test_rules_form(void **state) {
  (void)state;
  char data[2048];
  struct allocation_text text = {.data = data, .capacity = sizeof data};
  allocation_rules_write(&text, &rules);
  assert_string_equal(
      data, "{\"arms\":[\"programme\",\"control\"],\"blocks\":[4,6,8],\"coding\":"
            "\"0000000000000000000000000000000000000000000000000000000000000000\",\"columns\":2,\"limit\":3,"
            "\"method\":\"covariate-constrained\",\"most\":20,\"parties\":2,\"preferred\":[4,5],\"ratio\":[1,1],"
            "\"strata\":[],\"study\":\"study\",\"v\":1}\n");
  check_form(data, text.length, again_rules);
  for (int m = 0; m < ALLOCATION_METHODS; m++) {
    struct allocation_text other = {.data = data, .capacity = sizeof data};
    rules.method = (enum allocation_method)m;
    rules.strata = 2, rules.stratum[0] = 1, rules.stratum[1] = 2;
    allocation_rules_write(&other, &rules);
    check_form(data, other.length, again_rules);
  }
}

static void test_roster_form(void **state) {
  (void)state;
  char data[2048];
  struct allocation_text text = {.data = data, .capacity = sizeof data};
  allocation_roster_write(&text, &rules, &roster);
  assert_non_null(strstr(data, "\n1-3,1764000000002,02"));
  assert_non_null(strstr(data, ",400,0\n"));
  check_form(data, text.length, again_roster);
  rules.most = 2;
  assert_int_equal(allocation_roster_read(&roster, &rules, 1, data, text.length, &error), ALLOCATION_TEXT);
}

static void test_steps_form(void **state) {
  (void)state;
  char data[4096];
  struct allocation_text text = {.data = data, .capacity = sizeof data};
  take(ALLOCATION_RULES, 0, 0, "investigator");
  begin_wave(1, 3);
  take(ALLOCATION_ABORT, 1, 0, "allocator");
  begin_wave(2, 3);
  end_wave(2);
  take(ALLOCATION_RELEASE, 2, 3, "allocator");
  take(ALLOCATION_LOCK, 0, 0, "investigator");
  allocation_steps_write(&text, step, count);
  assert_non_null(strstr(data, "\n4,1004,1,abort,,allocator,\"a reason, \"\"quoted\"\", d\xc3\xa9j\xc3\xa0\"\n"));
  assert_non_null(strstr(data, ",2,release,2-3,allocator,\n"));
  check_form(data, text.length, again_steps);
  static struct allocation_step read[100];
  int steps;
  assert_int_equal(allocation_steps_read(read, 3, &steps, data, text.length, &error), ALLOCATION_TEXT);
}

static void test_reveal_form(void **state) {
  (void)state;
  char data[2048];
  struct allocation_text text = {.data = data, .capacity = sizeof data};
  const uint8_t arm[] = {0, 1, 0};
  uint8_t read[ALLOCATION_WAVE_MAX];
  allocation_reveal_write(&text, &rules, &roster, arm, secret_a);
  assert_int_equal(allocation_reveal_read(read, &rules, 1, 3, data, text.length, &error), ALLOCATION_OK);
  assert_memory_equal(read, arm, 3);
  assert_int_equal(allocation_reveal_read(read, &rules, 1, 2, data, text.length, &error), ALLOCATION_TEXT);
  assert_int_equal(allocation_reveal_read(read, &rules, 1, 4, data, text.length, &error), ALLOCATION_TEXT);
  assert_int_equal(allocation_reveal_read(read, &rules, 2, 3, data, text.length, &error), ALLOCATION_TEXT);
  data[strcspn(data, "p")] = 'q'; /* an arm that there is not */
  assert_int_equal(allocation_reveal_read(read, &rules, 1, 3, data, text.length, &error), ALLOCATION_TEXT);
}

/* Texts that do not fit are noticed, nothing is written beyond. */
static void test_full(void **state) {
  (void)state;
  char data[100];
  struct allocation_text text = {.data = data, .capacity = 60};
  memset(data, '#', sizeof data);
  allocation_rules_write(&text, &rules);
  assert_true(text.full);
  for (size_t i = 60; i < sizeof data; i++) assert_int_equal(data[i], '#');
}

int main(void) {
  crypto_start();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(test_one_wave, setup),     cmocka_unit_test_setup(test_end, setup),
      cmocka_unit_test_setup(test_wrong_values, setup), cmocka_unit_test_setup(test_one_party, setup),
      cmocka_unit_test_setup(test_rules_form, setup),   cmocka_unit_test_setup(test_roster_form, setup),
      cmocka_unit_test_setup(test_steps_form, setup),   cmocka_unit_test_setup(test_reveal_form, setup),
      cmocka_unit_test_setup(test_full, setup),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
