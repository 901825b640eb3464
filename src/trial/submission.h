/* submission.h: a form is answered once by its respondent: the server sees to it. A submission carries a key made by the
 * client: the same key and body give the same answer again; another body under the key is refused. */
#ifndef ATTUNE_TRIAL_SUBMISSION_H
#define ATTUNE_TRIAL_SUBMISSION_H

#include "study/form.h"
#include "trial/occasion.h"

#define SUBMISSION_KEY_LONGEST 64

struct form_submit {
  struct home *home;
  const struct study *study; /* of the occasion's study version */
  const struct form *form;
  const char *occasion;
  const char *respondent; /* whoever acts: must be the occasion's respondent */
  const char *key;        /* made by the client; 1 to 64 of [A-Za-z0-9_-] */
  const char *language;
  const struct form_result *result; /* valid: form_validate() said so before the job was posted */
  bool again;                       /* out: this very submission was stored before */
};
/* Stores answers, scores and the rating, deletes the draft. "form-done" (another answer is stored: ERR_CONFLICT),
 * "key-reused" (ERR_CONFLICT), "form-late", "form-withdrawn". */
verb form_submit;

/* A form's result apart: what was answered, what was computed. JSON objects of name and value. */
void answers_and_scores(const struct form *form, const struct form_result *result, json_t *answers, json_t *scores);
/* Writes scores to table score. Part of applying an entry. */
enum err scores_put(struct db *db, const struct entry *entry, const char *occasion, const json_t *scores,
                    struct error *error);

#endif
