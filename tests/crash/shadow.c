/*
 * Preloaded into the gateway: a disk that keeps only what it was made to keep.
 *
 * Beside the folder CRASH_DATA stands a shadow of it, CRASH_SHADOW/tree, which holds only what
 * fsync and fdatasync promised: of a file the bytes that were written before its last sync, of a
 * folder the names that were in it at its last sync. New files, renames and removals are not there
 * before their folder is synced. sync_file_range promises nothing; the program's own function of
 * that name calls fdatasync, and that call comes here. No call reaches the real disk: a sync
 * takes a moment instead, so that a kill can fall into it.
 *
 * CRASH_TORN=1      parts of writes that were never synced are there as well
 * CRASH_FULL_AFTER  bytes after which there is no space left
 * CRASH_FAIL_AT     which write or sync, counted from 1, ends in an input/output error
 * CRASH_SEED        of the random choices here
 * CRASH_CLOCK       a file of eight bytes: seconds to add to the time of day
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define DESCRIPTORS 65536
#define SECTOR 512
#define PATH_BYTES 4096

/* A write, or with data == NULL a change of length, that no sync has covered yet. */
struct change {
    struct change *next;
    off_t offset;
    size_t length;
    char *data;
};

/* A file of the data folder: its bytes as far as they were synced are in CRASH_SHADOW/inodes/N. */
struct node {
    struct node *next;
    ino_t inode; /* 0: the file is gone, its number may be another's */
    ino_t shadow_inode;
    unsigned long number;
    int shadow;
    struct change *first, **last;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct node *nodes;
static struct node *of_descriptor[DESCRIPTORS];
static char is_tracked[DESCRIPTORS];
static char data[PATH_BYTES], shadow[PATH_BYTES];
static size_t data_length;
static int has_shadow, is_torn;
static unsigned long node_count;
static long long space_left = -1, fail_at = -1, operations;
static uint64_t seed = 1;
static volatile int64_t *clock_offset;

static void die(const char *what) {
    dprintf(2, "shadow: %s: %s\n", what, strerror(errno));
    _exit(99);
}

static uint64_t random_below(uint64_t limit) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % limit;
}

static void write_shadow(int file, const char *bytes, size_t length, off_t offset) {
    while (length > 0) {
        ssize_t done = syscall(SYS_pwrite64, file, bytes, length, offset);
        if (done <= 0) die("pwrite");
        bytes += done;
        offset += done;
        length -= done;
    }
}

static struct node *find(ino_t inode) {
    for (struct node *node = nodes; node; node = node->next)
        if (node->inode == inode) return node;
    return NULL;
}

static struct node *new_node(ino_t inode) {
    char path[PATH_BYTES + 64];
    struct stat status;
    struct node *old = find(inode);
    if (old) old->inode = 0;
    struct node *node = calloc(1, sizeof *node);
    node->inode = inode;
    node->number = ++node_count;
    node->last = &node->first;
    snprintf(path, sizeof path, "%s/inodes/%lu", shadow, node->number);
    node->shadow = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (node->shadow < 0 || fstat(node->shadow, &status)) die(path);
    node->shadow_inode = status.st_ino;
    node->next = nodes;
    nodes = node;
    return node;
}

static void link_into(struct node *node, const char *target) {
    char source[PATH_BYTES + 64];
    snprintf(source, sizeof source, "%s/inodes/%lu", shadow, node->number);
    if (link(source, target)) die(target);
}

static void remove_all(const char *path) {
    DIR *folder = opendir(path);
    if (folder) {
        struct dirent *entry;
        while ((entry = readdir(folder))) {
            char below[2 * PATH_BYTES];
            if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
            snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
            remove_all(below);
        }
        closedir(folder);
        rmdir(path);
    } else {
        unlink(path);
    }
}

/* Takes what is there before the program begins for synced. */
static void take_over(const char *relative) {
    char here[2 * PATH_BYTES], there[2 * PATH_BYTES];
    snprintf(here, sizeof here, "%s%s", data, relative);
    snprintf(there, sizeof there, "%s/tree%s", shadow, relative);
    mkdir(there, 0700);
    DIR *folder = opendir(here);
    struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        char below[2 * PATH_BYTES], path[4 * PATH_BYTES];
        struct stat status;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(below, sizeof below, "%s/%s", relative, entry->d_name);
        snprintf(path, sizeof path, "%s%s", data, below);
        if (lstat(path, &status)) continue;
        if (S_ISDIR(status.st_mode)) {
            take_over(below);
        } else if (S_ISREG(status.st_mode)) {
            struct node *node = new_node(status.st_ino);
            char buffer[65536];
            ssize_t length;
            off_t offset = 0;
            int file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
            while ((length = read(file, buffer, sizeof buffer)) > 0) {
                write_shadow(node->shadow, buffer, length, offset);
                offset += length;
            }
            syscall(SYS_close, file);
            snprintf(path, sizeof path, "%s/tree%s", shadow, below);
            link_into(node, path);
        }
    }
    if (folder) closedir(folder);
}

