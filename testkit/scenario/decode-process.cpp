// SPDX-License-Identifier: BSD-3-Clause
//
// Steps that do something to a server, beside its connections.
#include <signal.h>

#include <nlohmann/json.hpp>

#include "scenario/decode.hpp"

namespace testkit {

// In the order of ProcessFault::Kind.
const std::vector<std::string> kProcessSteps{"kill", "stop", "continue", "restart", "limit"};

int signal_from_name(const std::string& name) {
  if (!name.starts_with("SIG")) return 0;
  for (int s = 1; s < NSIG; ++s) {
    const char* abbreviation = ::sigabbrev_np(s);
    if (abbreviation != nullptr && name.substr(3) == abbreviation) return s;
  }
  return 0;
}

namespace {

int decode_signal(const Value& value) {
  const int number = value.is_string() ? signal_from_name(value.string("")) : 0;
  if (number == 0) value.expected("a signal such as \"SIGKILL\"");
  return number;
}

}  // namespace

ProcessFault decode_process_fault(ProcessFault::Kind kind, const Value& value,
                                  Transport transport) {
  using Kind = ProcessFault::Kind;
  ProcessFault fault;
  fault.kind = kind;
  fault.signal = SIGKILL;
  Object object = value.object("an object, possibly empty");
  if (const auto v = object.get("server")) fault.server = v->string("the name of another server");
  if (kind == Kind::kill || kind == Kind::restart) {
    if (const auto v = object.get("signal")) fault.signal = decode_signal(*v);
  }
  if (kind == Kind::restart) {
    if (const auto v = object.get("after")) fault.down = v->duration();
    if (const auto v = object.get("as")) fault.as = decode_server(*v, transport);
  }
  if (kind == Kind::limit_files) {
    if (const auto v = object.need("files", "how many descriptors it may have")) {
      fault.files = v->number(0, 1u << 20);
    }
  }
  return fault;
}

ControlCall decode_control_call(const Value& value) {
  ControlCall call;
  Object object = value.object("an object with \"socket\" and \"send\"");
  if (const auto v = object.need("socket", "the socket of the filter's parameter \"control\"")) {
    call.socket = v->string("a path such as \"$dir/control\"");
  }
  if (const auto v = object.need("send", "what is asked of it")) {
    Object command = v->object("an object such as {\"filter\": \"delay\", \"do\": \"list\"}");
    command.members();
    call.line = v->json().dump();
  }
  return call;
}

}  // namespace testkit
