/* The part of `nftw` that `tree.c` uses, for Windows, whose C libraries have none. */
#ifndef NFTW_WINDOWS_H
#define NFTW_WINDOWS_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FTW_F, FTW_D, FTW_DNR, FTW_NS };
enum { FTW_PHYS = 1 };

struct FTW {
    int base, level;
};

typedef int (*nftw_fn)(const char *path, const struct stat *found, int type, struct FTW *place);

static int nftw(const char *path, nftw_fn visit, int most_open, int flags)
{
    struct FTW place = {0, 0};
    struct stat found;
    DIR *entries;
    int result;
    if (stat(path, &found) != 0)
        return visit(path, &found, FTW_NS, &place);
    if (!S_ISDIR(found.st_mode))
        return visit(path, &found, FTW_F, &place);
    entries = opendir(path);
    result = visit(path, &found, entries ? FTW_D : FTW_DNR, &place);
    for (const struct dirent *entry; entries && result == 0 && (entry = readdir(entries)) != NULL;) {
        size_t size = strlen(path) + strlen(entry->d_name) + 2;
        char *inner;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        inner = malloc(size);
        if (inner == NULL) {
            result = -1;
            break;
        }
        snprintf(inner, size, "%s/%s", path, entry->d_name);
        result = nftw(inner, visit, most_open, flags);
        free(inner);
    }
    if (entries)
        closedir(entries);
    return result;
}

#endif
