// SPDX-License-Identifier: BSD-3-Clause
#include "content.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/process.hpp"

namespace data {

namespace {

// Zeroes in the size of a page are not stored.
constexpr size_t kPieceSize = kPage;

// Reads a whole piece unless the end or the limit comes first.
std::string read_piece(int fd, uint64_t limit, const std::string& what) {
  std::string piece(std::min<uint64_t>(kPieceSize, limit), '\0');
  size_t got = 0;
  while (got < piece.size()) {
    const auto n = nbd::sys([&] { return ::read(fd, piece.data() + got, piece.size() - got); },
                            "cannot read {}", what);
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  piece.resize(got);
  return piece;
}

ImagePtr read_all(int fd, uint64_t limit, bool endless, const std::string& what) {
  Canvas canvas;
  uint64_t stored = 0;
  while (canvas.offset() < limit) {
    const ImagePtr piece = Image::bytes(read_piece(fd, limit - canvas.offset(), what));
    canvas.put(piece);
    stored += piece->stored() != 0 ? piece->size() : 0;
    if (stored > kMaxContent || (endless && canvas.offset() > kMaxContent)) {
      nbd::fail("{} has more than {} bytes: take a slice of it, like [:1048576]", what,
                kMaxContent);
    }
    if (piece->size() < kPieceSize) break;
  }
  return canvas.finish();
}

}  // namespace

ImagePtr read_file(const std::string& path, uint64_t limit) {
  const nbd::Fd fd(
      nbd::sys([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }, "cannot open {}", path));
  struct stat st{};
  nbd::sys([&] { return ::fstat(fd.get(), &st); }, "cannot stat {}", path);
  return read_all(fd.get(), limit, !S_ISREG(st.st_mode) && limit == UINT64_MAX, path);
}

ImagePtr read_command(const std::string& script, uint64_t limit) {
  int ends[2];
  nbd::sys([&] { return ::pipe2(ends, O_CLOEXEC); }, "pipe");
  nbd::Fd output(ends[0]), child_end(ends[1]);
  nbd::Child child = nbd::spawn(
      {.argv = {"/bin/sh", "-c", script}, .stdout_fd = child_end.get(), .own_group = true});
  child_end.reset();
  const std::string what = "the output of the command";
  ImagePtr out = read_all(output.get(), limit, limit == UINT64_MAX, what);
  if (out->size() == limit) return out;  // ~Child ends it
  const nbd::ExitStatus status = child.wait();
  if (!status.success()) nbd::fail("the command failed: {}", status.describe());
  return out;
}

}  // namespace data
