/* occasion.h: a form open to one person on one occasion, and the links that lead to it. */
#ifndef ATTUNE_TRIAL_OCCASION_H
#define ATTUNE_TRIAL_OCCASION_H

#include "people/link.h"
#include "trial/home.h"
#include "trial/person.h"

/* A form as it stands, for a page. */
struct occasion {
  char id[CODE_BYTES], subject[CODE_BYTES], form[64], name[64], respondent[CODE_BYTES], patient[CODE_BYTES];
  char language[8];
  enum person_kind rater;
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

/* A moment that opens forms, and about whom. */
struct occasion_moment {
  const struct home *home;
  enum study_trigger trigger;
  const char *patient, *therapist, *language; /* patient "": the therapist's own moment */
  const char *site;                           /* where they are: by its calendar forms are due */
  int64_t session_number;                     /* with TRIGGER_SESSION */
};
/* The forms that it opens, as the body of an entry holds them (a JSON array, the caller's), and how they are applied. */
enum err occasions_make(struct txn *txn, const struct occasion_moment *moment, json_t **opened, struct error *error);
enum err occasions_apply(struct db *db, const struct entry *entry, const json_t *opened, struct error *error);

/* One named occasion opened for one person, alone in a JSON array. */
struct occasion_opening {
  const struct home *home;
  const struct study_occasion *occasion;
  const char *respondent, *patient, *language, *site;
  int64_t session_number; /* -1 when it belongs to none */
  int64_t from_ms;        /* due and closing times count from here; 0: from now */
};
/* When it is due and closes, counted from an instant; and, of an occasion that comes `days` days after another instant,
 * when. By days these follow the calendar of the site: an hour over which its clocks leap is the instant at which they
 * leap, one that comes twice the first. ERR_STATE "zone-unknown": this machine lacks the site's time zone. */
enum err occasion_times(const struct study *study, const struct study_occasion *occasion, const char *site, int64_t from_ms,
                        int64_t *due_ms, int64_t *closes_ms, struct error *error);
enum err occasion_comes(const struct study *study, const struct study_occasion *occasion, const char *site, int64_t after_ms,
                        int64_t days, int64_t *from_ms, struct error *error);
enum err occasion_make(struct txn *txn, const struct occasion_opening *opening, json_t **opened, struct error *error);
/* Was this occasion opened for them before? */
enum err occasion_opened(struct db *db, const struct occasion_opening *opening, bool *opened, struct error *error);

#endif
