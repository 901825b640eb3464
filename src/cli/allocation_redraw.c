/* attune allocation redraw: the whole procedure, all waves, again and again. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocation.h"
#include "cli/options.h"

#define FILE_MAXIMUM ((size_t)1 << 20)
#define THREADS_MOST 64

struct published {
  struct allocation_rules rules;
  struct allocation_step *step;
  int steps;
  const struct allocation_roster *roster[ALLOCATION_WAVES_MAX]; /* of the waves that ended */
  uint8_t *actual;                                              /* one for each person, wave after wave */
  int waves, people;
};

/* ---- reading ---- */

static enum err read_file(struct arena *arena, const char *directory, const char *name, char **text, size_t *length,
                          struct error *error) {
  FILE *file = fopen(arena_printf(arena, "%s/%s", directory, name), "rb");
  if (!file) return fail(error, ERR_MISSING, "redraw-open", name, "%s/%s could not be opened", directory, name);
  *text = arena_alloc(arena, FILE_MAXIMUM + 1);
  *length = fread(*text, 1, FILE_MAXIMUM + 1, file);
  bool bad = ferror(file) != 0;
  fclose(file);
  if (bad || *length > FILE_MAXIMUM)
    return fail(error, ERR_INPUT, "redraw-read", name, "%s/%s is no file of at most 1 MiB", directory, name);
  return OK;
}

/* The files must be those of the record: what is redrawn is what was frozen. */
static enum err check_hash(const struct published *p, int wave, enum allocation_what what, const char *name,
                           const char *text, size_t length, struct error *error) {
  const struct allocation_step *step = allocation_step_find(p->step, p->steps, wave, what);
  uint8_t hash[ALLOCATION_HASH];
  sha256(hash, text, length);
  if (step && !memcmp(hash, step->value, sizeof hash)) return OK;
  return fail(error, ERR_INPUT, "redraw-hash", name, "%s is not the file whose hash stands in steps.csv", name);
}

static enum err read_wave(struct published *p, struct arena *arena, const char *directory, int wave,
                          struct error *error) {
  struct allocation_roster *roster = arena_alloc(arena, sizeof *roster);
  struct allocation_error said;
  char *text, *name = arena_printf(arena, "wave-%d-roster.csv", wave);
  size_t length;
  enum err err = read_file(arena, directory, name, &text, &length, error);
  if (!err) err = check_hash(p, wave, ALLOCATION_ROSTER, name, text, length, error);
  if (err) return err;
  if (allocation_roster_read(roster, &p->rules, wave, text, length, &said)) return allocation_error(&said, error);
  if (p->people + roster->count > ALLOCATION_PEOPLE_MAX)
    return fail(error, ERR_INPUT, "redraw-people", name, "there are more than %d people", ALLOCATION_PEOPLE_MAX);
  name = arena_printf(arena, "wave-%d-reveal.csv", wave);
  err = read_file(arena, directory, name, &text, &length, error);
  if (!err) err = check_hash(p, wave, ALLOCATION_REVEAL, name, text, length, error);
  if (err) return err;
  if (allocation_reveal_read(p->actual + p->people, &p->rules, wave, roster->count, text, length, &said))
    return allocation_error(&said, error);
  p->roster[p->waves++] = roster;
  p->people += roster->count;
  return OK;
}

static enum err read_published(struct published *p, struct arena *arena, const char *directory, struct error *error) {
  struct allocation_error said;
  char *text, *rules;
  size_t length, rules_length;
  *p = (struct published){.step = arena_array(arena, ALLOCATION_STEPS_MAX, sizeof *p->step),
                          .actual = arena_alloc(arena, ALLOCATION_PEOPLE_MAX)};
  enum err err = read_file(arena, directory, "rules.json", &rules, &rules_length, error);
  if (!err) err = read_file(arena, directory, "steps.csv", &text, &length, error);
  if (err) return err;
  if (allocation_rules_read(&p->rules, rules, rules_length, &said) ||
      allocation_steps_read(p->step, ALLOCATION_STEPS_MAX, &p->steps, text, length, &said))
    return allocation_error(&said, error);
  err = check_hash(p, 0, ALLOCATION_RULES, "rules.json", rules, rules_length, error);
  for (int wave = 1; wave <= ALLOCATION_WAVES_MAX && !err; wave++)
    if (allocation_step_find(p->step, p->steps, wave, ALLOCATION_SLOTS) &&
        !allocation_step_find(p->step, p->steps, wave, ALLOCATION_ABORT))
      err = read_wave(p, arena, directory, wave, error);
  if (!err && !p->waves) err = fail(error, ERR_INPUT, "redraw-none", "steps.csv", "steps.csv has no wave that ended");
  return err;
}

/* ---- drawing ---- */

