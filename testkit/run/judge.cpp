// SPDX-License-Identifier: BSD-3-Clause
#include "run/judge.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/error.hpp"
#include "base/parse.hpp"
#include "run/step-text.hpp"
#include "run/text-check.hpp"

namespace testkit {

namespace {

int flag_value(nbd_handle* h, ExportFlag flag) {
  switch (flag) {
    case ExportFlag::read_only: return nbd_is_read_only(h);
    case ExportFlag::flush: return nbd_can_flush(h);
    case ExportFlag::fua: return nbd_can_fua(h);
    case ExportFlag::trim: return nbd_can_trim(h);
    case ExportFlag::zero: return nbd_can_zero(h);
    case ExportFlag::fast_zero: return nbd_can_fast_zero(h);
    case ExportFlag::df: return nbd_can_df(h);
    case ExportFlag::multi_conn: return nbd_can_multi_conn(h);
    case ExportFlag::cache: return nbd_can_cache(h);
    case ExportFlag::rotational: return nbd_is_rotational(h);
  }
  return -1;
}

std::string quoted(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& w : words) out += fmt::format("{}\"{}\"", out.empty() ? "" : ", ", w);
  return out.empty() ? "none" : out;
}

}  // namespace

Judgement::Judgement(const Step& step)
    : step_(step), counts_failures_(std::holds_alternative<Parallel>(step.action)) {}

void Judgement::fault(std::string text) {
  if (!fault_) fault_ = std::move(text);
}

bool Judgement::error_is_taken(int errnum) const {
  const ErrorCheck& check = step_.expect.error;
  return check.any ||
         std::find(check.numbers.begin(), check.numbers.end(), errnum) != check.numbers.end();
}

void Judgement::outcome(const Outcome& outcome) {
  if (outcome.ok()) return;
  failure_ = outcome;
  stopped_ = !outcome.finished();
}

void Judgement::answered(const Sent& sent, const std::string& data_fault) {
  ++requests_;
  if (!data_fault.empty()) fault("success with " + data_fault);
  if (sent.outcome.ok()) {
    if (sent.request.op == Request::Op::read) bytes_read_ += sent.request.length;
    return;
  }
  ++failed_;
  errors_.insert(show_errno(sent.outcome.errnum));
  if (!failure_) failure_ = sent.outcome;
  // Where several may fail, each has to fail in a way that is taken.
  if (counts_failures_ && !error_is_taken(sent.outcome.errnum) &&
      (step_.expect.error.any || !step_.expect.error.numbers.empty())) {
    fault(
        fmt::format("error {} at offset {}", show_errno(sent.outcome.errnum), sent.request.offset));
  }
}

void Judgement::negotiated(const NegotiationCheck& check, nbd_handle* handle) {
  if (failure_) return;
  const auto differs = [&](const std::string& what, const auto& wanted, const auto& got) {
    if (wanted != got) fault(fmt::format("{} {}", what, got));
  };
  if (check.protocol) {
    const char* protocol = nbd_get_protocol(handle);
    differs("protocol", *check.protocol, std::string(protocol != nullptr ? protocol : "unknown"));
  }
  const auto text = [](char* given) {
    const std::string out = given != nullptr ? given : "";
    std::free(given);
    return out;
  };
  if (check.description) {
    differs("description", *check.description, text(nbd_get_export_description(handle)));
  }
  if (check.canonical_name) {
    differs("canonical name", *check.canonical_name, text(nbd_get_canonical_export_name(handle)));
  }
  if (check.structured_replies) {
    differs("structured replies", *check.structured_replies,
            nbd_get_structured_replies_negotiated(handle) == 1);
  }
  if (check.tls) differs("TLS", *check.tls, nbd_get_tls_negotiated(handle) == 1);
  if (check.size) differs("size", static_cast<int64_t>(*check.size), nbd_get_size(handle));
  for (const auto& [flag, wanted] : check.flags) {
    differs(std::string(flag_name(flag)), wanted, flag_value(handle, flag) == 1);
  }
  for (const auto& [context, wanted] : check.contexts) {
    differs("context " + context, wanted, nbd_can_meta_context(handle, context.c_str()) == 1);
  }
  for (const auto& [type, wanted] : check.block_sizes) {
    differs(std::string(block_size_name(type)) + " block size", static_cast<int64_t>(wanted),
            nbd_get_block_size(handle, type));
  }
}

