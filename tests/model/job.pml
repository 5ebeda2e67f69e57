/* Two hosts, one store, one job of three saga steps in a row: who may do what, and when.
 *
 * Each `::` of the process at the end is one indivisible act. Between any two acts the other host
 * may act, the lease may pass on, a host may crash. What must hold is said in promises.pml.
 *
 * Only whether a host's epoch is the newest ever matters, so the model keeps who has the lease
 * instead of a number: any number of epochs is covered, and needs no bound.
 */

#ifndef CRASHES
#define CRASHES 3 /* below zero: any number of them */
#endif
#define ATTEMPTS 2 /* where the retry policy ends */
#define STEPS 3
#define LAST 2
#define NOBODY 2

mtype:state = { pending, ready, running, stopping, succeeded, abandoned, unstarted, compensated };
mtype:phase = { execute, compensate };
mtype:effect = { none, possible, done };
mtype:end = { unsettled, all_done, all_back };

/* `unclear`: every end that is charged and leaves the effect possible while the host lives, be it
 * retry, timed out, crashed or effect unknown, or cancelled when the call was asked to stop. */
mtype:outcome = { ok, unclear, refused, lost };

/* One job, as the fold over its journal leaves it. Time is left out, a wait may end at once: so
 * `ready` is also what the rules call retrying. Steps come one after the other, so there is one
 * whose turn it is, forward or backward. */
typedef Job {
  mtype:state state[STEPS];
  mtype:effect effect[STEPS];
  byte attempts[STEPS]; /* of execute; compensations are retried without limit */
  byte at;              /* the step whose turn it is */
  mtype:phase phase;    /* its phase */
  byte call;            /* number of the last call */
  bool backward;
  mtype:end end
};

/* The plugin's code: none, let go but not done, done, done and reported. A report may come again,
 * and has to when the batch that took it in is not stored. */
mtype:work = { idle, at_work, over, told };

typedef Host {
  bool up;
  Job job;      /* in memory: ahead of the store by the draft, or behind it without knowing */
  bool draft;   /* something is decided and not on disk */
  bool starts;  /* ... a call begins once it is, */
  bool replies; /* ... an operator is told that the job is cancelled */
  bool fits;    /* its journal ends where the store's does; if not, the store takes no row */

  mtype:work work;
  byte step;
  mtype:phase phase;
  byte call;
  mtype:outcome outcome
};

Job store;
byte lease = NOBODY;
Host host[2];
byte crashes;

/* What each step did outside, as the participant knows it. */
mtype:out = { untouched, applied, undone };
mtype:out out[STEPS];

hidden byte i; /* of loops; nothing lives in it between acts */

/* Planted to be found. Those that the simulation plants too have the same names there. */
mtype:bug = { nothing, no_fence, no_barrier, acknowledges_unstored, acts_before_commit,
              compensates_beside_call, compensates_in_any_order, forgets_attempts,
              ignores_policy_end, keeps_unstored, never_compensates_in_doubt,
              refusal_forgets_effect, renews_lost_lease, repeats_after_success,
              runs_settled_again, starts_too_early, takes_late_reports, turns_too_late,
              undoes_for_ever, waits_for_lost_calls };
#ifndef BUG
#define BUG nothing
#endif
#define planted(bug) (BUG == bug)

#define other (1 - self)
#define me host[self]
#define mine host[self].job
#define turn_of(job) job.state[job.at]
#define is_in_call(job) (turn_of(job) == running || turn_of(job) == stopping)

/* Numbers go round. Two that are compared are never further apart than one. */
#define next_number(number) ((number + 1) % 3)

#include "promises.pml"

/* ---- The rules, as host/engine has them, for the job in this host's memory ---- */

#define needs_undoing(step) \
  (mine.effect[step] == done || \
   (mine.effect[step] == possible && !planted(never_compensates_in_doubt)))

/* job_machine.cpp, turn_back. A call goes on until it is over; only then its step is decided. */
inline turn_back() {
  mine.backward = true;
  for (i : 0 .. LAST) {
    if
    :: mine.state[i] == pending -> mine.state[i] = unstarted
    :: else
    fi
  }
  if
  :: turn_of(mine) == running ->
    if
    :: planted(compensates_beside_call) ->
      turn_of(mine) = abandoned;
      mine.effect[mine.at] = possible
    :: else -> turn_of(mine) = stopping
    fi
  :: turn_of(mine) == ready && !planted(turns_too_late) ->
    if
    :: mine.attempts[mine.at] == 0 -> turn_of(mine) = unstarted
    :: else -> turn_of(mine) = abandoned
    fi
  :: else
  fi
}

