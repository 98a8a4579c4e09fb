// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "faults/lexer.hpp"
#include "faults/matcher.hpp"
#include "faults/parser.hpp"

namespace {

using namespace nbd::filters;
using namespace std::chrono_literals;
using nbd::Flags;

Rule error_rule(std::string_view text) { return parse_rule(Trade::error, "error-rule", text); }

// Where a message points, and its sentence.
struct Complaint {
  size_t column = 0;
  std::string sentence;
};
Complaint complaint(Trade trade, std::string_view text) {
  try {
    (void)parse_rule(trade, "error-rule", text);
  } catch (const nbd::Error& e) {
    const std::string what = e.what(), begin = "error-rule: at column ";
    REQUIRE(what.starts_with(begin));
    Complaint out;
    size_t length = 0;
    out.column = std::stoul(what.substr(begin.size()), &length);
    const size_t from = begin.size() + length + 2, line = what.find('\n');
    out.sentence = what.substr(from, line - from);
    // The mark stands under that column of the text, which is short here.
    const size_t mark = what.rfind('\n');
    CHECK(what.substr(line + 1, mark - line - 1) == "  " + std::string(text));
    CHECK(what.substr(mark + 1) == std::string(1 + out.column, ' ') + "^");
    return out;
  }
  FAIL("\"" << text << "\" was taken for a rule");
  return {};
}

const std::string kStart = "start";
const Moment kNow{0ns, &kStart};

// Which of `count` requests the rule hits, counted from 1.
std::vector<uint64_t> hits(Matcher& m, uint64_t count, Request request = {}) {
  std::vector<uint64_t> out;
  for (uint64_t n = 1; n <= count; ++n) {
    request.number = request.number_of_all = n;
    if (m.look(request, kNow, true)) out.push_back(n);
  }
  return out;
}
std::vector<uint64_t> hits(std::string_view rule, uint64_t count, Request request = {}) {
  Matcher m(error_rule(rule), 1, Draw::stream(7, "error/1"), 7);
  return hits(m, count, request);
}
bool hits_one(std::string_view rule, const Request& request) {
  return !hits(rule, 1, request).empty();
}
Request request(Kind kind, uint64_t offset, uint64_t count, Flags flags = Flags::none) {
  return {.kind = kind, .offset = offset, .count = count, .flags = flags, .connection = 1};
}

using Numbers = std::vector<uint64_t>;

}  // namespace

TEST_CASE("a rule is read into its parts, in any order of words") {
  const Rule r = error_rule(
      "text='no luck' error=EIO:3,ENOSPC,71 read,flush every=3 offset=1M-2M,0+512,4K connection=2 "
      "export=\"a b\" probability=1/4 times=5 state=bad set-state=start per=connection");
  CHECK(r.kinds == KindSet{Kind::read, Kind::flush});
  CHECK(r.every == 3);
  CHECK(r.offsets == std::vector<Range>{{1 << 20, (2 << 20) - 1}, {0, 511}, {4096, 4096}});
  CHECK(r.connections == Range{2, 2});
  CHECK(r.export_name == "a b");
  CHECK(r.errors == std::vector<WeightedError>{{EIO, 3}, {ENOSPC, 1}, {71, 1}});
  CHECK(r.message == "no luck");
  CHECK(r.probability == 0.25);
  CHECK(r.times == 5);
  CHECK(r.per_connection);
  CHECK(error_rule("op=read nth=3").kinds == error_rule("nth=3 read").kinds);
  CHECK(error_rule("nth=3").kinds == kRequests);
  CHECK(error_rule("changes,open").kinds == (kChanges | KindSet{Kind::open}));
  CHECK(error_rule("once=true read").times == 1);
  CHECK(error_rule("read error=EOVERFLOW,ESTALE,ENOTSUP").errors.size() == 3);
}

