// SPDX-License-Identifier: BSD-3-Clause
#include "image.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace data {

namespace {

// Up to this size an image is made flat at once: what is repeated is written in
// pieces of at least that.
constexpr uint64_t kFlatSize = 16 << 10;
// What a repetition is gathered to before it is written.
constexpr uint64_t kChunkSize = 1 << 20;

uint64_t saturating_add(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }
uint64_t saturating_multiply(uint64_t a, uint64_t b) {
  return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}
// The pages that so many bytes can touch.
uint64_t pages_of(uint64_t size) { return (size / kPage + 2) * kPage; }

class Zeroes final : public Image {
 public:
  explicit Zeroes(uint64_t size) : Image(size, 0) {}
  void write(Sink& sink, uint64_t from, uint64_t to, uint64_t at) const override {
    if (to > from) sink.zero(to - from, at);
  }
};

class Bytes final : public Image {
 public:
  explicit Bytes(std::string bytes)
      : Image(bytes.size(), pages_of(bytes.size())), bytes_(std::move(bytes)) {}
  void write(Sink& sink, uint64_t from, uint64_t to, uint64_t at) const override {
    if (to > from) sink.put(std::as_bytes(std::span(bytes_)).subspan(from, to - from), at);
  }

 private:
  std::string bytes_;
};

class FlatSink final : public Sink {
 public:
  explicit FlatSink(std::string& out) : out_(out) {}
  void put(std::span<const std::byte> bytes, uint64_t at) override {
    std::memcpy(out_.data() + at, bytes.data(), bytes.size());
  }
  void zero(uint64_t count, uint64_t at) override { std::memset(out_.data() + at, 0, count); }

 private:
  std::string& out_;
};

std::string flat(const Image& image, uint64_t from, uint64_t to) {
  std::string out(to - from, '\0');
  FlatSink sink(out);
  image.write(sink, from, to, 0);
  return out;
}

ImagePtr flat_if_small(ImagePtr image) {
  if (image->stored() == 0) return Image::zeroes(image->size());
  if (image->size() > kFlatSize) return image;
  return Image::bytes(flat(*image, 0, image->size()));
}

class Repeated final : public Image {
 public:
  Repeated(ImagePtr what, uint64_t count)
      : Image(what->size() * count,
              std::min(saturating_multiply(what->stored(), count), pages_of(what->size() * count)),
              what->depth() + 1),
        what_(std::move(what)) {}

  void write(Sink& sink, uint64_t from, uint64_t to, uint64_t at) const override {
    const uint64_t turn = what_->size();
    if (turn > kFlatSize) {
      for (uint64_t here = from; here < to;) {
        const uint64_t in_turn = here % turn;
        const uint64_t length = std::min(turn - in_turn, to - here);
        what_->write(sink, in_turn, in_turn + length, at + (here - from));
        here += length;
      }
      return;
    }
    // A chunk of whole turns, which starts as the range does.
    const std::string one = flat(*what_, 0, turn);
    const uint64_t turns = std::min(kChunkSize / turn, (to - from) / turn) + 2;
    std::string chunk;
    for (uint64_t i = 0; i < turns; ++i) chunk += one;
    const auto bytes = std::as_bytes(std::span(chunk)).subspan(from % turn, (turns - 1) * turn);
    for (uint64_t here = from; here < to; here += bytes.size()) {
      sink.put(bytes.first(std::min<uint64_t>(bytes.size(), to - here)), at + (here - from));
    }
  }

 private:
  ImagePtr what_;
};

class Sliced final : public Image {
 public:
  Sliced(ImagePtr what, uint64_t start, uint64_t end)
      : Image(end - start, std::min(what->stored(), pages_of(end - start)), what->depth() + 1),
        what_(std::move(what)),
        start_(start) {}
  void write(Sink& sink, uint64_t from, uint64_t to, uint64_t at) const override {
    what_->write(sink, start_ + from, start_ + to, at);
  }

 private:
  ImagePtr what_;
  uint64_t start_;
};

uint64_t sum_of(const std::vector<Canvas::Piece>& pieces) {
  uint64_t sum = 0;
  for (const auto& piece : pieces) sum = saturating_add(sum, piece.image->stored());
  return sum;
}

unsigned depth_of(const std::vector<Canvas::Piece>& pieces) {
  unsigned most = 0;
  for (const auto& piece : pieces) most = std::max(most, piece.image->depth());
  return most;
}

// Opaque: where it has no piece it is zeroes.
class Composed final : public Image {
 public:
  Composed(std::vector<Canvas::Piece> pieces, uint64_t size)
      : Image(size, std::min(sum_of(pieces), pages_of(size)), depth_of(pieces) + 1),
        pieces_(std::move(pieces)) {
    uint64_t covered = 0;
    for (const auto& piece : pieces_) {
      if (piece.at <= covered) covered = std::max(covered, piece.at + piece.image->size());
    }
    has_gaps_ = covered < size;
  }
  void write(Sink& sink, uint64_t from, uint64_t to, uint64_t at) const override {
    if (has_gaps_ && to > from) sink.zero(to - from, at);
    for (const auto& [piece_at, image] : pieces_) {
      const uint64_t first = std::max(from, piece_at);
      const uint64_t last = std::min(to, piece_at + image->size());
      if (first < last) image->write(sink, first - piece_at, last - piece_at, at + (first - from));
    }
  }

 private:
  std::vector<Canvas::Piece> pieces_;
  bool has_gaps_ = false;
};

}  // namespace

ImagePtr Image::zeroes(uint64_t size) { return std::make_shared<Zeroes>(size); }

ImagePtr Image::bytes(std::string bytes) {
  if (bytes.find_first_not_of('\0') == std::string::npos) return zeroes(bytes.size());
  return std::make_shared<Bytes>(std::move(bytes));
}

ImagePtr Image::repeat(ImagePtr what, uint64_t count) {
  if (count == 1) return what;
  if (what->stored() == 0 || count == 0) return zeroes(what->size() * count);
  return flat_if_small(std::make_shared<Repeated>(std::move(what), count));
}

ImagePtr Image::slice(ImagePtr what, uint64_t start, uint64_t end) {
  if (start == 0 && end == what->size()) return what;
  return flat_if_small(std::make_shared<Sliced>(std::move(what), start, end));
}

void Canvas::move_to(uint64_t offset) {
  if (offset != offset_) end_run();
  offset_ = offset;
  size_ = std::max(size_, offset_);
}

void Canvas::put(const ImagePtr& image) {
  end_run();
  if (image->size() != 0) pieces_.push_back({offset_, image});
  move_to(offset_ + image->size());
}

void Canvas::put(std::string_view bytes) {
  run_ += bytes;
  offset_ += bytes.size();
  size_ = std::max(size_, offset_);
}

void Canvas::end_run() {
  if (run_.empty()) return;
  const uint64_t at = offset_ - run_.size();
  pieces_.push_back({at, Image::bytes(std::exchange(run_, {}))});
}

ImagePtr Canvas::finish() {
  end_run();
  if (pieces_.size() == 1 && pieces_[0].at == 0 && pieces_[0].image->size() == size_) {
    return pieces_[0].image;
  }
  return flat_if_small(std::make_shared<Composed>(std::move(pieces_), size_));
}

}  // namespace data
