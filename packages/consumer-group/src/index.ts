/** Consumer groups. So far: the assignors, as pure functions. */
export { MAX_MEMBERS, MAX_PARTITIONS, MAX_SUBSCRIPTIONS, MAX_TOPICS } from "./assignor.ts";
export type { Assignment, Assignor, GroupMember, Owned, Partitions, Topic } from "./assignor.ts";
export { cooperativeSticky, twoPhase } from "./assignors/cooperative-sticky.ts";
export type { Handover } from "./assignors/cooperative-sticky.ts";
export { range } from "./assignors/range.ts";
export { roundRobin } from "./assignors/round-robin.ts";
export { sticky } from "./assignors/sticky.ts";
