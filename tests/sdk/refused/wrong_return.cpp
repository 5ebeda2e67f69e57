// refused: a step class needs a public member function Output execute
#include <stepd/plugin.hpp>
#include <string>

struct Reply {
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Reply, (), (text))

class Talks : public stepd::Step<void, Reply> {
 public:
  int execute(stepd::Context&, const stepd::Nothing&) { return 7; }
};

STEPD_PLUGIN("refused", "1", plugin) { plugin.step<Talks>("refused.step"); }
