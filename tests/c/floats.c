/* The caller's floating-point environment goes with its job, and stays as it is in every thread. */
#include "os.h"
#include "check.h"

#include <fastpar.h>
#include <fenv.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#define TERMS 240000
#define REDUCTIONS 200

/* volatile: one rounding for each step, whatever the optimizer thinks. */
static int32_t add_thirds(void *user_data, const fastpar_chunk *chunk, void *accumulator)
{
  volatile float *sum = accumulator;
  (void)user_data;
  for (size_t i = chunk->begin; i < chunk->end; i++) *sum += 1.0f / (float)(i + 1);
  return 0;
}

static int32_t count_denormals(void *user_data, const fastpar_chunk *chunk, void *accumulator)
{
  volatile float *sum = accumulator;
  (void)user_data;
  for (size_t i = chunk->begin; i < chunk->end; i++) {
    volatile float denormal = 1e-39f;
    *sum += (float)(denormal * 0.5f != 0.0f);
  }
  return 0;
}

static int32_t add_floats(void *user_data, void *into, const void *from)
{
  volatile float *sum = into;
  (void)user_data;
  *sum += *(const float *)from;
  return 0;
}

static uint32_t reduced(fastpar_fold_fn fold)
{
  float sum = 0;
  uint32_t bits;
  CHECK_EQUAL(fastpar_reduce(NULL, TERMS, fold, add_floats, NULL, &sum, sizeof sum, NULL), FASTPAR_OK);
  memcpy(&bits, &sum, sizeof bits);
  return bits;
}

static void rounding_goes_with_the_job(void)
{
  uint32_t nearest = reduced(add_thirds), upward;
  CHECK_EQUAL(fesetround(FE_UPWARD), 0);
  upward = reduced(add_thirds);
  CHECK(upward > nearest);
  for (int i = 1; i < REDUCTIONS; i++) CHECK_EQUAL(reduced(add_thirds), upward);
  CHECK_EQUAL(fegetround(), FE_UPWARD);
  CHECK_EQUAL(fesetround(FE_TONEAREST), 0);
  /* No worker has kept it. */
  for (int i = 0; i < REDUCTIONS; i++) CHECK_EQUAL(reduced(add_thirds), nearest);
}

static int32_t chunk_that_rounds_down(void *user_data, const fastpar_chunk *chunk)
{
  (void)chunk;
  if (fastpar_pool_worker() >= 0) {
    os_add(user_data, 1);
    fesetround(FE_DOWNWARD);
  } else {
    for (int i = 0; i < 60000 && os_load(user_data) == 0; i++) os_sleep_ms(1);
  }
  return 0;
}

static void a_callbacks_rounding_stays_in_its_call(void)
{
  int32_t workers = 0;
  uint32_t nearest = reduced(add_thirds);
  CHECK_EQUAL(fastpar_for(NULL, 24, chunk_that_rounds_down, &workers, NULL), FASTPAR_OK);
  CHECK(workers > 0);
  for (int i = 0; i < REDUCTIONS; i++) CHECK_EQUAL(reduced(add_thirds), nearest);
}

static int32_t fold_that_rounds_down(void *user_data, const fastpar_chunk *chunk, void *accumulator)
{
  (void)user_data, (void)chunk, (void)accumulator;
  fesetround(FE_DOWNWARD);
  return 0;
}

static int32_t combine_that_rounds_down(void *user_data, void *into, const void *from)
{
  (void)into;
  return fold_that_rounds_down(user_data, NULL, (void *)from);
}

static int32_t combine_nothing(void *user_data, void *into, const void *from)
{
  (void)user_data, (void)into, (void)from;
  return 0;
}

static int32_t lone_chunk_that_rounds_down(void *user_data, const fastpar_chunk *chunk)
{
  return fold_that_rounds_down(user_data, chunk, NULL);
}

static int32_t member_that_rounds_down(void *user_data, fastpar_team *team, uint32_t member, uint32_t members)
{
  (void)team, (void)member, (void)members;
  return fold_that_rounds_down(user_data, NULL, NULL);
}

static void a_callbacks_rounding_does_not_stay_with_the_caller(void)
{
  char none = 0;
  for (size_t count = 1; count <= 24; count += 23) {
    CHECK_EQUAL(fastpar_for(NULL, count, lone_chunk_that_rounds_down, NULL, NULL), FASTPAR_OK);
    CHECK_EQUAL(fegetround(), FE_TONEAREST);
    CHECK_EQUAL(fastpar_reduce(NULL, count, fold_that_rounds_down, combine_nothing, NULL, &none, 1, NULL), FASTPAR_OK);
    CHECK_EQUAL(fegetround(), FE_TONEAREST);
  }
  CHECK_EQUAL(fastpar_reduce(NULL, 24, fold_that_rounds_down, combine_that_rounds_down, NULL, &none, 1, NULL), FASTPAR_OK);
  CHECK_EQUAL(fegetround(), FE_TONEAREST);
  CHECK_EQUAL(fastpar_team_run(4, member_that_rounds_down, NULL, NULL), FASTPAR_OK);
  CHECK_EQUAL(fegetround(), FE_TONEAREST);
}

