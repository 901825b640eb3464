/* Nobody gets into an account, or gets a role, that may meet an arm or an identity, by one administrator alone and unseen. */
#include "people/answer.h"
#include "people/ask.h"
#include "test_people_world.h"

static const char *administrator(const char *login) {
  struct account_create create = plain(ROLE_ADMINISTRATOR, login);
  must(account_create, &create);
  return arena_text(&w->arena, create.code);
}

static const char *member(unsigned roles, const char *login) {
  struct account_create create = plain(roles, login);
  must(account_create, &create);
  return arena_text(&w->arena, create.code);
}

/* How many entries of the kind about the account, by whom, the masked log shows. */
static int64_t in_masked_log(const char *by, const char *kind, const char *about) {
  struct db *masked;
  int64_t count = -1;
  assert_int_equal(db_open(&masked, w->store, DB_MASKED, &why), OK);
  assert_int_equal(db_int(masked, &why, &count, -1, "SELECT count(*) FROM audit_masked WHERE actor = $1 AND kind = $2 AND about = $3",
                          ARGS(v_text(by), v_text(kind), v_text(about))),
                   OK);
  db_close(masked);
  return count;
}

static unsigned roles_of(const char *code) {
  struct account account;
  assert_int_equal(account_read(w->db, code, &account, &why), OK);
  return account.roles;
}

static struct sign_in_link_make link_for(const char *by, const char *account) {
  return (struct sign_in_link_make){.by = by, .account = account, .valid_ms = DAY_MS, .purpose = "test"};
}

static void a_link_is_an_entry_that_the_masked_log_shows(void **state) {
  (void)state;
  const char *root = administrator("root"), *ada = member(ROLE_RATER, "ada");
  struct sign_in_link_make make = link_for(root, ada);
  must(sign_in_link_make, &make);
  assert_false(make.asked);
  assert_int_equal(strlen(make.token), 43);
  assert_int_equal(in_masked_log(root, "account.link", ada), 1);
  make = link_for("cli", root); /* the machine's own way, and on record too */
  must(sign_in_link_make, &make);
  assert_int_equal(strlen(make.token), 43);
  assert_int_equal(in_masked_log("cli", "account.link", root), 1);
  make = link_for(ada, ada);
  refused_by(sign_in_link_make, &make, ERR_DENIED, "not-administrator");
  make = link_for("", ada);
  refused_by(sign_in_link_make, &make, ERR_DENIED, "not-administrator");
}

static void a_guarded_link_waits_for_a_second_administrator(void **state) {
  (void)state;
  static const enum role guarded[] = {ROLE_TRAINER, ROLE_COORDINATOR, ROLE_ASSISTANT, ROLE_INTERVIEWER, ROLE_ALLOCATOR, ROLE_ADMINISTRATOR};
  const char *root = administrator("root"), *second = administrator("second");
  for (size_t i = 0; i < sizeof guarded / sizeof *guarded; i++) {
    const char *ada = member(guarded[i], role_name(guarded[i]));
    struct sign_in_link_make make = link_for(root, ada);
    must(sign_in_link_make, &make);
    assert_true(make.asked);
    assert_string_equal(make.token, "");
    assert_int_equal(number("SELECT count(*) FROM run_sign_in_link"), 0);
    assert_int_equal(in_masked_log(root, "account.ask", ada), 1);
    struct account_answer answer = {.by = root, .account = ada, .what = ASK_LINK, .confirm = true, .valid_ms = HOUR_MS};
    refused_by(account_answer, &answer, ERR_DENIED, "ask-own");
    answer.by = ada;
    if (guarded[i] != ROLE_ADMINISTRATOR) refused_by(account_answer, &answer, ERR_DENIED, "not-administrator");
    make = link_for(second, ada);
    refused_by(sign_in_link_make, &make, ERR_STATE, "ask-waits");
    answer.by = second;
    must(account_answer, &answer);
    assert_int_equal(in_masked_log(second, "account.confirm", ada), 1);
    struct sign_in_link_use use = {.token = answer.token};
    must(sign_in_link_use, &use);
    assert_int_equal(find(use.cookie), OK);
    assert_string_equal(found.account.code, ada);
    refused_by(account_answer, &answer, ERR_MISSING, "ask-missing"); /* once */
    must(sign_in_end, &(struct sign_in_end){.cookie = use.cookie});
    must(account_change, &(struct account_change){.by = "cli", .account = ada, .disabled = 1}); /* its link goes with it */
  }
}

