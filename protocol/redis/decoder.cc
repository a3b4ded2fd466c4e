#include "protocol/redis/decoder.h"

#include <hiredis/hiredis.h>
#include <hiredis/read.h>

#include <algorithm>
#include <cstring>

namespace mcrelay::redis {
namespace {

// hiredis's reader moves the rest of its buffer after each reply past 1 KiB: short feeds keep the
// rest short.
constexpr size_t kFeedBytes = 16 * 1024;
// An idle reader buffer above this is given back.
constexpr size_t kIdleReaderBytes = 512 * 1024;
// Longer than any status, error or header line that a Redis sends.
constexpr size_t kMostLineBytes = 64 * 1024;
// More than any array we ask for that is not streamed (SCAN, CLUSTER SLOTS, script results).
constexpr long long kMostCollected = 65536;

// What the reader keeps as the object of an array under construction. A collected array's object is
// its index in `collected_` plus kCollectedBase, so that it is never null and never kStreamed.
constexpr uintptr_t kScalar = 1;
constexpr uintptr_t kStreamed = 2;
constexpr uintptr_t kCollectedBase = 16;

void* AsObject(uintptr_t value) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a tag, never followed
  return reinterpret_cast<void*>(value);
}

// Reads `$`, `:` or `*`, up to nine digits and CRLF. Returns what is behind them; null when that is
// not what `at` begins with. Zeros in front the reader refuses, so they are left to it.
const char* TakeHeader(const char* at, const char* end, size_t* number) {
  constexpr ptrdiff_t kMostDigits = 9;
  if (*at != '$' && *at != ':' && *at != '*') return nullptr;
  const char* const first = ++at;
  for (; at != end && *at >= '0' && *at <= '9'; ++at) {
    *number = *number * 10 + static_cast<size_t>(*at - '0');
  }
  const ptrdiff_t digits = at - first;
  if (digits == 0 || digits > kMostDigits || (digits > 1 && *first == '0')) return nullptr;
  if (end - at < 2) return nullptr;
  return at[0] == '\r' && at[1] == '\n' ? at + 2 : nullptr;
}

}  // namespace

struct DecoderFunctions {
  static Decoder& Self(const redisReadTask* task) { return *static_cast<Decoder*>(task->privdata); }
  static const void* Parent(const redisReadTask* task) {
    return task->parent == nullptr ? nullptr : task->parent->obj;
  }

  static void* String(const redisReadTask* task, char* text, size_t bytes) {
    Reply reply;
    reply.type = task->type == REDIS_REPLY_ERROR    ? Reply::Type::kError
                 : task->type == REDIS_REPLY_STATUS ? Reply::Type::kStatus
                                                    : Reply::Type::kString;
    reply.text = {text, bytes};
    // The reader waits for the two bytes behind a bulk string, but takes any.
    if (reply.is_string() && (text[bytes] != '\r' || text[bytes + 1] != '\n')) {
      Self(task).Abort("a bulk string that does not end where it should");
    }
    Self(task).Emit(Parent(task), task->idx, reply);
    return AsObject(kScalar);
  }
  static void* Integer(const redisReadTask* task, long long value) {
    Reply reply;
    reply.type = Reply::Type::kInteger;
    reply.integer = value;
    Self(task).Emit(Parent(task), task->idx, reply);
    return AsObject(kScalar);
  }
  static void* Nil(const redisReadTask* task) {
    Self(task).Emit(Parent(task), task->idx, Reply{});
    return AsObject(kScalar);
  }
  static void* ArrayOf(const redisReadTask* task, long long count) {
    return Self(task).BeginArray(Parent(task), task->idx, count);
  }
#if HIREDIS_MAJOR >= 1
  static void* Array(const redisReadTask* task, size_t count) {
    return ArrayOf(task, static_cast<long long>(count));
  }
  static void* Double(const redisReadTask* task, double, char* text, size_t bytes) {
    return String(task, text, bytes);
  }
  static void* Bool(const redisReadTask* task, int value) { return Integer(task, value); }
  static constexpr redisReplyObjectFunctions kTable = {String, Array, Integer,     Double,
                                                       Nil,    Bool,  [](void*) {}};
#else
  static void* Array(const redisReadTask* task, int count) { return ArrayOf(task, count); }
  static constexpr redisReplyObjectFunctions kTable = {String, Array, Integer, Nil, [](void*) {}};
#endif
};

Decoder::Decoder(ReplySink* sink, size_t reply_bytes)
    : sink_(sink),
      reply_bytes_(reply_bytes),
      // hiredis takes a pointer to non-const but never writes through it
      reader_(redisReaderCreateWithFunctions(
          const_cast<redisReplyObjectFunctions*>(&DecoderFunctions::kTable))) {
  reader_->privdata = this;
  reader_->maxbuf = kIdleReaderBytes;
}

Decoder::~Decoder() { redisReaderFree(reader_); }

bool Decoder::Feed(std::string_view bytes) {
  while (!bytes.empty() && !failed_) {
    if (reader_idle()) bytes.remove_prefix(TakeWhole(bytes));
    if (bytes.empty() || failed_) break;
    const std::string_view slice = bytes.substr(0, ForReader(bytes));
    bytes.remove_prefix(slice.size());
    if (redisReaderFeed(reader_, slice.data(), slice.size()) != REDIS_OK) {
      Abort("out of memory");
    } else if (Drain()) {
      CheckLimits();
    }
  }
  return !failed_;
}

bool Decoder::reader_idle() const { return reader_->ridx == -1 && buffered_bytes() == 0; }

