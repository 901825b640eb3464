/* attune demo: complete studies in mid-flight with simulated people, served on loopback. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/study_from.h"
#include "mail/settings.h"
#include "people/sign_in.h"
#include "rehearsal/demonstration.h"
#include "web/route.h"
#include "web/server.h"

#define FROZEN_MS (INT64_C(20514) * DAY_MS + 10 * HOUR_MS) /* 2026-03-02T10:00:00Z, a Monday */
#define STUDIES_MOST 4

static const char *const shipped[] = {"tensions-and-repair", "practice"};

struct shown { /* one study of the demonstration */
  struct home *home;
  struct demonstration made;
  char *directory;
};
struct demo {
  struct arena arena;
  const char *directory, *listen, *study;
  int64_t seed, now_ms;
  bool frozen, swap_arms, json;
  struct clock clock;
  struct chance chance;
  struct shown shown[STUDIES_MOST];
  size_t count;
};

static void print_progress(void *state, int done, int all) {
  fprintf(stderr, "\r  %s: %d of %d things have happened", (const char *)state, done, all);
  fflush(stderr);
}

/* Each home draws from a chance of its own: two studies of one seed must share no code, cookie, key or token. */
static struct chance chance_of(const struct demo *demo, const char *study) {
  struct chance chance = demo->chance;
  if (chance.frozen) hkdf_sha256(chance.seed, sizeof chance.seed, demo->chance.seed, sizeof demo->chance.seed, NULL, 0, study);
  return chance;
}

/* What stands still must not write to anybody. */
static enum err no_mail_leaves(struct demo *demo, const struct shown *one, struct error *error) {
  struct mail_settings settings;
  enum err err = mail_settings_read(&settings, one->directory, &demo->arena, error);
  if (err || !*settings.smtp) return err;
  return fail(error, ERR_STATE, "frozen-mail", one->directory, "%s names a mail server: --frozen sends no mail; take its settings.json away", one->directory);
}

static enum err make_home(struct demo *demo, struct shown *one, const char *name, struct error *error) {
  const struct study *study;
  enum err err = study_from(&study, name, &demo->arena, error);
  if (err) return err;
  int64_t began = demo->now_ms - INT64_C(27) * 7 * DAY_MS, now = began;
  struct home_create create = {
      .directory = one->directory, .by = "demo", .study = study, .clock = clock_fixed(&now), .chance = chance_of(demo, name)};
  err = home_create(&create, error);
  struct home *home = NULL;
  if (!err) err = home_open(&home, one->directory, STORE_MAKE, create.clock, create.chance, error);
  struct demonstration_plan plan = {.home = home,
                                    .now_ms = &now,
                                    .until_ms = demo->now_ms,
                                    .seed = (uint64_t)demo->seed,
                                    .swap_arms = demo->swap_arms,
                                    .progress = isatty(2) ? print_progress : NULL,
                                    .progress_state = (void *)(uintptr_t)name};
  if (!err) err = demonstration_make(&plan, &one->made, error);
  if (!err && plan.progress) fprintf(stderr, "\r  %s: ready%40s\n", name, "");
  home_close(home);
  return err;
}

static enum err make_all(struct demo *demo, struct error *error) {
  enum err err = OK;
  for (size_t i = 0; i < sizeof shipped / sizeof *shipped && !err; i++) {
    if (demo->study && strcmp(demo->study, shipped[i])) continue;
    struct shown *one = &demo->shown[demo->count++];
    one->directory = arena_printf(&demo->arena, "%s/%s", demo->directory, shipped[i]);
    if (demo->frozen) err = no_mail_leaves(demo, one, error);
    if (!err) err = make_home(demo, one, shipped[i], error);
    if (!err) err = home_open(&one->home, one->directory, STORE_OWN, demo->clock, chance_of(demo, shipped[i]), error);
  }
  if (!err && !demo->count) err = fail(error, ERR_INPUT, "no-such-study", "study", "no study '%s' travels with the program", demo->study);
  return err;
}

/* ---- what to open ---- */

static enum err sign_in_address(struct demo *demo, const struct shown *one, const struct demonstration_account *account, const char *base, char **out,
                                struct error *error) {
  struct sign_in_link_make make = {.by = "demo", .account = account->code, .valid_ms = 7 * DAY_MS, .purpose = "demo"};
  enum err err = ledger_do(one->home->ledger, sign_in_link_make, &make, error);
  if (!err) *out = arena_printf(&demo->arena, "%s%s", base, server_sign_in_path(&demo->arena, one->home, make.token));
  return err;
}

