/* The ceremony's steps: their text, and which may come next. */
#include <stdio.h>
#include <string.h>

#include "allocation/text.h"

const char *const allocation_what_name[ALLOCATION_WHATS] = {
    "rules",   "roster", "commitment-a", "commitment-b", "disclosure-a", "disclosure-b", "derivation", "slots",
    "release", "mark",   "abort",        "lock",         "report",       "unmasking",    "reveal"};

/* What a kind of step carries. */
struct shape {
  bool wave, slot, value, text;
};
static const struct shape shapes[ALLOCATION_WHATS] = {
    [ALLOCATION_RULES] = {.value = true},
    [ALLOCATION_ROSTER] = {.wave = true, .value = true},
    [ALLOCATION_COMMITMENT_A] = {.wave = true, .value = true},
    [ALLOCATION_COMMITMENT_B] = {.wave = true, .value = true},
    [ALLOCATION_DISCLOSURE_A] = {.wave = true, .value = true},
    [ALLOCATION_DISCLOSURE_B] = {.wave = true, .value = true},
    [ALLOCATION_DERIVATION] = {.wave = true, .text = true},
    [ALLOCATION_SLOTS] = {.wave = true, .value = true},
    [ALLOCATION_RELEASE] = {.wave = true, .slot = true},
    [ALLOCATION_MARK] = {.wave = true, .slot = true, .text = true},
    [ALLOCATION_ABORT] = {.wave = true, .text = true},
    [ALLOCATION_LOCK] = {0},
    [ALLOCATION_REPORT] = {.value = true},
    [ALLOCATION_UNMASKING] = {0},
    [ALLOCATION_REVEAL] = {.wave = true, .value = true},
};

/* ---- text ---- */

static void add_quoted(struct allocation_text *out, const char *text) {
  if (!strpbrk(text, ",\"")) {
    text_add(out, "%s", text);
    return;
  }
  text_add(out, "\"");
  for (; *text; text++) text_add(out, *text == '"' ? "\"\"" : "%c", *text);
  text_add(out, "\"");
}

void allocation_step_write(struct allocation_text *out, const struct allocation_step *step, int number) {
  const struct shape *shape = &shapes[step->what];
  text_add(out, "%d,%lld,%d,%s,", number, (long long)step->time, step->wave, allocation_what_name[step->what]);
  if (shape->slot) text_add(out, "%d-%d", step->wave, step->slot);
  text_add(out, ",%s,", step->who);
  if (shape->value) text_add_hex(out, step->value, sizeof step->value);
  if (shape->text) add_quoted(out, step->text);
}

void allocation_steps_write(struct allocation_text *out, const struct allocation_step *step, int count) {
  text_add(out, "step,time,wave,what,slot,who,value\n");
  for (int i = 0; i < count; i++) {
    allocation_step_write(out, &step[i], i);
    text_add(out, "\n");
  }
}

/* UTF-8 (RFC 3629) without control characters. */
static bool text_valid(const char *text) {
  const unsigned char *at = (const unsigned char *)text;
  while (*at) {
    unsigned first = *at++, more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    if (first < 0x20 || first == 0x7f || (first >= 0x80 && first < 0xc2) || first > 0xf4) return false;
    uint32_t value = more ? first & (0x3fu >> more) : first;
    for (unsigned i = 0; i < more; i++, at++) {
      if ((*at & 0xc0) != 0x80) return false;
      value = value << 6 | (*at & 0x3f);
    }
    if ((more == 1 && value < 0xa0) || (more == 2 && (value < 0x800 || (value >= 0xd800 && value < 0xe000))) ||
        (more == 3 && (value < 0x10000 || value > 0x10ffff)))
      return false; /* overlong, a control character above ASCII, a surrogate, or beyond Unicode */
  }
  return true;
}

static bool take_text(struct text_in *in, char *out) {
  bool quoted = text_take(in, "\"");
  size_t length = 0;
  for (;; in->at++) {
    if (in->at == in->end || *in->at == '\n' || length == ALLOCATION_STEP_TEXT - 1) break;
    if (quoted && *in->at == '"' && (in->end - in->at < 2 || *++in->at != '"')) {
      quoted = false;
      break;
    }
    if (*in->at == 0) return false;
    out[length++] = *in->at;
  }
  out[length] = 0;
  return !quoted && text_valid(out);
}

static bool take_what(struct text_in *in, enum allocation_what *what) {
  for (int w = 0; w < ALLOCATION_WHATS; w++) {
    const char *before = in->at;
    if (text_take(in, allocation_what_name[w]) && text_take(in, ",")) {
      *what = (enum allocation_what)w;
      return true;
    }
    in->at = before;
  }
  return false;
}

