// SPDX-License-Identifier: BSD-3-Clause
//
// The root of a guest: the host's files, read-only, under an overlay in memory; folders that are
// shared on top; proc, sys, dev, run and the like of the guest's own.
#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "guest.hpp"

namespace guest {

namespace {

void mount_or_fail(const std::string& source, const std::string& target, const char* type,
                   unsigned long flags, const std::string& data) {
  if (::mount(source.c_str(), target.c_str(), type, flags, data.c_str()) == 0) return;
  fail(std::string("mount ") + (type != nullptr ? type : "") + " " + source + " at " + target);
}

// A folder of the host, by its path (hostfs) or by the tag under which qemu shows it (9p).
void mount_host(const Config& config, const std::string& path, const std::string& tag,
                const std::string& target, bool writable) {
  const unsigned long flags = writable ? 0 : MS_RDONLY;
  if (config.root == "hostfs") return mount_or_fail("none", target, "hostfs", flags, path);
  // "loose" trusts that nobody else writes there: right for a root that is read-only for us.
  const std::string cache = writable ? "mmap" : "loose";
  mount_or_fail(tag, target, "9p", flags,
                "trans=virtio,version=9p2000.L,msize=512000,cache=" + cache);
}

void mount_overlay() {
  mount_or_fail("overlay", "/ovl", "tmpfs", 0, "size=80%,mode=755");
  ::mkdir("/ovl/upper", 0755);
  ::mkdir("/ovl/work", 0755);
  // Neither the file handles nor the extended attributes of these options are to be had on hostfs.
  mount_or_fail("overlay", "/new", "overlay", 0,
                "lowerdir=/lower,upperdir=/ovl/upper,workdir=/ovl/work,redirect_dir=off,index=off,"
                "xino=off");
}

void mount_own_folders() {
  for (const char* name : {"/new/proc", "/new/sys", "/new/dev", "/new/run", "/new/tmp"}) {
    make_folders(name);
  }
  mount_or_fail("proc", "/new/proc", "proc", 0, "");
  mount_or_fail("sys", "/new/sys", "sysfs", 0, "");
  mount_or_fail("run", "/new/run", "tmpfs", 0, "mode=755");
  ::mkdir("/new/run/lock", 01777);
  if (::mount("/dev", "/new/dev", nullptr, MS_MOVE, nullptr) != 0) fail("move /dev");
  ::mkdir("/new/dev/pts", 0755);
  ::mkdir("/new/dev/shm", 01777);
  ::mount("devpts", "/new/dev/pts", "devpts", 0, "gid=5,mode=620,ptmxmode=666");
  ::mount("shm", "/new/dev/shm", "tmpfs", 0, "mode=1777");
  ::symlink("/proc/self/fd", "/new/dev/fd");
  const char* streams[] = {"/new/dev/stdin", "/new/dev/stdout", "/new/dev/stderr"};
  for (int i = 0; i < 3; ++i) {
    ::symlink(("/proc/self/fd/" + std::to_string(i)).c_str(), streams[i]);
  }
}

// The kernel looks for modprobe at a fixed place, and scripts in PATH.
void provide_modprobe() {
  const std::string here = "/new/run/testkit-guest";
  if (!write_file(here, read_file("/init"))) fail("write " + here);
  for (const char* name : {"/new/sbin/modprobe"}) {
    struct stat found{};
    if (::lstat(name, &found) != 0) ::symlink("/run/testkit-guest", name);
  }
  write_file("/new/proc/sys/kernel/modprobe", "/run/testkit-guest");
}

void bring_loopback_up() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  if (::ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
    request.ifr_flags |= IFF_UP;
    ::ioctl(fd, SIOCSIFFLAGS, &request);
  }
  ::close(fd);
}

}  // namespace

void enter_host_root(const Config& config) {
  for (const char* name : {"/lower", "/ovl", "/new"}) ::mkdir(name, 0755);
  mount_host(config, "/", "root", "/lower", false);
  mount_overlay();
  mount_own_folders();
  for (size_t i = 0; i < config.shares.size(); ++i) {
    make_folders("/new" + config.shares[i]);
    mount_host(config, config.shares[i], "share" + std::to_string(i), "/new" + config.shares[i],
               true);
  }
  utsname kernel{};
  ::uname(&kernel);
  const std::string modules = std::string("/new/lib/modules/") + kernel.release;
  make_folders(modules);
  mount_or_fail("/lower" + config.modules, modules, nullptr, MS_BIND, "");
  provide_modprobe();
  // As switch_root(8) does. Not a chroot: `unshare -U` fails in one.
  if (::chdir("/new") != 0 || ::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 ||
      ::chroot(".") != 0 || ::chdir("/") != 0) {
    fail("enter the host's root");
  }
  bring_loopback_up();
  ::sethostname("testkit-guest", 13);
}

}  // namespace guest
