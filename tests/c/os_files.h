/* Files whose names are UTF-8, of any length. Include it first. */
#ifndef OS_FILES_H
#define OS_FILES_H

#include "os.h"

#include <stdio.h>

#ifdef _WIN32
#define OS_PATH 2048

/* The absolute path with the prefix that lifts the limit of 260 characters. */
static inline const wchar_t *os_wide(const char *path, wchar_t *place)
{
  static const wchar_t prefix[] = L"\\\\?\\";
  wchar_t text[OS_PATH];
  if (!MultiByteToWideChar(CP_UTF8, 0, path, -1, text, OS_PATH)) abort();
  memcpy(place, prefix, sizeof prefix);
  if (!GetFullPathNameW(text, OS_PATH - 4, place + 4, NULL)) abort();
  return place;
}
#else
#include <sys/stat.h>
#include <unistd.h>
#endif

static inline FILE *os_open(const char *path, const char *mode)
{
#ifdef _WIN32
  wchar_t place[OS_PATH], how[8];
  if (!MultiByteToWideChar(CP_UTF8, 0, mode, -1, how, 8)) abort();
  return _wfopen(os_wide(path, place), how);
#else
  return fopen(path, mode);
#endif
}

static inline int os_make_folder(const char *path)
{
#ifdef _WIN32
  wchar_t place[OS_PATH];
  return CreateDirectoryW(os_wide(path, place), NULL) != 0;
#else
  return mkdir(path, 0777) == 0;
#endif
}

static inline int os_remove_file(const char *path)
{
#ifdef _WIN32
  wchar_t place[OS_PATH];
  return DeleteFileW(os_wide(path, place)) != 0;
#else
  return unlink(path) == 0;
#endif
}

/* It must be empty. */
static inline int os_remove_folder(const char *path)
{
#ifdef _WIN32
  wchar_t place[OS_PATH];
  return RemoveDirectoryW(os_wide(path, place)) != 0;
#else
  return rmdir(path) == 0;
#endif
}

#endif
