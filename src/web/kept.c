#include "web/kept.h"

#include "web/fields.h"
#include "web/page.h"

#define KEPT "keep."
#define KEPT_LENGTH (sizeof KEPT - 1)

/* What the fields of our forms are called on the page. The items of a questionnaire go by their own names. */
static const struct {
  const char *name;
  enum word label;
} labels[] = {
    {"address", WORD_ADDRESS},      {"day", WORD_HELD_ON},  {"language", WORD_LANGUAGE}, {"login", WORD_LOGIN},
    {"name", WORD_NAME},            {"reason", WORD_REASON}, {"role", WORD_ROLE},         {"site", WORD_SITE},
    {"patient", WORD_PATIENT_CODE}, {"text", WORD_NEW_NOTE}, {"therapist", WORD_THERAPIST_OF},
};

static bool is_kept(const struct pair *pair) {
  return !strncmp(pair->name, KEPT, KEPT_LENGTH);
}

static bool secret(const char *name) {
  return !strcmp(name, "password") || !strcmp(name, "present");
}

/* What the page itself put into the form, not the person. */
static bool ours(const char *name) {
  return !strcmp(name, "form_token") || !strncmp(name, "attune-", 7);
}

static void write_hidden(struct request *request, const char *prefix, const char *name, const char *value) {
  html(&request->out, "<input type=\"hidden\" name=\"%s%s\" value=\"%s\">", prefix, name, value);
}

static void write_shown(struct request *request, const char *name, const char *value) {
  const char *label = name;
  if (ours(name) || !*value) return;
  for (size_t i = 0; i < COUNT(labels); i++)
    if (!strcmp(labels[i].name, name)) label = said(request, labels[i].label);
  html(&request->out, "<dt>%s</dt><dd>%s</dd>", label, value);
}

/* A button alone, without a field, is something that was sent too. */
#define SENT "attune-sent"

void kept_carry(struct request *request, bool fresh) {
  if (fresh && request->method == METHOD_POST) write_hidden(request, KEPT, SENT, "1");
  for (size_t i = 0; i < request->form.count; i++) {
    const struct pair *pair = &request->form.list[i];
    if (is_kept(pair))
      write_hidden(request, "", pair->name, pair->value);
    else if (fresh && strcmp(pair->name, "form_token") != 0 && !secret(pair->name))
      write_hidden(request, KEPT, pair->name, pair->value);
  }
}

bool kept_came(const struct request *request) {
  for (size_t i = 0; i < request->form.count; i++)
    if (is_kept(&request->form.list[i])) return true;
  return false;
}

static void list_open(struct request *request) {
  heading(request, WORD_KEPT);
  html(&request->out, "<dl class=\"facts kept\">");
}

void kept_give_back(struct request *request) {
  const struct pairs *form = &request->form;
  list_open(request);
  for (size_t i = 0; i < form->count; i++)
    if (is_kept(&form->list[i])) write_shown(request, form->list[i].name + KEPT_LENGTH, form->list[i].value);
  html(&request->out, "</dl>");
  for (size_t i = 0; i < form->count; i++)
    if (is_kept(&form->list[i])) write_hidden(request, "", form->list[i].name + KEPT_LENGTH, form->list[i].value);
}

void kept_show(struct request *request, bool fresh) {
  bool something = false;
  for (size_t i = 0; i < request->form.count; i++) {
    const struct pair *pair = &request->form.list[i];
    const char *name = is_kept(pair) ? pair->name + KEPT_LENGTH : pair->name;
    if ((!fresh && !is_kept(pair)) || ours(name) || secret(name) || !*pair->value) continue;
    if (!something) list_open(request);
    something = true;
    write_shown(request, name, pair->value);
  }
  if (something) html(&request->out, "</dl>");
}

void kept_restore(struct request *request) {
  struct pairs *form = &request->form;
  struct pair *list = arena_array(request->arena, form->count + 1, sizeof *list);
  size_t count = 0;
  for (size_t i = 0; i < form->count; i++)
    if (is_kept(&form->list[i]))
      list[count++] = (struct pair){form->list[i].name + KEPT_LENGTH, form->list[i].value, form->list[i].length};
  *form = (struct pairs){list, count};
}

static bool worth_keeping(const struct request *request) {
  bool something = false;
  for (size_t i = 0; i < request->form.count; i++) {
    const struct pair *pair = &request->form.list[i];
    if (secret(pair->name)) return false;
    something |= !ours(pair->name) && *pair->value;
  }
  return something;
}

void kept_again(struct request *request) {
  const struct pairs *form = &request->form;
  if (!worth_keeping(request)) return;
  html(&request->out, "<form method=\"post\" action=\"%s\" class=\"card stack\">", request->path);
  paragraph(request, WORD_KEPT_LEAD, NULL);
  list_open(request);
  for (size_t i = 0; i < form->count; i++) write_shown(request, form->list[i].name, form->list[i].value);
  html(&request->out, "</dl>");
  for (size_t i = 0; i < form->count; i++) write_hidden(request, "", form->list[i].name, form->list[i].value);
  button(request, WORD_SEND_AGAIN, "primary");
  post_close(request);
}
