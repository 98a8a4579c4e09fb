// SPDX-License-Identifier: BSD-3-Clause
#include "vm/backend.hpp"

#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/error.hpp"
#include "run/files.hpp"
#include "vm/guest.hpp"

namespace testkit::vm {

namespace {

struct Row {
  Backend backend;
  std::string_view name;
};
// In the order in which "auto" tries them, but for kvm.
constexpr std::array kRows{Row{Backend::uml, "uml"}, Row{Backend::qemu, "qemu"},
                           Row{Backend::kvm, "kvm"}};

bool exists(const char* path) { return ::access(path, F_OK) == 0; }

// /dev/kvm alone says nothing: in a micro-VM that is itself a guest without nested virtualization
// it is there (kvm_pvm), interprets the kernel, 60 times slower than qemu's own translation, and
// stops at the first instruction that it does not know.
bool processor_runs_guests() {
  return ::access("/dev/kvm", R_OK | W_OK) == 0 &&
         (exists("/sys/module/kvm_intel") || exists("/sys/module/kvm_amd"));
}

// UML keeps the guest's memory in a file there and maps it executable.
std::string why_not_uml() {
  struct statvfs shm{};
  if (::statvfs("/dev/shm", &shm) != 0) return "";  // then it takes TMPDIR
  const uint64_t free_mib = uint64_t{shm.f_bavail} * shm.f_frsize >> 20;
  if (free_mib < kMemoryMib) {
    return fmt::format("/dev/shm has {} MiB free and a guest needs {} (docker: --shm-size)",
                       free_mib, kMemoryMib);
  }
  if ((shm.f_flag & ST_NOEXEC) != 0) return "/dev/shm is mounted noexec";
  return "";
}

}  // namespace

std::string_view name_of(Backend backend) {
  for (const Row& row : kRows) {
    if (row.backend == backend) return row.name;
  }
  return "";
}

std::vector<Backend> backends_for(std::string_view name) {
  const char* wish = std::getenv("TESTKIT_VM_BACKEND");
  if ((name.empty() || name == "auto") && wish != nullptr && *wish != '\0') name = wish;
  if (name.empty() || name == "auto") {
    if (processor_runs_guests() && why_not(Backend::kvm).empty()) {
      return {Backend::kvm, Backend::uml, Backend::qemu};
    }
    return {Backend::uml, Backend::qemu};
  }
  for (const Row& row : kRows) {
    if (row.name == name) return {row.backend};
  }
  nbd::fail("unknown back end \"{}\"; known are: auto uml qemu kvm", name);
}

std::string why_not(Backend backend) {
#if !defined(__x86_64__)
  return "guests are for x86-64 only";
#endif
  if (backend == Backend::uml) return why_not_uml();
  if (!exists("/usr/bin/qemu-system-x86_64")) {
    return "qemu-system-x86_64 is missing (Debian package qemu-system-x86)";
  }
  if (!exists("/usr/sbin/depmod") && !exists("/sbin/depmod")) {
    return "depmod is missing (Debian package kmod)";
  }
  if (backend == Backend::kvm && !processor_runs_guests()) {
    return "no /dev/kvm of a processor that runs guests itself";
  }
  return "";
}

}  // namespace testkit::vm