static bool take_step(struct text_in *in, struct allocation_step *step, int number) {
  int64_t value;
  char code[24];
  if (!text_take_integer(in, number, number, &value) || !text_take(in, ",")) return false;
  if (!text_take_integer(in, 0, 9999999999999, &step->time) || !text_take(in, ",")) return false;
  if (!text_take_integer(in, 0, ALLOCATION_WAVES_MAX, &value) || !text_take(in, ",")) return false;
  step->wave = (int)value;
  if (!take_what(in, &step->what)) return false;
  const struct shape *shape = &shapes[step->what];
  snprintf(code, sizeof code, "%d-", step->wave);
  if (shape->slot) {
    if (!text_take(in, code) || !text_take_integer(in, 1, ALLOCATION_WAVE_MAX, &value)) return false;
    step->slot = (int)value;
  }
  if (!text_take(in, ",") || !text_take_code(in, step->who, sizeof step->who) || !text_take(in, ",")) return false;
  if (shape->value && !text_take_hex(in, step->value, sizeof step->value)) return false;
  if (shape->text && !take_text(in, step->text)) return false;
  return true;
}

/* A reason in quotes that it does not need would be a second form. */
static bool canonical(const struct allocation_step *step, int number, const char *line, size_t length) {
  char written[ALLOCATION_STEP_LINE] = "";
  struct allocation_text out = {.data = written, .capacity = sizeof written};
  allocation_step_write(&out, step, number);
  return !out.full && out.length == length && !memcmp(written, line, length);
}

enum allocation_status allocation_steps_read(struct allocation_step *step, int capacity, int *count, const char *text,
                                             size_t length, struct allocation_error *error) {
  struct text_in in = {.at = text, .end = text + length, .line = 1, .name = "steps.csv"};
  *count = 0;
  if (!text_take(&in, "step,time,wave,what,slot,who,value\n")) return text_refuse(&in, "the header", error);
  while (in.at != in.end) {
    if (*count == capacity) return text_refuse(&in, "the end (too many steps)", error);
    const char *line = in.at;
    memset(&step[*count], 0, sizeof *step);
    if (!take_step(&in, &step[*count], *count) || !canonical(&step[*count], *count, line, (size_t)(in.at - line)) ||
        !text_take(&in, "\n"))
      return text_refuse(&in, "the next step", error);
    (*count)++;
  }
  return ALLOCATION_OK;
}

/* ---- order ---- */

const struct allocation_step *allocation_step_find(const struct allocation_step *step, int count, int wave,
                                                   enum allocation_what what) {
  for (int i = 0; i < count; i++)
    if (step[i].wave == wave && step[i].what == what) return &step[i];
  return NULL;
}

struct order {
  const struct allocation_rules *rules;
  const struct allocation_step *step, *next;
  int count;
  const int *sizes;
  struct allocation_error *error;
};

static const struct allocation_step *found(const struct order *o, enum allocation_what what) {
  return allocation_step_find(o->step, o->count, o->next->wave, what);
}

static enum allocation_status refuse(const struct order *o, const char *why) {
  return allocation_fail(o->error, ALLOCATION_ORDER, allocation_what_name[o->next->what], "%s", why);
}

static enum allocation_status need(const struct order *o, enum allocation_what what) {
  if (found(o, what)) return ALLOCATION_OK;
  return allocation_fail(o->error, ALLOCATION_ORDER, allocation_what_name[o->next->what], "%s has no step '%s' yet",
                         o->next->wave ? "the wave" : "the study", allocation_what_name[what]);
}

static int last_wave(const struct order *o) {
  int last = 0;
  for (int i = 0; i < o->count; i++)
    if (o->step[i].what == ALLOCATION_ROSTER) last = o->step[i].wave;
  return last;
}

/* The wave has its slots, or was aborted; wave 0 as well. */
static bool wave_over(const struct order *o, int wave) {
  return !wave || allocation_step_find(o->step, o->count, wave, ALLOCATION_ABORT) ||
         allocation_step_find(o->step, o->count, wave, ALLOCATION_SLOTS);
}

static enum allocation_status order_roster(const struct order *o) {
  enum allocation_status status = ALLOCATION_OK;
  if (!allocation_step_find(o->step, o->count, 0, ALLOCATION_RULES)) return refuse(o, "the rules come first");
  if (allocation_step_find(o->step, o->count, 0, ALLOCATION_LOCK)) return refuse(o, "the study is locked");
  if (o->next->wave != last_wave(o) + 1) return refuse(o, "waves are numbered one after the other");
  if (!wave_over(o, o->next->wave - 1)) return refuse(o, "the wave before is not ended or aborted");
  return status;
}

