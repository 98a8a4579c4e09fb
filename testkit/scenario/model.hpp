// SPDX-License-Identifier: BSD-3-Clause
//
// What a scenario says, once its JSON is read and one cell of its matrix is
// filled in. Plain values: nothing here knows JSON or runs anything.
// docs/scenario-format.md explains every part with an example.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "proxy/rule.hpp"

namespace testkit {

using Duration = std::chrono::nanoseconds;
inline double milliseconds(Duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

enum class Transport { unix_socket, tcp, vsock };
std::string_view transport_name(Transport transport);  // "unix", "tcp", "vsock"

// ---- the server ----

struct Parameter {
  std::string key, value;
};

struct Filter {
  std::string name;
  std::vector<Parameter> parameters;
};

struct Server {
  // Either our nbdkit with a plugin ...
  std::string plugin;
  std::vector<Parameter> parameters;
  std::vector<Filter> filters;       // the first is nearest to the client
  std::vector<std::string> options;  // further words of the command line
  unsigned threads = 0;              // -t; 0: the server's default
  // ... or any other server, as words with $unixsocket or $port in them.
  std::vector<std::string> command;
  bool may_exit = false;  // its ending on its own is no failure
  // ... or one that exists already.
  std::string uri;

  // A file system of the server's own at $dir/disk, and a sparse file on it.
  struct SmallDisk {
    uint64_t room = 0;  // 0: there is none
    std::string file;
    uint64_t size = 0;
  };
  SmallDisk disk;

  std::string export_name;
};

// ---- bytes on a disk ----

// What stands at each offset, without storing it: the bytes of a range are made
// when they are written or compared (see run/content.hpp).
struct Content {
  enum class Kind { unknown, byte, pattern, random, text };
  Kind kind = Kind::unknown;
  uint8_t byte = 0;  // byte
  std::string text;  // text, repeated from `origin` on
  uint64_t origin = 0;

  static Content zeroes() { return {Kind::byte}; }
  bool operator==(const Content&) const = default;
};

// ---- expectations ----

struct TextCheck {
  std::vector<std::string> contains, lacks, matches;  // matches: POSIX extended
  std::optional<std::string> equals;
  std::vector<std::pair<std::string, std::string>> json;  // pointers into it, values as JSON text

  bool empty() const {
    return contains.empty() && lacks.empty() && matches.empty() && !equals && json.empty();
  }
};

struct TimeCheck {
  std::optional<Duration> within;    // reaching it stops what runs
  std::optional<Duration> at_least;  // proves that a delay was there
};

struct CountCheck {
  uint64_t min = 0, max = 0;
};

// One way in which a command may end.
struct ExitCheck {
  enum class Kind { success, failure, code, signal };  // failure: non-zero, and no signal
  Kind kind = Kind::success;
  int number = 0;
};

struct CommandExpect {
  std::vector<ExitCheck> exit{ExitCheck{}};
  TextCheck out, err;
  TimeCheck time;
};

struct Extent {
  uint64_t length = 0;
  uint32_t flags = 0;
  bool operator==(const Extent&) const = default;
};

// Which errors are taken: none of them means success.
struct ErrorCheck {
  bool may_succeed = true;
  bool any = false;          // any error is right
  std::vector<int> numbers;  // or these
};

enum class ExportFlag {
  read_only,
  flush,
  fua,
  trim,
  zero,
  fast_zero,
  df,
  multi_conn,
  cache,
  rotational
};

struct NegotiationCheck {
  std::optional<std::string> protocol, description, canonical_name;
  std::optional<bool> structured_replies;
  std::optional<bool> tls;
  std::optional<uint64_t> size;
  std::vector<std::pair<ExportFlag, bool>> flags;
  std::vector<std::pair<std::string, bool>> contexts;
  std::vector<std::pair<int, uint64_t>> block_sizes;  // LIBNBD_SIZE_*, bytes
};

struct DataCheck {
  bool written = false;  // what the model of acknowledged writes says; else:
  Content content;
};

struct StepExpect {
  ErrorCheck error;
  bool no_answer = false;  // it does not end within its time
  TextCheck message;       // the error's text
  TextCheck answer;        // of a control socket
  TimeCheck time;
  std::optional<DataCheck> data;
  std::optional<std::vector<Extent>> extents;
  // Of a read in pieces, in the order in which they came: `flags` is LIBNBD_READ_*.
  std::optional<std::vector<Extent>> chunks;
  std::optional<std::vector<std::string>> exports;  // or contexts, of list_contexts
  std::optional<CountCheck> failed;                 // of the requests of a parallel step
  NegotiationCheck negotiation;
};

// Requests that reached the wire or the disk: those that fit are counted.
struct RequestCheck {
  std::vector<std::string> commands;  // any of them; none: all
  std::vector<std::string> flags;     // with all of them
  std::optional<uint64_t> longer_than, unaligned_to;
  std::string after_last;              // behind the last request of this command
  uint64_t from = 0, to = UINT64_MAX;  // touching [from, to)
  CountCheck count{1, UINT64_MAX};
};

// The whole disk at the end, held against what was acknowledged on the wire.
struct DiskCheck {
  bool flushed = false;  // a crash of the server may lose what was not flushed
  std::string file;      // where the disk is; empty: read from the server
};

// ---- clients ----

// A request of the protocol.
struct Request {
  enum class Op { read, write, flush, trim, zero, cache, block_status };
  Op op = Op::read;
  uint64_t offset = 0;
  uint64_t length = 0;
  uint32_t flags = 0;      // LIBNBD_CMD_FLAG_*
  Content data;            // write
  bool in_chunks = false;  // read: tells in which pieces the data came
  std::string context;     // block_status
};
std::string_view op_name(Request::Op op);

struct Connect {
  std::string server;                      // another one's name
  std::optional<std::string> export_name;  // default: the server's
  bool structured_replies = true;
  bool opt_mode = false;  // stop before an export is chosen
  std::optional<bool> full_info, pread_initialize, request_block_size;
  std::optional<uint32_t> strict;
  std::optional<uint32_t> handshake_flags;
  // libnbd's names
  enum class TlsMode { disable, allow, require };
  TlsMode tls = TlsMode::disable;
  std::string tls_certificates, tls_psk_file, tls_username;
  std::optional<bool> tls_verify_peer;
  std::vector<std::string> contexts{"base:allocation"};
};

// Option haggling, after a connect with opt_mode.
struct Option {
  enum class Kind { list, info, go, abort, list_contexts };
  Kind kind = Kind::list;
  std::optional<std::string> export_name;
};

// Many requests, at most `in_flight` of them unanswered at a time.
struct Parallel {
  struct Run {
    Request request;
    uint64_t count = 1;
    uint64_t stride = 0;  // added to the offset each time
  };
  std::vector<Run> runs;
  unsigned in_flight = 0;
};

struct Sleep {
  Duration time{};
};

// What is done to the process of a server.
struct ProcessFault {
  enum class Kind { kill, stop, go_on, restart, limit_files };
  Kind kind = Kind::kill;
  std::string server;        // another one's name
  int signal = 0;            // kill, restart
  Duration down{};           // restart: so long nobody listens
  std::optional<Server> as;  // restart: as another one
  uint64_t files = 0;        // limit_files: descriptors
};

// A line to the control socket of a filter, and its answer.
struct ControlCall {
  std::string socket, line;
};
struct Disconnect {};

struct Step {
  std::variant<Request, Connect, Option, Parallel, Sleep, Disconnect, ProcessFault, ControlCall>
      action;
  StepExpect expect;
  std::string on;  // which of the client's connections; "" is the first
};

struct Command {
  std::vector<std::string> argv;  // or, if empty:
  std::string shell;
  std::vector<Parameter> env;
  CommandExpect expect;
};

struct Client {
  std::variant<Command, std::vector<Step>> work;
  std::optional<Duration> within;  // for all of it
};

// Clients that run at once; the groups of a scenario run one after another.
using ClientGroup = std::vector<Client>;

// ---- the whole ----

struct Needs {
  std::vector<std::string> programs;
  std::vector<std::string> modules;  // of the kernel
  bool root = false;
};

// Between the clients and the servers; see run/private-network.hpp.
struct Network {
  std::string netem;  // what tc's netem does to packets, in its words; empty: nothing
};

enum class Observation { exit, out, err, results };

// What is wrong with a server's certificate; as words in the same order.
enum class CertificateKind { good, expired, not_yet_valid, wrong_name, unknown_ca, self_signed };
inline const std::vector<std::string> kCertificateKinds{"good",       "expired",    "not_yet_valid",
                                                        "wrong_name", "unknown_ca", "self_signed"};

// Certificates and keys in $pki, and whether the proxy ends TLS with them.
struct Tls {
  CertificateKind certificate = CertificateKind::good;
  bool end = false;
  bool psk = false, verify_peer = false;
  std::string priority;
};

struct Scenario {
  Needs needs;
  std::string known_issue;     // why it has to fail; empty: it must not
  std::vector<Command> setup;  // run before the server starts
  Server server;
  std::vector<std::pair<std::string, Server>> other_servers;  // by name; started first, in order
  std::optional<Tls> tls;
  std::optional<Network> network;
  std::vector<proxy::Rule> wire;  // what a proxy between server and clients does
  std::vector<ClientGroup> clients;
  std::vector<std::vector<std::string>> equal_files;  // files of a list have the same bytes
  std::optional<DiskCheck> disk;
  std::vector<RequestCheck> requests;
  TextCheck server_log;
  std::optional<CountCheck> connections;  // that clients made
  std::string request_log;                // of the server's log filter; empty: the proxy's trace
  unsigned repeat = 1;                    // whole rounds, each with a fresh server and folder
  std::vector<Observation> same;          // what is the same in all rounds
  std::optional<Duration> within;         // for the cell
};

}  // namespace testkit
