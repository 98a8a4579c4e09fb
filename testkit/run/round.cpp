// SPDX-License-Identifier: BSD-3-Clause
//
// Threads: a round runs in one thread, and so do its clients, except those that
// run together: each of these has a thread of its own, which writes to its own
// place in a vector; the round reads it after they have been joined.
#include "run/round.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <thread>

#include "base/error.hpp"
#include "base/temp-dir.hpp"
#include "proxy/proxy.hpp"
#include "run/command.hpp"
#include "run/content.hpp"
#include "run/disk-check.hpp"
#include "run/files.hpp"
#include "run/leftovers.hpp"
#include "run/pki.hpp"
#include "run/private-network.hpp"
#include "run/requests.hpp"
#include "run/servers.hpp"
#include "run/steps.hpp"
#include "run/text-check.hpp"

namespace testkit {

namespace {

// Long names that change with every round, by the names that stand for them. In
// this order: the socket's path is a part of the URI.
std::string with_names(std::string text, const Variables& variables) {
  for (const char* name_of : {"uri", "unixsocket", "dir", "port"}) {
    const std::string name = name_of;
    const std::string value = expand("$" + name, variables);
    if (value.empty() || value == "$" + name) continue;
    for (size_t at = 0; (at = text.find(value, at)) != std::string::npos; at += name.size() + 1) {
      text.replace(at, value.size(), "$" + name);
    }
  }
  return text;
}

struct ClientOutcome {
  std::vector<Action> actions;
  Observed observed;
};

class Round {
 public:
  Round(const ScenarioFile& file, const Cell& cell, unsigned round, const RunOptions& options,
        const Deadline& deadline, const Interrupt& interrupt)
      : scenario_(cell.scenario),
        cell_(cell),
        options_(options),
        deadline_(deadline),
        interrupt_(interrupt),
        directory_(temp_ / "d"),
        logs_(log_folder(file, round)),
        model_(cell.seed, initial_content(cell.scenario.server)),
        network_(make_network()),
        servers_(cell.scenario, cell.transport, server_place(), model_, written_, interrupt) {
    std::filesystem::create_directory(directory_);
    variables_ = {{"dir", directory_},
                  {"here", std::filesystem::absolute(file.path).parent_path().string()},
                  {"nbdkit", options.nbdkit},
                  {"bin", nbd::executable_directory()},
                  {"transport", std::string(transport_name(cell.transport))},
                  {"seed", std::to_string(cell.seed)}};
    if (!network_) return;
    for (auto& variable : network_->variables()) variables_.push_back(std::move(variable));
  }

  // Starts the servers, and leaves them to others until told to stop.
  RoundOutcome serve(const std::function<void(const Served&)>& ready) {
    if (scenario_.tls) make_tls_files();
    if (set_up() && start_servers()) {
      ready({endpoint_.uri(servers_.export_name()), directory_});
      sleep_until({}, interrupt_);
      if (proxy_) tell_of_wire();
    }
    stop_servers();
    return std::move(out_);
  }

  RoundOutcome run() {
    if (scenario_.tls) make_tls_files();
    if (set_up() && start_servers()) {
      bool good = true;
      for (const ClientGroup& group : scenario_.clients) good = good && run_group(group);
      if (good) compare_all_files();
      if (good && scenario_.disk) {
        add(judge_disk(*scenario_.disk, written_, disk_before_,
                       read_disk(disk_place(), deadline_, interrupt_)));
      }
      if (good && !scenario_.requests.empty()) count_requests();
      if (good && scenario_.connections) count_connections(*scenario_.connections);
      if (proxy_) judge_wire();
    }
    stop_servers();
    find_leftovers();
    out_.interrupted = interrupt_.requested();
    return std::move(out_);
  }

 private:
  std::optional<PrivateNetwork> make_network() const {
    if (!scenario_.network) return std::nullopt;
    return std::optional<PrivateNetwork>(std::in_place, *scenario_.network, logs_, deadline_,
                                         interrupt_);
  }

  Servers::Place server_place() const {
    Servers::Place place{options_.nbdkit, temp_ / "s", directory_, logs_ + "/server"};
    if (network_) {
      place.host = network_->server_host();
      place.wrapper = network_->wrapper();
    }
    return place;
  }

