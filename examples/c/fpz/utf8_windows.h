/* Windows: arguments and names in UTF-8 and of any length, as fastpar takes them and other systems have them;
   the functions of C know the system's old encoding, names of 260 characters and files of 2 GiB only. Part of
   fpz.c. */
#ifndef FPZ_UTF8_WINDOWS_H
#define FPZ_UTF8_WINDOWS_H

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <fcntl.h>
#include <io.h>
#include <shellapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <wchar.h>

#ifdef _MSC_VER
#pragma comment(lib, "shell32")
#endif

static UINT console_before; /* the encoding of the console, which is not the program's alone */

static void restore_console(void)
{
    SetConsoleOutputCP(console_before);
}

/* What main's arguments were before they were changed to the old encoding, and messages in UTF-8 from here
   on. NULL: no memory. Kept to the end. */
static char **utf8_arguments(int *count)
{
    LPWSTR *wide = CommandLineToArgvW(GetCommandLineW(), count);
    char **arguments = wide ? calloc((size_t)*count + 1, sizeof *arguments) : NULL;
    for (int i = 0; arguments && i < *count; i++) {
        int size = WideCharToMultiByte(CP_UTF8, 0, wide[i], -1, NULL, 0, NULL, NULL);
        arguments[i] = malloc((size_t)size);
        if (arguments[i] == NULL)
            return NULL;
        WideCharToMultiByte(CP_UTF8, 0, wide[i], -1, arguments[i], size, NULL, NULL);
    }
    LocalFree(wide);
    console_before = GetConsoleOutputCP();
    if (console_before != 0 && SetConsoleOutputCP(CP_UTF8))
        atexit(restore_console);
    return arguments;
}

/* To be freed; NULL: no memory. */
static wchar_t *wide_of(const char *text)
{
    int size = MultiByteToWideChar(CP_UTF8, 0, text, -1, NULL, 0);
    wchar_t *wide = malloc((size_t)size * sizeof *wide);
    if (wide != NULL)
        MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, size);
    return wide;
}

/* The same for the name of a file. A long one gets the form that is not limited, which has to be a whole
 * path. */
static wchar_t *wide_path(const char *name)
{
    static const size_t shortest = 240; /* folders may have 12 characters fewer than files */
    wchar_t *wide = wide_of(name), *whole;
    if (wide == NULL || wcslen(wide) < shortest || wcsncmp(wide, L"\\\\?\\", 4) == 0)
        return wide;
    DWORD room = GetFullPathNameW(wide, 0, NULL, NULL);
    whole = malloc(((size_t)room + 8) * sizeof *whole);
    if (whole != NULL) {
        wchar_t *path = whole + 8; /* behind the longest beginning */
        GetFullPathNameW(wide, room, path, NULL);
        int share = path[0] == L'\\' && path[1] == L'\\';
        const wchar_t *begin = share ? L"\\\\?\\UNC\\" : L"\\\\?\\";
        if (share)
            path += 2;
        size_t begin_len = wcslen(begin), len = wcslen(path);
        memmove(whole + begin_len, path, (len + 1) * sizeof *path);
        memcpy(whole, begin, begin_len * sizeof *path);
    }
    free(wide);
    return whole;
}

static FILE *utf8_fopen(const char *name, const char *mode)
{
    wchar_t *wide = wide_path(name), *wide_mode = wide_of(mode);
    FILE *file = wide && wide_mode ? _wfopen(wide, wide_mode) : NULL;
    free(wide);
    free(wide_mode);
    return file;
}

/* A file that must not be there yet. */
static FILE *utf8_create(const char *name)
{
    wchar_t *wide = wide_path(name);
    int number = wide ? _wopen(wide, _O_CREAT | _O_EXCL | _O_WRONLY | _O_BINARY, _S_IREAD | _S_IWRITE) : -1;
    free(wide);
    return number >= 0 ? _fdopen(number, "wb") : NULL;
}

static int utf8_remove(const char *name)
{
    wchar_t *wide = wide_path(name);
    int result = wide ? _wremove(wide) : -1;
    free(wide);
    return result;
}

/* As rename of other systems: over an existing file. */
static int utf8_rename(const char *from, const char *to)
{
    wchar_t *wide_from = wide_path(from), *wide_to = wide_path(to);
    BOOL done = wide_from && wide_to && MoveFileExW(wide_from, wide_to, MOVEFILE_REPLACE_EXISTING);
    free(wide_from);
    free(wide_to);
    return done ? 0 : -1;
}

