// SPDX-License-Identifier: BSD-2-Clause
// records.pml: the protocol of shim/map/object.c, in all interleavings of its single reads and steps.
//
// One record for two handles, so that each takes it from the other; users that open, learn, look up, open again
// and close as they like, at least one reference in hand whenever they use a handle. An address comes again:
// what libc loads under it after an unload is another lifetime. Shared memory is read word by word; a compare-
// and-swap is one step; what libc does is one step, under its lock.
// Claims, as assertions:
//  - an answer from memory is the answer of the object that is there now;
//  - nothing is unloaded while the host holds it, also if it closes behind our back (UNSEEN);
//  - no dlclose is lost: when the host holds nothing, libc has nothing, and the record is closed;
//  - a name is used for the lifetime it is of (NAMES).
// With RETAIN the last close leaves the generation; who is about to unload ends it, or libc's reference is kept and
// the next open goes on in it (sf_object_end, shim/retain).
// Not in it: WHOLE and the marks that say when a reference is kept (here: whenever it may be), the fences of
// weaker machines.
//
// Each of these is an error on purpose, which the checker must find:
//  PLAIN_GEN  readers look at a copy of the generation, stored after the swap (as it was before)
//  RESTORE  a record in eviction shows no handle, and gets its old one back if it fails (as it was before)
//  HANDLE_FIRST  the handle is read before the state
//  SAME_GEN  eviction keeps the generation
//  LATE_END  libc is called before the state says closed
//  KEEP_LAST  the last reference is kept, too
//  DROP_ONE  the last dlclose forgets what was kept
//  ELIDE_MORE  more references than libc has (fails with UNSEEN)
//  LATE_NAME  the name is marked before it is written (NAMES)
//  NO_NOTICE  an unload that was not seen ends no lifetime (fails with UNSEEN)
//  NO_END  a retained object is let go, and its generation goes on (fails with RETAIN)
//  END_AFTER  it is ended when libc has unloaded it (fails with RETAIN)

#ifndef USERS
#define USERS 2
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#ifndef ACTS
#define ACTS 2
#endif
#define NONE 7

/* ---- the truth ---- */
byte libc[2];
byte host[2];
byte lifetime[2];
bool unseen;
byte ended;

/* ---- the record: one word, and the handle beside it ---- */
byte gen, real, held;
bool adopted, named;
bool waits; /* closed, in a generation that goes on */
byte handle = NONE;
byte copied; /* PLAIN_GEN: the copy that readers look at */
bool evicting, naming;
byte file;

/* ---- RETAIN: libc's lock, and its references that are ours while the host holds none ---- */
bool locked;
bool kept[2];

/* ---- a cell: what was learnt last ---- */
byte cell_gen, cell_lifetime, cell_handle = NONE;

#ifdef PLAIN_GEN
#define SHOWN copied
#define SHOW(g) copied = g
#else
#define SHOWN gen
#define SHOW(g) skip
#endif

#define IS_OPEN(r, a) (r > 0 || a)

inline libc_open(h)
{
	d_step {
		if
		:: libc[h] == 0 -> lifetime[h]++
		:: else -> skip
		fi;
		libc[h]++
	}
}

/* A lifetime that nobody saw end, ends with the notice, before another object can have the address. */
inline libc_close(h)
{
	d_step {
		assert(libc[h] > 0);
		libc[h]--;
		if
		:: libc[h] == 0 ->
			assert(host[h] == 0);
#ifndef NO_NOTICE
			if
			:: handle == h && IS_OPEN(real, adopted) ->
				gen++; real = 0; held = 0; adopted = false; named = false; waits = false;
				SHOW(gen)
			:: else -> skip
			fi
#endif
		:: else -> skip
		fi
	}
}

inline read_state()
{
	d_step {
		s_gen = gen; s_real = real; s_held = held; s_adopted = adopted; s_named = named;
		s_waits = waits
	}
}

/* The state is still what was read: then it becomes n_*. */
#define SAME (gen == s_gen && real == s_real && held == s_held && adopted == s_adopted && named == s_named && \
	      waits == s_waits)
inline swap()
{
	d_step {
		if
		:: SAME ->
			gen = n_gen; real = n_real; held = n_held; adopted = n_adopted; named = n_named;
			waits = n_waits; done = true
		:: else -> done = false
		fi
	}
}

/* The record of h, as state and handle, read in this order. Sets `mine`. */
inline look_at(h)
{
#ifdef HANDLE_FIRST
	mine = (handle == h);
	read_state()
#else
	read_state();
	mine = (handle == h)
#endif
}

