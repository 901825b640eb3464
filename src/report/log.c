#include "report/log.h"

enum err report_log(struct db *masked, struct arena *arena, const struct log_filter *filter, struct log_row **out,
                        size_t *count, struct error *error) {
  int64_t limit = filter->limit < 1 || filter->limit > 200 ? 200 : filter->limit;
  *out = arena_array(arena, (size_t)limit, sizeof **out);
  *count = 0;
  struct rows rows;
  rows_open(&rows, masked,
            "SELECT number, time_ms, actor, kind, about FROM audit_masked WHERE ($1 = '' OR actor = $1) AND ($2 = '' OR kind = $2) "
            "AND ($3 = '' OR about = $3) AND time_ms >= $4 AND (time_ms < $5 OR $5 = 0) AND (number < $6 OR $6 = 0) "
            "ORDER BY number DESC LIMIT $7",
            ARGS(v_text(filter->actor ? filter->actor : ""), v_text(filter->kind ? filter->kind : ""),
                 v_text(filter->about ? filter->about : ""), v_int(filter->from_ms), v_int(filter->until_ms), v_int(filter->before),
                 v_int(limit)));
  while (rows_next(&rows) && *count < (size_t)limit)
    (*out)[(*count)++] = (struct log_row){.number = rows_int(&rows, 0),
                                          .time_ms = rows_int(&rows, 1),
                                          .actor = arena_text(arena, rows_text(&rows, 2)),
                                          .kind = arena_text(arena, rows_text(&rows, 3)),
                                          .about = arena_text(arena, rows_text(&rows, 4))};
  return rows_close(&rows, error);
}
