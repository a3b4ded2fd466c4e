// The low-level functions are deprecated in OpenSSL 3 in favour of EVP, whose one-shot calls look
// the algorithm up and allocate a context each time; a Pick() may do neither.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "protocol/placement/digest.h"

#include <openssl/md5.h>
#include <openssl/sha.h>

namespace mcrelay::placement {

Md5Words Md5(std::string_view data) {
  std::array<uint8_t, MD5_DIGEST_LENGTH> digest;
  MD5_CTX context;
  MD5_Init(&context);
  MD5_Update(&context, data.data(), data.size());
  MD5_Final(digest.data(), &context);
  Md5Words words;
  for (size_t i = 0; i < words.size(); ++i) {
    const uint8_t* bytes = &digest[i * 4];
    words[i] = uint32_t{bytes[0]} | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16 |
               uint32_t{bytes[3]} << 24;
  }
  return words;
}

Sha256Digest Sha256(std::string_view data) {
  Sha256Digest digest;
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, data.data(), data.size());
  SHA256_Final(digest.data(), &context);
  return digest;
}

}  // namespace mcrelay::placement
