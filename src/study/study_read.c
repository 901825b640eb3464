#include "study/study_read.h"

#include "study/schema.h"

void study_say(struct study_reading *reading, enum study_severity severity, const char *id, const char *pointer,
               const char *cure, const char *text) {
  struct study_place place = schema_place("study.json", reading->file->bytes, reading->file->length, pointer);
  finding_add(reading->findings, severity, id, place, cure, "%s", text);
}

static const char *text(const struct study_reading *reading, const json_t *object, const char *key) {
  const char *value = json_text(object, key, NULL);
  return value ? arena_text(reading->arena, value) : "";
}

static const char *text_or_null(const struct study_reading *reading, const json_t *object, const char *key) {
  const char *value = json_text(object, key, NULL);
  return value ? arena_text(reading->arena, value) : NULL;
}

static struct words words(const struct study_reading *reading, const json_t *object, const char *key) {
  struct words out = {{NULL}};
  const json_t *value = json_object_get(object, key);
  for (int i = 0; i < reading->study->language_count; i++)
    out.in[i] = text_or_null(reading, value, reading->study->languages[i]);
  return out;
}

static int whole(const json_t *object, const char *key) {
  int64_t value = json_int(object, key, 0);
  return value > 1000000 || value < 0 ? 0 : (int)value;
}

static const char *const *texts(const struct study_reading *reading, const json_t *array, size_t *count) {
  const char **out = arena_array(reading->arena, json_array_size(array), sizeof *out);
  const json_t *one;
  size_t i;
  *count = json_array_size(array);
  json_array_foreach(array, i, one) {
    out[i] = arena_text(reading->arena, json_is_string(one) ? json_string_value(one) : "");
  }
  return out;
}

/* [{"name": .., "label": {..}}, ..] */
static const struct study_named *named(const struct study_reading *reading, const json_t *array, const char *label,
                                       size_t *count) {
  struct study_named *out = arena_array(reading->arena, json_array_size(array), sizeof *out);
  const json_t *one;
  size_t i;
  *count = json_array_size(array);
  json_array_foreach(array, i, one) {
    out[i].name = text(reading, one, "name");
    out[i].label = words(reading, one, label);
  }
  return out;
}

void study_read_languages(struct study_reading *reading) {
  size_t count;
  const char *const *codes = texts(reading, json_object_get(reading->root, "languages"), &count);
  struct study *study = reading->study;
  for (size_t i = 0; i < count && i < STUDY_LANGUAGES; i++) study->languages[study->language_count++] = codes[i];
  if (!study->language_count) study->languages[study->language_count++] = "en";
}

static void read_record(struct study_reading *reading) {
  const json_t *record = json_object_get(reading->root, "record");
  struct study_record *out = &reading->study->record;
  out->status = text(reading, record, "status");
  out->study_type = text(reading, record, "study_type");
  out->sex = text(reading, record, "sex");
  out->purpose = text(reading, record, "purpose");
  out->allocation = text(reading, record, "allocation");
  out->model = text(reading, record, "model");
  out->masking = text(reading, record, "masking");
  out->healthy_volunteers = json_flag(record, "healthy_volunteers", 0);
  out->minimum_age = json_int(record, "minimum_age", 0);
  out->locations = json_int(record, "locations", 0);
  out->official_title = words(reading, record, "official_title");
  out->about = words(reading, record, "about");
  out->description = words(reading, record, "description");
  out->ages = words(reading, record, "ages");
  out->sponsor = words(reading, record, "sponsor");
  out->contact = words(reading, record, "contact");
  out->enrolment = words(reading, record, "enrolment");
  out->conditions = named(reading, json_object_get(record, "conditions"), "label", &out->condition_count);
  out->treatments = named(reading, json_object_get(record, "treatments"), "label", &out->treatment_count);
  out->funders = named(reading, json_object_get(record, "funders"), "label", &out->funder_count);
  out->identifiers = named(reading, json_object_get(record, "identifiers"), "label", &out->identifier_count);
}

static struct study_eligibility read_eligibility(struct study_reading *reading, const char *who) {
  const json_t *lists = json_object_get(json_object_get(reading->root, "eligibility"), who);
  struct study_eligibility out = {0};
  out.include = named(reading, json_object_get(lists, "include"), "text", &out.include_count);
  out.exclude = named(reading, json_object_get(lists, "exclude"), "text", &out.exclude_count);
  return out;
}

static void read_design(struct study_reading *reading) {
  const json_t *design = json_object_get(reading->root, "design"), *list = json_object_get(design, "arms"), *one;
  struct study *study = reading->study;
  struct study_arm *arms = arena_array(reading->arena, json_array_size(list), sizeof *arms);
  int64_t *ratio = arena_array(reading->arena, json_array_size(list), sizeof *ratio);
  const json_t *given = json_object_get(design, "ratio");
  size_t i;
  json_array_foreach(list, i, one) {
    arms[i] = (struct study_arm){.name = text(reading, one, "name"),
                                 .label = words(reading, one, "label"),
                                 .description = words(reading, one, "description"),
                                 .kind = text(reading, one, "kind")};
    ratio[i] = i < json_array_size(given) ? json_integer_value(json_array_get(given, i)) : 1;
  }
  study->arms = arms;
  study->arm_count = json_array_size(list);
  study->ratio = ratio;
  study->unit = text(reading, design, "unit");
  study->allocation_method = text(reading, design, "method");
  study->covariates = named(reading, json_object_get(design, "covariates"), "label", &study->covariate_count);
}

