/* What the command line asks for, and what all of fpz's parts share. Part of fpz.c. */
#ifndef FPZ_SETTINGS_H
#define FPZ_SETTINGS_H

#include "fastpar.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _WIN32
#include "utf8_windows.h"
#include <fcntl.h>
#include <io.h>
#include <process.h>
#define isatty _isatty
#define fileno _fileno
#define getpid _getpid
#else
#include <unistd.h>
#endif

/* The standard input or output, where a file's name is asked for. */
#define STANDARD "-"

/* The fastest level is the negative of this. */
#define FASTEST 131072

typedef struct {
    int level;
    unsigned threads;    /* 0: one for each CPU */
    unsigned window_log; /* of --long; 0: by level */
    int one_frame, no_checksum, sparse;
    int force;           /* existing targets are replaced */
    int command;         /* ... but for those that are read-only */
    int to_stdout, remove_sources, recursive;
    int verbosity;       /* 2 by default, as in zstd: 1 without notices, 0 without errors */
    int progress;        /* -1: on a terminal */
    const char *target;
    const char *reference; /* of --patch-from */
    fastpar_dict *dict;
    void *prefix;
    size_t prefix_len;
} settings;

/* ---- the progress bar ---- */

typedef struct {
    int shown;
    uint64_t total; /* for calls that do not know it */
    int drawn;
} progress_bar;

static int32_t cancelled; /* set by Ctrl-C, looked at by every call */
static volatile sig_atomic_t interrupted;

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

/* Windows would change line ends. */
static void binary(FILE *file)
{
#ifdef _WIN32
    _setmode(_fileno(file), _O_BINARY);
#else
    (void)file;
#endif
}

/* ---- messages ---- */

static int complain(const settings *set, const char *file, const char *message)
{
    if (set->verbosity > 0)
        fprintf(stderr, "fpz: %s: %s\n", file, message);
    return 1;
}

static int complain_of(const settings *set, const char *file, const fastpar_error *error)
{
    if (set->verbosity > 0)
        fprintf(stderr, "fpz: %s: %s (%s)\n", file, error->message, fastpar_status_name(error->status));
    return 1;
}

/* ---- options ---- */

static void set_options(fastpar_zstd_options *options, const settings *set, progress_bar *bar)
{
    memset(options, 0, sizeof *options);
    options->struct_size = sizeof *options;
    options->level = set->level;
    options->max_lanes = set->threads;
    options->window_log = set->window_log;
    options->dict = set->dict;
    options->prefix = set->prefix;
    options->prefix_len = set->prefix_len;
    options->cancel = &cancelled;
    if (set->one_frame || set->prefix)
        options->flags |= FASTPAR_ZSTD_SINGLE_FRAME;
    if (set->no_checksum)
        options->flags |= FASTPAR_ZSTD_NO_CHECKSUM;
    if (set->sparse)
        options->flags |= FASTPAR_ZSTD_SPARSE;
    /* Looked for again when the target gets its name: no file is lost that came meanwhile. */
    if (!set->force)
        options->flags |= FASTPAR_ZSTD_KEEP;
    if (bar->shown) {
        options->progress = draw_progress;
        options->progress_data = bar;
    }
}

/* A file's content, for a dictionary, a sample or a reference. NULL: it was complained of. */
static void *read_whole(const settings *set, const char *name, size_t *len)
{
    FILE *file = fopen(name, "rb");
    size_t room = 1 << 16, got;
    char *data = NULL, *larger;
    *len = 0;
    if (file == NULL) {
        complain(set, name, "cannot be opened");
        return NULL;
    }
    do {
        larger = realloc(data, room);
        if (larger == NULL)
            break;
        data = larger;
        got = fread(data + *len, 1, room - *len, file);
        *len += got;
        room *= *len == room ? 2 : 1;
    } while (got > 0);
    if (larger == NULL || ferror(file)) {
        complain(set, name, larger == NULL ? "is too large for the memory" : "cannot be read");
        free(data);
        data = NULL;
    }
    fclose(file);
    return data;
}

#endif
