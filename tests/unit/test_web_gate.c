/* The gate and the pages, without HTTP: requests are run as the server runs them, against a home in a fresh directory.
 * The access matrix is walked whole: every route, every role. */
#include <ctype.h>
#include <semaphore.h>

#include "trial_fixture.h"
#include "web/web.h"

#include "people/sign_in.h"

static struct trial trial;
static struct web web;
static struct server_config config;
static struct home *homes[1];
static char therapist[CODE_BYTES], patient[CODE_BYTES];

struct reply {
  struct arena arena;
  struct request request;
  const char *body;
};

static void wake(void *owner) {
  sem_post(owner);
}

static const char *reply_header(const struct reply *reply, const char *name, const char *starts) {
  for (size_t i = 0; i < reply->request.header_count; i++)
    if (!strcmp(reply->request.headers[i].name, name) &&
        !strncmp(reply->request.headers[i].value, starts, strlen(starts)))
      return reply->request.headers[i].value;
  return NULL;
}

/* Bytes that a request may have beyond what it came with, before and after its sleep; 0: as ever. */
static size_t first_may_have, then_may_have;

static void run_limited(struct request *request, size_t bytes) {
  request->arena->maximum = bytes ? request->arena->used + bytes : (size_t)1 << 30;
  web_run(request);
}

/* Runs one request to its end; `reply` is good until the next but one. */
static const struct reply *ask(enum method method, const char *path, const char *body, const char *cookies,
                               const char *origin) {
  static struct reply replies[2];
  static int turn;
  struct reply *reply = &replies[turn = !turn];
  arena_free(&reply->arena);
  *reply = (struct reply){0};
  arena_init(&reply->arena, 0);
  struct request *request = &reply->request;
  const char *question = strchr(path, '?');
  *request = (struct request){.arena = &reply->arena,
                              .web = &web,
                              .method = method,
                              .path = question ? arena_text_n(&reply->arena, path, (size_t)(question - path))
                                               : arena_text(&reply->arena, path),
                              .status = 200,
                              .type = "text/html; charset=utf-8",
                              .host = "attune.test",
                              .origin = origin,
                              .network = "127.0.0.1",
                              .now_ms = trial.now_ms};
  request->out = buf_in(&reply->arena, 4096);
  if (question) assert_true(pairs_decode(&reply->arena, &request->query, question + 1, strlen(question + 1)));
  if (body) assert_true(pairs_decode(&reply->arena, &request->form, body, strlen(body)));
  pairs_cookies(&reply->arena, &request->cookies, cookies);
  sem_t done;
  sem_init(&done, 0, 0);
  run_limited(request, first_may_have);
  while (request->waiting) {
    waiting_start(request, wake, &done);
    while (sem_wait(&done)) continue;
    run_limited(request, then_may_have);
  }
  sem_destroy(&done);
  assert_null(request->seat);
  reply->body = request->out.data;
  return reply;
}

#define GET(path, cookies) ask(METHOD_GET, path, NULL, cookies, NULL)
#define POST(path, body, cookies) ask(METHOD_POST, path, body, cookies, "http://attune.test")

struct person_in {
  char cookie[200], token[64];
};

/* ---- the world ---- */

static void account_for(unsigned roles, const char *person, char code[CODE_BYTES]) {
  struct account_create create = {.by = "cli",
                                  .roles = roles,
                                  .person = person,
                                  .site = "",
                                  .language = "en",
                                  .login = "",
                                  .name = "Someone",
                                  .address = ""};
  must(&trial, account_create, &create);
  memcpy(code, create.code, CODE_BYTES);
}

