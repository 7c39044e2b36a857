/**
 * By which assignor a group is divided: members vote, as in KIP-848. Each names the assignors that it can live with, best first; among those
 * that all of them name, each votes for the first on its list. Pure.
 *
 * Where nothing is common to all, those who came last give way: a newcomer never stops a group that works.
 */

export interface Voter {
  readonly member: string;
  /** Best first. */
  readonly assignors: readonly string[];
}

export interface Vote {
  /** Undefined if nobody could be taken in. */
  readonly winner: string | undefined;
  /** Named by all who were taken in, those with most votes first. */
  readonly common: readonly string[];
  /** Who names none of those that are common to all who came before. */
  readonly refused: readonly string[];
}

/** `voters`: the eldest first. Of assignors with as many votes, the one that stands further to the front of the eldest's list. */
export function vote(voters: readonly Voter[]): Vote {
  let common: readonly string[] = [];
  const accepted: Voter[] = [];
  const refused: string[] = [];
  for (const voter of voters) {
    const own = new Set(voter.assignors);
    const shared = accepted.length === 0 ? [...own] : common.filter((name) => own.has(name));
    if (shared.length === 0) {
      refused.push(voter.member);
      continue;
    }
    common = shared;
    accepted.push(voter);
  }
  const votes = new Map(common.map((name) => [name, 0]));
  for (const { assignors } of accepted) {
    const choice = assignors.find((name) => votes.has(name))!;
    votes.set(choice, votes.get(choice)! + 1);
  }
  // The sort is stable: ties stay in the order of the eldest.
  const ranked = common.toSorted((a, b) => votes.get(b)! - votes.get(a)!);
  return { winner: ranked[0], common: ranked, refused };
}
