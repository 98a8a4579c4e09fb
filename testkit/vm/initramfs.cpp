// SPDX-License-Identifier: BSD-3-Clause
#include "vm/initramfs.hpp"

#include <fmt/format.h>

#include <utility>

namespace testkit::vm {

void Cpio::pad() { bytes_.resize((bytes_.size() + 3) / 4 * 4); }

void Cpio::add(std::string_view name, unsigned mode, std::string_view content) {
  constexpr unsigned kNoOwner = 0, kLinks = 1, kNoTime = 0, kNoDevice = 0, kNoSum = 0;
  bytes_ += "070701";
  for (const size_t field :
       {size_t{next_inode_++}, size_t{mode}, size_t{kNoOwner}, size_t{kNoOwner}, size_t{kLinks},
        size_t{kNoTime}, content.size(), size_t{kNoDevice}, size_t{kNoDevice}, size_t{kNoDevice},
        size_t{kNoDevice}, name.size() + 1, size_t{kNoSum}}) {
    bytes_ += fmt::format("{:08x}", field);
  }
  bytes_ += name;
  bytes_ += '\0';
  pad();
  bytes_ += content;
  pad();
}

std::string Cpio::take() {
  add("TRAILER!!!", 0, "");
  next_inode_ = 1;
  return std::exchange(bytes_, {});
}

std::string zero_ended(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) {
    out += text;
    out += '\0';
  }
  return out;
}

}  // namespace testkit::vm
