/*
 * fastpar: one global thread pool, chunked parallel loops, and parallel zstd.
 *
 * Usage. This program fills an array in parallel and compresses it:
 *
 *     #include <fastpar.h>
 *     #include <stdio.h>
 *     #include <stdlib.h>
 *
 *     static int32_t fill(void *user_data, const fastpar_chunk *chunk) {
 *       uint32_t *values = user_data;
 *       for (size_t i = chunk->begin; i < chunk->end; i++) values[i] = (uint32_t)(i / 1000);
 *       return 0; // anything else stops the loop
 *     }
 *
 *     int main(void) {
 *       size_t count = 10000000, size = count * sizeof(uint32_t), written = 0;
 *       uint32_t *values = malloc(size);
 *       void *compressed = malloc(size);
 *       fastpar_error error;
 *       fastpar_status status = FASTPAR_ERR_OUT_OF_MEMORY;
 *       if (values && compressed) {
 *         status = fastpar_for(NULL, count, fill, values, &error);
 *         if (!status) status = fastpar_compress(NULL, values, size, compressed, size, &written, &error);
 *         if (status) fprintf(stderr, "%s: %s\n", fastpar_status_name(status), error.message);
 *         else printf("%zu bytes became %zu\n", size, written);
 *       }
 *       free(values);
 *       free(compressed);
 *       return status != FASTPAR_OK;
 *     }
 *
 * The rules, stated once:
 *
 * Statuses. A function that can fail returns a fastpar_status, 0 for success. Its last parameter is a
 * fastpar_error of the caller's, or NULL: a call that fails fills it (status, a code from elsewhere, a
 * position, a sentence), a call that succeeds leaves it untouched. There is no global last error, and errno
 * means nothing. Outputs hold something only after success, unless a function says otherwise.
 *
 * Options. A pointer to a struct that begins with its own size; NULL means the defaults, and so does every
 * field that is 0:
 *
 *     fastpar_loop_options options = {0};
 *     options.struct_size = sizeof options;
 *     options.segments = 96;
 *
 * A struct_size that was forgotten (0, or smaller than the struct ever was) is FASTPAR_ERR_INVALID_ARGUMENT.
 * A program that was compiled with an older, shorter struct goes on working. A field that the library does
 * not know may only be 0 (else FASTPAR_ERR_UNSUPPORTED). Fields named flags take the sum of the constants
 * named for them; what else is in them is FASTPAR_ERR_INVALID_ARGUMENT.
 *
 * Buffers and ownership. A buffer is a pointer and its size in bytes; (NULL, 0) is a valid empty one, (NULL,
 * n) is FASTPAR_ERR_INVALID_ARGUMENT. The caller owns all memory that it passes, and fastpar keeps no pointer
 * after the call unless a function says so. Where an output is too small, FASTPAR_ERR_BUFFER_TOO_SMALL, and
 * *written holds the size needed where it is known. Handles (pointers to structs without visible fields) come
 * from a function named _open or _start and are released by the function named _free, which accepts NULL.
 * Strings that are returned are static. Text and paths are UTF-8 and end with a NUL, on every system; outside
 * Windows any bytes may be in a path.
 *
 * Handles in use. A handle lives as long as a call on it: a callback may free the handle of the call around
 * it, and a thread may free a handle while another thread is inside a call on it. That call ends as its
 * function tells, and needs all that was passed to it, user_data too, until it returns. No call may begin
 * after the _free.
 *
 * Layout. Structs are laid out as the system's C compiler does it. No struct has padding where size_t has 64
 * bits, nor on 32-bit x86 Linux; where 64-bit numbers are aligned to 8 bytes and size_t has 32, the structs
 * that are filled by fastpar may have 4 bytes between fields, which are written as zero.
 *
 * Units. Sizes are bytes, counts are items, times are milliseconds; ranges are [begin, end).
 *
 * Threads. Every function may be called from any thread, any number of them at a time, unless it says
 * otherwise; a handle must not be used after its _free. There is one pool for the whole process, 24 threads
 * unless fastpar_pool_start or the environment variable FASTPAR_THREADS says otherwise. Loading the library
 * starts no thread. The first parallel call starts as many of them as the system gives; without any the
 * caller works alone, and each later call tries again to start the others. A parallel call works on the
 * calling thread too, and what callbacks wrote is visible when the call returns. A calling thread needs 64
 * KiB of stack, beside what its callbacks take.
 *
 * Callbacks. They run on the calling thread and on threads of the pool, several at a time, and must return
 * normally: a C++ exception or a longjmp through fastpar is undefined. user_data is passed through as it is.
 * Callbacks may call fastpar again (nesting), up to 128 calls within each other on one thread
 * (FASTPAR_ERR_LIMIT_EXCEEDED past it): a loop never waits for a free worker. Each level takes about 1 KiB of
 * stack beside what the callbacks take. A callback must not wait for another chunk of its own loop, which may
 * not have begun; teams exist for that.
 *
 * Callbacks that block (on files, networks, locks) occupy their thread meanwhile; more helpers come then, up
 * to the threads of the pool. If callbacks of fastpar_for_start jobs block all workers, loops get no helper,
 * and other jobs wait: give such jobs fewer lanes (max_lanes), or the pool more threads.
 *
 * Fibers. A callback must return on the thread that it was called on, and should return on the same stack. A
 * callback may switch to a fiber (or a coroutine with a stack of its own) of the same thread which calls
 * fastpar and switches back before its call is over: to the thread the two calls are nested, and
 * fastpar_pool_shutdown waits for both. A callback that returns on another thread ends its loop with
 * FASTPAR_ERR_UNSUPPORTED, if fastpar sees it; the thread that the callback left counts as inside the call
 * for ever, so the pool stays, and a shutdown waits for ever.
 *
 * Workers. They are threads of the process, not of the thread that makes the first call: on Linux they
 * have the affinity, nice value, priority of input and output, scheduling class and timer slack of the
 * main thread, but never a real-time class, and act for its user and groups, as they are when the pool is
 * started; on Windows the affinity of the process and the normal priority, as every new thread has them.
 * fastpar changes no affinity but with FASTPAR_POOL_PIN. How many CPUs the process may use is asked again
 * while it runs: a change is seen within a second.
 *
 * Floating point. On every thread callbacks run by the rounding, the flushing of denormals to zero and the
 * exception masks of the thread that made the call, so results do not depend on threads. What a callback
 * changes in these is taken back when its thread leaves the call, also on the calling thread. Until then the
 * callbacks that follow on the thread find it changed: a callback that changes them should take that back
 * itself. Hooks find what every program begins with.
 *
 * Signals. Workers block every signal that is not raised by what they execute, so the program's handlers run
 * on the program's threads. Threads and processes that a callback starts inherit that mask: give children one
 * of their own (posix_spawnattr_setsigmask, or pthread_sigmask in the child). A runtime that stops threads by
 * signals opens those on threads that enter it (.NET and the JVM do, the C# binding does for Mono).
 * The Python binding opens those that the main thread has open, on Linux.
 *
 * Threads that end. main may end by pthread_exit: the process then lives until its last thread ends, and the
 * workers do not end by themselves, nor by signals, which they block; call fastpar_pool_shutdown before, or
 * exit(). A thread must not be ended inside a callback or a call (pthread_exit, pthread_cancel,
 * TerminateThread): others wait for it. Disable cancellation around calls (pthread_setcancelstate) where
 * threads of the program are cancelled.
 *
 * Memory. When the system has none left, a call fails with FASTPAR_ERR_OUT_OF_MEMORY, or goes on with a small
 * reserve; the process does not end, and calls work again when there is memory. (The pool does without
 * threads that cannot be started for lack of memory.)
 *
 * Cancelling. Options carry a pointer to an int32_t of the caller's, 0 at first; once fastpar_cancel has set
 * it, the calls with this pointer start nothing new, finish what is in flight and return
 * FASTPAR_ERR_CANCELLED.
 *
 * Fork. A forked child may use everything at once: it gets a pool of its own at first use, with the
 * defaults whatever the parent's had, and hooks run there too. Only what was under way in the parent
 * (loops, jobs, handles in use by other threads) must not be touched in the child: its functions return
 * FASTPAR_ERR_THREADS there, and a callback that forks must not return in the child, but end it, or exec.
 * That is for fork() of the C library: a child of vfork(), or of a raw clone system call, may not use
 * fastpar, as nothing tells the library that it exists; posix_spawn and exec are fine. The handlers for it
 * (pthread_atfork) are installed when the library is loaded on Linux, and by the first call elsewhere.
 *
 * Loading. From the constructor of a library that is being loaded, or DllMain, loops, jobs and the codec
 * work: the calling thread does it all if it has to. Threads that start meanwhile may have to wait until
 * the loader has finished. So functions that need workers (fastpar_team_run, fastpar_pool_hook,
 * fastpar_pool_shutdown, waiting for a job with a notification) fail with FASTPAR_ERR_BUSY if no worker
 * has begun for two seconds: each call anew, a team in each chunk of a loop too. fastpar_job_free then
 * returns, and a notification comes later, when a worker has begun. On Windows hooks of a running pool,
 * and shutdowns of a pool that runs or is being started, fail so in DllMain at once, and a team that other
 * work leaves too few workers. Callbacks that run on workers must not need the loader there.
 *
 * Ending. When Windows ends a process it ends every thread but one, and calls DllMain then
 * (DLL_PROCESS_DETACH). From there loops and the codec run on the calling thread alone, fastpar_pool_shutdown
 * is FASTPAR_OK, and calls that would wait for other threads (teams, hooks, jobs and streams that they have
 * begun) fail with FASTPAR_ERR_BUSY.
 *
 * Unloading. Once loaded, the library stays in memory until the process ends, even if it is unloaded; so does
 * a library that a static copy is linked into, once the pool was started. A process may exit at any time,
 * with work under way too.
 *
 * Compatibility. Within one FASTPAR_ABI_VERSION nothing is renumbered, retyped or removed: functions and
 * constants are added, structs grow at their end. "Since" tells the version in which a function appeared;
 * those of the versions before 1.0 say 1.0.
 */

#ifndef FASTPAR_H
#define FASTPAR_H

#include <stddef.h>
#include <stdint.h>

/* Programs that link the static library define FASTPAR_STATIC. */
#ifndef FASTPAR_API
#if defined(_WIN32) && !defined(FASTPAR_STATIC)
#define FASTPAR_API __declspec(dllimport)
#else
#define FASTPAR_API
#endif
#endif

/* The version of this header; fastpar_version() tells the library's. */
#define FASTPAR_VERSION_MAJOR 0
#define FASTPAR_VERSION_MINOR 1
#define FASTPAR_VERSION_PATCH 0
#define FASTPAR_VERSION_NUMBER 100 /* major * 10000 + minor * 100 + patch */
#define FASTPAR_VERSION_STRING "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/* ==== status: the result of a call, and its reason ====================================================== */

/** The result of a call: 0 is success, anything else one of the `FASTPAR_ERR_` constants. */
typedef int32_t fastpar_status;

/** Success. */
#define FASTPAR_OK 0
/** An argument is NULL, misaligned, outside its range, or contradicts another one. */
#define FASTPAR_ERR_INVALID_ARGUMENT 10
/** A valid request that this version, this platform or this data does not allow. */
#define FASTPAR_ERR_UNSUPPORTED 11
/** The output does not fit; `*written` holds a size that is enough, if it is known. */
#define FASTPAR_ERR_BUFFER_TOO_SMALL 12
/** The system has no memory left for the call. */
#define FASTPAR_ERR_OUT_OF_MEMORY 20
/** A limit given in the options, or a documented one, would be passed. */
#define FASTPAR_ERR_LIMIT_EXCEEDED 21
/** Threads could not be started, or not as many as the call needs. */
#define FASTPAR_ERR_THREADS 22
/** The compressed data is damaged. */
#define FASTPAR_ERR_CORRUPT 30
/** The compressed data decodes, but its checksum differs. */
#define FASTPAR_ERR_CHECKSUM 31
/** The compressed data ends too early. */
#define FASTPAR_ERR_TRUNCATED 32
/** The data needs a dictionary that was not given, or another one; `error->code` holds its id. */
#define FASTPAR_ERR_DICTIONARY 33
/** The data is not zstd. */
#define FASTPAR_ERR_NOT_ZSTD 34
/** A callback returned non-zero; `error->code` holds the value. */
#define FASTPAR_ERR_CALLBACK 40
/** The call was cancelled by its flag or its progress callback, or a team by a failed member. */
#define FASTPAR_ERR_CANCELLED 41
/** The time given was over. */
#define FASTPAR_ERR_TIMEOUT 42
/** The queue or stream is closed. */
#define FASTPAR_ERR_CLOSED 43
/** The pool runs already, with other options. */
#define FASTPAR_ERR_ALREADY_STARTED 50
/** Not possible from inside a callback or a hook, or while another thread uses the handle. */
#define FASTPAR_ERR_BUSY 51
/** The source of a stream has nothing now (FASTPAR_SOURCE_LATER); the stream goes on. */
#define FASTPAR_ERR_AGAIN 52
/**
 * The operating system reported an error on a file; `error->code` holds its number, 0 where it gave none.
 */
#define FASTPAR_ERR_IO 60
/** A callback panicked (Rust callers only), or fastpar did; the pool stays usable. */
#define FASTPAR_ERR_PANIC 90
/** A fault of fastpar itself; please report it. */
#define FASTPAR_ERR_INTERNAL 91
/** Bytes of `fastpar_error.message`, the terminating NUL included. */
#define FASTPAR_ERROR_MESSAGE_SIZE 240

/**
 * What went wrong. The caller allocates it, on the stack for instance; no need to initialise it. A call that
 * fails fills every field, a call that succeeds leaves it untouched.
 */
typedef struct fastpar_error {
  /** The status that the call returned. */
  int32_t status;
  /**
   * What the callback returned, zstd's error code or the system's (errno, GetLastError), else 0.
   * FASTPAR_ERR_DICTIONARY for a frame: the id of the dictionary that it needs, an unsigned number.
   */
  int32_t code;
  /** Chunk, item or frame index, or byte offset, as the function says; UINT64_MAX: none. */
  uint64_t position;
  /** UTF-8, NUL-terminated: tells in English what failed, and where. */
  char message[FASTPAR_ERROR_MESSAGE_SIZE];
} fastpar_error;

/* ==== library: versions and the names of statuses ======================================================= */

/** The version of the ABI that this library speaks. */
#define FASTPAR_ABI_VERSION 1

/**
 * Returns the version of the library: major * 10000 + minor * 100 + patch.
 *
 * Equal to `FASTPAR_VERSION_NUMBER` when program and library come from the same release. Never fails, never
 * blocks, may be called from any thread. Since: 1.0
 */
FASTPAR_API uint32_t fastpar_version(void);

/**
 * Returns the version of the library as text, such as "1.2.3".
 *
 * The string is static: never NULL, never to be freed. May be called from any thread. Since: 1.0
 */
FASTPAR_API const char *fastpar_version_string(void);

/**
 * Returns the version of the ABI that the library speaks.
 *
 * Equal to `FASTPAR_ABI_VERSION`; a program that loads the library at run time checks this first, and
 * refuses any other number. May be called from any thread. Since: 1.0
 */
FASTPAR_API uint32_t fastpar_abi_version(void);

/**
 * Returns the version of the libzstd inside, such as "1.5.7".
 *
 * The string is static: never NULL, never to be freed. May be called from any thread. Since: 1.0
 */
FASTPAR_API const char *fastpar_zstd_version_string(void);

/**
 * Returns the name of a status, such as "FASTPAR_ERR_CANCELLED".
 *
 * @param status  any number
 * @return a static string, never NULL; "FASTPAR_ERR_UNKNOWN" for a number that is not a status.
 *
 * May be called from any thread. Since: 1.0
 */
FASTPAR_API const char *fastpar_status_name(fastpar_status status);

/**
 * Returns a short English sentence about a status, such as "the checksum differs".
 *
 * `fastpar_error.message` says more about the failure at hand.
 *
 * @param status  any number
 * @return a static string, never NULL.
 *
 * May be called from any thread. Since: 1.0
 */
FASTPAR_API const char *fastpar_status_message(fastpar_status status);

/* ==== pool: the threads, their options, hooks and statistics ============================================ */

/**
 * `fastpar_pool_options.threads`: as many as the operating system lets this process use (affinity, cgroup
 * quota).
 */
#define FASTPAR_THREADS_AUTO 4294967295u
/** `fastpar_pool_options.flags`: each worker stays on one logical CPU. */
#define FASTPAR_POOL_PIN 1
/**
 * `fastpar_pool_options.flags`: run with the threads that could be started, be it none: callers finish their
 * loops alone. The pool that a first call starts by itself is always so.
 */
#define FASTPAR_POOL_PARTIAL 2

/**
 * Options of the pool. Set `struct_size` to `sizeof(fastpar_pool_options)` and every field you do not need
 * to zero.
 */
typedef struct fastpar_pool_options {
  /** `sizeof(fastpar_pool_options)`. */
  size_t struct_size;
  /**
   * Worker threads, 1 to 1024. 0: the environment variable FASTPAR_THREADS ("auto" or a number), else 24.
   * FASTPAR_THREADS_AUTO: as many as the operating system lets this process use.
   */
  uint32_t threads;
  /** The sum of FASTPAR_POOL_PIN and FASTPAR_POOL_PARTIAL, or 0. */
  uint32_t flags;
  /** Bytes of stack of each worker, 64 KiB to 1 GiB. 0: 2 MiB. */
  size_t stack_size;
  /**
   * Prefix of the workers' names, UTF-8, followed by "-" and the worker's number; copied. NULL: "fastpar".
   * Linux keeps the first 15 bytes of a name.
   */
  const char *thread_name;
} fastpar_pool_options;

/**
 * What the pool has done since it started. Set `struct_size` to `sizeof(fastpar_pool_stats)` before the
 * call.
 */
typedef struct fastpar_pool_stats {
  /** `sizeof(fastpar_pool_stats)`. */
  size_t struct_size;
  /** Worker threads that run; 0: the pool does not run, or none could be started. */
  uint32_t threads;
  /** Workers that are working for a job at this moment. */
  uint32_t busy;
  /** Parallel calls begun. */
  uint64_t jobs;
  /** Chunks of those calls. */
  uint64_t chunks;
  /** Times that a worker came to help with a call. */
  uint64_t helpers;
  /**
   * Bytes that the codec has taken: content to compress, data to decompress. Of calls and streams, as far
   * as they have come.
   */
  uint64_t bytes_in;
  /** Bytes that the codec has given for them. */
  uint64_t bytes_out;
  /**
   * Nanoseconds that workers have worked for jobs, all workers together. A worker that is at work now
   * counts from the moment when it leaves its job.
   */
  uint64_t busy_ns;
  /**
   * Nanoseconds that threads have waited inside calls: for other threads to end their part, and for files
   * to be read and written.
   */
  uint64_t waiting_ns;
  /**
   * Nanoseconds in the program's callbacks, and in sorting, on all threads together. What a callback
   * spends in calls of fastpar counts as what is done there. A thread's time counts when it leaves the
   * call.
   */
  uint64_t callback_ns;
  /** Nanoseconds of compressing and decompressing, on all threads together. */
  uint64_t codec_ns;
  /** Working memory of the codec, for a frame at a time, that was made anew. */
  uint64_t contexts_made;
  /** Times that such memory was there from earlier frames. */
  uint64_t contexts_reused;
  /** Workers that came to help when nothing was left to do. */
  uint64_t late_helpers;
} fastpar_pool_stats;

/**
 * Starts the pool now, with these options.
 *
 * There is no need to: the first parallel call starts it with the defaults, and with the threads that it
 * gets. This insists on all threads, unless FASTPAR_POOL_PARTIAL says otherwise: if a running pool lacks
 * some, they are started.
 *
 * @param options  may be NULL: the defaults
 * @param error    may be NULL
 * @return FASTPAR_OK: it runs with these options, started now or before; FASTPAR_ERR_ALREADY_STARTED: it
 *         runs with other options (shut it down first), and goes on running; FASTPAR_ERR_INVALID_ARGUMENT: a
 *         field, or FASTPAR_THREADS where `threads` is 0, is outside its range; FASTPAR_ERR_UNSUPPORTED:
 *         pinning is not possible on this system, or a field is unknown; FASTPAR_ERR_THREADS: without
 *         FASTPAR_POOL_PARTIAL: not every thread could be started. Then no thread is left running, but a
 *         pool that ran with fewer before goes on; FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_BUSY from inside a
 *         hook, or at the end of the process, see "Ending" above.
 *
 * May be called from any thread. Blocks while the threads are started, a millisecond or so. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_pool_start(const fastpar_pool_options *options, fastpar_error *error);

/**
 * Returns how many threads the pool has, or would start with; starts nothing.
 *
 * @return 1 to 1024; 0 if the environment variable FASTPAR_THREADS holds something that is not a number of
 *         threads (then every parallel call fails with FASTPAR_ERR_INVALID_ARGUMENT).
 *
 * Never blocks, but for up to a tenth of a second beside `fastpar_pool_shutdown_within`. May be called from
 * any thread. Since: 1.0
 */
FASTPAR_API uint32_t fastpar_pool_threads(void);

/**
 * Returns how many logical CPUs this process may use now: affinity and cgroup quota counted, on Windows
 * affinity, CPU sets and the CPU rate of its job object.
 *
 * @return at least 1, at most 1024, whatever the pool has. It starts nothing.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API uint32_t fastpar_cpus(void);

/**
 * Caps the threads that work for a call at the same time: for every parallel call of the process, by any
 * part of it.
 *
 * For a program that shares its machine for a while, or that has plug-ins, whose `max_lanes` it cannot set.
 * The pool keeps its threads, and plans and `fastpar_chunk.lanes` stay what they are: results do not change.
 *
 * @param lanes  threads, the caller included: 1 leaves each call to its caller (and a job of
 *               `fastpar_for_start` to one worker). 0: no cap, as at first. A cap above what a call has
 *               changes nothing.
 * @param error  may be NULL
 * @return FASTPAR_OK.
 *
 * It holds for every call that begins from now on, and for calls under way as far as helpers still come;
 * threads that work already go on. Members of teams are exempt: they need each other. It is kept over
 * `fastpar_pool_shutdown`, and copied by fork. Never blocks. May be called from any thread, and from inside
 * callbacks and hooks. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_pool_limit(uint32_t lanes, fastpar_error *error);

/**
 * Returns what `fastpar_pool_limit` has set.
 *
 * @return threads a call; 0: no cap.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API uint32_t fastpar_pool_limit_get(void);

/**
 * Returns the calling thread's worker number.
 *
 * @return 0 to threads - 1 on a thread of the pool, -1 on any other.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API int32_t fastpar_pool_worker(void);

/**
 * Reads the pool's statistics since its start.
 *
 * @param stats  out, must not be NULL; in: `struct_size`. All zero (but `struct_size`) if the pool does not
 *               run.
 * @param error  may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: `stats` is NULL, or `struct_size` is not a size of it.
 *
 * Times are counted when what takes them has ended; of each thread up to some 20 us may not be in them yet,
 * but those of the calling thread are. The numbers are read one by one while others work: they may be from
 * different instants. Never blocks, but for up to a tenth of a second beside
 * `fastpar_pool_shutdown_within`. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_pool_stats_read(fastpar_pool_stats *stats, fastpar_error *error);

/**
 * Waits for the parallel calls under way, then ends and joins every worker thread.
 *
 * There is no need to call it before a program ends. A later parallel call starts a new pool with the
 * defaults, whatever options this one had (`fastpar_pool_start` gives it others); so does a call that
 * another thread makes while this one waits. If no pool runs, nothing happens.
 *
 * @param error  may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_BUSY: from inside a callback or a hook, where it would wait for itself; or
 *         workers cannot begin or end now, see "Loading" above.
 *
 * Blocks until the last callback has returned. A callback that waits for a thread that calls this waits for
 * ever. May be called from any thread that is not inside a callback. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_pool_shutdown(fastpar_error *error);

/**
 * Does what `fastpar_pool_shutdown` does, if the calls under way end in time.
 *
 * @param timeout_ms  milliseconds; UINT64_MAX: as `fastpar_pool_shutdown`. 0: only if no call is under way
 * @param error       may be NULL
 * @return as `fastpar_pool_shutdown`; FASTPAR_ERR_TIMEOUT: calls or jobs are under way still: the pool
 *         goes on, as if this had not been called.
 *
 * Calls that other threads begin meanwhile belong to the pool as long as it goes on, and are waited for;
 * while they keep coming each may have to wait for up to a tenth of a second. Once no call is left the
 * workers end, which is waited for however long it takes: some milliseconds, or the rest of a task of the
 * codec. May be called from any thread that is not inside a callback.
 * Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_pool_shutdown_within(uint64_t timeout_ms, fastpar_error *error);

/**
 * Called on a worker thread: when it starts, or when it ends.
 *
 * It must return normally: no C++ exception, no longjmp. Inside it, functions that need the pool return
 * FASTPAR_ERR_BUSY.
 *
 * @param user_data  the `user_data` of `fastpar_pool_hook`
 * @param worker     the worker's number, below the threads of the pool
 */