/* follow_rules.cpp, follow: what a state demands by itself rides in the same commit. */
inline follow() {
  do
  :: mine.end != unsettled || is_in_call(mine) || turn_of(mine) == ready -> break
  :: else ->
    if
    :: !mine.backward && mine.at < LAST -> mine.at++; turn_of(mine) = ready
    :: !mine.backward && mine.at == LAST -> mine.end = all_done
    :: mine.backward && turn_of(mine) != compensated && needs_undoing(mine.at) ->
      if
      :: planted(compensates_in_any_order) && mine.state[0] == succeeded -> mine.at = 0
      :: else
      fi;
      mine.phase = compensate;
      turn_of(mine) = ready
    :: else ->
      if
      :: mine.at > 0 -> mine.at--
      :: else -> mine.end = all_back
      fi
    fi
  od
}

/* call_rules.cpp, CallEnd. */
inline execute_over(how) {
  mine.attempts[mine.at]++;
  if
  :: how == ok -> mine.effect[mine.at] = done
  :: how == refused && planted(refusal_forgets_effect) -> mine.effect[mine.at] = none
  :: how != ok && how != refused -> mine.effect[mine.at] = possible
  :: else
  fi;
  if
  :: how == ok -> turn_of(mine) = succeeded
  :: how != ok && turn_of(mine) == stopping -> turn_of(mine) = abandoned
  :: else ->
    if
    :: how != refused && (mine.attempts[mine.at] < ATTEMPTS || planted(ignores_policy_end)) ->
      turn_of(mine) = ready
    :: else ->
      turn_of(mine) = abandoned;
      turn_back()
    fi
  fi
}

inline compensate_over(how) {
  if
  :: how == ok && !planted(undoes_for_ever) -> turn_of(mine) = compensated
  :: else -> turn_of(mine) = ready
  fi
}

inline call_over(how) {
  if
  :: mine.phase == execute -> execute_over(how)
  :: else -> compensate_over(how)
  fi;
  follow();
  me.draft = true
}

/* ---- What a host does ---- */

inline copy(from, to) {
  for (i : 0 .. LAST) {
    to.state[i] = from.state[i];
    to.effect[i] = from.effect[i];
    to.attempts[i] = from.attempts[i]
  }
  to.at = from.at;
  to.phase = from.phase;
  to.call = from.call;
  to.backward = from.backward;
  to.end = from.end
}

inline forget_draft() {
  me.draft = false;
  me.starts = false;
  me.replies = false
}

/* The process ends, and with it the code it ran (A8). Zeros everywhere make fewer states. */
inline vanish() {
  me.up = false;
  me.fits = false;
  forget_draft();
  me.work = idle;
  me.step = 0;
  me.phase = 0;
  me.call = 0;
  me.outcome = 0;
  for (i : 0 .. LAST) {
    mine.state[i] = 0;
    mine.effect[i] = 0;
    mine.attempts[i] = 0
  }
  mine.at = 0;
  mine.phase = 0;
  mine.call = 0;
  mine.backward = false;
  mine.end = 0
}

#define goes_on_here (me.work != idle && me.call == mine.call)

/* engine_events.cpp, take_in. A call on record that does not run here went with its host. */
inline take_in() {
  forget_draft();
  copy(store, mine);
  me.fits = true;
  if
  :: planted(forgets_attempts) -> mine.attempts[mine.at] = 0
  :: planted(repeats_after_success) && mine.state[0] == succeeded && !mine.backward ->
    mine.at = 0;
    turn_of(mine) = ready
  :: planted(starts_too_early) && !mine.backward && turn_of(mine) == ready && mine.at < LAST ->
    mine.at++;
    turn_of(mine) = ready
  :: else
  fi;
  if
  :: is_in_call(mine) && !goes_on_here && !planted(waits_for_lost_calls) -> call_over(lost)
  :: else
  fi
}

inline let_go_of_call() {
  judge_first_moment_of_call();
  me.work = at_work;
  me.step = mine.at;
  me.phase = mine.phase;
  me.call = mine.call;
  me.outcome = 0
}

inline start_call() {
  judge_batch();
  turn_of(mine) = running;
  mine.call = next_number(mine.call);
  me.draft = true;
  if
  :: planted(acts_before_commit) -> let_go_of_call()
  :: else -> me.starts = true
  fi
}

inline cancel() {
  turn_back();
  follow();
  me.draft = true;
  if
  :: planted(acknowledges_unstored) -> acknowledged = true
  :: else -> me.replies = true
  fi
}

