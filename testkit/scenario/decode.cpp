// SPDX-License-Identifier: BSD-3-Clause
#include "scenario/decode.hpp"

#include <algorithm>

namespace testkit {

namespace {

Needs decode_needs(const Value& value) {
  Needs needs;
  Object object = value.object("an object with \"programs\", \"modules\" or \"root\"");
  if (const auto v = object.get("programs")) needs.programs = v->strings_or_one("a program's name");
  if (const auto v = object.get("modules")) {
    needs.modules = v->strings_or_one("the name of a kernel module");
  }
  if (const auto v = object.get("root")) needs.root = v->boolean();
  return needs;
}

// One list of files, or several lists.
std::vector<std::vector<std::string>> decode_equal(const Value& value) {
  std::vector<std::vector<std::string>> out;
  const std::vector<Value> elements = value.array("an array of files");
  if (!elements.empty() && elements[0].is_array()) {
    for (const Value& list : elements) out.push_back(list.strings("an array of files"));
  } else {
    out.push_back(value.strings("an array of files"));
  }
  for (const auto& files : out) {
    if (files.size() < 2 && value.is_array()) value.expected("at least two files to compare");
  }
  return out;
}

std::vector<Observation> decode_same(const Value& value) {
  std::vector<Observation> out;
  for (const Value& v : value.array("an array of what is the same in all rounds")) {
    out.push_back(static_cast<Observation>(v.one_of({"exit", "stdout", "stderr", "results"})));
  }
  return out;
}

// The one command of a scenario that has no other client, so that "expect" may
// stand beside "client".
Command* only_command(Scenario& scenario) {
  if (scenario.clients.size() != 1 || scenario.clients[0].size() != 1) return nullptr;
  return std::get_if<Command>(&scenario.clients[0][0].work);
}

DiskCheck decode_disk_check(const Value& value) {
  DiskCheck check;
  const std::vector<std::string> kinds{"acknowledged", "flushed"};
  if (!value.is_object()) {
    check.flushed = value.one_of(kinds) == 1;
    return check;
  }
  Object object(value, "");
  if (const auto v = object.need("holds", "\"acknowledged\" or \"flushed\"")) {
    check.flushed = v->one_of(kinds) == 1;
  }
  if (const auto v = object.get("file")) check.file = v->string("the file that is the disk");
  return check;
}

bool has_proxy(const Scenario& scenario) {
  return !scenario.wire.empty() || scenario.disk || (scenario.tls && scenario.tls->end);
}

void decode_expect(const Value& value, Scenario& scenario) {
  Object expect = value.object("an object of expectations");
  if (const auto v = expect.get("equal")) scenario.equal_files = decode_equal(*v);
  if (const auto v = expect.get("server_log")) scenario.server_log = decode_text_check(*v);
  if (const auto v = expect.get("disk")) scenario.disk = decode_disk_check(*v);
  if (const auto v = expect.get("log")) {
    scenario.request_log = v->string("the file that the log filter writes, such as \"$dir/log\"");
  }
  if (const auto v = expect.get("requests")) {
    scenario.requests = decode_request_checks(*v);
    if (scenario.request_log.empty() && !has_proxy(scenario)) {
      v->problem(
          "\"requests\" are counted in the trace of \"wire\" faults, or in the file \"log\" of the "
          "log filter (logformat=json): one of them is needed");
    }
  }
  if (const auto v = expect.get("connections")) {
    scenario.connections = decode_count_check(*v);
    if (scenario.wire.empty() && !scenario.disk && !(scenario.tls && scenario.tls->end)) {
      v->problem("\"connections\" are counted by the proxy, which is there with \"wire\"");
    }
  }
  if (const auto v = expect.get("same")) {
    scenario.same = decode_same(*v);
    if (scenario.repeat < 2)
      v->problem("\"same\" compares rounds: it needs \"repeat\" of 2 or more");
  }
  if (Command* command = only_command(scenario)) read_command_expect(expect, command->expect);
}

// Steps name other servers, which are known only here.
void check_server_names(const Value& clients, const Scenario& scenario) {
  std::vector<std::string> known;
  for (const auto& [name, server] : scenario.other_servers) known.push_back(name);
  const auto check = [&](const std::string& name) {
    if (name.empty() || std::find(known.begin(), known.end(), name) != known.end()) return;
    clients.problem(
        fmt::format("a step names the server \"{}\", which is not in "
                    "\"other_servers\"{}",
                    name, did_you_mean(name, known)));
  };
  for (const ClientGroup& group : scenario.clients) {
    for (const Client& client : group) {
      const auto* steps = std::get_if<std::vector<Step>>(&client.work);
      if (steps == nullptr) continue;
      for (const Step& step : *steps) {
        if (const auto* c = std::get_if<Connect>(&step.action)) check(c->server);
        if (const auto* f = std::get_if<ProcessFault>(&step.action)) check(f->server);
      }
    }
  }
}

Tls decode_tls(const Value& value) {
  Tls tls;
  Object object = value.object("an object, such as {\"certificate\": \"good\", \"end\": true}");
  if (const auto v = object.get("certificate")) {
    tls.certificate = static_cast<CertificateKind>(v->one_of(kCertificateKinds));
  }
  if (const auto v = object.get("end")) tls.end = v->boolean();
  if (const auto v = object.get("psk")) tls.psk = v->boolean();
  if (const auto v = object.get("verify_peer")) tls.verify_peer = v->boolean();
  if (const auto v = object.get("priority")) tls.priority = v->string("a priority of GnuTLS");
  if (!tls.end && (tls.psk || tls.verify_peer || !tls.priority.empty())) {
    value.problem("only what \"end\": true begins has \"psk\", \"verify_peer\" or \"priority\"");
  }
  return tls;
}

void read_network(const Value& value, Transport transport, Scenario& scenario) {
  scenario.network = decode_network(value);
  if (transport != Transport::tcp) value.problem("a network needs \"transports\": [\"tcp\"]");
  if (scenario.server.plugin.empty()) {
    value.problem("a network needs a \"server\" with a plugin, which is started in it");
  }
  Needs& needs = scenario.needs;
  needs.root = true;
  for (const char* program : {"ip", "tc", "nsenter"}) needs.programs.emplace_back(program);
  needs.modules.emplace_back("veth");
  if (!scenario.network->netem.empty()) needs.modules.emplace_back("sch_netem");
}

}  // namespace

Scenario decode_scenario(Object& root, Transport transport) {
  constexpr uint64_t kMaxRounds = 1000;
  Scenario scenario;
  if (const auto v = root.get("needs")) scenario.needs = decode_needs(*v);
  if (const auto v = root.get("known_issue")) {
    scenario.known_issue = v->string("the reason why the scenario fails today");
  }
  if (const auto v = root.get("setup")) scenario.setup = decode_setup(*v);
  if (const auto v = root.need("server", "what the client talks to")) {
    scenario.server = decode_server(*v, transport);
  }
  if (const auto v = root.get("other_servers")) {
    scenario.other_servers = decode_other_servers(*v, transport);
  }
  if (const auto v = root.get("tls")) scenario.tls = decode_tls(*v);
  if (const auto v = root.get("network")) read_network(*v, transport, scenario);
  if (const auto v = root.get("wire")) scenario.wire = decode_wire(*v);
  if (const auto v = root.need("client", "a command or steps that use the server")) {
    scenario.clients = decode_clients(*v, transport);
    check_server_names(*v, scenario);
  }
  if (const auto v = root.get("repeat")) {
    scenario.repeat = static_cast<unsigned>(v->number(1, kMaxRounds));
  }
  if (const auto v = root.get("within")) scenario.within = v->duration();
  if (const auto v = root.get("expect")) decode_expect(*v, scenario);
  if (scenario.network && has_proxy(scenario)) {
    root.value().problem(
        "\"network\" excludes what a proxy does: \"wire\", the end of \"tls\", a check of the "
        "disk");
  }
  return scenario;
}

std::vector<Parameter> decode_parameters(const Value& value) {
  std::vector<Parameter> out;
  Object object = value.object("an object of parameters");
  for (const auto& [key, v] : object.members()) {
    for (const Value& one : v.array_or_one()) out.push_back({key, one.scalar()});
  }
  return out;
}

}  // namespace testkit
