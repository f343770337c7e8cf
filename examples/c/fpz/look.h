/* Looking into compressed files: their frames, their sizes, a part of their content. Part of fpz.c. */
#ifndef FPZ_LOOK_H
#define FPZ_LOOK_H

#include "settings.h"

static fastpar_archive *open_archive(const settings *set, const char *name)
{
    fastpar_zstd_options options;
    fastpar_archive *archive = NULL;
    fastpar_error error;
    progress_bar none = {0, 0, 0};
    set_options(&options, set, &none);
    if (fastpar_archive_open_file(&options, name, &archive, &error) != FASTPAR_OK)
        complain_of(set, name, &error);
    return archive;
}

/* All frames of a file. */
static int list_frames(const settings *set, const char *name)
{
    fastpar_error error;
    uint64_t frames = 0, size = 0;
    int failures = 0;
    fastpar_archive *archive = open_archive(set, name);
    if (archive == NULL)
        return 1;
    fastpar_archive_frames(archive, &frames, NULL);
    fastpar_archive_size(archive, &size, NULL);
    printf("%8s %14s %14s %14s %14s\n", "frame", "at", "bytes", "content at", "bytes");
    for (uint64_t i = 0; i < frames && !failures; i++) {
        fastpar_frame_info info;
        memset(&info, 0, sizeof info);
        info.struct_size = sizeof info;
        if (fastpar_archive_frame(archive, i, &info, &error) != FASTPAR_OK)
            failures = complain_of(set, name, &error);
        else
            printf("%8" PRIu64 " %14" PRIu64 " %14" PRIu64 " %14" PRIu64 " %14" PRIu64 "\n", i, info.offset, info.size,
                   info.content_offset, info.content_size);
    }
    printf("%" PRIu64 " frame%s, %" PRIu64 " bytes\n", frames, frames == 1 ? "" : "s", size);
    fastpar_archive_free(archive);
    return failures;
}

/* A line for each file, as `zstd -l`. */
static int list_file(const settings *set, const char *name)
{
    uint64_t frames = 0, size = 0, packed = 0;
    fastpar_archive *archive = open_archive(set, name);
    if (archive == NULL)
        return 1;
    fastpar_archive_frames(archive, &frames, NULL);
    fastpar_archive_size(archive, &size, NULL);
    for (uint64_t i = 0; i < frames; i++) {
        fastpar_frame_info info;
        memset(&info, 0, sizeof info);
        info.struct_size = sizeof info;
        if (fastpar_archive_frame(archive, i, &info, NULL) == FASTPAR_OK)
            packed += info.size;
    }
    printf("%8" PRIu64 " %16" PRIu64 " %16" PRIu64 " %8.3f  %s\n", frames, packed, size, packed ? (double)size / (double)packed : 0.0,
           name);
    fastpar_archive_free(archive);
    return 0;
}

static void list_head(void)
{
    printf("%8s %16s %16s %8s  %s\n", "Frames", "Compressed", "Uncompressed", "Ratio", "Filename");
}

/* A part of the content, to the standard output. */
static int cat_range(const settings *set, const char *name, uint64_t offset, uint64_t length)
{
    const size_t piece = 16 << 20;
    fastpar_error error;
    size_t len = 1;
    int failures = 0;
    char *buffer = malloc(piece);
    fastpar_archive *archive = buffer ? open_archive(set, name) : NULL;
    if (archive == NULL) {
        free(buffer);
        return 1;
    }
    binary(stdout);
    while (!failures && length > 0 && len > 0) {
        size_t want = length < piece ? (size_t)length : piece;
        if (fastpar_archive_read(archive, offset, buffer, want, &len, &error) != FASTPAR_OK)
            failures = complain_of(set, name, &error);
        else if (fwrite(buffer, 1, len, stdout) != len)
            failures = complain(set, "standard output", "cannot be written");
        offset += len;
        length -= len;
    }
    if (fflush(stdout) != 0 && !failures)
        failures = complain(set, "standard output", "cannot be written");
    fastpar_archive_free(archive);
    free(buffer);
    return failures;
}

#endif
