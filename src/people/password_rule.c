/* Which passwords are refused. Guessing programs begin with lists of the most used passwords and with simple changes
 * of them; so the rule undoes the changes and looks at what is left (compare NIST SP 800-63B-4, 3.1.1.2). */
#include "people/password.h"

#include <ctype.h>

#include "base/embed.h"
#include "base/utf8.h"

#define BYTES_MOST 512

/* Words that stand in every list of most used passwords, English and French, and words of this place. */
static const char *const common_words[] = {
    "abc",        "abcd",       "access",     "administrator", "admin",     "alexandre",  "alliance",
    "amour",      "angel",      "anthony",    "attune",        "azerty",    "azertyuiop", "baby",
    "bailey",     "baseball",   "basketball", "batman",        "bienvenue", "bonjour",    "buster",
    "camille",    "canada",     "caroline",   "change",        "changeme",  "charlie",    "cheese",
    "chocolat",   "chocolate",  "chouchou",   "clinic",        "clinique",  "computer",   "daniel",
    "default",    "doudou",     "dragon",     "facebook",      "flower",    "football",   "forever",
    "france",     "freedom",    "friend",     "george",        "ginger",    "google",     "guest",
    "hannah",     "harley",     "hello",      "hockey",        "hospital",  "hopital",    "hunter",
    "iloveyou",   "internet",   "jennifer",   "jesus",         "jetaime",   "jordan",     "joshua",
    "jessica",    "justin",     "killer",     "letmein",       "liverpool", "login",      "london",
    "loulou",     "love",       "lovely",     "maggie",        "manager",   "marseille",  "martin",
    "master",     "matthew",    "maman",      "michael",       "michelle",  "monkey",     "montreal",
    "motdepasse", "mypassword", "mustang",    "naruto",        "new",       "nicolas",    "nicole",
    "office",     "one",        "ottawa",     "papa",          "pass",      "passe",      "passw",
    "password",   "passwort",   "passport",   "patient",       "peanut",    "pepper",     "pokemon",
    "portable",   "princess",   "purple",     "quebec",        "qwerty",    "qwertyuiop", "ranger",
    "robert",     "root",       "samsung",    "secret",        "secure",    "security",   "server",
    "shadow",     "snoopy",     "soccer",     "soleil",        "spring",    "starwars",   "student",
    "study",      "summer",     "sunshine",   "superman",      "support",   "system",     "temp",
    "temporary",  "test",       "tester",     "testing",       "the",       "therapist",  "therapy",
    "therapeute", "thomas",     "tigger",     "toronto",       "trial",     "trustno",    "university",
    "universite", "user",       "welcome",    "whatever",      "winter",    "work",       "you",
    "your",       "my",         "is",         "mon",           "le",        "i",          "a"};

/* Whole passwords that are long, look rare and are not. */
static const char *const common_phrases[] = {"correcthorsebatterystaple", "thequickbrownfox", "tobeornottobe",
                                             "neveragainnever",           "iamthebest",       "loveyouforever"};

/* Rows of keys and other orders in which hands wander. */
static const char *const walks[] = {"abcdefghijklmnopqrstuvwxyz",
                                    "1234567890-=",
                                    "qwertyuiop[]asdfghjkl;'zxcvbnm,./",
                                    "azertyuiopqsdfghjklmwxcvbn",
                                    "qwertzuiopasdfghjklyxcvbnm",
                                    "1q2w3e4r5t6y7u8i9o0p",
                                    "1a2b3c4d5e6f7g8h9i0j",
                                    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.",
                                    "qazwsxedcrfvtgbyhnujmikolp"};

static bool beside_on(const char *walk, char a, char b) {
  for (const char *at = walk; at[1]; at++)
    if ((at[0] == a && at[1] == b) || (at[0] == b && at[1] == a)) return true;
  return false;
}

/* Nearly every step goes to a neighbour: "qwertyuiop12", "123456654321". */
static bool is_walk(const char *lowered, size_t length) {
  size_t leaps = 0;
  for (size_t i = 1; i < length; i++) {
    bool near = lowered[i] == lowered[i - 1];
    for (size_t w = 0; w < sizeof walks / sizeof *walks && !near; w++)
      near = beside_on(walks[w], lowered[i - 1], lowered[i]);
    leaps += !near;
  }
  return leaps <= length / 6;
}

/* One short piece over and over: "abc1abc1abc1". */
static bool is_repetition(const char *text, size_t length) {
  for (size_t piece = 1; piece <= 8 && piece * 2 <= length; piece++)
    if (!memcmp(text, text + piece, length - piece)) return true;
  return false;
}

