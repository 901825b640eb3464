#include "web/person_page.h"

#include "web/page.h"

const struct person *person_page(struct request *request) {
  struct person *person = arena_alloc(request->arena, sizeof *person);
  struct error error = {0};
  enum err err = actor_person(request->db, &request->actor, request->actor.roles & ~(unsigned)ROLE_THERAPIST,
                              request->parameters[0], person, &error);
  if (!err) return person;
  request_error(request, err, request_missing(err, &error));
  return NULL;
}

void person_page_end(struct request *request, enum word does) {
  html(&request->out, "<p class=\"row\">");
  button(request, does, "danger");
  html(&request->out, "<a class=\"button quiet\" href=\"%s\">", address(request, "/people"));
  say(request, WORD_CANCEL);
  html(&request->out, "</a></p>");
  post_close(request);
  page_close(request);
}
