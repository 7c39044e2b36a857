/** What the world itself, its server, its log and its wire are hoped to reach. */
import { FAMILIES, type Family } from "./faults.ts";

/** What the server does when something strikes. */
export const PHASES = ["idle", "writing", "snapshot", "recovering", "down", "expiring"] as const;
export type Phase = (typeof PHASES)[number];

export const struckMark = (family: Family, phase: Phase): string => `struck: ${family} while ${phase}`;

export const WORLD_MARKS: readonly string[] = [
  ...FAMILIES.flatMap((family) => PHASES.map((phase) => struckMark(family, phase))),
  // Programs and clients.
  "a program was killed and came back",
  "a session was resumed",
  "a session was resumed at a server that had been restarted",
  "a session was replaced by the next one",
  "who asked for a session that is gone was told so",
  "a client gave its session up by its own clock",
  "a client was told by the server that its session is over",
  "an older connection of a session was told that it has moved",
  "a session expired with requests in flight",
  "a client was told that the server drains",
  "a slow consumer was cut off",
  // Writes.
  "requests were repeated on another connection",
  "a write was answered from what the session remembers",
  "the reply to a committed write was lost",
  "a multi failed at a later operation",
  "a request was refused for overload",
  "a connection was refused for overload",
  // Watches and subscriptions.
  "a watch fired on the connection after the one it was set on",
  "watches were set again after a reconnect",
  "a subscription went on where it was, without resync",
  "a resync was told",
  "changes of one zxid were sent in parts",
  // The log.
  "a torn tail was cut off",
  "an older snapshot was used than the newest",
  "damage was found that a snapshot covers",
  "a background step of the log failed",
  "a segment was filled and another begun",
  "a snapshot was written",
  "a snapshot failed",
  "a snapshot was abandoned",
  "the disk was low",
  "the disk was low and is not any more",
  "an append stood still for long",
  "the server ended itself for its log's sake",
  "a start failed and the next one did not",
  "the newest snapshot was damaged at rest",
  "the disk lied about a write",
  "the disk lied about its syncs",
  "a bit flipped at rest",
  "a lying disk lost what it had said it had",
  "a damaged log was refused",
];
