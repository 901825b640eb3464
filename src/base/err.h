/* err.h: errors are values.
 *
 * A function that can fail returns enum err; what happened in words goes into one struct error that the caller
 * hands in. Early return is the normal style:
 *
 *     enum err err = visit_submit(txn, input, error);
 *     if (err) return err;
 *
 * A person sees `text` (on a page: the words for `id` in their language, beside `field`); a program reads `code`. */
#ifndef ATTUNE_BASE_ERR_H
#define ATTUNE_BASE_ERR_H

enum err {
  OK = 0,
  ERR_INPUT,    /* what was handed in is wrong: the field says where (HTTP 422, exit 1) */
  ERR_DENIED,   /* this person may not (403) */
  ERR_MISSING,  /* there is no such thing, or not for this person (404) */
  ERR_CONFLICT, /* it was done already, differently (409) */
  ERR_STATE,    /* not now: too late, too early, closed, locked (410 for a form, else 409; exit 1) */
  ERR_LIMIT,    /* more than the stated maximum (413 or 429) */
  ERR_BUSY,     /* try again: the store could not take it (503); nothing was stored */
  ERR_STORE,    /* the database or the disk failed (503, and the server stops if it was an fsync) */
  ERR_USAGE     /* a command was called wrongly (exit 2) */
};

struct error {
  enum err code;
  char id[40];    /* stable short name of the reason, such as "form-late"; "" if only the code matters */
  char field[64]; /* the field, column or file that it is about; "" if none */
  char text[512]; /* one English sentence for a log or a terminal: what happened, where, what to do */
};

/* Fills *error (which may be NULL) and returns `code`, so that `return fail(...)` reads as it acts. */
enum err fail(struct error *error, enum err code, const char *id, const char *field, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Says one sentence on stderr and ends the process with status 1. Only for a state in which going on would be worse
 * than a crash (out of memory, a failed fsync): everything acknowledged is on disk before it is acknowledged. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
