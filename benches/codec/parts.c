/* Measures what works on parts of data beside one libzstd context on one thread, and prints one line of JSON.

   parts batch FILE ITEM_BYTES ITEMS    compresses and decompresses items of FILE, each by itself, in one
                                        call; and by one thread a processor with a context of its own
                                        (limit.h)
   parts archive FILE FRAME_BYTES       reads 64 KiB at 400 places of FILE's compressed form, none of them
                                        twice
   parts large FILE                     reads 1 MiB at all places of 200 MB in one frame of libzstd's, out of
                                        order, by loops of 1, 2, 4 and 24 lanes

   Medians of repeated runs, the contestants in turn. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zstd.h>

#include "fastpar.h"
#include "limit.h"

enum { ROUNDS = 9, READ = 64 << 10, READS = 400, LARGE_ROUNDS = 5, LARGE_READ = 1 << 20 };

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void check(fastpar_status status, const fastpar_error *error) {
    if (status != FASTPAR_OK) fail(error->message);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}

/* At most `limit` bytes of a file. */
static unsigned char *read_file(const char *path, size_t limit, size_t *size) {
    unsigned char *data = malloc(limit);
    FILE *file = fopen(path, "rb");
    if (file == NULL || data == NULL) fail(path);
    *size = fread(data, 1, limit, file);
    fclose(file);
    return data;
}

static fastpar_error error;
static fastpar_zstd_options options = {.struct_size = sizeof options};
static ZSTD_CCtx *cctx;
static ZSTD_DCtx *dctx;

static void batch(const char *path, size_t each, size_t count) {
    size_t size, bound, failed;
    unsigned char *data = read_file(path, each * count, &size);
    count = size / each;
    check(fastpar_compress_bound(&options, each, &bound, &error), &error);
    unsigned char *packed = malloc(bound * count), *back = malloc(each * count), *other = malloc(bound);
    fastpar_batch_item *pack = calloc(count, sizeof *pack), *unpack = calloc(count, sizeof *unpack);
    struct limit_part *pack_limit = calloc(count, sizeof *pack_limit), *unpack_limit = calloc(count, sizeof *unpack_limit);
    if (!packed || !back || !other || !pack || !unpack || !pack_limit || !unpack_limit) fail("out of memory");
    memset(packed, 1, bound * count);
    memset(back, 1, each * count);
    for (size_t i = 0; i < count; i++) {
        pack[i].src = data + i * each;
        pack[i].src_len = each;
        pack[i].dst = packed + i * bound;
        pack[i].dst_capacity = bound;
        unpack[i].src = pack[i].dst;
        unpack[i].dst = back + i * each;
        unpack[i].dst_capacity = each;
        pack_limit[i] = (struct limit_part){.src = pack[i].src, .src_len = each, .dst = pack[i].dst, .capacity = bound};
        unpack_limit[i] = (struct limit_part){.src = unpack[i].src, .dst = unpack[i].dst, .capacity = each};
    }
    double times[6][ROUNDS];
    for (int round = -1; round < ROUNDS; round++) { /* the first one warms up */
        double at[7];
        at[0] = seconds();
        for (size_t i = 0; i < count; i++)
            if (ZSTD_isError(ZSTD_compress2(cctx, other, bound, pack[i].src, each))) fail("libzstd");
        at[1] = seconds();
        check(fastpar_compress_batch(&options, pack, sizeof *pack, count, &failed, &error), &error);
        at[2] = seconds();
        limit_run(pack_limit, count, 1, options.level);
        at[5] = seconds();
        for (size_t i = 0; i < count; i++) unpack_limit[i].src_len = unpack[i].src_len = pack[i].written;
        double again = seconds();
        for (size_t i = 0; i < count; i++)
            if (ZSTD_decompressDCtx(dctx, back + i * each, each, unpack[i].src, unpack[i].src_len) != each) fail("libzstd");
        at[3] = seconds();
        check(fastpar_decompress_batch(&options, unpack, sizeof *unpack, count, &failed, &error), &error);
        at[4] = seconds();
        limit_run(unpack_limit, count, 0, options.level);
        at[6] = seconds();
        if (round < 0) continue;
        times[0][round] = at[1] - at[0];
        times[1][round] = at[2] - at[1];
        times[2][round] = at[3] - again;
        times[3][round] = at[4] - at[3];
        times[4][round] = at[5] - at[2];
        times[5][round] = at[6] - at[4];
    }
    if (memcmp(back, data, each * count) != 0) fail("the data differ");
    printf("{\"items\": %zu, \"each\": %zu, \"compress_one\": %.6f, \"compress_batch\": %.6f, \"decompress_one\": %.6f, "
           "\"decompress_batch\": %.6f, \"compress_limit\": %.6f, \"decompress_limit\": %.6f}\n",
           count, each, median(times[0], ROUNDS), median(times[1], ROUNDS), median(times[2], ROUNDS), median(times[3], ROUNDS),
           median(times[4], ROUNDS), median(times[5], ROUNDS));
}

