// SPDX-License-Identifier: BSD-3-Clause
#include "faults/parser.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "base/error.hpp"
#include "base/words.hpp"
#include "faults/lexer.hpp"
#include "faults/values.hpp"

namespace nbd::filters {

namespace {

enum class Value : uint8_t { none, may, must };
constexpr unsigned kError = 1, kDelay = 2, kDamage = 4, kAny = kError | kDelay | kDamage;

struct RuleWord {
  std::string_view name;
  unsigned trades;
  Value value;
  void (*read)(Rule&, const Piece&);
};

Damage& damage_of(Rule& r, const Piece& name, Damage damage) {
  if (r.damage != Damage::none) {
    name.fail(fmt::format("one rule does one thing: there is {} already", name_of(r.damage)));
  }
  return r.damage = damage;
}

void read_from(Rule& r, const Piece& p) { r.from = read_count(p); }
void read_to(Rule& r, const Piece& p) { r.to = read_count(p); }
void read_after(Rule& r, const Piece& p) { r.from = read_count(p) + 1; }
void read_once(Rule& r, const Piece&) { r.times = 1; }

void read_flip(Rule& r, const Piece& p) {
  constexpr uint64_t kMaxBits = 4096;
  damage_of(r, p, Damage::flip);
  r.amount = p.empty() ? 1 : read_count(p);
  if (*r.amount > kMaxBits) p.fail(fmt::format("at most {} bits are flipped at once", kMaxBits));
}
void read_torn(Rule& r, const Piece& p) {
  damage_of(r, p, Damage::torn);
  if (!p.empty()) r.amount = read_size(p);
}
void read_misdirect(Rule& r, const Piece& p) {
  damage_of(r, p, Damage::misdirect);
  if (!p.empty()) r.displacement = read_displacement(p);
}
template <Damage kind>
void read_damage(Rule& r, const Piece& p) {
  damage_of(r, p, kind);
}

void read_per(Rule& r, const Piece& p) {
  if (p.text() != "connection") p.expected("connection");
  r.per_connection = true;
}
void read_name(std::string& out, const Piece& p) {
  if (p.empty()) p.expected("a name");
  out = p.str();
}

constexpr std::array<RuleWord, 34> kWords{{
    // which requests
    {"op", kAny, Value::must, [](Rule& r, const Piece& p) { r.kinds = read_kinds(p); }},
    {"offset", kAny, Value::must, [](Rule& r, const Piece& p) { r.offsets = read_offsets(p); }},
    {"length", kAny, Value::must, [](Rule& r, const Piece& p) { r.lengths = read_lengths(p); }},
    {"flags", kAny, Value::must,
     [](Rule& r, const Piece& p) { read_flags(p, r.flags_set, r.flags_clear); }},
    {"connection", kAny, Value::must,
     [](Rule& r, const Piece& p) { r.connections = read_count_range(p); }},
    {"export", kAny, Value::must, [](Rule& r, const Piece& p) { r.export_name = p.str(); }},
    {"per", kAny, Value::must, read_per},
    // which of those
    {"every", kAny, Value::must, [](Rule& r, const Piece& p) { r.every = read_count(p); }},
    {"nth", kAny, Value::must, [](Rule& r, const Piece& p) { r.nth = read_counts(p); }},
    {"first", kAny, Value::must, read_to},
    {"to", kAny, Value::must, read_to},
    {"after", kAny, Value::must, read_after},
    {"from", kAny, Value::must, read_from},
    {"bytes", kAny, Value::must, [](Rule& r, const Piece& p) { r.bytes = read_bytes(p); }},
    {"time", kAny, Value::must, [](Rule& r, const Piece& p) { r.time = read_times(p); }},
    {"connection-time", kAny, Value::must,
     [](Rule& r, const Piece& p) { r.connection_time = read_times(p); }},
    {"file", kAny, Value::must, [](Rule& r, const Piece& p) { read_name(r.file, p); }},
    {"state", kAny, Value::must, [](Rule& r, const Piece& p) { read_name(r.state, p); }},
    {"probability", kAny, Value::must,
     [](Rule& r, const Piece& p) { r.probability = read_probability(p); }},
    {"times", kAny, Value::must, [](Rule& r, const Piece& p) { r.times = read_count(p); }},
    {"once", kAny, Value::none, read_once},
    // what happens
    {"set-state", kAny, Value::must, [](Rule& r, const Piece& p) { read_name(r.set_state, p); }},
    {"pass", kAny, Value::none, [](Rule& r, const Piece&) { r.passes = true; }},
    {"error", kError | kDamage, Value::must,
     [](Rule& r, const Piece& p) { r.errors = read_errors(p); }},
    {"text", kError | kDamage, Value::must,
     [](Rule& r, const Piece& p) { read_name(r.message, p); }},
    {"heals", kError, Value::none, [](Rule& r, const Piece&) { r.heals = true; }},
    {"delay", kDelay, Value::must, [](Rule& r, const Piece& p) { r.delay = read_distribution(p); }},
    {"jitter", kDelay, Value::must, [](Rule& r, const Piece& p) { r.jitter = read_time(p); }},
    {"flip", kDamage, Value::may, read_flip},
    {"torn", kDamage, Value::may, read_torn},
    {"lost", kDamage, Value::none, read_damage<Damage::lost>},
    {"misdirect", kDamage, Value::may, read_misdirect},
    {"stale", kDamage, Value::none, read_damage<Damage::stale>},
    {"lost-flush", kDamage, Value::none, read_damage<Damage::lost_flush>},
}};

// Two words for one thing.
struct Twins {
  std::string_view a, b;
};
constexpr std::array<Twins, 3> kTwins{{{"first", "to"}, {"after", "from"}, {"times", "once"}}};

unsigned bit(Trade trade) { return 1u << static_cast<unsigned>(trade); }

const RuleWord* find_word(std::string_view name) {
  for (const RuleWord& w : kWords) {
    if (w.name == name) return &w;
  }
  return nullptr;
}

[[noreturn]] void unknown(const Word& word, Trade trade) {
  std::vector<std::string> known;
  for (const RuleWord& w : kWords) {
    if ((w.trades & bit(trade)) != 0) known.emplace_back(w.name);
  }
  if (!word.has_value) {
    for (const std::string& k : kind_words()) known.push_back(k);
  }
  word.name.fail(
      fmt::format("unknown word \"{}\"{}", word.name.text(), did_you_mean(word.name.str(), known)));
}

// "read" or "read,write", standing alone.
bool is_kinds(const Word& word) {
  return !word.has_value && !kinds_of(word.name.cut(',').first.text()).empty();
}

class Parser {
 public:
  Parser(Trade trade, const Piece& whole) : trade_(trade), whole_(whole) {}

