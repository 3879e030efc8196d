/* Makes chosen calls of a process fail, once a path matches: LD_PRELOAD it, and say which by the environment.

   FAULT_CALLS  of open create read write sync close rename mkdir unlink list process thread socket, separated by commas
   FAULT_PATH   pattern of the path of the file, as of a shell; empty: any
   FAULT_OF     what the command line of the process must contain; empty: any
   FAULT_FIRST  number of the matching call from which on it happens (1), FAULT_LAST the last one (for ever)
   FAULT_ERRNO  what the call then says; 0: it is carried out
   FAULT_SHORT  1: a write takes half of what it is given, which is no error
   FAULT_SIGNAL sent to the process at that moment, FAULT_SIGNALS times (1)
   FAULT_RUN    a shell command that runs at the first such call of all processes, before it
   FAULT_MARK   a file that is made at that moment: the proof that the fault was hit
   FAULT_CLOCK  seconds by which the wall clock is wrong; FAULT_CLOCK_STEP: seconds by which every look at it goes back
*/
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))real(#name))

static atomic_long hits, looks;
static __thread int inside;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static const char *said(const char *name) {
  const char *value = getenv(name);
  return value ? value : "";
}

static long number(const char *name, long otherwise) {
  const char *value = said(name);
  return *value ? atol(value) : otherwise;
}

static int is_asked(const char *call) {
  const char *calls = said("FAULT_CALLS"), *found = calls;
  size_t length = strlen(call);
  while ((found = strstr(found, call)) != NULL) {
    if ((found == calls || found[-1] == ',') && (found[length] == ',' || !found[length])) return 1;
    found += length;
  }
  return 0;
}

static int is_ours(void) {
  static _Atomic int known = -1;
  if (known >= 0) return known;
  char line[4096] = "";
  int file = REAL(open)("/proc/self/cmdline", O_RDONLY);
  ssize_t length = file < 0 ? 0 : REAL(read)(file, line, sizeof line - 1);
  if (file >= 0) REAL(close)(file);
  for (ssize_t i = 0; i < length; i++)
    if (!line[i]) line[i] = ' ';
  known = strstr(line, said("FAULT_OF")) != NULL;
  return known;
}

static void run(const char *command) {
  pid_t child = REAL(fork)();
  if (!child) {
    unsetenv("LD_PRELOAD");
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
  }
  if (child > 0) waitpid(child, NULL, 0);
}

/* 0: carry on; otherwise the errno to say. */
static int fault(const char *call, const char *path) {
  if (inside || !is_asked(call)) return 0;
  if (*said("FAULT_PATH") && (!path || fnmatch(said("FAULT_PATH"), path, 0))) return 0;
  if (path && !strncmp(path, "/proc/", 6)) return 0;
  inside = 1;
  int answer = 0, before = errno;
  if (is_ours()) {
    long hit = ++hits;
    if (hit >= number("FAULT_FIRST", 1) && hit <= number("FAULT_LAST", 1L << 60)) {
      int mark = REAL(open)(said("FAULT_MARK"), O_CREAT | O_EXCL | O_WRONLY, 0644);
      if (mark >= 0) REAL(close)(mark);
      if (mark >= 0 && *said("FAULT_RUN")) run(said("FAULT_RUN"));
      if (mark >= 0 && number("FAULT_SIGNAL", 0))
        for (long i = number("FAULT_SIGNALS", 1); i > 0; i--) {
          kill(getpid(), (int)number("FAULT_SIGNAL", 0));
          usleep(300000);
        }
      answer = (int)number("FAULT_ERRNO", 0);
    }
  }
  inside = 0;
  errno = before;
  return answer;
}

static const char *path_of(int file, char *space) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, space, 4095);
  if (length < 0) return NULL;
  space[length] = 0;
  return space;
}

#define FAIL(call, path, what)          \
  do {                                  \
    int said_ = fault(call, path);      \
    if (said_) {                        \
      errno = said_;                    \
      return what;                      \
    }                                   \
  } while (0)
#define FAIL_FILE(call, file, what)                               \
  do {                                                            \
    if (!inside && is_asked(call)) {                              \
      char space_[4096];                                          \
      FAIL(call, path_of(file, space_), what);                    \
    }                                                             \
  } while (0)

#define MODE                            \
  mode_t mode = 0;                      \
  if (flags & (O_CREAT | O_TMPFILE)) {  \
    va_list rest;                       \
    va_start(rest, flags);              \
    mode = va_arg(rest, mode_t);        \
    va_end(rest);                       \
  }                                     \
  if (flags & O_CREAT) FAIL("create", path, -1); \
  FAIL("open", path, -1)

