/* The four tasks without the functions for loops over archives. */
#ifndef WITHOUT_H
#define WITHOUT_H

#include "data.h"

#include <stdatomic.h>

/* ---- rows ---- */

/* What the chunks of a loop share: a buffer for each lane, and the error of the chunk that failed first. */
typedef struct {
    fastpar_archive *archive;
    char *buffers;
    atomic_int failures;
    fastpar_error error;
} reading;

static int begin_reading(reading *from, fastpar_archive *archive)
{
    memset(from, 0, sizeof *from);
    from->archive = archive;
    from->buffers = malloc((size_t)fastpar_pool_threads() * PIECE);
    return from->buffers != NULL;
}

static fastpar_status end_reading(reading *from, fastpar_status status, fastpar_error *error)
{
    free(from->buffers);
    if (status != FASTPAR_ERR_CALLBACK || atomic_load(&from->failures) == 0)
        return status;
    *error = from->error;
    return from->error.status;
}

static char *read_part(reading *from, uint32_t lane, uint64_t offset, size_t *size)
{
    char *buffer = from->buffers + (size_t)lane * PIECE;
    fastpar_error error;
    if (fastpar_archive_read(from->archive, offset, buffer, *size, size, &error) == FASTPAR_OK)
        return buffer;
    if (atomic_fetch_add(&from->failures, 1) == 0)
        from->error = error;
    return NULL;
}

static int32_t fold_chunk_of_rows(void *user_data, const fastpar_chunk *chunk, void *accumulator)
{
    for (size_t at = chunk->begin; at < chunk->end; at += ROWS) {
        size_t count = chunk->end - at < ROWS ? chunk->end - at : ROWS, size = count * sizeof(trade);
        const trade *rows = (const void *)read_part(user_data, chunk->lane, at * sizeof(trade), &size);
        if (rows == NULL)
            return 1;
        for (size_t i = 0; i < count; i++)
            add_row(accumulator, &rows[i]);
    }
    return 0;
}

static fastpar_status rows_read(fastpar_archive *archive, sums *all, fastpar_error *error)
{
    fastpar_loop_options options = {.struct_size = sizeof options, .schedule = FASTPAR_SCHEDULE_GRAIN, .grain = ROWS};
    reading from;
    uint64_t size;
    fastpar_status status = fastpar_archive_size(archive, &size, error);
    if (status != FASTPAR_OK)
        return status;
    if (!begin_reading(&from, archive))
        return FASTPAR_ERR_OUT_OF_MEMORY;
    status = fastpar_reduce(&options, (size_t)(size / sizeof(trade)), fold_chunk_of_rows, add_sums, &from, all,
                            sizeof *all, error);
    return end_reading(&from, status, error);
}

/* ---- lines ---- */

/* The lines that begin in a chunk of bytes; the last one may end in a later chunk, and the first bytes may
 * belong to a line of the chunk before. A line that no buffer holds is refused. */
static int32_t fold_chunk_of_lines(void *user_data, const fastpar_chunk *chunk, void *accumulator)
{
    uint64_t at = chunk->begin;
    int is_inside = at > 0; /* in a line that began before the chunk */
    if (is_inside)
        at--;
    while (at < chunk->end) {
        size_t size = PIECE;
        const char *text = read_part(user_data, chunk->lane, at, &size);
        if (text == NULL)
            return 1;
        const char *line = text, *end = text + size;
        while (at + (uint64_t)(line - text) < chunk->end) {
            const char *stop = memchr(line, '\n', (size_t)(end - line));
            if (stop == NULL && size == PIECE)
                break; /* the rest comes with the next part */
            stop = stop == NULL ? end : stop + 1;
            if (!is_inside)
                add_line(accumulator, line, (size_t)(stop - line));
            is_inside = 0;
            line = stop;
            if (line == end)
                break;
        }
        if (line == text && !is_inside)
            return size == 0 ? 0 : 2;
        at += (uint64_t)(line == text ? end - text : line - text);
        if (size < PIECE && line == end)
            break;
    }
    return 0;
}

static fastpar_status lines_read(fastpar_archive *archive, words *all, fastpar_error *error)
{
    fastpar_loop_options options = {.struct_size = sizeof options, .schedule = FASTPAR_SCHEDULE_GRAIN, .grain = PIECE};
    reading from;
    uint64_t size;
    fastpar_status status = fastpar_archive_size(archive, &size, error);
    if (status != FASTPAR_OK)
        return status;
    if (!begin_reading(&from, archive))
        return FASTPAR_ERR_OUT_OF_MEMORY;
    status = fastpar_reduce(&options, (size_t)size, fold_chunk_of_lines, add_words, &from, all, sizeof *all, error);
    return end_reading(&from, status, error);
}

/* ---- filter ---- */

static int32_t write_to_file(void *user_data, const void *data, size_t len)
{
    return fwrite(data, 1, len, user_data) == len ? 0 : 1;
}

/* A wave: each lane's buffer is read and filtered in place, then all are written in their order. */
typedef struct {
    reading from;
    uint64_t first, rows;
    size_t *kept;
} wave;

static int32_t filter_part(void *user_data, const fastpar_chunk *chunk)
{
    wave *all = user_data;
    for (size_t part = chunk->begin; part < chunk->end; part++) {
        uint64_t row = all->first + part * ROWS;
        size_t size = row < all->rows ? (size_t)(all->rows - row < ROWS ? all->rows - row : ROWS) * sizeof(trade) : 0;
        trade *rows = (void *)read_part(&all->from, (uint32_t)part, row * sizeof(trade), &size);
        if (rows == NULL)
            return 1;
        all->kept[part] = 0;
        for (size_t i = 0; i < size / sizeof *rows; i++) {
            if (rows[i].price > HIGH)
                rows[all->kept[part]++] = rows[i];
        }
    }
    return 0;
}

