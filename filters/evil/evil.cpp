// SPDX-License-Identifier: BSD-3-Clause
//
// evil: data that is wrong, and nobody says so.
//
// Reads get bits flipped in one of three ways (bad-bits.hpp); rules damage single
// reads, writes and flushes (damage.hpp); writes may be held back in memory and lost
// (damaged-disk.hpp). All of it comes from seeds, whatever the order of requests.
//
// Threads: Faults and DamagedDisk have locks of their own; disks_ has one.
#include <nbdkit/filter.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "common.hpp"
#include "evil/bad-bits.hpp"
#include "evil/damage.hpp"
#include "evil/damaged-disk.hpp"
#include "faults/faults.hpp"

namespace {

using nbd::Flags;
using nbd::Next;
using nbd::Op;
using nbd::Status;
using namespace nbd::filters;

// Positions in the log; more are only counted.
constexpr size_t kMaxLoggedBits = 64;

JsonObject as_json(std::string_view what, const std::vector<Bit>& bits, uint64_t offset) {
  JsonArray places;
  for (size_t i = 0; i < std::min(bits.size(), kMaxLoggedBits); ++i) {
    places.add(JsonArray().add(offset + bits[i].byte).add(bits[i].bit));
  }
  return JsonObject().set(what, bits.size()).set("bits", places);
}

class Evil {
 public:
  static constexpr auto name = "evil";
  static constexpr auto longname = "nbdkit evil filter";
  static constexpr auto description = "Corrupt data for testing clients";
  static constexpr auto help =
      "evil=cosmic-rays|stuck-bits|stuck-wires\n"
      "                              how bits of what is read go wrong (default stuck-bits, if\n"
      "                              there is no evil-rule and no evil-volatile)\n"
      "evil-probability=<PROBABILITY>   that a bit is bad (default 1e-8, of wires 1e-6)\n"
      "evil-stuck-probability=<PROBABILITY>   that a bad bit is read as stuck (default 100%)\n"
      "evil-seed=<N>                 the same seed spoils the same bits\n"
      "evil-volatile=<BOOL>          true: writes are in memory until they are flushed, and lost\n"
      "                              when the server ends\n"
      "evil-rule=<RULE>              what else goes wrong, see nbdkit-faults(1), such as\n"
      "                              'write nth=3 torn=512'; repeatable\n" NBD_FAULTS_HELP;

  Evil() {
    faults_.add_command({.name = "crash",
                         .arguments = {},
                         .help = "lose all that was written and not flushed",
                         .run = [this](const Arguments&, JsonObject& answer) {
                           if (!is_volatile_) {
                             nbd::fail("nothing is held back: start with evil-volatile=true");
                           }
                           answer.set("lost", crash("crash"));
                         }});
  }

  bool config(std::string_view key, std::string_view value) {
    if (faults_.config(key, value)) {
      has_rules_ = has_rules_ || key == "evil-rule";
    } else if (key == "evil") {
      mode_ = one_of<EvilMode>(key, value,
                               {{"cosmic-rays", EvilMode::cosmic_rays},
                                {"stuck-bits", EvilMode::stuck_bits},
                                {"stuck-wires", EvilMode::stuck_wires}});
    } else if (key == "evil-probability") {
      probability_ = probability(key, value);
    } else if (key == "evil-stuck-probability") {
      stuck_ = probability(key, value);
    } else if (key == "evil-seed") {
      seed_ = nbd::parse_uint64(key, value);
    } else if (key == "evil-volatile") {
      is_volatile_ = nbd::parse_bool(value);
      asked_for_volatile_ = true;
    } else {
      return false;
    }
    return true;
  }

