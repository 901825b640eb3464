/* balance.h (inside): what the score needs of the rules, and adding people. */
#ifndef ATTUNE_ALLOCATION_BALANCE_H
#define ATTUNE_ALLOCATION_BALANCE_H

#include "attune/allocation.h"

struct balance {
  int arms, columns; /* columns: the rules' and, as column 0, the sizes */
  int64_t ratio[ALLOCATION_ARMS_MAX], ratio_sum, multiple;
  int64_t weight[ALLOCATION_ARMS_MAX]; /* multiple / ratio: also what one person moves an arm's turn by */
};
int64_t balance_multiple(int64_t a, int64_t b); /* the least common one, of positive numbers */
struct balance balance_of(const struct allocation_rules *rules);

/* A person's columns: ALLOCATION_UNIT, then the roster's integers. */
void balance_person(int64_t column[ALLOCATION_COLUMNS_MAX + 1], const struct allocation_rules *rules,
                    const struct allocation_person *person);
/* Adds one person to an arm, or takes them out again (sign -1). */
void balance_add(struct allocation_history *history, const struct allocation_rules *rules,
                 const struct allocation_person *person, int arm, int sign);

/* constrained.c */
size_t constrained_memory(const struct allocation_rules *rules, int count);
enum allocation_status constrained_draw(struct allocation_drawn *out, const struct allocation_drawing *drawing,
                                        struct allocation_stream *stream, struct allocation_error *error);

#endif
