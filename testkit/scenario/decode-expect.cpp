// SPDX-License-Identifier: BSD-3-Clause
#include <libnbd.h>
#include <regex.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

#include "scenario/decode.hpp"

namespace testkit {

namespace {

std::string decode_regex(const Value& value) {
  const std::string text = value.string("a POSIX extended regular expression");
  regex_t compiled;
  if (const int rc = ::regcomp(&compiled, text.c_str(), REG_EXTENDED | REG_NOSUB); rc != 0) {
    char why[128];
    ::regerror(rc, &compiled, why, sizeof why);
    value.problem(fmt::format("not a POSIX extended regular expression: {}", why));
  } else {
    ::regfree(&compiled);
  }
  return text;
}

// "EIO", ["EIO", "EPERM"] or "any".
void read_errors(const Value& value, ErrorCheck& out) {
  for (const Value& v : value.array_or_one()) {
    const std::string name = v.string("the name of an errno such as \"EIO\", or \"any\"");
    if (name == "any") {
      out.any = true;
    } else if (const int number = nbd::errno_from_name(name)) {
      out.numbers.push_back(number);
    } else if (v.is_string()) {
      v.expected("the name of an errno such as \"EIO\", or \"any\"");
    }
  }
  if (!out.any && out.numbers.empty() && value.is_array()) value.expected("at least one errno");
}

void read_error_checks(Object& expect, ErrorCheck& out) {
  const auto must = expect.get("error");
  const auto may = expect.get("may_fail");
  if (must && may) must->problem("expected only one of \"error\" and \"may_fail\"");
  if (must) {
    out.may_succeed = false;
    read_errors(*must, out);
  } else if (may) {
    read_errors(*may, out);
  }
}

uint32_t decode_extent_kind(const Value& value) {
  if (value.is_number()) return static_cast<uint32_t>(value.number(0, UINT32_MAX));
  return static_cast<uint32_t>(value.one_of({"data", "hole", "zero", "hole+zero"}));
}

std::vector<Extent> decode_extents(const Value& value) {
  std::vector<Extent> out;
  for (const Value& v : value.array("an array of {\"length\": SIZE, \"is\": KIND}")) {
    Extent extent;
    Object object = v.object("{\"length\": SIZE, \"is\": KIND}");
    if (const auto length = object.need("length", "the extent's bytes"))
      extent.length = length->size();
    if (const auto is = object.need("is", "\"data\", \"hole\", \"zero\" or \"hole+zero\"")) {
      extent.flags = decode_extent_kind(*is);
    }
    out.push_back(extent);
  }
  return out;
}

std::vector<Extent> decode_chunks(const Value& value) {
  std::vector<Extent> out;
  for (const Value& v : value.array("an array of {\"length\": SIZE, \"is\": KIND}")) {
    Extent chunk;
    Object object = v.object("{\"length\": SIZE, \"is\": KIND}");
    if (const auto length = object.need("length", "the chunk's bytes")) {
      chunk.length = length->size();
    }
    if (const auto is = object.need("is", "\"data\", \"hole\" or \"error\"")) {
      constexpr uint32_t kKinds[]{LIBNBD_READ_DATA, LIBNBD_READ_HOLE, LIBNBD_READ_ERROR};
      chunk.flags = kKinds[is->one_of({"data", "hole", "error"})];
    }
    out.push_back(chunk);
  }
  return out;
}

void read_negotiation(Object& expect, NegotiationCheck& out) {
  static const std::vector<std::string> kFlags{"read_only", "flush",     "fua", "trim",
                                               "zero",      "fast_zero", "df",  "multi_conn",
                                               "cache",     "rotational"};
  if (const auto v = expect.get("protocol")) {
    const std::vector<std::string> names{"oldstyle", "newstyle", "newstyle-fixed"};
    out.protocol = names[v->one_of(names)];
  }
  if (const auto v = expect.get("description")) out.description = v->string("a description");
  if (const auto v = expect.get("canonical_name")) out.canonical_name = v->string("a name");
  if (const auto v = expect.get("structured_replies")) out.structured_replies = v->boolean();
  if (const auto v = expect.get("tls")) out.tls = v->boolean();
  if (const auto v = expect.get("size")) out.size = v->size();
  if (const auto v = expect.get("flags")) {
    Object flags = v->object("an object of flags that are true or false");
    for (size_t i = 0; i < kFlags.size(); ++i) {
      if (const auto flag = flags.get(kFlags[i])) {
        out.flags.emplace_back(static_cast<ExportFlag>(i), flag->boolean());
      }
    }
  }
  if (const auto v = expect.get("contexts")) {
    Object contexts = v->object("an object of meta contexts that are true or false");
    for (const auto& [name, on] : contexts.members()) out.contexts.emplace_back(name, on.boolean());
  }
  if (const auto v = expect.get("block_size")) {
    Object sizes = v->object("an object with \"minimum\", \"preferred\" or \"maximum\"");
    if (const auto s = sizes.get("minimum"))
      out.block_sizes.emplace_back(LIBNBD_SIZE_MINIMUM, s->size());
    if (const auto s = sizes.get("preferred"))
      out.block_sizes.emplace_back(LIBNBD_SIZE_PREFERRED, s->size());
    if (const auto s = sizes.get("maximum"))
      out.block_sizes.emplace_back(LIBNBD_SIZE_MAXIMUM, s->size());
  }
}

DataCheck decode_data_check(const Value& value) {
  DataCheck check;
  if (value.is_string() && value.string("") == "written") {
    check.written = true;
  } else {
    check.content = decode_content(value);
  }
  return check;
}

}  // namespace

TextCheck decode_text_check(const Value& value) {
  TextCheck check;
  if (!value.is_object()) {
    check.contains =
        value.strings_or_one("a text, or an object with \"contains\", \"matches\" ...");
    return check;
  }
  Object object(value, "");
  if (const auto v = object.get("contains")) check.contains = v->strings_or_one("a text");
  if (const auto v = object.get("lacks")) check.lacks = v->strings_or_one("a text");
  if (const auto v = object.get("matches")) {
    for (const Value& one : v->array_or_one()) check.matches.push_back(decode_regex(one));
  }
  if (const auto v = object.get("equals")) check.equals = v->string("a text");
  if (const auto v = object.get("json")) {
    Object values = v->object("an object of JSON pointers and values");
    for (const auto& [pointer, value_there] : values.members()) {
      try {
        const Json::json_pointer parsed(pointer);
      } catch (const nlohmann::json::exception&) {
        value_there.problem("expected a JSON pointer such as \"/exports/0/export-size\"");
      }
      check.json.emplace_back(pointer, value_there.json().dump());
    }
  }
  return check;
}

void read_time_check(Object& expect, TimeCheck& out) {
  if (const auto v = expect.get("within")) out.within = v->duration();
  if (const auto v = expect.get("at_least")) out.at_least = v->duration();
}

CountCheck decode_count_check(const Value& value) {
  CountCheck check;
  if (!value.is_object()) {
    check.min = check.max = value.number(0, UINT64_MAX);
    return check;
  }
  check.max = UINT64_MAX;
  Object object(value, "");
  if (const auto v = object.get("min")) check.min = v->number(0, UINT64_MAX);
  if (const auto v = object.get("max")) check.max = v->number(0, UINT64_MAX);
  return check;
}

std::vector<RequestCheck> decode_request_checks(const Value& value) {
  static const std::vector<std::string> kCommands{"read", "write", "disc",         "flush",
                                                  "trim", "cache", "write_zeroes", "block_status"};
  static const std::vector<std::string> kFlags{"fua", "no_hole", "df", "req_one", "fast_zero"};
  std::vector<RequestCheck> out;
  for (const Value& v : value.array("a list of requests to count")) {
    RequestCheck check;
    Object o = v.object("an object such as {\"command\": \"flush\", \"count\": 1}");
    if (const auto c = o.get("command")) {
      for (const Value& one : c->array_or_one())
        check.commands.push_back(kCommands[one.one_of(kCommands)]);
    }
    if (const auto f = o.get("flags")) {
      for (const Value& one : f->array_or_one()) check.flags.push_back(kFlags[one.one_of(kFlags)]);
    }
    if (const auto n = o.get("longer_than")) check.longer_than = n->size();
    if (const auto n = o.get("unaligned_to")) {
      check.unaligned_to = n->size();
      if (*check.unaligned_to == 0) n->expected("a size above 0");
    }
    if (const auto c = o.get("after_last")) check.after_last = kCommands[c->one_of(kCommands)];
    if (const auto n = o.get("from")) check.from = n->size();
    if (const auto n = o.get("to")) check.to = n->size();
    if (const auto n = o.get("count")) check.count = decode_count_check(*n);
    out.push_back(std::move(check));
  }
  return out;
}

Content decode_content(const Value& value) {
  constexpr uint64_t kMaxByte = 255;
  Content content;
  if (!value.is_object()) {
    constexpr Content::Kind kKinds[]{Content::Kind::byte, Content::Kind::pattern,
                                     Content::Kind::random};
    content.kind = kKinds[value.one_of({"zeroes", "pattern", "random"})];
    return content;
  }
  Object object(value, "");
  const auto kind = object.exactly_one_of({"byte", "text"});
  if (kind == "byte") {
    content.kind = Content::Kind::byte;
    content.byte = static_cast<uint8_t>(object.get("byte")->number(0, kMaxByte));
  } else if (kind == "text") {
    const Value text = *object.get("text");
    content.kind = Content::Kind::text;
    content.text = text.string("a text");
    if (content.text.empty() && text.is_string()) text.expected("a text that is not empty");
  }
  return content;
}

StepExpect decode_step_expect(const Value& value, const Step& step) {
  StepExpect out;
  Object expect = value.object("an object of expectations");
  read_time_check(expect, out.time);
  if (std::holds_alternative<Sleep>(step.action)) return out;
  read_error_checks(expect, out.error);
  if (const auto v = expect.get("no_answer")) {
    out.no_answer = v->boolean();
    if (out.no_answer && !out.time.within) v->problem("\"no_answer\" needs a time: \"within\"");
  }
  if (const auto v = expect.get("message")) out.message = decode_text_check(*v);

  const auto* request = std::get_if<Request>(&step.action);
  const auto* option = std::get_if<Option>(&step.action);
  const auto* parallel = std::get_if<Parallel>(&step.action);
  const bool reads =
      parallel != nullptr || (request != nullptr && request->op == Request::Op::read);
  const bool negotiates = std::holds_alternative<Connect>(step.action) ||
                          (option != nullptr && (option->kind == Option::Kind::info ||
                                                 option->kind == Option::Kind::go));
  if (reads) {
    if (const auto v = expect.get("data")) out.data = decode_data_check(*v);
    // A text that is expected begins where the read begins.
    if (out.data && request != nullptr) out.data->content.origin = request->offset;
  }
  if (request != nullptr && request->in_chunks) {
    if (const auto v = expect.get("chunks")) out.chunks = decode_chunks(*v);
  }
  if (request != nullptr && request->op == Request::Op::block_status) {
    if (const auto v = expect.get("extents")) out.extents = decode_extents(*v);
  }
  if (option != nullptr && option->kind == Option::Kind::list) {
    if (const auto v = expect.get("exports")) out.exports = v->strings("an array of export names");
  }
  if (option != nullptr && option->kind == Option::Kind::list_contexts) {
    if (const auto v = expect.get("names")) out.exports = v->strings("an array of context names");
  }
  if (parallel != nullptr) {
    if (const auto v = expect.get("failed")) out.failed = decode_count_check(*v);
  }
  if (std::holds_alternative<ControlCall>(step.action)) {
    if (const auto v = expect.get("answer")) out.answer = decode_text_check(*v);
  }
  if (negotiates) read_negotiation(expect, out.negotiation);
  return out;
}

}  // namespace testkit
