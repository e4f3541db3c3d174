/* Counts the writes, fsyncs and renames below a folder, and makes one of them go wrong: see child.interposed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { KILL, HALF, FULL };
static int mode = KILL, armed = 0;
static long at = 0, seen = 0;
static char folder[4096];

void faults_arm(int how, const char *where, long number) {
    mode = how, at = number, seen = 0;
    snprintf(folder, sizeof folder, "%s", where);
    armed = 1;
}

static int below(const char *path) {
    char whole[8192];
    if (path[0] != '/') {
        if (!getcwd(whole, 4096)) return 0;
        strncat(whole, "/", 2), strncat(whole, path, 4000);
        path = whole;
    }
    return strncmp(path, folder, strlen(folder)) == 0;
}

static int open_below(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size <= 0) return 0;
    path[size] = 0;
    return below(path);
}

/* 1: it must fail; the process is gone where it was to be killed. */
static int due(void) {
    if (++seen < at) return 0;
    if (mode == FULL) return 1;
    return 2;
}

static void end(void) { kill(getpid(), SIGKILL), pause(); }

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t size) {
    if (armed && open_below(fd)) {
        int now = due();
        if (now == 1) return errno = ENOSPC, -1;
        if (now == 2) {
            if (mode == HALF) REAL(write)(fd, data, size / 2);
            end();
        }
    }
    return REAL(write)(fd, data, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (armed && open_below(fd)) {
        int now = due();
        if (now == 1) return errno = ENOSPC, -1;
        if (now == 2) end();
    }
    return REAL(writev)(fd, parts, count);
}

ssize_t copy_file_range(int from, off64_t *at_from, int to, off64_t *at_to, size_t size, unsigned flags) {
    if (armed && open_below(to)) {
        int now = due();
        if (now == 1) return errno = ENOSPC, -1;
        if (now == 2) end();
    }
    return REAL(copy_file_range)(from, at_from, to, at_to, size, flags);
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t size) {
    ssize_t (*real)(int, int, off64_t *, size_t) = dlsym(RTLD_NEXT, "sendfile64");
    if (armed && open_below(to)) {
        int now = due();
        if (now == 1) return errno = ENOSPC, -1;
        if (now == 2) end();
    }
    return real(to, from, offset, size);
}

int fsync(int fd) {
    if (armed && open_below(fd) && due() == 2) end();
    return REAL(fsync)(fd);
}

int rename(const char *from, const char *to) {
    if (armed && below(to) && due() == 2) end();
    return REAL(rename)(from, to);
}
