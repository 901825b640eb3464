/* Balance in integers: covariates as columns, sums by arm, the score. */
#include <assert.h>

#include "allocation/balance.h"
#include "allocation/text.h"

static int64_t root_down(int64_t square) {
  int64_t root = 0;
  for (int64_t bit = (int64_t)1 << 30; bit; bit >>= 1)
    if ((root + bit) * (root + bit) <= square) root += bit;
  return root;
}

enum allocation_status allocation_columns(int16_t *x, const int *share, int categories, int own,
                                          struct allocation_error *error) {
  int sum = 0;
  if (categories < 2 || categories > 12)
    return allocation_fail(error, ALLOCATION_RANGE, "categories", "a covariate has 2 to 12 categories");
  if (own < 0 || own >= categories)
    return allocation_fail(error, ALLOCATION_RANGE, "own", "there is no category %d of %d", own, categories);
  for (int l = 0; l < categories; l++) {
    if (share[l] < 10)
      return allocation_fail(error, ALLOCATION_RANGE, "share", "a category's share is at least 10 in 1000");
    sum += share[l];
  }
  if (sum != 1000) return allocation_fail(error, ALLOCATION_RANGE, "share", "the shares sum to %d, not to 1000", sum);
  for (int l = 0; l < categories; l++) {
    int64_t off =
        (l == own ? 1000 : 0) - share[l]; /* in thousandths, as the share; 100^2 off^2 / (1000 share (k - 1)) */
    int64_t root = root_down(10 * off * off / ((int64_t)share[l] * (categories - 1)));
    x[l] = (int16_t)(off < 0 ? -root : root);
  }
  return ALLOCATION_OK;
}

int64_t balance_multiple(int64_t a, int64_t b) {
  int64_t left = a, right = b;
  assert(a > 0 && b > 0);
  do {
    int64_t rest = left % right;
    left = right;
    right = rest;
  } while (right);
  return a / left * b;
}

struct balance balance_of(const struct allocation_rules *rules) {
  struct balance balance = {
      .arms = rules->arms, .columns = rules->columns + 1, .multiple = 1, .ratio_sum = allocation_ratio_sum(rules)};
  for (int a = 0; a < rules->arms; a++) balance.multiple = balance_multiple(balance.multiple, rules->ratio[a]);
  for (int a = 0; a < rules->arms; a++) {
    assert(rules->ratio[a] > 0);
    balance.ratio[a] = rules->ratio[a];
    balance.weight[a] = balance.multiple / rules->ratio[a];
  }
  return balance;
}

void balance_person(int64_t column[ALLOCATION_COLUMNS_MAX + 1], const struct allocation_rules *rules,
                    const struct allocation_person *person) {
  column[0] = ALLOCATION_UNIT;
  for (int k = 0; k < rules->columns; k++) column[k + 1] = person->x[k];
}

void allocation_history_add(struct allocation_history *history, const struct allocation_rules *rules,
                            const struct allocation_roster *roster, const uint8_t *arm) {
  for (int i = 0; i < roster->count; i++) balance_add(history, rules, &roster->person[i], arm[i], 1);
}

void balance_add(struct allocation_history *history, const struct allocation_rules *rules,
                 const struct allocation_person *person, int arm, int sign) {
  int64_t column[ALLOCATION_COLUMNS_MAX + 1];
  balance_person(column, rules, person);
  for (int k = 0; k <= rules->columns; k++) history->sum[arm][k] += sign * column[k];
  history->count[arm] += sign;
  history->people += sign;
}

int64_t allocation_score(const struct allocation_rules *rules, const struct allocation_history *history) {
  struct balance balance = balance_of(rules);
  int64_t score = 0;
  for (int k = 0; k < balance.columns; k++) {
    int64_t total = 0;
    for (int a = 0; a < balance.arms; a++) total += history->sum[a][k];
    for (int a = 0; a < balance.arms; a++) {
      int64_t off = balance.ratio_sum * history->sum[a][k] - balance.ratio[a] * total;
      score += off * off * balance.weight[a];
    }
  }
  return score;
}
