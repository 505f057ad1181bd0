/* The coordination of a refresh over Redis, for one refresh token A: what README.md here says of it.
 *
 * Each Lua script of lib/redis/scripts.cpp is one atomic step below, with an EXIT for each of its `return`s, in their
 * order: tests/redis_model_test.cpp compares the two lists, and plays what spin prints against the real scripts.
 * FAULT_... plants a fault in a step, CLIENT_FAULT_... in the order in which the library takes them. */

#ifndef N
#define N 2                    /* refreshes that need A: each is an operation of some process, with an owner of its own */
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef BREAKS
#define BREAKS 1               /* locks that expire although their holder lives */
#endif
#ifndef LOSSES
#define LOSSES 1               /* commands that Redis does not run, or whose answer is lost */
#endif
#ifndef FAILOVERS
#define FAILOVERS 1            /* to a replica that lags behind */
#endif
#ifndef WALKS
#define WALKS 1
#endif

/* Values. What p's call brought is TOKENS + p. */
#define NONE 0
#define OUT 1                  /* `o` */
#define DEAD 2                 /* `d` */
#define TOKENS 10              /* `r` */
#define LOST 99                /* tokens that nobody has received */
/* Marks behind the last owner, and what a publish brings. */
#define PLAIN 0
#define R 1
#define D 2
#define F 3

mtype = {sClaim, sPublish, sRenew, sLogOut, sStore};
mtype = {aValue, aLocked, aFailed, aMine, aStored, aRefused, aRenewed, aLost, aNone};

/* Redis. */
byte value, lock, last, mark, orphan;
bool outB[N + 1];              /* the successor that p brought is marked `o` */
/* What a lagging replica has of it. */
byte oldValue, oldLock, oldLast, oldMark, oldOrphan;
bool oldOutB[N + 1];
/* The provider. `strict`: a refresh token that comes twice ends the login. */
bool strict, spent, over;
byte live;                     /* whose tokens are good: p, LOST or none */
/* What the environment did. */
byte crashes, breaks, losses, failovers;
/* For the properties. */
short slack;                   /* calls that may still be made: one, and one more for each cause in README.md */
bool ended;                    /* a logout is stored */
bool isOutComplete;            /* a logout has revoked what it found */
bool isSpentInVain;            /* who had the tokens crashed, or the answer was lost */
byte newer[N + 1];             /* bits: who has claimed after p */
byte running;
short walk;
byte started;                  /* refreshes: they are all alike, so that the first to begin may be called 1 */
/* Of one step. */
hidden byte who, was, wasLock, i;
hidden byte isNewest;
/* The processes, as far as the environment sees them. */
bool holds[N + 1], asked[N + 1], renews[N + 1], pending[N + 1];
#ifdef CLIENT_FAULT_ORPHAN_BESIDE_RELEASE
bool orphans[N + 1];
#endif

#define bit(p) (1 << (p))
#define isQuiet (crashes == 0 && breaks == 0 && losses == 0 && failovers == 0)

#define EXIT(script, word) answer = word; printf("STEP %d %e %e", who, script, word)
#define STATE printf(" %d %d %d %d %d\n", value, lock, last, mark, orphan)

/* No step may do this, whatever has happened, unless Redis has lost writes. `was` is the value, `wasLock` the lock
 * before. */
inline judge() {
  assert(failovers > 0 || was != OUT || value == OUT);                                    /* a logout stays */
  assert(failovers > 0 || was < TOKENS || value >= TOKENS || value == OUT);               /* a result stays */
  assert(failovers > 0 || was < TOKENS || value < TOKENS || was == value ||
         (newer[value - TOKENS] & bit(was - TOKENS)) == 0);                               /* unless it is older */
  assert(failovers > 0 || was == DEAD || value != DEAD || newer[who] == 0);               /* the last owner refuses */
  assert(wasLock == NONE || wasLock == who || lock == wasLock);                           /* the lock is its owner's */
}
inline begin(p) { who = p; was = value; wasLock = lock }
inline finishStep() { STATE; judge() }

/* claimScript(). `awaited` is whose call p has waited for. */
inline claim(p) {
  d_step {
  begin(p);
  if
#ifdef FAULT_CLAIM_IGNORES_TOMBSTONE
  :: value != NONE && value != OUT ->
#elif defined FAULT_CLAIM_IGNORES_RESULT
  :: value != NONE && value < TOKENS ->
#else
  :: value != NONE ->
#endif
     EXIT(sClaim, aValue)
  :: else ->
     if
#ifdef FAULT_CLAIM_IGNORES_LOCK
     :: false ->
#else
     :: lock != NONE && lock != p ->
#endif
        EXIT(sClaim, aLocked)
     :: else ->
        if
        :: awaited != NONE && last == awaited && mark == F -> EXIT(sClaim, aFailed)
        :: else ->
           lock = p;
           last = p;
           mark = PLAIN;
           for (i : 1 .. N) { newer[i] = newer[i] | bit(p) }
           newer[p] = 0;
           EXIT(sClaim, aMine)
        fi
     fi
  fi;
  printf(" %d", awaited);
  finishStep()
  }
}

