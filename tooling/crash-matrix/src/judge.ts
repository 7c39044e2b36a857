/**
 * What must hold of a log's state after a recovery, given what is known from outside. Pure: nothing here touches a log.
 *
 * Acknowledged is a prefix of recovered, recovered a prefix of what was proposed; bytes are those proposed; nothing stands
 * twice; zxids grow, and none ever stands for two things.
 */
import { type Entry, type Proposal, sameProposal, told } from "./entry.ts";

/** What is known from outside at the moment of a crash. */
export interface Known {
  /** Acknowledged, or read back by a log that then served it. */
  readonly certain: readonly Entry[];
  /** Proposed after that, in order; what became of it nobody was told. */
  readonly open: readonly Proposal[];
  /** Which proposal each zxid was seen to stand for, in all lives of the log. */
  readonly given: ReadonlyMap<number, number>;
  /** `open` comes back whole or not at all, and until it is certain the log may say that it is not finished: a restore. */
  readonly isRestore: boolean;
}

export const NOTHING_KNOWN: Known = { certain: [], open: [], given: new Map(), isRestore: false };

/** What is wrong with `recovered`; nothing when it is right. */
export function judge({ certain, open, given, isRestore }: Known, recovered: readonly Entry[]): string[] {
  const wrong: string[] = [];
  for (const [index, entry] of certain.entries()) {
    const found = recovered[index];
    if (found === undefined) {
      wrong.push(
        `lost: ${told(entry)} was acknowledged, and ${certain.length - index - 1} after it; ${index} came back`,
      );
      break;
    }
    if (!sameProposal(entry, found) || entry.firstZxid !== found.firstZxid) {
      wrong.push(`changed: ${told(found)} stands where ${told(entry)} was acknowledged`);
      break;
    }
  }
  const more = recovered.slice(certain.length);
  for (const [index, entry] of more.entries()) {
    const proposal = open[index];
    if (proposal !== undefined && sameProposal(proposal, entry)) continue;
    wrong.push(
      `invented: ${told(entry)} stands where ${proposal === undefined ? "nothing" : `#${proposal.id}`} was proposed`,
    );
    break;
  }
  if (isRestore && more.length > 0 && more.length < open.length)
    wrong.push(`half: ${more.length} of ${open.length} restored records came back`);
  return [...wrong, ...disorder(recovered, given)];
}

function disorder(recovered: readonly Entry[], given: ReadonlyMap<number, number>): string[] {
  const wrong: string[] = [];
  const ids = new Set<number>();
  let nextZxid = 1;
  for (const entry of recovered) {
    if (ids.has(entry.id)) wrong.push(`twice: ${told(entry)}`);
    ids.add(entry.id);
    if (entry.firstZxid < nextZxid) wrong.push(`order: ${told(entry)} stands after zxid ${nextZxid - 1}`);
    nextZxid = entry.firstZxid + entry.count;
    const meant = given.get(entry.firstZxid);
    if (meant !== undefined && meant !== entry.id)
      wrong.push(`zxid: ${entry.firstZxid} stood for #${meant}, now for #${entry.id}`);
  }
  return wrong;
}

/** Whether a log that does not start has the right to. On an honest disk only a restore that was cut short has. */
export function mayRefuse({ certain, isRestore }: Known, message: string): boolean {
  return isRestore && certain.length === 0 && message.includes("a restore into this directory was cut short");
}
