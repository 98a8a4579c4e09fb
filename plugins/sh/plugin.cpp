// SPDX-License-Identifier: BSD-3-Clause
#include "plugin.hpp"

#include <fmt/format.h>

#include <thread>

#include "base/error.hpp"
#include "process.hpp"

namespace script {

using namespace std::chrono_literals;
using nbd::Status;
using std::chrono::steady_clock;

namespace {

// Of words and lists. 10 000 exports with long names are less.
constexpr size_t kMaxText = 64 << 20;
// How long a script may go on once the server ends: less than the server waits
// for its plugins.
constexpr auto kGrace = 2s;
// The highest exit status with a meaning.
constexpr int kMaxKnownStatus = 8;

bool says_unsupported(int errnum) { return errnum == ENOTSUP || errnum == EOPNOTSUPP; }

Outcome failed(const std::string& method, int errnum, const std::string& text) {
  // The server then tries in another way, or has nobody left to tell.
  if ((method == "zero" && says_unsupported(errnum)) || method == "unload") {
    nbd::log_debug(fmt::format("{}: {}", method, text));
  } else {
    nbd::log_error(fmt::format("{}: {}", method, text));
  }
  return {Ending::failed, {}, errnum};
}

}  // namespace

std::string word(bool b) { return b ? "true" : "false"; }

Status status_of(const std::string& method, const Outcome& outcome, bool if_missing) {
  switch (outcome.ending) {
    case Ending::ok: return nbd::kOk;
    case Ending::failed: return Status(outcome.errnum);
    case Ending::missing:
      if (if_missing) return nbd::kOk;
      nbd::log_error(fmt::format("{}: the script does not have this method", method));
      return Status(EIO);
    case Ending::no: break;
  }
  nbd::log_error(fmt::format("{}: exit status 3 means false, but this is no question", method));
  return Status(EIO);
}

Plugin::Plugin() : temp_dir_("nbdkitsh") {}

// Exit statuses 4 to 8 act on the server or the client, then count as success
// or failure.
Outcome Plugin::judge(const std::string& method, int code, std::string_view errors) {
  switch (code) {
    case 4:
    case 5: nbdkit_shutdown(); break;
    case 6: nbdkit_disconnect(1); break;
    case 7:
    case 8: nbdkit_disconnect(0); break;
    default: break;
  }
  switch (code) {
    case 0:
    case 4:
    case 7: return {Ending::ok, {}, 0};
    case 2: return {Ending::missing, {}, 0};
    case 3: return {Ending::no, {}, 0};
    case 6: return {Ending::failed, {}, ESHUTDOWN};  // nobody is there to read why
    default: break;
  }
  const Failure failure = parse_failure(errors);
  return failed(method, failure.errnum,
                failure.text.empty()
                    ? fmt::format("{} (exit status {})", nbd::errno_text(failure.errnum), code)
                    : failure.text);
}

Outcome Plugin::call(const std::string& method, const Args& args, std::span<const std::byte> input,
                     std::optional<size_t> max_output) {
  const Args argv = command(method, args);
  if (argv.empty()) return {Ending::missing, {}, 0};
  const auto started = steady_clock::now();
  Result result;
  try {
    result = run({.argv = argv,
                  .env = {"tmpdir=" + temp_dir_->path()},
                  .input = input,
                  .max_output = max_output.value_or(kMaxText),
                  .give_up = [&] { return must_end(started); }});
  } catch (const nbd::Error& e) {
    return failed(method, EIO, e.what());
  }
  if (result.given_up) return failed(method, ESHUTDOWN, "the script was ended: the server ends");
  if (result.too_much) {
    return failed(method, EIO,
                  fmt::format("the script was ended: it printed more than {} bytes",
                              max_output.value_or(kMaxText)));
  }
  if (result.status.signal != 0) {
    return failed(method, EIO, fmt::format("the script was {}", result.status.describe()));
  }
  Outcome outcome = judge(method, result.status.code, result.errors);
  outcome.output = std::move(result.output);
  return outcome;
}

void Plugin::call_optional(const std::string& method, const Args& args) {
  const Outcome outcome = call(method, args);
  if (!status_of(method, outcome, true).ok()) throw nbd::Reported();
}

// Before the fork nobody looks at signals while a script runs; later the
// watcher does, since a client that goes away is no reason to end a script.
bool Plugin::must_end(steady_clock::time_point started) {
  if (!forked_) return nbdkit_nanosleep(0, 1) == -1;
  return server_ends_->load() && steady_clock::now() - started > kGrace;
}

void Plugin::config_complete() { call_optional("config_complete"); }
void Plugin::get_ready() { call_optional("get_ready"); }

void Plugin::after_fork() {
  forked_ = true;
  std::promise<void> done;
  watcher_ = done.get_future();
  // Not joined if start-up fails after this: then nothing tells it to end.
  std::thread([done = std::move(done), ends = server_ends_]() mutable {
    while (nbdkit_nanosleep(3600, 0) == 0) continue;
    ends->store(true);
    done.set_value();
  }).detach();
  call_optional("after_fork");
}

void Plugin::cleanup() {
  if (watcher_.valid()) watcher_.wait_for(1s);
}

void Plugin::unload() {
  (void)call("unload", {});
  temp_dir_.reset();
}

void Plugin::dump_plugin() {
  fmt::print("max_known_status={}\n", kMaxKnownStatus);
  const Outcome outcome = call("dump_plugin", {});
  if (outcome.ok()) fmt::print("{}", outcome.output);
}

nbd::ThreadModel Plugin::thread_model() {
  constexpr auto kDefault = nbd::ThreadModel::serialize_all_requests;
  const Outcome outcome = call("thread_model", {});
  if (!status_of("thread_model", outcome, true).ok()) throw nbd::Reported();
  if (!outcome.ok()) return kDefault;
  const auto model = parse_thread_model(outcome.output);
  if (!model) nbd::log_debug("thread_model: ignored \"" + one_line(outcome.output) + "\"");
  return model.value_or(kDefault);
}

void Plugin::preconnect(bool read_only) { call_optional("preconnect", {word(read_only)}); }

void Plugin::list_exports(bool read_only, bool tls, nbd::ExportList& out) {
  const Outcome outcome = call("list_exports", {word(read_only), word(tls)});
  if (outcome.ending == Ending::missing) {
    out.use_default();
  } else if (!status_of("list_exports", outcome).ok()) {
    throw nbd::Reported();
  } else {
    for (const auto& item : parse_exports(outcome.output)) out.add(item.name, item.description);
  }
}

std::string Plugin::default_export(bool read_only, bool tls) {
  const Outcome outcome = call("default_export", {word(read_only), word(tls)});
  if (outcome.ending == Ending::missing) return "";
  if (!status_of("default_export", outcome).ok()) throw nbd::Reported();
  const auto exports = parse_exports(outcome.output);
  return exports.empty() ? "" : exports[0].name;
}

}  // namespace script
