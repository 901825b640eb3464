/* bench/ledger: what durable entries cost, printed beside a probe of the disk. Not a test: nothing is asserted.
 *
 *     build/bench/ledger [DIR]        (a scratch directory on the disk to be measured; default: the present one)
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/crypto.h"
#include "ledger/ledger.h"
#include "ledger/tree.h"

static double cpu_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* One entry as a submission makes it: an answer table of ten rows and a session. */
static enum err apply_session(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  enum err err = db_exec(
      db, error, "INSERT INTO session (patient, number, subject, held_day, recorded_ms) VALUES ($1, $2, $1, $3, $4)",
      ARGS(v_text(entry->subject), v_int(json_int(body, "number", 0)), v_int(entry->time_ms / DAY_MS),
           v_int(entry->time_ms)));
  size_t i;
  json_t *answer;
  char occasion[32], item[32];
  snprintf(occasion, sizeof occasion, "F-%lld", (long long)entry->sequence);
  json_array_foreach(json_object_get(body, "answers"), i, answer) {
    snprintf(item, sizeof item, "q%zu", i);
    if (!err)
      err =
          db_exec(db, error, "INSERT INTO answer (occasion, item, subject, value, revision) VALUES ($1, $2, $3, $4, 0)",
                  ARGS(v_text(occasion), v_text(item), v_text(entry->subject), v_text(json_string_value(answer))));
  }
  return err;
}

static const struct entry_kind *const kinds[] = {&(const struct entry_kind){"session.record", LOG_MASKED, apply_session}, NULL};

struct load {
  int patient;
  int64_t number;
  int answers;
};

static enum err record(struct txn *txn, void *input, struct error *error) {
  struct load *load = input;
  char subject[24];
  snprintf(subject, sizeof subject, "P-%d", load->patient);
  json_t *answers = json_array();
  for (int i = 0; i < load->answers; i++) json_array_append_new(answers, json_string("4"));
  return ledger_append(txn, "P-actor", "session.record", subject,
                       json_pack("{s:I, s:o}", "number", (json_int_t)load->number, "answers", answers), error);
}

struct client {
  struct ledger *ledger;
  int patient, count, answers;
  double slowest;
  pthread_t thread;
};

static void *client_run(void *state) {
  struct client *client = state;
  struct error error;
  for (int i = 0; i < client->count; i++) {
    struct load load = {client->patient, i + 1, client->answers};
    double start = now_s();
    if (ledger_do(client->ledger, record, &load, &error)) fprintf(stderr, "%s\n", error.text), exit(1);
    double took = now_s() - start;
    if (took > client->slowest) client->slowest = took;
  }
  return NULL;
}

static double probe_sync(const char *directory) {
  char path[512], block[4096] = {1};
  snprintf(path, sizeof path, "%s/probe", directory);
  int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (file < 0) perror(path), exit(1);
  double start = now_s();
  int count = 0;
  while (now_s() - start < 1) {
    if (pwrite(file, block, sizeof block, (off_t)(count % 256) * 4096) != (ssize_t)sizeof block || fdatasync(file))
      perror(path), exit(1);
    count++;
  }
  double each = (now_s() - start) / count;
  close(file);
  unlink(path);
  return each;
}

static struct ledger *open_ledger(const char *home, struct store **store, struct keys *keys) {
  struct error error = {0};
  struct ledger *ledger = NULL;
  struct ledger_config config = {.clock = clock_system(),
                                 .chance = chance_system(),
                                 .origin = "attune.bench/ledger",
                                 .kinds = kinds,
                                 .keys = keys};
  enum err err = store_open(store, home, STORE_OWN, &error);
  if (!err) err = keys_load(keys, home, &error);
  config.store = *store;
  if (!err) err = ledger_open(&ledger, &config, &error);
  if (err) fprintf(stderr, "%s\n", error.text), exit(1);
  return ledger;
}

static void measure(struct ledger *ledger, int clients, int total, int answers, double sync) {
  static int patients;
  struct client *client = calloc((size_t)clients, sizeof *client);
  struct ledger_counts before = ledger_counts(ledger);
  double start = now_s(), slowest = 0;
  for (int i = 0; i < clients; i++) {
    client[i] = (struct client){.ledger = ledger, .patient = patients++, .count = total / clients, .answers = answers};
    pthread_create(&client[i].thread, NULL, client_run, &client[i]);
  }
  for (int i = 0; i < clients; i++) {
    pthread_join(client[i].thread, NULL);
    if (client[i].slowest > slowest) slowest = client[i].slowest;
  }
  double took = now_s() - start;
  struct ledger_counts after = ledger_counts(ledger);
  double entries = (double)(after.entries - before.entries), batches = (double)(after.batches - before.batches);
  printf("%3d at once, %2d answers: %8.0f entries/s, %5.1f entries a batch, batch %6.0f us, slowest %5.1f ms, %5.2f us "
         "of sync probe an entry\n",
         clients, answers, entries / took, entries / batches,
         (double)(after.batch_us_sum - before.batch_us_sum) / batches, slowest * 1e3, took / entries / sync);
  free(client);
}