int open(const char *path, int flags, ...) { MODE; return REAL(open)(path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE; return REAL(open64)(path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE; return REAL(openat)(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE; return REAL(openat64)(at, path, flags, mode); }
static int opens(const char *path, const char *mode) {
  int answer = *mode == 'r' ? 0 : fault("create", path);
  return answer ? answer : fault("open", path);
}
FILE *fopen(const char *path, const char *mode) {
  if ((errno = opens(path, mode))) return NULL;
  return REAL(fopen)(path, mode);
}
FILE *fopen64(const char *path, const char *mode) {
  if ((errno = opens(path, mode))) return NULL;
  return REAL(fopen64)(path, mode);
}

static size_t half(size_t count) { return number("FAULT_SHORT", 0) && count > 1 ? count / 2 : count; }
#define IS_SHORT(file) (number("FAULT_SHORT", 0) && *said("FAULT_PATH"))
ssize_t write(int file, const void *from, size_t count) {
  FAIL_FILE("write", file, -1);
  char space[4096];
  const char *path = IS_SHORT(file) ? path_of(file, space) : NULL;
  return REAL(write)(file, from, path && !fnmatch(said("FAULT_PATH"), path, 0) ? half(count) : count);
}
ssize_t pwrite(int file, const void *from, size_t count, off_t at) { FAIL_FILE("write", file, -1); return REAL(pwrite)(file, from, count, at); }
ssize_t pwrite64(int file, const void *from, size_t count, off64_t at) { FAIL_FILE("write", file, -1); return REAL(pwrite64)(file, from, count, at); }
ssize_t writev(int file, const struct iovec *from, int count) { FAIL_FILE("write", file, -1); return REAL(writev)(file, from, count); }
ssize_t pwritev(int file, const struct iovec *from, int count, off_t at) { FAIL_FILE("write", file, -1); return REAL(pwritev)(file, from, count, at); }
ssize_t sendfile(int to, int from, off_t *at, size_t count) { FAIL_FILE("write", to, -1); return ((ssize_t (*)(int, int, off_t *, size_t))real("sendfile"))(to, from, at, count); }
ssize_t copy_file_range(int from, off64_t *a, int to, off64_t *b, size_t n, unsigned f) { FAIL_FILE("write", to, -1); return REAL(copy_file_range)(from, a, to, b, n, f); }
size_t fwrite(const void *from, size_t size, size_t count, FILE *file) { FAIL_FILE("write", fileno(file), 0); return REAL(fwrite)(from, size, count, file); }
int fflush(FILE *file) { if (file) FAIL_FILE("write", fileno(file), EOF); return REAL(fflush)(file); }
int ftruncate(int file, off_t length) { FAIL_FILE("write", file, -1); return REAL(ftruncate)(file, length); }
int ftruncate64(int file, off64_t length) { FAIL_FILE("write", file, -1); return REAL(ftruncate64)(file, length); }
ssize_t read(int file, void *to, size_t count) { FAIL_FILE("read", file, -1); return REAL(read)(file, to, count); }
ssize_t pread(int file, void *to, size_t count, off_t at) { FAIL_FILE("read", file, -1); return REAL(pread)(file, to, count, at); }
ssize_t pread64(int file, void *to, size_t count, off64_t at) { FAIL_FILE("read", file, -1); return REAL(pread64)(file, to, count, at); }
size_t fread(void *to, size_t size, size_t count, FILE *file) { FAIL_FILE("read", fileno(file), 0); return REAL(fread)(to, size, count, file); }
int fsync(int file) { FAIL_FILE("sync", file, -1); return REAL(fsync)(file); }
int fdatasync(int file) { FAIL_FILE("sync", file, -1); return REAL(fdatasync)(file); }

/* As Linux does it: the file is closed all the same. */
int close(int file) {
  char space[4096];
  int answer = !inside && is_asked("close") ? fault("close", path_of(file, space)) : 0;
  int done = REAL(close)(file);
  if (!answer) return done;
  errno = answer;
  return -1;
}
int fclose(FILE *file) {
  char space[4096];
  int answer = !inside && is_asked("close") ? fault("close", path_of(fileno(file), space)) : 0;
  int done = REAL(fclose)(file);
  if (!answer) return done;
  errno = answer;
  return EOF;
}

int rename(const char *from, const char *to) { FAIL("rename", to, -1); return REAL(rename)(from, to); }
int renameat(int a, const char *from, int b, const char *to) { FAIL("rename", to, -1); return REAL(renameat)(a, from, b, to); }
int mkdir(const char *path, mode_t mode) { FAIL("mkdir", path, -1); return REAL(mkdir)(path, mode); }
int unlink(const char *path) { FAIL("unlink", path, -1); return REAL(unlink)(path); }
int unlinkat(int at, const char *path, int flags) { FAIL("unlink", path, -1); return REAL(unlinkat)(at, path, flags); }
DIR *opendir(const char *path) { FAIL("list", path, NULL); return REAL(opendir)(path); }
int socket(int domain, int type, int protocol) { FAIL("socket", NULL, -1); return REAL(socket)(domain, type, protocol); }

pid_t fork(void) { FAIL("process", NULL, -1); return REAL(fork)(); }
pid_t vfork(void) { FAIL("process", NULL, -1); return REAL(fork)(); }
int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes, char *const *arguments, char *const *environment) {
  int answer = fault("process", NULL);
  return answer ? answer : REAL(posix_spawn)(pid, path, actions, attributes, arguments, environment);
}
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *), void *given) {
  int answer = fault("thread", NULL);
  return answer ? answer : REAL(pthread_create)(thread, attributes, work, given);
}

static time_t wrong(void) { return number("FAULT_CLOCK", 0) - number("FAULT_CLOCK_STEP", 0) * ++looks; }
static int has_clock(void) { return *said("FAULT_CLOCK") || *said("FAULT_CLOCK_STEP"); }
int clock_gettime(clockid_t clock, struct timespec *now) {
  int done = REAL(clock_gettime)(clock, now);
  if (clock == CLOCK_REALTIME && has_clock()) now->tv_sec += wrong();
  return done;
}
int gettimeofday(struct timeval *now, void *zone) {
  int done = REAL(gettimeofday)(now, zone);
  if (has_clock()) now->tv_sec += wrong();
  return done;
}
time_t time(time_t *to) {
  time_t now = REAL(time)(NULL) + (has_clock() ? wrong() : 0);
  if (to) *to = now;
  return now;
}