TEST_CASE("what is wrong with a rule is said where it is") {
  struct Case {
    Trade trade;
    const char* text;
    size_t column;
    const char* sentence;
  };
  const auto c = GENERATE(
      Case{Trade::error, "raed nth=2", 1, "unknown word \"raed\", did you mean \"read\"?"},
      Case{Trade::error, "read evry=3", 6, "unknown word \"evry\", did you mean \"every\"?"},
      Case{Trade::error, "read every=0", 12, "expected a number from 1, got \"0\""},
      Case{Trade::error, "read every", 6, "\"every\" needs a value: every=..."},
      Case{Trade::error, "read nth=3,x", 12, "expected a number from 1, got \"x\""},
      Case{Trade::error, "read nth=5-3", 10, "the range ends before it begins"},
      Case{Trade::error, "read first=3 after=5", 6,
           "the last is before the first: no request is meant"},
      Case{Trade::error, "read first=3 to=5", 14, "\"first\" and \"to\" say the same"},
      Case{Trade::error, "read nth=3 nth=4", 12, "\"nth\" is here for the second time"},
      Case{Trade::error, "read write", 6, "the requests are named already: join them by commas"},
      Case{Trade::error, "read,wirte", 6, "unknown request \"wirte\", did you mean \"write\"?"},
      Case{Trade::error, "read error=EIO:x", 16, "expected a number from 1, got \"x\""},
      Case{Trade::error, "read error=EIO,EFOO", 16,
           "expected the name or number of an errno, such as EIO, got \"EFOO\""},
      Case{Trade::error, "read error=5000", 12, "an errno is at most 4095"},
      Case{Trade::error, "read offset=1Q-2M", 13,
           "expected a size, such as 512, 4K or 1M, got \"1Q\""},
      Case{Trade::error, "read offset=2M-1M", 13, "the range is empty: its end is not included"},
      Case{Trade::error, "read offset=1+0", 15, "expected a length from 1, got \"0\""},
      Case{Trade::error, "flush offset=0-512", 7, "what is meant here has no offset"},
      Case{Trade::error, "write flags=fau", 13,
           "expected fua, no-hole, fast-zero or req-one, got \"fau\""},
      Case{Trade::error, "read probability=110%", 18,
           "expected a probability from 0 to 1, such as 10%, 0.1 or 1/10, got \"110%\""},
      Case{Trade::error, "read per=export", 10, "expected connection, got \"export\""},
      Case{Trade::error, "read time=5x", 11,
           "expected a time, such as 2s, 1.5s, 20ms or 100us, got \"5x\""},
      Case{Trade::error, "read once=3", 11, "\"once\" has no value"},
      Case{Trade::error, "read times=3 once", 14, "\"times\" and \"once\" say the same"},
      Case{Trade::error, "read text='abc", 11, "this quote is never closed"},
      Case{Trade::error, "read text='a'b", 14, "expected a blank behind the quote"},
      Case{Trade::error, "read = 3", 6, "expected a word before \"=\""},
      Case{Trade::error, "read state=", 12, "expected a name"},
      Case{Trade::error, "close", 1, "close cannot fail"},
      Case{Trade::error, "read delay=3ms", 6, "\"delay\" is not for this filter"},
      Case{Trade::error, "read heals", 6, "what heals has a place: offset=... is missing"},
      Case{Trade::error, "write heals offset=0-512", 7, "only what is read can heal by a write"},
      Case{Trade::error, "", 1, "expected a rule, such as \"read nth=3\""},
      Case{Trade::delay, "read", 5, "expected how long: delay=10ms"},
      Case{Trade::delay, "size delay=1s", 1, "size takes no time: delay open"},
      Case{Trade::delay, "delay=normal", 7, "normal needs two numbers: normal:A:B"},
      Case{Trade::delay, "delay=nromal:1s:2s", 7,
           "unknown distribution \"nromal\", did you mean \"normal\"?"},
      Case{Trade::delay, "delay=uniform:2s:1s", 18, "the range ends before it begins"},
      Case{Trade::delay, "delay=pareto:1ms:0", 18,
           "expected a shape from 0.01 to 1000, such as 1.5, got \"0\""},
      Case{Trade::damage, "read nth=3", 11,
           "expected what happens: flip, torn, lost, misdirect, stale or lost-flush"},
      Case{Trade::damage, "read torn", 1, "read is not something for torn"},
      Case{Trade::damage, "torn lost", 10, "one rule does one thing: there is torn already"},
      Case{Trade::damage, "torn text=x", 6,
           "a text is for a request that fails: error=... is missing"},
      Case{Trade::error, "read pass error=EIO", 6,
           "what passes is not hit: the rule says more than that"},
      Case{Trade::damage, "open pass set-state=x", 1, "open has no data that could be wrong"},
      Case{Trade::damage, "misdirect=0", 11, "expected how far, such as +4K or -1M, got \"0\""});
  const Complaint got = complaint(c.trade, c.text);
  CHECK(got.sentence == c.sentence);
  CHECK(got.column == c.column);
}