/* By a one-time link, through the pages. */
static void sign_in(const char *account, const char *purpose, struct person_in *in) {
  struct sign_in_link_make make = {.by = "cli", .account = account, .valid_ms = HOUR_MS, .purpose = purpose};
  must(&trial, sign_in_link_make, &make);
  char path[200], token[100], door[100], body[200], cookies[200];
  snprintf(path, sizeof path, "/practice/sign-in/link/%s", make.token);
  const struct reply *reply = GET(path, NULL);
  assert_int_equal(reply->request.status, 200);
  text_between(reply->body, "name=\"form_token\" value=\"", "\"", token, sizeof token);
  text_between(reply_header(reply, "Set-Cookie", "attune-door="), "attune-door=", ";", door, sizeof door);
  assert_string_equal(token, door);
  snprintf(cookies, sizeof cookies, "attune-door=%s", door);
  snprintf(body, sizeof body, "form_token=%s", token);
  assert_int_equal(POST(path, body, NULL)->request.status, 403); /* without the cookie */
  assert_int_equal(GET(path, NULL)->request.status, 200);        /* a GET consumes nothing */
  reply = POST(path, body, cookies);
  assert_int_equal(reply->request.status, 303);
  text_between(reply_header(reply, "Set-Cookie", "attune-practice="), "", ";", in->cookie, sizeof in->cookie);
  assert_non_null(strstr(reply_header(reply, "Set-Cookie", "attune-practice="), "HttpOnly; SameSite=Strict"));
  assert_int_equal(POST(path, body, cookies)->request.status, 404); /* once */
  reply = GET("/practice/help", in->cookie);
  text_between(reply->body, "name=\"form_token\" value=\"", "\"", in->token, sizeof in->token);
}

static int begin(void **state) {
  (void)state;
  trial_open(&trial, "practice", false);
  homes[0] = trial.home;
  struct error error;
  struct chance chance = chance_frozen(3);
  config = (struct server_config){
      .homes = homes, .home_count = 1, .listen = "", .made_up = true, .clock = trial.home->clock, .chance = chance};
  config.passwords = password_pool_start(&config.chance, 1, &error);
  assert_non_null(config.passwords);
  if (web_open(&web, &config, "http://127.0.0.1:1", &error)) stop_test("%s", error.text);
  trial_person(&trial, "therapist", "", "t@example.org", therapist);
  trial_person(&trial, "patient", therapist, "p@example.org", patient);
  trial_session(&trial, patient, 1);
  return 0;
}

static int end(void **state) {
  (void)state;
  web_close(&web);
  password_pool_stop(config.passwords);
  trial_close(&trial);
  return 0;
}

/* ---- who may open what ---- */

static void route_path(const struct route *route, char *path, size_t size) {
  size_t used = (size_t)snprintf(path, size, "%s", route->site ? "" : "/practice");
  for (const char *c = route->path; *c && used + 12 < size;) {
    if (*c != ':')
      path[used++] = *c++;
    else {
      used += (size_t)snprintf(path + used, size - used, "X-1");
      c += strcspn(c, "/");
    }
  }
  path[used] = 0;
}

static void test_matrix(void **state) {
  (void)state;
  int checked = 0, refusals = 0;
  for (int r = 0; r < ROLE_COUNT; r++) {
    enum role role = (enum role)(1 << r);
    if (!(role & ROLES_STAFF)) continue;
    char account[CODE_BYTES], path[200], body[100];
    struct person_in in;
    account_for(role, role == ROLE_THERAPIST ? therapist : "", account);
    sign_in(account, "matrix", &in);
    const struct route *route;
    for (struct route_walk walk = {0}; (route = route_next(&walk));) {
      if (!strcmp(route->path, "/sign-out") || !strcmp(route->path, "/unlock") || !strcmp(route->path, "/prove") ||
          !strcmp(route->path, "/door"))
        continue; /* tested by themselves */
      route_path(route, path, sizeof path);
      snprintf(body, sizeof body, "form_token=%s", in.token);
      const struct reply *reply = route->method == METHOD_POST ? POST(path, body, in.cookie) : GET(path, in.cookie);
      bool may = route->roles & (role | ROLE_PUBLIC | ROLE_PATIENT);
      if (!may && reply->request.status != 403)
        stop_test("%s was let at %s: %u", role_name(role), route->path, reply->request.status);
      if (may && (reply->request.status == 403 || reply->request.status >= 500))
        stop_test("%s was refused %s: %u", role_name(role), route->path, reply->request.status);
      checked++;
      refusals += !may;
    }
  }
  assert_true(checked >= 10 * 35 && refusals >= 150);
}

