// SPDX-License-Identifier: BSD-3-Clause
#include "run/step-text.hpp"

#include <libnbd.h>
#include <string.h>

#include <array>

#include "base/error.hpp"
#include "base/parse.hpp"
#include "run/text-check.hpp"

namespace testkit {

namespace {

std::string show(const Content& content) {
  switch (content.kind) {
    case Content::Kind::unknown: return "unknown";
    case Content::Kind::byte:
      return content.byte == 0 ? "zeroes" : fmt::format("bytes {:#04x}", content.byte);
    case Content::Kind::pattern: return "pattern";
    case Content::Kind::random: return "random";
    case Content::Kind::text: return fmt::format("text \"{}\"", content.text);
  }
  return "";
}

std::string show_flags(uint32_t flags) {
  constexpr std::array<std::string_view, 5> kNames{"fua", "no_hole", "df", "req_one", "fast_zero"};
  std::string out;
  for (size_t i = 0; i < kNames.size(); ++i) {
    if ((flags & (1u << i)) != 0) out += fmt::format(" {}", kNames[i]);
  }
  return out;
}

std::string show(const Request& r) {
  std::string out(op_name(r.op));
  if (r.op != Request::Op::flush) out += fmt::format(" {}+{}", r.offset, r.length);
  if (r.op == Request::Op::write) out += " " + show(r.data);
  return out + show_flags(r.flags);
}

std::string show(const Connect& c) {
  std::string out = "connect";
  if (!c.server.empty()) out += fmt::format(" to server \"{}\"", c.server);
  if (c.export_name) out += fmt::format(" to \"{}\"", *c.export_name);
  if (!c.structured_replies) out += " without structured replies";
  if (c.tls == Connect::TlsMode::allow) out += " with TLS if there is some";
  if (c.tls == Connect::TlsMode::require) out += " with TLS";
  if (c.opt_mode) out += " up to the options";
  return out;
}

std::string show(const Option& o) {
  constexpr std::array<std::string_view, 5> kNames{"list", "info", "go", "abort", "list contexts"};
  std::string out(kNames[static_cast<size_t>(o.kind)]);
  return o.export_name ? out + fmt::format(" \"{}\"", *o.export_name) : out;
}

std::string show(const Parallel& p) {
  std::string out;
  for (const Parallel::Run& run : p.runs) {
    out += (out.empty() ? "" : ", ") + (run.count == 1 ? "" : fmt::format("{} x ", run.count)) +
           show(run.request);
  }
  return out + fmt::format(", {} in flight", p.in_flight);
}

std::string show(const Sleep& s) { return "sleep " + show_time(s.time); }
std::string show(const Disconnect&) { return "disconnect"; }

std::string show(const ProcessFault& f) {
  using Kind = ProcessFault::Kind;
  const std::string whom = f.server.empty() ? "the server" : fmt::format("server \"{}\"", f.server);
  const std::string signal = fmt::format("SIG{}", ::sigabbrev_np(f.signal));
  switch (f.kind) {
    case Kind::kill: return fmt::format("end {} by {}", whom, signal);
    case Kind::stop: return "stop " + whom;
    case Kind::go_on: return "continue " + whom;
    case Kind::restart: {
      const std::string down =
          f.down > Duration::zero() ? fmt::format(" after {}", show_time(f.down)) : "";
      return fmt::format("end {} by {} and start it again{}{}", whom, signal, down,
                         f.as ? " as another one" : "");
    }
    case Kind::limit_files: return fmt::format("limit {} to {} descriptors", whom, f.files);
  }
  return "";
}

std::string show(const ControlCall& c) { return fmt::format("tell {} {}", c.socket, c.line); }

std::string show(const NegotiationCheck& n) {
  std::string out;
  if (n.protocol) out += ", protocol " + *n.protocol;
  if (n.description) out += fmt::format(", description \"{}\"", *n.description);
  if (n.canonical_name) out += fmt::format(", canonical name \"{}\"", *n.canonical_name);
  if (n.structured_replies) out += fmt::format(", structured replies {}", *n.structured_replies);
  if (n.tls) out += fmt::format(", TLS {}", *n.tls);
  if (n.size) out += fmt::format(", size {}", *n.size);
  for (const auto& [flag, wanted] : n.flags) out += fmt::format(", {} {}", flag_name(flag), wanted);
  for (const auto& [context, wanted] : n.contexts)
    out += fmt::format(", context {} {}", context, wanted);
  for (const auto& [type, wanted] : n.block_sizes) {
    out += fmt::format(", {} block size {}", block_size_name(type), wanted);
  }
  return out;
}

std::string show(const ErrorCheck& error) {
  std::string names = error.any ? "any error" : "error ";
  for (size_t i = 0; !error.any && i < error.numbers.size(); ++i) {
    names += (i == 0 ? "" : " or ") + nbd::errno_name(error.numbers[i]);
  }
  if (!error.may_succeed) return names;
  return error.any || !error.numbers.empty() ? "success or " + names : "success";
}

std::string show(const CountCheck& c) {
  if (c.min == c.max) return fmt::format("{}", c.min);
  return c.max == UINT64_MAX ? fmt::format("at least {}", c.min)
                             : fmt::format("{} to {}", c.min, c.max);
}

}  // namespace

std::string show_step(const Step& step) {
  const std::string what = std::visit([](const auto& action) { return show(action); }, step.action);
  return step.on.empty() ? what : what + " on " + step.on;
}

std::string show_expectation(const Step& step) {
  const StepExpect& e = step.expect;
  std::string out = e.no_answer ? "no answer" : show(e.error);
  if (e.failed) out += fmt::format(", {} failed", show(*e.failed));
  if (!e.message.empty()) out += ", message " + describe(e.message);
  if (!e.answer.empty()) out += ", answer " + describe(e.answer);
  if (e.data) out += e.data->written ? ", data as written" : ", data " + show(e.data->content);
  if (e.chunks) out += ", chunks " + show_chunks(*e.chunks);
  if (e.extents) out += ", extents " + show_extents(*e.extents);
  if (e.exports) {
    out += ", exports";
    for (const std::string& name : *e.exports) out += fmt::format(" \"{}\"", name);
  }
  return out + show(e.negotiation) + describe(e.time);
}

std::string show_chunks(const std::vector<Extent>& chunks) {
  std::string out;
  for (const Extent& c : chunks) {
    const std::string_view kind = c.flags == LIBNBD_READ_DATA   ? "data"
                                  : c.flags == LIBNBD_READ_HOLE ? "hole"
                                                                : "error";
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", nbd::format_size(c.length), kind);
  }
  return out.empty() ? "none" : out;
}

std::string show_extents(const std::vector<Extent>& extents) {
  constexpr std::array<std::string_view, 4> kKinds{"data", "hole", "zero", "hole+zero"};
  std::string out;
  for (const Extent& e : extents) {
    out += fmt::format("{}{} ", out.empty() ? "" : ", ", nbd::format_size(e.length));
    out += e.flags < kKinds.size() ? std::string(kKinds[e.flags])
                                   : fmt::format("flags {:#x}", e.flags);
  }
  return out.empty() ? "none" : out;
}

std::string show_errno(int errnum) {
  return errnum == 0 ? "without errno" : nbd::errno_name(errnum);
}

std::string_view flag_name(ExportFlag flag) {
  constexpr std::array<std::string_view, 10> kNames{"read_only", "flush",     "fua", "trim",
                                                    "zero",      "fast_zero", "df",  "multi_conn",
                                                    "cache",     "rotational"};
  return kNames[static_cast<size_t>(flag)];
}

std::string_view block_size_name(int type) {
  switch (type) {
    case LIBNBD_SIZE_MINIMUM: return "minimum";
    case LIBNBD_SIZE_PREFERRED: return "preferred";
    case LIBNBD_SIZE_MAXIMUM: return "maximum";
    default: return "unknown";
  }
}

}  // namespace testkit