  // Of its own below --keep-logs, else one that goes with the round.
  std::string log_folder(const ScenarioFile& file, unsigned round) const {
    namespace fs = std::filesystem;
    if (options_.keep_logs.empty()) return temp_.path();
    std::string name = fmt::format("{}.{}", file.id, cell_.number);
    std::replace(name.begin(), name.end(), '/', '.');
    if (scenario_.repeat > 1) name += fmt::format(".round-{}", round);
    const std::string folder = fs::absolute(fs::path(options_.keep_logs) / name).string();
    fs::create_directories(folder);
    return folder;
  }

  bool add(Action action) {
    out_.actions.push_back(std::move(action));
    return out_.actions.back().passed;
  }

  CommandPlace place(const std::string& name) const {
    return {directory_, fmt::format("{}/{}.out", logs_, name),
            fmt::format("{}/{}.err", logs_, name)};
  }

  bool set_up() {
    for (size_t i = 0; i < scenario_.setup.size(); ++i) {
      const Command& command = scenario_.setup[i];
      const CommandOutcome outcome = run_command(
          command, variables_, place(fmt::format("setup-{}", i + 1)), deadline_, interrupt_);
      const std::string what = "setup " + show_command(command);
      if (!add(judge_command(what, command, outcome, {}))) return false;
    }
    return true;
  }

  bool start_servers() {
    if (!servers_.start_all(variables_, deadline_, out_.actions)) return false;
    endpoint_ = servers_.endpoint();
    if (scenario_.disk) disk_before_ = read_disk(disk_place(), deadline_, interrupt_);
    if (!scenario_.wire.empty() || scenario_.disk || options_.trace ||
        (scenario_.tls && scenario_.tls->end)) {
      start_proxy();
    }
    for (auto& variable : address_variables(endpoint_, servers_.export_name())) {
      variables_.push_back(std::move(variable));
    }
    if (scenario_.tls) {
      const std::string plain = endpoint_.uri(servers_.export_name());
      variables_.emplace_back(
          "tlsuri",
          fmt::format("nbds{}{}tls-certificates={}", plain.substr(3),
                      plain.find('?') == std::string::npos ? '?' : '&', directory_ + "/pki"));
    }
    return true;
  }

  // Behind the proxy's back.
  DiskPlace disk_place() const {
    return {expand(scenario_.disk->file, variables_), servers_.endpoint(), servers_.export_name()};
  }

  // $pki: before the setup's commands and the servers, which may use them.
  void make_tls_files() {
    make_pki(directory_ + "/pki", scenario_.tls->certificate);
    variables_.emplace_back("pki", directory_ + "/pki");
  }

  // Between the clients and the server, which it hides.
  void start_proxy() {
    const auto address_of = [](const Endpoint& e) {
      Address a;
      a.path = e.path;
      if (e.transport == Transport::unix_socket) return a;
      const bool vsock = e.transport == Transport::vsock;
      return Address{"", vsock ? std::to_string(e.cid) : e.host, std::to_string(e.port), "", vsock};
    };
    const Address server = address_of(endpoint_);
    endpoint_.host = Endpoint{}.host;
    endpoint_.cid = Endpoint{}.cid;
    switch (endpoint_.transport) {
      case Transport::tcp: endpoint_.port = 0; break;
      case Transport::vsock: endpoint_.port = free_vsock_port(); break;
      case Transport::unix_socket: endpoint_.path = temp_ / "p"; break;
    }
    Address here = address_of(endpoint_);
    nbd::Fd socket = proxy::listen_at(here);
    if (endpoint_.transport == Transport::tcp) {
      endpoint_.port = static_cast<uint32_t>(std::stoul(here.port));
    }
    const std::string trace = options_.keep_logs.empty() ? "" : logs_ + "/wire.trace";
    proxy::Proxy::Settings settings{
        server,      scenario_.wire, cell_.seed, trace, scenario_.disk ? &written_ : nullptr,
        std::nullopt};
    if (scenario_.tls && scenario_.tls->end) {
      settings.tls = proxy::TlsSettings{directory_ + "/pki", scenario_.tls->psk,
                                        scenario_.tls->verify_peer, scenario_.tls->priority};
    }
    proxy_.emplace(std::move(socket), std::move(settings));
  }