  Rule parse() {
    for (const Word& word : words_of(whole_)) take(word);
    if (seen_.empty()) whole_.fail("expected a rule, such as \"read nth=3\"");
    check_twins();
    check_kinds();
    check_action();
    return std::move(rule_);
  }

 private:
  void take(const Word& word) {
    if (is_kinds(word)) {
      note("op", word.name);
      rule_.kinds = read_kinds(word.name);
      return;
    }
    const RuleWord* known = find_word(word.name.text());
    if (known == nullptr) unknown(word, trade_);
    if ((known->trades & bit(trade_)) == 0) {
      word.name.fail(fmt::format("\"{}\" is not for this filter", word.name.text()));
    }
    if (known->value == Value::must && (!word.has_value)) {
      word.name.fail(fmt::format("\"{0}\" needs a value: {0}=...", word.name.text()));
    }
    // As a JSON value of a scenario: "once": true.
    const bool is_yes = known->value != Value::must && word.value.text() == "true";
    if (known->value == Value::none && word.has_value && !is_yes) {
      word.value.fail(fmt::format("\"{}\" has no value", word.name.text()));
    }
    note(word.name.text(), word.name);
    known->read(rule_,
                is_yes || !word.has_value ? word.name.part(word.name.text().size()) : word.value);
  }

  void note(std::string_view name, const Piece& where) {
    if (where_is(name) != nullptr) {
      where.fail(name == "op" ? std::string("the requests are named already: join them by commas")
                              : fmt::format("\"{}\" is here for the second time", name));
    }
    seen_.emplace_back(name, where);
  }
  const Piece* where_is(std::string_view name) const {
    for (const auto& [seen, where] : seen_) {
      if (seen == name) return &where;
    }
    return nullptr;
  }

  void check_twins() const {
    for (const Twins& t : kTwins) {
      const Piece* b = where_is(t.b);
      if (where_is(t.a) != nullptr && b != nullptr) {
        b->fail(fmt::format("\"{}\" and \"{}\" say the same", t.a, t.b));
      }
    }
    const Piece* to = where_is(where_is("to") != nullptr ? "to" : "first");
    if (rule_.to < rule_.from) to->fail("the last is before the first: no request is meant");
  }

