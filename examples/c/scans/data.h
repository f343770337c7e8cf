/* What both ways work on, and what they do with a row and with a line. */
#ifndef DATA_H
#define DATA_H

#include "fastpar.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint64_t id, price, quantity, time, more[2];
} trade;

typedef struct {
    uint64_t rows, quantity;
} sums;

typedef struct {
    uint64_t found, longest;
} words;

#define WORD "error"
/* Bytes of content at a time, and the whole rows that they hold. */
enum { PIECE = 1 << 19, ROWS = PIECE / sizeof(trade) };
/* A price. */
enum { HIGH = 10900 };

static void add_row(sums *into, const trade *row)
{
    into->rows++;
    into->quantity += row->quantity;
}

static void add_line(words *into, const char *line, size_t size)
{
    const char *end = line + size;
    for (const char *at = line; (at = memchr(at, WORD[0], (size_t)(end - at))) != NULL; at++) {
        if ((size_t)(end - at) >= strlen(WORD) && memcmp(at, WORD, strlen(WORD)) == 0) {
            into->found++;
            break;
        }
    }
    if (size > into->longest)
        into->longest = size;
}

static int32_t add_sums(void *user_data, void *into, const void *from)
{
    (void)user_data;
    ((sums *)into)->rows += ((const sums *)from)->rows;
    ((sums *)into)->quantity += ((const sums *)from)->quantity;
    return 0;
}

static int32_t add_words(void *user_data, void *into, const void *from)
{
    (void)user_data;
    words *all = into;
    const words *part = from;
    all->found += part->found;
    all->longest = part->longest > all->longest ? part->longest : all->longest;
    return 0;
}

static int same_files(const char *a, const char *b)
{
    static char pieces[2][PIECE];
    FILE *files[2] = {fopen(a, "rb"), fopen(b, "rb")};
    int same = files[0] != NULL && files[1] != NULL;
    for (size_t got = 1; same && got > 0;) {
        got = fread(pieces[0], 1, PIECE, files[0]);
        same = fread(pieces[1], 1, PIECE, files[1]) == got && memcmp(pieces[0], pieces[1], got) == 0;
    }
    for (int i = 0; i < 2; i++) {
        if (files[i] != NULL)
            fclose(files[i]);
    }
    return same;
}

/* Rows, or lines of any lengths, always the same. Frames end within them, at a multiple of 8, so that
 * rows stay aligned. */
static fastpar_status make_file(const char *path, uint64_t seed, int lines, fastpar_error *error)
{
    size_t size = (size_t)40000 * sizeof(trade) * 3, at = 0, bound = 0, written = 0;
    fastpar_zstd_options options = {.struct_size = sizeof options, .frame_size = 100008};
    char *content = calloc(1, size);
    for (uint64_t i = 0; content != NULL && at < size; i++) {
        uint64_t noise = ((i + seed) * 6364136223846793005u) >> 40;
        if (lines) {
            char line[80];
            int length = snprintf(line, sizeof line, "%" PRIu64 " %s %.*s\n", i, noise % 7 == 0 ? WORD : "fine",
                                  (int)(noise % 50), "a message that is as long as it happens to be, up to");
            for (int k = 0; k < length && at < size; k++)
                content[at++] = line[k];
        } else {
            trade row = {.id = i, .price = 10000 + noise % 997, .quantity = 1 + noise % 50, .time = i * 1000};
            memcpy(content + at, &row, sizeof row);
            at += sizeof row;
        }
    }
    fastpar_status status =
        content == NULL ? FASTPAR_ERR_OUT_OF_MEMORY : fastpar_compress_bound(&options, size, &bound, error);
    char *packed = status == FASTPAR_OK ? malloc(bound) : NULL;
    if (packed != NULL)
        status = fastpar_compress(&options, content, size, packed, bound, &written, error);
    FILE *file = packed != NULL ? fopen(path, "wb") : NULL;
    if (status == FASTPAR_OK && (file == NULL || fwrite(packed, 1, written, file) != written))
        status = FASTPAR_ERR_IO;
    if (file != NULL && fclose(file) != 0)
        status = FASTPAR_ERR_IO;
    free(packed);
    free(content);
    return status;
}

#endif
