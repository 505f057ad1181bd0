// The command line: seals, opens and inspects what the library makes, and answers scripts a line at a time.
#include "commands.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <exception>
#include <iostream>
#include <string>

#include <ironjar/version.hpp>

namespace {

using ironjar::SealFormat;
using ironjar::cli::Request;

constexpr const char* examples = R"(Examples:
  export IRONJAR_PASSWORD=$(ironjar keygen)
  echo '{"user":"ada"}' | ironjar seal --ttl 3600 > session
  ironjar unseal < session
  ironjar inspect < session
  ironjar rotate --passwords /run/secrets/session-passwords < session
  echo '{"op":"cookies","header":"a=1; b=2"}' | ironjar jsonl

Passwords come from the environment, a file or stdin, never from arguments.
Exit codes: 0 fine; 1 it does not verify, or cannot be sealed; 2 usage.)";

CLI::App* command(CLI::App& app, const char* name, const char* description) {
  CLI::App* sub = app.add_subcommand(name, description);
  sub->footer(examples);
  return sub;
}

void addSources(CLI::App& app, Request& request) {
  auto& sources = request.sources;
  app.add_option("--password-env", sources.passwordEnv, "Environment variable that holds the password")
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--passwords", sources.passwords, "File of lines `id:password`; - is stdin")->type_name("FILE");
  app.add_option("--in", sources.in, "File to read in place of stdin")->type_name("FILE");
  app.add_option("--purpose", request.options.purpose, "What native seals are bound to")->capture_default_str();
  app.add_option("--context", request.options.context, "Likewise; a session's is its cookie's name");
}

// Decimal numbers of seconds. CLI11 would take an empty text for 0, which is for ever, and 010 for 8.
void addSeconds(CLI::App& app, const std::string& name, ironjar::Seconds& seconds, const char* description) {
  const auto read = [&seconds, name](const std::string& text) {
    std::int64_t count = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, problem] = std::from_chars(text.data(), end, count);
    if (problem != std::errc() || stop != end) throw CLI::ValidationError(name, "is not a whole number of seconds");
    seconds = ironjar::Seconds(count);
  };
  app.add_option_function<std::string>(name, read, description)
      ->type_name("SECONDS")
      ->default_str(std::to_string(seconds.count()));
}

struct Parsed {
  Request request;
  int (*run)(const Request&) = nullptr;
};

void addCommands(CLI::App& app, Parsed& parsed) {
  Request& request = parsed.request;
  CLI::App* const keygen = command(app, "keygen", "Make a password of 32 random bytes");
  keygen->add_flag("--paserk", request.paserk, "As a PASERK (k4.local.…): the native format's key itself");
  keygen->callback([&parsed] { parsed.run = ironjar::cli::keygen; });

  CLI::App* const seal = command(app, "seal", "Seal the JSON text on stdin");
  addSources(*seal, request);
  addSeconds(*seal, "--ttl", request.options.ttl, "How long it opens; 0: for ever");
  seal->add_option_function<std::string>(
          "--format",
          [&request](const std::string& format) {
            request.options.formats = {format == "fe26" ? SealFormat::fe26 : SealFormat::native};
          },
          "native, or fe26 for iron-session")
      ->check(CLI::IsMember({"native", "fe26"}))
      ->type_name("FORMAT")
      ->default_str("native");
  seal->callback([&parsed] { parsed.run = ironjar::cli::seal; });

  CLI::App* const unseal = command(app, "unseal", "Print the JSON text of the seal on stdin");
  unseal->callback([&parsed] { parsed.run = ironjar::cli::unseal; });
  CLI::App* const inspect = command(app, "inspect", "Tell format, key, times and sizes of the seal on stdin");
  inspect->add_flag("--show", request.show, "Also what is sealed");
  inspect->callback([&parsed] { parsed.run = ironjar::cli::inspect; });
  CLI::App* const rotate = command(app, "rotate", "Seal the seal on stdin again, under the newest password");
  rotate->callback([&parsed] { parsed.run = ironjar::cli::rotate; });
  for (CLI::App* const reader : {unseal, inspect, rotate}) {
    addSources(*reader, request);
    addSeconds(*reader, "--clock-skew", request.options.clockSkew, "How much later or earlier it opens still");
  }

  CLI::App* const jsonl = command(app, "jsonl", "Answer one JSON request per line, in order");
  jsonl->callback([&parsed] { parsed.run = [](const Request&) { return ironjar::cli::jsonl(); }; });
}

// An option's name may be told. What else is too much may be a password, and stderr is often kept.
std::string told(const std::string& argument) {
  constexpr std::size_t longestName = 24;
  const std::string name = argument.substr(0, argument.find('='));
  return name.starts_with('-') && name.size() <= longestName ? "`" + name + "`" : "an argument";
}

int refuse(const CLI::App& app, const CLI::ParseError& error) {
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr)
    return app.exit(error) == 0 && std::cout.flush() ? 0 : 2;
  for (const std::string& argument : app.remaining(true)) std::cerr << told(argument) << " is not expected here\n";
  std::cerr << "Passwords come from the environment, a file or stdin, never from arguments.\n"
               "Run with --help for more information.\n";
  return 2;
}

int run(int argc, char** argv) {
  CLI::App app("Seals JSON, and opens what was sealed, in the formats of ironjar and iron-session.", "ironjar");
  app.footer(examples);
  app.set_version_flag("--version", "ironjar " + std::to_string(IRONJAR_VERSION_MAJOR) + "." +
                                        std::to_string(IRONJAR_VERSION_MINOR) + "." +
                                        std::to_string(IRONJAR_VERSION_PATCH));
  app.require_subcommand(1);
  Parsed parsed;
  addCommands(app, parsed);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return refuse(app, error);
  }
  const int code = parsed.run(parsed.request);
  return std::cout.flush() ? code : 2;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    const std::string_view what = error.what();
    std::cerr << (what.starts_with("ironjar: ") ? "" : "ironjar: ") << what << '\n';
    return 2;
  }
}
