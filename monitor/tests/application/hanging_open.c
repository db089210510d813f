// A library to be loaded before others, for the tests of faults: who opens a file whose name has "never-answers" waits for ever, as on a disk of a network that is away.
// cc -shared -fPIC hanging_open.c -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static int really(const char *function, const char *path, int flags, int mode) {
  int (*open)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, function);
  while (strstr(path, "never-answers"))
    pause();
  return open(path, flags, mode);
}

#define OPEN(name)                                                                                                     \
  int name(const char *path, int flags, ...) {                                                                         \
    va_list rest;                                                                                                      \
    va_start(rest, flags);                                                                                             \
    int mode = va_arg(rest, int);                                                                                      \
    va_end(rest);                                                                                                      \
    return really(#name, path, flags, mode);                                                                           \
  }

OPEN(open)
OPEN(open64)
