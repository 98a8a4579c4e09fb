// SPDX-License-Identifier: BSD-3-Clause
//
// The verdict on one step: what was expected beside what came, in words.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "run/nbd-session.hpp"
#include "run/result.hpp"

namespace testkit {

class Judgement {
 public:
  explicit Judgement(const Step& step);

  // What the step found; in any order, each at most once but for answered().
  void outcome(const Outcome& outcome);
  void answered(const Sent& sent, const std::string& data_fault);
  void negotiated(const NegotiationCheck& check, nbd_handle* handle);
  void exports(const std::optional<std::vector<std::string>>& wanted,
               const std::vector<std::string>& got);
  void chunks(const std::optional<std::vector<Extent>>& wanted, const std::vector<Extent>& got);
  void answer(const TextCheck& wanted, const std::string& got);
  void extents(const std::optional<std::vector<Extent>>& wanted, const std::vector<Extent>& got);
  // Something is wrong; the first that is said counts.
  void fault(std::string text);

  Action action(std::string what, Duration took);

 private:
  bool error_is_taken(int errnum) const;
  std::string count_fault() const;
  std::string in_words() const;

  const Step& step_;
  std::optional<std::string> fault_;
  std::optional<Outcome> failure_;  // the first, or that of the step as a whole
  bool stopped_ = false;            // by deadline or interrupt
  bool counts_failures_;            // a parallel step: some requests may fail
  uint64_t requests_ = 0, failed_ = 0, bytes_read_ = 0;
  std::set<std::string> errors_;
  std::string found_;  // what else is worth telling: extents, exports, protocol
};

}  // namespace testkit
