/* fields.h: a form of the pages declares its fields; its handler receives a checked struct.
 *
 *     struct enrolment { const char *site, *name; int64_t day; };
 *     static const struct field enrolment_fields[] = {
 *         FIELD_TEXT(struct enrolment, site, FIELD_REQUIRED, 1, 39),
 *         FIELD_DATE(struct enrolment, day, FIELD_REQUIRED),
 *     };
 *     struct fields fields = fields_read(request, enrolment_fields, COUNT(enrolment_fields), &enrolment);
 *     if (!fields.valid) return draw(request, &fields);          -- 422: what was typed stays, errors beside the fields
 *
 * Texts are checked for encoding and control characters and cut of outer blanks. A field that the form does not
 * declare is ignored. (Questionnaires are another matter: study/form.h.) */
#ifndef ATTUNE_WEB_FIELDS_H
#define ATTUNE_WEB_FIELDS_H

#include <stddef.h>

#include "web/request.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum field_type {
  FIELD_IS_TEXT,   /* const char *: low..high characters, one line */
  FIELD_IS_AREA,   /* the same, several lines */
  FIELD_IS_SECRET, /* the same, never shown again, blanks kept */
  FIELD_IS_INT,    /* int64_t within low..high */
  FIELD_IS_DATE    /* int64_t, a day number; FIELD_NO_DATE when empty */
};
#define FIELD_REQUIRED true
#define FIELD_OPTIONAL false
#define FIELD_NO_DATE INT64_MIN

struct field {
  const char *name;
  enum field_type type;
  bool required;
  int64_t low, high;
  size_t offset;
};
#define FIELD_OF(kind, type_, member, required_, low_, high_)                                                          \
  { #member, kind, required_, low_, high_, offsetof(type_, member) }
#define FIELD_TEXT(type, member, required, low, high) FIELD_OF(FIELD_IS_TEXT, type, member, required, low, high)
#define FIELD_AREA(type, member, required, low, high) FIELD_OF(FIELD_IS_AREA, type, member, required, low, high)
#define FIELD_SECRET(type, member, required, low, high) FIELD_OF(FIELD_IS_SECRET, type, member, required, low, high)
#define FIELD_INT(type, member, required, low, high) FIELD_OF(FIELD_IS_INT, type, member, required, low, high)
#define FIELD_DATE(type, member, required) FIELD_OF(FIELD_IS_DATE, type, member, required, 0, 0)

struct fields {
  const struct field *list;
  size_t count;
  const char **typed;   /* by field: what was typed, to be shown again; "" for secrets */
  const char **problem; /* by field: the words for what is wrong, or NULL */
  const char **label;   /* by field: what it is called, once it is drawn */
  bool valid;
};

struct fields fields_read(struct request *request, const struct field *list, size_t count, void *out);
/* An empty form, for the first drawing. */
struct fields fields_blank(struct request *request, const struct field *list, size_t count);
/* Adds what the verb said (error->field names the field; else it stands at the top). */
void fields_problem(struct fields *fields, const char *name, const char *words);

/* ---- drawing: label, control, hint, error ---- */
/* What is to be put right, here at the top: in the keyboard's focus, each row a link to its field. page_close() writes it,
 * when the fields' labels are known. */
void fields_summary(struct request *request, const struct fields *fields);
void fields_summary_write(struct request *request);
void field_text(struct request *request, const struct fields *fields, const char *name, enum word label,
                const char *attributes_type, const char *autocomplete);
/* The same with words of the study. */
void field_text_of_study(struct request *request, const struct fields *fields, const char *name, const char *label,
                         const char *attributes_type, const char *autocomplete);
void field_area(struct request *request, const struct fields *fields, const char *name, enum word label);
struct option {
  const char *value, *label;
};
void field_select(struct request *request, const struct fields *fields, const char *name, enum word label,
                  const struct option *options, size_t count);

#endif
