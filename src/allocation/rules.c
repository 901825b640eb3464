/* The rules and the rosters: their ranges, and the one text that each has. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocation/balance.h"
#include "allocation/text.h"

const char *const allocation_method_name[ALLOCATION_METHODS] = {"simple", "big-stick", "blocks", "minimisation",
                                                                "covariate-constrained"};

struct allocation_rules allocation_rules_default(void) {
  return (struct allocation_rules){.study = "study",
                                   .method = ALLOCATION_CONSTRAINED,
                                   .arms = 2,
                                   .arm = {"programme", "control"},
                                   .ratio = {1, 1},
                                   .parties = 2,
                                   .most = 20,
                                   .limit = 3,
                                   .preferred = 4,
                                   .preferred_of = 5,
                                   .blocks = 3,
                                   .block = {4, 6, 8}};
}

int allocation_ratio_sum(const struct allocation_rules *rules) {
  int sum = 0;
  for (int a = 0; a < rules->arms; a++) sum += rules->ratio[a];
  return sum;
}

/* ---- ranges ---- */

/* How many people of a wave fit into the three words of a candidate (constrained.c). */
static int people_for(int arms) {
  return arms <= 2 ? 192 : arms <= 4 ? 96 : 63;
}

static enum allocation_status check_arms(const struct allocation_rules *r, struct allocation_error *error) {
  if (r->arms < 2 || r->arms > ALLOCATION_ARMS_MAX)
    return allocation_fail(error, ALLOCATION_RANGE, "arms", "a study has 2 to %d arms", ALLOCATION_ARMS_MAX);
  int64_t multiple = 1, sum = 0;
  for (int a = 0; a < r->arms; a++) {
    if (!text_name_valid(r->arm[a], ALLOCATION_NAME))
      return allocation_fail(error, ALLOCATION_RANGE, "arms", "an arm's name is 1 to 40 of a-z 0-9 - _");
    for (int b = 0; b < a; b++)
      if (!strcmp(r->arm[a], r->arm[b]))
        return allocation_fail(error, ALLOCATION_RANGE, "arms", "two arms are called %s", r->arm[a]);
    if (r->ratio[a] < 1 || r->ratio[a] > ALLOCATION_RATIO_MAX)
      return allocation_fail(error, ALLOCATION_RANGE, "ratio", "each number of the ratio is 1 to %d",
                             ALLOCATION_RATIO_MAX);
    sum += r->ratio[a];
    multiple = balance_multiple(multiple, r->ratio[a]);
    if (sum > ALLOCATION_RATIO_MAX || multiple > ALLOCATION_MULTIPLE_MAX)
      return allocation_fail(error, ALLOCATION_RANGE, "ratio",
                             "the ratio sums to at most %d, its common multiple is at most %d", ALLOCATION_RATIO_MAX,
                             ALLOCATION_MULTIPLE_MAX);
  }
  return ALLOCATION_OK;
}

static enum allocation_status check_blocks(const struct allocation_rules *r, struct allocation_error *error) {
  int sum = allocation_ratio_sum(r);
  assert(sum > 0); /* the arms were checked */
  if (r->blocks < 0 || r->blocks > ALLOCATION_BLOCKS_MAX || (r->method == ALLOCATION_BLOCKS && r->blocks < 1))
    return allocation_fail(error, ALLOCATION_RANGE, "blocks", "there are 1 to %d block sizes", ALLOCATION_BLOCKS_MAX);
  for (int i = 0; i < r->blocks; i++)
    if (r->block[i] < sum || r->block[i] > ALLOCATION_BLOCK_MAX || r->block[i] % sum ||
        (i && r->block[i] <= r->block[i - 1]))
      return allocation_fail(error, ALLOCATION_RANGE, "blocks", "block sizes are rising multiples of %d, at most %d",
                             sum, ALLOCATION_BLOCK_MAX);
  if (r->strata < 0 || r->strata > ALLOCATION_STRATA_MAX)
    return allocation_fail(error, ALLOCATION_RANGE, "strata", "at most %d columns make a stratum",
                           ALLOCATION_STRATA_MAX);
  for (int i = 0; i < r->strata; i++)
    if (r->stratum[i] < 1 || r->stratum[i] > r->columns || (i && r->stratum[i] <= r->stratum[i - 1]))
      return allocation_fail(error, ALLOCATION_RANGE, "strata", "strata are rising columns, from 1 to %d", r->columns);
  return ALLOCATION_OK;
}

