#include "web/fields.h"

#include "base/utf8.h"
#include "web/page.h"

static struct fields fields_new(struct request *request, const struct field *list, size_t count) {
  struct fields fields = {.list = list, .count = count, .valid = true};
  fields.typed = arena_array(request->arena, count + 1, sizeof *fields.typed);
  fields.problem = arena_array(request->arena, count + 1, sizeof *fields.problem); /* the last: of the whole form */
  fields.label = arena_array(request->arena, count + 1, sizeof *fields.label);
  for (size_t i = 0; i <= count; i++) fields.typed[i] = "";
  return fields;
}

struct fields fields_blank(struct request *request, const struct field *list, size_t count) {
  return fields_new(request, list, count);
}

/* The text of a field, without outer blanks (a secret keeps them), or NULL when its bytes are no text. */
static const char *text_of(struct request *request, const struct field *field) {
  for (size_t i = 0; i < request->form.count; i++) {
    const struct pair *pair = &request->form.list[i];
    if (strcmp(pair->name, field->name)) continue;
    if (!utf8_valid(pair->value, pair->length) || utf8_has_control(pair->value)) return NULL;
    const char *start = pair->value;
    size_t length = pair->length;
    if (field->type != FIELD_IS_SECRET) {
      while (length && strchr(" \t\r\n", start[length - 1])) length--;
      while (length && strchr(" \t\r\n", *start)) start++, length--;
    }
    if (field->type == FIELD_IS_TEXT && memchr(start, '\n', length)) return NULL;
    return arena_text_n(request->arena, start, length);
  }
  return "";
}

static bool int_read(const char *text, int64_t *out) {
  char *end;
  size_t length = strlen(text);
  if (!length || length > 18 || strspn(text, "-0123456789") != length) return false;
  *out = strtoll(text, &end, 10);
  return !*end;
}

static const char *text_problem(struct request *request, const struct field *field, const char *text) {
  int64_t length = (int64_t)utf8_length(text);
  if (length < field->low) return said(request, WORD_FIELD_SHORT, say_count(request, field->low));
  if (length > field->high) return said(request, WORD_FIELD_LONG, say_count(request, field->high));
  return NULL;
}

/* A place holds something sound whatever came: "" or 0. */
static void place_blank(const struct field *field, void *place) {
  if (field->type == FIELD_IS_INT)
    *(int64_t *)place = 0;
  else if (field->type == FIELD_IS_DATE)
    *(int64_t *)place = FIELD_NO_DATE;
  else
    *(const char **)place = "";
}

static const char *value_take(struct request *request, const struct field *field, const char *text, void *place) {
  bool blank = !*text;
  place_blank(field, place);
  if (blank && field->required) return said(request, WORD_FIELD_REQUIRED);
  switch (field->type) {
  case FIELD_IS_TEXT:
  case FIELD_IS_AREA:
  case FIELD_IS_SECRET:
    *(const char **)place = text;
    return blank ? NULL : text_problem(request, field, text);
  case FIELD_IS_INT:
    if (blank) return NULL;
    if (!int_read(text, place)) return said(request, WORD_FIELD_WHOLE);
    if (*(int64_t *)place < field->low || *(int64_t *)place > field->high)
      return said(request, WORD_FIELD_RANGE, say_count(request, field->low), say_count(request, field->high));
    return NULL;
  case FIELD_IS_DATE:
    return blank || date_parse(text, place) ? NULL : said(request, WORD_FIELD_DATE);
  }
  return NULL;
}

struct fields fields_read(struct request *request, const struct field *list, size_t count, void *out) {
  struct fields fields = fields_new(request, list, count);
  for (size_t i = 0; i < count; i++) {
    const char *text = text_of(request, &list[i]);
    void *place = (char *)out + list[i].offset;
    if (!text) {
      place_blank(&list[i], place);
      fields.problem[i] = said(request, WORD_FIELD_ENCODING);
    } else {
      if (list[i].type != FIELD_IS_SECRET) fields.typed[i] = text;
      fields.problem[i] = value_take(request, &list[i], text, place);
    }
    if (fields.problem[i]) fields.valid = false;
  }
  if (!fields.valid) request->status = 422;
  return fields;
}

static size_t field_index(const struct fields *fields, const char *name) {
  for (size_t i = 0; i < fields->count; i++)
    if (!strcmp(fields->list[i].name, name)) return i;
  return fields->count;
}

