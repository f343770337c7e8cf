/* One frame, in memory: libzstd's one context beside fastpar, in turn in one process; prints one line of
   JSON.

   frame compress FILE LEVEL SECTION ROUNDS      SECTION: bytes that are compressed at a time, at this level
   frame decompress FILE BYTES ROUNDS            FILE is one frame, BYTES its content's size

   Each round runs libzstd, fastpar with all lanes, fastpar with one lane, and, to compress, a context a CPU
   on parts of the data (limit.h): the machine's limit. Told are the median seconds of each, the medians of
   the rounds' ratios to libzstd, the process's CPU seconds of a call, and the sizes. Compressing with one
   lane tells how long each section took too. The memory was written before. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "fastpar.h"
#include "limit.h"

enum { WAYS = 4, LIMIT = 3, PARTS = 24, MOST_ROUNDS = 64, MOST_SECTIONS = 4096 };

static const char *const names[WAYS] = {"libzstd", "fastpar", "one_lane", "limit"};
static ZSTD_CCtx *cctx;
static ZSTD_DCtx *dctx;
static int compressing, level, rounds;
static unsigned char *from, *to;
static size_t from_len, room, written[WAYS];
static double sections[MOST_SECTIONS], last_end;
static uint64_t section;
static int sections_len;

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double cpu(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* With one lane the sections end one after the other. Reports are rare where sections are fast: then
   several share the time. */
static int32_t progress(void *user_data, uint64_t done, uint64_t total) {
    (void)user_data;
    double time = now();
    int ended = (int)((done == total ? done + section - 1 : done) / section), more = ended - sections_len;
    if (more <= 0 || ended > MOST_SECTIONS) return 0;
    for (int i = 0; i < more; i++) sections[sections_len++] = (time - last_end) / more;
    last_end = time;
    return 0;
}

static size_t libzstd_call(void) {
    size_t len = compressing ? ZSTD_compress2(cctx, to, room, from, from_len) : ZSTD_decompressDCtx(dctx, to, room, from, from_len);
    if (ZSTD_isError(len)) fail(ZSTD_getErrorName(len));
    return len;
}

static size_t fastpar_call(uint32_t lanes) {
    fastpar_zstd_options options = {.struct_size = sizeof options, .level = level, .max_lanes = lanes};
    options.window_log = compressing ? 0 : 31;
    options.flags = FASTPAR_ZSTD_SINGLE_FRAME;
    if (lanes == 1 && compressing) {
        sections_len = 0;
        last_end = now();
        options.progress = progress;
    }
    fastpar_error error;
    size_t len;
    fastpar_status status = compressing ? fastpar_compress(&options, from, from_len, to, room, &len, &error)
                                        : fastpar_decompress(&options, from, from_len, to, room, &len, &error);
    if (status != FASTPAR_OK) fail(error.message);
    return len;
}

/* Parts of the data, each to a frame of its own. */
static size_t limit_call(void) {
    struct limit_part parts[PARTS];
    size_t each = from_len / PARTS + 1, space = room / PARTS, count = 0;
    for (size_t at = 0; at < from_len; at += each, count++) {
        size_t len = from_len - at < each ? from_len - at : each;
        parts[count] = (struct limit_part){.src = from + at, .src_len = len, .dst = to + count * space, .capacity = space};
    }
    return limit_run(parts, count, 1, level);
}

static size_t run(int way) {
    if (way == LIMIT) return limit_call();
    return way == 0 ? libzstd_call() : fastpar_call(way == 1 ? 0 : 1);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values) {
    qsort(values, (size_t)rounds, sizeof *values, by_value);
    return rounds % 2 ? values[rounds / 2] : (values[rounds / 2 - 1] + values[rounds / 2]) / 2;
}

static void read_file(const char *path) {
    struct stat data;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &data) != 0) fail(path);
    from_len = (size_t)data.st_size;
    from = malloc(from_len + 1);
    if (from == NULL || fread(from, 1, from_len, file) != from_len) fail(path);
    fclose(file);
}

int main(int argc, char **argv) {
    if (argc < 5) return 2;
    compressing = strcmp(argv[1], "compress") == 0;
    rounds = atoi(argv[argc - 1]);
    if (rounds < 1 || rounds > MOST_ROUNDS) return 2;
    read_file(argv[2]);
    cctx = ZSTD_createCCtx();
    dctx = ZSTD_createDCtx();
    if (compressing) {
        if (argc < 6) return 2;
        level = atoi(argv[3]);
        section = (uint64_t)atoll(argv[4]);
        room = ZSTD_compressBound(from_len) + (1 << 20);
        ZSTD_CCtx_setParameter(cctx, ZSTD_c_compressionLevel, level);
        ZSTD_CCtx_setParameter(cctx, ZSTD_c_checksumFlag, 1); /* fastpar writes it too */
    } else {
        room = (size_t)atoll(argv[3]);
        ZSTD_DCtx_setParameter(dctx, ZSTD_d_windowLogMax, 31);
    }
    to = malloc(room);
    if (to == NULL) fail("out of memory");
    memset(to, 1, room);
    static double wall[WAYS][MOST_ROUNDS], used[WAYS][MOST_ROUNDS], ratio[WAYS][MOST_ROUNDS];
    int ways = compressing ? WAYS : LIMIT;
    run(1); /* threads */
    for (int round = 0; round < rounds; round++) {
        for (int place = 0; place < ways; place++) {
            int way = (round + place) % ways;
            double start = now(), before = cpu();
            written[way] = run(way);
            wall[way][round] = now() - start;
            used[way][round] = cpu() - before;
        }
        for (int way = 0; way < ways; way++) ratio[way][round] = wall[0][round] / wall[way][round];
    }
    printf("{\"bytes\": %zu", compressing ? from_len : room);
    for (int way = 0; way < ways; way++) {
        printf(", \"%s\": {\"seconds\": %.6f, \"cpu_seconds\": %.6f, \"speed_up\": %.4f, \"bytes\": %zu}", names[way],
               median(wall[way]), median(used[way]), median(ratio[way]), written[way]);
    }
    if (compressing) {
        printf(", \"sections\": [");
        for (int i = 0; i < sections_len; i++) printf("%s%.6f", i ? ", " : "", sections[i]);
        printf("]");
    }
    printf("}\n");
    return 0;
}
