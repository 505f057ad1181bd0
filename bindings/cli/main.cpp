// The command line: seals, opens and inspects what the library makes, and answers scripts a line at a time.
#include "commands.hpp"
#include "printable.hpp"
#include "seal/formats.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

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
  app.add_option("--passwords", sources.passwords, "File of lines `id:password`, and `seal:id`; - is stdin")
      ->type_name("FILE");
  app.add_option("--in", sources.in, "File to read in place of stdin")->type_name("FILE");
  const auto bind = [&request](std::string& field) {
    return [&request, &field](const std::string& text) {
      field = text;
      request.isBound = true;
    };
  };
  app.add_option_function<std::string>("--purpose", bind(request.options.purpose), "What native seals are bound to")
      ->type_name("TEXT")
      ->default_str(request.options.purpose);
  app.add_option_function<std::string>("--context", bind(request.options.context),
                                       "Likewise; a session's is its cookie's name")
      ->type_name("TEXT");
}

// Not with CLI11's check, which repeats the text that it refuses: it may be a password.
std::vector<SealFormat> readFormats(const std::string& name, const std::string& text) {
  std::vector<SealFormat> formats;
  for (std::size_t begin = 0, end = 0; end != std::string::npos; begin = end + 1) {
    end = text.find(',', begin);
    const std::string word = text.substr(begin, end - begin);
    const ironjar::detail::Format* const format = ironjar::detail::formatNamed(word);
    if (format == nullptr) throw CLI::ValidationError(name, "is neither native nor fe26");
    formats.push_back(format->format);
  }
  return formats;
}

void addFormats(CLI::App& app, Request& request) {
  const auto read = [&request](const std::string& text) { request.formats = readFormats("--formats", text); };
  app.add_option_function<std::string>("--formats", read,
                                       "What opens; native alone when --purpose or --context is given")
      ->type_name("FORMAT,...")
      ->default_str("native,fe26");
}

// Decimal numbers of seconds. CLI11 would take an empty text for 0, which is for ever, and 010 for 8.
template <class Target>
void addSeconds(CLI::App& app, const std::string& name, Target& seconds, ironjar::Seconds usual,
                const char* description) {
  const auto read = [&seconds, name](const std::string& text) {
    std::int64_t count = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, problem] = std::from_chars(text.data(), end, count);
    if (problem != std::errc() || stop != end) throw CLI::ValidationError(name, "is not a whole number of seconds");
    seconds = ironjar::Seconds(count);
  };
  app.add_option_function<std::string>(name, read, description)
      ->type_name("SECONDS")
      ->default_str(std::to_string(usual.count()));
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
  addSeconds(*seal, "--ttl", request.options.ttl, ironjar::defaultTtl, "How long it opens; 0: for ever");
  seal->add_option_function<std::string>(
          "--format",
          [&request](const std::string& text) {
            request.options.formats = readFormats("--format", text);
            if (request.options.formats.size() != 1) throw CLI::ValidationError("--format", "is more than one");
          },
          "native, or fe26 for iron-session")
      ->type_name("FORMAT")
      ->default_str("native");
  seal->callback([&parsed] { parsed.run = ironjar::cli::seal; });

  CLI::App* const unseal = command(app, "unseal", "Print the JSON text of the seal on stdin");
  unseal->callback([&parsed] { parsed.run = ironjar::cli::unseal; });
  CLI::App* const inspect = command(app, "inspect", "Tell format, key, times and sizes of the seal on stdin");
  inspect->add_flag("--show", request.show, "Also what is sealed");
  inspect->callback([&parsed] { parsed.run = ironjar::cli::inspect; });
  CLI::App* const rotate = command(app, "rotate", "Seal the seal on stdin again, under the password that seals");
  rotate->callback([&parsed] { parsed.run = ironjar::cli::rotate; });
  for (CLI::App* const reader : {unseal, inspect, rotate}) {
    addSources(*reader, request);
    addFormats(*reader, request);
    addSeconds(*reader, "--clock-skew", request.options.clockSkew, request.options.clockSkew,
               "How much later or earlier it opens still");
  }

  CLI::App* const jsonl = command(app, "jsonl", "Answer one JSON request per line, in order");
  jsonl->callback([&parsed] { parsed.run = [](const Request&) { return ironjar::cli::jsonl(); }; });
}

bool isOption(const CLI::App& app, const std::string& name) {
  const std::vector<const CLI::App*> commands = app.get_subcommands([](const CLI::App*) { return true; });
  return app.get_option_no_throw(name) != nullptr ||
         std::any_of(commands.begin(), commands.end(), [&](const CLI::App* c) { return c->get_option_no_throw(name); });
}

// What is too much may be a password, and stderr is often kept: only names that are ours are told, and the usual
// mistake.
std::string told(const CLI::App& app, const std::string& argument) {
  const std::string name = argument.substr(0, argument.find('='));
  const bool isName = name.starts_with("--") && (name == "--password" || isOption(app, name));
  return isName ? "`" + name + "`" : "an argument";
}

// CLI11's own text where it holds nothing but an option's name; its other texts quote what was given.
std::string explained(const CLI::App& app, const CLI::ParseError& error) {
  std::string what = error.what();
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) return what;
  const std::string name = what.substr(0, what.find(": "));
  if (!name.starts_with("--") || !isOption(app, name)) return "An argument is not what it should be.";
  return dynamic_cast<const CLI::ConversionError*>(&error) != nullptr ? name + " does not take that value." : what;
}

int refuse(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error) == 0 && std::cout.flush() ? 0 : 2;
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr) {
    std::cerr << explained(app, error) << "\nRun with --help for more information.\n";
    return 2;
  }
  for (const std::string& argument : app.remaining(true)) {
    std::cerr << told(app, argument) << " is not expected here\n";
  }
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
    std::cerr << (what.starts_with("ironjar: ") ? "" : "ironjar: ") << ironjar::cli::printable(what) << '\n';
    return 2;
  }
}
