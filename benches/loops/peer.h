/* What the driver asks of each library under test. One shared object per library: two of them (GNU's and
   LLVM's OpenMP) cannot live in one process, and idle pools of one would spin beside another. */
#ifndef PEER_H
#define PEER_H

#include <stddef.h>
#include <stdint.h>

#include "fastpar.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The body of a loop in the two forms that libraries call directly, so that none pays for an adapter. */
struct peer_body {
    void (*call)(void *data, size_t index);
    int32_t (*call_chunk)(void *data, const fastpar_chunk *chunk);
    void *data;
};

/* `variant` names one of the library's own ways to schedule a loop. */
void peer_init(unsigned threads, const char *variant);
void peer_run(size_t chunks, const struct peer_body *body);
/* The sum of `part(data, index)` over all chunks, with the library's own reduction where it has one. */
uint64_t peer_sum(size_t chunks, uint64_t (*part)(void *data, size_t index), void *data);

#ifdef __cplusplus
}
#endif

#endif
