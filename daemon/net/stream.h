// Stream is one TCP or Unix socket connection, client's or Redis's: reads into its owner's memory,
// gathers output and writes it once a turn.
//
//   owner --> out_ --Flush()--> send() --> socket
//               \--> what the socket did not take stays the head of out_, sent when it can
//
// libuv's own streams would add to the instructions of every small command, and double the memory
// of an idle session; see loop.h.
//
// Owned by a session or connection, embedded in it (an idle one costs a few words).
// Lifetime: after Close() the owner must keep the Stream until OnClosed(); there it may delete it.
// Threading: only on its loop's thread.
// Failure: OnEnd() says that the peer closed (error 0) or the socket broke; the owner calls
// Close().
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "daemon/net/buffer_pool.h"
#include "protocol/buffer.h"

namespace mcrelay::net {

class Loop;

class StreamOwner {
 public:
  struct Space {
    char* data;
    size_t bytes;
  };
  // Where the next read goes; asked right before each read.
  virtual Space OnReadSpace() = 0;
  // `bytes` were read into the start of that space.
  virtual void OnRead(size_t bytes) = 0;
  // No more will be read: `error` is 0 at end of file, else a libuv error code.
  virtual void OnEnd(int error) = 0;
  // A connect ended: `error` is 0 or a libuv error code.
  virtual void OnConnected(int error) = 0;
  // Output that the socket had refused before is written; more may be flushed.
  virtual void OnDrained() = 0;
  // The handle is gone; the owner may delete itself.
  virtual void OnClosed() = 0;

 protected:
  ~StreamOwner() = default;
};

class Stream {
 public:
  enum class Kind : uint8_t { kTcp, kUnix };

  // Borrows all three. `pool` lends the output buffer while there is output.
  Stream(Loop& loop, BufferPool& pool, StreamOwner* owner, Kind kind);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Takes over an accepted socket. False: the socket was refused and is still the caller's.
  [[nodiscard]] bool Adopt(int fd);
  // Starts a connect; OnConnected() follows, unless an error code other than 0 is returned at once.
  [[nodiscard]] int ConnectTcp(const sockaddr* address);
  [[nodiscard]] int ConnectUnix(const std::string& path);

  void StartReading();
  void StopReading();

  // Output of this turn; Flush() hands it to the socket. An error while writing closes nothing: it
  // comes as OnEnd().
  [[nodiscard]] Buffer& out() {
    pool_.Lend(&out_);
    return out_;
  }
  void Flush();
  // As Flush(), before the turn ends and whoever is calling: it calls nobody back. An error shows
  // when Flush() sends the rest.
  void FlushEarly();
  // Hands `bytes` (emptied) to the socket behind what out() has, and keeps what it does not take.
  // The memory stays with the owner, unlike that of out().
  void Write(Buffer* bytes);
  [[nodiscard]] bool has_output() const { return !out_.empty(); }
  // Bytes the owner produced that the socket has not taken yet.
  [[nodiscard]] size_t unsent_bytes() const { return out_.size(); }
  // Bytes that the socket took since the last call.
  [[nodiscard]] size_t TakeSentBytes() { return std::exchange(sent_bytes_, 0); }

  // Tells the peer that nothing more will come, drops what was not handed to the kernel, goes on
  // reading.
  void HalfClose();
  // Tells the peer that nothing more comes; it may still send. REQUIRES: unsent_bytes() == 0.
  void EndOutput();
  // Gives up output and handle. Safe to call twice.
  void Close();
  [[nodiscard]] bool closing() const { return closing_; }
  // The socket; -1 while there is none.
  [[nodiscard]] int fd() const { return fd_; }

 private:
  friend class Loop;

  [[nodiscard]] int Connect(const sockaddr* address, socklen_t bytes);
  // From the loop.
  void OnEvents(uint32_t events);
  void OnReadAgain();
  void OnReleased() { owner_->OnClosed(); }

  void FinishConnect();
  void Read();
  [[nodiscard]] int Send(Buffer* bytes);
  void SendOut();
  void SetFull(bool full);
  void Fail(int error);

  Loop& loop_;
  BufferPool& pool_;
  StreamOwner* const owner_;
  Buffer out_;
  size_t sent_bytes_ = 0;
  int fd_ = -1;
  const Kind kind_;
  bool full_ = false;  // the socket refused some of out_: it is watched until it takes more
  bool connecting_ = false;
  bool reading_ = false;   // the owner wants to
  bool readable_ = false;  // there may be something
  bool ended_ = false;     // the peer's end, or an error, is behind what can be read
  bool queued_ = false;    // the loop has it read in the next turn
  bool closing_ = false;
};

}  // namespace mcrelay::net
