/* allocation_record.h: the ceremony as a record of steps in one order, and the files that are published at the end.
 *
 * The steps are one CSV; each line is a leaf of a hash tree (RFC 6962), and signed checkpoints of the tree (the C2SP
 * tlog-checkpoint form) stand after each wave's slots and at the end. Whoever kept the note of a checkpoint can tell
 * later that nothing before it was changed. Published are:
 *
 *     rules.json            the rules, canonical JSON
 *     wave-K-roster.csv     slot, time of locking, commitment to the person's record, integers: of every wave begun
 *     wave-K-reveal.csv     slot, arm, r: of every wave that ended
 *     steps.csv             every step: number, time, wave, what, slot, who, value
 *     checkpoints.txt       the signed notes, an empty line between two
 *     key.txt               the key that they are signed with, as a line of the signed-note form
 *
 * Each file has exactly one form for what it says, so any changed byte is a fault; tools/verify_allocation.py checks
 * and derives all of it again.
 *
 * What is public when: rules, rosters, commitments, slot roots and notes at once (they tell nothing of an arm); the
 * lines of the steps after the reveal alone, since those of the disclosures hold the secrets, and a note shows nothing
 * of a line. Until the reveal a secret is known to its party, and to whom the allocation's key opens it. */
#ifndef ATTUNE_ALLOCATION_RECORD_H
#define ATTUNE_ALLOCATION_RECORD_H

#include "attune/allocation.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Text in memory that the caller hands in; `full` when something did not fit. Ended by a NUL while it fits. */
struct allocation_text {
  char *data;
  size_t capacity, length;
  bool full;
};

/* ---- steps ---- */

enum allocation_what {
  ALLOCATION_RULES,        /* value: hash of rules.json; wave 0 */
  ALLOCATION_ROSTER,       /* value: hash of the wave's roster */
  ALLOCATION_COMMITMENT_A, /* value: the commitment */
  ALLOCATION_COMMITMENT_B,
  ALLOCATION_DISCLOSURE_A, /* value: the 32 bytes that were committed to */
  ALLOCATION_DISCLOSURE_B,
  ALLOCATION_DERIVATION, /* text: allocation_drawn_text() */
  ALLOCATION_SLOTS,      /* value: root over the slots */
  ALLOCATION_RELEASE,    /* slot */
  ALLOCATION_MARK,       /* slot, text: why this person should not have been there; the slot stays */
  ALLOCATION_ABORT,      /* text: the reason; before the first release alone */
  ALLOCATION_LOCK,       /* wave 0, as are the next two */
  ALLOCATION_REPORT,     /* value: hash of the endorsed report on arms A and B */
  ALLOCATION_UNMASKING,  /* by one person; two are needed */
  ALLOCATION_REVEAL,     /* value: hash of the wave's reveal file; wave after wave */
  ALLOCATION_WHATS
};
extern const char *const allocation_what_name[ALLOCATION_WHATS];

#define ALLOCATION_WHO 41        /* a person's code: 1 to 40 of A-Z a-z 0-9 - _ */
#define ALLOCATION_STEP_TEXT 201 /* UTF-8 without control characters, at most 200 bytes */
#define ALLOCATION_STEPS_MAX 2000

struct allocation_step {
  int64_t time;   /* UTC milliseconds, never earlier than the step before */
  int wave, slot; /* 0 where none */
  enum allocation_what what;
  char who[ALLOCATION_WHO];
  uint8_t value[ALLOCATION_HASH];  /* where the step has one */
  char text[ALLOCATION_STEP_TEXT]; /* where the step has one */
};

/* May this step come next, after step[0 .. count - 1]? ORDER or FALSE says in one sentence why not: a disclosure
 * without both commitments, or of other bytes than were committed to; a wave while another is open; a release before
 * the slots, or of a slot already released; an abort after a release; a reveal before lock, report and two people's
 * unmasking. `sizes[wave]` is the number of slots of each wave with a roster. */
