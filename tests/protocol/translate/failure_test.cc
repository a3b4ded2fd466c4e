// Replies that a test makes up: what a client is told when Redis is away, refuses, or talks
// rubbish.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "protocol/memcache/parser.h"
#include "protocol/translate/translation.h"

namespace mcrelay::translate {
namespace {

using redis::Reply;

uint64_t Ticks() { return 28'000'000'000'000'000; }

// One command on its way, without a Redis.
struct Bench {
  explicit Bench(std::string_view line, Settings used = {}) : settings(std::move(used)) {
    const auto parsed = memcache::Parse(line, {}, false, 0, &command);
    REQUIRE(parsed.status == memcache::ParseStatus::kCommand);
    std::string_view key = command.key;
    if (std::string_view keys = command.keys; !keys.empty()) {
      REQUIRE(memcache::NextKey(&keys, &key));
    }
    step = translation.Begin(command, key, environment(), &out);
  }
  Environment environment() { return {settings, cas, 1'800'000'000'000}; }
  std::string Fail(Failure failure = Failure::kUnavailable) {
    step = translation.OnFailure(failure, environment(), &answer);
    return std::string(answer.view());
  }
  std::string Reply(const redis::Reply& reply) {
    step = translation.OnReply(reply, environment(), &out, &answer);
    return std::string(answer.view());
  }
  std::string Error(std::string_view text) {
    return Reply({.type = redis::Reply::Type::kError, .text = text});
  }

  Settings settings;
  CasSource cas{&Ticks, 3};
  memcache::Command command;
  Translation translation;
  Buffer out;
  Buffer answer;
  Step step;
};

struct Row {
  std::string line;
  std::string missing;  // under on_error: miss
  bool removal_due;
  std::string kind;  // read, write or delete
};

const std::vector<Row> kTable = {
    {"get a\r\n", "", false, "read"},
    {"gets a\r\n", "", false, "read"},
    {"gat 5 a\r\n", "", false, "read"},
    {"gats 0 a\r\n", "", false, "read"},
    {"mg a v k Oab\r\n", "EN ka Oab\r\n", false, "read"},
    {"mg a v t q\r\n", "", false, "read"},
    {"me a\r\n", "EN\r\n", false, "read"},
    {"set a 0 0 1\r\nx\r\n", "NOT_STORED\r\n", true, "write"},
    {"set a 0 -1 1\r\nx\r\n", "NOT_STORED\r\n", true, "write"},
    {"set a 0 0 1 noreply\r\nx\r\n", "", true, "write"},
    {"add a 0 0 1\r\nx\r\n", "NOT_STORED\r\n", false, "write"},
    {"replace a 0 0 1\r\nx\r\n", "NOT_STORED\r\n", true, "write"},
    {"append a 0 0 1\r\nx\r\n", "NOT_STORED\r\n", false, "write"},
    {"prepend a 0 0 1\r\nx\r\n", "NOT_STORED\r\n", false, "write"},
    {"cas a 0 0 1 5\r\nx\r\n", "NOT_FOUND\r\n", true, "write"},
    {"incr a 1\r\n", "NOT_FOUND\r\n", false, "write"},
    {"decr a 1\r\n", "NOT_FOUND\r\n", false, "write"},
    {"touch a 5\r\n", "NOT_FOUND\r\n", false, "write"},
    {"touch a 0\r\n", "NOT_FOUND\r\n", false, "write"},
    {"delete a\r\n", "NOT_FOUND\r\n", true, "delete"},
    {"ms a 1 k c s\r\nx\r\n", "NS ka c0 s1\r\n", true, "write"},
    {"ms a 1 q\r\nx\r\n", "NS\r\n", true, "write"},
    {"ms a 1 MR C5\r\nx\r\n", "NS\r\n", true, "write"},
    {"ms a 1 ME\r\nx\r\n", "NS\r\n", false, "write"},
    {"ms a 1 MA\r\nx\r\n", "NS\r\n", false, "write"},
    {"ms a 1 MP\r\nx\r\n", "NS\r\n", false, "write"},
    {"ma a O5\r\n", "NF O5\r\n", false, "write"},
    {"md a q k\r\n", "NF ka\r\n", true, "delete"},
    {"md a I\r\n", "NF\r\n", true, "delete"},
};

constexpr std::string_view kUnavailable = "SERVER_ERROR backend unavailable\r\n";

bool Silent(const Row& row) { return row.line.find("noreply") != std::string::npos; }

TEST_CASE("failure: a backend that is away is a cache that misses") {
  for (const Row& row : kTable) {
    CAPTURE(row.line);
    Bench bench(row.line);
    CHECK(bench.Fail() == row.missing);
    CHECK(bench.step.kind == Step::Kind::kDone);
    CHECK(bench.step.outcome == Outcome::kFailed);
    CHECK(bench.step.removal_due == row.removal_due);
    CHECK_FALSE(bench.step.misfit);
  }
}

TEST_CASE("failure: on_error turns misses into errors, for one kind of command or for all") {
  for (const std::string kind : {"read", "write", "delete"}) {
    Settings settings;
    (kind == "read"    ? settings.on_error_read
     : kind == "write" ? settings.on_error_write
                       : settings.on_error_delete) = OnError::kError;
    for (const Row& row : kTable) {
      CAPTURE(row.line);
      Bench bench(row.line, settings);
      const bool error = row.kind == kind && !Silent(row);
      CHECK(bench.Fail() == (error ? std::string(kUnavailable) : row.missing));
      CHECK(bench.step.removal_due == row.removal_due);
    }
  }
}

TEST_CASE("failure: a key that waits for its removal is missing, whatever on_error says") {
  const Settings settings{.on_error_read = OnError::kError,
                          .on_error_write = OnError::kError,
                          .on_error_delete = OnError::kError};
  for (const Row& row : kTable) {
    CAPTURE(row.line);
    Bench bench(row.line, settings);
    CHECK(bench.Fail(Failure::kMissing) == row.missing);
    CHECK(bench.step.outcome == Outcome::kMiss);
    CHECK_FALSE(bench.step.removal_due);
  }
}

TEST_CASE("failure: a refusal is an error with Redis's reason to writers, a miss to readers") {
  for (const std::string reason :
       {"READONLY You can't write against a read only replica.", "MISCONF Redis is configured",
        "NOREPLICAS Not enough good replicas to write.", "LOADING Redis is loading",
        "NOAUTH Authentication required.", "NOPERM this user has no permissions",
        "ERR unknown command", "BUSY Redis is busy", "CLUSTERDOWN Hash slot not served",
        "TRYAGAIN Multiple keys", "MASTERDOWN Link with MASTER is down", "OOM command not allowed",
        "NONSENSE"}) {
    for (const Row& row : kTable) {
      CAPTURE(reason);
      CAPTURE(row.line);
      Bench bench(row.line);
      // every reply of a request of several is refused
      std::string answer;
      for (int due = bench.step.kind == Step::Kind::kRead ? 1 : bench.step.replies; due > 0;
           --due) {
        CHECK(bench.step.kind != Step::Kind::kDone);
        answer = bench.Error(reason);
      }
      REQUIRE(bench.step.kind == Step::Kind::kDone);
      const std::string error = reason.starts_with("OOM")
                                    ? "SERVER_ERROR out of memory storing object\r\n"
                                    : "SERVER_ERROR " + reason + "\r\n";
      CHECK(answer == (row.kind == "read" || Silent(row) ? row.missing : error));
      CHECK(bench.step.outcome == Outcome::kFailed);
      CHECK(bench.step.removal_due == row.removal_due);
      CHECK_FALSE(bench.step.misfit);
      if (row.kind != "read") continue;
      Bench strict(row.line, {.on_error_read = OnError::kError});
      for (int due = strict.step.kind == Step::Kind::kRead ? 1 : strict.step.replies; due > 0;
           --due) {
        answer = strict.Error(reason);
      }
      CHECK(answer == error);
    }
  }
}

TEST_CASE(
    "failure: a reply that answers something else stores nothing and condemns the connection") {
  using Type = Reply::Type;
  const std::vector<Reply> strange = {{.type = Type::kStatus, .text = "QUEUED"},
                                      {.type = Type::kInteger, .integer = -77},
                                      {.type = Type::kArray},
                                      {.type = Type::kString, .text = "rubbish"},
                                      {.type = Type::kNil}};
  int misfits = 0;
  for (const Row& row : kTable) {
    for (const Reply& reply : strange) {
      CAPTURE(row.line);
      CAPTURE(static_cast<int>(reply.type));
      Bench bench(row.line);
      if (bench.step.replies > 1) continue;
      const std::string answer = bench.Reply(reply);
      if (bench.step.kind != Step::Kind::kDone) continue;
      CHECK_FALSE(answer.starts_with("STORED"));
      CHECK_FALSE(answer.starts_with("HD"));
      if (row.kind != "read") CHECK(answer.find("rubbish") == std::string::npos);
      if (!bench.step.misfit) continue;
      ++misfits;
      CHECK(answer == row.missing);
      CHECK(bench.step.outcome == Outcome::kFailed);
      CHECK(bench.step.removal_due == row.removal_due);
    }
  }
  CHECK(misfits > 60);
}

TEST_CASE("failure: too large data answers so even if the old item cannot be removed") {
  for (const std::string line : {"set a 0 0 1\r\nx\r\n", "ms a 1 q\r\nx\r\n"}) {
    Bench bench(line);
    bench.out.Clear();
    bench.step = bench.translation.BeginRemoval(bench.command, bench.environment(), &bench.out);
    CHECK(bench.out.view() == "*2\r\n$6\r\nUNLINK\r\n$1\r\na\r\n");
    CHECK(bench.Fail() == "SERVER_ERROR object too large for cache\r\n");
    CHECK(bench.step.removal_due);
    bench.answer.Clear();
    bench.step = bench.translation.BeginRemoval(bench.command, bench.environment(), &bench.out);
    CHECK(bench.Error("READONLY no") == "SERVER_ERROR object too large for cache\r\n");
    CHECK(bench.step.removal_due);
    bench.answer.Clear();
    bench.step = bench.translation.BeginRemoval(bench.command, bench.environment(), &bench.out);
    CHECK(bench.Reply({.type = Reply::Type::kInteger}) ==
          "SERVER_ERROR object too large for cache\r\n");
    CHECK_FALSE(bench.step.removal_due);
    CHECK(bench.translation.cas() != 0);
  }
  Bench silent("set a 0 0 1 noreply\r\nx\r\n");
  silent.step = silent.translation.BeginRemoval(silent.command, silent.environment(), &silent.out);
  CHECK(silent.Reply({.type = Reply::Type::kInteger}).empty());
}

TEST_CASE("failure: only what changes nothing may be sent twice") {
  for (const std::string line :
       {"gat 0 a\r\n", "set a 0 0 1\r\nx\r\n", "touch a 0\r\n", "delete a\r\n", "incr a 1\r\n",
        "mg a T5\r\n", "mg a t T5\r\n", "mg a T5 h\r\n", "replace a 0 -1 1\r\nx\r\n",
        "ms a 1\r\nx\r\n", "md a\r\n"}) {
    CAPTURE(line);
    CHECK_FALSE(Bench(line).step.repeatable);
  }
  for (const std::string line : {"add a 0 -1 1\r\nx\r\n", "mg a t\r\n", "mg a l R5\r\n", "me a\r\n",
                                 "ms a 1 ME T-1\r\nx\r\n"}) {
    CAPTURE(line);
    CHECK(Bench(line).step.repeatable);
  }
}

TEST_CASE("failure: after Rewind the same replies lead to the same answer") {
  using Type = Reply::Type;
  Bench read("mg a t v\r\n");
  CHECK(read.step.replies == 4);
  CHECK(read.Error("ERR lost").empty());
  read.translation.Rewind();
  const std::vector<Reply> exec = {{.type = Type::kInteger, .integer = 4200},
                                   {.type = Type::kString, .text = "x"}};
  for (int i = 0; i < 3; ++i) CHECK(read.Reply({.type = Type::kStatus, .text = "QUEUED"}).empty());
  CHECK(read.Reply({.type = Type::kArray, .elements = exec}) == "VA 1 t5\r\nx\r\n");
}

}  // namespace
}  // namespace mcrelay::translate
