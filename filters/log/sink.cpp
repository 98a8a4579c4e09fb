// SPDX-License-Identifier: BSD-3-Clause
#include "log/sink.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>

#include <nbdkit/sdk.hpp>

#include "base/process.hpp"
#include "op-names.hpp"

namespace nbd::filters {

namespace {

// "2026-01-31 12:34:56.789012", local time.
std::string timestamp() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  const std::time_t seconds = us / 1000000;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  char day[32], out[48];
  std::strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S", &parts);
  std::snprintf(out, sizeof out, "%s.%06d", day, static_cast<int>(us % 1000000));
  return out;
}

std::string name_of(Status status) {
  const char* known = ::strerrorname_np(status.errnum());
  return known != nullptr ? known : std::to_string(status.errnum());
}

// "1790000000.123456789": a double has not so many digits.
std::string seconds(std::chrono::nanoseconds ns) {
  char out[48];
  std::snprintf(out, sizeof out, "%lld.%09lld", static_cast<long long>(ns.count() / 1000000000),
                static_cast<long long>(ns.count() % 1000000000));
  return out;
}

std::string in_lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// The client's words for them: a zero that may not make a hole says so.
JsonArray flag_names(const Announcement& request) {
  JsonArray out;
  if (has(request.flags, Flags::fua)) out.add("fua");
  if (request.op == Op::zero && !has(request.flags, Flags::may_trim)) out.add("no-hole");
  if (has(request.flags, Flags::fast_zero)) out.add("fast-zero");
  if (has(request.flags, Flags::req_one)) out.add("req-one");
  return out;
}

}  // namespace

void LogSink::open(const std::string& file, bool append, const std::string& script, bool json) {
  script_ = script;
  json_ = json;
  if (file.empty()) return;
  // Appending also without logappend: what is written has a place of its own
  // although threads share the file.
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND | (append ? 0 : O_TRUNC);
  file_ = Fd(::open(file.c_str(), flags, 0666));
  if (!file_) throw Error("logfile=" + file + ": " + std::strerror(errno));
}

void LogSink::write(std::string_view type, const Line& line, Status status) {
  if (file_ && json_) write_event(type, line, status);
  if (file_ && !json_) write_line(type, line, status);
  if (!script_.empty()) run_script(type, line, status);
}

void LogSink::write_line(std::string_view type, const Line& line, Status status) const {
  const bool enter = type == "ENTER", leave = type == "LEAVE";
  std::string text = timestamp();
  if (line.connection() != 0) text += " connection=" + std::to_string(line.connection());
  text += leave ? " ..." : " ";
  text += line.action();
  if (line.id() != 0) text += " id=" + std::to_string(line.id());
  for (const Line::Field& f : line.fields()) (((text += ' ') += f.name) += '=') += f.shown;
  if (enter) text += " ...";
  if (leave) text += status.ok() ? " return=0" : " return=-1 error=" + name_of(status);
  put(std::move(text));
}

void LogSink::put(std::string text) const {
  text += '\n';
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t n = ::write(file_.get(), rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      log_error(std::string("logfile: ") + std::strerror(errno));
      return;
    }
    rest.remove_prefix(static_cast<size_t>(n));
  }
}

// What is no request: one object when it happens, or when it is done. Requests have
// request().
void LogSink::write_event(std::string_view type, const Line& line, Status status) const {
  const bool is_request = line.id() != 0 && line.connection() != 0;
  if (is_request || type == "ENTER") return;
  JsonObject out;
  out.raw("time", seconds(std::chrono::system_clock::now().time_since_epoch()));
  if (line.connection() != 0) out.set("connection", line.client());
  out.set("event", in_lower_case(line.action()));
  for (const Line::Field& f : line.fields()) out.raw(f.name, f.json());
  if (type == "LEAVE") out.set("result", status.ok() ? "ok" : name_of(status));
  put(out.text());
}

void LogSink::request(const Announcement& request, const Done& done, Status status,
                      const Extents* extents) const {
  JsonObject out;
  out.raw("time", seconds(done.began.time_since_epoch())).set("connection", done.connection);
  out.set("id", done.id).set("number", request_arrival(request.op));
  out.set("command", name_of(request.op)).set("offset", request.offset);
  out.set("length", request.count).set("flags", flag_names(request));
  out.set("result", status.ok() ? "ok" : name_of(status)).raw("duration", seconds(done.took));
  if (extents != nullptr && status.ok()) {
    JsonArray list;
    uint64_t at = extents->start();
    for (const Extent& e : extents->list()) {
      list.add(JsonObject().set("offset", at).set("length", e.length).set("type", e.type));
      at += e.length;
    }
    out.set("extents", list);
  }
  put(out.text());
}

void LogSink::run_script(std::string_view type, const Line& line, Status status) try {
  SpawnOptions options;
  options.argv = {"/bin/sh", "-c", script_};
  const auto set = [&](const std::string& name, std::string_view value) {
    options.env.push_back(name + "=" + std::string(value));
  };
  set("act", line.action());
  set("type", type);
  if (line.connection() != 0) set("connection", std::to_string(line.connection()));
  if (line.id() != 0) set("id", std::to_string(line.id()));
  for (const Line::Field& f : line.fields()) set(f.name, f.value);
  if (type == "LEAVE") {
    set("return", status.ok() ? "0" : "-1");
    if (!status.ok()) set("error", name_of(status));
  }
  const std::lock_guard lock(one_script_);
  spawn(options).wait();
} catch (const std::exception& e) {
  log_error(std::string("logscript: ") + e.what());
}

}  // namespace nbd::filters
