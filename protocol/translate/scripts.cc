#include "protocol/translate/scripts.h"

#include <openssl/sha.h>

#include <array>
#include <cassert>

#include "protocol/redis/encoder.h"
#include "protocol/translate/item.h"
#include "protocol/translate/lua.h"

namespace mcrelay::translate {
namespace {

Script MakeScript(std::string_view name, std::string_view text) {
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  std::string hex;
  for (const unsigned char byte : digest) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return {name, text, hex};
}

// In the order of ScriptId.
const std::array<Script, 7>& Table() {
  static const std::array<Script, 7> table = {
      MakeScript("append", lua::kAppend),
      MakeScript("cas", lua::kCas),
      MakeScript("arithmetic", lua::kArithmetic),
      MakeScript("persist", lua::kPersist),
      MakeScript("meta_get", lua::kMetaGet),
      MakeScript("meta_delete", lua::kMetaDelete),
      MakeScript("remove_if_older", lua::kRemoveIfOlder),
  };
  return table;
}

}  // namespace

const Script& GetScript(ScriptId id) { return Table()[static_cast<size_t>(id)]; }

std::span<const Script> AllScripts() { return Table(); }

void WriteEval(const Script& script, std::string_view evalsha, Buffer* out) {
  // *<argc>\r\n $7\r\nEVALSHA\r\n $40\r\n<sha1>\r\n <the rest stays>
  constexpr std::string_view kName = "$7\r\nEVALSHA\r\n";
  constexpr size_t kDigestBytes = 5 + 40 + 2;
  const size_t count_bytes = evalsha.find('\n') + 1;
  assert(evalsha.substr(count_bytes, kName.size()) == kName);
  out->Append(evalsha.substr(0, count_bytes));
  redis::Encoder(out).Arg("EVAL").Arg(script.text);
  out->Append(evalsha.substr(count_bytes + kName.size() + kDigestBytes));
}

const Script& WriteRemoveIfOlder(std::string_view redis_key, uint64_t cas, Buffer* out) {
  const Script& script = GetScript(ScriptId::kRemoveIfOlder);
  redis::Encoder(out).Request({"EVALSHA", script.sha1, "1", redis_key, CasBytes(cas).view()});
  return script;
}

}  // namespace mcrelay::translate
