/* What pictures of timelines show: the spans of this program, which is run once for each picture.

   program WHAT FOLDER ROWS     makes its files in the folder, of so many rows */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fastpar.h"

typedef struct {
    uint64_t id, price, quantity;
    uint32_t count;
    uint16_t flags, padding;
    uint64_t time, reserved;
} trade;

static size_t count; /* of rows */
static trade *rows;
static char plain[4096], packed[4096]; /* files of them */
static fastpar_error error;

static void check(fastpar_status status) {
    if (status == FASTPAR_OK) return;
    fprintf(stderr, "%s\n", error.message);
    exit(1);
}

static void must(int good, const char *what) {
    if (good) return;
    fprintf(stderr, "no %s\n", what);
    exit(1);
}

static void make_rows(void) {
    uint32_t noise = 1;
    rows = calloc(count, sizeof *rows);
    must(rows != NULL, "memory");
    for (uint64_t i = 0; i < count; i++) {
        noise = noise * 1664525 + 1013904223;
        rows[i] = (trade){.id = i, .price = 10000 + noise % 997, .quantity = 1 + noise % 50, .time = i * 1000};
    }
}

static void make_file(void) {
    FILE *file = fopen(plain, "wb");
    must(file != NULL && fwrite(rows, sizeof *rows, count, file) == count && fclose(file) == 0, "file");
}

/* A packed file of many frames. */
static void make_frames(void) {
    fastpar_zstd_options options = {.struct_size = sizeof options, .frame_size = count * sizeof *rows / 12};
    make_file();
    check(fastpar_compress_file(&options, plain, packed, NULL, &error));
}

/* Turnover of each day, with the rounding that takes the time. */
static void turnover(const trade *first, const trade *last) {
    volatile double sum = 0;
    for (; first < last; first++)
        for (int day = 0; day < 12; day++) sum = sum + (double)first->price * (double)first->quantity / (day + 1);
}

static int32_t of_chunk(void *user_data, const fastpar_chunk *chunk) {
    const trade *all = user_data;
    turnover(all + chunk->begin, all + chunk->end);
    return 0;
}

static int32_t of_piece(void *user_data, const fastpar_piece *piece) {
    const trade *first = piece->data;
    (void)user_data;
    turnover(first, first + piece->size / sizeof *first);
    return 0;
}

static fastpar_job *start_job(size_t chunks) {
    fastpar_loop_options one_lane = {
        .struct_size = sizeof one_lane, .schedule = FASTPAR_SCHEDULE_GRAIN, .grain = count / chunks, .max_lanes = 1};
    fastpar_job *job = NULL;
    check(fastpar_for_start(&one_lane, count, of_chunk, rows, &job, &error));
    return job;
}

static void wait_for(fastpar_job *job) {
    check(fastpar_job_wait(job, UINT64_MAX, &error));
    fastpar_trace_end();
    fastpar_job_free(job);
}

static void loops(void) {
    make_rows();
    make_file();
    fastpar_trace_begin("a loop, and a job beside it");
    fastpar_job *job = start_job(40);
    check(fastpar_for(NULL, count, of_chunk, rows, &error));
    wait_for(job);
    fastpar_trace_begin("a file is compressed");
    check(fastpar_compress_file(NULL, plain, packed, NULL, &error));
    fastpar_trace_end();
}

static int32_t from_file(void *file, void *buffer, size_t capacity, size_t *len) {
    *len = fread(buffer, 1, capacity, file);
    return ferror((FILE *)file);
}

static void read_file(void) {
    fastpar_reader *reader = NULL;
    size_t len = 1, part = count * sizeof *rows / 12;
    make_rows();
    make_frames();
    FILE *file = fopen(packed, "rb");
    trade *some = malloc(part);
    must(file != NULL && some != NULL, "file, or memory");
    fastpar_trace_begin("a file of 12 frames is read");
    check(fastpar_reader_open(NULL, from_file, file, &reader, &error));
    while (len > 0) {
        check(fastpar_reader_read(reader, some, part, &len, &error));
        fastpar_trace_begin("use");
        turnover(some, some + len / sizeof *some);
        fastpar_trace_end();
    }
    fastpar_reader_free(reader);
    fastpar_trace_end();
    free(some);
    fclose(file);
}

static void one_frame(void) {
    fastpar_zstd_options options = {.struct_size = sizeof options, .flags = FASTPAR_ZSTD_SINGLE_FRAME};
    size_t size, bound, len;
    make_rows();
    size = count * sizeof *rows;
    check(fastpar_compress_bound(&options, size, &bound, &error));
    void *frame = malloc(bound);
    must(frame != NULL, "memory");
    check(fastpar_compress(&options, rows, size, frame, bound, &len, &error));
    fastpar_trace_begin("one frame is decompressed");
    check(fastpar_decompress(NULL, frame, len, rows, size, &size, &error));
    fastpar_trace_end();
    free(frame);
}

static void scan(void) {
    fastpar_scan_options options = {.struct_size = sizeof options, .record_size = sizeof *rows};
    fastpar_archive *archive = NULL;
    make_rows();
    make_frames();
    check(fastpar_archive_open_file(NULL, packed, &archive, &error));
    fastpar_trace_begin("a scan, and a job beside it");
    fastpar_job *job = start_job(20);
    check(fastpar_archive_for(&options, archive, of_piece, NULL, &error));
    wait_for(job);
    fastpar_archive_free(archive);
}

/* A part of the rows; the parts that it is divided into come after it. */
typedef struct {
    size_t begin, end, number;
} part;

enum { PARTS = 31 };
static part parts[PARTS];

static int32_t of_part(void *item, fastpar_group *group, uint32_t lane) {
    const part *whole = item;
    size_t middle = whole->begin + (whole->end - whole->begin) / 3, half = 2 * whole->number + 1;
    (void)lane;
    if (half >= PARTS) {
        turnover(rows + whole->begin, rows + whole->end);
        return 0;
    }
    parts[half] = (part){whole->begin, middle, half};
    parts[half + 1] = (part){middle, whole->end, half + 1};
    return fastpar_group_spawn(group, of_part, &parts[half], NULL) ||
           fastpar_group_spawn(group, of_part, &parts[half + 1], NULL) || fastpar_group_wait(group, NULL);
}

static void group(void) {
    make_rows();
    parts[0] = (part){0, count, 0};
    fastpar_trace_begin("a group of 31 tasks");
    check(fastpar_group_run(NULL, of_part, &parts[0], &error));
    fastpar_trace_end();
}

static const struct {
    const char *name;
    void (*show)(void);
} all[] = {{"loops", loops}, {"file", read_file}, {"frame", one_frame}, {"scan", scan}, {"group", group}};

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    snprintf(plain, sizeof plain, "%s/rows", argv[2]);
    snprintf(packed, sizeof packed, "%s/rows.zst", argv[2]);
    count = strtoull(argv[3], NULL, 10);
    check(fastpar_pool_start(NULL, &error)); /* which begins the trace */
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(argv[1], all[i].name) != 0) continue;
        all[i].show();
        free(rows);
        return 0;
    }
    return 2;
}
