/* Names of files: of targets, and of what is in folders. Part of fpz.c. */
#ifndef FPZ_PATHS_H
#define FPZ_PATHS_H

#include "settings.h"

#ifndef _WIN32
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#endif

static char *concat(const char *a, size_t a_len, const char *b)
{
    char *text = malloc(a_len + strlen(b) + 1);
    if (text != NULL) {
        memcpy(text, a, a_len);
        strcpy(text + a_len, b);
    }
    return text;
}

static int ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len > end_len && strcmp(text + len - end_len, end) == 0;
}

/* The target's name where none is given; to be freed. */
static char *target_of(const settings *set, const char *file, int compress)
{
    size_t len = strlen(file);
    if (compress)
        return concat(file, len, ".zst");
    if (ends_with(file, ".zst"))
        return concat(file, len - 4, "");
    if (ends_with(file, ".tzst"))
        return concat(file, len - 5, ".tar");
    complain(set, file, "does not end in .zst: name a target by -o, or use -c");
    return NULL;
}

typedef enum { NOTHING, ORDINARY, FOLDER, LINK, OTHER } path_kind;

/* What a name stands for. A link: for what it leads to, if it is to be followed. */
static path_kind kind_of(const char *path, int follow)
{
#ifdef _WIN32
    return utf8_kind(path, follow, NOTHING, ORDINARY, FOLDER, LINK, OTHER);
#else
    struct stat data;
    if ((follow ? stat(path, &data) : lstat(path, &data)) != 0)
        return NOTHING;
    return S_ISREG(data.st_mode) ? ORDINARY : S_ISDIR(data.st_mode) ? FOLDER : S_ISLNK(data.st_mode) ? LINK : OTHER;
#endif
}

static int is_folder(const char *path)
{
    return kind_of(path, 1) == FOLDER;
}

static int exists(const char *path)
{
    return kind_of(path, 1) != NOTHING;
}

/* Whether a file of a folder is worked on: to be decompressed, only if its name says so. */
static int is_wanted(const char *path, int compress)
{
    return compress ? !ends_with(path, ".zst") : ends_with(path, ".zst");
}

typedef int (*file_action)(const settings *set, const char *file);

/* Does it for all files in a folder and the folders in it, but for links. Returns how many failed. */
static int for_folder(const settings *set, const char *folder, int compress, file_action action)
{
    int failures = 0;
    DIR *entries = opendir(folder);
    if (entries == NULL)
        return complain(set, folder, "cannot be read");
    for (struct dirent *entry; !interrupted && (entry = readdir(entries)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *inside = concat(folder, strlen(folder), "/"), *path = NULL;
        if (inside != NULL)
            path = concat(inside, strlen(inside), entry->d_name);
        if (path == NULL)
            failures += complain(set, folder, "no memory");
        else if (kind_of(path, 0) == ORDINARY && is_wanted(path, compress))
            failures += action(set, path);
        else if (kind_of(path, 0) == FOLDER)
            failures += for_folder(set, path, compress, action);
        free(path);
        free(inside);
    }
    closedir(entries);
    return failures;
}

#endif
