#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>
#include <boost/multiprecision/miller_rabin.hpp>
#include <cstdint>
#include <random>
#include <stepd/distributed_task.hpp>
#include <stepd/plugin.hpp>
#include <string>
#include <vector>

namespace factor {

using Number = boost::multiprecision::cpp_int;

struct Wanted {
  std::string number;
};
BOOST_DESCRIBE_STRUCT(Wanted, (), (number))

struct Factors {
  std::string number;
  std::vector<std::string> factors;  // primes, the smallest first
};
BOOST_DESCRIBE_STRUCT(Factors, (), (number, factors))

Number number_from(const std::string& text) {
  constexpr std::size_t digits_max = 200;
  const bool is_number = !text.empty() && text.size() <= digits_max &&
                         std::all_of(text.begin(), text.end(),
                                     [](char digit) { return digit >= '0' && digit <= '9'; });
  const Number number =
      is_number ? Number(text.substr(std::min(text.find_first_not_of('0'), text.size() - 1)))
                : Number(0);
  if (number < 1) {
    throw stepd::Refused{"no_number", "\"" + text +
                                          "\" is no whole number from 1 on with at most " +
                                          std::to_string(digits_max) + " digits"};
  }
  return number;
}

bool is_prime(const Number& number) {
  static thread_local std::mt19937_64 chance(4711);
  return number == 2 || number == 3 ||
         (number > 3 && boost::multiprecision::miller_rabin_test(number, 40, chance));
}

/// A factor of a composite number (Pollard's rho with Brent's cycle finding, BIT 20, 1980).
Number some_factor(stepd::Context& context, const Number& number) {
  if (number % 2 == 0) return 2;
  for (Number constant = 1;; ++constant) {
    const auto next = [&](const Number& value) {
      return Number((value * value + constant) % number);
    };
    Number hare = 2;
    Number tortoise = hare;
    Number divisor = 1;
    for (std::uint64_t length = 1; divisor == 1; length *= 2) {
      tortoise = hare;
      Number product = 1;
      for (std::uint64_t step = 1; step <= length && divisor == 1; ++step) {
        hare = next(hare);
        product = product * abs(Number(tortoise - hare)) % number;
        if (step % 128 != 0 && step != length) continue;
        divisor = gcd(product, number);
        context.throw_if_stop_requested();
      }
    }
    if (divisor != number) return divisor;
    // Several factors met within one batch: look at each step from where the batch began.
    hare = tortoise;
    do {
      hare = next(hare);
      divisor = gcd(Number(abs(Number(tortoise - hare))), number);
    } while (divisor == 1);
    if (divisor != number) return divisor;
  }
}

void add_factors(stepd::Context& context, const Number& number, std::vector<Number>& primes) {
  if (number == 1) return;
  if (is_prime(number)) {
    primes.push_back(number);
    return;
  }
  const Number divisor = some_factor(context, number);
  add_factors(context, divisor, primes);
  add_factors(context, number / divisor, primes);
}

Factors one(stepd::Context& context, const Wanted& wanted) {
  std::vector<Number> primes;
  add_factors(context, number_from(wanted.number), primes);
  std::sort(primes.begin(), primes.end());
  Factors factors{.number = wanted.number, .factors = {}};
  for (const Number& prime : primes) factors.factors.push_back(prime.str());
  return factors;
}

struct Numbers {
  std::vector<std::string> numbers;
};
BOOST_DESCRIBE_STRUCT(Numbers, (), (numbers))

struct Failure {
  std::string number;
  std::string error;
};
BOOST_DESCRIBE_STRUCT(Failure, (), (number, error))

struct Report {
  std::vector<Factors> factored;  // in the order of the numbers
  std::vector<Failure> failed;    // likewise
};
BOOST_DESCRIBE_STRUCT(Report, (), (factored, failed))

struct Found {
  std::uint64_t index = 0;
  Factors factors;
};
BOOST_DESCRIBE_STRUCT(Found, (), (index, factors))

struct Missed {
  std::uint64_t index = 0;
  std::string error;
};
BOOST_DESCRIBE_STRUCT(Missed, (), (index, error))

struct State {
  std::vector<Found> found;  // in the order of delivery, as are those missed
  std::vector<Missed> missed;
};
BOOST_DESCRIBE_STRUCT(State, (), (found, missed))

/// A list of numbers: each is a subtask.
class All : public stepd::DistributedTask<All, Numbers, State, Report> {
 public:
  static constexpr std::string_view subtask_type = "factor.one";
  using SubtaskOutput = Factors;

  std::uint64_t subtask_count(const Numbers& list, const State&) { return list.numbers.size(); }
  Wanted subtask_input(const Numbers& list, const State&, std::uint64_t index) {
    return {list.numbers.at(index)};
  }
  void deliver_output(State& state, std::uint64_t index, const Factors& factors) {
    state.found.push_back({index, factors});
  }
  void subtask_failed(State& state, std::uint64_t index, const stepd::SubtaskError& error) {
    state.missed.push_back({index, error.code + ": " + error.message});
  }
  Report output(const Numbers& list, const State& state) {
    Report report;
    for (Found& each : in_order(state.found)) report.factored.push_back(std::move(each.factors));
    for (Missed& each : in_order(state.missed)) {
      report.failed.push_back({list.numbers.at(each.index), std::move(each.error)});
    }
    return report;
  }

 private:
  template <class Each>
  static std::vector<Each> in_order(std::vector<Each> all) {
    std::sort(all.begin(), all.end(),
              [](const Each& a, const Each& b) { return a.index < b.index; });
    return all;
  }
};

}  // namespace factor

STEPD_PLUGIN("factor", "1.0.0", plugin) {
  using namespace factor;
  plugin.step<one>("factor.one")
      .title("Factor a whole number")
      .description("Its primes. Takes long when the second largest of them is large.");
  plugin.step<All>("factor.all")
      .title("Factor a list of whole numbers")
      .description("Each number is a subtask, run wherever factor.one is offered.");
}
