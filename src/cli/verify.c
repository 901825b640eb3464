#include <stdio.h>

#include "base/json.h"
#include "cli/options.h"
#include "ledger/ledger.h"
#include "store/store_files.h"
#include "trial/kinds.h"

#define LONGEST_NOTE ((size_t)64 << 10) /* with the signatures of many witnesses */

static bool all_holds(const struct verify_report *report) {
  return !*report->first_difference;
}

static void print_json(const struct verify_report *report, const char *root) {
  json_t *document =
      json_pack("{s:b, s:I, s:I, s:I, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:s, s:s, s:s}", "holds", all_holds(report), "entries",
                (json_int_t)report->entries, "erased_subjects", (json_int_t)report->erased_subjects, "checkpoints",
                (json_int_t)report->checkpoints, "tree", report->tree_holds, "checkpoints_hold",
                report->checkpoints_hold, "bodies", report->bodies_hold, "tables", report->tables_hold, "times", report->times_hold, "keys",
                report->keys_hold, "database", report->database_holds, "unchecked", report->unchecked, "root", root,
                "first_difference", report->first_difference);
  json_dumpf(document, stdout, JSON_INDENT(2));
  printf("\n");
  json_decref(document);
}

static void print_text(FILE *to, const char *home, const struct verify_report *report, const char *root) {
  if (*report->unchecked) fprintf(stderr, "%s: %s\n", home, report->unchecked);
  if (all_holds(report))
    fprintf(to,
            "%s: the ledger holds: %lld entries, %lld checkpoints, %lld erased; replaying it gives the tables as they "
            "are\nroot %s\n",
            home, (long long)report->entries, (long long)report->checkpoints, (long long)report->erased_subjects, root);
  else
    fprintf(to, "%s: the ledger does not hold: %s\n", home, report->first_difference);
}

static enum err dump_to_stdout(void *state, const void *bytes, size_t length) {
  (void)state;
  return fwrite(bytes, 1, length, stdout) == length ? OK : ERR_STORE;
}

static enum err dump(struct store *store, struct error *error) {
  struct db *db;
  enum err err = db_open(&db, store, DB_OPEN, error);
  if (!err) err = db_snapshot(db, error);
  if (!err) err = db_dump(db, dump_to_stdout, NULL, error);
  db_close(db);
  if (!err && fflush(stdout)) err = ERR_STORE;
  return err && error && !*error->text ? fail(error, err, "output", "", "the dump could not be written") : err;
}

int command_verify(int argc, char **argv) {
  bool json = false, dumped = false;
  const char *note = NULL;
  const struct option options[] = {
      {"json", NULL, "one JSON document", .flag = &json},
      {"dump", NULL, "write the canonical dump of the tables on standard output", .flag = &dumped},
      {"note", "FILE", "a checkpoint that was kept elsewhere (attune checkpoint): does the ledger go on from it?", .text = &note},
      {NULL, NULL, NULL, .flag = NULL}};
  struct arguments arguments = {
      .usage = "attune verify HOME [--json | --dump] [--note FILE]",
      .about = "Recomputes the ledger's tree, checks its checkpoints, every body, the order of time and the database's own\n"
               "structure, and replays it: do the entries give the tables as they are? With --note: is this the ledger of that\n"
               "note, grown, and not an older state of it or another? Works beside a running server. Ends with 1 on any\n"
               "difference and names the first.",
      .options = options,
      .least = 1,
      .most = 1};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  if (json && dumped) {
    fprintf(stderr, "attune: --json and --dump both write on standard output; choose one\n");
    return EXIT_USAGE;
  }
  const char *home = arguments.words[0];
  struct error error = {0};
  struct store *store = NULL;
  struct keys keys = {0};
  struct verify_report report;
  struct arena arena = {0};
  char *kept = NULL;
  enum err err = note ? file_read(&arena, note, LONGEST_NOTE, &kept, &(size_t){0}, &error) : OK;
  if (!err) err = store_open(&store, home, STORE_LOOK, &error);
  if (!err) err = keys_load(&keys, home, &error);
  if (!err) err = ledger_verify(store, &keys, assembled_kinds, kept, &report, &error);
  if (!err && dumped) err = dump(store, &error);
  store_close(store);
  keys_wipe(&keys);
  if (err) {
    arena_free(&arena);
    return say_no(&error);
  }
  char *root = hex_text(&arena, report.root, sizeof report.root);
  if (json)
    print_json(&report, root);
  else
    print_text(dumped || !all_holds(&report) ? stderr : stdout, home, &report, root);
  arena_free(&arena);
  return all_holds(&report) ? EXIT_DONE : EXIT_SAYS_NO;
}
