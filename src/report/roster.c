#include "report/roster.h"

/* What a code must hold, as LIKE takes it: "%" for nothing typed, NULL for what no code can hold. */
static const char *code_pattern(struct arena *arena, const char *typed) {
  char *pattern = arena_alloc(arena, CODE_BYTES + 2), *next = pattern;
  *next++ = '%';
  for (const char *c = typed; *c; c++) {
    char big = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    if (*c == ' ') continue;
    if (next - pattern >= CODE_BYTES || !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", big)) return NULL;
    *next++ = big;
  }
  if (next - pattern > 1) *next++ = '%';
  *next = 0;
  return pattern;
}

enum err report_roster(struct db *masked, struct arena *arena, const struct roster_query *query, struct roster *roster,
                       struct error *error) {
  const char *pattern = code_pattern(arena, query->find);
  struct rows rows;
  *roster = (struct roster){.rows = arena_array(arena, query->limit, sizeof *roster->rows)};
  if (!pattern) return OK;
  rows_open(&rows, masked,
            "SELECT p.code, p.site, p.therapist, p.enrolled_ms, p.withdrawn_ms, "
            "(SELECT count(*) FROM session s WHERE s.patient = p.code), "
            "(SELECT count(*) FROM occasion o WHERE o.respondent = p.code AND o.submitted_ms = 0 AND o.closes_ms > $3) "
            "FROM person p WHERE p.kind = $1 AND ($2 = '' OR p.site = $2) AND p.code > $6 AND "
            "(p.code LIKE $4 OR p.therapist LIKE $4) ORDER BY p.code LIMIT $5",
            ARGS(v_text(person_kind_name(query->kind)), v_text(query->site), v_int(query->now_ms), v_text(pattern),
                 v_int((int64_t)query->limit + 1), v_text(query->after)));
  while (rows_next(&rows)) {
    if ((roster->more = roster->count == query->limit)) break;
    roster->rows[roster->count++] = (struct roster_row){.code = arena_text(arena, rows_text(&rows, 0)),
                                                        .site = arena_text(arena, rows_text(&rows, 1)),
                                                        .therapist = arena_text(arena, rows_text(&rows, 2)),
                                                        .enrolled_ms = rows_int(&rows, 3),
                                                        .withdrawn_ms = rows_int(&rows, 4),
                                                        .sessions = rows_int(&rows, 5),
                                                        .open_forms = rows_int(&rows, 6)};
  }
  return rows_close(&rows, error);
}
