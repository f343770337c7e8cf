/* Waits whose time is over soon, which on Windows are not the system's. */
#include "os.h"
#include "check.h"

#include <fastpar.h>

static double now_ms(void)
{
  LARGE_INTEGER now, second;
  QueryPerformanceCounter(&now);
  QueryPerformanceFrequency(&second);
  return (double)now.QuadPart * 1e3 / (double)second.QuadPart;
}

typedef LONG(NTAPI *resolution_fn)(ULONG *coarsest, ULONG *finest, ULONG *now);

static ULONG resolution(void)
{
  resolution_fn query;
  ULONG coarsest = 0, finest = 0, now = 0;
  CHECK(os_symbol((void *)GetModuleHandleA("ntdll.dll"), "NtQueryTimerResolution", &query));
  CHECK_EQUAL(query(&coarsest, &finest, &now), 0);
  return now;
}

static int32_t until_told(void *told, const fastpar_chunk *chunk)
{
  (void)chunk;
  while (!os_load(told)) os_yield();
  return 0;
}

/* Nor do they change how often the system's timer ticks for the program. */
static void no_wait_ends_early(void)
{
  fastpar_queue *empty = NULL, *full = NULL;
  fastpar_job *job = NULL;
  fastpar_loop_options options;
  int32_t told = 0;
  uint64_t value = 0;
  ULONG before = resolution();
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.segments = 1;
  options.max_lanes = 1;
  CHECK_EQUAL(fastpar_queue_open(1, &empty, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_queue_open(1, &full, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_queue_push(full, 1, 0, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_for_start(&options, 1, until_told, &told, &job, NULL), FASTPAR_OK);
  while (fastpar_job_wait(job, 0, NULL) != FASTPAR_ERR_TIMEOUT) os_yield();
  for (uint64_t time = 1; time <= 40; time += 3) {
    double begin = now_ms();
    CHECK_EQUAL(fastpar_queue_pop(empty, time, &value, NULL), FASTPAR_ERR_TIMEOUT);
    CHECK(now_ms() - begin >= (double)time);
    begin = now_ms();
    CHECK_EQUAL(fastpar_queue_push(full, 2, time, NULL), FASTPAR_ERR_TIMEOUT);
    CHECK(now_ms() - begin >= (double)time);
    begin = now_ms();
    CHECK_EQUAL(fastpar_job_wait(job, time, NULL), FASTPAR_ERR_TIMEOUT);
    CHECK(now_ms() - begin >= (double)time);
  }
  CHECK_EQUAL(resolution(), before);
  os_store(&told, 1);
  CHECK_EQUAL(fastpar_job_wait(job, UINT64_MAX, NULL), FASTPAR_OK);
  fastpar_job_free(job);
  fastpar_queue_free(empty);
  fastpar_queue_free(full);
}

enum { PRODUCERS = 4, CONSUMERS = 4, EACH = 3000 };

typedef struct {
  fastpar_queue *queue;
  int32_t producers, popped, unexpected;
  int64_t sum;
} exchange;

/* Times of every length, 0 too, some of them longer than what is short. */
static void produce(void *user_data)
{
  exchange *e = user_data;
  for (uint64_t i = 1; i <= EACH; i++) {
    fastpar_status status;
    while ((status = fastpar_queue_push(e->queue, i, i % 40, NULL)) == FASTPAR_ERR_TIMEOUT) os_yield();
    if (status != FASTPAR_OK) os_add(&e->unexpected, 1);
  }
  if (os_add(&e->producers, -1) == 1) fastpar_queue_close(e->queue);
}

static void consume(void *user_data)
{
  exchange *e = user_data;
  for (uint64_t time = 0;; time = (time + 7) % 40) {
    uint64_t value = 0;
    fastpar_status status = fastpar_queue_pop(e->queue, time, &value, NULL);
    if (status == FASTPAR_OK) {
      os_add(&e->popped, 1);
      __atomic_fetch_add(&e->sum, (int64_t)value, __ATOMIC_SEQ_CST);
    } else if (status != FASTPAR_ERR_TIMEOUT) {
      if (status != FASTPAR_ERR_CLOSED) os_add(&e->unexpected, 1);
      return;
    }
  }
}

static void every_value_comes_once(void)
{
  exchange e = {NULL, PRODUCERS, 0, 0, 0};
  os_thread threads[PRODUCERS + CONSUMERS];
  CHECK_EQUAL(fastpar_queue_open(2, &e.queue, NULL), FASTPAR_OK);
  for (int i = 0; i < PRODUCERS + CONSUMERS; i++) os_start(&threads[i], i < PRODUCERS ? produce : consume, &e);
  for (int i = 0; i < PRODUCERS + CONSUMERS; i++) os_join(&threads[i]);
  CHECK_EQUAL(e.popped, PRODUCERS * EACH);
  CHECK_EQUAL(e.sum, (int64_t)PRODUCERS * EACH * (EACH + 1) / 2);
  CHECK_EQUAL(e.unexpected, 0);
  fastpar_queue_free(e.queue);
}

static int32_t nothing(void *user_data, const fastpar_chunk *chunk)
{
  (void)user_data;
  (void)chunk;
  return 0;
}

/* Of many short jobs: by several waits, the last of which may begin as the job ends. */
static void a_job_that_ends_is_seen(void)
{
  for (int i = 0; i < 500; i++) {
    fastpar_job *job = NULL;
    fastpar_status status;
    CHECK_EQUAL(fastpar_for_start(NULL, 2400, nothing, NULL, &job, NULL), FASTPAR_OK);
    do {
      status = fastpar_job_wait(job, 1 + (uint64_t)i % 40, NULL);
    } while (status == FASTPAR_ERR_TIMEOUT);
    CHECK_EQUAL(status, FASTPAR_OK);
    fastpar_job_free(job);
  }
}

int main(void)
{
  RUN(no_wait_ends_early);
  RUN(every_value_comes_once);
  RUN(a_job_that_ends_is_seen);
  return FINISH();
}