static enum allocation_status order_commitment(const struct order *o) {
  bool b = o->next->what == ALLOCATION_COMMITMENT_B;
  if (b && o->rules->parties == 1) return refuse(o, "by its rules the study has one party");
  if (!found(o, ALLOCATION_ROSTER)) return need(o, ALLOCATION_ROSTER);
  const struct allocation_step *other = found(o, b ? ALLOCATION_COMMITMENT_A : ALLOCATION_COMMITMENT_B);
  if (other && !strcmp(other->who, o->next->who)) return refuse(o, "the second commitment is another person's");
  return ALLOCATION_OK;
}

static enum allocation_status order_disclosure(const struct order *o) {
  bool b = o->next->what == ALLOCATION_DISCLOSURE_B;
  const struct allocation_step *commitment = found(o, b ? ALLOCATION_COMMITMENT_B : ALLOCATION_COMMITMENT_A);
  uint8_t expected[ALLOCATION_HASH];
  if (!found(o, ALLOCATION_COMMITMENT_A)) return need(o, ALLOCATION_COMMITMENT_A);
  if (o->rules->parties == 2 && !found(o, ALLOCATION_COMMITMENT_B)) return need(o, ALLOCATION_COMMITMENT_B);
  if (!commitment) return refuse(o, "by its rules the study has one party");
  allocation_commitment(expected, b ? 'B' : 'A', o->next->value);
  if (memcmp(expected, commitment->value, sizeof expected))
    return allocation_fail(o->error, ALLOCATION_FALSE, allocation_what_name[o->next->what],
                           "these are not the 32 bytes that were committed to");
  if (strcmp(commitment->who, o->next->who)) return refuse(o, "the person who committed discloses");
  return ALLOCATION_OK;
}

static enum allocation_status order_derivation(const struct order *o) {
  enum allocation_status status = need(o, ALLOCATION_DISCLOSURE_A);
  return status || o->rules->parties == 1 ? status : need(o, ALLOCATION_DISCLOSURE_B);
}

static bool slot_step(const struct order *o, enum allocation_what what) {
  for (int i = 0; i < o->count; i++)
    if (o->step[i].what == what && o->step[i].wave == o->next->wave && o->step[i].slot == o->next->slot) return true;
  return false;
}

static enum allocation_status order_slot(const struct order *o) {
  enum allocation_status status = need(o, ALLOCATION_SLOTS);
  if (status) return status;
  if (o->next->slot < 1 || o->next->slot > o->sizes[o->next->wave]) return refuse(o, "the wave has no such slot");
  if (o->next->what == ALLOCATION_MARK)
    return slot_step(o, ALLOCATION_RELEASE) ? ALLOCATION_OK : refuse(o, "the slot is not released");
  if (slot_step(o, ALLOCATION_RELEASE)) return refuse(o, "the slot is released already");
  return allocation_step_find(o->step, o->count, 0, ALLOCATION_LOCK) ? refuse(o, "the study is locked") : ALLOCATION_OK;
}

static enum allocation_status order_abort(const struct order *o) {
  if (!found(o, ALLOCATION_ROSTER)) return need(o, ALLOCATION_ROSTER);
  if (o->next->wave != last_wave(o)) return refuse(o, "a later wave counts this one");
  if (found(o, ALLOCATION_RELEASE)) return refuse(o, "a slot is released: the wave stands");
  return allocation_step_find(o->step, o->count, 0, ALLOCATION_LOCK) ? refuse(o, "the study is locked") : ALLOCATION_OK;
}

static enum allocation_status order_lock(const struct order *o) {
  enum allocation_status status = need(o, ALLOCATION_RULES);
  return status || wave_over(o, last_wave(o)) ? status : refuse(o, "a wave is not ended or aborted");
}

static enum allocation_status order_unmasking(const struct order *o) {
  enum allocation_status status = need(o, ALLOCATION_REPORT);
  int others = 0;
  for (int i = 0; i < o->count && !status; i++) {
    if (o->step[i].what != ALLOCATION_UNMASKING) continue;
    if (!strcmp(o->step[i].who, o->next->who)) return refuse(o, "unmasking takes two people");
    others++;
  }
  return status || others < 2 ? status : refuse(o, "two people have unmasked");
}

