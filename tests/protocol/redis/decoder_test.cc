#include "protocol/redis/decoder.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace mcrelay::redis {
namespace {

std::string Describe(const Reply& reply) {
  switch (reply.type) {
    case Reply::Type::kNil:
      return "nil";
    case Reply::Type::kString:
      return "\"" + std::string(reply.text) + "\"";
    case Reply::Type::kStatus:
      return "+" + std::string(reply.text);
    case Reply::Type::kError:
      return "-" + std::string(reply.text);
    case Reply::Type::kInteger:
      return std::to_string(reply.integer);
    case Reply::Type::kArray: {
      std::string all = "[";
      for (const Reply& element : reply.elements) all += Describe(element) + ",";
      return all + "]";
    }
  }
  return "?";
}

class Recorder final : public ReplySink {
 public:
  explicit Recorder(bool stream) : stream_(stream) {}
  bool StreamArray(size_t count) override {
    if (stream_) seen.push_back("*" + std::to_string(count));
    return stream_;
  }
  void OnElement(const Reply& reply, size_t index) override {
    seen.push_back(std::to_string(index) + ":" + Describe(reply));
  }
  void OnReply(const Reply& reply) override { seen.push_back(Describe(reply)); }

  std::vector<std::string> seen;

 private:
  bool stream_;
};

// The replies of `bytes`, the same however they are cut.
std::vector<std::string> Decode(const std::string& bytes, bool stream, bool expect_ok = true) {
  std::vector<std::string> all;
  for (size_t cut = bytes.size(); cut >= 1; cut = cut > 64 ? cut / 2 : cut - 1) {
    Recorder recorder(stream);
    Decoder decoder(&recorder, 1 << 20);
    bool ok = true;
    for (size_t at = 0; ok && at < bytes.size(); at += cut)
      ok = decoder.Feed(bytes.substr(at, cut));
    CHECK(ok == expect_ok);
    if (cut != bytes.size() && expect_ok) {
      CHECK(recorder.seen == all);
    } else if (cut == bytes.size()) {
      all = recorder.seen;
    }
  }
  return all;
}

using Seen = std::vector<std::string>;

}  // namespace

TEST_CASE("decoder: scalar replies arrive in order, whatever the packet boundaries") {
  CHECK(Decode("+OK\r\n:42\r\n$3\r\na\r\n\r\n$-1\r\n$0\r\n\r\n-ERR no\r\n", false) ==
        Seen{"+OK", "42", "\"a\r\n\"", "nil", "\"\"", "-ERR no"});
}

TEST_CASE("decoder: an array nobody wants streamed is handed out whole, nested ones too") {
  CHECK(Decode("*2\r\n$1\r\n0\r\n*3\r\n$1\r\na\r\n$-1\r\n:7\r\n+OK\r\n", false) ==
        Seen{"[\"0\",[\"a\",nil,7,],]", "+OK"});
  CHECK(Decode("*0\r\n*-1\r\n", false) == Seen{"[]", "nil"});
}

TEST_CASE("decoder: a streamed array is handed out element by element") {
  CHECK(Decode("*3\r\n$1\r\na\r\n$-1\r\n$2\r\nbc\r\n+OK\r\n", true) ==
        Seen{"*3", "0:\"a\"", "1:nil", "2:\"bc\"", "+OK"});
}

TEST_CASE("decoder: rubbish and arrays inside a streamed array end the stream") {
  Decode("HTTP/1.1 200 OK\r\n", false, false);
  Decode("*1\r\n*1\r\n:1\r\n", true, false);
  Decode("*1000000000\r\n", false, false);
  Decode("$99999999999999999999\r\n", false, false);
}

TEST_CASE("decoder: a reply above the limit ends the stream before it fills the memory") {
  Recorder recorder(false);
  Decoder decoder(&recorder, 100'000);
  const std::string chunk(10'000, 'x');
  CHECK(decoder.Feed("$1000000000\r\n"));
  int fed = 0;
  while (decoder.Feed(chunk)) ++fed;
  CHECK(fed == 9);
  CHECK(recorder.seen.empty());
  CHECK_FALSE(decoder.Feed("+OK\r\n"));
}

TEST_CASE("decoder: a bulk string must end in CRLF where its length says") {
  Decode("$3\r\nabcXY+OK\r\n", false, false);
  Decode("*1\r\n$3\r\nabc\n\n", true, false);
}

TEST_CASE("decoder: a line without an end is refused long before the reply limit") {
  Recorder recorder(false);
  Decoder decoder(&recorder, 100 << 20);
  const std::string chunk(16'000, 'x');
  CHECK(decoder.Feed("+"));
  int fed = 0;
  while (decoder.Feed(chunk)) ++fed;
  CHECK(fed == 4);
  CHECK(decoder.error() == "a line above the limit");
}

TEST_CASE("decoder: it tells whether a reply has begun") {
  Recorder recorder(false);
  Decoder decoder(&recorder, 1000);
  CHECK(decoder.Feed("+OK\r\n"));
  CHECK(decoder.buffered_bytes() == 0);
  CHECK(decoder.Feed("$5\r\nwr"));
  CHECK(decoder.buffered_bytes() > 0);
}

TEST_CASE("decoder: a sink that aborts gets nothing more") {
  class Aborting final : public ReplySink {
   public:
    bool StreamArray(size_t) override { return true; }
    void OnElement(const Reply&, size_t) override { FAIL("streamed after Abort()"); }
    void OnReply(const Reply&) override {
      ++replies;
      decoder->Abort("enough");
    }
    Decoder* decoder = nullptr;
    int replies = 0;
  } sink;
  Decoder decoder(&sink, 1000);
  sink.decoder = &decoder;
  CHECK_FALSE(decoder.Feed("+one\r\n+two\r\n*1\r\n:1\r\n"));
  CHECK(sink.replies == 1);
  CHECK(decoder.error() == "enough");
}

}  // namespace mcrelay::redis
