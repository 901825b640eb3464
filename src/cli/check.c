/* attune check DIR: is this study definition fit to go live? */
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/options.h"
#include "study/study.h"

static json_t *finding_json(const struct study_finding *finding) {
  return json_pack("{s:s, s:s, s:s, s:i, s:i, s:s, s:s, s:s}", "severity",
                   finding->severity == STUDY_BROKEN ? "broken" : "notice", "id", finding->id, "file", finding->file,
                   "line", finding->line, "column", finding->column, "where", finding->where, "text", finding->text,
                   "cure", finding->cure);
}

static void print_json(struct arena *arena, const struct study *study, const struct study_findings *findings) {
  json_t *list = json_array();
  for (size_t i = 0; i < findings->count; i++) json_array_append_new(list, finding_json(&findings->list[i]));
  json_t *all = json_pack("{s:b, s:I, s:I, s:o}", "fit", findings->broken == 0, "broken", (json_int_t)findings->broken,
                          "notices", (json_int_t)findings->notices, "findings", list);
  if (study) {
    json_object_set_new(all, "name", json_string(study->name));
    json_object_set_new(all, "version", json_integer(study->version));
    json_object_set_new(all, "hash", json_string(study->hash));
  }
  puts(json_canonical(arena, all, NULL));
  json_decref(all);
}

static void print_text(struct arena *arena, const char *dir, const struct study *study,
                       const struct study_findings *findings) {
  for (size_t i = 0; i < findings->count; i++) {
    const struct study_finding *finding = &findings->list[i];
    fprintf(stderr, "%s: %s\n", finding->severity == STUDY_BROKEN ? "broken" : "notice", finding_text(arena, finding));
  }
  if (findings->broken)
    fprintf(stderr, "attune check: %s is not fit to go live: %zu broken, %zu to notice\n", dir, findings->broken,
            findings->notices);
  else if (study)
    printf("%s, version %lld: fit to go live, %zu to notice\nSHA-256 %s\n", study->name, (long long)study->version,
           findings->notices, study->hash);
  else
    printf("%s: the forms hold, %zu to notice\n", dir, findings->notices);
}

int command_check(int argc, char **argv) {
  bool json = false;
  const struct option options[] = {{"json", NULL, "one JSON document with every finding", .flag = &json},
                                   {.name = NULL}};
  struct arguments arguments = {.usage = "attune check DIR",
                                .about = "Reads study.json, settings.csv, choices.csv and forms/*.csv in DIR (or forms "
                                         "alone) and names\nevery fault with its file, its line and its cure. Exit 0: "
                                         "fit to go live; 1: broken.",
                                .options = options,
                                .least = 1,
                                .most = 1};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  const char *dir = arguments.words[0];
  struct arena arena;
  arena_init(&arena, 0);
  struct study_findings findings = {.arena = &arena};
  const struct study *study = NULL;
  struct error error;
  bool whole = access(arena_printf(&arena, "%s/study.json", dir), F_OK) == 0 ||
               access(arena_printf(&arena, "%s/settings.csv", dir), F_OK) != 0;
  enum err err = whole ? study_load_dir(&study, dir, &findings, &arena, &error)
                       : study_check_forms(dir, &findings, &arena, &error);
  code = err ? EXIT_SAYS_NO : EXIT_DONE;
  if (err && !findings.count)
    code = say_no(&error);
  else if (json)
    print_json(&arena, study, &findings);
  else
    print_text(&arena, dir, study, &findings);
  arena_free(&arena);
  return code;
}
