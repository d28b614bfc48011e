/*
 * faultfs: a disk that fails, as seen by one program.
 *
 * Loaded into a program with LD_PRELOAD, it stands between that program and libc for the few calls
 * that change files: open, write, pwrite, ftruncate, fsync, fdatasync, unlink, rename. It counts and
 * logs each call on a file under one directory, and does to it what a control file says: fail it, cut
 * it short, slow it down, or kill the program at it. It also shifts the wall clock. Everything else
 * passes through untouched.
 *
 * Deliberately not here: reads (a fault of a read needs no order of writes to be found), memory maps
 * (SQLite maps only its "-shm" file, which is rebuilt after a crash), and any idea of what a database
 * is. Images of a disk after a power cut are built from the log, outside of the program.
 *
 *   FAULTFS_DIR      the directory, absolute and without symbolic links
 *   FAULTFS_LOG      the log; opened for appending, so the test may put marks of its own between
 *   FAULTFS_CONTROL  the control file; read anew at every call, so faults come and go as it does
 *   FAULTFS_BYTES    when set, the log also holds what was written
 *
 * The control file has one rule a line; of several that fit a call, the first is followed:
 *
 *   OP NAME FROM TO ACTION [ARGUMENT]
 *
 *   OP      write, sync, truncate, open (for writing), unlink, rename
 *   NAME    how the file's name ends, or *
 *   FROM    the first call to suffer: calls are numbered by OP, from 1, since the program started
 *   TO      the last one, or - for all that follow
 *   ACTION  kill-before        SIGKILL to this program in place of the call
 *           kill-half          the same after half of a write's bytes
 *           kill-after         the same once the call is done
 *           fail ERROR         EIO, ENOSPC or EROFS in place of the call
 *           room BYTES         writes take from so much room: what fits is written, then ENOSPC
 *           slow MILLISECONDS  a pause before the call
 *
 *   clock SECONDS              what CLOCK_REALTIME is ahead (or, negative, behind)
 *
 * A line of the log is "OP NUMBER NAME OFFSET LENGTH RESULT FAULT BYTES\n", followed by that many
 * bytes. NAME is relative to the directory, "." for itself. OFFSET of an open is 1 when it made the
 * file, and its LENGTH 1 when it emptied it. The LENGTH of a truncate is the new one. A rename is of
 * NAME to the name in its bytes. RESULT is what the program was given, an error as its negative number;
 * FAULT is the action that was done to it, or "-". A line stands where its effect stands in the order
 * of all effects: both are done under one lock.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* The calls below are made directly, so there is no other library to be found first. */
#define REAL_WRITE(fd, from, length) syscall(SYS_write, fd, from, length)
#define REAL_OPEN(at, path, flags, mode) syscall(SYS_openat, at, path, flags, mode)

enum op { WRITE, SYNC, TRUNCATE, OPEN, UNLINK, RENAME, OPS };
static const char *const OP_NAMES[OPS] = {"write", "sync", "truncate", "open", "unlink", "rename"};

enum action { NOTHING, KILL_BEFORE, KILL_HALF, KILL_AFTER, FAIL, ROOM, SLOW, ACTIONS };
static const char *const ACTION_NAMES[ACTIONS] = {"-",    "kill-before", "kill-half", "kill-after",
                                                  "fail", "room",        "slow"};

static char directory[4096];
static size_t directory_length; /* 0 until the environment has been read: all passes through */
static const char *control_path;
static int log_fd = -1;
static int log_bytes;

/* The names of the files under the directory that are open, by descriptor. */
#define MOST_FILES 65536
static char *names[MOST_FILES];

static atomic_ulong counts[OPS];
static atomic_long room_taken;
/* Held over an effect and its line of the log. */
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

/* One call on its way. */
struct call {
    enum op op;
    unsigned long number;
    const char *name;
    enum action action;
    long argument; /* the error of FAIL, the room of ROOM */
};

static void give_up(const char *why) {
    REAL_WRITE(2, "faultfs: ", 9);
    REAL_WRITE(2, why, strlen(why));
    REAL_WRITE(2, "\n", 1);
    abort();
}

__attribute__((constructor)) static void start(void) {
    const char *watched = getenv("FAULTFS_DIR"), *log = getenv("FAULTFS_LOG");
    control_path = getenv("FAULTFS_CONTROL");
    if (!watched || !log || !control_path || strlen(watched) >= sizeof directory)
        give_up("FAULTFS_DIR, FAULTFS_LOG and FAULTFS_CONTROL are needed");
    log_bytes = getenv("FAULTFS_BYTES") != NULL;
    log_fd = REAL_OPEN(AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0) give_up("the log cannot be opened");
    strcpy(directory, watched);
    directory_length = strlen(directory);
}

/* ---- the control file ---- */

