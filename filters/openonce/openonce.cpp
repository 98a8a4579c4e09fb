// SPDX-License-Identifier: BSD-3-Clause
//
// openonce: all clients of an export share one disk, opened for the first of them
// and closed when the server ends.
//
// What clients can see of each other has its own disk: one for each export, and one
// each with TLS and without, since plugins may answer differently.
//
// Threads: clients come and go in threads of their own. The table has a lock, and
// each disk one for its opening, so that a slow export does not hold up others.
// Where requests of one client must not overlap, those to one disk must not either,
// whichever clients they are of.
#include "../every-request.hpp"

#include <compare>
#include <map>
#include <mutex>

namespace {

using nbd::Disk;
using nbd::Status;

struct Key {
  std::string export_name;
  bool read_only, tls;
  auto operator<=>(const Key&) const = default;
};

struct Shared {
  std::mutex opening;
  std::unique_ptr<Disk> disk;  // once it is open: fixed
  std::mutex one_request;      // taken only if `serialize`
  bool serialize = false;
};

// One client's view of it.
class SharedDisk final : public nbd::filters::DiskAround<SharedDisk> {
 public:
  explicit SharedDisk(Shared& shared) : shared_(shared) { properties_ = shared.disk->properties(); }

  template <class Call>
  Status around(const nbd::Announcement&, Call&& call) {
    const auto lock = turn();
    return call(*shared_.disk);
  }
  bool try_pread(std::span<std::byte> buf, uint64_t offset) override {
    if (shared_.serialize) return false;  // it would have to wait
    return shared_.disk->try_pread(buf, offset);
  }
  Status lend(uint32_t count, uint64_t offset, nbd::Loan& out) override {
    const auto lock = turn();
    return shared_.disk->lend(count, offset, out);
  }
  void announce(const nbd::Announcement& request) override { shared_.disk->announce(request); }
  std::string description() override {
    const auto lock = turn();
    return shared_.disk->description();
  }

 private:
  std::unique_lock<std::mutex> turn() {
    return shared_.serialize ? std::unique_lock(shared_.one_request)
                             : std::unique_lock<std::mutex>();
  }
  Shared& shared_;
};

class OpenOnce {
 public:
  static constexpr auto name = "openonce";
  static constexpr auto longname = "nbdkit openonce filter";
  static constexpr auto description = "Open the plugin once for all clients";

  void get_ready(nbd::ThreadModel model) {
    serialize_ = model == nbd::ThreadModel::serialize_requests;
  }
  std::unique_ptr<Disk> open_below(nbd::Layer& below, const nbd::OpenRequest& request) {
    Shared& shared = find({request.export_name, request.read_only, request.tls});
    {
      const std::lock_guard lock(shared.opening);
      if (shared.disk == nullptr) {  // or it could not be opened for those before
        nbd::OpenRequest lasting = request;
        lasting.outlives_client = true;
        shared.disk = below.open(lasting);
        shared.serialize = serialize_;
      }
    }
    return std::make_unique<SharedDisk>(shared);
  }
  void cleanup() noexcept { disks_.clear(); }

 private:
  Shared& find(const Key& key) {
    const std::lock_guard lock(mutex_);
    return disks_[key];  // others stay where they are
  }

  bool serialize_ = false;
  std::mutex mutex_;
  std::map<Key, Shared> disks_;
};

}  // namespace

NBDKIT_FILTER(OpenOnce)
