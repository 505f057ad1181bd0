// What a fake identity provider does with browsers: authorization requests (OpenID Connect Core 1.0 section 3.1.2),
// pushed ones (RFC 9126), who is signed in, and codes (RFC 6749 section 4.1.3, with PKCE, RFC 7636). Part of Provider.
#pragma once

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ironjar/testing/behaviour.hpp>
#include <ironjar/testing/ledger.hpp>
#include <ironjar/testing/proof.hpp>
#include <ironjar/testing/text.hpp>

namespace ironjar::testing::detail {

inline std::string member(const Fields& fields, const std::string& name) {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string() : found->second;
}
// Whether a list with spaces between its words has that one.
inline bool hasWord(const std::string& words, const std::string& word) {
  return (" " + words + " ").find(" " + word + " ") != std::string::npos;
}
inline std::string formOf(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string form;
  for (const auto& [name, value] : fields) {
    form.append(form.empty() ? "" : "&").append(percentEncoded(name)).append("=").append(percentEncoded(value));
  }
  return form;
}

// Not thread-safe.
class SignIns {
 public:
  struct Now {
    TimePoint wall;
    Deadline monotonic;
  };
  // A login of a browser here, from which its sites' logins come.
  struct Sso {
    std::string id;  // `sid`
    std::string user;
    TimePoint begunAt;  // `auth_time`
    std::string acr = {};
  };
  struct Code {
    Fields asked;  // the authorization request
    Sso sso;
    Deadline endsAt;
    std::string refreshToken = {};  // that it has given: it is spent
  };
  // Where the browser is sent back, with what; or an error that is shown here, as the redirect_uri is not to be
  // trusted.
  struct Answer {
    std::string redirectUri = {};
    std::vector<std::pair<std::string, std::string>> fields = {};
    std::string cookie = {};  // Set-Cookie
    std::string error = {};
    bool isFormPost = false;
  };

  [[nodiscard]] static std::string urlOf(const Answer& answer) {
    if (answer.fields.empty()) return answer.redirectUri;
    return answer.redirectUri + (answer.redirectUri.find('?') == std::string::npos ? "?" : "&") + formOf(answer.fields);
  }

  SignIns(const ProviderOptions& options, Ledger& ledger) : options_(options), ledger_(ledger) {}

  [[nodiscard]] Answer authorize(Fields asked, std::string_view cookies, const ProviderBehaviour& behaviour, Now now) {
    bool isPushed = false;
    if (asked.contains("request_uri")) {
      const auto pushed = pushed_.extract(asked.at("request_uri"));
      if (pushed.empty() || now.monotonic >= pushed.mapped().second) return {.error = "invalid_request_uri"};
      asked = pushed.mapped().first;
      isPushed = true;
    }
    if (!isKnown(asked)) return {.error = "invalid_request"};
    Answer answer{.redirectUri = member(asked, "redirect_uri")};
    answer.isFormPost = member(asked, "response_mode") == "form_post";
    std::string error = errorOf(asked, isPushed, behaviour);
    std::optional<Sso> sso;
    if (error.empty()) {
      sso = signedIn(asked, cookies, behaviour, now);
      if (!sso) error = hasWord(member(asked, "prompt"), "none") ? "login_required" : "access_denied";
    }
    if (error.empty()) {
      answer.cookie = cookieName + ("=" + sso->id) + "; Path=/; HttpOnly; SameSite=Lax";
      answer.fields.emplace_back("code", issue(asked, *sso, behaviour, now.monotonic));
      ++ledger_.counts.authorizations;
    } else {
      answer.fields.emplace_back("error", error);
    }
    if (asked.contains("state")) answer.fields.emplace_back("state", asked.at("state"));
    const std::string& named = behaviour.issuerNamed.empty() ? options_.origin : behaviour.issuerNamed;
    if (behaviour.namesItself) answer.fields.emplace_back("iss", named);
    return answer;
  }

  // A code without a request, for a login that begins now.
  std::string issue(Fields asked, const Sso& sso, const ProviderBehaviour& behaviour, Deadline now) {
    std::string name = ledger_.freshName("code-");
    codes_[name] = {.asked = std::move(asked), .sso = sso, .endsAt = now + behaviour.codeLifetime};
    return name;
  }
  Sso begin(const std::string& user, TimePoint now) { return {ledger_.freshName("sso-"), user, now}; }
  void dropCodes() { codes_.clear(); }

  // RFC 9126 section 2. The error; empty: `requestUri` is set.
  [[nodiscard]] std::string push(Fields asked, std::string& requestUri, Deadline now) {
    if (asked.contains("request_uri") || !isKnown(asked)) return "invalid_request";
    requestUri = ledger_.freshName("urn:ietf:params:oauth:request_uri:");
    pushed_[requestUri] = {std::move(asked), now + pushedLifetime};
    ++ledger_.counts.pushedRequests;
    return {};
  }