static void test_nobody(void **state) {
  (void)state;
  const struct route *route;
  for (struct route_walk walk = {0}; (route = route_next(&walk));) {
    if (route->roles & (ROLE_PUBLIC | ROLE_PATIENT)) continue;
    char path[200];
    route_path(route, path, sizeof path);
    const struct reply *reply = route->method == METHOD_POST ? POST(path, "a=1", NULL) : GET(path, NULL);
    assert_int_equal(reply->request.status, 303);
    assert_non_null(reply_header(reply, "Location", "/practice/sign-in?to="));
  }
  assert_int_equal(GET("/elsewhere/caseload", NULL)->request.status, 404);
  assert_int_equal(GET("/practice/nothing", NULL)->request.status, 404);
  assert_int_equal(ask(METHOD_POST, "/practice/record", "", NULL, NULL)->request.status, 405);
  /* Where one comes back to is on this site, or nowhere. */
  assert_null(strstr(GET("/practice/sign-in?to=https://evil.test/", NULL)->body, "evil"));
  assert_null(strstr(GET("/practice/sign-in?to=//evil.test/", NULL)->body, "evil"));
  assert_non_null(strstr(GET("/practice/sign-in?to=/practice/log", NULL)->body, "value=\"/practice/log\""));
}

static void test_posts_from_elsewhere(void **state) {
  (void)state;
  char account[CODE_BYTES], path[100], body[200];
  struct person_in in;
  account_for(ROLE_THERAPIST, therapist, account);
  sign_in(account, "elsewhere", &in);
  snprintf(path, sizeof path, "/practice/patients/%s/notes", patient);
  assert_int_equal(POST(path, "text=x", in.cookie)->request.status, 403);
  assert_int_equal(POST(path, "text=x&form_token=AAAA", in.cookie)->request.status, 403);
  snprintf(body, sizeof body, "text=%%3Cscript%%3Ehello&form_token=%s", in.token);
  assert_int_equal(ask(METHOD_POST, path, body, in.cookie, "http://evil.test")->request.status, 403);
  assert_int_equal(POST(path, body, in.cookie)->request.status, 303);
  snprintf(path, sizeof path, "/practice/patients/%s", patient);
  const struct reply *reply = GET(path, in.cookie);
  assert_int_equal(reply->request.status, 200);
  assert_non_null(strstr(reply->body, "&lt;script&gt;hello"));
  assert_null(strstr(reply->body, "<script>hello"));
}

/* What another therapist's patient is, and what does not exist, look alike. */
static void test_not_mine(void **state) {
  (void)state;
  char other[CODE_BYTES], account[CODE_BYTES], path[100], first[20000];
  struct person_in in;
  trial_person(&trial, "therapist", "", "other@example.org", other);
  account_for(ROLE_THERAPIST, other, account);
  sign_in(account, "not-mine", &in);
  snprintf(path, sizeof path, "/practice/patients/%s", patient);
  const struct reply *reply = GET(path, in.cookie);
  assert_int_equal(reply->request.status, 404);
  snprintf(first, sizeof first, "%s", reply->body);
  reply = GET("/practice/patients/P-2222222X", in.cookie);
  assert_int_equal(reply->request.status, 404);
  assert_string_equal(reply->body, first);
}

/* ---- who is in the study ---- */

static bool finds(const struct person_in *in, const char *typed, const char *code) {
  char path[200], cell[100];
  snprintf(path, sizeof path, "/practice/people?find=%s", typed);
  const struct reply *reply = GET(path, in->cookie);
  assert_int_equal(reply->request.status, 200);
  snprintf(cell, sizeof cell, "><span class=\"code\">%s</span></th>", code);
  return strstr(reply->body, cell) != NULL;
}

