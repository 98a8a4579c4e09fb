// SPDX-License-Identifier: BSD-3-Clause
#include "vm/kernel.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "run/files.hpp"
#include "vm/cache.hpp"

namespace testkit::vm {

namespace {

namespace fs = std::filesystem;

// The one folder in it, named after the kernel's version; empty if there is none.
std::string only_folder_in(const std::string& path) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(path, none)) {
    if (entry.is_directory() && fs::exists(entry.path() / "modules.dep")) {
      return entry.path().string();
    }
  }
  return "";
}

// Makes `folder` with fill(NEW), all of it or nothing.
template <class Fill>
void make_whole(const std::string& folder, Fill&& fill) {
  const std::string fresh = folder + ".new";
  fs::remove_all(fresh);
  fs::create_directories(fresh);
  fill(fresh);
  fs::remove_all(folder);
  fs::rename(fresh, folder);
}

Kernel uml_kernel(const Interrupt& interrupt) {
  Kernel installed{"/usr/bin/linux.uml", only_folder_in("/usr/lib/uml/modules")};
  if (!installed.modules.empty() && ::access(installed.image.c_str(), X_OK) == 0) return installed;
  Cache cache(interrupt);
  const std::string folder = cache / "user-mode-linux";
  if (!fs::exists(folder)) {
    make_whole(folder, [&](const std::string& f) { cache.fetch_package("user-mode-linux", f); });
  }
  Kernel kernel{folder + "/usr/bin/linux.uml", only_folder_in(folder + "/usr/lib/uml/modules")};
  if (kernel.modules.empty()) nbd::fail("{} holds no modules; remove it", folder);
  return kernel;
}

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  if (!in) nbd::fail("cannot read {}", path);
  return std::move(out).str();
}

// The ELF kernel that is packed into a bzImage (Documentation/x86/boot.rst, payload_offset).
// Started as it is, by its PVH entry, it saves a qemu without KVM 5 s of unpacking.
void unpack_kernel(Cache& cache, const std::string& bz_image, const std::string& vmlinux) {
  const std::string image = read_all(bz_image);
  constexpr size_t kSetupSectors = 0x1f1, kPayloadOffset = 0x248, kHeaderEnd = 0x250;
  if (image.size() < kHeaderEnd) nbd::fail("{} is no kernel", bz_image);
  const auto sectors = static_cast<uint8_t>(image[kSetupSectors]);
  uint32_t field[2];  // offset, length
  std::memcpy(field, image.data() + kPayloadOffset, sizeof field);
  const size_t start = (size_t{sectors == 0 ? uint8_t{4} : sectors} + 1) * 512 + field[0];
  if (start > image.size()) nbd::fail("{} has no payload", bz_image);
  const std::string packed = vmlinux + ".packed";
  std::ofstream(packed, std::ios::binary) << image.substr(start, field[1]);
  const bool is_xz = image.compare(start, 6,
                                   std::string("\xfd"
                                               "7zXZ\0",
                                               6)) == 0;
  // The kernel's size follows the stream: for xz a trailing garbage that --single-stream allows.
  const std::string tool = is_xz ? "xz -dc --single-stream" : "zstd -dcq";
  cache.output_of({"/bin/sh", "-c", tool + " <\"$0\" >\"$1\" || test -s \"$1\"", packed, vmlinux});
  fs::remove(packed);
}

// Of 400 MB of modules two thirds are drivers of hardware that no guest has.
void drop_hardware(const fs::path& modules) {
  fs::remove_all(modules / "kernel/sound");
  for (const char* name :
       {"gpu", "media", "net/wireless", "net/ethernet", "infiniband", "iio", "staging", "usb",
        "scsi", "hwmon", "input", "mtd", "isdn", "bluetooth"}) {
    fs::remove_all(modules / "kernel/drivers" / name);
  }
}

// The package that Debian's linux-image-amd64 stands for: "linux-image-6.1.0-56-amd64".
std::string newest_kernel_package(Cache& cache) {
  std::istringstream lines(cache.output_of({"apt-cache", "depends", "linux-image-amd64"}));
  for (std::string line; std::getline(lines, line);) {
    const size_t at = line.find("Depends: linux-image-");
    if (at != std::string::npos) return line.substr(at + 9);
  }
  nbd::fail("apt knows no linux-image-amd64");
}

Kernel debian_kernel(const Interrupt& interrupt) {
  Cache cache(interrupt);
  const std::string folder = cache / "linux-image-amd64";
  if (!fs::exists(folder)) {
    make_whole(folder, [&](const std::string& fresh) {
      cache.fetch_package(newest_kernel_package(cache), fresh);
      std::string boot, modules;
      for (const auto& file : fs::directory_iterator(fresh + "/boot")) {
        if (file.path().filename().string().starts_with("vmlinuz-")) boot = file.path().string();
      }
      for (const auto& entry : fs::directory_iterator(fresh + "/lib/modules")) {
        modules = entry.path().string();
      }
      unpack_kernel(cache, boot, fresh + "/vmlinux");
      drop_hardware(modules);
      cache.output_of({"depmod", "-b", fresh, fs::path(modules).filename().string()});
    });
  }
  return {folder + "/vmlinux", only_folder_in(folder + "/lib/modules")};
}

// "kernel/fs/overlayfs/overlay.ko" -> "overlay"
std::string module_name(std::string_view path) {
  path = path.substr(path.rfind('/') + 1);
  return std::string(path.substr(0, path.find(".ko")));
}

}  // namespace

Kernel find_kernel(Backend backend, const Interrupt& interrupt) {
  try {
    return backend == Backend::uml ? uml_kernel(interrupt) : debian_kernel(interrupt);
  } catch (const fs::filesystem_error& error) {
    nbd::fail("{}", error.what());
  }
}

std::vector<std::string> in_load_order(std::string_view modules_dep,
                                       const std::vector<std::string>& names) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& path) {
    if (std::find(out.begin(), out.end(), path) == out.end()) out.push_back(path);
  };
  for (const std::string& name : names) {
    std::istringstream lines{std::string(modules_dep)};
    for (std::string line; std::getline(lines, line);) {
      const size_t colon = line.find(':');
      if (colon == std::string::npos || module_name(line.substr(0, colon)) != name) continue;
      std::istringstream words(line.substr(colon + 1));
      std::vector<std::string> needed;
      for (std::string word; words >> word;) needed.push_back(word);
      std::for_each(needed.rbegin(), needed.rend(), add);
      add(line.substr(0, colon));
    }
  }
  return out;
}

}  // namespace testkit::vm
