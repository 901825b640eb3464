/* tending.h: what time brings: occasions whose day has come, the end of the days that the study follows somebody, and the
 * reminders that the study asks for (remind_hours). Each is an entry by "attune". Drafts of forms that are closed go. Nothing
 * here is kept in memory: what is due follows from the tables, so that it can be asked at any time, by several nodes, and
 * after any pause, and nothing happens twice. */
#ifndef ATTUNE_TRIAL_TENDING_H
#define ATTUNE_TRIAL_TENDING_H

#include "trial/home.h"

struct tended {
  int64_t opened, reminded;
};
/* Does what is due at `now_ms`, a job each; not in the writer. After a pause over several of a form's reminders it sends
 * one. A form whose time would be over already is not opened. */
enum err trial_tend(struct home *home, int64_t now_ms, struct tended *tended, struct error *error);

/* The same once a minute, in a thread of its own. Stop it before closing the home. */
struct tender;
struct tender *tender_start(struct home *home);
void tender_stop(struct tender *tender); /* NULL is fine */

#endif