static struct study_target read_target(struct study_reading *reading, const char *who) {
  const json_t *target = json_object_get(json_object_get(reading->root, "targets"), who);
  const json_t *list = json_object_get(target, "by_week"), *one;
  int64_t *by_week = arena_array(reading->arena, json_array_size(list), sizeof *by_week);
  size_t i;
  json_array_foreach(list, i, one) {
    by_week[i] = json_integer_value(one);
  }
  return (struct study_target){.count = json_int(target, "count", 0),
                               .start = text_or_null(reading, target, "start"),
                               .weeks = list ? (int)json_array_size(list) : whole(target, "weeks"),
                               .by_week = list ? by_week : NULL,
                               .source = text(reading, target, "source")};
}

static void read_sites(struct study_reading *reading) {
  const json_t *list = json_object_get(reading->root, "sites"), *one;
  struct study_site *out = arena_array(reading->arena, json_array_size(list), sizeof *out);
  size_t i;
  json_array_foreach(list, i, one) {
    out[i] = (struct study_site){.name = text(reading, one, "name"),
                                 .label = words(reading, one, "label"),
                                 .zone_name = text_or_null(reading, one, "zone")};
    if (out[i].zone_name) zone_open(&out[i].zone, out[i].zone_name, reading->arena, NULL); /* none: the checker says so */
  }
  reading->study->sites = out;
  reading->study->site_count = json_array_size(list);
}

static enum study_trigger read_trigger(const char *name) {
  if (!strcmp(name, "session")) return TRIGGER_SESSION;
  if (!strcmp(name, "end")) return TRIGGER_END;
  if (!strcmp(name, "days")) return TRIGGER_DAYS;
  return TRIGGER_ENROLMENT;
}

static void read_occasions(struct study_reading *reading) {
  const json_t *list = json_object_get(reading->root, "occasions"), *one, *hours;
  struct study_occasion *out = arena_array(reading->arena, json_array_size(list), sizeof *out);
  size_t i, k;
  json_array_foreach(list, i, one) {
    const json_t *remind = json_object_get(one, "remind_hours");
    int *reminders = arena_array(reading->arena, json_array_size(remind), sizeof *reminders);
    json_array_foreach(remind, k, hours) {
      reminders[k] = (int)(json_integer_value(hours) % 1000000);
    }
    out[i] = (struct study_occasion){.name = text(reading, one, "name"),
                                     .title = words(reading, one, "title"),
                                     .form = study_form(reading->study, json_text(one, "form", "")),
                                     .rater = person_kind_of(text(reading, one, "rater")),
                                     .trigger = read_trigger(json_text(one, "trigger", "")),
                                     .first_session = (int)json_int(one, "first_session", 1),
                                     .last_session = whole(one, "last_session"),
                                     .after_days = whole(one, "after_days"),
                                     .by_days = json_object_get(one, "due_days") != NULL,
                                     .due_hours = whole(one, "due_hours"),
                                     .closes_hours = whole(one, "closes_hours"),
                                     .due_days = whole(one, "due_days"),
                                     .closes_days = whole(one, "closes_days"),
                                     .hour = whole(one, "hour"),
                                     .remind_hours = reminders,
                                     .remind_count = json_array_size(remind)};
  }
  reading->study->occasions = out;
  reading->study->occasion_count = json_array_size(list);
}

static unsigned read_seen(const json_t *list) {
  unsigned seen = SEES_TASKS;
  const json_t *one;
  size_t i;
  json_array_foreach(list, i, one) {
    const char *name = json_is_string(one) ? json_string_value(one) : "";
    if (!strcmp(name, "events")) seen |= SEES_EVENTS;
    if (!strcmp(name, "course")) seen |= SEES_COURSE;
    if (!strcmp(name, "answers")) seen |= SEES_ANSWERS;
  }
  return seen;
}

static void read_feedback(struct study_reading *reading) {
  const json_t *list = json_object_get(reading->root, "feedback"), *one;
  struct study_feedback *out = arena_array(reading->arena, json_array_size(list), sizeof *out);
  size_t i;
  json_array_foreach(list, i, one) {
    out[i].role = text(reading, one, "role");
    out[i].sees = read_seen(json_object_get(one, "sees"));
    out[i].flagged_only = json_flag(one, "flagged_only", 0);
    out[i].arms = texts(reading, json_object_get(one, "arms"), &out[i].arm_count);
  }
  reading->study->feedback = out;
  reading->study->feedback_count = json_array_size(list);
}

