#include "daemon/client/authentication.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "daemon/client/no_effect.h"
#include "protocol/memcache/answers.h"
#include "protocol/memcache/numbers.h"

namespace mcrelay::client {
namespace {

constexpr size_t kMostLineBytes = 2048;
constexpr uint32_t kMostBlockBytes = 2048;
constexpr std::string_view kLineEnd = "\r\n";

LoginResult Refuse(size_t consumed, std::string_view answer,
                   LoginStatus status = LoginStatus::kRefused) {
  return {status, consumed, answer};
}

}  // namespace

std::shared_ptr<const Users> Users::Load(const std::string& path, std::string* error) {
  std::ifstream file(path);
  if (!file) {
    *error = "cannot read " + path + ": " + std::strerror(errno);
    return nullptr;
  }
  auto users = std::make_shared<Users>();
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    const size_t colon = line.find(':');
    if (colon == std::string::npos || colon == 0) {
      *error = path + ":" + std::to_string(number) + ": expected user:password";
      return nullptr;
    }
    users->digests_.push_back(DigestOf(std::string_view(line).substr(0, colon),
                                       std::string_view(line).substr(colon + 1)));
  }
  if (users->digests_.empty()) {
    *error = path + " names no user";
    return nullptr;
  }
  return users;
}

// A colon cannot be in a user's name, so two different pairs cannot become one text.
Users::Digest Users::DigestOf(std::string_view user, std::string_view password) {
  std::string text(user);
  text.append(":").append(password);
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  OPENSSL_cleanse(text.data(), text.size());
  return digest;
}

bool Users::Knows(std::string_view user, std::string_view password) const {
  if (user.find(':') != std::string_view::npos) return false;
  const Digest given = DigestOf(user, password);
  int found = 0;
  for (const Digest& digest : digests_) {
    found |= CRYPTO_memcmp(digest.data(), given.data(), digest.size()) == 0 ? 1 : 0;
  }
  return found != 0;
}

LoginResult ReadLogin(std::string_view input, const Users& users) {
  const size_t newline = input.find('\n');
  if (newline == std::string_view::npos) {
    if (input.size() <= kMostLineBytes) return {};
    return Refuse(input.size(), {}, LoginStatus::kClose);
  }
  const size_t line_bytes = newline + 1;
  std::string_view line = input.substr(0, newline);
  if (line.ends_with('\r')) line.remove_suffix(1);

  // set <any key> <any flags> <any exptime> <bytes>
  std::string_view words[5];
  uint32_t block_bytes = 0;
  if (SplitWords(line, words, 5) < 5 || words[0] != "set" ||
      !memcache::ParseLevel(words[4], &block_bytes) || block_bytes > kMostBlockBytes) {
    return Refuse(line_bytes, memcache::kUnauthenticated);
  }
  const size_t consumed = line_bytes + block_bytes + kLineEnd.size();
  if (input.size() < consumed) return {};
  if (!input.substr(0, consumed).ends_with(kLineEnd)) {
    return Refuse(consumed, "CLIENT_ERROR bad command line termination\r\n");
  }
  if (SplitWords(input.substr(line_bytes, block_bytes), words, 2) < 2) {
    return Refuse(consumed, "CLIENT_ERROR bad authentication token format\r\n");
  }
  if (!users.Knows(words[0], words[1])) {
    return Refuse(consumed, memcache::kAuthenticationFailure, LoginStatus::kFailed);
  }
  return Refuse(consumed, memcache::kStored, LoginStatus::kIn);
}

}  // namespace mcrelay::client
