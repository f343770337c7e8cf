/* Calls of the C library that MemorySanitizer does not know: what the kernel writes for them is written.
   Linked into everything that is built for it. */
#define _GNU_SOURCE
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of its runtime. */
void __msan_unpoison(const volatile void *bytes, size_t size);

/* Under the names of 64-bit Linux, where both structures are the same. */
static int seen(int result, struct stat64 *found) {
    if (result == 0) __msan_unpoison(found, sizeof *found);
    return result;
}

int stat64(const char *name, struct stat64 *found) { return seen(stat(name, (struct stat *)found), found); }

int lstat64(const char *name, struct stat64 *found) { return seen(lstat(name, (struct stat *)found), found); }

int fstat64(int file, struct stat64 *found) { return seen(fstat(file, (struct stat *)found), found); }

int fstatat64(int folder, const char *name, struct stat64 *found, int flags) {
    return seen(fstatat(folder, name, (struct stat *)found, flags), found);
}

int statx(int folder, const char *name, int flags, unsigned mask, struct statx *found) {
    const int result = (int)syscall(SYS_statx, folder, name, flags, mask, found);
    if (result == 0) __msan_unpoison(found, sizeof *found);
    return result;
}
