// SPDX-License-Identifier: BSD-3-Clause
//
// log: write down what clients ask for and what they get.
//
// A line is made whole and then written with one call, so lines of different
// threads do not mix, and a file that is appended to may have several writers.
//
// Threads: any; numbers are atomic, and the script runs one call at a time, in
// the order in which it is called.
#include "../common.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <mutex>

#include "log/line.hpp"
#include "log/sink.hpp"

namespace {

using nbd::Flags;
using nbd::Next;
using nbd::Op;
using nbd::Status;
using nbd::filters::Line;
using nbd::filters::LogSink;

class Log {
 public:
  static constexpr auto name = "log";
  static constexpr auto longname = "nbdkit log filter";
  static constexpr auto description = "Log all requests to a file or a script";
  static constexpr auto help =
      "logfile=<FILENAME>            write lines to this file\n"
      "logappend=<BOOL>              true: behind what it has (default false)\n"
      "logformat=text|json           lines as the original's (default), or of JSON\n"
      "logscript=<SCRIPT>            run this for every line, with its fields as variables";

  bool config(std::string_view key, std::string_view value) {
    if (key == "logfile") {
      file_ = nbd::absolute_path(value);
    } else if (key == "logappend") {
      append_ = nbd::parse_bool(value);
    } else if (key == "logformat") {
      json_ = nbd::filters::one_of<bool>(key, value, {{"text", false}, {"json", true}});
    } else if (key == "logscript") {
      script_ = value;
    } else {
      return false;
    }
    return true;
  }
  void get_ready(nbd::ThreadModel model) {
    sink_.open(file_, append_, script_, json_);
    sink_.print(Line("Ready").number("thread_model", static_cast<int>(model)));
  }
  void after_fork() { sink_.print(Line("Fork")); }
  void preconnect(bool read_only) { sink_.print(Line("Preconnect").flag("readonly", read_only)); }
  std::vector<nbd::ExportItem> list_exports_below(nbd::Layer& below, bool read_only, bool tls) {
    Line line("ListExports", ++lists_);
    sink_.enter(line.flag("readonly", read_only).flag("tls", tls));
    try {
      auto list = below.list_exports(read_only, tls);
      std::string names;
      for (const auto& item : list) names += (names.empty() ? "" : " ") + Line::quoted(item.name);
      line.clear().raw("exports", "(" + names + ")");
      sink_.leave(line, nbd::kOk);
      return list;
    } catch (const nbd::Error& e) {
      sink_.leave(line.clear(), Status(e.errnum()));
      throw;
    }
  }

  struct Connection {
    static constexpr bool passes_unchanged = true;

