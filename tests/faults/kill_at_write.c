/* Preloaded into a process, ends it with SIGKILL at its n-th change of a file on the disk (KILL_AT_WRITE, from 0).
   A write is half done by then; a flush or a change of length has not begun. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long changes;

static int is_due(int file) {
  struct stat found;
  const char *at = getenv("KILL_AT_WRITE");
  if (!at || fstat(file, &found) != 0 || !S_ISREG(found.st_mode)) return 0;
  return atomic_fetch_add(&changes, 1) == atol(at);
}

static void end(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
  if (is_due(file)) {
    syscall(SYS_pwrite64, file, bytes, count / 2, at);
    end();
  }
  return syscall(SYS_pwrite64, file, bytes, count, at);
}

ssize_t write(int file, const void *bytes, size_t count) {
  if (is_due(file)) {
    syscall(SYS_write, file, bytes, count / 2);
    end();
  }
  return syscall(SYS_write, file, bytes, count);
}

int ftruncate64(int file, off64_t length) {
  if (is_due(file)) end();
  return syscall(SYS_ftruncate, file, length);
}

int fdatasync(int file) {
  if (is_due(file)) end();
  return syscall(SYS_fdatasync, file);
}

int fsync(int file) {
  if (is_due(file)) end();
  return syscall(SYS_fsync, file);
}
