/* The rules of membership (design 3-5) as a model for spin: who may decide, what is promised on disk, whom a node
 * acknowledges, when a view counts. docs/model.md maps every action to the code and says what is left out.
 *
 * Links: none is modelled. Every step chooses anew who takes part and who hears whom, so every history of cuts, one-way
 * ones, losses and delays is among the runs. Time: heard[h] are those whose acknowledgement node h still counts. Waiting
 * L since the last acknowledgement (action ready) takes the waiter out of the waited-for node's heard; everything that
 * may be acknowledged is acknowledged at once, which gives every lease its longest life. A dead node is one that
 * restarted and is never chosen again.
 *
 * Bounds, -D at spin's call: N nodes, INITIAL (set of the first view), DECISIONS, CRASHES, WITNESS, PROGRESS, LAPSES (how often a node says that its
 * lease has run out, so that nobody waits for it).
 * Rules that can be taken out, one at a time: NO_ACK_BAN, SINGLE_PENDING, SKIP_LEASE_WAIT, NO_RESTART_WAIT,
 * LEASE_IGNORES_PENDING, QUORUM_IGNORES_PENDING, VOID_BY_ABSENCE, JOIN_IGNORES_PENDING, NO_WAIT_FOR_OTHERS, RECORD_NOT_READ,
 * REMOVED_OF_VIEW_ONLY, WITNESS_DESPITE_RECORD, WON_VOTE_CARRIES_OLD_LEASE, NO_DEADLINE_HALT; with LAPSES: LAPSE_COMES_BACK, HOLD_AFTER_LAPSE,
 * OVER_IN_ANY_VIEW.
 */
#ifndef N
#define N 3
#endif
#ifndef INITIAL
#define INITIAL ((1 << N) - 1)
#endif
#ifndef DECISIONS
#define DECISIONS 3
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef WITNESS
#define WITNESS 0
#endif
#ifndef LAPSES
#define LAPSES 0
#endif
#ifdef PROGRESS
#define EXTRA 4
#else
#define EXTRA 0
#endif
#define SLOTS (1 + DECISIONS + EXTRA)	/* at most 8: sets of decisions are bytes */
#define NONE 15
#define FORMER 14	/* owner: nobody any more, but who was told of the ownership still counts it */

/* Decisions, by order of making. Slot 0 is the first view, in force at its members. */
byte made = 1;
byte epoch[SLOTS];
byte members[SLOTS];
byte inside[SLOTS];	/* members and voters: whose report ends stage 3 */
byte removed[SLOTS];
byte reported[SLOTS];	/* a report once sent may arrive at any time later */
byte knew[SLOTS];	/* the views this one was made in knowledge of, and theirs */
byte joinBase[SLOTS];	/* for a join: the view it adds to */
byte inForceEver;	/* set of decisions */

/* Nodes. */
byte base[N];		/* the view in force, on disk */
byte pending[N];	/* set of decisions, on disk unless writing */
bit serving[N];		/* a member in this life */
byte mine[N];		/* accepted in this life */
byte act[N];		/* the decision of the activation this node is in */
bit accepted[N];
bit writing[N];
byte heard[N];
byte crashes;

#if LAPSES
byte lapses;
bit lapsed[N];		/* its lease ran out for good; it gets one again in a newer view only */
byte saidOver[N];	/* the views under which it said so: words that may arrive at any time later */
#endif

#ifdef NO_RESTART_WAIT
byte restarted;
#endif
byte broken;		/* what a check found */

byte owner = NONE;	/* who owns the witness, by its own clock */
byte claimed;		/* nodes for whom the witness has a vote in their view in force: the owner, and whom it told in acknowledgements */
byte record;		/* the witness record: union of the slots */
bit stable;		/* PROGRESS: no more faults, everybody hears everybody */

#define NOT_EXCLUSIVE 1	/* a removed node holds a valid lease while the view without it is in force */
#define SPLIT_EPOCH 2	/* one epoch, two views */
#define AMNESIA 3	/* two views in force of which neither was made in knowledge of the other */
#define NO_PROGRESS 4	/* PROGRESS: nothing left to do, and not everybody serves in one view */

