"""What the self-test of check_style.py plants: (path, text, the rule it breaks or None)."""

_PROSE = "# room\n\n" + "What lives here, what never does, where to start reading. " * 2 + "\n"
_HEADER = "#pragma once\n"
_LATER = "TO" + "DO"

# Every room below has its README, but for the two whose lack is planted.
_READMES = tuple(
    (f"{room}/README.md", _PROSE, None)
    for room in ("host", "host/engine", "host/http", "host/runtime", "storage", "storage/sqlite",
                 "plugins", "tests", "tools", "sdk")
)

_LONG_FUNCTION = "int f() {\n" + "  g();\n" * 60 + "}\n"
_LONG_CONSTRUCTOR = "Host::Host(int n) : n_{n}, m_{2} {\n" + "  g();\n" * 60 + "}\n"

_LET_THROUGH = (
    ("host/engine/job.hpp", _HEADER + "struct Database {};\nstruct Ion;\n", None),
    ("host/engine/text.cpp",
     'auto text = "struct Helper; SELECTED catch (...) {}"; // Handler\n', None),
    ("host/engine/table.cpp", "const int table[] = {\n" + "  1,\n" * 80 + "};\n", None),
    ("host/engine/scope.cpp", "namespace a {\nclass B {\n" + "  int f();\n" * 80 + "};\n}\n", None),
    ("host/engine/caught.cpp",
     "void f() {\n  try {\n  } catch (...) {\n    stop();\n  }\n}\n", None),
    ("host/engine/later.cpp", f"// {_LATER}(#12) when schedules exist\n", None),
    ("host/engine/digits.cpp", "int n = 1'000'000; int m = 2'000; class A {};\n", None),
    ("host/runtime/system_clock.cpp", "auto t = std::chrono::system_clock::now();\n", None),
    ("sdk/include/stepd/sqlite_barrier.hpp",
     _HEADER + 'inline auto sql = "SELECT output FROM stepd_barrier";\n', None),
    ("storage/sqlite/select.cpp", 'auto sql = "SELECT id FROM jobs";\n', None),
    ("tests/storage/named.cpp", 'TEST_CASE("J3: the same key names one job") {}\n', None),
    ("tests/storage/slow.cpp", 'auto t = "demo.sleep(5)"; context.sleep_ms(5);\n', None),
    ("sdk/include/stepd/testing/clock.hpp",
     _HEADER + "auto t = std::chrono::system_clock::now();\n", None),
)

_BREACHES = (
    ("host/engine/a.hpp", _HEADER + "class JobManager;\n", "name"),
    ("host/engine/b.cpp", "enum class StepActivity { none };\n", "name"),
    ("host/engine/c.cpp", "struct Foo {\n  struct WorkItems {};\n};\n", "name"),
    ("host/engine/d.cpp", "using CallInfo = int;\n", "name"),
    ("host/engine/e.hpp", _HEADER + "class IStore {};\n", "name"),
    ("host/engine/f.hpp", _HEADER + "class StoreImpl {};\n", "name"),
    ("host/engine/string_utils.cpp", "int n;\n", "file name"),
    ("host/engine/common/text.cpp", "int n;\n", "file name"),
    ("host/engine/types.hpp", _HEADER, "file name"),
    ("host/engine/g.hpp", "int n;\n", "pragma once"),
    ("host/engine/h.cpp", "auto t = std::chrono::system_clock::now();\n", "clock"),
    ("host/engine/i.cpp", "auto t = time(nullptr);\n", "clock"),
    ("tests/engine/i.cpp", "auto t = std::chrono::system_clock::now();\n", "clock"),
    ("host/engine/j.cpp",
     "void f() {\n  try {\n  } catch (...) {\n    // fine\n  }\n}\n", "swallow"),
    ("host/engine/k.cpp", "void f() { try { } catch (const std::exception& e) {} }\n", "swallow"),
    ("host/http/l.cpp", 'auto sql = "SELECT id FROM jobs";\n', "sql"),
    ("host/http/m.cpp", 'auto sql = R"(\n  insert into jobs (id)\n)";\n', "sql"),
    ("sdk/include/stepd/asks.hpp", _HEADER + 'inline auto sql = "SELECT id FROM jobs";\n', "sql"),
    ("storage/port.hpp", _HEADER + 'inline auto sql = "DELETE FROM jobs";\n', "sql"),
    ("host/engine/n.cpp", _LONG_FUNCTION, "function"),
    ("host/engine/o.cpp", "namespace a {\n" + _LONG_CONSTRUCTOR + "}\n", "function"),
    ("host/engine/p.cpp", "int n;\n" * 501, "length"),
    ("host/engine/q.cpp", f"// {_LATER}: later\n", "later"),
    ("host/engine/r.cpp", "// " + "long " * 20 + "\n", "columns"),
    ("host/engine/s.cpp", "int n;", "newline"),
    ("tests/storage/t.cpp", "std::this_thread::sleep_for(1ms);\n", "sleep"),
    ("tests/storage/u.cpp", "usleep(5);\n", "sleep"),
    ("tests/storage/v.py", "time.sleep(1)\n", "sleep"),
    ("tests/storage/w.cpp", 'TEST_CASE("one; two") {}\n', "test name"),
    ("tests/storage/x.cpp", 'TEST_CASE("a list [1]", "[tag]") {}\n', "test name"),
    ("storage/memory/store.cpp", "int n;\n", None),
    ("storage/memory/README.md", "# memory\n", "readme"),
    ("plugins/demo/demo.cpp", "int n;\n", None),
    ("plugins/demo/README.md", "", "readme"),
    ("tools/run", f"#!/bin/sh\n# {_LATER}\n", "later"),
)

PLANTS = _READMES + _LET_THROUGH + _BREACHES
