#include <doctest/doctest.h>
#include <openssl/crypto.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <new>
#include <set>
#include <string>
#include <vector>

#include "protocol/placement/hash_tag.h"
#include "protocol/placement/placement.h"
#include "protocol/placement/ring.h"
#include "protocol/placement/slot.h"

namespace {

// Every allocation of this executable, by C++ or by OpenSSL.
std::atomic<size_t> allocations{0};

void* Counted(size_t size) {
  ++allocations;
  return std::malloc(size);  // NOLINT(*-no-malloc)
}

const bool kOpensslCounted =
    CRYPTO_set_mem_functions([](size_t size, const char*, int) { return Counted(size); },
                             [](void* p, size_t size, const char*, int) {
                               ++allocations;
                               return std::realloc(p, size);
                             },
                             [](void* p, const char*, int) { std::free(p); }) == 1;

}  // namespace

void* operator new(size_t size) {
  if (void* p = Counted(size)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }

namespace mcrelay::placement {
namespace {

std::vector<PlacementNode> Nodes(int count) {
  std::vector<PlacementNode> nodes(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i)
    nodes[static_cast<size_t>(i)].name = "10.0.0." + std::to_string(i);
  return nodes;
}

std::string Key(int n) { return "key:" + std::to_string(n); }

constexpr Distribution kDistributions[] = {Distribution::kKetama, Distribution::kModula,
                                           Distribution::kRendezvous, Distribution::kDjangoRedis};

TEST_CASE("placement: names of hashes and distributions are understood") {
  for (const HashEntry& entry : kHashes) {
    Hash hash{};
    CHECK(ParseHash(entry.name, &hash));
    CHECK(hash == entry.hash);
  }
  constexpr std::pair<std::string_view, Distribution> kWords[] = {
      {"ketama", Distribution::kKetama},
      {"modula", Distribution::kModula},
      {"rendezvous", Distribution::kRendezvous},
      {"django-redis", Distribution::kDjangoRedis}};
  for (const auto& [word, expected] : kWords) {
    Distribution parsed{};
    CHECK(ParseDistribution(word, &parsed));
    CHECK(parsed == expected);
  }
  Hash hash = Hash::kMd5;
  CHECK_FALSE(ParseHash("fnv1a", &hash));
  CHECK(hash == Hash::kMd5);
  Distribution distribution = Distribution::kModula;
  CHECK_FALSE(ParseDistribution("Ketama", &distribution));
  CHECK(distribution == Distribution::kModula);
}

TEST_CASE("placement: published check values hold") {
  CHECK(Crc16("123456789") == 0x31C3);
  CHECK(HashKey(Hash::kCrc32a, "123456789") == 0xCBF43926);
  CHECK(HashKey(Hash::kFnv1a32, "foobar") == 0xbf9cf968);
  CHECK(HashKey(Hash::kFnv132, "foobar") == 0x31f0b262);
  // FNV-1a of 64 bits is 0x85944171f73967e8: its lower half.
  CHECK(HashKey(Hash::kFnv1a64, "foobar") == 0xf73967e8);
  CHECK(HashKey(Hash::kMd5, "") == 0xd98c1dd4);  // d41d8cd9 8f00b204 ...
  CHECK(HashKey(Hash::kOneAtATime, "a") == 0xca2e9442);
  // Redis Cluster specification: foo is in slot 12182 (CLUSTER KEYSLOT foo).
  CHECK(KeySlot("foo") == 12182);
  CHECK(KeySlot("{foo}.bar") == 12182);
}

TEST_CASE("placement: a byte from 0x80 on is a signed char to the older hashes") {
  CHECK(HashKey(Hash::kFnv1a32, "\x80") == (2166136261u ^ 0xffffff80u) * 16777619u);
  CHECK(HashKey(Hash::kFnv164, "\x80") == ((0x84222325u * 0x1b3u) ^ 0xffffff80u));
}

TEST_CASE("placement: ketama gives some numbers of equal nodes 156 points, not 160") {
  for (const size_t nodes : {25, 47, 50, 55, 61, 71, 94, 100})
    CHECK(KetamaPoints(1, nodes, nodes) == 156);
  for (const size_t nodes : {2, 3, 8, 10, 24, 26, 48, 99})
    CHECK(KetamaPoints(1, nodes, nodes) == 160);
  CHECK(KetamaPoints(1, 1000001, 2) == 0);
}

TEST_CASE("placement: one node owns every key") {
  for (const Distribution distribution : kDistributions) {
    const auto placement = MakePlacement({distribution, Hash::kFnv1a64, "{}"}, Nodes(1));
    for (int n = 0; n < 100; ++n) CHECK(placement->Pick(Key(n)) == 0);
    CHECK(placement->Pick("") == 0);
  }
}

TEST_CASE("placement: a hash tag keeps keys together, an empty or open one does nothing") {
  CHECK(TaggedPart("a{b}c{d}", '{', '}') == "b");
  CHECK(TaggedPart("a}b{c}", '{', '}') == "c");
  CHECK(TaggedPart("a{}b{c}", '{', '}') == "a{}b{c}");
  CHECK(TaggedPart("a{b", '{', '}') == "a{b");
  CHECK(TaggedPart("$a$b$", '$', '$') == "a");
  CHECK(TaggedPart("", '{', '}').empty());
  for (const Distribution distribution : kDistributions) {
    const auto placement = MakePlacement({distribution, Hash::kFnv1a64, "{}"}, Nodes(9));
    std::set<size_t> nodes;
    for (int n = 0; n < 100; ++n) nodes.insert(placement->Pick("{user}:" + Key(n)));
    CHECK(nodes.size() == 1);
  }
}

TEST_CASE("placement: django-redis takes the last tag of the first line, also an empty one") {
  CHECK(DjangoTaggedPart("a{b}c{d}e") == "d");
  CHECK(DjangoTaggedPart("a{b}c{d") == "b");
  CHECK(DjangoTaggedPart("{a{b}c}") == "b}c");
  CHECK(DjangoTaggedPart("a{}b").empty());
  CHECK(DjangoTaggedPart("a}b{c") == "a}b{c");
  CHECK(DjangoTaggedPart("}{") == "}{");
  CHECK(DjangoTaggedPart("\n{t}") == "\n{t}");
  CHECK(DjangoTaggedPart("a{b\nc}") == "a{b\nc}");
  CHECK(DjangoTaggedPart("{x}\n{y}") == "x");
}

TEST_CASE("placement: weights share out the keys") {
  std::vector<PlacementNode> nodes = Nodes(3);
  nodes[1].weight = 3;
  for (const Distribution distribution :
       {Distribution::kKetama, Distribution::kModula, Distribution::kRendezvous}) {
    const auto placement = MakePlacement({distribution, Hash::kMd5, ""}, nodes);
    std::map<size_t, int> keys;
    for (int n = 0; n < 10000; ++n) ++keys[placement->Pick(Key(n))];
    INFO(static_cast<int>(distribution));
    CHECK(keys[1] > 5000);
    CHECK(keys[1] < 7000);
  }
}

TEST_CASE("placement: removing a rendezvous node moves its own keys only") {
  std::vector<PlacementNode> nodes = Nodes(6);
  nodes[2].weight = 5;
  const auto before = MakePlacement({Distribution::kRendezvous, Hash::kFnv1a64, ""}, nodes);
  nodes.pop_back();
  const auto after = MakePlacement({Distribution::kRendezvous, Hash::kFnv1a64, ""}, nodes);
  int moved = 0;
  for (int n = 0; n < 5000; ++n) {
    const size_t was = before->Pick(Key(n));
    const size_t is = after->Pick(Key(n));
    if (was == 5) {
      ++moved;
    } else {
      CHECK(was == is);
    }
  }
  CHECK(moved > 0);
}

TEST_CASE("placement: a pick allocates nothing, whatever the hash and the distribution") {
  REQUIRE(kOpensslCounted);
  const std::string key(250, 'k');
  for (const Distribution distribution : kDistributions) {
    for (const HashEntry& entry : kHashes) {
      const auto placement = MakePlacement({distribution, entry.hash, "{}"}, Nodes(5));
      size_t sum = placement->Pick(key);
      const size_t before = allocations;
      for (int n = 0; n < 100; ++n) sum += placement->Pick(key) + KeySlot(key);
      const size_t made = allocations - before;
      INFO(static_cast<int>(distribution), " ", entry.name, " ", sum);
      CHECK(made == 0);
    }
  }
  // The counter itself works: a ring does allocate while it is built.
  const size_t before = allocations;
  const auto placement = MakePlacement({}, Nodes(5));
  CHECK(allocations > before);
}

}  // namespace
}  // namespace mcrelay::placement
