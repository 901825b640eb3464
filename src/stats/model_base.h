/* model_base.h (inside): memory and errors of the model files. */
#ifndef ATTUNE_STATS_MODEL_BASE_H
#define ATTUNE_STATS_MODEL_BASE_H

#include <stdarg.h>

#include "attune/stats_model.h"

/* `count` zeroed elements of `size` bytes; NULL when there is no memory or the product overflows. */
void *model_take(const struct stats_memory *memory, size_t count, size_t size);
const char *model_text(const struct stats_memory *memory, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Fills *error (may be NULL) and returns `status`. */
enum stats_status model_fail(struct stats_error *error, enum stats_status status, const char *field, const char *format,
                             ...) __attribute__((format(printf, 4, 5)));
enum stats_status model_no_memory(struct stats_error *error);

#endif
