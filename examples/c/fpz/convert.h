/* Compressing and decompressing: from file to file, and through the standard input and output. Part of
   fpz.c. */
#ifndef FPZ_CONVERT_H
#define FPZ_CONVERT_H

#include "targets.h"

#include <errno.h>
#include <time.h>

/* What the pool has done so far; where the time goes is told of single files by the difference. */
static fastpar_pool_stats pool_so_far(void)
{
    fastpar_pool_stats pool;
    memset(&pool, 0, sizeof pool);
    pool.struct_size = sizeof pool;
    fastpar_pool_stats_read(&pool, NULL);
    return pool;
}

#ifndef _WIN32
/* Seconds of CPU of all threads. */
static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}
#endif

/* Where the time went. Times are of all threads together: four that compress for a second are 4 s. */
static void tell_times(const fastpar_pool_stats *before, double cpu, const fastpar_file_stats *file)
{
    fastpar_pool_stats now = pool_so_far();
    fprintf(stderr, "  time      %8.3f s on the clock, %.3f s of CPU\n", file->seconds, cpu);
    fprintf(stderr, "  codec     %8.3f s, %.3f s waiting for files and threads\n",
            (double)(now.codec_ns - before->codec_ns) / 1e9, (double)(now.waiting_ns - before->waiting_ns) / 1e9);
    fprintf(stderr, "  workers   %8.3f s at work, %" PRIu64 " visits, %" PRIu64 " too late\n",
            (double)(now.busy_ns - before->busy_ns) / 1e9, now.helpers - before->helpers,
            now.late_helpers - before->late_helpers);
    fprintf(stderr, "  contexts  %8" PRIu64 " made, %" PRIu64 " used again\n", now.contexts_made - before->contexts_made,
            now.contexts_reused - before->contexts_reused);
    fprintf(stderr, "  memory    %8.1f MB at the most\n", (double)file->peak_memory / 1e6);
}

static void summarize(const settings *set, const char *file, const char *target, const fastpar_file_stats *stats)
{
    if (set->verbosity < 2)
        return;
    fprintf(stderr, "%s: %" PRIu64 " bytes -> %s: %" PRIu64 " bytes, %" PRIu64 " frame%s, %.2f s\n", file, stats->bytes_in, target,
            stats->bytes_out, stats->frames, stats->frames == 1 ? "" : "s", stats->seconds);
}

static const char *shown_name(const char *name)
{
    return strcmp(name, STANDARD) == 0 ? "standard input" : name;
}

/* Whether the library said that the target is read-only. */
static int is_denied(fastpar_status status, const fastpar_error *error)
{
#ifdef _WIN32
    return status == FASTPAR_ERR_IO && error->code == ERROR_ACCESS_DENIED;
#else
    return status == FASTPAR_ERR_IO && error->code == EACCES;
#endif
}

typedef fastpar_status (*file_function)(const fastpar_zstd_options *, const char *, const char *, fastpar_file_stats *, fastpar_error *);

/* From file to file, or from the standard input where it has a name. The target has its name only when it
 * is whole. */
static int convert_file(const settings *set, const char *file, const char *target, int compress, progress_bar *bar)
{
    fastpar_zstd_options options;
    fastpar_file_stats stats;
    fastpar_error error;
    if (!set->force && exists(target))
        return complain(set, target, "exists already; -f replaces it");
    set_options(&options, set, bar);
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    if (set->verbosity > 2)
        fastpar_pool_start(NULL, NULL); /* the statistics begin with it */
    const fastpar_pool_stats before = pool_so_far();
    const double cpu = cpu_seconds();
    const file_function convert = compress ? fastpar_compress_file : fastpar_decompress_file;
    const char *source = strcmp(file, STANDARD) == 0 ? "/dev/stdin" : file;
    read_only_target old = {.lifted = 0};
    fastpar_status status = convert(&options, source, target, &stats, &error);
    if (is_denied(status, &error) && set->force && !set->command && lift_read_only(&old, target)) {
        status = convert(&options, source, target, &stats, &error);
        end_read_only(&old, status == FASTPAR_OK);
    }
    clear_progress(bar);
    if (status != FASTPAR_OK)
        return complain_of(set, shown_name(file), &error);
    summarize(set, shown_name(file), target, &stats);
    if (set->verbosity > 2)
        tell_times(&before, cpu_seconds() - cpu, &stats);
    if (set->remove_sources && source == file && remove(file) != 0)
        return complain(set, file, "cannot be removed");
    return 0;
}