TEST_CASE("counts say which of the requests are hit") {
  CHECK(hits("read nth=3", 10) == Numbers{3});
  CHECK(hits("read nth=2-3,7,9-", 10) == Numbers{2, 3, 7, 9, 10});
  CHECK(hits("read every=3", 10) == Numbers{3, 6, 9});
  CHECK(hits("read first=2", 10) == Numbers{1, 2});
  CHECK(hits("read after=8", 10) == Numbers{9, 10});
  CHECK(hits("read from=4 to=6", 10) == Numbers{4, 5, 6});
  CHECK(hits("read after=2 every=3", 10) == Numbers{5, 8});
  CHECK(hits("read every=2 times=2", 10) == Numbers{2, 4});
  CHECK(hits("read once", 10) == Numbers{1});
}

TEST_CASE("only requests that the rule is about are counted") {
  Matcher m(error_rule("read offset=1M-2M nth=2"), 1, 0, 0);
  CHECK(!m.look(request(Kind::read, 0, 1 << 20), kNow, true));         // up to it
  CHECK(!m.look(request(Kind::write, 1 << 20, 512), kNow, true));      // no read
  CHECK(!m.look(request(Kind::read, (1 << 20) - 1, 2), kNow, true));   // the first
  CHECK(!m.look(request(Kind::read, 2 << 20, 512), kNow, true));       // behind it
  CHECK(m.look(request(Kind::read, (2 << 20) - 1, 512), kNow, true));  // the second
  CHECK(m.matched() == 2);
  CHECK(m.fired() == 1);
}

TEST_CASE("place, length, flags, connection and export choose requests") {
  CHECK(hits_one("read offset=4K", request(Kind::read, 0, 4097)));
  CHECK(!hits_one("read offset=4K", request(Kind::read, 0, 4096)));
  CHECK(hits_one("read offset=-512", request(Kind::read, 511, 1)));
  CHECK(!hits_one("read offset=-512", request(Kind::read, 512, 1)));
  CHECK(hits_one("length=4K-64K", request(Kind::read, 0, 65536)));
  CHECK(!hits_one("length=4K-64K", request(Kind::read, 0, 65537)));
  CHECK(!hits_one("length=-64K", request(Kind::flush, 0, 0)));
  CHECK(hits_one("write flags=fua", request(Kind::write, 0, 1, Flags::fua)));
  CHECK(!hits_one("write flags=fua", request(Kind::write, 0, 1)));
  CHECK(!hits_one("write flags=!fua", request(Kind::write, 0, 1, Flags::fua)));
  CHECK(hits_one("zero flags=no-hole", request(Kind::zero, 0, 1)));
  CHECK(!hits_one("zero flags=no-hole", request(Kind::zero, 0, 1, Flags::may_trim)));
  CHECK(hits_one("zero flags=!no-hole,fast-zero",
                 request(Kind::zero, 0, 1, Flags::may_trim | Flags::fast_zero)));
  CHECK(hits_one("connection=1", request(Kind::read, 0, 1)));
  CHECK(!hits_one("connection=2-", request(Kind::read, 0, 1)));
  Request r = request(Kind::read, 0, 1);
  r.export_name = "a";
  CHECK(hits_one("export=a", r));
  CHECK(!hits_one("export=b", r));
  CHECK(!hits_one("export=''", r));
  CHECK(hits_one("export=''", request(Kind::read, 0, 1)));
}

