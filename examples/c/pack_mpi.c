/*
 * Compresses a file by several machines, to the very bytes that fastpar_compress_file makes of it, whatever
 * the number of ranks: each rank of MPI compresses parts with a pool of its own, and rank 0 joins them.
 *
 *   mpiexec -n RANKS pack_mpi SOURCE TARGET [LEVEL [PART]]
 *
 * The files lie where all machines see them under the same names. Parts of PART MiB (256; a multiple of 4,
 * from level 16 on of 64, as frames are cut there) are files in the folder TARGET.parts, each of which has
 * its name when it is complete. So a run that was killed is run again, by any number of ranks, and goes on
 * where it was. Each part has the time of the source, by which parts of an older source are told. The target
 * appears in one step; then the folder is removed.
 *
 * Only the main thread calls MPI, so MPI_THREAD_FUNNELED is enough. docs/scale-out.md tells how ranks are
 * placed on machines. Build it, after `cargo xtask build`, in the repository's root:
 *
 *   mpicc -O2 examples/c/pack_mpi.c -Itarget/fastpar/include -Ltarget/fastpar/lib -lfastpar \
 *         -Wl,-rpath,$PWD/target/fastpar/lib -o pack_mpi
 */
#define _POSIX_C_SOURCE 200809L /* st_mtim */
#include "fastpar.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Ends all ranks: the others would wait for ever. */
static void fail(const char *path, const char *what)
{
    fprintf(stderr, "%s: %s\n", path, what);
    MPI_Abort(MPI_COMM_WORLD, 1);
    abort();
}

static void check(const char *path, fastpar_status status, const fastpar_error *error)
{
    if (status != FASTPAR_OK)
        fail(path, error->message);
}

/* The file of a part, or, without a part, their folder. */
static char *name_of(const char *target, const fastpar_zstd_options *part)
{
    size_t room = strlen(target) + 100;
    char *name = malloc(room);
    if (name == NULL)
        fail(target, "no memory");
    int end = snprintf(name, room, "%s.parts", target);
    if (part != NULL)
        snprintf(name + end, room - (size_t)end, "/%" PRId32 "-%" PRIu64 "-%" PRIu64 ".zst", part->level, part->src_offset,
                 part->src_size);
    return name;
}

/* Whether there is a part of this version of the source. */
static int is_finished(const char *part, const struct stat *source)
{
    struct stat there;
    return stat(part, &there) == 0 && there.st_mtim.tv_sec == source->st_mtim.tv_sec &&
           there.st_mtim.tv_nsec == source->st_mtim.tv_nsec;
}

static void remove_parts(const char *target)
{
    char *folder = name_of(target, NULL);
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;)
        if (entry->d_name[0] != '.' || entry->d_name[1] == 'f') /* what a killed run has left, too */
            unlinkat(dirfd(entries), entry->d_name, 0);
    if (entries != NULL)
        closedir(entries);
    rmdir(folder);
    free(folder);
}

int main(int argc, char **argv)
{
    int ranks, rank, provided;
    fastpar_error error;
    struct stat source;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    int level = argc > 3 ? atoi(argv[3]) : 3;
    uint64_t part = argc > 4 ? strtoull(argv[4], NULL, 10) : 256;
    if (argc < 3 || argc > 5 || part == 0 || part > 1 << 20 || part % (level < 16 ? 4 : 64) != 0)
        fail("usage", "pack_mpi SOURCE TARGET [LEVEL [PART]]; PART is in MiB, a multiple of 4, from level 16 on of 64");
    const char *target = argv[2];
    part <<= 20;
    char *folder = name_of(target, NULL);
    if (stat(argv[1], &source) != 0)
        fail(argv[1], strerror(errno));
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        fail(folder, strerror(errno));
    free(folder);

    uint64_t size = (uint64_t)source.st_size, count = size == 0 ? 1 : (size + part - 1) / part;
    fastpar_zstd_options options = {.struct_size = sizeof options, .level = level, .flags = FASTPAR_ZSTD_SYNC};
    char **parts = calloc(count, sizeof *parts);
    long found = 0, all_found = 0;
    if (parts == NULL)
        fail(target, "no memory");
    for (uint64_t i = 0; i < count; i++) {
        options.src_offset = i * part;
        options.src_size = size - i * part < part ? size - i * part : part;
        parts[i] = name_of(target, &options);
        if (i % (uint64_t)ranks != (uint64_t)rank)
            continue;
        if (is_finished(parts[i], &source))
            found++;
        else
            check(argv[1], fastpar_compress_file(&options, argv[1], parts[i], NULL, &error), &error);
    }
    /* When rank 0 has the sum, all ranks are done. */
    MPI_Reduce(&found, &all_found, 1, MPI_LONG, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0) {
        fastpar_file_stats stats = {.struct_size = sizeof stats};
        check(target, fastpar_concat_files(&options, (const char *const *)parts, count, target, &stats, &error), &error);
        remove_parts(target);
        printf("%" PRIu64 " parts, %ld of them of a run before; %" PRIu64 " bytes became %" PRIu64 "\n", count, all_found, size,
               stats.bytes_out);
    }
    for (uint64_t i = 0; i < count; i++)
        free(parts[i]);
    free(parts);
    MPI_Finalize();
    return 0;
}