  // How often each fault has fired.
  void tell_of_wire() {
    const std::vector<uint64_t> counts = proxy_->counts();
    for (size_t i = 0; i < counts.size(); ++i) {
      const proxy::Rule& rule = scenario_.wire[i];
      const std::string count = fmt::format("fired {} times", counts[i]);
      add({fmt::format("wire fault {}, {} at {}", i + 1, name_of(rule.action),
                       name_of(rule.match.place)),
           count,
           count,
           {},
           true,
           {}});
    }
  }

  // A fault that never happened has tested nothing.
  void judge_wire() {
    const std::vector<uint64_t> counts = proxy_->counts();
    for (size_t i = 0; i < counts.size(); ++i) {
      const proxy::Rule& rule = scenario_.wire[i];
      const bool good = counts[i] > 0 || rule.may_stay_silent;
      const std::string what = fmt::format("wire fault {}, {} at {}", i + 1, name_of(rule.action),
                                           name_of(rule.match.place));
      const std::string happened =
          counts[i] == 0 ? "no message was of that kind" : fmt::format("fired {} times", counts[i]);
      if (out_.passed() || good) add({what, "fires", happened, {}, good, {}});
    }
  }

  bool run_group(const ClientGroup& group) {
    std::vector<ClientOutcome> outcomes(group.size());
    if (group.size() == 1) {
      outcomes[0] = run_client(group[0], ++clients_);
    } else {
      std::vector<std::jthread> threads;
      for (size_t i = 0; i < group.size(); ++i) {
        threads.emplace_back(
            [&, i, number = ++clients_] { outcomes[i] = run_client(group[i], number); });
      }
    }
    bool good = true;
    for (ClientOutcome& outcome : outcomes) {
      for (Action& action : outcome.actions) good = add(std::move(action)) && good;
      out_.observed.push_back(std::move(outcome.observed));
    }
    return good;
  }

  // A thread's entry, for clients that run together: nothing is thrown out of it.
  ClientOutcome run_client(const Client& client, unsigned number) {
    const auto start = Clock::now();
    const Deadline deadline = Deadline::after_if(client.within).sooner(deadline_);
    const bool only_one = scenario_.clients.size() == 1 && scenario_.clients[0].size() == 1;
    const std::string prefix = only_one ? "" : fmt::format("client {} ", number);
    try {
      if (const auto* steps = std::get_if<std::vector<Step>>(&client.work)) {
        StepsOutcome outcome = run_steps(*steps, prefix,
                                         {endpoint_, servers_.export_name(), cell_.seed, servers_,
                                          variables_, model_, interrupt_},
                                         deadline);
        return {std::move(outcome.actions), {"", "", "", std::move(outcome.results)}};
      }
      return run_command_client(client, prefix, number, deadline);
    } catch (const nbd::Error& error) {
      return {{{prefix + "client", "runs", error.what(), Clock::now() - start, false, {}}}, {}};
    }
  }

  ClientOutcome run_command_client(const Client& client, const std::string& prefix, unsigned number,
                                   Deadline deadline) {
    const Command& command = std::get<Command>(client.work);
    TimeCheck time = command.expect.time;
    if (client.within && (!time.within || *client.within < *time.within))
      time.within = client.within;
    deadline = Deadline::after_if(time.within).sooner(deadline);
    const CommandOutcome outcome = run_command(
        command, variables_, place(fmt::format("client-{}", number)), deadline, interrupt_);
    ClientOutcome out;
    out.actions.push_back(
        judge_command(prefix + "run " + show_command(command), command, outcome, time));
    if (outcome.status) out.observed.exit = outcome.status->describe();
    out.observed.out = with_names(outcome.out, variables_);
    out.observed.err = with_names(outcome.err, variables_);
    return out;
  }

  void count_requests() {
    const auto seen = scenario_.request_log.empty()
                          ? requests_in_trace(proxy_->trace().events())
                          : requests_in_log(expand(scenario_.request_log, variables_));
    for (const RequestCheck& check : scenario_.requests) add(judge_requests(check, seen));
  }

