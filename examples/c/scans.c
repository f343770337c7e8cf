/*
 * Four tasks on compressed data, each as it is written with the functions for loops over archives, and (in
 * scans/without.h) as it is written without them, by reads at offsets and loops over numbers. README.md
 * has the lines that each takes.
 *
 *   rows     sums over all rows of an archive
 *   lines    counts the lines that have a word, and finds the longest
 *   filter   writes the rows above a price to another compressed file, which appears when it is complete
 *   join     makes one archive of several
 *
 * Build it, after `cargo xtask build`, in the repository's root, and run it:
 *
 *   cc -O2 examples/c/scans.c -Itarget/fastpar/include -Ltarget/fastpar/lib -lfastpar \
 *      -Wl,-rpath,$PWD/target/fastpar/lib -o scans
 *   ./scans FOLDER
 *
 * It makes its files in FOLDER, and tells whether both ways have found the same.
 */
#include "scans/data.h"
#include "scans/without.h"

/* ---- rows ---- */

static int32_t fold_rows(void *user_data, const fastpar_piece *piece, void *accumulator)
{
    (void)user_data;
    const trade *rows = piece->data;
    for (size_t i = 0; i < piece->size / sizeof *rows; i++)
        add_row(accumulator, &rows[i]);
    return 0;
}

static fastpar_status rows_scanned(fastpar_archive *archive, sums *all, fastpar_error *error)
{
    fastpar_scan_options options = {.struct_size = sizeof options, .record_size = sizeof(trade)};
    return fastpar_archive_reduce(&options, archive, fold_rows, add_sums, NULL, all, sizeof *all, error);
}

/* ---- lines ---- */

static int32_t fold_lines(void *user_data, const fastpar_piece *piece, void *accumulator)
{
    (void)user_data;
    const char *line = piece->data, *end = line + piece->size;
    while (line < end) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop == NULL ? end : stop + 1;
        add_line(accumulator, line, (size_t)(stop - line));
        line = stop;
    }
    return 0;
}

static fastpar_status lines_scanned(fastpar_archive *archive, words *all, fastpar_error *error)
{
    fastpar_scan_options options = {.struct_size = sizeof options, .flags = FASTPAR_SCAN_LINES};
    return fastpar_archive_reduce(&options, archive, fold_lines, add_words, NULL, all, sizeof *all, error);
}

/* ---- filter ---- */

static int32_t write_high(void *user_data, const fastpar_piece *piece, fastpar_output *output)
{
    (void)user_data;
    const trade *rows = piece->data;
    for (size_t i = 0; i < piece->size / sizeof *rows; i++) {
        if (rows[i].price > HIGH && fastpar_output_write(output, &rows[i], sizeof *rows, NULL) != FASTPAR_OK)
            return 1;
    }
    return 0;
}

static fastpar_status filter_scanned(fastpar_archive *archive, const char *path, fastpar_error *error)
{
    fastpar_scan_options options = {.struct_size = sizeof options, .record_size = sizeof(trade)};
    return fastpar_transform_file(&options, archive, NULL, path, write_high, NULL, NULL, error);
}

/* ---- join ---- */

static fastpar_status join_files(const char *const *paths, size_t count, const char *path, fastpar_error *error)
{
    return fastpar_concat_files(NULL, paths, count, path, NULL, error);
}

/* ---- both ways ---- */

static int failed(const char *what, fastpar_status status, const fastpar_error *error)
{
    if (status != FASTPAR_OK)
        fprintf(stderr, "%s: %s: %s\n", what, fastpar_status_name(status), error->message);
    return status != FASTPAR_OK;
}

static int is_same(const char *what, int same)
{
    printf("%s: %s\n", what, same ? "the same both ways" : "DIFFERENT");
    return same;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: scans FOLDER\n");
        return 2;
    }
    char paths[7][4100];
    const char *names[7] = {"rows-0.zst", "rows-1.zst",   "lines.zst",   "high.zst", "high-without.zst",
                            "joined.zst", "joined-without.zst"};
    for (int i = 0; i < 7; i++)
        snprintf(paths[i], sizeof paths[i], "%.4000s/%s", argv[1], names[i]);
    const char *const rows[2] = {paths[0], paths[1]};
    const char *high[2] = {paths[3], paths[4]}, *joined[2] = {paths[5], paths[6]};
    fastpar_archive *trades = NULL, *text = NULL;
    fastpar_error error = {.message = ""};
    sums sum[2] = {{0}};
    words word[2] = {{0}};
    int bad = failed(paths[0], make_file(paths[0], 0, 0, &error), &error) ||
              failed(paths[1], make_file(paths[1], 5, 0, &error), &error) ||
              failed(paths[2], make_file(paths[2], 9, 1, &error), &error) ||
              failed(paths[0], fastpar_archive_open_file(NULL, paths[0], &trades, &error), &error) ||
              failed(paths[2], fastpar_archive_open_file(NULL, paths[2], &text, &error), &error) ||
              failed("rows", rows_scanned(trades, &sum[0], &error), &error) ||
              failed("rows", rows_read(trades, &sum[1], &error), &error) ||
              failed("lines", lines_scanned(text, &word[0], &error), &error) ||
              failed("lines", lines_read(text, &word[1], &error), &error);
    if (!bad) {
        printf("%" PRIu64 " rows, quantity %" PRIu64 "\n", sum[0].rows, sum[0].quantity);
        printf("%" PRIu64 " lines with \"" WORD "\", the longest has %" PRIu64 " bytes\n", word[0].found,
               word[0].longest);
        bad = !is_same("rows", memcmp(&sum[0], &sum[1], sizeof sum[0]) == 0) ||
              !is_same("lines", memcmp(&word[0], &word[1], sizeof word[0]) == 0) ||
              failed("filter", filter_scanned(trades, high[0], &error), &error) ||
              failed("filter", filter_read(trades, high[1], &error), &error) ||
              !is_same("filter", same_files(high[0], high[1])) ||
              failed("join", join_files(rows, 2, joined[0], &error), &error) ||
              failed("join", join_read(rows, 2, joined[1], &error), &error) ||
              !is_same("join", same_files(joined[0], joined[1]));
    }
    fastpar_archive_free(trades);
    fastpar_archive_free(text);
    return bad;
}
