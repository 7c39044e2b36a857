/** What a member of a group in a process of its own and the test that started it say to each other. */

export interface MemberOrder {
  readonly url: string;
  readonly group: string;
  readonly partitions: number;
  /** Messages of each partition. */
  readonly messages: number;
  readonly sessionTimeoutMs: number;
  /** `tree`: each effect is a znode, made in one transaction with the offset. `sink`: it goes to the test's sink, with the token. */
  readonly effect: "tree" | "sink";
  /** That the handling of one message takes. */
  readonly handleMs: number;
  /** Of a static member. */
  readonly instance?: string;
}

export type ToMember =
  | { readonly ask: "close"; readonly temporarily: boolean }
  | { readonly ask: "sizes"; readonly serial: number }
  | { readonly answer: number; readonly verdict: Verdict };

/** `fenced`: the token is smaller than one seen. `known`: this offset has had its effect. */
export type Verdict = "applied" | "known" | "fenced";

export type FromMember =
  | { readonly told: "started"; readonly member: string }
  | {
      readonly told: "effect";
      readonly serial: number;
      readonly partition: number;
      readonly offset: number;
      readonly token: number;
    }
  | { readonly told: "sizes"; readonly serial: number; readonly claimed: number; readonly state: string }
  | { readonly told: "closed" }
  | { readonly told: "error"; readonly why: string };