static void archive(const char *path, size_t frame_size) {
    size_t size, bound, written, got;
    unsigned char *data = read_file(path, (size_t)256 << 20, &size);
    options.frame_size = frame_size;
    check(fastpar_compress_bound(&options, size, &bound, &error), &error);
    unsigned char *packed = malloc(bound), *frame = malloc(frame_size), *place = malloc(READ);
    if (!packed || !frame || !place) fail("out of memory");
    check(fastpar_compress(&options, data, size, packed, bound, &written, &error), &error);
    fastpar_zstd_options reading = {.struct_size = sizeof reading, .max_memory = 16 << 20}; /* few frames are kept */
    fastpar_archive *opened;
    check(fastpar_archive_open(&reading, packed, written, &opened, &error), &error);
    uint64_t frames;
    check(fastpar_archive_frames(opened, &frames, &error), &error);
    double reads[READS], decodes[READS], ratios[READS];
    memset(frame, 1, frame_size);
    for (uint64_t i = 0; i < READS; i++) {
        fastpar_frame_info info = {.struct_size = sizeof info};
        check(fastpar_archive_frame(opened, i * 7919 % (frames - 1), &info, &error), &error);
        uint64_t offset = info.content_offset + i * 104729 % (info.content_size - READ + 1);
        double start = seconds();
        check(fastpar_archive_read(opened, offset, place, READ, &got, &error), &error);
        reads[i] = seconds() - start;
        if (got != READ || memcmp(place, data + offset, READ) != 0) fail("the data differ");
        start = seconds();
        if (ZSTD_isError(ZSTD_decompressDCtx(dctx, frame, frame_size, packed + info.offset, info.size))) fail("libzstd");
        decodes[i] = seconds() - start;
        ratios[i] = reads[i] / decodes[i];
    }
    fastpar_archive_free(opened);
    printf("{\"frame_bytes\": %zu, \"read\": %.9f, \"decode\": %.9f, \"ratio\": %.4f}\n", frame_size, median(reads, READS),
           median(decodes, READS), median(ratios, READS));
}

struct large {
    fastpar_archive *opened;
    size_t count;
};

/* The places of a chunk, far from each other. */
static int32_t read_large(void *user_data, const fastpar_chunk *chunk) {
    const struct large *large = user_data;
    static _Thread_local unsigned char place[LARGE_READ];
    for (size_t i = chunk->begin; i < chunk->end; i++) {
        fastpar_error failure;
        size_t got, at = i * 7919 % large->count;
        fastpar_status status = fastpar_archive_read(large->opened, (uint64_t)at * LARGE_READ, place, LARGE_READ, &got, &failure);
        if (status != FASTPAR_OK || got != LARGE_READ) return 1;
    }
    return 0;
}

static void large(const char *path) {
    enum { CASES = 4 };
    static const uint32_t lanes[CASES] = {1, 2, 4, 24};
    size_t size, count;
    unsigned char *data = read_file(path, (size_t)200 << 20, &size);
    count = size / LARGE_READ;
    size_t bound = ZSTD_compressBound(size);
    unsigned char *packed = malloc(bound);
    if (!packed) fail("out of memory");
    size_t written = ZSTD_compress2(cctx, packed, bound, data, size);
    if (ZSTD_isError(written)) fail("libzstd");
    double times[CASES][LARGE_ROUNDS];
    for (int round = -1; round < LARGE_ROUNDS; round++) { /* the first one warms up */
        for (int i = 0; i < CASES; i++) {
            struct large large = {.count = count};
            fastpar_loop_options loop = {.struct_size = sizeof loop, .max_lanes = lanes[i]};
            check(fastpar_archive_open(&options, packed, written, &large.opened, &error), &error); /* nothing is kept yet */
            double start = seconds();
            check(fastpar_for(&loop, count, read_large, &large, &error), &error);
            if (round >= 0) times[i][round] = seconds() - start;
            fastpar_archive_free(large.opened);
        }
    }
    printf("{\"bytes\": %zu, \"each\": %d", count * LARGE_READ, LARGE_READ);
    for (int i = 0; i < CASES; i++) printf(", \"%u\": %.6f", lanes[i], median(times[i], LARGE_ROUNDS));
    puts("}");
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    cctx = ZSTD_createCCtx();
    dctx = ZSTD_createDCtx();
    ZSTD_CCtx_setParameter(cctx, ZSTD_c_checksumFlag, 1); /* fastpar writes them too */
    if (strcmp(argv[1], "batch") == 0 && argc == 5) batch(argv[2], (size_t)atoll(argv[3]), (size_t)atoll(argv[4]));
    else if (strcmp(argv[1], "archive") == 0 && argc == 4) archive(argv[2], (size_t)atoll(argv[3]));
    else if (strcmp(argv[1], "large") == 0) large(argv[2]);
    else return 2;
    return 0;
}
