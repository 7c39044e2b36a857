/** The parts of the world, for those who build another one than `startTestServer` does. */
export { between, bytesOf, drawFrom, oneOf } from "./draw.ts";
export type { Draw } from "./draw.ts";
export { isReply, readFrame } from "./frame.ts";
export type { ClientMessage, Fate, Frame, FrameObserver, LinkName, Refusal } from "./frame.ts";
export { Host, TEST_FILE_LIMITS } from "./host.ts";
export type { HostConfig } from "./host.ts";
export type { Direction, Link } from "./link.ts";
export { Network } from "./network.ts";
export type { NetworkConfig } from "./network.ts";
export { Process } from "./process.ts";
export type { MachineClock } from "./process.ts";
export { Timeline } from "./timeline.ts";
export type { EventKind } from "./timeline.ts";