/* publishScript(), for the tokens, the refusal or the failure of p's call. */
inline publish(p, what) {
  d_step {
  begin(p);
  isNewest = (last == NONE || last == p);
#ifdef FAULT_PUBLISH_WITHOUT_FENCE
  isNewest = true;
#endif
  if
#if !defined FAULT_RELEASE_BEFORE_ORPHAN && !defined FAULT_PUBLISH_OVER_TOMBSTONE
  :: value == OUT && what == R -> EXIT(sPublish, aValue)
#endif
  :: else ->
     if
#ifdef FAULT_RELEASE_WITHOUT_COMPARE
     :: true -> lock = NONE
#elif defined FAULT_NO_RELEASE
     :: false
#else
     :: lock == p -> lock = NONE
#endif
     :: else
     fi;
     if
     :: isNewest -> last = p; mark = what
     :: else
     fi;
     if
#ifdef FAULT_PUBLISH_OVER_TOMBSTONE
     :: value == OUT && what != R ->
#else
     :: value == OUT ->
#endif
        EXIT(sPublish, aValue)
#ifdef FAULT_REFUSAL_OVER_RESULT
     :: value >= TOKENS && what == F ->
#else
     :: value >= TOKENS && !(what == R && isNewest) ->
#endif
        EXIT(sPublish, aValue)
     :: value == DEAD && what == R && !isNewest -> EXIT(sPublish, aValue)
     :: else ->
        if
        :: what == F -> EXIT(sPublish, aStored)
#ifdef FAULT_REFUSAL_WITHOUT_FENCE
        :: false ->
#else
        :: what == D && !isNewest ->
#endif
           EXIT(sPublish, aRefused)
        :: else ->
           value = (what == R -> TOKENS + p : DEAD);
           EXIT(sPublish, aStored)
        fi
     fi
  fi;
  printf(" %d", what);
  finishStep()
  }
}

/* renewScript(). */
inline renew(p) {
  d_step {
  begin(p);
  if
#ifdef FAULT_RENEW_TAKES_OVER
  :: false ->
#elif defined FAULT_RENEW_AFTER_PUBLISH
  :: (lock != NONE && lock != p) || (last != NONE && last != p) ->
#else
  :: (lock != NONE && lock != p) || (last != NONE && (last != p || mark != PLAIN)) ->
#endif
     EXIT(sRenew, aLost)
  :: else ->
     lock = p;
     last = p;
     mark = PLAIN;
     EXIT(sRenew, aRenewed)
  fi;
  printf(" 0");
  finishStep()
  }
}

/* logOutScript(): a session that began before. `found` is what was there. */
inline logOut() {
  d_step {
  begin(0);
  found = value;
  if
  :: value == DEAD -> EXIT(sLogOut, aValue)
  :: value == OUT -> EXIT(sLogOut, aValue)  /* an earlier run of the same logout, whose answer was lost */
  :: else ->
     value = OUT;
     ended = true;
     if
#ifdef FAULT_LOGOUT_HIDES_RESULT
     :: false ->
#else
     :: found != NONE ->
#endif
        EXIT(sLogOut, aValue)
     :: else ->
        found = NONE;
        EXIT(sLogOut, aNone)
     fi
  fi;
  printf(" 0");
  finishStep()
  }
}

/* lookUpScript() for A's value; storeScript() for orphaned tokens; and lookUpScript() for these and the lock. */
#define LOOKUP_A d_step { begin(me); found = value; printf("STEP %d sLookUp value %d", who, found); STATE }
#define STORE_ORPHAN(p) d_step { begin(p); orphan = p; EXIT(sStore, aStored); printf(" 0"); finishStep() }
#define LOOKUP_ORPHAN d_step { begin(0); found = orphan; printf("STEP %d sLookUp orphan %d", who, found); STATE }

/* --- The classes around the scripts: refresh_operation.cpp, refresh_ending.cpp -------------------------------------- */

#define LOSE losses < LOSSES -> losses++; slack++
#define CRASH crashes < CRASHES -> crashes++; goto crashed

