// SPDX-License-Identifier: BSD-3-Clause
//
// The one place where filters read JSON.
#include "control/hub.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <optional>

#include <nbdkit/sdk.hpp>

#include "base/error.hpp"
#include "base/words.hpp"

namespace nbd::filters {

using nlohmann::json;

namespace {

// A command is an object of words and numbers; what is nested deeper is for nobody,
// and would be printed by recursion.
constexpr int kMaxDepth = 4;

json parse(std::string_view line) {
  const auto check = [](int depth, json::parse_event_t, json&) {
    if (depth > kMaxDepth) fail("JSON is nested deeper than {} here", kMaxDepth);
    return true;
  };
  try {
    return json::parse(line, check);
  } catch (const json::exception& e) {
    const std::string_view what = e.what();  // "[json.exception...] parse error at ..."
    const size_t tag = what.find("] ");
    fail("this is no JSON: {}", tag == what.npos ? what : what.substr(tag + 2));
  }
}

// As it would stand on a command line: a list with commas, an object as words, so
// that a rule can be given in the form that scenarios have.
std::string as_text(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_structured()) return value.dump();
  std::string out;
  for (const auto& [name, inner] : value.items()) {
    const std::string text = as_text(inner);
    if (value.is_array()) {
      out += (out.empty() ? "" : ",") + text;
      continue;
    }
    const char* quote = "";
    if (text.empty() || text.find_first_of(" \t\r\n'\"") != text.npos) {
      quote = text.find('"') == text.npos ? "\"" : "'";
    }
    out += fmt::format("{}{}={}{}{}", out.empty() ? "" : " ", name, quote, text, quote);
  }
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& w : words) out += (out.empty() ? "" : ", ") + w;
  return out;
}

[[noreturn]] void unknown(std::string_view what, const std::string& word,
                          const std::vector<std::string>& known) {
  const std::string meant = did_you_mean(word, known);
  if (!meant.empty()) fail("unknown {} \"{}\"{}", what, word, meant);
  fail("unknown {} \"{}\"; known are: {}", what, word, joined(known));
}

}  // namespace

const std::string& Arguments::get(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) fail("\"{}\" is missing", name);
  return found->second;
}

std::string Arguments::get(std::string_view name, std::string_view by_default) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string(by_default) : found->second;
}

// A line, understood.
struct Hub::Question {
  std::string command;
  std::optional<std::string> filter;
  std::string id;  // JSON; empty: none
  Arguments arguments;

  explicit Question(const json& line) {
    if (!line.is_object()) fail("expected an object: {{\"do\":...}}");
    std::map<std::string, std::string, std::less<>> values;
    for (const auto& [name, value] : line.items()) {
      if (name == "id") {
        id = value.dump();
      } else if (name == "do" || name == "filter") {
        if (!value.is_string()) fail("\"{}\": expected a string", name);
        (name == "do" ? command : filter.emplace()) = value.get<std::string>();
      } else if (!value.is_null()) {
        values.emplace(name, as_text(value));
      }
    }
    if (command.empty()) fail("\"do\" is missing");
    arguments = Arguments(std::move(values));
  }
};

void Hub::add_filter(const void* owner, std::string name) {
  filters_.push_back({owner, std::move(name), {}});
}

void Hub::remove_filter(const void* owner) {
  std::erase_if(filters_, [&](const Filter& f) { return f.owner == owner; });
}

void Hub::add_command(const void* owner, Command command) {
  for (Filter& f : filters_) {
    if (f.owner == owner) return f.commands.push_back(std::move(command));
  }
}

void Hub::set_path(std::string path) {
  if (!path_.empty()) {
    fail("control={}: there is control={} already, which serves all filters", path, path_);
  }
  path_ = std::move(path);
}

void Hub::open() {
  if (path_.empty() || socket_) return;
  socket_ = std::make_unique<ControlSocket>(path_,
                                            [this](std::string_view line) { return answer(line); });
}

