/* page_form.c: a questionnaire, opened from a link by whoever holds it, or by a therapist who is signed in.
 *
 * Nothing on it differs by arm. What was filled in is kept (run_draft) and shown again by the same link; what was sent
 * is never shown again. Without JavaScript every item stands on the page; one that does not apply is not stored. */
#include "trial/draft.h"
#include "trial/occasion.h"
#include "trial/submission.h"
#include "web/page.h"
#include "web/web.h"

#define KEY_FIELD "attune-key"
#define ACTION_FIELD "attune-action"

/* A form that someone has open. */
struct opened {
  struct occasion occasion;
  const struct study *study; /* the version under which it was opened */
  const struct form *form;
  const char *path;            /* of its page */
  bool by_link;                /* else by a therapist who is signed in */
  struct form_answer *answers; /* as they came, or as the draft kept them */
  size_t answer_count;
  struct form_result result;
  bool checked;        /* problems are to be shown */
  const char *trouble; /* why it could not be stored just now */
  union {
    struct form_submit submit;
    struct draft_save draft;
  } input;
  const char *next; /* where to go once the draft is kept; NULL: nowhere, a script asked */
};

static const char *in_study(const struct request *request, const struct opened *opened, const struct words *words) {
  return words_in(words, study_language(opened->study, language_code(request->language)));
}

/* ---- finding it ---- */

static void missing(struct request *request) {
  request_error(request, ERR_MISSING, &(struct error){.code = ERR_MISSING, .id = "page"});
}

/* A patient's pages are in the patient's language until they choose another. */
static void speak_to_respondent(struct request *request, const struct occasion *occasion) {
  if (pairs_get(&request->query, "language") || pairs_get(&request->cookies, "language")) return;
  int language = language_find(occasion->language);
  if (language >= 0) request->language = (enum language)language;
}

static struct opened *opened_finish(struct request *request, struct opened *opened) {
  opened->study = home_study_version(request->home, opened->occasion.study_version);
  opened->form = opened->study ? study_form(opened->study, opened->occasion.form) : NULL;
  if (!opened->form) {
    missing(request);
    return NULL;
  }
  request->study = opened->study;
  request->study_language = study_language(opened->study, language_code(request->language));
  return opened;
}

static struct opened *open_by_link(struct request *request) {
  struct opened *opened = arena_alloc(request->arena, sizeof *opened);
  struct error error = {0};
  if (!request->home) {
    missing(request);
    return NULL;
  }
  enum err err = occasion_by_token(request->db, request->parameters[0], &opened->occasion, &error);
  if (err) {
    request_error(request, err, request_missing(err, &error));
    return NULL;
  }
  opened->by_link = true;
  opened->path = url(request->arena, "/f/%s", request->parameters[0]);
  speak_to_respondent(request, &opened->occasion);
  return opened_finish(request, opened);
}

static struct opened *open_by_therapist(struct request *request) {
  struct opened *opened = arena_alloc(request->arena, sizeof *opened);
  struct error error = {0};
  enum err err = occasion_by_id(request->db, request->parameters[0], &opened->occasion, &error);
  if (!err && (!*request->actor.person || strcmp(opened->occasion.respondent, request->actor.person)))
    err = ERR_MISSING;
  if (err) {
    request_error(request, err, request_missing(err, &error));
    return NULL;
  }
  opened->path = address(request, "/forms/%s", request->parameters[0]);
  return opened_finish(request, opened);
}

/* ---- what was typed ---- */

static bool ours(const char *name) {
  return !strncmp(name, "attune-", 7) || !strcmp(name, "form_token");
}

/* Several ticks of one list come as several fields: they are one answer. */
static bool join_ticks(struct request *request, struct opened *opened, const struct pair *pair) {
  const struct form_item *item = form_item(opened->form, pair->name);
  if (!item || item->type != FORM_SELECT_MULTIPLE) return false;
  for (size_t i = 0; i < opened->answer_count; i++) {
    struct form_answer *answer = &opened->answers[i];
    if (strcmp(answer->name, pair->name)) continue;
    answer->value = arena_printf(request->arena, "%s %s", answer->value, pair->value);
    answer->value_length = strlen(answer->value);
    return true;
  }
  return false;
}