typedef void (*fastpar_thread_fn)(void *user_data, uint32_t worker);

/**
 * Adds functions that run on every worker thread when it starts and when it ends.
 *
 * `on_start` runs on every live worker before this returns, and on every later one before its first
 * callback. `on_exit` runs on a worker that ends (shutdown), if its `on_start` has run there. Hooks
 * stay until `fastpar_pool_unhook`, or for the life of the process; several start in the order in
 * which they were added, and exit in the reverse order. A forked child's workers run them too.
 *
 * @param on_start   may be NULL
 * @param on_exit    may be NULL; not both
 * @param user_data  given to both; used for as long as the hooks stay, by several threads at a time
 * @param error      may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: both are NULL; FASTPAR_ERR_BUSY: from inside a callback
 *         or a hook, or workers cannot run now, see "Loading" and "Ending" above.
 *
 * Blocks until the workers have run it; a worker that is inside a callback runs it when it is out. May be
 * called from any thread that is not inside a callback. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_pool_hook(fastpar_thread_fn on_start, fastpar_thread_fn on_exit,
                                             void *user_data, fastpar_error *error);

/**
 * Takes back what `fastpar_pool_hook` has added with the same three.
 *
 * When it returns, neither function runs on any thread, and neither will: they may be unloaded, and
 * `user_data` freed. `on_exit` is not called for workers where `on_start` has run.
 *
 * @param on_start   as given to `fastpar_pool_hook`; may be NULL
 * @param on_exit    as given to it; may be NULL
 * @param user_data  as given to it; may be NULL
 * @param error      may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: no such hook is there; FASTPAR_ERR_BUSY: from inside a
 *         callback or a hook; or from DllMain while one of them runs, which then stays.
 *
 * Blocks while one of them runs. May be called from any thread that is not inside a callback. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_pool_unhook(fastpar_thread_fn on_start, fastpar_thread_fn on_exit,
                                               void *user_data, fastpar_error *error);

/* ==== loops: a callback for every chunk of a range ====================================================== */

/** `segments` chunks whose sizes differ by at most one item. The default. */
#define FASTPAR_SCHEDULE_SEGMENTS 0
/**
 * Chunks so small that a chunk for every lane fits into `cache_bytes` at the same time, in whole waves of
 * one chunk a lane.
 */
#define FASTPAR_SCHEDULE_CACHE 1
/** Chunks of `grain` items. */
#define FASTPAR_SCHEDULE_GRAIN 2
/** Chunks that shrink from half a fair share down to `grain` items. */
#define FASTPAR_SCHEDULE_GUIDED 3
/**
 * `fastpar_loop_options.flags`, with FASTPAR_SCHEDULE_CACHE: `cache_bytes`, which must be 0, is half of what
 * the last-level caches of this machine have together; 64 MiB where the system does not tell.
 */
#define FASTPAR_LOOP_CACHE_DETECT 1

/** A piece of a range, as a callback sees it: the items `[begin, end)`. */
typedef struct fastpar_chunk {
  /** Its number among the chunks, 0 to chunks - 1. */
  size_t index;
  /** Its first item. */
  size_t begin;
  /** One past its last item; `begin < end`. */
  size_t end;
  /**
   * A number below `lanes` that no other thread holds while this one works for the call: lanes index
   * per-thread scratch memory without locks. The thread that made the call is lane 0.
   */
  uint32_t lane;
  /** How many lanes there are, at most the threads of the pool; the same for all chunks of a call. */
  uint32_t lanes;
} fastpar_chunk;

/**
 * Called for one chunk.
 *
 * Each chunk is given out exactly once, to the calling thread or to a worker, several at the same time,
 * starting in about rising order. It may call every function of fastpar except `fastpar_pool_shutdown` and
 * `fastpar_pool_hook`. It must return normally: a C++ exception or a longjmp through it is undefined.
 *
 * @param user_data  the `user_data` of the call
 * @param chunk      valid until the callback returns
 * @return 0 to go on; anything else stops the call, which returns FASTPAR_ERR_CALLBACK with this value in
 *         `error->code`.
 */
typedef int32_t (*fastpar_chunk_fn)(void *user_data, const fastpar_chunk *chunk);

/**
 * Called with how far a call is: at most about 20 times a second, and once at the end of a call that
 * succeeds.
 *
 * Called from the threads that work, never from two at the same time. Must return normally.
 *
 * @param user_data  the `progress_data` of the options
 * @param done       items or bytes done
 * @param total      all items or bytes; UINT64_MAX: not known
 * @return 0 to go on; anything else cancels the call (FASTPAR_ERR_CANCELLED). At the end the value is
 *         ignored.
 */
typedef int32_t (*fastpar_progress_fn)(void *user_data, uint64_t done, uint64_t total);

/**
 * Options of a loop. Set `struct_size` to `sizeof(fastpar_loop_options)` and every field you do not need to
 * zero. A field that the schedule does not use, but is not zero, is FASTPAR_ERR_INVALID_ARGUMENT.
 */
typedef struct fastpar_loop_options {
  /** `sizeof(fastpar_loop_options)`. */
  size_t struct_size;
  /** FASTPAR_SCHEDULE_SEGMENTS, _CACHE, _GRAIN or _GUIDED. */
  uint32_t schedule;
  /** Threads that work on the loop at the same time, the caller included. 0: every thread of the pool. */
  uint32_t max_lanes;
  /**
   * SEGMENTS only: how many chunks; `min(segments, count)` are made, and their sizes differ by at most one
   * item. 0: 24.
   */
  size_t segments;
  /**
   * GRAIN: items per chunk, 0: about 1/768 of the range. GUIDED: the smallest chunk, 0: about 1/64 of a
   * fair share.
   */
  size_t grain;
  /** CACHE only: bytes per item. 0: 1. */
  size_t item_size;
  /** CACHE only: all lanes' chunks together stay within it. 0: 64 MiB (L3 of a Ryzen 9 7900X). */
  size_t cache_bytes;
  /** May be NULL. A flag, 0 at first, that any thread may set by `fastpar_cancel` while the call runs. */
  const int32_t *cancel;
  /** May be NULL. Called with how many items are done. */
  fastpar_progress_fn progress;
  /** Given to `progress`. */
  void *progress_data;
  /** FASTPAR_LOOP_CACHE_DETECT, or 0. */
  uint32_t flags;
  /** 0. */
  uint32_t reserved;
  /**
   * May be NULL. What traces call the loop, UTF-8; read when the call begins. A trace keeps 1,000
   * different names, and 200 bytes of each.
   */
  const char *name;
} fastpar_loop_options;

/**
 * Calls a function for every chunk of `[0, count)`, in parallel, and returns when all calls have returned.
 *
 * Equivalent to this serial loop, but for the threads and the order:
 *
 *     for (size_t i = 0; i < plan.chunks; i++) {          // plan: what fastpar_plan_make tells
 *         fastpar_chunk chunk;
 *         fastpar_plan_chunk(options, count, i, &chunk, NULL);
 *         int32_t code = body(user_data, &chunk);
 *         if (code != 0) return FASTPAR_ERR_CALLBACK;
 *     }
 *     return FASTPAR_OK;
 *
 * Work that differs from item to item: FASTPAR_SCHEDULE_GUIDED, whose chunks shrink, so that no thread is
 * left with a long chunk at the end. (24 threads, cost that grows along the range: 784 ms by 24 segments,
 * 408 ms GUIDED, 400 ms would be ideal.)
 *
 * The calling thread works too. What callbacks wrote is visible when the call returns. After a failure or a
 * cancel no new chunk starts; the chunks in flight finish first.
 *
 * @param options    may be NULL: 24 segments on every thread of the pool
 * @param count      items, 0 to SIZE_MAX; 0: no callback
 * @param body       must not be NULL
 * @param user_data  given to `body`; may be NULL
 * @param error      may be NULL
 * @return FASTPAR_OK: every chunk was done exactly once; FASTPAR_ERR_CALLBACK: a callback returned non-zero:
 *         `error->code` is its value, `error->position` the chunk (if several did, the lowest);
 *         FASTPAR_ERR_CANCELLED: by the flag (whenever it was set before the return) or by the progress
 *         callback; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an option;
 *         FASTPAR_ERR_OUT_OF_MEMORY: the pool could not be started (without threads the caller works alone);
 *         another status: a callback has set it by `fastpar_fail`; FASTPAR_ERR_LIMIT_EXCEEDED: the calling
 *         thread is inside 128 calls, each in a callback of the call before; FASTPAR_ERR_BUSY: from inside a
 *         hook.
 *
 * Blocks until every callback has returned. May be called from any thread, by any number at a time, and from
 * inside callbacks (nested): a loop never waits for a free worker, as its caller can finish it alone. Since:
 * 1.0
 */
FASTPAR_API fastpar_status fastpar_for(const fastpar_loop_options *options, size_t count,
                                       fastpar_chunk_fn body, void *user_data, fastpar_error *error);

/**
 * Sets a cancel flag: calls that were given it start no new chunk, and return FASTPAR_ERR_CANCELLED.
 *
 * @param flag  an int32_t of the caller's, 0 before; NULL or misaligned: nothing happens. It stays set until
 *              the caller writes 0 again, which it may do when no call uses it.
 *
 * Never blocks. May be called from any thread, from callbacks and from signal handlers. Since: 1.0
 */
FASTPAR_API void fastpar_cancel(int32_t *flag);

/** How a loop would be cut. Set `struct_size` to `sizeof(fastpar_plan)` before the call. */
typedef struct fastpar_plan {
  /** `sizeof(fastpar_plan)`. */
  size_t struct_size;
  /** Items. */
  size_t count;
  /** Chunks; 0 if there are no items. */
  size_t chunks;
  /** Items in the largest chunk. */
  size_t largest;
  /** `fastpar_chunk.lanes` of every chunk: at least 1. */
  uint32_t lanes;
  /** 0. */
  uint32_t reserved;
} fastpar_plan;

/**
 * Tells how a loop would be cut; runs nothing and starts no thread.
 *
 * @param options  may be NULL; the same as for the loop. `cancel` and `progress` do not matter.
 * @param count    items, 0 to SIZE_MAX
 * @param plan     out, must not be NULL; in: `struct_size`. Untouched on failure.
 * @param error    may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an option, `plan`, or the
 *         environment.
 *
 * A plan depends on the options, the count and, for CACHE, GUIDED and `lanes`, on the threads of the pool.
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_plan_make(const fastpar_loop_options *options, size_t count,
                                             fastpar_plan *plan, fastpar_error *error);

/**
 * Tells one chunk of a loop's plan; runs nothing and starts no thread.
 *
 * @param options  may be NULL; the same as for the loop
 * @param count    items, 0 to SIZE_MAX
 * @param index    which chunk, below `fastpar_plan.chunks`
 * @param chunk    out, must not be NULL; `lane` is 0. Untouched on failure.
 * @param error    may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an option, `index`, `chunk`, or
 *         the environment.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_plan_chunk(const fastpar_loop_options *options, size_t count, size_t index,
                                              fastpar_chunk *chunk, fastpar_error *error);

/**
 * Called for one chunk of a prefix sum, with what comes before it.
 *
 * Like `fastpar_chunk_fn`; each chunk is given out exactly once, after it was folded.
 *
 * @param user_data  the `user_data` of the call
 * @param chunk      valid until the callback returns
 * @param before     identity and all chunks before, combined; `accumulator_size` bytes, aligned to
 *                   128; valid until the callback returns
 * @return 0 to go on; anything else stops the call, which returns FASTPAR_ERR_CALLBACK with this value
 *         in `error->code`.
 */
typedef int32_t (*fastpar_apply_fn)(void *user_data, const fastpar_chunk *chunk, const void *before);

/**
 * Called for one chunk of a reduction: adds the chunk's items to an accumulator.
 *
 * Like `fastpar_chunk_fn`, but for the accumulator: it begins as a copy of the identity, belongs to this
 * chunk alone, and is aligned to 128 bytes.
 *
 * @param user_data    the `user_data` of the call
 * @param chunk        valid until the callback returns
 * @param accumulator  in and out, `accumulator_size` bytes, valid until the callback returns
 * @return 0 to go on; anything else stops the call, which returns FASTPAR_ERR_CALLBACK with this value in
 *         `error->code`.
 */
typedef int32_t (*fastpar_fold_fn)(void *user_data, const fastpar_chunk *chunk, void *accumulator);

/**
 * Adds the accumulator of one chunk to the result.
 *
 * Called by the calling thread only, in rising order of chunks. Must return normally.
 *
 * @param user_data  the `user_data` of the call
 * @param into       in and out: identity and all chunks before; `accumulator_size` bytes, aligned to 128
 * @param from       the next chunk's accumulator, aligned to 128
 * @return 0 to go on; anything else stops the call, which returns FASTPAR_ERR_CALLBACK with this value in
 *         `error->code`.
 */
typedef int32_t (*fastpar_combine_fn)(void *user_data, void *into, const void *from);

/**
 * Folds the chunks of `[0, count)`, combines what came of them in chunk order, and gives each chunk
 * the combination of all chunks before it: prefix sums, counting and then filling, running maxima.
 *
 * Equivalent to this serial code, but for the threads:
 *
 *     T total = *accumulator;                               // the identity, such as 0 for a sum
 *     for (size_t i = 0; i < plan.chunks; i++) {            // plan: what fastpar_plan_make tells
 *         T part = *accumulator, before = total;
 *         fastpar_chunk chunk;
 *         fastpar_plan_chunk(options, count, i, &chunk, NULL);
 *         if (fold(user_data, &chunk, &part) != 0) return FASTPAR_ERR_CALLBACK;
 *         if (combine(user_data, &total, &part) != 0) return FASTPAR_ERR_CALLBACK;
 *         if (apply(user_data, &chunk, &before) != 0) return FASTPAR_ERR_CALLBACK;
 *     }
 *     *accumulator = total;
 *     return FASTPAR_OK;
 *
 * A prefix sum of an array: `fold` adds the items of its chunk, `combine` adds two sums, and `apply`
 * begins with `before` and writes a sum for each of its items. Of every 16,384 chunks all are folded
 * before one is applied; `apply` may write where `fold` of the same chunk has read. For one plan the
 * results are the same to the bit however many threads ran it (see `fastpar_reduce`).
 *
 * @param options           may be NULL: 24 segments on every thread of the pool. Progress: items that
 *                          are done are applied; those that are only folded count half.
 * @param count             items, 0 to SIZE_MAX; 0: no callback, the identity is the total
 * @param fold              must not be NULL
 * @param combine           must not be NULL
 * @param apply             must not be NULL
 * @param user_data         given to all; may be NULL
 * @param accumulator       in: the identity; out: the total, untouched on failure. Must not be NULL.
 *                          It is copied as bytes: no constructors, no addresses of itself.
 * @param accumulator_size  its bytes, at least 1. Memory is taken as by `fastpar_reduce`.
 * @param error             may be NULL
 * @return as `fastpar_reduce`. After a failure some chunks may have been applied.
 *
 * Blocks, threads and nesting: as `fastpar_for`. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_prefix(const fastpar_loop_options *options, size_t count,
                                          fastpar_fold_fn fold, fastpar_combine_fn combine,
                                          fastpar_apply_fn apply, void *user_data, void *accumulator,
                                          size_t accumulator_size, fastpar_error *error);

/**
 * Folds the chunks of `[0, count)` into accumulators, in parallel, and combines these in chunk order.
 *
 * Equivalent to this serial loop, but for the threads:
 *
 *     T result = *accumulator;                              // the identity, such as 0 for a sum
 *     for (size_t i = 0; i < plan.chunks; i++) {            // plan: what fastpar_plan_make tells
 *         T part = *accumulator;
 *         fastpar_chunk chunk;
 *         fastpar_plan_chunk(options, count, i, &chunk, NULL);
 *         if (fold(user_data, &chunk, &part) != 0) return FASTPAR_ERR_CALLBACK;
 *         if (combine(user_data, &result, &part) != 0) return FASTPAR_ERR_CALLBACK;
 *     }
 *     *accumulator = result;
 *     return FASTPAR_OK;
 *
 * For one plan the result is the same to the bit however many threads ran it, sums of floats too: SEGMENTS
 * and GRAIN plans do not depend on the threads, CACHE and GUIDED plans do.
 *
 * @param options           may be NULL: 24 segments on every thread of the pool
 * @param count             items, 0 to SIZE_MAX; 0: no callback, the identity is the result
 * @param fold              must not be NULL
 * @param combine           must not be NULL
 * @param user_data         given to both; may be NULL
 * @param accumulator       in: the identity; out: the result, untouched on failure. Must not be NULL. It is
 *                          copied as bytes: no constructors, no addresses of itself.
 * @param accumulator_size  its bytes, at least 1. The call takes memory for an accumulator of each chunk, at
 *                          most 16,384 of them and about 64 MiB at a time, but for each lane in any case.
 * @param error             may be NULL
 * @return as `fastpar_for`; FASTPAR_ERR_OUT_OF_MEMORY also for the accumulators.
 *
 * Blocks, threads and nesting: as `fastpar_for`. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_reduce(const fastpar_loop_options *options, size_t count,
                                          fastpar_fold_fn fold, fastpar_combine_fn combine, void *user_data,
                                          void *accumulator, size_t accumulator_size, fastpar_error *error);

/* ==== callbacks: what a callback may ask of the call around it ========================================== */

/**
 * Tells a callback whether it should come to an end: the call that it belongs to, or one around that, is
 * cancelled or has failed.
 *
 * For callbacks that take long: no new chunk starts after a cancel, but a chunk that runs has to ask.
 *
 * @return 1 once the innermost call whose callback runs on the calling thread, or a call around it on this
 *         thread, is cancelled (its flag, its progress callback, `fastpar_job_free`) or has failed; 0
 *         before, and outside of callbacks.
 *
 * For callbacks of every kind: chunks, folds and combines, members of teams, sinks, sources, progress,
 * notifications of jobs; not for hooks, which belong to no call. What a callback returns after it is up to
 * the callback: 0 changes nothing.
 *
 * Never blocks; some nanoseconds. May be called from any thread. Since: 1.0
 */
FASTPAR_API int32_t fastpar_is_cancelled(void);

/**
 * Tells which error the call shall return, from inside a callback that then returns non-zero.
 *
 *     int32_t body(void *user_data, const fastpar_chunk *chunk) {
 *       fastpar_error error;
 *       if (fastpar_decompress(NULL, src, src_len, dst, capacity, &written, &error)) {
 *         fastpar_fail(&error);   // fastpar_for returns FASTPAR_ERR_CORRUPT, say, with this message
 *         return 1;
 *       }
 *       ...
 *
 * The call then returns this error, status, code, position and message, where it would have returned
 * FASTPAR_ERR_CALLBACK (a progress callback: FASTPAR_ERR_CANCELLED). A `position` of UINT64_MAX becomes the
 * chunk or the member. Of several callbacks that fail the same one counts as without: of chunks the lowest.
 * An empty message is replaced by what fastpar would have said.
 *
 * @param error  copied. A `status` that is 0, FASTPAR_ERR_TIMEOUT, FASTPAR_ERR_BUSY, FASTPAR_ERR_AGAIN (they
 *               are about another call), or unknown, counts as FASTPAR_ERR_CALLBACK; with that a `code` of 0
 *               becomes what the callback returns. NULL: as if nothing had been told.
 *
 * It belongs to the innermost callback of the calling thread, the last one told counts, and it is dropped if
 * that callback returns 0. Outside of callbacks nothing happens. Never blocks. May be called from any
 * thread. Since: 1.0
 */
FASTPAR_API void fastpar_fail(const fastpar_error *error);

/* ==== jobs: the same loop, not waiting ================================================================== */

/**
 * A loop that runs by itself. Opaque; made by `fastpar_for_start`, released by `fastpar_job_free` or
 * `fastpar_job_detach`.
 */
typedef struct fastpar_job fastpar_job;

/**
 * Told once that a job has ended.
 *
 * Called on a thread of the pool, or by `fastpar_job_notify` at once, in the floating-point environment of
 * the job's chunks. It may call every function of fastpar except `fastpar_pool_shutdown` and
 * `fastpar_pool_hook` (FASTPAR_ERR_BUSY), may wait for this job, which returns at once what it came to, and
 * may release it, which does not wait. It must return normally: no C++ exception, no longjmp.
 *
 * @param user_data  the `user_data` of `fastpar_job_notify`
 * @param status     the status that `fastpar_job_wait` returns
 * @param error      the job's error, valid until the callback returns; NULL if `status` is FASTPAR_OK
 */
typedef void (*fastpar_done_fn)(void *user_data, fastpar_status status, const fastpar_error *error);

/**
 * Starts a loop and returns at once.
 *
 * Equivalent to `fastpar_for` on another thread. The workers of the pool run it; a thread that waits for it
 * helps. It completes whether anybody waits or not. A cancelled or failed job is told by `fastpar_job_wait`.
 *
 * @param options    may be NULL. The struct is copied; what `cancel` and `progress_data` point to must live
 *                   until the job is finished (waited for, or freed).
 * @param count      items, 0 to SIZE_MAX
 * @param body       must not be NULL; called as by `fastpar_for`, lane 0 is not the starting thread
 * @param user_data  given to `body`; must live until the job is finished
 * @param job        out, must not be NULL: the handle, to be released by `fastpar_job_free`; NULL on failure
 * @param error      may be NULL
 * @return FASTPAR_OK: it is started; FASTPAR_ERR_THREADS: no worker could be started, and no thread would
 *         run it; otherwise as `fastpar_for` before its first chunk.
 *
 * Jobs and loops share the workers: between two chunks a worker goes over to a job that waits for one, and
 * comes back. But a worker that is inside a callback stays there. If callbacks that block (for a queue, a
 * lock, a slow disk) hold every worker, a job that is started then has none until one of them returns, also
 * if it is the one that they wait for: members of a team, or a thread that waits for the job and so runs it,
 * do not need one.
 *
 * Does not block, but for the start of the pool. May be called from any thread, and from inside callbacks.
 * Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_for_start(const fastpar_loop_options *options, size_t count,
                                             fastpar_chunk_fn body, void *user_data, fastpar_job **job,
                                             fastpar_error *error);

/**
 * Waits until a job is finished, helping with its chunks, and returns the job's status.
 *
 * @param job         must not be NULL
 * @param timeout_ms  milliseconds; 0: only ask; UINT64_MAX: for ever. It may be passed by the length of one
 *                    chunk, as the waiting thread works.
 * @param error       may be NULL
 * @return FASTPAR_ERR_TIMEOUT: the job is not finished yet, wait again; FASTPAR_ERR_BUSY: from inside a
 *         callback of this job (its last report of progress, too), but for its notification
 *         (`fastpar_job_notify`), or no worker can run that notification, or end the job, see "Loading" and
 *         "Ending" above;
 *         FASTPAR_ERR_LIMIT_EXCEEDED: from inside 128 calls, each in a callback of the call before;
 *         FASTPAR_ERR_THREADS: the job belongs to the parent of this forked process;
 *         FASTPAR_ERR_INVALID_ARGUMENT: `job` is NULL; otherwise the job is finished, and the status is that
 *         which `fastpar_for` would have returned. Asking again tells the same.
 *
 * After FASTPAR_OK all writes of the callbacks are visible, and the job's notification, if there is one, has
 * returned. The job may be freed meanwhile, by a callback that this call runs or by another thread. May be
 * called from any thread, by several at a time, and from inside callbacks of other jobs. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_job_wait(fastpar_job *job, uint64_t timeout_ms, fastpar_error *error);

/**
 * Tells how far a job is.
 *
 * @param job    must not be NULL
 * @param done   out, may be NULL: items done
 * @param total  out, may be NULL: all items of the job
 * @param error  may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: `job` is NULL; FASTPAR_ERR_THREADS: the job belongs to
 *         the parent of this forked process.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_job_progress(const fastpar_job *job, uint64_t *done, uint64_t *total,
                                                fastpar_error *error);

/**
 * Cancels a job: no new chunk starts, and `fastpar_job_wait` returns FASTPAR_ERR_CANCELLED once the chunks
 * in flight are done.
 *
 * @param job  NULL: nothing happens. A finished job stays as it is.
 *
 * Never blocks. May be called from any thread, and from inside callbacks. Since: 1.0
 */
FASTPAR_API void fastpar_job_cancel(fastpar_job *job);

/**
 * Releases a job. A job that is still running is cancelled, and its chunks in flight are waited for.
 *
 * @param job  NULL: nothing happens. Not to be used afterwards, by any thread. Calls under way, such as a
 *             wait on another thread or the wait that runs the calling callback, go on to their ends.
 *
 * Blocks until the chunks in flight are done, and the job's notification has returned; from inside a
 * callback of this very job, its last report of progress and its notification among them, it does not wait.
 * Where no worker can begin (in the constructor of a library that is being loaded, see "Loading" above) it
 * returns after two seconds without the notification, which a worker calls as soon as it can.
 * May be called from any thread. Since: 1.0
 */
FASTPAR_API void fastpar_job_free(fastpar_job *job);

