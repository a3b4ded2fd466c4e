// mg ms md ma me mn: flags, modes, base64 keys, and which error line for which command.
#include "tests/protocol/memcache/parser_case.h"

namespace mcrelay::memcache {
namespace {

constexpr std::string_view kBadTokenLine = "! CLIENT_ERROR bad token in command line format\n";
constexpr std::string_view kInvalidLine = "! CLIENT_ERROR invalid flag\n";
constexpr std::string_view kDuplicateLine = "! CLIENT_ERROR duplicate flag\n";
constexpr std::string_view kArithmeticLine = "! CLIENT_ERROR invalid or duplicate flag\n";

}  // namespace

TEST_CASE("meta: flags are kept in request order") {
  CheckParse("mg k\r\nmg k t v\r\nmg k v T30 t\r\n", "mg <k>\nmg <k> t v\nmg <k> v T30 t\n");
}

TEST_CASE("meta: every flag with a value carries it") {
  CheckParse("mg k T30 N60 R-1 C5 E6 F7 D8 J9 Mx Oabc\r\n",
             "mg <k> T30 N60 R-1 C5 E6 F7 D8 J9 Mx O<abc>\n");
  CheckParse("mg k b c f h I k l q s t u v x L1 Pabc\r\n", "! CLIENT_ERROR error decoding key\n");
  CheckParse("mg k c f h I k l q s t u v x L1 Pabc\r\n", "mg <k> c f h I k l q s t u v x L P\n");
}

TEST_CASE("meta: the flags of one command leave nothing behind for the next") {
  CheckParse("ma k D5 J6 N7 q O1 M-\r\nma k\r\nmg k\r\n",
             "ma <k> D5 J6 N7 q O<1> M-\nma <k>\nmg <k>\n");
  Command command;
  REQUIRE(Parse("ma k D5 J6 M-\r\n", {}, true, 0, &command).status == ParseStatus::kCommand);
  REQUIRE(Parse("ma k\r\n", {}, true, 0, &command).status == ParseStatus::kCommand);
  CHECK(command.meta.delta == 1);
  CHECK(command.meta.initial == 0);
  CHECK(command.meta.mode == 0);
  CHECK_FALSE(command.meta.Has('D'));
}

TEST_CASE("meta: any number of spaces separates flags") {
  CheckParse("mg  k   k   O1 \r\n", "mg <k> k O<1>\n");
}

TEST_CASE("meta: mn takes any words") { CheckParse("mn\r\nmn x y\r\n", "mn\nmn\n"); }

TEST_CASE("meta: a command without a key is malformed") {
  CheckParse("mg\r\nmd \r\nma\r\nme\r\nms\r\nms k\r\n", Repeat(kBadFormatLine, 6));
}

TEST_CASE("meta: a long key is malformed, in ma an invalid flag") {
  const std::string key = Repeat("k", 251);
  CheckParse("mg " + key + " v\r\nmd " + key + "\r\nme " + key + "\r\n", Repeat(kBadFormatLine, 3));
  CheckParse("ma " + key + "\r\n", kArithmeticLine);
  CheckParse("ms " + key + " 3\r\nget\r\nmn\r\n", std::string(kBadFormatLine) + "mn\n");
}

TEST_CASE("meta: a repeated flag is refused") {
  CheckParse("mg k v v\r\nmd k q q\r\nmg k O1 O2\r\n", Repeat(kDuplicateLine, 3));
  CheckParse("ma k v v\r\n", kArithmeticLine);
  CheckParse("ms k 2 T1 T1\r\nhi\r\nmn\r\n", std::string(kDuplicateLine) + "mn\n");
}

TEST_CASE("meta: an unknown letter or a digit is refused") {
  CheckParse("mg k W\r\nmg k 1\r\nmd k 0\r\nmd k noreply\r\nmg k S100\r\nmg k [\r\nmg k _\r\n",
             Repeat(kInvalidLine, 7));
  CheckParse("ma k W\r\n", kArithmeticLine);
  CheckParse("ms k 2 S2\r\nhi\r\nmn\r\n", std::string(kInvalidLine) + "mn\n");
}

TEST_CASE("meta: a flag that begins with another character makes the line malformed") {
  CheckParse("mg k !\r\nmg k v ~\r\nmg k \xff\r\nmd k {\r\nma k !\r\nme k !\r\nmg k @\r\n",
             Repeat(kBadFormatLine, 7));
  CheckParse(std::string_view("mg k \0\r\n", 8), kBadFormatLine);
  // Seen before anything else, so that the block is read as commands.
  CheckParse("ms k 3 !\r\nget\r\n", Repeat(kBadFormatLine, 2));
  CheckParse("ms k 3 v v q !\r\nget\r\n", Repeat(kBadFormatLine, 2));
}

TEST_CASE("meta: a bad number is a bad token, but for the client flags") {
  CheckParse("mg k T\r\nmg k Tx\r\nmg k N\r\nmg k Rx\r\nmg k Cx\r\nmg k E-1\r\nmg k T v\r\n",
             Repeat(kBadTokenLine, 7));
  CheckParse("mg k C18446744073709551616\r\nmg k T9223372036854775808\r\n",
             Repeat(kBadTokenLine, 2));
  CheckParse("mg k F\r\nmg k Fx\r\nmg k F-1\r\n", Repeat(kBadFormatLine, 3));
  CheckParse("mg k Dx\r\nmg k Jx\r\n",
             "! CLIENT_ERROR invalid numeric delta value\n"
             "! CLIENT_ERROR invalid numeric initial value\n");
  CheckParse("ma k Dx\r\nma k Tx\r\nma k Fx\r\n", Repeat(kArithmeticLine, 3));
  CheckParse("ms k 2 Tx\r\nhi\r\nmn\r\n", std::string(kBadTokenLine) + "mn\n");
  CheckParse("ms k 2 Fx\r\nhi\r\nmn\r\n", std::string(kBadFormatLine) + "mn\n");
}

TEST_CASE(
    "meta: the last of several errors is told, a repeated or unknown letter ends the search") {
  CheckParse("mg k Tx v v\r\n", kDuplicateLine);
  CheckParse("mg k Tx 1\r\n", kInvalidLine);
  CheckParse("mg k T 5\r\n", kInvalidLine);
  CheckParse("mg k 1 Tx\r\n", kInvalidLine);
  CheckParse("mg k Tx Fx\r\n", kBadTokenLine);
  CheckParse("mg k Fx Tx\r\n", kBadTokenLine);
  CheckParse("mg k Tx Dx\r\n", "! CLIENT_ERROR invalid numeric delta value\n");
}

TEST_CASE("meta: numbers wrap and take a plus where the classic set's do") {
  CheckParse("mg k T+5 F4294967297 N4294967296 R2147483648\r\n", "mg <k> T5 F1 N0 R-2147483648\n");
  CheckParse("mg k C18446744073709551615 E0\r\n", "mg <k> C18446744073709551615 E0\n");
}

TEST_CASE("meta: more than twenty words are too many") {
  CheckParse("mg k v s t c f h k l q u x I L P O T1 N1 C1\r\n",
             "mg <k> v s t c f h k l q u x I L P O<> T1 N1 C1\n");
  CheckParse("mg k v s t c f h k l q u x I L P O T1 N1 C1 E1\r\n",
             "! CLIENT_ERROR options flags are too long\n");
  CheckParse("mg k" + Repeat(" v", 40) + "\r\n", "! CLIENT_ERROR options flags are too long\n");
  CheckParse("ma k" + Repeat(" v", 19) + "\r\n", kArithmeticLine);
  CheckParse("ms k 2" + Repeat(" v", 18) + "\r\nhi\r\nmn\r\n",
             "! CLIENT_ERROR options flags are too long\nmn\n");
}

TEST_CASE("meta: an opaque has up to 31 bytes") {
  const std::string most = Repeat("o", 31);
  CheckParse("mg k O" + most + "\r\nmg k O\r\n", "mg <k> O<" + most + ">\nmg <k> O<>\n");
  CheckParse("mg k O" + most + "o\r\nmd k O" + most + "o\r\n",
             Repeat("! CLIENT_ERROR opaque token too long\n", 2));
  CheckParse("ms k 2 O" + most + "o\r\nhi\r\nmn\r\n", "! CLIENT_ERROR opaque token too long\nmn\n");
}

TEST_CASE("meta: ma is carried out before an opaque is found too long") {
  const std::string opaque = Repeat("o", 32);
  CheckParse("ma k O" + opaque + "\r\n", "ma <k> O<" + opaque + "> (opaque too long)\n");
  CheckParse("ma k MX O" + opaque + "\r\n", "! CLIENT_ERROR invalid mode for ma M token\n");
}

TEST_CASE("meta: ms knows five modes by their first letter, in upper case") {
  CheckParse(
      "ms k 1 MS\r\na\r\nms k 1 ME\r\nb\r\nms k 1 MAppend\r\nc\r\nms k 1 MP\r\nd\r\nms k 1 "
      "MR\r\ne\r\n",
      "ms <k> <a> MS\nms <k> <b> ME\nms <k> <c> MA\nms <k> <d> MP\nms <k> <e> MR\n");
  for (const std::string_view mode : {"M", "Ma", "Mset", "MX", "MI", "M+"}) {
    CAPTURE(mode);
    CheckParse("ms k 1 " + std::string(mode) + " q\r\nx\r\nmn\r\n",
               "! CLIENT_ERROR invalid mode for ms M token\nmn\n");
  }
  CheckParse("ms k 1 MX Tx\r\nx\r\n", kBadTokenLine);
}

TEST_CASE("meta: ma counts up or down") {
  CheckParse("ma k MI\r\nma k M+\r\nma k MIncr\r\nma k MD\r\nma k M-\r\n",
             "ma <k> M+\nma <k> M+\nma <k> M+\nma <k> M-\nma <k> M-\n");
  for (const std::string_view mode : {"M", "Mi", "Mincr", "MX", "MS"}) {
    CAPTURE(mode);
    CheckParse("ma k " + std::string(mode) + "\r\n",
               "! CLIENT_ERROR invalid mode for ma M token\n");
  }
  CheckParse("ma k MX Dx\r\n", kArithmeticLine);
}

TEST_CASE("meta: mg and md accept any mode") {
  CheckParse("mg k MX\r\nmd k M\r\n", "mg <k> MX\nmd <k> M \n");
}

TEST_CASE("meta: ms carries its block like set") {
  CheckParse("ms k 2\r\nhi\r\nms k 0 T0\r\n\r\nms k 02 F5 q\r\nhi\r\n",
             "ms <k> <hi>\nms <k> <> T0\nms <k> <hi> F5 q\n");
  CheckParse("ms k 2 q\r\nhiyo\r\nmg k v\r\n",
             "! CLIENT_ERROR bad data chunk\n" + std::string(kBadFormatLine) + "mg <k> v\n");
}

TEST_CASE("meta: a bad size of ms swallows nothing") {
  for (const std::string_view size : {"abc", "-1", "+2", "2147483646", "S2", "2x"}) {
    CAPTURE(size);
    CheckParse("ms k " + std::string(size) + "\r\nget\r\n", Repeat(kBadFormatLine, 2));
  }
}

TEST_CASE("meta: ms tells a too large item even with q") {
  ParserLimits limits;
  limits.item_bytes = 59 + 10;
  CheckParse("ms k 10 q F0\r\n0123456789\r\nmn\r\n",
             "too large ms <k> <> q F0: ! SERVER_ERROR object too large for cache\nmn\n", limits);
  CheckParse("ms k 6 F1\r\n012345\r\nmn\r\n",
             "too large ms <k> <> F1: ! SERVER_ERROR object too large for cache\nmn\n", limits);
  CheckParse("ms k 9\r\n012345678\r\nmn\r\n", "ms <k> <012345678>\nmn\n", limits);
  CheckParse("ms k 10 O" + Repeat("o", 32) + "\r\n0123456789\r\nmn\r\n",
             "too large ms <k> <> O<" + Repeat("o", 32) +
                 ">: ! SERVER_ERROR object too large for cache\nmn\n",
             limits);
}

TEST_CASE("meta: b decodes the key") {
  CheckParse("mg YWJj b k v\r\nms YWJj 1 b\r\nx\r\nmd YWJj k b\r\nma YWJj b\r\n",
             "mg <abc> b k v\nms <abc> <x> b\nmd <abc> k b\nma <abc> b\n");
  CheckParse("mg YWJj k\r\n", "mg <YWJj> k\n");
  CheckParse("mg Z29sZHNwIGFjZQ== b\r\n", "mg <goldsp ace> b\n");
  CheckParse("mg AAo= b\r\n", std::string_view("mg <\0\n> b\n", 10));
}

TEST_CASE("meta: a key that is no base64 is refused") {
  CheckParse("mg YWJ b\r\nmd ==== b\r\nmg Y=== b\r\nmg !!!! b\r\n",
             Repeat("! CLIENT_ERROR error decoding key\n", 4));
  CheckParse("ma YWJ b\r\n", kArithmeticLine);
  CheckParse("ms YWJ 2 b\r\nhi\r\nmn\r\n", "! CLIENT_ERROR error decoding key\nmn\n");
}

TEST_CASE("meta: the size of an item counts the decoded key") {
  ParserLimits limits;
  limits.item_bytes = 59 + 10;
  CheckParse("ms YWJj 7 b\r\n0123456\r\n", "ms <abc> <0123456> b\n", limits);
}

TEST_CASE("meta: the key as sent stays at hand") {
  Command command;
  const std::string line = "mg YWJj b k\r\n";
  REQUIRE(Parse(line, {}, true, 0, &command).status == ParseStatus::kCommand);
  CHECK(command.sent_key == "YWJj");
  CHECK(command.key == "abc");
  CHECK(command.meta.Has('b'));
}

TEST_CASE("meta: me decodes its key only if a word follows b") {
  CheckParse("me k\r\nme YWJj b\r\nme YWJj b x\r\nme YWJj x b\r\n",
             "me <k>\nme <YWJj>\nme <abc>\nme <YWJj>\n");
  CheckParse("me YWJ b x\r\n", kBadFormatLine);
}

}  // namespace mcrelay::memcache