/* Reads the control file as text; empty where there is none. */
static void read_control(char *text, size_t size) {
    ssize_t got = 0;
    int fd = REAL_OPEN(AT_FDCWD, control_path, O_RDONLY | O_CLOEXEC, 0);
    if (fd >= 0) {
        got = syscall(SYS_read, fd, text, size - 1);
        syscall(SYS_close, fd);
    }
    text[got > 0 ? got : 0] = 0;
}

static int ends_with(const char *name, const char *end) {
    size_t length = strlen(name), wanted = strlen(end);
    return !strcmp(end, "*") || (length >= wanted && !strcmp(name + length - wanted, end));
}

static long argument_of(enum action action, const char *text) {
    if (action != FAIL) return atol(text);
    if (!strcmp(text, "ENOSPC")) return ENOSPC;
    if (!strcmp(text, "EROFS")) return EROFS;
    if (!strcmp(text, "EIO")) return EIO;
    give_up("fail needs EIO, ENOSPC or EROFS");
    return 0;
}

/* Takes a line of the control file, and sets the call's action where the line is about it. */
static int is_rule_for(struct call *call, const char *line) {
    char op[16], name[64], to[24], action[16], argument[24] = "0";
    unsigned long from;
    if (sscanf(line, "%15s %63s %lu %23s %15s %23s", op, name, &from, to, action, argument) < 5)
        return 0;
    if (strcmp(op, OP_NAMES[call->op]) || !ends_with(call->name, name)) return 0;
    if (call->number < from || (strcmp(to, "-") && call->number > strtoul(to, NULL, 10))) return 0;
    for (int known = KILL_BEFORE; known < ACTIONS; known++)
        if (!strcmp(action, ACTION_NAMES[known])) {
            call->action = known;
            call->argument = argument_of(known, argument);
            return 1;
        }
    give_up("the control file has an action that is not known");
    return 0;
}

static void follow_rules(struct call *call) {
    char text[2048], *rest = text, *line;
    read_control(text, sizeof text);
    if (!strstr(text, " room ")) atomic_store(&room_taken, 0);
    while ((line = strsep(&rest, "\n")))
        if (is_rule_for(call, line)) return;
}

/* ---- the log ---- */

static void log_call(const struct call *call, long offset, long length, long result,
                     const void *bytes, size_t count) {
    char line[512];
    int used = snprintf(line, sizeof line, "%s %lu %s %ld %ld %ld %s %zu\n", OP_NAMES[call->op],
                        call->number, call->name, offset, length, result < 0 ? -errno : result,
                        ACTION_NAMES[call->action], count);
    struct iovec parts[2] = {{line, used}, {(void *)bytes, count}};
    int error = errno;
    if (used >= (int)sizeof line) give_up("a name is too long");
    if (syscall(SYS_writev, log_fd, parts, 2) != (ssize_t)(used + count))
        give_up("the log cannot be written");
    errno = error;
}

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

/* ---- a call from begin to end ---- */

/* Counts a call and finds out what is to be done to it. Returns with the order held. */
static struct call begin(enum op op, const char *name) {
    struct call call = {op, atomic_fetch_add(&counts[op], 1) + 1, name, NOTHING, 0};
    follow_rules(&call);
    if (call.action == SLOW) {
        struct timespec pause = {call.argument / 1000, call.argument % 1000 * 1000000};
        nanosleep(&pause, NULL);
    }
    pthread_mutex_lock(&order);
    if (call.action == KILL_BEFORE) {
        log_call(&call, 0, 0, 0, NULL, 0);
        die();
    }
    return call;
}

/* Whether the call fails in place of being done. */
static int fails(const struct call *call) {
    if (call->action == FAIL) errno = call->argument;
    return call->action == FAIL;
}

/* Logs a call that was done, and ends it. */
static long end(const struct call *call, long offset, long length, long result, const void *bytes,
                size_t count) {
    log_call(call, offset, length, result, bytes, count);
    if (call->action == KILL_AFTER || call->action == KILL_HALF) die();
    int error = errno;
    pthread_mutex_unlock(&order);
    errno = error;
    return result;
}

/* ---- which files ---- */

/* The name of a path under the directory, or null. */
static const char *name_in(const char *path) {
    if (!directory_length || strncmp(path, directory, directory_length)) return NULL;
    if (!path[directory_length]) return ".";
    return path[directory_length] == '/' ? path + directory_length + 1 : NULL;
}

static const char *name_of(int fd) { return fd >= 0 && fd < MOST_FILES ? names[fd] : NULL; }

static void remember(int fd, const char *name) {
    if (fd >= MOST_FILES) give_up("too many files are open");
    names[fd] = strdup(name);
}

/* ---- what the program calls ---- */