static void take_posted(struct request *request, struct opened *opened) {
  opened->answers = arena_array(request->arena, request->form.count, sizeof *opened->answers);
  for (size_t i = 0; i < request->form.count; i++) {
    const struct pair *pair = &request->form.list[i];
    if (ours(pair->name) || join_ticks(request, opened, pair)) continue;
    opened->answers[opened->answer_count++] =
        (struct form_answer){.name = pair->name, .value = pair->value, .value_length = pair->length};
  }
}

static enum err take_draft(struct request *request, struct opened *opened, struct error *error) {
  struct typed *typed = NULL;
  size_t count = 0;
  enum err err = draft_read(request->db, request->arena, opened->occasion.id, &typed, &count, error);
  if (err) return err;
  opened->answers = arena_array(request->arena, count, sizeof *opened->answers);
  for (size_t i = 0; i < count; i++)
    opened->answers[opened->answer_count++] =
        (struct form_answer){.name = typed[i].item, .value = typed[i].value, .value_length = strlen(typed[i].value)};
  return OK;
}

static void check(struct request *request, struct opened *opened) {
  form_validate(opened->form, opened->answers, opened->answer_count, request->desk, request->arena, &opened->result);
}

/* What to show in an item: what stands, else what was typed and cannot stand. */
static const char *shown_value(const struct opened *opened, const struct form_item *item) {
  const struct form_result *result = &opened->result;
  if (result->values[item->index]) return result->values[item->index];
  if (result->typed[item->index]) return result->typed[item->index];
  for (size_t i = 0; !result->relevant[item->index] && i < opened->answer_count; i++)
    if (!strcmp(opened->answers[i].name, item->name)) return opened->answers[i].value;
  return "";
}

/* ---- problems ---- */

static const char *problem_words(const struct request *request, const struct opened *opened,
                                 const struct form_problem *problem) {
  switch (problem->kind) {
  case PROBLEM_REQUIRED:
    return said(request, WORD_ANSWER_REQUIRED);
  case PROBLEM_NOT_WHOLE:
    return said(request, WORD_FIELD_WHOLE);
  case PROBLEM_NOT_NUMBER:
    return said(request, WORD_ANSWER_NUMBER);
  case PROBLEM_NOT_DATE:
    return said(request, WORD_FIELD_DATE);
  case PROBLEM_OUT_OF_RANGE:
    if (problem->low && problem->high) return said(request, WORD_FIELD_RANGE, problem->low, problem->high);
    return problem->low ? said(request, WORD_ANSWER_LOW, problem->low) : said(request, WORD_ANSWER_HIGH, problem->high);
  case PROBLEM_NO_SUCH_CHOICE:
    return said(request, WORD_ANSWER_CHOICE);
  case PROBLEM_TOO_LONG:
    return said(request, WORD_FIELD_LONG, say_count(request, (int64_t)problem->maximum));
  case PROBLEM_ENCODING:
    return said(request, WORD_FIELD_ENCODING);
  case PROBLEM_CONSTRAINT:
    return problem->message && *in_study(request, opened, problem->message)
               ? in_study(request, opened, problem->message)
               : said(request, WORD_ANSWER_CONSTRAINT);
  case PROBLEM_UNKNOWN_FIELD:
    return said(request, WORD_ANSWER_UNKNOWN, problem->field);
  case PROBLEM_TWICE:
    return said(request, WORD_ANSWER_TWICE);
  }
  return "";
}

static const struct form_problem *problem_of(const struct opened *opened, const struct form_item *item) {
  for (size_t i = 0; opened->checked && i < opened->result.problem_count; i++)
    if (opened->result.problems[i].item == item) return &opened->result.problems[i];
  return NULL;
}

