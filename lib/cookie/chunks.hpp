// A seal that does not fit one cookie travels as `name.0`, `name.1`, …: names and rules of iron-session 9. No cookie
// holds a count, so none can lie about it; the seal's own MAC is what makes a reassembly safe. Those of h3 2.x are read
// too: `name` holds `__chunked__2`, and the parts are `name.1` and `name.2`.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <ironjar/cookie.hpp>

namespace ironjar::detail {

inline constexpr std::size_t maxChunks = 4;

[[nodiscard]] std::string chunkName(std::string_view cookieName, std::size_t index);

using SealTest = bool (*)(std::string_view);

// What trying a text showed.
enum class Trial {
  refused,  // nothing is known of it: it may be forged, or another program's
  ended,    // authentic, and past its end
  opened,
};

// Everything a Cookie header carries under a name, whole or in chunks, as far as it looks like a seal: what does not is
// somebody else's. Views into the header.
class Carried {
 public:
  // A text that may be a seal; for a joined one, valid until the next is made.
  struct Candidate {
    std::string_view text;
    std::size_t run = 0;                          // how many chunks were joined; 0: a whole cookie
    std::array<std::size_t, maxChunks> copies{};  // which copy of each chunk; first: which whole cookie
    std::size_t begin = 0;                        // the first chunk's number: 1 in h3's
  };
  using Try = std::function<Trial(const Candidate&)>;

  Carried(std::string_view header, std::string_view cookieName, SealTest looksSealed);

  // Whether there was anything of that name, seal or not.
  [[nodiscard]] bool came() const { return came_; }
  [[nodiscard]] bool hasWhole() const { return !whole_.empty(); }
  // A chunk is another program's where its first is no seal.
  [[nodiscard]] bool hasChunk(std::size_t index) const {
    return !chunks_[index].empty() && !(chunks_[0].empty() && isFirstForeign_);
  }

  // Hands over every text that may be a seal: the whole cookies in their order, then the chunks joined. A chunk belongs
  // to one seal: once that has verified, it is not tried with others.
  //
  // Of chunks that came several times, first what a writer makes is tried: chunks of one size, and a last one that is
  // no larger. The largest come first, since decoys have to be small to fit into a header beside the session, and then
  // the longest runs. Then the first copies of all, the second ones, and so on. At most 1 MiB of joined text is looked
  // at, where each try counts as 512 bytes more: 227 tries of 4 KiB, while browsers keep 180 cookies for a site.
  void offer(const Try& attempt);

  // Whether two copies in one place opened, or a whole cookie and chunks: a browser holds the name with different
  // attributes.
  [[nodiscard]] bool hasTwoOpened() const;

  // Of Cookie header that all of them take, seals or not.
  [[nodiscard]] std::size_t headerBytes() const { return headerBytes_; }

  // For what was refused when it was offered, and has been tried again. False when a part of it has been used since.
  [[nodiscard]] bool isFree(const Candidate& candidate) const;
  void recordTrial(const Candidate& candidate, Trial trial);

 private:
  struct Copy {
    std::string_view text;
    Trial trial = Trial::refused;
  };
  using Copies = std::vector<Copy>;

  void addPart(std::size_t index, std::string_view value, SealTest looksSealed);
  void addHead(std::string_view value);
  // Joins chunks from `begin` on, by `least` to `most` of them.
  void offerChunks(std::size_t begin, std::size_t least, std::size_t most, const Try& attempt);

  [[nodiscard]] bool isAsWritten(const Candidate& choice) const;
  void sortBySize();
  // These three use up what may be looked at, and do nothing once it is used up.
  void joinAsWritten(Candidate& choice, std::size_t index, const Try& attempt);
  void joinEqualRanks(std::size_t begin, std::size_t run, const Try& attempt);
  void offerJoined(Candidate& choice, const Try& attempt);
  [[nodiscard]] bool afford(std::size_t bytes);

  bool came_ = false;
  std::size_t headerBytes_ = 0;
  bool isFirstForeign_ = false;  // one came that is no seal
  Copies whole_;
  std::array<Copies, 1 + maxChunks> chunks_;  // the last is only h3's
  std::array<bool, 1 + maxChunks> isHead_{};  // whether a head of h3's told so many
  std::string joined_;
  std::size_t left_ = 1024UL * 1024;
};

}  // namespace ironjar::detail
