// SPDX-License-Identifier: BSD-3-Clause
//
// What comes in at the control socket: any line gets an answer, which is JSON.
#include <nlohmann/json.hpp>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/parse.hpp"
#include "control/hub.hpp"

using nbd::filters::Arguments;
using nbd::filters::Hub;
using nbd::filters::JsonObject;

extern "C" void nbdkit_error(const char*, ...) {}

namespace {
const Hub& hub() {
  static const Hub instance = [] {
    Hub h;
    static constexpr int kOwners[2] = {};
    for (const int& owner : kOwners) {
      h.add_filter(&owner, "rate");
      h.add_command(&owner, {.name = "set",
                             .arguments = {"rate", "rule"},
                             .help = "change the rate",
                             .run = [](const Arguments& args, JsonObject& answer) {
                               answer.set("rule", args.get("rule", ""));
                               answer.set("now", nbd::parse_size("rate", args.get("rate")));
                             }});
    }
    return h;
  }();
  return instance;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string answer = hub().answer({reinterpret_cast<const char*>(bytes), size});
  const auto json = nlohmann::json::parse(answer, nullptr, false);
  if (!json.is_object() || !json["ok"].is_boolean()) std::abort();
  if (answer.find('\n') != std::string::npos) std::abort();
  return 0;
}
