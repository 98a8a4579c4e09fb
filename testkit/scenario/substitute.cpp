// SPDX-License-Identifier: BSD-3-Clause
#include "scenario/substitute.hpp"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "scenario/cursor.hpp"

namespace testkit {

namespace {

template <class Pairs>
auto find_name(const Pairs& pairs, std::string_view name) {
  return std::find_if(pairs.begin(), pairs.end(),
                      [&](const auto& pair) { return pair.first == name; });
}

bool is_name_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool is_runtime_name(std::string_view name) {
  // $uri_NAME and the like are those of another server.
  for (const std::string_view of_server : {"uri_", "unixsocket_", "port_", "exportname_"}) {
    if (name.starts_with(of_server)) return true;
  }
  const auto& names = runtime_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string plain(const Json& json) {
  return json.is_string() ? json.get<std::string>() : json.dump();
}

class Substitution {
 public:
  Substitution(const JsonValues& values, Problems& problems)
      : values_(values), problems_(problems) {}

  Json value(const Json& json, const std::string& pointer) {
    if (json.is_string()) return string(json.get<std::string>(), pointer);
    if (json.is_array()) {
      Json out = Json::array();
      for (size_t i = 0; i < json.size(); ++i) {
        out.push_back(value(json[i], fmt::format("{}/{}", pointer, i)));
      }
      return out;
    }
    if (!json.is_object()) return json;
    Json out = Json::object();
    for (const auto& [key, member] : json.items()) {
      const std::string at = pointer + "/" + pointer_token(key);
      out[text(key, at)] = value(member, at);
    }
    return out;
  }

 private:
  // "${name}" alone keeps the type of the value.
  Json string(const std::string& s, const std::string& pointer) {
    if (s.size() > 3 && s.starts_with("${") && s.find('}') == s.size() - 1) {
      const auto it = find_name(values_, std::string_view(s).substr(2, s.size() - 3));
      if (it != values_.end()) return it->second;
    }
    return text(s, pointer);
  }

  std::string text(std::string_view rest, const std::string& pointer) {
    std::string out;
    for (;;) {
      const size_t start = rest.find("${");
      if (start == std::string_view::npos) return out.append(rest);
      if (start > 0 && rest[start - 1] == '$') {  // "$${": a literal "${"
        out.append(rest.substr(0, start - 1)).append("${");
        rest.remove_prefix(start + 2);
        continue;
      }
      const size_t end = rest.find('}', start);
      if (end == std::string_view::npos) {
        problems_.add(pointer, "\"${\" without its \"}\" (a literal \"${\" is written \"$${\")");
        return out.append(rest);
      }
      const std::string_view name = rest.substr(start + 2, end - start - 2);
      out.append(rest.substr(0, start));
      if (const auto it = find_name(values_, name); it != values_.end()) {
        out += plain(it->second);
      } else {
        if (!is_runtime_name(name)) unknown(std::string(name), pointer);
        out.append(rest.substr(start, end + 1 - start));
      }
      rest.remove_prefix(end + 1);
    }
  }

  void unknown(const std::string& name, const std::string& pointer) {
    std::vector<std::string> known = runtime_names();
    for (const auto& [value_name, unused] : values_) known.push_back(value_name);
    const std::string meant = did_you_mean(name, known);
    problems_.add(pointer, fmt::format("unknown name \"${{{}}}\"{}", name,
                                       meant.empty() ? ", expected an axis of \"matrix\", "
                                                       "${transport} or ${seed}"
                                                     : meant));
  }

  const JsonValues& values_;
  Problems& problems_;
};

}  // namespace

const std::vector<std::string>& runtime_names() {
  static const std::vector<std::string> names{"uri",    "dir",        "unixsocket", "port",
                                              "here",   "exportname", "nbdkit",     "pki",
                                              "tlsuri", "netdev",     "netns",      "bin"};
  return names;
}

Json substitute(const Json& json, const JsonValues& values, const std::string& pointer,
                Problems& problems) {
  return Substitution(values, problems).value(json, pointer);
}

std::string expand(std::string_view text, const Variables& variables) {
  std::string out;
  while (!text.empty()) {
    const size_t start = text.find('$');
    out.append(text.substr(0, start));
    if (start == std::string_view::npos) break;
    text.remove_prefix(start);
    const bool braces = text.starts_with("${");
    const size_t first = braces ? 2 : 1;
    size_t end = first;
    while (end < text.size() && is_name_char(text[end])) ++end;
    const auto it = find_name(variables, text.substr(first, end - first));
    const bool closed = !braces || (end < text.size() && text[end] == '}');
    if (it != variables.end() && closed) {
      out += it->second;
      text.remove_prefix(end + (braces ? 1 : 0));
    } else {
      out += '$';
      text.remove_prefix(1);
    }
  }
  return out;
}

std::vector<std::string> expand(const std::vector<std::string>& words, const Variables& variables) {
  std::vector<std::string> out;
  for (const std::string& word : words) out.push_back(expand(word, variables));
  return out;
}

}  // namespace testkit
