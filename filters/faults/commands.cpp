// SPDX-License-Identifier: BSD-3-Clause
//
// What a filter with rules understands on the control socket.
#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "faults/faults.hpp"

namespace nbd::filters {

namespace {

JsonObject as_json(const Matcher& m) {
  return JsonObject()
      .set("rule", m.number())
      .set("text", m.rule().text)
      .set("on", m.is_on)
      .set("matched", m.matched())
      .set("fired", m.fired());
}

}  // namespace

Matcher& Faults::find(const std::string& number) {
  for (const auto& m : rules_) {
    if (number == std::to_string(m->number())) return *m;
  }
  fail("there is no rule {}", number);
}

JsonArray Faults::list() const {
  JsonArray out;
  for (const auto& m : rules_) out.add(as_json(*m));
  return out;
}

// The filter as a whole.
void Faults::add_commands() {
  control_.add({.name = "list",
                .arguments = {},
                .help = "the rules with their counts, the state and the seed",
                .run = [this](const Arguments&, JsonObject& answer) {
                  const std::lock_guard lock(mutex_);
                  answer.set("on", is_on())
                      .set("seed", seed())
                      .set("state", stack_.state())
                      .set("rules", list());
                }});
  const auto add_switch = [this](bool on) {
    control_.add({.name = on ? "on" : "off",
                  .arguments = {"rule"},
                  .help = fmt::format("switch a rule {0}, or {0} all that the filter does",
                                      on ? "on" : "off"),
                  .run = [this, on](const Arguments& args, JsonObject&) {
                    const std::lock_guard lock(mutex_);
                    if (args.has("rule")) {
                      find(args.get("rule")).is_on = on;
                    } else {
                      is_on_ = on;
                    }
                  }});
  };
  add_switch(true);
  add_switch(false);
  control_.add({.name = "state",
                .arguments = {"state"},
                .help = "set the state that rules ask for, or ask for it",
                .run = [this](const Arguments& args, JsonObject& answer) {
                  if (args.has("state")) {
                    const std::string& state = args.get("state");
                    if (state.empty()) fail("state: expected a name");
                    stack_.set_state(state);
                  }
                  answer.set("state", stack_.state());
                }});
}

void Faults::add_commands_for_rules() {
  control_.add({.name = "add",
                .arguments = {"rule"},
                .help = "a new rule, behind the others",
                .run = [this](const Arguments& args, JsonObject& answer) {
                  Rule rule = parse("rule", args.get("rule"));
                  const std::lock_guard lock(mutex_);
                  constexpr size_t kMaxRules = 1000;
                  if (rules_.size() >= kMaxRules) fail("there are {} rules already", kMaxRules);
                  put(std::move(rule));
                  answer.append(as_json(*rules_.back()));
                }});
  control_.add({.name = "remove",
                .arguments = {"rule"},
                .help = "take a rule away",
                .run = [this](const Arguments& args, JsonObject&) {
                  const std::lock_guard lock(mutex_);
                  const Matcher& gone = find(args.get("rule"));
                  std::erase_if(rules_, [&](const auto& m) { return m.get() == &gone; });
                  rules_have_changed();
                }});
  control_.add({.name = "reset",
                .arguments = {"rule"},
                .help = "count anew, in a rule or in all",
                .run = [this](const Arguments& args, JsonObject&) {
                  const std::lock_guard lock(mutex_);
                  if (args.has("rule")) return find(args.get("rule")).reset();
                  for (const auto& m : rules_) m->reset();
                }});
  std::vector<std::string> words = rule_words(trade_);
  words.emplace_back("rule");
  control_.add({.name = "set",
                .arguments = std::move(words),
                .help = "change words of a rule, such as its probability",
                .run = [this](const Arguments& args, JsonObject& answer) {
                  const std::lock_guard lock(mutex_);
                  Matcher& m = find(args.get("rule"));
                  std::string text = m.rule().text;
                  for (const auto& [name, value] : args.all()) {
                    if (name != "rule") text = with_word(text, name, value);
                  }
                  Rule changed = parse("rule", text);
                  changed.is_plain = m.rule().is_plain;
                  m.change(std::move(changed));
                  rules_have_changed();
                  answer.append(as_json(m));
                }});
}

}  // namespace nbd::filters
