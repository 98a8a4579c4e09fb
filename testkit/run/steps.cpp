// SPDX-License-Identifier: BSD-3-Clause
#include "run/steps.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "base/error.hpp"
#include "run/control-call.hpp"
#include "run/judge.hpp"
#include "run/nbd-session.hpp"
#include "run/step-text.hpp"

namespace testkit {

namespace {

// A polite goodbye is waited for this long; the server may well be gone.
constexpr auto kGoodbyeTime = std::chrono::seconds(1);

class StepRunner {
 public:
  StepRunner(const StepsPlace& place, const Deadline& all) : place_(place), all_(all) {}

  Action run(const Step& step, std::string what) {
    const Deadline deadline = Deadline::after_if(step.expect.time.within).sooner(all_);
    Judgement judgement(step);
    session_ = &sessions_[step.on];
    const auto start = Clock::now();
    std::visit([&](const auto& action) { perform(action, step, deadline, judgement); },
               step.action);
    return judgement.action(std::move(what), Clock::now() - start);
  }

  bool has_session(const std::string& name) const {
    const auto found = sessions_.find(name);
    return found != sessions_.end() && found->second.has_value();
  }

  void say_goodbye() {
    for (auto& [name, session] : sessions_) {
      if (!session || !session->connected()) continue;
      (void)session->disconnect(Deadline::after(kGoodbyeTime).sooner(all_));
    }
  }

  std::vector<std::string> take_results() { return std::move(results_); }

 private:
  void perform(const Connect& connect, const Step& step, const Deadline& deadline, Judgement& j) {
    std::optional<NbdSession>& session_of_step = *session_;
    session_of_step.emplace(place_.interrupt);
    const bool is_main = connect.server.empty();
    const Endpoint& to = is_main ? place_.endpoint : place_.servers.endpoint_of(connect.server);
    const std::string& name =
        is_main ? place_.export_name : place_.servers.export_of(connect.server);
    Connect settings = connect;
    settings.tls_certificates = expand(connect.tls_certificates, place_.variables);
    settings.tls_psk_file = expand(connect.tls_psk_file, place_.variables);
    j.outcome((*session_)->connect(to, name, settings, deadline));
    j.negotiated(step.expect.negotiation, (*session_)->handle());
  }

  void perform(const Option& option, const Step& step, const Deadline& deadline, Judgement& j) {
    j.outcome((*session_)->option(option, deadline));
    j.exports(step.expect.exports, (*session_)->exports());
    j.negotiated(step.expect.negotiation, (*session_)->handle());
  }

  void perform(const Request& request, const Step& step, const Deadline& deadline, Judgement& j) {
    if (request.op == Request::Op::block_status) return block_status(request, step, deadline, j);
    send({{request, 1, 0}}, 1, step, deadline, j);
  }

  void perform(const Parallel& parallel, const Step& step, const Deadline& deadline, Judgement& j) {
    send(parallel.runs, parallel.in_flight, step, deadline, j);
  }

  void perform(const Sleep& sleep, const Step&, const Deadline&, Judgement& j) {
    const Wake wake = sleep_until(Deadline::after(sleep.time).sooner(all_), place_.interrupt);
    if (wake == Wake::interrupted) j.outcome({Outcome::End::interrupted, 0, ""});
  }

  void perform(const ProcessFault& fault, const Step&, const Deadline& deadline, Judgement& j) {
    try {
      place_.servers.perform(fault, deadline);
    } catch (const nbd::Error& error) {
      j.outcome({Outcome::End::error, error.errnum(), error.what()});
    }
  }

  void perform(const ControlCall& call, const Step& step, const Deadline& deadline, Judgement& j) {
    const Outcome outcome =
        call_control(expand(call.socket, place_.variables), expand(call.line, place_.variables),
                     deadline, place_.interrupt);
    j.outcome(outcome);
    if (outcome.ok()) j.answer(step.expect.answer, outcome.message);
  }

  void perform(const Disconnect&, const Step&, const Deadline& deadline, Judgement& j) {
    j.outcome((*session_)->disconnect(deadline));
  }

  // All requests of `runs`, with the model of the disk kept up with them.
  void send(const std::vector<Parallel::Run>& runs, unsigned in_flight, const Step& step,
            const Deadline& deadline, Judgement& j) {
    size_t run = 0;
    uint64_t index = 0;
    const auto next = [&]() -> std::unique_ptr<Sent> {
      if (run == runs.size()) return nullptr;
      auto sent = std::make_unique<Sent>();
      sent->request = runs[run].request;
      sent->request.offset += index * runs[run].stride;
      prepare(*sent);
      if (++index == runs[run].count) {
        index = 0;
        ++run;
      }
      return sent;
    };
    const auto done = [&](Sent& sent) {
      finish(sent);
      j.answered(sent, data_fault(step.expect.data, sent));
      if (sent.request.in_chunks && sent.outcome.ok()) j.chunks(step.expect.chunks, sent.chunks);
    };
    const Outcome outcome = (*session_)->perform(in_flight, next, done, deadline);
    if (!outcome.ok()) j.outcome(outcome);
  }

