/* Ends this process with SIGKILL at its N-th call of a kind on a file below a folder: before, in the middle of, or after
   it. Preloaded (LD_PRELOAD), so that what C libraries write counts too; does nothing until kill_at() is called. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE, WRITE, SYNC, TRUNCATE, CLOSE, RENAME, REMOVE, MKDIR, KINDS };
enum { BEFORE, MIDDLE, AFTER };

static char folder[PATH_MAX];
static size_t folder_length;
static int armed, wanted_kind = -1, wanted_place;
static long wanted_number;
static atomic_long counts[KINDS];

void kill_at(const char *below, int kind, long number, int place) {
    snprintf(folder, sizeof folder, "%s", below);
    folder_length = strlen(folder);
    wanted_kind = kind, wanted_number = number, wanted_place = place, armed = 1;
}

long calls_of(int kind) { return counts[kind]; }

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static int below(const char *path) {
    return !strncmp(path, folder, folder_length) && (path[folder_length] == '/' || !path[folder_length]);
}

static int path_below(int directory, const char *path) {
    char start[64], whole[PATH_MAX];
    if (!armed || !path) return 0;
    if (path[0] == '/') return below(path);
    if (directory == AT_FDCWD) snprintf(start, sizeof start, "/proc/self/cwd");
    else snprintf(start, sizeof start, "/proc/self/fd/%d", directory);
    ssize_t length = readlink(start, whole, sizeof whole - 1);
    if (length < 0) return 0;
    snprintf(whole + length, sizeof whole - length, "/%s", path);
    return below(whole);
}

static int file_below(int file) {
    char link[64], path[PATH_MAX];
    if (!armed || file < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

/* Counts a call; whether it is the one, which ends here if it is to end before it. */
static int counted(int kind) {
    if (++counts[kind] != wanted_number || kind != wanted_kind) return 0;
    if (wanted_place == BEFORE) die();
    return 1;
}

/* A call that is done as a whole or not at all. */
#define WHOLE(name, kind, is_below, parameters, arguments) \
    int name parameters { \
        static int (*real) parameters; \
        if (!real) real = (int (*) parameters)dlsym(RTLD_NEXT, #name); \
        int last = is_below && counted(kind); \
        int result = real arguments; \
        if (last) die(); \
        return result; \
    }

WHOLE(fsync, SYNC, file_below(file), (int file), (file))
WHOLE(fdatasync, SYNC, file_below(file), (int file), (file))
WHOLE(ftruncate, TRUNCATE, file_below(file), (int file, off_t size), (file, size))
WHOLE(ftruncate64, TRUNCATE, file_below(file), (int file, off64_t size), (file, size))
WHOLE(rename, RENAME, path_below(AT_FDCWD, to), (const char *from, const char *to), (from, to))
WHOLE(renameat, RENAME, path_below(b, to), (int a, const char *from, int b, const char *to), (a, from, b, to))
WHOLE(unlink, REMOVE, path_below(AT_FDCWD, path), (const char *path), (path))
WHOLE(unlinkat, REMOVE, path_below(at, path), (int at, const char *path, int flags), (at, path, flags))
WHOLE(remove, REMOVE, path_below(AT_FDCWD, path), (const char *path), (path))
WHOLE(rmdir, REMOVE, path_below(AT_FDCWD, path), (const char *path), (path))
WHOLE(mkdir, MKDIR, path_below(AT_FDCWD, path), (const char *path, mode_t mode), (path, mode))
WHOLE(mkdirat, MKDIR, path_below(at, path), (int at, const char *path, mode_t mode), (at, path, mode))

static int open_for_writing(int file) {
    int flags = armed ? fcntl(file, F_GETFL) : -1;
    return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && file_below(file);
}
WHOLE(close, CLOSE, open_for_writing(file), (int file), (file))
WHOLE(fclose, CLOSE, open_for_writing(fileno(file)), (FILE *file), (file))

/* A call that writes: in the middle of it, half of its bytes are written. */
#define WRITES(name, parameters, arguments, half) \
    ssize_t name parameters { \
        static ssize_t (*real) parameters; \
        if (!real) real = (ssize_t (*) parameters)dlsym(RTLD_NEXT, #name); \
        int last = file_below(file) && counted(WRITE); \
        if (last && wanted_place == MIDDLE) { real half; die(); } \
        ssize_t result = real arguments; \
        if (last) die(); \
        return result; \
    }

WRITES(write, (int file, const void *bytes, size_t size), (file, bytes, size), (file, bytes, size / 2))
WRITES(pwrite, (int file, const void *bytes, size_t size, off_t at), (file, bytes, size, at), (file, bytes, size / 2, at))
WRITES(pwrite64, (int file, const void *bytes, size_t size, off64_t at), (file, bytes, size, at),
       (file, bytes, size / 2, at))
WRITES(writev, (int file, const struct iovec *parts, int count), (file, parts, count), (file, parts, count / 2))

size_t fwrite(const void *bytes, size_t size, size_t count, FILE *file) {
    static size_t (*real)(const void *, size_t, size_t, FILE *);
    if (!real) real = (size_t (*)(const void *, size_t, size_t, FILE *))dlsym(RTLD_NEXT, "fwrite");
    int last = armed && file_below(fileno(file)) && counted(WRITE);
    if (last && wanted_place == MIDDLE) {
        real(bytes, 1, size * count / 2, file);
        fflush(file);
        die();
    }
    size_t result = real(bytes, size, count, file);
    if (last) {
        fflush(file);
        die();
    }
    return result;
}

#define OPENS(name, at, parameters, arguments) \
    int name parameters { \
        static int (*real) parameters; \
        mode_t mode = 0; \
        if (!real) real = (int (*) parameters)dlsym(RTLD_NEXT, #name); \
        if (flags & (O_CREAT | __O_TMPFILE)) { \
            va_list more; \
            va_start(more, flags); \
            mode = va_arg(more, mode_t); \
            va_end(more); \
        } \
        int last = (flags & (O_CREAT | O_TRUNC)) && path_below(at, path) && counted(CREATE); \
        int result = real arguments; \
        if (last) die(); \
        return result; \
    }

OPENS(open, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPENS(open64, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPENS(openat, at, (int at, const char *path, int flags, ...), (at, path, flags, mode))
OPENS(openat64, at, (int at, const char *path, int flags, ...), (at, path, flags, mode))

#define OPENS_STREAM(name) \
    FILE *name(const char *path, const char *mode) { \
        static FILE *(*real)(const char *, const char *); \
        if (!real) real = (FILE *(*)(const char *, const char *))dlsym(RTLD_NEXT, #name); \
        int last = (mode[0] == 'w' || mode[0] == 'a') && path_below(AT_FDCWD, path) && counted(CREATE); \
        FILE *result = real(path, mode); \
        if (last) die(); \
        return result; \
    }

OPENS_STREAM(fopen)
OPENS_STREAM(fopen64)
