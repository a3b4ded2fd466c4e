// memcached's ASCII authentication (-Y): until a client's first `set` carried "user password" of
// the file, every line is refused.
//
// Users is immutable and shared by all workers; SIGHUP makes a new one. ReadLogin() is pure.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mcrelay::client {

class Users {
 public:
  // Reads lines of user:password, as memcached's. nullptr and *error when the file cannot be read,
  // is empty or has a line without a colon or with nothing before it.
  [[nodiscard]] static std::shared_ptr<const Users> Load(const std::string& path,
                                                         std::string* error);

  // Takes the same time whoever comes closest: digests of both are compared, with every user's.
  [[nodiscard]] bool Knows(std::string_view user, std::string_view password) const;

 private:
  using Digest = std::array<unsigned char, 32>;

  [[nodiscard]] static Digest DigestOf(std::string_view user, std::string_view password);

  std::vector<Digest> digests_;
};

enum class LoginStatus {
  kNeedMore,
  kRefused,  // `answer` is due
  kFailed,   // as kRefused; user or password was wrong
  kIn,       // as kRefused; from now on commands may be run
  kClose,    // a line without end
};

struct LoginResult {
  LoginStatus status = LoginStatus::kNeedMore;
  size_t consumed = 0;
  std::string_view answer;  // static storage
};

// Reads the first line of `input`, with its data block when it is a `set`.
[[nodiscard]] LoginResult ReadLogin(std::string_view input, const Users& users);

}  // namespace mcrelay::client
