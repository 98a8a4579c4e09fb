// SPDX-License-Identifier: BSD-3-Clause
#include "evaluator.hpp"

#include <fmt/format.h>
#include <nbdkit/error.hpp>

#include <map>

#include "content.hpp"

namespace data {

namespace {

constexpr uint64_t kNoLimit = UINT64_MAX;
// A name may stand for what another name stands in, and so on. The text bounds
// groups and operators (parser.hpp), but not this; the stack has to hold it.
constexpr unsigned kMaxImageDepth = 1000;

// The names of one group, and those around it. A name stands for bytes, not for
// a text: what it was made of may be given another meaning later.
struct Scope {
  const Scope* outer = nullptr;
  std::map<std::string, ImagePtr> names;

  ImagePtr find(const std::string& name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->outer) {
      if (const auto found = scope->names.find(name); found != scope->names.end()) {
        return found->second;
      }
    }
    return nullptr;
  }
};

// What a value needs to know beside its own expression.
struct Around {
  Scope& scope;
  uint64_t limit;  // bytes from here on will not be looked at
};

void too_large(Pos pos) { fail_at(pos, fmt::format("the disk would be larger than {}", kMaxSize)); }

ImagePtr value_of(const Expr& expr, Around around);

void move(Canvas& canvas, const Move& m, Pos pos) {
  const uint64_t here = canvas.offset();
  switch (m.how) {
    case Move::How::to: canvas.move_to(m.n); return;
    case Move::How::forward:
      if (m.n > kMaxSize - here) too_large(pos);
      canvas.move_to(here + m.n);
      return;
    case Move::How::back:
      if (m.n > here) {
        fail_at(pos, fmt::format("@-{} goes before the start: the offset here is {}", m.n, here));
      }
      canvas.move_to(here - m.n);
      return;
    case Move::How::align: {
      const uint64_t rest = here & (m.n - 1);
      if (rest == 0) return;
      if (m.n - rest > kMaxSize - here) too_large(pos);
      canvas.move_to(here + (m.n - rest));
      return;
    }
  }
}

ImagePtr group(const Group& g, const Scope* outer, uint64_t limit) {
  Scope scope{outer, {}};
  Canvas canvas;
  for (const Expr& item : g.items) {
    if (const auto* m = std::get_if<Move>(&item.is)) {
      move(canvas, *m, item.pos);
    } else if (const auto* a = std::get_if<Assign>(&item.is)) {
      const ImagePtr image = value_of(*a->what, {scope, kNoLimit});
      if (image->depth() > kMaxImageDepth) {
        fail_at(item.pos,
                fmt::format("\\{}: names in names more than {} deep", a->name, kMaxImageDepth));
      }
      scope.names[a->name] = image;
    } else if (const auto* literal = std::get_if<Literal>(&item.is)) {
      if (literal->bytes.size() > kMaxSize - canvas.offset()) too_large(item.pos);
      canvas.put(literal->bytes);
    } else {
      const ImagePtr image = value_of(item, {scope, g.items.size() == 1 ? limit : kNoLimit});
      if (image->size() > kMaxSize - canvas.offset()) too_large(item.pos);
      canvas.put(image);
    }
  }
  return canvas.finish();
}

// An error of the file or the command, with its place.
template <class Read>
ImagePtr content(Pos pos, Read&& read) {
  std::string sentence;
  try {
    return read();
  } catch (const nbd::Error& e) {
    sentence = e.what();
  }
  fail_at(pos, sentence);
}

struct ValueOf {
  Pos pos;
  Around around;

  ImagePtr operator()(const Literal& e) const { return Image::bytes(e.bytes); }
  ImagePtr operator()(const FileContent& e) const {
    return content(pos, [&] { return read_file(e.path, around.limit); });
  }
  ImagePtr operator()(const CommandOutput& e) const {
    return content(pos, [&] { return read_command(e.script, around.limit); });
  }
  ImagePtr operator()(const NameUse& e) const {
    ImagePtr image = around.scope.find(e.name);
    if (!image) fail_at(pos, fmt::format("\\{} has not been assigned", e.name));
    return image;
  }
  ImagePtr operator()(const Group& e) const { return group(e, &around.scope, around.limit); }
  ImagePtr operator()(const Repeat& e) const {
    const ImagePtr what = value_of(*e.what, {around.scope, kNoLimit});
    if (what->size() != 0 && e.count > kMaxSize / what->size()) too_large(pos);
    return Image::repeat(what, e.count);
  }
  ImagePtr operator()(const Slice& e) const {
    const ImagePtr what = value_of(*e.what, {around.scope, e.end.value_or(kNoLimit)});
    const uint64_t end = e.end.value_or(what->size());
    if (e.start > end || end > what->size()) {
      fail_at(pos, fmt::format("this slice is not within the {} bytes before it", what->size()));
    }
    return Image::slice(what, e.start, end);
  }
  // Both stand in groups only, which do them.
  ImagePtr operator()(const Move&) const { return Image::zeroes(0); }
  ImagePtr operator()(const Assign&) const { return Image::zeroes(0); }
};

ImagePtr value_of(const Expr& expr, Around around) {
  return std::visit(ValueOf{expr.pos, around}, expr.is);
}

}  // namespace

ImagePtr evaluate(const Program& program) {
  return group(std::get<Group>(program.root.is), nullptr, kNoLimit);
}

}  // namespace data
