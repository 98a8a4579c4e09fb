// SPDX-License-Identifier: BSD-3-Clause
#include "proxy/trace.hpp"

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "wire/messages.hpp"

namespace testkit::proxy {

nlohmann::ordered_json to_json(const TraceEvent& e) {
  nlohmann::ordered_json j;
  j["ms"] = milliseconds(e.time);
  j["connection"] = e.connection;
  if (e.place) {
    j["from"] = e.from_client ? "client" : "server";
    j["at"] = name_of(*e.place);
    j["bytes"] = e.bytes;
    if (*e.place == Place::request || *e.place == Place::reply) {
      j["command"] = nbd::wire::name_of(e.request.command);
      j["cookie"] = e.request.cookie;
      j["offset"] = e.request.offset;
      j["length"] = e.request.length;
      j["flags"] = e.request.flags;
    }
  }
  j["text"] = e.text;
  for (const TraceFault& f : e.faults) {
    j["faults"].push_back(nlohmann::ordered_json{{"rule", f.rule + 1}, {"did", f.note}});
  }
  return j;
}

std::string TraceEvent::line() const {
  std::string out = fmt::format("{:9.3f} ms  {} {}  {}", milliseconds(time), connection,
                                !place        ? "   "
                                : from_client ? "C>S"
                                              : "S>C",
                                text);
  for (const TraceFault& f : faults) out += fmt::format("   <- fault {}: {}", f.rule + 1, f.note);
  return out;
}

Trace::Trace(const std::string& path) {
  if (path.empty()) return;
  file_.reset(std::fopen(path.c_str(), "we"));
  if (file_ == nullptr) nbd::fail_errno(errno, "cannot write {}", path);
}

void Trace::add(TraceEvent event) {
  event.time = Clock::now() - start_;
  const std::lock_guard lock(mutex_);
  if (file_ != nullptr) {
    // Names of exports are bytes of a peer's.
    const std::string line =
        to_json(event).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    std::fputs((line + "\n").c_str(), file_.get());
    std::fflush(file_.get());  // whoever kills us wants to see how far it came
  }
  if (events_.size() < kMostKept) events_.push_back(std::move(event));
}

std::vector<TraceEvent> Trace::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

}  // namespace testkit::proxy