std::string Hub::name_of(const void* owner) const {
  const auto filter = std::find_if(filters_.begin(), filters_.end(),
                                   [&](const Filter& f) { return f.owner == owner; });
  return filter == filters_.end() ? "" : name_of(*filter);
}

std::string Hub::name_of(const Filter& filter) const {
  size_t above = 0;
  for (auto f = filters_.rbegin(); f != filters_.rend() && &*f != &filter; ++f) {
    if (f->name == filter.name) ++above;
  }
  return above == 0 ? filter.name : fmt::format("{}-{}", filter.name, above + 1);
}

std::string Hub::answer(std::string_view line) const {
  std::string id;
  JsonObject out;
  try {
    const json object = parse(line);
    if (object.is_object() && object.contains("id")) id = object["id"].dump();
    out = answer_question(Question(object));
  } catch (const Reported&) {
    out.set("ok", false).set("error", "the server's messages say what was wrong");
  } catch (const std::exception& e) {
    out.set("ok", false).set("error", e.what());
  }
  if (!id.empty()) out.raw("id", id);
  return out.text();
}

JsonObject Hub::answer_question(const Question& question) const {
  if (question.filter) return answer_one(find(*question.filter), question);
  if (question.command == "help") return help();
  return answer_all(question);
}

JsonObject Hub::answer_one(const Filter& filter, const Question& question) const {
  const auto command = std::find_if(filter.commands.begin(), filter.commands.end(),
                                    [&](const Command& c) { return c.name == question.command; });
  if (command == filter.commands.end()) {
    std::vector<std::string> known;
    for (const Command& c : filter.commands) known.push_back(c.name);
    unknown("command of " + name_of(filter), question.command, known);
  }
  for (const auto& [name, value] : question.arguments.all()) {
    const auto& known = command->arguments;
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      unknown("argument of " + command->name, name, known);
    }
  }
  JsonObject answer;
  answer.set("ok", true).set("filter", name_of(filter));
  command->run(question.arguments, answer);
  return answer;
}

// To all filters that have the command, from the top of the stack down.
JsonObject Hub::answer_all(const Question& question) const {
  JsonArray answers;
  for (auto f = filters_.rbegin(); f != filters_.rend(); ++f) {
    const bool has = std::any_of(f->commands.begin(), f->commands.end(),
                                 [&](const Command& c) { return c.name == question.command; });
    if (!has) continue;
    try {
      answers.add(answer_one(*f, question));
    } catch (const Error& e) {
      fail("{}: {}", name_of(*f), e.what());
    }
  }
  if (answers.empty()) unknown("command", question.command, command_names());
  return JsonObject().set("ok", true).set("answers", answers);
}

JsonObject Hub::help() const {
  JsonArray filters;
  for (auto f = filters_.rbegin(); f != filters_.rend(); ++f) {
    JsonArray commands;
    for (const Command& c : f->commands) {
      JsonArray arguments;
      for (const std::string& a : c.arguments) arguments.add(a);
      commands.add(JsonObject().set("do", c.name).set("arguments", arguments).set("help", c.help));
    }
    filters.add(JsonObject().set("filter", name_of(*f)).set("commands", commands));
  }
  return JsonObject().set("ok", true).set("filters", filters);
}

const Hub::Filter& Hub::find(const std::string& name) const {
  std::vector<std::string> known;
  for (auto f = filters_.rbegin(); f != filters_.rend(); ++f) {
    if (name_of(*f) == name) return *f;
    known.push_back(name_of(*f));
  }
  unknown("filter", name, known);
}

std::vector<std::string> Hub::command_names() const {
  std::vector<std::string> out{"help"};
  for (const Filter& f : filters_) {
    for (const Command& c : f.commands) {
      if (std::find(out.begin(), out.end(), c.name) == out.end()) out.push_back(c.name);
    }
  }
  return out;
}

}  // namespace nbd::filters
