// SPDX-License-Identifier: BSD-3-Clause
#include "run/servers.hpp"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "base/error.hpp"
#include "base/parse.hpp"
#include "net/connect.hpp"
#include "run/files.hpp"

namespace testkit {

namespace {

std::string shown(const std::string& name) {
  return name.empty() ? "server" : fmt::format("server \"{}\"", name);
}

// A server that exists already, where its URI says.
Endpoint existing(const Server& server, const Variables& variables) {
  const Address address = parse_uri(expand(server.uri, variables));
  Endpoint endpoint;
  if (!address.path.empty()) {
    endpoint.path = address.path;
  } else {
    endpoint.transport = address.vsock ? Transport::vsock : Transport::tcp;
    endpoint.host = address.host;
    if (address.vsock) {
      endpoint.cid = static_cast<uint32_t>(nbd::parse_unsigned("CID", address.host, UINT32_MAX));
    }
    endpoint.port = static_cast<uint32_t>(std::stoul(address.port));
  }
  return endpoint;
}

}  // namespace

Content initial_content(const Server& server) {
  if (server.plugin == "memory") return Content::zeroes();
  if (server.plugin == "pattern") return {Content::Kind::pattern};
  return {};
}

ServerPlace Servers::place_of(const std::string& name) const {
  const std::string suffix = name.empty() ? "" : "-" + name;
  return {place_.nbdkit,
          place_.socket_stem + suffix,
          place_.directory,
          place_.log_stem + suffix + ".log",
          place_.socket_stem + suffix + ".pid",
          place_.host,
          place_.wrapper};
}

bool Servers::start_all(Variables& variables, const Deadline& deadline,
                        std::vector<Action>& actions) {
  variables_ = variables;
  for (const auto& [name, server] : scenario_.other_servers) {
    start(name, server, deadline, actions);
    if (!actions.back().passed) return false;
    for (auto& [key, value] : address_variables(running_[name].endpoint, server.export_name)) {
      variables_.emplace_back(key + "_" + name, value);
    }
  }
  start("", scenario_.server, deadline, actions);
  if (!actions.back().passed) return false;
  endpoint_ = running_[""].endpoint;
  variables = variables_;
  return true;
}

void Servers::start(const std::string& name, const Server& server, const Deadline& deadline,
                    std::vector<Action>& actions) {
  const auto begin = Clock::now();
  try {
    Running running{server, {}, {}, server.may_exit};
    if (server.uri.empty()) {
      running.process.emplace(CaptiveServer::start(server, transport_, place_of(name), variables_,
                                                   deadline, interrupt_));
      running.endpoint = running.process->endpoint();
    } else {
      running.endpoint = existing(server, variables_);
    }
    const std::string how = running.process ? running.process->command_line()
                                            : running.endpoint.uri(server.export_name);
    running_.emplace(name, std::move(running));
    order_.push_back(name);
    actions.push_back(
        {shown(name) + " " + how, "listens", "listens", Clock::now() - begin, true, {}});
  } catch (const nbd::Error& error) {
    // The server's own words follow the sentence, one a line.
    std::istringstream lines(error.what());
    std::string sentence;
    std::getline(lines, sentence);
    Action action{shown(name), "listens", sentence, Clock::now() - begin, false, {}};
    for (std::string line; std::getline(lines, line);) action.details.push_back("server  " + line);
    actions.push_back(std::move(action));
  }
}

Servers::Running& Servers::named(const std::string& name) {
  Running& running = running_.at(name);  // decode knows the names
  if (!running.process) nbd::fail("{} is not testkit's own: it has a URI", shown(name));
  return running;
}

void Servers::perform(const ProcessFault& fault, const Deadline& deadline) {
  const std::lock_guard lock(mutex_);
  Running& running = named(fault.server);
  CaptiveServer& process = *running.process;
  switch (fault.kind) {
    case ProcessFault::Kind::kill: return end(running, fault.signal, deadline);
    case ProcessFault::Kind::stop: return process.signal(SIGSTOP);
    case ProcessFault::Kind::go_on: return process.signal(SIGCONT);
    case ProcessFault::Kind::restart: return restart(fault.server, running, fault, deadline);
    case ProcessFault::Kind::limit_files: {
      // Above what it may have again, if it is to be given back.
      rlimit limit{};
      if (::prlimit(process.pid(), RLIMIT_NOFILE, nullptr, &limit) == -1) {
        nbd::fail_errno(errno, "the limits of {}", shown(fault.server));
      }
      limit.rlim_cur = std::min<rlim_t>(fault.files, limit.rlim_max);
      if (::prlimit(process.pid(), RLIMIT_NOFILE, &limit, nullptr) == -1) {
        nbd::fail_errno(errno, "limit {} to {} files", shown(fault.server), fault.files);
      }
    }
  }
}

void Servers::end(Running& running, int signal, const Deadline& deadline) {
  running.may_have_ended = true;
  if (&running == &running_.at("")) written_.crash();
  running.process->signal(SIGCONT);
  running.process->signal(signal);
  if (!running.process->wait_until_ended(deadline, interrupt_)) {
    nbd::fail("the server is still there after {}", ::strsignal(signal));
  }
}

void Servers::restart(const std::string& name, Running& running, const ProcessFault& fault,
                      const Deadline& deadline) {
  end(running, fault.signal, deadline);
  if (sleep_until(Deadline::after(fault.down).sooner(deadline), interrupt_) == Wake::interrupted) {
    nbd::fail("interrupted");
  }
  if (fault.as) running.server = *fault.as;
  starting_.run([&] {
    running.process->restart(running.server, place_of(name), variables_, deadline, interrupt_);
  });
  running.may_have_ended = running.server.may_exit;
  // Memory forgets; a new disk is another one, a file is what it was.
  const Content fresh = initial_content(running.server);
  const bool is_new = fault.as || fresh.kind != Content::Kind::unknown;
  if (name.empty() && is_new) model_.set(0, UINT64_MAX, fresh);
}

std::vector<Servers::Trouble> Servers::stop() {
  std::vector<Trouble> out;
  for (auto name = order_.rbegin(); name != order_.rend(); ++name) {
    Running& running = running_.at(*name);
    if (!running.process) continue;
    const std::string what = running.process->stop(running.may_have_ended);
    if (what.empty()) continue;
    out.push_back({shown(*name), what, running.process->last_log_lines(kShownLogLines)});
  }
  return out;
}

std::string Servers::log() const {
  constexpr size_t kMaxLog = 4u << 20;
  return read_file(place_of("").log_path, kMaxLog);
}

std::vector<std::string> Servers::last_log_lines(size_t count) const {
  const auto main = running_.find("");
  if (main == running_.end() || !main->second.process) return {};
  return main->second.process->last_log_lines(count);
}

}  // namespace testkit
