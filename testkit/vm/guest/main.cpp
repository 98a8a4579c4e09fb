// SPDX-License-Identifier: BSD-3-Clause
//
// testkit-guest: process 1 of a guest that `testkit vm` boots. It puts the host's root file
// system together (read-only, with an overlay in memory), loads modules, runs one command and
// turns the guest off. Under any other process ID it is modprobe.
//
// A shell over busybox did the same before and took 1.2 s of the 2.0 s until the command ran:
// under User Mode Linux a process costs 20 ms.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <stdexcept>

#include "guest.hpp"

namespace guest {

void fail(const std::string& what) {
  throw std::runtime_error("cannot " + what + ": " + std::strerror(errno));
}

void say(const std::string& text) { std::fprintf(stderr, "testkit-guest: %s\n", text.c_str()); }

std::string read_file(const std::string& path) {
  std::string out;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail("read " + path);
  char block[64 << 10];
  for (ssize_t n; (n = ::read(fd, block, sizeof block)) > 0;)
    out.append(block, static_cast<size_t>(n));
  ::close(fd);
  return out;
}

bool write_file(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
  if (fd < 0) return false;
  const bool whole = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  return whole;
}

void make_folders(const std::string& path) {
  for (size_t at = 1; at != std::string::npos;) {
    at = path.find('/', at + 1);
    ::mkdir(path.substr(0, at).c_str(), 0755);
  }
}

namespace {

// Texts that are each ended by a zero byte.
std::vector<std::string> read_list(const char* name) {
  const std::string all = read_file(std::string(kConfigFolder) + "/" + name);
  std::vector<std::string> out;
  for (size_t at = 0, end; (end = all.find('\0', at)) != std::string::npos; at = end + 1) {
    out.push_back(all.substr(at, end - at));
  }
  return out;
}

[[noreturn]] void power_off() {
  ::sync();
  ::reboot(RB_POWER_OFF);
  for (;;) ::pause();
}

void open_console() {
  ::mkdir("/dev", 0755);
  ::mount("devtmpfs", "/dev", "devtmpfs", 0, nullptr);
  const int fd = ::open("/dev/console", O_RDWR | O_NOCTTY);
  for (int i = 0; i < 3 && fd >= 0; ++i) ::dup2(fd, i);
  if (fd > 2) ::close(fd);
}

}  // namespace

Config read_config() {
  Config config;
  config.argv = read_list("command");
  config.env = read_list("environment");
  for (const std::string& line : read_list("settings")) {
    const size_t equals = line.find('=');
    const std::string key = line.substr(0, equals), value = line.substr(equals + 1);
    if (key == "directory") config.directory = value;
    if (key == "root") config.root = value;
    if (key == "modules") config.modules = value;
    if (key == "load") config.load.push_back(value);
    if (key == "share") config.shares.push_back(value);
    if (key == "out") config.out = value;
    if (key == "err") config.err = value;
    if (key == "control") config.control = value;
  }
  return config;
}

}  // namespace guest

int main(int argc, char** argv) {
  if (::getpid() != 1) return guest::modprobe_main(argc, argv);
  guest::open_console();
  try {
    const guest::Config config = guest::read_config();
    guest::load_boot_modules();
    guest::enter_host_root(config);
    for (const std::string& name : config.load) guest::load_module(name, "");
    for (const char* node : {"/dev/fuse", "/dev/vsock"}) ::chmod(node, 0666);
    guest::run_command(config);
  } catch (const std::exception& error) {
    guest::say(error.what());
  }
  guest::power_off();
}
