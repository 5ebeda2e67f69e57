#pragma once

#include <concepts>
#include <optional>
#include <stepd/context.hpp>
#include <stepd/nothing.hpp>
#include <stepd/outcome.hpp>

namespace stepd {

/// A step type as a class: derive and write
///
///     Output execute(stepd::Context&, const Arguments&);
///
/// and, where it can be found out whether an earlier call took effect,
///
///     stepd::ProbeAnswer<Output> probe(stepd::Context&, const Arguments&);
///
/// Every call gets an object of its own, so members need no lock and forget everything.
template <class ArgumentsType, class OutputType = void>
class Step {
 public:
  using Arguments = Valued<ArgumentsType>;
  using Output = OutputType;
  static constexpr bool is_saga_step = false;
};

/// A step type that can be undone: as Step, and
///
///     void compensate(stepd::Context&, const Arguments&, const std::optional<Output>&);
///
/// The output is nothing when it is not known whether, or how, execute took effect; undoing what
/// never happened must then do nothing and succeed. A void Output is a stepd::Nothing here.
template <class ArgumentsType, class OutputType = void>
class SagaStep {
 public:
  using Arguments = Valued<ArgumentsType>;
  using Output = OutputType;
  static constexpr bool is_saga_step = true;
};

namespace detail {

template <class S>
concept StepClass = requires {
  typename S::Arguments;
  typename S::Output;
  { S::is_saga_step } -> std::convertible_to<bool>;
};

template <class S>
concept OffersExecute = requires(S& step, Context& context,
                                 const typename S::Arguments& arguments) {
  { step.execute(context, arguments) } -> std::convertible_to<typename S::Output>;
}
|| (std::is_void_v<typename S::Output> &&
    requires(S & step, Context& context, const typename S::Arguments& arguments) {
      { step.execute(context, arguments) } -> std::same_as<void>;
    });

template <class S>
concept OffersCompensate = requires(S& step, Context& context,
                                    const typename S::Arguments& arguments,
                                    const std::optional<Valued<typename S::Output>>& output) {
  { step.compensate(context, arguments, output) } -> std::same_as<void>;
};

template <class S>
concept HasProbe = requires {
  &S::probe;
};

template <class S>
concept OffersProbe = requires(S& step, Context& context, const typename S::Arguments& arguments) {
  { step.probe(context, arguments) } -> std::convertible_to<ProbeAnswer<typename S::Output>>;
};

/// Says in a sentence what is wrong with a step class, before the compiler says it in a hundred.
template <class S>
consteval bool is_sound_step() {
  static_assert(StepClass<S>,
                "stepd: a step class derives from stepd::Step<Arguments, Output> or "
                "stepd::SagaStep<Arguments, Output>, publicly");
  if constexpr (StepClass<S>) {
    static_assert(OffersExecute<S>,
                  "stepd: a step class needs a public member function "
                  "Output execute(stepd::Context&, const Arguments&)");
    static_assert(!HasProbe<S> || OffersProbe<S>,
                  "stepd: a probe is a public member function "
                  "stepd::ProbeAnswer<Output> probe(stepd::Context&, const Arguments&)");
    return OffersExecute<S> && (!HasProbe<S> || OffersProbe<S>);
  }
  return false;
}

template <class S>
consteval bool is_sound_saga_step() {
  static_assert(OffersCompensate<S>,
                "stepd: a saga step needs a public member function void compensate("
                "stepd::Context&, const Arguments&, const std::optional<Output>&); "
                "a step that cannot be undone is a plain stepd::Step");
  return OffersCompensate<S>;
}

template <class S, class... Parts>
consteval bool is_made_of() {
  constexpr bool is_made = std::is_constructible_v<S, const Parts&...>;
  static_assert(is_made,
                "stepd: no public constructor of the step class takes what is handed to "
                "plugin.step<...>(type, parts...) or plugin.saga<...>(type, parts...); each call "
                "makes an object of its own from copies of these");
  return is_made;
}

/// A function as a step class.
template <auto Function, class Signature = decltype(Function)>
class FunctionStep {
  static_assert(!std::is_same_v<Signature, Signature>,
                "stepd: a step function is Output name(stepd::Context&, const Arguments&) or "
                "Output name(stepd::Context&)");
};
template <auto Function, class O, class A>
class FunctionStep<Function, O (*)(Context&, const A&)> : public Step<A, O> {
 public:
  O execute(Context& context, const A& arguments) { return Function(context, arguments); }
};
template <auto Function, class O>
class FunctionStep<Function, O (*)(Context&)> : public Step<void, O> {
 public:
  O execute(Context& context, const Nothing&) { return Function(context); }
};

}  // namespace detail
}  // namespace stepd
