// SPDX-License-Identifier: BSD-3-Clause
#include "session/connection.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "session/transmission.hpp"

namespace nbdkit {

using nbd::ThreadModel;

namespace {

// From the layers' preconnect() to their disconnected().
class Visit {
 public:
  Visit(nbd::Layer& top, bool read_only, std::mutex* stack_lock) : top_(top), mutex_(stack_lock) {
    const auto alone = lock();
    top_.preconnect(read_only);
  }
  ~Visit() {
    const auto alone = lock();
    top_.disconnected();
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

 private:
  std::unique_lock<std::mutex> lock() const {
    return mutex_ != nullptr ? std::unique_lock(*mutex_) : std::unique_lock<std::mutex>();
  }
  nbd::Layer& top_;
  std::mutex* const mutex_;
};

void serve(Shared& shared, Channel& channel, Client& client) {
  const ThreadModel model = shared.stack.thread_model();
  std::unique_lock<std::mutex> alone;
  if (model == ThreadModel::serialize_connections) alone = std::unique_lock(shared.one_client);
  std::mutex* const stack_lock =
      model == ThreadModel::serialize_all_requests ? &shared.all_requests : nullptr;
  if (server().quitting()) return;

  const Visit visit(shared.stack.top(), shared.options.handshake.read_only, stack_lock);
  Input input(channel);
  auto result =
      Handshake(channel, input, shared.stack, client, shared.options.handshake, stack_lock).run();
  if (!result) return;
  input.use_all();

  // Where requests wait aside, each has a thread as under the parallel model, and one
  // lock keeps them from each other but while they wait.
  const bool parallel = model == ThreadModel::parallel || shared.stack.steps_aside();
  std::mutex of_this_client;
  std::mutex* const request_lock =
      model == ThreadModel::parallel || !parallel || stack_lock != nullptr ? stack_lock
                                                                           : &of_this_client;
  nbd::log::debug("handshake complete, up to {} requests at the same time",
                  model == ThreadModel::parallel ? shared.options.threads : 1);
  Transmission(channel.stream(), input, *result->disk, client, shared.pool, shared.watchdog,
               shared.pipes, shared.buffers,
               {.negotiated = result->negotiated,
                .threads = shared.options.threads,
                .parallel = parallel,
                .all_requests = request_lock,
                .arrivals = &shared.arrivals,
                .budget = shared.budget})
      .run();
}

}  // namespace

void serve_client(Shared& shared, Stream& stream, uint64_t number) noexcept {
  Client client;
  client.socket = stream.fd();
  try {
    client.number = number;
    client.log_name = fmt::format("{}[{}]", shared.stack.plugin().name(), number);
    const nbd::log::Scope name(client.log_name);
    const ClientScope scope(client);
    Channel channel(stream);
    try {
      serve(shared, channel, client);
      nbd::log::debug("connection closed");
    } catch (const std::exception& e) {
      nbd::log::error(std::string_view(e.what()));
    }
    channel.say_goodbye();
  } catch (...) {
    nbd::log::error("out of memory: a connection was dropped");
  }
  stream.abort();
}

}  // namespace nbdkit
