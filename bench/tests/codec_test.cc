// The load generator must notice a wrong answer, or a table of ratios may compare servers that do
// not work.

#include "bench/generator/codec.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace mcrelay::bench {
namespace {

Options Small() {
  Options options;
  options.keys = 100;
  options.multi_max = 3;
  return options;
}

std::string Key(const Workload& workload, uint32_t number) {
  std::string key;
  workload.AppendKey(number, &key);
  return key;
}

std::string Value(const Workload& workload, uint32_t number) {
  std::string value;
  workload.AppendValue(number, &value);
  return value;
}

std::string MemcachedItem(const Workload& workload, uint32_t key, uint32_t value) {
  const std::string bytes = Value(workload, value);
  return "VALUE " + Key(workload, key) + " 0 " + std::to_string(bytes.size()) + "\r\n" + bytes +
         "\r\n";
}

std::string Bulk(const std::string& bytes) {
  return "$" + std::to_string(bytes.size()) + "\r\n" + bytes + "\r\n";
}

struct Parsed {
  ParseStatus status;
  size_t used = 0;
  Answers answers;
};

Parsed ParseWith(const Codec& codec, const std::string& reply, const Request& request) {
  Parsed parsed{};
  parsed.status = codec.Parse(reply, request, &parsed.used, &parsed.answers);
  return parsed;
}

Request Get(uint32_t number) { return {.first = number}; }
Request Set(uint32_t number) { return {.set = true, .first = number}; }

// A get of three keys; their numbers go to `keys`.
Request GetThree(const Workload& workload, std::vector<uint32_t>* keys) {
  const Request request{.keys = 3, .seed = 99};
  workload.ForEachKey(request, [&](uint32_t number) { keys->push_back(number); });
  return request;
}

TEST_CASE("bench: requests are what the protocols say") {
  const Workload workload(Small());
  std::string out;
  MakeMemcachedCodec(workload)->Append(Get(7), &out);
  CHECK(out == "get bench:00000007\r\n");
  out.clear();
  MakeRedisCodec(workload)->Append(Get(7), &out);
  CHECK(out == "*2\r\n$3\r\nGET\r\n$14\r\nbench:00000007\r\n");
  out.clear();
  MakeMemcachedCodec(workload)->Append(Set(7), &out);
  CHECK(out == "set bench:00000007 0 0 100\r\n" + Value(workload, 7) + "\r\n");
  CHECK(Value(workload, 7).size() == 100);
  CHECK(Value(workload, 7).starts_with("bench:00000007"));
}

TEST_CASE("bench: a right memcached answer counts, at any split") {
  const Workload workload(Small());
  const auto codec = MakeMemcachedCodec(workload);
  const std::string reply = MemcachedItem(workload, 7, 7) + "END\r\n";
  for (size_t size = 0; size < reply.size(); ++size) {
    const Parsed part = ParseWith(*codec, reply.substr(0, size), Get(7));
    CHECK(part.status == ParseStatus::kMore);
    CHECK(part.answers.hits + part.answers.misses == 0);
  }
  const Parsed whole = ParseWith(*codec, reply + "VALUE next", Get(7));
  CHECK(whole.status == ParseStatus::kDone);
  CHECK(whole.used == reply.size());
  CHECK(whole.answers.hits == 1);
  CHECK(ParseWith(*codec, "END\r\n", Get(7)).answers.misses == 1);
  CHECK(ParseWith(*codec, "STORED\r\n", Set(7)).answers.stored == 1);
  const Parsed error = ParseWith(*codec, "SERVER_ERROR out of memory\r\n", Set(7));
  CHECK(error.answers.errors == 1);
  CHECK(error.answers.first_error == "SERVER_ERROR out of memory");
}

TEST_CASE("bench: a memcached answer with another key's value, or another key, is wrong") {
  const Workload workload(Small());
  const auto codec = MakeMemcachedCodec(workload);
  const std::string end = "END\r\n";
  CHECK(ParseWith(*codec, MemcachedItem(workload, 7, 8) + end, Get(7)).status ==
        ParseStatus::kWrong);
  CHECK(ParseWith(*codec, MemcachedItem(workload, 8, 8) + end, Get(7)).status ==
        ParseStatus::kWrong);
  CHECK(ParseWith(*codec, "STORED\r\n", Get(7)).status == ParseStatus::kWrong);
  CHECK(ParseWith(*codec, "END\r\n", Set(7)).status == ParseStatus::kWrong);
  std::string changed = MemcachedItem(workload, 7, 7) + end;
  changed[changed.size() - 10] ^= 1;
  CHECK(ParseWith(*codec, changed, Get(7)).status == ParseStatus::kWrong);
}

TEST_CASE("bench: a multi-get may miss keys, but its items keep the order asked") {
  const Workload workload(Small());
  const auto codec = MakeMemcachedCodec(workload);
  std::vector<uint32_t> keys;
  const Request request = GetThree(workload, &keys);
  const std::string first = MemcachedItem(workload, keys[0], keys[0]);
  const std::string last = MemcachedItem(workload, keys[2], keys[2]);
  const Parsed parsed = ParseWith(*codec, first + last + "END\r\n", request);
  CHECK(parsed.status == ParseStatus::kDone);
  CHECK(parsed.answers.hits == 2);
  CHECK(parsed.answers.misses == 1);
  CHECK(ParseWith(*codec, last + first + "END\r\n", request).status == ParseStatus::kWrong);
}

TEST_CASE("bench: Redis' answers are held to the same") {
  const Workload workload(Small());
  const auto codec = MakeRedisCodec(workload);
  const std::string reply = Bulk(Value(workload, 7));
  for (size_t size = 0; size < reply.size(); ++size) {
    CHECK(ParseWith(*codec, reply.substr(0, size), Get(7)).status == ParseStatus::kMore);
  }
  CHECK(ParseWith(*codec, reply, Get(7)).answers.hits == 1);
  CHECK(ParseWith(*codec, "$-1\r\n", Get(7)).answers.misses == 1);
  CHECK(ParseWith(*codec, "+OK\r\n", Set(7)).answers.stored == 1);
  CHECK(ParseWith(*codec, "-OOM no\r\n", Set(7)).answers.errors == 1);
  CHECK(ParseWith(*codec, Bulk(Value(workload, 8)), Get(7)).status == ParseStatus::kWrong);
  CHECK(ParseWith(*codec, "+OK\r\n", Get(7)).status == ParseStatus::kWrong);
  CHECK(ParseWith(*codec, ":1\r\n", Set(7)).status == ParseStatus::kWrong);

  std::vector<uint32_t> keys;
  const Request request = GetThree(workload, &keys);
  std::string values;
  for (const uint32_t key : keys) values += Bulk(Value(workload, key));
  CHECK(ParseWith(*codec, "*3\r\n" + values, request).answers.hits == 3);
  CHECK(ParseWith(*codec, "*2\r\n" + values, request).status == ParseStatus::kWrong);
  CHECK(ParseWith(*codec, "*3\r\n" + values.substr(0, 150), request).status == ParseStatus::kMore);
}

}  // namespace
}  // namespace mcrelay::bench
