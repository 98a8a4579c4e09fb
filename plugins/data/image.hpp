// SPDX-License-Identifier: BSD-3-Clause
//
// The bytes that an expression stands for, without having them all in memory:
// a run of zeroes is a number, a repetition is its first turn and a count. So
// the largest disk costs what was written in it, and what it would cost to
// store can be asked before it is stored.
//
// Images never change and are shared; a small one is kept flat.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace data {

// No disk is larger.
inline constexpr uint64_t kMaxSize = INT64_MAX;
// What stored() counts in; a store that keeps pages of this size or smaller
// needs no more than it says.
inline constexpr uint64_t kPage = 32 << 10;

// Where an image is written to.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void put(std::span<const std::byte> bytes, uint64_t at) = 0;
  virtual void zero(uint64_t count, uint64_t at) = 0;
};

class Image;
using ImagePtr = std::shared_ptr<const Image>;

class Image {
 public:
  virtual ~Image() = default;
  uint64_t size() const { return size_; }
  // A bound on the memory that a sparse store needs for it; 0: all zeroes.
  uint64_t stored() const { return stored_; }
  // How many images stand upon each other: write() goes down all of them.
  unsigned depth() const { return depth_; }
  // Writes the bytes [from, to) of it so that the first of them lands at `at`.
  virtual void write(Sink& sink, uint64_t from, uint64_t to, uint64_t at) const = 0;

  static ImagePtr zeroes(uint64_t size);
  static ImagePtr bytes(std::string bytes);
  // what * count; its size must not exceed kMaxSize.
  static ImagePtr repeat(ImagePtr what, uint64_t count);
  // what[start:end], within what.
  static ImagePtr slice(ImagePtr what, uint64_t start, uint64_t end);

 protected:
  Image(uint64_t size, uint64_t stored, unsigned depth = 1)
      : size_(size), stored_(stored), depth_(depth) {}

 private:
  uint64_t size_, stored_;
  unsigned depth_;
};

// Puts images beside and over each other: the offset of @N and its kin.
class Canvas {
 public:
  uint64_t offset() const { return offset_; }
  uint64_t size() const { return size_; }
  // Both must stay within kMaxSize.
  void move_to(uint64_t offset);
  void put(const ImagePtr& image);
  void put(std::string_view bytes);
  ImagePtr finish();

  struct Piece {
    uint64_t at;
    ImagePtr image;
  };

 private:
  void end_run();

  std::vector<Piece> pieces_;  // a later one covers an earlier one
  uint64_t offset_ = 0, size_ = 0;
  std::string run_;  // literal bytes that end at offset_, not yet a piece
};

}  // namespace data
