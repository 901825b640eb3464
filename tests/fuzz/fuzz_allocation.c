/* The published files of an allocation from any bytes: refused with words, or read as something whose one form is
 * those very bytes. The first byte says which file.
 * fuzz-sources: src/allocation/text.c src/allocation/rules.c src/allocation/steps.c src/allocation/publish.c
 * fuzz-sources: src/allocation/seed.c src/allocation/stream.c src/allocation/balance.c src/allocation/draw.c
 * fuzz-sources: src/allocation/constrained.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attune/allocation_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct allocation_rules rules;
static struct allocation_roster roster;
static struct allocation_step step[100];
static char written[1 << 20];

static void same(const struct allocation_text *out, const char *text, size_t length) {
  if (out->full || out->length != length || memcmp(written, text, length)) abort();
}

static enum allocation_status read_one(int which, const char *text, size_t length, struct allocation_text *out,
                                       struct allocation_error *error) {
  const struct allocation_rules usual = allocation_rules_default();
  uint8_t arm[ALLOCATION_WAVE_MAX];
  int count;
  enum allocation_status status;
  switch (which) {
  case 0:
    status = allocation_rules_read(&rules, text, length, error);
    if (!status) allocation_rules_write(out, &rules);
    return status;
  case 1:
    rules = usual;
    rules.columns = 3;
    status = allocation_roster_read(&roster, &rules, 1, text, length, error);
    if (!status) allocation_roster_write(out, &rules, &roster);
    return status;
  case 2:
    status = allocation_steps_read(step, 100, &count, text, length, error);
    if (!status) allocation_steps_write(out, step, count);
    return status;
  default: /* r is not kept: nothing to compare */
    status = allocation_reveal_read(arm, &usual, 1, 3, text, length, error);
    for (int i = 0; !status && i < 3; i++)
      if (arm[i] >= usual.arms) abort();
    return status ? status : ALLOCATION_TEXT;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct allocation_text out = {.data = written, .capacity = sizeof written};
  struct allocation_error error = {.text = "read"};
  if (!size) return 0;
  const char *text = (const char *)data + 1;
  if (!read_one(data[0] & 3, text, size - 1, &out, &error)) same(&out, text, size - 1);
  if (!error.text[0]) abort();
  return 0;
}
