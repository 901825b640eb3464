/* Blocks of patients through several threads. The caller's thread reads them, meets them and writes their text, all in
 * the file's order, and between lends a hand with the judging; so the bytes are the same for any number of threads. Not
 * more blocks are under way than there are slots: memory does not grow with the file. */
#include <pthread.h>
#include <stdlib.h>

#include "cli/detect.h"

struct slot {
  struct input_block block;
  struct run_block judged;
  struct arena arena; /* of the text */
  struct buf text;
  bool done;
  enum err err;
  struct error error;
};

struct flow {
  struct run *run;
  const struct output *output;
  FILE *to;
  struct slot *slots;
  size_t slot_count;
  /* Blocks by number: [0, written) are written, [written, taken) are judged or being judged, [taken, met) wait. */
  size_t written, taken, met;
  bool over;
  pthread_mutex_t mutex;
  pthread_cond_t waiting, judged;
};

static struct slot *slot_of(const struct flow *flow, size_t number) {
  return &flow->slots[number % flow->slot_count];
}

/* Judges the next block that waits. Called with the mutex held. */
static void judge_next(struct flow *flow) {
  size_t number = flow->taken++;
  struct slot *slot = slot_of(flow, number);
  pthread_mutex_unlock(&flow->mutex);
  arena_reset(&slot->arena);
  slot->text = buf_in(&slot->arena, slot->text.length + slot->text.length / 8);
  slot->err = run_judge(flow->run, &slot->judged, &slot->block, &slot->error);
  if (!slot->err) output_block(flow->output, &slot->text, &slot->judged, &slot->block, number == 0);
  pthread_mutex_lock(&flow->mutex);
  slot->done = true;
  pthread_cond_signal(&flow->judged);
}

static void *judge_all(void *argument) {
  struct flow *flow = argument;
  pthread_mutex_lock(&flow->mutex);
  while (!flow->over) {
    if (flow->taken < flow->met)
      judge_next(flow);
    else
      pthread_cond_wait(&flow->waiting, &flow->mutex);
  }
  pthread_mutex_unlock(&flow->mutex);
  return NULL;
}

enum err text_write(const struct buf *text, FILE *to, struct error *error) {
  if (fwrite(text->data, 1, text->length, to) == text->length) return OK;
  return fail(error, ERR_STORE, "detect-write", "", "the findings could not be written");
}

/* Writes the blocks that are judged, up to the first that is not. Called with the mutex held. */
static enum err write_judged(struct flow *flow, struct error *error) {
  while (flow->written < flow->taken && slot_of(flow, flow->written)->done) {
    struct slot *slot = slot_of(flow, flow->written);
    pthread_mutex_unlock(&flow->mutex);
    if (slot->err) *error = slot->error;
    enum err err = slot->err ? slot->err : text_write(&slot->text, flow->to, error);
    pthread_mutex_lock(&flow->mutex);
    if (err) return err;
    slot->done = false;
    flow->written++;
  }
  return OK;
}

/* Reads the next block, if there is one, and puts it with those that wait. Called with the mutex held. */
static enum err meet_next(struct flow *flow, struct input *input, bool *more, struct error *error) {
  struct slot *slot = slot_of(flow, flow->met);
  pthread_mutex_unlock(&flow->mutex);
  enum err err = flow->met ? input_fill(input, &slot->block, SIZE_MAX, error) : OK; /* the first was read before */
  if (!err && slot->block.count) err = run_meet(flow->run, &slot->judged, &slot->block, error);
  pthread_mutex_lock(&flow->mutex);
  *more = !err && slot->block.count;
  if (!*more) return err;
  flow->met++;
  pthread_cond_signal(&flow->waiting);
  return OK;
}

/* After an error in the file what was read before it is written still. */
static enum err flow_run(struct flow *flow, struct input *input, struct error *error) {
  enum err err = OK, fault = OK;
  bool more = true;
  pthread_mutex_lock(&flow->mutex);
  for (;;) {
    if ((err = write_judged(flow, error))) break;
    if (more && flow->met - flow->written < flow->slot_count)
      fault = meet_next(flow, input, &more, error);
    else if (flow->written == flow->met)
      break;
    else if (flow->taken < flow->met)
      judge_next(flow);
    else if (!slot_of(flow, flow->written)->done)
      pthread_cond_wait(&flow->judged, &flow->mutex);
  }
  pthread_mutex_unlock(&flow->mutex);
  return err ? err : fault;
}

static void slots_free(struct flow *flow) {
  for (size_t k = 0; k < flow->slot_count; k++) {
    block_free(&flow->slots[k].block);
    run_block_free(&flow->slots[k].judged);
    arena_free(&flow->slots[k].arena);
  }
  free(flow->slots);
}

enum err flow(const struct flowing *flowing, struct error *error) {
  size_t helpers = flowing->threads - 1, started = 0;
  struct flow flow = {.run = flowing->run,
                      .output = flowing->output,
                      .to = flowing->to,
                      .slot_count = helpers ? helpers + 2 : 1};
  pthread_t *helper = calloc(helpers + 1, sizeof *helper);
  flow.slots = calloc(flow.slot_count, sizeof *flow.slots);
  if (!helper || !flow.slots) die("out of memory judging ratings");
  flow.slots[0].block = *flowing->block;
  *flowing->block = (struct input_block){0};
  pthread_mutex_init(&flow.mutex, NULL);
  pthread_cond_init(&flow.waiting, NULL);
  pthread_cond_init(&flow.judged, NULL);
  while (started < helpers && !pthread_create(&helper[started], NULL, judge_all, &flow)) started++;
  enum err err = text_write(flowing->head, flowing->to, error);
  if (!err) err = flow_run(&flow, flowing->input, error);
  pthread_mutex_lock(&flow.mutex);
  flow.over = true;
  pthread_cond_broadcast(&flow.waiting);
  pthread_mutex_unlock(&flow.mutex);
  for (size_t k = 0; k < started; k++) pthread_join(helper[k], NULL);
  pthread_cond_destroy(&flow.judged);
  pthread_cond_destroy(&flow.waiting);
  pthread_mutex_destroy(&flow.mutex);
  slots_free(&flow);
  free(helper);
  return err;
}