  void count_connections(const CountCheck& check) {
    const uint64_t count = proxy_->connections();
    const std::string wanted = check.max == UINT64_MAX
                                   ? fmt::format("at least {}", check.min)
                                   : fmt::format("{} to {}", check.min, check.max);
    add({"connections",
         check.min == check.max ? std::to_string(check.min) : wanted,
         std::to_string(count),
         {},
         count >= check.min && count <= check.max,
         {}});
  }

  void compare_all_files() {
    for (const auto& files : scenario_.equal_files) {
      for (size_t i = 1; i < files.size(); ++i) {
        const auto start = Clock::now();
        const std::string differ =
            compare_files(expand(files[0], variables_), expand(files[i], variables_));
        add({fmt::format("compare {} {}", files[0], files[i]),
             "equal",
             differ.empty() ? "equal" : differ,
             Clock::now() - start,
             differ.empty(),
             {}});
      }
    }
  }

  // A server that is gone before it was asked to, or ends badly, is a failure
  // whatever the clients say.
  void stop_servers() {
    const auto start = Clock::now();
    if (!out_.passed()) append_to_failure(server_log());
    const bool good = out_.passed();
    for (Servers::Trouble& trouble : servers_.stop()) {
      add({trouble.server, "runs until SIGTERM, then ends well", trouble.what, Clock::now() - start,
           false, as_server_lines(trouble.log)});
    }
    if (proxy_) out_.trace = keep_trace(proxy_->trace().start(), proxy_->trace().events());
    if (good && !scenario_.server_log.empty()) judge_log();
    proxy_.reset();
  }

  // Once the server has ended: what it says is all there.
  void judge_log() {
    const std::string wrong = check_text(scenario_.server_log, servers_.log());
    add({"the server's log",
         describe(scenario_.server_log),
         wrong.empty() ? describe(scenario_.server_log) : "a log that " + wrong,
         {},
         wrong.empty(),
         wrong.empty() ? std::vector<std::string>{} : server_log()});
  }

  void find_leftovers() {
    const std::vector<std::string> found = clear_leftovers(temp_.path());
    if (found.empty()) return;
    std::string list;
    for (const std::string& one : found) list += (list.empty() ? "" : ", ") + one;
    add({"the end", "nothing is left over", with_names(list, variables_), {}, false, {}});
  }

  static std::vector<std::string> as_server_lines(const std::vector<std::string>& lines) {
    std::vector<std::string> out;
    for (const std::string& line : lines) out.push_back("server  " + line);
    return out;
  }
  std::vector<std::string> server_log() const {
    return as_server_lines(servers_.last_log_lines(kShownLogLines));
  }

  void append_to_failure(const std::vector<std::string>& lines) {
    for (Action& action : out_.actions) {
      if (action.passed) continue;
      action.details.insert(action.details.end(), lines.begin(), lines.end());
      return;
    }
  }

  const Scenario& scenario_;
  const Cell& cell_;
  const RunOptions& options_;
  const Deadline& deadline_;
  const Interrupt& interrupt_;
  nbd::TempDir temp_{"tk"};
  std::string directory_;  // $dir
  std::string logs_;
  Variables variables_;
  DiskModel model_;
  proxy::WrittenDisk written_;
  std::vector<std::byte> disk_before_;
  std::optional<PrivateNetwork> network_;  // outlives the servers
  Servers servers_;
  Endpoint endpoint_;  // where clients connect
  std::optional<proxy::Proxy> proxy_;
  unsigned clients_ = 0;
  RoundOutcome out_;
};

}  // namespace

bool RoundOutcome::passed() const {
  return std::all_of(actions.begin(), actions.end(), [](const Action& a) { return a.passed; });
}

RoundOutcome run_round(const ScenarioFile& file, const Cell& cell, unsigned round,
                       const RunOptions& options, const Deadline& deadline,
                       const Interrupt& interrupt) {
  return Round(file, cell, round, options, deadline, interrupt).run();
}

RoundOutcome serve_round(const ScenarioFile& file, const Cell& cell, const RunOptions& options,
                         const Interrupt& interrupt,
                         const std::function<void(const Served&)>& ready) {
  return Round(file, cell, 1, options, {}, interrupt).serve(ready);
}

}  // namespace testkit
