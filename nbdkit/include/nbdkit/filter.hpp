// SPDX-License-Identifier: BSD-3-Clause
//
// A filter is a class; what it does not define passes through.
//
//   #include <nbdkit/filter.hpp>
//   struct ReadOnly {
//     static constexpr auto name = "readonly";
//     void properties(nbd::Properties& p) { p.can_write = false; }
//   };
//   NBDKIT_FILTER(ReadOnly)
//
// One object of the class stands for one place in the stack. Members, all
// optional but name:
//
//   constants   name; longname, description, version, help (text)
//               thread_model (nbd::ThreadModel; or a function that returns it)
//   start-up    bool config(string_view key, string_view value): false lets the
//               next layer have the key; void config_complete(), get_ready() or
//               get_ready(nbd::ThreadModel), after_fork(), cleanup(), dump_plugin()
//   clients     void preconnect(bool read_only) and void disconnected() noexcept,
//               once for every connection; void open(nbd::OpenRequest&), before
//               the layers below open: may change the request, wait, or throw to
//               refuse; void opened(nbd::Next&) and closing(nbd::Next&), the first
//               and last to see a disk
//   exports     void list_exports(std::vector<nbd::ExportItem>&)
//   below       instead of what the layer below does:
//               std::unique_ptr<nbd::Disk> open_below(nbd::Layer& below,
//               const nbd::OpenRequest&); std::vector<nbd::ExportItem>
//               list_exports_below(below, bool read_only, bool tls);
//               std::string default_export(below, bool read_only, bool tls)
//   disk        void properties(nbd::Properties&): changes what the layer below
//               says of itself
//   requests    Status pread(Next& next, span<byte>, uint64_t offset, Flags),
//               pwrite(next, span<const byte>, offset, Flags), flush(next, Flags),
//               trim/zero/cache(next, uint64_t count, offset, Flags),
//               extents(next, count, offset, Flags, nbd::Extents&)
//               bool try_pread(next, span<byte>, offset): see Disk; for a filter
//               that has pread, which then says so in Properties::tries_reads
//   order       void announce(const nbd::Announcement&): each request of the client's,
//               in the order in which they arrived, before any thread serves it;
//               asked for only where all filters above pass requests on as they are
//
// State of one client: give the class a member struct Connection, made by
// Connection(Filter&, nbd::Next&) or Connection(Filter&, nbd::Next&,
// const nbd::OpenRequest&); the members of "disk" and "requests" are then looked
// for there.
//
// A filter that moves or changes data must say so for every kind of request:
// one that defines pread without pwrite, trim, zero, cache or extents would
// silently touch the wrong bytes, and does not compile. Where only reads are
// meant (a filter that counts or corrupts them), say so:
// static constexpr bool reads_only = true. One that looks at requests, delays or
// fails them, but passes on what it passes on as it came, says so by
// static constexpr bool passes_unchanged = true (see "order"). One whose requests wait
// in an nbd::Aside says static constexpr bool steps_aside = true.
//
// Threads: requests of one client run at the same time unless thread_model says
// otherwise. A filter that may wait adds to Properties::blocking.
//
// A filter is tied to the server that it was compiled for (kFilterAbi).
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <nbdkit/disk.hpp>
#include <nbdkit/error.hpp>
#include <nbdkit/sdk.hpp>

namespace nbd {

// Changes whenever a header of the filter interface does.
inline constexpr const char* kFilterAbi = "0.1.0/11";

// What a filter's one exported function returns. `abi` stays the first field
// for ever: it is looked at before anything else.
struct FilterModule {
  const char* abi;
  std::unique_ptr<Layer> (*make)(Layer& below);
};

namespace detail {

template <class F>
concept HasConnection = requires { typename F::Connection; };

template <class F>
struct FilterSubject {
  using type = F;
};
template <HasConnection F>
struct FilterSubject<F> {
  using type = typename F::Connection;
};

template <class S>
constexpr bool whole() {
  if constexpr (requires { &S::pread; } && !requires { S::reads_only; }) {
    return requires {
      &S::pwrite;
      &S::trim;
      &S::zero;
      &S::cache;
      &S::extents;
    };
  } else {
    return true;
  }
}

// Whether the layer below sees the requests that the layer above made.
template <class S>
constexpr bool unchanged() {
  if constexpr (requires { S::passes_unchanged; }) {
    return S::passes_unchanged;
  } else {
    return !(
        requires { &S::pread; } || requires { &S::pwrite; } || requires { &S::flush; } ||
        requires { &S::trim; } || requires { &S::zero; } || requires { &S::cache; } ||
        requires { &S::extents; });
  }
}

// The filter F as one client has opened it.
template <class F>
class FilterDisk final : public Disk {
  using Subject = typename FilterSubject<F>::type;
  static_assert(whole<Subject>(),
                "a filter with pread needs pwrite, trim, zero, cache and extents too, "
                "or static constexpr bool reads_only = true");

