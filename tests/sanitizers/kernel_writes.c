/* Calls of the C library that MemorySanitizer does not know: what the kernel writes for them is written.
   Linked into everything that is built for it. */
#define _GNU_SOURCE
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of its runtime. */
void __msan_unpoison(const volatile void *bytes, size_t size);

/* Under the name of 64-bit Linux, where both structs are the same. */
int fstatat64(int folder, const char *name, struct stat64 *found, int flags) {
    const int result = fstatat(folder, name, (struct stat *)found, flags);
    if (result == 0) __msan_unpoison(found, sizeof *found);
    return result;
}

int statx(int folder, const char *name, int flags, unsigned mask, struct statx *found) {
    const int result = (int)syscall(SYS_statx, folder, name, flags, mask, found);
    if (result == 0) __msan_unpoison(found, sizeof *found);
    return result;
}
