#include "cli/options.h"

#include <stdio.h>
#include <unistd.h>

static void print_help(const struct arguments *arguments, FILE *to) {
  fprintf(to, "Usage: %s\n", arguments->usage);
  if (arguments->about) fprintf(to, "\n%s\n", arguments->about);
  fprintf(to, "\n");
  for (const struct option *o = arguments->options; o->name; o++) {
    int width = fprintf(to, "  --%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
    fprintf(to, "%*s%s\n", width < 28 ? 28 - width : 1, "", o->purpose);
  }
}

static int wrong(const struct arguments *arguments, const char *what, const char *about) {
  fprintf(stderr, "attune: %s%s%s\nUsage: %s   (--help says more)\n", what, *about ? ": " : "", about,
          arguments->usage);
  return EXIT_USAGE;
}

static const struct option *option_named(const struct option *options, const char *name, size_t length) {
  for (; options->name; options++)
    if (strlen(options->name) == length && !strncmp(options->name, name, length)) return options;
  return NULL;
}

static bool take_value(const struct option *option, const char *value) {
  char *end = NULL;
  if (option->text)
    *option->text = value;
  else if (option->integer)
    *option->integer = strtoll(value, &end, 10);
  else if (option->number)
    *option->number = strtod(value, &end);
  else if (option->repeated->count < OPTION_REPEATS)
    option->repeated->values[option->repeated->count++] = value;
  else
    return false;
  return !end || (*value && !*end);
}

/* One argument that begins with two dashes; `*i` moves past its value. */
static int take_option(const struct arguments *arguments, int argc, char **argv, int *i) {
  const char *name = argv[*i] + 2, *equals = strchr(name, '=');
  const struct option *option = option_named(arguments->options, name, equals ? (size_t)(equals - name) : strlen(name));
  if (!option) return wrong(arguments, "there is no such option", argv[*i]);
  if (option->flag) {
    *option->flag = true;
    return equals ? wrong(arguments, "this option takes no value", argv[*i]) : -1;
  }
  const char *value = equals ? equals + 1 : *i + 1 < argc ? argv[++*i] : NULL;
  if (!value) return wrong(arguments, "a value is missing", argv[*i]);
  return take_value(option, value) ? -1 : wrong(arguments, "this value does not fit", argv[*i]);
}

int arguments_read(struct arguments *arguments, int argc, char **argv) {
  bool options_over = false;
  arguments->count = 0;
  for (int i = 1; i < argc; i++) {
    if (!options_over && (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))) {
      print_help(arguments, stdout);
      return EXIT_DONE;
    }
    if (!options_over && !strcmp(argv[i], "--"))
      options_over = true;
    else if (!options_over && !strncmp(argv[i], "--", 2)) {
      int code = take_option(arguments, argc, argv, &i);
      if (code >= 0) return code;
    } else if (arguments->count < arguments->most && arguments->count < 64)
      arguments->words[arguments->count++] = argv[i];
    else
      return wrong(arguments, "one argument too many", argv[i]);
  }
  if (arguments->count < arguments->least) return wrong(arguments, "an argument is missing", "");
  return -1;
}

int say_no(const struct error *error) {
  fprintf(stderr, "attune: %s\n", error->text);
  return error->code == ERR_USAGE ? EXIT_USAGE : EXIT_SAYS_NO;
}

int finish_output(enum err err, struct error *error) {
  bool lost = fflush(stdout) != 0 || ferror(stdout);
  if (!err && lost) err = fail(error, ERR_STORE, "output", "", "the output could not be written");
  return err ? say_no(error) : EXIT_DONE;
}

size_t processors(void) {
  long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? (size_t)count : 1;
}
