/* attune allocation ...: who goes to which arm. */
#include "cli/allocation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"

static const struct command family[] = {
    {"compare", "how often each method is guessed and how well it balances, before one is chosen",
     allocation_compare_methods},
    {"rehearse", "a whole allocation of made-up therapists, as the files that would be published", allocation_rehearse},
    {"redraw", "the whole procedure again and again, for the permutation test", allocation_redraw_all},
    {NULL, NULL, NULL},
};

static void print_family(FILE *out) {
  fprintf(out, "Usage: attune allocation COMMAND ...   (each answers --help)\n\n");
  for (const struct command *c = family; c->name; c++) fprintf(out, "  %-10s %s\n", c->name, c->purpose);
}

int command_allocation(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "--help")) {
    print_family(stdout);
    return EXIT_DONE;
  }
  for (const struct command *c = family; argc > 1 && c->name; c++)
    if (!strcmp(c->name, argv[1])) return c->run(argc - 1, argv + 1);
  print_family(stderr);
  return EXIT_USAGE;
}

enum err allocation_error(const struct allocation_error *said, struct error *error) {
  static const enum err codes[] = {
      [ALLOCATION_OK] = OK,           [ALLOCATION_RANGE] = ERR_INPUT, [ALLOCATION_TEXT] = ERR_INPUT,
      [ALLOCATION_ORDER] = ERR_STATE, [ALLOCATION_FALSE] = ERR_INPUT, [ALLOCATION_FULL] = ERR_STORE};
  return fail(error, codes[said->status], "allocation-refused", said->field, "%s", said->text);
}

/* ---- options ---- */

/* The next number of a list; false when there is none in 1 .. 999 or something else than the separator follows. */
static bool next_number(const char **at, char separator, int *value) {
  char *end;
  long number = **at >= '0' && **at <= '9' ? strtol(*at, &end, 10) : 0;
  if (number < 1 || number > 999 || (*end && (*end != separator || !end[1]))) return false;
  *value = (int)number;
  *at = *end ? end + 1 : end;
  return true;
}

enum err allocation_waves_read(const char *text, int people, int *sizes, int *count, struct error *error) {
  int sum = 0;
  *count = 0;
  for (; !text && sum < people && *count < ALLOCATION_WAVES_MAX; sum += sizes[(*count)++])
    sizes[*count] = people - sum < 12 ? people - sum : 12;
  while (text && *text) {
    if (*count == ALLOCATION_WAVES_MAX || !next_number(&text, ',', &sizes[*count]))
      return fail(error, ERR_USAGE, "waves", "--waves", "--waves takes sizes such as 12,7,1");
    sum += sizes[(*count)++];
  }
  return sum == people ? OK
                       : fail(error, ERR_USAGE, "waves", "--waves", "the waves hold %d people, not %d", sum, people);
}

void allocation_blocks_suit(struct allocation_rules *rules) {
  int sum = allocation_ratio_sum(rules);
  rules->blocks = 0;
  for (int turns = 2; turns <= 4 && turns * sum <= ALLOCATION_BLOCK_MAX; turns++)
    rules->block[rules->blocks++] = turns * sum;
}

enum err allocation_ratio_read(const char *text, struct allocation_rules *rules, struct error *error) {
  int arm = 0;
  while (text && *text && arm < rules->arms && next_number(&text, ':', &rules->ratio[arm])) arm++;
  if (text && (*text || arm != rules->arms))
    return fail(error, ERR_USAGE, "ratio", "--ratio", "--ratio takes %d numbers such as 2:1", rules->arms);
  allocation_blocks_suit(rules);
  return OK;
}

/* ---- made-up people ---- */

/* The last category is "not known" where there is one in a hundred of them. */
const struct made_up_covariate made_up_therapists[] = {
    {"site", 2, {500, 500}},
    {"age band", 4, {300, 400, 290, 10}},
    {"gender", 3, {650, 330, 20}},
    {"orientation", 4, {350, 300, 250, 100}},
    {"experience", 3, {300, 400, 300}},
    {"initial skill", 4, {250, 500, 240, 10}},
    {0},
};

int made_up_columns(const struct made_up_covariate *covariates, size_t count) {
  int columns = 0;
  for (size_t c = 0; c < count; c++) columns += covariates[c].categories;
  return columns;
}

enum allocation_status made_up_person(struct allocation_person *person, const struct made_up_covariate *covariates,
                                      size_t count, struct allocation_stream *stream, struct allocation_error *error) {
  int16_t *x = person->x;
  for (size_t c = 0; c < count; x += covariates[c].categories, c++) {
    int drawn = (int)allocation_below(stream, 1000), own = 0;
    while (drawn >= covariates[c].share[own]) drawn -= covariates[c].share[own++];
    enum allocation_status status = allocation_columns(x, covariates[c].share, covariates[c].categories, own, error);
    if (status) return status;
  }
  return ALLOCATION_OK;
}