static void read_masking(struct study_reading *reading) {
  const json_t *masking = json_object_get(reading->root, "masking"), *told = json_object_get(masking, "told");
  const json_t *covers = json_object_get(told, "covers"), *one;
  struct study *study = reading->study;
  study->masked_roles = texts(reading, json_object_get(masking, "roles"), &study->masked_count);
  study->told = words(reading, told, "text");
  struct study_told *out = arena_array(reading->arena, json_array_size(covers), sizeof *out);
  size_t i;
  json_array_foreach(covers, i, one) {
    bool answers = !strcmp(json_text(one, "sees", ""), "answers");
    out[i].role = text(reading, one, "role");
    out[i].sees = SEES_TASKS | SEES_EVENTS | SEES_COURSE | (answers ? SEES_ANSWERS : 0u);
  }
  study->told_covers = out;
  study->told_count = json_array_size(covers);
}

static struct study_signal read_signal(struct study_reading *reading, const char *who) {
  const json_t *signal = json_object_get(json_object_get(reading->root, "detection"), who);
  const json_t *report = json_object_get(signal, "report");
  struct study_signal out = {.form = study_form(reading->study, json_text(signal, "form", "")), .report_value = ""};
  if (!out.form) return out;
  out.score = form_item(out.form, json_text(signal, "score", ""));
  out.report = form_item(out.form, json_text(report, "item", ""));
  out.report_value = text(reading, report, "value");
  out.strength = form_item(out.form, json_text(signal, "strength", ""));
  out.resolved = form_item(out.form, json_text(signal, "resolved", ""));
  return out;
}

static void read_detection(struct study_reading *reading) {
  const json_t *detection = json_object_get(reading->root, "detection");
  reading->study->detection =
      (struct study_detection){.rule = text(reading, detection, "rule"),
                               .false_alarm = text(reading, detection, "false_alarm"),
                               .higher_is_worse = !strcmp(json_text(detection, "higher_is", "better"), "worse"),
                               .patient = read_signal(reading, "patient"),
                               .therapist = read_signal(reading, "therapist")};
}

static void read_consents(struct study_reading *reading) {
  const json_t *list = json_object_get(reading->root, "consents"), *one;
  struct study_consent *out = arena_array(reading->arena, json_array_size(list), sizeof *out);
  size_t i;
  json_array_foreach(list, i, one) {
    out[i] = (struct study_consent){.name = text(reading, one, "name"),
                                    .date = text(reading, one, "date"),
                                    .role = text(reading, one, "role"),
                                    .text = words(reading, one, "text")};
  }
  reading->study->consents = out;
  reading->study->consent_count = json_array_size(list);
}

static const struct study_identity_field *read_identity(struct study_reading *reading, const char *who, size_t *count) {
  const json_t *list = json_object_get(json_object_get(reading->root, "identity"), who), *one;
  struct study_identity_field *out = arena_array(reading->arena, json_array_size(list), sizeof *out);
  size_t i;
  json_array_foreach(list, i, one) {
    out[i] = (struct study_identity_field){.name = text(reading, one, "name"),
                                           .kind = text(reading, one, "kind"),
                                           .label = words(reading, one, "label"),
                                           .required = json_flag(one, "required", 0)};
  }
  *count = json_array_size(list);
  return out;
}

static void read_patient_pages(struct study_reading *reading) {
  const json_t *pages = json_object_get(reading->root, "patient_pages");
  const json_t *safety = json_object_get(reading->root, "safety");
  struct study *study = reading->study;
  study->neutral_title = words(reading, pages, "title");
  study->neutral_sender = words(reading, pages, "sender");
  study->contact = words(reading, pages, "contact");
  study->next_steps = words(reading, pages, "next_steps");
  study->safety = (struct study_safety){.responder_role = text(reading, safety, "responder_role"),
                                        .responder = words(reading, safety, "responder"),
                                        .numbers = words(reading, safety, "numbers"),
                                        .response_hours = whole(safety, "response_hours")};
}

void study_read_all(struct study_reading *reading) {
  const json_t *root = reading->root, *targets = json_object_get(root, "targets");
  struct study *study = reading->study;
  study->name = text(reading, root, "name");
  study->version = json_int(root, "version", 0);
  study->title = words(reading, root, "title");
  study->summary = words(reading, root, "summary");
  read_record(reading);
  study->therapist_eligibility = read_eligibility(reading, "therapist");
  study->patient_eligibility = read_eligibility(reading, "patient");
  read_design(reading);
  read_sites(reading);
  study->therapist_target = read_target(reading, "therapists");
  study->patient_target = read_target(reading, "patients");
  study->patients_per_therapist = json_int(targets, "patients_per_therapist", 0);
  study->sessions_planned = whole(json_object_get(root, "sessions"), "planned");
  study->sessions_within_days = whole(json_object_get(root, "sessions"), "within_days");
  read_occasions(reading);
  study->roles = texts(reading, json_object_get(root, "roles"), &study->role_count);
  read_feedback(reading);
  read_masking(reading);
  read_detection(reading);
  read_consents(reading);
  study->patient_identity = read_identity(reading, "patient", &study->patient_identity_count);
  study->therapist_identity = read_identity(reading, "therapist", &study->therapist_identity_count);
  read_patient_pages(reading);
}
