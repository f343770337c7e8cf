/* Targets: one that is read-only, and one that fpz writes itself. Part of fpz.c. */
#ifndef FPZ_TARGETS_H
#define FPZ_TARGETS_H

#include "paths.h"

/* ---- read-only targets, which the library refuses, and -f replaces ---- */

typedef struct {
    const char *name;
    int file; /* where it is not Windows */
    unsigned mode;
    int lifted;
} read_only_target;

/* Makes the target writable, if it is an ordinary file that nobody may write to; and no other file than this,
   whatever its name becomes meanwhile. */
static int lift_read_only(read_only_target *old, const char *name)
{
    old->name = name;
#ifdef _WIN32
    old->lifted = kind_of(name, 0) == ORDINARY && utf8_read_only(name, 0);
#else
    struct stat data;
    old->lifted = 0;
    old->file = kind_of(name, 0) == ORDINARY ? open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    if (old->file < 0)
        return 0;
    if (fstat(old->file, &data) == 0 && S_ISREG(data.st_mode) && (data.st_mode & 0222) == 0) {
        old->mode = data.st_mode & 07777;
        old->lifted = fchmod(old->file, data.st_mode | S_IWUSR) == 0;
    }
    if (!old->lifted)
        close(old->file);
#endif
    return old->lifted;
}

/* After the second attempt. `replaced`: the name is another file's. */
static void end_read_only(read_only_target *old, int replaced)
{
    if (!old->lifted)
        return;
#ifdef _WIN32
    if (!replaced)
        utf8_read_only(old->name, 1);
#else
    if (!replaced)
        (void)!fchmod(old->file, (mode_t)old->mode);
    close(old->file);
#endif
}

/* ---- what fpz writes itself: another file, which gets the name when it is whole ---- */

typedef struct {
    const char *name;
    char *beside; /* NULL: a device or a pipe, which is written to as it is */
    FILE *file;
} new_target;

static FILE *create(const char *name)
{
#ifdef _WIN32
    return utf8_create(name);
#else
    int number = open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    return number >= 0 ? fdopen(number, "wb") : NULL;
#endif
}

/* Returns how many failed: it was complained of. */
static int begin_target(const settings *set, new_target *new, const char *name)
{
    char end[40];
    path_kind kind = kind_of(name, 0);
    if (kind == LINK && kind_of(name, 1) == OTHER)
        kind = OTHER;
    new->name = name;
    new->beside = NULL;
    new->file = NULL;
    if (kind == LINK || kind == FOLDER)
        return complain(set, name, kind == LINK ? "is a link, and no file is written through it" : "is a folder");
    if (kind == OTHER) {
        new->file = fopen(name, "wb");
    } else {
        snprintf(end, sizeof end, ".fpz-%ld", (long)getpid());
        new->beside = concat(name, strlen(name), end);
        if (new->beside != NULL)
            new->file = create(new->beside);
    }
    if (new->file != NULL)
        return 0;
    free(new->beside);
    return complain(set, name, "cannot be made");
}

/* `failures`: of what was written; then nothing is left of it. */
static int end_target(const settings *set, new_target *new, int failures)
{
    if (fclose(new->file) != 0 && !failures)
        failures = complain(set, new->name, "cannot be written");
    if (new->beside != NULL && !failures) {
        read_only_target old = {.lifted = 0};
        failures = rename(new->beside, new->name) != 0;
#ifdef _WIN32 /* other systems replace what is read-only */
        if (failures && lift_read_only(&old, new->name))
            failures = rename(new->beside, new->name) != 0;
#endif
        end_read_only(&old, !failures);
        if (failures)
            complain(set, new->name, "cannot be replaced");
    }
    if (new->beside != NULL && failures)
        remove(new->beside);
    free(new->beside);
    return failures;
}

#endif
