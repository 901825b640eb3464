/* What the gate asks for beside a sign-in: a proof before what must be proved, a second factor in a real home; and what the
 * pages of accounts do with two administrators. The clock is the test's. */
#include <semaphore.h>

#include "people/authenticator.h"
#include "trial_fixture.h"
#include "web/web.h"

static struct trial trial;
static struct web web;
static struct server_config config;
static struct home *homes[1];

static void wake(void *owner) {
  sem_post(owner);
}

static struct arena arena;
static struct request request;

/* Runs one request to its end: its status, and the page in request.out. */
static unsigned ask(enum method method, const char *path, const char *body, const char *cookies) {
  arena_free(&arena);
  arena_init(&arena, 0);
  const char *question = strchr(path, '?');
  request = (struct request){.arena = &arena,
                             .web = &web,
                             .method = method,
                             .path = question ? arena_text_n(&arena, path, (size_t)(question - path)) : arena_text(&arena, path),
                             .status = 200,
                             .type = "text/html; charset=utf-8",
                             .host = "evil.test",
                             .network = "192.0.2.1",
                             .now_ms = trial.now_ms};
  request.out = buf_in(&arena, 4096);
  if (question) assert_true(pairs_decode(&arena, &request.query, question + 1, strlen(question + 1)));
  if (body) assert_true(pairs_decode(&arena, &request.form, body, strlen(body)));
  pairs_cookies(&arena, &request.cookies, cookies);
  sem_t done;
  sem_init(&done, 0, 0);
  web_run(&request);
  while (request.waiting) {
    waiting_start(&request, wake, &done);
    while (sem_wait(&done)) continue;
    web_run(&request);
  }
  sem_destroy(&done);
  return request.status;
}

static const char *header(const char *name, const char *starts) {
  for (size_t i = 0; i < request.header_count; i++)
    if (!strcmp(request.headers[i].name, name) && !strncmp(request.headers[i].value, starts, strlen(starts)))
      return request.headers[i].value;
  return "";
}

static bool shows(const char *text) {
  return strstr(request.out.data, text) != NULL;
}

#define PASSWORD_TYPED "four+words+in+a+row"
struct someone {
  char code[CODE_BYTES], cookie[200], token[64];
};

static void account_of(unsigned roles, struct someone *one) {
  struct account_create create = {.by = "cli", .roles = roles, .person = "", .site = "", .language = "en", .login = "", .name = "Someone", .address = ""};
  must(&trial, account_create, &create);
  memcpy(one->code, create.code, CODE_BYTES);
}

static void with_password(const struct someone *one) {
  static char hash[PASSWORD_HASH_BYTES];
  struct error error;
  if (!*hash) assert_int_equal(password_hash(&config.chance, "all", "four words in a row", hash, &error), OK);
  must(&trial, account_credential, (&(struct account_credential){.by = "cli", .account = one->code, .password_hash = hash}));
}

/* By a link that the operator made. */
static void come_in(struct someone *one) {
  static int count;
  char purpose[32], path[200], token[100], body[200], cookies[200];
  snprintf(purpose, sizeof purpose, "test %d", ++count);
  struct sign_in_link_make make = {.by = "cli", .account = one->code, .valid_ms = HOUR_MS, .purpose = purpose};
  must(&trial, sign_in_link_make, &make);
  snprintf(path, sizeof path, "/practice/sign-in/link/%s", make.token);
  assert_int_equal(ask(METHOD_GET, path, NULL, NULL), 200);
  text_between(request.out.data, "name=\"form_token\" value=\"", "\"", token, sizeof token);
  snprintf(cookies, sizeof cookies, "attune-door=%s", token);
  snprintf(body, sizeof body, "form_token=%s", token);
  assert_int_equal(ask(METHOD_POST, path, body, cookies), 303);
  assert_string_not_equal(header("Set-Cookie", "attune-device-"), "");
  text_between(header("Set-Cookie", "attune-practice="), "", ";", one->cookie, sizeof one->cookie);
  ask(METHOD_GET, "/practice/account", NULL, one->cookie);
  text_between(request.out.data, "name=\"form_token\" value=\"", "\"", one->token, sizeof one->token);
}

static unsigned post(const struct someone *one, const char *path, const char *more) {
  char body[600];
  snprintf(body, sizeof body, "form_token=%s%s%s", one->token, *more ? "&" : "", more);
  return ask(METHOD_POST, path, body, one->cookie);
}

static unsigned get(const struct someone *one, const char *path) {
  return ask(METHOD_GET, path, NULL, one->cookie);
}

