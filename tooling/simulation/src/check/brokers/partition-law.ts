/**
 * Which changes of a partition are legal, and by whom: said a second time, naively, and apart from the code that makes them.
 *
 * Pure functions of the two states and of who was registered when. They never ask why somebody wanted the change.
 */

/** As it stands in the tree. */
export interface Partition {
  readonly replicas: readonly number[];
  readonly adding: readonly number[];
  readonly removing: readonly number[];
  readonly leader: number | null;
  readonly leaderEpoch: number;
  readonly isr: readonly number[];
  readonly recovering: boolean;
}

/** A broker that is registered. */
export interface Registered {
  /** The czxid of its registration. */
  readonly epoch: number;
  /** Of what it said of itself last. */
  readonly mzxid: number;
  readonly session: number;
  readonly status: string;
  readonly failed: readonly string[];
}

export interface Moment {
  /** `<topic id>/<n>`, as brokers name what they cannot keep. */
  readonly key: string;
  /** Undefined: it came with this change. `mzxid`: of the state before. */
  readonly before: { readonly state: Partition; readonly mzxid: number } | undefined;
  readonly now: Partition;
  readonly brokers: ReadonlyMap<number, Registered>;
  /** Those in sync before that have been there all the time since they came to be so. */
  readonly sure: ReadonlySet<number>;
  /** Whose session wrote it, and whether that was the controller's. */
  readonly session: number | undefined;
  readonly byController: boolean;
  /** By a setting, or by somebody's word. */
  readonly mayBeUnclean: boolean;
}

/** Those that are in one list and not in another. */
const without = (ids: readonly number[], others: readonly number[]): number[] =>
  ids.filter((id) => !others.includes(id));

const isTwice = (ids: readonly number[]): boolean => new Set(ids).size < ids.length;

/** What is wrong with a state in itself. */
function faultOfState({ replicas, adding, removing, leader, isr, recovering }: Partition): string | undefined {
  if ([replicas, adding, removing, isr].some(isTwice)) return "a broker stands twice in a list";
  if (isr.length === 0) return "nobody is in sync";
  if (without(isr, replicas).length > 0) return `in sync is ${without(isr, replicas)}, which keeps no replica`;
  if (without(adding, replicas).length > 0) return "what is added is no replica";
  if (without(removing, replicas).length > 0) return "what is removed is no replica";
  if (leader !== null && !isr.includes(leader)) return `the leader ${leader} is not in sync`;
  if (recovering && isr.length > 1) return "several are in sync of a log that is being repaired";
  return undefined;
}

const isLive = ({ brokers, key }: Moment, id: number): boolean => {
  const broker = brokers.get(id);
  return broker !== undefined && broker.status !== "fenced" && !broker.failed.includes(key);
};

/** Whoever writes a state has seen the one before, and what a broker had said by then; what it said later he may not have heard. */
const isKnown = ({ brokers, before }: Moment, id: number): boolean =>
  before !== undefined && (brokers.get(id)?.mzxid ?? 0) < before.mzxid;

/** Is it the same life of the broker that the state before meant? */
const isSameLife = ({ brokers, before }: Moment, id: number): boolean =>
  before !== undefined && (brokers.get(id)?.epoch ?? Number.POSITIVE_INFINITY) < before.mzxid;

export function faultOfChange(moment: Moment): string | undefined {
  const own = faultOfState(moment.now);
  if (own !== undefined) return own;
  if (moment.before === undefined) return faultOfBeginning(moment);
  const byLeader = faultAsLeaders(moment, moment.before.state);
  if (byLeader === undefined) return undefined;
  if (!moment.byController) return `neither the controller wrote it, nor its leader: ${byLeader}`;
  return faultAsControllers(moment, moment.before.state);
}

function faultOfBeginning(moment: Moment): string | undefined {
  const { now, byController } = moment;
  if (!byController) return "it is not the controller that made it";
  if (now.leaderEpoch !== 0) return "it does not begin with the first epoch";
  const dead = now.isr.find((id) => !moment.brokers.has(id));
  return dead === undefined ? undefined : `in sync is ${dead} from the beginning, which is not there`;
}

/** The leader's own change: who is in sync, and whether its log is repaired. */
function faultAsLeaders(moment: Moment, before: Partition): string | undefined {
  const { now, brokers, session } = moment;
  const { leader } = before;
  if (leader === null) return "nobody led";
  if (brokers.get(leader)?.session !== session) return `it is not the session of ${leader}, which leads`;
  if (!isSameLife(moment, leader)) return `it is another life of ${leader} that was made leader`;
  if (now.leader !== leader || now.leaderEpoch !== before.leaderEpoch) return "a leader does not elect";
  for (const list of ["replicas", "adding", "removing"] as const)
    if (now[list].join() !== before[list].join()) return `a leader does not change ${list}`;
  if (now.recovering && !before.recovering) return "a leader whose log was well does not repair it";
  for (const id of now.isr) {
    if (id === leader) continue;
    if (before.isr.includes(id) && !isSameLife(moment, id)) return `it keeps ${id}, which has another life now`;
    const status = brokers.get(id)?.status;
    if (!before.isr.includes(id) && (status !== "active" || !isLive(moment, id)))
      return `it takes in ${id}, which is ${status ?? "not registered"}`;
  }
  return undefined;
}

function faultAsControllers(moment: Moment, before: Partition): string | undefined {
  const { now, mayBeUnclean } = moment;
  const moves = now.leader !== before.leader || without(before.replicas, now.replicas).length > 0;
  const rise = now.leaderEpoch - before.leaderEpoch;
  if (rise < 0) return `the epoch falls from ${before.leaderEpoch}`;
  if (moves ? rise !== 1 : rise > 1) return `the epoch rises by ${rise} from ${before.leaderEpoch}`;
  const strangers = without(now.isr, before.isr);
  if (strangers.length > 0) {
    if (!mayBeUnclean) return `${strangers} was not in sync before, and nobody allowed that`;
    if (!now.recovering || now.isr.length > 1) return `${strangers} was not in sync before, and nothing says so`;
  } else if (now.recovering && !before.recovering) return "it is to be repaired, though its leader was in sync";
  if (before.recovering && !now.recovering) return "only its leader knows that a log is repaired";
  if (now.leader === null) return undefined;
  if (rise > 0 && isKnown(moment, now.leader) && !isLive(moment, now.leader))
    return `${now.leader} is to lead, which is not there`;
  const dead = now.isr.find((id) => !moment.brokers.has(id));
  if (dead !== undefined) return `in sync is ${dead}, which is not registered`;
  return faultOfChoice(moment, before);
}

/** Where somebody in sync was there all the time, no one leads who was away, and may have lost something. */
function faultOfChoice(moment: Moment, before: Partition): string | undefined {
  const { now, sure } = moment;
  const { leader, leaderEpoch } = now;
  if (leader === null || leaderEpoch === before.leaderEpoch || sure.has(leader)) return undefined;
  const better = before.isr.find(
    (id) => sure.has(id) && now.replicas.includes(id) && isLive(moment, id) && isKnown(moment, id),
  );
  return better === undefined
    ? undefined
    : `${leader} is to lead, which was away, and ${better} was there all the time`;
}