/* Sets or takes away the mark of a read-only file, which must have the other; whether it had. */
static int utf8_read_only(const char *name, int read_only)
{
    wchar_t *wide = wide_path(name);
    DWORD before = wide ? GetFileAttributesW(wide) : INVALID_FILE_ATTRIBUTES;
    DWORD ordinary = before & ~(DWORD)FILE_ATTRIBUTE_READONLY;
    int changed = before != INVALID_FILE_ATTRIBUTES && ((before & FILE_ATTRIBUTE_READONLY) != 0) != read_only &&
                  SetFileAttributesW(wide, read_only ? before | FILE_ATTRIBUTE_READONLY : ordinary ? ordinary : FILE_ATTRIBUTE_NORMAL);
    free(wide);
    return changed;
}

/* What a name stands for: one of the five values. */
static int utf8_kind(const char *name, int follow, int nothing, int ordinary, int folder, int link, int other)
{
    wchar_t *wide = wide_path(name);
    DWORD found = wide ? GetFileAttributesW(wide) : INVALID_FILE_ATTRIBUTES;
    int kind = found == INVALID_FILE_ATTRIBUTES ? nothing : found & FILE_ATTRIBUTE_DIRECTORY ? folder : ordinary;
    if (kind != nothing && found & FILE_ATTRIBUTE_REPARSE_POINT) {
        WIN32_FIND_DATAW data;
        HANDLE entry = FindFirstFileW(wide, &data);
        int is_link = entry != INVALID_HANDLE_VALUE &&
                      (data.dwReserved0 == IO_REPARSE_TAG_SYMLINK || data.dwReserved0 == IO_REPARSE_TAG_MOUNT_POINT);
        if (entry != INVALID_HANDLE_VALUE)
            FindClose(entry);
        kind = is_link && !follow ? link : kind; /* others stand for files of a cloud, and are those */
    }
    if (kind == ordinary) { /* NUL and CON have attributes, too */
        HANDLE file = CreateFileW(wide, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING, 0, NULL);
        if (file != INVALID_HANDLE_VALUE) {
            kind = GetFileType(file) == FILE_TYPE_DISK ? ordinary : other;
            CloseHandle(file);
        }
    }
    free(wide);
    return kind;
}

/* Seconds of CPU of all threads; the clock of C is that on the wall here. */
static double cpu_seconds(void)
{
    FILETIME made, ended, kernel, user;
    if (!GetProcessTimes(GetCurrentProcess(), &made, &ended, &kernel, &user))
        return 0;
    double high = (double)kernel.dwHighDateTime + (double)user.dwHighDateTime;
    return (high * 4294967296.0 + (double)kernel.dwLowDateTime + (double)user.dwLowDateTime) / 1e7;
}

/* ---- folders ---- */

struct utf8_dirent {
    char d_name[4 * MAX_PATH];
};

typedef struct {
    HANDLE search;
    WIN32_FIND_DATAW next;
    int more;
    struct utf8_dirent entry;
} utf8_dir;

static utf8_dir *utf8_opendir(const char *name)
{
    size_t len = strlen(name);
    char *all = malloc(len + 3);
    wchar_t *wide = all ? (memcpy(all, name, len), strcpy(all + len, "/*"), wide_path(all)) : NULL;
    utf8_dir *folder = wide ? malloc(sizeof *folder) : NULL;
    if (folder != NULL) {
        folder->search = FindFirstFileW(wide, &folder->next);
        folder->more = folder->search != INVALID_HANDLE_VALUE;
        if (!folder->more) {
            free(folder);
            folder = NULL;
        }
    }
    free(wide);
    free(all);
    return folder;
}

static struct utf8_dirent *utf8_readdir(utf8_dir *folder)
{
    if (!folder->more)
        return NULL;
    WideCharToMultiByte(CP_UTF8, 0, folder->next.cFileName, -1, folder->entry.d_name, sizeof folder->entry.d_name, NULL, NULL);
    folder->more = FindNextFileW(folder->search, &folder->next);
    return &folder->entry;
}

static void utf8_closedir(utf8_dir *folder)
{
    FindClose(folder->search);
    free(folder);
}

#define fopen(name, mode) utf8_fopen(name, mode)
#define remove(name) utf8_remove(name)
#define rename(from, to) utf8_rename(from, to)
#define fseek(file, offset, from) _fseeki64(file, offset, from)
#define ftell(file) _ftelli64(file)
#define dirent utf8_dirent
#define DIR utf8_dir
#define opendir(name) utf8_opendir(name)
#define readdir(folder) utf8_readdir(folder)
#define closedir(folder) utf8_closedir(folder)

#endif
