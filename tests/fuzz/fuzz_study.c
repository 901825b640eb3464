/* A study.json of any bytes beside the practice's forms: findings or a study, and a study that was read gives a bundle
 * that gives the same study. */
#include <stdint.h>

#include "study/study_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bundle(const struct study *study, struct arena *arena) {
  struct study_findings findings = {.arena = arena};
  const struct study *again;
  struct study_difference difference;
  if (study_from_bundle(&again, study->bundle, study->bundle_length, &findings, arena, NULL)) abort();
  if (strcmp(again->hash, study->hash) != 0) abort();
  study_compare(study, again, arena, &difference);
  if (difference.count) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena arena;
  arena_init(&arena, 0);
  struct source source;
  struct error error;
  if (source_read_embedded(&source, "practice", &arena, &error)) abort();
  for (size_t i = 0; i < source.count; i++)
    if (!strcmp(source.files[i].name, "study.json"))
      source.files[i] = (struct source_file){"study.json", arena_text_n(&arena, (const char *)data, size), size};
  struct study_findings findings = {.arena = &arena};
  const struct study *study;
  enum err err = study_load_source(&study, &source, &findings, &arena, &error);
  if ((err == OK) != (study != NULL) || (err == OK) != (findings.broken == 0)) abort();
  for (size_t i = 0; i < findings.count; i++) finding_text(&arena, &findings.list[i]);
  if (study) check_bundle(study, &arena);
  const struct study *none;
  study_from_bundle(&none, (const char *)data, size, &findings, &arena, &error);
  arena_free(&arena);
  return 0;
}
