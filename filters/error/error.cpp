// SPDX-License-Identifier: BSD-3-Clause
//
// error: fail some requests, to see what a client makes of it.
//
// Which ones, rules say (filters/faults), into which the plain parameters are made as
// well. Whether the Nth request fails depends on the seed, the rule and N alone, never
// on the time or on what other threads do, so a client that asks for the same things
// in the same order gets the same answers again.
//
// Threads: Faults has its own lock; nothing else changes after the start.
#include <nbdkit/filter.hpp>

#include <cerrno>
#include <string>

#include "base/error.hpp"
#include "error/plain.hpp"
#include "every-request.hpp"
#include "faults/faults.hpp"

namespace {

using nbd::Flags;
using nbd::Op;
using nbd::Status;
using nbd::filters::Faults;
using nbd::filters::Firing;
using nbd::filters::JsonObject;
using nbd::filters::Kind;
using nbd::filters::kind_of;
using nbd::filters::PlainErrors;
using nbd::filters::Request;
using nbd::filters::request_of;
using nbd::filters::Trade;

class ErrorFilter : public nbd::filters::EveryRequest<ErrorFilter> {
 public:
  static constexpr auto name = "error";
  static constexpr auto longname = "nbdkit error filter";
  static constexpr auto description = "Inject errors for testing clients";
  static constexpr auto help =
      "error=EPERM|EIO|ENOMEM|EINVAL|ENOSPC|ESHUTDOWN   what a failed request gets (default EIO)\n"
      "error-rate=<PROBABILITY>      how many fail, such as 10% or 0.1 (default 0)\n"
      "error-nth=<N>                 the Nth request of each kind fails\n"
      "error-file=<FILENAME>         only while this file exists\n"
      "error-<KIND>=..., error-<KIND>-rate=..., error-<KIND>-nth=..., error-<KIND>-file=...\n"
      "                              the same for one kind: pread, pwrite, trim, zero, extents,\n"
      "                              cache\n"
      "error-seed=<N>                the same seed fails the same requests\n"
      "error-rule=<RULE>             which requests fail and how, see nbdkit-faults(1), such as\n"
      "                              'read every=3 offset=1M-2M error=EIO:3,ENOSPC'; "
      "repeatable\n" NBD_FAULTS_HELP;
  static constexpr bool passes_unchanged = true;

  bool config(std::string_view key, std::string_view value) {
    return faults_.config(key, value) || plain_.config(key, value);
  }
  void get_ready() {
    for (nbd::filters::Rule& rule : plain_.rules()) faults_.add(std::move(rule));
    if (plain_.seed()) faults_.set_plain_seed(*plain_.seed());
    faults_.get_ready();
    nbd::log_debug("error-inject: error-seed=" +
                   std::to_string(plain_.seed().value_or(faults_.seed())));
  }
  void after_fork() { faults_.after_fork(); }
  void cleanup() noexcept { faults_.cleanup(); }
  void disconnected() noexcept { faults_.disconnected(); }
  void announce(const nbd::Announcement& request) { faults_.announce(request); }

  void list_exports(std::vector<nbd::ExportItem>&) { refuse(request_of(Kind::list, "")); }
  void open(nbd::OpenRequest& request) { refuse(request_of(Kind::open, request.export_name)); }
  void properties(nbd::Properties&) { refuse(request_of(Kind::size)); }

  template <class Call>
  Status around(const nbd::Announcement& r, Call&& call) {
    if (has(r.flags, Flags::probe)) return call();  // the server asks for itself
    const Request request = request_of(kind_of(r.op), r.offset, r.count, r.flags);
    if (const Status s = fails(request); !s.ok()) return s;
    const Status s = call();
    if (s.ok() && (r.op == Op::write || r.op == Op::zero)) faults_.healed(request);
    return s;
  }

 private:
  struct Failure {
    int errnum = 0;
    std::string sentence;
  };

  Failure failure_of(const Request& request) {
    const auto firings = faults_.decide(request);
    if (firings.empty()) return {};
    const Firing& f = firings.front();
    const std::string error = nbd::errno_name(f.errnum());
    faults_.log(f, request, JsonObject().set("error", error));
    if (!f.rule->message.empty()) return {f.errnum(), f.rule->message};
    return {f.errnum(),
            fmt::format("injecting {} error into {}", error, PlainErrors::name_of(request.kind))};
  }

  Status fails(const Request& request) {
    const Failure failure = failure_of(request);
    if (failure.errnum == 0) return nbd::kOk;
    nbd::log_error(failure.sentence);
    return Status(failure.errnum);
  }
  // While a client gets its export or a list of them.
  void refuse(const Request& request) {
    const Failure failure = failure_of(request);
    if (failure.errnum != 0) throw nbd::Error(failure.errnum, failure.sentence);
  }

  PlainErrors plain_;
  Faults faults_{name, Trade::error};
};

}  // namespace

NBDKIT_FILTER(ErrorFilter)
