/* disk: what the ledger does when the disk fails it.
 *
 * A wrapping SQLite VFS counts every write, sync, truncation and opening of a file, and makes one of them fail: each in
 * turn, and the whole disk "full" from each point on. After each fault the home is opened again without it and must
 * hold exactly what was answered with OK (nothing acknowledged lost, nothing that was refused stored), and verify.
 *
 *   a failed sync       the process ends at once, and what it had not answered may or may not be there
 *   a failed write      the batch is refused (ERR_BUSY, ERR_STORE), or an old state is kept; later batches go on
 *   a full disk         ERR_BUSY "disk-full"; once there is space again, the same ledger goes on
 *
 * A planted fault (a disk that drops the bytes of one write and says that it took them) must be caught. Last line:
 * `N passed, N failed`. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crypto.h"
#include "ledger/ledger.h"

enum fault { NONE, FAIL_WRITE, FAIL_SYNC, FAIL_TRUNCATE, FULL_FROM, DROP_WRITE };
static struct {
  enum fault fault;
  int at, seen;
  bool hit;
} disk;

/* ---- the VFS ---- */

struct faulty_file {
  sqlite3_file base;
  sqlite3_file *real; /* after this structure */
};
static sqlite3_file *real_of(sqlite3_file *file) {
  return ((struct faulty_file *)file)->real;
}

static bool strikes(enum fault kind) {
  if (disk.fault != kind) return false;
  disk.seen++;
  bool now = kind == FULL_FROM ? disk.seen >= disk.at : disk.seen == disk.at;
  disk.hit |= now;
  return now;
}

static int f_close(sqlite3_file *f) {
  return real_of(f)->pMethods->xClose(real_of(f));
}
static int f_read(sqlite3_file *f, void *b, int n, sqlite3_int64 o) {
  return real_of(f)->pMethods->xRead(real_of(f), b, n, o);
}
static int f_write(sqlite3_file *f, const void *b, int n, sqlite3_int64 o) {
  if (strikes(FAIL_WRITE)) return SQLITE_IOERR_WRITE;
  if (strikes(FULL_FROM)) return SQLITE_FULL;
  if (strikes(DROP_WRITE)) return SQLITE_OK;
  return real_of(f)->pMethods->xWrite(real_of(f), b, n, o);
}
static int f_truncate(sqlite3_file *f, sqlite3_int64 n) {
  return strikes(FAIL_TRUNCATE) ? SQLITE_IOERR_TRUNCATE : real_of(f)->pMethods->xTruncate(real_of(f), n);
}
static int f_sync(sqlite3_file *f, int flags) {
  return strikes(FAIL_SYNC) ? SQLITE_IOERR_FSYNC : real_of(f)->pMethods->xSync(real_of(f), flags);
}
static int f_size(sqlite3_file *f, sqlite3_int64 *n) {
  return real_of(f)->pMethods->xFileSize(real_of(f), n);
}
static int f_lock(sqlite3_file *f, int l) {
  return real_of(f)->pMethods->xLock(real_of(f), l);
}
static int f_unlock(sqlite3_file *f, int l) {
  return real_of(f)->pMethods->xUnlock(real_of(f), l);
}
static int f_reserved(sqlite3_file *f, int *r) {
  return real_of(f)->pMethods->xCheckReservedLock(real_of(f), r);
}
static int f_control(sqlite3_file *f, int op, void *a) {
  return real_of(f)->pMethods->xFileControl(real_of(f), op, a);
}
static int f_sector(sqlite3_file *f) {
  return real_of(f)->pMethods->xSectorSize(real_of(f));
}
static int f_device(sqlite3_file *f) {
  return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}
static int f_map(sqlite3_file *f, int r, int s, int e, void volatile **p) {
  return real_of(f)->pMethods->xShmMap(real_of(f), r, s, e, p);
}
static int f_shm_lock(sqlite3_file *f, int o, int n, int l) {
  return real_of(f)->pMethods->xShmLock(real_of(f), o, n, l);
}
static void f_barrier(sqlite3_file *f) {
  real_of(f)->pMethods->xShmBarrier(real_of(f));
}
static int f_unmap(sqlite3_file *f, int d) {
  return real_of(f)->pMethods->xShmUnmap(real_of(f), d);
}

