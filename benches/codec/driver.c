/* Measures one way to compress or decompress a file in memory, and prints one line of JSON.

   driver MODE FILE ORIGINAL_BYTES LEVEL THREADS REPEAT

   MODE: zstd-compress, fastpar-compress        FILE is the original
         zstd-decompress, fastpar-decompress    FILE is what one of the former wrote; add -cold for
                                                memory never touched before
         limit-compress, limit-decompress       one thread a processor, each with a context of its own
                                                (limit.h)
         write, zstd-write                      compress to FILE.zst
         idle                                   compress, then look at what a second of doing nothing costs

   "zstd" is the libzstd that fastpar is built with, one context on one thread. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "fastpar.h"
#include "limit.h"

/* One measurement is at least so many bytes, so that it takes some milliseconds. */
#define BATCH ((size_t)4 << 20)

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void *fresh(size_t size) {
    void *memory = mmap(NULL, size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("mmap");
    return memory;
}

struct buffer {
    unsigned char *data;
    size_t size;
};

static struct buffer read_file(const char *path) {
    int file = open(path, O_RDONLY);
    if (file < 0) fail(path);
    off_t size = lseek(file, 0, SEEK_END);
    struct buffer buffer = {fresh((size_t)size), (size_t)size};
    for (size_t at = 0; at < buffer.size;) {
        ssize_t got = pread(file, buffer.data + at, buffer.size - at, (off_t)at);
        if (got <= 0) fail("read");
        at += (size_t)got;
    }
    close(file);
    return buffer;
}

/* A field of /proc/self/status, in KiB. */
static long memory_kib(const char *field) {
    char line[256];
    long value = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, field, strlen(field)) == 0) value = atol(line + strlen(field) + 1);
    }
    if (status != NULL) fclose(status);
    return value;
}

/* From here on VmHWM is the peak since now. */
static void forget_peak(void) {
    int file = open("/proc/self/clear_refs", O_WRONLY);
    if (file < 0 || write(file, "5", 1) != 1) fail("clear_refs");
    close(file);
}

static ZSTD_CCtx *cctx;
static ZSTD_DCtx *dctx;
static fastpar_zstd_options options = {.struct_size = sizeof options};

/* Pieces of the original, as many as fastpar makes, each with room for its frame at its place. */
static size_t limit_compress(struct buffer from, struct buffer to) {
    enum { PIECES = 24 };
    struct limit_part parts[PIECES];
    size_t each = from.size / PIECES + 1, room = ZSTD_compressBound(each), count = 0;
    unsigned char *places = fresh(PIECES * room);
    for (size_t at = 0; at < from.size; at += each, count++) {
        size_t len = from.size - at < each ? from.size - at : each;
        unsigned char *place = (count + 1) * room <= to.size ? to.data + count * room : places + count * room;
        parts[count] = (struct limit_part){.src = from.data + at, .src_len = len, .dst = place, .capacity = room};
    }
    size_t written = limit_run(parts, count, 1, options.level);
    munmap(places, PIECES * room + 1);
    return written;
}

/* The frames of the input, each to its place. */
static size_t limit_decompress(struct buffer from, struct buffer to) {
    static struct limit_part parts[100000];
    size_t count = 0, to_at = 0;
    for (size_t at = 0; at < from.size;) {
        size_t len = ZSTD_findFrameCompressedSize(from.data + at, from.size - at);
        if (ZSTD_isError(len)) fail(ZSTD_getErrorName(len));
        int skippable = (from.data[at] & 0xf0) == 0x50 && from.data[at + 1] == 0x2a;
        if (!skippable) {
            if (count == sizeof parts / sizeof *parts) fail("too many frames");
            size_t size = (size_t)ZSTD_getFrameContentSize(from.data + at, len);
            if (size > to.size - to_at) fail("the frames do not tell their sizes");
            parts[count++] =
                (struct limit_part){.src = from.data + at, .src_len = len, .dst = to.data + to_at, .capacity = size};
            to_at += size;
        }
        at += len;
    }
    return limit_run(parts, count, 0, options.level);
}

