#include "store/store_engine.h"

#define LIST(list) (*count = assembled_##list.count, assembled_##list.names)
const char *const *store_derived_tables(size_t *count) {
  return LIST(derived);
}
const char *const *store_reader_tables(enum db_kind kind, size_t *count) {
  const struct reader_list *list = reader_list_of(kind);
  *count = list ? list->tables->count : 0;
  return list ? list->tables->names : NULL;
}
const char *const *store_ledger_tables(size_t *count) {
  return LIST(ledger);
}
const char *const *store_working_tables(size_t *count) {
  return LIST(working);
}

static bool listed(const struct table_list *list, const char *name) {
  for (size_t i = 0; i < list->count; i++)
    if (!strcmp(list->names[i], name)) return true;
  return false;
}

bool store_table_has_subject(const char *name) {
  return !listed(&assembled_without_subject, name);
}

bool store_table_known(const char *name) {
  return listed(&assembled_derived, name) || listed(&assembled_ledger, name) || listed(&assembled_working, name) ||
         !strcmp(name, "schema_version");
}
