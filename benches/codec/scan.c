/* Rows of 48 bytes that lie in zstd frames, folded: by fastpar_archive_reduce, and by fastpar_decompress
   into memory that was written before with fastpar_reduce over it, in turn in one process; prints one line
   of JSON.

   scan fold FILE ROWS ROUNDS         FILE: zstd frames of ROWS rows, read into memory first
   scan memory FILE                   the scan alone, of the open file; the most memory of the process
   scan transform FILE TARGET ROUNDS  copies FILE by fastpar_transform_file; beside it, by way of
                                      TARGET.plain, fastpar_decompress_file and fastpar_compress_file

   Told are the median seconds of each way and the median of the rounds' ratios. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "fastpar.h"

enum { ROW = 48, MOST_ROUNDS = 64 };

typedef struct {
    uint64_t rows, sum, most;
} total;

static unsigned char *rows_memory;

static void check(fastpar_status status, const fastpar_error *error) {
    if (!status) return;
    fprintf(stderr, "%s: %s\n", fastpar_status_name(status), error->message);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int ascending(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(const double *values, int len) {
    double sorted[MOST_ROUNDS];
    memcpy(sorted, values, (size_t)len * sizeof *sorted);
    qsort(sorted, (size_t)len, sizeof *sorted, ascending);
    return len % 2 ? sorted[len / 2] : (sorted[len / 2 - 1] + sorted[len / 2]) / 2;
}

static void fold_rows(const unsigned char *bytes, size_t size, total *into) {
    for (size_t at = 0; at < size; at += ROW) {
        uint64_t time, price;
        memcpy(&time, bytes + at, sizeof time);
        memcpy(&price, bytes + at + 8, sizeof price);
        into->sum += price;
        into->most = into->most > time ? into->most : time;
    }
    into->rows += size / ROW;
}

static int32_t fold_piece(void *user_data, const fastpar_piece *piece, void *accumulator) {
    (void)user_data;
    fold_rows(piece->data, piece->size, accumulator);
    return 0;
}

static int32_t fold_chunk(void *user_data, const fastpar_chunk *chunk, void *accumulator) {
    (void)user_data;
    fold_rows(rows_memory + chunk->begin * ROW, (chunk->end - chunk->begin) * ROW, accumulator);
    return 0;
}

static int32_t combine(void *user_data, void *into, const void *from) {
    (void)user_data;
    total *result = into;
    const total *part = from;
    result->rows += part->rows;
    result->sum += part->sum;
    result->most = result->most > part->most ? result->most : part->most;
    return 0;
}

static total scan(fastpar_archive *archive) {
    fastpar_scan_options options = {.struct_size = sizeof options, .record_size = ROW};
    fastpar_error error;
    total result = {0, 0, 0};
    check(fastpar_archive_reduce(&options, archive, fold_piece, combine, NULL, &result, sizeof result, &error), &error);
    return result;
}

static int fold(const char *path, size_t rows, int rounds) {
    fastpar_error error;
    double seconds[2][MOST_ROUNDS], ratios[MOST_ROUNDS];
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) return perror(path), 1;
    size_t len = (size_t)ftell(file), room = rows * ROW, written;
    unsigned char *frames = malloc(len);
    rows_memory = malloc(room);
    rewind(file);
    if (!frames || !rows_memory || fread(frames, 1, len, file) != len) return perror(path), 1;
    fclose(file);
    memset(rows_memory, 1, room);
    for (int round = -1; round < rounds; round++) {
        total apart = {0, 0, 0}, together;
        double begin = now();
        check(fastpar_decompress(NULL, frames, len, rows_memory, room, &written, &error), &error);
        check(fastpar_reduce(NULL, rows, fold_chunk, combine, NULL, &apart, sizeof apart, &error), &error);
        double middle = now();
        fastpar_archive *archive;
        check(fastpar_archive_open(NULL, frames, len, &archive, &error), &error);
        together = scan(archive);
        fastpar_archive_free(archive);
        double end = now();
        if (written != room || memcmp(&apart, &together, sizeof apart)) return fputs("they disagree\n", stderr), 1;
        if (round < 0) continue;
        seconds[0][round] = middle - begin;
        seconds[1][round] = end - middle;
        ratios[round] = (end - middle) / (middle - begin);
    }
    printf("{\"bytes\": %zu, \"apart\": %.6f, \"scan\": %.6f, \"ratio\": %.4f}\n", room, median(seconds[0], rounds),
           median(seconds[1], rounds), median(ratios, rounds));
    return 0;
}

static int memory(const char *path) {
    fastpar_error error;
    fastpar_archive *archive;
    struct rusage usage;
    check(fastpar_archive_open_file(NULL, path, &archive, &error), &error);
    total result = scan(archive);
    fastpar_archive_free(archive);
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"bytes\": %llu, \"peak_bytes\": %llu}\n", (unsigned long long)result.rows * ROW,
           (unsigned long long)usage.ru_maxrss * 1024);
    return 0;
}

static int32_t copy(void *user_data, const fastpar_piece *piece, fastpar_output *output) {
    (void)user_data;
    return fastpar_output_write(output, piece->data, piece->size, NULL);
}

static int transform(const char *path, const char *target, int rounds) {
    fastpar_error error;
    double seconds[2][MOST_ROUNDS], ratios[MOST_ROUNDS];
    fastpar_scan_options options = {.struct_size = sizeof options, .record_size = ROW};
    char plain[4096];
    snprintf(plain, sizeof plain, "%s.plain", target);
    for (int round = -1; round < rounds; round++) {
        double begin = now();
        check(fastpar_decompress_file(NULL, path, plain, NULL, &error), &error);
        check(fastpar_compress_file(NULL, plain, target, NULL, &error), &error);
        double middle = now();
        fastpar_archive *archive;
        check(fastpar_archive_open_file(NULL, path, &archive, &error), &error);
        check(fastpar_transform_file(&options, archive, NULL, target, copy, NULL, NULL, &error), &error);
        fastpar_archive_free(archive);
        double end = now();
        if (round < 0) continue;
        seconds[0][round] = middle - begin;
        seconds[1][round] = end - middle;
        ratios[round] = (end - middle) / (middle - begin);
    }
    unlink(plain);
    printf("{\"apart\": %.6f, \"transform\": %.6f, \"ratio\": %.4f}\n", median(seconds[0], rounds),
           median(seconds[1], rounds), median(ratios, rounds));
    return 0;
}

int main(int argc, char **argv) {
    int rounds = argc > 4 ? atoi(argv[4]) : 0;
    if (argc == 3 && !strcmp(argv[1], "memory")) return memory(argv[2]);
    if (argc != 5 || rounds < 1 || rounds > MOST_ROUNDS) return fputs("see the comment of scan.c\n", stderr), 2;
    if (!strcmp(argv[1], "fold")) return fold(argv[2], strtoull(argv[3], NULL, 10), rounds);
    return transform(argv[2], argv[3], rounds);
}
