/*
 * One-minute bars of the trades in several compressed files, and the large trades of a few minutes: by loops
 * of the library, by its tables, and by a pipe from the `zstd` command. Prints the three times; the results
 * must be the same.
 *
 *   trades FOLDER [FILES [ROWS]]
 *
 * By the library each file is an archive: its frames are decoded on all lanes, and each lane folds the rows
 * that it has decoded. The few minutes are found by reads of single rows, and nothing else is decoded for
 * them. Tables need no loop over rows: what is wanted of which fields is told. The pipe is what one writes
 * without a library: `zstd` on one CPU, this program on another.
 *
 * The files are made first if they are not there: `trades-0.zst` and so on in FOLDER, each of ROWS rows of 48
 * bytes, compressed with a seek table, which is their index.
 *
 * Build it, after `cargo xtask build`, in the repository's root:
 *
 *   cc -O2 examples/c/trades.c -Itarget/fastpar/include -Ltarget/fastpar/lib -lfastpar \
 *      -Wl,-rpath,$PWD/target/fastpar/lib -o trades
 */
#define _POSIX_C_SOURCE 200809L /* popen */
#include "trades.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { FROM = 2, TO = 5, LARGE = 49, HIGH = 10500 };

typedef struct {
    day day;
    uint64_t large; /* trades of more than LARGE, at prices above HIGH, from minute FROM to minute TO */
} result;

static int is_large(const trade *row)
{
    int64_t minute = row->microseconds / MINUTE;
    return minute >= FROM && minute < TO && row->quantity > LARGE && row->price > HIGH;
}

/* ---- by the library ---- */

/* The first row of the file that is not before that time: a search by reads of single rows. */
static fastpar_status row_at(fastpar_archive *archive, uint64_t rows, int64_t time, uint64_t *row, fastpar_error *error)
{
    uint64_t low = 0, high = rows;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        trade found;
        size_t read;
        fastpar_status status = fastpar_archive_read(archive, middle * sizeof found, &found, sizeof found, &read, error);
        if (status != FASTPAR_OK)
            return status;
        if (found.microseconds < time)
            low = middle + 1;
        else
            high = middle;
    }
    *row = low;
    return FASTPAR_OK;
}

static int32_t fold_large(void *user_data, const fastpar_piece *piece, void *accumulator)
{
    (void)user_data;
    const trade *rows = piece->data;
    for (size_t i = 0; i < piece->size / sizeof *rows; i++)
        *(uint64_t *)accumulator += (uint64_t)is_large(&rows[i]);
    return 0;
}

static int32_t combine_large(void *user_data, void *into, const void *from)
{
    (void)user_data;
    *(uint64_t *)into += *(const uint64_t *)from;
    return 0;
}

static fastpar_status by_library(const char *path, result *all, fastpar_error *error)
{
    fastpar_archive *archive = NULL;
    uint64_t size = 0, first = 0, last = 0;
    fastpar_scan_options options = {.struct_size = sizeof options, .record_size = sizeof(trade)};
    fastpar_status status = fastpar_archive_open_file(NULL, path, &archive, error);
    if (status == FASTPAR_OK)
        status = fastpar_archive_size(archive, &size, error);
    if (status == FASTPAR_OK) {
        day *whole = calloc(1, sizeof *whole);
        if (whole == NULL) {
            status = FASTPAR_ERR_OUT_OF_MEMORY;
        } else {
            status = fastpar_archive_reduce(&options, archive, fold, combine, NULL, whole, sizeof *whole, error);
            combine(NULL, &all->day, whole);
        }
        free(whole);
    }
    if (status == FASTPAR_OK)
        status = row_at(archive, size / sizeof(trade), (int64_t)FROM * MINUTE, &first, error);
    if (status == FASTPAR_OK)
        status = row_at(archive, size / sizeof(trade), (int64_t)TO * MINUTE, &last, error);
    if (status == FASTPAR_OK && last > first) {
        uint64_t large = 0;
        options.offset = first * sizeof(trade);
        options.size = (last - first) * sizeof(trade);
        status = fastpar_archive_reduce(&options, archive, fold_large, combine_large, NULL, &large, sizeof large, error);
        all->large += large;
    }
    fastpar_archive_free(archive);
    return status;
}

/* ---- by the library's tables ---- */

