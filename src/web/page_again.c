#include "web/page_again.h"

#include "web/fields.h"
#include "web/gate.h"
#include "web/kept.h"
#include "web/page.h"
#include "web/page_door.h"
#include "web/web.h"

/* A lock hides what was open and gives it back to be read; a proof is asked of someone who has just pressed the button, and
 * what is sent stands beside the question. */
struct asking {
  const char *path;
  enum word title, lead, button;
  bool shows;
};
static const struct asking lock = {"/unlock", WORD_LOCKED_TITLE, WORD_LOCKED_LEAD, WORD_UNLOCK, false};
static const struct asking prove = {"/prove", WORD_PROVE_TITLE, WORD_PROVE_LEAD, WORD_CONTINUE, true};

static handler page_unlock_try, page_prove_try;

/* ---- the question ---- */

static void write_input(struct request *request, const char *name, enum word label, const char *type, const char *complete) {
  html(&request->out,
       "<div class=\"field\"><label for=\"%s\">%s</label><input id=\"%s\" name=\"%s\" type=\"%s\" autocomplete=\"%s\"></div>", name,
       said(request, label), name, name, type, complete);
}

static void write_question(struct request *request, const struct asking *asking, const char *to) {
  const struct account *account = &request->who->account;
  bool again = request->route->handler == page_unlock_try || request->route->handler == page_prove_try;
  html(&request->out,
       "<form method=\"post\" action=\"%s\" class=\"card stack\"><input type=\"hidden\" name=\"form_token\" value=\"%s\">"
       "<input type=\"hidden\" name=\"to\" value=\"%s\">",
       request_address(request, asking->path), request->who->form_token, to);
  kept_carry(request, !again);
  if (asking->shows) kept_show(request, !again);
  if (account->has_password)
    write_input(request, "password", WORD_PASSWORD, "password", "current-password");
  if (account->has_totp)
    write_input(request, "code", account->has_password ? WORD_OR_CODE : WORD_CODE, "text", "one-time-code");
  button(request, asking->button, "primary");
  post_close(request);
}

static void write_dead_end(struct request *request) {
  static const enum word steps[] = {WORD_LOCKED_STEP_1, WORD_LOCKED_STEP_2, WORD_LOCKED_STEP_3};
  html(&request->out, "<ol class=\"steps\">");
  for (size_t i = 0; i < COUNT(steps); i++) html(&request->out, "<li><span>%s</span></li>", said(request, steps[i]));
  html(&request->out, "</ol>");
}

static void draw(struct request *request, const struct asking *asking, const char *to, const char *problem) {
  const struct account *account = &request->who->account;
  bool can = account->has_password || account->has_totp;
  door_open_page(request, asking->title, can ? asking->lead : asking == &lock ? WORD_LOCKED_LINK : WORD_PROVE_LINK);
  if (problem) {
    note_open(request, NOTE_WRONG);
    html(&request->out, "<p>%s</p>", problem);
    note_close(request);
  }
  if (can)
    write_question(request, asking, to);
  else
    write_dead_end(request);
  html(&request->out, "<form method=\"post\" action=\"%s\">", address(request, "/sign-out"));
  form_token_field(request);
  button(request, WORD_SIGN_OUT, "quiet");
  post_close(request);
  page_close(request);
}

static void page_unlock(struct request *request) {
  if (!request->who->locked) return request_redirect(request, door_way_back(request));
  draw(request, &lock, door_way_back(request), NULL);
}

static void page_prove(struct request *request) {
  if (sign_in_proved(request->who, request->now_ms)) return request_redirect(request, door_way_back(request));
  draw(request, request->who->locked ? &lock : &prove, door_way_back(request), NULL);
}

/* ---- the answer ---- */

struct answering {
  const struct asking *asking;
  struct sign_in_prove input;
};

