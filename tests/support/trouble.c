/* A disk in trouble, for what is below one folder: preloaded by tests (see trouble.py).
 * `set_trouble` says which kinds of calls fail there, and with which errno:
 *   make    to make a file or a folder that is not there (a full disk, a quota)
 *   change  to open for writing, make, rename, remove, change the mode (a read-only disk)
 *   look    to ask for, list or open anything (rights, a network disk that is gone)
 *   data    to write or to flush what is open (a full disk)
 *   read    to read what is open (a bad disk)
 * With TROUBLE_WHILE set, they fail only while that file is there. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAKE = 1, CHANGE = 2, LOOK = 4, DATA = 8, READ = 16 };
static char root[4096], file[4096];
static int kinds, number, met;

int set_trouble(const char *folder, const char *calls, int with) {
    int before = met;
    met = 0;
    kinds = (strstr(calls, "make") ? MAKE : 0) | (strstr(calls, "change") ? CHANGE : 0) |
            (strstr(calls, "look") ? LOOK : 0) | (strstr(calls, "data") ? DATA : 0) |
            (strstr(calls, "read") ? READ : 0);
    snprintf(root, sizeof root, "%s", folder);
    number = with;
    return before;
}

__attribute__((constructor)) static void begin(void) {
    snprintf(file, sizeof file, "%s", getenv("TROUBLE_WHILE") ? getenv("TROUBLE_WHILE") : "");
    const char *folder = getenv("TROUBLE"), *calls = getenv("TROUBLE_CALLS"), *with = getenv("TROUBLE_ERRNO");
    if (folder && calls && with) set_trouble(folder, calls, atoi(with));
}

static int is_below(const char *path) {
    if (*file && syscall(SYS_faccessat, AT_FDCWD, file, F_OK)) return 0;
    size_t size = strlen(root);
    return size && path && !strncmp(path, root, size) && (!path[size] || path[size] == '/');
}

static int fail(void) { met = 1; errno = number; return 1; }

static int fails(const char *path, int kind) { return (kinds & kind) && is_below(path) && fail(); }

static int fails_at(int fd, int kind) {
    char link[64], path[4096];
    if (!(kinds & kind)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return is_below(path) && fail();
}

static int fails_to_open(const char *path, int flags) {
    int kind = LOOK;
    if ((flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC)) kind |= CHANGE;
    if (flags & O_CREAT && kinds & MAKE && is_below(path)) {
        int before = kinds;
        struct stat found;
        kinds = 0;
        int there = stat(path, &found) == 0;
        kinds = before;
        if (!there) kind |= MAKE;
    }
    return fails(path, kind);
}

#define REAL(result, name, ...)                                                     \
    static result (*real)(__VA_ARGS__);                                             \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name);

#define OPEN(name)                                                                  \
    int name(const char *path, int flags, ...) {                                    \
        REAL(int, #name, const char *, int, ...)                                    \
        va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest); \
        return fails_to_open(path, flags) ? -1 : real(path, flags, mode);           \
    }
OPEN(open)
OPEN(open64)
#define OPENAT(name)                                                                \
    int name(int at, const char *path, int flags, ...) {                            \
        REAL(int, #name, int, const char *, int, ...)                               \
        va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest); \
        return fails_to_open(path, flags) ? -1 : real(at, path, flags, mode);       \
    }
OPENAT(openat)
OPENAT(openat64)

#define BY_PATH(kind, name, rest, given)                                            \
    int name(const char *path UNPACK rest) {                                        \
        REAL(int, #name, const char * UNPACK rest)                                  \
        return fails(path, kind) ? -1 : real(path UNPACK given);                    \
    }
#define BY_PATH_AT(kind, name, rest, given)                                         \
    int name(int at, const char *path UNPACK rest) {                                \
        REAL(int, #name, int, const char * UNPACK rest)                             \
        return fails(path, kind) ? -1 : real(at, path UNPACK given);                \
    }
#define BY_FILE(result, kind, name, rest, given)                                    \
    result name(int fd UNPACK rest) {                                               \
        REAL(result, #name, int UNPACK rest)                                        \
        return fails_at(fd, kind) ? -1 : real(fd UNPACK given);                     \
    }
#define UNPACK(...) __VA_OPT__(,) __VA_ARGS__

BY_PATH(LOOK, stat, (struct stat *found), (found))
BY_PATH(LOOK, stat64, (struct stat64 *found), (found))
BY_PATH(LOOK, lstat, (struct stat *found), (found))
BY_PATH(LOOK, lstat64, (struct stat64 *found), (found))
BY_PATH_AT(LOOK, fstatat, (struct stat *found, int flags), (found, flags))
BY_PATH_AT(LOOK, fstatat64, (struct stat64 *found, int flags), (found, flags))
BY_PATH(LOOK, access, (int mode), (mode))
BY_PATH(LOOK | CHANGE | MAKE, mkdir, (mode_t mode), (mode))
BY_PATH_AT(LOOK | CHANGE | MAKE, mkdirat, (mode_t mode), (mode))
BY_PATH(LOOK | CHANGE, rename, (const char *to), (to))
BY_PATH(LOOK | CHANGE, unlink, (), ())
BY_PATH_AT(LOOK | CHANGE, unlinkat, (int flags), (flags))
BY_PATH(LOOK | CHANGE, rmdir, (), ())
BY_PATH(LOOK | CHANGE, chmod, (mode_t mode), (mode))
BY_PATH_AT(LOOK | CHANGE, fchmodat, (mode_t mode, int flags), (mode, flags))

DIR *opendir(const char *path) {
    REAL(DIR *, "opendir", const char *)
    return fails(path, LOOK) ? NULL : real(path);
}

BY_FILE(int, CHANGE, fchmod, (mode_t mode), (mode))
BY_FILE(ssize_t, DATA, write, (const void *bytes, size_t size), (bytes, size))
BY_FILE(ssize_t, DATA, pwrite, (const void *bytes, size_t size, off_t at), (bytes, size, at))
BY_FILE(ssize_t, DATA, pwrite64, (const void *bytes, size_t size, off64_t at), (bytes, size, at))
BY_FILE(int, DATA, fsync, (), ())
BY_FILE(int, DATA, fdatasync, (), ())
BY_FILE(ssize_t, READ, read, (void *bytes, size_t size), (bytes, size))
BY_FILE(ssize_t, READ, pread, (void *bytes, size_t size, off_t at), (bytes, size, at))
BY_FILE(ssize_t, READ, pread64, (void *bytes, size_t size, off64_t at), (bytes, size, at))