enum allocation_status allocation_rules_check(const struct allocation_rules *r, struct allocation_error *error) {
  if (!text_name_valid(r->study, ALLOCATION_STUDY))
    return allocation_fail(error, ALLOCATION_RANGE, "study", "the study's name is 1 to 64 of a-z 0-9 - _");
  if ((int)r->method < 0 || r->method >= ALLOCATION_METHODS)
    return allocation_fail(error, ALLOCATION_RANGE, "method", "there is no such method");
  enum allocation_status status = check_arms(r, error);
  if (status) return status;
  if (r->parties < 1 || r->parties > 2)
    return allocation_fail(error, ALLOCATION_RANGE, "parties", "one or two parties commit");
  if (r->most < 1 || r->most > people_for(r->arms))
    return allocation_fail(error, ALLOCATION_RANGE, "most", "a wave of %d arms holds 1 to %d people", r->arms,
                           people_for(r->arms));
  if (r->columns < 0 || r->columns > ALLOCATION_COLUMNS_MAX)
    return allocation_fail(error, ALLOCATION_RANGE, "columns", "there are at most %d columns", ALLOCATION_COLUMNS_MAX);
  if (r->limit < 1 || r->limit > 99)
    return allocation_fail(error, ALLOCATION_RANGE, "limit", "the big stick's limit is 1 to 99");
  if (r->preferred < 1 || r->preferred >= r->preferred_of || r->preferred_of > 100)
    return allocation_fail(error, ALLOCATION_RANGE, "preferred", "the chance of the preferred arm is 1/100 to 99/100");
  return check_blocks(r, error);
}

enum allocation_status allocation_roster_check(const struct allocation_rules *rules,
                                               const struct allocation_roster *roster, struct allocation_error *error) {
  if (roster->wave < 1 || roster->wave > ALLOCATION_WAVES_MAX)
    return allocation_fail(error, ALLOCATION_RANGE, "wave", "waves are 1 to %d", ALLOCATION_WAVES_MAX);
  if (roster->count < 1 || roster->count > rules->most)
    return allocation_fail(error, ALLOCATION_RANGE, "roster", "by its rules a wave of this study holds 1 to %d people",
                           rules->most);
  for (int i = 0; i < roster->count; i++) {
    const struct allocation_person *person = &roster->person[i];
    if (person->locked < 0 || person->locked > 9999999999999)
      return allocation_fail(error, ALLOCATION_RANGE, "locked", "slot %d-%d: a time in milliseconds is expected",
                             roster->wave, i + 1);
    for (int k = 0; k < rules->columns; k++)
      if (abs(person->x[k]) > ALLOCATION_SCORE_MAX)
        return allocation_fail(error, ALLOCATION_RANGE, "x", "slot %d-%d, x%d: %d is not within -%d .. %d",
                               roster->wave, i + 1, k + 1, person->x[k], ALLOCATION_SCORE_MAX, ALLOCATION_SCORE_MAX);
  }
  return ALLOCATION_OK;
}

/* ---- the text of the rules ---- */

static void add_integers(struct allocation_text *out, const char *key, const int *value, int count) {
  text_add(out, ",\"%s\":[", key);
  for (int i = 0; i < count; i++) text_add(out, "%s%d", i ? "," : "", value[i]);
  text_add(out, "]");
}

void allocation_rules_write(struct allocation_text *out, const struct allocation_rules *r) {
  const int chance[] = {r->preferred, r->preferred_of};
  text_add(out, "{\"arms\":[");
  for (int a = 0; a < r->arms; a++) text_add(out, "%s\"%s\"", a ? "," : "", r->arm[a]);
  text_add(out, "]");
  add_integers(out, "blocks", r->block, r->blocks);
  text_add(out, ",\"coding\":\"");
  text_add_hex(out, r->coding, sizeof r->coding);
  text_add(out, "\",\"columns\":%d,\"limit\":%d,\"method\":\"%s\",\"most\":%d,\"parties\":%d", r->columns, r->limit,
           allocation_method_name[r->method], r->most, r->parties);
  add_integers(out, "preferred", chance, 2);
  add_integers(out, "ratio", r->ratio, r->arms);
  add_integers(out, "strata", r->stratum, r->strata);
  text_add(out, ",\"study\":\"%s\",\"v\":1}\n", r->study);
}

/* "KEY":[1,2,...], up to `most` numbers; -1 when it is something else. */
static int take_integers(struct text_in *in, const char *key, int *value, int most) {
  int64_t number;
  int count = 0;
  if (!text_take(in, ",\"") || !text_take(in, key) || !text_take(in, "\":[")) return -1;
  while (!text_take(in, "]")) {
    if ((count && !text_take(in, ",")) || count == most || !text_take_integer(in, -1000, 1000, &number)) return -1;
    value[count++] = (int)number;
  }
  return count;
}

static bool take_key(struct text_in *in, const char *key, int *value) {
  int64_t number;
  if (!text_take(in, ",\"") || !text_take(in, key) || !text_take(in, "\":")) return false;
  bool taken = text_take_integer(in, -1000, 1000, &number);
  if (taken) *value = (int)number;
  return taken;
}

static bool take_arms(struct text_in *in, struct allocation_rules *r) {
  if (!text_take(in, "{\"arms\":[")) return false;
  while (!text_take(in, "]")) {
    if ((r->arms && !text_take(in, ",")) || r->arms == ALLOCATION_ARMS_MAX || !text_take(in, "\"") ||
        !text_take_name(in, r->arm[r->arms], ALLOCATION_NAME) || !text_take(in, "\""))
      return false;
    r->arms++;
  }
  return true;
}

