// SPDX-License-Identifier: BSD-3-Clause
#include "faults/faults.hpp"

#include <algorithm>

#include <nbdkit/sdk.hpp>

#include "base/error.hpp"
#include "base/parse.hpp"

namespace nbd::filters {

namespace {

// Decisions for requests that a filter above has failed, so that nobody asks for
// them: more than these are not kept. A request that lost its decision gets another.
constexpr size_t kMaxDecided = 65536;

JsonArray flag_names(Flags flags, Kind kind) {
  JsonArray out;
  if (has(flags, Flags::fua)) out.add("fua");
  if (kind == Kind::zero && !has(flags, Flags::may_trim)) out.add("no-hole");
  if (has(flags, Flags::fast_zero)) out.add("fast-zero");
  if (has(flags, Flags::req_one)) out.add("req-one");
  return out;
}

JsonObject as_json(const Request& r) {
  JsonObject out;
  out.set("connection", r.connection).set("export", r.export_name).set("op", name_of(r.kind));
  if (kRequests.contains(r.kind)) out.set("number", r.number);
  if (kWithRange.contains(r.kind)) out.set("offset", r.offset).set("length", r.count);
  const JsonArray flags = flag_names(r.flags, r.kind);
  if (!flags.empty()) out.set("flags", flags);
  return out;
}

}  // namespace

Request request_of(Kind kind, uint64_t offset, uint64_t count, Flags flags) {
  const auto op = static_cast<Op>(kind);  // for others than requests there is no number
  const char* export_name = connection_number() != 0 ? nbdkit_export_name() : nullptr;
  return {.kind = kind,
          .offset = offset,
          .count = count,
          .flags = flags,
          .connection = connection_number(),
          .number = connection_arrival(op),
          .number_of_all = request_arrival(op),
          .connection_age = connection_age(),
          .export_name = export_name != nullptr ? export_name : ""};
}

Request request_of(Kind kind, const std::string& export_name) {
  return {.kind = kind,
          .connection = connection_number(),
          .connection_age = connection_age(),
          .export_name = export_name};
}

Faults::Faults(std::string filter, Trade trade)
    : filter_(std::move(filter)), trade_(trade), control_(filter_) {
  add_commands();
  add_commands_for_rules();
}

Rule Faults::parse(std::string_view parameter, std::string_view text) const {
  Rule rule = parse_rule(trade_, parameter, text);
  if (!rule.file.empty()) rule.file = absolute_path(rule.file);
  return rule;
}

bool Faults::config(std::string_view key, std::string_view value) {
  if (key == filter_ + "-rule") {
    configured_.push_back(parse(key, value));
  } else if (key == "fault-seed") {
    stack_.set_seed(nbd::parse_unsigned(key, value, UINT64_MAX));
  } else if (key == "fault-log") {
    stack_.set_log(absolute_path(value));
  } else {
    return control_.config(key, value);
  }
  return true;
}

void Faults::add(Rule rule) { configured_.push_back(std::move(rule)); }

void Faults::get_ready(bool draws_besides) {
  const auto draws = [&](const Rule& r) { return r.draws() && !(r.is_plain && plain_seed_); };
  stack_.get_ready(draws_besides || std::any_of(configured_.begin(), configured_.end(), draws));
  const std::lock_guard lock(mutex_);
  for (Rule& rule : configured_) put(std::move(rule));
  configured_.clear();
}

uint64_t Faults::stream(std::string_view name) const {
  return Draw::stream(seed(), fmt::format("{}/{}", control_.name(), name));
}

void Faults::put(Rule rule) {
  const unsigned number = next_number_++;
  const uint64_t begin = stream(std::to_string(number));
  rules_.push_back(
      std::make_unique<Matcher>(std::move(rule), number, begin, plain_seed_.value_or(seed())));
  rules_have_changed();
}

void Faults::rules_have_changed() {
  has_rules_ = !rules_.empty();
  order_matters_ =
      std::any_of(rules_.begin(), rules_.end(), [](const auto& m) { return m->rule().counts(); });
}

// A delay adds to others; of errors and damage there is one at a time, and what lets a
// request pass is none. All rules count the request all the same, and the state is for
// all what it was before.
std::vector<Firing> Faults::look(const Request& request) {
  std::vector<Firing> out;
  const std::string state = stack_.state();
  const Moment moment{stack_.time(), &state};
  bool is_hit = false;
  for (const auto& m : rules_) {
    const bool may_fire = is_on() && (trade_ == Trade::delay || !is_hit || m->rule().passes);
    auto firing = m->look(request, moment, may_fire);
    if (!firing) continue;
    is_hit = is_hit || !firing->rule->passes;
    out.push_back(std::move(*firing));
  }
  for (const Firing& f : out) {
    if (!f.rule->set_state.empty()) stack_.set_state(f.rule->set_state);
  }
  return out;
}

void Faults::announce(const Announcement& a) {
  if (!order_matters_.load(std::memory_order_relaxed)) return;
  const Request request = request_of(kind_of(a.op), a.offset, a.count, a.flags);
  if (request.number == 0) return;
  const std::lock_guard lock(mutex_);
  if (decided_.size() >= kMaxDecided) decided_.erase(decided_.begin());
  decided_[{request.connection, request.kind, request.number}] = look(request);
}

std::vector<Firing> Faults::decide(const Request& request) {
  if (!has_rules_.load(std::memory_order_relaxed)) return {};
  std::vector<Firing> out = take_decision(request);
  std::erase_if(out, [&](const Firing& f) {
    if (f.rule->passes) log(f, request, JsonObject());
    return f.rule->passes;
  });
  return out;
}

// The one that was made on its arrival, or one that is made now.
std::vector<Firing> Faults::take_decision(const Request& request) {
  const std::lock_guard lock(mutex_);
  if (request.number != 0) {
    const auto early = decided_.find({request.connection, request.kind, request.number});
    if (early != decided_.end()) {
      std::vector<Firing> out = std::move(early->second);
      decided_.erase(early);
      return out;
    }
  }
  return look(request);
}

void Faults::healed(const Request& write) {
  if (!has_rules_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  for (const auto& m : rules_) m->healed(write);
}

void Faults::disconnected() noexcept {
  const uint64_t connection = connection_number();
  const std::lock_guard lock(mutex_);
  for (const auto& m : rules_) m->forget_connection(connection);
  decided_.erase(decided_.lower_bound({connection, Kind{}, 0}),
                 decided_.lower_bound({connection + 1, Kind{}, 0}));
}

KindSet Faults::kinds() const {
  const std::lock_guard lock(mutex_);
  KindSet out;
  for (const auto& m : rules_) out = out | m->rule().kinds;
  return out;
}

bool Faults::any(Damage damage) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(rules_.begin(), rules_.end(),
                     [&](const auto& m) { return m->rule().damage == damage; });
}

void Faults::log(const Firing& firing, const Request& request, const JsonObject& did) const {
  if (!stack_.logs()) return;
  JsonObject which;
  which.set("rule", firing.number).set("text", firing.rule->text);
  if (firing.rule->draws()) {
    const bool own_seed = firing.rule->is_plain && plain_seed_;
    JsonObject draw;
    draw.set("seed", own_seed ? *plain_seed_ : seed())
        .set("stream", firing.rule->is_plain ? fmt::format("{}/{}", filter_, name_of(request.kind))
                                             : fmt::format("{}/{}", control_.name(), firing.number))
        .set("index", firing.draw.index())
        .set("value", firing.draw.unit(kWhether));
    which.set("draw", draw);
  } else {
    which.set("count", firing.draw.index());
  }
  if (!firing.rule->set_state.empty()) which.set("set-state", firing.rule->set_state);
  log_event(which, request, did);
}

void Faults::log(std::string_view parameter, const Draw& draw, const Request& request,
                 const JsonObject& did) const {
  if (!stack_.logs()) return;
  JsonObject which;
  which.set("text", parameter)
      .set("draw", JsonObject()
                       .set("seed", seed())
                       .set("stream", fmt::format("{}/{}", control_.name(), parameter))
                       .set("index", draw.index()));
  log_event(which, request, did);
}

void Faults::log_event(const JsonObject& which, const Request& request,
                       const JsonObject& did) const {
  stack_.log(JsonObject()
                 .set("filter", control_.name())
                 .append(which)
                 .set("request", as_json(request))
                 .set("did", did));
}

}  // namespace nbd::filters