static bool has_few_characters(const char *text) {
  bool seen[256] = {false};
  int different = 0;
  for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
    different += !seen[*at];
    seen[*at] = true;
  }
  return different < 5;
}

static char letter_meant(char c) {
  static const char digits[] = "01345789@$!|+", letters[] = "oleastbgasilt";
  const char *at = c ? strchr(digits, c) : NULL;
  return at ? letters[at - digits] : c;
}

/* The letters within, read as letters where they are written as digits: "P@ssw0rd2024!!" gives "password". */
static size_t letters_within(const char *lowered, char *out) {
  size_t from = 0, to = strlen(lowered), length = 0;
  while (from < to && !isalpha((unsigned char)lowered[from]) && lowered[from] != '@' && lowered[from] != '$') from++;
  while (to > from && !isalpha((unsigned char)lowered[to - 1])) to--;
  for (size_t i = from; i < to; i++) {
    char meant = letter_meant(lowered[i]);
    if (isalpha((unsigned char)meant) || (unsigned char)meant >= 0x80) out[length++] = meant;
  }
  out[length] = 0;
  return length;
}

static bool starts_with_word(const char *text, size_t left, const char *word, size_t *length) {
  *length = strlen(word);
  return *length <= left && !memcmp(text, word, *length);
}

/* The least number of common words that make up the whole text one after another; -1 when they do not. */
static int words_needed(const char *text, size_t length) {
  int least[BYTES_MOST + 1];
  for (size_t i = 0; i <= length; i++) least[i] = i ? -1 : 0;
  for (size_t i = 0; i < length; i++)
    for (size_t w = 0; w < sizeof common_words / sizeof *common_words && least[i] >= 0; w++) {
      size_t word;
      if (!starts_with_word(text + i, length - i, common_words[w], &word)) continue;
      if (least[i + word] < 0 || least[i + word] > least[i] + 1) least[i + word] = least[i] + 1;
    }
  return least[length];
}

/* One of the 20,000 of common_passwords.txt: lines in the order of bytes, after a notice and an empty line. */
static bool is_listed(const char *text, size_t length) {
  const struct embedded *list = embedded_find("src/people/common_passwords.txt");
  if (!list) die("the list of common passwords is not in the program");
  const char *low = strstr((const char *)list->bytes, "\n\n") + 2, *high = (const char *)list->bytes + list->length;
  while (low < high) {
    const char *line = low + (high - low) / 2;
    while (line > low && line[-1] != '\n') line--;
    size_t have = strcspn(line, "\n");
    int order = memcmp(text, line, length < have ? length : have);
    if (!order) order = (length > have) - (length < have);
    if (!order) return true;
    if (order < 0)
      high = line;
    else
      low = line + have + 1;
  }
  return false;
}

static bool is_common(const char *password) {
  char lowered[BYTES_MOST + 1] = {0}, letters[BYTES_MOST + 1] = {0};
  size_t length = strlen(password);
  for (size_t i = 0; i <= length; i++) lowered[i] = (char)tolower((unsigned char)password[i]);
  if (has_few_characters(lowered) || is_walk(lowered, length) || is_repetition(lowered, length)) return true;
  if (is_listed(lowered, length)) return true;
  size_t within = letters_within(lowered, letters);
  if (is_listed(letters, within) && within + 8 >= length) return true; /* one of them with little else */
  for (size_t i = 0; i < sizeof common_phrases / sizeof *common_phrases; i++)
    if (!strcmp(letters, common_phrases[i])) return true;
  if (within && (is_repetition(letters, within) || is_walk(letters, within)) && within + 8 >= length) return true;
  int words = words_needed(letters, within);
  return words >= 1 && words <= 3;
}

enum err password_acceptable(const char *password, struct error *error) {
  size_t bytes = strnlen(password, BYTES_MOST + 1);
  if (bytes > BYTES_MOST)
    return fail(error, ERR_INPUT, "password-long", "password", "the password is longer than %d characters",
                PASSWORD_LONGEST);
  if (!utf8_valid(password, bytes) || utf8_has_control(password) || strpbrk(password, "\t\r\n"))
    return fail(error, ERR_INPUT, "password-text", "password", "the password holds what is not a character");
  size_t characters = utf8_length(password);
  if (characters < PASSWORD_SHORTEST)
    return fail(error, ERR_INPUT, "password-short", "password", "the password is shorter than %d characters",
                PASSWORD_SHORTEST);
  if (characters > PASSWORD_LONGEST)
    return fail(error, ERR_INPUT, "password-long", "password", "the password is longer than %d characters",
                PASSWORD_LONGEST);
  if (is_common(password))
    return fail(
        error, ERR_INPUT, "password-common", "password",
        "the password is one of those that are guessed first; choose several words that do not belong together");
  return OK;
}