proctype Refresh(byte me) {
  byte awaited, found;
  mtype answer;
  byte got;                     /* by the call: R, D or F */
  bool sawEnd, isHeard;

  atomic { started == me - 1 -> started = me; goto claiming }

claiming:
  atomic {
    if
    :: sawEnd = ended; claim(me); isHeard = true
    :: LOSE; claim(me); answer = 0
    :: CRASH
    fi;
    if
    :: !isHeard -> goto claiming
    :: !isHeard -> goto finished         /* WithoutRedis::fail, after a few of these */
    :: isHeard && answer == aValue ->    /* follows the chain, and is done */
       assert(!sawEnd || value < TOKENS || failovers > 0);  /* who comes after a logout gets no tokens */
       goto finished
    :: isHeard && answer == aLocked -> awaited = lock; answer = 0; isHeard = false; sawEnd = false
    :: isHeard && answer == aFailed -> goto finished
    :: isHeard && answer == aMine -> answer = 0; isHeard = false; holds[me] = true; goto leading
    fi
  }
  atomic { value != NONE || lock != awaited -> goto claiming }  /* a message, or a look */

leading:
  if
  :: atomic { true -> goto asking }
  :: atomic { true ->                    /* it is late */
     renew(me);
     if
     :: answer == aLost -> answer = 0; holds[me] = false; goto claiming
     :: else -> answer = 0
     fi }
  fi;

asking:                                  /* the provider */
  atomic {
    if
    :: CRASH
    :: asked[me] = true
    fi;
    assert(!sawEnd || failovers > 0);    /* who claimed after a logout asks nobody */
    sawEnd = false;
    if
    :: got = F                           /* does not see the call */
    :: over -> got = D
    :: !over && !spent -> spent = true; live = me; got = R; slack--
    :: !over && !spent -> spent = true; live = LOST; got = F; isSpentInVain = true   /* the answer is lost */
    :: !over && !spent -> over = true; got = D; slack--
    :: !over && spent && !strict -> live = me; got = R; slack--
    :: !over && spent && strict -> live = NONE; over = true; got = D; slack--
    fi;
    assert(slack >= 0);                  /* a refresh token is spent once, but for the causes that are named */
    if
    :: renews[me] = true                 /* a renewal is under way beside the call, and arrives at any time */
    :: skip
    fi;
    if
    :: got == R -> goto publishing
    :: got == D -> goto givingUp
    :: got == F -> goto releasing
    fi
  }

publishing:
  atomic {
    if
    :: publish(me, R); isHeard = true
    :: LOSE; publish(me, R); answer = 0; pending[me] = true   /* and again, when Redis answers */
    :: LOSE; pending[me] = true
    :: CRASH
    fi;
    if
    :: isHeard && answer == aValue && value == OUT -> answer = 0; isHeard = false  /* it holds the lock still */
    :: else -> assert(!isHeard || value != OUT); goto finished
    fi
  }

  /* The login has ended meanwhile: the tokens are for who ended it. */
#ifdef CLIENT_FAULT_ORPHAN_BESIDE_RELEASE
  orphans[me] = true;
#else
  atomic {
    if
    :: STORE_ORPHAN(me); answer = 0
    :: CRASH
    fi
  }
#endif
  goto releasing;

givingUp:                                /* refused: because another has spent the token? */
  atomic {
    if
    :: LOOKUP_A
    :: CRASH
    fi;
    if
    :: found == OUT || found >= TOKENS -> found = NONE; goto releasing
    :: else -> found = NONE
    fi
  }
  atomic {
    if
    :: publish(me, D); isHeard = true
    :: LOSE; publish(me, D); answer = 0
    :: LOSE
    :: CRASH
    fi;
    asked[me] = false;
    holds[me] = false;
    if
    :: isHeard && answer == aRefused -> answer = 0; isHeard = false; got = 0; goto claiming
    :: else -> goto finished
    fi
  }

releasing:
  atomic {
    if
    :: publish(me, F)
    :: LOSE
    :: CRASH
    fi;
    asked[me] = false;
    holds[me] = false;
    goto finished
  }

crashed:
  atomic {
    if
    :: asked[me] -> slack++; isSpentInVain = true  /* its call may have spent the token: nobody can know */
    :: else
    fi;
    goto finished
  }
finished:
  atomic { holds[me] = false; asked[me] = false; got = 0; answer = 0; isHeard = false; awaited = NONE; sawEnd = false;
           running-- }
}

/* RedisCoordinator::end(), coordinator.cpp. */
proctype Logout() {
  byte found, target;
  mtype answer;
  atomic {
    if
    :: logOut()
    :: LOSE; logOut(); logOut()
    :: crashes < CRASHES -> crashes++; goto out
    fi;
    answer = 0;
    if
    :: found >= TOKENS -> target = found - TOKENS; found = NONE;
       outB[target] = true;              /* the successor's own record */
       goto revoking
    :: found == OUT && losses == 0 -> found = NONE; goto out
    :: else -> found = NONE
    fi
  }
  atomic {                               /* whatCameLate() */
    (orphan != NONE || lock == NONE);
    LOOKUP_ORPHAN;
    target = found;
    found = NONE;
revoking:
    if
    :: live == target && target != NONE -> live = NONE; over = true
    :: target == NONE && !spent -> over = true
    :: else
    fi;
    target = NONE;
    isOutComplete = true
  }
out:
  running--
}

