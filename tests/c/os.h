/* What C99 leaves to the system, for POSIX and Windows. Include it first. */
#ifndef OS_H
#define OS_H

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>
#endif
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- atomics: a builtin of gcc and clang, also in C99 ---- */

static inline int32_t os_add(int32_t *place, int32_t delta)
{
  return __atomic_fetch_add(place, delta, __ATOMIC_SEQ_CST); /* the value before */
}

static inline int32_t os_load(const int32_t *place) { return __atomic_load_n(place, __ATOMIC_SEQ_CST); }
static inline void os_store(int32_t *place, int32_t value) { __atomic_store_n(place, value, __ATOMIC_SEQ_CST); }

/* ---- threads ---- */

typedef struct os_thread {
  void (*function)(void *argument);
  void *argument;
#ifdef _WIN32
  HANDLE handle;
#else
  pthread_t handle;
#endif
} os_thread;

#ifdef _WIN32
static DWORD WINAPI os_thread_main(void *thread)
{
  ((os_thread *)thread)->function(((os_thread *)thread)->argument);
  return 0;
}
#else
static inline void *os_thread_main(void *thread)
{
  ((os_thread *)thread)->function(((os_thread *)thread)->argument);
  return NULL;
}
#endif

/* `thread` must stay where it is until it is joined. */
static inline void os_start(os_thread *thread, void (*function)(void *), void *argument)
{
  thread->function = function;
  thread->argument = argument;
#ifdef _WIN32
  thread->handle = CreateThread(NULL, 0, os_thread_main, thread, 0, NULL);
  if (!thread->handle) abort();
#else
  if (pthread_create(&thread->handle, NULL, os_thread_main, thread) != 0) abort();
#endif
}

static inline void os_join(os_thread *thread)
{
#ifdef _WIN32
  WaitForSingleObject(thread->handle, INFINITE);
  CloseHandle(thread->handle);
#else
  pthread_join(thread->handle, NULL);
#endif
}

static inline void os_sleep_ms(unsigned milliseconds)
{
#ifdef _WIN32
  Sleep(milliseconds);
#else
  struct timespec time;
  time.tv_sec = milliseconds / 1000;
  time.tv_nsec = (long)(milliseconds % 1000) * 1000000;
  nanosleep(&time, NULL);
#endif
}

/* Lets others run, where a test waits for another thread. */
static inline void os_yield(void)
{
#ifdef _WIN32
  SwitchToThread();
#else
  sched_yield();
#endif
}

/* ---- environment and libraries ---- */

static inline void os_setenv(const char *name, const char *value)
{
#ifdef _WIN32
  SetEnvironmentVariableA(name, value);
#else
  setenv(name, value, 1);
#endif
}

static inline void *os_library(const char *path)
{
#ifdef _WIN32
  return (void *)LoadLibraryA(path);
#else
  return dlopen(path, RTLD_NOW | RTLD_LOCAL);
#endif
}

static inline void os_unload(void *library)
{
#ifdef _WIN32
  FreeLibrary((HMODULE)library);
#else
  dlclose(library);
#endif
}

/* Whether it is in memory. */
static inline int os_is_loaded(const char *path)
{
#ifdef _WIN32
  return GetModuleHandleA(path) != NULL;
#else
  return dlopen(path, RTLD_NOW | RTLD_NOLOAD) != NULL;
#endif
}

/* Stores the address of a function in the function pointer at `place`: C has no cast between the two. */
static inline int os_symbol(void *library, const char *name, void *place)
{
#ifdef _WIN32
  FARPROC address = GetProcAddress((HMODULE)library, name);
#else
  void *address = dlsym(library, name);
#endif
  memcpy(place, &address, sizeof address);
  return address != NULL;
}

#endif
