/* study.h: what a study is: its record, people, occasions, forms, who sees what; read, checked, compared.
 *
 * A study is a directory: study.json (described by studies/study.schema.json and docs/study.md) and its forms
 * (form.h). It is read once into an arena, checked as a whole, and immutable after that; threads may share it. Nothing
 * in this room knows how many arms or sessions there are, what a database is, or what time it is.
 *
 *     struct study_findings findings = {.arena = arena};
 *     const struct study *study;
 *     enum err err = study_load_dir(&study, "studies/practice", &findings, arena, error);
 *
 * err is OK when nothing is broken; then *study is set and findings hold notices at most. ERR_INPUT: the study is
 * broken, findings say everything, *error the first thing. ERR_MISSING: no such directory, study or file.
 *
 * The bundle is the study as one canonical JSON text (study.json and every CSV): the ledger keeps it as the body of
 * a version, and study_from_bundle() gives the same study again. Its SHA-256 is the version's hash. */
#ifndef ATTUNE_STUDY_STUDY_H
#define ATTUNE_STUDY_STUDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whom a study follows, and who rates. The numbers index pairs: [0] the patient's, [1] the therapist's. */
enum person_kind { PERSON_PATIENT, PERSON_THERAPIST };
const char *person_kind_name(enum person_kind kind); /* "patient": as studies, tables and entries have it */
bool person_kind_find(const char *name, enum person_kind *kind);
static inline enum person_kind person_kind_of(const char *name) { /* of a name that is known to be one */
  enum person_kind kind = PERSON_PATIENT;
  person_kind_find(name, &kind);
  return kind;
}

#include "base/arena.h"
#include "base/err.h"
#include "base/zone.h"
#include "study/finding.h"
#include "study/form.h"
#include "study/words.h"

/* A thing with a stable name and words for people. */
struct study_named {
  const char *name;
  struct words label;
};

struct study_site {
  const char *name;
  struct words label;
  const char *zone_name;   /* IANA name; NULL: its days are those of UTC */
  const struct zone *zone; /* NULL: UTC, or (with a zone_name) a study taken in elsewhere, whose zone this machine lacks */
};

struct study_arm {
  const char *name; /* a word, never a number: it stands in exports */
  struct words label, description;
  const char *kind; /* as registries say it: "experimental", "no-intervention", ... */
};

struct study_eligibility {
  const struct study_named *include, *exclude;
  size_t include_count, exclude_count;
};

/* How many are aimed for, and by when: cumulative by week since `start`. */
struct study_target {
  int64_t count;          /* 0: no target */
  const char *start;      /* date, or NULL: the day on which the study's home was made */
  int weeks;              /* length of the plan; 0: no plan */
  const int64_t *by_week; /* cumulative plan for weeks 1..weeks, or NULL: an even pace */
  const char *source;     /* where the number comes from */
};

/* What the registry's record says, for the public page; texts are "" and counts 0 where it says nothing. */
struct study_record {
  const char *status; /* "completed" */
  const char *study_type, *sex, *purpose, *allocation, *model, *masking;
  bool healthy_volunteers;
  int64_t minimum_age;
  int64_t locations;
  struct words official_title, about, description, ages, sponsor, contact;
  const struct study_named *conditions, *treatments, *funders;
  size_t condition_count, treatment_count, funder_count;
  const struct study_named *identifiers; /* name: the number; label: the registry */
  size_t identifier_count;
  struct words enrolment; /* the figures as published, in words */
};

enum study_trigger {
  TRIGGER_ENROLMENT, /* once, when the person enrols */
  TRIGGER_SESSION,   /* after each session within first_session..last_session */
  TRIGGER_END,       /* once, when participation is complete */
  TRIGGER_DAYS       /* once, after_days days after enrolment */
};

/* When which form is due from whom. Times count from the triggering moment: by hours; or by the calendar of the site, so
 * many days after the local day of that moment, at an hour of the day. */
struct study_occasion {
  const char *name;
  struct words title;
  const struct form *form;
  enum person_kind rater;
  enum study_trigger trigger;
  int first_session, last_session; /* SESSION: last 0 means every session from the first on */
  int after_days;                  /* DAYS */
  bool by_days;
  int due_hours, closes_hours;     /* !by_days: due after; answers refused after (late) */
  int due_days, closes_days, hour; /* by_days: likewise, both at `hour` o'clock */
  const int *remind_hours;         /* reminders, increasing, all before it closes */
  size_t remind_count;
};

/* What someone may be shown of the ratings. */
enum study_seen {
  SEES_TASKS = 1,  /* what is due from them: always */
  SEES_EVENTS = 2, /* tensions and repairs, how sure */
  SEES_COURSE = 4, /* the course of scores, with the expected band */
  SEES_ANSWERS = 8 /* single answers */
};

struct study_feedback {
  const char *role;
  unsigned sees;           /* enum study_seen, or-ed */
  bool flagged_only;       /* only sessions with an event */
  const char *const *arms; /* names of the arms it holds for */
  size_t arm_count;        /* 0: for everybody */
};

/* The alliance rating of one rater, and where a tension is reported directly. */
struct study_signal {
  const struct form *form;                     /* NULL: this rater gives none */
  const struct form_item *score;               /* has low and high */
  const struct form_item *report;              /* NULL: no direct report */
  const char *report_value;                    /* the answer that means "there was a tension" */
  const struct form_item *strength, *resolved; /* NULL when not asked */
};

