// SPDX-License-Identifier: BSD-3-Clause
#include "proxy/message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "wire/messages.hpp"

namespace testkit::proxy {

namespace wire = nbd::wire;

namespace {

constexpr std::array<std::string_view, kPlaces> kPlaceNames{
    "connection",  "greeting", "client_flags", "option",     "option_reply",
    "export_info", "request",  "reply",        "tls_record", "tls_start"};

// Where fields stand: doc/proto.md of the NBD project.
constexpr std::array kGreeting{Field{"magic", 0, 8}, Field{"ihaveopt", 8, 8},
                               Field{"flags", 16, 2}};
constexpr std::array kOldGreeting{Field{"magic", 0, 8}, Field{"ihaveopt", 8, 8},
                                  Field{"size", 16, 8}, Field{"flags", 26, 2}};
constexpr std::array kClientFlags{Field{"flags", 0, 4}};
constexpr std::array kOption{Field{"magic", 0, 8}, Field{"option", 8, 4}, Field{"length", 12, 4}};
constexpr std::array kOptionReply{Field{"magic", 0, 8}, Field{"option", 8, 4},
                                  Field{"reply", 12, 4}, Field{"length", 16, 4}};
constexpr std::array kInfoExport{Field{"info", 20, 2}, Field{"size", 22, 8}, Field{"flags", 30, 2}};
constexpr std::array kInfoBlockSize{Field{"info", 20, 2}, Field{"minimum", 22, 4},
                                    Field{"preferred", 26, 4}, Field{"maximum", 30, 4}};
constexpr std::array kInfo{Field{"info", 20, 2}};
constexpr std::array kMetaContext{Field{"context_id", 20, 4}};
constexpr std::array kExportInfo{Field{"size", 0, 8}, Field{"flags", 8, 2}};
constexpr std::array kRequest{Field{"magic", 0, 4},   Field{"flags", 4, 2},
                              Field{"command", 6, 2}, Field{"cookie", 8, 8},
                              Field{"offset", 16, 8}, Field{"length", 24, 4}};
constexpr std::array kExtendedRequest{Field{"magic", 0, 4},   Field{"flags", 4, 2},
                                      Field{"command", 6, 2}, Field{"cookie", 8, 8},
                                      Field{"offset", 16, 8}, Field{"length", 24, 8}};
constexpr std::array kSimple{Field{"magic", 0, 4}, Field{"error", 4, 4}, Field{"cookie", 8, 8}};
constexpr std::array kChunk{Field{"magic", 0, 4}, Field{"flags", 4, 2}, Field{"type", 6, 2},
                            Field{"cookie", 8, 8}, Field{"length", 16, 4}};
constexpr std::array kExtendedChunk{Field{"magic", 0, 4},   Field{"flags", 4, 2},
                                    Field{"type", 6, 2},    Field{"cookie", 8, 8},
                                    Field{"offset", 16, 8}, Field{"length", 24, 8}};
// Behind the header of a chunk.
constexpr std::array kData{Field{"data_offset", 0, 8}};
constexpr std::array kHole{Field{"data_offset", 0, 8}, Field{"hole_length", 8, 4}};
constexpr std::array kStatus{Field{"context_id", 0, 4}};
constexpr std::array kError{Field{"error", 0, 4}, Field{"text_length", 4, 2}};
constexpr std::array kTls{Field{"type", 0, 1}, Field{"version", 1, 2}, Field{"length", 3, 2}};

template <class List>
void add(std::vector<Field>& out, const List& list, size_t at = 0) {
  for (const Field& f : list) out.push_back({f.name, f.at + at, f.size});
}

void add_option_reply(std::vector<Field>& out, const Message& m) {
  add(out, kOptionReply);
  switch (static_cast<wire::OptionReply>(m.option_reply)) {
    case wire::OptionReply::info:
      if (m.info == static_cast<uint16_t>(wire::Info::export_)) return add(out, kInfoExport);
      if (m.info == static_cast<uint16_t>(wire::Info::block_size)) return add(out, kInfoBlockSize);
      return add(out, kInfo);
    case wire::OptionReply::meta_context: return add(out, kMetaContext);
    default: return;
  }
}

void add_reply(std::vector<Field>& out, const Message& m) {
  if (m.chunk == kSimpleReply) return add(out, kSimple);
  const bool extended = m.style == wire::ReplyStyle::extended;
  const size_t header = extended ? wire::kExtendedChunkHeaderSize : wire::kChunkHeaderSize;
  if (extended) {
    add(out, kExtendedChunk);
  } else {
    add(out, kChunk);
  }
  switch (static_cast<wire::Chunk>(m.chunk)) {
    case wire::Chunk::offset_data: return add(out, kData, header);
    case wire::Chunk::offset_hole: return add(out, kHole, header);
    case wire::Chunk::block_status:
    case wire::Chunk::block_status_ext: return add(out, kStatus, header);
    case wire::Chunk::error:
    case wire::Chunk::error_offset: return add(out, kError, header);
    default: return;
  }
}

}  // namespace

std::string_view name_of(Place place) { return kPlaceNames[static_cast<size_t>(place)]; }

std::string_view name_of(const Action& action) {
  constexpr std::array<std::string_view, std::variant_size_v<Action>> kNames{
      "disconnect", "stall", "trickle", "split",  "merge", "truncate", "flip",   "set",    "fail",
      "duplicate",  "drop",  "reorder", "chunks", "hole",  "extents",  "answer", "insert", "alert"};
  return kNames[action.index()];
}

uint32_t simple_error(const Message& m) {
  if (m.bytes.size() < nbd::wire::kSimpleReplySize) return 0;
  uint32_t error = 0;
  for (size_t i = 4; i < 8; ++i) error = error << 8 | std::to_integer<uint32_t>(m.bytes[i]);
  return error;
}

std::vector<Field> fields_of(const Message& m) {
  std::vector<Field> out;
  switch (m.place) {
    case Place::greeting:
      if (m.oldstyle) {
        add(out, kOldGreeting);
      } else {
        add(out, kGreeting);
      }
      break;
    case Place::client_flags: add(out, kClientFlags); break;
    case Place::option: add(out, kOption); break;
    case Place::option_reply: add_option_reply(out, m); break;
    case Place::export_info: add(out, kExportInfo); break;
    case Place::request:
      if (m.extended_request) {
        add(out, kExtendedRequest);
      } else {
        add(out, kRequest);
      }
      break;
    case Place::reply: add_reply(out, m); break;
    case Place::tls_record: add(out, kTls); break;
    case Place::tls_start:
    case Place::connection: break;
  }
  std::erase_if(out, [&](const Field& f) { return f.at + f.size > m.bytes.size(); });
  return out;
}

std::vector<std::string_view> field_names(Place place) {
  std::vector<Field> fields;
  switch (place) {
    case Place::greeting: add(fields, kOldGreeting); break;
    case Place::client_flags: add(fields, kClientFlags); break;
    case Place::option: add(fields, kOption); break;
    case Place::option_reply:
      add(fields, kOptionReply);
      add(fields, kInfoExport);
      add(fields, kInfoBlockSize);
      add(fields, kMetaContext);
      break;
    case Place::export_info: add(fields, kExportInfo); break;
    case Place::request: add(fields, kRequest); break;
    case Place::reply:
      add(fields, kSimple);
      add(fields, kExtendedChunk);
      add(fields, kHole);
      add(fields, kStatus);
      add(fields, kError);
      break;
    case Place::tls_record: add(fields, kTls); break;
    case Place::tls_start:
    case Place::connection: break;
  }
  std::vector<std::string_view> names;
  for (const Field& f : fields) {
    if (std::find(names.begin(), names.end(), f.name) == names.end()) names.push_back(f.name);
  }
  return names;
}

std::string_view chunk_name(uint16_t type) {
  if (type == kSimpleReply) return "simple";
  switch (static_cast<wire::Chunk>(type)) {
    case wire::Chunk::none: return "none";
    case wire::Chunk::offset_data: return "data";
    case wire::Chunk::offset_hole: return "hole";
    case wire::Chunk::block_status: return "block_status";
    case wire::Chunk::block_status_ext: return "block_status_ext";
    case wire::Chunk::error: return "error";
    case wire::Chunk::error_offset: return "error_offset";
  }
  return "";
}

std::string describe(const Message& m) {
  const auto named = [](std::string_view name, uint64_t number) {
    return name.empty() ? std::to_string(number) : std::string(name);
  };
  const auto range = [&] { return fmt::format("{}+{}", m.request.offset, m.request.length); };
  switch (m.place) {
    case Place::option:
      return fmt::format("{} {} bytes",
                         named(wire::name_of(static_cast<wire::Option>(m.option)), m.option),
                         m.bytes.size());
    case Place::option_reply:
      return fmt::format(
          "{} to {} {} bytes",
          named(wire::name_of(static_cast<wire::OptionReply>(m.option_reply)), m.option_reply),
          named(wire::name_of(static_cast<wire::Option>(m.option)), m.option), m.bytes.size());
    case Place::request:
      return fmt::format(
          "{} cookie {} {}{}",
          named(wire::name_of(m.request.command), static_cast<uint16_t>(m.request.command)),
          m.request.cookie, range(),
          m.request.flags != 0 ? fmt::format(" flags {:#x}", m.request.flags) : "");
    case Place::reply: {
      std::string out = fmt::format(
          "{} to {} cookie {} {}", named(chunk_name(m.chunk), m.chunk),
          named(wire::name_of(m.request.command), static_cast<uint16_t>(m.request.command)),
          m.request.cookie, range());
      for (const Field& f : fields_of(m)) {
        if (f.name != "error") continue;
        const auto error = wire::load<uint32_t>(m.bytes.data() + f.at);
        if (error != 0) out += fmt::format(" error {}", error);
      }
      if (m.chunk != kSimpleReply && m.done) out += " done";
      return out;
    }
    default: return fmt::format("{} {} bytes", name_of(m.place), m.bytes.size());
  }
}

}  // namespace testkit::proxy
