/* Writes down what a program does to its ledger's files (LD_PRELOAD): RECORD_OF names the database, RECORD_INTO the
 * record. An entry: what (W write, T truncate, S synced), which file (d database, w write-ahead log), two bytes of
 * nothing, the length of the data (4 bytes), the offset (8 bytes), all in the machine's order; then the data. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

struct entry { char what, which; uint16_t nothing; uint32_t length; uint64_t offset; };

static char which(int fd) {
    const char *database = getenv("RECORD_OF");
    char link[64], name[4096];
    if (!database) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length <= 0) return 0;
    name[length] = 0;
    size_t known = strlen(database);
    if (strncmp(name, database, known)) return 0;
    if (!name[known]) return 'd';
    return strcmp(name + known, "-wal") ? 0 : 'w';
}

static void note(char what, char file, const void *bytes, size_t length, uint64_t offset) {
    struct entry entry = { what, file, 0, (uint32_t)length, offset };
    int record = open(getenv("RECORD_INTO"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (record < 0) abort();
    if (syscall(SYS_write, record, &entry, sizeof entry) != sizeof entry) abort();
    if (length && syscall(SYS_write, record, bytes, length) != (long)length) abort();
    close(record);
}

/* Nothing is done to the files while something else is being written down: the record has one order. */
#define RECORDED(fd, act, what, bytes, length, offset) \
    char file = which(fd); \
    if (!file) return act; \
    pthread_mutex_lock(&one_at_a_time); \
    long done = act; \
    if (done >= 0) note(what, file, bytes, length, offset); \
    pthread_mutex_unlock(&one_at_a_time); \
    return done;

int fsync(int fd) { RECORDED(fd, (int)syscall(SYS_fsync, fd), 'S', NULL, 0, 0) }

int fdatasync(int fd) { RECORDED(fd, (int)syscall(SYS_fdatasync, fd), 'S', NULL, 0, 0) }

int ftruncate(int fd, off_t length) {
    RECORDED(fd, (int)syscall(SYS_ftruncate, fd, length), 'T', NULL, 0, (uint64_t)length)
}

int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    RECORDED(fd, syscall(SYS_pwrite64, fd, bytes, length, at), 'W', bytes, (size_t)done, (uint64_t)at)
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { return pwrite(fd, bytes, length, at); }

/* Where it stands in the file is not known here: nobody writes a ledger like this. */
ssize_t write(int fd, const void *bytes, size_t length) {
    if (which(fd)) abort();
    return syscall(SYS_write, fd, bytes, length);
}
