/* attune import sessions HOME FILE.csv: session ratings from another system. */
#include <stdio.h>

#include "cli/options.h"
#include "feedback/renewal.h"
#include "trial/import.h"
#include "trial/person.h"

static void print_refusal(void *state, size_t line, const char *sentence) {
  fprintf(stderr, "attune: %s, line %zu: %s\n", (const char *)state, line, sentence);
}

/* "0:63" */
static bool read_scale(const char *text, double *low, double *high) {
  char *end;
  *low = strtod(text, &end);
  if (end == text || *end != ':') return false;
  const char *second = end + 1;
  *high = strtod(second, &end);
  return end != second && !*end && *low < *high;
}

static int print_report(const struct import_sessions *import, bool json) {
  if (json)
    printf("{\"rows\": %lld, \"taken\": %lld, \"missing\": %lld, \"refused\": %lld, \"patients\": %lld, \"patients_before\": %lld}\n",
           (long long)import->rows, (long long)import->taken, (long long)import->missing, (long long)import->refusals, (long long)import->patients,
           (long long)import->patients_before);
  else
    printf("%lld rows read: %lld ratings of %lld patients taken in, %lld missing, %lld refused, %lld patients were there already and left alone.\n",
           (long long)import->rows, (long long)import->taken, (long long)import->patients, (long long)import->missing, (long long)import->refusals,
           (long long)import->patients_before);
  return import->refusals ? EXIT_SAYS_NO : EXIT_DONE;
}

int command_import(int argc, char **argv) {
  static const struct actor by = {.code = "cli", .roles = ROLE_COORDINATOR, .site = "", .person = ""};
  struct import_sessions import = {.by = &by, .patient_column = "patient", .session_column = "session", .rating_column = "rating", .site = ""};
  const char *scale = NULL, *higher = "better", *rater = "patient";
  bool json = false;
  const struct option options[] = {{"patient", "COLUMN", "column of the patient (patient)", .text = &import.patient_column},
                                   {"session", "COLUMN", "column of the session's number (session)", .text = &import.session_column},
                                   {"rating", "COLUMN", "column of the rating (rating); empty and NA are missing", .text = &import.rating_column},
                                   {"therapist", "COLUMN", "column of the therapist (none: one therapist for all)", .text = &import.therapist_column},
                                   {"rater", "WHO", "patient or therapist: whose ratings these are (patient)", .text = &rater},
                                   {"site", "SITE", "the study's site (its first)", .text = &import.site},
                                   {"scale", "LOW:HIGH", "the file's scale, brought onto the study's (the study's own)", .text = &scale},
                                   {"higher-is", "WHAT", "better or worse, on the file's scale (better); worse needs --scale", .text = &higher},
                                   {"json", NULL, "the report as one JSON document", .flag = &json},
                                   {0}};
  struct arguments arguments = {.usage = "attune import sessions HOME FILE.csv",
                                .about = "Takes long-format session ratings (one row a session). Every refused row is named with its line; exit 1 then.",
                                .options = options,
                                .least = 3,
                                .most = 3};
  int code = arguments_read(&arguments, argc, argv);
  if (code >= 0) return code;
  struct error error;
  enum err err = OK;
  import.higher_is_worse = !strcmp(higher, "worse");
  if (!person_kind_find(rater, &import.rater)) err = fail(&error, ERR_USAGE, "", "", "--rater takes patient or therapist");
  else if (strcmp(arguments.words[0], "sessions")) err = fail(&error, ERR_USAGE, "", "", "what can be imported is: sessions");
  else if (!import.higher_is_worse && strcmp(higher, "better")) err = fail(&error, ERR_USAGE, "", "", "--higher-is takes better or worse");
  else if (scale && !read_scale(scale, &import.low, &import.high)) err = fail(&error, ERR_USAGE, "", "", "--scale takes LOW:HIGH, such as 0:63");
  else if (import.higher_is_worse && !scale) err = fail(&error, ERR_USAGE, "", "", "--higher-is worse needs --scale LOW:HIGH");
  import.file = import.state = (void *)(uintptr_t)arguments.words[2];
  import.refused = print_refusal;
  if (!err) err = home_open(&import.home, arguments.words[1], STORE_OWN, clock_system(), chance_system(), &error);
  struct detector *detector = NULL;
  if (!err) err = detector_open(&detector, import.home, &error);
  if (!err) err = import_sessions(&import, &error);
  if (!err) err = feedback_learn(detector, &error);
  detector_close(detector);
  home_close(import.home);
  return err ? say_no(&error) : print_report(&import, json);
}