void fields_problem(struct fields *fields, const char *name, const char *words) {
  fields->problem[field_index(fields, name)] = words;
  fields->valid = false;
}

/* ---- drawing ---- */

void fields_summary(struct request *request, const struct fields *fields) {
  if (fields->valid) return;
  request->summary = fields;
  request->summary_at = request->out.length;
}

static void summary_row(struct request *request, const struct fields *fields, size_t i) {
  const char *label = i < fields->count ? fields->label[i] : NULL;
  if (!label)
    html(&request->out, "<li>%s</li>", fields->problem[i]);
  else {
    html(&request->out, "<li><a href=\"#%s\">", fields->list[i].name);
    say(request, WORD_FIELD_PROBLEM, label, fields->problem[i]);
    html(&request->out, "</a></li>");
  }
}

void fields_summary_write(struct request *request) {
  const struct fields *fields = request->summary;
  if (!fields) return;
  request->summary = NULL;
  struct buf whole = request->out;
  request->out = buf_in(request->arena, 512);
  note_open(request, NOTE_WRONG);
  html(&request->out, "<p><strong>");
  say(request, WORD_PUT_RIGHT);
  html(&request->out, "</strong></p><ul>");
  for (size_t i = 0; i <= fields->count; i++)
    if (fields->problem[i]) summary_row(request, fields, i);
  html(&request->out, "</ul>");
  note_close(request);
  struct buf summary = request->out;
  request->out = whole;
  buf_insert(&request->out, request->summary_at, summary.data, summary.length);
}

static size_t field_begin(struct request *request, const struct fields *fields, const char *name, const char *label) {
  size_t i = field_index(fields, name);
  struct buf *out = &request->out;
  if (i < fields->count) fields->label[i] = label;
  html(out, "<div class=\"field%s\"><label for=\"%s\">%s", fields->problem[i] ? " has-error" : "", name, label);
  if (i < fields->count && !fields->list[i].required) {
    html(out, " <span class=\"optional\">");
    say(request, WORD_OPTIONAL);
    html(out, "</span>");
  }
  html(out, "</label>");
  if (fields->problem[i]) html(out, "<p class=\"error\" id=\"%s-error\">%s</p>", name, fields->problem[i]);
  return i;
}

static void described(struct request *request, const struct fields *fields, size_t i) {
  if (fields->problem[i])
    html(&request->out, " aria-invalid=\"true\" aria-describedby=\"%s-error\"", fields->list[i].name);
  if (i < fields->count && fields->list[i].required) html(&request->out, " required");
}

void field_text(struct request *request, const struct fields *fields, const char *name, enum word label,
                const char *attributes_type, const char *autocomplete) {
  field_text_of_study(request, fields, name, said(request, label), attributes_type, autocomplete);
}

void field_text_of_study(struct request *request, const struct fields *fields, const char *name, const char *label,
                         const char *attributes_type, const char *autocomplete) {
  size_t i = field_begin(request, fields, name, label);
  html(&request->out, "<input id=\"%s\" name=\"%s\" type=\"%s\" value=\"%s\" autocomplete=\"%s\"", name, name,
       attributes_type, fields->typed[i], autocomplete);
  described(request, fields, i);
  html(&request->out, "></div>");
}

void field_area(struct request *request, const struct fields *fields, const char *name, enum word label) {
  size_t i = field_begin(request, fields, name, said(request, label));
  html(&request->out, "<textarea id=\"%s\" name=\"%s\" rows=\"4\" maxlength=\"%lld\"", name, name,
       (long long)fields->list[i].high);
  described(request, fields, i);
  html(&request->out, ">%s</textarea></div>", fields->typed[i]);
}

void field_select(struct request *request, const struct fields *fields, const char *name, enum word label,
                  const struct option *options, size_t count) {
  size_t i = field_begin(request, fields, name, said(request, label));
  html(&request->out, "<select id=\"%s\" name=\"%s\"", name, name);
  described(request, fields, i);
  html(&request->out, ">");
  for (size_t k = 0; k < count; k++)
    html(&request->out, "<option value=\"%s\"%s>%s</option>", options[k].value,
         strcmp(options[k].value, fields->typed[i]) ? "" : " selected", options[k].label);
  html(&request->out, "</select></div>");
}