static const struct demonstration_account *next_account(const struct demonstration *made, const struct demonstration_account *last) {
  const struct demonstration_account *next = NULL;
  for (size_t i = 0; i < made->account_count; i++) {
    const struct demonstration_account *one = &made->accounts[i];
    if ((!last || strcmp(one->code, last->code) > 0) && (!next || strcmp(one->code, next->code) < 0)) next = one;
  }
  return next;
}

static bool role_has_page(const char *name) {
  return route_serves(strncmp(name, "therapist", 9) ? role_from_name(name) : ROLE_THERAPIST);
}

static enum err study_addresses(struct demo *demo, const struct shown *one, const char *base, json_t **out, struct error *error) {
  json_t *sign_in = json_object(), *forms = json_array();
  enum err err = OK;
  /* In the order of codes: each link is an entry that the masked log shows, and which therapist is shown as whom tells the arm. */
  char *links[DEMONSTRATION_ROLES + 2] = {NULL};
  for (const struct demonstration_account *account = NULL; !err && (account = next_account(&one->made, account));)
    if (role_has_page(account->name)) err = sign_in_address(demo, one, account, base, &links[account - one->made.accounts], error);
  for (size_t i = 0; i < one->made.account_count && !err; i++)
    if (links[i]) json_object_set_new(sign_in, one->made.accounts[i].name, json_string(links[i]));
  struct demonstration_form *open = NULL;
  size_t count = 0;
  if (!err) err = demonstration_forms(one->home, &one->made, &demo->arena, demo->now_ms, &open, &count, error);
  for (size_t i = 0; i < count; i++)
    json_array_append_new(forms, json_pack("{s:o, s:s, s:s}", "url",
                                           json_string(arena_printf(&demo->arena, "%s%s", base, server_form_path(&demo->arena, open[i].token))),
                                           "participant", open[i].respondent, "form", open[i].form));
  *out = json_pack("{s:s, s:s, s:o, s:o}", "name", one->home->name, "home", one->directory, "sign_in", sign_in, "forms", forms);
  return err;
}

static void print_list(json_t *studies, const char *base) {
  size_t i;
  json_t *study;
  printf("\nAttune is listening on %s\n", base);
  json_array_foreach(studies, i, study) {
    const char *role;
    json_t *link;
    printf("\n%s   (record: %s/%s/)\n", json_text(study, "name", ""), base, json_text(study, "name", ""));
    printf("  %-18s %s\n", "a patient's form", json_text(json_array_get(json_object_get(study, "forms"), 0), "url", "none is open"));
    json_t *sign_in = json_object_get(study, "sign_in");
    json_object_foreach(sign_in, role, link) {
      printf("  %-18s %s\n", role, json_string_value(link));
    }
    printf("  %-18s attune verify %s\n", "the ledger", json_text(study, "home", ""));
  }
  printf("\nThe front page has a door for each of them, to be used again and again; the addresses here work once.\nEveryone here is made up. Stop with Ctrl-C.\n");
}

static enum err say_addresses(struct demo *demo, const char *base, struct error *error) {
  json_t *studies = json_array();
  enum err err = OK;
  for (size_t i = 0; i < demo->count && !err; i++) {
    json_t *one = NULL;
    err = study_addresses(demo, &demo->shown[i], base, &one, error);
    json_array_append_new(studies, one);
  }
  if (!err && demo->json) {
    json_t *document = json_copy(json_array_get(studies, 0));
    json_object_del(document, "name");
    json_object_set_new(document, "url", json_string(base));
    json_object_set(document, "studies", studies);
    printf("%s\n", json_canonical(&demo->arena, document, NULL));
    json_decref(document);
  } else if (!err)
    print_list(studies, base);
  fflush(stdout);
  json_decref(studies);
  return err;
}

static bool on_loopback(const char *listen) {
  return !strncmp(listen, "127.", 4) || !strncmp(listen, "[::1]", 5) || !strncmp(listen, "localhost:", 10);
}

