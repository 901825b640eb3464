/* The whole way of a request: bytes on a socket of a real server over a real home, with people in it, until the
 * connection closes. Whatever the bytes: the server lives, answers nothing of 500 and above, every answer of its own
 * carries the security headers, and the same plain request before and after gives a page.
 *
 * The first byte of an input says where the rest is cut in two before it is sent (0: nowhere). In the rest, 0x01 and a
 * letter stand for what no input can guess: F the token of a patient's open form; for the roles t (therapist),
 * r (trainer), c (coordinator), m (monitor), a (administrator) the cookie's value, and in capitals T R C M A the token
 * of its forms; P a patient's code, S the study's name. Sign-ins are made anew as they are used up, and time goes on by a tenth of a second an input.
 *
 * With ATTUNE_FUZZ_PLANT in the environment a table of the home is taken away: the answers of 503 must end the run. */
#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "people/sign_in.h"
#include "rehearsal/demonstration.h"
#include "study/study.h"
#include "web/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STUDY "tensions-and-repair"
#define ANSWER_MOST ((size_t)8 << 20)
#define INPUT_MOST ((size_t)300 << 10)
#define SILENT_MS 25 /* after that long it is taken that no more comes */
#define RENEW_EVERY 200 /* inputs */

static const struct {
  char letter;
  const char *name;
} roles[] = {{'t', "therapist"}, {'r', "trainer"}, {'c', "coordinator"}, {'m', "monitor"}, {'a', "administrator"}};
enum { ROLES = sizeof roles / sizeof *roles };

/* One world a process: libFuzzer hands inputs to a function without a state. */
static struct {
  struct arena arena;
  int64_t now_ms;
  struct home *home;
  struct demonstration made;
  struct password_pool *passwords;
  struct server_config config;
  struct server *server;
  struct sockaddr_in address;
  char directory[300], form[LINK_TOKEN_BYTES], patient[CODE_BYTES];
  char cookie[ROLES][200], token[ROLES][64];
  char *answer;
  size_t answered;
  long inputs, answers, unnoticed, by_status[1000];
} world;

#define STOP(...) (fprintf(stderr, __VA_ARGS__), fprintf(stderr, "\n"), abort())

/* ---- the world ---- */

static void run(verb *run_verb, void *input) {
  struct error error = {0};
  if (ledger_do(world.home->ledger, run_verb, input, &error)) STOP("%s", error.text);
}

static void renew(int role) {
  const char *account = NULL;
  for (size_t i = 0; i < world.made.account_count; i++)
    if (!strcmp(world.made.accounts[i].name, roles[role].name)) account = world.made.accounts[i].code;
  if (!account) STOP("nobody is a %s", roles[role].name);
  struct sign_in_link_make make = {.by = "demo", .account = account, .valid_ms = DAY_MS, .purpose = "fuzz"};
  run(sign_in_link_make, &make);
  struct sign_in_link_use use = {.token = make.token};
  run(sign_in_link_use, &use);
  snprintf(world.cookie[role], sizeof world.cookie[role], "%s", use.cookie);
  struct db *db;
  struct error error = {0};
  struct sign_in_seen *seen = sign_in_seen_new();
  struct sign_in in;
  bool flush;
  if (db_open(&db, world.home->store, DB_OPEN, &error)) STOP("%s", error.text);
  if (sign_in_find(db, seen, use.cookie, world.now_ms, &in, &flush, &error)) STOP("%s", error.text);
  snprintf(world.token[role], sizeof world.token[role], "%s", in.form_token);
  db_close(db);
  sign_in_seen_free(seen);
}

static void make_home(void) {
  struct error error = {0};
  struct study_findings findings = {.arena = &world.arena};
  const struct study *study;
  int64_t began = INT64_C(20514) * DAY_MS, until = began + INT64_C(27) * 7 * DAY_MS, now = began;
  if (study_load_embedded(&study, STUDY, &findings, &world.arena, &error)) STOP("%s", error.text);
  struct home_create create = {
      .directory = world.directory, .by = "demo", .study = study, .clock = clock_fixed(&now), .chance = chance_frozen(9)};
  struct home *home;
  if (home_create(&create, &error) || home_open(&home, world.directory, STORE_MAKE, create.clock, create.chance, &error))
    STOP("%s", error.text);
  struct demonstration_plan plan = {
      .home = home, .now_ms = &now, .until_ms = until, .seed = 9, .therapists = 2, .patients_each = 2};
  if (demonstration_make(&plan, &world.made, &error)) STOP("%s", error.text);
  home_close(home);
  world.now_ms = until;
  if (home_open(&world.home, world.directory, STORE_OWN, clock_fixed(&world.now_ms), create.chance, &error))
    STOP("%s", error.text);
  struct demonstration_form *forms = NULL;
  size_t count = 0;
  if (demonstration_forms(world.home, &world.made, &world.arena, world.now_ms, &forms, &count, &error))
    STOP("%s", error.text);
  if (!count) STOP("no form is open");
  snprintf(world.form, sizeof world.form, "%s", forms[0].token);
  snprintf(world.patient, sizeof world.patient, "%s", forms[0].respondent);
}

