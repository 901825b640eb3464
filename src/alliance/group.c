/* Who has the same design: patients are judged and learnt from eight at a time, side by side. */
#include "alliance/engine.h"

bool design_same(const struct alliance_design *a, const struct alliance_design *b) {
  if (a->count != b->count || memcmp(a->rated, b->rated, sizeof a->rated) ||
      memcmp(a->asked, b->asked, sizeof a->asked))
    return false;
  for (int t = 0; t < a->count; t++)
    if (a->time[t] != b->time[t]) return false;
  return true;
}

uint64_t design_key(const struct alliance_design *d) {
  uint64_t key = (uint64_t)d->count;
  for (int r = 0; r < ALLIANCE_RATERS; r++) {
    key = (key ^ d->rated[r]) * 0x9e3779b97f4a7c15u;
    key = (key ^ key >> 29 ^ d->asked[r]) * 0xbf58476d1ce4e5b9u;
  }
  for (int t = 0; t < d->count; t++) {
    uint64_t bits;
    memcpy(&bits, &d->time[t], sizeof bits);
    key = (key ^ key >> 31 ^ bits) * 0x94d049bb133111ebu;
  }
  return key;
}

static bool member_before(struct member a, struct member b) {
  return a.key != b.key ? a.key < b.key : a.index < b.index;
}

static void member_sift(struct member *m, size_t at, size_t count) {
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= count) return;
    if (child + 1 < count && member_before(m[child], m[child + 1])) child++;
    if (!member_before(m[at], m[child])) return;
    struct member swap = m[at];
    m[at] = m[child];
    m[child] = swap;
    at = child;
  }
}

/* Heap sort, unless they stand in order already, as the patients of most samples and files do. */
void members_sort(struct member *m, size_t count) {
  size_t ordered = 1;
  while (ordered < count && member_before(m[ordered - 1], m[ordered])) ordered++;
  if (ordered >= count) return;
  for (size_t at = count / 2; at-- > 0;) member_sift(m, at, count);
  for (size_t left = count; left > 1; left--) {
    struct member swap = m[0];
    m[0] = m[left - 1];
    m[left - 1] = swap;
    member_sift(m, 0, left - 1);
  }
}
