// SPDX-License-Identifier: BSD-3-Clause
//
// A plugin whose callbacks are scripts: what sh and eval have in common. They
// differ in what they run for a method, and in their parameters.
//
// Threads: as the script's thread_model says. A thread of its own waits for the
// server to end, so that scripts which hang then can be ended too.
#pragma once

#include <nbdkit/plugin.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "answers.hpp"
#include "base/temp-dir.hpp"

namespace script {

// How a method ended.
enum class Ending { ok, missing, no, failed };
struct Outcome {
  Ending ending = Ending::failed;
  std::string output;
  int errnum = EIO;  // of failed; the user has been told

  bool ok() const { return ending == Ending::ok; }
};

// The status of a request. Whatever is not "done" is a failure, and told.
nbd::Status status_of(const std::string& method, const Outcome& outcome, bool if_missing = false);

using Args = std::vector<std::string>;

std::string word(bool b);  // "true", "false": as scripts are told

class Plugin {
 public:
  virtual ~Plugin() = default;

  // Runs method; max_output is for the output that is not a word or a list.
  Outcome call(const std::string& method, const Args& args, std::span<const std::byte> input = {},
               std::optional<size_t> max_output = {});
  // For a method that may be missing and else must succeed.
  void call_optional(const std::string& method, const Args& args = {});

  void config_complete();
  nbd::ThreadModel thread_model();
  void get_ready();
  void after_fork();
  void cleanup();
  void unload();
  void dump_plugin();
  void preconnect(bool read_only);
  void list_exports(bool read_only, bool tls, nbd::ExportList& out);
  std::string default_export(bool read_only, bool tls);

  class Connection {
   public:
    Connection(Plugin& plugin, bool read_only);
    ~Connection();

    uint64_t size();
    std::string export_description();
    nbd::BlockSize block_size();
    bool can_write() { return ask("can_write"); }
    bool can_flush() { return ask("can_flush"); }
    bool can_trim() { return ask("can_trim"); }
    bool can_zero() { return ask("can_zero"); }
    bool can_extents() { return ask("can_extents"); }
    bool can_multi_conn() { return ask("can_multi_conn"); }
    bool is_rotational() { return ask("is_rotational"); }
    bool can_fast_zero();
    nbd::Support can_fua();
    nbd::Support can_cache();

    nbd::Status pread(std::span<std::byte> buf, uint64_t offset, nbd::Flags flags);
    nbd::Status pwrite(std::span<const std::byte> buf, uint64_t offset, nbd::Flags flags);
    nbd::Status flush(nbd::Flags flags);
    nbd::Status trim(uint32_t count, uint64_t offset, nbd::Flags flags);
    nbd::Status zero(uint32_t count, uint64_t offset, nbd::Flags flags);
    nbd::Status cache(uint32_t count, uint64_t offset, nbd::Flags flags);
    nbd::Status extents(uint32_t count, uint64_t offset, nbd::Flags flags, nbd::ExtentList& out);

   private:
    bool ask(const std::string& method, bool if_missing = false);

    Plugin& plugin_;
    std::string handle_;
  };

 protected:
  Plugin();
  // The program and arguments for a method; empty if there is none.
  virtual Args command(const std::string& method, const Args& args) = 0;
  const nbd::TempDir& temp_dir() const { return *temp_dir_; }

 private:
  Outcome judge(const std::string& method, int code, std::string_view errors);
  bool must_end(std::chrono::steady_clock::time_point started);

  std::optional<nbd::TempDir> temp_dir_;
  std::future<void> watcher_;
  std::shared_ptr<std::atomic<bool>> server_ends_ = std::make_shared<std::atomic<bool>>(false);
  bool forked_ = false;
};

}  // namespace script
