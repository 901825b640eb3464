#include "study/form_read.h"

#include "base/buf.h"
#include "base/nearest.h"

struct check {
  struct form_reader *reader;
  struct form_draft *draft;
  struct form *form;
  struct form_item *items;
};

static void say(const struct check *check, enum study_severity severity, const char *id, const struct form_item *item,
                const char *cure, const char *text) {
  finding_add(check->reader->findings, severity, id,
              (struct study_place){.file = check->form->file,
                                   .line = item ? item->line : 0,
                                   .where = item && item->name ? item->name : ""},
              cure, "%s", text);
}

#define TEXT(...) arena_printf(check->reader->arena, __VA_ARGS__)

/* --- groups ------------------------------------------------------------------------------------------------------ */

static void check_groups(const struct check *check) {
  size_t open = FORM_NONE;
  for (size_t i = 0; i < check->form->item_count; i++) {
    struct form_item *item = &check->items[i];
    item->group = open;
    if (item->type == FORM_GROUP) open = i;
    if (item->type != FORM_GROUP_END) continue;
    if (open == FORM_NONE)
      say(check, STUDY_BROKEN, "group-end", item, "Take it out.", "no group is open here");
    else
      open = check->items[open].group;
    item->group = open;
  }
  for (; open != FORM_NONE; open = check->items[open].group)
    say(check, STUDY_BROKEN, "group-open", &check->items[open], "Add a row of type end group.",
        "this group is never closed");
}

/* Whether the item may stay blank although everything that must be answered is. */
static bool may_be_blank(const struct check *check, const struct form_item *item) {
  if (item->type == FORM_CALCULATE) return false;
  if (!item->required || item->relevant) return true;
  for (size_t group = item->group; group != FORM_NONE; group = check->items[group].group)
    if (check->items[group].relevant) return true;
  return false;
}

/* --- what expressions refer to ------------------------------------------------------------------------------------ */

static const char *const *all_names(const struct check *check, size_t *count) {
  const char **names = arena_array(check->reader->arena, check->form->item_count, sizeof *names);
  *count = 0;
  for (size_t i = 0; i < check->form->item_count; i++)
    if (check->items[i].type != FORM_GROUP_END) names[(*count)++] = check->items[i].name;
  return names;
}

static void resolve(const struct check *check, const struct form_item *item, const struct expression *expression) {
  if (!expression) return;
  for (size_t i = 0; i < expression->item_count; i++) {
    struct expression_item *use = &expression->items[i];
    const struct form_item *target = NULL;
    for (size_t k = 0; k < check->form->item_count && !target; k++)
      if (check->items[k].type != FORM_GROUP_END && !strcmp(check->items[k].name, use->name)) target = &check->items[k];
    if (!target) {
      size_t count;
      const char *const *names = all_names(check, &count);
      const char *near = nearest_name(use->name, names, count);
      say(check, STUDY_BROKEN, "item-unknown", item, near ? TEXT("Did you mean ${%s}?", near) : "",
          TEXT("${%s} (column %d of '%.100s') is no item of this form", use->name, use->column, expression->text));
    } else if (!form_type_asked(target->type) && target->type != FORM_CALCULATE) {
      say(check, STUDY_BROKEN, "item-without-value", item, "Refer to an item that is answered or calculated.",
          TEXT("${%s} is a %s and has no value", use->name, form_type_name(target->type)));
    } else if (use->summed && may_be_blank(check, target)) {
      say(check, STUDY_BROKEN, "sum-optional", item,
          "Make the item required, or use mean-answered(), count-answered() or prorate().",
          TEXT("sum() over ${%s}, which may be blank: the sum would be lost", use->name));
    }
    use->index = target ? target->index : 0;
  }
}

/* --- the order of evaluation -------------------------------------------------------------------------------------- */

enum visit { VISIT_NONE, VISIT_OPEN, VISIT_DONE };

struct ordering {
  const struct check *check;
  enum visit *visits;
  size_t *order, count;
  size_t *path, depth;
};

static void order_visit(struct ordering *ordering, size_t index);