  // Which requests make sense.
  void check_kinds() {
    const KindSet can = possible_kinds();
    if (rule_.kinds.empty()) rule_.kinds = default_kinds();
    const Piece* op = where_is("op");
    const Piece& at = op != nullptr ? *op : whole_;
    for (size_t i = 0; i < kKinds; ++i) {
      const auto kind = static_cast<Kind>(i);
      if (rule_.kinds.contains(kind) && !can.contains(kind)) {
        at.fail(fmt::format("{} {}", name_of(kind), why_not()));
      }
    }
    for (const std::string_view word : {"offset", "length"}) {
      const Piece* where = where_is(word);
      if (where != nullptr && (rule_.kinds & kWithRange).empty()) {
        where->fail(fmt::format("what is meant here has no {}", word));
      }
    }
  }
  KindSet possible_kinds() const {
    switch (rule_.damage) {
      case Damage::flip: return {Kind::read, Kind::write};
      case Damage::stale: return {Kind::read};
      case Damage::lost: return kChanges;
      case Damage::torn:
      case Damage::misdirect: return {Kind::write};
      case Damage::lost_flush: return {Kind::flush};
      case Damage::none: break;
    }
    switch (trade_) {
      case Trade::error: return kRequests | kHandshake;
      case Trade::delay: return kRequests | KindSet{Kind::open, Kind::list, Kind::close};
      case Trade::damage: break;
    }
    return kRequests;
  }
  KindSet default_kinds() const {
    if (rule_.damage == Damage::flip) return {Kind::read};
    if (rule_.damage == Damage::lost) return {Kind::write};
    return rule_.damage == Damage::none ? kRequests : possible_kinds();
  }
  std::string why_not() const {
    if (rule_.damage != Damage::none) {
      return fmt::format("is not something for {}", name_of(rule_.damage));
    }
    if (trade_ == Trade::damage) return "has no data that could be wrong";
    return trade_ == Trade::delay ? "takes no time: delay open" : "cannot fail";
  }

  // What happens.
  void check_action() {
    if (const Piece* pass = where_is("pass"); pass != nullptr) {
      const bool does_more = !rule_.errors.empty() || rule_.delay || rule_.jitter.count() != 0 ||
                             rule_.heals || rule_.damage != Damage::none ||
                             where_is("text") != nullptr;
      if (does_more) pass->fail("what passes is not hit: the rule says more than that");
      return;
    }
    if (trade_ == Trade::error && rule_.errors.empty()) rule_.errors = {{EIO, 1}};
    if (trade_ == Trade::delay && !rule_.delay)
      whole_.part(whole_.text().size()).fail("expected how long: delay=10ms");
    if (trade_ == Trade::damage && rule_.damage == Damage::none) {
      whole_.part(whole_.text().size())
          .fail("expected what happens: flip, torn, lost, misdirect, stale or lost-flush");
    }
    if (const Piece* text = where_is("text"); text != nullptr && rule_.errors.empty()) {
      text->fail("a text is for a request that fails: error=... is missing");
    }
    if (const Piece* heals = where_is("heals"); heals != nullptr) check_heals(*heals);
  }
  void check_heals(const Piece& at) const {
    const KindSet reads{Kind::read, Kind::extents, Kind::cache};
    if (rule_.offsets.empty()) at.fail("what heals has a place: offset=... is missing");
    if (!rule_.kinds.without(reads).empty()) at.fail("only what is read can heal by a write");
  }

  const Trade trade_;
  const Piece whole_;
  Rule rule_;
  std::vector<std::pair<std::string, Piece>> seen_;
};

std::string quoted(std::string_view value) {
  if (!value.empty() && value.find_first_of(" \t\r\n'\"") == std::string_view::npos) {
    return std::string(value);
  }
  const char quote = value.find('"') == std::string_view::npos ? '"' : '\'';
  return quote + std::string(value) + quote;
}

}  // namespace

Rule parse_rule(Trade trade, std::string_view parameter, std::string_view text) {
  // Enough for any rule, and a message shows all of it.
  constexpr size_t kMaxRule = 4096;
  if (text.size() > kMaxRule) fail("{}: a rule has at most {} characters", parameter, kMaxRule);
  Rule rule = Parser(trade, Piece(parameter, text)).parse();
  rule.text = text;
  return rule;
}

std::vector<std::string> rule_words(Trade trade) {
  std::vector<std::string> out;
  for (const RuleWord& w : kWords) {
    if ((w.trades & bit(trade)) != 0) out.emplace_back(w.name);
  }
  return out;
}

std::string with_word(std::string_view text, std::string_view name, std::string_view value) {
  std::string out;
  const auto add = [&](std::string_view word, const std::string* with) {
    if (!out.empty()) out += ' ';
    out += word;
    if (with != nullptr) (out += '=') += *with;
  };
  const RuleWord* known = find_word(name);
  const bool is_yes = known != nullptr && known->value != Value::must && value == "true";
  const std::string new_value = quoted(value);
  bool done = false;
  for (const Word& w : words_of(Piece("rule", text))) {
    const bool same = w.name.text() == name || (name == "op" && is_kinds(w));
    if (same) {
      add(name, is_yes ? nullptr : &new_value);
      done = true;
    } else {
      const std::string old = quoted(w.value.text());
      add(w.name.text(), w.has_value ? &old : nullptr);
    }
  }
  if (!done) add(name, is_yes ? nullptr : &new_value);
  return out;
}

}  // namespace nbd::filters
