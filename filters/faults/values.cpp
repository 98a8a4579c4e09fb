// SPDX-License-Identifier: BSD-3-Clause
#include "faults/values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>

#include "base/error.hpp"
#include "base/parse.hpp"
#include "base/words.hpp"

namespace nbd::filters {

namespace {

// What a parser of the base makes of it, with a sentence of ours.
template <class Parse>
auto read(const Piece& piece, std::string_view expected, Parse&& parse) {
  try {
    return parse("", piece.text());
  } catch (const Error&) {
    piece.expected(expected);
  }
}

// "A-B", "A-", "-B" or "A": the two ends, where given.
struct Ends {
  std::optional<Piece> from, to;
  bool is_one = false;
};
Ends ends_of(const Piece& piece, std::string_view expected) {
  if (piece.empty() || piece.text() == "-") piece.expected(expected);
  if (piece.text().find('-') == std::string_view::npos) return {piece, piece, true};
  const auto [from, to] = piece.cut('-');
  Ends out;
  if (!from.empty()) out.from = from;
  if (!to.empty()) out.to = to;
  return out;
}

// The end of a range must not lie before its beginning.
Range in_order(const Piece& piece, Range range) {
  if (range.to < range.from) piece.fail("the range ends before it begins");
  return range;
}

// Half open: a number without an end is the beginning.
template <class Read>
Range half_open(const Piece& piece, std::string_view expected, Read&& read_one) {
  const Ends ends = ends_of(piece, expected);
  Range out;
  if (ends.from) out.from = read_one(*ends.from);
  if (ends.to && !ends.is_one) {
    const uint64_t end = read_one(*ends.to);
    if (end <= out.from) piece.fail("the range is empty: its end is not included");
    out.to = end - 1;
  }
  return out;
}

struct KindWord {
  std::string_view word;
  KindSet kinds;
};
constexpr std::array<KindWord, 15> kKindWords{{
    {"read", {Kind::read}},
    {"write", {Kind::write}},
    {"flush", {Kind::flush}},
    {"trim", {Kind::trim}},
    {"zero", {Kind::zero}},
    {"cache", {Kind::cache}},
    {"extents", {Kind::extents}},
    {"open", {Kind::open}},
    {"size", {Kind::size}},
    {"list", {Kind::list}},
    {"close", {Kind::close}},
    {"changes", kChanges},
    {"data", {Kind::read, Kind::write}},
    {"requests", kRequests},
    {"handshake", kHandshake},
}};

struct FlagWord {
  std::string_view word;
  Flags flag;
  bool inverted;  // NBD says no-hole, layers say may_trim
};
constexpr std::array<FlagWord, 4> kFlagWords{{{"fua", Flags::fua, false},
                                              {"no-hole", Flags::may_trim, true},
                                              {"fast-zero", Flags::fast_zero, false},
                                              {"req-one", Flags::req_one, false}}};

}  // namespace

uint64_t read_count(const Piece& piece) {
  const std::string_view text = piece.text();
  uint64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size() || value == 0) {
    piece.expected("a number from 1");
  }
  return value;
}

uint64_t read_size(const Piece& piece) {
  return read(piece, "a size, such as 512, 4K or 1M", nbd::parse_size);
}

std::chrono::nanoseconds read_time(const Piece& piece) {
  return read(piece, "a time, such as 2s, 1.5s, 20ms or 100us", nbd::parse_delay);
}

double read_probability(const Piece& piece) {
  constexpr std::string_view kExpected = "a probability from 0 to 1, such as 10%, 0.1 or 1/10";
  const double value = read(piece, kExpected, nbd::parse_probability);
  if (value > 1) piece.expected(kExpected);
  return value;
}

Range read_count_range(const Piece& piece) {
  const Ends ends = ends_of(piece, "a number from 1, or a range such as 3-5");
  Range out{.from = 1};
  if (ends.from) out.from = read_count(*ends.from);
  if (ends.to) out.to = read_count(*ends.to);
  return in_order(piece, out);
}

std::vector<Range> read_counts(const Piece& piece) {
  std::vector<Range> out;
  for (const Piece& p : piece.split(',')) out.push_back(read_count_range(p));
  return out;
}

std::vector<Range> read_offsets(const Piece& piece) {
  constexpr std::string_view kExpected = "an offset such as 1M, 1M-2M or 1M+4K";
  std::vector<Range> out;
  for (const Piece& p : piece.split(',')) {
    if (const size_t plus = p.text().find('+'); plus != std::string_view::npos && plus > 0) {
      const Piece length = p.part(plus + 1);
      const uint64_t from = read_size(p.part(0, plus)), count = read_size(length);
      if (count == 0) length.expected("a length from 1");
      out.push_back({from, from + (count - 1)});  // both less than 2^63
      continue;
    }
    Range range = half_open(p, kExpected, read_size);
    if (p.text().find('-') == std::string_view::npos) range.to = range.from;
    out.push_back(range);
  }
  return out;
}

Range read_lengths(const Piece& piece) {
  const Ends ends = ends_of(piece, "a length such as 512, 4K- or 4K-64K");
  Range out;
  if (ends.from) out.from = read_size(*ends.from);
  if (ends.to) out.to = read_size(*ends.to);
  return in_order(piece, out);
}

