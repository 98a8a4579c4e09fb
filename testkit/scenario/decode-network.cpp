// SPDX-License-Identifier: BSD-3-Clause
#include "scenario/decode.hpp"

namespace testkit {

namespace {

// As tc(8) takes it: a percentage.
std::string percentage(const Value& value) {
  const std::string text = value.string("a percentage such as \"5%\"");
  const bool good = text.size() > 1 && text.ends_with('%') &&
                    text.find_first_not_of("0123456789.") == text.size() - 1;
  if (!good && value.is_string()) value.expected("a percentage such as \"5%\"");
  return text;
}

std::string microseconds(const Value& value) {
  return fmt::format(
      "{}us", std::chrono::duration_cast<std::chrono::microseconds>(value.duration()).count());
}

}  // namespace

Network decode_network(const Value& value) {
  Network network;
  Object object = value.object("an object, such as {\"delay\": \"20ms\", \"loss\": \"2%\"}");
  const auto add = [&](const std::string& words) {
    network.netem += (network.netem.empty() ? "" : " ") + words;
  };
  const auto delay = object.get("delay");
  if (delay) add("delay " + microseconds(*delay));
  if (const auto v = object.get("jitter")) {
    if (!delay) v->problem("jitter is of a \"delay\", which is missing");
    add(microseconds(*v));
  }
  if (const auto v = object.get("loss")) add("loss " + percentage(*v));
  if (const auto v = object.get("duplicate")) add("duplicate " + percentage(*v));
  if (const auto v = object.get("reorder")) {
    // Those that are not delayed overtake the others.
    if (!delay) v->problem("reordering takes a \"delay\", which is missing");
    add("reorder " + percentage(*v));
  }
  if (const auto v = object.get("corrupt")) add("corrupt " + percentage(*v));
  if (const auto v = object.get("bytes_per_second")) {
    add(fmt::format("rate {}bps", v->size()));
  }
  return network;
}

}  // namespace testkit
