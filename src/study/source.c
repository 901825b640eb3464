#include "study/source.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>

#include "base/embed.h"

static bool wanted(const char *name) {
  size_t length = strlen(name);
  if (!strcmp(name, "study.json") || !strcmp(name, "choices.csv") || !strcmp(name, "settings.csv")) return true;
  return length > 10 && !strncmp(name, "forms/", 6) && name[6] != '.' && !strcmp(name + length - 4, ".csv") &&
         !strchr(name + 6, '/');
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct source_file *)a)->name, ((const struct source_file *)b)->name);
}

static enum err source_add(struct source *source, struct source_file file, struct error *error) {
  if (source->count == SOURCE_FILES)
    return fail(error, ERR_LIMIT, "study-large", file.name, "a study has at most %d files", SOURCE_FILES);
  source->files[source->count++] = file;
  return OK;
}

static enum err read_whole(struct source_file *file, const char *path, struct arena *arena, struct error *error) {
  FILE *stream = fopen(path, "rb");
  if (!stream) return fail(error, ERR_MISSING, "study-file", file->name, "%s: %s", path, strerror(errno));
  char *bytes = malloc(SOURCE_FILE_BYTES + 1);
  if (!bytes) die("out of memory while reading %s", path);
  file->length = fread(bytes, 1, SOURCE_FILE_BYTES + 1, stream);
  bool broken = ferror(stream) != 0, large = file->length > SOURCE_FILE_BYTES;
  fclose(stream);
  if (!broken && !large) file->bytes = arena_text_n(arena, bytes, file->length);
  free(bytes);
  if (broken) return fail(error, ERR_STORE, "study-file", file->name, "%s cannot be read", path);
  if (large)
    return fail(error, ERR_LIMIT, "study-large", file->name, "%s is larger than %zu bytes", path, SOURCE_FILE_BYTES);
  return OK;
}

/* The files of one directory; `prefix` is "" or "forms/". */
static enum err read_directory(struct source *out, const char *dir, const char *prefix, struct arena *arena,
                               struct error *error) {
  DIR *listing = opendir(*prefix ? arena_printf(arena, "%s/%s", dir, prefix) : dir);
  if (!listing && *prefix) return OK;
  if (!listing) return fail(error, ERR_MISSING, "study-directory", "", "%s: %s", dir, strerror(errno));
  enum err err = OK;
  for (const struct dirent *entry = readdir(listing); entry && !err; entry = readdir(listing)) {
    struct source_file file = {.name = arena_printf(arena, "%s%s", prefix, entry->d_name)};
    if (!wanted(file.name)) continue;
    err = read_whole(&file, arena_printf(arena, "%s/%s", dir, file.name), arena, error);
    if (!err) err = source_add(out, file, error);
  }
  closedir(listing);
  return err;
}

static enum err source_new(struct source *out, struct arena *arena) {
  *out = (struct source){.files = arena_array(arena, SOURCE_FILES, sizeof *out->files)};
  return OK;
}

enum err source_read_dir(struct source *out, const char *dir, struct arena *arena, struct error *error) {
  enum err err = source_new(out, arena);
  if (!err) err = read_directory(out, dir, "", arena, error);
  if (!err) err = read_directory(out, dir, "forms/", arena, error);
  if (!err) qsort(out->files, out->count, sizeof *out->files, by_name);
  return err;
}

enum err source_read_embedded(struct source *out, const char *name, struct arena *arena, struct error *error) {
  enum err err = source_new(out, arena);
  size_t count, prefix_length;
  const struct embedded *all = embedded_all(&count);
  const char *prefix = arena_printf(arena, "studies/%s/", name);
  prefix_length = strlen(prefix);
  for (size_t i = 0; i < count && !err; i++) {
    if (strncmp(all[i].name, prefix, prefix_length) || !wanted(all[i].name + prefix_length)) continue;
    err = source_add(out, (struct source_file){all[i].name + prefix_length, (const char *)all[i].bytes, all[i].length},
                     error);
  }
  if (!err && !source_find(out, "study.json"))
    return fail(error, ERR_MISSING, "study-unknown", "", "no study named '%.80s' travels inside this program", name);
  return err;
}

enum err source_read_bundle(struct source *out, const char *text, size_t length, struct arena *arena,
                            struct error *error) {
  enum err err = source_new(out, arena);
  out->kept = true;
  json_t *bundle = NULL;
  if (!err) err = json_read(&bundle, text, length, "study bundle", error);
  if (err) return err;
  json_t *study = json_object_get(bundle, "study"), *files = json_object_get(bundle, "files"), *file;
  const char *name;
  if (strcmp(json_text(bundle, "format", ""), "attune-study-1") || !json_is_object(study) || !json_is_object(files))
    err = fail(error, ERR_INPUT, "bundle-broken", "", "this is not a study bundle (format attune-study-1)");
  if (!err) {
    struct source_file whole = {.name = "study.json"};
    whole.bytes = json_canonical(arena, study, &whole.length);
    err = source_add(out, whole, error);
    json_object_foreach(files, name, file) {
      if (err || !wanted(name) || !json_is_string(file)) continue;
      err = source_add(out,
                       (struct source_file){arena_text(arena, name), arena_text(arena, json_string_value(file)),
                                            json_string_length(file)},
                       error);
    }
    qsort(out->files, out->count, sizeof *out->files, by_name);
  }
  json_decref(bundle);
  return err;
}

const struct source_file *source_find(const struct source *source, const char *name) {
  for (size_t i = 0; i < source->count; i++)
    if (!strcmp(source->files[i].name, name)) return &source->files[i];
  return NULL;
}

char *source_bundle(const struct source *source, const json_t *study, struct arena *arena, size_t *length) {
  json_t *files = json_object();
  for (size_t i = 0; i < source->count; i++)
    if (strcmp(source->files[i].name, "study.json") != 0)
      json_object_set_new(files, source->files[i].name, json_stringn(source->files[i].bytes, source->files[i].length));
  json_t *bundle = json_pack("{s:s, s:O, s:o}", "format", "attune-study-1", "study", study, "files", files);
  char *text = json_canonical(arena, bundle, length);
  json_decref(bundle);
  return text;
}
