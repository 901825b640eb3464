#include "base/crypto.h"
#include "base/embed.h"
#include "study/form_read.h"
#include "study/schema.h"
#include "study/study_read.h"

/* The published schema travels inside the program. */
static void check_shape(struct study_reading *reading) {
  const struct embedded *file = embedded_find("studies/study.schema.json");
  json_t *schema = NULL;
  struct error error;
  if (!file || json_read(&schema, (const char *)file->bytes, file->length, file->name, &error))
    die("the schema of studies is missing from this program: build it again");
  struct schema_check check = {.root = schema,
                               .file = "study.json",
                               .text = reading->file->bytes,
                               .length = reading->file->length,
                               .arena = reading->scratch,
                               .findings = reading->findings};
  schema_check(&check, reading->root);
  json_decref(schema);
}

static void read_forms(struct study_reading *reading, const struct source *source) {
  struct study *study = reading->study;
  struct form_reader reader = {.source = source,
                               .languages = study->languages,
                               .language_count = study->language_count,
                               .arena = reading->arena,
                               .findings = reading->findings};
  form_read_all(&reader, &study->forms, &study->form_count);
}

static enum err broken(const struct study_findings *findings, struct arena *scratch, struct error *error) {
  for (size_t i = 0; i < findings->count; i++)
    if (findings->list[i].severity == STUDY_BROKEN)
      return fail(error, ERR_INPUT, findings->list[i].id, findings->list[i].file, "%s",
                  finding_text(scratch, &findings->list[i]));
  return findings->broken ? fail(error, ERR_INPUT, "study-broken", "", "the study is broken") : OK;
}

static void seal(struct study *study, const struct source *source, const json_t *root, struct arena *arena) {
  uint8_t digest[SHA256_BYTES];
  study->bundle = source_bundle(source, root, arena, &study->bundle_length);
  sha256(digest, study->bundle, study->bundle_length);
  const char *hex = hex_text(arena, digest, sizeof digest);
  memcpy(study->hash, hex, sizeof study->hash - 1);
}

static void say_json(struct study_findings *findings, const struct error *why) {
  struct study_place place = {.file = "study.json", .where = ""};
  const char *sentence = finding_place_read(why->text, &place);
  finding_add(findings, STUDY_BROKEN, "json-broken", place, "", "this is not JSON: %s", sentence);
}

static enum err load(const struct study **out, const struct source *source, struct study_findings *findings,
                     struct arena *arena, struct arena *scratch, struct error *error) {
  const struct source_file *file = source_find(source, "study.json");
  if (!file) return fail(error, ERR_MISSING, "study-json", "study.json", "there is no study.json here");
  json_t *root;
  struct error why;
  enum err err = json_read(&root, file->bytes, file->length, "study.json", &why);
  if (err) {
    say_json(findings, &why);
    if (error) *error = why;
    return err;
  }
  struct study *study = arena_alloc(arena, sizeof *study);
  struct study_reading reading = {root, file, study, arena, scratch, findings, source->kept};
  check_shape(&reading);
  study_read_languages(&reading);
  read_forms(&reading, source);
  study_read_all(&reading);
  study_check_all(&reading);
  err = broken(findings, scratch, error);
  if (!err) seal(study, source, root, arena);
  if (!err) *out = study;
  json_decref(root);
  return err;
}

enum err study_load_source(const struct study **out, const struct source *source, struct study_findings *findings,
                           struct arena *arena, struct error *error) {
  struct arena scratch;
  arena_init(&scratch, 0);
  *out = NULL;
  if (!findings->arena) findings->arena = arena;
  enum err err = load(out, source, findings, arena, &scratch, error);
  arena_free(&scratch);
  return err;
}

enum err study_load_dir(const struct study **out, const char *dir, struct study_findings *findings, struct arena *arena,
                        struct error *error) {
  struct source source;
  *out = NULL;
  enum err err = source_read_dir(&source, dir, arena, error);
  return err ? err : study_load_source(out, &source, findings, arena, error);
}

enum err study_load_embedded(const struct study **out, const char *name, struct study_findings *findings,
                             struct arena *arena, struct error *error) {
  struct source source;
  *out = NULL;
  enum err err = source_read_embedded(&source, name, arena, error);
  return err ? err : study_load_source(out, &source, findings, arena, error);
}

enum err study_from_bundle(const struct study **out, const char *text, size_t length, struct study_findings *findings,
                           struct arena *arena, struct error *error) {
  struct source source;
  *out = NULL;
  enum err err = source_read_bundle(&source, text, length, arena, error);
  return err ? err : study_load_source(out, &source, findings, arena, error);
}

enum err study_check_forms(const char *dir, struct study_findings *findings, struct arena *arena, struct error *error) {
  static const char *const languages[] = {"en", "fr"};
  struct source source;
  enum err err = source_read_dir(&source, dir, arena, error);
  if (err) return err;
  if (!findings->arena) findings->arena = arena;
  struct form_reader reader = {
      .source = &source, .languages = languages, .language_count = 2, .arena = arena, .findings = findings};
  const struct form *forms;
  size_t count;
  form_read_all(&reader, &forms, &count);
  return broken(findings, arena, error);
}
