#include "study/finding.h"

#include <stdarg.h>

#include "base/buf.h"

static struct study_finding *finding_room(struct study_findings *findings) {
  if (findings->count == FINDINGS_MAXIMUM) return NULL;
  findings->list = list_grow(findings->arena, findings->list, findings->count, &findings->capacity, sizeof *findings->list);
  return &findings->list[findings->count++];
}

void finding_add(struct study_findings *findings, enum study_severity severity, const char *id,
                 struct study_place place, const char *cure, const char *format, ...) {
  if (severity == STUDY_BROKEN)
    findings->broken++;
  else
    findings->notices++;
  struct study_finding *finding = finding_room(findings);
  if (!finding) return;
  char text[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  *finding = (struct study_finding){.severity = severity,
                                    .id = arena_text(findings->arena, id),
                                    .file = arena_text(findings->arena, place.file),
                                    .line = place.line,
                                    .column = place.column,
                                    .where = arena_text(findings->arena, place.where),
                                    .text = arena_text(findings->arena, text),
                                    .cure = arena_text(findings->arena, cure)};
}

const char *finding_place_read(const char *text, struct study_place *place) {
  static const char line[] = "line ", column[] = ", column ";
  const char *at = strstr(text, line);
  if (!at) return text;
  char *end;
  long lines = strtol(at + strlen(line), &end, 10);
  if (lines <= 0 || strncmp(end, column, strlen(column)) != 0) return text;
  long columns = strtol(end + strlen(column), &end, 10);
  const char *rest = strstr(end, ": ");
  if (columns < 0 || !rest) return text;
  place->line = (int)lines;
  place->column = (int)columns;
  return rest + 2;
}

char *finding_text(struct arena *arena, const struct study_finding *finding) {
  struct buf out = buf_in(arena, 256);
  buf_adds(&out, finding->file);
  if (finding->line) buf_addf(&out, ", line %d", finding->line);
  if (finding->column) buf_addf(&out, ", column %d", finding->column);
  if (finding->where[0]) buf_addf(&out, " (%s)", finding->where);
  buf_addf(&out, ": %s%s%s", finding->text, finding->cure[0] ? ". " : "", finding->cure);
  buf_addf(&out, " [%s]", finding->id);
  return out.data;
}
