/** All verbs of a temporary directory. Whatever strikes them, it is there as a whole while it is held, and nothing of it is there then. */
import { expect } from "vitest";
import { type TemporaryDirectory, temporaryDirectory } from "../../../src/temporary-directory.ts";
import type { Outcome, Scenario, Stage } from "../scenario.ts";

const BASE = "/work";
/** An empty base that nothing was ever in goes after five minutes, any other directory after ten seconds. */
const REAPED_MS = 400_000;

const leavesIn = ({ server }: Stage): string[] =>
  server
    .dump()
    .filter(({ path, owner }) => path.startsWith(BASE) && owner !== 0)
    .map(({ path }) => path);

/** What is held is there; what is not held leaves nothing. */
async function isWhole(stage: Stage, held: TemporaryDirectory | undefined): Promise<void> {
  const { server, eventually } = stage;
  if (held !== undefined && held.isValid) {
    expect(await eventually(held.verify())).toBe(true);
    await eventually(held.create("after/the/fault", null, { parents: true }));
    expect(leavesIn(stage)).toContain(`${held.path}/after/the/fault`);
  }
  if (held !== undefined) await eventually(held.release());
  await server.clock.advance(1_000);
  expect(leavesIn(stage)).toEqual([]);
  await server.clock.advance(REAPED_MS);
  expect(server.dump().filter(({ path }) => path.startsWith(BASE))).toEqual([]);
}

const prepared = ({ subject }: Stage): Promise<TemporaryDirectory> => temporaryDirectory(subject, BASE);
const valueOf = (outcome: Outcome): TemporaryDirectory | undefined =>
  "value" in outcome ? (outcome.value as TemporaryDirectory) : undefined;

export const scenarios: readonly Scenario[] = [
  {
    name: "temporary-directory: make, and hold",
    act: ({ subject, signal }) => temporaryDirectory(subject, BASE, { signal }),
    settled: (stage, outcome) => isWhole(stage, valueOf(outcome)),
  },
  {
    name: "temporary-directory: make, use and release",
    async act({ subject, signal }) {
      await using directory = await temporaryDirectory(subject, BASE, { signal });
      await directory.create("a/leaf", null, { parents: true, signal });
      return (await directory.list("a", { signal })).join();
    },
    async settled(stage, outcome) {
      if ("value" in outcome) expect(outcome.value).toBe("leaf");
      await isWhole(stage, undefined);
    },
  },
  {
    name: "temporary-directory: create in directories that are missing",
    prepare: prepared,
    async act({ signal }, directory) {
      await (directory as TemporaryDirectory).create("a/b/leaf", null, { parents: true, signal });
      await (directory as TemporaryDirectory).makeDirectory("a/c", { signal });
    },
    async settled(stage, outcome, directory) {
      const held = directory as TemporaryDirectory;
      const here = leavesIn(stage).map((path) => path.slice(held.path.length));
      if ("value" in outcome && held.isValid) expect(here).toEqual(expect.arrayContaining(["/a/b/leaf", "/a/c/.hold"]));
      if (!held.isValid) expect(here).toEqual([]);
      await isWhole(stage, held);
    },
  },
  {
    name: "temporary-directory: release",
    async prepare(stage) {
      const directory = await prepared(stage);
      await directory.create("a/leaf", null, { parents: true });
      return directory;
    },
    act: ({ signal }, directory) => (directory as TemporaryDirectory).release({ signal }),
    async settled(stage, outcome, directory) {
      expect(outcome).toHaveProperty("value");
      expect((directory as TemporaryDirectory).isValid).toBe(false);
      await isWhole(stage, undefined);
    },
  },
];