static enum allocation_status order_reveal(const struct order *o) {
  int unmasked = 0, wave = 1;
  for (int i = 0; i < o->count; i++) {
    unmasked += o->step[i].what == ALLOCATION_UNMASKING;
    if (o->step[i].what == ALLOCATION_REVEAL) wave = o->step[i].wave + 1;
  }
  if (unmasked < 2) return refuse(o, "lock, report and two people's unmasking come before");
  while (wave <= last_wave(o) && allocation_step_find(o->step, o->count, wave, ALLOCATION_ABORT)) wave++;
  return o->next->wave == wave && wave <= last_wave(o) ? ALLOCATION_OK
                                                       : refuse(o, "waves that ended are revealed one after the other");
}

/* Steps that a wave, or the study, has once. */
static bool repeats(enum allocation_what what) {
  return what == ALLOCATION_RELEASE || what == ALLOCATION_MARK || what == ALLOCATION_UNMASKING;
}

static enum allocation_status order_of(const struct order *o) {
  switch (o->next->what) {
  case ALLOCATION_RULES:
    return o->count ? refuse(o, "the rules come first") : ALLOCATION_OK;
  case ALLOCATION_ROSTER:
    return order_roster(o);
  case ALLOCATION_COMMITMENT_A:
  case ALLOCATION_COMMITMENT_B:
    return order_commitment(o);
  case ALLOCATION_DISCLOSURE_A:
  case ALLOCATION_DISCLOSURE_B:
    return order_disclosure(o);
  case ALLOCATION_DERIVATION:
    return order_derivation(o);
  case ALLOCATION_SLOTS:
    return need(o, ALLOCATION_DERIVATION);
  case ALLOCATION_RELEASE:
  case ALLOCATION_MARK:
    return order_slot(o);
  case ALLOCATION_ABORT:
    return order_abort(o);
  case ALLOCATION_LOCK:
    return order_lock(o);
  case ALLOCATION_REPORT:
    return need(o, ALLOCATION_LOCK);
  case ALLOCATION_UNMASKING:
    return order_unmasking(o);
  case ALLOCATION_REVEAL:
    return order_reveal(o);
  case ALLOCATION_WHATS:
    break;
  }
  return allocation_fail(o->error, ALLOCATION_ORDER, "what", "there is no such step");
}

enum allocation_status allocation_step_allowed(const struct allocation_rules *rules, const struct allocation_step *step,
                                               int count, const int sizes[ALLOCATION_WAVES_MAX + 1],
                                               const struct allocation_step *next, struct allocation_error *error) {
  struct order o = {rules, step, next, count, sizes, error};
  if ((int)next->what < 0 || next->what >= ALLOCATION_WHATS)
    return allocation_fail(error, ALLOCATION_ORDER, "what", "there is no such step");
  if (next->wave < 0 || next->wave > ALLOCATION_WAVES_MAX || shapes[next->what].wave != (next->wave > 0))
    return allocation_fail(error, ALLOCATION_RANGE, "wave", "%d is no wave for this step", next->wave);
  if (!text_code_valid(next->who, sizeof next->who))
    return allocation_fail(error, ALLOCATION_RANGE, "who", "a person's code is 1 to 40 of A-Z a-z 0-9 - _");
  if (shapes[next->what].text && (!next->text[0] || !text_valid(next->text)))
    return allocation_fail(error, ALLOCATION_RANGE, "value", "a text without control characters is expected");
  if (next->time < 0 || next->time > 9999999999999 || (count && next->time < step[count - 1].time))
    return refuse(&o, "the clock went back");
  if (found(&o, ALLOCATION_ABORT) && next->wave) return refuse(&o, "the wave is aborted");
  if (!repeats(next->what) && found(&o, next->what)) return refuse(&o, "this was done already");
  return order_of(&o);
}

bool allocation_step_seed(uint8_t out[ALLOCATION_HASH], const struct allocation_rules *rules,
                          const struct allocation_step *step, int count, int wave) {
  const struct allocation_step *law = allocation_step_find(step, count, 0, ALLOCATION_RULES),
                               *roster = allocation_step_find(step, count, wave, ALLOCATION_ROSTER),
                               *a = allocation_step_find(step, count, wave, ALLOCATION_DISCLOSURE_A),
                               *b = allocation_step_find(step, count, wave, ALLOCATION_DISCLOSURE_B);
  if (!law || !roster || !a || (rules->parties == 2 && !b)) return false;
  allocation_seed(out, law->value, roster->value, wave, a->value, rules->parties == 2 ? b->value : NULL);
  return true;
}