/* Takes the record from its handle, if it is closed. */
inline evict(h)
{
	d_step {
		if
		:: !evicting -> evicting = true; mine = true
		:: else -> mine = false
		fi
	}
	if
	:: mine ->
#ifdef RESTORE
		n_gen = handle; /* the old one */
		handle = NONE;
		read_state();
		if
		:: n_gen != h && !IS_OPEN(s_real, s_adopted) ->
			d_step {
				if
				:: SAME -> gen++; named = false; waits = false; done = true
				:: else -> done = false
				fi
			}
		:: else -> done = false
		fi;
		if
		:: done -> SHOW(gen); handle = h
		:: else -> handle = n_gen
		fi;
#else
		read_state();
		n_gen = handle;
		d_step {
			if
			:: n_gen != h && !IS_OPEN(s_real, s_adopted) && SAME && handle == n_gen ->
				handle = h;
				named = false;
				waits = false;
#ifndef SAME_GEN
				gen++;
#endif
				SHOW(gen)
			:: else -> skip
			fi
		}
#endif
		evicting = false
	:: else -> skip
	fi
}

inline name_lifetime(h)
{
#ifdef NAMES
	d_step {
		if
		:: !naming -> naming = true; mine = true
		:: else -> mine = false
		fi
	}
	if
	:: mine ->
		n_gen = s_gen;
		read_state();
		if
		:: s_gen == n_gen && !s_named ->
#ifdef LATE_NAME
			d_step { if :: gen == n_gen && IS_OPEN(real, adopted) -> named = true :: else -> skip fi };
#endif
			file = 0;
			file = lifetime[h] * 2 + h;
#ifndef LATE_NAME
			d_step { if :: gen == n_gen && IS_OPEN(real, adopted) -> named = true :: else -> skip fi };
#endif
		:: else -> skip
		fi;
		naming = false
	:: else -> skip
	fi
#else
	skip
#endif
}

/* One more reference: `ours`, or the host's. Not counted if the record is another's. */
inline count(h, ours)
{
	if
	:: handle != h -> evict(h)
	:: else -> skip
	fi;
	do
	:: look_at(h);
		if
		:: !mine || (ours && s_adopted) -> counted = false; break
		:: else -> skip
		fi;
		n_gen = s_gen; n_real = s_real; n_held = s_held; n_adopted = s_adopted; n_named = s_named;
		n_waits = false;
		if
		:: !IS_OPEN(s_real, s_adopted) && s_waits && !ours -> skip
		:: !IS_OPEN(s_real, s_adopted) && !(s_waits && !ours) -> n_gen = s_gen + 1; n_named = false
		:: else -> skip
		fi;
		if
		:: ours -> n_adopted = true
		:: else -> n_real++; n_held++
		fi;
		swap();
		if
		:: done -> SHOW(n_gen); counted = true; s_gen = n_gen; break
		:: else -> skip
		fi
	od;
	if
	:: counted -> name_lifetime(h)
	:: else -> skip
	fi
}

/* What waits ends, before libc unloads it. */
inline end(h)
{
#ifndef NO_END
	do
	:: look_at(h);
		if
		:: !mine || IS_OPEN(s_real, s_adopted) || !s_waits -> break
		:: else -> skip
		fi;
		n_gen = s_gen + 1; n_real = 0; n_held = 0; n_adopted = false; n_named = false; n_waits = false;
		swap();
		if
		:: done -> SHOW(n_gen); break
		:: else -> skip
		fi
	od
#else
	skip
#endif
}

inline end_and_close(h)
{
#ifdef END_AFTER
	libc_close(h);
	end(h)
#else
	end(h);
	libc_close(h)
#endif
}

/* libc's dlclose, or the reference stays with us. */
inline unload(h)
{
	atomic { !locked; locked = true };
	look_at(h);
	if
	:: mine && IS_OPEN(s_real, s_adopted) -> libc_close(h)
	:: !(mine && IS_OPEN(s_real, s_adopted)) -> end_and_close(h)
	:: !(mine && IS_OPEN(s_real, s_adopted)) && !kept[h] -> kept[h] = true
	fi;
	locked = false
}

inline release(h)
{
	atomic { !locked; locked = true };
	if
	:: kept[h] -> kept[h] = false; end_and_close(h)
	:: else -> skip
	fi;
	locked = false
}

inline open(h)
{
#ifdef RETAIN
	atomic {
		!locked;
		if
		:: kept[h] -> kept[h] = false
		:: else -> libc_open(h)
		fi
	};
#else
	libc_open(h);
#endif
	host[h]++;
	count(h, false)
}

/* The host's own reference stays while it looks up. */
inline adopt(h)
{
	look_at(h);
	if
	:: mine && IS_OPEN(s_real, s_adopted) -> skip
	:: else ->
		libc_open(h);
		count(h, true);
		if
		:: counted -> skip
		:: else -> libc_close(h)
		fi
	fi
}

