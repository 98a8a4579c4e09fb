// SPDX-License-Identifier: BSD-3-Clause
//
// What the exitwhen filter waits for: files, a pipe, a process, a script.
//
// Each event can be asked whether it has happened, at any time. Some also have a
// descriptor that becomes readable when it is worth asking, so that nobody has to
// ask again and again: of inotify for files, of the process, of the pipe itself.
//
// Threads: happened() is called by one thread at a time, the owner's business.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace nbd::filters {

class Event {
 public:
  explicit Event(std::string text) : text_(std::move(text)) {}
  virtual ~Event() = default;

  // As the user gave it, "exit-when-file-created=/tmp/stop".
  const std::string& text() const { return text_; }
  virtual bool happened() = 0;
  // Costs a process: asked only where nobody is served.
  virtual bool is_script() const { return false; }
  // For poll(), or -1; what it has is not to be read by others.
  virtual int fd() const { return -1; }
  virtual short events() const { return 1; }  // POLLIN
  // Takes what has made fd() readable.
  virtual void woken() {}

 private:
  const std::string text_;
};

// Each throws an Error that names what cannot be watched.
std::unique_ptr<Event> file_event(std::string text, const std::string& path, bool created);
std::unique_ptr<Event> pipe_event(std::string text, int fd);
std::unique_ptr<Event> process_event(std::string text, pid_t pid);
std::unique_ptr<Event> script_event(std::string text, const std::string& script);

}  // namespace nbd::filters
