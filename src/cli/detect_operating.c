/* attune detect --operating-characteristic: every rule beside the best possible detector. */
#include <stdlib.h>

#include "attune/operating.h"
#include "cli/command.h"
#include "cli/detect.h"

static int refuse(const char *sentence) {
  fprintf(stderr, "attune: %s\n", sentence);
  return EXIT_USAGE;
}

static bool cell_read(const struct operating_options *o, struct operating_cell *cell, const char **why) {
  static const struct {
    const char *name;
    enum alliance_course course;
  } courses[] = {{"sudden", ALLIANCE_SUDDEN},
                 {"slow-fall", ALLIANCE_SLOW_FALL},
                 {"slow-return", ALLIANCE_SLOW_RETURN},
                 {"slow-both", ALLIANCE_SLOW_BOTH},
                 {"partly", ALLIANCE_PARTLY}};
  *cell = (struct operating_cell){.depth = o->depth, .mixed = !strcmp(o->shape, "mixed")};
  *why = "--depth must lie above 0 and at most at 20";
  if (!(o->depth > 0 && o->depth <= 20)) return false;
  *why = "--length takes a number of sessions, or end";
  char *end;
  long length = strtol(o->length, &end, 10);
  bool lasting = !strcmp(o->length, "end");
  if (!lasting && (end == o->length || *end || length < 1 || length > ALLIANCE_SESSIONS_MAX)) return false;
  cell->length = lasting ? 0 : (int)length;
  *why = "--shape takes sudden, slow-fall, slow-return, slow-both, partly or mixed";
  for (size_t k = 0; k < sizeof courses / sizeof *courses; k++)
    if (!strcmp(o->shape, courses[k].name)) {
      cell->course = courses[k].course;
      return true;
    }
  return cell->mixed;
}

static void print_row(const struct operating_row *row, const char *name, bool json) {
  if (!json) {
    printf("%-18s  %.4f       %.4f    ", name, row->false_alarm, row->detected);
    if (row->delay >= 0) printf("%.0f", row->delay);
    printf("\n");
    return;
  }
  printf("{\"rule\": \"%s\", \"false_alarm\": %.17g, \"detected\": %.17g, \"delay\": ", name, row->false_alarm,
         row->detected);
  if (row->delay >= 0)
    printf("%.17g}", row->delay);
  else
    printf("null}");
}

static void print_rows(const struct operating_row *rows, bool json) {
  const char *best = "best possible";
  if (!json) printf("rule                false alarms  detected  median delay\n");
  if (json) printf("{\"rules\": [\n");
  for (int rule = 0; rule < ALLIANCE_RULES; rule++) {
    print_row(&rows[rule], alliance_rules[rule].name, json);
    if (json) printf(rule + 1 < ALLIANCE_RULES ? ",\n" : "],\n\"bound\": ");
  }
  print_row(&rows[OPERATING_BEST], best, json);
  if (json) printf(",\n\"informed\": ");
  print_row(&rows[OPERATING_INFORMED], "length unknown", json);
  if (json) printf("}\n");
}

int operating_command(const struct operating_options *o) {
  struct operating_cell cell;
  const char *why;
  if (!cell_read(o, &cell, &why)) return refuse(why);
  struct operating spec = {.sessions = (int)o->sessions,
                                    .missing = o->missing,
                                    .false_alarm = o->false_alarm,
                                    .view = o->hindsight ? ALLIANCE_HINDSIGHT : ALLIANCE_ONLINE,
                                    .trials = (int)o->trials,
                                    .seed = (uint64_t)o->seed};
  if (o->sessions < 2 || o->sessions > ALLIANCE_SESSIONS_MAX) return refuse("--sessions must lie between 2 and 60");
  if (o->trials < 100 || o->trials > 10000000) return refuse("--trials must lie between 100 and 1e7");
  if (!(o->missing >= 0 && o->missing < 0.9)) return refuse("--missing must lie between 0 and 0.9");
  if (!(o->false_alarm > 0 && o->false_alarm < 1)) return refuse("--false-alarm must lie between 0 and 1");
  struct operating_row rows[OPERATING_COMPARED];
  size_t bytes = operating_memory(&spec);
  void *memory = malloc(bytes);
  if (!memory) die("out of memory");
  enum alliance_status status = operating_find(rows, &spec, &cell, 1, memory, bytes);
  free(memory);
  if (status) {
    fprintf(stderr, "attune: %s\n", alliance_status_text(status));
    return EXIT_SAYS_NO;
  }
  print_rows(rows, o->json);
  return EXIT_DONE;
}
