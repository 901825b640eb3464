/* allocation.h: the family `attune allocation ...`; a file a command. */
#ifndef ATTUNE_CLI_ALLOCATION_H
#define ATTUNE_CLI_ALLOCATION_H

#include "attune/allocation_record.h"
#include "base/arena.h"
#include "base/crypto.h"
#include "base/err.h"

int allocation_rehearse(int argc, char **argv);
int allocation_compare_methods(int argc, char **argv);
int allocation_redraw_all(int argc, char **argv);

/* What the room says, as an error of the house. */
enum err allocation_error(const struct allocation_error *said, struct error *error);

/* ---- options ---- */

/* "12,7,1": at most ALLOCATION_WAVES_MAX sizes that sum to `people`. NULL: waves of twelve, and the rest. */
enum err allocation_waves_read(const char *text, int people, int *sizes, int *count, struct error *error);
/* "2:1", one number an arm; NULL keeps the ratio. Sets block sizes that suit the ratio: 2, 3 and 4 turns of it. */
enum err allocation_ratio_read(const char *text, struct allocation_rules *rules, struct error *error);
void allocation_blocks_suit(struct allocation_rules *rules);

/* ---- made-up people ---- */

#define MADE_UP_CATEGORIES 12
struct made_up_covariate {
  const char *name;
  int categories;
  int share[MADE_UP_CATEGORIES]; /* per mille */
};
extern const struct made_up_covariate made_up_therapists[]; /* the six of docs/allocation.md; ends without a name */

/* Columns of these covariates: the sum of their categories. */
int made_up_columns(const struct made_up_covariate *covariates, size_t count);
/* Somebody whose categories are drawn with the shares. */
enum allocation_status made_up_person(struct allocation_person *person, const struct made_up_covariate *covariates,
                                      size_t count, struct allocation_stream *stream, struct allocation_error *error);

#endif