  // What a code is worth to the request that brings it; null: invalid_grant. One that comes again ends the login that
  // it has begun (RFC 6749 section 4.1.2).
  [[nodiscard]] Code* spend(const Fields& fields, const ProviderBehaviour& behaviour, Deadline now) {
    const auto known = codes_.find(member(fields, "code"));
    if (known == codes_.end()) return nullptr;
    Code& code = known->second;
    if (!code.refreshToken.empty()) ledger_.revoke(code.refreshToken);
    const std::string uri = member(code.asked, "redirect_uri");
    const bool isSame = uri.empty() || uri == member(fields, "redirect_uri");
    if (!code.refreshToken.empty() || now >= code.endsAt || !isSame) return nullptr;
    return !behaviour.checksPkce || isProved(code, member(fields, "code_verifier")) ? &code : nullptr;
  }

  // OpenID Connect RP-Initiated Logout 1.0: the browser is signed in here no more.
  [[nodiscard]] Answer signOut(const Fields& asked, std::string_view cookies) {
    ssos_.erase(ssoIn(cookies));
    ++ledger_.counts.logouts;
    Answer answer{.cookie = std::string(cookieName) + "=; Path=/; Max-Age=0"};
    const std::string uri = member(asked, "post_logout_redirect_uri");
    if (uri.starts_with("http") && isAmong(options_.postLogoutRedirectUris, uri)) answer.redirectUri = uri;
    if (asked.contains("state")) answer.fields.emplace_back("state", asked.at("state"));
    return answer;
  }

  static constexpr const char* cookieName = "testing-sso";
  static constexpr Seconds pushedLifetime{60};

 private:
  static bool isAmong(const std::vector<std::string>& known, const std::string& uri) {
    return known.empty() || std::find(known.begin(), known.end(), uri) != known.end();
  }
  [[nodiscard]] bool isKnown(const Fields& asked) const {
    const std::string uri = member(asked, "redirect_uri");
    const auto isControl = [](char c) { return (c >= 0 && c <= ' ') || c == '\x7f'; };
    if (!uri.starts_with("http") || std::any_of(uri.begin(), uri.end(), isControl)) return false;
    if (options_.client && member(asked, "client_id") != options_.client->clientId) return false;
    return isAmong(options_.redirectUris, uri);
  }

  // RFC 6749 section 4.1.2.1; empty: none.
  [[nodiscard]] static std::string errorOf(const Fields& asked, bool isPushed, const ProviderBehaviour& behaviour) {
    if (!behaviour.authorizationError.empty()) return behaviour.authorizationError;
    if (member(asked, "response_type") != "code") return "unsupported_response_type";
    const bool hasChallenge = asked.contains("code_challenge");
    if (hasChallenge && member(asked, "code_challenge_method") != "S256") return "invalid_request";
    if (!hasChallenge && behaviour.requiresPkce) return "invalid_request";
    if (!isPushed && behaviour.requiresPushedRequests) return "invalid_request";
    const std::string prompt = member(asked, "prompt");
    return hasWord(prompt, "none") && prompt != "none" ? "invalid_request" : "";
  }

  [[nodiscard]] static std::string ssoIn(std::string_view cookies) {
    const std::string line = "; " + std::string(cookies);
    const std::string wanted = std::string("; ") + cookieName + "=";
    const std::size_t at = line.find(wanted);
    if (at == std::string::npos) return {};
    return line.substr(at + wanted.size(), line.find(';', at + 1) - at - wanted.size());
  }

  // Who is signed in here, and strongly and recently enough; else whoever signs in now. Nothing: nobody does, or may.
  std::optional<Sso> signedIn(const Fields& asked, std::string_view cookies, const ProviderBehaviour& behaviour,
                              Now now) {
    const std::string prompt = member(asked, "prompt");
    const std::string acrs = member(asked, "acr_values");
    const auto known = ssos_.find(ssoIn(cookies));
    const bool serves = known != ssos_.end() && !hasWord(prompt, "login") && !hasWord(prompt, "select_account") &&
                        isRecent(known->second, member(asked, "max_age"), now.wall) &&
                        (acrs.empty() || hasWord(acrs, known->second.acr));
    if (serves) return known->second;
    if (hasWord(prompt, "none") || behaviour.authorizeAs.empty()) return std::nullopt;
    Sso sso = begin(behaviour.authorizeAs, now.wall);
    sso.acr = acrs.substr(0, acrs.find(' '));
    return ssos_[sso.id] = sso;
  }
  static bool isRecent(const Sso& sso, const std::string& maxAge, TimePoint now) {
    long long seconds = 0;
    const auto [end, problem] = std::from_chars(maxAge.data(), maxAge.data() + maxAge.size(), seconds);
    if (problem != std::errc()) return true;
    return seconds > 0 && now - sso.begunAt <= Seconds{seconds};  // 0: signs in anew, however soon
  }

  // RFC 7636 section 4.6; without a challenge there must be no verifier (RFC 9700 section 4.8.2).
  static bool isProved(const Code& code, const std::string& verifier) {
    if (!code.asked.contains("code_challenge")) return verifier.empty();
    return sha256Of(verifier) == code.asked.at("code_challenge");
  }

  const ProviderOptions& options_;
  Ledger& ledger_;
  std::map<std::string, Sso> ssos_;  // by their ids
  std::map<std::string, Code> codes_;
  std::map<std::string, std::pair<Fields, Deadline>> pushed_;  // by request_uri
};

}  // namespace ironjar::testing::detail
