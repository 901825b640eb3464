/* detect_input.h: session ratings from a CSV file, in blocks of whole patients.
 *
 * Columns `patient`, `session`, `rating`; optional `rater` (patient, therapist), `reported` (0, 1); others are not
 * used. A patient's rows stand together and each rater's sessions increase; anything else is refused with line and
 * column. Memory depends on the block, not on the file. */
#ifndef ATTUNE_CLI_DETECT_INPUT_H
#define ATTUNE_CLI_DETECT_INPUT_H

#include "attune/alliance.h"
#include "base/csv.h"

/* What is printed again of a row, as it stood in the file: "SESSION," and, where it is rated, "RATING," after it. */
struct input_label {
  uint32_t at;              /* offset into block.text */
  uint16_t session, length; /* bytes of the first part; of both */
};

struct input_patient {
  size_t first; /* index of the first of its sessions in the block */
  int count;
  uint32_t name, name_length; /* offset into block.text; a NUL ends it */
};

#define INPUT_PADDING (2 * CSV_TEXT_PADDING)
#define INPUT_LABEL_MAXIMUM 255 /* bytes of a code or number */

struct input_block {
  struct alliance_session *sessions;
  struct input_label *labels;
  size_t rows, rows_capacity;
  struct input_patient *patients;
  size_t count, patients_capacity;
  char *text; /* INPUT_PADDING bytes from each label's and name's start on may be read */
  size_t text_used, text_capacity;
};

struct input {
  struct arena *arena;
  struct csv *csv;
  struct csv_chunk chunk;
  size_t row;                                    /* of the chunk */
  int patient, session, rating, rater, reported; /* columns; -1 */
  const double *times, *ratings;                 /* of the chunk; NaN where missing */
  const struct csv_text *names, *time_texts, *rating_texts;
  double sign; /* -1 where higher is worse */
  bool done, any_rater[ALLIANCE_RATERS];
  size_t rows, patients;
  uint64_t *seen; /* hashes of the first patients' names, to refuse one whose rows stand apart */
  size_t seen_count;
};

enum err input_open(struct input *input, struct arena *arena, const char *path, bool higher_is_worse,
                    struct error *error);
enum err input_open_memory(struct input *input, struct arena *arena, const char *bytes, size_t length, const char *name,
                           bool higher_is_worse, struct error *error);
/* Replaces what is in the block by the next whole patients, up to `most` or about 32,768 rows; none at the end. */
enum err input_fill(struct input *input, struct input_block *block, size_t most, struct error *error);
void input_close(struct input *input);
void block_free(struct input_block *block);

#endif
