/*
 * One-minute bars of the trades in compressed files, by several machines: each rank of MPI scans its part of
 * the frames of each file with a pool of its own, and rank 0 combines the bars in the order of the ranks,
 * which is that of the trades. So the bars are the same for any number of ranks. (Sums, and bars without
 * their first and last prices, would need no order: MPI_Reduce with MPI_SUM, MPI_MAX and MPI_MIN.)
 *
 *   mpiexec -n RANKS trades_mpi FILE...
 *
 * The files, which trades.c makes, have the same names on all machines. A file of a single frame is scanned
 * by one rank: rewrite it by `fpz` for the others to have work. Callbacks run on threads of the pool and call
 * no MPI, so MPI_THREAD_FUNNELED is enough. docs/scale-out.md tells how ranks are placed on machines.
 *
 * Build it, after `cargo xtask build`, in the repository's root:
 *
 *   mpicc -O2 examples/c/trades_mpi.c -Itarget/fastpar/include -Ltarget/fastpar/lib -lfastpar \
 *         -Wl,-rpath,$PWD/target/fastpar/lib -o trades_mpi
 */
#include "trades.h"

#include <inttypes.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The bars of one rank's part of a file. */
static fastpar_status scan(const char *path, int ranks, int rank, day *bars, fastpar_error *error)
{
    fastpar_archive *archive = NULL;
    fastpar_scan_options options = {.struct_size = sizeof options, .record_size = sizeof(trade)};
    fastpar_shard shard = {.struct_size = sizeof shard};
    fastpar_status status = fastpar_archive_open_file(NULL, path, &archive, error);
    if (status == FASTPAR_OK)
        status = fastpar_archive_shard(&options, archive, (uint64_t)ranks, (uint64_t)rank, &shard, error);
    options.offset = shard.offset;
    options.size = shard.size;
    if (status == FASTPAR_OK)
        status = fastpar_archive_reduce(&options, archive, fold, combine, NULL, bars, sizeof *bars, error);
    fastpar_archive_free(archive);
    return status;
}

int main(int argc, char **argv)
{
    static day all, part;
    int ranks, rank, provided;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    day *parts = calloc((size_t)ranks, sizeof *parts);
    for (int i = 1; i < argc; i++) {
        fastpar_error error = {.message = "no memory"};
        memset(&part, 0, sizeof part);
        int failed = parts == NULL || scan(argv[i], ranks, rank, &part, &error) != FASTPAR_OK, any = 0;
        if (failed)
            fprintf(stderr, "%s: %s\n", argv[i], error.message);
        /* All end together: MPI_Abort would lose what was just written. */
        MPI_Allreduce(&failed, &any, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
        if (any) {
            free(parts);
            MPI_Finalize();
            return 1;
        }
        MPI_Gather(&part, sizeof part, MPI_BYTE, parts, sizeof part, MPI_BYTE, 0, MPI_COMM_WORLD);
        for (int k = 0; rank == 0 && k < ranks; k++)
            combine(NULL, &all, &parts[k]);
    }
    for (int minute = 0; rank == 0 && minute < MINUTES; minute++) {
        const bar *at = &all.bars[minute];
        if (at->volume > 0)
            printf("minute %d: open %" PRIu64 ", high %" PRIu64 ", low %" PRIu64 ", close %" PRIu64 ", volume %" PRIu64 "\n",
                   minute, at->open, at->high, at->low, at->close, at->volume);
    }
    free(parts);
    MPI_Finalize();
    return 0;
}
