// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <array>

#include "scenario/decode.hpp"

namespace testkit {

namespace {

std::vector<Filter> decode_filters(const Value& value) {
  std::vector<Filter> out;
  for (const Value& v : value.array("an array of filters")) {
    if (v.is_string()) {
      out.push_back({v.string("a filter's name"), {}});
      continue;
    }
    Object object = v.object("a filter's name, or an object {NAME: {KEY: VALUE}}");
    const auto members = object.members();
    if (v.is_object() && members.size() != 1) {
      v.problem("expected one filter {NAME: {KEY: VALUE}} in each element");
    }
    for (const auto& [name, parameters] : members) {
      out.push_back({name, decode_parameters(parameters)});
    }
  }
  return out;
}

std::vector<std::string> split_words(const std::string& text) {
  std::vector<std::string> words;
  size_t at = 0;
  while ((at = text.find_first_not_of(' ', at)) != std::string::npos) {
    const size_t end = std::min(text.find(' ', at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

// The server's address, life and foreground are testkit's business.
bool is_testkits_own(const std::string& word) {
  static constexpr std::array kOwn{"-U", "-p", "-i", "-f", "-P", "-s", "-e"};
  static constexpr std::array kOwnLong{
      "--unix",   "--port",  "--ipaddr", "--run",        "--foreground",      "--pidfile",
      "--single", "--vsock", "--export", "--exportname", "--exit-with-parent"};
  return std::find(kOwn.begin(), kOwn.end(), word.substr(0, 2)) != kOwn.end() ||
         std::find(kOwnLong.begin(), kOwnLong.end(), word.substr(0, word.find('='))) !=
             kOwnLong.end();
}

std::vector<std::string> decode_options(const Value& value) {
  std::vector<std::string> out;
  for (const Value& v : value.array("an array of command line options")) {
    const std::vector<std::string> words = split_words(v.string("an option such as \"--no-sr\""));
    if (!words.empty() && is_testkits_own(words[0])) {
      v.problem(fmt::format(
          "option {} is given by testkit itself ({})", words[0],
          words[0].starts_with("-e") ? "use \"export\"" : "use \"transports\" for the address"));
    }
    out.insert(out.end(), words.begin(), words.end());
  }
  return out;
}

// An array for all transports, or {"unix": [...], "tcp": [...], "vsock": [...]}.
std::vector<std::string> decode_server_command(const Value& value, Transport transport) {
  constexpr std::string_view kWhat = "the words of a server's command line";
  if (!value.is_object()) return value.strings(kWhat);
  Object object(value, kWhat);
  std::vector<std::string> chosen;
  for (const Transport t : {Transport::unix_socket, Transport::tcp, Transport::vsock}) {
    const std::string name(transport_name(t));
    const auto v = t == transport ? object.need(name, kWhat) : object.get(name);
    if (!v) continue;
    std::vector<std::string> words = v->strings(kWhat);
    if (words.empty() && v->is_array()) v->expected(kWhat);
    if (t == transport) chosen = std::move(words);
  }
  return chosen;
}

Server::SmallDisk decode_small_disk(const Value& value) {
  Server::SmallDisk disk;
  Object object = value.object("an object with \"room\", \"file\" and \"size\"");
  if (const auto v = object.need("room", "the size of the file system")) {
    disk.room = v->size();
    if (disk.room == 0) v->expected("a size above 0");
  }
  if (const auto v = object.need("file", "the name of a file on it")) {
    disk.file = v->string("a file's name");
    if (disk.file.find('/') != std::string::npos) v->expected("a name without \"/\"");
  }
  if (const auto v = object.need("size", "the size of that file")) disk.size = v->size();
  return disk;
}

}  // namespace

std::vector<std::pair<std::string, Server>> decode_other_servers(const Value& value,
                                                                 Transport transport) {
  constexpr std::string_view kNameChars = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::vector<std::pair<std::string, Server>> out;
  Object object = value.object("an object of servers by name");
  for (const auto& [name, v] : object.members()) {
    if (name.empty() || name.find_first_not_of(kNameChars) != std::string::npos) {
      v.problem(
          fmt::format("\"{}\" is no name for a server: expected small letters and digits", name));
    }
    out.emplace_back(name, decode_server(v, transport));
  }
  return out;
}

Server decode_server(const Value& value, Transport transport) {
  constexpr unsigned kMaxThreads = 4096;
  Server server;
  Object object = value.object("an object with \"plugin\", \"command\" or \"uri\"");
  const auto kind = object.exactly_one_of({"plugin", "command", "uri"});
  if (kind == "uri") {
    server.uri = object.get("uri")->string("an NBD URI");
    return server;
  }
  if (const auto v = object.get("export")) server.export_name = v->string("an export's name");
  if (const auto v = object.get("disk")) server.disk = decode_small_disk(*v);
  if (kind == "command") {
    server.command = decode_server_command(*object.get("command"), transport);
    if (const auto v = object.get("may_exit")) server.may_exit = v->boolean();
    return server;
  }
  if (kind == "plugin") server.plugin = object.get("plugin")->string("a plugin's name or file");
  if (const auto v = object.get("with")) server.parameters = decode_parameters(*v);
  if (const auto v = object.get("filters")) server.filters = decode_filters(*v);
  if (const auto v = object.get("options")) server.options = decode_options(*v);
  if (const auto v = object.get("threads")) {
    server.threads = static_cast<unsigned>(v->number(1, kMaxThreads));
  }
  return server;
}

}  // namespace testkit
