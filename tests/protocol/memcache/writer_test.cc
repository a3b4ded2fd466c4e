#include "protocol/memcache/writer.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

namespace mcrelay::memcache {

TEST_CASE("writer: a found item is header, value and line end") {
  Buffer out;
  WriteValue("k", 5, "abc", nullptr, &out);
  CHECK(out.view() == "VALUE k 5 3\r\nabc\r\n");
}

TEST_CASE("writer: gets adds the cas unique") {
  Buffer out;
  const uint64_t cas = std::numeric_limits<uint64_t>::max();
  WriteValueHeader(std::string(250, 'k'), 4294967295u, 1048576, &cas, &out);
  CHECK(out.view() ==
        "VALUE " + std::string(250, 'k') + " 4294967295 1048576 18446744073709551615\r\n");
}

TEST_CASE("writer: an empty value is present") {
  Buffer out;
  WriteValue("k", 0, "", nullptr, &out);
  CHECK(out.view() == "VALUE k 0 0\r\n\r\n");
}

TEST_CASE("writer: answers are appended behind what is there") {
  Buffer out;
  out.Append(kStored);
  WriteServerError("BUSY", &out);
  out.Append(kEnd);
  CHECK(out.view() == "STORED\r\nSERVER_ERROR BUSY\r\nEND\r\n");
}

TEST_CASE("writer: a reason from elsewhere cannot forge a line") {
  Buffer out;
  WriteServerError("BUSY\r\nSTORED\x7f", &out);
  CHECK(out.view() == "SERVER_ERROR BUSY  STORED \r\n");
}

TEST_CASE("writer: a listed key cannot forge a line") {
  Buffer out;
  AppendEscapedKey("a b%\r\nKEY x\x7f", &out);
  CHECK(out.view() == "a%20b%25%0D%0AKEY%20x%7F");
  out.Clear();
  AppendEscapedKey(std::string_view("\0\x1f!~\x80\xff", 6), &out);
  CHECK(out.view() == "%00%1F!~\x80\xff");
}

TEST_CASE("writer: only what would break a line needs escaping") {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string key(1, static_cast<char>(byte));
    Buffer out;
    AppendEscapedKey(key, &out);
    CAPTURE(byte);
    CHECK(NeedsEscape(key) == (byte <= 0x20 || byte == 0x7f || byte == '%'));
    CHECK((out.view() == key) == !NeedsEscape(key));
  }
}

// The examples of RFC 4648, section 10.
TEST_CASE("base64: the RFC's examples, both ways") {
  constexpr std::pair<std::string_view, std::string_view> kExamples[] = {
      {"f", "Zg=="},        {"fo", "Zm8="},        {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : kExamples) {
    Buffer out;
    AppendBase64(plain, &out);
    CHECK(out.view() == encoded);
    char decoded[16];
    const size_t bytes = DecodeBase64(encoded, decoded);
    CHECK(std::string_view(decoded, bytes) == plain);
  }
}

TEST_CASE("base64: every byte survives a round trip at every length") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes += static_cast<char>(i * 7);
    Buffer encoded;
    AppendBase64(bytes, &encoded);
    std::string decoded(bytes.size() + 3, '\0');
    decoded.resize(DecodeBase64(encoded.view(), decoded.data()));
    REQUIRE(decoded == bytes);
  }
}

TEST_CASE("base64: reads what memcached reads") {
  const auto decode = [](std::string_view text) {
    char out[64];
    return std::string(out, DecodeBase64(text, out));
  };
  CHECK(decode("") == "");
  CHECK(decode("YWJ") == "");
  CHECK(decode("Y!W-J_j") == "abc");        // other characters are skipped
  CHECK(decode("YWJjYQ==YWJj") == "abca");  // nothing behind the padding counts
  CHECK(decode("YR==") == "a");             // stray bits are dropped
  CHECK(decode("Y===") == "");
  CHECK(decode("====") == "");
}

}  // namespace mcrelay::memcache