static int64_t number(const char *sql) {
  struct db *db;
  int64_t found = -1;
  assert_ok(db_open(&db, trial.home->store, DB_OPEN, error));
  assert_ok(db_int(db, error, &found, -1, sql, NO_ARGS));
  db_close(db);
  return found;
}

static int begin(void **state) {
  (void)state;
  trial_open(&trial, "practice", false);
  homes[0] = trial.home;
  struct error error;
  config = (struct server_config){.homes = homes, .home_count = 1, .listen = "", .base = "https://trial.example.org", .made_up = true,
                                  .clock = trial.home->clock, .chance = chance_frozen(3)};
  config.passwords = password_pool_start(&config.chance, 1, &error);
  assert_non_null(config.passwords);
  if (web_open(&web, &config, "http://127.0.0.1:1", &error)) stop_test("%s", error.text);
  return 0;
}

static int end(void **state) {
  (void)state;
  web_close(&web);
  password_pool_stop(config.passwords);
  arena_free(&arena);
  trial_verify(&trial);
  trial_close(&trial);
  return 0;
}

static void a_stale_proof_is_asked_for_and_what_was_typed_goes_on(void **state) {
  (void)state;
  struct someone root;
  account_of(ROLE_ADMINISTRATOR, &root);
  with_password(&root);
  come_in(&root);
  static const char fields[] = "role=coordinator&language=en&name=Grace+H&person=&site=&login=&address=";
  int64_t accounts = number("SELECT count(*) FROM account");
  assert_int_equal(post(&root, "/practice/accounts", fields), 303); /* just signed in */
  assert_int_equal(number("SELECT count(*) FROM account"), accounts + 1);
  trial.now_ms += SIGN_IN_PROVED_MS;
  assert_int_equal(post(&root, "/practice/accounts", fields), 403);
  assert_true(shows("action=\"/practice/prove\"") && shows("name=\"keep.name\" value=\"Grace H\""));
  assert_true(shows("<dd>Grace H</dd>")); /* and is shown */
  assert_int_equal(number("SELECT count(*) FROM account"), accounts + 1);

  static const char kept[] = "to=/practice/accounts&keep.role=coordinator&keep.language=en&keep.name=Grace+H&keep.attune-sent=1";
  char body[400];
  snprintf(body, sizeof body, "%s&password=not+these+words", kept);
  assert_int_equal(post(&root, "/practice/prove", body), 403);
  assert_true(shows("<dd>Grace H</dd>") && !shows("these words"));
  assert_int_equal(number("SELECT count(*) FROM account"), accounts + 1);
  snprintf(body, sizeof body, "%s&password=" PASSWORD_TYPED, kept);
  assert_int_equal(post(&root, "/practice/prove", body), 303);
  assert_int_equal(number("SELECT count(*) FROM account"), accounts + 2);
  assert_string_not_equal(header("Location", "/practice/accounts/A-"), "");
  assert_int_equal(post(&root, "/practice/accounts", fields), 303); /* proved for the next minutes */

  trial.now_ms += SIGN_IN_PROVED_MS; /* a page is asked for again after the proof */
  assert_int_equal(get(&root, "/practice/account/authenticator"), 303);
  assert_string_not_equal(header("Location", "/practice/prove?to="), "");
  assert_int_equal(post(&root, "/practice/prove", "to=/practice/account/authenticator&password=" PASSWORD_TYPED), 303);
  assert_string_not_equal(header("Location", "/practice/account/authenticator"), "");
}

/* What the proof opens is what the role opens, and nothing beside it. */
static void a_proof_is_no_way_round_the_roles(void **state) {
  (void)state;
  struct someone rater;
  account_of(ROLE_RATER, &rater);
  with_password(&rater);
  come_in(&rater);
  int64_t accounts = number("SELECT count(*) FROM account");
  int64_t refused = number("SELECT count(*) FROM ledger_entry WHERE kind = 'access.refused'");
  static const char kept[] = "to=/practice/accounts&keep.role=coordinator&keep.language=en&keep.name=X&keep.attune-sent=1&password=" PASSWORD_TYPED;
  assert_int_equal(post(&rater, "/practice/prove", kept), 403);
  assert_int_equal(number("SELECT count(*) FROM account"), accounts);
  assert_int_equal(number("SELECT count(*) FROM ledger_entry WHERE kind = 'access.refused'"), refused + 1);
  assert_int_equal(get(&rater, "/practice/administration"), 403);
  assert_int_equal(get(&rater, "/practice/administration"), 403);
  assert_int_equal(number("SELECT count(*) FROM ledger_entry WHERE kind = 'access.refused'"), refused + 2);
  assert_int_equal(post(&rater, "/practice/prove", "to=https://evil.test/&keep.a=b&password=" PASSWORD_TYPED), 404);
}

