// memcached's classic text commands: get with one or more keys, set.

#include <charconv>

#include "bench/generator/codec.h"

namespace mcrelay::bench {
namespace {

class MemcachedCodec final : public Codec {
 public:
  explicit MemcachedCodec(const Workload& workload) : workload_(workload) {}

  void Append(const Request& request, std::string* out) const override {
    if (!request.set) {
      out->append("get");
      workload_.ForEachKey(request, [&](uint32_t number) {
        out->push_back(' ');
        workload_.AppendKey(number, out);
      });
      out->append("\r\n");
      return;
    }
    out->append("set ");
    workload_.AppendKey(request.first, out);
    out->append(" 0 0 ").append(std::to_string(workload_.ValueBytes(request.first))).append("\r\n");
    workload_.AppendValue(request.first, out);
    out->append("\r\n");
  }

  [[nodiscard]] ParseStatus Parse(std::string_view in, const Request& request, size_t* used,
                                  Answers* answers) const override {
    std::string_view line;
    if (!TakeLine(in, &line)) return ParseStatus::kMore;
    if (IsError(line)) {
      ++answers->errors;
      if (answers->first_error.empty()) answers->first_error = line;
      *used = line.size() + 2;
      return ParseStatus::kDone;
    }
    if (!request.set) return ParseGet(in, request, used, answers);
    if (line != "STORED") return ParseStatus::kWrong;
    ++answers->stored;
    *used = line.size() + 2;
    return ParseStatus::kDone;
  }

 private:
  static bool IsError(std::string_view line) {
    return line == "ERROR" || line == "NOT_STORED" || line.starts_with("SERVER_ERROR") ||
           line.starts_with("CLIENT_ERROR");
  }

  // "<key> <flags> <bytes>" after "VALUE "; -1: not that.
  static int64_t SplitValueLine(std::string_view line, std::string_view* key) {
    line.remove_prefix(6);
    const size_t first = line.find(' ');
    const size_t last = line.rfind(' ');
    if (first == std::string_view::npos || last == first) return -1;
    *key = line.substr(0, first);
    return ToNumber(line.substr(last + 1));
  }

  // Items come in the order of the keys; a key without an item was missed. All of the reply is
  // looked at twice: first whether it is complete, since keys of a partial reply may not be
  // counted.
  [[nodiscard]] ParseStatus ParseGet(std::string_view in, const Request& request, size_t* used,
                                     Answers* answers) const {
    const ParseStatus complete = FindEnd(in, used);
    if (complete != ParseStatus::kDone) return complete;
    size_t at = 0;
    std::string_view line;
    bool more = TakeLine(in, &line) && line != "END";
    bool wrong = false;
    workload_.ForEachKey(request, [&](uint32_t number) {
      std::string_view key;
      const int64_t bytes = more ? SplitValueLine(line, &key) : -1;
      if (!more || !workload_.IsKey(number, key)) {
        ++answers->misses;
        return;
      }
      at += line.size() + 2;
      wrong |= !workload_.IsValue(number, in.substr(at, static_cast<size_t>(bytes)));
      at += static_cast<size_t>(bytes) + 2;
      more = TakeLine(in.substr(at), &line) && line != "END";
      ++answers->hits;
    });
    // An item that is left over is one that was not asked for.
    return wrong || more ? ParseStatus::kWrong : ParseStatus::kDone;
  }

  static ParseStatus FindEnd(std::string_view in, size_t* used) {
    for (size_t at = 0;;) {
      std::string_view line;
      if (!TakeLine(in.substr(at), &line)) return ParseStatus::kMore;
      at += line.size() + 2;
      if (line == "END") {
        *used = at;
        return ParseStatus::kDone;
      }
      std::string_view key;
      if (!line.starts_with("VALUE ")) return ParseStatus::kWrong;
      const int64_t bytes = SplitValueLine(line, &key);
      if (bytes < 0) return ParseStatus::kWrong;
      at += static_cast<size_t>(bytes);
      if (in.size() < at + 2) return ParseStatus::kMore;
      if (in.substr(at, 2) != "\r\n") return ParseStatus::kWrong;
      at += 2;
    }
  }

  const Workload& workload_;
};

}  // namespace

std::unique_ptr<Codec> MakeMemcachedCodec(const Workload& workload) {
  return std::make_unique<MemcachedCodec>(workload);
}

}  // namespace mcrelay::bench
