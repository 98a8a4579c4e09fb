// SPDX-License-Identifier: BSD-3-Clause
//
// control=PATH: a Unix socket on which a test tells a running stack what to do, and
// gets an answer when that has taken effect. One socket serves all filters of the
// stack, whichever of them was given the parameter. The language is in
// nbdkit-faults(1): a line of JSON in, a line of JSON out.
//
//   {"filter":"rate","do":"set","rate":"10M"}  ->  {"ok":true,"filter":"rate"}
//
// In a filter:
//
//   class Rate {
//     static constexpr auto help = "rate=<BITS>  ...\n" NBD_CONTROL_HELP;
//     nbd::filters::Control control_{"rate"};
//
//     Rate() {
//       control_.add({.name = "set", .arguments = {"rate"}, .help = "change the rate",
//                     .run = [this](const Arguments& args, JsonObject& answer) {
//                       set_rate(nbd::parse_size("rate", args.get("rate")));
//                       answer.set("bits", rate());
//                     }});
//     }
//     bool config(key, value) { if (control_.config(key, value)) return true; ... }
//     void after_fork() { control_.after_fork(); }
//     void cleanup() { control_.cleanup(); }
//   };
//
// and in CMake: add_nbdkit_filter(rate rate/rate.cpp) and
// target_link_libraries(nbdkit-rate-filter PRIVATE filter-control). A lambda that
// captures `this` is safe: a filter does not move.
//
// Threads: add() and config() before after_fork(). Commands run in threads of the
// socket, several at a time and while requests are served: they lock what they
// share. One may wait (for requests in flight, say) and holds up only the client
// who asked; it has to return when all connections are gone.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "control/json-writer.hpp"

namespace nbd::filters {

#define NBD_CONTROL_HELP "control=<SOCKET>              take commands here, see nbdkit-faults(1)"

// What stands beside "do" in a command, as text: numbers in decimal, true and
// false, strings as they are. Read it with base/parse.hpp, whose sentences become
// the answer when something is wrong.
class Arguments {
 public:
  Arguments() = default;
  explicit Arguments(std::map<std::string, std::string, std::less<>> values)
      : values_(std::move(values)) {}

  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  // Throws an Error if there is none.
  const std::string& get(std::string_view name) const;
  std::string get(std::string_view name, std::string_view by_default) const;
  const std::map<std::string, std::string, std::less<>>& all() const { return values_; }

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

struct Command {
  std::string name;                    // the value of "do"
  std::vector<std::string> arguments;  // which may stand beside it; others are refused
  std::string help;                    // for {"do":"help"}
  // Fills the answer, which has "ok" already; or throws an Error, whose sentence is
  // the answer.
  std::function<void(const Arguments&, JsonObject& answer)> run;
};

// One filter's part of the socket.
class Control {
 public:
  explicit Control(std::string filter);
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  void add(Command command);

  // True if the key is "control".
  bool config(std::string_view key, std::string_view value);
  // Opens the socket, if there is to be one and no other filter has opened it.
  // Throws an Error that names it.
  void after_fork();
  // Closes it; commands that run are waited for.
  void cleanup() noexcept;

  // Whether there is to be a socket: known when all parameters have been given.
  bool is_used() const;
  // "error", or "error-2" if it is the second of that name from the top of the stack:
  // known when all filters have been made.
  std::string name() const;
};

}  // namespace nbd::filters