static void a_guarded_link_takes_two_and_begins_with_our_address(void **state) {
  (void)state;
  struct someone root, second, trainer;
  char path[60], answer[100], link[300];
  account_of(ROLE_ADMINISTRATOR, &root);
  account_of(ROLE_ADMINISTRATOR, &second);
  account_of(ROLE_COORDINATOR, &trainer);
  come_in(&root);
  come_in(&second);
  snprintf(path, sizeof path, "/practice/accounts/%s", trainer.code);
  snprintf(link, sizeof link, "%s/link", path);
  snprintf(answer, sizeof answer, "%s/answer", path);
  assert_int_equal(post(&root, link, ""), 303);
  assert_int_equal(get(&root, path), 200);
  assert_true(shows("value=\"refuse\"") && !shows("value=\"confirm\""));
  assert_int_equal(get(&second, "/practice/administration"), 200);
  assert_true(shows(trainer.code) && shows("asks for a sign-in link"));
  assert_int_equal(get(&second, path), 200);
  assert_true(shows("value=\"confirm\""));
  assert_int_equal(post(&root, answer, "what=link&answer=confirm"), 403);
  trial.now_ms += SIGN_IN_LINK_PROVED_MS / 3;
  assert_int_equal(get(&second, path), 200);
  trial.now_ms += SIGN_IN_LINK_PROVED_MS / 3;
  assert_int_equal(get(&second, path), 200);
  assert_int_equal(post(&second, answer, "what=link&answer=confirm"), 200);
  text_between(request.out.data, "<code class=\"wrap\">", "</code>", link, sizeof link);
  assert_true(!strncmp(link, "https://trial.example.org/practice/sign-in/link/", 48) && !shows("evil.test"));
  assert_int_equal(ask(METHOD_GET, strstr(link, "/practice"), NULL, NULL), 200);
  assert_int_equal(post(&second, answer, "what=link&answer=confirm"), 404);
}

/* Only who may meet an arm or an identity, and only where people are real. */
static void a_real_home_asks_for_a_second_factor(void **state) {
  (void)state;
  struct someone coordinator, rater;
  account_of(ROLE_COORDINATOR, &coordinator);
  account_of(ROLE_RATER, &rater);
  come_in(&coordinator);
  come_in(&rater);
  assert_int_equal(get(&coordinator, "/practice/overview"), 200);
  config.made_up = false;
  assert_int_equal(get(&coordinator, "/practice/overview"), 303);
  assert_string_not_equal(header("Location", "/practice/account/authenticator"), "");
  assert_int_equal(post(&coordinator, "/practice/enrol", "name=x"), 303);
  assert_int_equal(get(&coordinator, "/practice/account/authenticator"), 200);
  assert_true(shows("second factor before you go on"));
  assert_int_equal(get(&coordinator, "/practice/account"), 200);
  assert_int_equal(get(&coordinator, "/practice/help"), 200);
  assert_int_equal(get(&rater, "/practice/account"), 200);
  assert_int_equal(get(&rater, "/practice/administration"), 403);
  uint8_t secret[TOTP_SECRET_BYTES] = "1234567890123456789";
  struct sign_in who = {0};
  bool flush;
  struct db *db;
  assert_ok(db_open(&db, trial.home->store, DB_OPEN, error));
  assert_ok(sign_in_find(db, web.served[0].seen, strchr(coordinator.cookie, '=') + 1, trial.now_ms, &who, &flush, error));
  db_close(db);
  struct account_credential credential = {.by = coordinator.code, .account = coordinator.code, .totp_secret = secret, .keep_token_hash = who.token_hash};
  must(&trial, account_credential, &credential);
  assert_int_equal(get(&coordinator, "/practice/overview"), 200);
  config.made_up = true;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_stale_proof_is_asked_for_and_what_was_typed_goes_on),
      cmocka_unit_test(a_proof_is_no_way_round_the_roles),
      cmocka_unit_test(a_guarded_link_takes_two_and_begins_with_our_address),
      cmocka_unit_test(a_real_home_asks_for_a_second_factor),
  };
  crypto_start();
  return cmocka_run_group_tests(tests, begin, end);
}
