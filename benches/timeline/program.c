/* What the picture of a timeline shows: a loop over rows of trades with a job beside it, and a file that is
   compressed.

   program ROWS PACKED     both are files that are made */
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

enum { ROWS = 1000000 };

static fastpar_error error;

static void check(fastpar_status status) {
    if (status == FASTPAR_OK) return;
    fprintf(stderr, "%s\n", error.message);
    exit(1);
}

/* Turnover of each day, with the rounding that takes the time. */
static int32_t turnover(void *user_data, const fastpar_chunk *chunk) {
    const trade *rows = user_data;
    volatile double sum = 0;
    for (size_t i = chunk->begin; i < chunk->end; i++)
        for (int day = 0; day < 12; day++) sum = sum + (double)rows[i].price * (double)rows[i].quantity / (day + 1);
    return 0;
}

int main(int argc, char **argv) {
    fastpar_loop_options beside = {.struct_size = sizeof beside, .schedule = FASTPAR_SCHEDULE_GRAIN, .grain = ROWS / 40, .max_lanes = 1};
    fastpar_job *job = NULL;
    trade *rows = calloc(ROWS, sizeof *rows);
    FILE *file = argc == 3 && rows != NULL ? fopen(argv[1], "wb") : NULL;
    if (file == NULL) return 2;
    uint32_t noise = 1;
    for (uint64_t i = 0; i < ROWS; i++) {
        noise = noise * 1664525 + 1013904223;
        rows[i] = (trade){.id = i, .price = 10000 + noise % 997, .quantity = 1 + noise % 50, .time = i * 1000};
    }
    if (fwrite(rows, sizeof *rows, ROWS, file) != ROWS || fclose(file) != 0) return 1;
    check(fastpar_pool_start(NULL, &error)); /* which begins the trace */
    fastpar_trace_begin("a loop, and a job beside it");
    check(fastpar_for_start(&beside, ROWS, turnover, rows, &job, &error));
    check(fastpar_for(NULL, ROWS, turnover, rows, &error));
    check(fastpar_job_wait(job, UINT64_MAX, &error));
    fastpar_trace_end();
    fastpar_job_free(job);
    fastpar_trace_begin("a file is compressed");
    check(fastpar_compress_file(NULL, argv[1], argv[2], NULL, &error));
    fastpar_trace_end();
    free(rows);
    return 0;
}
