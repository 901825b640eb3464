/* who_sees.h: who may see a tension: the study says which roles see which patients' courses in which arms. Where feedback
 * is withheld, lists hold the tasks alone and look complete. */
#ifndef ATTUNE_FEEDBACK_WHO_SEES_H
#define ATTUNE_FEEDBACK_WHO_SEES_H

#include "study/study.h"
#include "trial/person.h"

/* In which of the viewer's roles the study shows this therapist's patients to them: a set of SEES_COURSE and SEES_EVENTS,
 * or 0. *flagged_only: those with a tension or repair alone. `open` only: it reads the arm. */
unsigned who_sees(struct db *open, const struct study *study, struct arena *arena, const struct actor *viewer,
                  const char *therapist, bool *flagged_only);

#endif