  void get_ready() {
    const bool only_rules =
        (has_rules_ || asked_for_volatile_) && !mode_ && !probability_ && !stuck_;
    mode_ = mode_.value_or(only_rules ? EvilMode::none : EvilMode::stuck_bits);
    faults_.get_ready(mode_ != EvilMode::none && !seed_);
    is_volatile_ = is_volatile_ || faults_.any(Damage::lost_flush);
    const double by_default = mode_ == EvilMode::stuck_wires ? 1e-6 : 1e-8;
    const uint64_t stream = seed_ ? Draw::stream(*seed_, "evil") : faults_.stream(name_of(*mode_));
    bad_bits_ = BadBits(*mode_, probability_.value_or(by_default), stuck_.value_or(1), stream);
  }
  void after_fork() { faults_.after_fork(); }
  void cleanup() noexcept {
    faults_.cleanup();
    if (is_volatile_) crash("end");
  }
  void disconnected() noexcept { faults_.disconnected(); }

  struct Connection {
    Connection(Evil& filter, Next& next, const nbd::OpenRequest& request)
        : evil_(filter), disk_(filter.disk(request.export_name)), below_(next.properties()) {}

    void announce(const nbd::Announcement& request) { evil_.faults_.announce(request); }

    // Locks that are held while others read or write the disk below.
    void properties(nbd::Properties& p) const {
      if (evil_.is_volatile_) p.blocking = nbd::OpSet::all();
      if (evil_.remembers() || evil_.faults_.can_change()) {
        waits_like(p, Op::write, below_, Op::read);
        for (const Op op : {Op::zero, Op::trim}) waits_like(p, op, below_, Op::write);
      }
    }

    Status pread(Next& next, std::span<std::byte> buf, uint64_t offset, Flags flags) {
      const Request request = request_of(Kind::read, offset, buf.size(), flags);
      const std::vector<Firing> firings = evil_.faults_.decide(request);
      Status s = disk_.read(next, buf, offset, flags);
      if (!s.ok()) return s;
      for (const Firing& f : firings) {
        JsonObject did;
        if (f.rule->damage == Damage::stale) {
          did.set("stale", disk_.make_stale(buf, offset));
        } else {
          const auto bits = bits_to_flip(f, buf.size());
          flip(buf, bits);
          did = as_json("flip", bits, offset);
        }
        s = done(f, request, did);
      }
      evil_.spoil(buf, offset, request);
      return s;
    }

    Status pwrite(Next& next, std::span<const std::byte> buf, uint64_t offset, Flags flags) {
      const Request request = request_of(Kind::write, offset, buf.size(), flags);
      const auto store = [&](std::span<const std::byte> data, uint64_t at) {
        return disk_.write(next, data, at, flags, evil_.remembers());
      };
      for (const Firing& f : evil_.faults_.decide(request)) {
        JsonObject did;
        const Status s = write_damaged(f, buf, offset, store, did);
        return s.ok() ? done(f, request, did) : s;
      }
      return store(buf, offset);
    }

    Status flush(Next& next, Flags flags) {
      const Request request = request_of(Kind::flush);
      for (const Firing& f : evil_.faults_.decide(request)) {
        return done(f, request, JsonObject().set("lost-flush", true));
      }
      return disk_.flush(next, flags);
    }
    Status trim(Next& next, uint64_t count, uint64_t offset, Flags flags) {
      return clear(Kind::trim, count, offset, flags,
                   [&] { return next.trim(count, offset, flags); });
    }
    Status zero(Next& next, uint64_t count, uint64_t offset, Flags flags) {
      return clear(Kind::zero, count, offset, flags,
                   [&] { return next.zero(count, offset, flags); });
    }
    // Nothing that could be damaged; rules may count it all the same.
    Status cache(Next& next, uint64_t count, uint64_t offset, Flags flags) {
      evil_.faults_.decide(request_of(Kind::cache, offset, count, flags));
      return next.cache(count, offset, flags);
    }
    Status extents(Next& next, uint64_t count, uint64_t offset, Flags flags, nbd::Extents& out) {
      if (!has(flags, Flags::probe)) {
        evil_.faults_.decide(request_of(Kind::extents, offset, count, flags));
      }
      return disk_.extents(next, count, offset, flags, out);
    }

   private:
    uint64_t block() const { return std::max<uint64_t>(1, below_.block_size.minimum); }

