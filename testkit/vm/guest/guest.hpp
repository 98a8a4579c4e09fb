// SPDX-License-Identifier: BSD-3-Clause
//
// The first process of a guest (see main.cpp). Linked statically, so that it runs before there is
// a root file system and whatever libraries the host has; it shares no code with testkit, which
// writes the files that it reads (vm/initramfs.cpp).
#pragma once

#include <string>
#include <vector>

namespace guest {

// What the host put into the initramfs.
struct Config {
  std::vector<std::string> argv, env;  // of the command
  std::string directory;               // where it runs
  std::string root;                    // the kind of file system of the host's files: hostfs or 9p
  std::string modules;                 // the host's folder of this kernel's modules
  std::vector<std::string> load;       // modules to load before the command
  std::vector<std::string> shares;     // folders of the host that are written to
  std::string out, err, control;       // devices that reach the host
};

inline constexpr const char* kConfigFolder = "/testkit";

Config read_config();

// "cannot WHAT: No such file or directory", of errno. For the console; ends the guest.
[[noreturn]] void fail(const std::string& what);
void say(const std::string& text);

std::string read_file(const std::string& path);
bool write_file(const std::string& path, const std::string& text);
void make_folders(const std::string& path);

// mounts.cpp: from the initramfs to the host's root with an overlay.
void enter_host_root(const Config& config);

// modules.cpp. By name or alias, with what it depends on; false, with the reason on the console,
// if there is none or the kernel refuses it.
bool load_module(const std::string& name, const std::string& parameters);
void load_boot_modules();
// As modprobe(8) does, for the kernel and for scripts where the host has no kmod.
int modprobe_main(int argc, char** argv);

// command.cpp: runs it to its end; says on the control device how it ended.
void run_command(const Config& config);

}  // namespace guest