TEST_CASE("bytes are those that passed before, and times the clock's") {
  CHECK(hits("read bytes=1K", 5, request(Kind::read, 0, 512)) == Numbers{3, 4, 5});
  CHECK(hits("read bytes=1000", 5, request(Kind::read, 0, 512)) == Numbers{2, 3, 4, 5});
  CHECK(hits("read bytes=512-1K", 5, request(Kind::read, 0, 512)) == Numbers{2});
  Matcher late(error_rule("time=5s-10s"), 1, 0, 0),
      young(error_rule("connection-time=-1s"), 1, 0, 0);
  Request r;
  for (const auto& [time, hit] : std::map<std::chrono::nanoseconds, bool>{
           {4s, false}, {5s, true}, {9s, true}, {10s, false}}) {
    CHECK(late.look(r, {time, &kStart}, true).has_value() == hit);
  }
  CHECK(young.look(r, kNow, true));
  r.connection_age = 1s;
  CHECK(!young.look(r, kNow, true));
}

TEST_CASE("a rule is for its state alone, but counts in any") {
  Matcher m(error_rule("read nth=2- state=bad"), 1, 0, 0);
  const std::string bad = "bad";
  CHECK(!m.look({}, kNow, true));
  CHECK(m.look({}, {0ns, &bad}, true));
  CHECK(!m.look({}, kNow, true));
}

TEST_CASE("a rule that is off counts all the same") {
  Matcher m(error_rule("read nth=2"), 1, 0, 0);
  m.is_on = false;
  CHECK(hits(m, 1).empty());
  m.is_on = true;
  CHECK(hits(m, 1) == Numbers{1});
}

TEST_CASE("connections can be counted each by itself") {
  Matcher m(error_rule("read nth=2 per=connection"), 1, 0, 0);
  std::vector<uint64_t> hit;
  for (const uint64_t connection : {1, 2, 2, 1, 1, 2}) {
    if (m.look({.connection = connection}, kNow, true)) hit.push_back(connection);
  }
  CHECK(hit == Numbers{2, 1});
}

TEST_CASE("probability and weights are kept, and draws depend on seed and request alone") {
  const Numbers tenth = hits("read probability=10%", 10000);
  CHECK(tenth.size() > 850);
  CHECK(tenth.size() < 1150);
  CHECK(hits("read probability=10%", 10000) == tenth);
  Matcher other(error_rule("read probability=10%"), 1, Draw::stream(8, "error/1"), 8);
  CHECK(hits(other, 10000) != tenth);

  Matcher m(error_rule("error=EIO:3,ENOSPC"), 1, Draw::stream(7, "error/1"), 7);
  std::map<int, int> errors;
  for (int i = 0; i < 4000; ++i) ++errors[m.look({}, kNow, true)->errnum()];
  CHECK(errors.size() == 2);
  CHECK(errors[EIO] > 2800);
  CHECK(errors[EIO] < 3200);
}

