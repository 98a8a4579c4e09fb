// SPDX-License-Identifier: BSD-3-Clause
//
// What a client asks of the script.
#include <fmt/format.h>

#include <cstring>

#include "base/error.hpp"
#include "base/parse.hpp"
#include "plugin.hpp"

namespace script {

using nbd::Flags;
using nbd::Status;

namespace {

std::string flag_words(Flags flags) {
  std::string out;
  const auto add = [&](Flags one, const char* name) {
    if (!has(flags, one)) return;
    if (!out.empty()) out += ',';
    out += name;
  };
  add(Flags::fua, "fua");
  add(Flags::may_trim, "may_trim");
  add(Flags::fast_zero, "fast");
  add(Flags::req_one, "req_one");
  return out;
}

}  // namespace

Plugin::Connection::Connection(Plugin& plugin, bool read_only) : plugin_(plugin) {
  const char* name = nbdkit_export_name();
  const Outcome outcome = plugin_.call(
      "open", {word(read_only), name != nullptr ? name : "", word(nbdkit_is_tls() > 0)});
  if (!status_of("open", outcome, true).ok()) throw nbd::Reported();
  if (outcome.ok()) handle_ = one_line(outcome.output);
}

Plugin::Connection::~Connection() {
  try {
    (void)plugin_.call("close", {handle_});
  } catch (const std::exception& e) {
    nbd::log_error(e.what());
  }
}

bool Plugin::Connection::ask(const std::string& method, bool if_missing) {
  const Outcome outcome = plugin_.call(method, {handle_});
  if (outcome.ending == Ending::failed) throw nbd::Reported();
  return outcome.ending == Ending::missing ? if_missing : outcome.ok();
}

uint64_t Plugin::Connection::size() {
  const Outcome outcome = plugin_.call("get_size", {handle_});
  if (!status_of("get_size", outcome).ok()) throw nbd::Reported();
  return nbd::parse_size("get_size", one_line(outcome.output));
}

std::string Plugin::Connection::export_description() {
  const Outcome outcome = plugin_.call("export_description", {handle_});
  return outcome.ok() ? one_line(outcome.output) : "";
}

nbd::BlockSize Plugin::Connection::block_size() {
  const Outcome outcome = plugin_.call("block_size", {handle_});
  if (!status_of("block_size", outcome, true).ok()) throw nbd::Reported();
  return outcome.ok() ? parse_block_size(outcome.output) : nbd::BlockSize{};
}

// Without zero, a fast zero fails as fast as can be.
bool Plugin::Connection::can_fast_zero() {
  const Outcome outcome = plugin_.call("can_fast_zero", {handle_});
  if (outcome.ending == Ending::failed) throw nbd::Reported();
  return outcome.ending == Ending::missing ? !can_zero() : outcome.ok();
}

nbd::Support Plugin::Connection::can_fua() {
  const Outcome outcome = plugin_.call("can_fua", {handle_});
  if (!status_of("can_fua", outcome, true).ok()) throw nbd::Reported();
  if (outcome.ok()) return parse_support("can_fua", outcome.output);
  return can_flush() ? nbd::Support::emulate : nbd::Support::none;
}

nbd::Support Plugin::Connection::can_cache() {
  const Outcome outcome = plugin_.call("can_cache", {handle_});
  if (!status_of("can_cache", outcome, true).ok()) throw nbd::Reported();
  return outcome.ok() ? parse_support("can_cache", outcome.output) : nbd::Support::none;
}

Status Plugin::Connection::pread(std::span<std::byte> buf, uint64_t offset, Flags) {
  const Outcome outcome = plugin_.call(
      "pread", {handle_, std::to_string(buf.size()), std::to_string(offset)}, {}, buf.size());
  if (const Status s = status_of("pread", outcome); !s.ok()) return s;
  if (outcome.output.size() != buf.size()) {
    nbd::log_error(fmt::format("pread: the script printed {} bytes instead of {}",
                               outcome.output.size(), buf.size()));
    return Status(EIO);
  }
  std::memcpy(buf.data(), outcome.output.data(), buf.size());
  return nbd::kOk;
}

Status Plugin::Connection::pwrite(std::span<const std::byte> buf, uint64_t offset, Flags flags) {
  return status_of("pwrite", plugin_.call("pwrite",
                                          {handle_, std::to_string(buf.size()),
                                           std::to_string(offset), flag_words(flags)},
                                          buf));
}

Status Plugin::Connection::flush(Flags) {
  return status_of("flush", plugin_.call("flush", {handle_}), true);
}

Status Plugin::Connection::trim(uint32_t count, uint64_t offset, Flags flags) {
  return status_of("trim",
                   plugin_.call("trim", {handle_, std::to_string(count), std::to_string(offset),
                                         flag_words(flags)}),
                   true);
}

Status Plugin::Connection::zero(uint32_t count, uint64_t offset, Flags flags) {
  const Outcome outcome = plugin_.call(
      "zero", {handle_, std::to_string(count), std::to_string(offset), flag_words(flags)});
  if (outcome.ending == Ending::missing) return Status(EOPNOTSUPP);
  return status_of("zero", outcome);
}

Status Plugin::Connection::cache(uint32_t count, uint64_t offset, Flags) {
  return status_of("cache",
                   plugin_.call("cache", {handle_, std::to_string(count), std::to_string(offset)}),
                   true);
}

Status Plugin::Connection::extents(uint32_t count, uint64_t offset, Flags flags,
                                   nbd::ExtentList& out) {
  const Outcome outcome = plugin_.call(
      "extents", {handle_, std::to_string(count), std::to_string(offset), flag_words(flags)});
  if (outcome.ending == Ending::missing) return out.add(offset, count, 0);
  if (const Status s = status_of("extents", outcome); !s.ok()) return s;
  for (const auto& e : parse_extents(outcome.output)) {
    if (const Status s = out.add(e.offset, e.length, e.type); !s.ok()) return s;
  }
  return nbd::kOk;
}

}  // namespace script
