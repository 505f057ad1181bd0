// The books of a fake identity provider: which token descends from which, and which is still good. Part of Provider.
#pragma once

#include <array>
#include <iomanip>
#include <map>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <ironjar/testing/behaviour.hpp>

namespace ironjar::testing::detail {

struct Pair {
  std::string accessToken;
  std::string refreshToken;
  Deadline endsAt;  // the access token's
  std::string user;
};

// Remembers every refresh token ever issued. Not thread-safe.
class Ledger {
 public:
  explicit Ledger(bool randomTokens) : random_(randomTokens) {}

  // A login's first tokens.
  Pair begin(const std::string& user, Seconds lifetime, Deadline now, std::string key = {}, std::string acr = {}) {
    const int family = ++counts.logins;
    families_[family] = {.user = user, .key = std::move(key), .acr = std::move(acr)};
    return issue(family, "", lifetime, now);
  }

  // What a refresh token gives; nothing: invalid_grant.
  std::optional<Pair> refresh(const std::string& presented, const ProviderBehaviour& behaviour, Deadline now) {
    const auto known = grants_.find(presented);
    if (known == grants_.end()) return std::nullopt;
    Grant& grant = known->second;
    if (grant.revoked) return std::nullopt;
    if (!families_.at(grant.family).alive) {
      if (grant.spentAt) ++counts.reuses;
      return std::nullopt;
    }
    if (grant.spentAt && behaviour.rotation != Rotation::none) return again(presented, grant, behaviour, now);
    confirmParentOf(grant, now);
    return exchange(presented, behaviour, now);
  }

  // What an access token that has just been given is for (RFC 8707); until then, for no resource in particular.
  void bind(const std::string& accessToken, const std::string& resource) {
    accessTokens_.at(accessToken).resource = resource;
  }

  // Whose access token for that resource it is, while it is good. To be shown one confirms that the pair has arrived.
  std::optional<std::string> admit(const std::string& accessToken, const std::string& resource, Deadline now) {
    const auto known = accessTokens_.find(accessToken);
    if (known == accessTokens_.end() || now >= known->second.endsAt) return std::nullopt;
    if (known->second.resource != resource) return std::nullopt;
    Grant& grant = grants_.at(known->second.refreshToken);
    const Family& family = families_.at(grant.family);
    if (grant.revoked || !family.alive) return std::nullopt;
    confirmParentOf(grant, now);
    return family.user;
  }

  // The public key that a token's login is bound to (RFC 9449); empty: none is, or there is no such token.
  std::string keyOf(const std::string& token) const {
    const Family* const family = familyOf(token);
    return family == nullptr ? std::string() : family->key;
  }
  // How strong its login was, as its ID token says; likewise.
  std::string acrOf(const std::string& token) const {
    const Family* const family = familyOf(token);
    return family == nullptr ? std::string() : family->acr;
  }

  // RFC 7009 section 2.1: with a refresh token goes everything of its login.
  void revoke(const std::string& token) {
    accessTokens_.erase(token);
    const auto known = grants_.find(token);
    if (known != grants_.end()) families_.at(known->second.family).alive = false;
  }

  void expireAccessTokens() { accessTokens_.clear(); }

  // Never the same twice.
  std::string freshName(const std::string& prefix) {
    if (!random_) return prefix + std::to_string(++named_[prefix]);
    std::random_device entropy;
    std::ostringstream name;
    name << prefix << std::hex << std::setfill('0');
    for (int i = 0; i < 4; ++i) name << std::setw(8) << entropy();
    return name.str();
  }

  ProviderCounts counts;
  std::map<std::string, int> refreshesOf;

 private:
  struct Family {
    std::string user;
    std::string key = {};
    std::string acr = {};
    bool alive = true;
  };
  // A refresh token.
  struct Grant {
    int family;
    std::string parent;  // the refresh token that it was issued for; empty for a login's first
    bool revoked = false;
    std::optional<Deadline> spentAt = {};
    std::optional<Deadline> confirmedAt = {};  // when something that it gave was first used
    std::vector<std::string> children = {};
    Pair given = {};  // last
  };
  struct AccessToken {
    std::string refreshToken;  // that came with it
    Deadline endsAt;
    std::string resource = {};
  };

