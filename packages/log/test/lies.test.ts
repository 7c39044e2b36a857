/** What the memory disk does when it lies, and what becomes of the calls of the dead. */
import { describe, expect, test } from "vitest";
import { MemoryDisk } from "../src/testing/memory-disk.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** A disk with a file of four bytes, all of it durable. */
async function made(options?: ConstructorParameters<typeof MemoryDisk>[0]) {
  const disk = new MemoryDisk(options);
  disk.put("a", bytes(1, 2, 3, 4));
  disk.put("b", bytes(0, 0, 0, 0));
  return { disk, file: await disk.mount().open("a", "durable") };
}

describe("a disk that lies", () => {
  test("about a sync keeps what it was told only until the power goes", async () => {
    const { disk, file } = await made();
    disk.isLyingAboutSync = true;
    await file.write([bytes(9)], 0);
    expect([...disk.contents("a")]).toEqual([9, 2, 3, 4]);
    disk.crash(() => 0);
    expect([...disk.contents("a")]).toEqual([1, 2, 3, 4]);
  });

  test("about a sync makes up for it when it stops lying", async () => {
    const { disk, file } = await made();
    disk.isLyingAboutSync = true;
    await file.write([bytes(9)], 0);
    disk.isLyingAboutSync = false;
    disk.crash(() => 0);
    expect([...disk.contents("a")]).toEqual([9, 2, 3, 4]);
  });

  test("about the place of a write puts it elsewhere, and leaves what was there", async () => {
    const { disk, file } = await made();
    disk.writeLie = () => ({ kind: "elsewhere", name: "b", position: 1 });
    await file.write([bytes(9, 8)], 0);
    disk.crash(() => 0);
    expect([...disk.contents("a")]).toEqual([1, 2, 3, 4]);
    expect([...disk.contents("b")]).toEqual([0, 9, 8, 0]);
  });

  test("about a part of a write leaves that part as it was", async () => {
    const { disk, file } = await made();
    disk.writeLie = (name, position, length) => {
      expect([name, position, length]).toEqual(["a", 1, 4]);
      return { kind: "stale", from: 1, to: 4 };
    };
    await file.write([bytes(9, 9, 9, 9)], 1);
    expect([...disk.contents("a")]).toEqual([1, 9, 3, 4, 0]);
  });

  test("about one write does not make another durable that was never synced", async () => {
    const { disk } = await made();
    const plain = await disk.mount().open("a", "write");
    const durable = await disk.mount().open("a", "durable");
    await plain.write([bytes(7)], 3);
    disk.writeLie = () => ({ kind: "elsewhere", name: "b", position: 0 });
    await durable.write([bytes(9)], 0);
    disk.crash(() => 0);
    expect([...disk.contents("a")]).toEqual([1, 2, 3, 4]);
  });
});

describe("a call of a process that is gone", () => {
  test("fails, so that a test's own code unwinds", async () => {
    const { disk, file } = await made();
    disk.kill();
    await expect(file.write([bytes(9)], 0)).rejects.toThrow("is gone");
  });

  test("never comes back where nothing of a dead process may go on", async () => {
    let goOn = (): void => {};
    const { disk, file } = await made({
      deadCalls: "never",
      before: (operation) => (operation === "sync" ? new Promise<void>((resolve) => (goOn = resolve)) : undefined),
    });
    let settled = 0;
    const count = (): void => void settled++;
    // One was under way, the others are made after the end.
    file.write([bytes(9)], 0).then(count, count);
    await new Promise((resolve) => setTimeout(resolve, 5));
    disk.kill();
    goOn();
    file.read(new Uint8Array(1), 0).then(count, count);
    file.size().then(count, count);
    file.close().then(count, count);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(settled).toBe(0);
  });
});
