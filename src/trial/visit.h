/* visit.h: a session is held; its forms open, are filled in, submitted once, and corrected with a reason.
 *
 * Recording a session opens every form that the study ties to it (occasions), each with a link for its respondent, in
 * one entry. A form is answered once by its respondent: the server sees to it. A submission carries a key made by the
 * client: the same key and body give the same answer again; another body under the key is refused. */
#ifndef ATTUNE_TRIAL_VISIT_H
#define ATTUNE_TRIAL_VISIT_H

#include "people/link.h"
#include "study/form.h"
#include "trial/enrol.h"

#define SUBMISSION_KEY_LONGEST 64

struct session_record {
  struct home *home;
  const struct actor *by;
  const char *patient;
  int64_t number;   /* 1, 2, ...; 0 means the next */
  int64_t held_day; /* UTC days since 1970-01-01; not in the future */
};
/* "session-exists", "session-future", "session-order", "sessions-complete" (beyond what the study plans),
 * "patient-withdrawn", "no-such-patient" (also: not of this therapist or site). */
verb session_record;

/* A form as it stands, for a page. */
struct occasion {
  char id[CODE_BYTES], subject[CODE_BYTES], form[64], name[64], rater[16], respondent[CODE_BYTES], patient[CODE_BYTES];
  char language[8];
  int64_t study_version, session_number, opened_ms, due_ms, closes_ms, submitted_ms;
  bool withdrawn;       /* the respondent or the patient has left */
  int64_t link_expires_ms; /* of the link it was found by; 0 when found by id */
};
/* By a link's token: ERR_MISSING for an unknown, malformed or replaced token (nothing tells which). */
enum err occasion_by_token(struct db *db, const char *token, struct occasion *occasion, struct error *error);
enum err occasion_by_id(struct db *db, const char *id, struct occasion *occasion, struct error *error);
/* The token of the newest unexpired link of a form (made again, link.h); "" when there is none. */
enum err occasion_token(struct db *db, const struct keys *keys, const char *occasion, char out[LINK_TOKEN_BYTES],
                        struct error *error);
/* Whether it can be answered now: OK, or ERR_STATE with id "form-done", "form-late", "form-withdrawn". */
enum err occasion_answerable(const struct occasion *occasion, int64_t now_ms, struct error *error);

/* One name and what was typed. */
struct typed {
  const char *item, *value;
};

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

/* Opens one of the study's occasions by hand (one that no session or enrolment opens, or that came too early). */
struct form_open {
  struct home *home;
  const struct actor *by;
  const char *name;         /* the study's name of the occasion */
  const char *person;       /* the patient it is about, else the therapist */
  int64_t session_number;   /* -1 when it belongs to no session */
  char occasion[CODE_BYTES]; /* out */
};
/* "no-such-occasion", "form-open-already", "form-closed" (its wording or safety path is missing). */
verb form_open;

/* Keeps what was typed so far (run_draft): the same link resumes. At most 64 kB. Not an entry. */
struct draft_save {
  const char *occasion, *subject;
  const struct typed *typed;
  size_t count;
};
verb draft_save;
enum err draft_read(struct db *db, struct arena *arena, const char *occasion, struct typed **typed, size_t *count,
                    struct error *error);

struct form_correct {
  struct home *home;
  const struct actor *by;
  const char *occasion, *item, *value, *reason;
};
/* "reason-missing", "not-answered", and what form_check() says of the value. Scores and ratings follow. */
verb form_correct;

/* Ratings from a file: one entry a patient (trial/import.h checks the rows). */
struct rating_row {
  int64_t session_number;
  const char *value; /* a decimal as text; "" missing */
  int reported;      /* 1, 0, -1 */
};
struct rating_import {
  struct home *home;
  const struct actor *by;
  const char *patient, *rater;
  const struct rating_row *rows;
  size_t count;
};
verb rating_import;

/* The forms that a moment opens, as the body of an entry holds them (a JSON array), and how they are applied. For the
 * verbs of this room. */
enum err occasions_make(struct txn *txn, const struct home *home, enum study_trigger trigger, int64_t session_number,
                        const char *patient, const char *therapist, const char *language, json_t **opened,
                        struct error *error);
enum err occasions_apply(struct db *db, const struct entry *entry, const json_t *opened, struct error *error);

enum err visit_apply_session(struct db *db, const struct entry *entry, const json_t *body, struct error *error);
enum err visit_apply_opening(struct db *db, const struct entry *entry, const json_t *body, struct error *error);
enum err visit_apply_submission(struct db *db, const struct entry *entry, const json_t *body, struct error *error);
enum err visit_apply_correction(struct db *db, const struct entry *entry, const json_t *body, struct error *error);
enum err visit_apply_import(struct db *db, const struct entry *entry, const json_t *body, struct error *error);

#endif
