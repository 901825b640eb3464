/* attune allocation rehearse: a whole allocation on made-up therapists, as the files that would be published. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "cli/allocation.h"
#include "cli/options.h"

#define WAVES_LISTED (ALLOCATION_WAVES_MAX - 1) /* one more may be played and aborted */

struct rehearsal {
  struct arena *arena;
  struct error *error;
  struct chance chance;
  struct allocation_rules rules;
  size_t covariates;
  struct allocation_wave *wave;
  struct allocation_step *step;
  int waves, steps, sizes[ALLOCATION_WAVES_MAX + 1];
  struct allocation_history history;
  uint8_t rules_hash[ALLOCATION_HASH];
  int64_t now;
};

/* ---- steps ---- */

/* Does the next step, if it may come next: the rehearsal obeys the order that it shows. */
static enum err do_step(struct rehearsal *r, struct allocation_step step, int minutes) {
  struct allocation_error said;
  step.time = r->now += minutes * MINUTE_MS;
  if (r->steps == ALLOCATION_STEPS_MAX)
    return fail(r->error, ERR_LIMIT, "steps", "", "the rehearsal has more than %d steps", ALLOCATION_STEPS_MAX);
  if (allocation_step_allowed(&r->rules, r->step, r->steps, r->sizes, &step, &said))
    return allocation_error(&said, r->error);
  r->step[r->steps++] = step;
  return OK;
}

static struct allocation_step step_of(enum allocation_what what, int wave, const char *who) {
  struct allocation_step step = {.what = what, .wave = wave};
  snprintf(step.who, sizeof step.who, "%s", who);
  return step;
}

static enum err step_value(struct rehearsal *r, enum allocation_what what, int wave, const char *who,
                           const uint8_t value[ALLOCATION_HASH]) {
  struct allocation_step step = step_of(what, wave, who);
  memcpy(step.value, value, sizeof step.value);
  return do_step(r, step, 10);
}

static enum err step_text(struct rehearsal *r, enum allocation_what what, int wave, int slot, const char *who,
                          const char *text) {
  struct allocation_step step = step_of(what, wave, who);
  step.slot = slot;
  snprintf(step.text, sizeof step.text, "%s", text);
  return do_step(r, step, 10);
}

/* ---- a wave ---- */

static void secret_of(const struct rehearsal *r, const char *purpose, int wave, uint8_t out[ALLOCATION_HASH]) {
  chance_bytes(&r->chance, purpose, "rehearsal", (uint64_t)wave, out, ALLOCATION_HASH);
}

static enum err make_roster(struct rehearsal *r, int wave, int count) {
  struct allocation_roster *roster = &r->wave[wave - 1].roster;
  struct allocation_stream stream;
  struct allocation_error said;
  uint8_t seed[ALLOCATION_HASH];
  secret_of(r, "therapists", wave, seed);
  allocation_stream_init(&stream, seed);
  *roster = (struct allocation_roster){.wave = wave, .count = count};
  for (int i = 0; i < count; i++) {
    struct allocation_person *person = &roster->person[i];
    person->locked = r->now - (count - i) * HOUR_MS;
    chance_bytes(&r->chance, "therapist-record", "rehearsal", (uint64_t)wave * 1000 + (uint64_t)i, person->record,
                 sizeof person->record);
    if (made_up_person(person, made_up_therapists, r->covariates, &stream, &said))
      return allocation_error(&said, r->error);
  }
  r->waves = wave;
  r->sizes[wave] = count;
  return OK;
}

/* The same therapists in a wave of another number. */
static void repeat_roster(struct rehearsal *r, int wave) {
  r->wave[wave - 1].roster = r->wave[wave - 2].roster;
  r->wave[wave - 1].roster.wave = wave;
  r->waves = wave;
  r->sizes[wave] = r->sizes[wave - 1];
}

static enum err commit(struct rehearsal *r, int wave) {
  uint8_t secret[ALLOCATION_HASH], hash[ALLOCATION_HASH];
  allocation_roster_hash(hash, &r->rules, &r->wave[wave - 1].roster);
  enum err err = step_value(r, ALLOCATION_ROSTER, wave, "coordinator", hash);
  secret_of(r, "allocator-secret", wave, secret);
  allocation_commitment(hash, 'A', secret);
  if (!err) err = step_value(r, ALLOCATION_COMMITMENT_A, wave, "allocator", hash);
  if (err || r->rules.parties == 1) return err;
  secret_of(r, "witness-secret", wave, secret);
  allocation_commitment(hash, 'B', secret);
  return step_value(r, ALLOCATION_COMMITMENT_B, wave, "witness", hash);
}

