// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

namespace memory {

// Blocks of kPageSize bytes, all zeroes. What is given back goes to the system
// at once: malloc() would keep it, since there is nearly always something in
// use above it on the heap.
//
// The blocks are cut from larger mappings, because a process may have only some
// 65000 of these. Addresses are kept until the end and used again.
//
// Threads: any.
class PagePool {
 public:
  PagePool() = default;
  ~PagePool();
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;

  void* take();  // nullptr: there is no memory
  void give_back(void* block);
  // Whether a block that is taken again has other pages than before, so that whoever
  // still refers to those (in a pipe, say) does not see what becomes of it. Not if
  // memory is locked, and that is found out at the first call: by then the server
  // has locked its memory, or will not.
  bool renews_pages();

 private:
  bool map_more();

  std::mutex mutex_;
  std::vector<void*> free_;  // with room for all blocks there are
  std::vector<void*> slabs_;
  std::once_flag asked_;
  bool renews_pages_ = false;
};

}  // namespace memory
