/* Counts the bytes of a file in parallel, compresses it in parallel, and measures both.
 *
 *     bytes FILE [OUTPUT.zst]
 *
 * Build it, after `cargo xtask build`, in the repository's root:
 *
 *     cc -O2 examples/c/bytes.c -Itarget/fastpar/include -Ltarget/fastpar/lib -lfastpar \
 *        -Wl,-rpath,$PWD/target/fastpar/lib -o bytes
 */
#include <fastpar.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef _WIN32 /* its older C library has no timespec_get */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#endif

typedef struct buffer {
  unsigned char *data;
  size_t size;
} buffer;

/* ---- counting: every lane has a table of its own, so no two threads ever write to the same memory ---- */

typedef struct table {
  uint64_t counts[256];
} table;

typedef struct counting {
  const unsigned char *data;
  table *tables; /* one for each lane */
} counting;

static int32_t count_chunk(void *user_data, const fastpar_chunk *chunk)
{
  const counting *job = user_data;
  uint64_t *counts = job->tables[chunk->lane].counts;
  for (size_t i = chunk->begin; i < chunk->end; i++) counts[job->data[i]]++;
  return 0;
}

/* Counts into `result`; 24 chunks, on at most `max_lanes` threads, 0: on all of the pool. */
static fastpar_status count_bytes(const buffer *input, uint32_t max_lanes, table *result, fastpar_error *error)
{
  fastpar_loop_options options = {0};
  options.struct_size = sizeof options;
  options.max_lanes = max_lanes;

  /* The plan tells how many lanes there will be. */
  fastpar_plan plan = {0};
  plan.struct_size = sizeof plan;
  fastpar_status status = fastpar_plan_make(&options, input->size, &plan, error);
  if (status != FASTPAR_OK) return status;

  counting job = {input->data, calloc(plan.lanes, sizeof(table))};
  if (!job.tables) {
    snprintf(error->message, sizeof error->message, "no memory for %u tables", (unsigned)plan.lanes);
    return FASTPAR_ERR_OUT_OF_MEMORY;
  }
  status = fastpar_for(&options, input->size, count_chunk, &job, error);

  memset(result, 0, sizeof *result);
  for (uint32_t lane = 0; lane < plan.lanes; lane++) {
    for (int byte = 0; byte < 256; byte++) result->counts[byte] += job.tables[lane].counts[byte];
  }
  free(job.tables);
  return status;
}

/* ---- files ---- */

static int read_file(const char *path, buffer *content)
{
  FILE *file = fopen(path, "rb");
  if (!file) return 0;
  size_t capacity = 0;
  for (;;) {
    if (content->size == capacity) {
      capacity = capacity ? capacity * 2 : 1 << 20;
      unsigned char *larger = realloc(content->data, capacity);
      if (!larger) break;
      content->data = larger;
    }
    size_t got = fread(content->data + content->size, 1, capacity - content->size, file);
    if (got == 0) break;
    content->size += got;
  }
  int ok = feof(file) && !ferror(file);
  fclose(file);
  return ok;
}

static int write_file(const char *path, const buffer *content)
{
  FILE *file = fopen(path, "wb");
  if (!file) return 0;
  int ok = fwrite(content->data, 1, content->size, file) == content->size;
  return fclose(file) == 0 && ok; /* a full disk may show only here */
}

/* ---- measuring ---- */

enum { ROUNDS = 3 }; /* the best of them counts: other programs run too */

typedef struct times {
  double count, compress, decompress; /* seconds, 0: not measured yet */
} times;

static double now(void)
{
#ifdef _WIN32
  LARGE_INTEGER ticks, frequency;
  QueryPerformanceCounter(&ticks);
  QueryPerformanceFrequency(&frequency);
  return (double)ticks.QuadPart / (double)frequency.QuadPart;
#else
  struct timespec time;
  timespec_get(&time, TIME_UTC);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
#endif
}

static void keep_best(double *best, double seconds)
{
  if (*best == 0 || seconds < *best) *best = seconds;
}

static int failed(const char *what, fastpar_status status, const fastpar_error *error)
{
  fprintf(stderr, "%s: %s: %s\n", what, fastpar_status_name(status), error->message);
  return 0;
}

/* Does everything once on at most `max_lanes` threads. `packed` has room for the bound, `restored` for the
   input. */
