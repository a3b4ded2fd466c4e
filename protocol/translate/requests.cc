#include "protocol/translate/requests.h"

#include <charconv>
#include <cstring>

#include "protocol/decimal.h"

namespace mcrelay::translate {
namespace {

// Writes straight to reserved memory: SET is the one request whose writing shows in a profile.
class Cursor {
 public:
  explicit Cursor(char* at) : at_(at) {}

  void Put(std::string_view bytes) {
    std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  // `$<bytes>\r\n`
  void PutLength(size_t bytes) {
    *at_++ = '$';
    at_ = WriteDecimal(bytes, at_);
    Put("\r\n");
  }
  void PutArg(std::string_view bytes) {
    PutLength(bytes.size());
    Put(bytes);
    Put("\r\n");
  }
  [[nodiscard]] char* at() const { return at_; }

 private:
  char* at_;
};

}  // namespace

void WriteSet(std::string_view key, std::string_view header, std::string_view value,
              const Expiry& expiry, std::string_view condition, Buffer* out) {
  constexpr size_t kMostFraming = 160;  // everything but key, header and value
  char* const begin = out->Reserve(kMostFraming + key.size() + header.size() + value.size());
  Cursor to(begin);
  const int words = 3 + (expiry.timed() ? 2 : 0) + (condition.empty() ? 0 : 1);
  const char count[] = {'*', static_cast<char>('0' + words)};
  to.Put({count, sizeof count});
  to.Put("\r\n$3\r\nSET\r\n");
  to.PutArg(key);
  to.PutLength(header.size() + value.size());
  if (!header.empty()) to.Put(header);
  if (!value.empty()) to.Put(value);
  to.Put("\r\n");
  if (expiry.timed()) {
    to.PutArg(expiry.word());
    char digits[20];
    char* const end = std::to_chars(digits, digits + sizeof digits, expiry.seconds).ptr;
    to.PutArg({digits, static_cast<size_t>(end - digits)});
  }
  if (!condition.empty()) to.PutArg(condition);
  out->Extend(static_cast<size_t>(to.at() - begin));
}

}  // namespace mcrelay::translate
