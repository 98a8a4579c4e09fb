// SPDX-License-Identifier: BSD-3-Clause
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>

#include "base/error.hpp"
#include "commands.hpp"
#include "proxy/proxy.hpp"
#include "run/runner.hpp"
#include "scenario/decode.hpp"
#include "scenario/seed.hpp"

namespace testkit {

namespace {

// The rules of a file: a list of them, or a scenario, of which "wire" is taken. Nothing if
// there are problems, which have been printed.
std::optional<std::vector<proxy::Rule>> load_rules(const std::string& path) {
  if (path.empty()) return std::vector<proxy::Rule>{};
  std::ifstream in(path);
  if (!in) nbd::fail_errno(errno, "cannot read {}", path);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  std::vector<Problem> found;
  std::vector<proxy::Rule> rules;
  if (const auto document = parse_document(path, text, found)) {
    Problems problems(*document);
    const Json& root = *document->root;
    const bool is_scenario = root.is_object() && root.contains("wire");
    rules = decode_wire(is_scenario ? Value(root["wire"], "/wire", problems)
                                    : Value(root, "", problems));
    found.insert(found.end(), problems.list().begin(), problems.list().end());
  }
  for (const Problem& problem : found) fmt::print(stderr, "{}\n", problem.text());
  if (!found.empty()) return std::nullopt;
  return rules;
}

}  // namespace

int run_proxy(const ProxySettings& settings) {
  const auto rules = load_rules(settings.faults);
  if (!rules) return kExitUsage;
  Address listen = parse_uri(settings.listen);
  Address server = parse_uri(settings.server);
  const uint64_t seed = settings.seed.value_or(std::random_device{}());
  Interrupt interrupt;
  const SignalWatch watch(interrupt);
  nbd::Fd socket = proxy::listen_at(listen);
  listen.export_name = server.export_name;
  {
    proxy::Proxy::Settings proxy_settings{server,         *rules,  seed,
                                          settings.trace, nullptr, std::nullopt};
    if (!settings.tls_folder.empty()) {
      proxy_settings.tls = proxy::TlsSettings{settings.tls_folder, settings.tls_psk, false, ""};
    }
    proxy::Proxy proxy(std::move(socket), std::move(proxy_settings));
    fmt::print("proxy at {} to {}, seed {}\n", listen.uri(), server.uri(), seed);
    std::fflush(stdout);
    sleep_until({}, interrupt);
    const auto counts = proxy.counts();
    fmt::print("{} connections\n", proxy.connections());
    for (size_t i = 0; i < counts.size(); ++i) {
      const proxy::Rule& rule = (*rules)[i];
      fmt::print("fault {}, {} at {}: fired {} times\n", i + 1, name_of(rule.action),
                 name_of(rule.match.place), counts[i]);
    }
  }
  if (!listen.path.empty()) ::unlink(listen.path.c_str());
  return kExitPass;
}

}  // namespace testkit
