#include "ledger_fixture.h"

#include <pthread.h>

#include "base/crypto.h"

static void a_life_verifies(bool postgresql) {
  struct world world;
  struct verify_report report;
  world_open(&world, postgresql);
  world_live(&world, 5);
  world_verify(&world, &report);
  assert_string_equal(report.first_difference, "");
  assert_true(report.tree_holds && report.checkpoints_hold && report.bodies_hold && report.tables_hold);
  assert_int_equal(report.entries, 26);
  assert_int_equal(report.erased_subjects, 1);
  assert_true(report.checkpoints >= 2);
  world_close(&world);
}

static void test_a_life_sqlite(void **state) {
  (void)state;
  a_life_verifies(false);
}
static void test_a_life_postgresql(void **state) {
  (void)state;
  if (!fixture_server()) skip();
  a_life_verifies(true);
}

int main(void) {
  crypto_start();
  if (!fixture_server()) print_message("PostgreSQL was left out: ATTUNE_TEST_POSTGRESQL is not set\n");
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_life_sqlite),
      cmocka_unit_test(test_a_life_postgresql),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