static void write_problems(struct request *request, const struct opened *opened) {
  struct buf *out = &request->out;
  if (opened->trouble) {
    note_open(request, NOTE_WRONG);
    html(out, "<p><strong>%s</strong></p>", opened->trouble);
    note_close(request);
  }
  if (!opened->checked || opened->result.valid) return;
  note_open(request, NOTE_WRONG);
  html(out, "<p><strong>");
  say(request, WORD_FORM_PROBLEMS);
  html(out, "</strong></p><ul>");
  for (size_t i = 0; i < opened->result.problem_count; i++) {
    const struct form_problem *problem = &opened->result.problems[i];
    const char *words = problem_words(request, opened, problem);
    if (problem->item)
      html(out, "<li><a href=\"#q-%s\">%s</a> %s</li>", problem->item->name,
           in_study(request, opened, &problem->item->label), words);
    else
      html(out, "<li>%s</li>", words);
  }
  html(out, "</ul>");
  note_close(request);
}

/* ---- items ---- */

static void write_shown_if(struct request *request, const struct opened *opened, const struct form_item *item) {
  if (item->shown_if_item != FORM_NONE)
    html(&request->out, " data-shown-if=\"%s\" data-shown-value=\"%s\"", opened->form->items[item->shown_if_item].name,
         item->shown_if_value);
}

/* `more` is told to those who do not see the words at the ends of a scale. */
static void write_choice(struct request *request, const struct form_item *item, const char *kind, const char *value,
                         const char *label, bool chosen, const char *more) {
  struct buf *out = &request->out;
  html(out, "<label class=\"choice\"><input type=\"%s\" name=\"%s\" value=\"%s\"%s><span>%s", kind, item->name, value,
       chosen ? " checked" : "", label);
  if (*more) html(out, "<span class=\"visually-hidden\">, %s</span>", more);
  html(out, "</span></label>");
}

static bool ticked(const char *list, const char *name) {
  size_t length = strlen(name);
  for (const char *c = list; (c = strstr(c, name)); c += length)
    if ((c == list || c[-1] == ' ') && (c[length] == 0 || c[length] == ' ')) return true;
  return false;
}

static void write_choices(struct request *request, const struct opened *opened, const struct form_item *item) {
  bool one = item->type == FORM_SELECT_ONE;
  const char *value = shown_value(opened, item);
  html(&request->out, "<div class=\"choices\">");
  for (size_t i = 0; i < item->choice_count; i++)
    write_choice(request, item, one ? "radio" : "checkbox", item->choices[i].name,
                 in_study(request, opened, &item->choices[i].label),
                 one ? !strcmp(value, item->choices[i].name) : ticked(value, item->choices[i].name), "");
  html(&request->out, "</div>");
}

static const char *end_words(const struct request *request, const struct opened *opened, const struct form_item *item,
                             size_t point) {
  const struct words *label = form_choice_label(item, item->points[point]);
  return label ? in_study(request, opened, label) : "";
}

static void write_scale(struct request *request, const struct opened *opened, const struct form_item *item) {
  const char *value = shown_value(opened, item);
  size_t count = item->point_count;
  if (count < 3 || count > 11)
    html(&request->out, "<div class=\"choices\">");
  else
    html(&request->out, "<div class=\"scale p%zu\">", count);
  for (size_t i = 0; i < count; i++)
    write_choice(request, item, "radio", item->points[i], item->points[i], !strcmp(value, item->points[i]),
                 end_words(request, opened, item, i));
  html(&request->out, "</div>");
  const char *low = count ? end_words(request, opened, item, 0) : "",
             *high = count ? end_words(request, opened, item, count - 1) : "";
  if (*low || *high) html(&request->out, "<p class=\"ends\"><span>%s</span><span>%s</span></p>", low, high);
}

