/* The threads of this process, as the system sees them. Include it first. */
#ifndef OS_THREADS_H
#define OS_THREADS_H

#include "os.h"

#include <stdio.h>

#if defined(_WIN32)
#include <tlhelp32.h>

/* Found at run time: import libraries differ in where they have it. */
typedef HRESULT(WINAPI *os_description_fn)(HANDLE thread, PWSTR *description);

static inline int os_thread_is_named(DWORD id, const char *prefix)
{
  os_description_fn describe;
  PWSTR description = NULL;
  char name[64] = "";
  HANDLE thread = OpenThread(THREAD_QUERY_LIMITED_INFORMATION, FALSE, id);
  if (!thread) return 0; /* it has ended */
  if (!os_symbol((void *)GetModuleHandleA("kernelbase.dll"), "GetThreadDescription", &describe)) abort();
  if (SUCCEEDED(describe(thread, &description))) {
    WideCharToMultiByte(CP_UTF8, 0, description, -1, name, (int)sizeof name, NULL, NULL);
    LocalFree(description);
  }
  CloseHandle(thread);
  return strncmp(name, prefix, strlen(prefix)) == 0;
}
#elif defined(__linux__)
#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int os_thread_is_named(const char *id, const char *prefix)
{
  char path[300], name[64] = "";
  FILE *file;
  snprintf(path, sizeof path, "/proc/self/task/%s/comm", id);
  file = fopen(path, "r");
  if (!file) return 0; /* it has ended */
  if (!fgets(name, sizeof name, file)) name[0] = 0;
  fclose(file);
  return strncmp(name, prefix, strlen(prefix)) == 0;
}
#endif

/* How many have a name that begins with `prefix`, NULL: how many there are. -1 where that cannot be told. */
static inline int os_threads(const char *prefix)
{
#if defined(_WIN32)
  int found = 0;
  THREADENTRY32 entry;
  HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
  entry.dwSize = sizeof entry;
  for (BOOL more = Thread32First(all, &entry); more; more = Thread32Next(all, &entry)) {
    if (entry.th32OwnerProcessID != GetCurrentProcessId()) continue;
    found += !prefix || os_thread_is_named(entry.th32ThreadID, prefix);
  }
  CloseHandle(all);
  return found;
#elif defined(__linux__)
  int found = 0;
  DIR *folder = opendir("/proc/self/task");
  struct dirent *entry;
  while (folder && (entry = readdir(folder)) != NULL) {
    if (entry->d_name[0] != '.') found += !prefix || os_thread_is_named(entry->d_name, prefix);
  }
  if (folder) closedir(folder);
  return found;
#else
  (void)prefix;
  return -1;
#endif
}

/* The calling thread, for `os_is_asleep`; never 0. */
static inline int32_t os_thread_id(void)
{
#if defined(__linux__)
  return (int32_t)syscall(SYS_gettid);
#else
  return 1;
#endif
}

/* Whether a thread sleeps. Where that cannot be told a moment passes, in which it usually falls asleep. */
static inline int os_is_asleep(int32_t id)
{
#if defined(__linux__)
  char path[64], line[300] = "";
  const char *name_end;
  FILE *file;
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)id);
  file = fopen(path, "r");
  if (!file) return 0;
  if (!fgets(line, sizeof line, file)) line[0] = 0;
  fclose(file);
  name_end = strrchr(line, ')'); /* the name may hold anything */
  return name_end && name_end[1] == ' ' && name_end[2] == 'S';
#else
  (void)id;
  os_sleep_ms(200);
  return 1;
#endif
}

#endif
