// SPDX-License-Identifier: BSD-3-Clause
//
// The language of faults: what parses is put to work, changed a little and parsed
// again.
#include <nbdkit/error.hpp>

#include <cstdint>
#include <string>

#include "faults/matcher.hpp"
#include "faults/parser.hpp"

using namespace nbd::filters;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  for (const Trade trade : {Trade::error, Trade::delay, Trade::damage}) {
    try {
      Rule rule = parse_rule(trade, "rule", text);
      rule.file.clear();  // of no interest here
      Matcher matcher(std::move(rule), 1, 7, 7);
      const std::string state = "start";
      for (uint64_t n = 1; n < 20; ++n) {
        const Request request{.kind = static_cast<Kind>(n % kKinds),
                              .offset = n << (3 * n % 62),
                              .count = n * 512,
                              .connection = 1 + n % 2,
                              .number = n};
        if (const auto firing = matcher.look(request, {{}, &state}, true)) {
          (void)firing->errnum();
          (void)firing->delay();
        }
        matcher.healed(request);
      }
      (void)parse_rule(trade, "rule", with_word(text, "probability", "50%"));
    } catch (const nbd::Error&) {  // a sentence for the user
    }
  }
  return 0;
}
