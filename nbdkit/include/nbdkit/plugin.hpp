// SPDX-License-Identifier: BSD-3-Clause
//
// A plugin is a class; what it does not define is absent.
//
//   #include <nbdkit/plugin.hpp>
//   struct Ones {
//     static constexpr auto name = "ones";
//     uint64_t size() { return 1 << 20; }
//     nbd::Status pread(std::span<std::byte> buf, uint64_t offset, nbd::Flags) {
//       std::fill(buf.begin(), buf.end(), std::byte{1});
//       return nbd::kOk;
//     }
//   };
//   NBDKIT_PLUGIN(Ones)
//
// The class is made once, when the server loads the plugin. A member that has
// one of the names below but not its signature does not compile.
//
//   constants   name; longname, description, version, help, magic_key (text)
//               thread_model (nbd::ThreadModel, default parallel); a plugin that
//               knows it only from its parameters has a member function instead
//               never_blocks (bool): no request waits for a disk, a peer or a
//               clock, so the server may serve it where it reads the socket
//               tells_holes (bool): extents is right and costs little, so the
//               server may ask it before a large read and leave holes out
//   start-up    bool config(string_view key, string_view value): false if the
//               key is unknown; void config_complete(), get_ready(),
//               after_fork(), cleanup(), unload(), dump_plugin()
//   exports     void preconnect(bool read_only); void list_exports(nbd::ExportList&),
//               std::string default_export(): both may begin with the parameters
//               bool read_only, bool tls
//   requests    uint64_t size(); Status pread(span<byte>, uint64_t offset, Flags),
//               pwrite(span<const byte>, offset, Flags), flush(Flags),
//               trim/zero/cache(uint32_t count, offset, Flags),
//               extents(count, offset, Flags, nbd::ExtentList&);
//               bool pread_now(span<byte>, uint64_t offset): a read that never waits;
//               false if it would have to, or is to fail: then pread is called;
//               bool lend(uint32_t count, uint64_t offset, nbd::Lender&): for large
//               reads, where the bytes are (memory, or a file and an offset), so
//               that none is copied; false: this one by pread
//   abilities   bool can_write(), can_flush(), can_trim(), can_zero(),
//               can_fast_zero(), can_extents(), can_multi_conn(),
//               is_rotational(); Support can_fua(), can_cache();
//               nbd::BlockSize block_size(); std::string export_description()
//
// State of one client: give the class a member struct Connection, made by
// Connection(Plugin&, bool read_only); requests and abilities are then looked
// for there. Exceptions end at the edge: nbd::Error's sentence is reported and
// its errno returned.
//
// Threads: as thread_model says. State that requests share needs a lock.
#pragma once

#include <nbdkit-plugin-extras.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <nbdkit/disk.hpp>
#include <nbdkit/error.hpp>
#include <nbdkit/sdk.hpp>

namespace nbd {

// Where a plugin puts its answer to an extents request.
class ExtentList {
 public:
  explicit ExtentList(nbdkit_extents* out) : out_(out) {}
  // Ascending and without gaps from the offset asked for.
  Status add(uint64_t offset, uint64_t length, uint32_t type) {
    return nbdkit_add_extent(out_, offset, length, type) == 0 ? kOk : Status(errno);
  }

 private:
  nbdkit_extents* out_;
};

class ExportList {
 public:
  explicit ExportList(nbdkit_exports* out) : out_(out) {}
  void add(const std::string& name, const std::string& description = {}) {
    const char* text = description.empty() ? nullptr : description.c_str();
    if (nbdkit_add_export(out_, name.c_str(), text) != 0) throw Reported();
  }
  // The one that default_export says.
  void use_default() { nbdkit_use_default_export(out_); }

 private:
  nbdkit_exports* out_;
};

// Where a plugin says what it lends; see the member lend.
class Lender {
 public:
  explicit Lender(nbdkit_loan* out) : out_(out) {}
  // Pieces of memory, in the order of the disk ...
  void bytes(std::span<const std::byte> piece) {
    if (nbdkit_lend_bytes(out_, piece.data(), piece.size()) != 0) throw Reported();
  }
  // ... or the pages that they are in, which are on their way when this returns, so
  // only the pages have to be kept for this part of the disk, not the addresses.
  // false: not this time; lend all in another way, or nothing ...
  bool pages(std::span<const std::byte> piece) {
    return nbdkit_lend_pages(out_, piece.data(), piece.size()) == 0;
  }
  // ... or one range of a file.
  void file(int fd, uint64_t offset, size_t length) {
    if (nbdkit_lend_file(out_, fd, offset, length) != 0) throw Reported();
  }
  // done(argument) is called once, in any thread, when the bytes are not needed
  // any more; without it, the client's leaving says so.
  void until(void (*done)(void*), void* argument) {
    if (nbdkit_lend_until(out_, done, argument) != 0) throw Reported();
  }