static void write_typed(struct request *request, const struct opened *opened, const struct form_item *item,
                        bool wrong) {
  struct buf *out = &request->out;
  const char *value = shown_value(opened, item), *label = in_study(request, opened, &item->label);
  if (item->type == FORM_TEXT)
    html(out, "<textarea name=\"%s\" rows=\"4\" aria-label=\"%s\"", item->name, label);
  else
    html(out, "<input name=\"%s\" type=\"%s\" inputmode=\"%s\" value=\"%s\" autocomplete=\"off\" aria-label=\"%s\"",
         item->name, item->type == FORM_DATE ? "date" : "text",
         item->type == FORM_INTEGER   ? "numeric"
         : item->type == FORM_DECIMAL ? "decimal"
                                      : "text",
         value, label);
  if (wrong) html(out, " aria-invalid=\"true\" aria-describedby=\"e-%s\"", item->name);
  if (item->type == FORM_TEXT)
    html(out, ">%s</textarea>", value);
  else
    html(out, ">");
}

static void write_question(struct request *request, const struct opened *opened, const struct form_item *item) {
  struct buf *out = &request->out;
  const struct form_problem *problem = problem_of(opened, item);
  const char *hint = in_study(request, opened, &item->hint);
  html(out, "<fieldset class=\"question%s\" id=\"q-%s\"", problem ? " has-error" : "", item->name);
  if (problem)
    html(out, " aria-describedby=\"e-%s\"", item->name);
  else if (*hint)
    html(out, " aria-describedby=\"h-%s\"", item->name);
  write_shown_if(request, opened, item);
  html(out, "><legend>%s", in_study(request, opened, &item->label));
  if (!item->required) {
    html(out, " <span class=\"optional\">");
    say(request, WORD_OPTIONAL);
    html(out, "</span>");
  }
  html(out, "</legend>");
  if (*hint) html(out, "<p class=\"hint\" id=\"h-%s\">%s</p>", item->name, hint);
  if (problem) html(out, "<p class=\"error\" id=\"e-%s\">%s</p>", item->name, problem_words(request, opened, problem));
  if (item->type == FORM_RANGE)
    write_scale(request, opened, item);
  else if (item->type == FORM_SELECT_ONE || item->type == FORM_SELECT_MULTIPLE)
    write_choices(request, opened, item);
  else
    write_typed(request, opened, item, problem);
  html(out, "</fieldset>");
}

static void write_items(struct request *request, const struct opened *opened) {
  struct buf *out = &request->out;
  for (size_t i = 0; i < opened->form->item_count; i++) {
    const struct form_item *item = &opened->form->items[i];
    const char *label = in_study(request, opened, &item->label);
    switch (item->type) {
    case FORM_NOTE:
      html(out, "<p");
      write_shown_if(request, opened, item);
      html(out, ">%s</p>", label);
      break;
    case FORM_GROUP:
      html(out, "<div class=\"group\"");
      write_shown_if(request, opened, item);
      html(out, ">");
      if (*label) html(out, "<h2 class=\"group-title\">%s</h2>", label);
      break;
    case FORM_GROUP_END:
      html(out, "</div>");
      break;
    case FORM_CALCULATE:
      break;
    default:
      write_question(request, opened, item);
    }
  }
}

/* ---- the page ---- */

/* The key that came with this submission, made when its page was drawn; NULL when it is none. */
static const char *sent_key(const struct request *request) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  for (size_t i = 0; i < request->form.count; i++) {
    const struct pair *pair = &request->form.list[i];
    if (strcmp(pair->name, KEY_FIELD)) continue;
    bool sound = pair->length && pair->length <= SUBMISSION_KEY_LONGEST && strspn(pair->value, letters) == pair->length;
    return sound ? pair->value : NULL;
  }
  return NULL;
}

static const char *submission_key(struct request *request, const struct opened *opened) {
  const char *sent = sent_key(request);
  if (sent) return sent;
  static _Atomic uint64_t count;
  uint8_t bytes[16];
  const struct chance *chance = &request->home->chance;
  chance_bytes(chance, "submission-key", opened->occasion.id, chance->frozen ? 0 : ++count, bytes, sizeof bytes);
  return base64url_text(request->arena, bytes, sizeof bytes);
}