static const sqlite3_io_methods methods = {.iVersion = 2,
                                           .xClose = f_close,
                                           .xRead = f_read,
                                           .xWrite = f_write,
                                           .xTruncate = f_truncate,
                                           .xSync = f_sync,
                                           .xFileSize = f_size,
                                           .xLock = f_lock,
                                           .xUnlock = f_unlock,
                                           .xCheckReservedLock = f_reserved,
                                           .xFileControl = f_control,
                                           .xSectorSize = f_sector,
                                           .xDeviceCharacteristics = f_device,
                                           .xShmMap = f_map,
                                           .xShmLock = f_shm_lock,
                                           .xShmBarrier = f_barrier,
                                           .xShmUnmap = f_unmap};
static sqlite3_vfs faulty, *real_vfs;

static int v_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
  (void)vfs;
  struct faulty_file *ours = (struct faulty_file *)file;
  ours->real = (sqlite3_file *)&ours[1];
  int code = real_vfs->xOpen(real_vfs, name, ours->real, flags, out);
  ours->base.pMethods = ours->real->pMethods ? &methods : NULL;
  return code;
}

static void vfs_install(void) {
  real_vfs = sqlite3_vfs_find(NULL);
  faulty = *real_vfs;
  faulty.zName = "faulty";
  faulty.szOsFile = (int)sizeof(struct faulty_file) + real_vfs->szOsFile;
  faulty.xOpen = v_open;
  sqlite3_vfs_register(&faulty, 1);
}

/* ---- a ledger that counts ---- */

static enum err apply(struct db *db, const struct entry *entry, const json_t *body, struct error *error) {
  return db_exec(db, error,
                 "INSERT INTO session (patient, number, subject, held_day, recorded_ms) VALUES ($1, $2, $1, 1, $3)",
                 ARGS(v_text(entry->subject), v_int(json_int(body, "number", 0)), v_int(entry->time_ms)));
}
static const struct entry_kind *const kinds[] = {&(const struct entry_kind){"session.record", LOG_MASKED, apply}, NULL};

#define FILLER 6000 /* bytes a body: a few pages an entry, so that checkpoints come soon */
static enum err record(struct txn *txn, void *input, struct error *error) {
  static char filler[FILLER];
  memset(filler, 'f', sizeof filler - 1);
  return ledger_append(txn, "A-1", "session.record", "P-1",
                       json_pack("{s:I, s:s}", "number", (json_int_t) * (int *)input, "filler", filler), error);
}

static char home[300];
static struct keys keys;

static enum err ledger_start(struct store **store, struct ledger **ledger, struct error *error) {
  *store = NULL;
  enum err err = store_open(store, home, STORE_OWN, error);
  struct ledger_config config = {.store = *store,
                                 .keys = &keys,
                                 .clock = clock_system(),
                                 .chance = chance_frozen(1),
                                 .origin = "attune.test/disk",
                                 .kinds = kinds};
  if (!err) err = ledger_open(ledger, &config, error);
  return err;
}

static int broken(const char *what) {
  printf("  %s (fault %d at %d)\n", what, disk.fault, disk.at);
  return 1;
}

/* The child writes `count` entries under the fault and reports each number that was answered with OK. */
static void child_run(int count, int report) {
  struct store *store;
  struct ledger *ledger = NULL;
  struct error error = {0};
  enum err err = ledger_start(&store, &ledger, &error);
  if (err) _exit(3);
  disk.seen = 0;
  disk.hit = false;
  for (int n = 1; n <= count; n++) {
    err = ledger_do(ledger, record, &n, &error);
    if (err == ERR_BUSY && disk.fault == FULL_FROM && strcmp(error.id, "disk-full") != 0 &&
        strcmp(error.id, "store-rolled-back") != 0)
      _exit(4);
    if (err != OK && err != ERR_BUSY && err != ERR_STORE) _exit(5);
    if (err && disk.fault == FULL_FROM) {
      disk.fault = NONE; /* somebody made space: the same ledger goes on */
      disk.hit = true;
      n--;
      continue;
    }
    if (!err && write(report, &n, sizeof n) != sizeof n) _exit(6);
  }
  ledger_close(ledger);
  store_close(store);
  _exit(disk.hit ? 0 : 2); /* 2: the fault lies after the end of the work */
}

