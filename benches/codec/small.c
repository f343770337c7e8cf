/* Small calls of many threads at once, beside libzstd; prints one line of JSON.

   small FILE SIZE THREADS CALLS REPEAT

   Every thread makes CALLS calls over pieces of SIZE bytes from the beginning of FILE, one after the
   other, first to compress them, then to decompress them: through fastpar, and through libzstd with
   contexts of its own ("bare") and with its functions that make a context for each call ("one-shot"), in
   turn. (Of one piece over and over the CPU would know every branch by heart.) The nanoseconds of a call
   are the threads' mean; of REPEAT turns the medians are told, the least and the most, and the median of
   the turns' ratios to "bare". */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zstd.h>

#include "fastpar.h"

enum { WAYS = 3, MOST_THREADS = 64, MOST_TURNS = 256, MOST_PIECES = 256, LARGEST = 16 << 10, LEVEL = 3 };

static const char *const names[WAYS] = {"fastpar", "bare", "one_shot"};
/* The pieces, each in a place of its own, and all of one size. */
static unsigned char original[MOST_PIECES][LARGEST], packed[MOST_PIECES][ZSTD_COMPRESSBOUND(LARGEST)];
static size_t original_len, packed_len[MOST_PIECES];
static int pieces;

typedef struct caller {
    int way, compress, calls;
    pthread_barrier_t *start;
    double nanoseconds; /* of one call */
} caller;

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static size_t checked(size_t written) {
    if (ZSTD_isError(written)) fail(ZSTD_getErrorName(written));
    return written;
}

static size_t compress(int way, ZSTD_CCtx *context, int piece, unsigned char *out, size_t room) {
    const unsigned char *data = original[piece];
    fastpar_error error;
    size_t written;
    if (way == 1) return checked(ZSTD_compress2(context, out, room, data, original_len));
    if (way == 2) return checked(ZSTD_compress(out, room, data, original_len, LEVEL));
    if (fastpar_compress(NULL, data, original_len, out, room, &written, &error)) fail(error.message);
    return written;
}

static size_t decompress(int way, ZSTD_DCtx *context, int piece, unsigned char *out) {
    const unsigned char *data = packed[piece];
    size_t len = packed_len[piece], written;
    fastpar_error error;
    if (way == 1) return checked(ZSTD_decompressDCtx(context, out, original_len, data, len));
    if (way == 2) return checked(ZSTD_decompress(out, original_len, data, len));
    if (fastpar_decompress(NULL, data, len, out, original_len, &written, &error)) fail(error.message);
    return written;
}

static ZSTD_CCtx *compressor(void) {
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1); /* fastpar writes them too */
    return context;
}

static void *call(void *argument) {
    caller *self = argument;
    size_t room = ZSTD_compressBound(original_len);
    unsigned char *out = malloc(room);
    ZSTD_CCtx *cctx = compressor();
    ZSTD_DCtx *dctx = ZSTD_createDCtx();
    double start = 0;
    int piece = 0;
    for (int i = -self->calls / 10; i < self->calls; i++) {
        if (i == 0) {
            pthread_barrier_wait(self->start);
            start = now();
        }
        if (self->compress) {
            compress(self->way, cctx, piece, out, room);
        } else if (decompress(self->way, dctx, piece, out) != original_len) {
            fail("a length is wrong");
        }
        if (++piece == pieces) piece = 0;
    }
    self->nanoseconds = (now() - start) / self->calls;
    if (!self->compress && memcmp(out, original[(piece + pieces - 1) % pieces], original_len) != 0) fail("the data is wrong");
    ZSTD_freeCCtx(cctx);
    ZSTD_freeDCtx(dctx);
    free(out);
    return NULL;
}

static double turn(int way, int compress, int threads, int calls) {
    pthread_t ids[MOST_THREADS];
    caller callers[MOST_THREADS];
    pthread_barrier_t start;
    double sum = 0;
    pthread_barrier_init(&start, NULL, (unsigned)threads);
    for (int i = 0; i < threads; i++) {
        callers[i] = (caller){.way = way, .compress = compress, .calls = calls, .start = &start};
        if (pthread_create(&ids[i], NULL, call, &callers[i])) fail("pthread_create");
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        sum += callers[i].nanoseconds;
    }
    pthread_barrier_destroy(&start);
    return sum / threads;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void cut(FILE *file) {
    ZSTD_CCtx *context = compressor();
    for (pieces = 0; pieces < MOST_PIECES; pieces++) {
        if (fread(original[pieces], 1, original_len, file) != original_len) break;
        packed_len[pieces] = checked(ZSTD_compress2(context, packed[pieces], sizeof packed[pieces], original[pieces], original_len));
    }
    ZSTD_freeCCtx(context);
    if (pieces == 0) fail("the file is shorter than a piece");
}

int main(int argc, char **argv) {
    static double times[WAYS][MOST_TURNS], ratios[WAYS][MOST_TURNS];
    FILE *file = argc == 6 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) return 2;
    original_len = (size_t)atoi(argv[2]);
    int threads = atoi(argv[3]), calls = atoi(argv[4]), repeat = atoi(argv[5]);
    if (original_len < 1 || original_len > LARGEST) return 2;
    if (threads < 1 || threads > MOST_THREADS || repeat < 1 || repeat > MOST_TURNS) return 2;
    cut(file);
    for (int packing = 1; packing >= 0; packing--) {
        for (int i = 0; i < repeat; i++) {
            for (int way = 0; way < WAYS; way++) times[way][i] = turn(way, packing, threads, calls);
            for (int way = 0; way < WAYS; way++) ratios[way][i] = times[way][i] / times[1][i];
        }
        printf("%s\"%s\": {", packing ? "{" : ", ", packing ? "compress" : "decompress");
        for (int way = 0; way < WAYS; way++) {
            double *all = times[way];
            qsort(all, (size_t)repeat, sizeof *all, by_value);
            qsort(ratios[way], (size_t)repeat, sizeof *all, by_value);
            printf("%s\"%s\": {\"ns\": %.1f, \"least\": %.1f, \"most\": %.1f, \"ratio\": %.4f}", way ? ", " : "", names[way],
                   all[repeat / 2], all[0], all[repeat - 1], ratios[way][repeat / 2]);
        }
        printf("}");
    }
    puts("}");
    return 0;
}
