/*
 * Writes what the ranks of MPI have in memory as one archive: each compresses its rows to frames by a pool of
 * its own, all write into one file at the same time, and rank 0 adds the seek table of all frames. The bytes
 * are those of fastpar_compress for all rows, whatever the number of ranks.
 *
 *   mpiexec -n RANKS write_mpi TARGET [ROWS]
 *
 * The file has its name when it is complete; until then it is TARGET.new. Only the main thread calls MPI, so
 * MPI_THREAD_FUNNELED is enough. docs/scale-out.md tells how ranks are placed on machines. Build it,
 * after `cargo xtask build`, in the repository's root:
 *
 *   mpicc -O2 examples/c/write_mpi.c -Itarget/fastpar/include -Ltarget/fastpar/lib -lfastpar \
 *         -Wl,-rpath,$PWD/target/fastpar/lib -o write_mpi
 */
#include "fastpar.h"

#include <inttypes.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint64_t step;
    double position, speed;
} row;

enum { FRAME_ROWS = 1 << 16, MOST_AT_ONCE = 1 << 30 };

/* The rows of a rank: whole frames. */
typedef struct {
    int first_frame, frames;
    uint64_t first_row, rows;
} share;

static share share_of(int rank, int ranks, uint64_t all_rows)
{
    int64_t all_frames = (int64_t)((all_rows + FRAME_ROWS - 1) / FRAME_ROWS);
    int first = (int)(all_frames * rank / ranks), end = (int)(all_frames * (rank + 1) / ranks);
    uint64_t first_row = (uint64_t)first * FRAME_ROWS, end_row = (uint64_t)end * FRAME_ROWS;
    if (first_row > all_rows)
        first_row = all_rows;
    return (share){first, end - first, first_row, (end_row < all_rows ? end_row : all_rows) - first_row};
}

/* Ends the program where a rank has an error. All ranks ask, and end together: MPI_Abort would lose what was
   just written. */
static void check(const char *error)
{
    int wrong = error != NULL, any;
    if (wrong)
        fprintf(stderr, "%s\n", error);
    MPI_Allreduce(&wrong, &any, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    if (!any)
        return;
    MPI_Finalize();
    exit(1);
}

static int32_t compute(void *user_data, const fastpar_chunk *chunk)
{
    row *rows = user_data;
    for (size_t i = chunk->begin; i < chunk->end; i++) {
        double t = (double)rows[i].step / 1024;
        rows[i].speed = 3 - t * 0.25;
        rows[i].position = t * (rows[i].speed + 3) / 2;
    }
    return 0;
}

/* MPI counts bytes in an int. Whether all is written. */
static int write_at(MPI_File file, uint64_t offset, const unsigned char *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        int here = (int)(len - at < MOST_AT_ONCE ? len - at : MOST_AT_ONCE);
        int code = MPI_File_write_at(file, (MPI_Offset)(offset + at), data + at, here, MPI_BYTE, MPI_STATUS_IGNORE);
        if (code != MPI_SUCCESS)
            return 0;
        at += (size_t)here;
    }
    return 1;
}

/* Computes a rank's rows and compresses them; `sizes`: bytes of each frame, then of each content. */
static unsigned char *packed_rows(const share *mine, uint64_t *sizes, size_t *len)
{
    fastpar_error error = {.message = "no memory"};
    fastpar_zstd_options options = {.struct_size = sizeof options, .flags = FASTPAR_ZSTD_NO_SEEK_TABLE};
    fastpar_zstd_info info = {.struct_size = sizeof info};
    size_t size = (size_t)mine->rows * sizeof(row), bound = 0;
    options.frame_size = FRAME_ROWS * sizeof(row);
    fastpar_status status = fastpar_compress_bound(&options, size, &bound, &error);
    row *rows = malloc(size + 1);
    unsigned char *packed = malloc(bound);
    if (status == FASTPAR_OK && (rows == NULL || packed == NULL))
        status = FASTPAR_ERR_OUT_OF_MEMORY;
    for (size_t i = 0; status == FASTPAR_OK && i < mine->rows; i++)
        rows[i].step = mine->first_row + i;
    if (status == FASTPAR_OK)
        status = fastpar_for(NULL, (size_t)mine->rows, compute, rows, &error);
    if (status == FASTPAR_OK && mine->frames > 0) /* nothing would become an empty frame */
        status = fastpar_compress(&options, rows, size, packed, bound, len, &error);
    for (size_t at = 0; status == FASTPAR_OK && at < *len; at += (size_t)info.compressed_size, sizes++) {
        status = fastpar_frame_read(packed + at, *len - at, &info, &error);
        sizes[0] = info.compressed_size;
        sizes[mine->frames] = info.size;
    }
    check(status == FASTPAR_OK ? NULL : error.message);
    free(rows);
    return packed;
}

