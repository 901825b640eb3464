/* address.h: a person's e-mail address, opened with the home's identity secret for as long as one letter takes. */
#ifndef ATTUNE_MAIL_ADDRESS_H
#define ATTUNE_MAIL_ADDRESS_H

#include "store/keys.h"
#include "store/store.h"
#include "study/study.h"

/* Whose, and what the study keeps of such a person: the address is the first field of kind "email" that is filled in. */
struct mail_whom {
  const char *person, *directory; /* the home's */
  const struct keys *keys;
  const struct study_identity_field *fields;
  size_t count;
};
/* In the arena; "" when there is none. `open` reads everything. ERR_STATE when the identity cannot be opened. */
enum err mail_address(struct db *open, const struct mail_whom *whom, struct arena *arena, const char **address, struct error *error);

#endif
