#include "protocol/redis/encoder.h"

#include <doctest/doctest.h>

#include <string>

#include "protocol/redis/error.h"

namespace mcrelay::redis {

TEST_CASE("encoder: arguments are length-prefixed, so CRLF and RESP inside them stay data") {
  Buffer out;
  Encoder(&out).Begin(3).Arg("SET").Arg({"p:", "k\r\n*1"}).Arg({"", "$4\r\nQUIT\r\n"});
  CHECK(out.view() == "*3\r\n$3\r\nSET\r\n$7\r\np:k\r\n*1\r\n$10\r\n$4\r\nQUIT\r\n\r\n");
}

TEST_CASE("encoder: numbers and plain requests") {
  Buffer out;
  Encoder(&out).Request({"SELECT", "1"}).Begin(2).Arg("N").Arg(int64_t{-9223372036854775807 - 1});
  CHECK(out.view() ==
        "*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n*2\r\n$1\r\nN\r\n$20\r\n-9223372036854775808\r\n");
}

TEST_CASE("error: replies are classified by their first word only") {
  CHECK(ClassifyError("NOSCRIPT No matching script.") == ErrorKind::kNoScript);
  CHECK(ClassifyError("OOM command not allowed") == ErrorKind::kOutOfMemory);
  CHECK(ClassifyError("MOVED 3999 127.0.0.1:6381") == ErrorKind::kMoved);
  CHECK(ClassifyError("ERR MOVED") == ErrorKind::kOther);
  CHECK(ClassifyError("") == ErrorKind::kOther);
  CHECK(ErrorKindName(ErrorKind::kReadOnly) == "readonly");
  CHECK(ErrorKindName(ErrorKind::kWrongType) == "wrongtype");
}

TEST_CASE("encoder: the first of several requests is found by its lengths") {
  Buffer out;
  Encoder encoder(&out);
  encoder.Request({"MULTI"});
  encoder.Request({"SET", "k", "*1\r\n$4\r\nEXEC\r\n"});
  encoder.Begin(2).Arg("GET").Arg("");
  std::string_view rest = out.view();
  CHECK(FirstRequest(rest) == "*1\r\n$5\r\nMULTI\r\n");
  rest.remove_prefix(FirstRequest(rest).size());
  CHECK(FirstRequest(rest) == "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$14\r\n*1\r\n$4\r\nEXEC\r\n\r\n");
  rest.remove_prefix(FirstRequest(rest).size());
  CHECK(FirstRequest(rest) == rest);
}

}  // namespace mcrelay::redis