/* Many posted without waiting: the writer's own cost an entry, syncs spread over full batches. */
static void nothing(struct job *job) {
  if (job->result) fprintf(stderr, "%s\n", job->error.text), exit(1);
}

static void flood(struct ledger *ledger, int rounds, int answers) {
  enum { EACH = 2048 };
  static struct job jobs[EACH];
  static struct load loads[EACH];
  static int patients = 100000;
  struct ledger_counts before = ledger_counts(ledger);
  double start = now_s(), cpu = cpu_s();
  for (int r = 0; r < rounds; r++) {
    for (int i = 0; i < EACH; i++) {
      loads[i] = (struct load){patients + i % 400, r * 10 + i / 400 + 1, answers};
      jobs[i] = (struct job){.run = record, .input = &loads[i], .done = nothing};
      ledger_post(ledger, &jobs[i]);
    }
    while (ledger_counts(ledger).jobs - before.jobs < (int64_t)(r + 1) * EACH) usleep(200);
  }
  patients += 1000;
  struct ledger_counts after = ledger_counts(ledger);
  double entries = (double)(after.entries - before.entries);
  printf("flood, %2d answers:       %8.0f entries/s, %5.1f entries a batch, %5.1f us of writer an entry, %5.1f us of "
         "processor\n",
         answers, entries / (now_s() - start), entries / (double)(after.batches - before.batches),
         (double)(after.batch_us_sum - before.batch_us_sum) / entries, (cpu_s() - cpu) / entries * 1e6);
}

static void measure_tree(void) {
  struct frontier frontier = {0};
  uint8_t leaf[32] = {7}, root[32], public_key[32], secret_key[64], seed[32] = {3};
  char note[CHECKPOINT_BYTES];
  sign_keys(public_key, secret_key, seed);
  enum { N = 200000, SIGNS = 5000 };
  double start = now_s();
  for (int i = 0; i < N; i++) frontier_push(&frontier, leaf);
  double push = (now_s() - start) / N;
  start = now_s();
  for (int i = 0; i < N; i++) frontier_root(&frontier, root);
  double each_root = (now_s() - start) / N;
  start = now_s();
  for (int i = 0; i < SIGNS; i++) checkpoint_write(note, "attune.bench/ledger", &frontier, public_key, secret_key);
  printf("tree: append %.2f us, root %.2f us, signed checkpoint %.1f us\n", push * 1e6, each_root * 1e6,
         (now_s() - start) / SIGNS * 1e6);
}

int main(int argc, char **argv) {
  crypto_start();
  char base[300], home[320];
  snprintf(base, sizeof base, "%s/attune-bench-XXXXXX", argc > 1 ? argv[1] : ".");
  if (!mkdtemp(base)) perror(base), exit(1);
  snprintf(home, sizeof home, "%s/home", base);
  struct error error = {0};
  struct chance chance = chance_system();
  struct store *store;
  struct keys keys;
  if (store_create(home, NULL, &error) || keys_create(home, &chance, &error))
    fprintf(stderr, "%s\n", error.text), exit(1);
  double sync = probe_sync(base);
  printf("disk: one 4 kB write and fdatasync %.0f us\n", sync * 1e6);
  measure_tree();
  struct ledger *ledger = open_ledger(home, &store, &keys);
  measure(ledger, 1, 2000, 10, sync);
  measure(ledger, 16, 16000, 10, sync);
  measure(ledger, 64, 32000, 10, sync);
  flood(ledger, 10, 0);
  flood(ledger, 10, 10);
  while (ledger_counts(ledger).entries < 100000) flood(ledger, 1, 0);
  int64_t entries = ledger_counts(ledger).entries;
  ledger_close(ledger);
  store_close(store);
  double start = now_s();
  ledger = open_ledger(home, &store, &keys);
  printf("open on %lld entries: %.0f ms\n", (long long)entries, (now_s() - start) * 1e3);
  start = now_s();
  struct verify_report report;
  if (ledger_verify(store, &keys, kinds, NULL, &report, &error) || *report.first_difference)
    fprintf(stderr, "%s%s\n", error.text, report.first_difference), exit(1);
  printf("verify, replay included: %.1f s\n", now_s() - start);
  ledger_close(ledger);
  store_close(store);
  static const char *const left[] = {"home/attune.db",
                                     "home/store.json",
                                     "home/lock",
                                     "home/keys/log",
                                     "home/keys/log.public",
                                     "home/keys/body",
                                     "home/keys/link",
                                     "home/keys/lookup",
                                     "home/keys/identity",
                                     "home/keys/identity.public",
                                     "home/keys",
                                     "home"};
  for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s", base, left[i]);
    remove(path);
  }
  remove(base);
  return 0;
}
