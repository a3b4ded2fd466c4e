// A real redis-server for unit tests, and a blocking client for it.
//
// The server listens on a Unix socket in a folder of its own under the temporary directory, keeps
// nothing on disk, and ends with its RedisServer; the kernel ends it with the test in any case.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/redis/decoder.h"
#include "protocol/redis/reply.h"

namespace mcrelay::testing {

class RedisServer {
 public:
  // Starts redis-server with `options` added to its command line and waits until it answers.
  // Throws std::runtime_error if it does not within 10 s.
  RedisServer(std::initializer_list<std::string> options = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  [[nodiscard]] const std::string& socket_path() const { return socket_path_; }

 private:
  std::string folder_;
  std::string socket_path_;
  pid_t pid_ = -1;
};

// A reply that owns its bytes.
struct OwnedReply {
  redis::Reply::Type type = redis::Reply::Type::kNil;
  std::string text;
  int64_t integer = 0;
  std::vector<OwnedReply> elements;

  [[nodiscard]] static OwnedReply Copy(const redis::Reply& reply);
};

// Blocking; every failure (a lost connection, 10 s without an answer) throws std::runtime_error.
class RedisClient final : private redis::ReplySink {
 public:
  explicit RedisClient(const std::string& socket_path);
  ~RedisClient();
  RedisClient(const RedisClient&) = delete;
  RedisClient& operator=(const RedisClient&) = delete;

  void Send(std::string_view bytes);
  [[nodiscard]] OwnedReply NextReply();
  // Sends one request and returns its reply.
  OwnedReply Do(std::initializer_list<std::string_view> words);

 private:
  bool StreamArray(size_t count) override;
  void OnElement(const redis::Reply& reply, size_t index) override;
  void OnReply(const redis::Reply& reply) override;

  int socket_ = -1;
  redis::Decoder decoder_;
  std::deque<OwnedReply> replies_;
};

}  // namespace mcrelay::testing
