// SPDX-License-Identifier: BSD-3-Clause
//
// multi-conn: what one client has flushed, all see.
//
// A client with several connections to one disk may flush on one what it wrote on
// another if the server says so (NBD_FLAG_CAN_MULTI_CONN). Where the plugin cannot,
// a flush is done on every connection, since each may have a cache of its own.
//
// Threads: connections and their requests have threads of their own. A group (the
// connections among which flushes are shared) has a lock, held for a whole flush: a
// connection that leaves waits for it, and one flush that finds nothing to do has
// waited for the one that does it. Where requests of one connection must not
// overlap (Client::one_request), ours do not overlap its own.
#include "../every-request.hpp"

#include <atomic>
#include <map>
#include <mutex>

#include "../common.hpp"

namespace {

using nbd::Announcement;
using nbd::Flags;
using nbd::Next;
using nbd::Op;
using nbd::Status;

enum class Mode { automatic, emulate, plugin, disable, unsafe };
enum class Track { connection, fast, off };

// One connection to the plugin.
struct Client {
  Next* next;
  std::mutex one_request;
  // Since its last flush: written; or read, so that it may remember what others
  // have changed since.
  std::atomic<bool> is_dirty{false};
};

struct Group {
  std::mutex mutex;
  std::vector<Client*> clients;
  std::atomic<bool> is_dirty{false};  // anyone has written since anyone's last flush
};

class MultiConn {
 public:
  static constexpr auto name = "multi-conn";
  static constexpr auto longname = "nbdkit multi-conn filter";
  static constexpr auto description = "Make what one connection flushes seen by all";
  static constexpr auto help =
      "multi-conn-mode=auto|emulate|plugin|disable|unsafe   flush all connections if the plugin\n"
      "                              does not (default), or always; say what the plugin says;\n"
      "                              deny that it is possible; or claim it\n"
      "multi-conn-track-dirty=connection|fast|off   leave out flushes of a connection without\n"
      "                              requests since the last (default), of any when none has\n"
      "                              written, or no flush\n"
      "multi-conn-exportname=<BOOL>  only connections to the same export (default false)";

  bool config(std::string_view key, std::string_view value) {
    if (key == "multi-conn-mode") {
      mode_ = nbd::filters::one_of<Mode>(key, value,
                                         {{"auto", Mode::automatic},
                                          {"emulate", Mode::emulate},
                                          {"plugin", Mode::plugin},
                                          {"disable", Mode::disable},
                                          {"unsafe", Mode::unsafe}});
    } else if (key == "multi-conn-track-dirty") {
      track_ = nbd::filters::one_of<Track>(
          key, value,
          {{"connection", Track::connection}, {"fast", Track::fast}, {"off", Track::off}});
    } else if (key == "multi-conn-exportname") {
      by_export_ = nbd::parse_bool(value);
    } else {
      return false;
    }
    return true;
  }
  void get_ready(nbd::ThreadModel model) {
    if (mode_ == Mode::automatic && model == nbd::ThreadModel::serialize_connections) {
      mode_ = Mode::disable;
    }
    serialize_ = model == nbd::ThreadModel::serialize_requests;
  }

  class Connection : public nbd::filters::EveryRequest<Connection> {
   public:
    Connection(MultiConn& filter, Next& next, const nbd::OpenRequest& request)
        : track_(filter.track_),
          group_(filter.group_of(request.export_name)),
          mode_(filter.mode_for(next.properties())),
          serialize_(filter.serialize_ && mode_ == Mode::emulate),
          flushes_for_all_(mode_ == Mode::unsafe || next.properties().can_multi_conn) {
      if (mode_ == Mode::emulate && !next.properties().can_flush) {
        throw nbd::Error("multi-conn-mode=emulate needs a plugin that can flush");
      }
      me_.next = &next;
      const std::lock_guard lock(group_.mutex);
      group_.clients.push_back(&me_);
    }
    ~Connection() {
      const std::lock_guard lock(group_.mutex);
      std::erase(group_.clients, &me_);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void properties(nbd::Properties& p) const {
      if (mode_ == Mode::disable) p.can_multi_conn = false;
      if (mode_ == Mode::emulate || mode_ == Mode::unsafe) p.can_multi_conn = true;
      if (mode_ != Mode::emulate) return;
      p.blocking.insert(Op::flush);  // for the others
      if (!p.can_write) return;
      p.can_fua = nbd::Support::emulate;
      for (const Op op : {Op::write, Op::trim, Op::zero}) p.blocking.insert(op);
    }

    template <class Call>
    Status around(const Announcement& request, Call&& call) {
      if (request.op == Op::flush) return flush_as_needed();
      const bool fua = mode_ == Mode::emulate && has(request.flags, Flags::fua);
      const Status s =
          on(me_, [&] { return call(without(request.flags, fua ? Flags::fua : Flags::none)); });
      // Behind the request: a flush that began before it may have missed it.
      const bool writes =
          request.op == Op::write || request.op == Op::trim || request.op == Op::zero;
      if (writes || request.op == Op::read) me_.is_dirty = true;
      if (writes) group_.is_dirty = true;
      return s.ok() && fua ? flush_as_needed() : s;
    }

   private:
    template <class Call>
    Status on(Client& client, Call&& call) const {
      if (!serialize_) return call();
      const std::lock_guard lock(client.one_request);
      return call();
    }

    Status flush_as_needed() {
      const std::lock_guard lock(group_.mutex);
      if (!is_needed()) return nbd::kOk;
      const Status s = mode_ == Mode::emulate ? flush_all() : flush_one(me_);
      if (!s.ok()) group_.is_dirty = true;
      return s;
    }
    // Marks the group as clean where a flush, which is to follow, makes it so.
    bool is_needed() {
      if (track_ == Track::fast) return group_.is_dirty.exchange(false);
      if (track_ == Track::off || mode_ == Mode::emulate) return true;  // each is asked itself
      // A client that was told so may flush here what it wrote on another.
      const bool for_others = flushes_for_all_ && group_.is_dirty.exchange(false);
      return me_.is_dirty || for_others;
    }
    // All of them, also behind one that fails: its error is the answer.
    Status flush_all() {
      Status out;
      for (Client* client : group_.clients) {
        if (track_ == Track::connection && !client->is_dirty) continue;
        const Status s = flush_one(*client);
        if (out.ok()) out = s;
      }
      return out;
    }
    Status flush_one(Client& client) const {
      client.is_dirty = false;
      const Status s = on(client, [&] { return client.next->flush(Flags::none); });
      if (!s.ok()) client.is_dirty = true;
      return s;
    }

    const Track track_;
    Group& group_;
    const Mode mode_;
    const bool serialize_;
    const bool flushes_for_all_;
    Client me_;
  };

 private:
  Mode mode_for(const nbd::Properties& below) const {
    if (mode_ != Mode::automatic) return mode_;
    return below.can_multi_conn ? Mode::plugin : Mode::emulate;
  }
  Group& group_of(const std::string& export_name) {
    const std::lock_guard lock(mutex_);
    return groups_[by_export_ ? export_name : ""];  // others stay where they are
  }

  Mode mode_ = Mode::automatic;
  Track track_ = Track::connection;
  bool by_export_ = false;
  bool serialize_ = false;
  std::mutex mutex_;
  std::map<std::string, Group> groups_;
};

}  // namespace

NBDKIT_FILTER(MultiConn)