/* After a lock: what had been filled in is read before it is sent. */
static void give_back(struct request *request) {
  door_open_page(request, WORD_UNLOCKED_TITLE, WORD_UNLOCKED_LEAD);
  html(&request->out, "<form method=\"post\" action=\"%s\" class=\"card stack\">", door_way_back(request));
  form_token_field(request);
  kept_give_back(request);
  button(request, WORD_SEND_KEPT, "primary");
  post_close(request);
  page_close(request);
}

static void go_on(struct request *request, const struct asking *asking) {
  const char *to = door_way_back(request);
  if (!kept_came(request)) return request_redirect(request, to);
  if (asking == &lock) return give_back(request);
  kept_restore(request);
  gate_go_on(request, to);
}

static void after_prove(struct request *request, enum err err, const struct error *error) {
  const struct answering *answering = request->state;
  if (!err && answering->input.refused.code) {
    error = &answering->input.refused;
    err = error->code;
  }
  if (!err) return go_on(request, answering->asking);
  if (err != ERR_DENIED && err != ERR_LIMIT) return request_error(request, err, error);
  request->status = err == ERR_LIMIT ? 429 : 403;
  draw(request, answering->asking, door_way_back(request), request_error_words(request, err, error));
}

static void after_hash(struct request *request, enum err err, const struct error *error) {
  struct answering *answering = request->state;
  if (err) return request_error(request, err, error);
  answering->input.password_right = request_hashed(request)->right;
  request_write(request, sign_in_prove, &answering->input, after_prove);
}

static void answer(struct request *request, const struct asking *asking) {
  struct answering *answering = arena_alloc(request->arena, sizeof *answering);
  const char *code = door_digits(request, request_field(request, "code")), *hash;
  *answering = (struct answering){asking, {.cookie = pairs_get(&request->cookies, request->served->cookie), .code = *code ? code : NULL}};
  request->state = answering;
  if (*code) return request_write(request, sign_in_prove, &answering->input, after_prove);
  struct error error = {0};
  enum err err = sign_in_password(request->db, request->arena, request->who->account.code, &hash, &error);
  if (err) return request_error(request, err, &error);
  request_hash(request, request_field(request, "password"), hash, after_hash);
}

static void page_unlock_try(struct request *request) {
  answer(request, &lock);
}

static void page_prove_try(struct request *request) {
  answer(request, request->who->locked ? &lock : &prove);
}

/* ---- for the gate ---- */

static void ask_by_page(struct request *request, const char *step) {
  request_redirect(request, arena_printf(request->arena, "%s?to=%s", request_address(request, step), url(request->arena, "%s", request->path)));
}

void page_again_closed(struct request *request) {
  request->status = 200;
  if (!request->who) {
    const char *to = request->method == METHOD_GET ? request->path : request_address(request, "/");
    request_redirect(
        request, arena_printf(request->arena, "%s?to=%s", address(request, "/sign-in"), url(request->arena, "%s", to)));
  } else if (!request->who->full) {
    ask_by_page(request, "/sign-in/code");
  } else if (request->method == METHOD_GET) {
    ask_by_page(request, "/unlock");
  } else {
    request->status = 403;
    draw(request, &lock, request->path, NULL);
  }
}

void page_again_prove(struct request *request) {
  if (request->method == METHOD_GET) return ask_by_page(request, "/prove");
  request->status = 403;
  draw(request, &prove, request->path, NULL);
}

ROUTES(again) = {
    ROUTE(GET, "/unlock", page_unlock, ROLES_STAFF, READER_DOOR, "locked: password or code again"),
    ROUTE(POST, "/unlock", page_unlock_try, ROLES_STAFF, READER_DOOR, "unlock and go on"),
    ROUTE(GET, "/prove", page_prove, ROLES_STAFF, READER_DOOR, "password or code before what must be proved"),
    ROUTE(POST, "/prove", page_prove_try, ROLES_STAFF, READER_DOOR, "prove it and go on"),
    ROUTES_END,
};