static void order_follow(struct ordering *ordering, const struct expression *expression) {
  for (size_t i = 0; expression && i < expression->item_count; i++) order_visit(ordering, expression->items[i].index);
}

static void say_circle(const struct ordering *ordering, size_t index) {
  const struct check *check = ordering->check;
  struct buf out = buf_in(check->reader->arena, 128);
  size_t from = ordering->depth;
  while (from && ordering->path[from - 1] != index) from--;
  for (size_t i = from ? from - 1 : 0; i < ordering->depth; i++)
    buf_addf(&out, "%s -> ", check->items[ordering->path[i]].name);
  buf_adds(&out, check->items[index].name);
  say(check, STUDY_BROKEN, "circular", &check->items[index],
      "Take one of the references out of relevant or calculation.",
      TEXT("these items need each other: %.300s", out.data));
}

/* Depth first; FORM_ITEMS bounds the depth. */
static void order_visit(struct ordering *ordering, size_t index) {
  const struct form_item *item = &ordering->check->items[index];
  if (ordering->visits[index] == VISIT_DONE) return;
  if (ordering->visits[index] == VISIT_OPEN) {
    say_circle(ordering, index);
    return;
  }
  ordering->visits[index] = VISIT_OPEN;
  ordering->path[ordering->depth++] = index;
  if (item->group != FORM_NONE) order_visit(ordering, item->group);
  order_follow(ordering, item->relevant);
  order_follow(ordering, item->calculation);
  ordering->depth--;
  ordering->visits[index] = VISIT_DONE;
  ordering->order[ordering->count++] = index;
}

static void find_order(const struct check *check) {
  struct arena *arena = check->reader->arena;
  size_t count = check->form->item_count;
  struct ordering ordering = {.check = check,
                              .visits = arena_array(arena, count, sizeof *ordering.visits),
                              .order = arena_array(arena, count, sizeof *ordering.order),
                              .path = arena_array(arena, count + 1, sizeof *ordering.path)};
  for (size_t i = 0; i < count; i++) order_visit(&ordering, i);
  check->form->order = ordering.order;
}

/* --- words -------------------------------------------------------------------------------------------------------- */

static bool words_any(const struct check *check, const struct words *words) {
  for (int i = 0; i < check->reader->language_count; i++)
    if (words->in[i]) return true;
  return false;
}

static const char *missing_languages(const struct check *check, const struct words *words) {
  struct buf out = buf_in(check->reader->arena, 32);
  for (int i = 0; i < check->reader->language_count; i++)
    if (!words->in[i]) buf_addf(&out, "%s'%s'", out.length ? " and " : "", check->reader->languages[i]);
  return out.length ? out.data : NULL;
}

/* `what` is a column; `needed`: also when it is empty in every language. */
static void check_words(const struct check *check, const struct form_item *item, const struct words *words,
                        const char *what, bool needed) {
  const char *missing = missing_languages(check, words);
  if (!missing || (!needed && !words_any(check, words))) return;
  if (needed && *check->form->wording_source)
    check->form->wording_missing = true;
  else
    say(check, STUDY_BROKEN, "translation-missing", item, TEXT("Fill the column %s:: of that language.", what),
        TEXT("the %s is missing in %s", what, missing));
}

static void check_choice_words(const struct check *check, const struct form_item *item) {
  struct choice_list *list = NULL;
  for (size_t i = 0; item->list && i < check->reader->list_count; i++)
    if (!strcmp(check->reader->lists[i].name, item->list)) list = &check->reader->lists[i];
  for (size_t i = 0; list && i < list->count; i++) {
    const char *missing = missing_languages(check, &list->choices[i].label);
    if (!missing) continue;
    if (*check->form->wording_source)
      check->form->wording_missing = true;
    else if (!list->reported)
      finding_add(check->reader->findings, STUDY_BROKEN, "translation-missing",
                  (struct study_place){"choices.csv", list->lines[i], 0, list->name},
                  "Fill the column label:: of that language.", "the choice '%s' has no label in %s",
                  list->choices[i].name, missing);
  }
  if (list && !*check->form->wording_source) list->reported = true;
}