void Judgement::exports(const std::optional<std::vector<std::string>>& wanted,
                        const std::vector<std::string>& got) {
  if (!wanted || failure_) return;
  found_ = ", exports " + quoted(got);
  if (*wanted != got) fault("exports " + quoted(got));
}

void Judgement::chunks(const std::optional<std::vector<Extent>>& wanted,
                       const std::vector<Extent>& got) {
  found_ = ", chunks " + show_chunks(got);
  if (wanted && *wanted != got) fault("chunks " + show_chunks(got));
}

void Judgement::answer(const TextCheck& wanted, const std::string& got) {
  found_ = ", answer " + got;
  if (std::string wrong = check_text(wanted, got); !wrong.empty()) fault(got + ", which " + wrong);
}

void Judgement::extents(const std::optional<std::vector<Extent>>& wanted,
                        const std::vector<Extent>& got) {
  found_ = ", extents " + show_extents(got);
  if (wanted && *wanted != got) fault("extents " + show_extents(got));
}

// Whether as many requests of a parallel step failed as should; of another
// step, whether it failed as it should.
std::string Judgement::count_fault() const {
  const ErrorCheck& check = step_.expect.error;
  if (counts_failures_) {
    const CountCheck wanted = step_.expect.failed.value_or(
        CountCheck{check.may_succeed ? 0 : requests_,
                   check.may_succeed && !check.any && check.numbers.empty() ? 0 : requests_});
    if (failed_ >= wanted.min && failed_ <= wanted.max) return "";
    return in_words();
  }
  if (!failure_) return check.may_succeed ? "" : in_words();
  if (!error_is_taken(failure_->errnum)) return in_words();
  if (std::string wrong = check_text(step_.expect.message, failure_->message); !wrong.empty()) {
    return fmt::format("{}, a message that {}", in_words(), wrong);
  }
  return "";
}

std::string Judgement::in_words() const {
  if (counts_failures_) {
    std::string out = failed_ == 0 ? fmt::format("{} requests succeeded", requests_)
                                   : fmt::format("{} of {} requests failed", failed_, requests_);
    for (const std::string& name : errors_)
      out += (name == *errors_.begin() ? " with " : ", ") + name;
    return out;
  }
  if (failure_)
    return fmt::format("error {} ({})", show_errno(failure_->errnum), failure_->message);
  return "success" + (bytes_read_ > 0 ? fmt::format(", {} bytes", bytes_read_) : "") + found_;
}

Action Judgement::action(std::string what, Duration took) {
  Action action;
  action.what = std::move(what);
  action.expected = show_expectation(step_);
  action.took = took;
  if (step_.expect.no_answer) {
    action.passed = stopped_ && failure_->end == Outcome::End::timeout;
    action.happened = stopped_ ? "no answer" : in_words();
    return action;
  }
  if (stopped_) {
    const bool late = failure_->end == Outcome::End::timeout;
    fault(late ? fmt::format("no end after {}", show_time(took)) +
                     (counts_failures_ ? fmt::format(", {} requests answered", requests_) : "")
               : "interrupted");
  }
  if (std::string wrong = count_fault(); !wrong.empty()) fault(std::move(wrong));
  const TimeCheck& time = step_.expect.time;
  if (time.at_least && took < *time.at_least) fault(in_words() + " after only " + show_time(took));
  if (time.within && took > *time.within) fault(in_words() + " after " + show_time(took));
  action.passed = !fault_;
  action.happened = fault_ ? *fault_ : in_words();
  return action;
}

}  // namespace testkit