static struct {
  int32_t workers, others;
} hooked;

static void look_at_rounding(void *user_data, uint32_t worker)
{
  (void)user_data, (void)worker;
  os_add(&hooked.workers, 1);
  if (fegetround() != FE_TONEAREST) os_add(&hooked.others, 1);
}

static void workers_do_not_inherit_rounding(void)
{
  CHECK_EQUAL(fastpar_pool_shutdown(NULL), FASTPAR_OK);
  CHECK_EQUAL(fesetround(FE_UPWARD), 0);
  CHECK_EQUAL(fastpar_pool_start(NULL, NULL), FASTPAR_OK);
  CHECK_EQUAL(fesetround(FE_TONEAREST), 0);
  CHECK_EQUAL(fastpar_pool_hook(look_at_rounding, NULL, NULL, NULL), FASTPAR_OK);
  CHECK_EQUAL(os_load(&hooked.workers), (int32_t)fastpar_pool_threads());
  CHECK_EQUAL(os_load(&hooked.others), 0);
}

static int32_t chunk_with_rounding(void *user_data, const fastpar_chunk *chunk)
{
  (void)chunk;
  if (fegetround() != FE_UPWARD) os_add(user_data, 1);
  return 0;
}

static int32_t member_with_rounding(void *user_data, fastpar_team *team, uint32_t member, uint32_t members)
{
  (void)team, (void)member, (void)members;
  if (fegetround() != FE_UPWARD) os_add(user_data, 1);
  return 0;
}

static int32_t report_with_rounding(void *user_data, uint64_t done, uint64_t total)
{
  (void)done, (void)total;
  return chunk_with_rounding(user_data, NULL);
}

static void notification_with_rounding(void *user_data, fastpar_status status, const fastpar_error *error)
{
  (void)error;
  if (status != FASTPAR_OK) os_add(user_data, 1);
  chunk_with_rounding(user_data, NULL);
}