#define TELL(...) if (readtrail) printf(__VA_ARGS__)	/* pan -r tells the story of a trail */
#define EVERYBODY ((1 << N) - 1)
#define HAS(set, i) (((set) >> (i)) & 1)

c_code {
	extern int readtrail;

	static int votes(int set) { int n = 0; for (; set; set &= set - 1) n++; return n; }

	static int lowest(int set) { int i = 0; while (set && !HAS(set, i)) i++; return i; }

	static int evenView(int view) { return votes(now.members[view]) % 2 == 0; }

	/* Quorum.Has */
	static int quorum(int view, int group, int witness)
	{
		int total = votes(now.members[view]), have = votes(group & now.members[view]);
		if (have == 0) return 0;
		if (WITNESS && evenView(view)) { total++; have += witness; }
		return 2 * have > total;
	}

	static int epochInForce(int n) { return now.base[n] == NONE ? 0 : now.epoch[now.base[n]]; }

	/* StoredState.HighestEpochPersisted */
	static int highest(int n)
	{
		int d, most = epochInForce(n);
		for (d = 0; d < now.made; d++)
			if (HAS(now.pending[n], d) && now.epoch[d] > most) most = now.epoch[d];
		return most;
	}

	static int newer(int set, int than)
	{
		int d, found = 0;
		for (d = 0; d < now.made; d++)
			if (HAS(set, d) && now.epoch[d] > than) found |= 1 << d;
		return found;
	}

	/* MembershipCore.IsVoid */
	static int isVoid(int view, int group)
	{
		int n;
		for (n = 0; n < N; n++) {
			if (!HAS(group, n) || !HAS(now.members[view], n)) continue;
			if (highest(n) < now.epoch[view]) return 1;
#ifdef VOID_BY_ABSENCE
			if (!HAS(now.pending[n], view) && now.base[n] != view) return 1;
#endif
		}
		return 0;
	}

	/* MembershipCore.MayAcknowledge */
	static int mayAcknowledge(int by, int whom)
	{
		int d;
		if (!HAS(now.members[now.base[by]], whom)) return 0;
#ifndef NO_ACK_BAN
		for (d = 0; d < now.made; d++)
			if (HAS(now.pending[by], d) && !HAS(now.members[d], whom)) return 0;
#endif
		return 1;
	}

	static void checkLeases(void);

	static void settle(void)
	{
		int h, s;
		for (h = 0; h < N; h++)
			for (s = 0; s < N; s++)
				if (h != s && now.serving[h] && now.serving[s] && now.base[h] == now.base[s] && mayAcknowledge(s, h)) {
					now.heard[h] |= 1 << s;
					if (s == now.owner && HAS(now.claimed, s)) now.claimed |= 1 << h;
				}
		checkLeases();
	}

	/* MembershipCore.ComputeLease, HasLeaseQuorum; also of a held lease, whose owner others wait for. */
	static int leaseValid(int n)
	{
		int d, group = now.heard[n] | 1 << n;
		int witness = HAS(now.claimed, n);
		if (!now.serving[n] || !quorum(now.base[n], group, witness)) return 0;
#if LAPSES && !defined(LAPSE_COMES_BACK)
		if (now.lapsed[n]) return 0;
#endif
#ifndef LEASE_IGNORES_PENDING
		for (d = 0; d < now.made; d++)
			if (HAS(now.pending[n], d) && !quorum(d, group, witness)) return 0;
#endif
		return 1;
	}

	/* Exclusivity: no lease at a node that a newer view in force anywhere leaves out, nor in another view of the same epoch. */
	static void checkLeases(void)
	{
		int h, m;
		for (h = 0; h < N; h++) {
			if (!leaseValid(h)) continue;
			for (m = 0; m < N; m++) {
				if (now.base[m] == NONE || now.base[m] == now.base[h]) continue;
				if (epochInForce(m) == epochInForce(h)) now.broken = SPLIT_EPOCH;
				if (epochInForce(m) > epochInForce(h) && !HAS(now.members[now.base[m]], h)) {
					now.broken = NOT_EXCLUSIVE;
					TELL("node %d has view %d in force, node %d holds a lease in view %d heard %x\n", m, now.base[m], h, now.base[h], now.heard[h]);
				}
			}
		}
	}

	static void forget(int n)
	{
		now.heard[n] = 0;
		now.claimed &= ~(1 << n);
	}

	static int canLapse(int n)
	{
#if LAPSES
		return now.serving[n] && !now.lapsed[n] && now.lapses < LAPSES && !now.stable;
#else
		return 0;
#endif
	}

	/* CheckLapse, LeaseIsOver */
	static void lapse(int n)
	{
#if LAPSES
		TELL("node %d: its lease in view %d has run out, and it says so\n", n, now.base[n]);
		now.lapses++;
		now.lapsed[n] = 1;
		now.saidOver[n] |= 1 << now.base[n];
		forget(n);
		settle();
#endif
	}

	/* SaysLeaseIsOver: of the view that is in force here */
	static int saysOver(int whom, int to)
	{
#if LAPSES && defined(OVER_IN_ANY_VIEW)
		return now.saidOver[whom] != 0;
#elif LAPSES
		return HAS(now.saidOver[whom], now.base[to]);
#else
		return 0;
#endif
	}

	static void setOwner(int n)
	{
#ifdef WON_VOTE_CARRIES_OLD_LEASE
		if (now.owner != n) now.claimed &= n == NONE ? 0 : 1 << n;
#else
		if (now.owner != n) now.claimed = 0;
#endif
		now.owner = n;
	}

	/* GiveUpWitness, or its owner's death: nobody else may win it while somebody counts a claim of it. */
	static void disown(int n)
	{
		now.claimed &= ~(1 << n);
		now.owner = FORMER;
	}

	/* What the record knows of a newer view that is not promised here is proof that others went on. */
	static int recordKnowsMore(int n, int view)
	{
		return newer(now.record & ~now.pending[n], now.epoch[view]) != 0;
	}

	static int newestInForce(int group)
	{
		int n, view = NONE;
		for (n = 0; n < N; n++)
			if (HAS(group, n) && now.base[n] != NONE && (view == NONE || epochInForce(n) > now.epoch[view])) view = now.base[n];
		return view;
	}

	/* What TryDecide finds; the decision itself is made by decide(). */
	static struct { int ok, view, members, inside, known, epoch, winner; } plan;

	static void tryDecide(int group, int forming)
	{
		int n, d, voting, need, empty, outside = 0, all = 0, most = 0, enough, witness;
		plan.ok = 0; plan.winner = NONE;
		if (now.made == SLOTS || (!now.stable && now.made > DECISIONS)) return;
		plan.view = newestInForce(group);
		if (plan.view == NONE) return;
		for (n = 0; n < N; n++) {
			if (!HAS(group, n)) continue;
			if (now.writing[n]) return;	/* nothing is reported before a write in flight completes */
			if (forming && now.serving[n]) return;
			/* Others than holders of this very view are told of it first: ProveInForce, or halted. MayVoteIn for a restarted life. */
			if (!forming && (now.base[n] != plan.view || !HAS(now.members[plan.view], n))) return;
			if (now.serving[n]) all |= 1 << n;
		}
		if (!forming && all == 0) return;
		plan.known = 0; empty = 0;
		for (n = 0; n < N; n++) {
			if (!HAS(group, n)) continue;
			plan.known |= now.pending[n];
			if (highest(n) > most) most = highest(n);
			if (highest(n) == 0) empty |= 1 << n;
		}
		for (witness = 0; witness <= WITNESS; witness++) {
#ifndef RECORD_NOT_READ
			if (witness) plan.known |= now.record;
#endif
			need = newer(plan.known, now.epoch[plan.view]);
			for (d = 0; d < now.made; d++)
#ifdef QUORUM_IGNORES_PENDING
				need = 0;
#else
				if (HAS(need, d) && isVoid(d, group)) need &= ~(1 << d);
#endif
			outside = 0;
			if (forming)
				for (d = 0; d < now.made; d++)
					if (HAS(need, d)) outside |= now.members[d] & group & ~now.members[plan.view];
			voting = group & (now.members[plan.view] | outside);
			if (forming) voting &= ~empty;
			plan.members = voting & now.members[plan.view];
			if (!forming) plan.members &= all;
			plan.inside = voting;
			if (plan.members == 0) return;
			enough = quorum(plan.view, voting, witness);
			for (d = 0; d < now.made; d++)
				if (HAS(need, d)) enough = enough && quorum(d, voting, witness);
			if (!enough) continue;
			if (witness) {
				/* Won only when the former owner's ownership is over by its own clock. */
				if (now.owner != NONE && !HAS(plan.members, now.owner)) continue;
				plan.winner = now.owner != NONE ? now.owner : lowest(plan.members);
			}
			for (d = 0; d < now.made; d++)
				if (HAS(plan.known, d) && now.epoch[d] > most) most = now.epoch[d];
			plan.epoch = most + 1;
			plan.ok = 1;
			return;
		}
	}

	static int canDecide(int group, int forming) { tryDecide(group, forming); return plan.ok; }

	static int make(int view, int members, int inside, int known, int epoch)
	{
		int d, n, made = now.made++, left = now.members[view];
		now.epoch[made] = epoch; now.members[made] = members; now.inside[made] = inside;
		now.knew[made] = known | 1 << view;
		for (d = 0; d < made; d++)
			if (HAS(known | 1 << view, d)) {
				now.knew[made] |= now.knew[d];
#ifndef REMOVED_OF_VIEW_ONLY
				left |= now.members[d];
#endif
			}
		now.removed[made] = left & ~members;
		now.joinBase[made] = NONE;
		for (n = 0; n < N; n++)
			if (HAS(inside, n)) { now.act[n] = made; now.accepted[n] = 0; }
		TELL("  decision %d: epoch %d members %x inside %x removed %x over view %d, known %x\n", made, epoch, members, inside, now.removed[made], view, known);
		return made;
	}

	static void decide(int group, int forming)
	{
		int n, made;
		tryDecide(group, forming);
		TELL("%s of %x%s\n", forming ? "forming" : "regroup", group, plan.winner == NONE ? "" : " with the witness");
		for (n = 0; n < N; n++)
			if (HAS(group, n)) { now.act[n] = NONE; now.accepted[n] = 0; }
		made = make(plan.view, plan.members, plan.inside, plan.known, plan.epoch);
		if (plan.winner == NONE) return;
		/* Won in a regroup it is for the decision: a lease it carries only in the next view. */
#ifdef WON_VOTE_CARRIES_OLD_LEASE
		now.claimed |= 1 << plan.winner;
#endif
		setOwner(plan.winner);
		now.record |= newer(plan.known, now.epoch[plan.view]) | 1 << plan.view | 1 << made;
		settle();
	}

	static int holdsNewerPending(int n, int view)
	{
#ifdef JOIN_IGNORES_PENDING
		return 0;
#else
		return newer(now.pending[n], now.epoch[view]) != 0;
#endif
	}

	static int canJoin(int coordinator, int joiner)
	{
		int n, view = now.base[coordinator];
		if (now.made == SLOTS || (!now.stable && now.made > DECISIONS)) return 0;
		if (!now.serving[coordinator] || now.serving[joiner] || HAS(now.members[view], joiner)) return 0;
		if (lowest(now.members[view]) != coordinator || epochInForce(joiner) > now.epoch[view]) return 0;
		for (n = 0; n < N; n++) {
			if (n != joiner && !HAS(now.members[view], n)) continue;
			if (now.writing[n] || holdsNewerPending(n, view)) return 0;
			if (n != joiner && (!now.serving[n] || now.base[n] != view)) return 0;
		}
		return 1;
	}

	static void join(int coordinator, int joiner)
	{
		int n, made, view = now.base[coordinator], all = now.members[view] | 1 << joiner, most = 0;
		for (n = 0; n < N; n++)
			if (HAS(all, n) && highest(n) > most) most = highest(n);
		TELL("join of %d, coordinator %d\n", joiner, coordinator);
		made = make(view, all, all, 0, most + 1);
		now.joinBase[made] = view;
	}

	static int canAccept(int n)
	{
		int d = now.act[n];
		if (d == NONE || now.accepted[n] || now.writing[n] || now.epoch[d] <= highest(n)) return 0;
		return now.joinBase[d] == NONE || !holdsNewerPending(n, now.joinBase[d]);
	}

	static void accept(int n)
	{
		int d = now.act[n];
#ifdef SINGLE_PENDING
		now.pending[n] = 0;
#endif
		now.pending[n] |= 1 << d; now.mine[n] |= 1 << d;
		now.accepted[n] = 1; now.writing[n] = 1;
		TELL("node %d promises decision %d\n", n, d);
		settle();
	}

	/* The decision node n can report on: its activation's, or a join's prepare, which is answered whenever it is on disk. */
	static int reportable(int n)
	{
		int d;
		for (d = 1; d < now.made; d++)
			if (!now.writing[n] && HAS(now.pending[n] & now.mine[n], d) && !HAS(now.reported[d], n)
				&& ((now.act[n] == d && now.accepted[n]) || now.joinBase[d] != NONE)) return d;
		return NONE;
	}

	/* A starting node counts every lease as last acknowledged at its start. */
	static int forgot(int n)
	{
#ifdef NO_RESTART_WAIT
		return HAS(now.restarted, n);
#else
		return 0;
#endif
	}

	static void report(int n)
	{
		int r, d = reportable(n);
		now.reported[d] |= 1 << n;
		TELL("node %d reports decision %d: on disk, leases of the removed waited for\n", n, d);
#ifndef SKIP_LEASE_WAIT
		for (r = 0; r < N; r++)
			if (HAS(now.removed[d], r) && !forgot(n) && !saysOver(r, n)) {
				now.heard[r] &= ~(1 << n);
				if (n == now.owner) now.claimed &= ~(1 << r);
			}
#endif
		settle();
	}

	static int canEnter(int n)
	{
		int d = now.act[n], wanted;
		if (d == NONE || !now.accepted[n]) return 0;
		wanted = now.inside[d];
#ifdef NO_WAIT_FOR_OTHERS
		wanted = 1 << n;	/* the others' disks are still waited for: see below */
		for (int m = 0; m < N; m++)
			if (HAS(now.inside[d], m) && !HAS(now.pending[m], d) && now.base[m] != d) return 0;
#endif
		return (now.reported[d] & wanted) == wanted;
	}

	static int provenBy(int n, int d)
	{
		int m;
		for (m = 0; m < N; m++)
			if (now.base[m] == d) return HAS(now.pending[n], d);
		return 0;
	}

	static int provable(int n)
	{
		int d;
		for (d = 0; d < now.made; d++)
			if (provenBy(n, d)) return d;
		return NONE;
	}

	static void enter(int n, int d)
	{
		int e;
		for (e = 0; e < now.made; e++) {
			if (e == d || !HAS(now.inForceEver, e)) continue;
			if (now.epoch[e] == now.epoch[d]) now.broken = SPLIT_EPOCH;
			else if (!HAS(now.knew[d], e) && !HAS(now.knew[e], d)) now.broken = AMNESIA;
		}
		now.inForceEver |= 1 << d;
		TELL("node %d puts decision %d in force\n", n, d);
		if (provenBy(n, d) || now.act[n] == d) now.writing[n] = 0;
		/* What was heard in the former view counts for a hold in this one, until it runs out; progress must not rest on it. */
#ifdef PROGRESS
		forget(n);
#endif
#if LAPSES
#ifndef HOLD_AFTER_LAPSE
		if (now.lapsed[n]) forget(n);
#endif
		now.lapsed[n] = 0;
#endif
		now.base[n] = d; now.act[n] = NONE; now.accepted[n] = 0;
		now.pending[n] = newer(now.pending[n], now.epoch[d]);
		if (now.owner == n) {
#ifndef WITNESS_DESPITE_RECORD
			if (recordKnowsMore(n, d)) disown(n); else
#endif
			now.claimed |= 1 << n;
		}
		now.serving[n] = HAS(now.members[d], n) && (now.serving[n] || HAS(now.mine[n], d));
		settle();
	}

	static int canBePoisoned(int n)
	{
		int m;
		if (!now.serving[n]) return 0;
		for (m = 0; m < N; m++)
			if (epochInForce(m) > epochInForce(n) && !HAS(now.members[now.base[m]], n)) return 1;
		return 0;
	}

	static void restart(int n, int writeLost)
	{
		TELL("node %d restarts%s\n", n, now.writing[n] ? writeLost ? ", its write lost" : ", its write done" : "");
		if (now.writing[n] && writeLost) now.pending[n] &= ~(1 << now.act[n]);
#ifdef NO_RESTART_WAIT
		now.restarted |= 1 << n;
#endif
		now.serving[n] = 0; now.writing[n] = 0; now.accepted[n] = 0;
		now.act[n] = NONE; now.mine[n] = 0;
#if LAPSES
		now.lapsed[n] = 0;
#endif
		forget(n);
		if (now.owner == n) disown(n);
		checkLeases();
	}

	static int isWriting(int n) { return now.writing[n]; }

	static int mayCrash(int n) { return !now.stable && now.crashes < CRASHES && (now.serving[n] || now.act[n] != NONE || now.mine[n]); }

	/* TendWitness: outside any incident. */
	static int canOwn(int n)
	{
		if (!WITNESS || now.owner != NONE || !now.serving[n] || !evenView(now.base[n]) || now.stable) return 0;
#ifdef RECORD_NOT_READ
		return 1;
#else
		return !recordKnowsMore(n, now.base[n]);
#endif
	}

	static int ownershipMayEnd(void) { return WITNESS && now.owner != NONE && !now.stable; }

	static void own(int n) { TELL("node %d owns the witness\n", n); setOwner(n); now.claimed |= 1 << n; settle(); }

	static int anyStep(void)
	{
		int n;
		for (n = 0; n < N; n++)
			if (canAccept(n) || now.writing[n] || reportable(n) != NONE || canEnter(n) || provable(n) != NONE || canBePoisoned(n)) return 1;
		return 0;
	}

	static int allServe(void)
	{
		int n;
		for (n = 0; n < N; n++)
			if (now.base[n] != now.base[0] || !leaseValid(n) || now.members[now.base[0]] != EVERYBODY) return 0;
		return 1;
	}

	static int anyJoin(void)
	{
		int c, j;
		for (c = 0; c < N; c++)
			for (j = 0; j < N; j++)
				if (canJoin(c, j)) return 1;
		return 0;
	}

	static int anyServing(void)
	{
		int n;
		for (n = 0; n < N; n++)
			if (now.serving[n]) return 1;
		return 0;
	}

	/* When all is stable, what was begun is finished first; a join comes before a regroup, and a regroup is one of all that can. */
	static int mayJoin(void) { return !now.stable || !anyStep(); }

	static int mayDecide(int group, int forming)
	{
		int larger;
		if (!canDecide(group, forming)) return 0;
		if (!now.stable) return 1;
		if (anyStep() || allServe() || anyJoin() || (forming && anyServing())) return 0;
		for (larger = group + 1; larger <= EVERYBODY; larger++)
			if ((larger & group) == group && canDecide(larger, forming)) return 0;
		return 1;
	}

	static int nothingElse(void)
	{
		int group;
		if (anyStep() || anyJoin()) return 0;
		for (group = 1; group <= EVERYBODY; group++)
			if (mayDecide(group, 0) || mayDecide(group, 1)) return 0;
		return 1;
	}

	/* Last resorts of a stable time. An owner that cannot decide gives the witness back; who cannot get a lease halts at
	 * the deadline, and is started again. */
	static int mayGiveUp(void) { return now.stable && nothingElse() && !allServe() && now.owner != NONE; }

	static int mayHalt(int n)
	{
#ifdef NO_DEADLINE_HALT
		return 0;
#else
		return now.stable && nothingElse() && !allServe() && now.owner == NONE && now.serving[n] && !leaseValid(n);
#endif
	}

	static int nothingLeft(void)
	{
		int n;
		for (n = 0; n < N; n++)
			if (mayHalt(n)) return 0;
		return nothingElse() && !mayGiveUp();
	}

	static void checkProgress(void) { if (!allServe()) now.broken = NO_PROGRESS; }

	static void begin(void)
	{
		int n;
		now.epoch[0] = 1; now.members[0] = now.inside[0] = now.reported[0] = INITIAL; now.inForceEver = 1;
		for (n = 0; n < N; n++) {
			now.base[n] = HAS(INITIAL, n) ? 0 : NONE;
			now.serving[n] = HAS(INITIAL, n);
			now.act[n] = NONE;
		}
		settle();
	}
}

