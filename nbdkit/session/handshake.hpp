// SPDX-License-Identifier: BSD-3-Clause
//
// From a connected client to an open export.
//
// Newstyle (fixed or not) and oldstyle. One function for each NBD_OPT_*; the
// dispatcher is handle_option(). A client that breaks the rules gets an error
// reply where the protocol has one, else an Error ends its connection.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "layers/context.hpp"
#include "layers/stack.hpp"
#include "session/export.hpp"
#include "session/input.hpp"
#include "session/limits.hpp"
#include "wire/messages.hpp"

namespace nbdkit {

struct HandshakeOptions {
  bool oldstyle = false;
  bool read_only = false;
  bool structured_replies = true;
  bool meta_contexts = true;
  uint16_t offered_flags =
      nbd::wire::handshake_flag::kFixedNewstyle | nbd::wire::handshake_flag::kNoZeroes;
  const TlsCredentials* tls = nullptr;  // nullptr: there is no TLS
  bool tls_required = false;
  std::chrono::nanoseconds time = limits::kHandshakeTime;  // to wait for the client, in all
};

class Handshake {
 public:
  // stack_lock: held around each call of the stack, if given (thread models).
  Handshake(Channel& channel, Input& input, Stack& stack, Client& client,
            const HandshakeOptions& options, std::mutex* stack_lock);

  struct Result {
    std::unique_ptr<Export> disk;
    Export::Negotiated negotiated;
  };
  // Nothing if the client ended politely, or went away between two messages.
  std::optional<Result> run();

 private:
  enum class Step { go_on, transmission, end };
  using Bytes = nbd::wire::Bytes;
  using Option = nbd::wire::Option;
  using OptionReply = nbd::wire::OptionReply;

  bool run_oldstyle();
  bool run_newstyle();
  bool read_client_flags();
  Step next_option();
  bool needs_tls_first(Option option) const;
  Step handle_option(Option option, Bytes data);

  Step export_name(Bytes data);
  Step list(Bytes data);
  Step starttls(Bytes data);
  Step info_or_go(Option option, Bytes data);
  Step structured_reply(Bytes data);
  Step extended_headers(Bytes data);
  Step meta_context(Option option, Bytes data);

  std::unique_ptr<Export> open(std::string_view export_name);
  void send_info(Option option, const Export& disk, const nbd::wire::InfoRequest& request,
                 const std::string& canonical_name);
  void reply(Option option, OptionReply reply, Bytes data = {});
  void acknowledge_abort();
  Step refuse(Option option, OptionReply error, std::string_view why);
  uint16_t flags_of(const Export& disk) const;
  template <class Call>
  auto with_stack(Call&& call);
  void send(const nbd::wire::Writer& w) { channel_.stream().send(w.bytes()); }

  Channel& channel_;
  Input& input_;
  Stack& stack_;
  Client& client_;
  const HandshakeOptions options_;
  std::mutex* const stack_lock_;

  std::chrono::steady_clock::time_point deadline_;
  bool fixed_ = false;                              // NBD_FLAG_C_FIXED_NEWSTYLE
  bool no_zeroes_ = false;                          // NBD_FLAG_C_NO_ZEROES
  std::optional<std::string> meta_context_export_;  // base:allocation is set for it
  Result result_;
};

}  // namespace nbdkit