struct study_detection {
  const char *rule;        /* "pooled-sd", as `attune detect --rule` */
  const char *false_alarm; /* decimal text, a patient over the course: "0.05" */
  bool higher_is_worse;
  struct study_signal patient, therapist;
};

struct study_consent {
  const char *name, *date; /* "patient-1"; date of this version */
  const char *role;        /* whose consent */
  struct words text;
};

struct study_identity_field {
  const char *name; /* "email" */
  const char *kind; /* "text", "email", "phone" */
  struct words label;
  bool required;
};

struct study_told {
  const char *role; /* who may see something of the patient's answers, as the sentence says */
  unsigned sees;    /* the most that the sentence covers */
};

struct study_safety {
  const char *responder_role;      /* "" when none is named */
  struct words responder, numbers; /* who answers; local crisis numbers */
  int response_hours;              /* 0 when not said */
};

struct study {
  const char *name;
  int64_t version; /* of the definition: 1, 2, ... */
  const char *languages[STUDY_LANGUAGES];
  int language_count;
  struct words title, summary;
  struct words neutral_title, neutral_sender; /* for patients: pages and mail that give nothing away */
  struct words contact, next_steps;           /* whom to call; what happens next: the form's end page */
  struct study_record record;
  struct study_eligibility therapist_eligibility, patient_eligibility;

  const struct study_arm *arms; /* none: nothing is allocated */
  size_t arm_count;
  const int64_t *ratio; /* one an arm */
  const char *unit;     /* what is allocated: "therapist"; "" without arms */
  const char *allocation_method;
  const struct study_named *covariates; /* balanced by the allocation */
  size_t covariate_count;
  const struct study_site *sites;
  size_t site_count;
  struct study_target therapist_target, patient_target;
  int64_t patients_per_therapist; /* at least; 0: not said */

  int sessions_planned;     /* 0: open-ended */
  int sessions_within_days; /* the planned sessions take place within; 0: not said */

  const struct form *forms;
  size_t form_count;
  const struct study_occasion *occasions;
  size_t occasion_count;

  const struct study_feedback *feedback;
  size_t feedback_count;
  const char *const *roles; /* that this study has */
  size_t role_count;
  const char *const *masked_roles;
  size_t masked_count;
  struct words told; /* the sentence: who sees the answers; one for both arms */
  const struct study_told *told_covers;
  size_t told_count;
  struct study_safety safety;
  struct study_detection detection;
  const struct study_consent *consents;
  size_t consent_count;
  const struct study_identity_field *patient_identity, *therapist_identity;
  size_t patient_identity_count, therapist_identity_count;

  const char *bundle; /* canonical JSON */
  size_t bundle_length;
  char hash[65]; /* SHA-256 of the bundle, in hex */
};

/* --- reading -------------------------------------------------------------------------------------------------- */

enum err study_load_dir(const struct study **out, const char *dir, struct study_findings *findings, struct arena *arena,
                        struct error *error);
/* A study that travels inside the program: "tensions-and-repair", "practice". */
enum err study_load_embedded(const struct study **out, const char *name, struct study_findings *findings,
                             struct arena *arena, struct error *error);
/* What a ledger keeps was checked when it was taken in. A rule that the checker learns later must therefore never
 * refuse what an earlier program took: it comes with a higher "format", and holds for that format alone. */
enum err study_from_bundle(const struct study **out, const char *text, size_t length, struct study_findings *findings,
                           struct arena *arena, struct error *error);

/* Checks a directory that holds forms alone (no study.json), such as studies/instruments: skeletons whose wording is
 * missing are notices here. ERR_INPUT when something is broken. */
enum err study_check_forms(const char *dir, struct study_findings *findings, struct arena *arena, struct error *error);

/* --- looking things up (NULL, -1 or false when there is none) -------------------------------------------------- */

int study_language(const struct study *study, const char *code); /* index; the first language when not offered */
const struct form *study_form(const struct study *study, const char *name);
const struct study_occasion *study_occasion(const struct study *study, const char *name);
const struct study_site *study_site(const struct study *study, const char *name);
const struct study_arm *study_arm(const struct study *study, const char *name);
bool study_has_role(const struct study *study, const char *role);
bool study_role_masked(const struct study *study, const char *role);
/* What the role may see of a patient whose therapist is in `arm` (NULL or "": not allocated, or no arms). Tasks are
 * always among it. *flagged_only is set when only sessions with an event may be shown. */
unsigned study_feedback_for(const struct study *study, const char *role, const char *arm, bool *flagged_only);
/* Why this form cannot be opened to anyone in this study ("" when it can): missing wording, or a risk item without a
 * safety path. */
const char *study_form_closed(const struct study *study, const struct form *form);
/* Planned number of people `week` whole weeks after the plan's start (week 0: none). */
int64_t study_target_by(const struct study_target *target, int64_t week);

/* --- comparing versions (attune study amend) ------------------------------------------------------------------- */

struct study_difference {
  const char **lines; /* one sentence a change, English */
  size_t count;
  bool refused;          /* some change would give stored answers another meaning */
  const char **refusals; /* one sentence each, with the cure */
  size_t refusal_count;
};
void study_compare(const struct study *before, const struct study *after, struct arena *arena,
                   struct study_difference *out);

#endif
