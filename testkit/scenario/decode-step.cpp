// SPDX-License-Identifier: BSD-3-Clause
#include <libnbd.h>

#include <algorithm>

#include "scenario/decode.hpp"

namespace testkit {

namespace {

// libnbd refuses longer requests itself (ERANGE), and a step allocates them.
constexpr uint64_t kMaxRequestLength = 64u << 20;
// A connection of libnbd takes more, but each has its buffer here.
constexpr uint64_t kMaxInFlight = 4096;
constexpr uint64_t kMaxParallelRequests = 1'000'000;

const std::vector<std::string> kRequestNames{"read", "write", "flush",       "trim",
                                             "zero", "cache", "block_status"};

struct NamedBit {
  const char* name;
  uint32_t bit;
};

template <size_t N>
uint32_t decode_bits(const Value& value, const NamedBit (&bits)[N]) {
  std::vector<std::string> names;
  for (const NamedBit& b : bits) names.emplace_back(b.name);
  uint32_t out = 0;
  for (const Value& v : value.array("an array of flags")) out |= bits[v.one_of(names)].bit;
  return out;
}

constexpr NamedBit kCommandFlags[]{{"fua", LIBNBD_CMD_FLAG_FUA},
                                   {"no_hole", LIBNBD_CMD_FLAG_NO_HOLE},
                                   {"df", LIBNBD_CMD_FLAG_DF},
                                   {"req_one", LIBNBD_CMD_FLAG_REQ_ONE},
                                   {"fast_zero", LIBNBD_CMD_FLAG_FAST_ZERO}};
constexpr NamedBit kStrictFlags[]{{"commands", LIBNBD_STRICT_COMMANDS},
                                  {"flags", LIBNBD_STRICT_FLAGS},
                                  {"bounds", LIBNBD_STRICT_BOUNDS},
                                  {"zero_size", LIBNBD_STRICT_ZERO_SIZE},
                                  {"align", LIBNBD_STRICT_ALIGN}};
constexpr NamedBit kHandshakeFlags[]{{"fixed_newstyle", LIBNBD_HANDSHAKE_FLAG_FIXED_NEWSTYLE},
                                     {"no_zeroes", LIBNBD_HANDSHAKE_FLAG_NO_ZEROES}};

Request decode_request(Request::Op op, const Value& value) {
  Request request;
  request.op = op;
  Object object = value.object("an object with the request's parameters");
  if (const auto v = object.get("flags")) request.flags = decode_bits(*v, kCommandFlags);
  if (op == Request::Op::flush) return request;
  if (const auto v = object.get("offset")) request.offset = v->size();
  if (op == Request::Op::read) {
    if (const auto v = object.get("in_chunks")) request.in_chunks = v->boolean();
  }
  const bool carries_data = op == Request::Op::read || op == Request::Op::write;
  if (op == Request::Op::write) {
    if (const auto v = object.need("data", "the bytes to write")) request.data = decode_content(*v);
    request.data.origin = request.offset;
  }
  const bool length_is_known = request.data.kind == Content::Kind::text;
  const auto length =
      length_is_known ? object.get("length") : object.need("length", "the number of bytes");
  request.length = length ? length->size() : request.data.text.size();
  if (length && carries_data && request.length > kMaxRequestLength) {
    length->expected("at most 64M for a request with data");
  }
  if (op == Request::Op::block_status) {
    const auto v = object.get("context");
    request.context = v ? v->string("a meta context's name") : "base:allocation";
  }
  return request;
}

Connect decode_connect(const Value& value) {
  Connect connect;
  Object object = value.object("an object of connection settings");
  if (const auto v = object.get("server")) connect.server = v->string("another server's name");
  if (const auto v = object.get("export")) connect.export_name = v->string("an export's name");
  if (const auto v = object.get("structured_replies")) connect.structured_replies = v->boolean();
  if (const auto v = object.get("full_info")) connect.full_info = v->boolean();
  if (const auto v = object.get("pread_initialize")) connect.pread_initialize = v->boolean();
  if (const auto v = object.get("request_block_size")) connect.request_block_size = v->boolean();
  if (const auto v = object.get("opt_mode")) connect.opt_mode = v->boolean();
  if (const auto v = object.get("strict")) connect.strict = decode_bits(*v, kStrictFlags);
  if (const auto v = object.get("handshake_flags")) {
    connect.handshake_flags = decode_bits(*v, kHandshakeFlags);
  }
  if (const auto v = object.get("tls")) {
    connect.tls = static_cast<Connect::TlsMode>(v->one_of({"disable", "allow", "require"}));
  }
  const std::string_view folder = "a folder such as \"$pki\"";
  if (const auto v = object.get("tls_certificates")) connect.tls_certificates = v->string(folder);
  if (const auto v = object.get("tls_psk_file")) {
    connect.tls_psk_file = v->string("a file such as \"$pki/keys.psk\"");
  }
  if (const auto v = object.get("tls_username")) connect.tls_username = v->string("a user's name");
  if (const auto v = object.get("tls_verify_peer")) connect.tls_verify_peer = v->boolean();
  if (const auto v = object.get("contexts")) {
    connect.contexts = v->strings("an array of meta contexts");
  }
  return connect;
}

Option decode_option(Option::Kind kind, const Value& value) {
  Option option;
  option.kind = kind;
  Object object = value.object("an object, possibly empty");
  if (kind != Option::Kind::info && kind != Option::Kind::go) return option;
  if (const auto v = object.get("export")) option.export_name = v->string("an export's name");
  return option;
}

Parallel::Run decode_run(const Value& value) {
  Parallel::Run run;
  Object object = value.object("an object with a request, such as {\"read\": {...}}");
  if (const auto kind = object.exactly_one_of(kRequestNames)) {
    const Value v = *object.get(*kind);
    const size_t op = static_cast<size_t>(
        std::find(kRequestNames.begin(), kRequestNames.end(), *kind) - kRequestNames.begin());
    run.request = decode_request(static_cast<Request::Op>(op), v);
  }
  if (const auto v = object.get("count")) run.count = v->number(1, kMaxParallelRequests);
  const auto stride = object.get("stride");
  run.stride = stride ? stride->size() : run.request.length;
  return run;
}

Parallel decode_parallel(const Value& value) {
  Parallel parallel;
  Object object = value.object("an object with \"requests\"");
  uint64_t total = 0, longest = 0;
  if (const auto v = object.need("requests", "what is sent")) {
    for (const Value& one : v->array("an array of requests")) {
      parallel.runs.push_back(decode_run(one));
      total += parallel.runs.back().count;
      longest = std::max(longest, parallel.runs.back().request.length);
    }
    if (total == 0) v->expected("at least one request");
    if (total > kMaxParallelRequests) {
      v->problem(fmt::format("{} requests are more than {}", total, kMaxParallelRequests));
    }
  }
  const auto v = object.get("in_flight");
  parallel.in_flight = static_cast<unsigned>(
      v ? v->number(1, kMaxInFlight) : std::min(std::max<uint64_t>(total, 1), kMaxInFlight));
  constexpr uint64_t kMaxBuffers = 1u << 30;
  if (parallel.in_flight * std::min(longest, kMaxRequestLength) > kMaxBuffers) {
    value.problem("more than 1G would be in flight at a time: lower \"in_flight\" or \"length\"");
  }
  return parallel;
}

Step decode_step(const Value& value, Transport transport) {
  static const std::vector<std::string> kKinds = [] {
    std::vector<std::string> kinds = kRequestNames;
    for (const char* k : {"connect", "list", "info", "go", "abort", "list_contexts", "parallel",
                          "sleep", "disconnect", "control"}) {
      kinds.emplace_back(k);
    }
    kinds.insert(kinds.end(), kProcessSteps.begin(), kProcessSteps.end());
    return kinds;
  }();
  Step step;
  Object object = value.object("a step such as {\"read\": {...}}");
  const auto kind = object.exactly_one_of(kKinds);
  const auto expect = object.get("expect");
  if (const auto v = object.get("on")) step.on = v->string("a name for the connection");
  if (!kind) return step;
  const Value v = *object.get(*kind);
  const size_t index =
      static_cast<size_t>(std::find(kKinds.begin(), kKinds.end(), *kind) - kKinds.begin());
  const size_t kinds_before_processes = kKinds.size() - kProcessSteps.size();
  if (index < kRequestNames.size()) {
    step.action = decode_request(static_cast<Request::Op>(index), v);
  } else if (*kind == "connect") {
    step.action = decode_connect(v);
  } else if (*kind == "parallel") {
    step.action = decode_parallel(v);
  } else if (*kind == "sleep") {
    step.action = Sleep{v.duration()};
  } else if (*kind == "control") {
    step.action = decode_control_call(v);
  } else if (index >= kinds_before_processes) {
    step.action = decode_process_fault(
        static_cast<ProcessFault::Kind>(index - kinds_before_processes), v, transport);
  } else if (*kind == "disconnect") {
    Object nothing = v.object("an empty object");
    step.action = Disconnect{};
  } else {
    step.action = decode_option(static_cast<Option::Kind>(index - kRequestNames.size() - 1), v);
  }
  if (expect) step.expect = decode_step_expect(*expect, step);
  return step;
}

}  // namespace

std::string_view op_name(Request::Op op) { return kRequestNames[static_cast<size_t>(op)]; }

std::vector<Step> decode_steps(const Value& value, Transport transport) {
  std::vector<Step> steps;
  for (const Value& v : value.array("an array of steps")) {
    steps.push_back(decode_step(v, transport));
  }
  if (steps.empty() && value.is_array()) value.expected("at least one step");
  return steps;
}

}  // namespace testkit
