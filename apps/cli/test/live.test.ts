/** How rows are shown again as they change: in a terminal drawn anew, elsewhere change by change. */
import { expect, test } from "vitest";
import { show } from "../src/cluster/live.ts";
import type { Row } from "../src/cluster/table.ts";
import type { Call } from "../src/command.ts";
import { output } from "../src/output.ts";

const rowOf = (name: string, size: number): Row => ({ key: name, object: { name, size }, cells: [name, String(size)] });

/** Something that changes at the test's word. */
function showing(
  how: { readonly isJson?: boolean; readonly terminal?: { readonly rows: number; readonly columns: number } },
  flags: readonly string[] = ["watch"],
) {
  const [interrupted, over] = [new AbortController(), new AbortController()];
  let [rows, written, changed]: [readonly Row[], string, (() => void) | undefined] = [[rowOf("a", 1)], "", undefined];
  let waiter: { readonly text: string; readonly resolve: () => void } | undefined;
  const write = (chunk: string | Uint8Array): void => {
    written += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
    if (waiter !== undefined && written.includes(waiter.text)) waiter.resolve();
  };
  const call = {
    flags: new Map(flags.map((flag) => [flag, [""]])),
    output: output(
      how.isJson === true,
      write,
      () => {},
      () => how.terminal,
    ),
    untilInterrupted: () => interrupted.signal,
  } as unknown as Call;
  const shown = show(call, {
    columns: ["NAME", "SIZE"],
    rows: () => rows,
    onChange: (tell) => {
      changed = tell;
      return () => (changed = undefined);
    },
    over: over.signal,
  });
  return {
    shown,
    over,
    interrupt: () => interrupted.abort(),
    become: (...next: readonly Row[]) => {
      rows = next;
      changed?.();
    },
    says: (text: string) =>
      new Promise<void>((resolve) => {
        waiter = { text, resolve };
        write("");
      }),
    get written() {
      return written;
    },
    get isFollowing() {
      return changed !== undefined;
    },
  };
}

test("without --watch the rows are shown once, as a table or as objects", async () => {
  const [people, objects] = [showing({}, []), showing({ isJson: true }, [])];
  await Promise.all([people.shown, objects.shown]);
  expect(people.written).toBe("NAME  SIZE\na     1\n");
  expect(objects.written).toBe('{"name":"a","size":1}\n');
});

test("with --watch each row that comes, changes or goes is a line, and what is complete is marked", async () => {
  const its = showing({ isJson: true });
  await its.says("synced");
  its.become(rowOf("a", 2), rowOf("b", 1));
  await its.says('"b"');
  its.become(rowOf("b", 1));
  await its.says("deleted");
  its.interrupt();
  await its.shown;
  expect(its.isFollowing).toBe(false);
  expect(
    its.written
      .trimEnd()
      .split("\n")
      .map((line) => Object.values(JSON.parse(line) as object).join(" ")),
  ).toEqual(["entry a 1", "synced", "changed a 2", "created b 1", "deleted a 2"]);
});

test("in a terminal the table is drawn anew with each change, and no longer than there is room for", async () => {
  const its = showing({ terminal: { rows: 5, columns: 80 } });
  await its.says("a     1");
  its.become(...["a", "b", "c", "d", "e"].map((name) => rowOf(name, 9)));
  await its.says("more");
  its.interrupt();
  await its.shown;
  const [, first, second] = its.written.split("\u001B[2J\u001B[H");
  expect(first).toBe("NAME  SIZE\na     1\n");
  expect(second).toBe("NAME  SIZE\na     9\nb     9\n… 3 more\n");
});

test("in a terminal too narrow for a row, the row is cut and not wrapped", async () => {
  const its = showing({ terminal: { rows: 5, columns: 8 } });
  await its.says("a     1");
  its.become(rowOf("a-very-long-name", 2));
  await its.says("a-very");
  its.interrupt();
  await its.shown;
  expect(its.written.split("\u001B[2J\u001B[H").at(-1)).toBe("NAME   …\na-very-…\n");
});

test("when nobody can tell of changes any more, it fails with the reason", async () => {
  const its = showing({});
  await its.says("synced");
  its.over.abort(new Error("the session is over"));
  await expect(its.shown).rejects.toThrow("the session is over");
});