  const Family* familyOf(const std::string& token) const {
    const auto access = accessTokens_.find(token);
    const auto grant = grants_.find(access == accessTokens_.end() ? token : access->second.refreshToken);
    return grant == grants_.end() ? nullptr : &families_.at(grant->second.family);
  }

  std::optional<Pair> again(const std::string& presented, Grant& grant, const ProviderBehaviour& behaviour,
                            Deadline now) {
    if (behaviour.rotation == Rotation::singleUse) {
      ++counts.reuses;
      return std::nullopt;
    }
    const bool confirms = behaviour.rotation == Rotation::untilConfirmed;
    const std::optional<Deadline> from = confirms ? grant.confirmedAt : grant.spentAt;
    const bool inGrace = behaviour.rotation != Rotation::strict && (!from || now - *from < behaviour.grace);
    if (!inGrace) {
      ++counts.reuses;
      ++counts.familiesKilled;
      families_.at(grant.family).alive = false;
      return std::nullopt;
    }
    if (confirms || behaviour.rotation == Rotation::graceSamePair) {
      ++counts.replays;
      return grant.given;
    }
    if (behaviour.rotation == Rotation::graceNewChildRevokesPrevious) revokeBelow(grant);
    return exchange(presented, behaviour, now);
  }

  Pair exchange(const std::string& presented, const ProviderBehaviour& behaviour, Deadline now) {
    ++counts.refreshes;
    ++refreshesOf[presented];
    const int family = grants_.at(presented).family;
    if (behaviour.rotation == Rotation::none || behaviour.omitRefreshToken) {
      return issueAccessToken(family, presented, behaviour.accessTokenLifetime, now);
    }
    Pair pair = issue(family, presented, behaviour.accessTokenLifetime, now);
    Grant& spent = grants_.at(presented);
    if (!spent.spentAt) spent.spentAt = now;
    spent.children.push_back(pair.refreshToken);
    spent.given = pair;
    return pair;
  }

  Pair issue(int family, const std::string& parent, Seconds lifetime, Deadline now) {
    const std::string refreshToken = freshName("rt-");
    grants_.emplace(refreshToken, Grant{.family = family, .parent = parent});
    return issueAccessToken(family, refreshToken, lifetime, now);
  }

  Pair issueAccessToken(int family, const std::string& refreshToken, Seconds lifetime, Deadline now) {
    if (accessTokens_.size() >= sweepAt_) {
      std::erase_if(accessTokens_, [&](const auto& entry) { return now >= entry.second.endsAt; });
      sweepAt_ = 2 * accessTokens_.size() + 1024;
    }
    Pair pair = {freshName("at-"), refreshToken, now + lifetime, families_.at(family).user};
    accessTokens_[pair.accessToken] = {refreshToken, pair.endsAt};
    return pair;
  }

  void confirmParentOf(const Grant& grant, Deadline now) {
    const auto parent = grants_.find(grant.parent);
    if (parent != grants_.end() && !parent->second.confirmedAt) parent->second.confirmedAt = now;
  }

  void revokeBelow(Grant& grant) {
    std::vector<std::string> doomed = std::exchange(grant.children, {});
    while (!doomed.empty()) {
      Grant& child = grants_.at(doomed.back());
      doomed.pop_back();
      child.revoked = true;
      doomed.insert(doomed.end(), child.children.begin(), child.children.end());
    }
  }

  const bool random_;
  std::map<std::string, int> named_;
  std::map<int, Family> families_;
  std::unordered_map<std::string, Grant> grants_;
  std::unordered_map<std::string, AccessToken> accessTokens_;
  std::size_t sweepAt_ = 1024;
};

}  // namespace ironjar::testing::detail