static const char *page_title(const struct request *request, const struct opened *opened) {
  if (opened->occasion.rater == PERSON_PATIENT) return in_study(request, opened, &opened->study->neutral_title);
  const struct study_occasion *occasion = study_occasion(opened->study, opened->occasion.name);
  return occasion ? in_study(request, opened, &occasion->title) : in_study(request, opened, &opened->form->title);
}

static void form_page_open(struct request *request, const struct opened *opened, const char *title, bool with_form) {
  page_open(request, &(struct page){.kind = opened->by_link ? PAGE_NEUTRAL : PAGE_STAFF,
                                    .title = title,
                                    .current = opened->by_link ? NULL : "/caseload",
                                    .class_name = "narrow",
                                    .language_form = with_form ? "answers" : NULL,
                                    .quick_exit = opened->by_link});
}

static void write_lead(struct request *request, const struct opened *opened) {
  struct buf *out = &request->out;
  const struct form *form = opened->form;
  html(out, "<p class=\"lead\">");
  if (opened->occasion.rater != PERSON_PATIENT) {
    if (*opened->occasion.patient && opened->occasion.session_number >= 0)
      say(request, WORD_FORM_ABOUT_SESSION, opened->occasion.patient,
          say_count(request, opened->occasion.session_number));
    else if (*opened->occasion.patient)
      say(request, WORD_FORM_ABOUT, opened->occasion.patient);
  } else
    html(out, "%s", in_study(request, opened, &opened->study->told));
  html(out, "</p><p>");
  const char *least = say_count(request, (int64_t)form->asked_always), *most = say_count(request, (int64_t)form->asked);
  const char *minutes = *form->minutes ? form->minutes : "2";
  if (form->asked_always == form->asked)
    say(request, WORD_FORM_LENGTH, most, minutes);
  else
    say(request, WORD_FORM_LENGTH_FROM, least, most, minutes);
  html(out, "</p>");
}

static void write_crisis(struct request *request, const struct opened *opened) {
  const struct study_safety *safety = &opened->study->safety;
  if (!opened->form->has_risk) return;
  html(&request->out, "<section class=\"crisis\"><h2>");
  say(request, WORD_CRISIS_TITLE);
  html(&request->out, "</h2><p><strong>");
  write_with_numbers(&request->out, in_study(request, opened, &safety->numbers));
  html(&request->out, "</strong></p><p>");
  say(request, WORD_CRISIS_NOT_READ, in_study(request, opened, &safety->responder),
      say_count(request, safety->response_hours));
  html(&request->out, "</p></section>");
}

/* One quiet line for patients, on every page of theirs. */
static void write_crisis_line(struct request *request, const struct opened *opened) {
  const char *numbers = in_study(request, opened, &opened->study->safety.numbers);
  if (!opened->by_link || !*numbers) return;
  html(&request->out, "<p class=\"crisis-line quiet-text\">");
  write_with_numbers(&request->out, said(request, WORD_CRISIS_LINE, numbers));
  html(&request->out, "</p>");
}

static void draw_form(struct request *request, struct opened *opened) {
  struct buf *out = &request->out;
  form_page_open(request, opened, page_title(request, opened), true);
  write_lead(request, opened);
  write_problems(request, opened);
  html(out, "<form method=\"post\" id=\"answers\" action=\"%s\" novalidate data-draft=\"%s/draft\"%s>", opened->path,
       opened->path, opened->by_link ? " data-replace" : "");
  if (!opened->by_link) form_token_field(request);
  html(out, "<input type=\"hidden\" name=\"" KEY_FIELD "\" value=\"%s\">", submission_key(request, opened));
  write_items(request, opened);
  html(out, "<p class=\"saved\" role=\"status\" data-saved=\"%s\" data-unsaved=\"%s\"></p><p class=\"row\">",
       said(request, WORD_FORM_SAVED), said(request, WORD_FORM_UNSAVED));
  html(out, "<button type=\"submit\" class=\"primary\" name=\"" ACTION_FIELD "\" value=\"send\">");
  say(request, WORD_FORM_SEND);
  html(out,
       "</button><button type=\"submit\" class=\"quiet\" name=\"" ACTION_FIELD "\" value=\"later\" formnovalidate>");
  say(request, WORD_FORM_LATER);
  html(out, "</button></p></form>");
  if (*in_study(request, opened, &opened->form->notice))
    html(out, "<p class=\"quiet-text\">%s</p>", in_study(request, opened, &opened->form->notice));
  write_crisis_line(request, opened);
  page_close(request);
}