static void check_item_words(const struct check *check, const struct form_item *item) {
  bool shown = item->type != FORM_CALCULATE && item->type != FORM_GROUP_END && item->type != FORM_GROUP;
  check_words(check, item, &item->label, "label", shown);
  check_words(check, item, &item->hint, "hint", false);
  check_words(check, item, &item->constraint_message, "constraint_message", false);
  if (item->constraint && !words_any(check, &item->constraint_message))
    say(check, STUDY_BROKEN, "constraint-message-missing", item, "Fill the columns constraint_message::.",
        "a constraint without a message leaves the person alone with a refusal");
  check_choice_words(check, item);
}

static void say_wording(const struct check *check) {
  if (!check->form->wording_missing) return;
  finding_add(check->reader->findings, STUDY_NOTICE, "wording-missing",
              (struct study_place){.file = check->form->file, .where = check->form->name},
              "Write it into the label:: columns when you hold the right to use it.",
              "wording missing: obtain it from %s", check->form->wording_source);
}

/* --- ranges with words at their ends
 * ---------------------------------------------------------------------------------- */

static void check_ticks(const struct check *check, const struct form_item *item) {
  if (item->type != FORM_RANGE || !item->point_count) return;
  for (size_t i = 0; i < item->choice_count; i++) {
    bool found = false;
    for (size_t k = 0; k < item->point_count && !found; k++) found = !strcmp(item->points[k], item->choices[i].name);
    if (!found)
      say(check, STUDY_BROKEN, "tick-outside", item, "Name the choices of tick_labelset by points of the range.",
          TEXT("'%s' of the list '%s' is no point of the range", item->choices[i].name, item->list));
  }
  bool ends = form_choice_label(item, item->points[0]) && form_choice_label(item, item->points[item->point_count - 1]);
  if (!ends)
    say(check, STUDY_BROKEN, "range-ends", item, "Add tick_labelset=LIST, a list with both ends.",
        "a range needs words at both ends");
}

/* --- when a page may show an item by itself ----------------------------------------------------------------------- */

static void find_shown_if(const struct check *check, struct form_item *item) {
  const struct expression *condition = item->relevant;
  size_t conditions = condition != NULL;
  for (size_t group = item->group; group != FORM_NONE; group = check->items[group].group) {
    if (!check->items[group].relevant) continue;
    conditions++;
    condition = check->items[group].relevant;
  }
  if (conditions != 1 || !condition->equals) return;
  item->shown_if_item = condition->items[0].index;
  item->shown_if_value = condition->equals;
}

static void count_items(const struct check *check) {
  for (size_t i = 0; i < check->form->item_count; i++) {
    const struct form_item *item = &check->items[i];
    if (!form_type_asked(item->type)) continue;
    bool always = !item->relevant;
    for (size_t group = item->group; group != FORM_NONE; group = check->items[group].group)
      always = always && !check->items[group].relevant;
    check->form->asked++;
    check->form->asked_always += always;
    check->form->has_risk = check->form->has_risk || item->risk;
  }
  if (!check->form->asked) say(check, STUDY_BROKEN, "form-empty", NULL, "Add items.", "nothing is asked in this form");
}

void form_check(struct form_reader *reader, struct form_draft *draft) {
  struct check *check = &(struct check){reader, draft, &draft->form, draft->items};
  check->form->items = draft->items;
  check_groups(check);
  for (size_t i = 0; i < check->form->item_count; i++) {
    const struct form_item *item = &check->items[i];
    resolve(check, item, item->relevant);
    resolve(check, item, item->constraint);
    resolve(check, item, item->calculation);
    resolve(check, item, item->risk_when);
  }
  find_order(check);
  for (size_t i = 0; i < check->form->item_count; i++) {
    check_item_words(check, &check->items[i]);
    check_ticks(check, &check->items[i]);
    find_shown_if(check, &check->items[i]);
  }
  say_wording(check);
  count_items(check);
}