static long long number_of(const char *name, long long otherwise) {
    const char *text = getenv(name);
    return text && *text ? atoll(text) : otherwise;
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("CRASH_CLOCK");
    if (path) {
        int file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
        void *mapped = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
        if (file < 0 || mapped == MAP_FAILED) die(path);
        clock_offset = mapped;
    }
    if (!(path = getenv("CRASH_DATA"))) return;
    data_length = snprintf(data, sizeof data, "%s", path);
    seed = number_of("CRASH_SEED", 1) | 1;
    space_left = number_of("CRASH_FULL_AFTER", -1);
    fail_at = number_of("CRASH_FAIL_AT", -1);
    is_torn = number_of("CRASH_TORN", 0);
    if (!(path = getenv("CRASH_SHADOW"))) return;
    snprintf(shadow, sizeof shadow, "%s", path);
    has_shadow = 1;
    take_over("");
    /* Killed before this, the process has written nothing: the folder is the disk's. */
    char mark[PATH_BYTES + 64];
    snprintf(mark, sizeof mark, "%s/taken", shadow);
    int file = syscall(SYS_openat, AT_FDCWD, mark, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (file < 0) die(mark);
    syscall(SYS_close, file);
}

static struct change *push(struct node *node, off_t offset, size_t length, const char *bytes) {
    struct change *change = calloc(1, sizeof *change);
    change->offset = offset;
    change->length = length;
    if (bytes) {
        change->data = malloc(length ? length : 1);
        memcpy(change->data, bytes, length);
    }
    *node->last = change;
    node->last = &change->next;
    return change;
}

static void settle(struct node *node, int is_kept) {
    struct change *change = node->first;
    node->first = NULL;
    node->last = &node->first;
    while (change) {
        struct change *next = change->next;
        if (is_kept && change->data)
            write_shadow(node->shadow, change->data, change->length, change->offset);
        else if (is_kept && ftruncate(node->shadow, change->offset))
            die("ftruncate");
        free(change->data);
        free(change);
        change = next;
    }
}

/* The names in a folder become those that it has now. */
static void settle_folder(int descriptor) {
    char link_path[64], here[PATH_BYTES], there[2 * PATH_BYTES];
    snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link_path, here, sizeof here - 1);
    if (length < (ssize_t)data_length) return;
    here[length] = 0;
    snprintf(there, sizeof there, "%s/tree%s", shadow, here + data_length);
    struct stat status, kept;
    /* A folder that is not there yet itself: its own name was never synced. */
    if (stat(there, &kept)) return;
    DIR *folder = opendir(here);
    struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        char path[2 * PATH_BYTES], target[4 * PATH_BYTES];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(path, sizeof path, "%s/%s", here, entry->d_name);
        snprintf(target, sizeof target, "%s/%s", there, entry->d_name);
        if (lstat(path, &status)) continue;
        if (S_ISDIR(status.st_mode)) {
            mkdir(target, 0700);
        } else if (S_ISREG(status.st_mode)) {
            struct node *node = find(status.st_ino);
            if (!node) node = new_node(status.st_ino);
            if (lstat(target, &kept) == 0) {
                if (kept.st_ino == node->shadow_inode) continue;
                remove_all(target);
            }
            link_into(node, target);
        }
    }
    if (folder) closedir(folder);
    if (!(folder = opendir(there))) return;
    while ((entry = readdir(folder))) {
        char path[2 * PATH_BYTES], target[4 * PATH_BYTES];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(path, sizeof path, "%s/%s", here, entry->d_name);
        snprintf(target, sizeof target, "%s/%s", there, entry->d_name);
        if (lstat(path, &status)) remove_all(target);
    }
    closedir(folder);
}

static int is_ours(int descriptor) {
    return descriptor >= 0 && descriptor < DESCRIPTORS && is_tracked[descriptor];
}

/* Whether this operation is the one that fails. */
static int fails(void) {
    operations++;
    return operations == fail_at;
}

