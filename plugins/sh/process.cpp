// SPDX-License-Identifier: BSD-3-Clause
#include "process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>

#include "base/error.hpp"

namespace script {

namespace {

constexpr int kPollMs = 100;             // how often give_up is asked
constexpr size_t kMaxErrors = 16 << 10;  // more is no message
// What a script that has ended left in the pipe is there already; this is for
// the last process of a pipeline.
constexpr int kLingerMs = 20;

struct Pipe {
  nbd::Fd read_end, write_end;
  Pipe() {
    int ends[2];
    nbd::sys([&] { return ::pipe2(ends, O_CLOEXEC); }, "pipe");
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
};

void set_nonblocking(const nbd::Fd& fd) {
  nbd::sys([&] { return ::fcntl(fd.get(), F_SETFL, O_NONBLOCK); }, "fcntl");
}

// Reads once into `to`, of which at most `most` bytes are kept. Closes at the
// end. The number of bytes that did not fit.
size_t read_some(nbd::Fd& fd, std::string& to, size_t most) {
  char buffer[64 << 10];
  const ssize_t n = nbd::retry_eintr([&] { return ::read(fd.get(), buffer, sizeof buffer); });
  if (n < 0 && errno == EAGAIN) return 0;
  if (n <= 0) {
    fd.reset();
    return 0;
  }
  const size_t kept = std::min(static_cast<size_t>(n), most - to.size());
  to.append(buffer, kept);
  return static_cast<size_t>(n) - kept;
}

// A script need not read what it is given.
void write_some(nbd::Fd& fd, std::span<const std::byte>& input) {
  const ssize_t n = nbd::retry_eintr([&] { return ::write(fd.get(), input.data(), input.size()); });
  if (n > 0) input = input.subspan(static_cast<size_t>(n));
  if (input.empty() || (n < 0 && errno != EAGAIN)) fd.reset();
}

}  // namespace

Result run(const Job& job) {
  Pipe in, out, err;
  Result result;
  nbd::Child child = nbd::spawn({.argv = job.argv,
                                 .env = job.env,
                                 .stdin_fd = in.read_end.get(),
                                 .stdout_fd = out.write_end.get(),
                                 .stderr_fd = err.write_end.get(),
                                 .own_group = true});
  in.read_end.reset();
  out.write_end.reset();
  err.write_end.reset();
  for (const nbd::Fd* fd : {&in.write_end, &out.read_end, &err.read_end}) set_nonblocking(*fd);
  auto input = job.input;
  if (input.empty()) in.write_end.reset();

  bool ended = false;
  while (out.read_end || err.read_end || !ended) {
    pollfd fds[] = {{in.write_end.get(), POLLOUT, 0},
                    {out.read_end.get(), POLLIN, 0},
                    {err.read_end.get(), POLLIN, 0},
                    {ended ? -1 : child.pidfd(), POLLIN, 0}};
    const int ready = nbd::sys([&] { return ::poll(fds, 4, ended ? kLingerMs : kPollMs); }, "poll");
    if (ready == 0) {
      if (ended) break;
      if (job.give_up && job.give_up()) {
        result.given_up = true;
        break;
      }
    }
    if (fds[0].revents != 0) write_some(in.write_end, input);
    if (fds[2].revents != 0) read_some(err.read_end, result.errors, kMaxErrors);
    if (fds[1].revents != 0 && read_some(out.read_end, result.output, job.max_output) > 0) {
      result.too_much = true;
      break;
    }
    if (fds[3].revents != 0) ended = true;
    // One that prints for ever must be asked about as well.
    if (ready > 0 && job.give_up && !ended && job.give_up()) {
      result.given_up = true;
      break;
    }
  }
  if (result.too_much || result.given_up) child.kill_group(SIGKILL);
  result.status = child.wait();
  if (!result.too_much && !result.given_up) child.leave_group();
  return result;
}

}  // namespace script
