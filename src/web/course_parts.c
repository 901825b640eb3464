#include "web/course_parts.h"

#include "report/course_words.h"
#include "web/page.h"

void write_badge(struct request *request, enum course_badge badge) {
  static const enum mark marks[] = {[COURSE_EARLY] = MARK_EARLY,
                                    [COURSE_STEADY] = MARK_STEADY,
                                    [COURSE_TENSION] = MARK_TENSION,
                                    [COURSE_UNCONFIRMED] = MARK_UNCONFIRMED,
                                    [COURSE_REPAIRED] = MARK_REPAIRED};
  state_mark(request, marks[badge], course_badge_word(badge));
}
