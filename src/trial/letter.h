/* letter.h: what the trial's messages say, in the person's language and in neutral words, and when one is no longer to be
 * sent. The worker (mail/worker.h) asks at the last moment, so that nobody is reminded of what they have done. */
#ifndef ATTUNE_TRIAL_LETTER_H
#define ATTUNE_TRIAL_LETTER_H

#include "mail/worker.h"
#include "trial/home.h"

/* The home as the worker needs it. `base`: what links begin with where the settings say nothing; it must outlive the
 * worker. */
struct mail_place home_mail(struct home *home, const char *base);

/* The writer of that place; `state` is the home. Messages of the rule "reminder". */
letter_writer letter_write;

#endif