static int opened(const char *path, int flags, mode_t mode) {
    if (!data_length || strncmp(path, data, data_length) ||
        (path[data_length] != '/' && path[data_length]))
        return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat status;
    int is_new = (flags & O_CREAT) && lstat(path, &status);
    int descriptor = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    int error = errno;
    if (descriptor >= 0 && descriptor < DESCRIPTORS && !fstat(descriptor, &status)) {
        is_tracked[descriptor] = 1;
        of_descriptor[descriptor] = NULL;
        if (has_shadow && S_ISREG(status.st_mode)) {
            struct node *node = is_new ? NULL : find(status.st_ino);
            if (!node) node = new_node(status.st_ino);
            of_descriptor[descriptor] = node;
            if ((flags & O_TRUNC) && !is_new) push(node, 0, 0, NULL);
        }
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return descriptor;
}

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return opened(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return opened(path, flags, mode);
}

int close(int descriptor) {
    if (is_ours(descriptor)) {
        pthread_mutex_lock(&lock);
        is_tracked[descriptor] = 0;
        of_descriptor[descriptor] = NULL;
        pthread_mutex_unlock(&lock);
    }
    return syscall(SYS_close, descriptor);
}

/* A write at an offset, or with a negative one where the file stands. */
static ssize_t written(int descriptor, const char *bytes, size_t length, off_t offset) {
    if (!is_ours(descriptor))
        return offset < 0 ? syscall(SYS_write, descriptor, bytes, length)
                          : syscall(SYS_pwrite64, descriptor, bytes, length, offset);
    pthread_mutex_lock(&lock);
    ssize_t done = -1;
    int error = 0;
    if (fails()) {
        error = EIO;
    } else if (space_left == 0) {
        error = ENOSPC;
    } else {
        if (space_left > 0 && (long long)length > space_left) length = space_left;
        done = offset < 0 ? syscall(SYS_write, descriptor, bytes, length)
                          : syscall(SYS_pwrite64, descriptor, bytes, length, offset);
        error = errno;
    }
    if (done > 0) {
        if (space_left > 0) space_left -= done;
        if (offset < 0) offset = lseek(descriptor, 0, SEEK_CUR) - done;
        struct node *node = of_descriptor[descriptor];
        if (node) {
            push(node, offset, done, bytes);
            if (is_torn && random_below(4) == 0) {
                size_t from = random_below(done) / SECTOR * SECTOR;
                size_t to = from + random_below(done - from + 1);
                write_shadow(node->shadow, bytes + from, to - from, offset + from);
            }
        }
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

ssize_t write(int descriptor, const void *bytes, size_t length) {
    return written(descriptor, bytes, length, -1);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) {
    return written(descriptor, bytes, length, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off_t offset) {
    return written(descriptor, bytes, length, offset);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    if (!is_ours(descriptor)) return syscall(SYS_writev, descriptor, parts, count);
    /* As if the system took the first part only, which it may. */
    for (int part = 0; part < count; part++)
        if (parts[part].iov_len > 0)
            return written(descriptor, parts[part].iov_base, parts[part].iov_len, -1);
    return 0;
}

static int cut(int descriptor, off_t length) {
    int done = syscall(SYS_ftruncate, descriptor, length);
    int error = errno;
    if (done == 0 && is_ours(descriptor)) {
        pthread_mutex_lock(&lock);
        struct node *node = of_descriptor[descriptor];
        if (node) push(node, length, 0, NULL);
        pthread_mutex_unlock(&lock);
    }
    errno = error;
    return done;
}

int ftruncate64(int descriptor, off_t length) { return cut(descriptor, length); }

int ftruncate(int descriptor, off_t length) { return cut(descriptor, length); }

static int synced(int descriptor, long number) {
    if (!is_ours(descriptor)) return syscall(number, descriptor);
    pthread_mutex_lock(&lock);
    useconds_t moment = random_below(1500);
    pthread_mutex_unlock(&lock);
    usleep(moment);
    pthread_mutex_lock(&lock);
    int is_failed = fails();
    struct stat status;
    struct node *node = of_descriptor[descriptor];
    /* After an error the system takes the pages for clean: what was in them never comes. */
    if (node)
        settle(node, !is_failed);
    else if (has_shadow && !is_failed && !fstat(descriptor, &status) && S_ISDIR(status.st_mode))
        settle_folder(descriptor);
    pthread_mutex_unlock(&lock);
    errno = EIO;
    return is_failed ? -1 : 0;
}

int fsync(int descriptor) { return synced(descriptor, SYS_fsync); }

int fdatasync(int descriptor) { return synced(descriptor, SYS_fdatasync); }

int clock_gettime(clockid_t which, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(which, time);
    if (done == 0 && which == CLOCK_REALTIME && clock_offset) time->tv_sec += *clock_offset;
    return done;
}