// How much of `bytes` the reader gets: the rest of the line or the bulk string that it has begun,
// and no more, so that what follows can be taken where it lies.
size_t Decoder::ForReader(std::string_view bytes) const {
  const std::string_view begun(reader_->buf + reader_->pos, buffered_bytes());
  const std::string_view item = begun.empty() ? bytes : begun;
  const size_t most = std::min(bytes.size(), kFeedBytes);
  size_t number = 0;
  const char* const after = TakeHeader(item.data(), item.data() + item.size(), &number);
  if (after != nullptr && item.front() == '$') {
    const size_t whole = static_cast<size_t>(after - item.data()) + number + 2;
    return std::min(most, whole > begun.size() ? whole - begun.size() : 1);
  }
  const size_t newline = bytes.find('\n');
  return newline == std::string_view::npos ? most : std::min(most, newline + 1);
}

// Hands out the simple replies that `bytes` begin with and returns their length. Whatever is not
// clear at once is left to the reader, errors in the protocol too.
size_t Decoder::TakeWhole(std::string_view bytes) {
  constexpr std::string_view kNil = "$-1\r\n";
  constexpr std::string_view kOk = "+OK\r\n";
  const char* const end = bytes.data() + bytes.size();
  const char* at = bytes.data();
  while (!failed_ && at != end) {
    Reply reply;
    size_t number = 0;
    const char* after = TakeHeader(at, end, &number);
    const std::string_view rest(at, static_cast<size_t>(end - at));
    if (after == nullptr) {
      if (rest.starts_with(kNil)) {
        after = at + kNil.size();
      } else if (rest.starts_with(kOk)) {
        after = at + kOk.size();
        reply.type = Reply::Type::kStatus;
        reply.text = kOk.substr(1, 2);
      } else {
        break;
      }
    } else if (*at == '$') {
      const auto there = static_cast<size_t>(end - after);
      if (there < number + 2) break;
      if (after[number] != '\r' || after[number + 1] != '\n') break;
      reply.type = Reply::Type::kString;
      reply.text = {after, number};
      after += number + 2;
    } else if (*at == ':') {
      reply.type = Reply::Type::kInteger;
      reply.integer = static_cast<int64_t>(number);
    } else {
      if (elements_left_ > 0 || number == 0 || !sink_->StreamArray(number)) break;
      elements_ = elements_left_ = number;
      at = after;
      continue;
    }
    at = after;
    Emit(nullptr, 0, reply);
  }
  return static_cast<size_t>(at - bytes.data());
}

size_t Decoder::buffered_bytes() const { return reader_->len - reader_->pos; }

void Decoder::CheckLimits() {
  const size_t buffered = buffered_bytes();
  if (buffered > reply_bytes_) Abort("a reply above the limit");
  // A bulk string's header line stays in the buffer until all of it is there, so a newline is near.
  // The reader would search an endless line again with every feed.
  if (buffered > kMostLineBytes &&
      std::memchr(reader_->buf + reader_->pos, '\n', kMostLineBytes) == nullptr) {
    Abort("a line above the limit");
  }
}

bool Decoder::Drain() {
  for (;;) {
    void* object = nullptr;
    if (redisReaderGetReply(reader_, &object) != REDIS_OK) Abort(reader_->errstr);
    if (failed_) return false;
    if (object == nullptr) return true;
    if (reinterpret_cast<uintptr_t>(object) >= kCollectedBase) EmitCollected();
    if (failed_) return false;
  }
}

void Decoder::Abort(std::string_view why) {
  if (failed_) return;
  failed_ = true;
  error_ = why;
}

void Decoder::Emit(const void* parent, size_t index, const Reply& reply) {
  if (failed_) return;
  if (parent == nullptr && elements_left_ > 0) {
    sink_->OnElement(reply, elements_ - elements_left_--);
    return;
  }
  if (parent == nullptr) {
    sink_->OnReply(reply);
    return;
  }
  const auto tag = reinterpret_cast<uintptr_t>(parent);
  if (tag == kStreamed) {
    sink_->OnElement(reply, index);
    return;
  }
  if (tag < kCollectedBase) return;
  const size_t slot = collected_[tag - kCollectedBase].first_child + index;
  collected_[slot].reply = reply;
  collected_[slot].text_at = arena_.size();
  collected_[slot].text_bytes = reply.text.size();
  arena_.append(reply.text);
}

void* Decoder::BeginArray(const void* parent, size_t index, long long count) {
  const auto tag = reinterpret_cast<uintptr_t>(parent);
  if (failed_) return AsObject(kScalar);
  if (tag == kStreamed || elements_left_ > 0) {
    Abort("an array where a value was due");
    return AsObject(kScalar);
  }
  if (parent == nullptr) {
    if (count > 0 && sink_->StreamArray(count)) return AsObject(kStreamed);
    collected_.assign(1, Collected{});
    arena_.clear();
  }
  if (count > kMostCollected ||
      collected_.size() + static_cast<size_t>(std::max(count, 0LL)) > kMostCollected) {
    Abort("an array above the limit");
    return AsObject(kScalar);
  }
  const size_t self = parent == nullptr ? 0 : collected_[tag - kCollectedBase].first_child + index;
  collected_[self].reply.type = Reply::Type::kArray;
  collected_[self].first_child = collected_.size();
  collected_[self].children = static_cast<size_t>(count);
  collected_.resize(collected_.size() + static_cast<size_t>(count));
  return AsObject(kCollectedBase + self);
}

void Decoder::EmitCollected() {
  views_.resize(collected_.size());
  for (size_t i = 0; i < collected_.size(); ++i) {
    const Collected& from = collected_[i];
    views_[i] = from.reply;
    views_[i].text = std::string_view(arena_).substr(from.text_at, from.text_bytes);
    views_[i].elements =
        std::span(views_).subspan(from.children == 0 ? 0 : from.first_child, from.children);
  }
  sink_->OnReply(views_[0]);
}

}  // namespace mcrelay::redis
