// Preloaded by the attacks: makes system calls fail, late or at another time of day, as the environment says.
//   FAULT_NAME     part of the path of the files meant (all where it is not given)
//   FAULT_ERRNO    error that write, fsync, rename, link or close returns
//   FAULT_CALLS    which of them, as "write,fsync"
//   FAULT_EVERY    only every so many calls (1)
//   FAULT_SHORT    write takes one byte at a time of what it is given
//   FAULT_SLEEP    seconds that fsync of such a file takes
//   FAULT_CLOCK    seconds added to the time of day; "flip": two days forth and back
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_int calls;

static int meant(const char* path) {
  const char* part = getenv("FAULT_NAME");
  return !part || (path && strstr(path, part));
}

static int meant_descriptor(int descriptor) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const long size = readlink(link, path, sizeof path - 1);
  if (size < 0) return 0;
  path[size] = 0;
  struct stat status;
  return path[0] == '/' && fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && meant(path);
}

static int fails(const char* call) {
  const char* wanted = getenv("FAULT_CALLS");
  const char* number = getenv("FAULT_ERRNO");
  if (!wanted || !number || !strstr(wanted, call)) return 0;
  const char* every = getenv("FAULT_EVERY");
  if (atomic_fetch_add(&calls, 1) % (every ? atoi(every) : 1) != 0) return 0;
  errno = atoi(number);
  return 1;
}

ssize_t write(int descriptor, const void* data, size_t size) {
  const int own = descriptor > 2 && (getenv("FAULT_CALLS") || getenv("FAULT_SHORT")) && meant_descriptor(descriptor);
  if (own && fails("write")) return -1;
  return syscall(SYS_write, descriptor, data, own && getenv("FAULT_SHORT") && size > 1 ? 1 + size / 3 : size);
}

ssize_t pwrite(int descriptor, const void* data, size_t size, off_t at) {
  if (descriptor > 2 && meant_descriptor(descriptor) && fails("write")) return -1;
  return syscall(SYS_pwrite64, descriptor, data, size, at);
}

static int flushed(int descriptor) {
  if (!meant_descriptor(descriptor)) return 0;
  const char* seconds = getenv("FAULT_SLEEP");
  if (seconds) {
    struct timespec rest = {atoi(seconds), 0};
    while (nanosleep(&rest, &rest) != 0) continue;
  }
  return fails("fsync") ? -1 : 0;
}

int fsync(int descriptor) { return flushed(descriptor) ? -1 : (int)syscall(SYS_fsync, descriptor); }
int fdatasync(int descriptor) { return flushed(descriptor) ? -1 : (int)syscall(SYS_fdatasync, descriptor); }

int rename(const char* from, const char* to) {
  if (meant(to) && fails("rename")) return -1;
  return (int)syscall(SYS_rename, from, to);
}

int renameat(int a, const char* from, int b, const char* to) {
  if (meant(to) && fails("rename")) return -1;
  return (int)syscall(SYS_renameat2, a, from, b, to, 0);
}

int linkat(int a, const char* from, int b, const char* to, int flags) {
  if (meant(to) && fails("link")) return -1;
  return (int)syscall(SYS_linkat, a, from, b, to, flags);
}

int close(int descriptor) {
  const int bad = getenv("FAULT_CALLS") && strstr(getenv("FAULT_CALLS"), "close") && meant_descriptor(descriptor) && fails("close");
  const int reason = errno;
  const int result = (int)syscall(SYS_close, descriptor);
  if (!bad) return result;
  errno = reason;
  return -1;
}

static long moved(void) {
  static atomic_int flips;
  const char* seconds = getenv("FAULT_CLOCK");
  if (!seconds) return 0;
  return strcmp(seconds, "flip") == 0 ? (atomic_fetch_add(&flips, 1) % 2 ? 172800 : -172800) : atol(seconds);
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  const int result = (int)syscall(SYS_clock_gettime, clock, now);
  if (clock == CLOCK_REALTIME) now->tv_sec += moved();
  return result;
}

time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

int gettimeofday(struct timeval* now, void* zone) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}