static fastpar_status filter_waves(wave *all, fastpar_writer *writer, fastpar_error *error)
{
    size_t parts = fastpar_pool_threads();
    fastpar_status status = FASTPAR_OK;
    for (; status == FASTPAR_OK && all->first < all->rows; all->first += parts * ROWS) {
        status = fastpar_for(NULL, parts, filter_part, all, error);
        for (size_t part = 0; status == FASTPAR_OK && part < parts; part++)
            status = fastpar_writer_write(writer, all->from.buffers + part * PIECE, all->kept[part] * sizeof(trade),
                                          error);
    }
    return status == FASTPAR_OK ? fastpar_writer_finish(writer, error) : status;
}

static fastpar_status filter_read(fastpar_archive *archive, const char *path, fastpar_error *error)
{
    char beside[4200];
    snprintf(beside, sizeof beside, "%s.part", path);
    wave all = {.first = 0};
    uint64_t size;
    fastpar_writer *writer = NULL;
    fastpar_status status = fastpar_archive_size(archive, &size, error);
    all.rows = size / sizeof(trade);
    all.kept = malloc(fastpar_pool_threads() * sizeof *all.kept);
    FILE *file = fopen(beside, "wb");
    if (status == FASTPAR_OK && (!begin_reading(&all.from, archive) || all.kept == NULL))
        status = FASTPAR_ERR_OUT_OF_MEMORY;
    if (status == FASTPAR_OK && file == NULL)
        status = FASTPAR_ERR_IO;
    if (status == FASTPAR_OK)
        status = fastpar_writer_open(NULL, write_to_file, file, &writer, error);
    if (status == FASTPAR_OK)
        status = filter_waves(&all, writer, error);
    fastpar_writer_free(writer);
    status = end_reading(&all.from, status, error);
    free(all.kept);
    if (file != NULL && fclose(file) != 0 && status == FASTPAR_OK)
        status = FASTPAR_ERR_IO;
    if (status == FASTPAR_OK && rename(beside, path) != 0)
        status = FASTPAR_ERR_IO;
    if (status != FASTPAR_OK)
        remove(beside);
    return status;
}

/* ---- join ---- */

/* The table of zstd's seekable format: eight bytes for a frame, nine at the end, little-endian. */
typedef struct {
    unsigned char *bytes;
    size_t frames;
} table;

static void put(table *into, size_t at, uint64_t value)
{
    for (int i = 0; i < 4; i++)
        into->bytes[at + (size_t)i] = (unsigned char)(value >> 8 * i);
}

static fastpar_status copy_frames(const char *path, FILE *to, table *all, fastpar_error *error)
{
    fastpar_archive *archive = NULL;
    uint64_t frames = 0;
    unsigned char *frame = NULL;
    FILE *file = fopen(path, "rb");
    fastpar_status status = file == NULL ? FASTPAR_ERR_IO : fastpar_archive_open_file(NULL, path, &archive, error);
    if (status == FASTPAR_OK)
        status = fastpar_archive_frames(archive, &frames, error);
    for (uint64_t i = 0; status == FASTPAR_OK && i < frames; i++) {
        fastpar_frame_info info = {.struct_size = sizeof info};
        status = fastpar_archive_frame(archive, i, &info, error);
        unsigned char *more = realloc(frame, (size_t)info.size + 1);
        unsigned char *entries = realloc(all->bytes, 8 + 8 * (all->frames + 1) + 9);
        frame = more != NULL ? more : frame;
        all->bytes = entries != NULL ? entries : all->bytes;
        if (more == NULL || entries == NULL)
            status = FASTPAR_ERR_OUT_OF_MEMORY;
        else if (fseek(file, (long)info.offset, SEEK_SET) != 0 || fread(frame, 1, info.size, file) != info.size ||
                 fwrite(frame, 1, info.size, to) != info.size)
            status = FASTPAR_ERR_IO;
        if (status == FASTPAR_OK) {
            put(all, 8 + 8 * all->frames, info.size);
            put(all, 12 + 8 * all->frames++, info.content_size);
        }
    }
    free(frame);
    fastpar_archive_free(archive);
    if (file != NULL)
        fclose(file);
    return status;
}

static fastpar_status join_read(const char *const *paths, size_t count, const char *path, fastpar_error *error)
{
    char beside[4200];
    snprintf(beside, sizeof beside, "%s.part", path);
    table all = {.bytes = malloc(8 + 9)};
    FILE *file = fopen(beside, "wb");
    fastpar_status status = file == NULL || all.bytes == NULL ? FASTPAR_ERR_IO : FASTPAR_OK;
    for (size_t i = 0; status == FASTPAR_OK && i < count; i++)
        status = copy_frames(paths[i], file, &all, error);
    if (status == FASTPAR_OK) {
        size_t end = 8 + 8 * all.frames;
        put(&all, 0, 0x184D2A5E);
        put(&all, 4, 8 * all.frames + 9);
        put(&all, end, all.frames);
        all.bytes[end + 4] = 0;
        put(&all, end + 5, 0x8F92EAB1);
        if (fwrite(all.bytes, 1, end + 9, file) != end + 9)
            status = FASTPAR_ERR_IO;
    }
    if (file != NULL && fclose(file) != 0)
        status = FASTPAR_ERR_IO;
    if (status == FASTPAR_OK && rename(beside, path) != 0)
        status = FASTPAR_ERR_IO;
    if (status != FASTPAR_OK)
        remove(beside);
    free(all.bytes);
    return status;
}

#endif