/**
 * Has a function called once when a job has ended.
 *
 * Calls that wait for the job, free it on another thread, or shut the pool down return only after the
 * function has.
 *
 * @param job        must not be NULL
 * @param done       must not be NULL; called on a thread of the pool when the job has ended, or at once, on
 *                   the calling thread, if it has
 * @param user_data  given to `done`; must live until it has returned
 * @param error      may be NULL
 * @return FASTPAR_OK: it will be called, or has been; FASTPAR_ERR_BUSY: the job has a notification already;
 *         FASTPAR_ERR_INVALID_ARGUMENT: `job` or `done` is NULL; FASTPAR_ERR_THREADS: the job belongs to the
 *         parent of this forked process; where the job has ended also what `fastpar_for` returns if the pool
 *         cannot be started, past 128 calls within each other and from inside a hook. On failure it is not
 *         called.
 *
 * In a forked child it is never called. Does not block, unless `done` is called at once and blocks. May be
 * called from any thread, and from inside callbacks, the job's own too. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_job_notify(fastpar_job *job, fastpar_done_fn done, void *user_data,
                                              fastpar_error *error);

/**
 * Releases a job that goes on by itself: its callbacks and its notification come as before.
 *
 * @param job  NULL: nothing happens. Not to be used afterwards, by any thread. What was given to
 *             `fastpar_for_start` must live until the job has ended: `fastpar_job_notify` tells.
 *
 * Never blocks. May be called from any thread, and from inside callbacks, the job's own too. Since: 1.0
 */
FASTPAR_API void fastpar_job_detach(fastpar_job *job);

/* ==== teams: members that run at the same time and meet at barriers ===================================== */

/** A team at work. Opaque; belongs to `fastpar_team_run`, valid until it returns. */
typedef struct fastpar_team fastpar_team;

/**
 * Called once for each member, all at the same time, each on a thread of its own.
 *
 * Member 0 is the thread that called `fastpar_team_run`. Must return normally: no C++ exception, no longjmp.
 *
 * @param user_data  the `user_data` of the call
 * @param team       for `fastpar_team_barrier`; valid until the callback returns
 * @param member     0 to members - 1
 * @param members    how many there are
 * @return 0; anything else ends the team: the others are released from their barriers with
 *         FASTPAR_ERR_CANCELLED, and the call returns FASTPAR_ERR_CALLBACK with the value of the first
 *         member that failed in `error->code`.
 */
typedef int32_t (*fastpar_member_fn)(void *user_data, fastpar_team *team, uint32_t member, uint32_t members);

/**
 * Runs a callback on several threads at the same time, and returns when all have ended.
 *
 * Equivalent to this, but for the pool, which keeps its threads:
 *
 *     for (uint32_t m = 1; m < members; m++) thread[m] = start_thread(member, user_data, team, m, members);
 *     int32_t code = member(user_data, team, 0, members);
 *     for (uint32_t m = 1; m < members; m++) join_thread(thread[m]);
 *
 * Unlike the chunks of a loop, the members may wait for each other (`fastpar_team_barrier`, a queue, a
 * lock): each has a thread.
 *
 * @param members    1 to the threads of the pool, the caller included; 0: as many as the pool has
 * @param member     must not be NULL
 * @param user_data  given to `member`; may be NULL
 * @param error      may be NULL
 * @return FASTPAR_OK: every member returned 0; FASTPAR_ERR_CALLBACK: a member returned something else:
 *         `error->code` is its value, `error->position` the member; of several, the first in time;
 *         FASTPAR_ERR_THREADS: more members than the pool has threads, or than threads could be started; or,
 *         from inside a callback, more than are free now; FASTPAR_ERR_INVALID_ARGUMENT: `member` is NULL;
 *         FASTPAR_ERR_BUSY: from inside a hook, or workers cannot run now, see "Loading" and "Ending" above;
 *         as `fastpar_for` if the pool cannot be started, or past 128 calls within each other.
 *
 * Blocks until the last member has returned, and before that until enough workers have finished what they
 * are doing: not from inside a callback, where it fails at once instead. Where no worker can begin, each
 * call fails after two seconds, also from inside a chunk: a loop of such chunks takes two seconds for each.
 * May be called from any thread, by several at a time. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_team_run(uint32_t members, fastpar_member_fn member, void *user_data,
                                            fastpar_error *error);

/**
 * Options of a team. Set `struct_size` to `sizeof(fastpar_team_options)` and every field you do not need to
 * zero.
 */
typedef struct fastpar_team_options {
  /** `sizeof(fastpar_team_options)`. */
  size_t struct_size;
  /** 1 to the threads of the pool, the caller included. 0: as many as the pool has. */
  uint32_t members;
  /** 0. */
  uint32_t flags;
  /** May be NULL. A flag, 0 at first, that any thread may set by `fastpar_cancel` while the call runs. */
  const int32_t *cancel;
  /** May be NULL. What traces call the team, as `fastpar_loop_options.name`. */
  const char *name;
} fastpar_team_options;

/**
 * Runs a team as `fastpar_team_run` does, with options.
 *
 * Once its flag is set the members are released from their barriers with FASTPAR_ERR_CANCELLED, now
 * and later, within some 20 ms. Members that wait for something else have to ask
 * (`fastpar_is_cancelled`).
 *
 * @param options    may be NULL: as many members as the pool has threads
 * @param member     must not be NULL
 * @param user_data  given to `member`; may be NULL
 * @param error      may be NULL
 * @return as `fastpar_team_run`; FASTPAR_ERR_CANCELLED: the flag was set before the return, and no member
 *         failed; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an option.
 *
 * Blocks as `fastpar_team_run` does. May be called from any thread, by several at a time. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_team_run_with(const fastpar_team_options *options,
                                                 fastpar_member_fn member, void *user_data,
                                                 fastpar_error *error);

/**
 * Waits until every member of the team has come to the barrier.
 *
 * What members wrote before it is visible to all after it. A member that has returned is not waited for.
 *
 * @param team   the team that the member's callback was given; must not be NULL
 * @param error  may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_CANCELLED: a member failed, now or before, or the team is cancelled:
 *         no member waits any more, return from the callback; FASTPAR_ERR_INVALID_ARGUMENT: `team` is
 *         NULL, or the calling thread is not a member of it; FASTPAR_ERR_THREADS: in a child that a
 *         member forked, where the others are not.
 *
 * Blocks: spins briefly, then sleeps. Only for the members, from their callbacks. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_team_barrier(fastpar_team *team, fastpar_error *error);

/* ==== groups: tasks that make tasks ===================================================================== */

/** A group of tasks at work. Opaque; belongs to `fastpar_group_run`, valid until that returns. */
typedef struct fastpar_group fastpar_group;

/**
 * A task of a group.
 *
 * Called once, by the thread that runs the group or by a worker, several tasks at the same time, in no
 * order. It may spawn tasks (`fastpar_group_spawn`), wait for them (`fastpar_group_wait`), and call every
 * function of fastpar except `fastpar_pool_shutdown` and `fastpar_pool_hook`. It must return normally: a C++
 * exception or a longjmp through it is undefined.
 *
 * @param item   what was given with the task
 * @param group  for the tasks that it spawns; the same for all tasks of a run
 * @param lane   a number below `fastpar_pool_threads()`, and below `max_lanes` if that is not 0, that no
 *               other thread of the group has meanwhile. A task that waits runs others on its lane.
 * @return 0 to go on; anything else ends the group: no other task is begun, and `fastpar_group_run` returns
 *         FASTPAR_ERR_CALLBACK with this value in `error->code`.
 */
typedef int32_t (*fastpar_task_fn)(void *item, fastpar_group *group, uint32_t lane);

/**
 * Takes an item back that will not be used.
 *
 * Called from a thread that works for the call, several at the same time in groups. It must return normally:
 * no C++ exception, no longjmp.
 *
 * @param user_data  as the options say
 * @param item       the item
 */
typedef void (*fastpar_drop_fn)(void *user_data, void *item);

/**
 * Options of a group. Set `struct_size` to `sizeof(fastpar_group_options)` and every field you do not need
 * to zero.
 */
typedef struct fastpar_group_options {
  /** `sizeof(fastpar_group_options)`. */
  size_t struct_size;
  /** Threads that work on the group at the same time, the caller included. 0: every thread of the pool. */
  uint32_t max_lanes;
  /** 0. */
  uint32_t flags;
  /** May be NULL. A flag, 0 at first, that any thread may set by `fastpar_cancel` while the call runs. */
  const int32_t *cancel;
  /**
   * May be NULL. After a failure or a cancel called once for each task that was accepted and is not begun.
   */
  fastpar_drop_fn drop;
  /** Given to `drop`. */
  void *drop_data;
  /** May be NULL. What traces call the group, as `fastpar_loop_options.name`. */
  const char *name;
} fastpar_group_options;

/**
 * Runs a task and all tasks that it and they spawn, in parallel, and returns when all have ended.
 *
 * For work that is no range: trees, recursion, graphs. Equivalent to this, but for threads and order:
 *
 *     push(root, user_data);
 *     while (pop(&task, &item)) {                    // fastpar_group_spawn pushes
 *         int32_t code = task(item, group, 0);
 *         if (code != 0) return FASTPAR_ERR_CALLBACK;
 *     }
 *     return FASTPAR_OK;
 *
 * The calling thread works too, and runs the root. Spawning nests nothing, however deep the recursion; a
 * task that waits for others (`fastpar_group_wait`) keeps its place on its stack. What tasks wrote is
 * visible when the call returns.
 *
 * After a failure or a cancel no task is begun. The tasks that wait then are given to `drop`, on the threads
 * that work, and those that run finish first. A task waits in about 32 bytes, the newest of a thread first;
 * it takes twice as much while tasks that it has spawned have not ended.
 *
 * @param options    may be NULL: every thread of the pool
 * @param root       the first task, with lane 0; must not be NULL
 * @param user_data  the item of the root, never given to `drop`; may be NULL
 * @param error      may be NULL
 * @return FASTPAR_OK: every task returned 0; FASTPAR_ERR_CALLBACK: a task returned non-zero: `error->code`
 *         is its value (of several failures the first in time); another status: a task has set it by
 *         `fastpar_fail`; FASTPAR_ERR_CANCELLED: the flag was set before the return, and no task failed;
 *         FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an option, or `root` is NULL;
 *         FASTPAR_ERR_OUT_OF_MEMORY: for the group, or the pool; FASTPAR_ERR_LIMIT_EXCEEDED,
 *         FASTPAR_ERR_BUSY: as `fastpar_for`; FASTPAR_ERR_THREADS: in a child that a task forked.
 *
 * Blocks until the last task has returned. May be called from any thread, by any number at a time, and from
 * inside callbacks (nested): the caller can finish a group alone. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_group_run(const fastpar_group_options *options, fastpar_task_fn root,
                                             void *user_data, fastpar_error *error);

/**
 * Adds a task to a group.
 *
 * @param group  what the task was given; must not be NULL
 * @param task   must not be NULL
 * @param item   given to `task`, or to the group's `drop`; may be NULL
 * @param error  may be NULL
 * @return FASTPAR_OK: the task will run once, or be dropped once; FASTPAR_ERR_CANCELLED: the group has
 *         failed or is cancelled; FASTPAR_ERR_OUT_OF_MEMORY: no room for one more task, the group goes on;
 *         FASTPAR_ERR_INVALID_ARGUMENT: `task` is NULL, or the calling thread is not inside a task of this
 *         group, whether the group has ended or not; FASTPAR_ERR_THREADS: in a child that a task forked. On
 *         failure the item stays the caller's.
 *
 * Never blocks. May be called from any thread that runs a task of the group, or a callback of a loop, a
 * team or a group in one: what is spawned belongs to that task. Not from jobs that outlive it
 * (`fastpar_for_start`). Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_group_spawn(fastpar_group *group, fastpar_task_fn task, void *item,
                                               fastpar_error *error);

/**
 * Waits, inside a task, until all tasks that it has spawned, and all below, have ended.
 *
 * The thread runs tasks of this group meanwhile, and no others: those that it waits for, and while few tasks
 * wait within each other on it, any. So a task must not hold a lock over the wait that other tasks of the
 * group take. A task that waits on a fiber must not return before that wait has.
 *
 * @param group  what the task was given; must not be NULL
 * @param error  may be NULL
 * @return FASTPAR_OK: they have ended, and what they wrote is visible; FASTPAR_ERR_CANCELLED: they have
 *         ended or were dropped, as the group has failed or is cancelled; FASTPAR_ERR_INVALID_ARGUMENT: the
 *         calling thread is not inside a task of this group, whether the group has ended or not;
 *         FASTPAR_ERR_BUSY: from a callback of another call that the task makes, such as a loop;
 *         FASTPAR_ERR_LIMIT_EXCEEDED: past 128 waits and calls within each other on its thread a wait runs
 *         nothing, and no other thread of the group is left that could: not all of them have ended;
 *         FASTPAR_ERR_THREADS: in a child that a task forked.
 *
 * Blocks. May be called from inside tasks only, on any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_group_wait(fastpar_group *group, fastpar_error *error);

/* ==== pipelines: in order in, in parallel, in order out ================================================= */

/**
 * Gives a pipeline its next item.
 *
 * Called on the thread that runs the pipeline, while fewer items than `in_flight` are under way. It may call
 * every function of fastpar except `fastpar_pool_shutdown` and `fastpar_pool_hook`. It must return normally:
 * no C++ exception, no longjmp.
 *
 * @param user_data  the `user_data` of the call
 * @param item       out: the item; it is NULL before, and NULL is the end
 * @return 0 to go on; anything else ends the pipeline, which returns FASTPAR_ERR_CALLBACK with this value in
 *         `error->code`, and takes no item.
 */
typedef int32_t (*fastpar_feed_fn)(void *user_data, void **item);

/**
 * Works on an item of a pipeline, or takes one.
 *
 * As to what it may call, and how it returns, as `fastpar_feed_fn`.
 *
 * @param user_data  the `user_data` of the call
 * @param item       the item
 * @param lane       work: a number below `fastpar_pool_threads()`, and below `max_lanes` if that is not 0,
 *                   that no other thread of the call has meanwhile; take: 0
 * @return 0 to go on; anything else ends the pipeline, which returns FASTPAR_ERR_CALLBACK with this value in
 *         `error->code`
 */
typedef int32_t (*fastpar_item_fn)(void *user_data, void *item, uint32_t lane);

/**
 * Options of a pipeline. Set `struct_size` to `sizeof(fastpar_pipeline_options)` and every field you do not
 * need to zero.
 */
typedef struct fastpar_pipeline_options {
  /** `sizeof(fastpar_pipeline_options)`. */
  size_t struct_size;
  /** Threads that work on items at the same time, the caller included. 0: every thread of the pool. */
  uint32_t max_lanes;
  /** The most items that were fed and are not taken yet: it bounds the memory. 0: twice the lanes. */
  uint32_t in_flight;
  /** May be NULL. A flag, 0 at first, that any thread may set by `fastpar_cancel` while the call runs. */
  const int32_t *cancel;
  /**
   * May be NULL. After a failure or a cancel called on the calling thread, with the `user_data` of the
   * call, once for each item that was fed and will not be taken.
   */
  fastpar_drop_fn drop;
  /** May be NULL. What traces call the pipeline, as `fastpar_loop_options.name`. */
  const char *name;
} fastpar_pipeline_options;

/**
 * Feeds items in order, works on them in parallel, and takes them in order.
 *
 * Equivalent to this, but for the threads:
 *
 *     void *item = NULL;
 *     while (feed(user_data, &item) == 0 && item != NULL) {
 *         if (work(user_data, item, 0) != 0 || take(user_data, item, 0) != 0) return FASTPAR_ERR_CALLBACK;
 *         item = NULL;
 *     }
 *     return FASTPAR_OK;
 *
 * For files that are read, converted and written in pieces: `feed` allocates a piece, `work` converts it,
 * `take` writes and frees it, and `drop` frees it where something fails. The memory is bounded: while
 * `in_flight` items are under way nothing is fed. What is done and first in order is taken before `feed` is
 * called again, which may take long. The calling thread works too while it has nothing to feed and nothing
 * to take; where no other thread works for it, each item is taken before the next is fed. A `feed` that
 * waits for what `take` does needs an `in_flight` of 1.
 *
 * Each item that `feed` set and returned 0 for reaches `take`, whatever that returns, or `drop`, once. When
 * the work on an item fails, no later one is begun or taken; those before it are taken first. A failure of
 * `feed` or `take`, and a cancel, drop everything that is not taken. Of several items whose work failed the
 * lowest is reported.
 *
 * @param options    may be NULL: every thread of the pool, no `drop`
 * @param feed       must not be NULL
 * @param work       must not be NULL; called on any thread, several at the same time
 * @param take       must not be NULL; called on the calling thread
 * @param user_data  given to all of them; may be NULL
 * @param error      may be NULL
 * @return FASTPAR_OK: all items were taken; FASTPAR_ERR_CALLBACK: a callback returned non-zero:
 *         `error->code` is its value, `error->position` the number of the item, from 0; another status: a
 *         callback has set it by `fastpar_fail`;
 *         FASTPAR_ERR_CANCELLED: the flag was set before the return, and nothing
 *         failed; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an option, or a callback is NULL;
 *         FASTPAR_ERR_OUT_OF_MEMORY: for an item's place, or the pool; FASTPAR_ERR_LIMIT_EXCEEDED,
 *         FASTPAR_ERR_BUSY: as `fastpar_for`; FASTPAR_ERR_THREADS: in a child that a callback forked, where
 *         no item is dropped.
 *
 * Blocks until the last item is taken or dropped. May be called from any thread, by any number at a time,
 * and from inside callbacks (nested): the caller can finish it alone. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_pipeline_run(const fastpar_pipeline_options *options, fastpar_feed_fn feed,
                                                fastpar_item_fn work, fastpar_item_fn take, void *user_data,
                                                fastpar_error *error);

/* ==== sorting: records of any size, by typed keys ======================================================= */

/** `fastpar_sort_key.type`: `uint8_t`. */
#define FASTPAR_U8 1
/** `fastpar_sort_key.type`: `uint16_t`. */
#define FASTPAR_U16 2
/** `fastpar_sort_key.type`: `uint32_t`. */
#define FASTPAR_U32 3
/** `fastpar_sort_key.type`: `uint64_t`. */
#define FASTPAR_U64 4
/** `fastpar_sort_key.type`: `int8_t`. */
#define FASTPAR_I8 5
/** `fastpar_sort_key.type`: `int16_t`. */
#define FASTPAR_I16 6
/** `fastpar_sort_key.type`: `int32_t`. */
#define FASTPAR_I32 7
/** `fastpar_sort_key.type`: `int64_t`. */
#define FASTPAR_I64 8
/**
 * `fastpar_sort_key.type`: `float`, by IEEE total order: -NaN, -infinity, ..., -0.0, 0.0, ...,
 * infinity, NaN.
 */
#define FASTPAR_F32 9
/** `fastpar_sort_key.type`: `double`, by IEEE total order. */
#define FASTPAR_F64 10
/** `fastpar_sort_key.type`: bytes, which compare as by `memcmp`. `flags >> 8` is how many. */
#define FASTPAR_BYTES 11
/** `fastpar_sort_key.flags`: large ones first. */
#define FASTPAR_SORT_DESCENDING 1

/** A part of a record that it is sorted by. */
typedef struct fastpar_sort_key {
  /** Bytes of the record before it. It need not be aligned. */
  size_t offset;
  /** FASTPAR_U8 to FASTPAR_BYTES; numbers have the byte order of the machine. */
  uint32_t type;
  /**
   * FASTPAR_SORT_DESCENDING, or 0. For FASTPAR_BYTES also the number of bytes, 1 to 16,777,215,
   * shifted left by 8.
   */
  uint32_t flags;
} fastpar_sort_key;

/**
 * Sorts records in place, by one key or by several, in parallel. Stable: records whose keys are all
 * equal keep their order, those that are sorted in descending order too.
 *
 *     typedef struct trade { int64_t time; double price; char symbol[8]; } trade;
 *     fastpar_sort_key keys[2] = {
 *       {offsetof(trade, symbol), FASTPAR_BYTES, 8 << 8}, // by symbol, and for one symbol
 *       {offsetof(trade, time), FASTPAR_I64, FASTPAR_SORT_DESCENDING}, // the newest first
 *     };
 *     fastpar_sort(NULL, trades, count, sizeof(trade), keys, 2, &error);
 *
 * Records that are sorted already, or in strictly falling order, take one look at each. The lanes are
 * at most the CPUs that this process may use, as for the codec; the result does not depend on them.
 *
 * @param options      may be NULL. Of the fields only `max_lanes`, `cancel` and `progress`, which
 *                     counts records, may be set; the others must be 0.
 * @param records      in and out: `count` records of `record_size` bytes, aligned or not. NULL only
 *                     with `count` 0. Nothing else may read or write them meanwhile.
 * @param count        records
 * @param record_size  bytes of a record, at least 1
 * @param keys         must not be NULL: 1 to 16, the most important first; they lie inside the record
 *                     and may overlap. Copied.
 * @param keys_count   how many
 * @param error        may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an argument, or an
 *         option; FASTPAR_ERR_OUT_OF_MEMORY: for what `fastpar_sort_memory` tells;
 *         FASTPAR_ERR_CANCELLED: by the flag (whenever it was set before the return) or by the
 *         progress callback; another status: that callback has set it by `fastpar_fail`;
 *         FASTPAR_ERR_LIMIT_EXCEEDED, FASTPAR_ERR_BUSY: as `fastpar_for`. With the first three the
 *         records are untouched; whatever it is, they are a permutation of what they were.
 *
 * Blocks until the records are sorted. May be called from any thread, for other records at the same
 * time, and from inside callbacks. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_sort(const fastpar_loop_options *options, void *records, size_t count,
                                        size_t record_size, const fastpar_sort_key *keys, size_t keys_count,
                                        fastpar_error *error);

/**
 * Tells how much memory `fastpar_sort` takes for these records.
 *
 * About `count * record_size` bytes for records of 4, 8 or 16 bytes with one number as key; for others
 * also a pair of 12 bytes for each record, and at least two.
 *
 * @param count        records
 * @param record_size  bytes of a record, at least 1
 * @param keys         must not be NULL; as for `fastpar_sort`
 * @param keys_count   how many
 * @param bytes        out, must not be NULL: the most that is allocated at a time; it is given back
 *                     before `fastpar_sort` returns. Untouched on failure.
 * @param error        may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an argument; FASTPAR_ERR_OUT_OF_MEMORY: more than
 *         can be counted.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_sort_memory(size_t count, size_t record_size, const fastpar_sort_key *keys,
                                               size_t keys_count, size_t *bytes, fastpar_error *error);

/* ==== tables: columns over bytes that are there: aggregates, masks, selection, groups =================== */

/** A signed number of 128 bits, in two's complement: `high * 2^64 + low`. */
typedef struct fastpar_int128 {
  /** The lower 64 bits. */
  uint64_t low;
  /** The higher 64 bits, with the sign. */
  int64_t high;
} fastpar_int128;

/**
 * A column: values of one type at equal distances in memory, such as a field of records, or an array.
 * Nothing is copied. While a call uses it, nothing may write the bytes from its first value to its
 * last.
 *
 *     typedef struct trade { int64_t time; double price; uint32_t quantity; char symbol[8]; } trade;
 *     fastpar_column price = {&trades[0].price, count, sizeof(trade), FASTPAR_F64, 0};
 *     fastpar_column whole = {trades, count, 0, FASTPAR_BYTES, sizeof(trade) << 8}; // the records themselves
 */
typedef struct fastpar_column {
  /** The first value, aligned or not. NULL only with `count` 0. */
  const void *base;
  /** Values. */
  size_t count;
  /**
   * Bytes from the begin of a value to the begin of the next, at least those of a value. 0: the
   * values lie one after the other.
   */
  size_t stride;
  /** As `fastpar_sort_key.type`: FASTPAR_U8 to FASTPAR_BYTES. */
  uint32_t type;
  /** For FASTPAR_BYTES the number of bytes of a value, 1 to 16,777,215, shifted left by 8; else 0. */
  uint32_t flags;
} fastpar_column;

/** `fastpar_aggregate.operation`: how many rows; of no column. */
#define FASTPAR_AGGREGATE_COUNT 0
/**
 * `fastpar_aggregate.operation`: the sum. Of whole numbers exact, in `integer`; of floats with
 * compensation of what rounding loses.
 */
#define FASTPAR_AGGREGATE_SUM 1
/** `fastpar_aggregate.operation`: the sum, divided by the number of rows. */
#define FASTPAR_AGGREGATE_MEAN 2
/**
 * `fastpar_aggregate.operation`: the least value. NaN counts only if there is nothing else; -0.0 is
 * less than 0.0.
 */
#define FASTPAR_AGGREGATE_MIN 3
/** `fastpar_aggregate.operation`: the greatest value; NaN and -0.0 as for FASTPAR_AGGREGATE_MIN. */
#define FASTPAR_AGGREGATE_MAX 4
/** `fastpar_aggregate.operation`: the value of the first row. */
#define FASTPAR_AGGREGATE_FIRST 5
/** `fastpar_aggregate.operation`: the value of the last row. */
#define FASTPAR_AGGREGATE_LAST 6
/**
 * `fastpar_aggregate.operation`: the mean of the squared distances from the mean. (Times n / (n - 1):
 * the variance that a sample of n rows estimates.) Distances are those from the mean of a block of rows,
 * and blocks are put together by the distances of their means: so a mean that is large beside them costs
 * no digits. 0 of one row; NaN of none, and where a value is infinite or NaN. Whole numbers beyond 2^53
 * are rounded to doubles first.
 */