static void doors_of(struct demo *demo, const struct shown *one, struct server_door *doors, size_t *count) {
  struct demonstration_form *forms;
  size_t form_count = 0;
  struct error unread;
  for (size_t i = 0; i < one->made.account_count; i++)
    if (role_has_page(one->made.accounts[i].name))
      doors[(*count)++] = (struct server_door){.home = one->home, .name = one->made.accounts[i].name, .account = one->made.accounts[i].code};
  if (demonstration_forms(one->home, &one->made, &demo->arena, demo->now_ms, &forms, &form_count, &unread)) return;
  for (size_t i = 0; i < form_count; i++)
    doors[(*count)++] = (struct server_door){.home = one->home, .name = "", .token = forms[i].token};
}

static enum err serve(struct demo *demo, struct error *error) {
  struct home *homes[STUDIES_MOST];
  struct server_door *doors = arena_array(&demo->arena, STUDIES_MOST * (DEMONSTRATION_ROLES + 2 + DEMONSTRATION_FORMS), sizeof *doors);
  size_t door_count = 0;
  struct password_pool *passwords = password_pool_start(&demo->chance, 1, error);
  if (!passwords) return error->code;
  for (size_t i = 0; i < demo->count; i++) {
    homes[i] = demo->shown[i].home;
    if (on_loopback(demo->listen)) doors_of(demo, &demo->shown[i], doors, &door_count);
  }
  struct server_config config = {.homes = homes, .home_count = demo->count, .listen = demo->listen, .made_up = true, .background = !demo->frozen, .clock = demo->clock, .chance = demo->chance, .passwords = passwords, .doors = doors, .door_count = door_count};
  struct server *server;
  enum err err = server_start(&server, &config, error);
  if (!err) {
    err = say_addresses(demo, server_address(server), error);
    if (!err) server_wait(server);
    server_stop(server);
  }
  password_pool_stop(passwords);
  return err;
}

static enum err directory_ready(struct demo *demo, struct error *error) {
  if (demo->directory) {
    if (mkdir(demo->directory, 0700) && access(demo->directory, W_OK))
      return fail(error, ERR_STATE, "directory", demo->directory, "%s cannot be made or written", demo->directory);
    return OK;
  }
  const char *under = getenv("TMPDIR");
  char *fresh = arena_printf(&demo->arena, "%s/attune-demo.XXXXXX", under && *under ? under : "/tmp");
  if (!mkdtemp(fresh)) return fail(error, ERR_STATE, "directory", fresh, "no directory can be made under %s", under ? under : "/tmp");
  demo->directory = fresh;
  return OK;
}

static void time_and_chance(struct demo *demo) {
  struct clock machine = clock_system();
  demo->now_ms = demo->frozen ? FROZEN_MS : clock_now(&machine);
  demo->clock = demo->frozen ? clock_fixed(&demo->now_ms) : machine;
  demo->chance = demo->frozen ? chance_frozen((uint64_t)demo->seed) : chance_system();
}

int command_demo(int argc, char **argv) {
  struct demo demo = {.listen = "127.0.0.1:8080", .seed = 1};
  const struct option options[] = {{"home", "DIR", "where the homes are made (a fresh temporary directory)", .text = &demo.directory},
                                   {"listen", "ADDR:PORT", "where to listen; port 0 takes a free one (127.0.0.1:8080)", .text = &demo.listen},
                                   {"study", "NAME", "this shipped study alone", .text = &demo.study},
                                   {"seed", "N", "of the simulated people (1)", .integer = &demo.seed},
                                   {"frozen", NULL, "time stands still, chance comes from the seed: the same requests get the same bytes", .flag = &demo.frozen},
                                   {"swap-arms", NULL, "the same world with the arms exchanged", .flag = &demo.swap_arms},
                                   {"json", NULL, "one line of JSON when it listens", .flag = &demo.json},
                                   {0}};
  struct arguments arguments = {.usage = "attune demo", .about = "Makes studies in mid-flight with simulated people, and serves them.", .options = options};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  struct error error;
  server_block_signals();
  time_and_chance(&demo);
  enum err err = demo.frozen && !on_loopback(demo.listen) ? fail(&error, ERR_USAGE, "", "", "--frozen listens on loopback alone") : OK;
  if (!err) err = directory_ready(&demo, &error);
  if (!err) err = make_all(&demo, &error);
  if (!err) err = serve(&demo, &error);
  for (size_t i = 0; i < demo.count; i++) home_close(demo.shown[i].home);
  arena_free(&demo.arena);
  return err ? say_no(&error) : EXIT_DONE;
}