/* By a part of a code, one's own or the therapist's; and never beyond the site that one sees. */
static void test_finding_people(void **state) {
  (void)state;
  char account[CODE_BYTES], part[16];
  struct person_in all, elsewhere;
  account_for(ROLE_COORDINATOR, "", account);
  sign_in(account, "finding", &all);
  struct account_create create = {.by = "cli", .roles = ROLE_COORDINATOR, .person = "", .site = "elsewhere",
                                  .language = "en", .login = "", .name = "Another", .address = ""};
  must(&trial, account_create, &create);
  sign_in(create.code, "finding", &elsewhere);
  snprintf(part, sizeof part, "%.5s", patient + 3);
  assert_true(finds(&all, "", patient) && finds(&all, patient, patient) && finds(&all, part, patient));
  for (char *c = part; *c; c++) *c = (char)tolower((unsigned char)*c);
  assert_true(finds(&all, part, patient));
  assert_true(finds(&all, therapist, patient) && finds(&all, therapist, therapist)); /* and those who are theirs */
  assert_false(finds(&all, patient, therapist));
  static const char *const none[] = {"%25", "_", "P%5F", "%27", "P-ZZZZZZZZZZZZZZZZZZZZZZ", "%C3%A9"};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++)
    if (finds(&all, none[i], patient)) stop_test("%s finds someone", none[i]);
  assert_int_equal(GET("/practice/people?find=%00", all.cookie)->request.status, 422);
  assert_false(finds(&elsewhere, "", patient) || finds(&elsewhere, patient, patient) || finds(&elsewhere, therapist, patient));
  assert_null(strstr(GET("/practice/people?find=%22%3E%3Cscript%3E", all.cookie)->body, "\"><script>"));
}

/* ---- the lock ---- */

static void test_lock(void **state) {
  (void)state;
  char account[CODE_BYTES], path[100], body[300], hash[PASSWORD_HASH_BYTES];
  struct person_in in;
  struct error error;
  account_for(ROLE_THERAPIST, therapist, account);
  sign_in(account, "lock", &in);
  const char *password = "four words in a row";
  assert_int_equal(password_hash(&config.chance, account, password, hash, &error), OK);
  struct account_credential credential = {.by = account, .account = account, .password_hash = hash};
  must(&trial, account_credential, &credential);
  sign_in(account, "lock-again", &in);
  trial.now_ms += 16 * MINUTE_MS;
  snprintf(path, sizeof path, "/practice/patients/%s/notes", patient);
  snprintf(body, sizeof body, "text=half+a+thought&form_token=%s", in.token);
  const struct reply *reply = GET("/practice/caseload", in.cookie);
  assert_int_equal(reply->request.status, 303);
  assert_non_null(reply_header(reply, "Location", "/practice/unlock"));
  reply = POST(path, body, in.cookie);
  assert_int_equal(reply->request.status, 403);
  assert_non_null(strstr(reply->body, "name=\"keep.text\" value=\"half a thought\""));
  snprintf(body, sizeof body, "to=%s&keep.text=half+a+thought&form_token=%s&password=wrong", path, in.token);
  reply = POST("/practice/unlock", body, in.cookie);
  assert_int_equal(reply->request.status, 403);
  assert_non_null(strstr(reply->body, "half a thought"));
  snprintf(body, sizeof body, "to=%s&keep.text=half+a+thought&form_token=%s&password=four+words+in+a+row", path,
           in.token);
  reply = POST("/practice/unlock", body, in.cookie);
  assert_int_equal(reply->request.status, 200);
  assert_non_null(strstr(reply->body, "name=\"text\" value=\"half a thought\""));
  assert_non_null(strstr(reply->body, "<dt>New note</dt><dd>half a thought</dd>")); /* to be read before it is sent */
  assert_int_equal(GET("/practice/caseload", in.cookie)->request.status, 200);
  /* A secret typed before the lock is not written into the page. */
  trial.now_ms += 16 * MINUTE_MS;
  snprintf(body, sizeof body, "password=seven+green+doors&present=four+words+in+a+row&form_token=%s", in.token);
  reply = POST("/practice/account", body, in.cookie);
  assert_int_equal(reply->request.status, 403);
  assert_null(strstr(reply->body, "green"));
  assert_null(strstr(reply->body, "four"));
}

