/* What must hold, by the numbers of the promises. Nothing here changes what happens: it looks on
 * with a memory of its own, and knows of the rules what a reader of the record knows. */

hidden byte A1, A4, A8, C1, C2, C3, C6, C7, D2, D3, J4, J5, O2; /* all zero; pan prints the name */
#define promise(rule, what) assert((what) || rule)

bool acknowledged;    /* an operator was told that the job is cancelled */
byte executed[STEPS]; /* calls of execute on record */
bool undoing[STEPS];  /* a call of compensate is on record */

#define is_at_end_of_execute(word) (word == succeeded || word == abandoned || word == unstarted)
#define is_back(job, step) \
  (job.state[step] == compensated || \
   (is_at_end_of_execute(job.state[step]) && job.effect[step] == none))

/* ---- Of the record: from what is stored to what this host is about to store ---- */

inline judge_new_call() {
  promise(A1, mine.call == next_number(store.call));
  if
  :: mine.phase == execute ->
    executed[mine.at]++;
    promise(A4, executed[mine.at] <= ATTEMPTS);
    promise(C3, !store.backward && !undoing[mine.at])
  :: else ->
    undoing[mine.at] = true;
    promise(C3, mine.backward)
  fi;
  for (i : 0 .. LAST) {
    promise(J4, mine.phase == compensate || i >= mine.at || mine.state[i] == succeeded);
    promise(C2, mine.phase == execute || i <= mine.at || is_back(mine, i))
  }
}

inline judge_end() {
  promise(C6, mine.backward == (mine.end == all_back));
  for (i : 0 .. LAST) {
    promise(C6, mine.end != all_done || mine.state[i] == succeeded);
    promise(C6, mine.end != all_back || is_back(mine, i))
  }
}

/* What is recorded is never taken back, whoever records next. */
inline judge_commit() {
  promise(J5, store.end == unsettled);
  promise(D2, mine.backward || !store.backward);
  for (i : 0 .. LAST) {
    promise(A8, i == mine.at || (mine.state[i] != running && mine.state[i] != stopping));
    promise(A1, !is_at_end_of_execute(store.state[i]) || is_at_end_of_execute(mine.state[i]) ||
                mine.state[i] == compensated || (mine.at == i && mine.phase == compensate));
    promise(A4, mine.attempts[i] >= store.attempts[i]);
    promise(C1, store.effect[i] == none || mine.effect[i] != none);
    promise(C1, store.effect[i] != done || mine.effect[i] == done);
    promise(C2, store.state[i] != compensated || mine.state[i] == compensated)
  }
  if
  :: mine.call != store.call -> judge_new_call()
  :: else
  fi;
  if
  :: mine.end != unsettled -> judge_end()
  :: else
  fi
}

/* With the fence, nobody finds that another host has written into the journal it holds. */
inline judge_misfit() { promise(D3, planted(no_fence)) }

/* ---- Of the code that runs ---- */

inline judge_batch() { promise(A8, !me.starts) }

inline judge_first_moment_of_call() {
  promise(A1, is_in_call(store) && store.call == mine.call && store.at == mine.at);
  promise(A8, me.work != at_work && me.work != over)
}

/* ---- Of every state ---- */

#define runs_code(each) (host[each].work == at_work || host[each].work == over)
#define can_hear(each) \
  (host[each].work != idle && is_in_call(host[each].job) && host[each].call == host[each].job.call)

/* What the host with the lease is at work on is what the record shows under way, until its report
 * is stored; and only a stale host's code can come after the compensation. A host always has
 * something to do for a job that has not settled. */
inline judge_host(each) {
  promise(A8, !runs_code(each) || lease != each ||
              (is_in_call(store) && store.at == host[each].step &&
               store.call == host[each].call));
  promise(C3, host[each].work != at_work || lease != each || host[each].phase == compensate ||
              out[host[each].step] != undone);
  promise(O2, !host[each].up || host[each].job.end != unsettled || host[each].draft ||
              turn_of(host[each].job) == ready || can_hear(each))
}

/* A settled job did outside what its record says, for good: also when a stale host goes on. */
inline judge_step(each) {
  promise(C7, store.end != all_done || out[each] == applied);
  promise(C7, store.end != all_back || out[each] != applied)
}

inline judge_world() {
  promise(D2, !acknowledged || store.backward);
  judge_host(0);
  judge_host(1);
  judge_step(0);
  judge_step(1);
  judge_step(2);
  look_out()
}

/* ---- Sights: what the search must come across, or it shows nothing ---- */

mtype:sight = { no_sight, all_succeed, all_compensated, both_in_code, stale_outlives_job,
                barrier_needed, three_crashes_settled };
#ifndef SIGHT
#define SIGHT no_sight
#endif
hidden byte sighted;
#define sight(name, what) assert(SIGHT != name || !(what) || sighted)

#define is_late(each) (out[host[each].step] == undone && host[each].phase == execute)

inline look_out() {
  sight(all_succeed, store.end == all_done);
  sight(all_compensated, store.state[0] == compensated && store.state[2] == compensated);
  sight(both_in_code, host[0].work == at_work && host[1].work == at_work &&
                      host[0].step == 1 && host[1].step == 1);
  sight(stale_outlives_job, store.end == all_back &&
                            (host[0].work == at_work || host[1].work == at_work));
  sight(barrier_needed, (host[0].work == at_work && is_late(0)) ||
                        (host[1].work == at_work && is_late(1)));
  sight(three_crashes_settled, crashes == 3 && store.end == all_done)
}
