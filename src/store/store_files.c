#include "store/store_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err file_fail(struct error *error, const char *path, const char *what) {
  bool full = errno == ENOSPC || errno == EDQUOT;
  return fail(error, full ? ERR_BUSY : ERR_STORE, full ? "disk-full" : "file", path, "%s: cannot be %s: %s", path, what,
              strerror(errno));
}

/* The kernel may drop dirty pages after a failed fsync, and the next one would then report success. */
static void sync_or_die(int file, const char *path) {
  if (fsync(file))
    die("%s: the disk did not take what was written (%s): stopped, so that nothing unsaved is confirmed", path,
        strerror(errno));
}

static void sync_directory_of(const char *path) {
  const char *slash = strrchr(path, '/');
  char *directory = slash ? strndup(path, (size_t)(slash - path) + (slash == path)) : strdup(".");
  if (!directory) die("out of memory");
  int file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) die("%s: cannot be opened to sync it: %s", directory, strerror(errno));
  sync_or_die(file, directory);
  close(file);
  free(directory);
}

static enum err read_all(int file, char *text, size_t length, const char *path, struct error *error) {
  for (size_t done = 0; done < length;) {
    ssize_t got = read(file, text + done, length - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return file_fail(error, path, "read");
    done += (size_t)got;
  }
  return OK;
}

enum err file_read(struct arena *arena, const char *path, size_t maximum, char **text, size_t *length,
                   struct error *error) {
  *text = NULL;
  *length = 0;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return fail(error, ERR_MISSING, "file-missing", path, "%s is not there", path);
  struct stat facts;
  if (file < 0 || fstat(file, &facts)) {
    enum err err = file_fail(error, path, "read");
    if (file >= 0) close(file);
    return err;
  }
  enum err err = OK;
  if (!S_ISREG(facts.st_mode))
    err = fail(error, ERR_INPUT, "file-kind", path, "%s is not a file", path);
  else if ((size_t)facts.st_size > maximum)
    err = fail(error, ERR_LIMIT, "file-large", path, "%s is larger than %zu bytes", path, maximum);
  if (!err) {
    *length = (size_t)facts.st_size;
    *text = arena_alloc(arena, *length + 1);
    err = read_all(file, *text, *length, path, error);
  }
  close(file);
  return err;
}

static enum err write_all(int file, const char *bytes, size_t length, const char *path, struct error *error) {
  while (length) {
    ssize_t put = write(file, bytes, length);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return file_fail(error, path, "written");
    bytes += put;
    length -= (size_t)put;
  }
  return OK;
}

enum err file_part_finish(const char *path, struct error *error) {
  char part[4096];
  if ((size_t)snprintf(part, sizeof part, "%s.part", path) >= sizeof part)
    return fail(error, ERR_INPUT, "file-name", path, "the file's name is too long");
  int file = open(part, O_RDONLY | O_CLOEXEC);
  if (file < 0) return file_fail(error, part, "opened");
  sync_or_die(file, part);
  close(file);
  if (rename(part, path)) return file_fail(error, path, "written");
  sync_directory_of(path);
  return OK;
}

enum err file_write_whole(const char *path, const void *bytes, size_t length, struct error *error) {
  char part[4096];
  if ((size_t)snprintf(part, sizeof part, "%s.part", path) >= sizeof part)
    return fail(error, ERR_INPUT, "file-name", path, "the file's name is too long");
  int file = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return file_fail(error, path, "written");
  enum err err = write_all(file, bytes, length, path, error);
  if (close(file) && !err) err = file_fail(error, path, "written");
  if (err) {
    unlink(part);
    return err;
  }
  return file_part_finish(path, error);
}

enum err file_copy(const char *from, const char *to, struct error *error) {
  static const size_t piece = (size_t)1 << 20;
  int source = open(from, O_RDONLY | O_CLOEXEC), target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  ssize_t moved = 1;
  while (source >= 0 && target >= 0 && moved > 0) moved = copy_file_range(source, NULL, target, NULL, piece, 0);
  enum err err = source < 0 ? file_fail(error, from, "read") : target < 0 || moved < 0 ? file_fail(error, to, "written") : OK;
  if (source >= 0) close(source);
  if (target >= 0) close(target);
  return err;
}

enum err file_append_line(const char *path, const char *line, struct error *error) {
  bool fresh = access(path, F_OK) != 0;
  int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return file_fail(error, path, "written");
  char *whole = NULL;
  int length = asprintf(&whole, "%s\n", line); /* one write: a kill leaves all of it or nothing */
  if (length < 0) die("out of memory");
  enum err err = write_all(file, whole, (size_t)length, path, error);
  free(whole);
  if (!err) sync_or_die(file, path);
  close(file);
  if (!err && fresh) sync_directory_of(path);
  return err;
}
