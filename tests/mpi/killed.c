/* Preloaded into examples/c/pack_mpi.c by suite "mpi": the rank KILLED_RANK is killed by SIGKILL in the
 * middle of its second part, when the library tells how far that is. */
#define _GNU_SOURCE
#include <fastpar.h>

#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

typedef fastpar_status (*compress_file)(const fastpar_zstd_options *, const char *, const char *, fastpar_file_stats *,
                                        fastpar_error *);

static int32_t die(void *user_data, uint64_t done, uint64_t total)
{
  (void)user_data;
  (void)total;
  if (done > 0) raise(SIGKILL);
  return 0;
}

/* As MPICH or Open MPI tells it. */
static int is_the_rank(void)
{
  const char *rank = getenv("PMI_RANK"), *killed = getenv("KILLED_RANK");
  if (!rank) rank = getenv("OMPI_COMM_WORLD_RANK");
  return rank && killed && strcmp(rank, killed) == 0;
}

fastpar_status fastpar_compress_file(const fastpar_zstd_options *options, const char *src_path, const char *dst_path,
                                     fastpar_file_stats *stats, fastpar_error *error)
{
  static int calls;
  compress_file real;
  fastpar_zstd_options dying = *options;
  void *found = dlsym(RTLD_NEXT, "fastpar_compress_file");
  memcpy(&real, &found, sizeof real);
  dying.progress = die;
  if (++calls == 2 && is_the_rank()) options = &dying;
  return real(options, src_path, dst_path, stats, error);
}
