// SPDX-License-Identifier: BSD-3-Clause
#include "run/disk-check.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/parse.hpp"
#include "run/nbd-session.hpp"

namespace testkit {

namespace {

constexpr uint64_t kPiece = 1 << 20;
constexpr unsigned kInFlight = 8;

void check_size(uint64_t size) {
  if (size > proxy::WrittenDisk::kMaxSize) {
    nbd::fail("\"disk\" is for disks of up to {}, this one has {}",
              nbd::format_size(proxy::WrittenDisk::kMaxSize), nbd::format_size(size));
  }
}

std::vector<std::byte> read_file_disk(const std::string& path) {
  const nbd::Fd fd(
      nbd::sys([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }, "cannot open {}", path));
  struct stat st{};
  nbd::sys([&] { return ::fstat(fd.get(), &st); }, "{}", path);
  check_size(static_cast<uint64_t>(st.st_size));
  std::vector<std::byte> out(static_cast<size_t>(st.st_size));
  for (size_t at = 0; at < out.size();) {
    const auto n = nbd::sys(
        [&] { return ::pread(fd.get(), out.data() + at, out.size() - at, static_cast<off_t>(at)); },
        "cannot read {}", path);
    if (n == 0) nbd::fail("{} ends at byte {}", path, at);
    at += static_cast<size_t>(n);
  }
  return out;
}

void must_succeed(const Outcome& outcome) {
  if (outcome.ok()) return;
  nbd::fail("the disk cannot be read: {}",
            outcome.finished() ? outcome.message : "no answer in time");
}

std::vector<std::byte> read_server_disk(const DiskPlace& place, const Deadline& deadline,
                                        const Interrupt& interrupt) {
  NbdSession session(interrupt);
  must_succeed(session.connect(place.endpoint, place.export_name, Connect{}, deadline));
  const int64_t size = nbd_get_size(session.handle());
  if (size < 0) nbd::fail("the disk has no size");
  check_size(static_cast<uint64_t>(size));
  std::vector<std::byte> out(static_cast<size_t>(size));
  uint64_t at = 0;
  const auto next = [&]() -> std::unique_ptr<Sent> {
    if (at == out.size()) return nullptr;
    auto sent = std::make_unique<Sent>();
    sent->request.offset = at;
    sent->request.length = std::min<uint64_t>(kPiece, out.size() - at);
    sent->buffer.resize(sent->request.length);
    at += sent->request.length;
    return sent;
  };
  const auto done = [&](Sent& sent) {
    must_succeed(sent.outcome);
    std::copy(sent.buffer.begin(), sent.buffer.end(),
              out.begin() + static_cast<ptrdiff_t>(sent.request.offset));
  };
  must_succeed(session.perform(kInFlight, next, done, deadline));
  must_succeed(session.disconnect(deadline));
  return out;
}

}  // namespace

std::vector<std::byte> read_disk(const DiskPlace& place, const Deadline& deadline,
                                 const Interrupt& interrupt) {
  return place.file.empty() ? read_server_disk(place, deadline, interrupt)
                            : read_file_disk(place.file);
}

Action judge_disk(const DiskCheck& check, const proxy::WrittenDisk& written,
                  const std::vector<std::byte>& before, const std::vector<std::byte>& now) {
  Action action;
  action.what = "the disk at the end";
  action.expected = check.flushed ? "what was flushed is there, and nothing that nobody wrote"
                                  : "what was acknowledged is there, and nothing that nobody wrote";
  std::string fault;
  if (before.size() != now.size()) {
    fault = fmt::format("{} bytes, and {} at the start", now.size(), before.size());
  } else {
    fault = written.compare(0, now, before, check.flushed);
  }
  action.passed = fault.empty();
  action.happened = fault.empty()
                        ? fmt::format("so it is, with {} bytes that were written", written.known())
                        : fault;
  return action;
}

}  // namespace testkit