Range read_bytes(const Piece& piece) {
  return half_open(piece, "a number of bytes such as 1M, 1M-2M or -2M", read_size);
}

Range read_times(const Piece& piece) {
  return half_open(piece, "a time such as 5s, 5s-10s or -10s",
                   [](const Piece& p) { return static_cast<uint64_t>(read_time(p).count()); });
}

KindSet kinds_of(std::string_view word) {
  for (const KindWord& k : kKindWords) {
    if (k.word == word) return k.kinds;
  }
  return {};
}

std::vector<std::string> kind_words() {
  std::vector<std::string> out;
  for (const KindWord& k : kKindWords) out.emplace_back(k.word);
  return out;
}

KindSet read_kinds(const Piece& piece) {
  KindSet out;
  for (const Piece& p : piece.split(',')) {
    const KindSet kinds = kinds_of(p.text());
    if (kinds.empty()) {
      const std::string meant = did_you_mean(p.str(), kind_words());
      if (!meant.empty()) p.fail(fmt::format("unknown request \"{}\"{}", p.text(), meant));
      p.expected(
          "read, write, flush, trim, zero, cache, extents, open, size, list, close or a "
          "group of them");
    }
    out = out | kinds;
  }
  return out;
}

void read_flags(const Piece& piece, Flags& set, Flags& clear) {
  for (const Piece& p : piece.split(',')) {
    const bool negated = p.text().starts_with('!');
    const Piece name = p.part(negated ? 1 : 0);
    const auto known = std::find_if(kFlagWords.begin(), kFlagWords.end(),
                                    [&](const FlagWord& f) { return f.word == name.text(); });
    if (known == kFlagWords.end()) name.expected("fua, no-hole, fast-zero or req-one");
    Flags& target = negated != known->inverted ? clear : set;
    target = target | known->flag;
  }
}

std::vector<WeightedError> read_errors(const Piece& piece) {
  std::vector<WeightedError> out;
  uint64_t sum = 0;
  for (const Piece& p : piece.split(',')) {
    const auto [name, weight] = p.cut(':');
    const int errnum = errno_from_name(name.text());
    if (errnum == 0) name.expected("the name or number of an errno, such as EIO");
    // What clients are sent; a larger one is no errno anywhere.
    constexpr int kMaxErrno = 4095;
    if (errnum > kMaxErrno) name.fail(fmt::format("an errno is at most {}", kMaxErrno));
    const bool has_weight = name.text().size() < p.text().size();
    out.push_back({errnum, has_weight ? read_count(weight) : 1});
    constexpr uint64_t kMaxWeight = 1000000;
    sum += std::min(out.back().weight, kMaxWeight + 1);
    if (sum > kMaxWeight) {
      weight.fail(fmt::format("the weights are more than {} in all", kMaxWeight));
    }
  }
  return out;
}

Distribution read_distribution(const Piece& piece) {
  using Form = Distribution::Form;
  const std::vector<Piece> parts = piece.split(':');
  if (parts.size() == 1) {
    const std::string_view word = parts[0].text();
    if (word == "uniform" || word == "normal" || word == "pareto") {
      parts[0].fail(fmt::format("{} needs two numbers: {}:A:B", word, word));
    }
    return {.form = Form::fixed, .a = read_time(parts[0])};
  }
  const std::string_view word = parts[0].text();
  if (parts.size() != 3) {
    piece.expected("a time, uniform:FROM:TO, normal:MEAN:DEVIATION or pareto:FROM:SHAPE");
  }
  Distribution out{.a = read_time(parts[1])};
  if (word == "uniform") {
    out.form = Form::uniform;
    out.b = read_time(parts[2]);
    if (out.b < out.a) parts[2].fail("the range ends before it begins");
  } else if (word == "normal") {
    out.form = Form::normal;
    out.b = read_time(parts[2]);
  } else if (word == "pareto") {
    out.form = Form::pareto;
    const std::string_view text = parts[2].text();
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out.shape);
    const bool whole = ec == std::errc{} && end == text.data() + text.size();
    if (!whole || !(out.shape >= 0.01 && out.shape <= 1000)) {
      parts[2].expected("a shape from 0.01 to 1000, such as 1.5");
    }
  } else {
    const std::string meant = did_you_mean(parts[0].str(), {"uniform", "normal", "pareto"});
    if (!meant.empty()) parts[0].fail(fmt::format("unknown distribution \"{}\"{}", word, meant));
    parts[0].expected("uniform, normal or pareto");
  }
  return out;
}

int64_t read_displacement(const Piece& piece) {
  const std::string_view text = piece.text();
  const bool is_signed = text.starts_with('+') || text.starts_with('-');
  const auto size = static_cast<int64_t>(
      read(is_signed ? piece.part(1) : piece, "how far, such as +4K or -1M", nbd::parse_size));
  if (size == 0) piece.expected("how far, such as +4K or -1M");
  return text.starts_with('-') ? -size : size;
}

}  // namespace nbd::filters