#define FASTPAR_AGGREGATE_VARIANCE 7
/**
 * `fastpar_aggregate.operation`: the sum of the products of the values of `column` and of `weights`.
 * Of whole numbers exact, in `integer`; FASTPAR_ERR_LIMIT_EXCEEDED if it has more than 128 bits.
 */
#define FASTPAR_AGGREGATE_DOT 8
/**
 * `fastpar_aggregate.operation`: that sum, divided by the sum of `weights`; by 0 it is what IEEE 754
 * gives.
 */
#define FASTPAR_AGGREGATE_WEIGHTED_MEAN 9

/** What is asked of one column, or of two. */
typedef struct fastpar_aggregate {
  /** FASTPAR_AGGREGATE_COUNT to FASTPAR_AGGREGATE_WEIGHTED_MEAN. */
  uint32_t operation;
  /** 0. */
  uint32_t reserved;
  /**
   * The index of the column among those of the call; 0 for FASTPAR_AGGREGATE_COUNT. Of numbers, not
   * of FASTPAR_BYTES.
   */
  size_t column;
  /**
   * The index of the other column of FASTPAR_AGGREGATE_DOT and FASTPAR_AGGREGATE_WEIGHTED_MEAN; else
   * 0.
   */
  size_t weights;
} fastpar_aggregate;

/** A number that an aggregate gives. */
typedef struct fastpar_value {
  /**
   * Whole numbers, exactly: the count; a sum, least, greatest, first or last value or sum of
   * products of columns of whole numbers. Else 0.
   */
  fastpar_int128 integer;
  /**
   * The number, or the double that is nearest to `integer`. Without rows: 0 for the count and for
   * sums, else NaN.
   */
  double number;
  /** The rows that it is of. 0: there is no value but for the count and for sums. */
  uint64_t rows;
} fastpar_value;

/**
 * Computes aggregates of columns, all in one pass over the rows, in parallel.
 *
 *     fastpar_column columns[2] = {{&trades[0].price, count, sizeof(trade), FASTPAR_F64, 0},
 *                                  {&trades[0].quantity, count, sizeof(trade), FASTPAR_U32, 0}};
 *     fastpar_aggregate asked[2] = {{FASTPAR_AGGREGATE_SUM, 0, 1, 0},            // the volume
 *                                   {FASTPAR_AGGREGATE_WEIGHTED_MEAN, 0, 0, 1}}; // the price, weighted by it
 *     fastpar_value values[2];
 *     fastpar_table_aggregate(NULL, columns, 2, NULL, 0, asked, 2, values, &error);
 *
 * Rows are taken in chunks of 65,536, whatever the lanes, and what comes of the chunks is put together
 * in their order: results are the same to the bit on any number of threads. Floats are computed with
 * as double, in several sums side by side: one of which may overflow where a single sum would not.
 *
 * @param options           may be NULL. Of the fields only `max_lanes`, `cancel` and `progress`, which
 *                          counts rows, may be set; the others must be 0.
 * @param columns           as many values in each; NULL only with `columns_count` 0: no rows
 * @param columns_count     0 to 256
 * @param mask              NULL with `mask_bytes` 0: all rows. Else a bit for each row, the lowest bit
 *                          of a byte first: rows whose bit is 1 count.
 * @param mask_bytes        its bytes, at least rows / 8, rounded up; 0 without a mask
 * @param aggregates        NULL only with `aggregates_count` 0
 * @param aggregates_count  0 to 256
 * @param values            out: a value for each aggregate; untouched on failure. NULL only for none.
 * @param error             may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an argument, or columns of different counts;
 *         FASTPAR_ERR_LIMIT_EXCEEDED: a sum of products has more than 128 bits (`error->position` is
 *         the aggregate), or as `fastpar_for`; FASTPAR_ERR_CANCELLED: by the flag or by the progress
 *         callback; FASTPAR_ERR_OUT_OF_MEMORY, FASTPAR_ERR_UNSUPPORTED, FASTPAR_ERR_BUSY: as
 *         `fastpar_for`.
 *
 * Blocks until it is done. May be called from any thread, for the same columns at the same time, and
 * from inside callbacks. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_table_aggregate(const fastpar_loop_options *options,
                                                   const fastpar_column *columns, size_t columns_count,
                                                   const uint8_t *mask, size_t mask_bytes,
                                                   const fastpar_aggregate *aggregates,
                                                   size_t aggregates_count, fastpar_value *values,
                                                   fastpar_error *error);

/**
 * Equal to the value `low`. Floats are compared as by IEEE 754: NaN is neither equal nor less nor
 * greater, and -0.0 is equal to 0.0. Bytes are compared as by `memcmp`.
 */
#define FASTPAR_COMPARE_EQUAL 1
/** Not equal to `low`. */
#define FASTPAR_COMPARE_NOT_EQUAL 2
/** Less than `low`. */
#define FASTPAR_COMPARE_LESS 3
/** Less than `low` or equal to it. */
#define FASTPAR_COMPARE_LESS_EQUAL 4
/** Greater than `low`. */
#define FASTPAR_COMPARE_GREATER 5
/** Greater than `low` or equal to it. */
#define FASTPAR_COMPARE_GREATER_EQUAL 6
/** In `[low, high)`. */
#define FASTPAR_COMPARE_BETWEEN 7
/** In `[low, high]`. */
#define FASTPAR_COMPARE_BETWEEN_CLOSED 8

/**
 * Writes a mask of the rows whose values compare so with one value, or with two, in parallel.
 *
 * Equivalent to this serial loop, for FASTPAR_COMPARE_BETWEEN of doubles:
 *
 *     for (size_t row = 0; row < column->count; row++)
 *         if (value[row] >= *(double *)low && value[row] < *(double *)high) mask[row / 8] |= 1 << row % 8;
 *         else mask[row / 8] &= ~(1 << row % 8);
 *
 * @param options     may be NULL; as for `fastpar_table_aggregate`
 * @param column      must not be NULL
 * @param comparison  FASTPAR_COMPARE_EQUAL to FASTPAR_COMPARE_BETWEEN_CLOSED
 * @param low         must not be NULL: a value of the column's type, aligned or not
 * @param high        another one, for FASTPAR_COMPARE_BETWEEN and _BETWEEN_CLOSED; else NULL will do
 * @param mask        out, NULL only without rows: a bit for each, the lowest of a byte first (as in
 *                    Arrow); bits of the last byte past the rows are 0, further bytes are untouched.
 *                    It must not overlap the inputs. After a failure its content is undefined.
 * @param mask_bytes  its size, at least rows / 8, rounded up
 * @param error       may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_BUFFER_TOO_SMALL: the mask; else as `fastpar_table_aggregate`.
 *
 * Blocks, threads and nesting: as `fastpar_table_aggregate`. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_column_compare(const fastpar_loop_options *options,
                                                  const fastpar_column *column, uint32_t comparison,
                                                  const void *low, const void *high, uint8_t *mask,
                                                  size_t mask_bytes, fastpar_error *error);

/**
 * Copies the values of the rows of a mask, one after the other, in parallel: of a field, or, with
 * FASTPAR_BYTES, whole records.
 *
 * Equivalent to this serial loop:
 *
 *     for (size_t row = 0; row < column->count; row++)
 *         if (mask[row / 8] >> row % 8 & 1) dst = mempcpy(dst, base + row * stride, size);
 *
 * @param options       may be NULL; as for `fastpar_table_aggregate`
 * @param column        must not be NULL
 * @param mask          a bit for each row, the lowest bit of a byte first; NULL only without rows
 * @param mask_bytes    its bytes, at least rows / 8, rounded up
 * @param dst           out, NULL only for no bytes: values without gaps. It must not overlap the
 *                      inputs. After a failure its content is undefined.
 * @param dst_capacity  bytes
 * @param written       out, must not be NULL: bytes written; with FASTPAR_ERR_BUFFER_TOO_SMALL those
 *                      that are needed, with another failure 0
 * @param error         may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_BUFFER_TOO_SMALL; else as `fastpar_table_aggregate`.
 *
 * Blocks, threads and nesting: as `fastpar_table_aggregate`. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_column_take(const fastpar_loop_options *options,
                                               const fastpar_column *column, const uint8_t *mask,
                                               size_t mask_bytes, void *dst, size_t dst_capacity,
                                               size_t *written, fastpar_error *error);

/**
 * Copies the values of rows by their numbers, one after the other, in parallel: `dst[i]` becomes the
 * value of row `rows[i]`.
 *
 * @param options       may be NULL; as for `fastpar_table_aggregate`, but progress counts `rows`
 * @param column        must not be NULL
 * @param rows          NULL only with `rows_count` 0: numbers of rows, each less than `column->count`,
 *                      in any order and as often as wanted; aligned to 8 bytes
 * @param rows_count    how many
 * @param dst           out, NULL only for no bytes: values without gaps. It must not overlap the
 *                      inputs. After a failure its content is undefined.
 * @param dst_capacity  bytes
 * @param written       out, must not be NULL; as for `fastpar_column_take`
 * @param error         may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an argument, or there is no such row: the first of
 *         these numbers is at `error->position`; FASTPAR_ERR_BUFFER_TOO_SMALL; else as
 *         `fastpar_table_aggregate`.
 *
 * Blocks, threads and nesting: as `fastpar_table_aggregate`. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_column_take_rows(const fastpar_loop_options *options,
                                                    const fastpar_column *column, const uint64_t *rows,
                                                    size_t rows_count, void *dst, size_t dst_capacity,
                                                    size_t *written, fastpar_error *error);

/**
 * Counts how many values lie in each of some ranges of equal width, in parallel.
 *
 * Value `v` of `[low, high)` counts in bin `(size_t)((v - low) * (bins_count / (high - low)))`, in
 * doubles, and at most in the last; other values, and NaN, count nowhere.
 *
 * @param options     may be NULL; as for `fastpar_table_aggregate`
 * @param column      must not be NULL; of numbers
 * @param mask        NULL: all rows; as for `fastpar_table_aggregate`
 * @param mask_bytes  its bytes; 0 without a mask
 * @param low         the begin of the first bin
 * @param high        the end of the last bin; greater than `low` by a finite number, by which `bins_count`
 *                    can be divided without overflow
 * @param bins        out: how many values; untouched on failure. Must not be NULL.
 * @param bins_count  1 to 1048576. Each lane takes 8 bytes for each.
 * @param error       may be NULL
 * @return as `fastpar_table_aggregate`.
 *
 * Blocks, threads and nesting: as `fastpar_table_aggregate`. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_column_histogram(const fastpar_loop_options *options,
                                                    const fastpar_column *column, const uint8_t *mask,
                                                    size_t mask_bytes, double low, double high,
                                                    uint64_t *bins, size_t bins_count, fastpar_error *error);

/** Rows of both masks. */
#define FASTPAR_MASK_AND 1
/** Rows of the first mask, of the second, or of both. */
#define FASTPAR_MASK_OR 2
/** Rows of one of the masks, not of both. */
#define FASTPAR_MASK_XOR 3
/** Rows of the first mask and not of the second. */
#define FASTPAR_MASK_AND_NOT 4
/** Rows that are not of the first mask; there is no second. */
#define FASTPAR_MASK_NOT 5

/**
 * Makes a mask of two, or of one.
 *
 * @param operation   FASTPAR_MASK_AND to FASTPAR_MASK_NOT
 * @param rows        for so many rows the masks are
 * @param a           in: the first mask, (rows + 7) / 8 bytes; NULL only with `mask_bytes` 0
 * @param b           in: the second mask, as many bytes; NULL for FASTPAR_MASK_NOT
 * @param mask_bytes  the size of each mask, at least (rows + 7) / 8
 * @param mask        out, NULL only with `mask_bytes` 0: the result; bits of the last byte past the
 *                    rows are 0, further bytes are untouched. It must not overlap `a` or `b`.
 * @param error       may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an argument; FASTPAR_ERR_BUFFER_TOO_SMALL:
 *         `mask_bytes`.
 *
 * Does not block: the calling thread does it. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_mask_combine(uint32_t operation, size_t rows, const uint8_t *a,
                                                const uint8_t *b, size_t mask_bytes, uint8_t *mask,
                                                fastpar_error *error);

/**
 * Counts the rows of a mask.
 *
 * @param rows        for so many rows it is; bits past them are not looked at
 * @param mask        in: the lowest bit of a byte first; NULL only with `mask_bytes` 0
 * @param mask_bytes  its size, at least (rows + 7) / 8
 * @param count       out, must not be NULL: how many bits are 1. Untouched on failure.
 * @param error       may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an argument.
 *
 * Does not block: the calling thread does it. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_mask_count(size_t rows, const uint8_t *mask, size_t mask_bytes,
                                              size_t *count, fastpar_error *error);

/** How many rows are less than a value. */
#define FASTPAR_SEARCH_LEFT 0
/** How many rows are less than a value or equal to it. */
#define FASTPAR_SEARCH_RIGHT 1

/**
 * Tells in which order `fastpar_sort` would put records, and leaves them where they are.
 *
 * @param options      may be NULL; as for `fastpar_sort`
 * @param records      in: `count` records of `record_size` bytes, aligned or not. NULL only with
 *                     `count` 0.
 * @param count        records
 * @param record_size  bytes of a record, at least 1
 * @param keys         must not be NULL; as for `fastpar_sort`
 * @param keys_count   how many
 * @param rows         out, NULL only with `count` 0: `count` numbers of records, the first record's
 *                     first. It must not overlap the records. After a failure its content is
 *                     undefined.
 * @param error        may be NULL
 * @return as `fastpar_sort`. FASTPAR_ERR_OUT_OF_MEMORY: for two pairs of 12 bytes for each record, or
 *         of 16.
 *
 * Blocks, threads and nesting: as `fastpar_sort`; the records are only read. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_table_argsort(const fastpar_loop_options *options, const void *records,
                                                 size_t count, size_t record_size,
                                                 const fastpar_sort_key *keys, size_t keys_count,
                                                 uint64_t *rows, fastpar_error *error);

/**
 * Makes one list of two lists of records that are sorted by the same keys, in parallel. Of records
 * whose keys are all equal those of `a` are first, and those of each list keep their order.
 *
 * @param options       may be NULL; as for `fastpar_sort`
 * @param a             in: `a_count` records of `record_size` bytes, sorted; NULL only with `a_count`
 *                      0
 * @param a_count       records
 * @param b             in: the other list; NULL only with `b_count` 0
 * @param b_count       records
 * @param record_size   bytes of a record, at least 1
 * @param keys          must not be NULL; as for `fastpar_sort`
 * @param keys_count    how many
 * @param dst           out, NULL only for no records: those of both. It must not overlap the inputs.
 *                      After a failure, and if a list is not sorted, its content is undefined.
 * @param dst_capacity  bytes
 * @param written       out, must not be NULL; as for `fastpar_column_take`
 * @param error         may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_BUFFER_TOO_SMALL; else as `fastpar_sort`.
 *
 * Blocks, threads and nesting: as `fastpar_sort`. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_table_merge(const fastpar_loop_options *options, const void *a,
                                               size_t a_count, const void *b, size_t b_count,
                                               size_t record_size, const fastpar_sort_key *keys,
                                               size_t keys_count, void *dst, size_t dst_capacity,
                                               size_t *written, fastpar_error *error);

/**
 * Finds where values would stand in a column that is sorted in rising order, in parallel: by halving.
 *
 * Equivalent to this serial loop, for FASTPAR_SEARCH_LEFT:
 *
 *     for (size_t i = 0; i < values->count; i++)
 *         for (rows[i] = 0; rows[i] < column->count && column[rows[i]] < values[i]; rows[i]++) {}
 *
 * @param options  may be NULL; as for `fastpar_table_aggregate`, but progress counts values
 * @param column   must not be NULL: sorted as by `fastpar_sort`, floats in IEEE total order. If it is
 *                 not, the numbers are any, up to its count.
 * @param values   must not be NULL: of the same type
 * @param side     FASTPAR_SEARCH_LEFT or FASTPAR_SEARCH_RIGHT
 * @param rows     out, NULL only without values: a number for each. It must not overlap the inputs.
 *                 After a failure its content is undefined.
 * @param error    may be NULL
 * @return as `fastpar_table_aggregate`
 *
 * Blocks, threads and nesting: as `fastpar_table_aggregate`. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_column_search(const fastpar_loop_options *options,
                                                 const fastpar_column *column, const fastpar_column *values,
                                                 uint32_t side, uint64_t *rows, fastpar_error *error);

/**
 * What rows are grouped by: the values of a column, or ranges of them that have equal widths.
 *
 * Whole numbers: a `width` above 0 makes buckets `[origin + n * width, origin + (n + 1) * width)` for
 * every n, also below 0. Floats: the same with `float_width` and `float_origin`, computed in doubles,
 * and NaN has a bucket of its own, the last. Without a width floats are equal if their bits are, and
 * are sorted by IEEE total order.
 *
 *     fastpar_group_key keys[2] = {{1, 0, 0, 0.0, 0.0},      // by the second column, and for equal ones
 *                                  {0, 60000, 0, 0.0, 0.0}}; // by minutes, of the first: milliseconds
 */
typedef struct fastpar_group_key {
  /** The index of the column among those of the call. */
  size_t column;
  /** Of columns of whole numbers; 0: the values themselves. */
  uint64_t width;
  /** Where a bucket begins; 0 if `width` is. */
  int64_t origin;
  /** Of columns of floats; 0: the values themselves. */
  double float_width;
  /** Where a bucket begins; 0 if `float_width` is. */
  double float_origin;
} fastpar_group_key;

/**
 * Groups that `fastpar_table_group` or `fastpar_archive_group` has found, sorted by their keys, the first
 * key being the most important. They are the library's memory: nothing of the columns is needed any more.
 * Any number of threads may read them at the same time.
 */
typedef struct fastpar_groups fastpar_groups;

/**
 * Groups rows by one key or several, and computes aggregates of each group, in one pass and in
 * parallel.
 *
 * One-minute bars of each symbol, for example, of trades {milliseconds, symbol, price, quantity}:
 *
 *     fastpar_group_key keys[2] = {{1, 0, 0, 0.0, 0.0}, {0, 60000, 0, 0.0, 0.0}};
 *     fastpar_aggregate asked[5] = {{FASTPAR_AGGREGATE_FIRST, 0, 2, 0}, {FASTPAR_AGGREGATE_MAX, 0, 2, 0},
 *                                   {FASTPAR_AGGREGATE_MIN, 0, 2, 0},   {FASTPAR_AGGREGATE_LAST, 0, 2, 0},
 *                                   {FASTPAR_AGGREGATE_SUM, 0, 3, 0}};
 *     fastpar_groups *bars;
 *     fastpar_table_group(NULL, columns, 4, NULL, 0, keys, 2, asked, 5, 0, &bars, &error);
 *
 * Combinations of keys that no row has are no groups. First and last are by the order of the rows. As
 * for `fastpar_table_aggregate` results are the same to the bit on any number of threads.
 *
 * @param options           may be NULL; as for `fastpar_table_aggregate`
 * @param columns           must not be NULL; as many values in each
 * @param columns_count     1 to 256
 * @param mask              NULL: all rows; as for `fastpar_table_aggregate`
 * @param mask_bytes        its bytes; 0 without a mask
 * @param keys              must not be NULL: the most important first; those of FASTPAR_BYTES have
 *                          4096 bytes at the most, with the others together
 * @param keys_count        1 to 16
 * @param aggregates        NULL only with `aggregates_count` 0
 * @param aggregates_count  0 to 256
 * @param max_memory        the most bytes that groups take while they are found; 0: no limit. A group
 *                          of A aggregates takes about 150 * (A + 1), and is held once for each chunk
 *                          of rows under way that it comes up in: 32, or one for each lane. Sorting at
 *                          the end, which cannot be cancelled, takes as much as the result once more.
 * @param groups            out, must not be NULL: released by `fastpar_groups_free`; NULL on failure
 * @param error             may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_LIMIT_EXCEEDED: `max_memory`, or more than 2^29 groups; else as
 *         `fastpar_table_aggregate`.
 *
 * Blocks, threads and nesting: as `fastpar_table_aggregate`. Keys from outside cannot make it slow by
 * what they hash to. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_table_group(const fastpar_loop_options *options,
                                               const fastpar_column *columns, size_t columns_count,
                                               const uint8_t *mask, size_t mask_bytes,
                                               const fastpar_group_key *keys, size_t keys_count,
                                               const fastpar_aggregate *aggregates, size_t aggregates_count,
                                               uint64_t max_memory, fastpar_groups **groups,
                                               fastpar_error *error);

/**
 * Tells how many groups there are.
 *
 * @param groups  may be NULL: 0
 * @return how many
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API size_t fastpar_groups_count(const fastpar_groups *groups);

/**
 * Copies a key of each group, in their order.
 *
 * @param groups    must not be NULL
 * @param index     which of the call's keys
 * @param values    out, NULL only without groups: the key, of a bucket where it begins; `rows` is how
 *                  many rows the group has
 * @param capacity  values that there is room for, at least `fastpar_groups_count`
 * @param error     may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: there is no such key, or it is of FASTPAR_BYTES,
 *         which `fastpar_groups_key_bytes` copies;
 *         FASTPAR_ERR_BUFFER_TOO_SMALL: `capacity`.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_groups_keys(const fastpar_groups *groups, size_t index,
                                               fastpar_value *values, size_t capacity, fastpar_error *error);

/**
 * Copies an aggregate of each group, in their order.
 *
 * @param groups    must not be NULL
 * @param index     which of the call's aggregates
 * @param values    out; NULL only without groups
 * @param capacity  values that there is room for, at least `fastpar_groups_count`
 * @param error     may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: there is no such aggregate;
 *         FASTPAR_ERR_LIMIT_EXCEEDED: a sum of products has more than 128 bits, in the group
 *         `error->position`: those before are written; FASTPAR_ERR_BUFFER_TOO_SMALL: `capacity`.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_groups_values(const fastpar_groups *groups, size_t index,
                                                 fastpar_value *values, size_t capacity,
                                                 fastpar_error *error);

/**
 * Copies the number of the first row of each group, in their order: what `fastpar_column_take_rows`
 * takes, to have other fields of that row.
 *
 * @param groups    must not be NULL
 * @param rows      out; NULL only without groups
 * @param capacity  numbers that there is room for, at least `fastpar_groups_count`
 * @param error     may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an argument; FASTPAR_ERR_BUFFER_TOO_SMALL:
 *         `capacity`.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_groups_rows(const fastpar_groups *groups, uint64_t *rows, size_t capacity,
                                               fastpar_error *error);

/**
 * Copies a key of FASTPAR_BYTES of each group, in their order, one after the other.
 *
 * @param groups        must not be NULL
 * @param key           which of the call's keys: one of FASTPAR_BYTES
 * @param dst           out, NULL only for no bytes: as many for each group as the key has
 * @param dst_capacity  bytes
 * @param written       out, must not be NULL: bytes written; with FASTPAR_ERR_BUFFER_TOO_SMALL those that
 *                      are needed, with another failure 0
 * @param error         may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an argument, or the key is a number;
 *         FASTPAR_ERR_BUFFER_TOO_SMALL: `dst_capacity`.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_groups_key_bytes(const fastpar_groups *groups, size_t key, void *dst,
                                                    size_t dst_capacity, size_t *written,
                                                    fastpar_error *error);

/**
 * Releases groups. NULL is ignored.
 *
 * @param groups  may be NULL; not used again
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API void fastpar_groups_free(fastpar_groups *groups);

/* ==== trace: a timeline of the process, in a file ======================================================= */

/**
 * `fastpar_trace_options.categories`: loops, reductions and prefix sums with their passes, jobs and teams,
 * the lanes that work for them, and waiting.
 */
#define FASTPAR_TRACE_LOOPS 1
/**
 * `fastpar_trace_options.categories`: chunks, and pieces of scans. Where chunks are so short that a lane
 * claims several at once, those are one event, which tells how many.
 */
#define FASTPAR_TRACE_CHUNKS 2
/**
 * `fastpar_trace_options.categories`: groups and their tasks, pipelines and what is done with their items,
 * sorts and their passes, and the tasks that calls of the codec and streams are made of.
 */
#define FASTPAR_TRACE_TASKS 4
/**
 * `fastpar_trace_options.categories`: calls of the codec, scans among them; frames, and of frames that
 * several threads share sections and blocks; and bytes so far.
 */
#define FASTPAR_TRACE_CODEC 8
/** `fastpar_trace_options.categories`: reads and writes of files. */
#define FASTPAR_TRACE_FILES 16
/** `fastpar_trace_options.categories`: the program's own spans, `fastpar_trace_begin`. */
#define FASTPAR_TRACE_USER 32

/**
 * Options of a trace. Set `struct_size` to `sizeof(fastpar_trace_options)` and every field you do not need
 * to zero.
 */
