// Task is an answer that takes the session's whole turn: while it lasts, nothing more of its client
// is parsed, so that what the client asks next comes after it.
//
// Owned by its session, which ends it by Session::EndTask(), or with itself when the client goes.
#pragma once

namespace mcrelay::client {

class Task {
 public:
  virtual ~Task() = default;
  // Output was written, the client may take more.
  virtual void OnFlushed() {}
};

}  // namespace mcrelay::client
