// SPDX-License-Identifier: BSD-3-Clause
#include "make-disk.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <vector>

#include "../file/disk-file.hpp"
#include "base/process.hpp"

namespace ondemand {

namespace {

using disk_file::fail;

// What mkfs.TYPE needs to be quiet and to take a file that is no block device,
// and how it is told the label.
struct Filesystem {
  std::string_view type;
  std::vector<std::string> options;
  std::string label_option;
};
const std::array<Filesystem, 9> kFilesystems{{{"ext2", {"-q", "-F"}, "-L"},
                                              {"ext3", {"-q", "-F"}, "-L"},
                                              {"ext4", {"-q", "-F"}, "-L"},
                                              {"xfs", {"-q", "-f"}, "-L"},
                                              {"btrfs", {"-q", "-f"}, "-L"},
                                              {"f2fs", {"-q", "-f"}, "-l"},
                                              {"ntfs", {"-q", "-Q", "-F"}, "-L"},
                                              {"vfat", {"-I"}, "-n"},
                                              {"fat", {"-I"}, "-n"}}};

std::string variable(const Recipe& recipe, const char* key, const char* otherwise) {
  const auto found = recipe.variables.find(key);
  return found != recipe.variables.end() ? found->second : otherwise;
}

std::vector<std::string> mkfs_command(const Recipe& recipe, const std::string& disk) {
  const std::string type = variable(recipe, "type", "ext4");
  const auto known = std::find_if(kFilesystems.begin(), kFilesystems.end(),
                                  [&](const Filesystem& f) { return f.type == type; });
  const Filesystem fs = known != kFilesystems.end() ? *known : Filesystem{type, {}, "-L"};
  std::vector<std::string> argv{"mkfs", "-t", type};
  argv.insert(argv.end(), fs.options.begin(), fs.options.end());
  const std::string label = variable(recipe, "label", "");
  if (!label.empty()) argv.insert(argv.end(), {fs.label_option, label});
  argv.push_back(disk);
  return argv;
}

void create_sparse(const std::string& path, uint64_t size) {
  const nbd::Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(size)) == -1) fail("cannot create", path);
}

// Runs it with what it prints on stderr, where messages belong.
void run(nbd::SpawnOptions options, const std::string& what) {
  // mkfs is not in the PATH of everybody.
  const char* path = ::getenv("PATH");
  options.env.insert(
      options.env.begin(),
      "PATH=" + std::string(path != nullptr ? path : "/usr/bin:/bin") + ":/usr/sbin:/sbin");
  options.stdout_fd = STDERR_FILENO;
  const nbd::ExitStatus status = nbd::spawn(options).wait();
  if (!status.success()) throw nbd::Error(what + " failed: " + status.describe());
}

bool is_shell_name(std::string_view name) {
  const auto ok = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
         std::all_of(name.begin(), name.end(), ok);
}

// A folder with a name that is no valid export, gone at the end of the scope.
class Workshop {
 public:
  explicit Workshop(const std::string& dir) : path_(dir + "/.making-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) fail("cannot create a folder in", dir);
  }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;
  ~Workshop() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

void check(const Recipe& recipe) {
  for (const auto& [key, value] : recipe.variables) {
    if (recipe.command.empty() && key != "type" && key != "label") {
      throw nbd::Error("ondemand: unknown parameter '" + key + "' (without command=)");
    }
    if (key == "disk" || !is_shell_name(key)) {
      throw nbd::Error("ondemand: '" + key + "' cannot be a variable of the command");
    }
  }
}

void make_disk(const Recipe& recipe, const std::string& dir, const std::string& name) {
  const Workshop workshop(dir);
  const std::string disk = workshop.path() + "/" + name;
  if (recipe.command.empty()) {
    create_sparse(disk, recipe.size);
    run({.argv = mkfs_command(recipe, disk)}, "mkfs for export " + name);
  } else {
    std::vector<std::string> env;
    for (const auto& [key, value] : recipe.variables) env.push_back(key + "=" + value);
    env.push_back("size=" + std::to_string(recipe.size));
    env.push_back("disk=" + disk);
    run({.argv = {"sh", "-c", recipe.command}, .env = env}, "the command for export " + name);
  }
  // link() does not replace one that somebody else has made meanwhile.
  const std::string final_path = dir + "/" + name;
  if (::link(disk.c_str(), final_path.c_str()) == -1 && errno != EEXIST) {
    fail("cannot move the new disk to", final_path);
  }
}

}  // namespace ondemand