typedef struct fastpar_trace_options {
  /** `sizeof(fastpar_trace_options)`. */
  size_t struct_size;
  /**
   * The most bytes of events that wait to be written, of all threads together; each thread has a part of
   * fixed size. At least 1 MiB. 0: 64 MiB.
   */
  uint64_t max_memory;
  /** A sum of FASTPAR_TRACE_LOOPS, _CHUNKS, _TASKS, _CODEC, _FILES and _USER. 0: all. */
  uint32_t categories;
  /** 0. */
  uint32_t flags;
} fastpar_trace_options;

/**
 * Starts a timeline of the process: what threads do in calls of fastpar, written to a file that
 * <https://ui.perfetto.dev> and chrome://tracing open.
 *
 * The file is in the trace event format (JSON). It has, for each thread, slices of calls, of the lanes that
 * work for them, of chunks, tasks, pieces, frames, parts of frames, reads and writes, and of the program's
 * own spans; arrows from each call to its helpers; counters of busy lanes and of the codec's bytes. Calls
 * that began before are not in it. Times are those of the system's monotonic clock, which the file names, so
 * that the files of several processes can be joined. A trace costs less than 100 ns an event; where there is
 * none a call looks at one number.
 *
 * The file is brought up to date several times a second and is whole each time, so it opens after the
 * process was killed, too. No thread waits for it: events that find no room are lost, and the file tells how
 * many. `fastpar_pool_shutdown` and `fastpar_trace_stop` write what is there, and so does the end of the
 * process by `exit`, which ends the trace. A forked child goes on with a file of its own, from when it
 * starts its pool, if `path` holds "%p" and the child does not call `fastpar_trace_stop` before; else it has
 * none.
 *
 * The environment variable FASTPAR_TRACE=path does the same at the first call of a process that can use the
 * pool, with all categories: "path.%p" where no "%p" is in it. It is ignored in a program that has more
 * rights than its user, and where the file cannot be made.
 *
 * @param options  may be NULL: the defaults
 * @param path     UTF-8, must not be NULL; "%p" becomes the number of the process. The file must not exist,
 *                 and a symbolic link is not followed
 * @param error    may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_ALREADY_STARTED: a trace runs, and goes on; FASTPAR_ERR_IO: the file
 *         exists (`error->code` EEXIST), or cannot be made; FASTPAR_ERR_INVALID_ARGUMENT: `path` is
 *         NULL, empty or not UTF-8, or an option is outside its range; FASTPAR_ERR_UNSUPPORTED: a
 *         field is unknown; FASTPAR_ERR_THREADS: no thread for it; FASTPAR_ERR_OUT_OF_MEMORY;
 *         FASTPAR_ERR_BUSY: at the end of the process, see "Ending" above. Then there is no file.
 *
 * May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_trace_start(const fastpar_trace_options *options, const char *path,
                                               fastpar_error *error);

/**
 * Ends the trace that runs, and writes what is left of it.
 *
 * @param error  may be NULL
 * @return FASTPAR_OK, also if no trace runs; FASTPAR_ERR_IO: the file could not be written, or not wholly:
 *         it holds the events before, and can be opened; FASTPAR_ERR_BUSY: at the end of the process, see
 *         "Ending" above, where a thread was ended that was writing; FASTPAR_ERR_OUT_OF_MEMORY.
 *
 * Events of threads that are inside calls meanwhile may be missing. Blocks until the file is written. May be
 * called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_trace_stop(fastpar_error *error);

/**
 * Begins a span of the program's own, on the calling thread; `fastpar_trace_end` ends it.
 *
 * Spans may lie within each other, 64 deep. Where no trace runs nothing happens.
 *
 * @param name  UTF-8, copied, the first 200 bytes count; what is not UTF-8 is replaced; NULL: ""
 *
 * Never blocks, but for some microseconds in a thread's first event. May be called from any thread. Since:
 * 1.0
 */
FASTPAR_API void fastpar_trace_begin(const char *name);

/**
 * Ends the span of the calling thread that began last.
 *
 * Nothing happens where there is none, or where it began before the trace.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API void fastpar_trace_end(void);

/* ==== shared state: atomics on the caller's memory, and a bounded queue, for callers without their own == */

/**
 * Reads an integer that other threads may be changing.
 *
 * @param place  aligned to 8 bytes
 * @return its value; 0 if `place` is NULL or misaligned.
 *
 * Ordering: sequentially consistent. Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API int64_t fastpar_atomic_load(const int64_t *place);

/**
 * Writes an integer that other threads may be reading.
 *
 * @param place  aligned to 8 bytes; NULL or misaligned: nothing happens
 * @param value  the new value
 *
 * Ordering: sequentially consistent. Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API void fastpar_atomic_store(int64_t *place, int64_t value);

/**
 * Adds to an integer in one step, wrapping around.
 *
 * @param place  aligned to 8 bytes; NULL or misaligned: nothing happens
 * @param delta  the number to add
 * @return the value before; 0 if `place` is NULL or misaligned.
 *
 * Ordering: sequentially consistent. Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API int64_t fastpar_atomic_add(int64_t *place, int64_t delta);

/**
 * Raises an integer to at least `value` in one step.
 *
 * @param place  aligned to 8 bytes; NULL or misaligned: nothing happens
 * @param value  the least that it shall be
 * @return the value before; 0 if `place` is NULL or misaligned.
 *
 * Ordering: sequentially consistent. Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API int64_t fastpar_atomic_max(int64_t *place, int64_t value);

/**
 * Lowers an integer to at most `value` in one step.
 *
 * @param place  aligned to 8 bytes; NULL or misaligned: nothing happens
 * @param value  the most that it shall be
 * @return the value before; 0 if `place` is NULL or misaligned.
 *
 * Ordering: sequentially consistent. Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API int64_t fastpar_atomic_min(int64_t *place, int64_t value);

/**
 * Replaces an integer in one step, if it has the expected value.
 *
 * @param place     aligned to 8 bytes
 * @param expected  in: the value expected; out, if the value differs: the value found. Must not be NULL.
 * @param desired   the new value
 * @return 1: replaced; 0: the value differs, or `place` is NULL or misaligned, or `expected` is NULL.
 *
 * Ordering: sequentially consistent. Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API int32_t fastpar_atomic_compare_exchange(int64_t *place, int64_t *expected, int64_t desired);

/** A bounded queue of numbers. Opaque; made by `fastpar_queue_open`, released by `fastpar_queue_free`. */
typedef struct fastpar_queue fastpar_queue;

/**
 * Makes a queue for any number of producers and consumers: first in, first out.
 *
 * @param capacity  values that it holds at most, 1 to 16,777,216; its memory is taken now
 * @param queue     out, must not be NULL: the handle, to be released by `fastpar_queue_free`; NULL on
 *                  failure
 * @param error     may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: `queue` is NULL, or `capacity` is outside its range;
 *         FASTPAR_ERR_OUT_OF_MEMORY.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_queue_open(size_t capacity, fastpar_queue **queue, fastpar_error *error);

/**
 * Adds a value, waiting for room.
 *
 * @param queue       must not be NULL
 * @param value       any number, such as an index or an address
 * @param timeout_ms  milliseconds; 0: do not wait; UINT64_MAX: for ever
 * @param error       may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_TIMEOUT: it stayed full; FASTPAR_ERR_CLOSED: it is closed, before or while
 *         this waited; FASTPAR_ERR_INVALID_ARGUMENT: `queue` is NULL. The value is added on FASTPAR_OK only.
 *
 * What the producer wrote before is visible to the consumer of the value. A chunk's callback that waits
 * occupies its thread, and the chunk that would make room may not have begun: let members of a team wait, or
 * other threads. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_queue_push(fastpar_queue *queue, uint64_t value, uint64_t timeout_ms,
                                              fastpar_error *error);

/**
 * Takes the oldest value, waiting for one.
 *
 * @param queue       must not be NULL
 * @param timeout_ms  milliseconds; 0: do not wait; UINT64_MAX: for ever
 * @param value       out, must not be NULL; untouched on failure
 * @param error       may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_TIMEOUT: it stayed empty; FASTPAR_ERR_CLOSED: it is closed and empty;
 *         FASTPAR_ERR_INVALID_ARGUMENT: `queue` or `value` is NULL.
 *
 * May be called from any thread; see `fastpar_queue_push` on waiting inside chunks. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_queue_pop(fastpar_queue *queue, uint64_t timeout_ms, uint64_t *value,
                                             fastpar_error *error);

/**
 * Closes a queue: no value can be added any more, but the values inside can still be taken. Threads that
 * wait in vain are released.
 *
 * @param queue  NULL: nothing happens. Closing twice is the same as once.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API void fastpar_queue_close(fastpar_queue *queue);

/**
 * Releases a queue and the values left in it.
 *
 * @param queue  NULL: nothing happens. Not to be used afterwards, by any thread. Threads that wait in it are
 *               released as by `fastpar_queue_close`; the queue is freed with the last of them.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API void fastpar_queue_free(fastpar_queue *queue);

/* ==== codec: parallel zstd. This file has the options, which all functions of the codec take ============ */

/**
 * `fastpar_zstd_options.flags`: frames carry no checksum. Decompressing: no effect, checksums that are there
 * are verified.
 */
#define FASTPAR_ZSTD_NO_CHECKSUM 1
/** `fastpar_zstd_options.flags`: no seek table follows the frames. Decompressing: no effect. */
#define FASTPAR_ZSTD_NO_SEEK_TABLE 2
/**
 * `fastpar_zstd_options.flags`: one frame, as the `zstd` program writes it; `frame_size` must be 0.
 * Decompressing: no effect.
 *
 * For readers that take only one frame, or for which each frame is costly. `zstandard.decompress` of Python,
 * and the `ZstdDecompressor` of pyzstd and of CPython read the first of several frames, and tell no error:
 * they lose the rest in silence. Such a frame is as parallel as many frames, and smaller: sections of it are
 * compressed at the same time, each with the content before it at hand. A section has 4 MiB up to level 4, 8
 * MiB up to 12, 16 MiB up to 15, 16 or 32 MiB up to 19, and up to 256 MiB at higher levels and with large
 * windows. What is shorter is compressed by one lane. At hand is as much as the window of the level, but 512
 * KiB at the most up to level 2, 1 MiB up to 4 and 2 MiB up to 12: content that repeats itself only at
 * larger distances within the window becomes larger than from one context, as it does with many frames;
 * FASTPAR_ZSTD_LONG is for it. Several lanes decompress it as they do a frame of any other program; only
 * reading at random is slower than with many frames.
 *
 * A fastpar that was built with another libzstd than its own compresses the frame by one thread.
 */
#define FASTPAR_ZSTD_SINGLE_FRAME 4
/**
 * `fastpar_zstd_options.flags`: files are on the disk (fsync) when the call returns. From memory to memory:
 * no effect.
 */
#define FASTPAR_ZSTD_SYNC 8
/**
 * `fastpar_zstd_options.flags`: long-distance matching, as `zstd --long`: matches are found anywhere in a
 * window of 128 MiB, unless `window_log` says otherwise. For data that repeats itself over long distances; a
 * single frame, or large frames, have most of it. Every reader takes windows of 128 MiB. Decompressing: no
 * effect.
 */
#define FASTPAR_ZSTD_LONG 16
/**
 * `fastpar_zstd_options.flags`: frames end where a rolling hash of the content says so, at a quarter
 * to twice of `frame_size` (0: 4 MiB, or two windows of the level where that is more, up to 64 MiB).
 * So bytes that are inserted, removed or changed change only the frames around them, and rsync and
 * stores that keep equal parts once find the others. The bytes depend on content and options only. Not with
 * FASTPAR_ZSTD_SINGLE_FRAME; batches, and decompressing: no effect.
 */
#define FASTPAR_ZSTD_RSYNCABLE 32
/**
 * `fastpar_zstd_options.flags`: new target files have holes where the data is zero for 4 KiB or more, as
 * `zstd --sparse`, if the file system can. Targets that are open already, and memory: no effect.
 */
#define FASTPAR_ZSTD_SPARSE 64
/**
 * `fastpar_zstd_options.flags`: an existing target file is never replaced: FASTPAR_ERR_IO, with EEXIST in
 * `code` (ERROR_FILE_EXISTS or ERROR_ALREADY_EXISTS on Windows). Targets that are written where they stand
 * (FIFOs, devices, open descriptors), and memory: no effect.
 */
#define FASTPAR_ZSTD_KEEP 128
/**
 * `fastpar_zstd_options.flags`: data that was written whole can be told from data whose writer was killed
 * between two frames. Compress: a seek table is written for a single frame and for no content, too; not with
 * _NO_SEEK_TABLE, and with _SINGLE_FRAME of 4 GiB at most; batches: no effect. Decompress, readers, files,
 * archives: the data must end with a seek table that covers all of it, else FASTPAR_ERR_TRUNCATED; readers
 * and files tell it after the content.
 */
#define FASTPAR_ZSTD_COMPLETE 256
/**
 * `fastpar_zstd_options.flags`: an ordinary target file that a rename cannot replace is emptied and written
 * where it stands; without the flag that is FASTPAR_ERR_IO before the work begins. See
 * `fastpar_compress_file`. Other targets, and memory: no effect.
 */
#define FASTPAR_ZSTD_IN_PLACE 512
/**
 * `fastpar_zstd_options.flags`: readers: a seek table is expected behind the frames. The checksums that it
 * tells of frames without their own are compared when it comes: FASTPAR_ERR_CHECKSUM, after the content.
 *
 * For data of zstd's own seekable writer, which has no other checksums. A reader finds the table too
 * late to know that it will need the hashes of the frames, so that it has to be told. Hashing takes
 * 0.07 to 0.14 ns a byte of the content: 5 to 20 % of the time of decoding rows or text, and as long as
 * decoding itself where that only repeats a byte; frames with checksums of their own cost nothing. A
 * table is compared up to so many frames as fit, of 16 bytes each, into a twelfth of the memory: a
 * million where `max_memory` is 0. FASTPAR_ZSTD_COMPLETE implies it; `fastpar_decompress_file` looks
 * for such a table at the end of an ordinary file, and `fastpar_decompress`, `fastpar_decompress_batch` and
 * archives always check: no effect.
 */
#define FASTPAR_ZSTD_CHECK_TABLE 1024

/**
 * A dictionary, prepared for compressing and decompressing. Opaque; made by `fastpar_dict_open`, released by
 * `fastpar_dict_free`; used as `dict` or in `dicts` of
 * `fastpar_zstd_options`, by any number of calls at a time.
 */
typedef struct fastpar_dict fastpar_dict;

/**
 * Options of the codec. Set `struct_size` to `sizeof(fastpar_zstd_options)` and every field you do not need
 * to zero.
 *
 * The same options serve both directions: a field that concerns the other direction must be in its range,
 * and has no effect. So must a flag that a call has no use for:
 *
 *     flag            compress  batches  writer  compress_file,   decompress_file  concat_files
 *                                                transform_file
 *     NO_CHECKSUM        x         x        x          x
 *     NO_SEEK_TABLE      x                  x          x                                 x
 *     SINGLE_FRAME       x      (always)    x          x
 *     LONG               x         x        x          x
 *     RSYNCABLE          x                  x          x
 *     COMPLETE           x                  x          x               x                 x
 *     SYNC, SPARSE,                                    x               x                 x
 *     KEEP, IN_PLACE
 *
 * COMPLETE is for `fastpar_decompress`, its batches, readers and archives too; CHECK_TABLE is for readers.
 *
 * Compressing only: `level`, `strategy`, `frame_size` (but for batches). Decompressing only, archives too:
 * `dicts`. Both: the others. FASTPAR_ERR_INVALID_ARGUMENT are SINGLE_FRAME with `frame_size` or RSYNCABLE,
 * `prefix` with `dict`, and, compressing, `prefix` without SINGLE_FRAME (but for batches).
 */
typedef struct fastpar_zstd_options {
  /** `sizeof(fastpar_zstd_options)`. */
  size_t struct_size;
  /** Compress: -131072 (fastest) to 22 (smallest). 0: the level of `dict`, or 3 without one. */
  int32_t level;
  /**
   * FASTPAR_ZSTD_NO_CHECKSUM, _NO_SEEK_TABLE, _SINGLE_FRAME, _SYNC, _LONG, _RSYNCABLE, _SPARSE, _KEEP,
   * _COMPLETE, _IN_PLACE, _CHECK_TABLE, or 0.
   */
  uint32_t flags;
  /**
   * Compress: uncompressed bytes per frame, at most 1 GiB and at least 1/134217728 of the input. 0: 24
   * equal frames, fewer when they would be under 512 KiB, a multiple of 24 when they would pass 64 MiB.
   * Files and streams, whose memory is bounded: 0: 4 MiB, or two windows of the level where that is more
   * (from level 16 on), up to 64 MiB. Smaller frames are faster to reach at random, and compress less.
   */
  size_t frame_size;
  /**
   * Threads that work on the call at the same time, the caller included. 0: as many as the CPUs this
   * process may use. Never more than those, nor than the threads of the pool.
   */
  uint32_t max_lanes;
  /**
   * Compress: the window is 2 to the power of this, 10 to 31 (30 on 32-bit systems); 0: by level. A window
   * larger than the level's own turns long-distance matching on, and data with windows over 27 is refused
   * by most readers unless they are asked. Decompress: larger windows are refused; 0: 27 (128 MiB). Frames
   * of a single segment have no window.
   */
  uint32_t window_log;
  /**
   * The most bytes that may come out: FASTPAR_ERR_LIMIT_EXCEEDED past it. 0: no limit beyond `dst`; none
   * for files and streams.
   */
  uint64_t max_output;
  /**
   * Working memory of one call in bytes, the dictionary included: fewer lanes are used to keep to it. 0:
   * no limit. At level 3 a lane needs 1.3 MB to compress; 0.3 MB to decompress, and 3 MB more where
   * several lanes decompress one frame, which with less has one lane. Files and streams need buffers
   * besides: to compress, 2 frames for a single lane, else 2 for each lane and 3 more; to decompress, 2
   * MiB at the least, and 5 MiB for what fastpar writes by default. With FASTPAR_ZSTD_SINGLE_FRAME a lane
   * has the same context, and files and streams need 2 sections and a window where they need 2 frames (at
   * level 3 9 MiB, and 1 MiB of window); without a limit they keep to 2 GiB where that is enough for one
   * lane.
   */
  uint64_t max_memory;
  /**
   * May be NULL. A dictionary: compress with it; decompress the frames that name it, and those that name
   * none (they may have been made with it, or without any). A frame that names another dictionary, which
   * `dicts` has not, is FASTPAR_ERR_DICTIONARY, with the id that it names in `error->code`. See
   * `fastpar_dict_open`. A call keeps what it needs of it: the handle may be
   * released meanwhile.
   */
  const fastpar_dict *dict;
  /**
   * May be NULL. A flag, 0 at first, that any thread may set by `fastpar_cancel` while the call
   * runs. It is looked at inside frames, too: after each block of 128 KiB that is compressed, or MiB
   * that comes out of a frame of more than 8 MiB. But with FASTPAR_ZSTD_SINGLE_FRAME each section begins
   * with the content, or the prefix, before it, which libzstd reads in one call that cannot be left: it
   * has no function that takes it in steps. Measured with rows: 2 ms at level 3, 0.1 s at levels 9 to
   * 12; from level 13 on 1 to 2 MB a second, which is 2 to 7 s up to level 19, and longer where windows
   * are larger (level 22, FASTPAR_ZSTD_LONG; with that flag 0.2 s at level 3 and 0.7 s at level 9).
   */
  const int32_t *cancel;
  /**
   * May be NULL. Called with how many uncompressed bytes are done; `total` is UINT64_MAX while the data
   * does not tell. Decompressing files and streams: bytes of the source.
   */
  fastpar_progress_fn progress;
  /** Given to `progress`. */
  void *progress_data;
  /**
   * Compress: how libzstd searches, 1 (ZSTD_fast) to 9 (ZSTD_btultra2); 0: by level. For experts:
   * the sizes of tables stay those of the level. With a dictionary each frame prepares it anew, in
   * milliseconds.
   */
  uint32_t strategy;
  /** Must be 0. */
  uint32_t reserved;
  /**
   * May be NULL. What a frame may repeat, such as an older version of the content, as `zstd --patch-from`;
   * not copied: it must live, and not change, as long as the call, or the handle and its calls.
   * `dict` must be NULL then.
   *
   * Compress: needs FASTPAR_ZSTD_SINGLE_FRAME, or a batch. Long-distance matching is on, and the window
   * reaches from the end of the content to the beginning of the prefix (of streams: covers twice the
   * prefix), up to 2 GiB. From memory to memory the call takes as much memory as prefix and content
   * together. Decompress: frames that name no dictionary are taken for frames made with it, and
   * windows may be larger than the limit by its length. With another prefix, or without, they fail
   * as with a wrong dictionary of raw content, see `fastpar_dict_open`.
   */
  const void *prefix;
  /** Bytes of `prefix`, at most 1 GiB (512 MiB on 32-bit systems); 0: there is none. */
  size_t prefix_len;
  /**
   * May be NULL. Decompress: more dictionaries, of which a frame gets the one that it names. A frame that
   * names none gets `dict`, or `prefix`, or nothing. Entries must not be NULL; of several with one id the
   * first counts, and `dict` before them; those of raw content are never chosen. A call or a handle keeps
   * what it needs of them: array and handles may be released meanwhile.
   */
  const fastpar_dict *const *dicts;
  /** Entries of `dicts`. */
  size_t dicts_count;
  /**
   * `fastpar_compress_file`: where the part of the source begins that is compressed, in bytes; at
   * the end of the source: an empty part; beyond it: FASTPAR_ERR_INVALID_ARGUMENT. Other calls: no effect.
   */
  uint64_t src_offset;
  /** The bytes of that part. 0: up to the end. */
  uint64_t src_size;
} fastpar_zstd_options;

