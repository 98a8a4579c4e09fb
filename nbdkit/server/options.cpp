// SPDX-License-Identifier: BSD-3-Clause
#include "server/options.hpp"

#include <getopt.h>

#include <array>
#include <cctype>
#include <string_view>

#include "base/error.hpp"
#include "base/parse.hpp"
#include "base/process.hpp"

namespace nbdkit {

namespace {

struct Row {
  char short_name;                        // 0: none
  std::array<const char*, 4> long_names;  // the first is the one that help shows
  const char* argument;                   // nullptr: takes none
  const char* help;
  void (*apply)(Options& o, const std::string& value);
};

unsigned parse_threads(const std::string& value) {
  constexpr unsigned kMost = 1024;  // a thread costs memory, and no client has so many in flight
  return static_cast<unsigned>(nbd::parse_int("--threads", value, 1, kMost));
}

std::string checked_port(const std::string& value) {
  // A number is checked here; a name is looked up when the socket is made.
  if (!value.empty() && std::isdigit(static_cast<unsigned char>(value[0])) != 0) {
    return std::to_string(nbd::parse_int("--port", value, 0, 65535));
  }
  if (value.empty()) nbd::fail("--port: expected a port number or a service name, got \"\"");
  return value;
}

std::string absolute(const std::string& path) {
  if (path.empty() || path[0] == '/') return path;
  return nbd::current_directory() + "/" + path;
}

std::string socket_path(const std::string& value) {
  if (value.empty()) nbd::fail("--unix: expected a path or \"-\", got \"\"");
  return value == "-" ? value : absolute(value);
}

std::string tls_path(const char* option, const std::string& value) {
  if (value.empty()) nbd::fail("{}: expected a path, got \"\"", option);
  return absolute(value);
}

TlsMode tls_mode(const std::string& value) {
  if (value == "require" || value == "required" || value == "force") return TlsMode::require;
  try {
    return nbd::parse_bool("--tls", value) ? TlsMode::on : TlsMode::off;
  } catch (const nbd::Error&) {
    nbd::fail("--tls: expected off, on or require, got \"{}\"", value);
  }
}

std::chrono::nanoseconds handshake_time(const std::string& value) {
  const auto time = nbd::parse_delay("--timeout", value);
  if (time.count() == 0) nbd::fail("--timeout: expected a time above 0, got \"{}\"", value);
  return time;
}

std::string export_name(const std::string& value) {
  constexpr size_t kLongest = 4096;  // of the protocol
  if (value.size() > kLongest) {
    nbd::fail("--export-name: a name may have {} bytes, this has {}", kLongest, value.size());
  }
  return value;
}

constexpr auto kRows = std::to_array<Row>({
    {'D',
     {"debug"},
     "NAME.FLAG=N",
     "set a debug flag of a plugin, a filter or nbdkit",
     [](Options& o, const std::string& v) { o.debug.push_back(v); }},
    {0,
     {"dump-config"},
     nullptr,
     "show how this nbdkit was built and where its parts are",
     [](Options& o, const std::string&) { o.dump_config = true; }},
    {0,
     {"dump-plugin"},
     nullptr,
     "show what the plugin is and has",
     [](Options& o, const std::string&) { o.dump_plugin = true; }},
    {'e',
     {"export-name", "export", "exportname"},
     "NAME",
     "export name in $uri and $exportname of --run",
     [](Options& o, const std::string& v) { o.export_name = export_name(v); }},
    {'f',
     {"foreground", "no-fork"},
     nullptr,
     "do not fork into the background",
     [](Options& o, const std::string&) { o.foreground = true; }},
    {0,
     {"filter"},
     "FILTER",
     "put a filter before the plugin; may be repeated",
     [](Options& o, const std::string& v) { o.filters.push_back(v); }},
    {0,
     {"help"},
     nullptr,
     "show this help, or that of the plugin and filters given",
     [](Options& o, const std::string&) { o.help = true; }},
    {'i',
     {"ip-addr", "ipaddr"},
     "ADDRESS",
     "listen on this address (default: all)",
     [](Options& o, const std::string& v) { o.ip_address = v; }},
    {'n',
     {"newstyle", "new-style"},
     nullptr,
     "use the newstyle protocol (default)",
     [](Options& o, const std::string&) { o.oldstyle = false; }},
    {0,
     {"no-sr"},
     nullptr,
     "do not offer structured replies",
     [](Options& o, const std::string&) { o.structured_replies = false; }},
    {'o',
     {"oldstyle", "old-style"},
     nullptr,
     "use the oldstyle protocol",
     [](Options& o, const std::string&) { o.oldstyle = true; }},
    {'P',
     {"pidfile", "pid-file"},
     "FILE",
     "write the process ID to FILE when ready",
     [](Options& o, const std::string& v) { o.pid_file = absolute(v); }},
    {'p',
     {"port"},
     "PORT",
     "listen on this TCP port (default: 10809; 0: a free one)",
     [](Options& o, const std::string& v) { o.port = checked_port(v); }},
    {'r',
     {"read-only", "readonly"},
     nullptr,
     "serve the disk read-only",
     [](Options& o, const std::string&) { o.read_only = true; }},
    {0,
     {"run"},
     "CMD",
     "run CMD, serve it, end with it",
     [](Options& o, const std::string& v) {
       if (v.empty()) nbd::fail("--run: expected a command, got \"\"");
       o.run = v;
     }},
    {'t',
     {"threads"},
     "N",
     "requests of one connection at the same time (default: 16)",
     [](Options& o, const std::string& v) { o.threads = parse_threads(v); }},
    {0,
     {"timeout"},
     "DELAY",
     "drop a client that negotiates for longer (default: 60)",
     [](Options& o, const std::string& v) { o.handshake_time = handshake_time(v); }},
    {0,
     {"tls"},
     "MODE",
     "off, on or require: encryption and authentication",
     [](Options& o, const std::string& v) { o.tls = tls_mode(v); }},
    {0,
     {"tls-certificates"},
     "DIR",
     "the folder of the TLS certificates",
     [](Options& o, const std::string& v) {
       o.tls_settings.certificates = tls_path("--tls-certificates", v);
     }},
    {0,
     {"tls-priority"},
     "PRIORITY",
     "the TLS algorithms, as GnuTLS names them",
     [](Options& o, const std::string& v) {
       if (v.empty()) nbd::fail("--tls-priority: expected algorithms, got \"\"");
       o.tls_settings.priority = v;
     }},
    {0,
     {"tls-psk"},
     "FILE",
     "pre-shared keys instead of certificates",
     [](Options& o, const std::string& v) { o.tls_settings.psk_file = tls_path("--tls-psk", v); }},
    {0,
     {"tls-verify-peer"},
     nullptr,
     "clients must have a valid certificate",
     [](Options& o, const std::string&) { o.tls_settings.verify_peer = true; }},
    {'U',
     {"unix"},
     "SOCKET",
     "listen on this Unix socket (-: a private one)",
     [](Options& o, const std::string& v) { o.unix_socket = socket_path(v); }},
    {'v',
     {"verbose"},
     nullptr,
     "say what is going on",
     [](Options& o, const std::string&) { o.verbose = true; }},
    {'V',
     {"version"},
     nullptr,
     "show the version",
     [](Options& o, const std::string&) { o.version = true; }},
});

// getopt's numbers for long options: the row's index above every character.
constexpr int kFirstLong = 256;

std::string short_options() {
  // No '+': options may follow the plugin and its parameters. ':': a missing
  // argument is told apart from an unknown option.
  std::string out = ":";
  for (const Row& row : kRows) {
    if (row.short_name == 0) continue;
    out += row.short_name;
    if (row.argument != nullptr) out += ':';
  }
  return out;
}

std::vector<option> long_options() {
  std::vector<option> out;
  for (size_t i = 0; i < kRows.size(); ++i) {
    for (const char* name : kRows[i].long_names) {
      if (name == nullptr) continue;
      const int has_argument = kRows[i].argument != nullptr ? required_argument : no_argument;
      out.push_back({name, has_argument, nullptr, kFirstLong + static_cast<int>(i)});
    }
  }
  out.push_back({});
  return out;
}

const Row& row_of(int found) {
  if (found >= kFirstLong) return kRows[static_cast<size_t>(found - kFirstLong)];
  for (const Row& row : kRows) {
    if (row.short_name == found) return row;
  }
  nbd::fail("option -{} has no row", static_cast<char>(found));  // ours: the table is wrong
}

// The word of the command line that getopt stumbled over.
std::string culprit(char** argv) {
  return optopt > 0 && optopt < kFirstLong ? fmt::format("-{}", static_cast<char>(optopt))
                                           : argv[optind - 1];
}

void check_together(const Options& o) {
  if (!o.unix_socket.empty() && (!o.port.empty() || !o.ip_address.empty())) {
    nbd::fail("-U cannot be used together with -p or -i");
  }
  if (o.oldstyle && o.tls == TlsMode::require) {
    nbd::fail("--tls=require cannot be used together with the oldstyle protocol");
  }
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options o;
  const std::string shorts = short_options();
  const std::vector<option> longs = long_options();
  optind = 0;  // so that tests may parse more than once
  opterr = 0;
  for (;;) {
    const int found = ::getopt_long(argc, argv, shorts.c_str(), longs.data(), nullptr);
    if (found == -1) break;
    if (found == ':') nbd::fail("option {} needs an argument", culprit(argv));
    if (found == '?') nbd::fail("unknown option {}", culprit(argv));
    row_of(found).apply(o, optarg != nullptr ? optarg : "");
  }
  if (optind < argc) o.plugin = argv[optind++];
  while (optind < argc) o.parameters.emplace_back(argv[optind++]);
  check_together(o);
  return o;
}

std::string usage() {
  std::string out =
      "nbdkit [OPTIONS] [--filter=FILTER ...] PLUGIN [[KEY=]VALUE ...]\n"
      "\n"
      "Serve a network block device from PLUGIN.\n"
      "\n";
  for (const Row& row : kRows) {
    std::string names = row.short_name != 0 ? fmt::format("-{}, ", row.short_name) : "    ";
    names += fmt::format("--{}", row.long_names[0]);
    if (row.argument != nullptr) names += fmt::format("={}", row.argument);
    out += fmt::format("  {:<26} {}\n", names, row.help);
  }
  out +=
      "\n"
      "For the parameters of a plugin and of filters: nbdkit --filter=FILTER PLUGIN --help\n"
      "Manual page: nbdkit(1)\n";
  return out;
}

}  // namespace nbdkit