 private:
  nbdkit_loan* out_;
};

namespace detail {

// Fills the C struct from the class P.
template <class P>
class PluginTable {
  static constexpr bool kHasConnection = requires { typename P::Connection; };
  template <class T>
  struct SubjectOf {
    using type = T;
  };
  template <class T>
    requires requires { typename T::Connection; }
  struct SubjectOf<T> {
    using type = typename T::Connection;
  };
  using Subject = typename SubjectOf<P>::type;  // what serves the requests

  static P& plugin() {
    static P instance;
    return instance;
  }
  static Subject& subject(void* handle) { return *static_cast<Subject*>(handle); }

  // Runs a callback: 0, or -1 with the error told.
  template <class Body>
  static int guard(Body&& body) noexcept {
    try {
      if constexpr (std::is_same_v<decltype(body()), Status>) {
        const Status status = body();
        if (status.ok()) return 0;
        nbdkit_set_error(status.errnum());
        return -1;
      } else if constexpr (std::is_void_v<decltype(body())>) {
        body();
        return 0;
      } else {
        return static_cast<int>(body());
      }
    } catch (...) {
      nbdkit_set_error(report_current_exception());
      return -1;
    }
  }

  static int config(const char* key, const char* value) {
    return guard([&] {
      static_assert(std::is_same_v<decltype(plugin().config(key, value)), bool>,
                    "config(key, value) returns whether the key is known");
      if (!plugin().config(key, value)) {
        throw Error(std::string("unknown parameter '") + key + "' for plugin " + P::name);
      }
    });
  }
  static void* open(int readonly) noexcept {
    try {
      if constexpr (kHasConnection) {
        return new Subject(plugin(), readonly != 0);
      } else {
        return &plugin();
      }
    } catch (...) {
      nbdkit_set_error(report_current_exception());
      return nullptr;
    }
  }
  static void close(void* handle) {
    if constexpr (kHasConnection) delete static_cast<Subject*>(handle);
  }
  static int64_t get_size(void* handle) noexcept {
    try {
      return static_cast<int64_t>(uint64_t{subject(handle).size()});
    } catch (...) {
      report_current_exception();
      return -1;
    }
  }
  static int pread(void* h, void* buf, uint32_t count, uint64_t offset, uint32_t flags) {
    return guard([&]() -> Status {
      return subject(h).pread(std::span(static_cast<std::byte*>(buf), count), offset, Flags{flags});
    });
  }
  static int pwrite(void* h, const void* buf, uint32_t count, uint64_t offset, uint32_t flags) {
    return guard([&]() -> Status {
      return subject(h).pwrite(std::span(static_cast<const std::byte*>(buf), count), offset,
                               Flags{flags});
    });
  }
  static int flush(void* h, uint32_t flags) {
    return guard([&]() -> Status { return subject(h).flush(Flags{flags}); });
  }
  static int extents(void* h, uint32_t count, uint64_t offset, uint32_t flags,
                     nbdkit_extents* out) {
    return guard([&]() -> Status {
      ExtentList list(out);
      return subject(h).extents(count, offset, Flags{flags}, list);
    });
  }
  static int pread_now(void* h, void* buf, uint32_t count, uint64_t offset) {
    return guard([&] {
      return subject(h).pread_now(std::span(static_cast<std::byte*>(buf), count), offset) ? 0 : 1;
    });
  }
  static int lend(void* h, uint32_t count, uint64_t offset, nbdkit_loan* out) {
    return guard([&] {
      Lender lender(out);
      return subject(h).lend(count, offset, lender) ? 0 : 1;
    });
  }
  static int block_size(void* h, uint32_t* minimum, uint32_t* preferred, uint32_t* maximum) {
    return guard([&] {
      const BlockSize size = subject(h).block_size();
      *minimum = size.minimum;
      *preferred = size.preferred;
      *maximum = size.maximum;
    });
  }
  static int preconnect(int readonly) {
    return guard([&] { plugin().preconnect(readonly != 0); });
  }
  static int list_exports(int readonly, int tls, nbdkit_exports* out) {
    return guard([&] {
      ExportList list(out);
      if constexpr (requires { plugin().list_exports(true, true, list); }) {
        plugin().list_exports(readonly != 0, tls != 0, list);
      } else {
        plugin().list_exports(list);
      }
    });
  }
  static const char* interned(const std::string& text) {
    return nbdkit_strdup_intern(text.c_str());
  }
  static const char* default_export(int readonly, int tls) noexcept {
    try {
      if constexpr (requires { plugin().default_export(true, true); }) {
        return interned(plugin().default_export(readonly != 0, tls != 0));
      } else {
        return interned(plugin().default_export());
      }
    } catch (...) {
      report_current_exception();
      return nullptr;
    }
  }
  static const char* export_description(void* h) noexcept {
    try {
      return interned(subject(h).export_description());
    } catch (...) {
      report_current_exception();
      return nullptr;
    }
  }