static bool take_method(struct text_in *in, struct allocation_rules *r) {
  if (!text_take(in, ",\"method\":\"")) return false;
  for (int m = 0; m < ALLOCATION_METHODS; m++)
    if (text_take(in, allocation_method_name[m])) {
      r->method = (enum allocation_method)m;
      return text_take(in, "\"");
    }
  return false;
}

enum allocation_status allocation_rules_read(struct allocation_rules *r, const char *text, size_t length,
                                             struct allocation_error *error) {
  struct text_in in = {.at = text, .end = text + length, .line = 1, .name = "rules.json"};
  int chance[2] = {0, 0};
  *r = (struct allocation_rules){0};
  if (!take_arms(&in, r)) return text_refuse(&in, "\"arms\", a list of names,", error);
  if ((r->blocks = take_integers(&in, "blocks", r->block, ALLOCATION_BLOCKS_MAX)) < 0)
    return text_refuse(&in, "\"blocks\", a list of numbers,", error);
  if (!text_take(&in, ",\"coding\":\"") || !text_take_hex(&in, r->coding, sizeof r->coding) || !text_take(&in, "\""))
    return text_refuse(&in, "\"coding\", 64 hexadecimal digits,", error);
  if (!take_key(&in, "columns", &r->columns) || !take_key(&in, "limit", &r->limit))
    return text_refuse(&in, "\"columns\" and \"limit\", numbers,", error);
  if (!take_method(&in, r)) return text_refuse(&in, "\"method\", the name of one,", error);
  if (!take_key(&in, "most", &r->most) || !take_key(&in, "parties", &r->parties))
    return text_refuse(&in, "\"most\" and \"parties\", numbers,", error);
  if (take_integers(&in, "preferred", chance, 2) != 2) return text_refuse(&in, "\"preferred\", two numbers,", error);
  r->preferred = chance[0];
  r->preferred_of = chance[1];
  if (take_integers(&in, "ratio", r->ratio, ALLOCATION_ARMS_MAX) != r->arms)
    return text_refuse(&in, "\"ratio\", a number for each arm,", error);
  if ((r->strata = take_integers(&in, "strata", r->stratum, ALLOCATION_STRATA_MAX)) < 0)
    return text_refuse(&in, "\"strata\", a list of numbers,", error);
  if (!text_take(&in, ",\"study\":\"") || !text_take_name(&in, r->study, ALLOCATION_STUDY) ||
      !text_take(&in, "\",\"v\":1}\n") || in.at != in.end)
    return text_refuse(&in, "\"study\", a name, \"v\":1 and the end", error);
  return allocation_rules_check(r, error);
}

/* ---- the text of a roster ---- */

void allocation_roster_write(struct allocation_text *out, const struct allocation_rules *rules,
                             const struct allocation_roster *roster) {
  text_add(out, "slot,locked,record");
  for (int k = 0; k < rules->columns; k++) text_add(out, ",x%d", k + 1);
  text_add(out, "\n");
  for (int i = 0; i < roster->count; i++) {
    const struct allocation_person *person = &roster->person[i];
    text_add(out, "%d-%d,%lld,", roster->wave, i + 1, (long long)person->locked);
    text_add_hex(out, person->record, sizeof person->record);
    for (int k = 0; k < rules->columns; k++) text_add(out, ",%d", person->x[k]);
    text_add(out, "\n");
  }
}

static bool take_person(struct text_in *in, struct allocation_person *person, int wave, int slot, int columns) {
  char code[32];
  int64_t x;
  snprintf(code, sizeof code, "%d-%d,", wave, slot);
  if (!text_take(in, code) || !text_take_integer(in, 0, 9999999999999, &person->locked) || !text_take(in, ",") ||
      !text_take_hex(in, person->record, sizeof person->record))
    return false;
  for (int k = 0; k < columns; k++) {
    if (!text_take(in, ",") || !text_take_integer(in, -ALLOCATION_SCORE_MAX, ALLOCATION_SCORE_MAX, &x)) return false;
    person->x[k] = (int16_t)x;
  }
  return text_take(in, "\n");
}

enum allocation_status allocation_roster_read(struct allocation_roster *roster, const struct allocation_rules *rules,
                                              int wave, const char *text, size_t length,
                                              struct allocation_error *error) {
  char name[40], column[16];
  snprintf(name, sizeof name, "wave-%d-roster.csv", wave);
  struct text_in in = {.at = text, .end = text + length, .line = 1, .name = name};
  memset(roster, 0, sizeof *roster);
  roster->wave = wave;
  bool good = text_take(&in, "slot,locked,record");
  for (int k = 0; good && k < rules->columns; k++) {
    snprintf(column, sizeof column, ",x%d", k + 1);
    good = text_take(&in, column);
  }
  if (!good || !text_take(&in, "\n")) return text_refuse(&in, "the header of the rules' columns", error);
  while (in.at != in.end) {
    if (roster->count == rules->most)
      return text_refuse(&in, "the end (a wave holds no more people by its rules)", error);
    if (!take_person(&in, &roster->person[roster->count], wave, roster->count + 1, rules->columns))
      return text_refuse(&in, "the next slot's time, record and integers", error);
    roster->count++;
  }
  return allocation_roster_check(rules, roster, error);
}