static enum err disclose(struct rehearsal *r, int wave) {
  uint8_t secret[ALLOCATION_HASH];
  secret_of(r, "allocator-secret", wave, secret);
  enum err err = step_value(r, ALLOCATION_DISCLOSURE_A, wave, "allocator", secret);
  if (err || r->rules.parties == 1) return err;
  secret_of(r, "witness-secret", wave, secret);
  return step_value(r, ALLOCATION_DISCLOSURE_B, wave, "witness", secret);
}

static enum err derive(struct rehearsal *r, int wave, struct allocation_drawn *drawn) {
  struct allocation_wave *w = &r->wave[wave - 1];
  struct allocation_error said;
  uint8_t seed[ALLOCATION_HASH], root[ALLOCATION_HASH];
  char text[ALLOCATION_DRAWN_TEXT];
  size_t bytes = allocation_draw_memory(&r->rules, w->roster.count);
  const struct allocation_drawing drawing = {.rules = &r->rules,
                                             .history = &r->history,
                                             .roster = &w->roster,
                                             .seed = seed,
                                             .memory = arena_alloc(r->arena, bytes),
                                             .bytes = bytes};
  allocation_step_seed(seed, &r->rules, r->step, r->steps, wave);
  if (allocation_draw(drawn, &drawing, &said)) return allocation_error(&said, r->error);
  memcpy(w->arm, drawn->arm, sizeof w->arm);
  allocation_history_add(&r->history, &r->rules, &w->roster, w->arm);
  allocation_drawn_text(text, drawn, false);
  enum err err = step_text(r, ALLOCATION_DERIVATION, wave, 0, "allocator", text);
  allocation_slot_root(root, &r->rules, &w->roster, w->arm, seed);
  return err ? err : step_value(r, ALLOCATION_SLOTS, wave, "allocator", root);
}

/* Released one by one, in an order that is not the roster's. */
static enum err release(struct rehearsal *r, int wave) {
  struct allocation_stream stream;
  uint8_t seed[ALLOCATION_HASH], order[ALLOCATION_WAVE_MAX];
  int count = r->sizes[wave];
  enum err err = OK;
  secret_of(r, "release-order", wave, seed);
  allocation_stream_init(&stream, seed);
  for (int i = 0; i < count; i++) order[i] = (uint8_t)(i + 1);
  allocation_shuffle(&stream, order, count);
  for (int i = 0; i < count && !err; i++) {
    struct allocation_step step = step_of(ALLOCATION_RELEASE, wave, "allocator");
    step.slot = order[i];
    err = do_step(r, step, 5);
  }
  if (!err && wave == 1 && count > 1)
    err = step_text(r, ALLOCATION_MARK, wave, 2, "coordinator", "found not to be eligible after the release");
  return err;
}

static enum err play_wave(struct rehearsal *r, int wave) {
  struct allocation_drawn drawn;
  r->now += 30 * DAY_MS;
  enum err err = commit(r, wave);
  if (!err) err = disclose(r, wave);
  if (!err) err = derive(r, wave, &drawn);
  return err ? err : release(r, wave);
}

/* A wave whose second party lost what it had committed to: it stands as aborted, and its people come again. */
static enum err play_aborted(struct rehearsal *r, int wave) {
  r->now += 30 * DAY_MS;
  enum err err = commit(r, wave);
  return err ? err
             : step_text(r, ALLOCATION_ABORT, wave, 0, "allocator",
                         "what was committed to was lost before it was disclosed, nothing was derived");
}

static enum err play_waves(struct rehearsal *r, const int *sizes, int count) {
  enum err err = OK;
  int wave = 0;
  for (int k = 0; k < count && !err; k++) {
    err = make_roster(r, ++wave, sizes[k]);
    if (!err && k == 1) {
      err = play_aborted(r, wave);
      if (!err) repeat_roster(r, ++wave);
    }
    if (!err) err = play_wave(r, wave);
  }
  return err;
}