TEST_CASE("delays have the distribution that was asked for") {
  const auto sample = [](const char* rule) {
    Matcher m(parse_rule(Trade::delay, "delay-rule", rule), 1, Draw::stream(7, "delay/1"), 7);
    std::vector<double> out;  // in ms
    for (int i = 0; i < 4000; ++i) {
      out.push_back(
          std::chrono::duration<double, std::milli>(m.look({}, kNow, true)->delay()).count());
    }
    std::sort(out.begin(), out.end());
    return out;
  };
  const auto mean = [](const std::vector<double>& v) {
    double sum = 0;
    for (const double d : v) sum += d;
    return sum / static_cast<double>(v.size());
  };
  const auto fixed = sample("delay=10ms");
  CHECK(fixed.front() == 10);
  CHECK(fixed.back() == 10);
  const auto jitter = sample("delay=10ms jitter=2ms");
  CHECK(jitter.front() >= 8);
  CHECK(jitter.back() <= 12);
  CHECK(jitter.back() - jitter.front() > 3.5);
  const auto uniform = sample("delay=uniform:10ms:50ms");
  CHECK(uniform.front() >= 10);
  CHECK(uniform.back() <= 50);
  CHECK(mean(uniform) == Approx(30).margin(1));
  const auto normal = sample("delay=normal:50ms:10ms");
  CHECK(mean(normal) == Approx(50).margin(1));
  CHECK(normal[640] == Approx(40).margin(2));  // 16% lie a deviation below
  CHECK(sample("delay=normal:1ms:100ms").front() == 0);
  const auto pareto = sample("delay=pareto:10ms:2");
  CHECK(pareto.front() >= 10);
  CHECK(pareto[2000] == Approx(14.14).margin(0.7));  // 10 * 2^(1/2)
  CHECK(pareto.back() > 100);
  CHECK(sample("delay=pareto:1s:0.01").back() == 86400e3);
}

TEST_CASE("sectors heal when all of them is written") {
  Matcher m(error_rule("read offset=4K-5K heals"), 1, 0, 0);
  const auto reads = [&](uint64_t offset, uint64_t count) {
    return m.look(request(Kind::read, offset, count), kNow, true).has_value();
  };
  CHECK(reads(4096, 512));
  m.healed(request(Kind::write, 4000, 300));  // no whole sector
  CHECK(reads(4096, 512));
  m.healed(request(Kind::write, 4000, 700));
  CHECK(!reads(4096, 512));
  CHECK(reads(4096, 513));
  CHECK(reads(0, 1 << 20));
  m.healed(request(Kind::write, 4608, 512));
  CHECK(!reads(0, 1 << 20));
}

TEST_CASE("healed sectors are joined") {
  HealedSectors h;
  const Range all{0, 10000};
  h.add(1024, 512);
  h.add(2048, 512);
  CHECK(h.leaves(all, 1024, 1536));
  h.add(1500, 600);  // sectors 3
  CHECK(!h.leaves(all, 1024, 1536));
  CHECK(h.leaves(all, 1023, 10));
  CHECK(h.leaves(all, 2559, 2));
  CHECK(!h.leaves({0, 100}, 5000, 512));
}

TEST_CASE("a word of a rule is changed in its place") {
  CHECK(with_word("read probability=10% error=EIO", "probability", "50%") ==
        "read probability=50% error=EIO");
  CHECK(with_word("read,write every=3", "op", "flush") == "op=flush every=3");
  CHECK(with_word("read text='a b'", "nth", "3") == "read text=\"a b\" nth=3");
  CHECK(with_word("read", "text", "so \"bad\"") == "read text='so \"bad\"'");
  CHECK(with_word("read once", "once", "true") == "read once");
  CHECK(with_word("torn", "torn", "512") == "torn=512");
}

TEST_CASE("plain rules number requests as they arrived at the server") {
  Rule r = error_rule("read probability=0.5");
  r.is_plain = true;
  const auto hits_of = [&](std::vector<uint64_t> numbers) {
    Matcher m(r, 1, 0, 7);
    std::vector<uint64_t> out;
    for (const uint64_t n : numbers) {
      if (m.look({.number_of_all = n}, kNow, true)) out.push_back(n);
    }
    std::sort(out.begin(), out.end());
    return out;
  };
  CHECK(hits_of({1, 2, 3, 4, 5, 6, 7, 8}) == hits_of({8, 1, 7, 2, 3, 6, 5, 4}));
  CHECK(hits_of({1, 2, 3, 4, 5, 6, 7, 8}).size() > 1);
}
