/* analyzer.h: what an analyzer that sees one file at a time cannot know; force-included by tools/checks/analyzers.py
 * (for the rooms that use base/err.h). */
#ifndef ATTUNE_ANALYZER_H
#define ATTUNE_ANALYZER_H

#include "base/err.h"

/* fail() returns the code that it was given, so that "if (err) return err;" after it is understood. */
#define fail(error, code, ...)                                                                                         \
  ({                                                                                                                   \
    enum err given_ = (code);                                                                                          \
    (void)fail(error, given_, __VA_ARGS__);                                                                            \
    given_;                                                                                                            \
  })

#endif
