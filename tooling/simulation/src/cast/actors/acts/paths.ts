/** Where actors do what they do. */
import { type Draw, oneOf } from "@corral/testing/world";
import type { Step } from "../actor.ts";

/** Few paths, so that clients meet. Znodes below /acl may be closed to some; nobody subscribes there. */
export const ROOTS: readonly string[] = ["/w", "/acl", "/r"];
export const PATHS: readonly string[] = [
  "/w/a",
  "/w/b",
  "/w/c",
  "/w/a/x",
  "/w/a/y",
  "/w/b/x",
  "/w/b/x/z",
  "/w/q",
  "/w/q/r",
];
export const CLOSED: readonly string[] = ["/acl/p", "/acl/q", "/acl/p/s"];
export const USERS: readonly string[] = ["ann:secret", "bob:hidden"];

/** Something to do, with draws of its own. */
export type Act = (step: Step) => Promise<unknown>;

export const anyPath = (draw: Draw): string => (draw() < 0.12 ? oneOf(draw, CLOSED) : oneOf(draw, PATHS));
export const parentPath = (draw: Draw): string => oneOf(draw, ["/w", "/w/a", "/w/b", "/w/q", "/w/b/x"]);