/* What another page posts to a locked sign-in is not kept, whichever of the two signs gives it away. */
static void test_lock_keeps_nothing_foreign(void **state) {
  (void)state;
  char account[CODE_BYTES], path[100], body[300];
  struct person_in in;
  account_for(ROLE_THERAPIST, therapist, account);
  sign_in(account, "lock-foreign", &in);
  trial.now_ms += 16 * MINUTE_MS;
  snprintf(path, sizeof path, "/practice/patients/%s/notes", patient);
  snprintf(body, sizeof body, "text=planted&keep.text=planted&form_token=%s", in.token);
  static const char *const foreign[] = {"http://evil.test", "https://attune.test.evil.test", "evil"};
  for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
    const struct reply *reply = ask(METHOD_POST, path, body, in.cookie, foreign[i]);
    assert_int_equal(reply->request.status, 403);
    assert_null(strstr(reply->body, "planted"));
    assert_int_equal(ask(METHOD_POST, "/practice/unlock", body, in.cookie, foreign[i])->request.status, 403);
  }
  static const char *const tokens[] = {"", "&form_token=", "&form_token=AAAAAAAAAAAAAAAAAAAAAA"};
  for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
    snprintf(body, sizeof body, "text=planted&keep.text=planted%s", tokens[i]);
    const struct reply *reply = ask(METHOD_POST, path, body, in.cookie, "null");
    assert_int_equal(reply->request.status, 403);
    assert_null(strstr(reply->body, "planted"));
  }
}

static void form_path(int64_t session, char path[100]) {
  struct db *db;
  char token[LINK_TOKEN_BYTES];
  struct occasion occasion = trial_occasion(&trial, patient, session, "patient");
  assert_ok(db_open(&db, trial.home->store, DB_OPEN, error));
  assert_ok(occasion_token(db, &trial.home->keys, occasion.id, token, error));
  db_close(db);
  snprintf(path, 100, "/f/%s", token);
}

/* ---- a lost database, and pages that are too large ---- */

static enum err run_sql(struct txn *txn, void *input, struct error *error) {
  return db_exec(txn_db(txn), error, *(const char **)input, NO_ARGS);
}

static void change(const char *sql) {
  must(&trial, run_sql, &sql);
}

static void check_lost(const struct reply *reply) {
  assert_int_equal(reply->request.status, 503);
  assert_non_null(strstr(reply->body, "try again in a moment"));
  assert_non_null(reply_header(reply, "Retry-After", ""));
}

/* 503 with what was typed, not a way to the sign-in page: whoever is signed in stays so. */
static void test_lost_database(void **state) {
  (void)state;
  char account[CODE_BYTES], path[100], form[100], body[300];
  struct person_in in;
  account_for(ROLE_THERAPIST, therapist, account);
  sign_in(account, "lost", &in);
  form_path(1, form);
  snprintf(path, sizeof path, "/practice/patients/%s/notes", patient);
  snprintf(body, sizeof body, "text=half+a+%%3Cthought&form_token=%s", in.token);
  change("ALTER TABLE run_session RENAME TO run_session_away");
  change("ALTER TABLE occasion RENAME TO occasion_away");
  check_lost(GET("/practice/caseload", in.cookie));
  const struct reply *reply = POST(path, body, in.cookie);
  check_lost(reply);
  assert_non_null(strstr(reply->body, "<dd>half a &lt;thought</dd>"));
  assert_non_null(strstr(reply->body, "name=\"text\" value=\"half a &lt;thought\""));
  assert_non_null(strstr(reply->body, in.token));
  reply = ask(METHOD_POST, path, body, in.cookie, "http://evil.test");
  assert_null(strstr(reply->body, "thought"));
  check_lost(GET(form, NULL));
  reply = POST(form, "attune-key=k1&feeling=4&goal=5", NULL);
  check_lost(reply);
  assert_non_null(strstr(reply->body, "name=\"goal\" value=\"5\""));
  assert_non_null(strstr(reply->body, "name=\"attune-key\" value=\"k1\""));
  reply = POST("/practice/account", "present=four+words&password=in+a+row&form_token=x", in.cookie);
  check_lost(reply);
  assert_null(strstr(reply->body, "four"));
  assert_int_equal(GET("/practice/help", in.cookie)->request.status, 200); /* for anyone, and reads nothing */
  assert_int_equal(GET("/practice/nothing", in.cookie)->request.status, 404);
  change("ALTER TABLE run_session_away RENAME TO run_session");
  change("ALTER TABLE occasion_away RENAME TO occasion");
  assert_int_equal(GET("/practice/caseload", in.cookie)->request.status, 200);
  assert_int_equal(GET(form, NULL)->request.status, 200);
}

