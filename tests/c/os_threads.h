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

#endif
