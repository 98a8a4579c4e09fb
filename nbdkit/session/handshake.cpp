// SPDX-License-Identifier: BSD-3-Clause
#include "session/handshake.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/log.hpp"
#include "session/limits.hpp"

namespace nbdkit {

namespace wire = nbd::wire;
using wire::Writer;
using Clock = std::chrono::steady_clock;

namespace {

// Strings of the protocol: bounded, and without NUL, which C would cut.
bool is_valid_string(std::string_view s) {
  return s.size() <= wire::kMaxString && s.find('\0') == std::string_view::npos;
}

std::string_view as_text(wire::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What the plugin has said, if it has; else what became of it.
std::string why(const nbd::Error& e) {
  std::string text = last_error();
  return text.empty() ? e.what() : text.substr(0, wire::kMaxString);
}

std::string describe(wire::Option option) {
  const std::string_view name = wire::name_of(option);
  return name.empty() ? fmt::format("option {}", static_cast<uint32_t>(option)) : std::string(name);
}

}  // namespace

Handshake::Handshake(Channel& channel, Input& input, Stack& stack, Client& client,
                     const HandshakeOptions& options, std::mutex* stack_lock)
    : channel_(channel),
      input_(input),
      stack_(stack),
      client_(client),
      options_(options),
      stack_lock_(stack_lock) {}

std::optional<Handshake::Result> Handshake::run() {
  deadline_ = Clock::now() + options_.time;
  channel_.stream().set_deadline(deadline_);
  try {
    const bool done = options_.oldstyle ? run_oldstyle() : run_newstyle();
    channel_.stream().set_deadline(std::nullopt);
    if (!done) return std::nullopt;
    return std::move(result_);
  } catch (const nbd::Error& e) {
    if (e.errnum() != ETIMEDOUT || Clock::now() < deadline_) throw;
    nbd::fail("the client did not finish the handshake within {} s",
              std::chrono::duration<double>(options_.time).count());
  }
}

// The client does not answer for the time that this takes.
template <class Call>
auto Handshake::with_stack(Call&& call) {
  struct Pause {
    Handshake& self;
    const Clock::time_point begin = Clock::now();
    ~Pause() {
      self.deadline_ += Clock::now() - begin;
      self.channel_.stream().set_deadline(self.deadline_);
    }
  } const pause{*this};
  std::unique_lock<std::mutex> lock;
  if (stack_lock_ != nullptr) lock = std::unique_lock(*stack_lock_);
  return call();
}

uint16_t Handshake::flags_of(const Export& disk) const {
  return disk.transmission_flags(result_.negotiated);
}

// "" is the client's word for whatever the default is.
std::unique_ptr<Export> Handshake::open(std::string_view export_name) {
  return with_stack([&] {
    std::string name(export_name);
    if (name.empty()) name = stack_.top().default_export(options_.read_only, client_.tls);
    client_.export_name = name;
    const bool one_client = stack_.thread_model() == nbd::ThreadModel::serialize_connections;
    return std::make_unique<Export>(
        stack_.open({.export_name = name, .read_only = options_.read_only, .tls = client_.tls}),
        stack_lock_, one_client);
  });
}

bool Handshake::run_oldstyle() {
  result_.disk = open("");
  Writer w;
  w.put(wire::kNbdMagic).put(wire::kOldstyleMagic).put(result_.disk->size());
  // Handshake flags, of which there are none in oldstyle, then transmission's.
  w.put(uint16_t{0}).put(flags_of(*result_.disk)).put_zeroes(wire::kReservedZeroes);
  send(w);
  return true;
}

bool Handshake::run_newstyle() {
  Writer greeting;
  greeting.put(wire::kNbdMagic).put(wire::kIHaveOpt).put(options_.offered_flags);
  send(greeting);
  if (!read_client_flags()) return false;

  for (unsigned n = 0; n < limits::kMaxOptions; ++n) {
    const Step step = next_option();
    if (step != Step::go_on) return step == Step::transmission;
  }
  nbd::fail("the client sent more than {} options", limits::kMaxOptions);
}

bool Handshake::read_client_flags() {
  namespace cf = wire::client_flag;
  const std::byte* bytes = input_.need(sizeof(uint32_t));
  if (bytes == nullptr) return false;
  const auto flags = wire::load<uint32_t>(bytes);
  input_.take(sizeof(uint32_t));
  nbd::log::debug("newstyle negotiation: client flags: {:#x}", flags);
  // A flag of ours and the client's answer to it have the same bit.
  if ((flags & ~uint32_t{options_.offered_flags}) != 0) {
    nbd::fail("the client requested unexpected flags {:#x}", flags);
  }
  fixed_ = (flags & cf::kFixedNewstyle) != 0;
  no_zeroes_ = (flags & cf::kNoZeroes) != 0;
  return true;
}

Handshake::Step Handshake::next_option() {
  const std::byte* bytes = input_.need(wire::kOptionHeaderSize);
  if (bytes == nullptr) return Step::end;
  const auto header = wire::decode_option_header(
      std::span<const std::byte, wire::kOptionHeaderSize>(bytes, wire::kOptionHeaderSize));
  if (!header) nbd::fail("the client sent an option without its magic number");
  input_.take(wire::kOptionHeaderSize);
  const auto& [option, length] = *header;

  // Before its data: whoever has to use TLS has no say before that.
  const bool must_wait = needs_tls_first(option);
  if (must_wait && (option == Option::export_name || !fixed_)) {
    nbd::fail("the client sent {} without TLS, which is required", describe(option));
  }
  if (length > limits::kMaxOptionData) {
    if (!fixed_ || option == Option::export_name || length > limits::kMaxRefusedOption) {
      nbd::fail("the client sent {} with {} bytes of data", describe(option), length);
    }
    input_.skip(length);
    if (must_wait) return refuse(option, OptionReply::err_tls_reqd, "TLS is required");
    return refuse(option, OptionReply::err_too_big,
                  fmt::format("{} bytes of data, more than {}", length, limits::kMaxOptionData));
  }
  // Copied, since the handlers read on and the buffer moves.
  std::vector<std::byte> data(length);
  input_.read(data);
  if (must_wait) return refuse(option, OptionReply::err_tls_reqd, "TLS is required");
  return handle_option(option, data);
}

Handshake::Step Handshake::handle_option(Option option, Bytes data) {
  begin_work();
  nbd::log::debug("newstyle negotiation: {}: {} bytes of data", describe(option), data.size());
  if (server().quitting() && option != Option::abort) {
    if (!fixed_ || option == Option::export_name) nbd::fail("the server is shutting down");
    return refuse(option, OptionReply::err_shutdown, "the server is shutting down");
  }
  if (option == Option::export_name) return export_name(data);
  if (!fixed_) nbd::fail("the client sent {} without fixed newstyle", describe(option));
  switch (option) {
    case Option::abort: acknowledge_abort(); return Step::end;
    case Option::list: return list(data);
    case Option::starttls: return starttls(data);
    case Option::info:
    case Option::go: return info_or_go(option, data);
    case Option::structured_reply: return structured_reply(data);
    case Option::extended_headers: return extended_headers(data);
    case Option::list_meta_context:
    case Option::set_meta_context: return meta_context(option, data);
    default: return refuse(option, OptionReply::err_unsup, "unknown option");
  }
}

bool Handshake::needs_tls_first(Option option) const {
  return options_.tls_required && channel_.tls() == nullptr && option != Option::starttls &&
         option != Option::abort;
}

void Handshake::reply(Option option, OptionReply type, Bytes data) {
  nbd::log::debug("replying to {} with {}", describe(option), wire::name_of(type));
  send(wire::encode_option_reply(option, type, data));
}

// The client may have hung up without waiting for it.
void Handshake::acknowledge_abort() {
  try {
    reply(Option::abort, OptionReply::ack);
  } catch (const nbd::Error& e) {
    nbd::log::debug("{}", e.what());
  }
}

Handshake::Step Handshake::refuse(Option option, OptionReply error, std::string_view why) {
  nbd::log::debug("{}: refused: {}", describe(option), why);
  reply(option, error, std::as_bytes(std::span(why)));
  return Step::go_on;
}

Handshake::Step Handshake::export_name(Bytes data) {
  // This option has no error reply: what goes wrong ends the connection.
  if (result_.negotiated.replies == wire::ReplyStyle::extended) {
    nbd::fail("the client sent NBD_OPT_EXPORT_NAME after it had asked for extended headers");
  }
  if (!is_valid_string(as_text(data))) nbd::fail("the client sent an invalid export name");
  result_.disk = open(as_text(data));
  result_.negotiated.base_allocation = meta_context_export_ == as_text(data);
  Writer w;
  w.put(result_.disk->size()).put(flags_of(*result_.disk));
  if (!no_zeroes_) w.put_zeroes(wire::kReservedZeroes);
  send(w);
  return Step::transmission;
}

Handshake::Step Handshake::list(Bytes data) {
  if (!data.empty()) {
    return refuse(Option::list, OptionReply::err_invalid, "NBD_OPT_LIST takes no data");
  }
  std::vector<nbd::ExportItem> items;
  try {
    items = with_stack([&] { return stack_.top().list_exports(options_.read_only, client_.tls); });
  } catch (const nbd::Error& e) {
    nbd::log::error(std::string_view(e.what()));
    return refuse(Option::list, OptionReply::err_platform, why(e));
  }
  for (const nbd::ExportItem& item : items) {
    Writer w;
    w.put(static_cast<uint32_t>(item.name.size())).put(item.name).put(item.description);
    reply(Option::list, OptionReply::server, w.bytes());
  }
  reply(Option::list, OptionReply::ack);
  return Step::go_on;
}

Handshake::Step Handshake::starttls(Bytes data) {
  constexpr Option kOption = Option::starttls;
  if (options_.tls == nullptr) {
    return refuse(kOption, OptionReply::err_policy, "TLS is not enabled");
  }
  if (!data.empty()) return refuse(kOption, OptionReply::err_invalid, "it takes no data");
  if (channel_.tls() != nullptr) {
    return refuse(kOption, OptionReply::err_invalid, "TLS is running already");
  }
  // Whoever sits between us and the client could have put them there, to be
  // taken for the client's own once TLS is running.
  if (input_.buffered() != 0) {
    nbd::fail("the client sent {} bytes in plain text behind NBD_OPT_STARTTLS", input_.buffered());
  }
  reply(kOption, OptionReply::ack);
  channel_.start_tls(*options_.tls);
  client_.tls = true;
  client_.tls_dn = channel_.tls()->peer_dn();
  client_.tls_issuer_dn = channel_.tls()->peer_issuer_dn();
  // What was agreed on before may be somebody else's wish as well.
  result_.negotiated = {};
  meta_context_export_.reset();
  client_.export_name.clear();
  return Step::go_on;
}

Handshake::Step Handshake::info_or_go(Option option, Bytes data) {
  const auto request = wire::decode_info_request(data);
  if (!request || !is_valid_string(request->export_name)) {
    return refuse(option, OptionReply::err_invalid, "the data is malformed");
  }
  nbd::log::debug("{}: client requested export '{}'", describe(option), request->export_name);
  std::unique_ptr<Export> disk;
  try {
    disk = open(request->export_name);
  } catch (const nbd::Error& e) {  // the client may try another name
    nbd::log::error(std::string_view(e.what()));
    return refuse(option, OptionReply::err_unknown, why(e));
  }
  result_.negotiated.base_allocation = meta_context_export_ == request->export_name;
  send_info(option, *disk, *request, client_.export_name);
  reply(option, OptionReply::ack);
  if (option == Option::info) return Step::go_on;
  result_.disk = std::move(disk);
  return Step::transmission;
}

void Handshake::send_info(Option option, const Export& disk, const wire::InfoRequest& request,
                          const std::string& canonical_name) {
  const auto send = [&](wire::Info type, const Writer& body) {
    Writer w;
    w.put(static_cast<uint16_t>(type)).put(as_text(body.bytes()));
    reply(option, OptionReply::info, w.bytes());
  };
  const auto wanted = [&](wire::Info type) {
    return std::find(request.wanted.begin(), request.wanted.end(), type) != request.wanted.end();
  };
  send(wire::Info::export_, Writer().put(disk.size()).put(flags_of(disk)));
  if (wanted(wire::Info::name)) send(wire::Info::name, Writer().put(canonical_name));
  if (wanted(wire::Info::description)) {
    const std::string text = with_stack([&] { return disk.description(); });
    if (!text.empty()) send(wire::Info::description, Writer().put(text));
  }
  const nbd::BlockSize b = disk.block_size();
  if (wanted(wire::Info::block_size) && b.minimum != 0) {
    send(wire::Info::block_size, Writer().put(b.minimum).put(b.preferred).put(b.maximum));
  }
}

Handshake::Step Handshake::structured_reply(Bytes data) {
  constexpr Option kOption = Option::structured_reply;
  if (!data.empty()) return refuse(kOption, OptionReply::err_invalid, "it takes no data");
  if (!options_.structured_replies) {
    return refuse(kOption, OptionReply::err_unsup, "structured replies are disabled");
  }
  switch (result_.negotiated.replies) {
    case wire::ReplyStyle::simple: break;
    case wire::ReplyStyle::structured:
      return refuse(kOption, OptionReply::err_invalid, "structured replies are negotiated already");
    case wire::ReplyStyle::extended:
      return refuse(kOption, OptionReply::err_ext_header_reqd, "extended headers are negotiated");
  }
  result_.negotiated.replies = wire::ReplyStyle::structured;
  reply(kOption, OptionReply::ack);
  return Step::go_on;
}

Handshake::Step Handshake::extended_headers(Bytes data) {
  constexpr Option kOption = Option::extended_headers;
  if (!data.empty()) return refuse(kOption, OptionReply::err_invalid, "it takes no data");
  if (!options_.structured_replies) {
    return refuse(kOption, OptionReply::err_unsup, "structured replies are disabled");
  }
  if (result_.negotiated.replies == wire::ReplyStyle::extended) {
    return refuse(kOption, OptionReply::err_invalid, "extended headers are negotiated already");
  }
  result_.negotiated.replies = wire::ReplyStyle::extended;
  reply(kOption, OptionReply::ack);
  return Step::go_on;
}

Handshake::Step Handshake::meta_context(Option option, Bytes data) {
  const bool set = option == Option::set_meta_context;
  if (set) meta_context_export_.reset();  // also where this one fails
  if (!options_.structured_replies || !options_.meta_contexts) {
    return refuse(option, OptionReply::err_unsup, "meta contexts are disabled");
  }
  if (result_.negotiated.replies == wire::ReplyStyle::simple) {
    return refuse(option, OptionReply::err_invalid, "structured replies are not negotiated");
  }
  const auto request = wire::decode_meta_context_request(data);
  if (!request || !is_valid_string(request->export_name) ||
      !std::all_of(request->queries.begin(), request->queries.end(), is_valid_string)) {
    return refuse(option, OptionReply::err_invalid, "the data is malformed");
  }

  // LIST without queries asks for everything; "base:" for all of a namespace.
  const auto matches = [&](std::string_view query) {
    return query == wire::kBaseAllocation || (!set && query == "base:");
  };
  const bool found = std::any_of(request->queries.begin(), request->queries.end(), matches) ||
                     (!set && request->queries.empty());
  if (found) {
    Writer w;
    w.put(set ? wire::kBaseAllocationId : uint32_t{0}).put(wire::kBaseAllocation);
    reply(option, OptionReply::meta_context, w.bytes());
    if (set) meta_context_export_ = request->export_name;
  }
  reply(option, OptionReply::ack);
  return Step::go_on;
}

}  // namespace nbdkit