/* A request whose memory ends anywhere, in steps, until it has enough: each time a page that says so, the seat given
 * back with nothing open, and the next request as if nothing had been. Returns how often it ended. */
static int ended_early(const char *path, const char *body, const char *cookies, unsigned whole) {
  int ended = 0;
  for (size_t bytes = 16;; bytes += bytes < 8000 ? 32 : bytes / 64 / 16 * 16) {
    first_may_have = bytes;
    const struct reply *reply = body ? POST(path, body, cookies) : GET(path, cookies);
    first_may_have = 0;
    if (reply->request.status == whole) return ended;
    assert_int_equal(reply->request.status, 503);
    assert_non_null(strstr(reply->body, "more here than one page can hold"));
    assert_non_null(strstr(reply->body, "</html>"));
    if (body) assert_non_null(strstr(reply->body, "<dd>a thought</dd>"));
    assert_int_equal(GET(path, cookies)->request.status, body ? 405 : whole);
    ended++;
  }
}

static void test_memory_ends(void **state) {
  (void)state;
  char account[CODE_BYTES], path[100], form[100], body[200];
  struct person_in in;
  account_for(ROLE_THERAPIST, therapist, account);
  sign_in(account, "memory", &in);
  form_path(1, form);
  snprintf(path, sizeof path, "/practice/patients/%s", patient);
  int ended = ended_early("/practice/caseload", NULL, in.cookie, 200) + ended_early(path, NULL, in.cookie, 200) +
              ended_early(form, NULL, NULL, 200) + ended_early("/practice/record", NULL, NULL, 200) +
              ended_early("/practice/nothing", NULL, in.cookie, 404);
  snprintf(path, sizeof path, "/practice/patients/%s/notes", patient);
  snprintf(body, sizeof body, "text=a+thought&form_token=%s", in.token);
  ended += ended_early(path, body, in.cookie, 303);
  printf("memory ended %d times\n", ended);
  assert_true(ended >= 500);
  /* What was stored before the memory ended is said to be stored, and is not offered once more. */
  then_may_have = 16;
  const struct reply *reply = POST(path, body, in.cookie);
  then_may_have = 0;
  assert_int_equal(reply->request.status, 503);
  assert_non_null(strstr(reply->body, "What you sent is stored"));
  assert_null(strstr(reply->body, "a thought"));
}

/* Who came by a link and set no password is told what to do, and is asked for nothing that they do not have. */
static void test_lock_without_password(void **state) {
  (void)state;
  char account[CODE_BYTES];
  struct person_in in;
  account_for(ROLE_MONITOR, "", account);
  sign_in(account, "lock-link", &in);
  assert_int_equal(GET("/practice/log", in.cookie)->request.status, 200);
  trial.now_ms += 16 * MINUTE_MS;
  assert_non_null(reply_header(GET("/practice/log", in.cookie), "Location", "/practice/unlock"));
  const struct reply *reply = GET("/practice/unlock", in.cookie);
  assert_int_equal(reply->request.status, 200);
  assert_non_null(strstr(reply->body, "one-time link"));
  assert_non_null(strstr(reply->body, "My account"));
  assert_null(strstr(reply->body, "type=\"password\""));
  assert_non_null(strstr(reply->body, "action=\"/practice/sign-out\""));
}

/* ---- the form ---- */