 public:
  static nbdkit_plugin* table() {
    static nbdkit_plugin t{};
    t.name = P::name;
    t.longname = text_longname<P>();
    t.version = text_version<P>();
    t.description = text_description<P>();
    t.config_help = text_help<P>();
    t.magic_config_key = text_magic_key<P>();
    t.load = [] { plugin(); };
    t.open = open;
    t.close = close;
    t.get_size = get_size;
    t.pread = pread;

// A callback of the plugin, or of what serves the requests, if it is defined.
#define NBD_PLUGIN_CALL(member)           \
  if constexpr (requires { &P::member; }) \
    t.member = [] { return guard([] { plugin().member(); }); };
#define NBD_PLUGIN_VOID(member) \
  if constexpr (requires { &P::member; }) t.member = [] { guard([] { plugin().member(); }); };
#define NBD_PLUGIN_FORWARD(member) \
  if constexpr (requires { &P::member; }) t.member = member;
#define NBD_SUBJECT_FORWARD(member) \
  if constexpr (requires { &Subject::member; }) t.member = member;
#define NBD_SUBJECT_ABILITY(member)             \
  if constexpr (requires { &Subject::member; }) \
    t.member = [](void* h) { return guard([&] { return subject(h).member(); }); };
#define NBD_SUBJECT_RANGE(member)                                                               \
  if constexpr (requires { &Subject::member; })                                                 \
    t.member = [](void* h, uint32_t count, uint64_t offset, uint32_t flags) {                   \
      return guard([&]() -> Status { return subject(h).member(count, offset, Flags{flags}); }); \
    };
    NBD_PLUGIN_FORWARD(config)
    NBD_PLUGIN_CALL(config_complete)
    NBD_PLUGIN_CALL(get_ready)
    NBD_PLUGIN_CALL(after_fork)
    NBD_PLUGIN_VOID(cleanup)
    NBD_PLUGIN_VOID(unload)
    NBD_PLUGIN_VOID(dump_plugin)
    NBD_PLUGIN_FORWARD(preconnect)
    NBD_PLUGIN_FORWARD(list_exports)
    NBD_PLUGIN_FORWARD(default_export)
    NBD_SUBJECT_FORWARD(pwrite)
    NBD_SUBJECT_FORWARD(flush)
    NBD_SUBJECT_FORWARD(extents)
    NBD_SUBJECT_FORWARD(block_size)
    NBD_SUBJECT_FORWARD(export_description)
    NBD_SUBJECT_RANGE(trim)
    NBD_SUBJECT_RANGE(zero)
    NBD_SUBJECT_RANGE(cache)
    NBD_SUBJECT_ABILITY(can_write)
    NBD_SUBJECT_ABILITY(can_flush)
    NBD_SUBJECT_ABILITY(can_trim)
    NBD_SUBJECT_ABILITY(can_zero)
    NBD_SUBJECT_ABILITY(can_fast_zero)
    NBD_SUBJECT_ABILITY(can_extents)
    NBD_SUBJECT_ABILITY(can_multi_conn)
    NBD_SUBJECT_ABILITY(is_rotational)
    NBD_SUBJECT_ABILITY(can_fua)
    NBD_SUBJECT_ABILITY(can_cache)
#undef NBD_PLUGIN_CALL
#undef NBD_PLUGIN_VOID
#undef NBD_PLUGIN_FORWARD
#undef NBD_SUBJECT_FORWARD
#undef NBD_SUBJECT_ABILITY
#undef NBD_SUBJECT_RANGE

    t._struct_size = sizeof t;
    t._api_version = 2;
    t._thread_model = static_cast<int>(ThreadModel::parallel);
    if constexpr (requires { plugin().thread_model(); }) {
      t.thread_model = [] { return guard([] { return plugin().thread_model(); }); };
    } else if constexpr (requires { P::thread_model; }) {
      t._thread_model = static_cast<int>(P::thread_model);
    }
    return &t;
  }

  static const nbdkit_plugin_extras* extras() {
    static nbdkit_plugin_extras e{};
    e._struct_size = sizeof e;
    if constexpr (requires { P::never_blocks; }) e.never_blocks = P::never_blocks;
    if constexpr (requires { P::tells_holes; }) e.tells_holes = P::tells_holes;
    if constexpr (requires { &Subject::lend; }) e.lend = lend;
    if constexpr (requires { &Subject::pread_now; }) e.pread_now = pread_now;
    return &e;
  }
};

}  // namespace detail
}  // namespace nbd

#define NBDKIT_PLUGIN(P)                                                              \
  extern "C" NBDKIT_PUBLIC_ nbdkit_plugin* plugin_init() {                            \
    return nbd::detail::PluginTable<P>::table();                                      \
  }                                                                                   \
  extern "C" NBDKIT_PUBLIC_ const nbdkit_plugin_extras* nbdkit_plugin_extras_init() { \
    return nbd::detail::PluginTable<P>::extras();                                     \
  }