static void write_contact(struct request *request, const struct opened *opened) {
  const char *contact = in_study(request, opened, &opened->study->contact);
  if (!*contact) return;
  html(&request->out, "<h2>");
  say(request, WORD_FORM_CONTACT);
  html(&request->out, "</h2><p>%s</p>", contact);
}

/* Answered: thanks, what happens next, whom to call. The answers are not shown. Whoever opens the link again later is
 * told that nothing more is needed. */
static void draw_thanks(struct request *request, const struct opened *opened) {
  bool patient = opened->occasion.rater == PERSON_PATIENT, just_now = !strcmp(request_query(request, "done"), "sent");
  form_page_open(request, opened, said(request, just_now ? WORD_FORM_THANKS : WORD_FORM_USED), false);
  html(&request->out, "<p class=\"lead\">");
  say(request, just_now ? WORD_FORM_STORED : WORD_FORM_USED_TEXT);
  html(&request->out, "</p>");
  write_crisis(request, opened);
  const char *next = patient ? in_study(request, opened, &opened->study->next_steps) : "";
  if (*next) {
    html(&request->out, "<h2>");
    say(request, WORD_FORM_NEXT);
    html(&request->out, "</h2><p>%s</p>", next);
  }
  if (patient) write_contact(request, opened);
  write_crisis_line(request, opened);
  page_close(request);
}

static void draw_closed(struct request *request, const struct opened *opened, enum err err, const struct error *error) {
  request->status = err == ERR_CONFLICT ? 409 : 410;
  form_page_open(request, opened, said(request, WORD_FORM_CLOSED), false);
  html(&request->out, "<p class=\"lead\">%s</p>", request_error_words(request, err, error));
  write_crisis(request, opened);
  write_contact(request, opened);
  write_crisis_line(request, opened);
  page_close(request);
}

static bool answerable(struct request *request, const struct opened *opened) {
  struct error error = {0};
  enum err err = occasion_answerable(&opened->occasion, request->now_ms, &error);
  if (!err && opened->by_link && opened->occasion.link_expires_ms <= request->now_ms)
    err = fail(&error, ERR_STATE, "form-late", "", "the link has run out");
  if (!err) return true;
  if (request->method == METHOD_GET && !strcmp(error.id, "form-done"))
    draw_thanks(request, opened);
  else
    draw_closed(request, opened, err, &error);
  return false;
}

static void show(struct request *request, struct opened *opened) {
  if (!opened || !answerable(request, opened)) return;
  struct error error = {0};
  enum err err = take_draft(request, opened, &error);
  if (err) return request_error(request, err, &error);
  check(request, opened);
  draw_form(request, opened);
}

/* ---- keeping what was filled in ---- */

static void after_draft(struct request *request, enum err err, const struct error *error) {
  const struct opened *opened = request->state;
  if (opened->next && !err) return request_redirect(request, opened->next);
  if (opened->next) return request_error(request, err, error);
  request->status = !err ? 204 : err == ERR_LIMIT ? 413 : err == ERR_BUSY || err == ERR_STORE ? 503 : 409;
  buf_clear(&request->out);
}

static void keep_draft(struct request *request, struct opened *opened, const char *next) {
  struct typed *typed = arena_array(request->arena, opened->answer_count, sizeof *typed);
  size_t count = 0;
  for (size_t i = 0; i < opened->answer_count; i++) {
    const struct form_item *item = form_item(opened->form, opened->answers[i].name);
    if (!item || !form_type_asked(item->type) || strlen(opened->answers[i].value) != opened->answers[i].value_length)
      continue;
    typed[count++] = (struct typed){.item = item->name, .value = opened->answers[i].value};
  }
  opened->next = next;
  opened->input.draft = (struct draft_save){
      .occasion = opened->occasion.id, .subject = opened->occasion.subject, .typed = typed, .count = count};
  request->state = opened;
  request_write(request, draft_save, &opened->input.draft, after_draft);
}

