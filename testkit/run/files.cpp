// SPDX-License-Identifier: BSD-3-Clause
#include "run/files.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>

#include "base/error.hpp"

namespace testkit {

namespace {

nbd::Fd open_for_writing(const std::string& path, int flags) {
  constexpr int kAlways = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
  return nbd::Fd(nbd::sys([&] { return ::open(path.c_str(), kAlways | flags, 0666); },
                          "cannot write {}", path));
}

}  // namespace

nbd::Fd create_file(const std::string& path) { return open_for_writing(path, O_TRUNC); }
nbd::Fd append_to_file(const std::string& path) { return open_for_writing(path, 0); }

std::string read_file(const std::string& path, size_t limit) {
  std::ifstream in(path, std::ios::binary);
  std::string out(limit, '\0');
  in.read(out.data(), static_cast<std::streamsize>(limit));
  out.resize(static_cast<size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return out;
}

std::vector<std::string> last_lines(const std::string& text, size_t count) {
  constexpr size_t kLongest = 300;
  std::vector<std::string> lines;
  size_t end = text.size();
  while (end > 0 && lines.size() < count) {
    if (text[end - 1] == '\n') --end;
    const size_t newline = end == 0 ? std::string::npos : text.rfind('\n', end - 1);
    const size_t start = newline == std::string::npos ? 0 : newline + 1;
    std::string line = text.substr(start, end - start);
    if (line.size() > kLongest) line = line.substr(0, kLongest) + "...";
    if (!line.empty()) lines.push_back(std::move(line));
    end = start;
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

std::string compare_files(const std::string& a, const std::string& b) {
  std::ifstream first(a, std::ios::binary), second(b, std::ios::binary);
  if (!first) return fmt::format("{} cannot be read", a);
  if (!second) return fmt::format("{} cannot be read", b);
  constexpr size_t kBlock = 256 * 1024;
  std::vector<char> x(kBlock), y(kBlock);
  for (uint64_t at = 0;;) {
    first.read(x.data(), kBlock);
    second.read(y.data(), kBlock);
    const auto got_x = static_cast<size_t>(first.gcount());
    const auto got_y = static_cast<size_t>(second.gcount());
    const size_t common = std::min(got_x, got_y);
    const auto differ =
        std::mismatch(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(common), y.begin());
    const auto same = static_cast<size_t>(differ.first - x.begin());
    if (same < common) return fmt::format("they differ from byte {}", at + same);
    if (got_x != got_y)
      return fmt::format("{} ends at byte {}", got_x < got_y ? a : b, at + common);
    if (got_x == 0) return "";
    at += common;
  }
}

}  // namespace testkit