static void serve(void) {
  struct error error = {0};
  struct chance chance = chance_system();
  world.passwords = password_pool_start(&chance, 1, &error);
  if (!world.passwords) STOP("%s", error.text);
  world.config = (struct server_config){.homes = &world.home,
                                        .home_count = 1,
                                        .listen = "127.0.0.1:0",
                                        .made_up = true,
                                        .clock = clock_fixed(&world.now_ms),
                                        .chance = chance,
                                        .passwords = world.passwords};
  if (server_start(&world.server, &world.config, &error)) STOP("%s", error.text);
  unsigned long port = strtoul(strrchr(server_address(world.server), ':') + 1, NULL, 10);
  world.address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  world.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static enum err plant(struct txn *txn, void *input, struct error *error) {
  (void)input;
  return db_exec(txn_db(txn), error, "ALTER TABLE occasion RENAME TO occasion_away", NO_ARGS);
}

static void say_work(void) {
  printf("fuzz_request: %ld inputs, %ld answers, %ld ends unnoticed:", world.inputs, world.answers, world.unnoticed);
  for (int i = 0; i < 1000; i++)
    if (world.by_status[i]) printf(" %ldx%d", world.by_status[i], i);
  printf("\n");
  static const int wanted[] = {200, 303, 400, 403, 404, 405};
  bool all = true;
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) all = all && world.by_status[wanted[i]];
  if (world.inputs > 1000 && !all) printf("fuzz_request: not one answer of each kind: what was it doing?\n"), fflush(stdout), _exit(1);
}

static int remove_one(const char *path, const struct stat *what, int kind, struct FTW *place) {
  (void)what, (void)kind, (void)place;
  return remove(path);
}

static void tidy(void) {
  say_work();
  server_stop(world.server);
  password_pool_stop(world.passwords);
  home_close(world.home);
  nftw(world.directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
  arena_free(&world.arena);
  free(world.answer);
}

static void start(void) {
  if (world.server) return;
  crypto_start();
  server_block_signals();
  arena_init(&world.arena, 0);
  const char *scratch = getenv("TMPDIR");
  snprintf(world.directory, sizeof world.directory, "%s/attune-fuzz-%ld", scratch ? scratch : "/tmp", (long)getpid());
  world.answer = malloc(ANSWER_MOST + 1);
  make_home();
  serve();
  if (getenv("ATTUNE_FUZZ_PLANT")) run(plant, NULL);
  atexit(tidy);
}

/* ---- sending and reading ---- */

static bool send_all(int fd, const char *bytes, size_t length) {
  while (length) {
    ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
    if (sent <= 0) return false; /* the server has closed: what it said can still be read */
    bytes += sent;
    length -= (size_t)sent;
  }
  return true;
}

/* ---- what an answer must be ---- */

static const char *header_in(const char *head, const char *end, const char *name) {
  const char *line = strcasestr(head, name);
  return line && line < end ? line + strlen(name) : NULL;
}

static void check_head(unsigned status, const char *head, const char *end) {
  if (status >= 500 && status != 501 && status != 505) STOP("%.200s", head);
  if (header_in(head, end, "\r\nContent-Security-Policy: default-src 'none'")) {
    if (!header_in(head, end, "\r\nX-Content-Type-Options: nosniff")) STOP("a header is missing: %.600s", head);
    return;
  }
  if (status == 100) return;
  /* Of the library's own: a refusal, after which it closes. */
  if (status < 400 || !header_in(head, end, "\r\nConnection: close")) STOP("whose answer is this? %.600s", head);
}

/* Whether what came is nothing but whole answers. That to a HEAD has a length and no body: then the next answer, or the
 * end, is there. */
static bool answers_whole(bool count) {
  const char *at = world.answer, *limit = at + world.answered;
  while (at < limit) {
    const char *end = strncmp(at, "HTTP/1.1 ", 9) ? NULL : strstr(at, "\r\n\r\n");
    if (!end) return false;
    unsigned status = (unsigned)strtoul(at + 9, NULL, 10);
    if (status < 100 || status > 599) STOP("no answer: %.200s", at);
    check_head(status, at, end);
    const char *length = header_in(at, end, "\r\nContent-Length: ");
    at = end + 4;
    size_t body = length && at < limit && strncmp(at, "HTTP/1.1 ", 9) ? strtoul(length, NULL, 10) : 0;
    if (body > (size_t)(limit - at)) return false;
    at += body;
    world.by_status[status] += count;
    world.answers += count;
  }
  return true;
}

/* ---- reading ---- */

/* Reads what comes within that time; false when nothing does. At the end of it all, `closed`. */
static bool read_some(int fd, int within_ms, bool *closed) {
  struct pollfd ready = {.fd = fd, .events = POLLIN};
  int came = poll(&ready, 1, within_ms);
  if (came < 0 && errno == EINTR) return true;
  if (came <= 0) return false;
  ssize_t got = recv(fd, world.answer + world.answered, ANSWER_MOST - world.answered, 0);
  *closed = got <= 0;
  if (got > 0) world.answered += (size_t)got;
  if (world.answered == ANSWER_MOST) STOP("the answer has no end");
  world.answer[world.answered] = 0;
  return true;
}

/* libFuzzer's alarm may come in between. */
static int connect_once(void) {
  for (;;) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && !connect(fd, (struct sockaddr *)&world.address, sizeof world.address)) return fd;
    if (errno != EINTR) STOP("the server cannot be reached: %s", strerror(errno));
    close(fd);
  }
}

