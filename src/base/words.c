#include "base/words.h"

#include "base/clock.h"
#include "base/err.h"

static const char *const all_words[WORD_COUNT][LANGUAGE_COUNT] = {
#define WORD(name, english, french) [WORD_##name] = {english, french},
#include "base/words.def"
#undef DONE
#undef LOGGED
#undef PROBLEM
#undef WORD
};

const char *word(enum language language, enum word word) {
  return all_words[word][language];
}

const char *language_code(enum language language) {
  return language == LANGUAGE_FRENCH ? "fr" : "en";
}

int language_find(const char *code) {
  if (code && !strcmp(code, "en")) return LANGUAGE_ENGLISH;
  if (code && !strcmp(code, "fr")) return LANGUAGE_FRENCH;
  return -1;
}

const char *language_name(enum language language) {
  return language == LANGUAGE_FRENCH ? "Français" : "English";
}

void words_write(struct buf *out, const char *words, const char *const *values) {
  size_t count = 0;
  while (values && values[count]) count++;
  for (const char *c = words; *c;) {
    const char *brace = strchr(c, '{');
    if (!brace) {
      html(out, "%s", c);
      return;
    }
    if (brace > c) html(out, "%s", arena_text_n(out->arena, c, (size_t)(brace - c)));
    size_t which = (size_t)(brace[1] - '1');
    if (which >= count || brace[2] != '}') die("the words '%s' ask for a value that is not there", words);
    html(out, "%s", values[which]);
    c = brace + 3;
  }
}

char *words_fill(struct arena *arena, const char *words, const char *const *values) {
  size_t count = 0;
  while (values && values[count]) count++;
  struct buf out = buf_in(arena, strlen(words) + 64);
  for (const char *c = words; *c; c++) {
    if (*c != '{') {
      buf_addc(&out, *c);
      continue;
    }
    size_t which = (size_t)(c[1] - '1');
    if (which >= count || c[2] != '}') die("the words '%s' ask for a value that is not there", words);
    buf_adds(&out, values[which]);
    c += 2;
  }
  return out.data;
}

/* ---- dates and numbers ---- */

static const char *const months[LANGUAGE_COUNT][12] = {{"January", "February", "March", "April", "May", "June", "July",
                                                        "August", "September", "October", "November", "December"},
                                                       {"janvier", "février", "mars", "avril", "mai", "juin", "juillet",
                                                        "août", "septembre", "octobre", "novembre", "décembre"}};
static const char *const months_short[LANGUAGE_COUNT][12] = {
    {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
    {"janv.", "févr.", "mars", "avr.", "mai", "juin", "juill.", "août", "sept.", "oct.", "nov.", "déc."}};

#define NBSP "\u00a0"
#define NARROW_NBSP "\u202f"

static const char *first_of_month(enum language language, int day) {
  return language == LANGUAGE_FRENCH && day == 1 ? "er" : "";
}

char *date_words(struct arena *arena, enum language language, int64_t day) {
  int year, month, day_of_month;
  civil_from_day(day, &year, &month, &day_of_month);
  return arena_printf(arena, "%d%s" NBSP "%s %d", day_of_month, first_of_month(language, day_of_month),
                      months[language][month - 1], year);
}

char *date_short(struct arena *arena, enum language language, int64_t day) {
  int year, month, day_of_month;
  civil_from_day(day, &year, &month, &day_of_month);
  return arena_printf(arena, "%d%s" NBSP "%s", day_of_month, first_of_month(language, day_of_month),
                      months_short[language][month - 1]);
}

static int64_t day_of(int64_t time_ms) {
  return time_ms / DAY_MS - (time_ms % DAY_MS < 0);
}

char *instant_words(struct arena *arena, enum language language, int64_t time_ms) {
  int64_t day = day_of(time_ms), in_day = time_ms - day * DAY_MS;
  int hour = (int)(in_day / HOUR_MS), minute = (int)(in_day / MINUTE_MS % 60);
  const char *date = date_words(arena, language, day);
  if (language == LANGUAGE_FRENCH)
    return arena_printf(arena, "%s, %d" NBSP "h" NBSP "%02d" NBSP "(UTC)", date, hour, minute);
  return arena_printf(arena, "%s, %02d:%02d" NBSP "UTC", date, hour, minute);
}

char *number_words(struct arena *arena, enum language language, double value, int decimals) {
  struct buf out = buf_in(arena, 64);
  if (value < 0) buf_adds(&out, "\u2212"); /* a minus sign, not a hyphen */
  size_t sign = out.length;
  buf_add_decimal(&out, value < 0 ? -value : value, decimals);
  char *point = strchr(out.data, '.');
  if (point && language == LANGUAGE_FRENCH) *point = ',';
  int nothing = strspn(out.data + sign, "0.,") == strlen(out.data + sign);
  return nothing ? out.data + sign : out.data; /* no "-0" */
}

char *count_words(struct arena *arena, enum language language, int64_t count) {
  char *digits = arena_printf(arena, "%lld", (long long)(count < 0 ? -count : count));
  size_t length = strlen(digits);
  struct buf out = buf_in(arena, 64);
  if (count < 0) buf_adds(&out, "\u2212");
  for (size_t i = 0; i < length; i++) {
    if (i && (length - i) % 3 == 0 && length > 3) buf_adds(&out, language == LANGUAGE_FRENCH ? NARROW_NBSP : ",");
    buf_addc(&out, digits[i]);
  }
  return out.data;
}

char *percent_words(struct arena *arena, enum language language, double share) {
  return arena_printf(arena, language == LANGUAGE_FRENCH ? "%.0f" NBSP "%%" : "%.0f%%", share * 100);
}
