/* Windows: arguments and names in UTF-8, as fastpar takes them and other systems have them; the
   functions of C
   know the system's old encoding only. Part of fpz.c. */
#ifndef FPZ_UTF8_WINDOWS_H
#define FPZ_UTF8_WINDOWS_H

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <dirent.h>
#include <shellapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#ifdef _MSC_VER
#pragma comment(lib, "shell32")
#endif

static UINT console_before; /* the encoding of the console, which is not the program's alone */

static void restore_console(void)
{
    SetConsoleOutputCP(console_before);
}

/* What main's arguments were before they were changed to the old encoding, and messages in UTF-8 from
   here on.
   NULL: no memory. Kept to the end. */
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

static FILE *utf8_fopen(const char *name, const char *mode)
{
    wchar_t *wide = wide_of(name), *wide_mode = wide_of(mode);
    FILE *file = wide && wide_mode ? _wfopen(wide, wide_mode) : NULL;
    free(wide);
    free(wide_mode);
    return file;
}

static int utf8_remove(const char *name)
{
    wchar_t *wide = wide_of(name);
    int result = wide ? _wremove(wide) : -1;
    free(wide);
    return result;
}

static int utf8_stat(const char *name, struct stat *data)
{
    wchar_t *wide = wide_of(name);
    int result = wide ? wstat(wide, data) : -1;
    free(wide);
    return result;
}

struct utf8_dirent {
    char d_name[4 * MAX_PATH];
};

typedef struct {
    _WDIR *entries;
    struct utf8_dirent entry;
} utf8_dir;

static utf8_dir *utf8_opendir(const char *name)
{
    wchar_t *wide = wide_of(name);
    utf8_dir *folder = wide ? malloc(sizeof *folder) : NULL;
    if (folder != NULL && (folder->entries = _wopendir(wide)) == NULL) {
        free(folder);
        folder = NULL;
    }
    free(wide);
    return folder;
}

static struct utf8_dirent *utf8_readdir(utf8_dir *folder)
{
    struct _wdirent *entry = _wreaddir(folder->entries);
    if (entry == NULL)
        return NULL;
    WideCharToMultiByte(CP_UTF8, 0, entry->d_name, -1, folder->entry.d_name, sizeof folder->entry.d_name, NULL, NULL);
    return &folder->entry;
}

static void utf8_closedir(utf8_dir *folder)
{
    _wclosedir(folder->entries);
    free(folder);
}

#define fopen(name, mode) utf8_fopen(name, mode)
#define remove(name) utf8_remove(name)
#define stat(name, data) utf8_stat(name, data)
#define dirent utf8_dirent
#define DIR utf8_dir
#define opendir(name) utf8_opendir(name)
#define readdir(folder) utf8_readdir(folder)
#define closedir(folder) utf8_closedir(folder)

#endif