/* The other direction is closed only when the server has nothing more to say: the library does not notice an end that
 * comes in the same moment as the last bytes, and then waits for its own limit. Where that happens all the same, because
 * the machine was slow, it is counted, and must be rare. */
static void talk(const char *bytes, size_t length, size_t cut) {
  bool closed = false;
  int fd = connect_once();
  world.answered = 0;
  if (send_all(fd, bytes, cut) && cut < length) {
    if (cut) usleep(200);
    send_all(fd, bytes + cut, length - cut);
  }
  while (!closed && (!world.answered || !answers_whole(false)) && read_some(fd, SILENT_MS, &closed)) continue;
  shutdown(fd, SHUT_WR);
  while (!closed && read_some(fd, 20 * SILENT_MS, &closed)) continue;
  close(fd);
  if (!answers_whole(true)) STOP("half an answer: %.600s", world.answer);
  world.unnoticed += !closed;
  if (world.unnoticed > 20 + world.inputs / 50) STOP("the server neither answers nor closes");
}

/* ---- an input ---- */

static const char *stands_for(char letter) {
  if (letter == 'F') return world.form;
  if (letter == 'P') return world.patient;
  if (letter == 'S') return STUDY;
  for (int i = 0; i < ROLES; i++) {
    if (letter == roles[i].letter) return world.cookie[i];
    if (letter == (roles[i].letter & ~0x20)) return world.token[i];
  }
  return NULL;
}

static struct buf filled_in(struct arena *arena, const uint8_t *data, size_t size) {
  struct buf out = buf_in(arena, size + 256);
  for (size_t i = 0; i < size; i++) {
    const char *word = data[i] == 1 && i + 1 < size ? stands_for((char)data[i + 1]) : NULL;
    if (word)
      buf_adds(&out, word), i++;
    else
      buf_addc(&out, (char)data[i]);
  }
  return out;
}

static void check_alive(void) {
  static const char plain[] = "GET /" STUDY "/sign-in HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  talk(plain, sizeof plain - 1, 0);
  if (strncmp(world.answer, "HTTP/1.1 200 ", 13) || !strstr(world.answer, "</html>")) STOP("%.600s", world.answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  start();
  if (!size || size > INPUT_MOST) return 0;
  if (world.inputs++ % RENEW_EVERY == 0) {
    for (int i = 0; i < ROLES; i++) renew(i);
    check_alive();
  }
  struct arena arena;
  arena_init(&arena, 0);
  struct buf bytes = filled_in(&arena, data + 1, size - 1);
  talk(bytes.data, bytes.length, data[0] * bytes.length / 256);
  arena_free(&arena);
  world.now_ms += 100;
  return 0;
}
