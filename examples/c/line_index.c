/*
 * Where does each line of a file begin, and which is the longest?
 *
 * A two-phase computation on a team, then a reduction:
 *
 *   phase 1   each member counts the line ends in its part of the file
 *   barrier   now every member can add up how many lines begin before its part
 *   phase 2   each member writes the line starts of its part to their places in one array
 *   reduce    the longest line and the mean, over the array
 *
 * Build it, after `cargo xtask build`, in the repository's root, and run it:
 *
 *   cc -O2 examples/c/line_index.c -Itarget/fastpar/include -Ltarget/fastpar/lib -lfastpar \
 *      -Wl,-rpath,$PWD/target/fastpar/lib -o line_index
 *   ./line_index FILE
 */
#include "fastpar.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *text;
    size_t size;
    uint64_t *ends_in_part; /* one for each member */
    uint64_t *starts;       /* where each line begins; allocated by member 0 between the phases */
    uint64_t lines;
} index_job;

static int32_t index_lines(void *user_data, fastpar_team *team, uint32_t member, uint32_t members)
{
    index_job *job = user_data;
    size_t begin = job->size / members * member;
    size_t end = member + 1 == members ? job->size : job->size / members * (member + 1);

    uint64_t ends = 0;
    for (const char *at = job->text + begin; (at = memchr(at, '\n', (size_t)(job->text + end - at))) != NULL; at++)
        ends++;
    job->ends_in_part[member] = ends;

    /* Everybody's count is there after this; if a member failed, nobody waits. */
    if (fastpar_team_barrier(team, NULL) != FASTPAR_OK)
        return 1;
    if (member == 0) {
        job->lines = 1;
        for (uint32_t m = 0; m < members; m++)
            job->lines += job->ends_in_part[m];
        job->starts = malloc(job->lines * sizeof *job->starts);
        if (job->starts == NULL)
            return 2; /* releases the others from the next barrier */
        job->starts[0] = 0;
    }
    if (fastpar_team_barrier(team, NULL) != FASTPAR_OK)
        return 1;

    uint64_t line = 1;
    for (uint32_t m = 0; m < member; m++)
        line += job->ends_in_part[m];
    for (const char *at = job->text + begin; (at = memchr(at, '\n', (size_t)(job->text + end - at))) != NULL; at++)
        job->starts[line++] = (uint64_t)(at - job->text) + 1;
    return 0;
}

typedef struct {
    uint64_t longest, longest_line, total;
} line_stats;

static int32_t measure_lines(void *user_data, const fastpar_chunk *chunk, void *accumulator)
{
    const index_job *job = user_data;
    line_stats *stats = accumulator;
    for (size_t line = chunk->begin; line < chunk->end; line++) {
        uint64_t next = line + 1 < job->lines ? job->starts[line + 1] : job->size;
        uint64_t length = next - job->starts[line];
        stats->total += length;
        if (length > stats->longest) {
            stats->longest = length;
            stats->longest_line = line;
        }
    }
    return 0;
}

static int32_t combine_stats(void *user_data, void *into, const void *from)
{
    line_stats *sum = into;
    const line_stats *part = from;
    (void)user_data;
    sum->total += part->total;
    if (part->longest > sum->longest) { /* parts come in order: of equals the first stays */
        sum->longest = part->longest;
        sum->longest_line = part->longest_line;
    }
    return 0;
}

static char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *data = NULL;
    long length;
    if (file == NULL)
        return NULL;
    if (fseek(file, 0, SEEK_END) == 0 && (length = ftell(file)) >= 0 && fseek(file, 0, SEEK_SET) == 0) {
        *size = (size_t)length;
        data = malloc(*size + 1);
        if (data != NULL && fread(data, 1, *size, file) != *size) {
            free(data);
            data = NULL;
        }
    }
    fclose(file);
    return data;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE\n", argv[0]);
        return 2;
    }
    index_job job = {0};
    fastpar_error error;
    int failed = 1;

    job.text = read_file(argv[1], &job.size);
    if (job.text == NULL) {
        perror(argv[1]);
        return 1;
    }
    uint32_t members = fastpar_pool_threads();
    job.ends_in_part = calloc((size_t)members + 1, sizeof *job.ends_in_part);
    if (job.ends_in_part == NULL)
        fprintf(stderr, "out of memory\n");
    else if (fastpar_team_run(members, index_lines, &job, &error) != FASTPAR_OK)
        fprintf(stderr, "indexing: %s: %s\n", fastpar_status_name(error.status), error.message);
    else {
        line_stats stats = {0, 0, 0};
        if (fastpar_reduce(NULL, job.lines, measure_lines, combine_stats, &job, &stats, sizeof stats, &error) !=
            FASTPAR_OK)
            fprintf(stderr, "measuring: %s: %s\n", fastpar_status_name(error.status), error.message);
        else if (stats.total != job.size)
            fprintf(stderr, "the lines add up to %" PRIu64 " bytes, not %zu\n", stats.total, job.size);
        else {
            printf("%zu bytes, %" PRIu64 " lines, %.1f bytes a line; the longest is line %" PRIu64 ": %" PRIu64 " bytes\n",
                   job.size, job.lines, (double)job.size / (double)job.lines, stats.longest_line + 1, stats.longest);
            failed = 0;
        }
    }
    free(job.starts);
    free(job.ends_in_part);
    free((void *)job.text);
    return failed;
}