/* What the home holds afterwards: every number that was answered, none twice; at most `unanswered` besides. */
static int home_check(const bool *answered, int count, int unanswered) {
  struct store *store;
  struct ledger *ledger = NULL;
  struct error error = {0};
  struct verify_report report;
  disk.fault = NONE;
  int faults = 0, extra = 0;
  if (ledger_start(&store, &ledger, &error)) {
    store_close(store);
    return broken(error.text);
  }
  struct db *db;
  if (db_open(&db, store, DB_OPEN, &error)) return broken(error.text);
  for (int n = 1; n <= count; n++) {
    int64_t rows = -1;
    if (db_int(db, &error, &rows, 0, "SELECT count(*) FROM session WHERE patient = 'P-1' AND number = $1 ORDER BY 1",
               ARGS(v_int(n))))
      return broken(error.text);
    if (answered[n] && rows != 1) faults += broken("an entry that was answered is lost");
    if (!answered[n] && rows) extra++;
  }
  if (extra > unanswered) faults += broken("an entry that was refused is stored");
  db_close(db);
  if (ledger_verify(store, &keys, kinds, NULL, &report, &error))
    faults += broken(error.text);
  else if (*report.first_difference)
    faults += broken(report.first_difference);
  ledger_close(ledger);
  store_close(store);
  return faults;
}

static void home_fresh(void) {
  char command[700];
  static const char *const files[] = {"attune.db", "attune.db-wal", "attune.db-shm", "store.json", "lock"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    snprintf(command, sizeof command, "%s/%s", home, files[i]);
    unlink(command);
  }
  struct error error = {0};
  if (store_create(home, NULL, &error)) printf("%s\n", error.text), exit(1);
}

/* One run with one fault. Returns the faults found, or -1 when the fault lay after the end of the work. */
static int run_one(enum fault fault, int at, int count) {
  static bool answered[1000];
  int pipes[2], status, n, faults = 0;
  memset(answered, 0, sizeof answered);
  disk.fault = NONE;
  home_fresh();
  if (pipe(pipes)) exit(1);
  fflush(stdout);
  pid_t child = fork();
  if (!child) {
    close(pipes[0]);
    if (!freopen("/dev/null", "w", stderr)) _exit(7);
    disk.at = at;
    disk.fault = fault;
    disk.seen = -100000; /* opening is not under the fault */
    child_run(count, pipes[1]);
  }
  close(pipes[1]);
  while (read(pipes[0], &n, sizeof n) == sizeof n) answered[n] = true;
  close(pipes[0]);
  waitpid(child, &status, 0);
  disk.at = at;
  disk.fault = fault;
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (code == 2) return -1;
  if (fault == FAIL_SYNC && code != 1) faults += broken("a failed sync did not end the process");
  if (fault != FAIL_SYNC && code != 0) faults += broken("the process ended otherwise than it should");
  disk.fault = NONE;
  int found = home_check(answered, count, code == 1);
  disk.fault = fault;
  return faults + found;
}

static int passed, failed;

static void each(enum fault fault, const char *name, int step, int most, int count) {
  int tried = 0, faults = 0;
  for (int at = 1; tried < most; at += step) {
    int found = run_one(fault, at, count);
    if (found < 0) break;
    tried++;
    faults += found > 0;
  }
  bool well = !faults && tried >= 5;
  printf("%s: %d points, %d with a fault%s\n", name, tried, faults, tried < 5 ? " (too little work)" : "");
  passed += well;
  failed += !well;
}

int main(int argc, char **argv) {
  bool quick = argc > 1 && !strcmp(argv[1], "--quick");
  crypto_start();
  vfs_install();
  const char *base = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
  snprintf(home, sizeof home, "%s/attune-disk-XXXXXX", base);
  if (!mkdtemp(home)) return 1;
  struct error error = {0};
  struct chance chance = chance_frozen(1);
  if (keys_create(home, &chance, &error) || keys_load(&keys, home, &error)) return 1;
  int count = quick ? 130 : 400, most = quick ? 12 : 200;
  each(FAIL_SYNC, "every sync fails in turn", quick ? 11 : 3, most, count);
  each(FAIL_WRITE, "every write fails in turn", quick ? 137 : 17, most, count);
  each(FULL_FROM, "the disk is full from each point on", quick ? 131 : 13, most, count);
  int caught = 0; /* the planted fault: bytes dropped in silence */
  for (int at = 20; at < 400 && !caught; at += 60) caught = run_one(DROP_WRITE, at, 60) > 0;
  printf("planted fault (a write that is dropped in silence): %s\n", caught ? "caught" : "NOT CAUGHT");
  passed += caught;
  failed += !caught;
  disk.fault = NONE;
  home_fresh();
  printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}