/* One transaction: the fence, the journal's length, the rows. Only then what they allow. */
inline commit() {
  if
  :: lease != self && !planted(no_fence) -> vanish()
  :: else ->
    if
    :: !me.fits ->
      judge_misfit();
      take_in()
    :: else ->
      judge_commit();
      copy(mine, store);
      host[other].fits = false;
      if
      :: me.starts -> let_go_of_call()
      :: else
      fi;
      if
      :: me.replies -> acknowledged = true
      :: else
      fi;
      forget_draft()
    fi
  fi
}

/* A full disk, say: all that was decided since the last commit is as if it had never been (D1). */
inline fail_to_commit() {
  if
  :: planted(keeps_unstored) -> forget_draft()
  :: else -> take_in()
  fi
}

/* Only the report of the call now under way counts (A1). */
inline hear_report() {
  me.work = told;
  me.step = 0;
  me.phase = 0;
  if
  :: is_in_call(mine) && (me.call == mine.call || planted(takes_late_reports)) ->
    call_over(me.outcome)
  :: else
  fi
}

/* ---- What plugin code does ---- */

/* The barrier of the participant (C7): an execute after its compensation is refused. */
#define barrier_refuses (me.phase == execute && out[me.step] == undone && !planted(no_barrier))

inline take_effect() {
  if
  :: me.phase == execute -> out[me.step] = applied
  :: else -> out[me.step] = undone
  fi
}

inline end_code(how) {
  me.work = over;
  me.outcome = how
}

/* ---- The acts ---- */

#ifdef NO_OVERLAP
#define may_take_lease (!host[other].up)
#else
#define may_take_lease true
#endif

#if CRASHES < 0
#define may_crash true
#define count_crash() skip
#else
#define may_crash (crashes < CRASHES)
#define count_crash() crashes++
#endif

/* Where spin looks for runs without end, it is to find none but those that are disturbed again and
 * again. */
#ifdef ENDS
#define disturbed(by) ; progress_##by: skip
#else
#define disturbed(by)
#endif

#define in_code (me.work == at_work)
#define is_open (me.up && mine.end == unsettled)

/* What `spin -t` tells of the way to a broken promise. */
#define say(words) printf("host %d ", self); printf(words); printf("\n")
#define say_code(words) \
  printf("host %d, call %d of step %d: code ", self, me.call, me.step); printf(words); printf("\n")

proctype Host_process(bit self) {
end: do
  /* A host that starts takes the lease over, from one that is gone or from one that is merely slow
   * and goes on without knowing. It reads the record under its new lease. */
  :: d_step { !me.up && store.end == unsettled && may_take_lease ->
       say("takes the lease"); me.up = true; lease = self; take_in(); judge_world() }
  /* kill -9, or a power cut. */
  :: d_step { me.up && may_crash ->
       say("crashes"); count_crash(); vanish(); judge_world() } disturbed(crash)
  :: d_step { me.up && lease != self && !planted(no_fence) ->
       say("learns that its lease is gone"); vanish(); judge_world() }
  :: d_step { planted(renews_lost_lease) && me.up && lease != self ->
       say("renews what it has lost"); lease = self; judge_world() }

  :: d_step { is_open && turn_of(mine) == ready ->
       say("decides to call the step"); start_call(); judge_world() }
  :: d_step { is_open && !mine.backward ->
       say("is asked to cancel the job"); cancel(); judge_world() }
  :: d_step { me.work == over ->
       say("hears that its call is over"); hear_report(); judge_world() }
  :: d_step { me.work == told ->
       say("hears it again"); hear_report(); judge_world() } disturbed(repetition)
  :: d_step { planted(runs_settled_again) && me.up && mine.end == all_done && !me.draft ->
       say("runs the job again"); mine.end = unsettled; start_call(); judge_world() }

  :: d_step { me.draft ->
       say("commits"); commit(); judge_world() }
  :: d_step { me.draft && lease == self ->
       say("cannot commit: the disk is full"); fail_to_commit(); judge_world() } disturbed(disk)

  :: d_step { in_code && !barrier_refuses ->
       say_code("takes effect"); take_effect(); end_code(ok); judge_world() }
  :: d_step { in_code && !barrier_refuses ->
       say_code("fails after its effect"); take_effect(); end_code(unclear); judge_world() }
     disturbed(effect)
  :: d_step { in_code ->
       say_code("fails before its effect"); end_code(unclear); judge_world() }
     disturbed(failure)
  :: d_step { in_code && me.phase == execute ->
       say_code("refuses"); end_code(refused); judge_world() }
  od
}

init {
  d_step {
    for (i : 0 .. LAST) {
      store.state[i] = pending;
      store.effect[i] = none;
      out[i] = untouched
    }
    store.state[0] = ready;
    store.phase = execute;
    store.end = unsettled;
    host[0].work = idle;
    host[1].work = idle
  }
  atomic {
    run Host_process(0);
    run Host_process(1)
  }
}