inline close(h)
{
	host[h]--;
#ifdef LATE_END
	libc[h]--;
#endif
	do
	:: look_at(h);
		if
		:: !mine || !IS_OPEN(s_real, s_adopted) -> calls = 1; break
		:: else -> skip
		fi;
		n_gen = s_gen; n_real = s_real; n_held = s_held; n_adopted = s_adopted; n_named = s_named;
		n_waits = s_waits;
		if
#ifdef KEEP_LAST
		:: s_held > 0 -> n_held--; calls = 0
#else
		:: s_held > 1 -> n_held--; calls = 0 /* kept for another dlopen */
#endif
		:: s_held > 1 && s_real > 1 -> n_held--; n_real--; calls = 1
		:: s_held <= 1 ->
			n_real = 0; n_held = 0; n_adopted = false;
#ifdef RETAIN
			n_waits = true;
#else
			n_gen++; n_named = false;
#endif
#ifdef DROP_ONE
			calls = 1
#else
			calls = s_real + s_adopted + (s_real == 0)
#endif
		fi;
		swap();
		if
		:: done -> SHOW(n_gen); break
		:: else -> skip
		fi
	od;
#ifdef LATE_END
	libc[h]++;
#endif
	do
#ifdef RETAIN
	:: calls > 1 -> libc_close(h); calls--
	:: calls == 1 -> unload(h); calls--
#else
	:: calls > 0 -> libc_close(h); calls--
#endif
	:: calls == 0 -> break
	od
}

/* The lifetime first, libc second: what it says is of that lifetime or a later one. */
inline learn(h)
{
	look_at(h);
	if
	:: mine && IS_OPEN(s_real, s_adopted) ->
		d_step {
			cell_gen = s_gen; cell_lifetime = lifetime[h]; cell_handle = h
		}
	:: else -> skip
	fi
}

/* The cell, then the handle of its record, then the generation. */
inline look_up(h)
{
	d_step {
		n_gen = cell_gen; n_lifetime = cell_lifetime;
		mine = (cell_handle != NONE)
	}
	if
	:: mine && handle == h ->
		if
		:: SHOWN == n_gen -> assert(n_lifetime == lifetime[h] && libc[h] > 0)
		:: else -> skip
		fi
	:: else -> skip
	fi
}

/* A dlopen of the name that led to h, answered from memory: a reference that libc has already. */
inline elide(h)
{
	d_step {
		n_gen = cell_gen; n_lifetime = cell_lifetime;
		mine = (cell_handle == h)
	}
	done = false;
	do
	:: !mine -> break
	:: else ->
		read_state();
		if
#ifdef ELIDE_MORE
		:: s_gen != n_gen || s_real == 0 -> break
#else
		:: s_gen != n_gen || s_held >= s_real -> break
#endif
		:: else -> skip
		fi;
		n_real = s_real; n_held = s_held + 1; n_adopted = s_adopted; n_named = s_named;
		d_step {
			if
			:: SAME && s_gen == n_gen ->
				held = n_held; done = true; host[h]++;
				assert(n_lifetime == lifetime[h] && libc[h] > 0)
			:: else -> done = false
			fi
		};
		if
		:: done -> break
		:: else -> skip
		fi
	od
}

inline tell_error(h)
{
#ifdef NAMES
	read_state();
	if
	:: s_named && handle == h ->
		n_lifetime = file;
		if
		:: gen == s_gen -> assert(n_lifetime == lifetime[h] * 2 + h)
		:: else -> skip
		fi
	:: else -> skip
	fi
#else
	skip
#endif
}

proctype user()
{
	byte rounds = ROUNDS, acts, h, mine_held, calls;
	byte s_gen, s_real, s_held, n_gen, n_real, n_held, n_lifetime;
	bool s_adopted, s_named, s_waits, n_adopted, n_named, n_waits, mine, done, counted;

	do
	:: rounds > 0 ->
		rounds--;
		acts = ACTS;
		if
		:: h = 0
		:: h = 1
		fi;
		if
		:: open(h)
		:: libc_open(h); host[h]++ /* passed through: nobody counts it */
		fi;
		mine_held = 1;
		do
		:: acts > 0 -> acts--;
			if
			:: learn(h)
			:: look_up(h)
#ifdef NAMES
			:: tell_error(h)
#else
			:: adopt(h)
			:: elide(h);
				if
				:: done -> mine_held++
				:: else -> skip
				fi
			:: mine_held < 2 -> open(h); mine_held++
#endif
#ifdef RETAIN
			:: release(h)
#endif
			fi
		:: acts == 0 -> break
		od;
		do
		:: mine_held > 0 ->
			mine_held--;
#ifdef UNSEEN
			if
			:: close(h)
			:: host[h]--; unseen = true; libc_close(h)
			fi
#else
			close(h)
#endif
		:: else -> break
		od
	:: else -> break
	od;
	skip;
	d_step {
		ended++;
		if
		:: ended == USERS && !unseen ->
			assert(libc[0] == kept[0] && libc[1] == kept[1] && !IS_OPEN(real, adopted) && held == 0)
		:: else -> skip
		fi
	}
}

init
{
	byte i;

	atomic {
		do
		:: i < USERS -> run user(); i++
		:: else -> break
		od
	}
}
