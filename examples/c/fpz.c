/*
 * fpz: parallel zstd on the command line, over the C functions of fastpar.
 *
 *   fpz [-LEVEL] compress FILE [TARGET]     TARGET: FILE.zst if not given
 *   fpz decompress FILE [TARGET]            TARGET: FILE without its .zst
 *   fpz test FILE                           decompresses it, and drops what comes out
 *   fpz list FILE                           its frames
 *   fpz cat FILE [OFFSET [LENGTH]]          a part of its content, to the standard output
 *
 * On a terminal it shows how far it is; -p shows it everywhere, -q nowhere. -v tells where the time of
 * compress and decompress went. Ctrl-C stops it, and leaves no half target behind.
 *
 * Build it, after `cargo xtask build`, in the repository's root, and run it:
 *
 *   cc -O2 examples/c/fpz.c -Itarget/fastpar/include -Ltarget/fastpar/lib -lfastpar \
 *      -Wl,-rpath,$PWD/target/fastpar/lib -o fpz
 *   ./fpz compress FILE
 */
#if !defined(_WIN32) && !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L /* isatty */
#endif
#include "fastpar.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#define isatty _isatty
#define fileno _fileno
#else
#include <unistd.h>
#endif

static int32_t cancelled; /* set by Ctrl-C, looked at by every call */

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    fastpar_cancel(&cancelled);
}

/* ---- the progress bar ---- */

typedef struct {
    int shown;
    uint64_t total; /* for calls that do not know it */
    int drawn;
} progress_bar;

/* A fastpar_progress_fn: called by one thread at a time, at most 20 times a second. */
static int32_t draw_progress(void *user_data, uint64_t done, uint64_t total)
{
    progress_bar *bar = user_data;
    char marks[41];
    if (total == UINT64_MAX)
        total = bar->total > done ? bar->total : done;
    size_t full = total ? (size_t)((double)done / (double)total * 40) : 40;
    memset(marks, '#', full);
    memset(marks + full, '.', 40 - full);
    marks[40] = 0;
    fprintf(stderr, "\r[%s] %3d %%  %.1f MB", marks, total ? (int)((double)done / (double)total * 100) : 100, (double)done / 1e6);
    bar->drawn = 1;
    return 0;
}

static void clear_progress(progress_bar *bar)
{
    if (bar->drawn)
        fprintf(stderr, "\r%79s\r", "");
    bar->drawn = 0;
}

static void set_options(fastpar_zstd_options *options, progress_bar *bar)
{
    memset(options, 0, sizeof *options);
    options->struct_size = sizeof *options;
    options->cancel = &cancelled;
    if (bar->shown) {
        options->progress = draw_progress;
        options->progress_data = bar;
    }
}

static int complain(const char *file, const fastpar_error *error)
{
    fprintf(stderr, "fpz: %s: %s (%s)\n", file, error->message, fastpar_status_name(error->status));
    return 1;
}

/* ---- from file to file ---- */

static char *concat(const char *a, size_t a_len, const char *b)
{
    char *text = malloc(a_len + strlen(b) + 1);
    if (text != NULL) {
        memcpy(text, a, a_len);
        strcpy(text + a_len, b);
    }
    return text;
}

/* The target's name where none is given. */
static char *target_of(const char *file, int compress)
{
    size_t len = strlen(file);
    if (compress)
        return concat(file, len, ".zst");
    if (len > 4 && strcmp(file + len - 4, ".zst") == 0)
        return concat(file, len - 4, "");
    fprintf(stderr, "fpz: %s does not end in .zst: name a target\n", file);
    return NULL;
}

