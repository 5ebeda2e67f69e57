#pragma once

#include <string_view>

/// The program in place of a daemon: it tries plugins for their authors, needs no daemon and keeps
/// nothing. stepctl starts it; nobody types these flags.
namespace stepd::workshop {

/// `--workshop ORDER`, see order.hpp. Answers with the exit code: 0 all is well, 1 it is not, 2 the
/// order is wrong.
inline constexpr std::string_view workshop_flag = "--workshop";
[[nodiscard]] int workshop_main(std::string_view order);

/// `--workshop-process TRICKS ID`: the process of a plugin (contained::module_main) with some
/// tricks played on what is in it. Does not come back.
inline constexpr std::string_view process_flag = "--workshop-process";
[[noreturn]] void process_main(std::string_view tricks);

}  // namespace stepd::workshop