 public:
  FilterDisk(F& filter, const OpenRequest& request, std::unique_ptr<Disk> below)
      : filter_(filter), below_(std::move(below)) {
    if constexpr (HasConnection<F>) {
      if constexpr (std::is_constructible_v<Subject, F&, Disk&, const OpenRequest&>) {
        connection_.emplace(filter_, *below_, request);
      } else {
        connection_.emplace(filter_, *below_);
      }
    }
    properties_ = below_->properties();
    // Who looks at reads is shown those of holes as well, see lend().
    if constexpr (requires { &Subject::pread; }) {
      properties_.tells_holes = false;
      properties_.tries_reads = false;
    }
    below_wants_announcements_ = properties_.wants_announcements && unchanged<Subject>();
    if constexpr (requires { &Subject::properties; }) subject().properties(properties_);
    properties_.wants_announcements =
        below_wants_announcements_ || requires { &Subject::announce; };
    if constexpr (requires { &F::opened; }) filter_.opened(*below_);
  }
  ~FilterDisk() override {
    if constexpr (requires { &F::closing; }) {
      try {
        filter_.closing(*below_);
      } catch (...) {
        report_current_exception();
      }
    }
  }

  Status pread(std::span<std::byte> buf, uint64_t offset, Flags flags) override {
    if constexpr (requires { &Subject::pread; }) {
      return subject().pread(*below_, buf, offset, flags);
    } else {
      return below_->pread(buf, offset, flags);
    }
  }
  Status pwrite(std::span<const std::byte> buf, uint64_t offset, Flags flags) override {
    if constexpr (requires { &Subject::pwrite; }) {
      return subject().pwrite(*below_, buf, offset, flags);
    } else {
      return below_->pwrite(buf, offset, flags);
    }
  }
  Status flush(Flags flags) override {
    if constexpr (requires { &Subject::flush; }) {
      return subject().flush(*below_, flags);
    } else {
      return below_->flush(flags);
    }
  }
  Status trim(uint64_t count, uint64_t offset, Flags flags) override {
    if constexpr (requires { &Subject::trim; }) {
      return subject().trim(*below_, count, offset, flags);
    } else {
      return below_->trim(count, offset, flags);
    }
  }
  Status zero(uint64_t count, uint64_t offset, Flags flags) override {
    if constexpr (requires { &Subject::zero; }) {
      return subject().zero(*below_, count, offset, flags);
    } else {
      return below_->zero(count, offset, flags);
    }
  }
  Status cache(uint64_t count, uint64_t offset, Flags flags) override {
    if constexpr (requires { &Subject::cache; }) {
      return subject().cache(*below_, count, offset, flags);
    } else {
      return below_->cache(count, offset, flags);
    }
  }
  Status extents(uint64_t count, uint64_t offset, Flags flags, Extents& out) override {
    if constexpr (requires { &Subject::extents; }) {
      return subject().extents(*below_, count, offset, flags, out);
    } else {
      return below_->extents(count, offset, flags, out);
    }
  }
  // A filter that looks at what is read has to be shown it.
  bool try_pread(std::span<std::byte> buf, uint64_t offset) override {
    if constexpr (requires { &Subject::try_pread; }) {
      return subject().try_pread(*below_, buf, offset);
    } else if constexpr (requires { &Subject::pread; }) {
      return false;
    } else {
      return below_->try_pread(buf, offset);
    }
  }
  Status lend(uint32_t count, uint64_t offset, Loan& out) override {
    if constexpr (requires { &Subject::pread; }) {
      return kOk;
    } else {
      return below_->lend(count, offset, out);
    }
  }
  void announce(const Announcement& request) override {
    if constexpr (requires { &Subject::announce; }) subject().announce(request);
    if (below_wants_announcements_) below_->announce(request);
  }
  std::string description() override { return below_->description(); }

 private:
  Subject& subject() {
    if constexpr (HasConnection<F>) {
      return *connection_;
    } else {
      return filter_;
    }
  }

