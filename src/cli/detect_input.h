/* detect_input.h: session ratings from a CSV file, in blocks of whole patients.
 *
 * Columns `patient`, `session`, `rating`; optional `rater` (patient, therapist), `reported` (0, 1); others are not
 * used. A patient's rows stand together and each rater's sessions increase; anything else is refused with line and
 * column. Memory depends on the block, not on the file. */
#ifndef ATTUNE_CLI_DETECT_INPUT_H
#define ATTUNE_CLI_DETECT_INPUT_H

#include "attune/alliance.h"
#include "base/csv.h"

/* A text of the file as it stands there: an offset into block.text, where a NUL ends it. */
struct input_label {
  uint32_t at, length;
};

struct input_patient {
  size_t first; /* index of the first of its sessions in the block */
  int count;
  struct input_label name;
};

struct input_block {
  struct alliance_session *sessions;
  struct {
    struct input_label session, rating; /* both are numbers, the rating perhaps empty */
  } * labels;
  size_t rows, rows_capacity;
  struct input_patient *patients;
  size_t count, patients_capacity;
  char *text; /* CSV_TEXT_PADDING bytes from each label's start on may be read */
  size_t text_used, text_capacity;
};

struct input {
  struct arena *arena;
  struct csv *csv;
  struct csv_chunk chunk;
  size_t row;                                    /* of the chunk */
  int patient, session, rating, rater, reported; /* columns; -1 */
  double sign;                                   /* -1 where higher is worse */
  bool done, any_rater[ALLIANCE_RATERS];
  size_t rows, patients;
  uint64_t *seen; /* hashes of the first patients' names, to refuse one whose rows stand apart */
  size_t seen_count;
};

enum err input_open(struct input *input, struct arena *arena, const char *path, bool higher_is_worse,
                    struct error *error);
enum err input_open_memory(struct input *input, struct arena *arena, const char *bytes, size_t length, const char *name,
                           bool higher_is_worse, struct error *error);
/* Replaces what is in the block by the next whole patients, up to `most` or about 65,536 rows; none at the end. */
enum err input_fill(struct input *input, struct input_block *block, size_t most, struct error *error);
void input_close(struct input *input);
void block_free(struct input_block *block);

#endif
