// SPDX-License-Identifier: BSD-3-Clause
#include "scenario/decode.hpp"

namespace testkit {

namespace {

constexpr std::string_view kCommandWhat = "a command: an array of words, or a line for the shell";

// Words for execvp, or a line for the shell.
Command decode_command(const Value& value) {
  Command command;
  if (value.is_array()) {
    command.argv = value.strings(kCommandWhat);
    if (command.argv.empty()) value.expected(kCommandWhat);
  } else {
    command.shell = value.string(kCommandWhat);
  }
  return command;
}

ExitCheck decode_exit(const Value& value) {
  constexpr uint64_t kMaxExitStatus = 255;
  if (value.is_number()) {
    return {ExitCheck::Kind::code, static_cast<int>(value.number(0, kMaxExitStatus))};
  }
  const std::string word = value.is_string() ? value.string("") : "";
  if (word == "success") return {ExitCheck::Kind::success};
  if (word == "failure") return {ExitCheck::Kind::failure};
  if (const int s = signal_from_name(word)) return {ExitCheck::Kind::signal, s};
  value.expected("\"success\", \"failure\", an exit status or a signal such as \"SIGTERM\"");
  return {};
}

Command decode_run_client(Object& object) {
  Command command = decode_command(*object.get("run"));
  if (const auto v = object.get("env")) command.env = decode_parameters(*v);
  if (const auto v = object.get("expect")) {
    Object expect = v->object("an object of expectations");
    read_command_expect(expect, command.expect);
  }
  return command;
}

Client decode_client(const Value& value, Transport transport) {
  Client client;
  Object object = value.object("a client: an object with \"run\" or \"steps\"");
  if (const auto v = object.get("within")) client.within = v->duration();
  const auto kind = object.exactly_one_of({"run", "steps"});
  if (kind == "steps") client.work = decode_steps(*object.get("steps"), transport);
  if (kind == "run") client.work = decode_run_client(object);
  return client;
}

ClientGroup decode_group(const Value& value, Transport transport) {
  if (!value.is_object()) return {decode_client(value, transport)};
  Object object(value, "");
  const auto together = object.get("together");
  if (!together) {
    object.members();  // decode_client() reads and judges the keys
    return {decode_client(value, transport)};
  }
  ClientGroup group;
  for (const Value& v : together->array("an array of clients")) {
    group.push_back(decode_client(v, transport));
  }
  if (group.size() < 2 && together->is_array()) together->expected("two clients or more");
  return group;
}

}  // namespace

std::vector<ClientGroup> decode_clients(const Value& value, Transport transport) {
  std::vector<ClientGroup> groups;
  for (const Value& v : value.array_or_one()) groups.push_back(decode_group(v, transport));
  if (groups.empty()) value.expected("at least one client");
  return groups;
}

std::vector<Command> decode_setup(const Value& value) {
  std::vector<Command> out;
  for (const Value& v : value.array("an array of commands")) out.push_back(decode_command(v));
  return out;
}

void read_command_expect(Object& expect, CommandExpect& out) {
  if (const auto v = expect.get("exit")) {
    out.exit.clear();
    for (const Value& one : v->array_or_one()) out.exit.push_back(decode_exit(one));
  }
  if (const auto v = expect.get("stdout")) out.out = decode_text_check(*v);
  if (const auto v = expect.get("stderr")) out.err = decode_text_check(*v);
  read_time_check(expect, out.time);
}

}  // namespace testkit
