// SPDX-License-Identifier: BSD-3-Clause
#include "vm/machine.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <signal.h>

#include <random>

#include "vm/guest.hpp"

namespace testkit::vm {

namespace {

// UML's kernel and the processes that it traces take turns: on one processor that is three times
// faster than over two (200 000 system calls: 8.9 s against 32 s on a busy machine). While this
// lives, so are we, and what we start stays there.
class OneProcessor {
 public:
  OneProcessor() {
    if (::sched_getaffinity(0, sizeof before_, &before_) != 0) return;
    const int count = CPU_COUNT(&before_);
    int chosen = static_cast<int>(std::random_device{}() % static_cast<unsigned>(count));
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &before_) || chosen-- > 0) continue;
      CPU_SET(cpu, &one);
      break;
    }
    pinned_ = ::sched_setaffinity(0, sizeof one, &one) == 0;
  }
  ~OneProcessor() {
    if (pinned_) ::sched_setaffinity(0, sizeof before_, &before_);
  }
  OneProcessor(const OneProcessor&) = delete;
  OneProcessor& operator=(const OneProcessor&) = delete;

 private:
  cpu_set_t before_{};
  bool pinned_ = false;
};

std::vector<std::string> uml_argv(const Kernel& kernel, const std::string& initramfs,
                                  const std::string& scratch, const MachineFds& fds) {
  return {kernel.image,
          fmt::format("mem={}M", kMemoryMib),
          "initrd=" + initramfs,
          "con=null",
          "con0=null,fd:1",
          "ssl=null",
          fmt::format("ssl0=null,fd:{}", fds.out),
          fmt::format("ssl1=null,fd:{}", fds.err),
          fmt::format("ssl2=null,fd:{}", fds.control),
          "uml_dir=" + scratch + "/uml/",
          "umid=guest",
          "panic=-1",
          "quiet"};
}

std::vector<std::string> qemu_argv(Backend backend, const Kernel& kernel,
                                   const std::string& initramfs,
                                   const std::vector<std::string>& shares, const MachineFds& fds) {
  std::vector<std::string> argv{"qemu-system-x86_64", "-M", "pc", "-m", std::to_string(kMemoryMib)};
  const auto add = [&](std::initializer_list<std::string> words) {
    argv.insert(argv.end(), words);
  };
  add({"-smp", backend == Backend::kvm ? "2" : "1"});  // translating with two is slower than one
  add({"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-monitor", "none"});
  add({"-kernel", kernel.image, "-initrd", initramfs, "-append",
       "console=ttyS0 panic=-1 quiet mitigations=off audit=0 nowatchdog cryptomgr.notests"});
  add({"-serial", "stdio", "-device", "virtio-serial-pci"});
  int number = 0;
  for (const int fd : {fds.out, fds.err, fds.control}) {
    ++number;
    add({"-chardev", fmt::format("file,id=c{},path=/proc/self/fd/{}", number, fd), "-device",
         fmt::format("virtserialport,chardev=c{0},nr={0},name=c{0}", number)});
  }
  const auto show_folder = [&](const std::string& tag, std::string path, const char* more) {
    for (size_t at = 0; (at = path.find(',', at)) != std::string::npos; at += 2) {
      path.insert(at, 1, ',');  // as qemu's options want it
    }
    add({"-fsdev",
         fmt::format("local,id={},path={},security_model=none,multidevs=remap{}", tag, path, more),
         "-device", fmt::format("virtio-9p-pci,fsdev={0},mount_tag={0}", tag)});
  };
  show_folder("root", "/", ",readonly=on");
  for (size_t i = 0; i < shares.size(); ++i) {
    show_folder(fmt::format("share{}", i), shares[i], "");
  }
  if (backend == Backend::kvm) {
    add({"-accel", "kvm", "-cpu", "host"});
  } else {
    add({"-accel", "tcg,thread=multi", "-cpu", "max"});
  }
  return argv;
}

}  // namespace

std::vector<std::string> device_settings(Backend backend) {
  if (backend == Backend::uml) {
    return {"root=hostfs", "out=/dev/ttyS0", "err=/dev/ttyS1", "control=/dev/ttyS2"};
  }
  return {"root=9p", "out=/dev/vport0p1", "err=/dev/vport0p2", "control=/dev/vport0p3"};
}

std::vector<std::string> boot_module_names(Backend backend) {
  if (backend == Backend::uml) return {"overlay"};
  return {"virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay"};
}

nbd::Child start_machine(Backend backend, const Kernel& kernel, const std::string& initramfs,
                         const std::vector<std::string>& shares, const std::string& scratch,
                         const MachineFds& fds) {
  nbd::SpawnOptions options;
  options.argv = backend == Backend::uml ? uml_argv(kernel, initramfs, scratch, fds)
                                         : qemu_argv(backend, kernel, initramfs, shares, fds);
  options.stdout_fd = fds.console;
  options.stderr_fd = fds.console;
  options.kept_fds = {fds.out, fds.err, fds.control};
  options.own_group = true;
  options.parent_death_signal = SIGKILL;
  if (backend != Backend::uml) return nbd::spawn(options);
  const OneProcessor pinned;
  return nbd::spawn(options);
}

}  // namespace testkit::vm
