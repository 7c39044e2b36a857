import { readFileSync } from "node:fs";
import { pack } from "msgpackr";
import { describe, expect, test } from "vitest";
import { Op, PROTOCOL_VERSION } from "../src/index.ts";
import { MESSAGES, decoded, written } from "./messages.ts";

/**
 * The frames that pin version 1. A change here is a change of the protocol: it needs another version number.
 * Nothing writes this file.
 */
const golden = JSON.parse(readFileSync(new URL("golden/v1.json", import.meta.url), "utf8")) as Record<string, string>;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("golden frames of version 1", () => {
  test("pin the version that this package speaks", () => {
    expect(PROTOCOL_VERSION).toBe(1);
  });

  test("exist for every message and for nothing else", () => {
    expect(Object.keys(golden)).toEqual(MESSAGES.map(({ name }) => name));
  });

  test("hold a request or a signal of every operation", () => {
    const pinned = new Set<unknown>();
    for (const { name, value } of MESSAGES) {
      if (/^(request|signal)/.test(name)) pinned.add((value as { op: number }).op);
    }
    const onlyInMulti = Op.check;
    expect(new Set([...pinned, onlyInMulti])).toEqual(new Set(Object.values(Op)));
  });

  test.each(MESSAGES)("$name: what is written equals the golden frame", ({ name, write }) => {
    expect(hex(written(write))).toBe(golden[name]);
  });

  test.each(MESSAGES)("$name: the golden frame reads as the value", ({ name, read, value }) => {
    const message = read(decoded(Uint8Array.from(Buffer.from(golden[name]!, "hex"))));
    expect(message).toEqual(value);
  });

  test.each(MESSAGES)("$name: another encoder of MessagePack makes the same frame", ({ name }) => {
    const value = decoded(Uint8Array.from(Buffer.from(golden[name]!, "hex")));
    expect(hex(pack(value))).toBe(golden[name]);
  });
});
