// Decoder turns the byte stream of a Redis server into replies, over hiredis's redisReader with reply
// functions of our own: no reply tree is built for what the data path reads.
//
// Owned by a connection; used on its loop's thread.
// Every element of a *top-level array that the sink asked to stream* is handed out as it is decoded
// (an MGET's values go straight on to their clients); every other reply is handed out whole.
// Failure: Feed() returns false on a protocol error, on a reply above `limits`, and for ever after;
// the caller closes the stream.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/redis/reply.h"

struct redisReader;

namespace mcrelay::redis {

class ReplySink {
 public:
  // Asked at the start of a top-level array of `count` elements: true to get them one by one.
  [[nodiscard]] virtual bool StreamArray(size_t count) = 0;
  // A whole top-level reply, or element `index` of a streamed array of `count` elements.
  // A streamed array of no elements, or a nil array, is handed out as one whole reply.
  virtual void OnReply(const Reply& reply, size_t index, size_t count) = 0;

 protected:
  ~ReplySink() = default;
};

class Decoder {
 public:
  struct Limits {
    size_t reply_bytes;  // bytes that may wait for the rest of one reply
  };

  // Borrows `sink`. Replies are handed out from inside Feed().
  Decoder(ReplySink* sink, Limits limits);
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Takes the next bytes of the stream. False: the stream is broken or over a limit, see error().
  [[nodiscard]] bool Feed(std::string_view bytes);
  // Stops handing out replies from inside a running Feed(), which then returns false.
  void Abort() { aborted_ = true; }
  [[nodiscard]] std::string_view error() const { return error_; }

  struct Node;  // one reply under construction

 private:
  friend struct DecoderFunctions;

  ReplySink* const sink_;
  const Limits limits_;
  redisReader* reader_;
  bool aborted_ = false;
  std::string_view error_;
  std::unique_ptr<Node> tree_;
};

}  // namespace mcrelay::redis