static void an_administrator_becomes_no_trainer_unseen(void **state) {
  (void)state;
  const char *root = administrator("root"), *second = administrator("second"), *ada = member(ROLE_INTERVIEWER, "ada");
  struct account_change change = {.by = root, .account = root, .roles = ROLE_ADMINISTRATOR | ROLE_TRAINER, .disabled = -1};
  must(account_change, &change);
  assert_true(change.asked);
  assert_int_equal(roles_of(root), ROLE_ADMINISTRATOR);
  assert_int_equal(in_masked_log(root, "account.ask", root), 1);
  struct account_answer answer = {.by = root, .account = root, .what = ASK_ROLES, .confirm = true};
  refused_by(account_answer, &answer, ERR_DENIED, "ask-own");
  answer.by = second;
  answer.confirm = false;
  must(account_answer, &answer);
  assert_int_equal(roles_of(root), ROLE_ADMINISTRATOR);
  assert_int_equal(in_masked_log(second, "account.refuse", root), 1);

  /* What else changes is done at once; what needs nobody else is not asked. */
  change = (struct account_change){.by = root, .account = ada, .roles = ROLE_INTERVIEWER | ROLE_TRAINER, .disabled = -1, .language = "fr"};
  must(account_change, &change);
  assert_int_equal(roles_of(ada), ROLE_INTERVIEWER);
  struct account account;
  assert_int_equal(account_read(w->db, ada, &account, &why), OK);
  assert_string_equal(account.language, "fr");
  answer = (struct account_answer){.by = second, .account = ada, .what = ASK_ROLES, .confirm = true};
  must(account_answer, &answer);
  assert_int_equal(roles_of(ada), ROLE_INTERVIEWER | ROLE_TRAINER);
  assert_string_equal(answer.token, "");
  change = (struct account_change){.by = root, .account = ada, .roles = ROLE_INTERVIEWER, .disabled = -1};
  must(account_change, &change);
  assert_false(change.asked);
  assert_int_equal(roles_of(ada), ROLE_INTERVIEWER);
  change = (struct account_change){.by = "cli", .account = ada, .roles = ROLE_TRAINER, .disabled = -1}; /* the machine's way */
  must(account_change, &change);
  assert_int_equal(roles_of(ada), ROLE_TRAINER);
}

static void what_was_asked_is_checked_again_when_it_is_confirmed(void **state) {
  (void)state;
  const char *root = administrator("root"), *second = administrator("second"), *ada = member(ROLE_TRAINER, "ada");
  struct account_change change = {.by = root, .account = ada, .roles = ROLE_TRAINER | ROLE_COORDINATOR, .disabled = -1};
  must(account_change, &change);
  struct sign_in_link_make make = link_for(root, ada);
  must(sign_in_link_make, &make);
  struct ask *asks;
  size_t count;
  assert_int_equal(ask_list(w->db, &w->arena, w->now_ms, &asks, &count, &why), OK);
  assert_int_equal(count, 2);
  assert_string_equal(asks[0].what, ASK_LINK);
  assert_int_equal(asks[1].roles, ROLE_TRAINER | ROLE_COORDINATOR);
  must(account_change, &(struct account_change){.by = "cli", .account = ada, .disabled = 1});
  struct account_answer answer = {.by = second, .account = ada, .what = ASK_LINK, .confirm = true, .valid_ms = HOUR_MS};
  refused_by(account_answer, &answer, ERR_STATE, "account-disabled");
  w->now_ms += ASK_VALID_MS;
  answer.what = ASK_ROLES;
  refused_by(account_answer, &answer, ERR_MISSING, "ask-missing");
  answer.what = "roles' OR '1'='1";
  refused_by(account_answer, &answer, ERR_MISSING, "ask-missing");
  assert_int_equal(ask_list(w->db, &w->arena, w->now_ms, &asks, &count, &why), OK);
  assert_int_equal(count, 0);
  assert_int_equal(roles_of(ada), ROLE_TRAINER);
}

static void what_waits_falls_with_its_account(void **state) {
  (void)state;
  const char *root = administrator("root"), *ada = member(ROLE_TRAINER, "ada");
  struct sign_in_link_make make = link_for(root, ada);
  must(sign_in_link_make, &make);
  must(erase, (void *)ada);
  assert_int_equal(number("SELECT count(*) FROM account_ask"), 0);
}

int main(void) {
  struct CMUnitTest tests[] = {
      on_ledger(a_link_is_an_entry_that_the_masked_log_shows),
      on_ledger(a_guarded_link_waits_for_a_second_administrator),
      on_ledger(an_administrator_becomes_no_trainer_unseen),
      on_ledger(what_was_asked_is_checked_again_when_it_is_confirmed),
      on_ledger(what_waits_falls_with_its_account),
  };
  return run_on_engines(tests, sizeof tests / sizeof *tests);
}
