/* import.h: session ratings from a long-format CSV file (one row a session) into a home: every row is checked, each
 * refused row is reported with its line, and each patient becomes one entry. Running it again adds nobody twice. */
#ifndef ATTUNE_TRIAL_IMPORT_H
#define ATTUNE_TRIAL_IMPORT_H

#include "trial/home.h"
#include "trial/person.h"

struct import_sessions {
  struct home *home;
  const struct actor *by;
  const char *file;
  const char *patient_column, *session_column, *rating_column; /* must be there */
  const char *therapist_column; /* NULL: all patients belong to one therapist named after the file */
  enum person_kind rater;       /* whose ratings they are */
  const char *site;             /* "" the study's first */
  double low, high;             /* the file's scale; low == high: it is the study's own */
  bool higher_is_worse;         /* of the file's scale: ratings are turned over */
  void (*refused)(void *state, size_t line, const char *sentence);
  void *state;
  /* out */
  int64_t rows, taken, missing, refusals, patients, patients_before; /* patients_before: were there already, left alone */
};
/* ERR_INPUT when the file cannot be read as a whole (not CSV, no such column); refused rows alone are no error. */
enum err import_sessions(struct import_sessions *import, struct error *error);

#endif