static int measure(const buffer *input, uint32_t max_lanes, buffer *packed, size_t bound, buffer *restored, table *counts,
                   times *best)
{
  fastpar_error error;
  fastpar_zstd_options options = {0};
  options.struct_size = sizeof options;
  options.max_lanes = max_lanes;

  double start = now();
  fastpar_status status = count_bytes(input, max_lanes, counts, &error);
  if (status != FASTPAR_OK) return failed("counting", status, &error);
  keep_best(&best->count, now() - start);

  start = now();
  status = fastpar_compress(&options, input->data, input->size, packed->data, bound, &packed->size, &error);
  if (status != FASTPAR_OK) return failed("compressing", status, &error);
  keep_best(&best->compress, now() - start);

  start = now();
  status = fastpar_decompress(&options, packed->data, packed->size, restored->data, input->size, &restored->size, &error);
  if (status != FASTPAR_OK) return failed("decompressing", status, &error);
  keep_best(&best->decompress, now() - start);

  if (restored->size != input->size || memcmp(restored->data, input->data, input->size) != 0) {
    fprintf(stderr, "decompressing gave other bytes\n");
    return 0;
  }
  return 1;
}

static void print_row(const char *what, size_t bytes, double one, double all)
{
  double megabytes = (double)bytes / 1e6;
  printf("%-12s %9.0f %9.0f %8.2f\n", what, megabytes / one, megabytes / all, one / all);
}

static void print_results(const buffer *input, const buffer *packed, const table *counts, const times *one, const times *all)
{
  int commonest = 0, different = 0;
  for (int byte = 0; byte < 256; byte++) {
    if (counts->counts[byte] > counts->counts[commonest]) commonest = byte;
    if (counts->counts[byte] > 0) different++;
  }
  fastpar_plan plan = {0};
  plan.struct_size = sizeof plan;
  fastpar_plan_make(NULL, input->size, &plan, NULL);

  printf("%zu bytes, %d different values, the commonest is 0x%02x (%.1f %%)\n", input->size, different,
         (unsigned)commonest, 100.0 * (double)counts->counts[commonest] / (double)(input->size ? input->size : 1));
  printf("compressed to %zu bytes, ratio %.2f, and back again\n", packed->size,
         (double)input->size / (double)packed->size);
  printf("%u threads, %zu chunks\n\n", (unsigned)fastpar_pool_threads(), plan.chunks);
  printf("MB/s          one lane all lanes speed-up\n");
  print_row("count bytes", input->size, one->count, all->count);
  print_row("compress", input->size, one->compress, all->compress);
  print_row("decompress", input->size, one->decompress, all->decompress);
}

int main(int argc, char **argv)
{
  if (argc < 2 || argc > 3) {
    fprintf(stderr, "usage: %s FILE [OUTPUT.zst]\n", argv[0]);
    return 2;
  }
  int ok = 0;
  buffer input = {0}, packed = {0}, restored = {0};
  fastpar_error error;

  if (!read_file(argv[1], &input)) {
    fprintf(stderr, "%s: cannot be read\n", argv[1]);
    goto done;
  }
  size_t bound;
  fastpar_status status = fastpar_compress_bound(NULL, input.size, &bound, &error);
  if (status == FASTPAR_OK) status = fastpar_pool_start(NULL, &error); /* so that starting it is not measured */
  if (status != FASTPAR_OK) {
    failed("preparing", status, &error);
    goto done;
  }
  packed.data = malloc(bound);
  restored.data = malloc(input.size ? input.size : 1);
  if (!packed.data || !restored.data) {
    fprintf(stderr, "no memory for %zu bytes\n", bound + input.size);
    goto done;
  }
  /* Memory that was never written is slow the first time: not what is to be measured. */
  memset(packed.data, 1, bound);
  memset(restored.data, 1, input.size);

  table counts_one, counts_all;
  times one = {0}, all = {0};
  for (int round = 0; round < ROUNDS; round++) {
    if (!measure(&input, 1, &packed, bound, &restored, &counts_one, &one)) goto done;
    if (!measure(&input, 0, &packed, bound, &restored, &counts_all, &all)) goto done;
  }
  if (memcmp(&counts_one, &counts_all, sizeof counts_one) != 0) {
    fprintf(stderr, "one lane and all lanes count differently\n");
    goto done;
  }
  print_results(&input, &packed, &counts_all, &one, &all);
  if (argc == 3 && !write_file(argv[2], &packed)) {
    fprintf(stderr, "%s: cannot be written\n", argv[2]);
    goto done;
  }
  ok = 1;

done:
  free(input.data);
  free(packed.data);
  free(restored.data);
  return ok ? 0 : 1;
}