    template <class Store>
    Status write_damaged(const Firing& f, std::span<const std::byte> buf, uint64_t offset,
                         Store&& store, JsonObject& did) {
      switch (f.rule->damage) {
        case Damage::flip: {
          std::vector<std::byte> changed(buf.begin(), buf.end());
          const auto bits = bits_to_flip(f, buf.size());
          flip(changed, bits);
          did = as_json("flip", bits, offset);
          return store(changed, offset);
        }
        case Damage::torn: {
          const uint64_t stored = torn_at(f, buf.size(), block());
          did.set("torn", stored);
          return stored == 0 ? nbd::kOk : store(buf.first(stored), offset);
        }
        case Damage::misdirect: {
          const uint64_t at = misdirected_to(f, offset, buf.size(), below_.size, block());
          did.set("misdirect", at);
          return store(buf, at);
        }
        default: did.set("lost", buf.size()); return nbd::kOk;
      }
    }

    template <class Call>
    Status clear(Kind kind, uint64_t count, uint64_t offset, Flags flags, Call&& call) {
      const Request request = request_of(kind, offset, count, flags);
      for (const Firing& f : evil_.faults_.decide(request)) {
        return done(f, request, JsonObject().set("lost", count));
      }
      return disk_.clear(count, offset, evil_.remembers(), call);
    }

    // The damage is done; what the client is told of it.
    Status done(const Firing& f, const Request& request, JsonObject did) {
      const int errnum = f.errnum();
      if (errnum != 0) did.set("error", nbd::errno_name(errnum));
      evil_.faults_.log(f, request, did);
      if (errnum == 0) return nbd::kOk;
      nbd::log_error(!f.rule->message.empty()
                         ? f.rule->message
                         : fmt::format("injecting {} error after {}", nbd::errno_name(errnum),
                                       nbd::filters::name_of(f.rule->damage)));
      return Status(errnum);
    }

    Evil& evil_;
    DamagedDisk& disk_;
    const nbd::Properties& below_;
  };

 private:
  static std::string_view name_of(EvilMode mode) {
    switch (mode) {
      case EvilMode::cosmic_rays: return "cosmic-rays";
      case EvilMode::stuck_bits: return "stuck-bits";
      case EvilMode::stuck_wires: return "stuck-wires";
      case EvilMode::none: break;
    }
    return "none";
  }
  static double probability(std::string_view key, std::string_view value) {
    const double p = nbd::parse_probability(key, value);
    if (p > 1) nbd::fail("{}: a probability is at most 1 (100%), got \"{}\"", key, value);
    return p;
  }

  bool remembers() const { return faults_.any(Damage::stale); }

  DamagedDisk& disk(const std::string& export_name) {
    const std::lock_guard lock(mutex_);
    auto& disk = disks_[export_name];
    if (!disk) disk = std::make_unique<DamagedDisk>(is_volatile_);
    return *disk;
  }

  void spoil(std::span<std::byte> buf, uint64_t offset, const Request& r) const {
    if (mode_ == EvilMode::none || !faults_.is_on()) return;
    // The same read of the same client, in another run; pieces of one are told apart.
    const uint64_t which = nbd::mix((r.connection << 40) + r.number) + offset;
    const std::vector<Bit> bits = bad_bits_.spoil(buf, offset, which);
    if (bits.empty()) return;
    faults_.log(fmt::format("evil={}", name_of(*mode_)), Draw(0, r.number), r,
                as_json("flip", bits, 0));
  }

  size_t crash(std::string_view why) {
    const std::lock_guard lock(mutex_);
    size_t lost = 0;
    for (const auto& [export_name, disk] : disks_) lost += disk->crash();
    FaultStack::get().log(JsonObject()
                              .set("filter", name)
                              .set("text", why)
                              .set("did", JsonObject().set("lost", lost)));
    return lost;
  }

  std::optional<EvilMode> mode_;
  std::optional<double> probability_, stuck_;
  std::optional<uint64_t> seed_;
  bool is_volatile_ = false, asked_for_volatile_ = false, has_rules_ = false;
  BadBits bad_bits_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<DamagedDisk>> disks_;  // by export
  Faults faults_{name, Trade::damage};
};

}  // namespace

NBDKIT_FILTER(Evil)