/* Parentheses around each expression: spin takes a bare call for one with side effects. */
#define Step(n) \
	:: c_expr { (canAccept(n)) } -> c_code { accept(n); } \
	:: c_expr { (isWriting(n)) } -> c_code { now.writing[n] = 0; } \
	:: c_expr { (reportable(n) != NONE) } -> c_code { report(n); } \
	:: c_expr { (canEnter(n)) } -> c_code { enter(n, now.act[n]); } \
	:: c_expr { (provable(n) != NONE) } -> c_code { enter(n, provable(n)); } \
	:: c_expr { (canBePoisoned(n)) } -> c_code { restart(n, 0); }

#define Faults(n) \
	:: c_expr { (mayCrash(n)) } -> c_code { now.crashes++; restart(n, 0); } \
	:: c_expr { (mayCrash(n) && now.writing[n]) } -> c_code { now.crashes++; restart(n, 1); } \
	:: c_expr { (mayHalt(n)) } -> c_code { restart(n, 0); } \
	:: c_expr { (canLapse(n)) } -> c_code { lapse(n); } \
	:: c_expr { (canOwn(n)) } -> c_code { own(n); }

#define Decide(group) \
	:: c_expr { (mayDecide(group, 0)) } -> c_code { decide(group, 0); } \
	:: c_expr { (mayDecide(group, 1)) } -> c_code { decide(group, 1); }

