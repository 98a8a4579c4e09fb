// SPDX-License-Identifier: BSD-3-Clause
//
// The language of the data plugin, as far as its parser: evaluating would run the
// commands that a text asks for.
#include <nbdkit/error.hpp>

#include <cstdint>

#include "parser.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  try {
    (void)data::parse(text, [](const std::string& name) {
      if (name == "two") return std::optional<std::string>("1 2");
      if (name == "self") return std::optional<std::string>("$self");
      return std::optional<std::string>();
    });
  } catch (const nbd::Error&) {  // a sentence for the user
  }
  return 0;
}
