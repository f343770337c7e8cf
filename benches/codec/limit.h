/* What the machine gives at best: one thread a processor, each with a libzstd context of its own, takes
   independent parts of the work until none is left. No order, no bounds, no errors: a bare limit to hold a
   library against. */
#ifndef LIMIT_H
#define LIMIT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>

enum { LIMIT_MOST = 256 };

struct limit_context {
    ZSTD_CCtx *compress;
    ZSTD_DCtx *decompress;
};

struct limit_part {
    const void *src;
    size_t src_len;
    void *dst;
    size_t capacity;
    size_t written;
};

struct limit_job {
    struct limit_part *parts;
    size_t count;
    int compress;
    atomic_size_t next;
};

static struct limit_context limit_contexts[LIMIT_MOST];
static struct limit_job limit_job;

static inline void *limit_thread(void *context) {
    struct limit_context *own = context;
    size_t index;
    while ((index = atomic_fetch_add(&limit_job.next, 1)) < limit_job.count) {
        struct limit_part *part = &limit_job.parts[index];
        part->written = limit_job.compress
                            ? ZSTD_compress2(own->compress, part->dst, part->capacity, part->src, part->src_len)
                            : ZSTD_decompressDCtx(own->decompress, part->dst, part->capacity, part->src, part->src_len);
        if (ZSTD_isError(part->written)) {
            fprintf(stderr, "%s\n", ZSTD_getErrorName(part->written));
            exit(1);
        }
    }
    return NULL;
}

/* Compresses or decompresses all parts; returns how many bytes that makes. */
static inline size_t limit_run(struct limit_part *parts, size_t count, int compress, int level) {
    pthread_t threads[LIMIT_MOST];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (processors > LIMIT_MOST) processors = LIMIT_MOST;
    limit_job.parts = parts;
    limit_job.count = count;
    limit_job.compress = compress;
    atomic_store(&limit_job.next, 0);
    for (long i = 0; i < processors; i++) {
        struct limit_context *context = &limit_contexts[i];
        if (context->compress == NULL) {
            context->compress = ZSTD_createCCtx();
            context->decompress = ZSTD_createDCtx();
            ZSTD_CCtx_setParameter(context->compress, ZSTD_c_compressionLevel, level);
            ZSTD_CCtx_setParameter(context->compress, ZSTD_c_checksumFlag, 1);
        }
        if (i > 0 && pthread_create(&threads[i], NULL, limit_thread, context) != 0) exit(1);
    }
    limit_thread(&limit_contexts[0]);
    size_t total = 0;
    for (long i = 1; i < processors; i++) pthread_join(threads[i], NULL);
    for (size_t i = 0; i < count; i++) total += parts[i].written;
    return total;
}

#endif