    Connection(Log& log, Next& next, const nbd::OpenRequest& request)
        : sink(log.sink_), number(++log.connections_), client(nbd::connection_number()) {
      const nbd::Properties& p = next.properties();
      Line line("Connect");
      line.connection(number, client).text("export", request.export_name).flag("tls", request.tls);
      line.hex("size", p.size).hex("minsize", p.block_size.minimum);
      line.hex("prefsize", p.block_size.preferred).hex("maxsize", p.block_size.maximum);
      line.flag("write", p.can_write).flag("flush", p.can_flush);
      line.flag("rotational", p.is_rotational).flag("trim", p.can_trim);
      line.number("zero", p.can_zero ? 2 : 0).number("fua", static_cast<int>(p.can_fua));
      line.flag("extents", p.can_extents).number("cache", static_cast<int>(p.can_cache));
      sink.print(line.flag("fast_zero", p.can_fast_zero));
    }
    ~Connection() {
      sink.print(
          Line("Disconnect").connection(number, client).number("transactions", requests.load()));
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void properties(nbd::Properties& p) const {
      if (sink.waits()) p.blocking = nbd::OpSet::all();
    }

    Status pread(Next& next, std::span<std::byte> buf, uint64_t offset, Flags flags) {
      Line line = request("Read", buf.size(), offset);
      return logged(line, {Op::read, offset, buf.size(), flags},
                    [&] { return next.pread(buf, offset, flags); });
    }
    Status pwrite(Next& next, std::span<const std::byte> buf, uint64_t offset, Flags flags) {
      Line line = request("Write", buf.size(), offset);
      line.number("fua", has(flags, Flags::fua));
      return logged(line, {Op::write, offset, buf.size(), flags},
                    [&] { return next.pwrite(buf, offset, flags); });
    }
    Status flush(Next& next, Flags flags) {
      Line line = begin("Flush");
      return logged(line, {Op::flush, 0, 0, flags}, [&] { return next.flush(flags); });
    }
    Status trim(Next& next, uint64_t count, uint64_t offset, Flags flags) {
      Line line = request("Trim", count, offset);
      line.number("fua", has(flags, Flags::fua));
      return logged(line, {Op::trim, offset, count, flags},
                    [&] { return next.trim(count, offset, flags); });
    }
    Status zero(Next& next, uint64_t count, uint64_t offset, Flags flags) {
      Line line = request("Zero", count, offset);
      line.number("trim", has(flags, Flags::may_trim)).number("fua", has(flags, Flags::fua));
      line.number("fast", has(flags, Flags::fast_zero));
      return logged(line, {Op::zero, offset, count, flags},
                    [&] { return next.zero(count, offset, flags); });
    }
    Status cache(Next& next, uint64_t count, uint64_t offset, Flags flags) {
      Line line = request("Cache", count, offset);
      return logged(line, {Op::cache, offset, count, flags},
                    [&] { return next.cache(count, offset, flags); });
    }
    Status extents(Next& next, uint64_t count, uint64_t offset, Flags flags, nbd::Extents& out) {
      Line line = request("Extents", count, offset);
      line.number("req_one", has(flags, Flags::req_one));
      const auto put = [&] { return next.extents(count, offset, flags, out); };
      const nbd::Announcement asked{Op::extents, offset, count, flags};
      sink.enter(line);
      const Status s = sink.wants_requests() ? timed(line.id(), asked, put, &out) : put();
      line.clear();
      if (s.ok()) line.raw("extents", described(out));
      sink.leave(line, s);
      return s;
    }

   private:
    Line begin(const char* action) {
      Line line(action, ++requests);
      line.connection(number, client);
      return line;
    }
    Line request(const char* action, uint64_t count, uint64_t offset) {
      Line line = begin(action);
      line.hex("offset", offset).hex("count", count);
      return line;
    }
    template <class Call>
    Status logged(Line& line, const nbd::Announcement& asked, Call&& call) {
      sink.enter(line);
      const Status s = sink.wants_requests() ? timed(line.id(), asked, call, nullptr) : call();
      sink.leave(line.clear(), s);
      return s;
    }
    template <class Call>
    Status timed(uint64_t id, const nbd::Announcement& asked, Call&& call,
                 const nbd::Extents* extents) {
      const auto began = std::chrono::system_clock::now();
      const auto start = std::chrono::steady_clock::now();
      const Status s = call();
      const auto took = std::chrono::steady_clock::now() - start;
      sink.request(asked, {client, id, began, took}, s, extents);
      return s;
    }
    static std::string described(const nbd::Extents& extents) {
      std::string out = "(";
      uint64_t at = extents.start();
      for (const nbd::Extent& e : extents.list()) {
        const bool hole = (e.type & nbd::kExtentHole) != 0, zero = (e.type & nbd::kExtentZero) != 0;
        out += (out.size() > 1 ? " " : "") + Line::in_hex(at) + " " + Line::in_hex(e.length) + " " +
               (hole && zero ? "\"hole,zero\""
                : hole       ? "hole"
                : zero       ? "zero"
                             : "\"\"");
        at += e.length;
      }
      return out + ")";
    }

    LogSink& sink;
    const uint64_t number;  // of those that have opened a disk; as in the original
    const uint64_t client;  // of those that have connected
    std::atomic<uint64_t> requests{0};
  };

 private:
  std::string file_, script_;
  bool append_ = false, json_ = false;
  LogSink sink_;
  std::atomic<uint64_t> connections_{0}, lists_{0};
};

}  // namespace

NBDKIT_FILTER(Log)
