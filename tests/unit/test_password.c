/* Password rules, hashing and the pool. */
#include <pthread.h>
#include <string.h>

#include "people/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* after our own: it takes the name fail() for itself */

static int start(void **state) {
  (void)state;
  crypto_start();
  return 0;
}

static const char *refusal(const char *password) {
  static struct error error;
  memset(&error, 0, sizeof error);
  if (!password_acceptable(password, &error)) return "";
  assert_int_equal(error.code, ERR_INPUT);
  assert_string_equal(error.field, "password");
  return error.id;
}

static void length_counts_in_characters(void **state) {
  (void)state;
  assert_string_equal(refusal("wq7!kz0mpv"), "password-short");
  assert_string_equal(refusal("éàüöçñéàüöç"), "password-short"); /* 11 characters, 22 bytes */
  assert_string_equal(refusal("éàüöçñéaüöçx"), "");              /* 12 */
  char text[600];
  for (int i = 0; i < 599; i++) text[i] = (char)('!' + i * 37 % 90);
  text[599] = 0;
  assert_string_equal(refusal(text), "password-long");
  text[129] = 0;
  assert_string_equal(refusal(text), "password-long");
  text[128] = 0;
  assert_string_equal(refusal(text), "");
}

static void what_is_no_text_is_refused(void **state) {
  (void)state;
  assert_string_equal(refusal("caf\xe9 et croissant vite"), "password-text");
  assert_string_equal(refusal("line one\nline two wide"), "password-text");
  assert_string_equal(refusal("bell\a rings in winter fog"), "password-text");
}

static void what_is_guessed_first_is_refused(void **state) {
  (void)state;
  static const char *const guessed[] = {
      "password1234",   "P@ssw0rd2024!!", "passwordpassword", "123456789012",      "qwertyuiop12",
      "aaaaaaaaaaaa",   "abcabcabcabc",   "1q2w3e4r5t6y",     "Welcome123456",     "iloveyou12345",
      "motdepasse2025", "azertyuiop123",  "AdminAdmin!1",     "letmeinletmein1",   "correct horse battery staple",
      "000000111111",   "zyxwvutsrqpo",   "Attune2026!!!!",   "changeme-changeme", "12345678912345",
      "!!monkey!!123",  "jetaimejetaime",
      /* of the list of 20,000, the first and the last that are long enough among them; and one with little else */
      "&#2336brayden", "zxcvbnmteamo1", "inactive1996aug", "Jundian2011XR", "zimmermann33", "newcastle2024!",
      "!2024!Taekwondo"};
  for (size_t i = 0; i < sizeof guessed / sizeof *guessed; i++)
    if (strcmp(refusal(guessed[i]), "password-common")) fail_msg("taken: %s", guessed[i]);
}

static void what_is_rare_is_taken(void **state) {
  (void)state;
  static const char *const rare[] = {"kestrel ladder oat mirror",     "vkW9-tRp3-mQz7",
                                     "Le hibou mange des quiches",    "8402-1193-7756",
                                     "sunshine dragon monkey hockey", "password manager made: uX7",
                                     "zwölf graue Kähne ziehen"};
  for (size_t i = 0; i < sizeof rare / sizeof *rare; i++)
    if (*refusal(rare[i])) fail_msg("refused (%s): %s", refusal(rare[i]), rare[i]);
}

static void a_hash_knows_its_password_and_no_other(void **state) {
  (void)state;
  struct chance chance = chance_system();
  struct error error = {0};
  char hash[PASSWORD_HASH_BYTES], again[PASSWORD_HASH_BYTES];
  assert_int_equal(password_hash(&chance, "A-1", "kestrel ladder oat", hash, &error), OK);
  assert_memory_equal(hash, "$argon2id$v=19$m=65536,t=3,p=1$", 31);
  bool failed = true;
  assert_true(password_right(hash, "kestrel ladder oat", &failed));
  assert_false(failed);
  assert_false(password_right(hash, "kestrel ladder oaT", &failed));
  assert_false(failed);
  assert_int_equal(password_hash(&chance, "A-1", "kestrel ladder oat", again, &error), OK);
  assert_string_not_equal(hash, again); /* salted */
}

static void a_frozen_hash_is_the_same_again(void **state) {
  (void)state;
  struct chance chance = chance_frozen(7);
  char one[PASSWORD_HASH_BYTES], two[PASSWORD_HASH_BYTES], other[PASSWORD_HASH_BYTES];
  assert_int_equal(password_hash(&chance, "A-1", "kestrel ladder oat", one, NULL), OK);
  assert_int_equal(password_hash(&chance, "A-1", "kestrel ladder oat", two, NULL), OK);
  assert_int_equal(password_hash(&chance, "A-2", "kestrel ladder oat", other, NULL), OK);
  assert_string_equal(one, two);
  assert_string_not_equal(one, other);
}

