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

/* Says what is wrong; 0. */
static int failed(const char *path, const char *what)
{
    fprintf(stderr, "%s: %s\n", path, what);
    return 0;
}

/* The file of a part, or, without a part, their folder. NULL: no memory. */
static char *name_of(const char *target, const fastpar_zstd_options *part)
{
    size_t room = strlen(target) + 100;
    char *name = malloc(room);
    if (name == NULL)
        return NULL;
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
    DIR *entries = folder != NULL ? opendir(folder) : NULL;
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;)
        if (entry->d_name[0] != '.' || entry->d_name[1] == 'f') /* what a killed run has left, too */
            unlinkat(dirfd(entries), entry->d_name, 0);
    if (entries != NULL)
        closedir(entries);
    if (folder != NULL)
        rmdir(folder);
    free(folder);
}

/* What all ranks know of the work. */
typedef struct {
    const char *source, *target;
    fastpar_zstd_options options;
    uint64_t part, size, count; /* bytes of a part and of the source, and how many parts */
    char **names;
    long found; /* parts of a run before, at this rank */
} work;

/* Compresses each part that has the number of this rank, modulo the number of ranks, and is not there. */
static int pack(work *all, int rank, int ranks)
{
    fastpar_error error;
    struct stat source;
    if (stat(all->source, &source) != 0)
        return failed(all->source, strerror(errno));
    all->size = (uint64_t)source.st_size;
    all->count = all->size == 0 ? 1 : (all->size + all->part - 1) / all->part;
    all->names = calloc(all->count, sizeof *all->names);
    char *folder = name_of(all->target, NULL);
    if (all->names == NULL || folder == NULL)
        return failed(all->target, "no memory");
    int made = mkdir(folder, 0777) == 0 || errno == EEXIST;
    if (!made)
        failed(folder, strerror(errno));
    free(folder);
    for (uint64_t i = 0; made && i < all->count; i++) {
        all->options.src_offset = i * all->part;
        all->options.src_size = all->size - i * all->part < all->part ? all->size - i * all->part : all->part;
        all->names[i] = name_of(all->target, &all->options);
        if (all->names[i] == NULL)
            return failed(all->target, "no memory");
        if (i % (uint64_t)ranks != (uint64_t)rank)
            continue;
        if (is_finished(all->names[i], &source))
            all->found++;
        else if (fastpar_compress_file(&all->options, all->source, all->names[i], NULL, &error) != FASTPAR_OK)
            return failed(all->source, error.message);
    }
    return made;
}

/* Joins the parts. */
static int join(const work *all, long found)
{
    fastpar_error error;
    fastpar_file_stats stats = {.struct_size = sizeof stats};
    const char *const *names = (const char *const *)all->names;
    if (fastpar_concat_files(&all->options, names, all->count, all->target, &stats, &error) != FASTPAR_OK)
        return failed(all->target, error.message);
    remove_parts(all->target);
    printf("%" PRIu64 " parts, %ld of them of a run before; %" PRIu64 " bytes became %" PRIu64 "\n", all->count, found, all->size,
           stats.bytes_out);
    return 1;
}

int main(int argc, char **argv)
{
    int ranks, rank, provided, level = argc > 3 ? atoi(argv[3]) : 3;
    uint64_t part = argc > 4 ? strtoull(argv[4], NULL, 10) : 256;
    if (argc < 3 || argc > 5 || part == 0 || part > 1 << 20 || part % (level < 16 ? 4 : 64) != 0) {
        failed("usage", "pack_mpi SOURCE TARGET [LEVEL [PART]]; PART is in MiB, a multiple of 4, from level 16 on of 64");
        return 2;
    }
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    work all = {.source = argv[1], .target = argv[2], .part = part << 20};
    all.options = (fastpar_zstd_options){.struct_size = sizeof all.options, .level = level, .flags = FASTPAR_ZSTD_SYNC};
    int done = pack(&all, rank, ranks);
    /* All ranks are done when one has the sums, and end together: MPI_Abort would lose what was just
     * written. */
    long sums[2] = {all.found, !done}, of_all[2];
    MPI_Allreduce(sums, of_all, 2, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
    done = of_all[1] == 0;
    if (done && rank == 0)
        done = join(&all, of_all[0]);
    for (uint64_t i = 0; all.names != NULL && i < all.count; i++)
        free(all.names[i]);
    free(all.names);
    MPI_Finalize();
    return !done;
}
