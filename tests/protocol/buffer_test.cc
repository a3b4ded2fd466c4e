#include "protocol/buffer.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

namespace mcrelay {

TEST_CASE("buffer: an empty one holds no memory") {
  const Buffer buffer;
  CHECK(buffer.empty());
  CHECK(buffer.capacity() == 0);
  CHECK(buffer.view() == "");
}

TEST_CASE("buffer: bytes come out in the order they went in") {
  Buffer buffer;
  buffer.Append("abc");
  buffer.Append('d');
  buffer.Append("");
  buffer.AppendNumber(0);
  buffer.AppendNumber(std::numeric_limits<uint64_t>::max());
  CHECK(buffer.view() == "abcd018446744073709551615");
  buffer.Consume(3);
  CHECK(buffer.view() == "d018446744073709551615");
  CHECK(buffer.size() == 22);
}

TEST_CASE("buffer: the tail is written in place") {
  Buffer buffer;
  std::memcpy(buffer.Reserve(3), "xyz", 3);
  CHECK(buffer.empty());
  CHECK(buffer.free_tail() >= 3);
  buffer.Extend(2);
  CHECK(buffer.view() == "xy");
}

TEST_CASE("buffer: consuming everything makes all of the memory free again") {
  Buffer buffer;
  buffer.Append(std::string(1000, 'a'));
  const size_t capacity = buffer.capacity();
  buffer.Consume(1000);
  CHECK(buffer.empty());
  CHECK(buffer.free_tail() == capacity);
}

TEST_CASE("buffer: a queue that is fed and drained does not grow") {
  Buffer buffer;
  buffer.Append(std::string(600, 'a'));
  buffer.Consume(500);
  const size_t capacity = buffer.capacity();
  std::string expected(100, 'a');
  for (int i = 0; i < 1000; ++i) {
    const std::string piece(50, static_cast<char>('a' + i % 26));
    buffer.Append(piece);
    expected += piece;
    REQUIRE(buffer.view().substr(0, 50) == expected.substr(0, 50));
    buffer.Consume(50);
    expected.erase(0, 50);
    REQUIRE(buffer.view() == expected);
  }
  CHECK(buffer.capacity() == capacity);
}

TEST_CASE("buffer: growth keeps the bytes") {
  Buffer buffer;
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    const std::string piece(static_cast<size_t>(i % 97), static_cast<char>('a' + i % 26));
    buffer.Append(piece);
    expected += piece;
    if (i % 3 == 0 && expected.size() > 40) {
      buffer.Consume(40);
      expected.erase(0, 40);
    }
  }
  CHECK(buffer.view() == expected);
}

TEST_CASE("buffer: truncating drops the tail, clearing everything, releasing the memory too") {
  Buffer buffer;
  buffer.Append("abcdef");
  buffer.Consume(1);
  buffer.Truncate(3);
  CHECK(buffer.view() == "bcd");
  buffer.Clear();
  CHECK(buffer.empty());
  CHECK(buffer.capacity() > 0);
  buffer.Release();
  CHECK(buffer.capacity() == 0);
  buffer.Append("again");
  CHECK(buffer.view() == "again");
}

TEST_CASE("buffer: moving leaves the other one usable") {
  Buffer first;
  first.Append("abc");
  Buffer second(std::move(first));
  CHECK(second.view() == "abc");
  Buffer third;
  third.Append("xyz");
  third = std::move(second);
  CHECK(third.view() == "abc");
  third.Swap(first);
  CHECK(first.view() == "abc");
  CHECK(third.empty());
}

}  // namespace mcrelay
