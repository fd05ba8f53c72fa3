/* A file system without locks, for the files below $NOLOCKS: preloaded by tests.
 * NFS without its lock daemon says ENOLCK to fcntl, Lustre without -o flock ENOSYS to flock, and
 * some say ENODEV to a shared mapping. $NOLOCKS_CALLS names those that fail. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int fails(int fd, const char *call) {
    char link[64], path[4096];
    const char *root = getenv("NOLOCKS"), *calls = getenv("NOLOCKS_CALLS");
    if (!root || !calls || !strstr(calls, call)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return strncmp(path, root, strlen(root)) == 0;
}

static int is_lock(int command) {
    return command == F_SETLK || command == F_SETLKW || command == F_GETLK || command == F_OFD_SETLK;
}

#define FCNTL(name)                                                              \
    int name(int fd, int command, ...) {                                         \
        static int (*real)(int, int, ...);                                       \
        if (!real) real = (int (*)(int, int, ...))dlsym(RTLD_NEXT, #name);       \
        va_list rest;                                                            \
        va_start(rest, command);                                                 \
        void *argument = va_arg(rest, void *);                                   \
        va_end(rest);                                                            \
        if (is_lock(command) && fails(fd, "fcntl")) { errno = ENOLCK; return -1; } \
        return real(fd, command, argument);                                      \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

int flock(int fd, int operation) {
    static int (*real)(int, int);
    if (!real) real = (int (*)(int, int))dlsym(RTLD_NEXT, "flock");
    if (fails(fd, "flock")) { errno = ENOSYS; return -1; }
    return real(fd, operation);
}

#define MMAP(name, offset_type)                                                  \
    void *name(void *at, size_t size, int protection, int flags, int fd, offset_type offset) { \
        static void *(*real)(void *, size_t, int, int, int, offset_type);        \
        if (!real) real = (void *(*)(void *, size_t, int, int, int, offset_type))dlsym(RTLD_NEXT, #name); \
        if ((flags & MAP_SHARED) && fd >= 0 && fails(fd, "mmap")) { errno = ENODEV; return MAP_FAILED; } \
        return real(at, size, protection, flags, fd, offset);                    \
    }
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)