/**
 * Tells a capacity that is enough for compressing any `src_len` bytes with these options.
 *
 * @param options  may be NULL: the defaults
 * @param src_len  bytes, 0 to SIZE_MAX / 2, in at most 134,217,728 frames (8 PiB of them by default)
 * @param bound    out, bytes, must not be NULL; untouched on failure
 * @param error    may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an option, `bound`, or a `src_len` that no buffer can
 *         have; FASTPAR_ERR_UNSUPPORTED: an option.
 *
 * It is about 0.4 % more than `src_len`. Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_compress_bound(const fastpar_zstd_options *options, size_t src_len,
                                                  size_t *bound, fastpar_error *error);

/**
 * Compresses a buffer into another, in parallel, to ordinary zstd data.
 *
 * The result is a series of independent frames, each with its size and a checksum, and a seek table (zstd's
 * seekable format) in a skippable frame if there are several: `zstd -d` and every other zstd reader decode
 * it. But some readers stop after the first frame and tell no error, `zstandard.decompress` and CPython's
 * `ZstdDecompressor` among them: FASTPAR_ZSTD_SINGLE_FRAME is for those. An empty input makes one empty
 * frame. The bytes depend on `src` and on what the options say of the result (`level`, `flags`,
 * `frame_size`, `window_log`, `strategy`, `dict` and `prefix`) only, never on threads or time.
 *
 * `dst_capacity` may be less than `fastpar_compress_bound` tells: the call succeeds whenever the result
 * fits, though fewer threads find room to work when it is tight. Working memory does not grow with
 * `src_len`, but for 4 bytes a frame, and that of one frame (64 MiB at most by default) when `dst_capacity`
 * is less than the bound.
 *
 * @param options       may be NULL: level 3, 24 frames
 * @param src           may be NULL if `src_len` is 0; not kept
 * @param src_len       bytes
 * @param dst           may be NULL if `dst_capacity` is 0; must not overlap `src`. Its bytes after
 *                      `*written` may be overwritten; after a failure its content means nothing.
 * @param dst_capacity  bytes
 * @param written       out, bytes, must not be NULL. FASTPAR_ERR_BUFFER_TOO_SMALL: a capacity that is always
 *                      enough. Any other failure: 0.
 * @param error         may be NULL; `position` is the frame, if it is about one
 * @return FASTPAR_OK; FASTPAR_ERR_BUFFER_TOO_SMALL: the result does not fit into `dst`;
 *         FASTPAR_ERR_LIMIT_EXCEEDED: it is larger than `max_output`; or not even one lane fits into
 *         `max_memory`, which is found out before memory is taken; FASTPAR_ERR_CANCELLED: by the flag
 *         (whenever it was set before the return) or by the progress callback; the frames in flight are
 *         left after their block (128 KiB);
 *         FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an argument or an option;
 *         FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_BUSY: from inside a hook, if
 *         it needs the pool.
 *
 * Blocks until it is done. May be called from any thread, by any number at a time, and from inside
 * callbacks. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_compress(const fastpar_zstd_options *options, const void *src,
                                            size_t src_len, void *dst, size_t dst_capacity, size_t *written,
                                            fastpar_error *error);

/**
 * Tells how many bytes zstd data decompresses to, by its headers.
 *
 * A few bytes of every frame and every block are read, nothing is decompressed. The data need not be
 * trusted: a size that the blocks cannot have is FASTPAR_ERR_CORRUPT. Still honest data of a few kilobytes
 * may decompress to gigabytes (at most about 32,000 times its size): compare the size with a limit of yours
 * before you allocate it.
 *
 * @param src      may be NULL if `src_len` is 0; not kept
 * @param src_len  bytes; 0 bytes of data decompress to 0 bytes
 * @param size     out, bytes, must not be NULL; untouched on failure
 * @param error    may be NULL; `position` is the offset of the frame in `src`
 * @return FASTPAR_OK; FASTPAR_ERR_UNSUPPORTED: a frame does not tell its size, as it was written by a
 *         program that did not know it; FASTPAR_ERR_NOT_ZSTD: something else than a frame begins at
 *         `position`; FASTPAR_ERR_TRUNCATED: the data ends within a frame; FASTPAR_ERR_CORRUPT: a header is
 *         damaged; FASTPAR_ERR_LIMIT_EXCEEDED: 2^64 bytes or more; FASTPAR_ERR_INVALID_ARGUMENT: an
 *         argument.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_decompressed_size(const void *src, size_t src_len, uint64_t *size,
                                                     fastpar_error *error);

/**
 * Decompresses zstd data from a buffer into another, in parallel where the data allows.
 *
 * Reads all valid zstd data: any number of frames, skippable ones among them. They are found by the seek
 * table if there is one, which is checked, else by walking over the headers. If every frame tells its size,
 * frames are decompressed in parallel, else one after the other. Checksums that are there are
 * verified, those that a seek table tells of frames without their own, too. (So do batches and archives;
 * for readers see FASTPAR_ZSTD_CHECK_TABLE.) No size that the data declares is allocated.
 *
 * A frame of 2 MiB or more is decompressed by several lanes itself, if the process leaves a CPU idle.
 * Others, and all frames with `max_lanes` 1, are decompressed by libzstd, each in one lane. What is not
 * as it should be in a frame is told by libzstd in any case.
 *
 * No data (`src_len` 0), and skippable frames only, decompress to 0 bytes. The formats of zstd before 1.0
 * are FASTPAR_ERR_NOT_ZSTD, and so is anything that follows the last frame and does not begin like one.
 *
 * @param options       may be NULL
 * @param src           may be NULL if `src_len` is 0; not kept; need not be trusted
 * @param src_len       bytes
 * @param dst           may be NULL if `dst_capacity` is 0; must not overlap `src`. Its bytes after
 *                      `*written` may be overwritten; after a failure its content means nothing.
 * @param dst_capacity  bytes
 * @param written       out, bytes, must not be NULL. FASTPAR_ERR_BUFFER_TOO_SMALL: the capacity that is
 *                      needed, or 0 where the data does not tell. Any other failure: 0.
 * @param error         may be NULL; `position` is the offset of the frame in `src`, if it is about one
 * @return FASTPAR_OK; FASTPAR_ERR_BUFFER_TOO_SMALL: the result does not fit into `dst`;
 *         FASTPAR_ERR_LIMIT_EXCEEDED: it is larger than `max_output`; a frame needs a larger window than
 *         `window_log` allows; or not even one lane fits into `max_memory`; FASTPAR_ERR_NOT_ZSTD: something
 *         else than a frame begins at `position`; FASTPAR_ERR_TRUNCATED: the data ends within a frame, be it
 *         in its first four bytes; FASTPAR_ERR_CORRUPT: the frame is damaged; FASTPAR_ERR_CHECKSUM: it
 *         decompresses, but to something else; FASTPAR_ERR_DICTIONARY: it needs a dictionary that was not
 *         given, or another one; FASTPAR_ERR_CANCELLED: by the flag (whenever it was set before the return)
 *         or by the progress callback; frames in flight of up to 8 MiB are finished first, larger
 *         ones left after a MiB of output;
 *         FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an argument or an option;
 *         FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_BUSY: from inside a hook, if
 *         it needs the pool.
 *
 * Blocks until it is done. May be called from any thread, by any number at a time, and from inside
 * callbacks. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_decompress(const fastpar_zstd_options *options, const void *src,
                                              size_t src_len, void *dst, size_t dst_capacity, size_t *written,
                                              fastpar_error *error);

/** `fastpar_zstd_info.flags`: the frame ends with a checksum of its content. */
#define FASTPAR_FRAME_CHECKSUM 1
/** `fastpar_zstd_info.flags`: a skippable frame, data for other programs, without content. */
#define FASTPAR_FRAME_SKIPPABLE 2

/** What a frame of zstd data tells. Set `struct_size` to `sizeof(fastpar_zstd_info)` before the call. */
typedef struct fastpar_zstd_info {
  /** `sizeof(fastpar_zstd_info)`. */
  size_t struct_size;
  /** Bytes of the content; UINT64_MAX: not told. 0 for a skippable frame. */
  uint64_t size;
  /** Bytes of the frame: header, blocks, checksum. */
  uint64_t compressed_size;
  /** Bytes of the latest output that a decoder has to keep; 0 for a skippable frame. */
  uint64_t window;
  /** The dictionary that decompressing needs; 0: none, or not told. */
  uint32_t dict_id;
  /** FASTPAR_FRAME_CHECKSUM, FASTPAR_FRAME_SKIPPABLE, or'ed. */
  uint32_t flags;
} fastpar_zstd_info;

/**
 * Tells what the first frame of some zstd data says about itself (RFC 8878, sections 3.1.1.1 and 3.1.2).
 *
 * The header and a few bytes of every block are read, nothing is decompressed. The data need not be trusted:
 * a size that the blocks cannot have is FASTPAR_ERR_CORRUPT. The next frame, if there is one, begins
 * `compressed_size` bytes further on.
 *
 * @param src      may be NULL if `src_len` is 0; not kept
 * @param src_len  bytes; the whole frame must be there, what follows it does not matter
 * @param info     out, must not be NULL; in: `struct_size`. Untouched on failure.
 * @param error    may be NULL; `position` is 0
 * @return FASTPAR_OK; FASTPAR_ERR_NOT_ZSTD: no frame begins there; FASTPAR_ERR_TRUNCATED: the data ends
 *         within the frame, or is empty; FASTPAR_ERR_CORRUPT: a header is damaged;
 *         FASTPAR_ERR_INVALID_ARGUMENT: an argument.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_frame_read(const void *src, size_t src_len, fastpar_zstd_info *info,
                                              fastpar_error *error);

/* ==== dictionaries: content that small inputs have in common, learned once and shared by all calls ====== */

/**
 * Makes a dictionary from samples of the data to be compressed.
 *
 * Dictionaries pay for inputs of up to some 100 KB that resemble each other, such as records or messages:
 * for those of 1 KB the result is typically 2 to 5 times smaller. About 100 KB of dictionary are enough, and
 * about 100 times as many bytes of samples, each like one input. The result is an ordinary zstd dictionary
 * (`zstd -D` takes it), and depends on the arguments only.
 *
 * @param samples        the samples, one after the other; must not be NULL; not kept
 * @param sample_sizes   bytes of each sample; must not be NULL. Their sum is the size of `samples`.
 * @param samples_count  samples
 * @param dict           out; must not be NULL. After a failure its content means nothing.
 * @param dict_capacity  bytes: the dictionary becomes as large as this where the samples hold enough;
 *                       112,640 is usual, at least 256
 * @param written        out, bytes of the dictionary, must not be NULL. FASTPAR_ERR_BUFFER_TOO_SMALL: the
 *                       least capacity. Any other failure: 0.
 * @param error          may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_BUFFER_TOO_SMALL: `dict_capacity` is less than 256;
 *         FASTPAR_ERR_INVALID_ARGUMENT: an argument, or samples from which nothing can be learned: fewer
 *         than about 10, or hardly larger than the dictionary, or without anything in common (`error->code`
 *         is zstd's); FASTPAR_ERR_OUT_OF_MEMORY.
 *
 * Works on the calling thread only, about a second for 10 MB of samples; blocks until it is done, and cannot
 * be cancelled. Memory: about 10 times the samples. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_dict_train(const void *samples, const size_t *sample_sizes,
                                              size_t samples_count, void *dict, size_t dict_capacity,
                                              size_t *written, fastpar_error *error);

/**
 * Prepares a dictionary for use in any number of calls at a time.
 *
 * @param data   a dictionary made by `fastpar_dict_train` or `zstd --train`; or any other bytes, which are
 *               then taken as raw content: content that inputs are likely to repeat, the likeliest at the
 *               end. Must not be NULL; copied.
 * @param len    bytes, 1 to 1 GiB
 * @param level  the level to compress at, as in the options; 0: 3. Options with `level` 0 or with this level
 *               find the dictionary ready; the first call with another level prepares it for that level (a
 *               few milliseconds; it stays prepared for four)
 * @param dict   out, must not be NULL: the handle, to be released by `fastpar_dict_free`; NULL on failure
 * @param error  may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_DICTIONARY: `data` begins like a dictionary, but is damaged;
 *         FASTPAR_ERR_INVALID_ARGUMENT: an argument; FASTPAR_ERR_OUT_OF_MEMORY.
 *
 * Frames name their dictionary by its id, so that a wrong dictionary is refused (FASTPAR_ERR_DICTIONARY).
 * Raw content has no id: with other content, or without it, such frames fail as FASTPAR_ERR_CORRUPT or
 * FASTPAR_ERR_CHECKSUM; without a checksum they may even decompress to something else.
 *
 * Memory: about 3 times `len`, and tables by the level (0.3 MB at level 3 for 110 KB). Blocks for a few
 * milliseconds. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_dict_open(const void *data, size_t len, int32_t level, fastpar_dict **dict,
                                             fastpar_error *error);

/**
 * Tells the number by which frames name a dictionary.
 *
 * @param dict   must not be NULL
 * @param id     out, must not be NULL; 0: it is raw content, and frames do not name it; untouched on failure
 * @param error  may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: `dict` or `id` is NULL.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_dict_id(const fastpar_dict *dict, uint32_t *id, fastpar_error *error);

/**
 * Releases a dictionary.
 *
 * @param dict  NULL: nothing happens. Calls under way and handles that were opened with it keep the parts
 *              that they need.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API void fastpar_dict_free(fastpar_dict *dict);

/* ==== batches: many buffers in one call, each with its own result ======================================= */

/** One buffer of a batch. Set the first four fields; the others are written by the call. */
typedef struct fastpar_batch_item {
  /** The input. May be NULL if `src_len` is 0. */
  const void *src;
  /** Bytes of the input. */
  size_t src_len;
  /**
   * Where the output goes. May be NULL if `dst_capacity` is 0. Its bytes after `written` may be
   * overwritten.
   */
  void *dst;
  /** Bytes that `dst` holds. */
  size_t dst_capacity;
  /**
   * Out: bytes written. FASTPAR_ERR_BUFFER_TOO_SMALL: a capacity that is enough, or 0 where that is not
   * known. Any other failure: 0.
   */
  size_t written;
  /** Out: the status of this item, FASTPAR_OK or one of FASTPAR_ERR_. */
  int32_t status;
  /** Out: zstd's error code, if the failure comes from there, else 0. */
  int32_t code;
} fastpar_batch_item;

/**
 * Compresses many buffers, each to one zstd frame, in parallel.
 *
 * The same as this loop, but on all CPUs, and without its cost for each call:
 *
 *     for (size_t i = 0; i < count; i++)
 *       items[i].status = fastpar_compress(&single_frame_options, items[i].src, items[i].src_len,
 *                                          items[i].dst, items[i].dst_capacity, &items[i].written, NULL);
 *
 * Every item is compressed by one thread to the bytes that `fastpar_compress` makes with
 * FASTPAR_ZSTD_SINGLE_FRAME, whatever its `dst_capacity`, if they fit. `frame_size` and the flags
 * _NO_SEEK_TABLE and _SINGLE_FRAME have no effect; `max_output` is the limit of each item; `progress` is
 * told input bytes. A dictionary pays most here.
 *
 * @param options    may be NULL: level 3
 * @param items      in and out; may be NULL if `count` is 0. Inputs may overlap each other. An item whose
 *                   `dst` overlaps its own `src`, a buffer of any other item, or `items` itself is not done,
 *                   and its status is FASTPAR_ERR_INVALID_ARGUMENT.
 * @param item_size  `sizeof(fastpar_batch_item)`, the distance from one item to the next. A larger distance,
 *                   of a newer header, is accepted; an item whose unknown bytes are not 0 has the status
 *                   FASTPAR_ERR_UNSUPPORTED.
 * @param count      items
 * @param failed     out, may be NULL: how many items have another status than FASTPAR_OK; untouched where no
 *                   item was looked at
 * @param error      may be NULL
 * @return FASTPAR_OK, even if items failed: look at `*failed`, and at each item's status:
 *         FASTPAR_ERR_BUFFER_TOO_SMALL: it does not fit into its `dst`; FASTPAR_ERR_LIMIT_EXCEEDED: it is
 *         larger than `max_output`; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED,
 *         FASTPAR_ERR_OUT_OF_MEMORY. The call itself fails for FASTPAR_ERR_INVALID_ARGUMENT,
 *         FASTPAR_ERR_UNSUPPORTED: an option, `items`, `item_size` or `count`; no item is looked at;
 *         FASTPAR_ERR_LIMIT_EXCEEDED: not even one lane fits into `max_memory`; FASTPAR_ERR_CANCELLED: by
 *         the flag or by the progress callback, between two items (long ones as in `fastpar_compress`);
 *         FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_BUSY: from inside a hook, if
 *         it needs the pool. The items that were not done then
 *         have the status FASTPAR_ERR_CANCELLED, the others are as they should be.
 *
 * Memory: 180 bytes an item, and per lane a context, and the bound of the longest item whose `dst_capacity`
 * is less than its bound. Blocks until it is done. May be called from any thread, by any number at a time,
 * and from inside callbacks. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_compress_batch(const fastpar_zstd_options *options,
                                                  fastpar_batch_item *items, size_t item_size, size_t count,
                                                  size_t *failed, fastpar_error *error);

/**
 * Decompresses many buffers, each with all the zstd frames in it, in parallel.
 *
 * The same as `fastpar_decompress` for every item, but on all CPUs, and without its cost for each call. The
 * items are worked on at the same time, the frames of one item one after the other. Where there are fewer
 * items than CPUs, a large frame has several lanes, as in `fastpar_decompress`.
 *
 * @param options    may be NULL
 * @param items      in and out; may be NULL if `count` is 0; the inputs need not be trusted. As for
 *                   `fastpar_compress_batch`.
 * @param item_size  `sizeof(fastpar_batch_item)`, as for `fastpar_compress_batch`
 * @param count      items
 * @param failed     out, may be NULL: how many items have another status than FASTPAR_OK; untouched where no
 *                   item was looked at
 * @param error      may be NULL
 * @return FASTPAR_OK, even if items failed: look at `*failed`, and at each item's status:
 *         FASTPAR_ERR_BUFFER_TOO_SMALL: it does not fit into its `dst`; FASTPAR_ERR_LIMIT_EXCEEDED: it is
 *         larger than `max_output`, or needs a larger window than `window_log` allows; FASTPAR_ERR_NOT_ZSTD,
 *         FASTPAR_ERR_TRUNCATED, FASTPAR_ERR_CORRUPT, FASTPAR_ERR_CHECKSUM, FASTPAR_ERR_DICTIONARY: the
 *         data; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED, FASTPAR_ERR_OUT_OF_MEMORY. The call
 *         itself fails for the same reasons as `fastpar_compress_batch`, and leaves the items alike.
 *
 * `progress` is told output bytes; `total` is UINT64_MAX until the end. Memory: 180 bytes an item, and per
 * lane a context, and 3 MB where several lanes have one frame. Blocks until it is done. May be called from
 * any thread, by any number at a time, and from inside callbacks. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_decompress_batch(const fastpar_zstd_options *options,
                                                    fastpar_batch_item *items, size_t item_size, size_t count,
                                                    size_t *failed, fastpar_error *error);

/* ==== streams: parallel zstd over callbacks, for data of any size and from anywhere ===================== */

/**
 * Takes compressed data, in order.
 *
 * Called only by the thread that calls the writer, while it does, never by two at a time. It must return
 * normally: a C++ exception or a longjmp through it is undefined. Using the same writer inside it is
 * FASTPAR_ERR_BUSY.
 *
 * @param user_data  the `user_data` of `fastpar_writer_open`
 * @param data       valid until the callback returns
 * @param len        bytes, at least 1; all of them must be taken
 * @return 0 to go on; anything else ends the stream: the call returns FASTPAR_ERR_CALLBACK with this value
 *         in `error->code`.
 */
typedef int32_t (*fastpar_sink_fn)(void *user_data, const void *data, size_t len);

/** A stream that is compressed. Opaque; made by `fastpar_writer_open`, released by `fastpar_writer_free`. */
typedef struct fastpar_writer fastpar_writer;

/**
 * Opens a stream that is compressed, in parallel, to ordinary zstd data.
 *
 * What is written is cut into frames of `frame_size` bytes (by default 4 MiB, or two windows of the level
 * where that is more, up to 64 MiB); they are compressed by the threads of the pool and by the calling one,
 * and given to the sink in order. After the last one comes a seek table, as by `fastpar_compress`; more than
 * 134,217,728 frames have none. The result depends on the bytes, on where they are flushed, and on the
 * options `level`, `flags`, `frame_size`, `window_log`, `strategy`, `dict` and `prefix` only: not on
 * how they are cut into calls, nor on threads. It is the same as that of `fastpar_compress` with the
 * same `frame_size`. With FASTPAR_ZSTD_SINGLE_FRAME sections of the frame are compressed in the same
 * way, and the frame does not tell its size.
 *
 * Memory does not grow with the stream, but for 8 bytes a frame: below 256 MB at level 3, see `max_memory`.
 * Until it is finished, has failed or is freed, a stream between two calls holds the bytes that are not
 * compressed yet, and may keep one context for the next frame (1.3 MB at level 3, 40 MB at level 12).
 *
 * @param options    may be NULL. The struct is copied, a dictionary is shared; what `cancel` and
 *                   `progress_data` point to must live until the writer is freed. `progress` is told
 *                   uncompressed bytes, `total` is UINT64_MAX until the end.
 * @param sink       must not be NULL; called by `fastpar_writer_write`, `_flush` and `_finish`, not by this
 *                   function
 * @param user_data  given to `sink`; must live until the writer is freed
 * @param writer     out, must not be NULL: the handle, to be released by `fastpar_writer_free`; NULL on
 *                   failure
 * @param error      may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an argument or an option;
 *         FASTPAR_ERR_LIMIT_EXCEEDED: not even one lane fits into `max_memory`; FASTPAR_ERR_OUT_OF_MEMORY.
 *
 * Does not block, and starts no thread. May be called from any thread, and from inside callbacks. The handle
 * may go from thread to thread, but is used by one thread at a time (FASTPAR_ERR_BUSY otherwise). Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_writer_open(const fastpar_zstd_options *options, fastpar_sink_fn sink,
                                               void *user_data, fastpar_writer **writer,
                                               fastpar_error *error);

/**
 * Compresses bytes.
 *
 * All bytes are taken; their compressed form reaches the sink in this call or in a later one. A writer that
 * has failed is dead: every later call fails in the same way. What the sink got before is then a valid
 * beginning of zstd data, nothing more.
 *
 * @param writer  must not be NULL
 * @param data    may be NULL if `len` is 0; not kept
 * @param len     bytes
 * @param error   may be NULL; `position` is the frame, if it is about one
 * @return FASTPAR_OK; FASTPAR_ERR_CALLBACK: the sink returned non-zero, `error->code` holds the value;
 *         FASTPAR_ERR_CLOSED: the stream is finished, or was freed meanwhile; FASTPAR_ERR_CANCELLED: by the
 *         flag or the progress callback; FASTPAR_ERR_LIMIT_EXCEEDED: more than `max_output` bytes come out,
 *         or the seek table passes `max_memory`; FASTPAR_ERR_BUSY: another thread uses the writer, or this
 *         is inside its own callback (the writer goes on), or inside a hook; FASTPAR_ERR_INVALID_ARGUMENT:
 *         an argument; FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_THREADS: the writer belongs to the parent of
 *         this forked process.
 *
 * Blocks while the sink does, and while as much is under way as fits into its memory; the calling thread
 * compresses meanwhile. May be called from any thread, and from inside callbacks. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_writer_write(fastpar_writer *writer, const void *data, size_t len,
                                                fastpar_error *error);

/**
 * Ends the current frame, and gives everything written so far to the sink.
 *
 * A reader can decompress all of it then. With FASTPAR_ZSTD_SINGLE_FRAME only a section is ended. Where
 * nothing was written since the last flush nothing happens. Every frame, and every section, costs
 * compression: flush rarely.
 *
 * @param writer  must not be NULL
 * @param error   may be NULL
 * @return FASTPAR_OK; otherwise as `fastpar_writer_write`.
 *
 * Blocks until the sink has everything. May be called from any thread, and from inside callbacks. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_writer_flush(fastpar_writer *writer, fastpar_error *error);

/**
 * Ends the stream: the last frame and the seek table are given to the sink.
 *
 * A stream of no bytes makes one empty frame. The handle is still to be freed; every other call on it is
 * FASTPAR_ERR_CLOSED from now on, this one too.
 *
 * @param writer  must not be NULL
 * @param error   may be NULL
 * @return FASTPAR_OK; otherwise as `fastpar_writer_write`.
 *
 * Blocks until the sink has everything. May be called from any thread, and from inside callbacks. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_writer_finish(fastpar_writer *writer, fastpar_error *error);

/**
 * Releases a writer. Without `fastpar_writer_finish` the data that has not reached the sink is dropped; the
 * sink is not called.
 *
 * @param writer  NULL: nothing happens. Not to be used afterwards, by any thread. A call under way, on
 *                another thread or around the callback that calls this, ends with FASTPAR_ERR_CLOSED without
 *                calling the sink or `progress` again; it needs what it was given until then.
 *                A callback that calls this and then fails may end its call with that failure instead.
 *
 * Waits for the frames that are being compressed, which takes moments; where a call is under way, that call
 * does. May be called from any thread, and from its own callbacks. Since: 1.0
 */
FASTPAR_API void fastpar_writer_free(fastpar_writer *writer);

/** What a source returns to say: no more now; neither the end nor a failure. See `fastpar_source_fn`. */
#define FASTPAR_SOURCE_LATER -2147483647

/**
 * Gives compressed data, in order.
 *
 * Called only by the thread that calls the reader, while it does, never by two at a time; not called again
 * once it has told the end, or failed. It must return normally: a C++ exception or a longjmp through it is
 * undefined. Using the same reader inside it is FASTPAR_ERR_BUSY.
 *
 * @param user_data  the `user_data` of `fastpar_reader_open`
 * @param buffer     to be filled from its start on
 * @param capacity   bytes, at least 1
 * @param len        out, bytes filled, 0 before the call; leaving 0 tells the end of the data. May be fewer
 *                   than `capacity`.
 * @return 0 to go on; FASTPAR_SOURCE_LATER: it has no more now, and must not wait (event loops, non-blocking
 *         descriptors); the `*len` bytes that it gave count, and 0 are not the end. The source is then not
 *         asked again by this call. Anything else ends the stream, and what this call gave does not count:
 *         the reader returns FASTPAR_ERR_CALLBACK with this value in `error->code`.
 */
typedef int32_t (*fastpar_source_fn)(void *user_data, void *buffer, size_t capacity, size_t *len);

/**
 * A stream that is decompressed. Opaque; made by `fastpar_reader_open`, released by `fastpar_reader_free`.
 */
typedef struct fastpar_reader fastpar_reader;