  struct Nothing {};
  F& filter_;
  std::unique_ptr<Disk> below_;
  bool below_wants_announcements_ = false;
  [[no_unique_address]] std::conditional_t<HasConnection<F>, std::optional<Subject>, Nothing>
      connection_;
};

// The filter F in its place in the stack.
template <class F>
class FilterLayer final : public Layer {
 public:
  explicit FilterLayer(Layer& below) : below_(below) {}

  std::string_view name() const override { return F::name; }
  std::string_view longname() const override { return or_empty(text_longname<F>()); }
  std::string_view description() const override { return or_empty(text_description<F>()); }
  std::string_view help() const override { return or_empty(text_help<F>()); }
  std::string_view version() const override { return or_empty(text_version<F>()); }

  bool config(std::string_view key, std::string_view value) override {
    if constexpr (requires { &F::config; }) return filter_.config(key, value);
    return false;
  }
  void config_complete() override {
    if constexpr (requires { &F::config_complete; }) filter_.config_complete();
  }
  ThreadModel thread_model() override {
    if constexpr (requires { filter_.thread_model(); }) {
      return filter_.thread_model();
    } else if constexpr (requires { F::thread_model; }) {
      return F::thread_model;
    } else {
      return ThreadModel::parallel;
    }
  }
  bool steps_aside() const override {
    if constexpr (requires { F::steps_aside; }) return F::steps_aside;
    return false;
  }
  void get_ready(ThreadModel model) override {
    if constexpr (requires { filter_.get_ready(model); }) {
      filter_.get_ready(model);
    } else if constexpr (requires { &F::get_ready; }) {
      filter_.get_ready();
    }
  }
  void after_fork() override {
    if constexpr (requires { &F::after_fork; }) filter_.after_fork();
  }
  void cleanup() noexcept override {
    if constexpr (requires { &F::cleanup; }) filter_.cleanup();
  }
  void dump_plugin() override {
    if constexpr (requires { &F::dump_plugin; }) filter_.dump_plugin();
  }
  void preconnect(bool read_only) override {
    if constexpr (requires { &F::preconnect; }) filter_.preconnect(read_only);
    try {
      below_.preconnect(read_only);
    } catch (...) {
      leave();
      throw;
    }
  }
  void disconnected() noexcept override {
    below_.disconnected();
    leave();
  }
  std::vector<ExportItem> list_exports(bool read_only, bool tls) override {
    std::vector<ExportItem> list;
    if constexpr (requires { &F::list_exports_below; }) {
      list = filter_.list_exports_below(below_, read_only, tls);
    } else {
      list = below_.list_exports(read_only, tls);
    }
    if constexpr (requires { &F::list_exports; }) filter_.list_exports(list);
    return list;
  }
  std::string default_export(bool read_only, bool tls) override {
    if constexpr (requires { &F::default_export; }) {
      return filter_.default_export(below_, read_only, tls);
    } else {
      return below_.default_export(read_only, tls);
    }
  }
  std::unique_ptr<Disk> open(const OpenRequest& request) override {
    if constexpr (requires { &F::open; }) {
      OpenRequest changed = request;
      filter_.open(changed);
      return std::make_unique<FilterDisk<F>>(filter_, changed, open_below(changed));
    } else {
      return std::make_unique<FilterDisk<F>>(filter_, request, open_below(request));
    }
  }

 private:
  std::unique_ptr<Disk> open_below(const OpenRequest& request) {
    if constexpr (requires { &F::open_below; }) {
      return filter_.open_below(below_, request);
    } else {
      return below_.open(request);
    }
  }
  void leave() noexcept {
    if constexpr (requires { &F::disconnected; }) filter_.disconnected();
  }
  static std::string_view or_empty(const char* text) { return text != nullptr ? text : ""; }

  Layer& below_;
  F filter_;
};

}  // namespace detail
}  // namespace nbd

#define NBDKIT_FILTER(F)                                                        \
  extern "C" NBDKIT_PUBLIC_ const nbd::FilterModule* nbdkit_filter_module() {   \
    static constexpr nbd::FilterModule module{                                  \
        nbd::kFilterAbi, [](nbd::Layer& below) -> std::unique_ptr<nbd::Layer> { \
          return std::make_unique<nbd::detail::FilterLayer<F>>(below);          \
        }};                                                                     \
    return &module;                                                             \
  }