  void prepare(Sent& sent) {
    const Request& r = sent.request;
    if (r.op == Request::Op::read || r.op == Request::Op::write) sent.buffer.resize(r.length);
    if (r.op == Request::Op::write) fill(r.data, place_.seed, r.offset, sent.buffer);
    const bool changes =
        r.op == Request::Op::write || r.op == Request::Op::zero || r.op == Request::Op::trim;
    if (changes) place_.model.set(r.offset, r.length, {});  // until the reply, nobody knows
  }

  void finish(const Sent& sent) {
    const Request& r = sent.request;
    const bool ok = sent.outcome.ok();
    results_.push_back(ok ? "success" : nbd::errno_name(sent.outcome.errnum));
    if (ok && r.op == Request::Op::write) place_.model.set(r.offset, r.length, r.data);
    if (ok && r.op == Request::Op::zero) place_.model.set(r.offset, r.length, Content::zeroes());
  }

  std::string data_fault(const std::optional<DataCheck>& check, const Sent& sent) const {
    const Request& r = sent.request;
    if (!check || r.op != Request::Op::read || !sent.outcome.ok()) return "";
    if (check->written) return place_.model.compare(r.offset, sent.buffer);
    return compare(check->content, place_.seed, r.offset, sent.buffer);
  }

  // A server may answer for a part of the range only: asks on until all of it
  // is told, unless one extent was what was asked for.
  void block_status(Request request, const Step& step, const Deadline& deadline, Judgement& j) {
    std::vector<Extent> extents;
    const bool once = (request.flags & LIBNBD_CMD_FLAG_REQ_ONE) != 0;
    while (request.length > 0) {
      std::unique_ptr<Sent> question = std::make_unique<Sent>();
      question->request = request;
      uint64_t told = 0;
      Outcome answer;
      const auto done = [&](Sent& sent) {
        finish(sent);
        answer = sent.outcome;
        for (const Extent& e : sent.extents) told += append(extents, e, request.length - told);
      };
      const Outcome outcome =
          (*session_)->perform(1, [&] { return std::move(question); }, done, deadline);
      if (!outcome.ok()) answer = outcome;
      if (!answer.ok()) return j.outcome(answer);
      const bool none_wanted = step.expect.extents && step.expect.extents->empty();
      if (told == 0 && none_wanted && extents.empty()) break;
      if (told == 0) return j.fault(fmt::format("no extents at offset {}", request.offset));
      if (once) break;
      request.offset += told;
      request.length -= told;
    }
    j.extents(step.expect.extents, extents);
  }

  // Adds `extent`, at most `limit` bytes of it, to its like before it.
  static uint64_t append(std::vector<Extent>& extents, const Extent& extent, uint64_t limit) {
    const uint64_t length = std::min(extent.length, limit);
    if (!extents.empty() && extents.back().flags == extent.flags) {
      extents.back().length += length;
    } else if (length > 0) {
      extents.push_back({length, extent.flags});
    }
    return length;
  }

  const StepsPlace& place_;
  const Deadline all_;
  std::map<std::string, std::optional<NbdSession>> sessions_;  // by Step::on
  std::optional<NbdSession>* session_ = nullptr;               // of this step
  std::vector<std::string> results_;
};

}  // namespace

namespace {

bool needs_session(const Step& step) {
  return !std::holds_alternative<Connect>(step.action) &&
         !std::holds_alternative<Sleep>(step.action) &&
         !std::holds_alternative<ProcessFault>(step.action) &&
         !std::holds_alternative<ControlCall>(step.action);
}

}  // namespace

StepsOutcome run_steps(const std::vector<Step>& steps, const std::string& prefix,
                       const StepsPlace& place, const Deadline& deadline) {
  StepsOutcome out;
  StepRunner runner(place, deadline);
  const auto run = [&](const Step& step, std::string what) {
    out.actions.push_back(runner.run(step, std::move(what)));
    return out.actions.back().passed;
  };
  bool good = true;
  bool stuck = false;
  for (size_t i = 0; good && !stuck && i < steps.size(); ++i) {
    const std::string& on = steps[i].on;
    if (needs_session(steps[i]) && !runner.has_session(on) &&
        !run(Step{Connect{}, {}, on}, prefix + "connect" + (on.empty() ? "" : " " + on))) {
      good = false;
      break;
    }
    good = run(steps[i], fmt::format("{}step {} {}", prefix, i + 1, show_step(steps[i])));
    stuck = steps[i].expect.no_answer;
  }
  if (good && !stuck) runner.say_goodbye();
  out.results = runner.take_results();
  return out;
}

}  // namespace testkit
