#include "report/administration.h"

#include <string.h>

enum err report_versions(struct db *db, struct arena *arena, struct version_row **out, size_t *count, struct error *error) {
  int64_t all = 0;
  *count = 0;
  enum err err = db_int(db, error, &all, 0, "SELECT count(*) FROM study_version", NO_ARGS);
  if (err) return err;
  *out = arena_array(arena, (size_t)all + 1, sizeof **out);
  struct rows rows;
  rows_open(&rows, db, "SELECT version, time_ms, approval, approval_date, hash FROM study_version ORDER BY version DESC", NO_ARGS);
  while (*count < (size_t)all && rows_next(&rows))
    (*out)[(*count)++] = (struct version_row){.version = rows_int(&rows, 0),
                                              .time_ms = rows_int(&rows, 1),
                                              .approval = arena_text(arena, rows_text(&rows, 2)),
                                              .approval_date = arena_text(arena, rows_text(&rows, 3)),
                                              .hash = arena_text(arena, rows_text(&rows, 4))};
  return rows_close(&rows, error);
}

enum err report_mail(struct db *open, struct mail_counts *mail, struct error *error) {
  static const char sql[] = "SELECT count(*) FROM run_outbox WHERE state = $1 OR state = $2";
  enum err err = db_int(open, error, &mail->waiting, 0, sql, ARGS(v_text("waiting"), v_text("sending")));
  if (!err) err = db_int(open, error, &mail->sent, 0, sql, ARGS(v_text("sent"), v_text("sent")));
  if (!err) err = db_int(open, error, &mail->bounced, 0, sql, ARGS(v_text("bounced"), v_text("refused")));
  return err;
}

enum err report_refusals(struct db *open, struct arena *arena, struct refused_row **out, size_t *count, struct error *error) {
  *out = arena_array(arena, REFUSED_ROWS, sizeof **out);
  *count = 0;
  struct rows rows;
  rows_open(&rows, open,
            "SELECT time_ms, subject, kind FROM ledger_entry WHERE sequence > (SELECT max(size) FROM ledger_head) - $1"
            " AND (kind = 'account.refused' OR kind = 'access.refused') ORDER BY sequence DESC LIMIT 20",
            ARGS(v_int(REFUSED_ENTRIES)));
  while (*count < REFUSED_ROWS && rows_next(&rows))
    (*out)[(*count)++] = (struct refused_row){.time_ms = rows_int(&rows, 0),
                                              .account = !strcmp(rows_text(&rows, 1), "study") ? "" : arena_text(arena, rows_text(&rows, 1)),
                                              .at_door = !strcmp(rows_text(&rows, 2), "account.refused")};
  return rows_close(&rows, error);
}
