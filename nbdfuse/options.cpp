// SPDX-License-Identifier: BSD-3-Clause
#include "options.hpp"

#include <getopt.h>
#include <libnbd.h>

#include <algorithm>
#include <climits>

#include "base/error.hpp"
#include "base/parse.hpp"
#include "help.hpp"
#include "limits.hpp"

namespace nbdfuse {

namespace {

using Set = void (*)(Options&, const char* value);

void set_connections(Options& o, const char* value) {
  o.connections = static_cast<unsigned>(nbd::parse_int("--connections", value, 1, kMaxConnections));
}
void set_fuse_options(Options& o, const char* value) {
  for (auto& one : split_fuse_options(value)) o.fuse_options.push_back(std::move(one));
}
void set_pidfile(Options& o, const char* value) {
  if (*value == '\0') nbd::fail("--pidfile: the name of the file is empty");
  o.pidfile = value;
}
void set_read_only(Options& o, const char*) { o.read_only = true; }
void set_all_exports(Options& o, const char*) { o.all_exports = true; }
void set_unmount(Options& o, const char*) { o.unmount = true; }
void set_reconnect(Options& o, const char* value) {
  constexpr int kMost = 24 * 3600;
  o.reconnect = value == nullptr
                    ? kForEver
                    : std::chrono::seconds(nbd::parse_int("--reconnect: seconds", value, 1, kMost));
}
void set_stats(Options& o, const char* value) {
  o.stats = true;
  if (value == nullptr) return;
  if (*value == '\0') nbd::fail("--stats: the name of the file is empty");
  o.stats_file = value;
}
void set_cache(Options& o, const char* value) {
  const std::string mode = value;
  if (mode == "none") {
    o.cache = Cache::none;
  } else if (mode == "writethrough") {
    o.cache = Cache::write_through;
  } else if (mode == "writeback") {
    o.cache = Cache::write_back;
  } else {
    nbd::fail("--cache: \"{}\" is not one of none, writethrough, writeback", mode);
  }
}
void set_one_at_a_time(Options& o, const char*) { o.one_at_a_time = true; }
void set_verbose(Options& o, const char*) { o.verbose = true; }
void answer_help(Options& o, const char*) { o.answer = help_text(); }
void answer_fuse_help(Options& o, const char*) { o.answer = fuse_help_text(); }
void answer_version(Options& o, const char*) { o.answer = version_text(); }
void answer_short(Options& o, const char*);
void answer_long(Options& o, const char*);

enum Takes { kNothing = no_argument, kValue = required_argument, kMaybe = optional_argument };
struct Row {
  char letter;  // 0: none
  std::vector<const char*> names;
  Takes takes;
  Set set;
};

const std::vector<Row>& table() {
  static const std::vector<Row> rows{
      {'C', {"connections"}, kValue, set_connections},
      {'d', {}, kNothing, set_verbose},
      {'o', {}, kValue, set_fuse_options},
      {'P', {"pidfile", "pid-file"}, kValue, set_pidfile},
      {'r', {"readonly", "read-only"}, kNothing, set_read_only},
      {'s', {}, kNothing, set_one_at_a_time},
      {'v', {"verbose"}, kNothing, set_verbose},
      {'V', {"version"}, kNothing, answer_version},
      {0, {"all-exports"}, kNothing, set_all_exports},
      {0, {"cache"}, kValue, set_cache},
      {0, {"reconnect"}, kMaybe, set_reconnect},
      {0, {"stats"}, kMaybe, set_stats},
      {'u', {"unmount"}, kNothing, set_unmount},
      {0, {"help"}, kNothing, answer_help},
      {0, {"fuse-help"}, kNothing, answer_fuse_help},
      {0, {"short-options"}, kNothing, answer_short},
      {0, {"long-options"}, kNothing, answer_long},
  };
  return rows;
}

// For shells that complete words.
void answer_short(Options& o, const char*) {
  for (const Row& row : table()) {
    if (row.letter != 0) o.answer += fmt::format("-{}\n", row.letter);
  }
}
void answer_long(Options& o, const char*) {
  for (const Row& row : table()) {
    for (const char* name : row.names) o.answer += fmt::format("--{}\n", name);
  }
}

constexpr int kAny = INT_MAX;
struct ModeRow {
  const char* word;
  Mode mode;
  int min_words, max_words;
  const char* needs;
};
constexpr ModeRow kModes[] = {
    {"--command", Mode::command, 1, kAny, "CMD [ARGS ...]"},
    {"--cmd", Mode::command, 1, kAny, "CMD [ARGS ...]"},
    {"--socket-activation", Mode::socket_activation, 1, kAny, "CMD [ARGS ...]"},
    {"--systemd-socket-activation", Mode::socket_activation, 1, kAny, "CMD [ARGS ...]"},
    {"--fd", Mode::fd, 1, 1, "N"},
    {"--tcp", Mode::tcp, 2, 2, "HOST PORT"},
    {"--unix", Mode::unix_socket, 1, 1, "SOCKET"},
    {"-u", Mode::unix_socket, 1, 1, "SOCKET"},
    {"--uri", Mode::uri, 1, 1, "URI"},
    {"--vsock", Mode::vsock, 2, 2, "CID PORT"},
};

Target parse_target(std::vector<std::string> words) {
  if (words.empty()) nbd::fail("what to mount is missing: a URI, or a mode such as --unix SOCKET");
  const std::string head = words.front();
  if (head == "[") {
    if (words.back() != "]" || words.size() < 3) {
      nbd::fail("[ must be followed by CMD [ARGS ...] and, as the last word, ]");
    }
    return {Mode::socket_activation, {words.begin() + 1, words.end() - 1}};
  }
  if (head.empty() || head[0] != '-') {
    if (words.size() > 1) nbd::fail("\"{}\" after the URI {} is one word too many", words[1], head);
    return {Mode::uri, std::move(words)};
  }
  const auto* row = std::find_if(std::begin(kModes), std::end(kModes),
                                 [&](const ModeRow& r) { return head == r.word; });
  if (row == std::end(kModes)) nbd::fail("unknown mode: {}", head);
  words.erase(words.begin());
  const int count = static_cast<int>(words.size());
  if (count < row->min_words || count > row->max_words) {
    nbd::fail("{} must be followed by {}, and nothing else", head, row->needs);
  }
  return {row->mode, std::move(words)};
}

// What getopt_long needs, made from the table. A long option's value is the
// index of its row above the letters.
constexpr int kLongBase = 256;
struct Getopt {
  std::string letters = "+:";  // +: stop at the mount point; ':': we tell errors
  std::vector<option> longs;
  Getopt() {
    for (size_t i = 0; i < table().size(); ++i) {
      const Row& row = table()[i];
      if (row.letter != 0) {
        letters += row.letter;
        if (row.takes == kValue) letters += ':';
      }
      for (const char* name : row.names) {
        longs.push_back({name, row.takes, nullptr, kLongBase + static_cast<int>(i)});
      }
    }
    longs.push_back({});
  }
};

const Row* find_row(int found) {
  if (found >= kLongBase) return &table()[static_cast<size_t>(found - kLongBase)];
  for (const Row& row : table()) {
    if (row.letter == found) return &row;
  }
  return nullptr;
}

}  // namespace

std::vector<std::string> split_fuse_options(const std::string& list) {
  std::vector<std::string> result(1);
  for (size_t i = 0; i < list.size(); ++i) {
    if (list[i] == ',') {
      result.emplace_back();
      continue;
    }
    if (list[i] == '\\' && i + 1 < list.size()) result.back() += list[i++];
    result.back() += list[i];
  }
  std::erase(result, "");
  return result;
}

Options parse_options(const std::vector<std::string>& argv) {
  Options options;
  options.connections = kDefaultConnections;
  std::vector<char*> raw;
  for (const auto& word : argv) raw.push_back(const_cast<char*>(word.c_str()));
  raw.push_back(nullptr);
  const int count = static_cast<int>(argv.size());

  const Getopt spec;
  optind = 0;  // 0: start anew, with the + of this call
  for (;;) {
    const int before = std::max(optind, 1);
    const int found =
        getopt_long(count, raw.data(), spec.letters.c_str(), spec.longs.data(), nullptr);
    if (found == -1) break;
    const char* const word = raw[static_cast<size_t>(before)];
    if (found == ':') nbd::fail("option {} needs a value", word);
    const Row* const row = find_row(found);
    if (row == nullptr) nbd::fail("unknown option: {}", word);
    row->set(options, optarg);
    if (!options.answer.empty()) return options;
  }
  if (optind >= count) nbd::fail("the mount point is missing");
  options.mount_point = argv[static_cast<size_t>(optind)];
  if (options.unmount) {
    if (optind + 1 < count) nbd::fail("--unmount takes a mount point and nothing else");
    return options;
  }
  options.target = parse_target({argv.begin() + optind + 1, argv.end()});
  return options;
}

}  // namespace nbdfuse
