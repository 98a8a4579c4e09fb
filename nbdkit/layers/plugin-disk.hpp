// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <memory>

#include <nbdkit/disk.hpp>

#include "layers/context.hpp"
#include "layers/plugin-layer.hpp"

namespace nbdkit {

// A plugin as one client has opened it. See plugin-layer.hpp.
//
// Threads: as many at once as the plugin's thread model allows; the server
// keeps to it.
class PluginDisk final : public nbd::Disk {
 public:
  // Opens; throws an Error if the plugin refuses or says what cannot be.
  PluginDisk(const PluginTable& table, const nbd::OpenRequest& request);
  ~PluginDisk() override;

  nbd::Status pread(std::span<std::byte> buf, uint64_t offset, nbd::Flags flags) override;
  nbd::Status pwrite(std::span<const std::byte> buf, uint64_t offset, nbd::Flags flags) override;
  nbd::Status flush(nbd::Flags flags) override;
  nbd::Status trim(uint64_t count, uint64_t offset, nbd::Flags flags) override;
  nbd::Status zero(uint64_t count, uint64_t offset, nbd::Flags flags) override;
  nbd::Status cache(uint64_t count, uint64_t offset, nbd::Flags flags) override;
  nbd::Status extents(uint64_t count, uint64_t offset, nbd::Flags flags,
                      nbd::Extents& out) override;
  bool try_pread(std::span<std::byte> buf, uint64_t offset) override;
  nbd::Status lend(uint32_t count, uint64_t offset, nbd::Loan& out) override;
  std::string description() override;

 private:
  void close() noexcept;
  void read_properties(bool read_only);
  void read_block_size();
  bool ask(int (*callback)(void*), bool fallback, const char* what) const;
  nbd::Support ask_support(int (*callback)(void*), nbd::Support fallback, const char* what) const;

  // Calls the plugin: what it did, with the errno by the interface's rule.
  template <class Call>
  nbd::Status call(const char* name, Call&& callback) const;
  // The same for a call that may have to be followed by a flush.
  template <class Call>
  nbd::Status call_fua(nbd::Flags flags, Call&& callback);

  nbd::Status zero_natively(uint64_t count, uint64_t offset, nbd::Flags flags);
  nbd::Status zero_by_writing(uint64_t count, uint64_t offset, nbd::Flags flags);

  const PluginTable& table_;
  const nbdkit_plugin& plugin_;
  // Stands for the client where the disk outlives it: what the plugin keeps of it
  // (strings that it has interned) lives as long as the disk.
  std::unique_ptr<Client> opener_;
  void* handle_ = nullptr;
  bool plugin_can_zero_ = false;
};

}  // namespace nbdkit
