// SPDX-License-Identifier: BSD-3-Clause
#include "bench/workload.hpp"

#include <array>

#include "base/error.hpp"
#include "base/parse.hpp"

namespace testkit::bench {

namespace {

struct Named {
  std::string_view name;
  Kind kind;
  bool random;
  unsigned write_percent;
};

constexpr std::array<Named, 10> kNames{{
    {"read", Kind::transfer, false, 0},
    {"write", Kind::transfer, false, 100},
    {"rw", Kind::transfer, false, 50},
    {"randread", Kind::transfer, true, 0},
    {"randwrite", Kind::transfer, true, 100},
    {"randrw", Kind::transfer, true, 50},
    {"blockstatus", Kind::block_status, true, 0},
    {"connect", Kind::connect, false, 0},
    {"idle", Kind::idle, true, 0},
    {"start", Kind::start, false, 0},
}};

const Named& find(std::string_view name, std::string_view text) {
  std::string known;
  for (const Named& one : kNames) {
    if (one.name == name) return one;
    known += " " + std::string(one.name);
  }
  nbd::fail("workload \"{}\": unknown kind \"{}\"; known are:{}", text, name, known);
}

void set(Workload& w, std::string_view key, std::string_view value) {
  const std::string what = fmt::format("workload \"{}\": {}", w.text, key);
  const auto number = [&](unsigned max) {
    return static_cast<unsigned>(nbd::parse_int(what, value, 1, max));
  };
  if (key == "bs") {
    const uint64_t size = nbd::parse_size(what, value);
    if (size == 0 || size > kMaxBlockSize) {
      nbd::fail("{}: must be 1 to {} bytes: \"{}\"", what, kMaxBlockSize, value);
    }
    w.block_size = static_cast<uint32_t>(size);
  } else if (key == "depth") {
    w.depth = number(kMaxDepth);
  } else if (key == "connections") {
    w.connections = number(kMaxConnections);
  } else if (key == "range") {
    w.range = nbd::parse_size(what, value);
    if (w.range == 0) nbd::fail("{}: must not be 0", what);
  } else if (key == "writes") {
    if (!w.reads() || !w.writes()) {
      nbd::fail("workload \"{}\": only rw and randrw take writes=", w.text);
    }
    w.write_percent = static_cast<unsigned>(nbd::parse_int(what, value, 1, 99));
  } else if (key == "replies") {
    if (value != "simple" && value != "structured") {
      nbd::fail("{}: must be simple or structured: \"{}\"", what, value);
    }
    w.structured = value == "structured";
  } else if (key == "pin") {
    if (value != "together" && value != "apart") {
      nbd::fail("{}: must be together or apart: \"{}\"", what, value);
    }
    w.pin = value == "together" ? Pin::together : Pin::apart;
  } else if (key == "client") {
    if (value != "asleep" && value != "awake") {
      nbd::fail("{}: must be asleep or awake: \"{}\"", what, value);
    }
    w.awake = value == "awake";
  } else {
    nbd::fail(
        "workload \"{}\": unknown key \"{}\"; known are: bs depth connections range writes replies "
        "pin client",
        w.text, key);
  }
}

}  // namespace

Workload parse_workload(std::string_view text) {
  const size_t colon = text.find(':');
  const Named& named = find(text.substr(0, colon), text);
  Workload w;
  w.text = text;
  w.kind = named.kind;
  w.random = named.random;
  w.write_percent = named.write_percent;
  w.structured = w.kind == Kind::block_status;  // they have no other form
  std::string_view rest = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    const std::string_view pair = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) {
      nbd::fail("workload \"{}\": \"{}\" is not KEY=VALUE", text, pair);
    }
    set(w, pair.substr(0, equals), pair.substr(equals + 1));
  }
  if (w.kind == Kind::block_status && !w.structured) {
    nbd::fail("workload \"{}\": block status comes only in structured replies", text);
  }
  if (w.range != 0 && w.range < w.block_size) {
    nbd::fail("workload \"{}\": range={} is smaller than a request of {} bytes", text, w.range,
              w.block_size);
  }
  return w;
}

}  // namespace testkit::bench
