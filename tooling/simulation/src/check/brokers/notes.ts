/** What hosts of brokers noted while they lived: what they were told and what they did, in the order in which it happened. */

export interface LogRecord {
  readonly value: number;
  /** Of the leader that appended it. */
  readonly epoch: number;
}

interface OfPartition {
  /** `<topic id>/<n>`. */
  readonly key: string;
  readonly broker: number;
}

export type Note =
  /** It was told to lead; this is its log then. */
  | (OfPartition & {
      readonly kind: "leads";
      readonly leaderEpoch: number;
      /** Of the registration that it leads under. */
      readonly brokerEpoch: number;
      readonly log: readonly LogRecord[];
    })
  /** Its high watermark moved there from where it was; `records` are those between, as far as its log has them. */
  | (OfPartition & {
      readonly kind: "commits";
      readonly leaderEpoch: number;
      readonly from: number;
      readonly to: number;
      readonly records: readonly LogRecord[];
    })
  /** It told a producer that this record is safe. */
  | (OfPartition & {
      readonly kind: "acknowledges";
      readonly leaderEpoch: number;
      readonly value: number;
    })
  /** Its process died, and so much of the end of its log had not been on the disk. */
  | (OfPartition & { readonly kind: "loses"; readonly records: number })
  /** Everything is at rest, and it is in sync: this is its log. */
  | (OfPartition & { readonly kind: "holds"; readonly log: readonly LogRecord[] })
  /** Its image at this zxid, as text: see image.ts. */
  | { readonly kind: "image"; readonly who: string; readonly zxid: number; readonly text: string }
  | {
      readonly kind: "config";
      /** One agent: it begins with everything that is set. */
      readonly who: string;
      /** `<type>/<entity>`, as in the path. */
      readonly entity: string;
      readonly before: Readonly<Record<string, string>> | undefined;
      readonly now: Readonly<Record<string, string>> | undefined;
      readonly zxid: number;
    };