static void jobs_and_teams_have_it_too(void)
{
  int32_t others = 0;
  fastpar_job *job = NULL;
  fastpar_loop_options options = {0};
  options.struct_size = sizeof options;
  options.progress = report_with_rounding;
  options.progress_data = &others;
  CHECK_EQUAL(fesetround(FE_UPWARD), 0);
  CHECK_EQUAL(fastpar_team_run(0, member_with_rounding, &others, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_for_start(&options, 240, chunk_with_rounding, &others, &job, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_job_notify(job, notification_with_rounding, &others, NULL), FASTPAR_OK);
  CHECK_EQUAL(fesetround(FE_TONEAREST), 0);
  /* Whoever waits helps, with the environment of the one that started the job, and has its own afterwards. */
  CHECK_EQUAL(fastpar_job_wait(job, UINT64_MAX, NULL), FASTPAR_OK);
  CHECK_EQUAL(fegetround(), FE_TONEAREST);
  fastpar_job_free(job);
  CHECK_EQUAL(others, 0);
}

static int32_t task_with_rounding(void *item, fastpar_group *group, uint32_t lane)
{
  (void)group, (void)lane;
  return chunk_with_rounding(item, NULL);
}

/* What it does to its own rounding while it waits is nothing to the tasks that run on top of it. */
static int32_t task_that_waits(void *item, fastpar_group *group, uint32_t lane)
{
  task_with_rounding(item, group, lane);
  fesetround(FE_DOWNWARD);
  for (int i = 0; i < 24; i++) CHECK_EQUAL(fastpar_group_spawn(group, task_with_rounding, item, NULL), FASTPAR_OK);
  CHECK_EQUAL(fastpar_group_wait(group, NULL), FASTPAR_OK);
  CHECK_EQUAL(fegetround(), FE_DOWNWARD);
  return 0;
}

static void tasks_have_it_too(void)
{
  int32_t others = 0;
  fastpar_group_options options = {0};
  options.struct_size = sizeof options;
  for (options.max_lanes = 0; options.max_lanes < 2; options.max_lanes++) {
    CHECK_EQUAL(fesetround(FE_UPWARD), 0);
    CHECK_EQUAL(fastpar_group_run(&options, task_that_waits, &others, NULL), FASTPAR_OK);
    CHECK_EQUAL(fegetround(), FE_UPWARD);
    CHECK_EQUAL(fesetround(FE_TONEAREST), 0);
  }
  CHECK_EQUAL(others, 0);
}

#if defined(__x86_64__)
typedef unsigned float_control;
#define FLUSHING 0x8040u /* flush to zero, denormals are zero */
static float_control control(void) { return _mm_getcsr(); }
static void set_control(float_control value) { _mm_setcsr(value); }
#elif defined(__aarch64__)
typedef uint64_t float_control;
#define FLUSHING 0x1000000u /* flush to zero, denormals too */
static float_control control(void)
{
  float_control value;
  __asm__ volatile("mrs %0, fpcr" : "=r"(value));
  return value;
}
static void set_control(float_control value) { __asm__ volatile("msr fpcr, %0" : : "r"(value) : "memory"); }
#endif

#ifdef FLUSHING
static void flushing_to_zero_goes_with_the_job(void)
{
  float_control before = control();
  float none = 0, all = TERMS;
  uint32_t bits;
  set_control(before | FLUSHING);
  memcpy(&bits, &none, sizeof bits);
  for (int i = 0; i < REDUCTIONS; i++) CHECK_EQUAL(reduced(count_denormals), bits);
  CHECK_EQUAL(control() & FLUSHING, FLUSHING);
  set_control(before);
  memcpy(&bits, &all, sizeof bits);
  for (int i = 0; i < REDUCTIONS; i++) CHECK_EQUAL(reduced(count_denormals), bits);
}
#endif

#if defined(__x86_64__)
#define SAMPLES 400
#define SAMPLE 500

/* With every exception unmasked: whatever rounds in the library ends the program. */
static void the_library_raises_no_exception_of_its_own(void)
{
  static unsigned char samples[SAMPLES * SAMPLE], packed[2 * sizeof samples], dict[16384];
  static size_t sizes[SAMPLES];
  unsigned before = _mm_getcsr();
  size_t written = 0, restored = 0, trained = 0;
  fastpar_pool_stats stats = {0};
  fastpar_file_stats file_stats = {0};
  fastpar_zstd_options options = {0};
  fastpar_status status[7];
  FILE *file = fopen("floats.src", "wb");
  options.struct_size = sizeof options;
  options.frame_size = 10007;
  stats.struct_size = sizeof stats;
  file_stats.struct_size = sizeof file_stats;
  for (size_t i = 0; i < sizeof samples; i++) samples[i] = (unsigned char)(i * i / 7 % 61 + i % 13);
  for (int i = 0; i < SAMPLES; i++) sizes[i] = SAMPLE;
  CHECK(file != NULL && fwrite(samples, 1, sizeof samples, file) == sizeof samples && fclose(file) == 0);
  _mm_setcsr(0); /* nothing masked, nothing raised */
  status[0] = fastpar_compress(&options, samples, sizeof samples, packed, sizeof packed, &written, NULL);
  status[1] = fastpar_decompress(NULL, packed, written, samples, sizeof samples, &restored, NULL);
  status[2] = fastpar_dict_train(samples, sizes, SAMPLES, dict, sizeof dict, &trained, NULL);
  status[3] = fastpar_compress_file(NULL, "floats.src", "floats.zst", &file_stats, NULL);
  status[4] = fastpar_decompress_file(NULL, "floats.zst", "floats.out", &file_stats, NULL);
  status[5] = fastpar_pool_stats_read(&stats, NULL);
  status[6] = fastpar_cpus() > 0 ? FASTPAR_OK : FASTPAR_ERR_INTERNAL;
  _mm_setcsr(before);
  for (int i = 0; i < 7; i++) CHECK_EQUAL(status[i], FASTPAR_OK);
  CHECK_EQUAL(restored, sizeof samples);
  CHECK(file_stats.seconds > 0 && trained > 0 && stats.codec_ns > 0);
  remove("floats.src");
  remove("floats.zst");
  remove("floats.out");
}
#endif

int main(void)
{
  RUN(rounding_goes_with_the_job);
  RUN(a_callbacks_rounding_stays_in_its_call);
  RUN(a_callbacks_rounding_does_not_stay_with_the_caller);
  RUN(workers_do_not_inherit_rounding);
  RUN(jobs_and_teams_have_it_too);
  RUN(tasks_have_it_too);
#ifdef FLUSHING
  RUN(flushing_to_zero_goes_with_the_job);
#endif
#if defined(__x86_64__)
  RUN(the_library_raises_no_exception_of_its_own);
#endif
  return FINISH();
}