/* ---- streams ---- */

/* A fastpar_source_fn over a FILE. */
static int32_t read_file(void *user_data, void *buffer, size_t capacity, size_t *len)
{
    FILE *file = user_data;
    *len = fread(buffer, 1, capacity, file);
    return ferror(file) ? 1 : 0;
}

/* A fastpar_sink_fn over a FILE. */
static int32_t write_file(void *user_data, const void *data, size_t len)
{
    return fwrite(data, 1, len, user_data) == len ? 0 : 1;
}

static fastpar_status compress_stream(const fastpar_zstd_options *options, FILE *from, FILE *to, char *buffer, size_t size,
                                      fastpar_error *error)
{
    fastpar_writer *writer = NULL;
    size_t len;
    fastpar_status status = fastpar_writer_open(options, write_file, to, &writer, error);
    while (status == FASTPAR_OK && (len = fread(buffer, 1, size, from)) > 0)
        status = fastpar_writer_write(writer, buffer, len, error);
    if (status == FASTPAR_OK && !ferror(from))
        status = fastpar_writer_finish(writer, error);
    fastpar_writer_free(writer);
    return status;
}

/* `to` may be NULL: what comes out is counted, and dropped. */
static fastpar_status decompress_stream(const fastpar_zstd_options *options, FILE *from, FILE *to, char *buffer, size_t size,
                                        uint64_t *total, fastpar_error *error)
{
    fastpar_reader *reader = NULL;
    size_t len = 0;
    fastpar_status status = fastpar_reader_open(options, read_file, from, &reader, error);
    do {
        if (status == FASTPAR_OK)
            status = fastpar_reader_read(reader, buffer, size, &len, error);
        *total += len;
        if (to != NULL && fwrite(buffer, 1, len, to) != len)
            break;
    } while (status == FASTPAR_OK && len > 0);
    fastpar_reader_free(reader);
    return status;
}

/* The file, or the standard input; a file's size becomes the total of the progress bar. */
static FILE *open_source(const settings *set, const char *name, progress_bar *bar)
{
    if (strcmp(name, STANDARD) == 0) {
        binary(stdin);
        return stdin;
    }
    FILE *file = fopen(name, "rb");
    if (file == NULL) {
        complain(set, name, "cannot be opened");
        return NULL;
    }
    if (fseek(file, 0, SEEK_END) == 0 && ftell(file) > 0)
        bar->total = (uint64_t)ftell(file);
    rewind(file);
    return file;
}

/* From a file or the standard input to an open file, called `target`; `to` NULL: a test. */
static int convert_stream(const settings *set, const char *name, FILE *to, const char *target, int compress, progress_bar *bar)
{
    const size_t size = 8 << 20;
    fastpar_zstd_options options;
    fastpar_error error;
    uint64_t total = 0;
    fastpar_status status;
    FILE *from = open_source(set, name, bar);
    char *buffer = malloc(size);
    int failures = 1;
    if (from == NULL || buffer == NULL)
        goto end;
    set_options(&options, set, bar);
    status = compress ? compress_stream(&options, from, to, buffer, size, &error)
                      : decompress_stream(&options, from, to, buffer, size, &total, &error);
    clear_progress(bar);
    /* A callback that failed has its own reason, which says more. */
    if (ferror(from))
        complain(set, shown_name(name), "cannot be read");
    else if (to != NULL && (ferror(to) || fflush(to) != 0))
        complain(set, target, "cannot be written");
    else if (status != FASTPAR_OK)
        complain_of(set, shown_name(name), &error);
    else
        failures = 0;
    if (failures == 0 && to == NULL && set->verbosity > 1)
        printf("%s: good, %" PRIu64 " bytes\n", shown_name(name), total);
end:
    if (from != NULL && from != stdin)
        fclose(from);
    free(buffer);
    return failures;
}

#endif
