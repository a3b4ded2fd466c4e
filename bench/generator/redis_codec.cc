// RESP2: GET, MGET for more keys than one, SET.

#include "bench/generator/codec.h"

namespace mcrelay::bench {
namespace {

class RedisCodec final : public Codec {
 public:
  explicit RedisCodec(const Workload& workload) : workload_(workload) {}

  void Append(const Request& request, std::string* out) const override {
    if (request.set) {
      out->append("*3\r\n$3\r\nSET\r\n");
      AppendKey(request.first, out);
      AppendLength('$', workload_.ValueBytes(request.first), out);
      workload_.AppendValue(request.first, out);
      out->append("\r\n");
      return;
    }
    if (request.keys == 1) {
      out->append("*2\r\n$3\r\nGET\r\n");
    } else {
      AppendLength('*', request.keys + 1, out);
      out->append("$4\r\nMGET\r\n");
    }
    workload_.ForEachKey(request, [&](uint32_t number) { AppendKey(number, out); });
  }

  [[nodiscard]] ParseStatus Parse(std::string_view in, const Request& request, size_t* used,
                                  Answers* answers) const override {
    std::string_view line;
    if (!TakeLine(in, &line)) return ParseStatus::kMore;
    if (line.starts_with('-')) {
      ++answers->errors;
      if (answers->first_error.empty()) answers->first_error = line;
      *used = line.size() + 2;
      return ParseStatus::kDone;
    }
    if (request.set) {
      if (line != "+OK") return ParseStatus::kWrong;
      ++answers->stored;
      *used = line.size() + 2;
      return ParseStatus::kDone;
    }
    size_t at = 0;
    if (request.keys > 1) {
      if (line.empty() || line[0] != '*' || ToNumber(line.substr(1)) != request.keys) {
        return ParseStatus::kWrong;
      }
      at = line.size() + 2;
    }
    return ParseValues(in, at, request, used, answers);
  }

 private:
  static void AppendLength(char type, size_t length, std::string* out) {
    out->push_back(type);
    out->append(std::to_string(length)).append("\r\n");
  }

  void AppendKey(uint32_t number, std::string* out) const {
    AppendLength('$', workload_.key_bytes(), out);
    workload_.AppendKey(number, out);
    out->append("\r\n");
  }

  [[nodiscard]] ParseStatus ParseValues(std::string_view in, size_t at, const Request& request,
                                        size_t* used, Answers* answers) const {
    ParseStatus status = ParseStatus::kDone;
    uint64_t hits = 0;
    uint64_t misses = 0;
    workload_.ForEachKey(request, [&](uint32_t number) {
      if (status != ParseStatus::kDone) return;
      std::string_view line;
      if (!TakeLine(in.substr(at), &line)) {
        status = ParseStatus::kMore;
        return;
      }
      at += line.size() + 2;
      if (line == "$-1") {
        ++misses;
        return;
      }
      const int64_t bytes = line.empty() || line[0] != '$' ? -1 : ToNumber(line.substr(1));
      const auto size = static_cast<size_t>(bytes);
      if (bytes >= 0 && in.size() < at + size + 2) {
        status = ParseStatus::kMore;
        return;
      }
      if (bytes < 0 || !workload_.IsValue(number, in.substr(at, size)))
        status = ParseStatus::kWrong;
      at += size + 2;
      ++hits;
    });
    if (status != ParseStatus::kDone) return status;
    answers->hits += hits;
    answers->misses += misses;
    *used = at;
    return ParseStatus::kDone;
  }

  const Workload& workload_;
};

}  // namespace

std::unique_ptr<Codec> MakeRedisCodec(const Workload& workload) {
  return std::make_unique<RedisCodec>(workload);
}

}  // namespace mcrelay::bench
