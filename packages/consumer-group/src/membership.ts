/** Membership of a group: who is in, who leads, and what each is to have. */
export type { Membership, Target } from "./membership/api.ts";
export { joinGroup } from "./membership/join.ts";
export type { LeaderDuty, Leading } from "./membership/leader/duty.ts";
export type { GroupView } from "./membership/leader/view.ts";
export type { JoinOptions } from "./membership/options.ts";