enum { TIME, PRICE, QUANTITY, FIELDS };

/* Adds the bars that were found. */
static fastpar_status add_bars(day *into, const fastpar_groups *groups, fastpar_error *error)
{
    size_t count = fastpar_groups_count(groups);
    fastpar_value *minutes = calloc(6 * count, sizeof *minutes);
    fastpar_status status = minutes || count == 0 ? FASTPAR_OK : FASTPAR_ERR_OUT_OF_MEMORY;
    if (status == FASTPAR_OK)
        status = fastpar_groups_keys(groups, 0, minutes, count, error);
    for (size_t i = 0; status == FASTPAR_OK && i < 5; i++)
        status = fastpar_groups_values(groups, i, minutes + (i + 1) * count, count, error);
    for (size_t i = 0; status == FASTPAR_OK && i < count; i++) {
        uint64_t found[6];
        for (size_t k = 0; k < 6; k++)
            found[k] = minutes[k * count + i].integer.low;
        bar one = {found[1], found[2], found[3], found[4], found[5]};
        add_bar(&into->bars[found[0] / MINUTE % MINUTES], &one);
    }
    free(minutes);
    return status;
}

static fastpar_status by_tables(const char *path, result *all, fastpar_error *error)
{
    const fastpar_field fields[FIELDS] = {{offsetof(trade, microseconds), FASTPAR_I64, 0},
                                          {offsetof(trade, price), FASTPAR_U64, 0},
                                          {offsetof(trade, quantity), FASTPAR_U64, 0}};
    const fastpar_group_key minute = {.column = TIME, .width = MINUTE};
    const fastpar_aggregate asked[5] = {
        {FASTPAR_AGGREGATE_FIRST, 0, PRICE, 0}, {FASTPAR_AGGREGATE_MAX, 0, PRICE, 0},
        {FASTPAR_AGGREGATE_MIN, 0, PRICE, 0},   {FASTPAR_AGGREGATE_LAST, 0, PRICE, 0},
        {FASTPAR_AGGREGATE_SUM, 0, QUANTITY, 0}};
    const fastpar_aggregate rows = {.operation = FASTPAR_AGGREGATE_COUNT};
    const int64_t from = (int64_t)FROM * MINUTE, to = (int64_t)TO * MINUTE;
    const uint64_t large = LARGE, high = HIGH;
    const fastpar_condition all_three[5] = {{FASTPAR_COMPARE_BETWEEN, 0, TIME, &from, &to},
                                            {FASTPAR_COMPARE_GREATER, 0, QUANTITY, &large, NULL},
                                            {.combine = FASTPAR_MASK_AND},
                                            {FASTPAR_COMPARE_GREATER, 0, PRICE, &high, NULL},
                                            {.combine = FASTPAR_MASK_AND}};
    fastpar_scan_options options = {.struct_size = sizeof options, .record_size = sizeof(trade)};
    fastpar_table table = {.struct_size = sizeof table, .fields = fields, .fields_count = FIELDS};
    fastpar_archive *archive = NULL;
    fastpar_groups *bars = NULL;
    fastpar_value count;
    fastpar_status status = fastpar_archive_open_file(NULL, path, &archive, error);
    if (status == FASTPAR_OK)
        status = fastpar_archive_group(&options, archive, &table, &minute, 1, asked, 5, 0, &bars, error);
    if (status == FASTPAR_OK)
        status = add_bars(&all->day, bars, error);
    table.conditions = all_three;
    table.conditions_count = 5;
    if (status == FASTPAR_OK)
        status = fastpar_archive_aggregate(&options, archive, &table, &rows, 1, &count, error);
    if (status == FASTPAR_OK)
        all->large += count.integer.low;
    fastpar_groups_free(bars);
    fastpar_archive_free(archive);
    return status;
}

/* ---- by a pipe ---- */

static int by_pipe(const char *path, result *all)
{
    char command[4200];
    snprintf(command, sizeof command, "zstd -dqc '%s'", path);
    FILE *pipe = popen(command, "r");
    if (pipe == NULL)
        return 0;
    static trade rows[4096];
    size_t count;
    while ((count = fread(rows, sizeof *rows, 4096, pipe)) > 0) {
        for (size_t i = 0; i < count; i++) {
            add_row(&all->day, &rows[i]);
            all->large += (uint64_t)is_large(&rows[i]);
        }
    }
    return pclose(pipe) == 0;
}