/**
 * Opens a stream that is decompressed, in parallel where the data allows.
 *
 * Reads all valid zstd data: any number of frames, of known and unknown sizes, skippable ones among them.
 * Frames are decoded at the same time, by the threads of the pool and by the calling one. A frame of more
 * than 8 MiB that comes first, or of whose size there is not room for one a lane, is decoded part by part,
 * and its decoded part can be read before the rest has come: other lanes decode its blocks for the calling
 * thread, which puts them together, while the process leaves a CPU idle, and if twice the window and some 40
 * MB fit into `max_memory`; else, or with `max_lanes` 1, libzstd decodes it. A seek table
 * is not needed; it is read with FASTPAR_ZSTD_CHECK_TABLE and FASTPAR_ZSTD_COMPLETE, for the checksums in
 * it. The data need not be trusted: memory stays below 256 MB, and one window, or
 * within `max_memory`.
 *
 * The source is read ahead of the output. Once it gave less than it was asked for, whole frames are given
 * out before it is asked again, and so is every whole block of a large frame, and of any that does not tell
 * its size, where `max_memory` has room for its window and for a part of it. But a source that has given
 * a megabyte without keeping the call waiting for 5 ms is asked for the rest of a frame that has begun,
 * before those in front of it are given out: so lanes work at the same time on what comes fast through a
 * pipe. A source that waits for an answer to other blocks, or gives all that it is asked for and then
 * waits, cannot be read this way: it returns FASTPAR_SOURCE_LATER instead of waiting.
 *
 * @param options    may be NULL. The struct is copied, a dictionary is shared; what `cancel` and
 *                   `progress_data` point to must live until the reader is freed. `progress` is told bytes
 *                   of the source, `total` is UINT64_MAX until the end.
 * @param source     must not be NULL; called by `fastpar_reader_read`, not by this function
 * @param user_data  given to `source`; must live until the reader is freed
 * @param reader     out, must not be NULL: the handle, to be released by `fastpar_reader_free`; NULL on
 *                   failure
 * @param error      may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an argument or an option;
 *         FASTPAR_ERR_LIMIT_EXCEEDED: `max_memory` is less than 2 MiB; FASTPAR_ERR_OUT_OF_MEMORY.
 *
 * Does not block, and starts no thread. May be called from any thread, and from inside callbacks. The handle
 * may go from thread to thread, but is used by one thread at a time (FASTPAR_ERR_BUSY otherwise). Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_reader_open(const fastpar_zstd_options *options, fastpar_source_fn source,
                                               void *user_data, fastpar_reader **reader,
                                               fastpar_error *error);

/**
 * Gives out the next decompressed bytes.
 *
 * What comes before damaged data, before the place where data is cut, or before a failure of the source, is
 * given out first, to the last whole block; a checksum that is wrong is told after all of its frame. A
 * reader that has failed is dead: every later call for bytes fails in the same way.
 *
 * @param reader    must not be NULL
 * @param dst       may be NULL if `capacity` is 0. Its bytes after `*len` are untouched.
 * @param capacity  bytes; 0: nothing is done
 * @param len       out, bytes, must not be NULL: at least 1 and maybe fewer than `capacity`; 0: the end of
 *                  the data, or `capacity` is 0. 0 on failure.
 * @param error     may be NULL; `position` is the offset of the frame in the compressed data, if it is about
 *                  one
 * @return FASTPAR_OK, at the end too, as often as it is asked; FASTPAR_ERR_AGAIN: the source returned
 *         FASTPAR_SOURCE_LATER, and nothing can be given out before it is asked again, which the next call
 *         does: nothing is lost, and the reader goes on; FASTPAR_ERR_CALLBACK: the source returned another
 *         value than 0, `error->code` holds the value; FASTPAR_ERR_NOT_ZSTD, FASTPAR_ERR_TRUNCATED,
 *         FASTPAR_ERR_CORRUPT, FASTPAR_ERR_CHECKSUM, FASTPAR_ERR_DICTIONARY: the data, as by
 *         `fastpar_decompress`; FASTPAR_ERR_LIMIT_EXCEEDED: more than `max_output` bytes come out, a frame
 *         needs a larger window than `window_log` allows, or more memory than `max_memory`;
 *         FASTPAR_ERR_CANCELLED: by the flag or the progress callback; FASTPAR_ERR_CLOSED: it was freed
 *         meanwhile; FASTPAR_ERR_BUSY: another thread uses the reader, or this is inside its own callback
 *         (the reader goes on), or inside a hook; FASTPAR_ERR_INVALID_ARGUMENT: an argument, or the source
 *         wrote more than there was room for; FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_THREADS: the reader
 *         belongs to the parent of this forked process.
 *
 * Blocks while the source does, and until there is something to give; the calling thread decompresses
 * meanwhile. May be called from any thread, and from inside callbacks. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_reader_read(fastpar_reader *reader, void *dst, size_t capacity,
                                               size_t *len, fastpar_error *error);

/**
 * Releases a reader, at any time; the source is not called.
 *
 * @param reader  NULL: nothing happens. Not to be used afterwards, by any thread. A call under way, on
 *                another thread or around the callback that calls this, ends with FASTPAR_ERR_CLOSED without
 *                asking the source or calling `progress` again; it needs what it was given until then.
 *                A callback that calls this and then fails may end its call with that failure instead.
 *
 * Waits for the frames that are being decoded, which takes moments; where a call is under way, that call
 * does. May be called from any thread, and from its own callbacks. Since: 1.0
 */
FASTPAR_API void fastpar_reader_free(fastpar_reader *reader);

/* ==== archives: any part of compressed data, without decompressing what lies before it ================== */

/**
 * Compressed data that is open for reading at any place. Opaque; made by `fastpar_archive_open`,
 * `fastpar_archive_open_file` or `fastpar_archive_open_source`, released by `fastpar_archive_free`;
 * any number of threads may read from it at a time.
 */
typedef struct fastpar_archive fastpar_archive;

/** Where a frame of an archive is. Set `struct_size` to `sizeof(fastpar_frame_info)` before the call. */
typedef struct fastpar_frame_info {
  /** `sizeof(fastpar_frame_info)`. */
  size_t struct_size;
  /** Where it begins in the compressed data. */
  uint64_t offset;
  /** Its bytes there. */
  uint64_t size;
  /** Where its content begins in the whole. */
  uint64_t content_offset;
  /** The bytes of its content. */
  uint64_t content_size;
} fastpar_frame_info;

/**
 * Opens zstd data in memory for reading at any place.
 *
 * Any zstd data will do, with FASTPAR_ZSTD_COMPLETE only data that ends with a seek table that covers
 * all of it (FASTPAR_ERR_TRUNCATED otherwise); the smaller its frames, the faster an offset is
 * reached. The frames are found by the seek table (zstd's seekable format), if there is one and the
 * frames' own headers agree with it, else by walking over the headers of all frames and blocks.
 * Nothing is decompressed, but frames that do not tell their size (`zstd` writes them when it reads
 * from a pipe): each of them is decompressed once now, in parallel, and the output is dropped. With a
 * seek table they are not: the table is believed about their sizes, until all of such a frame is read,
 * or more than there is of it (FASTPAR_ERR_CORRUPT where it lied). No data (`src_len` 0) is an archive
 * without content.
 *
 * @param options  may be NULL. `dict`, `window_log`, `max_lanes` and `cancel` hold for all reads too, so
 *                 that `cancel` must live as long as the archive. `max_output`: the most bytes that the
 *                 whole content may have. `max_memory`: what the archive keeps (24 to 36 bytes a frame, and
 *                 decoded frames), and, counted apart, the contexts and buffers of one read; 0: decoded
 *                 frames of 64 MiB are kept. `progress` is not called.
 * @param src      may be NULL if `src_len` is 0; must stay as it is as long as the archive lives; need not
 *                 be trusted
 * @param src_len  bytes
 * @param archive  out, must not be NULL: the handle, to be released by `fastpar_archive_free`; NULL on
 *                 failure
 * @param error    may be NULL; `position` is the offset of the frame in `src`
 * @return FASTPAR_OK; FASTPAR_ERR_NOT_ZSTD: something else than a frame begins at `position`;
 *         FASTPAR_ERR_TRUNCATED: the data ends within a frame; FASTPAR_ERR_CORRUPT: a header is damaged, or
 *         a frame that does not tell its size; FASTPAR_ERR_CHECKSUM: such a frame decompresses, but to
 *         something else; FASTPAR_ERR_DICTIONARY: a frame needs a dictionary that was not given, or another
 *         one; FASTPAR_ERR_LIMIT_EXCEEDED: the content is larger than `max_output`, a frame needs a larger
 *         window than `window_log` allows, or `max_memory`; FASTPAR_ERR_CANCELLED: by the flag;
 *         FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an argument or an option;
 *         FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_BUSY: from inside a hook, if
 *         it needs the pool.
 *
 * Damage inside of frames shows when they are read. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_archive_open(const fastpar_zstd_options *options, const void *src,
                                                size_t src_len, fastpar_archive **archive,
                                                fastpar_error *error);

/**
 * Opens a zstd file for reading at any offset.
 *
 * As `fastpar_archive_open`, but the data stays in the file, which is read where it is needed: a few bytes
 * for every frame now (for every block where there is no seek table), and the frames themselves when they
 * are read. It is not mapped into memory: a file that is cut off meanwhile gives an error. A file that is
 * removed or replaced meanwhile stays readable as it was; a file that is overwritten gives errors, unless it
 * has the same frames.
 *
 * @param options  may be NULL; as for `fastpar_archive_open`
 * @param path     must not be NULL; UTF-8 on Windows, any bytes elsewhere; an ordinary file; its content
 *                 need not be trusted
 * @param archive  out, must not be NULL: the handle, to be released by `fastpar_archive_free`; NULL on
 *                 failure
 * @param error    may be NULL; `position` is the offset of the frame in the file
 * @return FASTPAR_OK; FASTPAR_ERR_IO: the file cannot be opened or read, `error->code` is the system's
 *         number; FASTPAR_ERR_UNSUPPORTED: it is a FIFO or a device, or an option; and all that
 *         `fastpar_archive_open` returns.
 *
 * May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_archive_open_file(const fastpar_zstd_options *options, const char *path,
                                                     fastpar_archive **archive, fastpar_error *error);

/**
 * Reads a part of the compressed data of an archive, for `fastpar_archive_open_source`.
 *
 * Called from the threads that open, read or scan the archive, several at a time, with any parts in any
 * order. It may call fastpar, but for the archive that it is the source of. Must return normally.
 *
 * @param user_data  that of the archive
 * @param offset     where in the compressed data
 * @param buffer     out: all `len` bytes
 * @param len        bytes, at least 1; `offset + len` is at most the size that was told
 * @return 0: `buffer` is full; anything else is a failure: the call returns FASTPAR_ERR_CALLBACK with this
 *         value in `error->code`, or what `fastpar_fail` was told
 */
typedef int32_t (*fastpar_read_at_fn)(void *user_data, uint64_t offset, void *buffer, size_t len);

/**
 * Opens zstd data wherever it is, such as an object in a store, for reading at any offset.
 *
 * As `fastpar_archive_open_file`, but `read` gives the bytes.
 *
 * @param options    may be NULL; as for `fastpar_archive_open`
 * @param read       must not be NULL; may be called until the archive is released and no call of it runs
 * @param size       bytes of the compressed data
 * @param user_data  given to `read`; may be NULL
 * @param archive    out, must not be NULL: the handle, to be released by `fastpar_archive_free`; NULL on
 *                   failure
 * @param error      may be NULL; `position` is the offset in the compressed data
 * @return FASTPAR_OK; FASTPAR_ERR_CALLBACK: `read` returned non-zero, or what it told `fastpar_fail`;
 *         and all that `fastpar_archive_open` returns.
 *
 * May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_archive_open_source(const fastpar_zstd_options *options,
                                                       fastpar_read_at_fn read, uint64_t size,
                                                       void *user_data, fastpar_archive **archive,
                                                       fastpar_error *error);

/**
 * Tells how many bytes the whole content has.
 *
 * @param archive  must not be NULL
 * @param size     out, bytes, must not be NULL; untouched on failure. Untrusted data may claim up to 32,768
 *                 times its own size, and not all of it may be readable.
 * @param error    may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: `archive` or `size` is NULL.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_archive_size(const fastpar_archive *archive, uint64_t *size,
                                                fastpar_error *error);

/**
 * Tells how many frames there are; skippable frames, the seek table among them, are not counted.
 *
 * @param archive  must not be NULL
 * @param frames   out, must not be NULL; untouched on failure
 * @param error    may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: `archive` or `frames` is NULL.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_archive_frames(const fastpar_archive *archive, uint64_t *frames,
                                                  fastpar_error *error);

/**
 * Tells where a frame is, in the compressed data and in the content.
 *
 * @param archive  must not be NULL
 * @param index    0 to the number of frames - 1
 * @param info     in: `struct_size`; out; must not be NULL; untouched on failure
 * @param error    may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: `archive` or `info` is NULL, `struct_size`, or there is
 *         no such frame.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_archive_frame(const fastpar_archive *archive, uint64_t index,
                                                 fastpar_frame_info *info, fastpar_error *error);

/**
 * Releases an archive.
 *
 * @param archive  NULL: nothing happens. Not to be used afterwards, by any thread. Calls under way go on to
 *                 their ends, and need what they were given, an archive in memory too, until then.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API void fastpar_archive_free(fastpar_archive *archive);

/**
 * Reads a part of the content.
 *
 * The frames that lie in it are decompressed straight into `dst`, in parallel if there are several, a large
 * one by several lanes if no `max_memory` was set, and their checksums are verified. A frame of which only a
 * part is wanted is decompressed as a whole and kept, so that other reads find it; the frames that were used
 * least recently make room for others. A thread that wants a frame which another thread is decompressing
 * waits for it. Frames that are larger than all that may be kept (64 MiB, or `max_memory`) are decompressed
 * up to the end of what is wanted, and their checksum is verified if that is their end; a read that begins
 * where one of the last four such reads ended goes on from there. Without `max_memory` one thread goes
 * through such a frame for all that want something further on in it, and the last 32 MiB are kept beside the
 * 64 MiB. Checksums that a seek table tells of frames without their own are verified likewise.
 *
 * @param archive  must not be NULL
 * @param offset   where in the content; at its end or behind it nothing is read
 * @param dst      may be NULL if `len` is 0; must not overlap an archive in memory. After a failure its
 *                 content means nothing.
 * @param len      bytes
 * @param written  out, bytes, must not be NULL: `len`, or fewer where the content ends. Failure: 0.
 * @param error    may be NULL; `position` is the offset of the frame in the compressed data
 * @return FASTPAR_OK; FASTPAR_ERR_TRUNCATED, FASTPAR_ERR_CORRUPT, FASTPAR_ERR_CHECKSUM,
 *         FASTPAR_ERR_DICTIONARY, FASTPAR_ERR_NOT_ZSTD: the data, or the file has changed since;
 *         FASTPAR_ERR_IO: the file cannot be read, or has become shorter; FASTPAR_ERR_LIMIT_EXCEEDED:
 *         `max_memory`, or `window_log` for a part of a frame that is too large to be kept;
 *         FASTPAR_ERR_CANCELLED: by the flag; FASTPAR_ERR_INVALID_ARGUMENT: an argument;
 *         FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_BUSY: from inside a hook, if
 *         it needs the pool.
 *
 * Blocks until it is done: as long as one frame takes, for a read within one. May be called from any thread,
 * by any number at a time, and from inside callbacks. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_archive_read(fastpar_archive *archive, uint64_t offset, void *dst,
                                                size_t len, size_t *written, fastpar_error *error);

/**
 * Reads a part of the content, with a limit of lanes and a flag of its own.
 *
 * As `fastpar_archive_read`, but `cancel` stops this read alone: other reads and scans of the archive go on.
 * The flag that the archive was opened with stops it too.
 *
 * @param options  may be NULL. Only `max_lanes` (0: as the archive was opened) and `cancel`; all other
 *                 fields are 0
 * @param archive  must not be NULL
 * @param offset   where in the content; at its end or behind it nothing is read
 * @param dst      may be NULL if `len` is 0; must not overlap an archive in memory. After a failure its
 *                 content means nothing.
 * @param len      bytes
 * @param written  out, bytes, must not be NULL: `len`, or fewer where the content ends. Failure: 0.
 * @param error    may be NULL; `position` is the offset of the frame in the compressed data
 * @return as `fastpar_archive_read`; FASTPAR_ERR_INVALID_ARGUMENT also for another option that is not 0.
 *
 * Blocks until it is done. May be called from any thread, by any number at a time, and from inside
 * callbacks. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_archive_read_with(const fastpar_loop_options *options,
                                                     fastpar_archive *archive, uint64_t offset, void *dst,
                                                     size_t len, size_t *written, fastpar_error *error);

/* ==== files: parallel zstd, from file to file =========================================================== */

/** What a call on files has done. Set `struct_size` to `sizeof(fastpar_file_stats)` before the call. */
typedef struct fastpar_file_stats {
  /** `sizeof(fastpar_file_stats)`. */
  size_t struct_size;
  /** Bytes read. */
  uint64_t bytes_in;
  /** Bytes written, the seek table included. */
  uint64_t bytes_out;
  /** zstd frames written, or decoded; skippable frames are not counted. */
  uint64_t frames;
  /** Wall time. */
  double seconds;
  /** The most working memory that the call had at a time, in bytes: buffers and zstd contexts. */
  uint64_t peak_memory;
} fastpar_file_stats;

/**
 * Compresses a file into another, in parallel, to ordinary zstd data.
 *
 * Reading, compressing and writing overlap; the result is what `fastpar_writer_write` and `_finish` make of
 * the bytes, but that with FASTPAR_ZSTD_SINGLE_FRAME the frame tells the size of an ordinary file. So it
 * depends on them and on the options `level`, `flags`, `frame_size`, `window_log`, `strategy`, `dict`,
 * `prefix`, `src_offset` and `src_size` only.
 *
 * The target appears when it is complete: it is written under another name in the same folder (".fastpar-",
 * and a number), which is renamed at the end. An existing target is replaced in that step, and stays as it
 * is if the call fails. When the process dies, at most that other file is left behind; on NTFS and ReFS not
 * even that. `target` itself is replaced: a symbolic link is not followed (a link to a folder is refused).
 * With FASTPAR_ZSTD_KEEP an existing target is not replaced. A read-only target is replaced only where the
 * source is read-only too.
 *
 * The target takes over times, permissions (on Linux the access list, too), group and owner of an ordinary
 * source, as far as the system allows, before it has its name. Bits that make programs run as their owner or
 * group are never taken over, nor what the folder would allow further users; where the group or the access
 * list cannot be set, group and others get what both had.
 *
 * On Windows the target has the access list of the file that it replaces, as far as the system lets it
 * be set, and a new one what its folder gives. It takes over the source's times, that of creation too,
 * whether the source is read-only, and from a compressed source its Mark of the Web. Nobody else can
 * open the new file before it is complete. What a virus scanner or a backup holds
 * (ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION) is tried again for about a
 * second; a target that stays held is found out before anything is read. Where the file system knows
 * how (NTFS), a target that is open, but may be removed, is replaced.
 *
 * Pipes (\\.\pipe\name), NUL, CON and other devices of Windows are written where they stand, too; a
 * whole disk is refused.
 *
 * A FIFO, a character device, and on Linux a name that leads to an open descriptor (/dev/stdout, /dev/fd/N,
 * /proc/self/fd/N, and links to them that belong to this user or root) are written where they stand: a
 * descriptor is duplicated, so it shares the program's position, and appends if the program's descriptor
 * does. A reader that goes away is EPIPE, or SIGPIPE, as with `write`. If the call fails, the bytes written
 * until then stay. In a sticky folder that others may write to, another user's FIFO is refused.
 *
 * A file that a rename cannot replace (a mounted file, a file in a folder that cannot be written, another
 * user's file in a sticky folder) is found out before anything is read, as far as the system tells:
 * FASTPAR_ERR_IO. With FASTPAR_ZSTD_IN_PLACE an ordinary file is written where it stands instead, and keeps
 * its owner and mode; it is emptied when the first bytes are ready, so if the call fails later it holds the
 * bytes written until then. On Linux the space of a large file that was replaced is given back a moment
 * after the call.
 *
 * `src_offset` and `src_size` of the options choose a part of an ordinary source, so that several machines
 * can compress one file (see `fastpar_concat_files`); with another source they are FASTPAR_ERR_UNSUPPORTED.
 *
 * The source may be a FIFO, a pipe, or a device such as /dev/stdin. Of an ordinary file as many bytes
 * are read as it has when it is opened; with FASTPAR_ZSTD_SINGLE_FRAME its frame tells its size, as
 * that is known. Memory stays below 256 MB at level 3 however large the file is (40 MB on 2 CPUs), and
 * grows with frame size and level: up to 2 buffers of a frame, and a context, for each lane; see
 * `max_memory`.
 *
 * @param options   may be NULL: level 3, frames of 4 MiB. `progress` is told bytes of the source, `total` is
 *                  UINT64_MAX if the size is not known, from the calling thread.
 * @param src_path  must not be NULL; UTF-8 on Windows, any bytes elsewhere
 * @param dst_path  must not be NULL; as `src_path`; a file, a link, a FIFO, a character device, an open
 *                  descriptor, or nothing yet; not the source, by whatever name
 * @param stats     out, may be NULL
 * @param error     may be NULL; `code` is the system's (errno, GetLastError), `position` the byte of the
 *                  source or the frame, if it is about one
 * @return FASTPAR_OK: the target is complete, and with FASTPAR_ZSTD_SYNC on the disk. Otherwise it is as it
 *         was before, unless it is one that is written where it stands: FASTPAR_ERR_IO: a file could not be
 *         opened, read (also if it became shorter meanwhile), written or renamed, is a directory, read-only,
 *         or cannot be replaced, or exists and FASTPAR_ZSTD_KEEP is set (EEXIST);
 *         FASTPAR_ERR_INVALID_ARGUMENT: an argument, an option, source and target are the same file, or the
 *         part does not lie in the source;
 *         FASTPAR_ERR_UNSUPPORTED: the target is a block device, a socket, an open file of another process,
 *         or a link to a descriptor that is closed, or in a /proc that is not there (`code` says why); or an
 *         option; FASTPAR_ERR_LIMIT_EXCEEDED: the result is larger than `max_output`, or not even one lane
 *         fits into `max_memory`, which is found out before memory is taken; FASTPAR_ERR_CANCELLED: by the
 *         flag or the progress callback; FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_BUSY: from inside a hook, if
 *         it needs the pool.
 *
 * Blocks until it is done. May be called from any thread, by any number at a time, and from inside
 * callbacks. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_compress_file(const fastpar_zstd_options *options, const char *src_path,
                                                 const char *dst_path, fastpar_file_stats *stats,
                                                 fastpar_error *error);

/**
 * Decompresses a file into another, in parallel where the data allows.
 *
 * Reads all valid zstd data, as `fastpar_reader_read` does; the target is written as by
 * `fastpar_compress_file`: it appears when it is complete, and an existing target is not touched, whatever
 * is wrong with the source. A source without any bytes decompresses to a target without any.
 *
 * Frames of more than 8 MiB that are most of an ordinary file, come first, or of whose size there is not
 * room for one a lane, are decoded as by `fastpar_reader_open`: other lanes decode their blocks for the
 * calling thread, which puts them together and writes, while the process leaves a CPU idle. With
 * `max_lanes` 1 all are decoded by libzstd.
 *
 * Where an ordinary source ends with a seek table that tells checksums, as zstd's own seekable writer makes
 * it, frames without their own are checked by those: FASTPAR_ERR_CHECKSUM. See FASTPAR_ZSTD_CHECK_TABLE.
 *
 * @param options   may be NULL. `progress` is told bytes of the source, not decompressed ones; `total` is
 *                  UINT64_MAX if the size is not known; from the calling thread.
 * @param src_path  must not be NULL; as there; may be a FIFO or a device; its content need not be trusted
 * @param dst_path  must not be NULL; as `src_path`; a file, a link, a FIFO, a character device, an open
 *                  descriptor, or nothing yet; not the source, by whatever name
 * @param stats     out, may be NULL
 * @param error     may be NULL; `code` is the system's (errno, GetLastError) or zstd's, `position` the
 *                  offset in the source
 * @return FASTPAR_OK: the target is complete, and with FASTPAR_ZSTD_SYNC on the disk. Otherwise it is as it
 *         was before, unless it is one that is written where it stands: FASTPAR_ERR_IO,
 *         FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: as by `fastpar_compress_file`;
 *         FASTPAR_ERR_NOT_ZSTD, FASTPAR_ERR_TRUNCATED, FASTPAR_ERR_CORRUPT, FASTPAR_ERR_CHECKSUM,
 *         FASTPAR_ERR_DICTIONARY: the source, as by `fastpar_decompress`; FASTPAR_ERR_LIMIT_EXCEEDED: it
 *         decompresses to more than `max_output`, needs a larger window than `window_log` allows, or more
 *         memory than `max_memory` (2 MiB at least); FASTPAR_ERR_CANCELLED: by the flag or the progress
 *         callback; FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_BUSY: from inside a hook, if
 *         it needs the pool.
 *
 * Blocks until it is done. May be called from any thread, by any number at a time, and from inside
 * callbacks. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_decompress_file(const fastpar_zstd_options *options, const char *src_path,
                                                   const char *dst_path, fastpar_file_stats *stats,
                                                   fastpar_error *error);

/* ==== scans: loops over what is compressed ============================================================== */

/**
 * `fastpar_scan_options.flags`: records are lines. They end with byte 10, and the last one with the content;
 * `record_size` must be 0.
 */
#define FASTPAR_SCAN_LINES 1

/** A piece of an archive's content, as a callback gets it. */
typedef struct fastpar_piece {
  /**
   * Its place among the pieces, from 0 on. With FASTPAR_SCAN_LINES some numbers stay unused, but a piece
   * has the same on every machine, and a later one a higher.
   */
  uint64_t index;
  /** Where its first byte is in the content. */
  uint64_t offset;
  /**
   * The bytes, valid until the callback returns; not to be written. Aligned to 64 where they begin a
   * frame.
   */
  const void *data;
  /** Their number: whole records, at least one. */
  size_t size;
  /**
   * A number below `lanes` that no other thread holds while this one works for the call. The thread that
   * made the call is lane 0.
   */
  uint32_t lane;
  /**
   * How many lanes there are, at most the threads of the pool; the same for all pieces of an
   * `fastpar_archive_for`.
   */
  uint32_t lanes;
} fastpar_piece;

