#include "stats/model_df.h"

enum stats_status model_find_df(struct stats_model *model, enum stats_df df, struct stats_error *error) {
  if (df == STATS_DF_NONE) return STATS_OK;
  return model_fail(error, STATS_BAD_FORMULA, "df", "degrees of freedom for '%.100s' are not to be had yet: use none",
                    model->formula);
}