static int64_t least_ms(const char *hash) {
  int64_t least = INT64_MAX;
  for (int i = 0; i < 3; i++) {
    bool failed;
    int64_t before = clock_elapsed_ms();
    assert_false(password_right(hash, "not the one", &failed));
    assert_false(failed);
    int64_t took = clock_elapsed_ms() - before;
    if (took < least) least = took;
  }
  return least;
}

/* The decoy must be worked on like any other hash: a text that is refused at once would tell that a name is unknown. */
static void the_decoy_costs_as_much(void **state) {
  (void)state;
  struct chance chance = chance_frozen(1);
  char hash[PASSWORD_HASH_BYTES];
  assert_int_equal(password_hash(&chance, "A-1", "kestrel ladder oat", hash, NULL), OK);
  assert_memory_equal(hash, password_decoy(), 31); /* the same passes and memory */
  assert_int_equal(strlen(hash), strlen(password_decoy()));
  int64_t real = least_ms(hash), decoy = least_ms(password_decoy());
  if (decoy * 4 < real || real * 4 < decoy)
    fail_msg("a real name takes %lld ms, an unknown one %lld ms", (long long)real, (long long)decoy);
}

/* ---- the pool ---- */

struct tally {
  pthread_mutex_t lock;
  pthread_cond_t news;
  int done, right, failed;
  bool hold; /* the pool's threads wait in done() */
};

static void count_done(struct password_job *job) {
  struct tally *tally = job->owner;
  pthread_mutex_lock(&tally->lock);
  tally->done++;
  tally->right += job->right;
  tally->failed += job->failed;
  pthread_cond_broadcast(&tally->news);
  while (tally->hold) pthread_cond_wait(&tally->news, &tally->lock);
  pthread_mutex_unlock(&tally->lock);
}

static void wait_done(struct tally *tally, int count) {
  pthread_mutex_lock(&tally->lock);
  while (tally->done < count) pthread_cond_wait(&tally->news, &tally->lock);
  pthread_mutex_unlock(&tally->lock);
}

static void the_pool_makes_and_checks(void **state) {
  (void)state;
  struct tally tally = {.lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER};
  struct chance chance = chance_system();
  struct password_pool *pool = password_pool_start(&chance, 2, NULL);
  assert_non_null(pool);
  struct password_job make = {.password = "kestrel ladder oat", .make = true, .done = count_done, .owner = &tally};
  assert_true(password_pool_post(pool, &make));
  wait_done(&tally, 1);
  assert_false(make.failed);
  struct password_job right = {.password = "kestrel ladder oat", .done = count_done, .owner = &tally};
  struct password_job wrong = {.password = "kestrel ladder oats", .done = count_done, .owner = &tally};
  struct password_job broken = {
      .password = "kestrel ladder oat", .hash = "$argon2id$", .done = count_done, .owner = &tally};
  memcpy(right.hash, make.hash, sizeof right.hash);
  memcpy(wrong.hash, make.hash, sizeof wrong.hash);
  assert_true(password_pool_post(pool, &right));
  assert_true(password_pool_post(pool, &wrong));
  assert_true(password_pool_post(pool, &broken));
  wait_done(&tally, 4);
  assert_true(right.right);
  assert_false(wrong.right);
  assert_false(wrong.failed);
  assert_false(broken.right);
  password_pool_stop(pool);
  password_pool_stop(NULL);
}

static void *stop_pool(void *pool) {
  password_pool_stop(pool);
  return NULL;
}

static void the_pool_takes_sixty_four_and_answers_all(void **state) {
  (void)state;
  enum { OFFERED = 80 };
  static struct password_job jobs[OFFERED];
  struct tally tally = {.lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER, .hold = true};
  struct chance chance = chance_system();
  struct password_pool *pool = password_pool_start(&chance, 2, NULL);
  assert_non_null(pool);
  int taken = 0;
  for (int i = 0; i < OFFERED; i++) {
    jobs[i] = (struct password_job){.password = "kestrel ladder oat", .done = count_done, .owner = &tally};
    memcpy(jobs[i].hash, password_decoy(), strlen(password_decoy()) + 1);
    if (i == 2) wait_done(&tally, 2); /* both threads are held: nothing leaves the queue from here on */
    taken += password_pool_post(pool, &jobs[i]);
  }
  assert_int_equal(taken, 2 + 64);
  pthread_t stopper;
  assert_int_equal(pthread_create(&stopper, NULL, stop_pool, pool), 0);
  pthread_mutex_lock(&tally.lock);
  struct timespec soon = {.tv_sec = time(NULL) + 1};
  pthread_cond_timedwait(&tally.news, &tally.lock, &soon); /* let it begin to stop */
  tally.hold = false;
  pthread_cond_broadcast(&tally.news);
  pthread_mutex_unlock(&tally.lock);
  pthread_join(stopper, NULL);
  assert_int_equal(tally.done, 66);
  assert_int_equal(tally.right, 0);
  assert_in_range(tally.failed, 60, 64);
}