/* ---- the end ---- */

static enum err reveal_wave(struct rehearsal *r, int wave) {
  uint8_t seed[ALLOCATION_HASH], hash[ALLOCATION_HASH];
  struct allocation_text text = {.data = arena_alloc(r->arena, ALLOCATION_REVEAL_TEXT),
                                 .capacity = ALLOCATION_REVEAL_TEXT};
  const struct allocation_wave *w = &r->wave[wave - 1];
  allocation_step_seed(seed, &r->rules, r->step, r->steps, wave);
  allocation_reveal_write(&text, &r->rules, &w->roster, w->arm, seed);
  sha256(hash, text.data, text.length);
  return step_value(r, ALLOCATION_REVEAL, wave, "allocator", hash);
}

static enum err play_end(struct rehearsal *r) {
  static const char report[] = "The report of a rehearsal, on arms A and B.\n";
  uint8_t hash[ALLOCATION_HASH];
  r->now += 365 * DAY_MS;
  enum err err = do_step(r, step_of(ALLOCATION_LOCK, 0, "investigator"), 10);
  sha256(hash, report, sizeof report - 1);
  if (!err) err = step_value(r, ALLOCATION_REPORT, 0, "investigator", hash);
  if (!err) err = do_step(r, step_of(ALLOCATION_UNMASKING, 0, "investigator"), 10);
  if (!err) err = do_step(r, step_of(ALLOCATION_UNMASKING, 0, "statistician"), 10);
  for (int wave = 1; wave <= r->waves && !err; wave++)
    if (!allocation_step_find(r->step, r->steps, wave, ALLOCATION_ABORT)) err = reveal_wave(r, wave);
  return err;
}

struct folder {
  const char *path;
  struct arena *arena;
};

static bool write_file(void *state, const char *name, const char *text, size_t length) {
  const struct folder *folder = state;
  FILE *file = fopen(arena_printf(folder->arena, "%s/%s", folder->path, name), "wbx");
  if (!file) return false;
  bool written = fwrite(text, 1, length, file) == length;
  return fclose(file) == 0 && written;
}

static enum err publish(struct rehearsal *r, const char *path) {
  const struct allocation_trial trial = {
      .rules = r->rules, .step = r->step, .steps = r->steps, .wave = r->wave, .waves = r->waves};
  struct folder folder = {path, r->arena};
  struct allocation_error said;
  uint8_t seed[32], public_key[32], secret_key[64];
  if (mkdir(path, 0777))
    return fail(r->error, ERR_INPUT, "rehearse-out", path, "%s could not be made: %s", path, strerror(errno));
  secret_of(r, "log-key", 0, seed);
  sign_keys(public_key, secret_key, seed);
  size_t bytes = allocation_publish_memory(&trial);
  return allocation_publish(&trial, secret_key, write_file, &folder, arena_alloc(r->arena, bytes), bytes, &said)
             ? allocation_error(&said, r->error)
             : OK;
}

/* ---- the command ---- */

static enum err set_rules(struct rehearsal *r, int64_t arms, const char *ratio, const char *method, bool one_party) {
  static const char *const names[] = {"programme", "control", "workshops", "consultation", "course", "books"};
  struct allocation_error said;
  r->rules = allocation_rules_default();
  snprintf(r->rules.study, sizeof r->rules.study, "rehearsal");
  if (arms < 2 || arms > ALLOCATION_ARMS_MAX)
    return fail(r->error, ERR_USAGE, "arms", "--arms", "--arms takes 2 to %d", ALLOCATION_ARMS_MAX);
  r->rules.arms = (int)arms;
  for (int a = 0; a < r->rules.arms; a++) {
    snprintf(r->rules.arm[a], ALLOCATION_NAME, "%s", names[a]);
    r->rules.ratio[a] = 1;
  }
  if (allocation_ratio_read(ratio, &r->rules, r->error)) return r->error->code;
  int m = 0;
  while (m < ALLOCATION_METHODS && strcmp(method, allocation_method_name[m])) m++;
  if (m == ALLOCATION_METHODS)
    return fail(r->error, ERR_USAGE, "method", "--method", "there is no method '%.40s'", method);
  r->rules.method = (enum allocation_method)m;
  r->rules.parties = one_party ? 1 : 2;
  r->rules.columns = made_up_columns(made_up_therapists, r->covariates);
  r->rules.strata = m == ALLOCATION_BLOCKS;
  r->rules.stratum[0] = 1; /* the site */
  secret_of(r, "coding", 0, r->rules.coding);
  return allocation_rules_check(&r->rules, &said) ? allocation_error(&said, r->error) : OK;
}