static int open_file(int at, const char *path, int flags, mode_t mode) {
    const char *name = name_in(path);
    if (!name) return REAL_OPEN(at, path, flags, mode);
    if ((flags & O_ACCMODE) == O_RDONLY && !(flags & O_CREAT)) {
        int fd = REAL_OPEN(at, path, flags, mode);
        if (fd >= 0) remember(fd, name);
        return fd;
    }
    struct call call = begin(OPEN, name);
    struct stat known;
    int is_new = stat(path, &known) != 0;
    int fd = fails(&call) ? -1 : REAL_OPEN(at, path, flags, mode);
    if (fd >= 0) remember(fd, name);
    return end(&call, fd >= 0 && is_new, fd >= 0 && flags & O_TRUNC ? 1 : 0, fd, NULL, 0);
}

/* The optional mode of an open. */
#define MODE_AFTER(flags)                             \
    mode_t mode = 0;                                  \
    if ((flags) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) { \
        va_list more;                                 \
        va_start(more, flags);                        \
        mode = va_arg(more, mode_t);                  \
        va_end(more);                                 \
    }

int open(const char *path, int flags, ...) {
    MODE_AFTER(flags)
    return open_file(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    MODE_AFTER(flags)
    return open_file(AT_FDCWD, path, flags, mode);
}
int openat(int at, const char *path, int flags, ...) {
    MODE_AFTER(flags)
    return open_file(at, path, flags, mode);
}
int openat64(int at, const char *path, int flags, ...) {
    MODE_AFTER(flags)
    return open_file(at, path, flags, mode);
}

int close(int fd) {
    if (name_of(fd)) {
        free(names[fd]);
        names[fd] = NULL;
    }
    return syscall(SYS_close, fd);
}

/* A write; at the file's own place when `offset` is negative. */
static ssize_t write_file(int fd, const char *name, const void *from, size_t length, off_t offset) {
    struct call call = begin(WRITE, name);
    size_t asked = length;
    if (call.action == KILL_HALF) length /= 2;
    if (call.action == ROOM) {
        long left = call.argument - atomic_load(&room_taken);
        if (left < (long)length) length = left > 0 ? left : 0;
        if (!length) {
            call.action = FAIL;
            call.argument = ENOSPC;
        }
        atomic_fetch_add(&room_taken, length);
    }
    ssize_t done = -1;
    if (!fails(&call))
        done = offset < 0 ? REAL_WRITE(fd, from, length)
                          : syscall(SYS_pwrite64, fd, from, length, offset);
    if (offset < 0) offset = done < 0 ? 0 : lseek(fd, 0, SEEK_CUR) - done;
    return end(&call, offset, asked, done, from, log_bytes && done > 0 ? done : 0);
}

ssize_t write(int fd, const void *from, size_t length) {
    const char *name = name_of(fd);
    return name ? write_file(fd, name, from, length, -1) : REAL_WRITE(fd, from, length);
}
ssize_t pwrite64(int fd, const void *from, size_t length, off64_t offset) {
    const char *name = name_of(fd);
    return name ? write_file(fd, name, from, length, offset)
                : syscall(SYS_pwrite64, fd, from, length, offset);
}
ssize_t pwrite(int fd, const void *from, size_t length, off_t offset) {
    return pwrite64(fd, from, length, offset);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (name_of(fd)) give_up("writev to a watched file: teach faultfs that call");
    return syscall(SYS_writev, fd, parts, count);
}

static int truncate_file(int fd, off64_t length) {
    const char *name = name_of(fd);
    if (!name) return syscall(SYS_ftruncate, fd, length);
    struct call call = begin(TRUNCATE, name);
    return end(&call, 0, length, fails(&call) ? -1 : syscall(SYS_ftruncate, fd, length), NULL, 0);
}

int ftruncate(int fd, off_t length) { return truncate_file(fd, length); }
int ftruncate64(int fd, off64_t length) { return truncate_file(fd, length); }

static int sync_file(int fd, long how) {
    const char *name = name_of(fd);
    if (!name) return syscall(how, fd);
    struct call call = begin(SYNC, name);
    return end(&call, 0, 0, fails(&call) ? -1 : syscall(how, fd), NULL, 0);
}

int fsync(int fd) { return sync_file(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }

int unlink(const char *path) {
    const char *name = name_in(path);
    if (!name) return syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    struct call call = begin(UNLINK, name);
    return end(&call, 0, 0, fails(&call) ? -1 : syscall(SYS_unlinkat, AT_FDCWD, path, 0), NULL, 0);
}

int rename(const char *from, const char *to) {
    const char *name = name_in(from), *becomes = name_in(to);
    if (!name || !becomes) return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    struct call call = begin(RENAME, name);
    long done = fails(&call) ? -1 : syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    return end(&call, 0, 0, done, becomes, strlen(becomes));
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, clock, now);
    if (clock == CLOCK_REALTIME && directory_length && !result) {
        char text[2048], *line;
        read_control(text, sizeof text);
        if ((line = strstr(text, "clock "))) now->tv_sec += atol(line + 6);
    }
    return result;
}