static void test_form(void **state) {
  (void)state;
  static const char good[] = "attune-key=k1&feeling=4&goal=5&way=5&understood=6&open=5&trust=6&tension=0";
  static const char other[] = "attune-key=k1&feeling=4&goal=1&way=5&understood=6&open=5&trust=6&tension=0";
  static const char another_key[] = "attune-key=k2&feeling=4&goal=1&way=5&understood=6&open=5&trust=6&tension=0";
  char path[100], draft[120];
  form_path(1, path);
  snprintf(draft, sizeof draft, "%s/draft", path);
  const struct reply *reply = GET(path, NULL);
  assert_int_equal(reply->request.status, 200);
  assert_null(strstr(reply->body, "checked"));
  assert_null(strstr(reply->body, "alliance"));
  /* kept as they go, and shown again by the same link */
  assert_int_equal(POST(draft, "feeling=4&goal=5", NULL)->request.status, 204);
  reply = GET(path, NULL);
  assert_non_null(strstr(reply->body, "name=\"goal\" value=\"5\" checked"));
  /* a change of language keeps what is filled in */
  reply = POST(path, "feeling=4&goal=6&attune-action=language-fr", NULL);
  assert_int_equal(reply->request.status, 303);
  reply = GET(reply_header(reply, "Location", path), NULL);
  assert_non_null(strstr(reply->body, "lang=\"fr\""));
  assert_non_null(strstr(reply->body, "name=\"goal\" value=\"6\" checked"));
  /* what is wrong stands beside its item and at the top; the rest stays; nothing is stored */
  reply = POST(path, "attune-key=k1&feeling=9&goal=5&way=%FF&nonsense=1", NULL);
  assert_int_equal(reply->request.status, 422);
  assert_non_null(strstr(reply->body, "id=\"e-feeling\""));
  assert_non_null(strstr(reply->body, "id=\"e-way\""));
  assert_non_null(strstr(reply->body, "id=\"e-trust\""));
  assert_non_null(strstr(reply->body, "href=\"#q-trust\""));
  assert_non_null(strstr(reply->body, "nonsense"));
  assert_non_null(strstr(reply->body, "name=\"goal\" value=\"5\" checked"));
  assert_int_equal(ask(METHOD_POST, path, good, NULL, "http://evil.test")->request.status, 403);
  /* once; the same again is the same answer; another is refused */
  assert_int_equal(POST(path, good, NULL)->request.status, 303);
  assert_int_equal(POST(path, good, NULL)->request.status, 303);
  assert_int_equal(POST(path, other, NULL)->request.status, 409);
  assert_int_equal(POST(path, another_key, NULL)->request.status, 409);
  assert_int_equal(POST(draft, "goal=1", NULL)->request.status, 410);
  reply = GET(path, NULL);
  assert_int_equal(reply->request.status, 200);
  assert_null(strstr(reply->body, "checked"));
  struct db *db;
  int64_t count;
  assert_ok(db_open(&db, trial.home->store, DB_OPEN, error));
  assert_ok(db_int(db, error, &count, 0, "SELECT count(*) FROM submission", NO_ARGS));
  db_close(db);
  assert_int_equal(count, 1);
}

static void test_form_gone(void **state) {
  (void)state;
  char path[100], first[8000];
  assert_int_equal(GET("/f/AAAAAAAAAAAAAAAAAAAAAAAAAAA", NULL)->request.status, 404);
  snprintf(first, sizeof first, "%s", GET("/f/AAAAAAAAAAAAAAAAAAAAAAAAAAA", NULL)->body);
  assert_string_equal(GET("/f/short", NULL)->body, first);
  trial_session(&trial, patient, 0);
  form_path(2, path);
  assert_int_equal(GET(path, NULL)->request.status, 200);
  int64_t now = trial.now_ms;
  trial.now_ms += 60 * DAY_MS;
  assert_int_equal(GET(path, NULL)->request.status, 410);
  assert_int_equal(
      POST(path, "attune-key=k9&feeling=4&goal=5&way=5&understood=6&open=5&trust=6&tension=0", NULL)->request.status,
      410);
  trial.now_ms = now;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_nobody),   cmocka_unit_test(test_matrix), cmocka_unit_test(test_posts_from_elsewhere),
      cmocka_unit_test(test_not_mine), cmocka_unit_test(test_form),   cmocka_unit_test(test_form_gone),
      cmocka_unit_test(test_finding_people), cmocka_unit_test(test_lock), cmocka_unit_test(test_lock_without_password),
      cmocka_unit_test(test_lock_keeps_nothing_foreign), cmocka_unit_test(test_lost_database),
      cmocka_unit_test(test_memory_ends),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