/**
 * Called for one piece of an archive's content.
 *
 * Called for every piece exactly once, unless the call stops early, from the calling thread and from threads
 * of the pool at the same time, in any order. It may call fastpar. Must return normally: no exception and no
 * longjmp through it.
 *
 * @param user_data  the `user_data` of the call
 * @param piece      valid until the callback returns
 * @return 0 to go on; anything else stops the call, which returns FASTPAR_ERR_CALLBACK with this value in
 *         `error->code`, or what `fastpar_fail` was told.
 */
typedef int32_t (*fastpar_piece_fn)(void *user_data, const fastpar_piece *piece);

/**
 * Called for one piece of a reduction: adds its records to an accumulator.
 *
 * Like `fastpar_piece_fn`, but for the accumulator: it begins as a copy of the identity, belongs to this
 * piece alone, and is aligned to 128 bytes.
 *
 * @param user_data    the `user_data` of the call
 * @param piece        valid until the callback returns
 * @param accumulator  in and out, `accumulator_size` bytes, valid until the callback returns
 * @return as by `fastpar_piece_fn`
 */
typedef int32_t (*fastpar_piece_fold_fn)(void *user_data, const fastpar_piece *piece, void *accumulator);

/**
 * Options of a scan. Set `struct_size` to `sizeof(fastpar_scan_options)` and every field you do not need to
 * zero.
 */
typedef struct fastpar_scan_options {
  /** `sizeof(fastpar_scan_options)`. */
  size_t struct_size;
  /** Bytes of a record. 0: 1. A record that the end of a frame cuts comes whole, as a piece of its own. */
  size_t record_size;
  /**
   * The most bytes of a piece, rounded down to whole records, at least one. 0: a frame, and 256 KiB of
   * frames over 1 MiB, on every machine. A piece never reaches over the end of a frame, but for a record
   * that is cut there.
   */
  size_t piece_size;
  /** FASTPAR_SCAN_LINES, or 0. */
  uint32_t flags;
  /**
   * Threads that work on the call at the same time, the caller included. 0: as the archive was opened
   * with. Never more than the CPUs this process may use, nor than the threads of the pool.
   */
  uint32_t max_lanes;
  /**
   * Where the part of the content begins that is scanned, in bytes: at a record. At the end of the content
   * nothing is called.
   */
  uint64_t offset;
  /**
   * The bytes of the part: whole records. 0: up to the end. With FASTPAR_SCAN_LINES any part will do: the
   * lines that begin in it are called for, the last one whole.
   */
  uint64_t size;
  /**
   * Working memory of the call in bytes: fewer lanes are used to keep to it. 0: as the archive was opened
   * with; and if that has no limit, a frame a lane, and of frames over 8 MiB a piece and a window. Few
   * such frames are shared by all lanes, which then take a piece and about a MiB each, and two windows
   * together.
   * Also the longest line, 64 MiB where neither has a limit; lines, and records that are cut, may
   * take memory besides.
   */
  uint64_t max_memory;
  /** May be NULL. A flag, 0 at first, that any thread may set by `fastpar_cancel` while the call runs. */
  const int32_t *cancel;
  /** May be NULL. Called with how many bytes of the part are done. */
  fastpar_progress_fn progress;
  /** Given to `progress`. */
  void *progress_data;
  /** May be NULL. What traces call the scan, as `fastpar_loop_options.name`. */
  const char *name;
} fastpar_scan_options;

/**
 * Decompresses the content of an archive in parallel, and calls back for each piece of it, on the thread
 * that has just decompressed it.
 *
 * Equivalent to this serial loop, but for the threads, the order, and the memory for the whole:
 *
 *     fastpar_archive_read(archive, options->offset, content, size, &written, NULL);
 *     for (uint64_t i = 0; i < pieces; i++)                 // pieces: cut at the frames, at whole records
 *         if (body(user_data, &piece[i]) != 0) return FASTPAR_ERR_CALLBACK;
 *     return FASTPAR_OK;
 *
 * A piece is a frame, or a part of one; all bytes of the part that is asked for are in one of the pieces.
 * Which pieces there are depends on the archive and on `record_size`, `piece_size`, `flags`, `offset` and
 * `size`, never on threads. Frames of up to 1 MiB are decompressed, and their checksums verified, before
 * their first piece; of larger frames pieces are handed out as they come, and the checksum is verified with
 * the last one. A frame of which only the beginning is asked for is decompressed up to there.
 *
 * @param options    may be NULL: records of one byte, the whole content
 * @param archive    must not be NULL; may be scanned and read by other threads meanwhile, and from the
 *                   callback. If the callback releases it, the call goes on.
 * @param body       must not be NULL
 * @param user_data  given to it; may be NULL
 * @param error      may be NULL; `position` is the index of the piece where a callback failed, the offset of
 *                   the frame in the compressed data where data is damaged
 * @return FASTPAR_OK: every piece was called for, once; also where the part is empty.
 *         FASTPAR_ERR_INVALID_ARGUMENT, before the first callback: an argument, an option, the part does not
 *         lie in the content, or is no whole number of records; FASTPAR_ERR_CALLBACK: a callback returned
 *         non-zero, or what it told `fastpar_fail`; FASTPAR_ERR_CORRUPT, FASTPAR_ERR_CHECKSUM,
 *         FASTPAR_ERR_TRUNCATED, FASTPAR_ERR_DICTIONARY, FASTPAR_ERR_NOT_ZSTD, FASTPAR_ERR_IO: as by
 *         `fastpar_archive_read`; FASTPAR_ERR_LIMIT_EXCEEDED: `max_memory`, a line is longer than that (or
 *         64 MiB), or a frame over 8 MiB needs a larger window than the `window_log` of the archive;
 *         FASTPAR_ERR_CANCELLED: by the flag or the progress callback; FASTPAR_ERR_OUT_OF_MEMORY;
 *         FASTPAR_ERR_BUSY: from inside a hook. After a failure no new piece is called for; of several
 *         failures that of the lowest piece is returned.
 *
 * Blocks until it is done; the calling thread works too. May be called from any thread, by any number at a
 * time, and from inside callbacks. The data need not be trusted. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_archive_for(const fastpar_scan_options *options, fastpar_archive *archive,
                                               fastpar_piece_fn body, void *user_data, fastpar_error *error);

/**
 * Folds the pieces of an archive's content into accumulators, in parallel, and combines these in the order
 * of the pieces.
 *
 * `fastpar_archive_for` and `fastpar_reduce` in one: equivalent to this serial loop, but for the threads:
 *
 *     T result = *accumulator;                              // the identity, such as 0 for a sum
 *     for (uint64_t i = 0; i < pieces; i++) {
 *         T part = *accumulator;
 *         if (fold(user_data, &piece[i], &part) != 0) return FASTPAR_ERR_CALLBACK;
 *         if (combine(user_data, &result, &part) != 0) return FASTPAR_ERR_CALLBACK;
 *     }
 *     *accumulator = result;
 *     return FASTPAR_OK;
 *
 * As pieces do not depend on threads, the result is the same to the bit however many ran, sums of
 * floats too.
 *
 * @param options           may be NULL; as for `fastpar_archive_for`
 * @param archive           must not be NULL; as there
 * @param fold              must not be NULL
 * @param combine           must not be NULL; called by the calling thread only, in rising order of pieces
 * @param user_data         given to both; may be NULL
 * @param accumulator       in: the identity; out: the result, untouched on failure. Must not be NULL. It is
 *                          copied as bytes: no constructors, no addresses of itself.
 * @param accumulator_size  its bytes, at least 1. The call takes memory for an accumulator of each piece, at
 *                          most 16,384 of them and about 64 MiB (or `max_memory`) at a time, but for each
 *                          lane in any case.
 * @param error             may be NULL; as there
 * @return as `fastpar_archive_for`; FASTPAR_ERR_OUT_OF_MEMORY also for the accumulators.
 *
 * Blocks, threads and nesting: as `fastpar_archive_for`. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_archive_reduce(const fastpar_scan_options *options,
                                                  fastpar_archive *archive, fastpar_piece_fold_fn fold,
                                                  fastpar_combine_fn combine, void *user_data,
                                                  void *accumulator, size_t accumulator_size,
                                                  fastpar_error *error);

/**
 * A field of records: what `fastpar_column` is where the records are in memory.
 *
 *     typedef struct trade { int64_t time; double price; uint32_t quantity; char symbol[4]; } trade;
 *     fastpar_field fields[3] = {{offsetof(trade, time), FASTPAR_I64, 0},
 *                                {offsetof(trade, price), FASTPAR_F64, 0},
 *                                {offsetof(trade, symbol), FASTPAR_BYTES, 4 << 8}};
 */
typedef struct fastpar_field {
  /** Where it begins in a record. */
  size_t offset;
  /** As `fastpar_sort_key.type`: FASTPAR_U8 to FASTPAR_BYTES. */
  uint32_t type;
  /** For FASTPAR_BYTES the number of bytes, shifted left by 8; else 0. */
  uint32_t flags;
} fastpar_field;

/**
 * A step of a condition: a comparison, which leaves a mask of rows, or what makes one mask of the last two
 * that were left, or of the last one. After all steps one mask is left: the rows that pass.
 *
 *     double low = 10.0, high = 20.0;
 *     uint32_t least = 100;
 *     fastpar_condition both[3] = {{FASTPAR_COMPARE_BETWEEN, 0, 1, &low, &high},         // by field 1
 *                                  {FASTPAR_COMPARE_GREATER_EQUAL, 0, 2, &least, NULL},  // by field 2
 *                                  {0, FASTPAR_MASK_AND, 0, NULL, NULL}};                // both
 */
typedef struct fastpar_condition {
  /** FASTPAR_COMPARE_EQUAL to FASTPAR_COMPARE_BETWEEN_CLOSED; 0: this step combines. */
  uint32_t comparison;
  /** FASTPAR_MASK_AND to FASTPAR_MASK_NOT; 0 with a comparison. */
  uint32_t combine;
  /** The index of the field that is compared; else 0. */
  size_t field;
  /**
   * A value of the field's type, aligned or not, read before the call returns; NULL without a comparison.
   */
  const void *low;
  /** Another one, for FASTPAR_COMPARE_BETWEEN and _BETWEEN_CLOSED; else NULL will do. */
  const void *high;
} fastpar_condition;

/**
 * What the records of an archive look like, and which of them are looked at. Set `struct_size` to
 * `sizeof(fastpar_table)` and every field you do not need to zero. Nothing of it is kept after a call.
 */
typedef struct fastpar_table {
  /** `sizeof(fastpar_table)`. */
  size_t struct_size;
  /**
   * The fields, which take the place of columns: the indices of aggregates, keys and conditions are of
   * these. NULL only for none.
   */
  const fastpar_field *fields;
  /** 0 to 256. */
  size_t fields_count;
  /** The steps of a condition, in their order. NULL only for none: all records pass. */
  const fastpar_condition *conditions;
  /** 0 to 256. */
  size_t conditions_count;
} fastpar_table;

/**
 * Computes aggregates of the records of an archive, all in one pass, frame by frame and in parallel: of
 * more than fits into memory, each frame while it is in the caches of the CPU that has decompressed it.
 *
 *     fastpar_scan_options options = {sizeof options, sizeof(trade)};
 *     fastpar_table table = {sizeof table, fields, 3, both, 3};
 *     fastpar_aggregate asked[2] = {{FASTPAR_AGGREGATE_COUNT, 0, 0, 0}, {FASTPAR_AGGREGATE_SUM, 0, 1, 0}};
 *     fastpar_value values[2];
 *     fastpar_archive_aggregate(&options, archive, &table, asked, 2, values, &error);
 *
 * What the pieces of `fastpar_archive_for` come to is put together in their order, so that results are the
 * same to the bit on any number of threads. In other pieces, as by another `piece_size` or other frames, and
 * by `fastpar_table_aggregate`, floats are added in another order: the last bits of sums may differ.
 *
 * @param options           may be NULL; as for `fastpar_archive_for`: `record_size` is that of a row.
 *                          FASTPAR_SCAN_LINES is FASTPAR_ERR_INVALID_ARGUMENT.
 * @param archive           must not be NULL; as for `fastpar_archive_for`
 * @param table             may be NULL: no fields, and all records
 * @param aggregates        NULL only with `aggregates_count` 0; as for `fastpar_table_aggregate`
 * @param aggregates_count  0 to 256
 * @param values            out: a value for each aggregate; untouched on failure. NULL only for none.
 * @param error             may be NULL
 * @return as `fastpar_archive_for`, without callbacks; FASTPAR_ERR_INVALID_ARGUMENT, before anything is
 *         decompressed: also a field that does not lie in a record, or a condition that leaves no single
 *         mask; FASTPAR_ERR_LIMIT_EXCEEDED: also a sum of products of more than 128 bits
 *         (`error->position` is the aggregate).
 *
 * Blocks, threads and nesting: as `fastpar_archive_for`. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_archive_aggregate(const fastpar_scan_options *options,
                                                     fastpar_archive *archive, const fastpar_table *table,
                                                     const fastpar_aggregate *aggregates,
                                                     size_t aggregates_count, fastpar_value *values,
                                                     fastpar_error *error);

/**
 * Groups the records of an archive by one key or several, and computes aggregates of each group, in one
 * pass, frame by frame and in parallel: `fastpar_table_group` for more than fits into memory.
 *
 * First and last are by the order of the records; `fastpar_groups_rows` counts them from the begin of the
 * part that is scanned, and keys of FASTPAR_BYTES are read by `fastpar_groups_key_bytes`.
 *
 * @param options           may be NULL; as for `fastpar_archive_aggregate`
 * @param archive           must not be NULL; as for `fastpar_archive_for`
 * @param table             must not be NULL: with the fields of the keys
 * @param keys              must not be NULL; as for `fastpar_table_group`
 * @param keys_count        1 to 16
 * @param aggregates        NULL only with `aggregates_count` 0
 * @param aggregates_count  0 to 256
 * @param max_memory        the most bytes that groups take while they are found; 0: no limit. A group of A
 *                          aggregates takes about 150 * (A + 1), and is held once for each piece under way
 *                          that it comes up in: without a limit about 64 MiB, or a piece a lane; with a
 *                          limit an eighth of it. `options->max_memory` is for decompressing.
 * @param groups            out, must not be NULL: released by `fastpar_groups_free`; NULL on failure
 * @param error             may be NULL
 * @return as `fastpar_archive_aggregate`; FASTPAR_ERR_LIMIT_EXCEEDED: also `max_memory`, or more than 2^29
 *         groups.
 *
 * Blocks, threads and nesting: as `fastpar_archive_for`. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_archive_group(const fastpar_scan_options *options,
                                                 fastpar_archive *archive, const fastpar_table *table,
                                                 const fastpar_group_key *keys, size_t keys_count,
                                                 const fastpar_aggregate *aggregates, size_t aggregates_count,
                                                 uint64_t max_memory, fastpar_groups **groups,
                                                 fastpar_error *error);

/**
 * Gives those records of an archive that pass the conditions of a table to a sink, in their order: found in
 * parallel, given out by the calling thread while the next ones are looked for.
 *
 * To write them to a compressed file `fastpar_transform_file` is the better way.
 *
 * @param options    may be NULL; as for `fastpar_archive_aggregate`
 * @param archive    must not be NULL; as for `fastpar_archive_for`
 * @param table      may be NULL: all records
 * @param sink       must not be NULL: called with whole records, some at a time
 * @param user_data  given to it; may be NULL
 * @param error      may be NULL
 * @return as `fastpar_archive_aggregate`; FASTPAR_ERR_CALLBACK: the sink returned non-zero, or what it told
 *         `fastpar_fail`. What the sink was given before a failure are the first records that pass.
 *
 * Blocks, threads and nesting: as `fastpar_archive_for`. Memory: records of about 8 MiB a lane wait for
 * their turn, or of `options->max_memory`. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_archive_take(const fastpar_scan_options *options, fastpar_archive *archive,
                                                const fastpar_table *table, fastpar_sink_fn sink,
                                                void *user_data, fastpar_error *error);

/**
 * What a callback of `fastpar_transform_file` writes to. Opaque; belongs to the callback that gets it, and
 * is not to be used after that returns, or by another thread.
 */
typedef struct fastpar_output fastpar_output;

/**
 * Called for one piece of an archive's content: writes what becomes of it.
 *
 * Like `fastpar_piece_fn`, but for the output. What is written to it is in the target in the order of the
 * pieces, whatever the order of the calls.
 *
 * @param user_data  the `user_data` of the call
 * @param piece      valid until the callback returns
 * @param output     for `fastpar_output_write`, until the callback returns
 * @return as by `fastpar_piece_fn`
 */
typedef int32_t (*fastpar_transform_fn)(void *user_data, const fastpar_piece *piece, fastpar_output *output);

/**
 * Writes to the output of a piece, any number of times.
 *
 * @param output  must not be NULL; the one that the running callback was given
 * @param data    may be NULL if `len` is 0; copied
 * @param len     bytes
 * @param error   may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an argument; FASTPAR_ERR_OUT_OF_MEMORY: nothing of
 *         `data` was taken.
 *
 * Never blocks. Only for the thread that runs the callback. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_output_write(fastpar_output *output, const void *data, size_t len,
                                                fastpar_error *error);

/**
 * Makes a compressed file of what callbacks write for the pieces of an archive's content: to filter or to
 * convert more than fits into memory.
 *
 * The pieces are those of `fastpar_archive_for`, called for in parallel; what the callbacks write is
 * compressed in parallel, as `fastpar_writer_write` and `_finish` do it, in the order of the pieces. So the
 * result depends on the archive, the options and what is written only, never on threads. Equivalent to this
 * serial loop:
 *
 *     for (uint64_t i = 0; i < pieces; i++)
 *         if (body(user_data, &piece[i], output) != 0) return FASTPAR_ERR_CALLBACK;
 *
 * The target appears when it is complete, as by `fastpar_compress_file`: if the call fails, an existing one
 * stays as it is. It takes over times, permissions, group and owner of the archive's file, if it is
 * one. Memory: what was written for the pieces of about 8 MiB a lane waits for its turn.
 *
 * @param options    may be NULL; as for `fastpar_archive_for`. `max_lanes`, `max_memory`, `cancel` and
 *                   `progress` are for the whole call; progress is told bytes of the archive's content.
 * @param src        must not be NULL
 * @param dst        may be NULL; options of the target: `level`, `flags`, `frame_size`, `window_log`,
 *                   `strategy`, `dict`, `prefix`, `max_output`. `max_lanes`, `max_memory`, `cancel` and
 *                   `progress` must be 0.
 * @param dst_path   must not be NULL; as for `fastpar_compress_file`; not the archive's own file
 * @param body       must not be NULL
 * @param user_data  given to it; may be NULL
 * @param stats      out, may be NULL; `bytes_in` are those of the frames that were read
 * @param error      may be NULL; as for `fastpar_archive_for`
 * @return as `fastpar_archive_for`, and for the target as by `fastpar_compress_file`.
 *
 * Blocks until it is done; the calling thread works too. May be called from any thread, by any number at a
 * time, and from inside callbacks. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_transform_file(const fastpar_scan_options *options, fastpar_archive *src,
                                                  const fastpar_zstd_options *dst, const char *dst_path,
                                                  fastpar_transform_fn body, void *user_data,
                                                  fastpar_file_stats *stats, fastpar_error *error);

/* ==== shards: the work of many machines ================================================================= */

/**
 * A part of an archive, for one of several machines. Set `struct_size` to `sizeof(fastpar_shard)` before the
 * call.
 */
typedef struct fastpar_shard {
  /** `sizeof(fastpar_shard)`. */
  size_t struct_size;
  /**
   * For `fastpar_scan_options.offset`: where it begins in the content, at a record. Of an empty shard the
   * size of the content, so that a scan calls for nothing.
   */
  uint64_t offset;
  /** For `fastpar_scan_options.size`: its bytes, whole records. */
  uint64_t size;
  /** The first frame that is to be read for it. */
  uint64_t first_frame;
  /**
   * How many frames are, from that on. With FASTPAR_SCAN_LINES the byte before the shard is read too, and
   * the last line may reach into frames after these.
   */
  uint64_t frames;
} fastpar_shard;

/**
 * Tells which part of an archive one of several machines is to scan. Arithmetic only: nothing is read, and
 * every machine that has the archive gets the same.
 *
 * The shards are cut at frames, so that no frame is decompressed twice but where a record reaches over its
 * end, and have about the same number of bytes. A record belongs to the shard of the frame where it
 * begins; a line to the shard where it begins. Together they are the part that the options ask for;
 * some are empty where there are fewer frames than shards.
 *
 * @param options  may be NULL; as for the scan: `record_size`, `flags`, `offset` and `size` count
 * @param archive  must not be NULL
 * @param shards   how many there are, at least 1
 * @param index    which, 0 to `shards` - 1
 * @param shard    in: `struct_size`; out; must not be NULL; untouched on failure
 * @param error    may be NULL
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an argument, an option, or the part does not lie in the
 *         content, or is no whole number of records.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_archive_shard(const fastpar_scan_options *options,
                                                 const fastpar_archive *archive, uint64_t shards,
                                                 uint64_t index, fastpar_shard *shard, fastpar_error *error);

/**
 * Joins compressed files to one, without decompressing them: the results of many machines.
 *
 * Frames are copied as they are, in the order of the sources. Frames without content, seek tables and other
 * skippable frames are left out, and one seek table is written, if there are several frames. Checksums
 * that a source's table tells are kept, also those of a single frame. Only
 * frames that do not tell their size are decompressed, for the table. Joined sources without any
 * content make one empty frame. What the parts of a file were compressed to (see `src_offset` of
 * `fastpar_compress_file`), joined, is to the byte what the whole is compressed to, where the cuts are
 * multiples of the frame size.
 *
 * The target is written as by `fastpar_compress_file`, and takes over the first source's times, permissions,
 * group and owner. It may be the first source, under the same name or another: then the others are
 * appended to that. It is made beside it, by sharing its blocks where the file system can, and
 * replaces it at the end.
 *
 * @param options   may be NULL: `flags`, `max_output`, `dict` (for frames that name one), `cancel`,
 *                  `progress`, which is told bytes of the target, and `total` UINT64_MAX until the end
 * @param paths     names of ordinary files, each as `src_path` of `fastpar_decompress_file`; must not
 *                  be NULL
 * @param count     how many, at least 1; a file may be named more than once
 * @param dst_path  must not be NULL; as for `fastpar_compress_file`, or the first source
 * @param stats     out, may be NULL
 * @param error     may be NULL; `position` is the offset in a source, if it is about one
 * @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an argument, an option, the target is a source
 *         other than the first, or it is the first and FASTPAR_ZSTD_KEEP is set; for the sources as by
 *         `fastpar_archive_open_file`; for the target as by `fastpar_compress_file`. After a failure the
 *         target is as it was before.
 *
 * Blocks until it is done. May be called from any thread, by any number at a time, and from inside
 * callbacks. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_concat_files(const fastpar_zstd_options *options, const char *const *paths,
                                                size_t count, const char *dst_path, fastpar_file_stats *stats,
                                                fastpar_error *error);

/**
 * Writes the seek table of frames that a program has put one after the other itself: several machines into
 * one file, or a store that joins what it is sent.
 *
 * The parts are compressed with FASTPAR_ZSTD_NO_SEEK_TABLE, and `fastpar_frame_read` tells the sizes of
 * their frames. With the table behind the last of them the data is to the byte what the whole is
 * compressed to, where the cuts are multiples of the frame size. (A single frame gets a table with
 * FASTPAR_ZSTD_COMPLETE only.) A table counts at the very end of the data, and if the frames that it lists
 * are all that comes before it; readers compare what it tells with the frames' headers.
 *
 * @param sizes          bytes of each frame, of skippable ones too, in their order; NULL only with
 *                       `frames` 0
 * @param content_sizes  bytes of the content of each; NULL only with `frames` 0
 * @param checksums      may be NULL: the table tells none. For frames without checksums of their own: the
 *                       lower half of the XXH64 of each content
 * @param frames         how many, at most 134,217,728
 * @param dst            may be NULL if `dst_capacity` is 0; must not overlap the arrays
 * @param dst_capacity   bytes
 * @param written        out, must not be NULL: the bytes of the table, 17 and 8 a frame, or 12 with
 *                       checksums; of FASTPAR_ERR_BUFFER_TOO_SMALL the same. Any other failure: 0.
 * @param error          may be NULL; `position` is the frame, if it is about one
 * @return FASTPAR_OK; FASTPAR_ERR_BUFFER_TOO_SMALL: the table does not fit into `dst`;
 *         FASTPAR_ERR_LIMIT_EXCEEDED: there are more frames, or a frame or its content has 4 GiB or more;
 *         FASTPAR_ERR_INVALID_ARGUMENT: an argument.
 *
 * Never blocks. May be called from any thread. Since: 1.0
 */
FASTPAR_API fastpar_status fastpar_seek_table_write(const uint64_t *sizes, const uint64_t *content_sizes,
                                                    const uint32_t *checksums, size_t frames, void *dst,
                                                    size_t dst_capacity, size_t *written,
                                                    fastpar_error *error);

#ifdef __cplusplus
}
#endif

#endif