struct drawing {
  const struct published *published;
  uint8_t *arm; /* draw after draw */
  uint64_t seed;
  int draws;
  atomic_int next, failed;
};

static size_t memory_of(const struct published *p) {
  size_t most = 0;
  for (int k = 0; k < p->waves; k++) {
    size_t bytes = allocation_draw_memory(&p->rules, p->roster[k]->count);
    if (bytes > most) most = bytes;
  }
  return most;
}

static void *draw_some(void *state) {
  struct drawing *d = state;
  const struct published *p = d->published;
  struct allocation_redrawing again = {
      .rules = &p->rules, .rosters = p->roster, .waves = p->waves, .seed = d->seed, .bytes = memory_of(p)};
  struct allocation_error said;
  again.memory = malloc(again.bytes + 1);
  if (!again.memory) die("out of memory");
  for (int draw; (draw = atomic_fetch_add(&d->next, 1)) < d->draws;) {
    again.draw = (uint64_t)draw + 1;
    if (allocation_redraw(d->arm + (size_t)draw * (size_t)p->people, &again, &said)) atomic_store(&d->failed, 1);
  }
  free(again.memory);
  return NULL;
}

/* Each draw depends on its number alone, so that threads change nothing. */
static void draw_all(struct drawing *d) {
  pthread_t thread[THREADS_MOST];
  size_t count = processors(), started = 0;
  if (count > THREADS_MOST) count = THREADS_MOST;
  while (started + 1 < count && !pthread_create(&thread[started], NULL, draw_some, d)) started++;
  draw_some(d);
  while (started) pthread_join(thread[--started], NULL);
}

static void print_row(FILE *out, const struct published *p, const uint8_t *arm) {
  for (int i = 0; i < p->people; i++) fprintf(out, "%s%s", i ? "," : "", p->rules.arm[arm[i]]);
  fputc('\n', out);
}

static enum err write_draws(const char *path, const struct published *p, const struct drawing *d, struct error *error) {
  FILE *out = fopen(path, "wb");
  if (!out) return fail(error, ERR_INPUT, "redraw-out", path, "%s could not be made", path);
  for (int k = 0; k < p->waves; k++)
    for (int i = 0; i < p->roster[k]->count; i++) fprintf(out, "%s%d-%d", k || i ? "," : "", p->roster[k]->wave, i + 1);
  fputc('\n', out);
  print_row(out, p, p->actual);
  for (int draw = 0; draw < d->draws; draw++) print_row(out, p, d->arm + (size_t)draw * (size_t)p->people);
  bool good = !ferror(out);
  return fclose(out) == 0 && good ? OK : fail(error, ERR_STORE, "redraw-out", path, "%s could not be written", path);
}

static enum err redraw(const char *directory, const char *path, int draws, uint64_t seed, struct arena *arena,
                       struct error *error) {
  struct published p;
  enum err err = read_published(&p, arena, directory, error);
  if (err) return err;
  struct drawing d = {.published = &p, .seed = seed, .draws = draws};
  d.arm = arena_array(arena, (size_t)draws, (size_t)p.people);
  draw_all(&d);
  if (atomic_load(&d.failed)) return fail(error, ERR_INPUT, "redraw-failed", "", "a wave could not be drawn");
  return write_draws(path, &p, &d, error);
}

int allocation_redraw_all(int argc, char **argv) {
  const char *out = NULL;
  int64_t draws = 999, seed = 1;
  const struct option options[] = {{"draws", "N", "how many, beside the actual one (999)", .integer = &draws},
                                   {"seed", "S", "the same seed gives the same bytes anywhere (1)", .integer = &seed},
                                   {"out", "FILE.csv", "where they go", .text = &out},
                                   {0}};
  struct arguments arguments = {
      .usage = "attune allocation redraw DIR --draws N --seed S --out FILE.csv",
      .about = "Draws all waves again, each after those before it, by the rules and rosters of the published files in\n"
               "DIR. A column a therapist (by slot), a row a draw, the actual allocation first: what 'attune fit\n"
               "--permute' reads. Later waves depend on earlier ones, so no wave may be redrawn alone.",
      .options = options,
      .least = 1,
      .most = 1};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  struct arena arena;
  struct error error;
  arena_init(&arena, (size_t)2 << 30);
  enum err err = out ? OK : fail(&error, ERR_USAGE, "out", "--out", "--out names the file for the draws");
  if (!err && (draws < 1 || draws > 1000000))
    err = fail(&error, ERR_USAGE, "draws", "--draws", "--draws takes 1 to 1000000");
  if (!err) err = redraw(arguments.words[0], out, (int)draws, (uint64_t)seed, &arena, &error);
  arena_free(&arena);
  return err ? say_no(&error) : EXIT_DONE;
}
