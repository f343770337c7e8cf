/* The files of a test: what they hold, who holds them, and what the system knows of them. */
#ifndef FILES_HELD_H
#define FILES_HELD_H

#include "os_files.h"
#include "check.h"

#define FOLDER "windows.test"
#define SIZE 100000

static unsigned char data[SIZE];

static inline void write_file(const char *path, const void *bytes, size_t len)
{
  FILE *file = os_open(path, "wb");
  CHECK(file != NULL);
  if (!file) return;
  CHECK_EQUAL(fwrite(bytes, 1, len, file), len);
  CHECK_EQUAL(fclose(file), 0);
}

static inline int holds(const char *path, const void *bytes, size_t len)
{
  static unsigned char found[SIZE + 1];
  FILE *file = os_open(path, "rb");
  size_t size = 0;
  if (!file) return 0;
  size = fread(found, 1, sizeof found, file);
  fclose(file);
  return size == len && memcmp(found, bytes, len) == 0;
}

static inline HANDLE opened(const char *path, DWORD access, DWORD share)
{
  wchar_t place[OS_PATH];
  HANDLE file = CreateFileW(os_wide(path, place), access, share, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
  CHECK(file != INVALID_HANDLE_VALUE);
  return file;
}

/* Opens a file as another program would. */
static inline HANDLE hold(const char *path, DWORD share) { return opened(path, GENERIC_READ, share); }

/* Files of fastpar's own in the folder. */
static inline int left_behind(void)
{
  int found = 0;
  WIN32_FIND_DATAW entry;
  HANDLE all = FindFirstFileW(L"" FOLDER "\\.fastpar-*", &entry);
  if (all == INVALID_HANDLE_VALUE) return 0;
  do found++;
  while (FindNextFileW(all, &entry));
  FindClose(all);
  return found;
}

/* ---- a scanner: opens every file that it sees, for a moment, and lets none be removed meanwhile ---- */

typedef struct scanner {
  int32_t stop, opened;
} scanner;

static inline void scan(void *argument)
{
  scanner *all = argument;
  while (!os_load(&all->stop)) {
    WIN32_FIND_DATAW entry;
    HANDLE files = FindFirstFileW(L"" FOLDER "\\*", &entry);
    if (files == INVALID_HANDLE_VALUE) continue;
    do {
      wchar_t path[MAX_PATH + 20];
      HANDLE file;
      swprintf(path, MAX_PATH + 20, L"" FOLDER "\\%ls", entry.cFileName);
      file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
      if (file == INVALID_HANDLE_VALUE) continue;
      os_add(&all->opened, 1);
      Sleep(1);
      CloseHandle(file);
    } while (FindNextFileW(files, &entry));
    FindClose(files);
    Sleep(3);
  }
}

/* ---- what the system knows of a file ---- */

static inline int is_read_only(const char *path)
{
  wchar_t place[OS_PATH];
  DWORD attributes = GetFileAttributesW(os_wide(path, place));
  return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_READONLY) != 0;
}

static inline int set_read_only(const char *path, int read_only)
{
  wchar_t place[OS_PATH];
  return SetFileAttributesW(os_wide(path, place), read_only ? FILE_ATTRIBUTE_READONLY : FILE_ATTRIBUTE_NORMAL) != 0;
}

static inline int set_times(const char *path, const FILETIME *created, const FILETIME *written)
{
  HANDLE file = opened(path, FILE_WRITE_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE);
  int done = SetFileTime(file, created, NULL, written) != 0;
  return CloseHandle(file) && done;
}

static inline int times_of(const char *path, FILETIME *created, FILETIME *written)
{
  HANDLE file = opened(path, FILE_READ_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE);
  int done = GetFileTime(file, created, NULL, written) != 0;
  return CloseHandle(file) && done;
}

static inline int has_streams(const char *folder)
{
  HANDLE file = opened(folder, FILE_READ_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE);
  DWORD flags = 0;
  int known = GetVolumeInformationByHandleW(file, NULL, 0, NULL, NULL, &flags, NULL, 0) != 0;
  return CloseHandle(file) && known && (flags & FILE_NAMED_STREAMS) != 0;
}

typedef struct access_list {
  DWORD size;
  union {
    SECURITY_DESCRIPTOR aligned;
    unsigned char bytes[4096];
  } descriptor;
} access_list;

static inline int list_of(const char *path, access_list *list)
{
  wchar_t place[OS_PATH];
  void *descriptor = &list->descriptor;
  return GetFileSecurityW(os_wide(path, place), DACL_SECURITY_INFORMATION, descriptor, sizeof list->descriptor, &list->size) != 0;
}

static inline int lists_are_equal(const access_list *a, const access_list *b)
{
  return a->size == b->size && memcmp(&a->descriptor, &b->descriptor, a->size) == 0;
}

/* Nobody but the owner may do anything, and nothing comes from the folder. */
static inline int list_owner_only(const char *path)
{
  wchar_t place[OS_PATH];
  unsigned char user[256], list[512];
  DWORD size = 0;
  SECURITY_DESCRIPTOR descriptor;
  HANDLE token = NULL;
  int done = OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)
             && GetTokenInformation(token, TokenUser, user, sizeof user, &size)
             && InitializeAcl((ACL *)(void *)list, sizeof list, ACL_REVISION)
             && AddAccessAllowedAce((ACL *)(void *)list, ACL_REVISION, FILE_ALL_ACCESS, ((TOKEN_USER *)(void *)user)->User.Sid)
             && InitializeSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION)
             && SetSecurityDescriptorDacl(&descriptor, TRUE, (ACL *)(void *)list, FALSE)
             && SetFileSecurityW(os_wide(path, place), DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION, &descriptor);
  if (token) CloseHandle(token);
  return done;
}

#endif