/* Expiry, lag, failover, renewals and what was pending; and at the end, what must be true. */
proctype Environment() {
  mtype answer;
end:
  do
  :: atomic { lock != NONE && !holds[lock] ->
       printf("EXPIRE %d", lock); lock = NONE; STATE }
  :: atomic { lock != NONE && holds[lock] && breaks < BREAKS ->
       breaks++; slack++; printf("EXPIRE %d", lock); lock = NONE; STATE }
  :: atomic { failovers < FAILOVERS && running > 0 && !(oldValue == value && oldLock == lock && oldLast == last &&
       oldMark == mark && oldOrphan == orphan) && oldLast == NONE ->
       printf("SNAPSHOT\n");
       oldValue = value; oldLock = lock; oldLast = last; oldMark = mark; oldOrphan = orphan }
  :: atomic { failovers < FAILOVERS && running > 0 && last != NONE ->
       failovers++; slack++;
       value = oldValue; lock = oldLock; last = oldLast; mark = oldMark; orphan = oldOrphan;
       oldValue = NONE; oldLock = NONE; oldLast = NONE; oldMark = NONE; oldOrphan = NONE;
       printf("RESTORE"); STATE }
  :: atomic { renews[1] -> renews[1] = false; renew(1); answer = 0 }
  :: atomic { renews[2] -> renews[2] = false; renew(2); answer = 0 }
#if N > 2
  :: atomic { renews[3] -> renews[3] = false; renew(3); answer = 0 }
#endif
#ifdef CLIENT_FAULT_ORPHAN_BESIDE_RELEASE
  :: atomic { orphans[1] -> orphans[1] = false; STORE_ORPHAN(1); answer = 0 }
  :: atomic { orphans[2] -> orphans[2] = false; STORE_ORPHAN(2); answer = 0 }
#endif
  :: atomic { pending[1] && crashes < CRASHES -> crashes++; pending[1] = false }
  :: atomic { pending[1] -> pending[1] = false; publish(1, R); answer = 0 }
  :: atomic { pending[2] && crashes < CRASHES -> crashes++; pending[2] = false }
  :: atomic { pending[2] -> pending[2] = false; publish(2, R); answer = 0 }
#if N > 2
  :: atomic { pending[3] && crashes < CRASHES -> crashes++; pending[3] = false }
  :: atomic { pending[3] -> pending[3] = false; publish(3, R); answer = 0 }
#endif
  :: atomic { running == 0 && !(renews[1] || renews[2] || renews[N] || pending[1] || pending[2] || pending[N]) ->
       /* No lock is left behind. */
       assert(!isQuiet || lock == NONE);
       /* No result is lost: what the provider takes now is known, unless who received it died with it. */
       assert(!(breaks == 0 && losses == 0 && failovers == 0) || isSpentInVain || live == NONE ||
              value == TOKENS + live || value == OUT);
       /* Nobody is told that a login is over while it lives. */
       assert(!(breaks == 0 && losses == 0 && failovers == 0) || value != DEAD || live == NONE || isSpentInVain);
       /* A logout ends what the provider has issued. */
       assert(!(breaks == 0 && losses == 0 && failovers == 0) || isSpentInVain || !isOutComplete || live == NONE);
       break }
  od
}

inline reset() {
  value = NONE; lock = NONE; last = NONE; mark = PLAIN; orphan = NONE;
  oldValue = NONE; oldLock = NONE; oldLast = NONE; oldMark = PLAIN; oldOrphan = NONE;
  spent = false; over = false; live = NONE;
  crashes = 0; breaks = 0; losses = 0; failovers = 0;
  started = 0;
  slack = 1; ended = false; isOutComplete = false; isSpentInVain = false;
  for (k : 0 .. N) { newer[k] = 0; holds[k] = false; asked[k] = false; renews[k] = false; pending[k] = false; outB[k] = false }
}

init {
  byte k;
  do
  :: walk < WALKS ->
     atomic {
       walk++;
       reset();
       if
       :: strict = true
       :: strict = false
       fi;
       printf("WALK\n");
       running = N + 1;
       for (k : 1 .. N) { run Refresh(k) }
       k = 0;
       run Logout();
       run Environment()
     }
     _nr_pr == 1
  :: else -> break
  od
}
