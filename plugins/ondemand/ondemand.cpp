// SPDX-License-Identifier: BSD-3-Clause
//
// ondemand: a filesystem for every export name, made when it is first asked for
// and kept in a folder.
//
// A disk is made in a folder of its own beside the others and gets its name
// only when it is complete, so nobody sees half of one, whatever happens to the
// server; if two make the same one at once, the first stays. A client holds an
// open file description lock on its disk, as the original's do: that keeps out
// other clients of this server and of others on the same folder, and ends by
// itself with the process.
#include <nbdkit/plugin.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "../file/disk-file.hpp"
#include "make-disk.hpp"

namespace {

using disk_file::fail;

constexpr auto kDefaultExport = "default";
constexpr auto kLockPoll = std::chrono::milliseconds(50);

// The names of disks are those of files. '.' keeps out "..", and what is being
// made; ':' has a meaning in the names of some clients.
bool is_valid(const std::string& name) {
  return !name.empty() && name.size() <= NAME_MAX &&
         std::none_of(name.begin(), name.end(), [](char c) {
           return c == '.' || c == '/' || c == ':' || static_cast<unsigned char>(c) < 0x20;
         });
}

struct OnDemand {
  static constexpr auto name = "ondemand";
  static constexpr auto longname = "nbdkit ondemand plugin";
  static constexpr auto description = "A filesystem for every export name, made on demand";
  static constexpr auto help =
      "dir=<EXPORTSDIR>              (required) where the disks are kept\n"
      "[size=]<SIZE>                 (required) size of a new disk\n"
      "type=ext4|xfs|vfat|...        its filesystem (default ext4)\n"
      "label=<LABEL>                 the filesystem's label\n"
      "command=<COMMAND>             a shell command that makes $disk, instead of mkfs\n"
      "<VAR>=<VALUE>                 a variable for the command\n"
      "wait=true                     wait for a disk that is in use";
  static constexpr auto magic_key = "size";

  bool config(std::string_view key, std::string_view value) {
    if (key == "dir") {
      dir_ = nbd::absolute_path(value);
    } else if (key == "size") {
      size_ = nbd::parse_size(value);
    } else if (key == "wait") {
      wait_ = nbd::parse_bool(value);
    } else if (key == "command") {
      recipe_.command = value;
    } else {
      recipe_.variables.insert_or_assign(std::string(key), std::string(value));
    }
    return true;
  }

  void config_complete() {
    if (dir_.empty()) throw nbd::Error("ondemand: you must give the folder: dir=<EXPORTSDIR>");
    if (!size_) throw nbd::Error("ondemand: you must give the size of the disks: size=<SIZE>");
    struct stat s{};
    if (::stat(dir_.c_str(), &s) == -1) fail("ondemand: cannot use", dir_);
    if (!S_ISDIR(s.st_mode)) throw nbd::Error("ondemand: not a folder: " + dir_);
    recipe_.size = *size_;
    ondemand::check(recipe_);
  }

  void list_exports(nbd::ExportList& out) {
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(dir_.c_str()), ::closedir);
    if (dir == nullptr) fail("cannot read", dir_);
    while (const dirent* entry = ::readdir(dir.get())) {
      if (is_valid(entry->d_name)) out.add(entry->d_name);
    }
  }
  std::string default_export() { return kDefaultExport; }

  // The disk of that name, made if it is not there yet.
  std::string path_of(std::string export_name) const {
    if (export_name.empty()) export_name = kDefaultExport;
    if (!is_valid(export_name)) {
      throw nbd::Error(ENOENT, "not a valid name for an export: \"" + export_name + "\"");
    }
    std::string path = dir_ + "/" + export_name;
    if (::access(path.c_str(), F_OK) == -1) ondemand::make_disk(recipe_, dir_, export_name);
    return path;
  }

  struct Connection;

 private:
  std::string dir_;
  std::optional<uint64_t> size_;
  bool wait_ = false;
  ondemand::Recipe recipe_;
};

struct OnDemand::Connection : disk_file::DiskFile {
  // Open for writing also if the client may not write: the lock asks for that.
  Connection(OnDemand& plugin, bool) : DiskFile(plugin.path_of(nbdkit_export_name()), false) {
    while (!lock()) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EACCES) fail("cannot lock", path());
      if (!plugin.wait_)
        throw nbd::Error(EBUSY, "filesystem is locked by another client: " + path());
      // Polling, since this wait must end when the server does.
      if (!nbd::sleep(kLockPoll).ok()) throw nbd::Error(ESHUTDOWN, "gave up waiting for " + path());
    }
  }
  bool can_multi_conn() { return false; }  // a second one is locked out

 private:
  // The whole file. A disk that nobody can write to may have several readers.
  bool lock() {
    struct flock whole{};
    whole.l_type = can_write() ? F_WRLCK : F_RDLCK;
    whole.l_whence = SEEK_SET;
    return ::fcntl(fd(), F_OFD_SETLK, &whole) == 0;
  }
};

}  // namespace

NBDKIT_PLUGIN(OnDemand)
