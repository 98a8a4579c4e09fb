// SPDX-License-Identifier: BSD-3-Clause
//
// Preloaded into a program of C++, counts who asks for memory: the first number in the
// file that ALLOCATIONS names (two of 64 bits, which must be there) is that of the
// program and of all C++, the second that of libraries in C. Zeroed by whoever likes.
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

// glibc's own, under the names that it keeps for this.
// NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming)
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
}
// NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming)

namespace {

struct Counts {
  std::atomic<uint64_t> program;
  std::atomic<uint64_t> libraries;
};
Counts g_unseen;
std::atomic<Counts*> g_counts{&g_unseen};
uintptr_t g_begin, g_end;  // of the program's code

// The first object that is told of is the program.
int note_program(dl_phdr_info* info, size_t, void*) {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& part = info->dlpi_phdr[i];
    if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) continue;
    g_begin = info->dlpi_addr + part.p_vaddr;
    g_end = g_begin + part.p_memsz;
  }
  return 1;
}

[[gnu::constructor]] void begin() {
  dl_iterate_phdr(note_program, nullptr);
  const char* const path = std::getenv("ALLOCATIONS");
  const int fd = path != nullptr ? ::open(path, O_RDWR | O_CLOEXEC) : -1;
  if (fd == -1) return;
  void* const at = ::mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (at != MAP_FAILED) g_counts = static_cast<Counts*>(at);
}

void count_program() { ++g_counts.load()->program; }
void count(const void* caller) {
  const auto at = reinterpret_cast<uintptr_t>(caller);
  Counts& counts = *g_counts.load();
  ++(at >= g_begin && at < g_end ? counts.program : counts.libraries);
}

void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

extern "C" {
void* malloc(size_t size) {
  count(__builtin_return_address(0));
  return __libc_malloc(size);
}
void* calloc(size_t number, size_t size) {
  count(__builtin_return_address(0));
  return __libc_calloc(number, size);
}
void* realloc(void* memory, size_t size) {
  count(__builtin_return_address(0));
  return __libc_realloc(memory, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  count(__builtin_return_address(0));
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, size_t alignment, size_t size) {
  count(__builtin_return_address(0));
  *memory = __libc_memalign(alignment, size);
  return *memory != nullptr ? 0 : ENOMEM;
}
}

void* operator new(size_t size) {
  count_program();
  return or_throw(__libc_malloc(size));
}
void* operator new(size_t size, std::align_val_t alignment) {
  count_program();
  return or_throw(__libc_memalign(static_cast<size_t>(alignment), size));
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  count_program();
  return __libc_malloc(size);
}
// Those for arrays call these, and those that delete call free.
