/* note.h: what a therapist or trainer writes beside a course; only the writer reads it. */
#ifndef ATTUNE_FEEDBACK_NOTE_H
#define ATTUNE_FEEDBACK_NOTE_H

#include "feedback/course.h"

struct note_write {
  struct detector *detector;
  const struct actor *by;
  const char *patient, *text; /* 1 to 4,000 characters */
};
verb note_write;

#endif
