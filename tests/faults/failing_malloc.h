/* The C library's allocator, which fails when it is told to: for every part of the process, libfastpar and
 * libzstd included. glibc only: the program's malloc takes the place of the library's. Include it in one
 * file. */
#ifndef FAILING_MALLOC_H
#define FAILING_MALLOC_H

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *old);

static atomic_long failing_first;  /* the allocation that fails, counted from 1; 0: none */
static atomic_int failing_for_ever; /* and all that follow it */
static atomic_long failing_seen;   /* allocations since the counting began */
static atomic_long failing_failed; /* of these, how many failed */
static atomic_long failing_blocks; /* allocations that are not freed yet */

/* glibc itself ends the program where it has no memory to note a thread's destructor: nobody can help
   that. */
static uintptr_t failing_destructors;

static void failing_prepare(void)
{
  failing_destructors = (uintptr_t)dlsym(RTLD_DEFAULT, "__cxa_thread_atexit_impl");
}

/* The n-th allocation from now on fails, and all after it if it is for ever. */
static inline void failing_begin(long n, int for_ever)
{
  atomic_store(&failing_seen, 0);
  atomic_store(&failing_failed, 0);
  atomic_store(&failing_for_ever, for_ever);
  atomic_store(&failing_first, n);
}

/* How many allocations failed since then. */
static inline long failing_end(void)
{
  atomic_store(&failing_first, 0);
  return atomic_load(&failing_failed);
}

static int failing_now(void *caller)
{
  long first = atomic_load_explicit(&failing_first, memory_order_relaxed), number;
  if (first == 0) return 0;
  if (failing_destructors && (uintptr_t)caller - failing_destructors < 512) return 0;
  number = atomic_fetch_add(&failing_seen, 1) + 1;
  if (number != first && !(number > first && atomic_load(&failing_for_ever))) return 0;
  atomic_fetch_add(&failing_failed, 1);
  errno = ENOMEM;
  return 1;
}

static void *failing_count(void *made)
{
  if (made) atomic_fetch_add_explicit(&failing_blocks, 1, memory_order_relaxed);
  return made;
}

#define FAILING(make) (failing_now(__builtin_return_address(0)) ? NULL : failing_count(make))

void *malloc(size_t size) { return FAILING(__libc_malloc(size)); }

void *calloc(size_t count, size_t size) { return FAILING(__libc_calloc(count, size)); }

void *memalign(size_t align, size_t size) { return FAILING(__libc_memalign(align, size)); }

void *aligned_alloc(size_t align, size_t size) { return FAILING(__libc_memalign(align, size)); }

int posix_memalign(void **place, size_t align, size_t size)
{
  void *made = FAILING(__libc_memalign(align, size));
  if (made) *place = made;
  return made ? 0 : ENOMEM;
}

void *realloc(void *old, size_t size)
{
  void *made;
  if (failing_now(__builtin_return_address(0))) return NULL;
  made = __libc_realloc(old, size);
  return old ? made : failing_count(made);
}

void free(void *old)
{
  if (old) atomic_fetch_sub_explicit(&failing_blocks, 1, memory_order_relaxed);
  __libc_free(old);
}

#endif
