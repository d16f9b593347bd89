/* Stands between a program and its disk (LD_PRELOAD). While the file named by DISK_TROUBLE begins with 'w', writing to
 * the ledger fails as on a full disk; with 's', syncing it fails once the data was taken, as on a dying one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int trouble(int fd, char kind) {
    const char *path = getenv("DISK_TROUBLE");
    char now = 0, link[64], name[4096];
    if (!path) return 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t length = read(file, &now, 1);
    close(file);
    if (length != 1 || now != kind) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, name, sizeof name - 1);
    if (length <= 0) return 0;
    name[length] = 0;
    return strstr(name, "/ledger.db") != NULL;
}

int fsync(int fd) {
    if (trouble(fd, 's')) { errno = EIO; return -1; }
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
    if (trouble(fd, 's')) { errno = EIO; return -1; }
    return (int)syscall(SYS_fdatasync, fd);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (trouble(fd, 'w')) { errno = ENOSPC; return -1; }
    return syscall(SYS_write, fd, bytes, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    if (trouble(fd, 'w')) { errno = ENOSPC; return -1; }
    return syscall(SYS_pwrite64, fd, bytes, length, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    return pwrite(fd, bytes, length, at);
}