/* The seek table of the frames of all ranks, at rank 0. */
static unsigned char *table_of(uint64_t *sizes, int rank, int ranks, uint64_t all_rows, size_t *len)
{
    fastpar_error error;
    int mine = share_of(rank, ranks, all_rows).frames, *counts = calloc((size_t)ranks * 2, sizeof *counts);
    size_t frames = (size_t)share_of(0, 1, all_rows).frames, room = 17 + 8 * frames;
    uint64_t *all = calloc(frames * 2, sizeof *all);
    unsigned char *table = malloc(room);
    check(counts != NULL && all != NULL && table != NULL ? NULL : "no memory");
    for (int i = 0; i < ranks; i++) {
        counts[i] = share_of(i, ranks, all_rows).frames;
        counts[ranks + i] = share_of(i, ranks, all_rows).first_frame;
    }
    MPI_Gatherv(sizes, mine, MPI_UINT64_T, all, counts, counts + ranks, MPI_UINT64_T, 0, MPI_COMM_WORLD);
    MPI_Gatherv(sizes + mine, mine, MPI_UINT64_T, all + frames, counts, counts + ranks, MPI_UINT64_T, 0, MPI_COMM_WORLD);
    fastpar_status status = FASTPAR_OK;
    if (rank == 0 && frames > 1) /* a single frame has none */
        status = fastpar_seek_table_write(all, all + frames, NULL, frames, table, room, len, &error);
    check(status == FASTPAR_OK ? NULL : error.message);
    free(all);
    free(counts);
    return table;
}

int main(int argc, char **argv)
{
    int ranks, rank, provided;
    uint64_t rows = argc == 3 ? strtoull(argv[2], NULL, 10) : 1000000;
    if (argc < 2 || argc > 3 || rows == 0) {
        fprintf(stderr, "usage: write_mpi TARGET [ROWS]\n");
        return 2;
    }
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    share mine = share_of(rank, ranks, rows);
    uint64_t *sizes = calloc((size_t)mine.frames * 2 + 1, sizeof *sizes);
    char *unfinished = malloc(strlen(argv[1]) + 5);
    check(sizes != NULL && unfinished != NULL ? NULL : "no memory");
    strcat(strcpy(unfinished, argv[1]), ".new");

    size_t len = 0, table_len = 0;
    unsigned char *packed = packed_rows(&mine, sizes, &len);
    unsigned char *table = table_of(sizes, rank, ranks, rows, &table_len);
    uint64_t length = len, before = 0, total = 0; /* where this rank's frames belong, and the table */
    MPI_Exscan(&length, &before, 1, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
    MPI_Reduce(&length, &total, 1, MPI_UINT64_T, MPI_SUM, 0, MPI_COMM_WORLD);

    MPI_File file;
    int code = MPI_File_open(MPI_COMM_WORLD, unfinished, MPI_MODE_CREATE | MPI_MODE_WRONLY, MPI_INFO_NULL, &file);
    check(code == MPI_SUCCESS && MPI_File_set_size(file, 0) == MPI_SUCCESS ? NULL : "the target cannot be made");
    int written = write_at(file, before, packed, len) && write_at(file, total, table, table_len);
    written &= MPI_File_sync(file) == MPI_SUCCESS;
    written &= MPI_File_close(&file) == MPI_SUCCESS;
    check(written ? NULL : "the target cannot be written");
    int named = rank != 0 || rename(unfinished, argv[1]) == 0;
    check(named ? NULL : "the target cannot be renamed");
    if (rank == 0)
        printf("%" PRIu64 " bytes became %" PRIu64 "\n", rows * sizeof(row), total + table_len);
    free(table);
    free(packed);
    free(unfinished);
    free(sizes);
    MPI_Finalize();
    return 0;
}