/* Where the time went. Each number is of all threads together: four that compress for a second are 4 s. */
static void tell_statistics(const fastpar_file_stats *file, clock_t cpu)
{
    fastpar_pool_stats pool;
    memset(&pool, 0, sizeof pool);
    pool.struct_size = sizeof pool;
    if (fastpar_pool_stats_read(&pool, NULL) != FASTPAR_OK)
        return;
    fprintf(stderr, "  time      %8.3f s on the clock, %.3f s of CPU\n", file->seconds, (double)cpu / CLOCKS_PER_SEC);
    fprintf(stderr, "  codec     %8.3f s, %.3f s waiting for files and threads\n", (double)pool.codec_ns / 1e9,
            (double)pool.waiting_ns / 1e9);
    fprintf(stderr, "  workers   %8.3f s at work, %" PRIu64 " visits, %" PRIu64 " too late\n", (double)pool.busy_ns / 1e9,
            pool.helpers, pool.late_helpers);
    fprintf(stderr, "  contexts  %8" PRIu64 " made, %" PRIu64 " used again\n", pool.contexts_made, pool.contexts_reused);
    fprintf(stderr, "  memory    %8.1f MB at the most\n", (double)file->peak_memory / 1e6);
}

static int convert(const char *file, const char *given, int compress, int level, int verbose, progress_bar *bar)
{
    fastpar_zstd_options options;
    fastpar_file_stats stats;
    fastpar_error error;
    char *target = given ? concat(given, strlen(given), "") : target_of(file, compress);
    if (target == NULL)
        return 1;
    set_options(&options, bar);
    options.level = level;
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    clock_t begin = clock();
    if (verbose)
        fastpar_pool_start(NULL, NULL); /* its statistics begin with it */
    fastpar_status status = compress ? fastpar_compress_file(&options, file, target, &stats, &error)
                                     : fastpar_decompress_file(&options, file, target, &stats, &error);
    clear_progress(bar);
    if (status == FASTPAR_OK)
        fprintf(stderr, "%s: %" PRIu64 " bytes -> %s: %" PRIu64 " bytes, %" PRIu64 " frames, %.2f s\n", file, stats.bytes_in, target,
                stats.bytes_out, stats.frames, stats.seconds);
    if (status == FASTPAR_OK && verbose)
        tell_statistics(&stats, clock() - begin);
    free(target);
    return status == FASTPAR_OK ? 0 : complain(file, &error);
}

/* ---- test: a stream ---- */

/* A fastpar_source_fn over a FILE. */
static int32_t read_file(void *user_data, void *buffer, size_t capacity, size_t *len)
{
    FILE *file = user_data;
    *len = fread(buffer, 1, capacity, file);
    return ferror(file) ? 1 : 0;
}

static int test(const char *name, progress_bar *bar)
{
    const size_t piece = 8 << 20;
    fastpar_zstd_options options;
    fastpar_reader *reader = NULL;
    fastpar_error error;
    uint64_t total = 0;
    size_t len = 0;
    int failed = 1;
    char *buffer = malloc(piece);
    FILE *file = fopen(name, "rb");
    if (buffer == NULL || file == NULL) {
        perror(name);
    } else {
        if (fseek(file, 0, SEEK_END) == 0 && ftell(file) > 0)
            bar->total = (uint64_t)ftell(file);
        rewind(file);
        set_options(&options, bar);
        fastpar_status status = fastpar_reader_open(&options, read_file, file, &reader, &error);
        do {
            if (status == FASTPAR_OK)
                status = fastpar_reader_read(reader, buffer, piece, &len, &error);
            total += len;
        } while (status == FASTPAR_OK && len > 0);
        clear_progress(bar);
        failed = status != FASTPAR_OK;
        if (failed)
            complain(name, &error);
        else
            printf("%s: good, %" PRIu64 " bytes\n", name, total);
    }
    fastpar_reader_free(reader);
    if (file != NULL)
        fclose(file);
    free(buffer);
    return failed;
}

/* ---- list and cat: an archive ---- */

