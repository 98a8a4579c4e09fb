// SPDX-License-Identifier: BSD-3-Clause
//
// Loading of kernel modules, from the text files that depmod(8) leaves beside them. A library for
// it (kmod) is neither in every host nor linked statically.
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>

#include "guest.hpp"

namespace guest {

namespace {

const char* const kBootModules = "/testkit/modules";

std::string folder() {
  utsname kernel{};
  ::uname(&kernel);
  return std::string("/lib/modules/") + kernel.release + "/";
}

// "kernel/drivers/block/nbd.ko" -> "nbd". "-" and "_" are one to the kernel.
std::string module_name(std::string path) {
  path = path.substr(path.rfind('/') + 1);
  path = path.substr(0, path.find(".ko"));
  std::replace(path.begin(), path.end(), '-', '_');
  return path;
}

bool insert(const std::string& path, const std::string& parameters) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail("open module " + path);
  const long result = ::syscall(SYS_finit_module, fd, parameters.c_str(), 0);
  const int error = errno;
  ::close(fd);
  if (result == 0 || error == EEXIST) return true;
  say("the kernel refuses the module " + path + ": " + std::strerror(error));
  return false;
}

// The line "PATH: DEPENDENCY ..." of modules.dep, its words; empty if there is none. Dependencies
// stand in the order in which they are unloaded.
std::vector<std::string> find_module(const std::string& name) {
  std::istringstream table(read_file(folder() + "modules.dep"));
  for (std::string line; std::getline(table, line);) {
    const size_t colon = line.find(':');
    if (module_name(line.substr(0, colon)) != name) continue;
    std::istringstream rest(line.substr(colon + 1));
    std::vector<std::string> words{line.substr(0, colon)};
    for (std::string word; rest >> word;) words.push_back(word);
    return words;
  }
  return {};
}

bool is_built_in(const std::string& name) {
  std::istringstream table(read_file(folder() + "modules.builtin"));
  for (std::string line; std::getline(table, line);) {
    if (module_name(line) == name) return true;
  }
  return false;
}

// The modules for an alias such as "net-pf-40" or "fs-xfs".
std::vector<std::string> resolve(const std::string& alias) {
  std::vector<std::string> out;
  std::istringstream table(read_file(folder() + "modules.alias"));
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    std::string keyword, pattern, module;
    words >> keyword >> pattern >> module;
    if (keyword != "alias") continue;
    if (::fnmatch(pattern.c_str(), alias.c_str(), 0) == 0) out.push_back(module_name(module));
  }
  return out;
}

}  // namespace

bool load_module(const std::string& name, const std::string& parameters) {
  const std::string plain = module_name(name);
  const std::vector<std::string> words = find_module(plain);
  for (size_t i = words.size(); i-- > 1;) {
    if (!insert(folder() + words[i], "")) return false;
  }
  if (!words.empty()) return insert(folder() + words[0], parameters);
  if (is_built_in(plain)) return true;
  const std::vector<std::string> meant = resolve(name);
  bool good = !meant.empty();
  for (const std::string& module : meant) good = load_module(module, parameters) && good;
  return good;
}

void load_boot_modules() {
  dirent** entries = nullptr;  // sorted: the names begin with a number
  const int count = ::scandir(kBootModules, &entries, nullptr, ::alphasort);
  for (int i = 0; i < count; ++i) {
    if (entries[i]->d_name[0] != '.')
      insert(std::string(kBootModules) + "/" + entries[i]->d_name, "");
  }
}

int modprobe_main(int argc, char** argv) {
  std::vector<std::string> words;
  bool all = false, quiet = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "-a" || word == "--all") all = true;
    if (word == "-q" || word == "--quiet") quiet = true;
    if (!word.starts_with("-")) words.push_back(word);
  }
  bool good = !words.empty();
  try {
    std::string parameters;
    for (size_t i = 1; i < words.size() && !all; ++i) parameters += words[i] + " ";
    if (!all && words.size() > 1) words.resize(1);
    for (const std::string& name : words) {
      if (load_module(name, parameters)) continue;
      good = false;
      if (!quiet) say("no module " + name);
    }
  } catch (const std::exception& error) {
    say(error.what());
    good = false;
  }
  return good ? 0 : 1;
}

}  // namespace guest