enum allocation_status allocation_step_allowed(const struct allocation_rules *rules, const struct allocation_step *step,
                                               int count, const int sizes[ALLOCATION_WAVES_MAX + 1],
                                               const struct allocation_step *next, struct allocation_error *error);
/* The step of this kind in the wave, or NULL. */
const struct allocation_step *allocation_step_find(const struct allocation_step *step, int count, int wave,
                                                   enum allocation_what what);
/* The seed of a wave whose secrets are disclosed; false when they are not. */
bool allocation_step_seed(uint8_t out[ALLOCATION_HASH], const struct allocation_rules *rules,
                          const struct allocation_step *step, int count, int wave);

/* ---- one form each ---- */

#define ALLOCATION_RULES_TEXT 2048
#define ALLOCATION_ROSTER_TEXT ((size_t)65536)
#define ALLOCATION_REVEAL_TEXT ((size_t)32768)
#define ALLOCATION_STEP_LINE 600
#define ALLOCATION_NOTE_TEXT 512

void allocation_rules_write(struct allocation_text *out, const struct allocation_rules *rules);
void allocation_roster_write(struct allocation_text *out, const struct allocation_rules *rules,
                             const struct allocation_roster *roster);
void allocation_reveal_write(struct allocation_text *out, const struct allocation_rules *rules,
                             const struct allocation_roster *roster, const uint8_t *arm,
                             const uint8_t seed[ALLOCATION_HASH]);
void allocation_steps_write(struct allocation_text *out, const struct allocation_step *step, int count);

/* One line of the steps, without its end: what a leaf of the tree holds. `number` counts from 0. */
void allocation_step_write(struct allocation_text *out, const struct allocation_step *step, int number);

/* Read exactly what the above write (TEXT names file and line), and check ranges; not order, hashes or signatures. */
enum allocation_status allocation_rules_read(struct allocation_rules *rules, const char *text, size_t length,
                                             struct allocation_error *error);
enum allocation_status allocation_roster_read(struct allocation_roster *roster, const struct allocation_rules *rules,
                                              int wave, const char *text, size_t length,
                                              struct allocation_error *error);
/* `arm` takes ALLOCATION_WAVE_MAX; the file must have `slots` of them. */
enum allocation_status allocation_reveal_read(uint8_t *arm, const struct allocation_rules *rules, int wave, int slots,
                                              const char *text, size_t length, struct allocation_error *error);
/* `step` takes `capacity` of them. */
enum allocation_status allocation_steps_read(struct allocation_step *step, int capacity, int *count, const char *text,
                                             size_t length, struct allocation_error *error);

/* ---- notes and publishing ---- */

/* The signed note over the first `count` steps: origin "attune-allocation-v1/STUDY", number of steps, root in base64,
 * an empty line, one signature. `secret` is libsodium's Ed25519 form (seed || public half). */
void allocation_note_write(struct allocation_text *out, const struct allocation_rules *rules,
                           const struct allocation_step *step, int count, const uint8_t secret[64]);
/* The line of key.txt: origin+key hash+base64(0x01 || public key). */
void allocation_key_write(struct allocation_text *out, const struct allocation_rules *rules,
                          const uint8_t public_key[32]);

struct allocation_wave {
  struct allocation_roster roster;
  uint8_t arm[ALLOCATION_WAVE_MAX]; /* of a wave that ended */
};
struct allocation_trial {
  struct allocation_rules rules;
  const struct allocation_step *step;
  int steps;
  const struct allocation_wave *wave; /* [k - 1] is wave k */
  int waves;
};
/* Takes one file; false stops everything (FULL). */
typedef bool allocation_sink(void *state, const char *name, const char *text, size_t length);
/* Writes all the files of a trial that was revealed, the only way that they are written: rehearsal and ceremony alike.
 * `memory`: allocation_publish_memory() bytes. */
size_t allocation_publish_memory(const struct allocation_trial *trial);
enum allocation_status allocation_publish(const struct allocation_trial *trial, const uint8_t secret[64],
                                          allocation_sink *sink, void *state, void *memory, size_t bytes,
                                          struct allocation_error *error);

#ifdef __cplusplus
}
#endif
#endif