/* ---- the files ---- */

/* Always the same rows, one a millisecond. */
static fastpar_status make_file(const char *path, uint64_t first, uint64_t rows, fastpar_error *error)
{
    trade *all = calloc((size_t)rows, sizeof *all);
    size_t bound = 0, written = 0;
    fastpar_status status = fastpar_compress_bound(NULL, (size_t)rows * sizeof *all, &bound, error);
    unsigned char *packed = status == FASTPAR_OK ? malloc(bound) : NULL;
    if (status == FASTPAR_OK && (all == NULL || packed == NULL))
        status = FASTPAR_ERR_OUT_OF_MEMORY;
    for (uint64_t i = 0; status == FASTPAR_OK && i < rows; i++) {
        uint64_t id = first + i, noise = (id * 6364136223846793005u) >> 33 & 0xffff;
        all[i] = (trade){.id = id, .price = 10000 + noise % 997, .quantity = 1 + noise % 50,
                         .count = 1 + (uint32_t)noise % 7, .flags = noise & 1, .microseconds = (int64_t)id * 1000};
    }
    if (status == FASTPAR_OK)
        status = fastpar_compress(NULL, all, (size_t)rows * sizeof *all, packed, bound, &written, error);
    if (status == FASTPAR_OK) {
        FILE *file = fopen(path, "wb");
        int good = file != NULL && fwrite(packed, 1, written, file) == written;
        if (file == NULL || fclose(file) != 0 || !good)
            status = FASTPAR_ERR_IO;
    }
    free(packed);
    free(all);
    return status;
}

static double seconds(void)
{
    struct timeval now;
    gettimeofday(&now, NULL);
    return (double)now.tv_sec + (double)now.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: trades FOLDER [FILES [ROWS]]\n");
        return 2;
    }
    uint64_t files = argc > 2 ? strtoull(argv[2], NULL, 10) : 4;
    uint64_t rows = argc > 3 ? strtoull(argv[3], NULL, 10) : 1000000;
    result *library = calloc(1, sizeof *library), *tables = calloc(1, sizeof *tables), *piped = calloc(1, sizeof *piped);
    fastpar_error error = {0};
    fastpar_status status = library && tables && piped ? FASTPAR_OK : FASTPAR_ERR_OUT_OF_MEMORY;
    double times[3] = {0, 0, 0};
    int good = 1;
    for (uint64_t k = 0; status == FASTPAR_OK && good && k < files; k++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/trades-%" PRIu64 ".zst", argv[1], k);
        FILE *there = fopen(path, "rb");
        if (there != NULL)
            fclose(there);
        else
            status = make_file(path, k * rows, rows, &error);
        double begin = seconds();
        if (status == FASTPAR_OK)
            status = by_library(path, library, &error);
        double second = seconds();
        if (status == FASTPAR_OK)
            status = by_tables(path, tables, &error);
        double third = seconds();
        if (status == FASTPAR_OK)
            good = by_pipe(path, piped);
        times[0] += second - begin;
        times[1] += third - second;
        times[2] += seconds() - third;
    }
    int same = good && status == FASTPAR_OK && memcmp(library, piped, sizeof *library) == 0 &&
               memcmp(library, tables, sizeof *library) == 0;
    if (status != FASTPAR_OK)
        fprintf(stderr, "%s: %s\n", fastpar_status_name(status), error.message);
    else if (!good)
        fprintf(stderr, "zstd has failed\n");
    else if (!same)
        fprintf(stderr, "the results differ\n");
    for (int minute = 0; same && minute < 3; minute++) {
        const bar *at = &library->day.bars[minute];
        printf("minute %d: open %" PRIu64 ", high %" PRIu64 ", low %" PRIu64 ", close %" PRIu64 ", volume %" PRIu64 "\n",
               minute, at->open, at->high, at->low, at->close, at->volume);
    }
    if (same)
        printf("%" PRIu64 " large trades; by the library: %.3f s; by its tables: %.3f s; by a pipe from zstd: %.3f s\n",
               library->large, times[0], times[1], times[2]);
    free(library);
    free(tables);
    free(piped);
    return same ? 0 : 1;
}