static int list(const char *name)
{
    fastpar_zstd_options options;
    fastpar_archive *archive = NULL;
    fastpar_error error;
    progress_bar none = {0, 0, 0};
    uint64_t frames = 0, size = 0;
    set_options(&options, &none);
    if (fastpar_archive_open_file(&options, name, &archive, &error) != FASTPAR_OK)
        return complain(name, &error);
    fastpar_archive_frames(archive, &frames, NULL);
    fastpar_archive_size(archive, &size, NULL);
    printf("%8s %14s %14s %14s %14s\n", "frame", "at", "bytes", "content at", "bytes");
    for (uint64_t i = 0; i < frames; i++) {
        fastpar_frame_info info;
        memset(&info, 0, sizeof info);
        info.struct_size = sizeof info;
        if (fastpar_archive_frame(archive, i, &info, &error) != FASTPAR_OK)
            break;
        printf("%8" PRIu64 " %14" PRIu64 " %14" PRIu64 " %14" PRIu64 " %14" PRIu64 "\n", i, info.offset, info.size,
               info.content_offset, info.content_size);
    }
    printf("%" PRIu64 " frames, %" PRIu64 " bytes\n", frames, size);
    fastpar_archive_free(archive);
    return 0;
}

static int cat(const char *name, uint64_t offset, uint64_t length)
{
    const size_t piece = 16 << 20;
    fastpar_zstd_options options;
    fastpar_archive *archive = NULL;
    fastpar_error error;
    progress_bar none = {0, 0, 0};
    int failed = 1;
    char *buffer = malloc(piece);
    if (buffer == NULL) {
        fprintf(stderr, "fpz: no memory\n");
        return 1;
    }
    set_options(&options, &none);
    if (fastpar_archive_open_file(&options, name, &archive, &error) != FASTPAR_OK) {
        complain(name, &error);
    } else {
        size_t len = 1;
        failed = 0;
#ifdef _WIN32
        _setmode(_fileno(stdout), _O_BINARY);
#endif
        while (!failed && length > 0 && len > 0) {
            size_t want = length < piece ? (size_t)length : piece;
            if (fastpar_archive_read(archive, offset, buffer, want, &len, &error) != FASTPAR_OK) {
                failed = complain(name, &error);
            } else if (fwrite(buffer, 1, len, stdout) != len) {
                perror("standard output");
                failed = 1;
            }
            offset += len;
            length -= len;
        }
        if (fflush(stdout) != 0)
            failed = 1;
    }
    fastpar_archive_free(archive);
    free(buffer);
    return failed;
}

static int usage(void)
{
    fprintf(stderr, "usage: fpz [-LEVEL] [-p | -q] [-v] compress FILE [TARGET]\n"
                    "       fpz [-p | -q] [-v] decompress FILE [TARGET]\n"
                    "       fpz [-p | -q] test FILE\n"
                    "       fpz list FILE\n"
                    "       fpz cat FILE [OFFSET [LENGTH]]\n");
    return 2;
}

/* A number of bytes; no more than digits. */
static int number(const char *text, uint64_t *value)
{
    char *end;
    *value = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == 0;
}

int main(int argc, char **argv)
{
    progress_bar bar = {0, 0, 0};
    int verbose = 0;
    uint64_t level = 0, offset = 0, length = UINT64_MAX;
    bar.shown = isatty(fileno(stderr));
    signal(SIGINT, on_interrupt);
    for (; argc > 1 && argv[1][0] == '-'; argc--, argv++) {
        if (strcmp(argv[1], "-p") == 0)
            bar.shown = 1;
        else if (strcmp(argv[1], "-q") == 0)
            bar.shown = 0;
        else if (strcmp(argv[1], "-v") == 0)
            verbose = 1;
        else if (!number(argv[1] + 1, &level) || level > 22)
            return usage();
    }
    if (argc < 3 || argc > 5)
        return usage();
    const char *command = argv[1], *file = argv[2], *target = argc > 3 ? argv[3] : NULL;
    if (strcmp(command, "compress") == 0 && argc < 5)
        return convert(file, target, 1, (int)level, verbose, &bar);
    if (strcmp(command, "decompress") == 0 && argc < 5)
        return convert(file, target, 0, 0, verbose, &bar);
    if (strcmp(command, "test") == 0 && argc == 3)
        return test(file, &bar);
    if (strcmp(command, "list") == 0 && argc == 3)
        return list(file);
    if (strcmp(command, "cat") == 0 && (argc < 4 || number(argv[3], &offset)) && (argc < 5 || number(argv[4], &length)))
        return cat(file, offset, length);
    return usage();
}
