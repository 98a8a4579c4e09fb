// SPDX-License-Identifier: BSD-3-Clause
#include "bench/command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <set>
#include <thread>

#include "base/error.hpp"
#include "base/parse.hpp"
#include "base/process.hpp"
#include "base/temp-dir.hpp"
#include "bench/placement.hpp"
#include "bench/report.hpp"
#include "bench/start.hpp"
#include "run/captive-server.hpp"
#include "run/runner.hpp"

namespace testkit::bench {

namespace {

// As the other servers of the standing comparison (./dev bench) have it.
constexpr const char* kLoopCommand = "bench-server --unix $unixsocket --size 256M";

// Takes "@NAME " from the front.
std::string take_name(std::string& text) {
  if (!text.starts_with('@')) return "";
  const size_t space = text.find(' ');
  if (space == std::string::npos || space < 2) {
    nbd::fail("\"{}\": after @ come a name, a space and the server", text);
  }
  std::string name = text.substr(1, space - 1);
  text.erase(0, space + 1);
  return name;
}

bool over_tcp(const std::string& command) {
  return command.find("$unixsocket") == std::string::npos &&
         command.find("${unixsocket}") == std::string::npos;
}

std::vector<Target> all_targets(const BenchSettings& settings) {
  std::vector<Target> targets;
  for (const std::string& server : settings.servers) targets.push_back(parse_server(server));
  for (const std::string& uri : settings.uris) targets.push_back(parse_target_uri(uri));
  if (targets.empty()) nbd::fail("nothing to measure: give --server or --uri");
  std::set<std::string> names;
  for (Target& target : targets) {
    const std::string name = target.name;
    for (int n = 2; !names.insert(target.name).second; ++n) {
      target.name = fmt::format("{}-{}", name, n);
    }
  }
  return targets;
}

void run_before(const std::string& command) {
  nbd::Child child = nbd::spawn({.argv = {"/bin/sh", "-c", command}});
  const nbd::ExitStatus status = child.wait();
  if (!status.success()) nbd::fail("--before: {}: {}", command, status.describe());
}

Round measure_captive(const Target& target, const Workload& workload, const RoundOptions& options,
                      const Interrupt& interrupt) {
  if (workload.kind == Kind::start) {
    if (over_tcp(target.command)) {
      nbd::fail("{}, workload \"{}\": needs $unixsocket", target.name, workload.text);
    }
    return measure_start(target.command, options, interrupt);
  }
  const nbd::TempDir dir("tkb");
  Server server;
  // The shell that reads the command becomes the server: its process is measured.
  server.command = {"/bin/sh", "-c", "exec " + target.command};
  // It runs where we do, so that relative names in its command mean what they say.
  const ServerPlace place{"", dir / "socket", nbd::current_directory(), dir / "log"};
  CaptiveServer captive = [&] {
    const Placement placement(workload.pin, Side::server);
    return CaptiveServer::start(server,
                                over_tcp(target.command) ? Transport::tcp : Transport::unix_socket,
                                place, {}, Deadline{}, interrupt);
  }();
  const Endpoint& endpoint = captive.endpoint();
  const Address address{endpoint.transport == Transport::tcp ? "" : endpoint.path, "127.0.0.1",
                        std::to_string(endpoint.port), ""};
  std::string problem;
  try {
    const Round round = measure(
        address, workload, options, [&] { return usage_of_group(captive.pid()); }, interrupt);
    captive.stop(false);
    return round;
  } catch (const nbd::Error& error) {
    problem = error.what();
  }
  const std::string end = captive.stop(false);
  std::string message = fmt::format("{}, workload \"{}\": {}", target.name, workload.text, problem);
  if (!end.empty()) message += "; the server " + end;
  for (const std::string& line : captive.last_log_lines(3)) message += "\n" + line;
  throw nbd::Error(message);
}

Round measure_target(const Target& target, const Workload& workload, const RoundOptions& options,
                     const Interrupt& interrupt) {
  if (!target.command.empty()) return measure_captive(target, workload, options, interrupt);
  try {
    return measure(
        parse_uri(target.uri), workload, options, [] { return std::nullopt; }, interrupt);
  } catch (const nbd::Error& error) {
    nbd::fail("{}, workload \"{}\": {}", target.name, workload.text, error.what());
  }
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  if (!file.flush()) nbd::fail("report {} cannot be written", path);
}

}  // namespace

Target parse_server(const std::string& given) {
  std::string text = given;
  Target target{take_name(text), "", ""};
  if (text == ":loop") {
    if (target.name.empty()) target.name = "loop";
    target.command =
        nbd::shell_quote(nbd::executable_directory() + "/testkit") + " " + kLoopCommand;
    return target;
  }
  const bool has_port =
      text.find("$port") != std::string::npos || text.find("${port}") != std::string::npos;
  if (over_tcp(text) && !has_port) {
    nbd::fail("the command of --server has neither $unixsocket nor $port in it: \"{}\"", given);
  }
  if (target.name.empty()) {
    const std::string word = text.substr(0, text.find(' '));
    target.name = word.substr(word.rfind('/') + 1);
  }
  target.command = std::move(text);
  return target;
}

Target parse_target_uri(const std::string& given) {
  std::string text = given;
  Target target{take_name(text), "", ""};
  parse_uri(text);  // tells what is wrong before anything runs
  if (target.name.empty()) target.name = text;
  target.uri = std::move(text);
  return target;
}

int run_bench(const BenchSettings& settings) {
  const std::vector<Target> targets = all_targets(settings);
  std::vector<Workload> workloads;
  for (const std::string& text : settings.workloads) workloads.push_back(parse_workload(text));
  RoundOptions options;
  options.time = nbd::parse_delay("--time", settings.time);
  if (options.time.count() == 0) nbd::fail("--time: must not be 0");
  options.verify = settings.verify;
  options.threads = settings.threads != 0 ? settings.threads
                                          : std::max(1u, std::thread::hardware_concurrency() / 2);
  if (!settings.before.empty()) options.before = [&] { run_before(settings.before); };
  std::optional<TlsKey> key;
  if (!settings.tls_psk.empty()) {
    options.tls =
        &key.emplace(settings.tls_psk,
                     settings.tls_priority.empty() ? TlsKey::kPriority : settings.tls_priority);
  } else if (!settings.tls_priority.empty()) {
    nbd::fail("--tls-priority: there is no TLS without --tls-psk");
  }
  BenchReport report;
  report.rounds = settings.rounds;
  report.seconds = std::chrono::duration<double>(options.time).count();
  for (const Target& target : targets) {
    report.servers.emplace_back(target.name, target.command.empty() ? target.uri : target.command);
  }

  Interrupt interrupt;
  const SignalWatch watch(interrupt);
  try {
    for (const Workload& workload : workloads) {
      WorkloadReport& result = report.workloads.emplace_back(WorkloadReport{workload, {}});
      for (const Target& target : targets) result.servers.push_back({target.name, {}});
      // A B A B: what the machine does meanwhile falls on all alike.
      for (unsigned round = 0; round < settings.rounds; ++round) {
        for (size_t i = 0; i < targets.size(); ++i) {
          result.servers[i].rounds.push_back(
              measure_target(targets[i], workload, options, interrupt));
        }
      }
      if (!settings.quiet) fmt::print("{}\n", text_table(result));
      std::fflush(stdout);
    }
  } catch (const nbd::Error&) {
    if (interrupt.requested()) return 128 + interrupt.signal();
    throw;
  }
  if (!settings.json.empty()) write_file(settings.json, json_report(report));
  if (!settings.html.empty()) write_file(settings.html, html_report(report));
  if (!settings.markdown.empty()) write_file(settings.markdown, markdown_report(report));
  return 0;
}

}  // namespace testkit::bench
