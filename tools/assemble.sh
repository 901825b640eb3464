#!/bin/sh
# assemble.sh DIRECTORY: gathers what is told where it belongs into a few tables, as C files in DIRECTORY (the build's).
#
#   KIND(id, "name", ...)        at the end of an activity's file: a kind of entry        -> kinds.c
#   FOLLOW(id, "kind", ...)      in a higher room: what happens after such an entry       -> kinds.c
#   ROUTES(page) = {...}         at the end of a page's file: its addresses               -> routes.c
#   CREATE TABLE name ( -- ...   in src/store/sql/: who reads it, whether it has subjects -> tables.c
#   LOGGED(id, ...)              in words.def: the sentence of the log for each kind      -> log_words.c
#
# The facts themselves stay in those files, where the compiler checks them; here are only their names. A file is written
# anew only when it differs, so that nothing is compiled again for nothing. A fact that is missing or wrong ends the build.
set -eu
LC_ALL=C
export LC_ALL
into=$1
mkdir -p "$into"

# rows MACRO: the first argument of each MACRO(...) at the start of a line in src/, with the file that has it.
rows() { grep -nE "^$1\([a-z0-9_]+" src/*/*.c | sed -E "s/^([^:]*):[0-9]+:$1\(([a-z0-9_]+).*/\2 \1/" | sort; }
# keep FILE: takes standard input as its new text.
keep() { cat >"$into/$1.new"; cmp -s "$into/$1.new" "$into/$1" && rm "$into/$1.new" || mv "$into/$1.new" "$into/$1"; }
# table TYPE NAME PREFIX: one array of pointers from rows on standard input.
table() {
  awk -v type="$1" -v name="$2" -v prefix="$3" '
    { declared = declared sprintf("extern const struct %s %s%s; /* %s */\n", type, prefix, $1, $2); listed = listed sprintf("    &%s%s,\n", prefix, $1) }
    END { printf "%sconst struct %s *const %s[] = {\n%s    NULL,\n};\n", declared, type, name, listed }'
}

{
  echo '/* Assembled by tools/assemble.sh. */'
  echo '#include "trial/kinds.h"'
  rows KIND | table entry_kind assembled_kinds kind_
  rows FOLLOW | table entry_follow assembled_follows follow_
} | keep kinds.c

{
  echo '/* Assembled by tools/assemble.sh. */'
  echo '#include "web/route.h"'
  rows ROUTES | awk '
    { declared = declared sprintf("extern const struct route routes_%s[]; /* %s */\n", $1, $2); listed = listed sprintf("    routes_%s,\n", $1) }
    END { printf "%sconst struct route *const assembled_routes[] = {\n%s    NULL,\n};\n", declared, listed }'
} | keep routes.c

{
  echo '/* Assembled by tools/assemble.sh. */'
  echo '#include "web/log_words.h"'
  rows KIND | while read -r id file; do grep -q "^KIND($id,.*LOG_MASKED" "$file" && echo "$id" || :; done | awk '
    { declared = declared sprintf("extern const struct entry_kind kind_%s;\n", $1); listed = listed sprintf("    {&kind_%s, WORD_LOG_%s},\n", $1, $1) }
    END { printf "%sconst struct log_words assembled_log_words[] = {\n%s    {NULL, 0},\n};\n", declared, listed }'
} | keep log_words.c

# The numbers count up by one: of two files with one number only the first would be run.
expected=1
for file in src/store/sql/[0-9]*.sql; do
  name=${file##*/}
  [ "${name%%_*}" = "$(printf '%03d' "$expected")" ] || { echo "assemble: $file: its number should be $(printf '%03d' "$expected")" >&2; exit 1; }
  expected=$((expected + 1))
done

# Tables as the numbered files leave them. After "CREATE TABLE name (" a comment may say: "masked", "account", "contact"
# (which readers see it, store.h) and "no subject".
cat src/store/sql/[0-9]*.sql | awk '
  function wrong(text) { print "assemble: table " name ": " text > "/dev/stderr"; failed = 1 }
  /^DROP TABLE / { name = $3; sub(/;.*/, "", name); delete facts[name]; delete subject[name] }
  /^CREATE TABLE / {
    name = $3
    fact = ""
    if (match($0, /-- /)) fact = substr($0, RSTART + 3)
    facts[name] = ", " fact ","
    subject[name] = 0
  }
  /^  subject / { subject[name] = 1 }
  END {
    for (name in facts) {
      fact = facts[name]
      rest = fact
      gsub(/, *(masked|account|contact|no subject)/, "", rest)
      if (rest ~ /[^ ,]/) wrong("does not know \"" rest "\"")
      ledger = name ~ /^ledger_/
      if (name ~ /^arm_/ && fact ~ /masked|account|contact/) wrong("tells the arm and may be read by nobody who must not know it")
      if (!ledger && !subject[name] && fact !~ /no subject/) wrong("has no column subject; if that is right, say \"no subject\"")
      if (subject[name] && fact ~ /no subject/) wrong("has a column subject")
      print name, ledger ? "ledger" : name ~ /^(cache|run)_/ ? "working" : "derived"
      if (fact ~ /masked/) print name, "masked"
      if (fact ~ /account/) print name, "account"
      if (fact ~ /contact/) print name, "contact"
      if (!subject[name] && !ledger) print name, "without_subject"
    }
    exit failed
  }' >"$into/tables.list"
sort "$into/tables.list" | awk '
  { listed[$2] = listed[$2] sprintf("    \"%s\",\n", $1); count[$2]++ }
  END {
    print "/* Assembled by tools/assemble.sh. */\n#include \"store/store_engine.h\""
    for (list in listed) {
      printf "static const char *const %s[] = {\n%s};\n", list, listed[list]
      printf "const struct table_list assembled_%s = {%s, %d};\n", list, list, count[list]
    }
  }' | keep tables.c