/* Jobs of several networks while both threads are held; `order` is how they were done. */
struct turns {
  struct tally tally;
  const struct password_job *order[100];
};

/* The first job holds the pool's one thread. */
static void note_done(struct password_job *job) {
  struct turns *turns = job->owner;
  struct tally *tally = &turns->tally;
  pthread_mutex_lock(&tally->lock);
  turns->order[tally->done++] = job;
  tally->failed += job->failed;
  pthread_cond_broadcast(&tally->news);
  while (tally->hold && job == turns->order[0]) pthread_cond_wait(&tally->news, &tally->lock);
  pthread_mutex_unlock(&tally->lock);
}

static void let_go(struct turns *turns) {
  pthread_mutex_lock(&turns->tally.lock);
  turns->tally.hold = false;
  pthread_cond_broadcast(&turns->tally.news);
  pthread_mutex_unlock(&turns->tally.lock);
}

static bool post_from(struct password_pool *pool, struct turns *turns, struct password_job *job, const char *network) {
  *job = (struct password_job){
      .password = "kestrel", .hash = "$argon2id$", .network = network, .done = note_done, .owner = turns};
  return password_pool_post(pool, job);
}

static void networks_take_turns(void **state) {
  (void)state;
  static struct password_job held, crowd[40], few[2];
  static struct turns turns = {
      .tally = {.lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER, .hold = true}};
  struct chance chance = chance_system();
  struct password_pool *pool = password_pool_start(&chance, 1, NULL);
  assert_non_null(pool);
  assert_true(post_from(pool, &turns, &held, "192.0.2.9"));
  wait_done(&turns.tally, 1);
  int taken = 0;
  for (int i = 0; i < 40; i++) taken += post_from(pool, &turns, &crowd[i], "192.0.2.9");
  assert_int_equal(taken, 16);
  assert_true(post_from(pool, &turns, &few[0], "192.0.2.1") && post_from(pool, &turns, &few[1], "192.0.2.1"));
  let_go(&turns);
  wait_done(&turns.tally, 1 + 16 + 2);
  assert_ptr_equal(turns.order[1], &crowd[0]); /* whoever came first, then one of each in turn */
  assert_ptr_equal(turns.order[2], &few[0]);
  assert_ptr_equal(turns.order[3], &crowd[1]);
  assert_ptr_equal(turns.order[4], &few[1]);
  for (int i = 2; i < 16; i++) assert_ptr_equal(turns.order[3 + i], &crowd[i]);
  password_pool_stop(pool);
}

/* When all places are taken, the network that has most of them gives one up, its last. */
static void a_full_queue_makes_room(void **state) {
  (void)state;
  static struct password_job held, crowd[4][16], late[20];
  static const char *const from[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"};
  static struct turns turns = {
      .tally = {.lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER, .hold = true}};
  struct chance chance = chance_system();
  struct password_pool *pool = password_pool_start(&chance, 1, NULL);
  assert_non_null(pool);
  assert_true(post_from(pool, &turns, &held, "192.0.2.9"));
  wait_done(&turns.tally, 1);
  for (int n = 0; n < 4; n++)
    for (int i = 0; i < 16; i++) assert_true(post_from(pool, &turns, &crowd[n][i], from[n]));
  int taken = 0;
  for (int i = 0; i < 20; i++) taken += post_from(pool, &turns, &late[i], "192.0.2.5");
  assert_int_equal(taken, 12); /* until all five have about as many: 13, 13, 13, 13, 12 */
  assert_int_equal(turns.tally.done, 1 + taken);
  for (int i = 1; i <= taken; i++) assert_true(turns.order[i]->failed && turns.order[i] != &late[i - 1]);
  for (int n = 0; n < 4; n++) assert_false(crowd[n][0].failed);
  let_go(&turns);
  wait_done(&turns.tally, 1 + 64 + taken);
  password_pool_stop(pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(length_counts_in_characters),
      cmocka_unit_test(what_is_no_text_is_refused),
      cmocka_unit_test(what_is_guessed_first_is_refused),
      cmocka_unit_test(what_is_rare_is_taken),
      cmocka_unit_test(a_hash_knows_its_password_and_no_other),
      cmocka_unit_test(a_frozen_hash_is_the_same_again),
      cmocka_unit_test(the_decoy_costs_as_much),
      cmocka_unit_test(the_pool_makes_and_checks),
      cmocka_unit_test(the_pool_takes_sixty_four_and_answers_all),
      cmocka_unit_test(networks_take_turns),
      cmocka_unit_test(a_full_queue_makes_room),
  };
  return cmocka_run_group_tests(tests, start, NULL);
}
