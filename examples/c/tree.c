/*
 * How many files and folders a tree has, and how many bytes: by a group of tasks, one for each folder, and by
 * `nftw` on one thread. Prints both times; the results must be the same.
 *
 *   tree FOLDER
 *
 * Build it, after `cargo xtask build`, in the repository's root:
 *
 *   cc -O2 examples/c/tree.c -Itarget/fastpar/include -Ltarget/fastpar/lib -lfastpar \
 *      -Wl,-rpath,$PWD/target/fastpar/lib -o tree
 */
#define _XOPEN_SOURCE 700 /* nftw, fstatat */
#define _FILE_OFFSET_BITS 64
#include "fastpar.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#ifdef _WIN32
#include "tree/nftw_windows.h"
#else
#include <ftw.h>
#endif

typedef struct {
    uint64_t files, folders, bytes;
    uint64_t padding[5]; /* a cache line: the next one is another thread's */
} totals;

static void add_file(totals *into, const struct stat *file)
{
    into->files++;
    if (S_ISREG(file->st_mode))
        into->bytes += (uint64_t)file->st_size;
}

/* ---- by the library ---- */

/* A task: one folder. */
typedef struct {
    totals *lanes;
    char path[];
} folder;

static folder *new_folder(totals *lanes, const char *parent, const char *name)
{
    size_t size = strlen(parent) + strlen(name) + 2;
    folder *made = malloc(sizeof *made + size);
    if (made != NULL) {
        made->lanes = lanes;
        snprintf(made->path, size, "%s%s%s", parent, *parent ? "/" : "", name);
    }
    return made;
}

static void drop(void *user_data, void *item)
{
    (void)user_data;
    free(item);
}

/* The group ends with the system's error, and with the name. */
static int32_t fail(const char *path)
{
    fastpar_error error = {.status = FASTPAR_ERR_IO, .code = errno, .position = UINT64_MAX};
    snprintf(error.message, sizeof error.message, "%s: %s", path, strerror(error.code));
    fastpar_fail(&error);
    return 1;
}

static int32_t spawn(fastpar_group *group, folder *item);

/* Of an entry of the folder, not of what a link leads to. */
static int look(const folder *here, DIR *entries, const char *name, struct stat *found)
{
#ifdef _WIN32
    folder *entry = new_folder(NULL, here->path, name);
    int failed = entry == NULL || stat(entry->path, found) != 0;
    (void)entries;
    free(entry);
    return failed;
#else
    (void)here;
    return fstatat(dirfd(entries), name, found, AT_SYMLINK_NOFOLLOW) != 0;
#endif
}

static int32_t walk(void *item, fastpar_group *group, uint32_t lane)
{
    folder *here = item;
    totals *sum = &here->lanes[lane];
    DIR *entries = opendir(here->path);
    int32_t failed = entries == NULL ? fail(here->path) : 0;
    for (const struct dirent *entry; failed == 0 && (entry = readdir(entries)) != NULL;) {
        struct stat found;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (look(here, entries, entry->d_name, &found))
            failed = fail(entry->d_name);
        else if (S_ISDIR(found.st_mode))
            failed = spawn(group, new_folder(here->lanes, here->path, entry->d_name));
        else
            add_file(sum, &found);
    }
    sum->folders++;
    if (entries != NULL)
        closedir(entries);
    free(here);
    return failed;
}

static int32_t spawn(fastpar_group *group, folder *item)
{
    fastpar_error error = {.status = FASTPAR_ERR_OUT_OF_MEMORY, .position = UINT64_MAX};
    if (item != NULL && fastpar_group_spawn(group, walk, item, &error) == FASTPAR_OK)
        return 0;
    free(item);
    fastpar_fail(&error);
    return 1;
}

static fastpar_status by_library(const char *path, totals *sum, fastpar_error *error)
{
    fastpar_group_options options = {.struct_size = sizeof options, .drop = drop};
    uint32_t lanes = fastpar_pool_threads();
    totals *each = calloc(lanes, sizeof *each);
    folder *root = new_folder(each, "", path);
    fastpar_status status = FASTPAR_ERR_OUT_OF_MEMORY;
    if (each != NULL && root != NULL)
        status = fastpar_group_run(&options, walk, root, error); /* the task frees it */
    for (uint32_t lane = 0; status == FASTPAR_OK && lane < lanes; lane++) {
        sum->files += each[lane].files;
        sum->folders += each[lane].folders;
        sum->bytes += each[lane].bytes;
    }
    free(each);
    return status;
}

/* ---- by nftw ---- */

static totals walked;

static int add_entry(const char *path, const struct stat *found, int type, struct FTW *place)
{
    (void)path;
    (void)place;
    if (type == FTW_D)
        walked.folders++;
    else
        add_file(&walked, found);
    return type == FTW_DNR || type == FTW_NS ? -1 : 0;
}

static int by_nftw(const char *path)
{
    return nftw(path, add_entry, 64, FTW_PHYS) == 0;
}

/* ---- both ---- */

static double seconds(void)
{
    struct timeval now;
    gettimeofday(&now, NULL);
    return (double)now.tv_sec + (double)now.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: tree FOLDER\n");
        return 2;
    }
    totals sum = {0};
    fastpar_error error = {0};
    double begin = seconds();
    fastpar_status status = by_library(argv[1], &sum, &error);
    double middle = seconds();
    if (status != FASTPAR_OK) {
        fprintf(stderr, "%s: %s\n", fastpar_status_name(status), error.message);
        return 1;
    }
    int walks = by_nftw(argv[1]);
    double end = seconds();
    if (!walks || memcmp(&sum, &walked, sizeof sum) != 0) {
        fprintf(stderr, "%s\n", walks ? "the results differ" : "nftw has failed");
        return 1;
    }
    printf("%" PRIu64 " files, %" PRIu64 " folders, %" PRIu64 " bytes; by the library: %.3f s; by nftw: %.3f s\n", sum.files,
           sum.folders, sum.bytes, middle - begin, end - middle);
    return 0;
}
