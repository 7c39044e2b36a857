/** A group: its members, and the states that a reader is told of it. */
import { type ErrorName, isCorralError, text } from "@corral/client";
import type { TestServer } from "@corral/testing";
import type { Group, GroupState } from "../src/group.ts";

/** Of the group. */
export const PATH = "/groups/g";
export const codec = text;

/** What a reader was told. */
export interface Told<T> {
  readonly states: GroupState<T>[];
  readonly at: number[];
  /** How the loop has ended. */
  end?: ErrorName | "left";
}

/** Reads the changes of a group for ever, and writes down when each came. */
export function follow<T>(server: TestServer, from: Group<T>, how?: Parameters<Group<T>["changes"]>[0]): Told<T> {
  const told: Told<T> = { states: [], at: [] };
  void (async () => {
    try {
      for await (const state of from.changes(how)) {
        told.states.push(state);
        told.at.push(server.clock.now);
      }
      told.end = "left";
    } catch (error) {
      if (!isCorralError(error)) throw error;
      told.end = error.code;
    }
  })();
  return told;
}
export const idsOf = ({ members }: { readonly members: ReadonlyMap<string, unknown> }): string[] => [...members.keys()];
export const valuesOf = <T>({ members }: GroupState<T>): [string, T][] =>
  [...members].map(([id, { value }]) => [id, value]);