#define Join(coordinator, joiner) \
	:: c_expr { (coordinator < N && joiner < N && mayJoin() && canJoin(coordinator, joiner)) } -> c_code { join(coordinator, joiner); }

init
{
	c_code { begin(); }
end:	do
	:: atomic {
		if
		Step(0)
		Step(1)
		Faults(0)
		Faults(1)
		Join(0, 1)
		Join(1, 0)
		Decide(1)
		Decide(2)
		Decide(3)
#if N > 2
		Step(2)
		Faults(2)
		Join(0, 2)
		Join(1, 2)
		Join(2, 0)
		Join(2, 1)
		Decide(4)
		Decide(5)
		Decide(6)
		Decide(7)
#endif
#if N > 3
		Step(3)
		Faults(3)
		Join(0, 3)
		Join(1, 3)
		Join(2, 3)
		Join(3, 0)
		Join(3, 1)
		Join(3, 2)
		Decide(8)
		Decide(9)
		Decide(10)
		Decide(11)
		Decide(12)
		Decide(13)
		Decide(14)
		Decide(15)
#endif
		:: c_expr { (ownershipMayEnd() || mayGiveUp()) } -> c_code { setOwner(NONE); settle(); }
#ifdef PROGRESS
		:: !stable -> stable = 1
		:: c_expr { (now.stable && nothingLeft()) } -> c_code { checkProgress(); }
#endif
		fi;
		assert(broken == 0)
	}
	od
}