static size_t run(const char *mode, struct buffer from, struct buffer to) {
    size_t written = 0;
    fastpar_error error;
    int compress = strstr(mode, "-decompress") == NULL;
    if (strncmp(mode, "zstd-", 5) == 0) {
        written = compress ? ZSTD_compress2(cctx, to.data, to.size, from.data, from.size)
                           : ZSTD_decompressDCtx(dctx, to.data, to.size, from.data, from.size);
        if (ZSTD_isError(written)) fail(ZSTD_getErrorName(written));
        return written;
    }
    if (strncmp(mode, "limit-", 6) == 0) return compress ? limit_compress(from, to) : limit_decompress(from, to);
    fastpar_status status =
        compress ? fastpar_compress(&options, from.data, from.size, to.data, to.size, &written, &error)
                 : fastpar_decompress(&options, from.data, from.size, to.data, to.size, &written, &error);
    if (status != FASTPAR_OK) fail(error.message);
    return written;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc != 7) return 2;
    const char *mode = argv[1];
    int decompress = strstr(mode, "-decompress") != NULL, cold = strstr(mode, "-cold") != NULL;
    int repeat = atoi(argv[6]);
    struct buffer from = read_file(argv[2]);
    size_t original = (size_t)atoll(argv[3]);
    options.level = atoi(argv[4]);
    fastpar_pool_options pool = {.struct_size = sizeof pool, .threads = (uint32_t)atoi(argv[5])};
    fastpar_error error;
    int with_fastpar = strncmp(mode, "zstd-", 5) != 0 && strncmp(mode, "limit-", 6) != 0;
    if (with_fastpar && fastpar_pool_start(&pool, &error) != FASTPAR_OK) fail(error.message);
    cctx = ZSTD_createCCtx();
    dctx = ZSTD_createDCtx();
    ZSTD_CCtx_setParameter(cctx, ZSTD_c_compressionLevel, options.level);
    ZSTD_CCtx_setParameter(cctx, ZSTD_c_checksumFlag, 1); /* fastpar writes them too */

    size_t bound = original;
    if (!decompress && fastpar_compress_bound(&options, from.size, &bound, &error) != FASTPAR_OK) fail(error.message);
    struct buffer to = {fresh(bound), bound};
    if (!cold) memset(to.data, 1, to.size);
    long before = memory_kib("VmRSS");
    forget_peak();

    double times[64];
    size_t written = 0, calls = cold || original >= BATCH ? 1 : BATCH / original;
    if (repeat > 64) repeat = 64;
    if (!cold) written = run(mode, from, to); /* contexts and threads */
    for (int i = 0; i < repeat; i++) {
        if (cold && i > 0) {
            munmap(to.data, to.size + 1);
            to.data = fresh(to.size);
        }
        double start = seconds(CLOCK_MONOTONIC);
        for (size_t call = 0; call < calls; call++) written = run(mode, from, to);
        times[i] = (seconds(CLOCK_MONOTONIC) - start) / (double)calls;
    }
    long peak = memory_kib("VmHWM") - before - (cold ? (long)(to.size >> 10) : 0);
    qsort(times, (size_t)repeat, sizeof *times, by_value);

    double idle = 0;
    if (strcmp(mode, "idle") == 0) {
        usleep(200000);
        double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
        sleep(1);
        idle = seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
    }
    if (strstr(mode, "write") != NULL) {
        char path[4096];
        snprintf(path, sizeof path, "%s.zst", argv[2]);
        FILE *file = fopen(path, "wb");
        if (file == NULL || fwrite(to.data, 1, written, file) != written || fclose(file) != 0) fail(path);
    }
    printf("{\"seconds\": %.9f, \"fastest\": %.9f, \"bytes\": %zu, \"working_kib\": %ld, \"idle_cpu_seconds\": %.6f, "
           "\"libzstd\": \"%s\", \"fastpar_libzstd\": \"%s\"}\n",
           times[repeat / 2], times[0], written, peak, idle, ZSTD_versionString(), fastpar_zstd_version_string());
    fflush(stdout);
    _exit(0);
}