static enum err rehearse(struct rehearsal *r, const int *sizes, int count, const char *out) {
  r->wave = arena_array(r->arena, ALLOCATION_WAVES_MAX, sizeof *r->wave);
  r->step = arena_array(r->arena, ALLOCATION_STEPS_MAX, sizeof *r->step);
  r->now = day_from_civil(2026, 1, 5) * DAY_MS + 14 * HOUR_MS;
  allocation_rules_hash(r->rules_hash, &r->rules);
  enum err err = step_value(r, ALLOCATION_RULES, 0, "investigator", r->rules_hash);
  if (!err) err = play_waves(r, sizes, count);
  if (!err) err = play_end(r);
  return err ? err : publish(r, out);
}

static int largest(const int *sizes, int count) {
  int most = 20;
  for (int k = 0; k < count; k++)
    if (sizes[k] > most) most = sizes[k];
  return most;
}

int allocation_rehearse(int argc, char **argv) {
  const char *out = NULL, *waves = NULL, *ratio = NULL, *method = "covariate-constrained";
  int64_t therapists = 12, seed = 1, arms = 2;
  bool one_party = false;
  const struct option options[] = {
      {"out", "DIR", "a new directory for the files", .text = &out},
      {"therapists", "N", "how many (12)", .integer = &therapists},
      {"seed", "S", "the same seed gives the same bytes anywhere (1)", .integer = &seed},
      {"waves", "N,N,...", "their sizes (waves of 12, and the rest)", .text = &waves},
      {"arms", "N", "2 to 6 (2)", .integer = &arms},
      {"ratio", "N:N", "of the arms (1:1)", .text = &ratio},
      {"method", "NAME", "simple, big-stick, blocks, minimisation, covariate-constrained", .text = &method},
      {"one-party", NULL, "without a witness", .flag = &one_party},
      {0}};
  struct arguments arguments = {
      .usage = "attune allocation rehearse --out DIR [--therapists N] [--seed S]",
      .about =
          "Plays a whole allocation on made-up therapists: rules, rosters, commitments, disclosures, derivation,\n"
          "release and reveal; with two waves or more, one that is aborted and comes again. Writes the files that\n"
          "would be published. docs/allocation.md says what each holds; this checks them:\n\n"
          "  python3 tools/verify_allocation.py DIR",
      .options = options,
      .most = 0};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  struct arena arena;
  struct error error;
  int sizes[ALLOCATION_WAVES_MAX], count = 0;
  arena_init(&arena, 0);
  struct rehearsal r = {.arena = &arena, .error = &error, .chance = chance_frozen((uint64_t)seed)};
  while (made_up_therapists[r.covariates].name) r.covariates++;
  enum err err = out ? OK : fail(&error, ERR_USAGE, "out", "--out", "--out names a new directory for the files");
  if (!err && (therapists < 1 || therapists > ALLOCATION_PEOPLE_MAX))
    err = fail(&error, ERR_USAGE, "therapists", "--therapists", "--therapists takes 1 to %d", ALLOCATION_PEOPLE_MAX);
  if (!err) err = allocation_waves_read(waves, (int)therapists, sizes, &count, &error);
  if (!err && count > WAVES_LISTED)
    err = fail(&error, ERR_USAGE, "waves", "--waves", "there are at most %d waves", WAVES_LISTED);
  if (!err) err = set_rules(&r, arms, ratio, method, one_party);
  if (!err) r.rules.most = largest(sizes, count);
  if (!err) err = rehearse(&r, sizes, count, out);
  if (!err)
    printf("%lld therapists in %d waves, %d steps; check the files with: python3 tools/verify_allocation.py %s\n",
           (long long)therapists, count, r.steps, out);
  arena_free(&arena);
  return err ? say_no(&error) : EXIT_DONE;
}
