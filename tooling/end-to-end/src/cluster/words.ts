/** What a broker in a process of its own and the test that started it say to each other. */

export interface AgentOrder {
  readonly url: string;
  readonly cluster: string;
  readonly id: number;
  readonly sessionTimeoutMs: number;
  readonly canBeController: boolean;
  readonly startAs: "fenced" | "active";
  /** Of what it leads, all registered replicas always have everything: as if their hosts fetched. */
  readonly areFollowersComplete: boolean;
  /** SIGKILL itself at the so many-eth write that it sends as controller, from 1: before it has been sent, or right after. 0: never. */
  readonly dieAtWrite: number;
  readonly dieWhen: "before" | "after";
}

export type ToAgent =
  /** Add a replica to, or take one off, the in-sync replicas, as the leader's own log would make it: the follower fetches up to here. */
  | {
      readonly ask: "fetched";
      readonly topic: string;
      readonly partition: number;
      readonly follower: number;
      readonly offset: number;
      readonly epoch: number;
    }
  | { readonly ask: "appended"; readonly topic: string; readonly partition: number; readonly offset: number }
  | { readonly ask: "state"; readonly serial: number }
  | { readonly ask: "end" };

/** One thing that the broker was told, in the order in which it was. `at`: milliseconds of the machine's monotonic clock. */
export type AgentEvent =
  | { readonly told: "started"; readonly epoch: number; readonly at: number }
  | {
      readonly told: "lead";
      readonly topic: string;
      readonly partition: number;
      readonly leaderEpoch: number;
      readonly at: number;
    }
  | {
      readonly told: "follow";
      readonly topic: string;
      readonly partition: number;
      readonly leader: number | null;
      readonly leaderEpoch: number;
      readonly at: number;
    }
  | { readonly told: "stop"; readonly topic: string; readonly partition: number; readonly at: number }
  | {
      readonly told: "config";
      readonly entity: string;
      readonly now: Readonly<Record<string, string>> | null;
      readonly zxid: number;
      readonly at: number;
    }
  | { readonly told: "controller"; readonly isMe: boolean; readonly epoch: number; readonly at: number }
  | {
      readonly told: "state";
      readonly serial: number;
      readonly isValid: boolean;
      readonly leads: readonly {
        readonly topic: string;
        readonly partition: number;
        readonly leaderEpoch: number;
        readonly isValid: boolean;
        readonly highWatermark: number;
      }[];
      readonly writes: number;
    }
  | { readonly told: "error"; readonly why: string };

export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