static void keep(struct request *request, struct opened *opened) {
  if (!opened || !answerable(request, opened)) return;
  take_posted(request, opened);
  keep_draft(request, opened, NULL);
}

/* ---- sending ---- */

static void after_submit(struct request *request, enum err err, const struct error *error) {
  struct opened *opened = request->state;
  if (!err) {
    request_redirect(request, opened->by_link ? arena_printf(request->arena, "%s?done=sent", opened->path) : address(request, "/caseload?done=form"));
  } else if (err == ERR_CONFLICT || err == ERR_STATE) {
    draw_closed(request, opened, err, error);
  } else if (err == ERR_INPUT || err == ERR_BUSY || err == ERR_STORE || err == ERR_LIMIT) {
    request->status = err == ERR_INPUT ? 422 : 503;
    opened->trouble = request_error_words(request, err, error);
    draw_form(request, opened);
  } else
    request_error(request, err, error);
}

static void send(struct request *request, struct opened *opened) {
  if (!opened) return;
  const char *action = request_field(request, ACTION_FIELD);
  bool sending = !*action || !strcmp(action, "send");
  /* A submission sent again is answered as the first time: by its key, so even once the form is closed. */
  if (!sending && !answerable(request, opened)) return;
  take_posted(request, opened);
  if (!strncmp(action, "language-", 9) && language_find(action + 9) >= 0)
    return keep_draft(request, opened, arena_printf(request->arena, "%s?language=%s", opened->path, action + 9));
  if (!sending) return keep_draft(request, opened, arena_printf(request->arena, "%s?done=kept", opened->path));
  check(request, opened);
  opened->checked = true;
  const char *key = sent_key(request);
  if (!key) opened->trouble = said(request, WORD_ERROR_MALFORMED);
  if (!opened->result.valid || !key) {
    if (opened->occasion.submitted_ms && !answerable(request, opened)) return;
    request->status = 422;
    return draw_form(request, opened);
  }
  opened->input.submit = (struct form_submit){.home = request->home,
                                              .study = opened->study,
                                              .form = opened->form,
                                              .occasion = opened->occasion.id,
                                              .respondent = opened->occasion.respondent,
                                              .key = key,
                                              .language = language_code(request->language),
                                              .result = &opened->result};
  request->state = opened;
  request_write(request, form_submit, &opened->input.submit, after_submit);
}

static void page_form(struct request *request) {
  show(request, open_by_link(request));
}
static void page_form_send(struct request *request) {
  send(request, open_by_link(request));
}
static void page_form_draft(struct request *request) {
  keep(request, open_by_link(request));
}
static void page_task(struct request *request) {
  show(request, open_by_therapist(request));
}
static void page_task_send(struct request *request) {
  send(request, open_by_therapist(request));
}
static void page_task_draft(struct request *request) {
  keep(request, open_by_therapist(request));
}

ROUTES(form) = {
    SITE(GET, "/f/:token", page_form, ROLE_PATIENT, READER_MASKED, "a questionnaire"),
    SITE(POST, "/f/:token", page_form_send, ROLE_PATIENT, READER_MASKED, "send it, or keep it for later"),
    SITE(POST, "/f/:token/draft", page_form_draft, ROLE_PATIENT, READER_MASKED, "keep what was filled in so far"),
    ROUTE(GET, "/forms/:occasion", page_task, ROLE_THERAPIST, READER_OPEN, "a therapist's own questionnaire"),
    ROUTE(POST, "/forms/:occasion", page_task_send, ROLE_THERAPIST, READER_OPEN, "send it, or keep it for later"),
    ROUTE(POST, "/forms/:occasion/draft", page_task_draft, ROLE_THERAPIST, READER_OPEN, "keep what was filled in so far"),
    ROUTES_END,
};
