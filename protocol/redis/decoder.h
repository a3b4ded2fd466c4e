// Decoder turns the byte stream of a Redis server into replies, over hiredis's redisReader with
// reply functions of our own: nothing is allocated per reply in steady state.
//
//   bytes -> TakeWhole(): simple replies that lie there whole, most of them -> sink
//        \-> redisReader: the rest (cut in two, errors, arrays nobody wants streamed) -> sink
//
// Owned by a connection; used on its loop's thread.
// The elements of a top-level array that the sink wants streamed are handed out as they are decoded
// (an MGET's values go straight on to their clients); every other reply is handed out whole.
// Failure: Feed() returns false on a protocol error or a reply above the limits, and for ever
// after; the caller closes the stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/redis/reply.h"

struct redisReader;

namespace mcrelay::redis {

class ReplySink {
 public:
  // Asked, once or twice, at the start of a top-level array of `count` (1 or more) elements: true
  // streams it.
  [[nodiscard]] virtual bool StreamArray(size_t count) = 0;
  // Element `index` of a streamed array. Never an array.
  virtual void OnElement(const Reply& reply, size_t index) = 0;
  // A whole top-level reply.
  virtual void OnReply(const Reply& reply) = 0;

 protected:
  ~ReplySink() = default;
};

class Decoder {
 public:
  // Borrows `sink`, which is called from inside Feed(). `reply_bytes` bounds the bytes that may
  // wait for the rest of one reply.
  Decoder(ReplySink* sink, size_t reply_bytes);
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Takes the next bytes of the stream. False: see error().
  [[nodiscard]] bool Feed(std::string_view bytes);
  // Bytes taken that are not a whole reply yet.
  [[nodiscard]] size_t buffered_bytes() const;
  // For the sink: hands out nothing more; the running Feed() returns false.
  void Abort(std::string_view why);
  // Why Feed() failed, for the log.
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  friend struct DecoderFunctions;

  // One reply of an array that is collected; texts stay offsets until the arena stops moving.
  struct Collected {
    Reply reply;
    size_t text_at = 0;
    size_t text_bytes = 0;
    size_t first_child = 0;
    size_t children = 0;
  };

  [[nodiscard]] bool reader_idle() const;
  [[nodiscard]] size_t TakeWhole(std::string_view bytes);
  [[nodiscard]] size_t ForReader(std::string_view bytes) const;
  [[nodiscard]] bool Drain();
  void CheckLimits();
  void Emit(const void* parent, size_t index, const Reply& reply);
  void* BeginArray(const void* parent, size_t index, long long count);
  void EmitCollected();

  ReplySink* const sink_;
  const size_t reply_bytes_;
  redisReader* reader_;
  bool failed_ = false;
  size_t elements_ = 0;       // of the array that TakeWhole() is in; 0: in none
  size_t elements_left_ = 0;  // of them
  std::string error_;
  std::vector<Collected> collected_;
  std::vector<Reply> views_;
  std::string arena_;
};

}  // namespace mcrelay::redis
